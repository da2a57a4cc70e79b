package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"modellregion/opendata"
	"modellregion/uplink"
)

// transformer is about one transformer or feeder: its load, day against day and
// over the week, and its voltage.
func transformer(o Options) board {
	const d = uplink.Energy
	weekly := o.dataset("voltage_quality", opendata.Week)
	return board{
		uid:     uidTransformer,
		title:   "Energienetz Transformator",
		about:   "Ein Transformator oder Abgang im Einzelnen: Auslastung gegen den Vortag und die Vorwoche, Wochengang, Spannung je Phase",
		domain:  d,
		single:  true,
		dataset: weekly,
		refresh: "1m",
		from:    "now-24h",
		rows: []row{
			{title: "Jetzt (letzte 15 Minuten)", panels: transformerNumbers(weekly)},
			{title: "Auslastung", panels: transformerLoad(o)},
			{title: "Spannung und Strom", panels: append(phases("$tag_channel", "$tag_station", ""), unbalanceCourse(o.dataset("voltage_unbalance", opendata.TenMinutes)))},
			{title: "Gerät", collapsed: true, panels: []panel{marked(d)}},
		},
	}
}

func transformerNumbers(weekly string) []panel {
	const (
		d   = uplink.Energy
		now = "15m"
	)
	verdict := published(weekly, opendata.Week, `max("voltage_quality.mode")`, "")
	means := readings(d, `mean("voltage") AS "v"`, perChannel)
	return []panel{{
		kind: number, width: 4, height: 4, last: now,
		title:   "Auslastung",
		about:   "Mittlere Auslastung. Warnung ab 80 %, Überlast ab 100 %. Ohne Wert: die Messstelle ist kein Transformator oder ist stumm.",
		unit:    units.Percent,
		limits:  loadLimits(),
		queries: raw(readings(d, `mean("load")`, "")),
	}, {
		kind: number, width: 4, height: 4, last: now,
		title:   "Scheinleistung",
		about:   "Mittelwert.",
		unit:    units.VoltAmpere,
		digits:  1,
		queries: raw(readings(d, `mean("power_apparent")`, "")),
	}, {
		kind: number, width: 4, height: 4, last: now,
		title:   "Niedrigste Phase",
		about:   "Kleinster Mittelwert einer Phase. EN 50160: 207 bis 253 V.",
		unit:    units.Volt,
		digits:  1,
		limits:  voltageLimits(),
		queries: raw(over(means, `min("v")`, "")),
	}, {
		kind: number, width: 4, height: 4, last: now,
		title:   "Höchste Phase",
		about:   "Größter Mittelwert einer Phase. EN 50160: 207 bis 253 V.",
		unit:    units.Volt,
		digits:  1,
		limits:  voltageLimits(),
		queries: raw(over(means, `max("v")`, "")),
	}, {
		kind: number, width: 4, height: 4,
		title:   "Spannung diese Woche",
		about:   "Urteil nach EN 50160 über die schlechteste Phase, vorläufig, bis die Woche voll ist.",
		states:  verdictStates(),
		queries: open(runningWeek(verdict)),
	}, {
		kind: number, width: 4, height: 4,
		title:   "Spannung in der Vorwoche",
		about:   "Urteil nach EN 50160 über die schlechteste Phase.",
		states:  verdictStates(),
		queries: open(weekBefore(verdict)),
	}}
}

func transformerLoad(o Options) []panel {
	const d = uplink.Energy
	hourly := o.dataset("load", opendata.Hour)
	return []panel{
		dayAgainstDay(d, "Auslastung Tag gegen Tag", "Die letzten 24 Stunden des gewählten Zeitraums, die 24 Stunden davor und dieselben eine Woche früher.",
			units.Percent, `mean("load")`),
		weekProfile(d, "Auslastung über die Woche", "Mittel der letzten vier Wochen, Montag bis Sonntag.", units.Percent, `mean("load")`, "Auslastung"),
		{
			kind: chart, width: 18, height: 8, every: "10m",
			title:   "Auslastung",
			about:   "Mittelwerte. Die Linien bei 80 und 100 % sind Warnung und Überlast.",
			unit:    units.Percent,
			limits:  loadLimits(),
			between: [2]float64{0, 110},
			alias:   "Auslastung",
			queries: raw(readings(d, `mean("load")`, windows(""))),
		}, {
			kind: number, width: 6, height: 8,
			title: "Stunden ab 80 %, letzte 30 Tage",
			about: "Stunden, deren mittlere Auslastung 80 % erreichte.",
			// 1 from 80 % on, 0 below.
			queries: open(since("30d", over(published(hourly, opendata.Hour, `floor(("load.mean" + 920) / 1000) AS "h"`, ""), `sum("h")`, ""))),
		},
	}
}

func unbalanceCourse(set string) panel {
	return panel{
		kind: chart, width: 24, height: 7, every: "10m",
		title:   "Unsymmetrie der Spannung",
		about:   "10-Minuten-Mittel. EN 50160: 95 % einer Woche bis 2 %, örtlich 3 %.",
		unit:    units.Percent,
		digits:  1,
		limits:  unbalanceLimits(),
		between: [2]float64{0, 3},
		alias:   "Unsymmetrie",
		queries: open(published(set, opendata.TenMinutes, `mean("voltage_unbalance.mean")`, windows(""))),
	}
}
