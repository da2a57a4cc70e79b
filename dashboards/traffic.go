package dashboards

import (
	"strconv"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/uplink"
)

const perHour = "suffix: Kfz/h"

// moving leaves out what a detector says that saw nobody: 0 km/h.
const moving = `"speed_mean" > 0`

const (
	heavyOf = `sum("vehicle_count_truck") / sum("vehicle_count")`
	flowOf  = `sum("vehicle_count") * 3600000 / $__interval_ms`
)

// slowness are the shares of the usual speed at which the traffic state
// changes: 70, 50 and 30 %, as for derived states.
func slowness() limits { return limits{{0, alarm}, {0.3, warn}, {0.5, notice}, {0.7, fine}} }

// jammed are the codes of traffic_state from slow on.
const jammed = 3

// traffic is for the traffic controller: where is it slow now, compared with
// what is usual there at that hour, and how did it come about.
func traffic(o Options) board {
	const d = uplink.Traffic
	return board{
		uid:     uidTraffic,
		title:   "Verkehr Leitstand",
		about:   "Verkehrslage, Verkehrsstärke und Geschwindigkeit an den Zählstellen der Modellregion",
		domain:  d,
		next:    uidCounter,
		dataset: o.dataset("vehicle_count", opendata.Quarter),
		refresh: "1m",
		from:    "now-6h",
		rows: []row{
			{title: "Lage jetzt (letzte 15 Minuten)", panels: append(trafficNumbers(o), trafficMap(o), unusual())},
			{title: "Störungen", panels: []panel{jams(o), jamTimes(o)}},
			{title: "Verlauf je Kommune", panels: trafficCourse()},
			{title: "Gewählte Zählstellen je Spur", collapsed: true, panels: lanes("$tag_station $tag_channel", "2h")},
			{title: "Langzeit", collapsed: true, panels: []panel{perDay(o)}},
			{title: "Sensoren", collapsed: true, panels: abreast(silent(d), battery(d), marked(d))},
		},
	}
}

func trafficNumbers(o Options) []panel {
	const (
		d   = uplink.Traffic
		now = "15m" // the window in which German traffic counts are compared
	)
	// 1 from code 3 (slow) on, 0 below.
	jam := published(o.dataset("traffic_state", opendata.Quarter), opendata.Quarter, `floor((last("traffic_state.mode") + 1) / 4) AS "jam"`, perStation)
	return []panel{{
		kind: number, width: 4, height: 4, last: now,
		title:   "Verkehrsstärke",
		about:   "Summe über alle gewählten Zählstellen und Spuren, auf eine Stunde hochgerechnet.",
		unit:    perHour,
		queries: raw(readings(d, `sum("vehicle_count") * 4`, "")),
	}, {
		kind: number, width: 4, height: 4, last: now,
		title:   "Mittlere Geschwindigkeit",
		about:   "Mittel der gemeldeten Geschwindigkeiten der gewählten Zählstellen.",
		unit:    units.KilometersPerHour,
		queries: raw(readings(d, `mean("speed_mean")`, "", moving)),
	}, {
		kind: number, width: 4, height: 4,
		title:   "Stau und zäher Verkehr",
		about:   "Zählstellen, deren Verkehrslage in der letzten vollen Viertelstunde zäh oder gestaut war.",
		limits:  limits{{0, fine}, {1, warn}},
		reduce:  "sum",
		queries: open(between("45m", "15m", jam)),
	}, {
		kind: number, width: 4, height: 4, last: now,
		title:   "Höchste Belegung",
		about:   "Größter mittlerer Belegungsgrad einer Spur. Ab etwa 30 % staut sich der Verkehr vor dem Detektor.",
		unit:    units.PercentUnit,
		limits:  limits{{0, fine}, {0.2, notice}, {0.3, warn}, {0.5, alarm}},
		reduce:  "max",
		queries: raw(readings(d, `mean("occupancy")`, perChannel)),
	}, {
		kind: number, width: 4, height: 4, last: now,
		title:   "Schwerverkehr",
		about:   "Anteil der Lkw an allen Fahrzeugen.",
		unit:    units.PercentUnit,
		digits:  1,
		queries: raw(readings(d, heavyOf, "")),
	}, {
		kind: number, width: 4, height: 4, last: now,
		title:   "Meldende Zählstellen",
		about:   "Zählstellen, von denen in den letzten 15 Minuten Werte ankamen.",
		reduce:  "count",
		queries: raw(readings(d, `count("vehicle_count")`, perStation)),
	}}
}

