package feedback

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"modellregion/internal/guard"
)

// pages are what a portal makes of a desk, without its looks.
func pages(d *Desk) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /feedback", func(w http.ResponseWriter, r *http.Request) {
		code, refused := d.Receive(w, r)
		if refused != nil {
			w.WriteHeader(refused.Status)
			_, _ = fmt.Fprint(w, refused.Reason)
			return
		}
		http.Redirect(w, r, "/feedback/"+code, http.StatusSeeOther)
	})
	mux.HandleFunc("GET /feedback/{code}", func(w http.ResponseWriter, r *http.Request) {
		e, err := d.Read(w, r, r.PathValue("code"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		_, _ = fmt.Fprintf(w, "%s %s %s", e.State, e.Text, e.Contact)
	})
	return mux
}

// After entries over real HTTP, through a trusted proxy, neither the files nor
// the log have anything of who sent them but what they wrote; and clients behind
// the proxy are counted apart nevertheless.
func TestNobodyIsTracked(t *testing.T) {
	s, path := open(t)
	var log bytes.Buffer
	g, err := guard.New(guard.Config{Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewDesk(Config{
		Store: s, Client: g.Client, Known: func(a About) bool { return a == counter },
		Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), PerClient: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(g.Wrap(pages(d)))
	defer server.Close()
	traces := map[string]string{
		"X-Forwarded-For": "198.51.100.77", "User-Agent": "Spionbrowser/7.3", "Cookie": "sitzung=keks123",
		"Referer": "https://vorher.example/seite", "Accept-Language": "nds-x-paderborn",
	}
	ask := func(client, text string) (status int, body string) {
		t.Helper()
		v := fields(FieldText, text, FieldContact, "erika@example.org", FieldToken, d.tokens.give(counter, time.Now().Add(-time.Minute)))
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/feedback", strings.NewReader(v.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for name, value := range traces {
			r.Header.Set(name, value)
		}
		r.Header.Set("X-Forwarded-For", "203.0.113.9, "+client)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(resp.Body)
		if err = errors.Join(err, resp.Body.Close()); err != nil {
			t.Error(err)
		}
		return resp.StatusCode, string(data)
	}
	for _, c := range []struct {
		client, text string
		status       int
		body         string
	}{
		{traces["X-Forwarded-For"], "Der Zähler steht still.", 200, "new Der Zähler steht still. "}, // after the redirect, without the contact
		{traces["X-Forwarded-For"], "Und noch etwas.", 429, "client"},
		{"2001:db8:aaaa:bbbb::1", "Von anderswo.", 200, "new Von anderswo. "},
		{"2001:db8:aaaa:bbbb::2", "Aus demselben Netz.", 429, "client"},
	} {
		if status, body := ask(c.client, c.text); status != c.status || body != c.body {
			t.Errorf("%s, %s: %d %q, want %d %q", c.client, c.text, status, body, c.status, c.body)
		}
	}
	list, err := s.List(t.Context(), Filter{})
	if err != nil || len(list) != 2 || list[0].Time.Truncate(time.Hour) != list[0].Time {
		t.Fatalf("%+v, %v", list, err)
	}

	written := append(onDisk(t, path), log.Bytes()...)
	for _, there := range []string{"Der Zähler steht still.", "erika@example.org"} {
		if !bytes.Contains(written, []byte(there)) {
			t.Errorf("%s is not found: the test is broken", there)
		}
	}
	gone := []string{"127.0.0.1", "203.0.113.9", "2001:db8:aaaa:bbbb", "Spionbrowser", "keks123", "vorher.example", "nds-x"}
	for _, client := range []string{traces["X-Forwarded-For"], "2001:db8:aaaa:bbbb::1", "2001:db8:aaaa:bbbb::"} {
		sum := sha256.Sum256([]byte(client))
		gone = append(gone, client, string(netip.MustParseAddr(client).AsSlice()), string(sum[:8]), hex.EncodeToString(sum[:8]), base64.RawURLEncoding.EncodeToString(sum[:9]))
	}
	for _, trace := range gone {
		if bytes.Contains(written, []byte(trace)) {
			t.Errorf("%q is in the file or the log", trace)
		}
	}
	if log.Len() > 0 {
		t.Errorf("the log speaks of what went well: %s", &log)
	}
}
