package sensorthings

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/uplink"
)

// varied is a region with several datasets, windows, kinds and channels.
func varied(t testing.TB, s store) *region {
	t.Helper()
	r := &region{t: t, latest: opendata.NewLatest(), store: s, base: testBase}
	for i := range 3 {
		r.stations = append(r.stations, devices.Station{
			ID: fmt.Sprintf("r-%d", i), Name: fmt.Sprintf("Straße %d", i), Municipality: "paderborn", District: "Mitte", Domain: uplink.Road,
			Place: devices.Place{Lat: 51 + float64(i)/10, Lon: 8},
		})
	}
	for i, window := range []opendata.Window{opendata.Quarter, opendata.Day24, opendata.Hour} {
		d := opendata.Dataset{
			ID: datasetID(), Domain: uplink.Road, Quantities: []string{"surface_temperature", "surface_state"}, Windows: []opendata.Window{window}, Percentiles: []int{5, 95},
			Title: opendata.Text{De: "Straße", En: "Road"}, Licence: opendata.DataLicenceZero(), Grouping: []opendata.Grouping{opendata.ByStation, opendata.ByStation, opendata.ByDistrict}[i],
		}
		r.datasets = append(r.datasets, d)
		rnd := rand.New(rand.NewPCG(uint64(i), 7))
		sites := d.Sites(r)
		var rows []devices.Aggregate
		// Around the end of summer time, where a day has 25 hours.
		start := window.Begin(time.Date(2026, 10, 24, 0, 0, 0, 0, time.UTC))
		for start.Before(time.Date(2026, 10, 26, 12, 0, 0, 0, time.UTC)) && len(rows) < 1400 {
			for _, site := range sites {
				for _, channel := range []string{"", "lane1"} {
					if rnd.IntN(3) == 0 {
						continue
					}
					v := float64(rnd.IntN(40)-20) / 2
					a := gauge(t, site.ID, "surface_temperature", start, v)
					a.Channel, a.Percentiles = channel, []devices.Percentile{{P: 5, Value: v - 0.5}, {P: 95, Value: v + 0.5}}
					b := devices.Aggregate{Station: site.ID, Quantity: known(t, "surface_state"), Channel: channel, Start: start, Count: 15, Mode: float64(rnd.IntN(8)), Coverage: 1}
					rows = append(rows, a, b)
				}
			}
			start = window.End(start)
		}
		r.put(&d, rows...)
	}
	r.open(nil)
	return r
}

// condition makes up a comparison, of those that are pushed down and others.
func condition(rnd *rand.Rand) string {
	at := func() string {
		t := time.Date(2026, 10, 24, 0, 0, 0, 0, time.UTC).Add(time.Duration(rnd.IntN(260)) * 15 * time.Minute)
		if rnd.IntN(4) == 0 {
			t = t.Add(time.Duration(rnd.IntN(900)) * time.Second)
		}
		if rnd.IntN(4) == 0 {
			return t.Format(time.RFC3339) + "/" + t.Add([]time.Duration{0, 15 * time.Minute, time.Hour, 25 * time.Hour}[rnd.IntN(4)]).Format(time.RFC3339)
		}
		if rnd.IntN(6) == 0 {
			return t.Format(time.RFC3339) + " sub duration'PT1H'"
		}
		return t.Format(time.RFC3339)
	}
	op := []string{"eq", "ne", "lt", "le", "gt", "ge"}[rnd.IntN(6)]
	switch rnd.IntN(9) {
	case 0, 1, 2:
		return "phenomenonTime " + op + " " + strings.Replace(at(), " sub duration'PT1H'", "", 1)
	case 3:
		return "resultTime " + op + " " + at()
	case 4:
		return fmt.Sprintf("result %s %v", op, float64(rnd.IntN(40)-20)/2)
	case 5:
		return fmt.Sprintf("result %s '%s'", op, []string{"dry", "wet", "ice", "3", "-1.5", "3.0", "x"}[rnd.IntN(7)])
	case 6:
		return fmt.Sprintf("id %s %d", op, observationID(int64(1+rnd.IntN(20)), time.Date(2026, 10, 24, rnd.IntN(60), 0, 0, 0, time.UTC).UnixMilli()))
	case 7:
		return []string{"Datastream/Thing/name eq 'Straße 1'", "Datastream/properties/channel eq 'lane1'", "endswith(FeatureOfInterest/name,'2')", "Datastream/Thing/Datastreams/any(d:d/id eq 3)"}[rnd.IntN(4)]
	}
	return []string{"hour(phenomenonTime) lt 5", "parameters/max gt 3", "(result gt 2 or resultTime gt 2026-10-25T00:00:00Z)", "not (result lt 3)"}[rnd.IntN(4)]
}