func trafficMap(o Options) panel {
	const (
		d     = uplink.Traffic
		state = "Verkehrslage"
	)
	states, colours := trafficStates()
	window := published(o.dataset("traffic_state", opendata.Quarter), opendata.Quarter, `last("traffic_state.mode") AS "`+state+`"`, perStation)
	return panel{
		kind: atlas, width: 12, height: 14, last: "15m",
		title: state,
		about: "Verkehrslage der letzten vollen Viertelstunde, gemessen an der freien Geschwindigkeit: ab 70 % frei, ab 50 % dicht, ab 30 % zäh, darunter Stau. " +
			"Grau: unbekannt. Geschwindigkeit und Stärke sind die der letzten 15 Minuten. Ein Klick auf eine Zählstelle führt zu ihr.",
		queries: append(raw(
			points(d, perStation),
			readings(d, `mean("speed_mean") AS "Geschwindigkeit"`, perStation, moving),
			readings(d, `sum("vehicle_count") * 4 AS "Stärke"`, perStation),
		), open(between("45m", "15m", window))...),
		field: state, limits: colours,
		columns: []column{
			{name: state, states: states, limits: colours},
			{name: "Geschwindigkeit", unit: units.KilometersPerHour},
			{name: "Stärke", unit: perHour},
		},
	}
}

// unusual compares the speed now with that of the same hour of the same
// weekday in the four weeks before. A public holiday is one of the four.
func unusual() panel {
	const d = uplink.Traffic
	weeks := []string{"w1", "w2", "w3", "w4"}
	queries := []string{names(d, perStation), readings(d, `mean("speed_mean") AS "jetzt"`, perStation, moving)}
	for i, week := range weeks {
		days := 7 * (i + 1)
		hour := readings(d, `mean("speed_mean") AS "`+week+`"`, perStation, moving)
		queries = append(queries, between(strconv.Itoa(days*24*60+30)+"m", strconv.Itoa(days*24*60-30)+"m", hour))
	}
	queries = append(queries, readings(d, `sum("vehicle_count") * 4 AS "Stärke", `+heavyOf+` AS "Lkw"`, perStation))
	return panel{
		kind: list, width: 12, height: 14, last: "15m",
		title: "Schlechteste Abschnitte gegenüber dem Üblichen",
		about: "Geschwindigkeit jetzt gegen das Mittel derselben Stunde am selben Wochentag in den letzten vier Wochen, die schlechteste zuerst. " +
			"Gelb unter 70 %, orange unter 50 %, rot unter 30 %. Ein Klick auf eine Zählstelle führt zu ihr.",
		queries: raw(queries...),
		calc:    []calc{{name: "üblich", mean: weeks}, {name: "Verhältnis", left: "jetzt", operator: "/", right: "üblich"}},
		need:    []string{"jetzt"}, order: "Verhältnis", reversed: true, hidden: weeks,
		columns: []column{
			{name: "Verhältnis", unit: units.PercentUnit, limits: slowness(), states: span(new(100.0), nil, "kein Vergleich", absent)}, // divided by nothing
			{name: "jetzt", unit: units.KilometersPerHour},
			{name: "üblich", unit: units.KilometersPerHour},
			{name: "Stärke", unit: perHour},
			{name: "Lkw", unit: units.PercentUnit},
		},
	}
}

// jams lists where it was slow or congested in the last day.
func jams(o Options) panel {
	const d = uplink.Traffic
	states, _ := trafficStates()
	set := o.dataset("traffic_state", opendata.Quarter)
	slow := `"traffic_state.mode" >= ` + strconv.Itoa(jammed)
	return panel{
		kind: list, width: 12, height: 10, last: "24h",
		title: "Stau und zäher Verkehr der letzten 24 Stunden",
		about: "Wie lange die Verkehrslage zäh oder gestaut war und wie schlimm es wurde, die längste Störung zuerst.",
		queries: append(raw(names(d, perStation)), open(
			published(set, opendata.Quarter, `count("traffic_state.mode") / 4 AS "Dauer"`, perStation, slow),
			published(set, opendata.Quarter, `max("traffic_state.mode") AS "schlimmstens"`, perStation, slow),
			published(set, opendata.Quarter, `last("traffic_state.mode") AS "zuletzt"`, perStation),
		)...),
		need: []string{"Dauer"}, order: "Dauer",
		columns: []column{
			{name: "Dauer", unit: units.Hours, digits: 2},
			{name: "schlimmstens", states: states},
			{name: "zuletzt", states: states},
		},
	}
}

func jamTimes(o Options) panel {
	states, _ := trafficStates()
	return panel{
		kind: timeline, width: 12, height: 10, every: "15m", most: "6h",
		title:  "Wann es stockte",
		about:  "Viertelstunden mit zähem oder gestautem Verkehr; dazwischen floss er.",
		states: states,
		alias:  "$tag_station",
		queries: open(published(o.dataset("traffic_state", opendata.Quarter), opendata.Quarter, `max("traffic_state.mode")`, gaps(perStation),
			`"traffic_state.mode" >= `+strconv.Itoa(jammed))),
	}
}

