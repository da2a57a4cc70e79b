package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"modellregion/opendata"
	"modellregion/uplink"
)

// marginOf is how far a surface is from freezing, K.
const marginOf = `mean("surface_temperature") - mean("freezing_temperature")`

func surfaceLimits() limits  { return limits{{0, cold}, {0, notice}, {3, fine}} }
func marginLimits() limits   { return limits{{0, alarm}, {0, warn}, {1, notice}, {3, fine}} }
func frictionLimits() limits { return limits{{0, alarm}, {0.3, warn}, {0.5, notice}, {0.6, fine}} }

// road is for the road service: where is it slippery, where will it be.
func road(o Options) board {
	const d = uplink.Road
	return board{
		uid:     uidRoad,
		title:   "Straßenzustand",
		about:   "Zustand und Temperatur der Fahrbahnen in der Modellregion, für den Winterdienst",
		domain:  d,
		dataset: o.dataset("surface_state", opendata.Quarter),
		refresh: "1m",
		from:    "now-24h",
		rows: []row{
			{title: "Lage jetzt (letzte 30 Minuten)", panels: append(roadNumbers(), roadMap(), nearest())},
			{title: "Eiswarnung", panels: []panel{iceWarning(), {
				kind: chart, width: 10, height: 11, every: "15m", most: "1d",
				title:   "Ungünstigster Abstand je Kommune",
				about:   "Kälteste Oberfläche minus höchste Gefriertemperatur: näher am Gefrieren ist keine Station. Unter der Linie kann eine Fahrbahn gefrieren.",
				unit:    "suffix: K",
				digits:  1,
				limits:  limits{{0, alarm}, {0, alarm}},
				alias:   "$tag_municipality",
				queries: raw(readings(d, `min("surface_temperature") - max("freezing_temperature")`, windows(perMunicipality))),
			}}},
			{title: "Verlauf", panels: roadCourse()},
			{title: "Fahrbahn", panels: []panel{roughness()}},
			{title: "Gewählte Stationen", collapsed: true, panels: roadDetails()},
			{title: "Sensoren", collapsed: true, panels: abreast(silent(d), battery(d), marked(d))},
		},
	}
}

func roadNumbers() []panel {
	const (
		d   = uplink.Road
		now = "30m"
	)
	return []panel{{
		kind: number, width: 4, height: 4, last: now,
		title:  "Glatte Stellen",
		about:  "Stationen, die zuletzt Schneematsch, Schnee, Eis oder Reif meldeten.",
		limits: limits{{0, fine}, {1, alarm}},
		// The codes from 4 (slush) on are slippery: 1 from 4, 0 below.
		reduce:  "sum",
		queries: raw(readings(d, `floor((last("surface_state") + 6) / 10) AS "slippery"`, perStation)),
	}, {
		kind: number, width: 4, height: 4, last: now,
		title:   "Kälteste Fahrbahn",
		about:   "Kleinste mittlere Oberflächentemperatur. Blau unter 0 °C, gelb bis 3 °C.",
		unit:    units.Celsius,
		digits:  1,
		limits:  surfaceLimits(),
		reduce:  "min",
		queries: raw(readings(d, `mean("surface_temperature")`, perStation)),
	}, {
		kind: number, width: 4, height: 4, last: now,
		title: "Kleinster Abstand zum Gefrieren",
		about: "Oberflächentemperatur minus Gefriertemperatur der Flüssigkeit auf der Fahrbahn, kleinster Wert. " +
			"Unter 0 K gefriert sie; Salz senkt die Gefriertemperatur.",
		unit:    "suffix: K",
		digits:  1,
		limits:  marginLimits(),
		reduce:  "min",
		queries: raw(readings(d, marginOf+` AS "m"`, perStation)),
	}, {
		kind: number, width: 4, height: 4, last: now,
		title:   "Geringste Griffigkeit",
		about:   "Kleinste Griffigkeit einer Station: über 0,6 gut, unter 0,3 glatt.",
		digits:  2,
		limits:  frictionLimits(),
		queries: raw(readings(d, `min("friction")`, "")),
	}, {
		kind: number, width: 4, height: 4, last: now,
		title:   "Dickster Wasserfilm",
		about:   "Größte Dicke des Wasserfilms: ab 10 µm feucht, ab 200 µm nass. Ab etwa 1.000 µm droht Aquaplaning.",
		unit:    "suffix: µm",
		limits:  limits{{0, fine}, {10, cold}, {1000, alarm}},
		queries: raw(readings(d, `max("water_film")`, "")),
	}, {
		kind: number, width: 4, height: 4, last: now,
		title:   "Meldende Stationen",
		about:   "Stationen, von denen in den letzten 30 Minuten Werte ankamen.",
		reduce:  "count",
		queries: raw(readings(d, `count("surface_temperature")`, perStation)),
	}}
}

