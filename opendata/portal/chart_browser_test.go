package portal

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"modellregion/opendata"
)

// TestBrowserChart has a year behind a station and clicks through its chart:
// another span without a new page, closer into finer windows, and back.
func TestBrowserChart(t *testing.T) {
	now := time.Now()
	f := newFixture(t, 5, now)
	s := f.stationOf("environment")
	for _, w := range []opendata.Window{opendata.Hour, opendata.Day24} {
		addWindows(f, s.ID, "air_temperature", w, 400, now, func(at time.Time) float64 { return float64(at.YearDay() % 30) })
	}
	server := httptest.NewServer(f.handler(t, BaseMap{}))
	t.Cleanup(server.Close)
	ctx, console := openBrowser(t)
	visit(t, ctx, console, server.URL+stationPath(s.ID)+"?quantity=air_temperature", "light", 1440, `#chart[data-ready="15m"] canvas`, `.chart-tools`)
	do := func(what, script, then string) {
		t.Helper()
		if _, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](script)); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if _, err := chromedp.Run(ctx, chromedp.Poll[bool](then)); err != nil {
			t.Fatalf("%s: never %s: %v; console %q", what, then, err, console.take())
		}
	}
	ready := func(window string) string {
		return fmt.Sprintf(`document.querySelector('#chart[data-ready="%s"]:not([aria-busy]) canvas') !== null`, window)
	}
	do("marked", `window.sameDocument = true`, `window.sameDocument`)
	do("year", `[...document.querySelectorAll(".spans a")].at(-1).click()`, ready("1d")+` && location.search.includes("span=year") && window.sameDocument`)
	do("downloads of a year", ``, `document.querySelector('[data-shown=".csv"]').href.includes("window=1d")`)
	for range 4 {
		do("closer", `document.querySelector('[data-do="in"]').click()`, `!document.querySelector("#chart").hasAttribute("aria-busy")`)
	}
	do("closer", ``, ready("1h"))
	do("downloads of a part", ``, `document.querySelector('[data-shown=".csv"]').href.includes("window=1h") && !document.querySelector('[data-do="out"]').disabled`)
	do("all", `document.querySelector('[data-do="all"]').click()`, ready("1d")+` && document.querySelector('[data-do="all"]').disabled`)
	do("resolution", `const s = document.querySelector(".chart-tools select"); s.value = "1h"; s.dispatchEvent(new Event("change"))`, ready("1h"))
	if all := console.take(); len(all) > 0 {
		t.Errorf("the console says %q", all)
	}
	href, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.querySelector('[data-shown=".csv"]').getAttribute("href")`))
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(body(t, get(f.handler(t, BaseMap{}), "GET", href)), "\n"); lines < 8700 || lines > 8800 {
		t.Errorf("the download of a year of hours has %d lines", lines)
	}
}

// TestBrowserEmbed shows a chart in a frame of another origin.
func TestBrowserEmbed(t *testing.T) {
	f := newFixture(t, 5, time.Now())
	server := httptest.NewServer(f.handler(t, BaseMap{}))
	t.Cleanup(server.Close)
	ctx, console := openBrowser(t)
	for _, theme := range []string{"light", "dark"} {
		for _, width := range []int64{360, 1440} {
			shown := visit(t, ctx, console, server.URL+"/embed/"+f.stationOf("traffic").ID, theme, width, `#chart[data-ready] canvas`)
			if shown.Plots != 1 {
				t.Errorf("%d plots", shown.Plots)
			}
			compareValues(t, f, "de", shown.Values)
		}
	}
}
