package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"modellregion/uplink"
)

// energy is for the grid operator: is the voltage in its band on every phase,
// which transformer is near its limit, what flows which way.
func energy() board {
	const (
		d    = uplink.Energy
		now  = "15m"
		tenM = "10m" // EN 50160 judges means of 10 minutes
	)
	// EN 50160: 230 V ± 10 %, 50 Hz ± 1 % in the interconnected grid. Yellow is
	// a tenth of the way before the limit, and the 0.2 Hz up to which the
	// European grid regulates.
	voltage := limits{{0, alarm}, {207, notice}, {209.3, fine}, {250.7, notice}, {253, alarm}}
	band := limits{{0, alarm}, {207, fine}, {253, alarm}}
	frequency := limits{{0, alarm}, {49.5, notice}, {49.8, fine}, {50.2, notice}, {50.5, alarm}}
	load := limits{{0, fine}, {80, notice}, {100, alarm}}
	deviation := limits{{0, absent}, {0.0001, fine}, {9, notice}, {10, alarm}}
	share := limits{{0, alarm}, {0.95, fine}}

	phases := readings(d, `mean("voltage") AS "v"`, perChannel)
	voltages := readings(d, `mean("voltage") AS "v"`, windows(perChannel))
	means := readings(d, `mean("voltage") AS "v"`, `time(10m), `+perChannel+` fill(none)`)
	// 1 outside 207 to 253 V, 0 inside: InfluxQL cannot count what a condition
	// holds for and answer 0 when there is none.
	const outside = `floor((abs("v" - 230) + 977) / 1000)`
	power := readings(d, `mean("power_active") AS "p"`, perChannel)
	powers := readings(d, `mean("power_active") AS "p"`, windows(perChannel))
	const (
		taken = `(abs("p") + "p") / 2 AS "w"` // what is positive
		given = `(abs("p") - "p") / 2 AS "w"` // what is negative
	)

	return board{
		uid:     "modellregion-energienetz",
		title:   "Energienetz",
		about:   "Spannungsqualität, Auslastung und Leistungsflüsse im Niederspannungsnetz der Modellregion",
		domain:  d,
		refresh: "1m",
		from:    "now-24h",
		rows: []row{{
			title: "Lage jetzt (letzte 15 Minuten)",
			panels: []panel{{
				kind: number, width: 4, height: 4, last: now,
				title:   "Niedrigste Spannung",
				about:   "Kleinster Mittelwert einer Phase. EN 50160: 207 bis 253 V.",
				unit:    units.Volt,
				digits:  1,
				limits:  voltage,
				queries: []string{over(phases, `min("v")`, "")},
			}, {
				kind: number, width: 4, height: 4, last: now,
				title:   "Höchste Spannung",
				about:   "Größter Mittelwert einer Phase. EN 50160: 207 bis 253 V.",
				unit:    units.Volt,
				digits:  1,
				limits:  voltage,
				queries: []string{over(phases, `max("v")`, "")},
			}, {
				kind: number, width: 4, height: 4, last: now,
				title:   "Phasen außerhalb ±10 %",
				about:   "Zahl der Phasen, deren Mittelwert unter 207 oder über 253 V liegt.",
				limits:  limits{{0, fine}, {1, alarm}},
				queries: []string{over(over(phases, outside+` AS "out"`, ""), `sum("out")`, "")},
			}, {
				kind: number, width: 4, height: 4, last: now,
				title:   "Höchste Trafoauslastung",
				about:   "Transformator mit der größten mittleren Auslastung. Warnung ab 80 %, Überlast ab 100 %.",
				unit:    units.Percent,
				limits:  load,
				queries: []string{over(readings(d, `mean("load") AS "l"`, perStation), `max("l")`, "")},
			}, {
				kind: number, width: 4, height: 4, last: now,
				title:   "Netzfrequenz",
				about:   "Mittel aller Messstellen. Regelbereich 49,8 bis 50,2 Hz, EN 50160 49,5 bis 50,5 Hz.",
				unit:    units.Hertz,
				digits:  2,
				limits:  frequency,
				queries: []string{readings(d, `mean("frequency")`, "")},
			}, {
				kind: number, width: 4, height: 4, last: now,
				title:   "Meldende Messstellen",
				about:   "Messstellen, von denen in den letzten 15 Minuten Werte ankamen.",
				queries: []string{over(readings(d, `count("voltage") AS "n"`, perStation), `count("n")`, "")},
			}, {
				kind: atlas, width: 12, height: 14, last: now,
				title: "Spannung im Netz",
				about: "Farbe: Abweichung der schlechtesten Phase von 230 V. Grün bis 9 %, gelb bis 10 %, rot darüber. " +
					"Grau: keine aktuellen Werte.",
				queries: []string{
					places(d),
					over(readings(d, `abs(mean("voltage") - 230) / 2.3 AS "v"`, perChannel), `max("v") AS "Abweichung"`, perStation),
				},
				field: "Abweichung", limits: deviation,
				columns: []column{{name: "Abweichung", unit: units.Percent, digits: 1, limits: deviation}},
			}, {
				kind: ranking, width: 12, height: 14, last: now,
				title:   "Transformatoren nach Auslastung",
				about:   "Die 15 am stärksten belasteten Transformatoren. Warnung ab 80 %, Überlast ab 100 %.",
				unit:    units.Percent,
				limits:  load,
				between: [2]float64{0, 120},
				order:   "Auslastung",
				queries: []string{readings(d, `mean("load") AS "Auslastung"`, perStation)},
			}},
		}, {
			title: "Verlauf",
			panels: []panel{{
				kind: chart, width: 12, height: 8, every: tenM,
				title:   "Spannungsband",
				about:   "Niedrigste und höchste Phase je Kommune. Die Linien sind die Grenzen der EN 50160.",
				unit:    units.Volt,
				digits:  1,
				limits:  band,
				between: [2]float64{204, 256},
				alias:   "$tag_municipality $col",
				queries: []string{
					over(voltages, `min("v") AS "tief"`, windows(perMunicipality)),
					over(voltages, `max("v") AS "hoch"`, windows(perMunicipality)),
				},
			}, {
				kind: chart, width: 12, height: 8, every: tenM,
				title:   "Transformatorauslastung",
				about:   "Mittlere Auslastung je Transformator. Die Linien bei 80 und 100 % sind Warnung und Überlast.",
				unit:    units.Percent,
				limits:  load,
				between: [2]float64{0, 110},
				alias:   "$tag_station",
				queries: []string{readings(d, `mean("load")`, windows(perStation))},
			}, {
				kind: chart, width: 12, height: 8, every: tenM,
				title:  "Bezug und Einspeisung",
				about:  "Summe der Wirkleistung der gewählten Messstellen, getrennt nach Phasen, die beziehen, und Phasen, die einspeisen.",
				unit:   units.Watt,
				digits: 1,
				alias:  "$col",
				queries: []string{
					over(over(powers, taken, ""), `sum("w") AS "Bezug"`, windows("")),
					over(over(powers, given, ""), `sum("w") AS "Einspeisung"`, windows("")),
				},
			}, {
				kind: chart, width: 12, height: 8, every: tenM,
				title:   "Netzfrequenz",
				about:   "Mittel, kleinster und größter Wert aller Messstellen. Regelbereich 49,8 bis 50,2 Hz.",
				unit:    units.Hertz,
				digits:  2,
				limits:  frequency,
				between: [2]float64{49.75, 50.25},
				alias:   "$col",
				queries: []string{readings(d, `mean("frequency") AS "Mittel", min("frequency") AS "kleinste", max("frequency") AS "größte"`, windows(""))},
			}},
		}, {
			title: "Bilanz",
			panels: []panel{{
				kind: number, width: 6, height: 4,
				title:   "Bezogene Energie",
				about:   "Differenz der Zählerstände im gewählten Zeitraum, Summe der gewählten Messstellen.",
				unit:    units.WattHour,
				digits:  1,
				queries: []string{over(readings(d, `spread("energy_import") AS "e"`, perMeter), `sum("e")`, "")},
			}, {
				kind: number, width: 6, height: 4,
				title:   "Eingespeiste Energie",
				about:   "Differenz der Zählerstände im gewählten Zeitraum, Summe der gewählten Messstellen.",
				unit:    units.WattHour,
				digits:  1,
				queries: []string{over(readings(d, `spread("energy_export") AS "e"`, perMeter), `sum("e")`, "")},
			}, {
				kind: number, width: 6, height: 4, last: now,
				title:   "Bezug jetzt",
				about:   "Wirkleistung der Phasen, die beziehen.",
				unit:    units.Watt,
				digits:  1,
				queries: []string{over(over(power, taken, ""), `sum("w")`, "")},
			}, {
				kind: number, width: 6, height: 4, last: now,
				title:   "Einspeisung jetzt",
				about:   "Wirkleistung der Phasen, die einspeisen.",
				unit:    units.Watt,
				digits:  1,
				queries: []string{over(over(power, given, ""), `sum("w")`, "")},
			}, {
				kind: list, width: 24, height: 10,
				title: "Spannungsqualität je Messstelle",
				about: "10-Minuten-Mittel aller Phasen. EN 50160 verlangt 95 % im Band 207 bis 253 V, bezogen auf eine Woche: " +
					"Für das Urteil oben 7 Tage wählen, davor ist es vorläufig. Ein Klick zeigt nur diese Messstelle.",
				queries: []string{
					over(means, `min("v") AS "Min"`, perStation),
					over(means, `max("v") AS "Max"`, perStation),
					over(over(means, outside+` AS "out"`, ""), `1 - mean("out") AS "Im Band"`, perStation),
				},
				order: "Im Band", reversed: true,
				columns: []column{
					{name: "Min", unit: units.Volt, digits: 1, limits: voltage},
					{name: "Max", unit: units.Volt, digits: 1, limits: voltage},
					{name: "Im Band", unit: units.PercentUnit, digits: 1, limits: share},
				},
			}},
		}, {
			title:     "Gewählte Messstellen je Phase",
			collapsed: true,
			panels: []panel{{
				kind: chart, width: 24, height: 9, every: tenM,
				title:   "Spannung je Phase",
				about:   "10-Minuten-Mittel. Wählen Sie oben einzelne Messstellen.",
				unit:    units.Volt,
				digits:  1,
				limits:  band,
				between: [2]float64{204, 256},
				alias:   "$tag_station $tag_channel",
				queries: []string{readings(d, `mean("voltage")`, windows(perChannel))},
			}, {
				kind: chart, width: 12, height: 8, every: tenM,
				title:   "Strom je Phase",
				about:   "Mittelwerte.",
				unit:    units.Ampere,
				digits:  1,
				alias:   "$tag_station $tag_channel",
				queries: []string{readings(d, `mean("current")`, windows(perChannel))},
			}, {
				kind: chart, width: 12, height: 8, every: tenM,
				title:   "Wirkleistung je Phase",
				about:   "Mittelwerte; negativ bei Einspeisung.",
				unit:    units.Watt,
				digits:  1,
				alias:   "$tag_station $tag_channel",
				queries: []string{readings(d, `mean("power_active")`, windows(perChannel))},
			}, {
				kind: chart, width: 12, height: 8, every: tenM,
				title:   "Scheinleistung der Transformatoren",
				about:   "Mittelwerte.",
				unit:    units.VoltAmpere,
				digits:  1,
				alias:   "$tag_station",
				queries: []string{readings(d, `mean("power_apparent")`, windows(perStation))},
			}, {
				kind: chart, width: 12, height: 8, every: tenM,
				title: "Spreizung der Phasenspannungen",
				about: "Größte minus kleinste Phase: ein Hinweis auf ungleiche Belastung. " +
					"Nicht die Unsymmetrie der EN 50160, die Winkel braucht.",
				unit:    units.Volt,
				digits:  1,
				alias:   "$tag_station",
				queries: []string{over(voltages, `spread("v")`, windows(perStation))},
			}},
		}, {
			title:     "Messgeräte",
			collapsed: true,
			panels: []panel{
				silent(d, `last("voltage") AS "Letzte Spannung"`, column{name: "Letzte Spannung", unit: units.Volt, digits: 1}),
			},
		}},
	}
}
