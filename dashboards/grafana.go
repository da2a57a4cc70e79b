package dashboards

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/grafana-tools/sdk"
)

const (
	timeout   = 30 * time.Second // of one request to Grafana
	maxAnswer = 32 << 20         // bytes of one answer
)

// grafana is the HTTP API: the SDK's part of it, and call for what the SDK
// lacks or does without what is needed.
type grafana struct {
	*sdk.Client
	http *http.Client
	base *url.URL
	auth func(*http.Request)
}

func connect(c Config) (grafana, error) {
	base, err := url.Parse(c.URL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" || base.User != nil {
		return grafana{}, fmt.Errorf(`address of Grafana %q is not like "https://grafana.example.org"`, c.URL)
	}
	var key string
	auth := func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+c.Token) }
	switch {
	case c.Token != "" && c.User == "" && !strings.Contains(c.Token, ":"):
		key = c.Token
	case c.Token == "" && c.User != "" && !strings.Contains(c.User, ":"):
		key = c.User + ":" + c.Password
		auth = func(r *http.Request) { r.SetBasicAuth(c.User, c.Password) }
	default:
		return grafana{}, errors.New("access to Grafana needs either a token or a user and password")
	}
	client := &http.Client{Timeout: timeout, Transport: onlyJSON{http.DefaultTransport.(*http.Transport).Clone()}}
	api, err := sdk.NewClient(c.URL, key, client)
	if err != nil {
		return grafana{}, fmt.Errorf("address of Grafana %q: %w", c.URL, err)
	}
	return grafana{api, client, base, auth}, nil
}

// close ends the connections that are kept for the next request.
func (g grafana) close() { g.http.CloseIdleConnections() }

// call sends in as JSON and reads the answer into out; each may be nil. The
// error of any answer but success is a *refusal.
func (g grafana) call(ctx context.Context, method, path string, query url.Values, in, out any, headers ...string) error {
	var body io.Reader
	if in != nil {
		content, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode the request: %w", err)
		}
		body = bytes.NewReader(content)
	}
	u := g.base.JoinPath(path)
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	g.auth(req)
	resp, err := g.http.Do(req)
	if no := (*refusal)(nil); errors.As(err, &no) {
		return no // without the address before it, which says nothing that its caller does not
	}
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	if out == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)) // so that the connection can be used again
		return err
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(out); err != nil {
		return fmt.Errorf("read the answer to %s %s: %w", method, path, err)
	}
	return nil
}

// refusal is an answer of Grafana other than success.
type refusal struct {
	status  int
	reason  string // "version-mismatch", "name-exists"; mostly empty
	message string
	body    []byte // its first 4 KiB
}

// Error says what Grafana, or what stands before it, answers.
func (r *refusal) Error() string {
	text := fmt.Sprintf("Grafana answers %d %s", r.status, http.StatusText(r.status))
	if r.message != "" {
		text += ": " + r.message
	}
	return text
}

// answered reports whether err is Grafana's answer with that status.
func answered(err error, status int) bool {
	var r *refusal
	return errors.As(err, &r) && r.status == status
}

// ofOneThing reports whether err is about the thing that was written alone, so
// that others may still be written: a refusal for what it is, and not because
// Grafana is away or lets nobody in.
func ofOneThing(err error) bool {
	var r *refusal
	if errors.As(err, &r) {
		return r.status >= 400 && r.status < 500 && r.status != http.StatusUnauthorized && r.status != http.StatusForbidden &&
			r.status != http.StatusTooManyRequests && r.status != http.StatusRequestTimeout
	}
	var f *foreign
	return errors.As(err, &f)
}

// foreign says that something of our name belongs to somebody else.
type foreign struct{ why string }

// Error says what is there and what can be done.
func (f *foreign) Error() string { return f.why }

// onlyJSON makes an error of every answer but one of success in JSON, which a
// RoundTripper should not do: the SDK ignores the status when it writes a data
// source, crashes on a refusal without a message, and gives the status only as
// text. A redirect is refused as well, because following it turns a POST into
// a GET; and a page, because it is the login of some proxy.
type onlyJSON struct{ *http.Transport }

// RoundTrip returns a *refusal for every status but 2xx, and for pages.
func (t onlyJSON) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.Transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")) // without one it is tried as JSON
	page := kind == "text/html"
	if resp.StatusCode/100 == 2 && !page {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	r := &refusal{status: resp.StatusCode}
	if to := resp.Header.Get("Location"); to != "" {
		r.message = "the address redirects to " + to
		return nil, r
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if err != nil {
		return nil, errors.Join(r, err)
	}
	if page {
		r.message = fmt.Sprintf("a page%s, and not Grafana's API: is the address right, and does a proxy before it let tokens through?", titleOf(body))
		return nil, r
	}
	r.body = body
	r.read(body)
	if r.status == http.StatusForbidden {
		r.message = strings.TrimSpace(r.message + " (the role Admin is needed for data sources, alerts and rights, Editor for folders and dashboards)")
	}
	return nil, r
}

// read takes what Grafana says: its parts put it under different names.
func (r *refusal) read(body []byte) {
	var said struct {
		Message string
		Error   string
		Status  any
	}
	if json.Unmarshal(body, &said) != nil {
		return
	}
	r.message = said.Message
	if r.message == "" {
		r.message = said.Error
	}
	r.reason, _ = said.Status.(string)
}

var pageTitle = regexp.MustCompile(`(?is)<title[^>]*>\s*([^<]{1,100}?)\s*</title>`)

// titleOf returns the title of a page, in quotes after a space, or nothing.
func titleOf(page []byte) string {
	if m := pageTitle.FindSubmatch(page); m != nil {
		return fmt.Sprintf(" %q", m[1])
	}
	return ""
}
