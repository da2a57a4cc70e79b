package portal

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// TestBrowserMap uses the map: it filters, searches, asks where one is, and is
// opened at the address that it has given.
func TestBrowserMap(t *testing.T) {
	f := newFixture(t, 60, time.Now())
	server := httptest.NewServer(f.handler(t, BaseMap{}))
	t.Cleanup(server.Close)
	ctx, console := openBrowser(t)
	visit(t, ctx, console, server.URL, "light", 1440, `#map[data-ready]`)
	evaluate := func(script string) string {
		t.Helper()
		text, err := chromedp.Run(ctx, chromedp.Evaluate[string](script))
		if err != nil {
			t.Fatalf("%s: %v; console: %q", script, err, console.take())
		}
		return text
	}
	drawn := `String([...document.querySelector("#map canvas").getContext("2d").getImageData(0, 0, document.querySelector("#map canvas").width, document.querySelector("#map canvas").height).data].some((v) => v))`
	if evaluate(drawn) != "true" {
		t.Error("nothing is drawn")
	}
	if top := evaluate(`(() => { const r = document.getElementById("map").getBoundingClientRect(); window.scrollTo(0, r.top + scrollY); return document.elementFromPoint(r.left + r.width / 2, r.height / 2).tagName; })()`); top != "CANVAS" {
		t.Errorf("above the stations lies a %s", top)
	}

	// A domain and a municipality.
	choose := `(() => { const f = document.getElementById("map-filter"); f.elements.domain.value = "traffic"; f.elements.municipality.value = "aachen";
		f.elements.domain.dispatchEvent(new Event("change", { bubbles: true }));
		return document.getElementById("map").dataset.shown + " " + location.search + " " + document.getElementById("map-list").getAttribute("href") + " " + document.querySelectorAll(".legend > div:not([hidden])").length; })()`
	n := f.count("aachen", "traffic")
	if got, want := evaluate(choose), fmt.Sprintf("%d ?domain=traffic&municipality=aachen", n); !strings.HasPrefix(got, want) || !strings.Contains(got, "/stations?domain=traffic&municipality=aachen") || !strings.HasSuffix(got, " 1") {
		t.Errorf("after the choice: %s; want %s", got, want)
	}

	// The search finds a station that is not among them, by the keyboard.
	s := f.places[2] // of the grid
	find := fmt.Sprintf(`(() => { const i = document.getElementById("map-find"); i.focus(); i.value = %q; i.dispatchEvent(new Event("input"));
		for (const key of ["ArrowDown", "Enter"]) i.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
		return document.querySelector(".leaflet-popup-content a").getAttribute("href") + " " + document.getElementById("map").dataset.shown; })()`, strings.ToUpper(s.Name)+" "+testRegion.Municipalities[0].Name)
	if got := evaluate(find); !strings.HasPrefix(got, "/station/") || !strings.HasSuffix(got, " 60") {
		t.Errorf("the search leads to %s, want a station among all 60", got)
	}
	at := evaluate(`location.hash`)
	if !strings.HasPrefix(at, "#map=16/") {
		t.Errorf("the address of a station is %s", at)
	}

	// The same address shows the same.
	visit(t, ctx, console, server.URL+"/status", "light", 1440)
	visit(t, ctx, console, server.URL+"/"+at, "dark", 360, `#map[data-ready]`)
	if again := evaluate(`location.hash`); again != at {
		t.Errorf("opened at %s the map is at %s", at, again)
	}

	// Where one is, is asked for on a click alone.
	grant := cdpbrowser.SetPermissionParams{Permission: &cdpbrowser.PermissionDescriptor{Name: "geolocation"}, Setting: cdpbrowser.PermissionSettingGranted}
	if _, err := chromedp.CallBrowser(ctx, cdpbrowser.SetPermission, grant); err != nil {
		t.Fatal(err)
	}
	lat, lon, near := 51.5, 7.25, 10.0
	if _, err := chromedp.Call(ctx, emulation.SetGeolocationOverride, emulation.SetGeolocationOverrideParams{Latitude: &lat, Longitude: &lon, Accuracy: &near}); err != nil {
		t.Fatal(err)
	}
	evaluate(`document.getElementById("map-near").click(), ""`)
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](`location.hash.startsWith("#map=14/51.5")`)); err != nil {
		t.Errorf("the map is at %s, want it where one is: %v", evaluate(`location.hash`), err)
	}
	if all := console.take(); len(all) > 0 {
		t.Errorf("the console says %q", all)
	}
}