// TestPlansAgainstTheDatabase: whatever part of a filter is pushed down, the
// answer is that of evaluating the whole filter on every Observation.
func TestPlansAgainstTheDatabase(t *testing.T) {
	r := varied(t, database(t))
	rnd := rand.New(rand.NewPCG(1, 2))
	leave, err := r.service.gate.enter(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	req := r.service.newRequest(t.Context(), testBase)
	all, err := req.everything(req.newPlan(req.streams))
	if err != nil || len(all) < 800 {
		t.Fatalf("%d Observations (%v)", len(all), err)
	}
	for range 50 {
		parts := []string{condition(rnd)}
		for rnd.IntN(2) == 0 {
			parts = append(parts, condition(rnd))
		}
		text := strings.Join(parts, " and ")
		src := source{option: "$filter", text: text}
		n, err := parseFilter(src)
		if err == nil {
			err = checkFilter(src, n, observations)
		}
		if err != nil {
			t.Fatal(err)
		}
		var want []int64
		for i := range all {
			ok, err := req.holds(n, &all[i])
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				want = append(want, all[i].id())
			}
		}
		fresh := r.service.newRequest(t.Context(), testBase)
		p, err := fresh.planFor(fresh.streams, n)
		if err != nil {
			t.Fatal(err)
		}
		got, err := fresh.everything(p)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if numbers := numbersOf(got); !slices.Equal(numbers, want) {
			t.Errorf("%s gives %d Observations, want %d: %v, %v", text, len(numbers), len(want), numbers, want)
		}
		if count, err := fresh.countOf(p); err != nil || count != len(want) {
			t.Errorf("%s: count %d (%v), want %d", text, count, err, len(want))
		}
		byTime, err := fresh.byTime(p, nil, 0, len(want)+1, true)
		slices.SortFunc(byTime.rows, func(a, b observation) int { return int(a.id() - b.id()) })
		if err != nil || !slices.Equal(numbersOf(byTime.rows), want) {
			t.Errorf("%s by time gives %d Observations (%v), want %d", text, len(byTime.rows), err, len(want))
		}
	}
}

func numbersOf(rows []observation) (out []int64) {
	for i := range rows {
		out = append(out, rows[i].id())
	}
	return out
}

// The store of the tests answers as the database does.
func TestMemoryIsLikeTheDatabase(t *testing.T) {
	a, b := varied(t, database(t)), varied(t, &memory{})
	for _, address := range []string{
		"/Observations?$top=1000&$count=true", "/Observations?$orderby=phenomenonTime desc&$top=40", "/Observations?$filter=result gt 3&$top=50&$skip=20",
		"/Observations?$filter=result eq 'ice'&$count=true", "/Datastreams?$expand=Observations($top=2;$orderby=phenomenonTime desc)", "/Things?$expand=Datastreams,Locations",
		"/Datastreams(3)/Observations?$top=3&$skip=4", "/Observations?$orderby=resultTime desc,id&$top=30", "/Sensors", "/ObservedProperties",
	} {
		x, y := a.do("GET", address), b.do("GET", address)
		for i := range a.datasets {
			y.body = strings.ReplaceAll(y.body, b.datasets[i].ID, a.datasets[i].ID)
		}
		if x.status != 200 || x.body != y.body {
			t.Errorf("%s: %d\n%s\n%d\n%s", address, x.status, x.body, y.status, y.body)
		}
	}
}
