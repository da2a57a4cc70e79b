package portal

import (
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/uplink"
)

// testPortal is what a handler has inside, for its parts.
func testPortal(f *fixture) *portal {
	return &portal{
		Config:  Config{Region: testRegion, Datasets: f.datasets, Directory: f, Latest: f.latest, Reader: f, Files: f, Log: slog.New(slog.DiscardHandler)},
		queries: make(chan struct{}, maxQueries), now: newOverview(f.latest),
	}
}

func TestLevel(t *testing.T) {
	for _, c := range []struct {
		domain   uplink.Domain
		quantity string
		v        float64
		state    string
		want     level
	}{
		{uplink.Traffic, "traffic_state", 0, "free", levelGood}, {uplink.Traffic, "traffic_state", 0, "heavy", levelRaised},
		{uplink.Traffic, "traffic_state", 0, "slow", levelHigh}, {uplink.Traffic, "traffic_state", 0, "congested", levelBad},
		{uplink.Traffic, "traffic_state", 0, "unknown", levelUnknown}, {uplink.Traffic, "vehicle_count", 1000, "", levelUnknown},
		{uplink.Energy, "voltage", 207, "", levelGood}, {uplink.Energy, "voltage", 206.9, "", levelBad}, {uplink.Energy, "voltage", 253, "", levelGood}, {uplink.Energy, "voltage", 253.1, "", levelBad},
		{uplink.Energy, "load", 79.9, "", levelGood}, {uplink.Energy, "load", 80, "", levelRaised}, {uplink.Energy, "load", 100, "", levelHigh},
		{uplink.Road, "surface_state", 0, "dry", levelGood}, {uplink.Road, "surface_state", 0, "moist", levelRaised}, {uplink.Road, "surface_state", 0, "wet", levelRaised},
		{uplink.Road, "surface_state", 0, "slush", levelHigh}, {uplink.Road, "surface_state", 0, "snow", levelHigh}, {uplink.Road, "surface_state", 0, "ice", levelBad},
		{uplink.Road, "surface_state", 0, "hoarfrost", levelBad}, {uplink.Road, "surface_state", 0, "unknown", levelUnknown},
		{uplink.Environment, "pm2_5", 12.5, "", levelGood}, {uplink.Environment, "pm2_5", 12.6, "", levelRaised}, {uplink.Environment, "pm2_5", 25.1, "", levelHigh}, {uplink.Environment, "pm2_5", 50.1, "", levelBad},
		{uplink.Environment, "pm10", 50, "", levelRaised}, {uplink.Environment, "no2", 201, "", levelHigh}, {uplink.Environment, "o3", 90, "", levelGood}, {uplink.Environment, "air_temperature", 90, "", levelUnknown},
	} {
		q := quantityOf(t, c.quantity)
		a := devices.Aggregate{Quantity: q, Mean: c.v, Sum: c.v}
		if c.state != "" {
			code, ok := q.Code(c.state)
			if !ok {
				t.Fatalf("%s has no state %s", c.quantity, c.state)
			}
			a.Mode = code
		}
		if got := levelOf(&a); got != c.want {
			t.Errorf("%s %v%s: level %d, want %d", c.quantity, c.v, c.state, got, c.want)
		}
	}
}

// TestLevelIsTheWorst: one phase outside the band is enough; what must not be
// told does not count.
func TestLevelIsTheWorst(t *testing.T) {
	voltage := quantityOf(t, "voltage")
	d := &opendata.Dataset{Domain: uplink.Energy}
	s := site{Station: devices.Station{Domain: uplink.Energy}, Rows: []row{{devices.Aggregate{Quantity: voltage, Mean: 230}, d}, {devices.Aggregate{Quantity: voltage, Mean: 260}, d}}}
	if got := s.level(); got != levelBad {
		t.Errorf("level %d, want %d", got, levelBad)
	}
	s.Rows[1].Suppressed = true
	if got := s.level(); got != levelGood {
		t.Errorf("with a phase of which nothing may be told: level %d, want %d", got, levelGood)
	}
}