func roadMap() panel {
	const d = uplink.Road
	states, colours := surfaceStates()
	return panel{
		kind: atlas, width: 12, height: 14, last: "30m",
		title: "Zustand der Fahrbahnen",
		about: "Letzter gemeldeter Zustand und Oberflächentemperatur. Grau: unbekannt oder keine aktuellen Werte.",
		queries: raw(
			points(d, perStation),
			readings(d, `last("surface_state") AS "Zustand"`, perStation),
			readings(d, `mean("surface_temperature") AS "Oberfläche", `+marginOf+` AS "Abstand"`, perStation),
		),
		field: "Zustand", limits: colours,
		columns: []column{
			{name: "Zustand", states: states, limits: colours},
			{name: "Oberfläche", unit: units.Celsius, digits: 1},
			{name: "Abstand", unit: "suffix: K", digits: 1},
		},
	}
}

func nearest() panel {
	const d = uplink.Road
	states, _ := surfaceStates()
	return panel{
		kind: list, width: 12, height: 14, last: "30m",
		title: "Stationen, dem Gefrieren am nächsten zuerst",
		about: "Abstand: Oberflächentemperatur minus Gefriertemperatur. Ein Klick auf eine Station zeigt nur noch diese.",
		queries: raw(
			names(d, perStation),
			readings(d, `last("surface_state") AS "Zustand"`, perStation),
			readings(d, marginOf+` AS "Abstand", mean("surface_temperature") AS "Oberfläche", `+
				`mean("water_film") AS "Wasserfilm", mean("ice_fraction") AS "Eisanteil", mean("friction") AS "Griffigkeit"`, perStation),
		),
		need: []string{"Zustand"}, order: "Abstand", reversed: true,
		columns: []column{
			{name: "Zustand", states: states},
			{name: "Abstand", unit: "suffix: K", digits: 1, limits: marginLimits()},
			{name: "Oberfläche", unit: units.Celsius, digits: 1},
			{name: "Wasserfilm", unit: "suffix: µm"},
			{name: "Eisanteil", unit: units.PercentUnit},
			{name: "Griffigkeit", digits: 2, limits: frictionLimits()},
		},
	}
}

// iceWarning extends the trend of the last two hours by three. It is a straight
// line, and says so: where the sun sets it is too kind, under clouds too harsh.
func iceWarning() panel {
	const d = uplink.Road
	return panel{
		kind: list, width: 14, height: 11, last: "30m",
		title: "Abstand zum Gefrieren in drei Stunden",
		about: "Der Abstand jetzt, sein Trend aus den letzten zwei Stunden und geradlinig verlängert um drei Stunden, der kleinste zuerst. " +
			"Rot: gefriert, wenn es so weitergeht und die Fahrbahn feucht ist (Wasserfilm ab 10 µm). " +
			"Keine Vorhersage: Sonnenuntergang, Wolken und Regen kennt der Trend nicht.",
		queries: raw(
			names(d, perStation),
			readings(d, marginOf+` AS "jetzt", mean("surface_temperature") AS "Oberfläche", max("water_film") AS "Wasserfilm"`, perStation),
			between("150m", "120m", readings(d, marginOf+` AS "vor 2 h"`, perStation)),
		),
		calc: []calc{
			{name: "Änderung", left: "jetzt", operator: "-", right: "vor 2 h"},
			{name: "Trend je Stunde", left: "Änderung", operator: "*", right: "0.5"},
			{name: "Änderung in 3 h", left: "Änderung", operator: "*", right: "1.5"},
			{name: "in 3 Stunden", left: "jetzt", operator: "+", right: "Änderung in 3 h"},
		},
		need: []string{"vor 2 h"}, order: "in 3 Stunden", reversed: true, hidden: []string{"vor 2 h", "Änderung", "Änderung in 3 h"},
		columns: []column{
			{name: "in 3 Stunden", unit: "suffix: K", digits: 1, limits: marginLimits()},
			{name: "jetzt", unit: "suffix: K", digits: 1, limits: marginLimits()},
			{name: "Trend je Stunde", unit: "suffix: K", digits: 1},
			{name: "Oberfläche", unit: units.Celsius, digits: 1},
			{name: "Wasserfilm", unit: "suffix: µm", limits: limits{{0, fine}, {10, cold}}},
		},
	}
}

