package portal

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/opendata/feedback"
)

// browser starts chromium; the test skips without it, and fails under CI.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("chromium is missing")
		}
		t.Skip("chromium is missing")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-quic", true), chromedp.WSURLReadTimeout(time.Minute))
	ctx, cancel := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits until the browser is gone
		cancel()
	})
	if err := chromedp.Do(ctx); err != nil { // the browser lives as long as this context
		t.Fatalf("start chromium: %v", err)
	}
	ctx, cancel = context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// complaints collects what the browser's console says: errors, exceptions and
// violations of the content security policy.
type complaints struct {
	mu  sync.Mutex
	all []string
}

func (c *complaints) listen(ctx context.Context) error {
	return chromedp.Listen(ctx, func(event any) {
		c.mu.Lock()
		defer c.mu.Unlock()
		switch e := event.(type) {
		case *log.EventEntryAdded:
			if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
				c.all = append(c.all, e.Entry.Text+" "+e.Entry.URL)
			}
		case *runtime.EventExceptionThrown:
			c.all = append(c.all, fmt.Sprintf("%+v", *e.ExceptionDetails))
		case *runtime.EventConsoleAPICalled:
			c.all = append(c.all, fmt.Sprint(e.Type))
		}
	})
}

func (c *complaints) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.all
	c.all = nil
	return all
}

// pageState is what a page shows.
type pageState struct {
	Markers int               `json:"markers"` // stations on the map, -1 without one
	Plots   int               `json:"plots"`
	Width   int64             `json:"width"` // px, of the content
	Lang    string            `json:"lang"`
	Values  map[string]string `json:"values"` // by data-key
}

// openBrowser starts a browser whose console is listened to.
func openBrowser(t *testing.T) (context.Context, *complaints) {
	ctx := browser(t)
	console := &complaints{}
	if err := console.listen(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, log.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	return ctx, console
}

// show sets theme and width of the screen.
func show(t *testing.T, ctx context.Context, theme string, width int64) {
	t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 900)); err != nil {
		t.Fatal(err)
	}
}

// visit opens a page in a theme and width, waits until it is there, and returns
// what it shows; the console has to be silent.
func visit(t *testing.T, ctx context.Context, console *complaints, url, theme string, width int64, ready ...string) pageState {
	t.Helper()
	show(t, ctx, theme, width)
	if err := chromedp.Do(ctx, chromedp.Navigate(url), chromedp.WaitReady(chromedp.CSS("footer"))); err != nil {
		t.Fatalf("%s: %v; console: %q", url, err, console.take())
	}
	for _, selector := range ready {
		if err := chromedp.Do(ctx, chromedp.WaitReady(chromedp.CSS(selector))); err != nil {
			t.Fatalf("%s: no %s: %v; console: %q", url, selector, err, console.take())
		}
	}
	shown, err := chromedp.Run(ctx, chromedp.Evaluate[pageState](`({
			markers: Number(document.querySelector("#map")?.dataset.shown ?? -1),
			plots: document.querySelectorAll("#chart canvas").length,
			width: document.documentElement.scrollWidth,
			lang: document.documentElement.lang,
			values: Object.fromEntries([...document.querySelectorAll("[data-key]")].map(e => [e.dataset.key, e.textContent])),
		})`))
	if err != nil {
		t.Fatalf("%s: %v; console: %q", url, err, console.take())
	}
	if all := console.take(); len(all) > 0 {
		t.Errorf("%s: the console says %q", url, all)
	}
	if shown.Width > width {
		t.Errorf("%s: the page is %d px wide on a screen of %d", url, shown.Width, width)
	}
	return shown
}

// walked is a region for all pages: with notices and feedback.
func walked(t *testing.T) (f *fixture, server string, paths []string) {
	f = newFixture(t, 30, time.Now())
	b := f.newBox(t)
	about := feedback.About{Kind: feedback.KindStation, ID: f.places[0].ID}
	code, err := b.store.Add(t.Context(), feedback.Entry{About: about, Lang: "de", Time: time.Now(), Text: "Der Zähler steht.\nSeit gestern."})
	if err == nil {
		err = b.store.Answer(t.Context(), code, "Danke, er läuft wieder.", true)
	}
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(f.handlerWith(t, func(c *Config) {
		c.Feedback = b
		c.Legal.Imprint = opendata.Text{De: "## Anschrift\n\nStadt Paderborn\nAm Abdinghof 11\n\n- Post: post@paderborn.example", En: "## Address\n\nCity of Paderborn"}
		c.Notices = []Notice{
			{From: time.Now().Add(-time.Hour), Text: opendata.Text{De: "Eine Zählstelle wird gewartet.", En: "A counter is being serviced."}, About: about.String()},
			{From: time.Now().Add(-48 * time.Hour), Until: time.Now().Add(-24 * time.Hour), Text: opendata.Text{De: "Das Netz war gestört.", En: "The network was disturbed."}},
		}
	}))
	t.Cleanup(s.Close)
	return f, s.URL, append(sitePages(f), embedPath(f.places[0].ID), "/stations?domain=traffic&q=stra%C3%9Fe", "/feedback", "/feedback?about="+about.String(), "/feedback?code=falsch", "/feedback/"+code, "/feedback/7K3M9QX2TV", "/nirgends")
}

