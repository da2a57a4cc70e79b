package feedback

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// newDesk returns a desk where the station counter, the dataset verkehr and the
// portal are known.
func newDesk(t *testing.T, s *Store, cfg Config) *Desk {
	t.Helper()
	cfg.Store = s
	cfg.Client = func(r *http.Request) string { return r.RemoteAddr }
	cfg.Known = func(a About) bool { return a == counter || a.ID == "verkehr" || a.Kind == KindPortal }
	d, err := NewDesk(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// token is that of a new form, old enough; only for a bubble of synctest.
func token(t *testing.T, d *Desk, about About) string {
	t.Helper()
	f, err := d.Blank(httptest.NewRecorder(), about, "de")
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(TokenFrom)
	return f.Token
}

// post sends fields to the desk.
func post(t *testing.T, d *Desk, client string, v url.Values) (code string, refused *Refusal, header http.Header) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/feedback", strings.NewReader(v.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return send(d, client, r)
}

func send(d *Desk, client string, r *http.Request) (code string, refused *Refusal, header http.Header) {
	r.RemoteAddr = client
	w := httptest.NewRecorder()
	code, refused = d.Receive(w, r)
	return code, refused, w.Header()
}

// bubble runs a test in time of its own, with a store.
func bubble(t *testing.T, do func(*testing.T, *Store)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, _ := open(t)
		do(t, s)
	})
}

func TestLifeOfAToken(t *testing.T) {
	bubble(t, func(t *testing.T, s *Store) {
		d := newDesk(t, s, Config{PerClient: 100})
		blank := func() string {
			f, err := d.Blank(httptest.NewRecorder(), counter, "de")
			if err != nil {
				t.Fatal(err)
			}
			return f.Token
		}
		try := func(name, token string, want Reason, status int) *Refusal {
			t.Helper()
			_, refused, _ := post(t, d, "a", fields(FieldToken, token))
			switch {
			case refused == nil && want != "", refused != nil && (refused.Reason != want || refused.Status != status):
				t.Errorf("%s: %+v, want %q with %d", name, refused, want, status)
			}
			return refused
		}
		try("none", "", Token, 422)
		try("garbage", "?", Token, 422)
		try("short", blank()[:20], Token, 422)
		try("padded", blank()+"=", Token, 422)
		one := blank()
		time.Sleep(TokenFrom - time.Millisecond)
		if r := try("at once", one, Early, 422); r.Form.Token != one {
			t.Error("the token that is early has gone")
		}
		time.Sleep(time.Millisecond)
		try("after 3 s", one, "", 0)

		old := blank()
		time.Sleep(TokenUntil)
		try("after 24 h", old, "", 0)
		older := blank()
		time.Sleep(TokenUntil + time.Millisecond)
		r := try("after more", older, Expired, 422)
		if r.Form.Text != "Der Zähler steht still." || r.Form.About != counter || r.Form.Lang != "de" {
			t.Errorf("form %+v", r.Form)
		}
		time.Sleep(TokenFrom)
		try("with the next token", r.Form.Token, "", 0)

		// Each character counts, and so do page and process.
		good := []byte(token(t, d, counter))
		for i := range good {
			forged := bytes.Clone(good)
			forged[i] = map[bool]byte{true: 'B', false: 'A'}[forged[i] == 'A']
			try(fmt.Sprintf("character %d", i), string(forged), Token, 422)
		}
		if _, refused, _ := post(t, d, "a", fields(FieldAbout, "portal", FieldToken, string(good))); refused == nil || refused.Reason != Token {
			t.Errorf("a token of another page: %+v", refused)
		}
		if _, refused, _ := post(t, newDesk(t, s, Config{}), "a", fields(FieldToken, string(good))); refused == nil || refused.Reason != Token {
			t.Errorf("a token of another process: %+v", refused)
		}
		try("the good one", string(good), "", 0)
	})
}

func TestTokenIsGoodOnce(t *testing.T) {
	bubble(t, func(t *testing.T, s *Store) {
		d := newDesk(t, s, Config{})
		v := fields(FieldToken, token(t, d, counter))
		// A mistake does not use it up.
		v.Set(FieldText, "kurz")
		_, refused, _ := post(t, d, "a", v)
		if refused == nil || refused.Reason != Invalid || refused.Form.Errors[FieldText] != Short || refused.Form.Token != v.Get(FieldToken) {
			t.Fatalf("%+v", refused)
		}
		v.Set(FieldText, "Lang genug.")
		// However often it is clicked, it is one entry.
		var all sync.WaitGroup
		codes := make([]string, 4)
		for i := range codes {
			all.Go(func() { codes[i], _, _ = post(t, d, "a", v) })
		}
		all.Wait()
		for _, code := range codes {
			if code == "" || code != codes[0] {
				t.Errorf("codes %v", codes)
			}
		}
		if n, err := s.Unread(t.Context()); err != nil || n != 1 {
			t.Errorf("%d entries (%v)", n, err)
		}
		// Another text with it is refused, and kept for the next try.
		v.Set(FieldText, "Noch etwas.")
		_, refused, _ = post(t, d, "a", v)
		if refused == nil || refused.Reason != Used || refused.Status != 409 || refused.Form.Text != "Noch etwas." || refused.Form.Token == v.Get(FieldToken) {
			t.Fatalf("%+v", refused)
		}
		time.Sleep(TokenFrom)
		v.Set(FieldToken, refused.Form.Token)
		if code, refused, _ := post(t, d, "a", v); refused != nil || code == codes[0] {
			t.Errorf("%s, %+v", code, refused)
		}
		st := d.Stats()
		want := map[Reason]uint64{Invalid: 1, Repeated: 3, Used: 1}
		for why, n := range st.Refused {
			if n != want[why] {
				t.Errorf("%s counted %d times, want %d", why, n, want[why])
			}
		}
		if st.Accepted != 2 {
			t.Errorf("%d accepted", st.Accepted)
		}
	})
}

