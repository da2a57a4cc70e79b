package portal

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// follow does what leads to another page and wants that page, and no other.
func follow(t *testing.T, ctx context.Context, want string, status int64, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	r, err := chromedp.RunResponse(ctx, steps...)
	if err != nil {
		t.Fatalf("on the way to %s: %v", want, err)
	}
	u, err := url.Parse(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	if got := u.RequestURI(); got != want || r.Status != status {
		t.Fatalf("came to %s with %d, want %s with %d", got, r.Status, want, status)
	}
}

func click(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.Click(chromedp.CSS(selector))
}

// count returns how many elements there are.
func count(t *testing.T, ctx context.Context, selector string) int {
	t.Helper()
	n, err := chromedp.Run(ctx, chromedp.Evaluate[int](fmt.Sprintf(`document.querySelectorAll(%q).length`, selector)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestBrowserClicks walks through the site as a reader does: navigation, menu,
// language, search, filter, a station, its dataset, and the form for feedback.
func TestBrowserClicks(t *testing.T) {
	f, server, _ := walked(t)
	ctx, console := openBrowser(t)
	visit(t, ctx, console, server+"/imprint", "light", 1440) // the map of the start page has a test of its own

	follow(t, ctx, "/datasets", 200, click(`.main-nav a[href="/datasets"]`))
	follow(t, ctx, "/en/datasets", 200, click(`.top .lang`))
	follow(t, ctx, "/en/topic/traffic", 200, click(`.menu > summary`), click(`.menu a[href="/en/topic/traffic"]`))
	follow(t, ctx, "/en/status", 200, click(`.main-nav a[href="/en/status"]`))

	want := 0
	for _, s := range f.places {
		if strings.Contains(fold(s.Name), "stadtwald") {
			want++
		}
	}
	follow(t, ctx, "/en/stations?q=stadtwald", 200, chromedp.SendKeys(chromedp.CSS(`.search input`), "stadtwald"), click(`.search button`))
	if got := count(t, ctx, "#tabelle tbody tr"); got != want || want == 0 {
		t.Errorf("the search finds %d stations, want %d", got, want)
	}
	follow(t, ctx, "/en/stations", 200, click(`main .filter a`)) // no filter any more
	follow(t, ctx, "/en/stations?q=&domain=road&municipality=&state=", 200, chromedp.SetValue(chromedp.CSS(`main select[name="domain"]`), "road"), click(`main .filter button`))
	road := 0
	for _, s := range f.places {
		if s.Domain == "road" {
			road++
		}
	}
	if got := count(t, ctx, "#tabelle tbody tr"); got != road {
		t.Errorf("the filter shows %d stations of roads, want %d", got, road)
	}

	station := f.places[0].ID
	visit(t, ctx, console, server+"/en/stations?q="+station, "light", 1440)
	follow(t, ctx, "/en"+stationPath(station), 200, click(`#tabelle tbody a`))
	follow(t, ctx, "/en/feedback?about=station/"+station, 200, click(`#rueckmeldungen .button`))
	if got := count(t, ctx, "#rueckmeldungen .said > li"); got != 1 {
		t.Errorf("%d published answers beside the form, want 1", got)
	}
	// Faster than a person: it is refused, and what was typed stays.
	follow(t, ctx, "/en/feedback", 422, chromedp.SendKeys(chromedp.CSS("#text"), "Is this lane closed?"), click(`.write button`))
	if err := chromedp.Do(ctx, chromedp.WaitReady(chromedp.CSS(".problem:focus"))); err != nil { // the browser moves it there when it first draws the page
		t.Fatalf("what is wrong is not where the keyboard is: %v", err)
	}
	typed, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](`[document.querySelector("#text").value, document.querySelector("[role=alert]").innerText]`))
	if err != nil || typed[0] != "Is this lane closed?" || !strings.Contains(typed[1], english.Feedback.Reason.Early) {
		t.Errorf("refused, the page has %q (%v)", typed, err)
	}
	t.Run("axe", func(t *testing.T) {
		found, err := axe(ctx, axeRules(t))
		if err != nil || len(found) > 0 {
			t.Errorf("the refused form: %v %v", found, err)
		}
	})
	follow(t, ctx, "/en/feedback/7K3M9QX2TV", 404, chromedp.SendKeys(chromedp.CSS("#code"), "7k3m-9qx2tv"), click(`.lookup button`))
}
