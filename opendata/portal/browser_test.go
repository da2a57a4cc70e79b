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
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
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
	Markers int               `json:"markers"`
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

// visit opens a page in a theme and width, waits until it is there, and returns
// what it shows; the console has to be silent.
func visit(t *testing.T, ctx context.Context, console *complaints, url, theme string, width int64, ready ...string) pageState {
	t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 900), chromedp.Navigate(url), chromedp.WaitReady(chromedp.CSS("footer"))); err != nil {
		t.Fatalf("%s: %v; console: %q", url, err, console.take())
	}
	for _, selector := range ready {
		if err := chromedp.Do(ctx, chromedp.WaitReady(chromedp.CSS(selector))); err != nil {
			t.Fatalf("%s: no %s: %v; console: %q", url, selector, err, console.take())
		}
	}
	shown, err := chromedp.Run(ctx, chromedp.Evaluate[pageState](`({
			markers: document.querySelectorAll(".station-mark").length,
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

// TestBrowser opens every page in both languages, at a narrow screen and a wide
// one, light and dark.
func TestBrowser(t *testing.T) {
	f := newFixture(t, 60, time.Now())
	server := httptest.NewServer(f.handler(t, BaseMap{}))
	t.Cleanup(server.Close)
	ctx, console := openBrowser(t)
	for _, path := range append(sitePages(f), "/nirgends") {
		for _, c := range []struct {
			t     *texts
			theme string
			width int64
		}{{&german, "light", 360}, {&english, "dark", 1440}, {&german, "dark", 768}} {
			var ready []string
			switch {
			case path == "/":
				ready = []string{`#map[data-ready]`}
			case strings.HasPrefix(path, "/station/"):
				ready = []string{`#chart[data-ready] canvas`}
			case path == "/nirgends":
				ready = []string{"main .button"}
			}
			shown := visit(t, ctx, quietOf(console, path), server.URL+c.t.To(path), c.theme, c.width, ready...)
			if shown.Lang != c.t.Lang {
				t.Errorf("%s is in %s", path, shown.Lang)
			}
			if path == "/" && shown.Markers != len(f.places) {
				t.Errorf("the map has %d markers, want %d", shown.Markers, len(f.places))
			}
			if strings.HasPrefix(path, "/station/") {
				if shown.Plots != 1 {
					t.Errorf("%s has %d plots", path, shown.Plots)
				}
				compareValues(t, f, c.t.Lang, shown.Values)
			}
		}
	}
	console.take() // what it says of the page that is not there
	shown := visit(t, ctx, console, server.URL+"/?municipality=aachen&domain=traffic", "light", 1440, `#map[data-ready]`)
	if want := f.count("aachen", "traffic"); shown.Markers != want {
		t.Errorf("the map of a selection has %d markers, want %d", shown.Markers, want)
	}
}

// quietOf is a console in which a page that is not there may say so.
func quietOf(console *complaints, path string) *complaints {
	if path == "/nirgends" {
		return &complaints{}
	}
	console.take()
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