func TestLimits(t *testing.T) {
	bubble(t, func(t *testing.T, s *Store) {
		d := newDesk(t, s, Config{PerClient: 3, Total: 5})
		try := func(client string, want Reason, status int, wait string) {
			t.Helper()
			v := fields(FieldToken, token(t, d, counter))
			_, refused, header := post(t, d, client, v)
			got := Reason("")
			if refused != nil {
				got = refused.Reason
			}
			if got != want || header.Get("Retry-After") != wait || want != "" && refused.Status != status {
				t.Errorf("%s: %q after %s, want %q after %s", client, got, header.Get("Retry-After"), want, wait)
			}
			if header.Get("Cache-Control") != "no-store" || header.Get("X-Robots-Tag") != "noindex" {
				t.Errorf("headers %v", header)
			}
			if refused != nil && refused.Form.Token != v.Get(FieldToken) {
				t.Error("the token is used up by a limit")
			}
		}
		for range 3 {
			try("a", "", 0, "")
		}
		try("a", Client, 429, "3591")
		for range 2 {
			try("b", "", 0, "")
		}
		try("c", Total, 503, "3582")
		try("a", Client, 429, "3579")
		key := d.entries.key
		time.Sleep(time.Hour)
		for range 3 {
			try("a", "", 0, "")
		}
		if d.entries.key == key {
			t.Error("the key is that of the hour before")
		}
		if n := len(d.entries.counts); n != 1 {
			t.Errorf("%d clients are remembered, want those of this hour alone", n)
		}
		if st := d.Stats(); st.Refused[Client] != 2 || st.Refused[Total] != 1 || st.Accepted != 8 {
			t.Errorf("%+v", st)
		}
	})
}

// Used tokens are forgotten with their time, and the hourly limit bounds them.
func TestUsedTokensAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T, s *Store) {
		d := newDesk(t, s, Config{PerClient: 1000, Total: 4})
		most := 0
		for range 50 * 5 {
			_, _, _ = post(t, d, "a", fields(FieldToken, token(t, d, counter)))
			most = max(most, len(d.uses))
			time.Sleep(12 * time.Minute)
		}
		if most < 24*4 || most > 26*4 {
			t.Errorf("%d are remembered at once, want about 24 hours of 4", most)
		}
	})
}

func TestGuessesAreFew(t *testing.T) {
	bubble(t, func(t *testing.T, s *Store) {
		d := newDesk(t, s, Config{Guesses: 2})
		e := said(counter, "Der Zähler steht still.")
		e.Contact = "erika@example.org"
		code := add(t, s, e)
		if err := s.Answer(t.Context(), code, "Danke.", false); err != nil {
			t.Fatal(err)
		}
		read := func(client, code string) (Entry, string, error) {
			w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/feedback/x", nil)
			r.RemoteAddr = client
			e, err := d.Read(w, r, code)
			if w.Header().Get("Cache-Control") != "no-store" {
				t.Error("it may be kept by a cache")
			}
			return e, w.Header().Get("Retry-After"), err
		}
		for range 10 {
			e, _, err := read("a", strings.ToLower(code[:5])+"-"+code[5:])
			if err != nil || e.Answer != "Danke." || e.Contact != "" || e.Code != code {
				t.Fatalf("%+v, %v", e, err)
			}
		}
		for _, wrong := range []string{"0000000000", "?"} {
			if _, _, err := read("a", wrong); !errors.Is(err, ErrUnknown) {
				t.Errorf("%s: %v", wrong, err)
			}
		}
		if _, wait, err := read("a", code); !errors.Is(err, ErrGuesses) || wait != "3600" {
			t.Errorf("after two wrong ones: %s, %v", wait, err)
		}
		if _, _, err := read("b", code); err != nil {
			t.Errorf("another client: %v", err)
		}
		time.Sleep(time.Hour)
		if _, _, err := read("a", code); err != nil {
			t.Errorf("an hour later: %v", err)
		}
		// A flood of clients takes no more memory than this.
		for i := range maxClients + 10 {
			_, _, _ = read(fmt.Sprint("flood", i), "?")
		}
		if n := len(d.guesses.counts); n > maxClients {
			t.Errorf("%d clients are remembered", n)
		}
		if d.Stats().Refused[Guess] != 1 {
			t.Errorf("%+v", d.Stats())
		}
	})
}

func TestWhatIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T, s *Store) {
		var log bytes.Buffer
		d := newDesk(t, s, Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
		good := fields(FieldToken, token(t, d, counter))
		for _, c := range []struct {
			name, kind, body string
			want             Reason
			status           int
			again            bool // the form can be shown again
		}{
			{"too long", "application/x-www-form-urlencoded", "text=" + strings.Repeat("a", MaxBody), Size, 413, false},
			{"JSON", "application/json", "{}", Malformed, 400, false},
			{"no kind", "", good.Encode(), Malformed, 400, false},
			{"a bad escape", "application/x-www-form-urlencoded", "text=%zz", Malformed, 400, false},
			{"no boundary", "multipart/form-data", "x", Malformed, 400, false},
			{"half a form", "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nabc", Malformed, 400, false},
			{"nothing", "application/x-www-form-urlencoded", "", Malformed, 400, false},
			{"about nothing", "application/x-www-form-urlencoded", "text=Hallo", NoSuch, 404, false},
			{"about another station", "application/x-www-form-urlencoded", "about=station/geheim", NoSuch, 404, false},
			{"the trap", "application/x-www-form-urlencoded", good.Encode() + "&website=x", Trap, 422, true},
		} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/feedback?about=portal", strings.NewReader(c.body))
			if c.kind != "" {
				r.Header.Set("Content-Type", c.kind)
			}
			code, refused, _ := send(d, "a", r)
			if code != "" || refused == nil || refused.Reason != c.want || refused.Status != c.status || (refused.Form.Token != "") != c.again {
				t.Errorf("%s: %q, %+v, want %s with %d", c.name, code, refused, c.want, c.status)
			}
		}
		if _, err := d.Blank(httptest.NewRecorder(), About{KindStation, "geheim"}, "de"); !errors.Is(err, ErrUnknown) {
			t.Errorf("a form about nothing: %v", err)
		}
		s.maxUnread = 20
		fill(t, s, s.maxUnread, "new', '', 0, 0 -- ")
		if _, refused, header := post(t, d, "a", good); refused == nil || refused.Reason != Full || refused.Status != 503 || header.Get("Retry-After") != "3600" {
			t.Errorf("full: %+v, %v", refused, header)
		}
		if log.Len() > 0 {
			t.Errorf("what strangers do wrong is in the log: %s", &log)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, refused, _ := post(t, d, "a", good); refused == nil || refused.Reason != Failed || !strings.Contains(log.String(), "feedback cannot be stored") {
			t.Errorf("without a store: %+v, %s", refused, &log)
		}
		r := httptest.NewRequest(http.MethodGet, "/feedback/0000000000", nil)
		if _, err := d.Read(httptest.NewRecorder(), r, "0000000000"); err == nil || errors.Is(err, ErrUnknown) {
			t.Errorf("a code without a store: %v", err)
		}
		if st := d.Stats(); st.Accepted != 0 || st.Refused[Malformed] != 6 || st.Refused[Size] != 1 || st.Refused[NoSuch] != 2 || st.Refused[Trap] != 1 || st.Refused[Full] != 1 || st.Refused[Failed] != 1 {
			t.Errorf("%+v", st)
		}
	})
}

// Sent as multipart/form-data, the longest text of any script but the rarest
// fits into the limit of the body, and a file with it does no harm.
func TestMultipart(t *testing.T) {
	bubble(t, func(t *testing.T, s *Store) {
		d := newDesk(t, s, Config{})
		want := fields(FieldText, strings.Repeat("あ", MaxText), FieldContact, "erika@example.org", FieldToken, token(t, d, counter), FieldTrap, "")
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		for name := range want {
			if err := form.WriteField(name, want.Get(name)); err != nil {
				t.Fatal(err)
			}
		}
		file, err := form.CreateFormFile("upload", "x.exe")
		if err == nil {
			_, err = file.Write([]byte("MZ"))
		}
		if err = errors.Join(err, form.Close()); err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/feedback", &body)
		r.Header.Set("Content-Type", form.FormDataContentType())
		code, refused, _ := send(d, "a", r)
		if refused != nil {
			t.Fatalf("%+v", refused)
		}
		e, err := s.Get(t.Context(), code)
		wanted := Entry{Code: code, About: counter, Lang: "de", Time: time.Now().UTC().Truncate(time.Hour), Text: want.Get(FieldText), Contact: "erika@example.org", State: StateNew}
		if diff := cmp.Diff(wanted, e); err != nil || diff != "" {
			t.Error(err, diff)
		}
	})
}

func TestNewDesk(t *testing.T) {
	s, _ := open(t)
	client, known := func(*http.Request) string { return "" }, func(About) bool { return true }
	for name, cfg := range map[string]Config{
		"no store":  {Client: client, Known: known},
		"no client": {Store: s, Known: known},
		"no known":  {Store: s, Client: client},
		"below 0":   {Store: s, Client: client, Known: known, Total: -1},
	} {
		if _, err := NewDesk(cfg); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
}
