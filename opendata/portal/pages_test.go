package portal

import (
	"fmt"
	"html"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// sitePages are all pages of the site in German, those with an id for one of it.
func sitePages(f *fixture) []string {
	paths := []string{"/", "/stations", "/datasets", "/status", "/imprint", "/privacy", "/accessibility"}
	for _, d := range f.datasets {
		paths = append(paths, "/dataset/"+d.ID)
	}
	for _, domain := range []string{"traffic", "energy", "road", "environment"} {
		paths = append(paths, "/topic/"+domain)
	}
	if len(f.places) > 0 {
		paths = append(paths, "/station/"+f.places[0].ID)
	}
	return paths
}

var (
	valueCell = regexp.MustCompile(`<b data-key="([^"]+)">([^<]*)</b>`)
	inline    = regexp.MustCompile(`<style|\sstyle=|\son[a-z]+=|<script>|javascript:`)
	lostVerb  = regexp.MustCompile(`%!|&lt;no value|ZgotmplZ`)
	title     = regexp.MustCompile(`<title>([^<]+)</title>`)
	heading   = regexp.MustCompile(`<h([1-6])[ >]`)
	href      = regexp.MustCompile(`(?:href|src|action)="([^"]*)"`)
	ids       = regexp.MustCompile(`\sid="([^"]*)"`)
	idRefs    = regexp.MustCompile(`aria-labelledby="([^"]*)"`)
)

// elsewhere are paths that other faces of the platform answer.
var elsewhere = regexp.MustCompile(`^(/en)?/api/$|^/data/|^/catalog(/|$)|^/sta/v1\.1(/|$)|^(/en)?/dataset/[^/]+/file$|^/openapi\.json$`)

// TestPages looks at every page in both languages, with data and without.
func TestPages(t *testing.T) {
	for name, f := range map[string]*fixture{"full": newFixture(t, 60, midWindow()), "empty": newFixture(t, 0, time.Now())} {
		h := f.handler(t, DefaultBaseMap())
		titles := map[string]string{}
		for _, path := range sitePages(f) {
			for _, l := range languages() {
				target := l.To(path)
				r := get(h, "GET", target)
				text := body(t, r)
				if r.StatusCode != 200 || r.Header.Get("Content-Type") != "text/html; charset=utf-8" {
					t.Errorf("%s %s: %d %s", name, target, r.StatusCode, r.Header.Get("Content-Type"))
					continue
				}
				checkPage(t, name+" "+target, text, l)
				if m := title.FindStringSubmatch(text); m == nil || titles[m[1]] != "" && titles[m[1]] != path {
					t.Errorf("%s %s: title %q, which %s has, too", name, target, m, titles[m[1]])
				} else {
					titles[m[1]] = path // a name may be the same in both languages
				}
				checkLinks(t, h, name+" "+target, text)
			}
		}
	}
}

func checkPage(t *testing.T, name, text string, l *texts) {
	t.Helper()
	for _, want := range []string{
		`<html lang="` + l.Lang + `">`, `<meta name="description" content="`, `<link rel="canonical" href="https://daten.example`, `hreflang="de" href="https://daten.example/`,
		`hreflang="en" href="https://daten.example/en/`, `<main id="inhalt"`, `<a class="skip" href="#inhalt">`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s lacks %s", name, want)
		}
	}
	if inline.MatchString(text) || lostVerb.MatchString(text) {
		t.Errorf("%s: inline code or a lost value: %q %q", name, inline.FindString(text), lostVerb.FindString(text))
	}
	main := text[strings.Index(text, "<main"):strings.Index(text, "</main>")]
	level := 0
	for i, m := range heading.FindAllStringSubmatch(main, -1) {
		next := int(m[1][0] - '0')
		if (i == 0) != (next == 1) || next > level+1 {
			t.Errorf("%s: heading %d has level %d after %d", name, i, next, level)
		}
		level = next
	}
	if level == 0 {
		t.Errorf("%s has no heading", name)
	}
	known := map[string]bool{}
	for _, m := range ids.FindAllStringSubmatch(text, -1) {
		if known[m[1]] {
			t.Errorf("%s has the id %s twice", name, m[1])
		}
		known[m[1]] = true
	}
	for _, m := range idRefs.FindAllStringSubmatch(text, -1) {
		if !known[m[1]] {
			t.Errorf("%s is labelled by %s, which is not there", name, m[1])
		}
	}
}

