package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"modellregion/internal/influx"
	"modellregion/opendata"
	"modellregion/uplink"
)

// EN 50160, low voltage: 230 V ± 10 %, unbalance up to 2 % (3 % in places), and
// 50 Hz ± 1 % in the interconnected grid. Yellow is a tenth of the way before
// the limit, and the 0.2 Hz up to which the European grid regulates.
func voltageLimits() limits {
	return limits{{0, alarm}, {207, notice}, {209.3, fine}, {250.7, notice}, {253, alarm}}
}
func voltageBand() limits { return limits{{0, alarm}, {207, fine}, {253, alarm}} }
func frequencyLimits() limits {
	return limits{{0, alarm}, {49.5, notice}, {49.8, fine}, {50.2, notice}, {50.5, alarm}}
}
func unbalanceLimits() limits { return limits{{0, fine}, {2, warn}, {3, alarm}} }

// loadLimits warn of a transformer at 80 % of its rating.
func loadLimits() limits { return limits{{0, fine}, {80, notice}, {100, alarm}} }

// outsideOf is 1 beyond 207 to 253 V and 0 within.
const outsideOf = `floor((abs(mean("voltage") - 230) + 977) / 1000)`

// Power is split by phase into what is taken, which is positive, and what is
// fed in.
const (
	takenOf = `(abs(mean("power_active")) + mean("power_active")) / 2`
	givenOf = `(abs(mean("power_active")) - mean("power_active")) / 2`
)

const tenMinutes = "10m" // EN 50160 judges means of 10 minutes

// energy is for the grid operator: is the voltage in its band on every phase,
// which transformer is near its limit, what flows which way.
func energy(o Options) board {
	const d = uplink.Energy
	return board{
		uid:     uidEnergy,
		title:   "Energienetz",
		about:   "Spannungsqualität, Auslastung und Leistungsflüsse im Niederspannungsnetz der Modellregion",
		domain:  d,
		next:    uidTransformer,
		dataset: o.dataset("voltage_quality", opendata.Week),
		refresh: "1m",
		from:    "now-24h",
		rows: []row{
			{title: "Lage jetzt (letzte 15 Minuten)", panels: append(energyNumbers(o), voltageMap(), loads())},
			{title: "Spannungsqualität nach EN 50160", panels: []panel{verdictTable(o), extremes()}},
			{title: "Verlauf", panels: energyCourse(o)},
			{title: "Bilanz", panels: balance()},
			{title: "Gewählte Messstellen je Phase", collapsed: true, panels: phases("$tag_station $tag_channel", "$tag_station", "2h")},
			{title: "Messgeräte", collapsed: true, panels: abreast(silent(d), marked(d))},
		},
	}
}

func energyNumbers(o Options) []panel {
	const (
		d   = uplink.Energy
		now = "15m"
	)
	phases := readings(d, `mean("voltage")`, perChannel)
	unbalance := published(o.dataset("voltage_unbalance", opendata.TenMinutes), opendata.TenMinutes, `last("voltage_unbalance.mean")`, perStation)
	return []panel{{
		kind: number, width: 4, height: 4, last: now,
		title:   "Niedrigste Spannung",
		about:   "Kleinster Mittelwert einer Phase. EN 50160: 207 bis 253 V.",
		unit:    units.Volt,
		digits:  1,
		limits:  voltageLimits(),
		reduce:  "min",
		queries: raw(phases),
	}, {
		kind: number, width: 4, height: 4, last: now,
		title:   "Höchste Spannung",
		about:   "Größter Mittelwert einer Phase. EN 50160: 207 bis 253 V.",
		unit:    units.Volt,
		digits:  1,
		limits:  voltageLimits(),
		reduce:  "max",
		queries: raw(phases),
	}, {
		kind: number, width: 4, height: 4, last: now,
		title:   "Phasen außerhalb ±10 %",
		about:   "Zahl der Phasen, deren Mittelwert unter 207 oder über 253 V liegt.",
		limits:  limits{{0, fine}, {1, alarm}},
		reduce:  "sum",
		queries: raw(readings(d, outsideOf+` AS "out"`, perChannel)),
	}, {
		kind: number, width: 4, height: 4, last: now,
		title:   "Höchste Trafoauslastung",
		about:   "Transformator mit der größten mittleren Auslastung. Warnung ab 80 %, Überlast ab 100 %.",
		unit:    units.Percent,
		limits:  loadLimits(),
		reduce:  "max",
		queries: raw(readings(d, `mean("load")`, perStation)),
	}, {
		kind: number, width: 4, height: 4,
		title:   "Größte Unsymmetrie",
		about:   "Größte Unsymmetrie der Spannung im letzten 10-Minuten-Mittel. EN 50160: bis 2 %, örtlich 3 %.",
		unit:    units.Percent,
		digits:  1,
		limits:  unbalanceLimits(),
		reduce:  "max",
		queries: open(between("50m", tenMinutes, unbalance)),
	}, {
		kind: number, width: 4, height: 4, last: now,
		title:   "Netzfrequenz",
		about:   "Mittel aller Messstellen. Regelbereich 49,8 bis 50,2 Hz, EN 50160 49,5 bis 50,5 Hz.",
		unit:    units.Hertz,
		digits:  2,
		limits:  frequencyLimits(),
		queries: raw(readings(d, `mean("frequency")`, "")),
	}}
}