// roughness has no colours: there is no limit for it that holds for all roads.
func roughness() panel {
	const d = uplink.Road
	return panel{
		kind: ranking, width: 24, height: 9, last: "7d",
		title: "Unebenste Abschnitte",
		about: "Mittlere Längsebenheit der letzten 7 Tage als International Roughness Index, die unebensten 15. " +
			"Neue Fahrbahnen liegen unter 2 m/km. Ohne Wert: keine Station misst sie.",
		unit:    "suffix: m/km",
		digits:  1,
		between: [2]float64{0, 8},
		order:   "Ebenheit",
		queries: raw(readings(d, `mean("roughness_iri") AS "Ebenheit"`, perStation)),
	}
}

func roadCourse() []panel {
	const d = uplink.Road
	states, _ := surfaceStates()
	return []panel{{
		kind: timeline, width: 14, height: 10, every: "15m", most: "1d",
		title:   "Zustand je Station",
		about:   "Der ungünstigste Zustand in jedem Abschnitt: Trocken bis nass, dann Schneematsch, Schnee, Eis, Reif.",
		states:  states,
		alias:   "$tag_station",
		queries: raw(readings(d, `max("surface_state")`, windows(perStation))),
	}, {
		kind: chart, width: 10, height: 10, every: "15m", most: "2d",
		title:   "Kälteste Fahrbahn je Kommune",
		about:   "Kleinste Oberflächentemperatur. Die Linie ist 0 °C.",
		unit:    units.Celsius,
		digits:  1,
		limits:  limits{{0, cold}, {0, cold}},
		alias:   "$tag_municipality",
		queries: raw(readings(d, `min("surface_temperature")`, windows(perMunicipality))),
	}}
}

func roadDetails() []panel {
	const d = uplink.Road
	detail := func(title, about, what string) panel {
		return panel{
			kind: chart, width: 12, height: 8, every: "10m", most: "6h",
			title: title, about: about, alias: "$tag_station",
			queries: raw(readings(d, what, windows(perStation))),
		}
	}
	temperatures := detail("Oberflächen- und Gefriertemperatur", "Wo die Oberfläche die Gefriertemperatur unterschreitet, gefriert die Fahrbahn.",
		`mean("surface_temperature") AS "Oberfläche", mean("freezing_temperature") AS "Gefrieren"`)
	temperatures.unit, temperatures.digits, temperatures.alias = units.Celsius, 1, "$tag_station $col"
	film := detail("Wasserfilm", "Mittlere Dicke des Wasserfilms.", `mean("water_film")`)
	film.unit = "suffix: µm"
	grip := detail("Griffigkeit", "Kleinste Griffigkeit. Unter der Linie bei 0,3 ist die Fahrbahn glatt.", `min("friction")`)
	grip.digits, grip.limits, grip.between = 2, limits{{0, alarm}, {0.3, alarm}}, [2]float64{0, 1}
	ice := detail("Eisanteil", "Anteil gefrorenen Wassers auf der Fahrbahn.", `mean("ice_fraction")`)
	ice.unit, ice.between = units.PercentUnit, [2]float64{0, 1}
	return []panel{temperatures, film, grip, ice}
}

// surfaceStates maps the codes of surface_state to German texts and colours.
func surfaceStates() ([]dashboard.ValueMapping, limits) {
	return coded("surface_state", map[string]state{
		"unknown":   {"unbekannt", absent},
		"dry":       {"trocken", fine},
		"moist":     {"feucht", "semi-dark-green"},
		"wet":       {"nass", cold},
		"slush":     {"Schneematsch", notice},
		"snow":      {"Schnee", warn},
		"ice":       {"Eis", alarm},
		"hoarfrost": {"Reif", "dark-orange"},
	})
}