// checkLinks follows what a page leads to, one step.
func checkLinks(t *testing.T, h http.Handler, name, text string) {
	t.Helper()
	var seen []string
	for _, m := range href.FindAllStringSubmatch(text, -1) {
		to := strings.TrimPrefix(html.UnescapeString(m[1]), "https://daten.example")
		to, fragment, _ := strings.Cut(to, "#")
		switch {
		case to == "" && fragment != "" && !strings.Contains(text, `id="`+fragment+`"`):
			t.Errorf("%s: nothing has the id %s", name, fragment)
		case to == "" && fragment == "":
			t.Errorf("%s has an empty link", name)
		}
		if to == "" || !strings.HasPrefix(to, "/") || elsewhere.MatchString(to) || slices.Contains(seen, to+fragment) {
			continue
		}
		seen = append(seen, to+fragment)
		r := get(h, "GET", to)
		if there := body(t, r); r.StatusCode != 200 || fragment != "" && !strings.Contains(there, `id="`+fragment+`"`) {
			t.Errorf("%s: the link to %s#%s gives %d", name, to, fragment, r.StatusCode)
		}
	}
}

// TestPagesExplainThemselves: without data, each page says so.
func TestPagesExplainThemselves(t *testing.T) {
	f := newFixture(t, 0, time.Now())
	h := f.handler(t, BaseMap{})
	silent := newFixture(t, 5, time.Now().Add(-72*time.Hour))
	silent.latest = newFixture(t, 0, time.Now()).latest
	for _, c := range []struct {
		h            http.Handler
		path, de, en string
	}{
		{h, "/", german.Site.NoDataMore, english.Site.NoDataMore}, {h, "/stations", german.List.NoStations, english.List.NoStations},
		{h, "/datasets", german.Datasets.None, english.Datasets.None}, {h, "/dataset/verkehr", german.Dataset.FilesNone, english.Dataset.FilesNone},
		{h, "/topic/road", german.Topic.None, english.Topic.None}, {h, "/status", german.Status.None, english.Status.None},
		{silent.handler(t, BaseMap{}), "/station/" + silent.places[0].ID, german.Station.ValuesNone, english.Station.ValuesNone},
		{silent.handler(t, BaseMap{}), "/station/" + silent.stationOf("traffic").ID, `<a href="/dataset/verkehr">Alle Dateien`, `<a href="/en/dataset/verkehr">All files`},
		{silent.handler(t, BaseMap{}), "/status", german.State.SilentMore, english.State.SilentMore},
	} {
		for _, target := range [][2]string{{c.path, c.de}, {"/en" + c.path, c.en}} {
			if r := get(c.h, "GET", target[0]); !strings.Contains(html.UnescapeString(body(t, r)), target[1]) || r.StatusCode != 200 {
				t.Errorf("%s: %d without %q", target[0], r.StatusCode, target[1])
			}
		}
	}
}

// TestNumbersOnThePages compares each value on the pages of all stations, and on
// the list, with the store, without a browser.
func TestNumbersOnThePages(t *testing.T) {
	f := newFixture(t, 60, midWindow())
	h := f.handler(t, BaseMap{})
	want := 0
	for _, d := range f.datasets {
		want += len(f.latest.Rows(d.ID))
	}
	for _, l := range languages() {
		total := 0
		for _, s := range f.places {
			total += compareText(t, f, l, body(t, get(h, "GET", l.To(stationPath(s.ID)))))
		}
		if total != want {
			t.Errorf("%s: the pages show %d values, the store has %d", l.Lang, total, want)
		}
		for _, target := range []string{"/stations", "/stations?page=2", "/topic/energy"} {
			compareText(t, f, l, body(t, get(h, "GET", l.To(target))))
		}
	}
}