// worstOf is the greater of the deviations of the highest and the lowest
// voltage from 230 V, in percent.
const worstOf = `(abs(max("voltage") - 230) + abs(min("voltage") - 230) + abs(abs(max("voltage") - 230) - abs(min("voltage") - 230))) / 4.6`

func voltageMap() panel {
	const (
		d         = uplink.Energy
		deviation = "Abweichung"
	)
	colours := limits{{0, absent}, {0.0001, fine}, {9, notice}, {10, alarm}}
	return panel{
		kind: atlas, width: 12, height: 14, last: "15m",
		title: "Spannung im Netz",
		about: "Farbe: größte gemeldete Abweichung einer Phase von 230 V. Grün bis 9 %, gelb bis 10 %, rot darüber. " +
			"Grau: keine aktuellen Werte. Ein Klick auf eine Messstelle führt zu ihr.",
		queries: raw(
			points(d, perStation),
			readings(d, worstOf+` AS "`+deviation+`"`, perStation),
		),
		field: deviation, limits: colours,
		columns: []column{{name: deviation, unit: units.Percent, digits: 1, limits: colours}},
	}
}

func loads() panel {
	return panel{
		kind: ranking, width: 12, height: 14, last: "15m",
		title:   "Transformatoren nach Auslastung",
		about:   "Die 15 am stärksten belasteten Transformatoren. Warnung ab 80 %, Überlast ab 100 %. Ein Klick auf einen Balken führt zum Transformator.",
		unit:    units.Percent,
		limits:  loadLimits(),
		between: [2]float64{0, 120},
		order:   "Auslastung",
		queries: raw(readings(uplink.Energy, `mean("load") AS "Auslastung"`, perStation)),
	}
}

// Queries for the verdicts of the running week, whose window began at most 7
// days ago, and of the week before it.
func runningWeek(q string) string { return since("7d", q) }
func weekBefore(q string) string  { return between("14d", "7d", q) }

func verdictTable(o Options) panel {
	const d = uplink.Energy
	set := o.dataset("voltage_quality", opendata.Week)
	weekly := func(what string) string { return published(set, opendata.Week, what, perStation) }
	worst := func(name string) string { // of the phases: within a week the codes of all are good and bad in turn
		return weekly(`max("voltage_quality.mode") AS "` + name + `"`)
	}
	verdicts := verdictStates()
	return panel{
		kind: list, width: 14, height: 11,
		title: "Urteil der Woche",
		about: "Spannung der schlechtesten Phase, Unsymmetrie und Frequenz gegen EN 50160: 95 % der 10-Minuten-Mittel einer Woche in 207 bis 253 V, " +
			"95 % bis 2 % Unsymmetrie. Bis die Woche voll ist, ist das Urteil vorläufig.",
		queries: append(raw(names(d, perStation)), open(
			runningWeek(worst("Spannung")),
			runningWeek(weekly(`min("voltage_within.mean") AS "im Band"`)),
			runningWeek(weekly(`max("voltage_unbalance_quality.mode") AS "Unsymmetrie"`)),
			runningWeek(weekly(`max("frequency_quality.mode") AS "Frequenz"`)),
			weekBefore(worst("Vorwoche")),
		)...),
		need: []string{"Spannung"}, order: "im Band", reversed: true,
		columns: []column{
			{name: "Spannung", states: verdicts},
			{name: "im Band", unit: units.Percent, digits: 1, limits: limits{{0, alarm}, {95, fine}}},
			{name: "Unsymmetrie", states: verdicts},
			{name: "Frequenz", states: verdicts},
			{name: "Vorwoche", states: verdicts},
		},
	}
}

