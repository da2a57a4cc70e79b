package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"modellregion/devices"
)

// What a reader sees in the browser is what InfluxDB holds: the table behind the
// chart of a station, window by window and lane by lane.
func TestPortalShowsWhatIsStored(t *testing.T) {
	t.Parallel()
	ctx := chromium(t)
	dir := t.TempDir()
	p := demo(t, dir, "--sensors", "20")
	eventually(t, "ready", func() bool { return strings.Contains(p.printed(), "ready after") })
	at := "http://" + endpoints(t, dir)["http"]
	db := database(t, dir)
	const dataset, quantity = "verkehr", "vehicle_count"
	var station string
	eventually(t, "windows that are over", func() bool {
		now := time.Now()
		rows, err := db.Windows(t.Context(), dataset, 15*time.Minute, devices.Span{Start: now.Add(-24 * time.Hour), End: now.Add(-30 * time.Minute)}, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range rows {
			if a.Quantity.Name == quantity && a.Channel != "" {
				station = a.Station
			}
		}
		return station != ""
	})
	germany, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	address := at + "/en/station/" + station + "?quantity=" + quantity + "&span=day"
	const table = `Array.from(document.querySelectorAll(".grid-table tr")).map(r => Array.from(r.cells).map(c => c.textContent.trim()))`
	eventually(t, "the same numbers at "+address, func() bool {
		if err := chromedp.Do(ctx, chromedp.Navigate(address), chromedp.WaitReady(chromedp.CSS("footer"))); err != nil {
			t.Fatal(err)
		}
		shown, err := chromedp.Run(ctx, chromedp.Evaluate[[][]string](table))
		if err != nil {
			t.Fatal(err)
		}
		cells := map[string]string{} // by window and lane
		for _, row := range shown {
			for i := 1; i < len(row); i++ {
				cells[row[0]+" "+shown[0][i]] = row[i]
			}
		}
		now := time.Now()
		rows, err := db.Windows(t.Context(), dataset, 15*time.Minute, devices.Span{Start: now.Add(-24 * time.Hour), End: now.Add(-30 * time.Minute)}, station)
		if err != nil {
			t.Fatal(err)
		}
		compared := 0
		for _, a := range rows {
			if a.Quantity.Name != quantity || a.Suppressed {
				continue
			}
			from := a.Start.In(germany)
			key := fmt.Sprintf("%s–%s %s", from.Format("Mon 2 Jan 2006, 15:04"), from.Add(a.Window).Format("15:04"), strings.Replace(a.Channel, "lane", "Lane ", 1))
			if got := strings.ReplaceAll(cells[key], ",", ""); got != strconv.FormatFloat(a.Value(), 'f', 0, 64) {
				t.Logf("%s: the page shows %q, InfluxDB has %v", key, got, a.Value())
				return false // perhaps computed anew between the two
			}
			compared++
		}
		return compared > 0
	})
	t.Run("the pages of the interface are accessible", func(t *testing.T) { accessible(t, ctx, at+"/api/", at+"/en/api/") })
	p.stop()
}

// accessible holds pages against the rules of WCAG 2.1 AA, in the light and in
// the dark; those of the portal are held against them in its own tests.
func accessible(t *testing.T, ctx context.Context, pages ...string) {
	rules, err := os.ReadFile("../opendata/portal/testdata/axe/node_modules/axe-core/axe.min.js")
	switch {
	case err == nil:
	case os.Getenv("CI") == "true" && os.Getenv("WITHOUT_AXE") == "":
		t.Fatalf("axe-core is missing: %v", err)
	default:
		t.Skip("axe-core is missing: run npm ci in opendata/portal/testdata/axe")
	}
	for _, page := range pages {
		for _, theme := range []string{"light", "dark"} {
			media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}}
			if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
				t.Fatal(err)
			}
			if err := chromedp.Do(ctx, chromedp.Navigate(page), chromedp.WaitReady(chromedp.CSS("main"))); err != nil {
				t.Fatalf("%s: %v", page, err)
			}
			if _, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](string(rules))); err != nil {
				t.Fatal(err)
			}
			broken, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](`axe.run(document, {
				runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}, resultTypes: ["violations"],
			}).then((r) => r.violations.map((v) => v.id + ": " + v.nodes.slice(0, 3).map((n) => n.html + " " + n.failureSummary).join(" ")))`, chromedp.EvalAwaitPromise))
			if err != nil {
				t.Fatalf("%s: %v", page, err)
			}
			for _, one := range broken {
				t.Errorf("%s, %s: %s", page, theme, one)
			}
		}
	}
}

// chromium starts a browser; the test skips without it, and fails under CI.
func chromium(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("chromium is missing")
		}
		t.Skip("chromium is missing")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()), chromedp.WSURLReadTimeout(time.Minute))
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