func compareText(t *testing.T, f *fixture, l *texts, text string) int {
	t.Helper()
	shown := map[string]string{}
	for _, m := range valueCell.FindAllStringSubmatch(text, -1) {
		shown[html.UnescapeString(m[1])] = html.UnescapeString(m[2])
	}
	n := len(shown)
	compareValues(t, f, l.Lang, shown)
	return n
}

func TestTextsAreComplete(t *testing.T) {
	var compare func(path string, de, en reflect.Value)
	compare = func(path string, de, en reflect.Value) {
		for i := range de.NumField() {
			name := path + "." + de.Type().Field(i).Name
			if de.Field(i).Kind() == reflect.Struct {
				compare(name, de.Field(i), en.Field(i))
				continue
			}
			g, e := de.Field(i).String(), en.Field(i).String()
			if name != ".Prefix" && g == "" || e == "" {
				t.Errorf("%s: %q and %q", name, g, e)
			}
			if strings.Count(g, "%") != strings.Count(e, "%") && !strings.Contains(g, "200 %") {
				t.Errorf("%s takes %d values in German and %d in English", name, strings.Count(g, "%"), strings.Count(e, "%"))
			}
		}
	}
	compare("", reflect.ValueOf(german), reflect.ValueOf(english))
}

func TestSearch(t *testing.T) {
	f := newFixture(t, 4, midWindow())
	f.places[0].Name, f.places[1].Name, f.places[2].Name, f.places[3].Name = "Große Straße 3", "Neuer Graben", "Am Öhrchen", "B 64"
	f.places[3].Road = "Bundesstraße 64"
	h := f.handler(t, BaseMap{})
	for query, want := range map[string]int{
		"strasse": 2, "STRASSE": 2, "grosse stra": 1, "oehrchen": 1, "ohrchen": 1, "neuer": 1, "verkehr": 2, "traffic": 2, "Graben Straße": 0, "aachen": 4, " ": 4,
	} {
		text := body(t, get(h, "GET", "/stations?q="+strings.ReplaceAll(query, " ", "+")))
		if !strings.Contains(text, fmt.Sprintf("%d von 4 Stationen", want)) {
			t.Errorf("%q does not find %d stations", query, want)
		}
	}
}

func TestState(t *testing.T) {
	f := newFixture(t, 5, midWindow())
	p := &portal{Config: Config{Region: testRegion, Datasets: f.datasets, Directory: f, Latest: f.latest}, now: newOverview(f.latest)}
	newest := f.latest.Newest("verkehr")
	s := p.stations().byID[f.places[0].ID]
	for after, want := range map[time.Duration]state{0: stateLive, 45 * time.Minute: stateLive, 46 * time.Minute: stateDelayed} {
		if got := s.state(newest.Add(after)); got != want {
			t.Errorf("%s after the begin of its newest window a station is %s, want %s", after, got, want)
		}
	}
	for i := range s.Rows {
		s.Rows[i].Suppressed = true
	}
	if got := s.state(newest); got != stateSuppressed || s.key() != nil {
		t.Errorf("of a station of which nothing may be told: %s, %v", got, s.key())
	}
	if got := (&site{}).state(newest); got != stateSilent {
		t.Errorf("a station without windows is %s", got)
	}
}

func TestFileSets(t *testing.T) {
	sets := fileSets(newFixture(t, 1, midWindow()).files, &german, maxFileSets)
	var got []string
	for _, s := range sets {
		line := s.Period + ", " + s.Window
		for _, f := range s.Files {
			line += ", " + f.Format + " " + f.Size
		}
		got = append(got, line)
	}
	want := []string{
		"Letzte Werte, 15 Minuten, CSV 4" + thin + "kB", "So 22.11.2026, 15 Minuten, CSV 12" + thin + "kB, Parquet 999" + thin + "B",
		"November 2026, 1 Stunde, Excel 1,2" + thin + "MB",
	}
	if !slices.Equal(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}
}