// extremes are of all stations, the public sees them or not.
func extremes() panel {
	return panel{
		kind: list, width: 10, height: 11, last: "6h",
		title: "Letzte 6 Stunden, auch nicht öffentliche Messstellen",
		about: "Kleinste und größte gemeldete Spannung aller Phasen, die kleinste zuerst. Kein Urteil nach EN 50160: die mittelt über 10 Minuten und urteilt über eine Woche.",
		queries: raw(
			names(uplink.Energy, perStation),
			readings(uplink.Energy, `min("voltage") AS "Min", max("voltage") AS "Max"`, perStation),
		),
		need: []string{"Min"}, order: "Min", reversed: true,
		columns: []column{
			{name: "Min", unit: units.Volt, digits: 1, limits: voltageLimits()},
			{name: "Max", unit: units.Volt, digits: 1, limits: voltageLimits()},
		},
	}
}

func energyCourse(o Options) []panel {
	const d = uplink.Energy
	split := func(which, name string) string {
		return readings(d, `abs(mean("power_active")) AS "`+name+`"`, windows(`"`+influx.TagChannel+`", `+perDevice), `"power_active" `+which+` 0`)
	}
	return []panel{{
		kind: chart, width: 12, height: 8, every: "15m", most: "4h",
		title:   "Spannungsband",
		about:   "Niedrigste und höchste gemeldete Spannung je Kommune. Die Linien sind die Grenzen der EN 50160.",
		unit:    units.Volt,
		digits:  1,
		limits:  voltageBand(),
		between: [2]float64{204, 256},
		alias:   "$tag_municipality $col",
		queries: raw(readings(d, `min("voltage") AS "tief", max("voltage") AS "hoch"`, windows(perMunicipality))),
	}, {
		kind: chart, width: 12, height: 8, every: "15m", most: "2d",
		title:   "Transformatorauslastung",
		about:   "Mittel und größter Wert je Kommune. Die Linien bei 80 und 100 % sind Warnung und Überlast; einzelne Transformatoren zeigt die Rangfolge.",
		unit:    units.Percent,
		limits:  loadLimits(),
		between: [2]float64{0, 110},
		alias:   "$tag_municipality $col",
		queries: raw(readings(d, `mean("load") AS "Mittel", max("load") AS "größte"`, windows(perMunicipality))),
	}, {
		kind: chart, width: 12, height: 8, every: "10m", most: "2h",
		title:   "Bezug und Einspeisung",
		about:   "Summe der Wirkleistung der gewählten Messstellen, getrennt nach Phasen, die beziehen, und Phasen, die einspeisen.",
		unit:    units.Watt,
		digits:  1,
		reduce:  "sum",
		columns: []column{{name: "Bezug"}, {name: "Einspeisung"}},
		queries: raw(split(">", "Bezug"), split("<", "Einspeisung")),
	}, {
		kind: chart, width: 12, height: 8, every: "15m", most: "12h",
		title:   "Netzfrequenz",
		about:   "Mittel, kleinster und größter Wert aller Messstellen. Regelbereich 49,8 bis 50,2 Hz.",
		unit:    units.Hertz,
		digits:  2,
		limits:  frequencyLimits(),
		between: [2]float64{49.75, 50.25},
		alias:   "$col",
		queries: raw(readings(d, `mean("frequency") AS "Mittel", min("frequency") AS "kleinste", max("frequency") AS "größte"`, windows(""))),
	}, {
		kind: chart, width: 24, height: 7, every: "10m", most: "12h",
		title:   "Unsymmetrie",
		about:   "Größtes 10-Minuten-Mittel und Mittel aller Messstellen. Die Linien sind 2 und 3 %.",
		unit:    units.Percent,
		digits:  1,
		limits:  unbalanceLimits(),
		between: [2]float64{0, 3},
		alias:   "$col",
		queries: open(published(o.dataset("voltage_unbalance", opendata.TenMinutes), opendata.TenMinutes,
			`max("voltage_unbalance.mean") AS "größte", mean("voltage_unbalance.mean") AS "Mittel"`, windows(""))),
	}}
}

