package portal

import (
	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/uplink"
)

// level is how much a station calls for attention, told in the words of its
// domain. On the map each has a shape and a colour.
type level int

const (
	levelUnknown level = iota // nothing is known, or nothing of the kind is measured
	levelGood
	levelRaised
	levelHigh
	levelBad
)

func levels() []level { return []level{levelUnknown, levelGood, levelRaised, levelHigh, levelBad} }

// levelView is a level as it is shown. Shape is a path in a box of 16.
type levelView struct {
	Level       level
	Name, Shape string
}

// levelShapes differ without their colours: a ring, a disc, a square, a diamond
// and a triangle. The scripts of the map draw them, too.
var levelShapes = [...]string{
	"M8 1a7 7 0 1 0 0 14a7 7 0 1 0 0-14ZM8 3.5a4.5 4.5 0 1 1 0 9a4.5 4.5 0 1 1 0-9Z",
	"M8 1a7 7 0 1 0 0 14a7 7 0 1 0 0-14Z",
	"M2 2H14V14H2Z",
	"M8 .2L15.8 8L8 15.8L.2 8Z",
	"M8 .6L15.8 15H.2Z",
}

// levelWords name the levels of each domain.
var levelWords = map[uplink.Domain][len(levelShapes)]opendata.Text{
	uplink.Traffic: {
		{De: "Verkehrslage unbekannt", En: "traffic state unknown"}, {De: "frei", En: "free"}, {De: "dicht", En: "heavy"}, {De: "zäh", En: "slow"}, {De: "gestaut", En: "congested"},
	},
	uplink.Energy: {
		{De: "keine Angabe zur Netzlage", En: "grid state unknown"}, {De: "im Rahmen", En: "within limits"}, {De: "Trafo ab 80 % ausgelastet", En: "transformer at 80 % or more"},
		{De: "Trafo ab 100 % ausgelastet", En: "transformer at 100 % or more"}, {De: "Spannung außerhalb 207 bis 253 V", En: "voltage outside 207 to 253 V"},
	},
	uplink.Road: {
		{De: "Fahrbahnzustand unbekannt", En: "surface state unknown"}, {De: "trocken", En: "dry"}, {De: "feucht oder nass", En: "moist or wet"},
		{De: "Schnee oder Matsch", En: "snow or slush"}, {De: "Eis oder Reif", En: "ice or hoarfrost"},
	},
	uplink.Environment: {
		{De: "keine Schadstoffe gemessen", En: "no pollutants measured"}, {De: "bis zum halben Vergleichswert", En: "up to half the reference"}, {De: "bis zum Vergleichswert", En: "up to the reference"},
		{De: "über dem Vergleichswert", En: "above the reference"}, {De: "über dem doppelten Vergleichswert", En: "above twice the reference"},
	},
}

func (l level) view(d uplink.Domain, lang string) levelView {
	return levelView{l, levelWords[d][l].In(lang), levelShapes[l]}
}

// Limits of the levels. Those of the grid are the band of EN 50160 and the
// thresholds of the fact sheet on standards, §4.2: a window outside the band is
// not yet a breach of the standard, which judges weeks. Those of the air are
// the limits of the 39th BImSchV, Annexes 2 and 11 and the information threshold
// of ozone, each for its own span: an hour of NO2 (200) and O3 (180), a day of
// PM10 (50), a year of PM2.5 (25). A window of minutes is compared with them for
// orientation, which is why they are called a reference and not a limit.
const (
	voltageLow, voltageHigh = 207, 253 // V
	loadRaised, loadFull    = 80, 100  // %
)

var airReference = map[string]float64{"no2": 200, "o3": 180, "pm10": 50, "pm2_5": 25} // ug/m3

// surfaceLevels are the levels of the states of a road.
var surfaceLevels = map[string]level{
	"dry": levelGood, "moist": levelRaised, "wet": levelRaised, "slush": levelHigh, "snow": levelHigh, "ice": levelBad, "hoarfrost": levelBad,
}

var trafficLevels = map[string]level{"free": levelGood, "heavy": levelRaised, "slow": levelHigh, "congested": levelBad}

// level tells how the newest windows of a station are to be taken: as the worst
// of them.
func (s *site) level() level {
	worst := levelUnknown
	for i := range s.Rows {
		if r := &s.Rows[i]; !r.Suppressed && r.set.Domain == s.Domain {
			worst = max(worst, levelOf(&r.Aggregate))
		}
	}
	return worst
}

// levelOf is the level of one window; most quantities have none.
func levelOf(a *devices.Aggregate) level {
	v := a.Value()
	switch a.Quantity.Name {
	case "traffic_state":
		return trafficLevels[a.Quantity.Text(v)]
	case "surface_state":
		return surfaceLevels[a.Quantity.Text(v)]
	case "voltage":
		if v < voltageLow || v > voltageHigh {
			return levelBad
		}
		return levelGood
	case "load":
		switch {
		case v >= loadFull:
			return levelHigh
		case v >= loadRaised:
			return levelRaised
		}
		return levelGood
	}
	reference, ok := airReference[a.Quantity.Name]
	switch {
	case !ok:
		return levelUnknown
	case v > 2*reference:
		return levelBad
	case v > reference:
		return levelHigh
	case v > reference/2:
		return levelRaised
	}
	return levelGood
}
