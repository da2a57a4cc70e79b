package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http/httptest"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/opendata/portal"
	"modellregion/uplink"
)

// region is a region without a database: its stations and what they last said.
type region struct{ stations []devices.Station }

func (r *region) Stations() []devices.Station                      { return r.stations }
func (r *region) Interval(string, *devices.Quantity) time.Duration { return time.Minute }
func (r *region) Fact(string, string) (float64, bool)              { return 0, false }
func (r *region) Published(string) ([]portal.File, error)          { return nil, nil }

func (r *region) Windows(context.Context, string, time.Duration, devices.Span, string, ...*devices.Quantity) ([]devices.Aggregate, error) {
	return nil, nil
}

// towns that the stations are spread over.
var towns = []portal.Municipality{
	{ID: "aachen", Name: "Aachen", Lat: 50.7753, Lon: 6.0839}, {ID: "gelsenkirchen", Name: "Gelsenkirchen", Lat: 51.5177, Lon: 7.0857},
	{ID: "paderborn", Name: "Paderborn", Lat: 51.7189, Lon: 8.7575}, {ID: "soest", Name: "Soest", Lat: 51.5711, Lon: 8.1057}, {ID: "wuppertal", Name: "Wuppertal", Lat: 51.2562, Lon: 7.1508},
}

// measured is one telling quantity of each domain, with its least value and its
// range.
var measured = map[uplink.Domain][]struct {
	quantity   string
	low, width float64
}{
	uplink.Traffic:     {{"vehicle_count", 0, 400}, {"traffic_state", 0, 5}},
	uplink.Energy:      {{"voltage", 225, 15}, {"load", 10, 95}},
	uplink.Road:        {{"surface_temperature", -4, 12}, {"surface_state", 0, 8}},
	uplink.Environment: {{"pm2_5", 2, 40}},
}

// startSite serves a region with n stations, a tenth of those of traffic with a
// stretch of road.
func startSite(n int) (*httptest.Server, error) {
	datasets, latest, r := opendata.Defaults(), opendata.NewLatest(), &region{}
	rnd := rand.New(rand.NewPCG(1, 1))
	begin := time.Now().UTC().Truncate(15 * time.Minute)
	rows := map[string][]devices.Aggregate{}
	for i := range n {
		d := &datasets[i%4]
		town := towns[rnd.IntN(len(towns))]
		s := devices.Station{
			ID: fmt.Sprintf("%s-%s-%05d", town.ID, d.ID, i), Name: fmt.Sprintf("Bahnhofstraße %d, Messstelle %d", 1+rnd.IntN(200), i), Municipality: town.ID, Domain: d.Domain,
			Place: devices.Place{Lat: town.Lat + rnd.NormFloat64()*.06, Lon: town.Lon + rnd.NormFloat64()*.1},
		}
		if d.Domain == uplink.Traffic && i%40 == 0 {
			s.Segment = devices.Segment{s.Place, {Lat: s.Place.Lat + .002, Lon: s.Place.Lon + .004}, {Lat: s.Place.Lat + .003, Lon: s.Place.Lon + .009}}
		}
		r.stations = append(r.stations, s)
		for _, m := range measured[d.Domain] {
			q, ok := devices.Lookup(m.quantity)
			if !ok {
				return nil, fmt.Errorf("there is no quantity %s", m.quantity)
			}
			v := m.low + rnd.Float64()*m.width
			a := devices.Aggregate{Station: s.ID, Quantity: q, Start: begin, Window: 15 * time.Minute, Count: 15, Coverage: 1, Mean: v, Min: v, Max: v, Sum: float64(int(v)), Mode: float64(int(v))}
			rows[d.ID] = append(rows[d.ID], a)
		}
	}
	for id, all := range rows {
		latest.Put(id, all, time.Now())
	}
	h, err := portal.New(portal.Config{
		Region:   portal.Region{Name: opendata.Text{De: "Modellregion", En: "Model region"}, Municipalities: towns, Publisher: "Messung", Contact: "messung@example.org"},
		Datasets: datasets, Directory: r, Latest: latest, Reader: r, Files: r, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, fmt.Errorf("set up the site: %w", err)
	}
	return httptest.NewServer(h), nil
}