func balance() []panel {
	const (
		d   = uplink.Energy
		now = "15m"
	)
	meter := func(title, field string) panel {
		return panel{
			kind: number, width: 6, height: 4, most: "6h",
			title:   title,
			about:   "Differenz der Zählerstände, Summe der gewählten Messstellen.",
			unit:    units.WattHour,
			digits:  1,
			reduce:  "sum",
			queries: raw(readings(d, `spread("`+field+`")`, perMeter)),
		}
	}
	return []panel{
		meter("Bezogene Energie", "energy_import"),
		meter("Eingespeiste Energie", "energy_export"),
		{
			kind: number, width: 6, height: 4, last: now,
			title:   "Bezug jetzt",
			about:   "Wirkleistung der Phasen, die beziehen.",
			unit:    units.Watt,
			digits:  1,
			reduce:  "sum",
			queries: raw(readings(d, takenOf+` AS "w"`, perChannel)),
		}, {
			kind: number, width: 6, height: 4, last: now,
			title:   "Einspeisung jetzt",
			about:   "Wirkleistung der Phasen, die einspeisen.",
			unit:    units.Watt,
			digits:  1,
			reduce:  "sum",
			queries: raw(readings(d, givenOf+` AS "w"`, perChannel)),
		},
	}
}

// phases shows stations phase by phase; most bounds what is read of many.
func phases(aliasPhase, aliasStation, most string) []panel {
	const d = uplink.Energy
	return []panel{{
		kind: chart, width: 24, height: 9, every: "10m", most: most,
		title:   "Spannung je Phase",
		about:   "10-Minuten-Mittel mit den Grenzen der EN 50160.",
		unit:    units.Volt,
		digits:  1,
		limits:  voltageBand(),
		between: [2]float64{204, 256},
		alias:   aliasPhase,
		queries: raw(readings(d, `mean("voltage")`, windows(perChannel))),
	}, {
		kind: chart, width: 12, height: 8, every: "10m", most: most,
		title:   "Strom je Phase",
		about:   "Mittelwerte.",
		unit:    units.Ampere,
		digits:  1,
		alias:   aliasPhase,
		queries: raw(readings(d, `mean("current")`, windows(perChannel))),
	}, {
		kind: chart, width: 12, height: 8, every: "10m", most: most,
		title:   "Wirkleistung je Phase",
		about:   "Mittelwerte; negativ bei Einspeisung.",
		unit:    units.Watt,
		digits:  1,
		alias:   aliasPhase,
		queries: raw(readings(d, `mean("power_active")`, windows(perChannel))),
	}, {
		kind: chart, width: 12, height: 8, every: "10m", most: most,
		title:   "Scheinleistung der Transformatoren",
		about:   "Mittelwerte.",
		unit:    units.VoltAmpere,
		digits:  1,
		alias:   aliasStation,
		queries: raw(readings(d, `mean("power_apparent")`, windows(perStation))),
	}, {
		kind: chart, width: 12, height: 8, every: "10m", most: most,
		title:   "Spreizung der Phasenspannungen",
		about:   "Größte minus kleinste gemeldete Spannung: ein Hinweis auf ungleiche Belastung, auch wo die Unsymmetrie nicht berechnet wird.",
		unit:    units.Volt,
		digits:  1,
		alias:   aliasStation,
		queries: raw(readings(d, `spread("voltage")`, windows(perStation))),
	}}
}

// verdictStates maps the codes of the verdicts of EN 50160.
func verdictStates() []dashboard.ValueMapping {
	states, _ := coded("voltage_quality", map[string]state{
		"unknown":            {"unbekannt", absent},
		"preliminary_met":    {"vorläufig erfüllt", "semi-dark-green"},
		"preliminary_missed": {"vorläufig verfehlt", warn},
		"met":                {"erfüllt", fine},
		"missed":             {"verfehlt", alarm},
	})
	return states
}