// TestBrowser opens every page in both languages, on a narrow screen in the light
// and on a wide one in the dark. The values are those of the store, the console is
// silent, and no rule of accessibility is broken.
func TestBrowser(t *testing.T) {
	f, server, paths := walked(t)
	ctx, console := openBrowser(t)
	var broken []string // rules of accessibility
	rules, err := os.ReadFile(axeFile)
	check := func(page, theme string) {
		if err != nil {
			return // the subtest below says so
		}
		found, err := axe(ctx, string(rules))
		if err != nil {
			t.Fatalf("%s: %v", page, err)
		}
		for _, one := range found {
			broken = append(broken, fmt.Sprintf("%s, %s: %s", page, theme, one))
		}
	}
	for _, path := range paths {
		for _, l := range languages() {
			var ready []string
			switch {
			case path == "/":
				ready = []string{`#map[data-ready]`}
			case strings.HasPrefix(path, "/station/"), strings.HasPrefix(path, "/embed/"):
				ready = []string{`#chart[data-ready] canvas`}
			}
			target := l.To(path)
			shown := visit(t, ctx, quietOf(console, path), server+target, "light", 360, ready...)
			if shown.Lang != l.Lang {
				t.Errorf("%s is in %s", target, shown.Lang)
			}
			if path == "/" && shown.Markers != len(f.places) {
				t.Errorf("the map has %d markers, want %d", shown.Markers, len(f.places))
			}
			if strings.HasPrefix(path, "/station/") {
				if shown.Plots == 0 {
					t.Errorf("%s has no plot", target)
				}
				compareValues(t, f, l.Lang, shown.Values)
			}
			check(target, "light")
			show(t, ctx, "dark", 1440)
			check(target, "dark")
			for _, width := range []int64{1440, 768} {
				show(t, ctx, "dark", width)
				if got, err := chromedp.Run(ctx, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`)); err != nil || got > width {
					t.Errorf("%s: the page is %d px wide on a screen of %d (%v)", target, got, width, err)
				}
			}
			if all := quietOf(console, path).take(); len(all) > 0 {
				t.Errorf("%s: the console says %q", target, all)
			}
		}
	}
	t.Run("axe", func(t *testing.T) {
		axeRules(t)
		for _, one := range broken {
			t.Error(one)
		}
	})
	console.take() // what it says of the pages that are not there
	shown := visit(t, ctx, console, server+"/?municipality=aachen&domain=traffic", "light", 1440, `#map[data-ready]`)
	if want := f.count("aachen", "traffic"); shown.Markers != want {
		t.Errorf("the map of a selection has %d markers, want %d", shown.Markers, want)
	}
}

// quietOf is a console in which a page that is not there may say so.
func quietOf(console *complaints, path string) *complaints {
	if path == "/nirgends" || path == "/feedback/7K3M9QX2TV" {
		return &complaints{}
	}
	return console
}

// TestBrowserMenu opens the topics with the keyboard and closes them with Escape.
func TestBrowserMenu(t *testing.T) {
	f := newFixture(t, 5, time.Now())
	server := httptest.NewServer(f.handler(t, BaseMap{}))
	t.Cleanup(server.Close)
	ctx, console := openBrowser(t)
	visit(t, ctx, console, server.URL+"/status", "light", 360)
	open := `document.querySelector(".menu").open`
	for _, step := range []struct {
		script string
		want   bool
	}{
		{`document.querySelector(".menu summary").click(); ` + open, true},
		{`document.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape"})); ` + open, false},
		{`document.querySelector(".menu summary").click(); ` + open, true},
		{`document.querySelector("main").click(); ` + open, false},
	} {
		if got, err := chromedp.Run(ctx, chromedp.Evaluate[bool](step.script)); err != nil || got != step.want {
			t.Errorf("after %s: open %v (%v), want %v", step.script, got, err, step.want)
		}
	}
}

// TestBrowserRefreshes changes a value in the store and wants it on the pages
// without a reload.
func TestBrowserRefreshes(t *testing.T) {
	f := newFixture(t, 5, time.Now())
	server := httptest.NewServer(f.handler(t, BaseMap{}))
	t.Cleanup(server.Close)
	ctx, console := openBrowser(t)
	rows := f.latest.Rows("umwelt")
	row := rows[slices.IndexFunc(rows, func(a devices.Aggregate) bool { return a.Quantity.Name == "air_temperature" })]
	key := keyOf(&row)
	for i, path := range []string{"/stations", stationPath(row.Station), "/topic/environment"} {
		visit(t, ctx, console, server.URL+path, "light", 1440)
		row.Mean = 12345.6 + float64(i)
		f.latest.Put("umwelt", []devices.Aggregate{row}, time.Now())
		_, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](`document.dispatchEvent(new Event("visibilitychange"))`))
		if err != nil {
			t.Fatal(err)
		}
		changed := fmt.Sprintf(`document.querySelector('[data-key=%q]')?.textContent.startsWith(%q) ?? false`, key, number(row.Mean, 1, "de"))
		if _, err := chromedp.Run(ctx, chromedp.Poll[bool](changed)); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
}

// TestBrowserWaitsForData opens pages before there are data and wants the values
// and the chart when they come.
func TestBrowserWaitsForData(t *testing.T) {
	f := newFixture(t, 5, time.Now())
	f.latest = opendata.NewLatest()
	server := httptest.NewServer(f.handler(t, BaseMap{}))
	t.Cleanup(server.Close)
	ctx, console := openBrowser(t)
	visit(t, ctx, console, server.URL, "light", 1440, `#map[data-ready]`)
	before, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS("h1")))
	if err != nil || before != german.Site.NoData {
		t.Fatalf("without data the page says %q (%v), want %q", before, err, german.Site.NoData)
	}
	visit(t, ctx, console, server.URL+stationPath(f.places[0].ID), "light", 1440)
	for i := range f.datasets {
		f.latest.Put(f.datasets[i].ID, f.rows[f.datasets[i].ID], time.Now())
	}
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](`document.dispatchEvent(new Event("visibilitychange"))`)); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.WaitReady(chromedp.CSS(`#chart[data-ready] canvas`))); err != nil {
		t.Fatal(err)
	}
}
