package dashboards

import (
	"strconv"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"modellregion/devices"
	"modellregion/uplink"
)

// road is for the road service: where is it slippery, where will it be.
func road() board {
	const (
		d   = uplink.Road
		now = "30m"
	)
	states := surfaceStates()
	surface := limits{{0, cold}, {0, notice}, {3, fine}}
	margin := limits{{0, alarm}, {0, warn}, {1, notice}, {3, fine}}
	friction := limits{{0, alarm}, {0.3, warn}, {0.5, notice}, {0.6, fine}}
	slippery := limits{{0, fine}, {1, alarm}}

	latest := readings(d, `last("surface_state") AS "s"`, perStation)
	margins := readings(d, `mean("surface_temperature") - mean("freezing_temperature") AS "m"`, perStation)

	return board{
		uid:     "modellregion-strassenzustand",
		title:   "Straßenzustand",
		about:   "Zustand und Temperatur der Fahrbahnen in der Modellregion, für den Winterdienst",
		domain:  d,
		refresh: "1m",
		from:    "now-24h",
		rows: []row{{
			title: "Lage jetzt (letzte 30 Minuten)",
			panels: []panel{{
				kind: number, width: 4, height: 4, last: now,
				title:  "Glatte Stellen",
				about:  "Stationen, die zuletzt Schneematsch, Schnee, Eis oder Reif meldeten.",
				limits: slippery,
				// The codes from 4 (slush) on are slippery: 1 from 4, 0 below.
				queries: []string{over(over(latest, `floor(("s" + 6) / 10) AS "slippery"`, ""), `sum("slippery")`, "")},
			}, {
				kind: number, width: 4, height: 4, last: now,
				title:   "Kälteste Fahrbahn",
				about:   "Kleinste mittlere Oberflächentemperatur. Blau unter 0 °C, gelb bis 3 °C.",
				unit:    units.Celsius,
				digits:  1,
				limits:  surface,
				queries: []string{over(readings(d, `mean("surface_temperature") AS "t"`, perStation), `min("t")`, "")},
			}, {
				kind: number, width: 4, height: 4, last: now,
				title: "Kleinster Abstand zum Gefrieren",
				about: "Oberflächentemperatur minus Gefriertemperatur der Flüssigkeit auf der Fahrbahn, kleinster Wert. " +
					"Unter 0 K gefriert sie; Salz senkt die Gefriertemperatur.",
				unit:    "suffix: K",
				digits:  1,
				limits:  margin,
				queries: []string{over(margins, `min("m")`, "")},
			}, {
				kind: number, width: 4, height: 4, last: now,
				title:   "Geringste Griffigkeit",
				about:   "Kleinste Griffigkeit einer Station: über 0,6 gut, unter 0,3 glatt.",
				digits:  2,
				limits:  friction,
				queries: []string{readings(d, `min("friction")`, "")},
			}, {
				kind: number, width: 4, height: 4, last: now,
				title:   "Dickster Wasserfilm",
				about:   "Größte Dicke des Wasserfilms. Ab etwa 1.000 µm droht Aquaplaning.",
				unit:    "suffix: µm",
				limits:  limits{{0, fine}, {500, notice}, {1000, alarm}},
				queries: []string{readings(d, `max("water_film")`, "")},
			}, {
				kind: number, width: 4, height: 4, last: now,
				title:   "Meldende Stationen",
				about:   "Stationen, von denen in den letzten 30 Minuten Werte ankamen.",
				queries: []string{over(readings(d, `count("surface_temperature") AS "n"`, perStation), `count("n")`, "")},
			}, {
				kind: atlas, width: 12, height: 14, last: now,
				title: "Zustand der Fahrbahnen",
				about: "Letzter gemeldeter Zustand. Grau: unbekannt oder keine aktuellen Werte.",
				queries: []string{
					places(d),
					readings(d, `last("surface_state") AS "Zustand"`, perStation),
					readings(d, `mean("surface_temperature") AS "Oberfläche"`, perStation),
				},
				field: "Zustand", limits: stateLimits(),
				columns: []column{
					{name: "Zustand", states: states, limits: stateLimits()},
					{name: "Oberfläche", unit: units.Celsius, digits: 1},
				},
			}, {
				kind: list, width: 12, height: 14, last: now,
				title: "Stationen, dem Gefrieren am nächsten zuerst",
				about: "Abstand: Oberflächentemperatur minus Gefriertemperatur. Ein Klick auf eine Station zeigt nur noch diese.",
				queries: []string{
					readings(d, `last("surface_state") AS "Zustand"`, perStation),
					readings(d, `mean("surface_temperature") - mean("freezing_temperature") AS "Abstand", mean("surface_temperature") AS "Oberfläche", `+
						`mean("water_film") AS "Wasserfilm", mean("ice_fraction") AS "Eisanteil", mean("friction") AS "Griffigkeit"`, perStation),
				},
				order: "Abstand", reversed: true,
				columns: []column{
					{name: "Zustand", states: states},
					{name: "Abstand", unit: "suffix: K", digits: 1, limits: margin},
					{name: "Oberfläche", unit: units.Celsius, digits: 1},
					{name: "Wasserfilm", unit: "suffix: µm"},
					{name: "Eisanteil", unit: units.PercentUnit},
					{name: "Griffigkeit", digits: 2, limits: friction},
				},
			}},
		}, {
			title: "Verlauf",
			panels: []panel{{
				kind: timeline, width: 24, height: 10, every: "15m",
				title:   "Zustand je Station",
				about:   "Der ungünstigste Zustand in jedem Abschnitt: Trocken bis nass, dann Schneematsch, Schnee, Eis, Reif.",
				states:  states,
				alias:   "$tag_station",
				queries: []string{readings(d, `max("surface_state")`, windows(perStation))},
			}, {
				kind: chart, width: 12, height: 8, every: "15m",
				title:   "Kälteste Fahrbahn je Kommune",
				about:   "Kleinste Oberflächentemperatur. Die Linie ist 0 °C.",
				unit:    units.Celsius,
				digits:  1,
				limits:  limits{{0, cold}, {0, cold}},
				alias:   "$tag_municipality",
				queries: []string{readings(d, `min("surface_temperature")`, windows(perMunicipality))},
			}, {
				kind: chart, width: 12, height: 8, every: "15m",
				title:  "Abstand zum Gefrieren je Kommune",
				about:  "Oberflächentemperatur minus Gefriertemperatur, kleinste Station. Unter der Linie gefriert die Fahrbahn.",
				unit:   "suffix: K",
				digits: 1,
				limits: limits{{0, alarm}, {0, alarm}},
				alias:  "$tag_municipality",
				queries: []string{over(readings(d, `mean("surface_temperature") - mean("freezing_temperature") AS "m"`, windows(perStation)),
					`min("m")`, windows(perMunicipality))},
			}},
		}, {
			title:     "Gewählte Stationen",
			collapsed: true,
			panels: []panel{{
				kind: chart, width: 12, height: 8, every: "10m",
				title:   "Oberflächen- und Gefriertemperatur",
				about:   "Wo die Oberfläche die Gefriertemperatur unterschreitet, gefriert die Fahrbahn. Wählen Sie oben einzelne Stationen.",
				unit:    units.Celsius,
				digits:  1,
				alias:   "$tag_station $col",
				queries: []string{readings(d, `mean("surface_temperature") AS "Oberfläche", mean("freezing_temperature") AS "Gefrieren"`, windows(perStation))},
			}, {
				kind: chart, width: 12, height: 8, every: "10m",
				title:   "Wasserfilm",
				about:   "Mittlere Dicke des Wasserfilms.",
				unit:    "suffix: µm",
				alias:   "$tag_station",
				queries: []string{readings(d, `mean("water_film")`, windows(perStation))},
			}, {
				kind: chart, width: 12, height: 8, every: "10m",
				title:   "Griffigkeit",
				about:   "Kleinste Griffigkeit. Unter der Linie bei 0,3 ist die Fahrbahn glatt.",
				digits:  2,
				limits:  limits{{0, alarm}, {0.3, alarm}},
				between: [2]float64{0, 1},
				alias:   "$tag_station",
				queries: []string{readings(d, `min("friction")`, windows(perStation))},
			}, {
				kind: chart, width: 12, height: 8, every: "10m",
				title:   "Eisanteil",
				about:   "Anteil gefrorenen Wassers auf der Fahrbahn.",
				unit:    units.PercentUnit,
				between: [2]float64{0, 1},
				alias:   "$tag_station",
				queries: []string{readings(d, `mean("ice_fraction")`, windows(perStation))},
			}},
		}, {
			title:     "Sensoren",
			collapsed: true,
			panels: []panel{
				silent(d, `last("surface_temperature") AS "Oberfläche"`, column{name: "Oberfläche", unit: units.Celsius, digits: 1}),
				battery(d),
			},
		}},
	}
}

