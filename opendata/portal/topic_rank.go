package portal

import (
	"slices"
	"strings"

	"modellregion/opendata"
	"modellregion/uplink"
)

// ranking is the stations at one end of a domain.
type ranking struct {
	Title string
	Rows  []rankedStation
}

type rankedStation struct {
	Name, URL, Town, Text string
	Level                 *levelView // nil: nothing is known of it
}

// perRanking is how many stations a ranking shows.
const perRanking = 5

// order is by what the stations of a domain are ranked.
type order struct {
	quantity          string
	lowest, highest   opendata.Text
	highestIsTheWorst bool
}

var orders = map[uplink.Domain][]order{
	uplink.Traffic: {{"speed_mean", opendata.Text{De: "Hier wird am langsamsten gefahren", En: "Slowest traffic"}, opendata.Text{De: "Hier wird am schnellsten gefahren", En: "Fastest traffic"}, false}},
	uplink.Energy: {
		{"load", opendata.Text{De: "Am wenigsten ausgelastet", En: "Lowest load"}, opendata.Text{De: "Am stärksten ausgelastet", En: "Highest load"}, true},
		{"voltage", opendata.Text{De: "Tiefste Spannung", En: "Lowest voltage"}, opendata.Text{De: "Höchste Spannung", En: "Highest voltage"}, true},
	},
	uplink.Road:        {{"surface_temperature", opendata.Text{De: "Kälteste Fahrbahnen", En: "Coldest surfaces"}, opendata.Text{De: "Wärmste Fahrbahnen", En: "Warmest surfaces"}, false}},
	uplink.Environment: {{"pm2_5", opendata.Text{De: "Am wenigsten Feinstaub PM2,5", En: "Least PM2.5"}, opendata.Text{De: "Am meisten Feinstaub PM2,5", En: "Most PM2.5"}, true}},
}

// rankings returns both ends of a domain in its newest complete windows, the
// worse one first; no station is at both. A station with several channels stands
// by their mean. None where fewer than two stations measure it.
func (p *portal) rankings(domain uplink.Domain, t *texts) []ranking {
	for _, o := range orders[domain] {
		d, q, ok := p.published(domain, o.quantity)
		if !ok || d.Households != nil {
			continue
		}
		g := p.digest(d, t.Lang)
		type mean struct {
			station string
			average
		}
		byStation := map[string]*mean{}
		for _, r := range g.rows[o.quantity] {
			m := byStation[r.Station]
			if m == nil {
				m = &mean{station: r.Station}
				byStation[r.Station] = m
			}
			m.add(r.Value())
		}
		if len(byStation) < 2 {
			continue
		}
		all := make([]*mean, 0, len(byStation))
		for _, m := range byStation {
			all = append(all, m)
		}
		slices.SortFunc(all, func(a, b *mean) int {
			switch x, y := a.value(), b.value(); {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return strings.Compare(a.station, b.station)
		})
		n := min(perRanking, len(all)/2)
		low, high := ranking{Title: o.lowest.In(t.Lang)}, ranking{Title: o.highest.In(t.Lang)}
		known := p.stations().byID
		take := func(r *ranking, m *mean) {
			s := known[m.station]
			if s == nil {
				return
			}
			line := rankedStation{Name: s.Name, URL: t.To(stationPath(s.ID)), Town: s.Town, Text: value(q, m.value(), t.Lang)}
			if l := s.level(); l != levelUnknown {
				shown := l.view(s.Domain, t.Lang)
				line.Level = &shown
			}
			r.Rows = append(r.Rows, line)
		}
		for i := range n {
			take(&low, all[i])
			take(&high, all[len(all)-1-i])
		}
		if o.highestIsTheWorst {
			return []ranking{high, low}
		}
		return []ranking{low, high}
	}
	return nil
}
