package portal

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
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

func TestBrowser(t *testing.T) {
	f := newFixture(t, 60, time.Now())
	server := httptest.NewServer(f.handler(t, BaseMap{}))
	t.Cleanup(server.Close)
	ctx := browser(t)
	var console complaints
	if err := console.listen(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, log.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	station := f.places[0] // a counting station in Aachen, without a gap in its last windows
	for _, c := range []struct {
		lang, path, theme string
		width             int64
	}{
		{"de", "/", "light", 1440}, {"en", "/en/", "dark", 768}, {"de", "/?municipality=aachen&domain=traffic&station=" + station.ID, "dark", 360},
	} {
		theme := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: c.theme}}}
		if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, theme); err != nil {
			t.Fatal(err)
		}
		err := chromedp.Do(ctx,
			chromedp.EmulateViewport(c.width, 900),
			chromedp.Navigate(server.URL+c.path),
			chromedp.WaitReady(chromedp.CSS(`#map[data-ready]`)), chromedp.WaitReady(chromedp.CSS(`#chart[data-ready] canvas`)))
		if err != nil {
			t.Fatalf("%s: %v; console: %q", c.path, err, console.take())
		}
		shown, err := chromedp.Run(ctx, chromedp.Evaluate[pageState](`({
				markers: document.querySelectorAll(".station-mark").length,
				plots: document.querySelectorAll("#chart canvas").length,
				width: document.documentElement.scrollWidth,
				lang: document.documentElement.lang,
				values: Object.fromEntries([...document.querySelectorAll("[data-key]")].map(e => [e.dataset.key, e.textContent])),
			})`))
		if err != nil {
			t.Fatalf("%s: %v; console: %q", c.path, err, console.take())
		}
		if all := console.take(); len(all) > 0 {
			t.Errorf("%s: the console says %q", c.path, all)
		}
		markers := len(f.places)
		if strings.Contains(c.path, "municipality") {
			markers = f.count("aachen", "traffic")
		}
		if shown.Markers != markers || shown.Plots != 1 || shown.Lang != c.lang {
			t.Errorf("%s: %d markers, %d plots, language %s; want %d, 1, %s", c.path, shown.Markers, shown.Plots, shown.Lang, markers, c.lang)
		}
		if shown.Width > c.width {
			t.Errorf("%s: the page is %d px wide on a screen of %d", c.path, shown.Width, c.width)
		}
		compareValues(t, f, c.lang, shown.Values)
	}
}

// TestBrowserRefreshes changes a value in the store and wants it on the page
// without a reload.
func TestBrowserRefreshes(t *testing.T) {
	f := newFixture(t, 5, time.Now())
	server := httptest.NewServer(f.handler(t, BaseMap{}))
	t.Cleanup(server.Close)
	ctx := browser(t)
	row := f.latest.Rows("umwelt")[0]
	row.Mean = 12345.6
	key := keyOf(&row)
	if err := chromedp.Do(ctx, chromedp.Navigate(server.URL), chromedp.WaitReady(chromedp.CSS(`#map[data-ready]`))); err != nil {
		t.Fatal(err)
	}
	f.latest.Put("umwelt", []devices.Aggregate{row}, time.Now())
	_, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](`document.dispatchEvent(new Event("visibilitychange"))`))
	if err != nil {
		t.Fatal(err)
	}
	changed := fmt.Sprintf(`document.querySelector('[data-key=%q]').textContent.startsWith("12.345,6")`, key)
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](changed)); err != nil {
		t.Fatal(err)
	}
}

// TestBrowserWaitsForData opens the page before there is data and wants the
// values and the chart when they come.
func TestBrowserWaitsForData(t *testing.T) {
	f := newFixture(t, 5, time.Now())
	f.latest = opendata.NewLatest()
	server := httptest.NewServer(f.handler(t, BaseMap{}))
	t.Cleanup(server.Close)
	ctx := browser(t)
	if err := chromedp.Do(ctx, chromedp.Navigate(server.URL), chromedp.WaitReady(chromedp.CSS(`#map[data-ready]`))); err != nil {
		t.Fatal(err)
	}
	before, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS("h1")))
	if err != nil || before != german.NoData {
		t.Fatalf("without data the page says %q (%v), want %q", before, err, german.NoData)
	}
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
