package portal

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

var (
	shownLink = regexp.MustCompile(`<a class="button plain" href="([^"]+)" data-shown`)
	dataUsual = regexp.MustCompile(`data-usual="([^"]*)"`)
)

// TestStationSpans opens the page of a station at each span.
func TestStationSpans(t *testing.T) {
	now := midWindow()
	f := newFixture(t, 5, now)
	s := f.stationOf("environment")
	for _, w := range []opendata.Window{opendata.Hour, opendata.Day24} {
		addWindows(f, s.ID, "air_temperature", w, 400, now, func(at time.Time) float64 { return 10 })
	}
	h := f.handler(t, BaseMap{})
	for _, l := range languages() {
		for _, span := range chartSpans() {
			r := get(h, "GET", l.To(stationPath(s.ID))+"?quantity=air_temperature&span="+string(span))
			text := html.UnescapeString(body(t, r))
			for _, want := range []string{l.Station.Chart + ": " + l.Station.lastSpan(span), `<polyline class="line s0"`, `<td class="num">`, l.Station.Figures, l.Station.Embed, "@misc{"} {
				if !strings.Contains(text, want) || r.StatusCode != 200 {
					t.Errorf("%s %s: %d, no %s", l.Lang, span, r.StatusCode, want)
				}
			}
			checkPage(t, l.Lang+" "+string(span), text, l)
		}
	}
	for _, query := range []string{"?span=decade", "?quantity=voltage", "?quantity=nothing"} {
		if r := get(h, "GET", stationPath(s.ID)+query); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", query, r.StatusCode)
		}
	}
}

// TestStationDownloads follows the links of exactly what is shown.
func TestStationDownloads(t *testing.T) {
	f := newFixture(t, 5, midWindow())
	h := f.handler(t, BaseMap{})
	s := f.stationOf("energy")
	text := body(t, get(h, "GET", stationPath(s.ID)))
	links := shownLink.FindAllStringSubmatch(text, -1)
	if len(links) != 3 {
		t.Fatalf("%d downloads, want 3", len(links))
	}
	for i, m := range links {
		r := get(h, "GET", html.UnescapeString(m[1]))
		got := body(t, r)
		if r.StatusCode != 200 {
			t.Fatalf("%s: %d", m[1], r.StatusCode)
		}
		if i == 2 {
			var answer seriesAnswer
			if err := json.Unmarshal([]byte(got), &answer); err != nil || answer.Station != s.ID {
				t.Errorf("%s: %v", m[1], err)
			}
		} else if !strings.Contains(got, s.ID) {
			t.Errorf("%s has nothing of the station", m[1])
		}
	}
}

// TestStationUsual has eight weeks of the same behind a day, of which the last
// window is far above.
func TestStationUsual(t *testing.T) {
	now := midWindow()
	f := newFixture(t, 5, now)
	s := f.stationOf("environment")
	addWindows(f, s.ID, "air_temperature", opendata.Hour, 70, now, func(at time.Time) float64 { return -40 })
	h := f.handler(t, BaseMap{})
	text := html.UnescapeString(body(t, get(h, "GET", stationPath(s.ID))))
	if !strings.Contains(text, "mehr als üblich (−40,0 bis −40,0"+thin+"°C)") || !strings.Contains(text, `<polygon class="band s0"`) || !strings.Contains(text, german.Station.Usual) {
		t.Error("the page does not compare with the usual")
	}
	m := dataUsual.FindStringSubmatch(text)
	var bands []usualJSON
	if m == nil {
		t.Fatal("nothing usual for the script")
	}
	raw := dataUsual.FindStringSubmatch(body(t, get(h, "GET", stationPath(s.ID))))[1]
	if err := json.Unmarshal([]byte(html.UnescapeString(raw)), &bands); err != nil || len(bands) != 1 || len(bands[0].Pieces) < 23 || bands[0].Pieces[0][2] != -40 {
		t.Errorf("usual for the script: %v, %.200s", err, raw)
	}
}

func TestUsualShare(t *testing.T) {
	count, _ := devices.Lookup("vehicle_count")
	speed, _ := devices.Lookup("speed_mean")
	if got := usualShare(count, opendata.Quarter); got != 0.25 {
		t.Errorf("a quarter of an hour has %g of the vehicles of an hour", got)
	}
	if got := usualShare(speed, opendata.Quarter); got != 1 {
		t.Errorf("a quarter of an hour has %g of the speed of an hour", got)
	}
}