func trafficCourse() []panel {
	const d = uplink.Traffic
	return []panel{{
		kind: chart, width: 8, height: 8, every: "15m", bars: true, most: "6h",
		title:   "Verkehrsstärke",
		about:   "Summe der gewählten Zählstellen, auf eine Stunde hochgerechnet. Der letzte Balken wächst noch.",
		unit:    perHour,
		alias:   "$tag_municipality",
		queries: raw(readings(d, flowOf, windows(perMunicipality))),
	}, {
		kind: chart, width: 8, height: 8, every: "15m", most: "6h",
		title:   "Mittlere Geschwindigkeit",
		about:   "Mittel der gemeldeten Geschwindigkeiten der gewählten Zählstellen.",
		unit:    units.KilometersPerHour,
		between: [2]float64{0, 60},
		alias:   "$tag_municipality",
		queries: raw(readings(d, `mean("speed_mean")`, windows(perMunicipality))),
	}, {
		kind: chart, width: 8, height: 8, every: "15m", most: "6h",
		title:   "Schwerverkehr",
		about:   "Anteil der Lkw an allen Fahrzeugen.",
		unit:    units.PercentUnit,
		digits:  1,
		between: [2]float64{0, 0.15},
		alias:   "$tag_municipality",
		queries: raw(readings(d, heavyOf, windows(perMunicipality))),
	}}
}

// lanes shows stations lane by lane; most bounds what is read of many.
func lanes(alias, most string) []panel {
	const d = uplink.Traffic
	return []panel{{
		kind: chart, width: 12, height: 8, every: "15m", bars: true, most: most,
		title:   "Verkehrsstärke je Spur",
		about:   "Auf eine Stunde hochgerechnet. Der letzte Balken wächst noch.",
		unit:    perHour,
		alias:   alias,
		queries: raw(readings(d, flowOf, windows(perChannel))),
	}, {
		kind: chart, width: 12, height: 8, every: "15m", most: most,
		title:   "Geschwindigkeit je Spur",
		about:   "Mittel der gemeldeten Geschwindigkeiten.",
		unit:    units.KilometersPerHour,
		between: [2]float64{0, 60},
		alias:   alias,
		queries: raw(readings(d, `mean("speed_mean")`, windows(perChannel))),
	}, {
		kind: chart, width: 12, height: 8, every: "15m", most: most,
		title:   "Belegung je Spur",
		about:   "Anteil der Zeit, in der ein Fahrzeug über dem Detektor steht. Die Linie bei 30 % ist der Beginn von Stau.",
		unit:    units.PercentUnit,
		limits:  limits{{0, fine}, {0.3, warn}},
		between: [2]float64{0, 0.5},
		alias:   alias,
		queries: raw(readings(d, `mean("occupancy")`, windows(perChannel))),
	}, {
		kind: chart, width: 12, height: 8, every: "15m", most: most,
		title:   "Schwerverkehr je Spur",
		about:   "Anteil der Lkw an allen Fahrzeugen der Spur.",
		unit:    units.PercentUnit,
		between: [2]float64{0, 0.2},
		alias:   alias,
		queries: raw(readings(d, heavyOf, windows(perChannel))),
	}}
}

// perDay shows the vehicles of each day. The windows begin at midnight in
// Germany, and so must the bars.
func perDay(o Options) panel {
	return panel{
		kind: chart, width: 24, height: 8, every: "1d", bars: true, span: "14d",
		title:   "Fahrzeuge je Tag, letzte 14 Tage",
		about:   "Summe der gewählten Zählstellen, Kalendertage in Deutschland. Der letzte Balken wächst noch.",
		unit:    "suffix: Kfz",
		alias:   "Fahrzeuge",
		queries: open(published(o.dataset("vehicle_count", opendata.Day24), opendata.Day24, `sum("vehicle_count.sum")`, "time(1d) fill(none) tz('Europe/Berlin')")),
	}
}

// state is how a code is shown.
type state struct{ text, color string }

// trafficStates maps the codes of traffic_state to German texts and colours.
func trafficStates() ([]dashboard.ValueMapping, limits) {
	return coded("traffic_state", map[string]state{
		"unknown":   {"unbekannt", absent},
		"free":      {"frei", fine},
		"heavy":     {"dicht", notice},
		"slow":      {"zäh", warn},
		"congested": {"Stau", alarm},
	})
}

// coded maps the codes of a category to texts and colours, and gives each code
// its colour on a map, where what has no code has that of the first.
func coded(category string, states map[string]state) ([]dashboard.ValueMapping, limits) {
	var l limits
	m := dashboard.NewValueMap()
	q, _ := devices.Lookup(category)
	for code, name := range q.Categories {
		s := states[name]
		m.Options[strconv.Itoa(code)] = dashboard.ValueMappingResult{Text: new(s.text), Color: new(s.color), Index: new(int32(code))}
		l = append(l, limit{float64(code), s.color})
	}
	return []dashboard.ValueMapping{{ValueMap: m}}, l
}