// state is how a state of the surface is shown.
type state struct{ text, color string }

// statesDe is keyed by the texts of surface_state.
func statesDe() map[string]state {
	return map[string]state{
		"unknown":   {"unbekannt", absent},
		"dry":       {"trocken", fine},
		"moist":     {"feucht", "semi-dark-green"},
		"wet":       {"nass", cold},
		"slush":     {"Schneematsch", notice},
		"snow":      {"Schnee", warn},
		"ice":       {"Eis", alarm},
		"hoarfrost": {"Reif", "dark-orange"},
	}
}

// surfaceStates maps the codes of surface_state to German texts and colours.
func surfaceStates() []dashboard.ValueMapping {
	m := dashboard.NewValueMap()
	for code, s := range codes() {
		m.Options[strconv.Itoa(code)] = dashboard.ValueMappingResult{
			Text: new(s.text), Color: new(s.color), Index: new(int32(code)),
		}
	}
	return []dashboard.ValueMapping{{ValueMap: m}}
}

// stateLimits gives each code its colour; a station without one has that of unknown.
func stateLimits() limits {
	var l limits
	for code, s := range codes() {
		l = append(l, limit{float64(code), s.color})
	}
	return l
}

func codes() []state {
	q, _ := devices.Lookup("surface_state")
	var all []state
	for _, category := range q.Categories {
		all = append(all, statesDe()[category])
	}
	return all
}