func TestMapJSON(t *testing.T) {
	f := newFixture(t, 60, midWindow())
	f.places[0].Segment = devices.Segment{{Lat: 50.1234567, Lon: 6}, {Lat: 50.2, Lon: 6.1}}
	h := f.handler(t, BaseMap{})
	for _, lang := range []string{"de", "en"} {
		plain := get(h, "GET", "/api/v1/map?lang="+lang)
		var m mapAnswer
		if err := json.Unmarshal([]byte(body(t, plain)), &m); err != nil {
			t.Fatal(err)
		}
		for name, n := range map[string]int{"name": len(m.Name), "town": len(m.Town), "domain": len(m.Domain), "level": len(m.Level), "lat": len(m.Lat), "lon": len(m.Lon), "value": len(m.Value)} {
			if n != 60 || len(m.ID) != 60 {
				t.Errorf("%d ids and %d of %s, want 60", len(m.ID), n, name)
			}
		}
		i := slices.Index(m.ID, f.places[0].ID)
		if i < 0 || m.Name[i] != f.places[0].Name || m.Towns[m.Town[i]].ID != f.places[0].Municipality || m.Domains[m.Domain[i]] != f.places[0].Domain {
			t.Errorf("station %d is not %+v", i, f.places[0])
		}
		want := label(quantityOf(t, "vehicle_count"), lang) + " " + channelName("lane1", lang)
		if !strings.HasPrefix(m.Value[i], want+": ") {
			t.Errorf("its value is %q, want one of %s", m.Value[i], want)
		}
		if len(m.Lines) != 1 || m.Lines[0].Station != i || m.Lines[0].Points[0] != [2]float64{50.12346, 6} {
			t.Errorf("lines %+v", m.Lines)
		}
		if got := plain.Header.Get("Cache-Control"); got != "no-cache" {
			t.Errorf("without a version it is cached as %q", got)
		}
		version := strings.Trim(plain.Header.Get("ETag"), `"`)
		for v, want := range map[string]string{version: "immutable", "other": "no-cache"} {
			r := get(h, "GET", "/api/v1/map?lang="+lang+"&v="+v, "Accept-Encoding", "gzip")
			if got := r.Header.Get("Cache-Control"); !strings.Contains(got, want) || r.Header.Get("Content-Encoding") != "gzip" {
				t.Errorf("version %s is cached as %q, packed as %q", v, got, r.Header.Get("Content-Encoding"))
			}
		}
		if page := body(t, get(h, "GET", textsOf(lang).To("/"))); !strings.Contains(page, "/api/v1/map?lang="+lang+"&amp;v="+version) {
			t.Error("the page names another version")
		}
	}
}

// TestMapIsKept: the map of a region in which something changes all the time is
// written now and then.
func TestMapIsKept(t *testing.T) {
	f := newFixture(t, 10, midWindow())
	p := testPortal(f)
	now := time.Now()
	first := p.mapNow("de", now)
	rows := f.latest.Rows("verkehr")
	row := rows[slices.IndexFunc(rows, func(a devices.Aggregate) bool { return a.Quantity.Name == "vehicle_count" })]
	row.Sum = 4711
	f.latest.Put("verkehr", []devices.Aggregate{row}, now)
	if p.mapNow("de", now.Add(mapKept-1)).version != first.version {
		t.Error("it is written again at once")
	}
	if next := p.mapNow("de", now.Add(mapKept)); next.version == first.version || !strings.Contains(string(next.content), "4.711") {
		t.Error("the new value is not in it later")
	}
}

// TestLegend: the words for each level of each domain, and shapes that differ.
func TestLegend(t *testing.T) {
	for _, d := range uplink.Domains() {
		seen := map[string]bool{}
		for _, l := range levels() {
			for _, lang := range []string{"de", "en"} {
				v := l.view(d, lang)
				if v.Name == "" || seen[lang+v.Name] || v.Shape == "" || seen[v.Shape] && lang == "de" {
					t.Errorf("%s level %d in %s: %+v", d, l, lang, v)
				}
				seen[lang+v.Name] = true
				seen[v.Shape] = true
			}
		}
	}
}

func TestRankings(t *testing.T) {
	p := testPortal(newFixture(t, 60, midWindow()))
	for _, d := range uplink.Domains() {
		both := p.rankings(d, &german)
		if len(both) != 2 {
			t.Errorf("%s has %d rankings, want both ends", d, len(both))
			continue
		}
		for _, one := range both[0].Rows {
			if slices.ContainsFunc(both[1].Rows, func(r rankedStation) bool { return r.URL == one.URL }) {
				t.Errorf("%s: %s is at both ends", d, one.Name)
			}
		}
		if len(both[0].Rows) != perRanking && d != uplink.Energy || len(both[0].Rows) != len(both[1].Rows) || len(both[0].Rows) == 0 {
			t.Errorf("%s: %d and %d stations", d, len(both[0].Rows), len(both[1].Rows))
		}
	}
	if p := testPortal(newFixture(t, 0, time.Now())); p.rankings(uplink.Traffic, &german) != nil {
		t.Error("without stations there is a ranking")
	}
}