func TestCite(t *testing.T) {
	f := newFixture(t, 5, midWindow())
	p := &portal{Config: Config{Region: testRegion, Datasets: f.datasets}}
	q, _ := devices.Lookup("vehicle_count")
	begin := opendata.Day{Year: 2026, Month: 11, Day: 23}.Span().Start
	a := &asked{site: &site{Station: devices.Station{ID: "b_1", Name: "B 1 & {Ring}"}, Town: "Soest"}, set: &f.datasets[0], q: q, window: opendata.Quarter, span: devices.Span{Start: begin, End: begin.Add(48 * time.Hour)}}
	c := p.citeCourse(a, &german, "https://daten.example/station/b_1", begin.AddDate(0, 0, 6))
	if want := "Stadt Paderborn: Fahrzeuge. Messstelle B 1 & {Ring}, Soest, 23.11.2026 bis 24.11.2026. Datensatz „Verkehr“, Modellregion NRW. Lizenz: Datenlizenz Deutschland – Zero – Version 2.0 (https://www.govdata.de/dl-de/zero-2-0). https://daten.example/station/b_1 (abgerufen am 29.11.2026)"; c.Text != want {
		t.Errorf("citation %s\nwant %s", c.Text, want)
	}
	for _, want := range []string{"@misc{b-1-vehicle-count,\n", `title = {Fahrzeuge, B 1 \& \{Ring\}, Soest, `, "urldate = {2026-11-29}", "author = {{Stadt Paderborn}}"} {
		if !strings.Contains(c.BibTeX, want) {
			t.Errorf("BibTeX lacks %q:\n%s", want, c.BibTeX)
		}
	}
}

func TestThings(t *testing.T) {
	u, err := url.Parse(thingsPath("o'hara weg"))
	if err != nil || u.Query().Get("$filter") != "properties/id eq 'o''hara weg'" || strings.ContainsAny(u.RawQuery, "+ ") {
		t.Errorf("%v, %v", u, err)
	}
}

// TestEmbed: the chart may stand in a frame, and nothing else may.
func TestEmbed(t *testing.T) {
	f := newFixture(t, 5, midWindow())
	h := f.handler(t, BaseMap{})
	s := f.stationOf("traffic")
	for _, l := range languages() {
		r := get(h, "GET", l.To("/embed/"+s.ID)+"?quantity=speed_mean&span=week")
		text := body(t, r)
		policy := r.Header.Get("Content-Security-Policy")
		if r.StatusCode != 200 || !strings.Contains(policy, "frame-ancestors *") || !strings.Contains(policy, "default-src 'none'") {
			t.Errorf("%d, policy %s", r.StatusCode, policy)
		}
		for _, want := range []string{`<html lang="` + l.Lang, "<polyline", "/station/" + s.ID + "?quantity=speed_mean&amp;span=week", "govdata.de", "Stadt Paderborn", "<table"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %s", l.Lang, want)
			}
		}
		if inline.MatchString(text) || lostVerb.MatchString(text) {
			t.Errorf("inline code or a lost value: %q", inline.FindString(text))
		}
		snippet := html.UnescapeString(html.UnescapeString(body(t, get(h, "GET", l.To(stationPath(s.ID))+"?span=month"))))
		if !strings.Contains(snippet, `src="https://daten.example`+l.To("/embed/"+s.ID)+`?quantity=vehicle_count&span=month"`) {
			t.Errorf("%s: the markup to copy does not show what the page shows", l.Lang)
		}
	}
	for _, path := range []string{"/embed/nobody", "/embed/" + s.ID + "?quantity=voltage", "/station/" + s.ID, "/"} {
		if policy := get(h, "GET", path).Header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s may stand in a frame: %s", path, policy)
		}
	}
	f.latest = newFixture(t, 0, time.Now()).latest
	if r := get(f.handler(t, BaseMap{}), "GET", "/embed/"+s.ID); r.StatusCode != 200 || !strings.Contains(body(t, r), german.Station.ValuesNone) {
		t.Errorf("a silent station in a frame: %d", r.StatusCode)
	}
}
