package portal

import (
	"bytes"
	"context"
	"html"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/opendata/feedback"
)

// box is the feedback of a fixture: a desk and its file.
type box struct {
	*feedback.Desk
	store *feedback.Store
}

func (b box) Published(ctx context.Context, about feedback.About) ([]feedback.Entry, error) {
	return b.store.Published(ctx, about)
}

// newBox opens an empty file for what a fixture has.
func (f *fixture) newBox(t testing.TB) box {
	t.Helper()
	store, err := feedback.Open(t.Context(), filepath.Join(t.TempDir(), "feedback.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	desk, err := feedback.NewDesk(feedback.Config{Store: store, Client: func(r *http.Request) string { return r.RemoteAddr }, Known: func(a feedback.About) bool {
		switch a.Kind {
		case feedback.KindDataset:
			return slices.ContainsFunc(f.datasets, func(d opendata.Dataset) bool { return d.ID == a.ID })
		case feedback.KindStation:
			return slices.ContainsFunc(f.places, func(s devices.Station) bool { return s.ID == a.ID })
		}
		return true
	}})
	if err != nil {
		t.Fatal(err)
	}
	return box{desk, store}
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([a-z]+)" value="([^"]*)">`)

// filled returns the fields that a page's form has, and those given.
func filled(page string, fields map[string]string) map[string]string {
	out := map[string]string{feedback.FieldTrap: "", feedback.FieldContact: ""}
	for _, m := range hidden.FindAllStringSubmatch(page, -1) {
		out[m[1]] = html.UnescapeString(m[2])
	}
	for name, value := range fields {
		out[name] = value
	}
	return out
}

// post sends a form as browsers do.
func post(t *testing.T, h http.Handler, target string, fields map[string]string) *http.Response {
	t.Helper()
	var content bytes.Buffer
	form := multipart.NewWriter(&content)
	for name, value := range fields {
		if err := form.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, target, &content)
	r.Header.Set("Content-Type", form.FormDataContentType())
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

// TestFeedback follows one entry: the form, what is refused, the code, the answer
// for its writer, and for all.
func TestFeedback(t *testing.T) {
	f := newFixture(t, 5, midWindow())
	b := f.newBox(t)
	h := f.handlerWith(t, func(c *Config) { c.Feedback = b })
	station := f.places[0]
	about := feedback.About{Kind: feedback.KindStation, ID: station.ID}

	onPage := body(t, get(h, "GET", stationPath(station.ID)))
	form := "/feedback?about=" + about.String()
	if !strings.Contains(onPage, `href="`+form+`"`) || !strings.Contains(onPage, german.Feedback.OnStation) {
		t.Errorf("the page of a station does not lead to %s", form)
	}
	r := get(h, "GET", form)
	page := body(t, r)
	if r.StatusCode != 200 || r.Header.Get("Cache-Control") != "no-store" || !strings.Contains(page, html.EscapeString(station.Name)) || !strings.Contains(page, german.Feedback.Stored) {
		t.Fatalf("the form: %d %q", r.StatusCode, r.Header.Get("Cache-Control"))
	}
	checkPage(t, form, page, &german)

	// A program is too fast; what was typed stays.
	text := "Der Zähler steht <seit> gestern.\nWirklich."
	r = post(t, h, "/feedback", filled(page, map[string]string{"text": text}))
	page = body(t, r)
	if r.StatusCode != 422 || !strings.Contains(page, html.EscapeString(german.Feedback.Reason.Early)) || !strings.Contains(page, "Der Zähler steht &lt;seit&gt; gestern.\nWirklich.</textarea>") {
		t.Errorf("sent at once: %d", r.StatusCode)
	}

	ctx := t.Context()
	code, err := b.store.Add(ctx, feedback.Entry{About: about, Lang: "de", Time: time.Now(), Text: text, Contact: "anna@example.org"})
	if err != nil {
		t.Fatal(err)
	}
	see := func(l *texts, want ...string) {
		t.Helper()
		r := get(h, "GET", l.To("/feedback/"+strings.ToLower(code)))
		page := body(t, r)
		if r.StatusCode != 200 || r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("Referrer-Policy") != "no-referrer" || strings.Contains(page, "anna@") {
			t.Errorf("page of the code: %d %v", r.StatusCode, r.Header)
		}
		if strings.Contains(page, "canonical") {
			t.Error("the code is in an address for search engines")
		}
		for _, one := range append(want, code, "Der Zähler steht &lt;seit&gt; gestern.\nWirklich.") {
			if !strings.Contains(page, one) {
				t.Errorf("page of the code lacks %q", one)
			}
		}
	}
	see(&german, german.Feedback.StateNewMore)
	see(&english, english.Feedback.StateNewMore, ` lang="de"`)
	if err := b.store.Answer(ctx, code, "Er läuft <wieder>.", false); err != nil {
		t.Fatal(err)
	}
	see(&german, german.Feedback.StateAnswered, "Er läuft &lt;wieder&gt;.")
	if strings.Contains(body(t, get(h, "GET", stationPath(station.ID))), "Er läuft") {
		t.Error("an answer that is not published is on the page of the station")
	}
	if err := b.store.Publish(ctx, code, true); err != nil {
		t.Fatal(err)
	}
	see(&german, german.Feedback.IsPublic)
	for _, target := range []string{stationPath(station.ID), "/en" + stationPath(station.ID), form} {
		page := body(t, get(h, "GET", target))
		if !strings.Contains(page, "Er läuft &lt;wieder&gt;.") || strings.Contains(page, code) || strings.Contains(page, "anna@") {
			t.Errorf("%s lacks the published answer, or has more", target)
		}
	}
	if strings.Contains(body(t, get(h, "GET", stationPath(f.places[1].ID))), "Er läuft") {
		t.Error("an answer is on the page of another station")
	}
}

// TestFeedbackIsSent has time go by, as for a person: the form becomes an entry.
func TestFeedbackIsSent(t *testing.T) { synctest.Test(t, feedbackIsSent) }

func feedbackIsSent(t *testing.T) {
	f := newFixture(t, 1, midWindow())
	b := f.newBox(t)
	h := f.handlerWith(t, func(c *Config) { c.Feedback = b })
	page := body(t, get(h, "GET", "/en/feedback?about=dataset/verkehr"))
	time.Sleep(feedback.TokenFrom)
	for _, c := range []struct {
		fields map[string]string
		status int
		want   []string
	}{
		{map[string]string{"text": ""}, 422, []string{`href="#text"`, english.Feedback.Field.Missing, `aria-invalid="true"`}},
		{map[string]string{"text": "abc", "contact": "anna"}, 422, []string{`at least 5 characters`, english.Feedback.Field.Address, `aria-describedby="contact-hint contact-wrong"`}},
		{map[string]string{"text": strings.Repeat("www.example.org ", 4)}, 422, []string{"At most 3"}},
		{map[string]string{"text": "A good text.", "website": "x"}, 422, []string{english.Feedback.Reason.Trap}},
		{map[string]string{"text": strings.Repeat("x", feedback.MaxBody)}, 413, []string{english.Feedback.Reason.Size, english.Feedback.New}},
		{map[string]string{"text": "A good text.", "about": "station/nowhere"}, 404, []string{english.Feedback.Reason.About}},
		{map[string]string{"text": "A good text.", "token": "x"}, 422, []string{"restarted", "A good text.</textarea>"}},
	} {
		r := post(t, h, "/en/feedback", filled(page, c.fields))
		got := html.UnescapeString(body(t, r))
		if r.StatusCode != c.status || r.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%v: %d, want %d", c.fields, r.StatusCode, c.status)
		}
		for _, want := range append(c.want, `role="alert"`, "<title>"+english.Feedback.Wrong) {
			if !strings.Contains(got, want) {
				t.Errorf("%.60v: no %q", c.fields, want)
			}
		}
	}
	r := post(t, h, "/en/feedback", filled(page, map[string]string{"text": "A good text.", "contact": "anna@example.org"}))
	to := r.Header.Get("Location")
	if r.StatusCode != 303 || !strings.HasPrefix(to, "/en/feedback/") {
		t.Fatalf("a good form: %d to %q", r.StatusCode, to)
	}
	if page := body(t, get(h, "GET", to)); !strings.Contains(page, english.Feedback.Thanks) || !strings.Contains(page, "A good text.") {
		t.Error("the page of the code does not show the entry")
	}
	list, err := b.store.List(t.Context(), feedback.Filter{})
	if err != nil || len(list) != 1 || list[0].About.String() != "dataset/verkehr" || list[0].Lang != "en" || list[0].Contact != "anna@example.org" {
		t.Errorf("stored: %v %v", list, err)
	}
}
