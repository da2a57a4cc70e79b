package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"modellregion/uplink"
)

// traffic is for the traffic controller: where is it slow now, compared with
// free flow there, and how did it come about.
func traffic() board {
	const (
		d       = uplink.Traffic
		now     = "15m" // the window in which German traffic counts are compared
		perHour = "Kfz/h"
	)
	// Free speed ÷ speed: 1 is free flow, 2 takes twice as long. The steps are
	// the customary 70, 50 and 30 % of the free speed; a silent station has 0.
	state := limits{{0, absent}, {0.01, fine}, {1 / 0.7, notice}, {2, warn}, {1 / 0.3, alarm}}
	const index = "Reisezeitindex"

	// Speeds count as often as vehicles drove them; 1 m/h keeps a standstill finite.
	driven := readings(d, `"speed_mean" * "vehicle_count" AS "way", "vehicle_count" AS "n"`, "", `"vehicle_count" > 0`)
	const speed = `sum("way") / sum("n")`
	pace := over(driven, speed+` AS "Geschwindigkeit", sum("n") / (sum("way") + 0.001) AS "pace"`, perStation)
	free := since("24h", readings(d, `percentile("speed_mean", 85) AS "frei"`, perStation, `"vehicle_count" > 0`))
	indexed := product{index, "frei", "pace"}

	flow := `sum("vehicle_count") * 3600000 / $__interval_ms`
	const heavy = `sum("vehicle_count_truck") / sum("vehicle_count")`

	return board{
		uid:     "modellregion-verkehr",
		title:   "Verkehr Leitstand",
		about:   "Verkehrslage, Verkehrsstärke und Geschwindigkeit an den Zählstellen der Modellregion",
		domain:  d,
		refresh: "1m",
		from:    "now-6h",
		rows: []row{{
			title: "Lage jetzt (letzte 15 Minuten)",
			panels: []panel{{
				kind: number, width: 4, height: 4, last: now,
				title:   "Verkehrsstärke",
				about:   "Summe über alle gewählten Zählstellen und Spuren, auf eine Stunde hochgerechnet.",
				unit:    "suffix: " + perHour,
				queries: []string{readings(d, `sum("vehicle_count") * 4`, "")},
			}, {
				kind: number, width: 4, height: 4, last: now,
				title:   "Mittlere Geschwindigkeit",
				about:   "Mittel über alle Fahrzeuge der gewählten Zählstellen.",
				unit:    units.KilometersPerHour,
				queries: []string{over(driven, speed, "")},
			}, {
				kind: number, width: 4, height: 4, last: now,
				title:   "Langsamste Zählstelle",
				about:   "Kleinste mittlere Geschwindigkeit einer Zählstelle mit Verkehr. Welche es ist, zeigt die Liste.",
				unit:    units.KilometersPerHour,
				limits:  limits{{0, alarm}, {10, warn}, {20, fine}},
				queries: []string{over(over(driven, speed+` AS "v"`, perStation), `min("v")`, "")},
			}, {
				kind: number, width: 4, height: 4, last: now,
				title:   "Höchste Belegung",
				about:   "Größter mittlerer Belegungsgrad einer Spur. Ab etwa 30 % staut sich der Verkehr vor dem Detektor.",
				unit:    units.PercentUnit,
				limits:  limits{{0, fine}, {0.2, notice}, {0.3, warn}, {0.5, alarm}},
				queries: []string{over(readings(d, `mean("occupancy") AS "o"`, perChannel), `max("o")`, "")},
			}, {
				kind: number, width: 4, height: 4, last: now,
				title:   "Schwerverkehr",
				about:   "Anteil der Lkw an allen Fahrzeugen.",
				unit:    units.PercentUnit,
				digits:  1,
				queries: []string{readings(d, heavy, "")},
			}, {
				kind: number, width: 4, height: 4, last: now,
				title:   "Meldende Zählstellen",
				about:   "Zählstellen, von denen in den letzten 15 Minuten Werte ankamen.",
				queries: []string{over(readings(d, `count("vehicle_count") AS "n"`, perStation), `count("n")`, "")},
			}, {
				kind: atlas, width: 12, height: 14, last: now,
				title: "Verkehrslage",
				about: "Farbe: Reisezeitindex, das Verhältnis der freien Geschwindigkeit (85-%-Wert der letzten 24 Stunden) zur jetzigen. " +
					"Grün bis 1,4: frei. Gelb: dicht. Orange ab 2: zäh. Rot ab 3,3: Stau. Grau: keine aktuellen Werte.",
				queries: []string{places(d), pace, free},
				product: indexed, field: index, limits: state, hidden: []string{"pace"},
				columns: []column{
					{name: index, digits: 1, limits: state},
					{name: "Geschwindigkeit", unit: units.KilometersPerHour},
					{name: "frei", unit: units.KilometersPerHour},
				},
			}, {
				kind: list, width: 12, height: 14, last: now,
				title: "Zählstellen, langsamste zuerst",
				about: "Reisezeitindex wie in der Karte; frei: 85-%-Wert der letzten 24 Stunden. " +
					"Ein Klick auf eine Zählstelle zeigt nur noch diese.",
				queries: []string{
					pace,
					free,
					readings(d, `sum("vehicle_count") * 4 AS "Stärke", mean("occupancy") AS "Belegung", `+heavy+` AS "Lkw"`, perStation),
				},
				product: indexed, order: index, hidden: []string{"pace"},
				columns: []column{
					{name: index, digits: 1, limits: state},
					{name: "Geschwindigkeit", unit: units.KilometersPerHour},
					{name: "frei", unit: units.KilometersPerHour},
					{name: "Stärke", unit: "suffix: " + perHour},
					{name: "Belegung", unit: units.PercentUnit},
					{name: "Lkw", unit: units.PercentUnit},
				},
			}},
		}, {
			title: "Verlauf je Kommune",
			panels: []panel{{
				kind: chart, width: 12, height: 8, every: "15m", bars: true,
				title:   "Verkehrsstärke",
				about:   "Summe der gewählten Zählstellen, auf eine Stunde hochgerechnet. Der letzte Balken wächst noch.",
				unit:    "suffix: " + perHour,
				alias:   "$tag_municipality",
				queries: []string{readings(d, flow, windows(perMunicipality))},
			}, {
				kind: chart, width: 12, height: 8, every: "5m",
				title:   "Mittlere Geschwindigkeit",
				about:   "Mittel über alle Fahrzeuge der gewählten Zählstellen.",
				unit:    units.KilometersPerHour,
				between: [2]float64{0, 60},
				alias:   "$tag_municipality",
				queries: []string{over(driven, speed, windows(perMunicipality))},
			}},
		}, {
			title:     "Gewählte Zählstellen je Spur",
			collapsed: true,
			panels: []panel{{
				kind: chart, width: 24, height: 8, every: "15m", bars: true,
				title:   "Verkehrsstärke je Spur",
				about:   "Auf eine Stunde hochgerechnet. Der letzte Balken wächst noch. Wählen Sie oben einzelne Zählstellen.",
				unit:    "suffix: " + perHour,
				alias:   "$tag_station $tag_channel",
				queries: []string{readings(d, flow, windows(perChannel))},
			}, {
				kind: chart, width: 12, height: 8, every: "5m",
				title:   "Geschwindigkeit je Spur",
				about:   "Mittel über die Fahrzeuge der Spur.",
				unit:    units.KilometersPerHour,
				between: [2]float64{0, 60},
				alias:   "$tag_station $tag_channel",
				queries: []string{over(driven, speed, windows(perChannel))},
			}, {
				kind: chart, width: 12, height: 8, every: "5m",
				title:   "Belegung je Spur",
				about:   "Anteil der Zeit, in der ein Fahrzeug über dem Detektor steht. Die Linie bei 30 % ist der Beginn von Stau.",
				unit:    units.PercentUnit,
				limits:  limits{{0, fine}, {0.3, warn}},
				between: [2]float64{0, 0.5},
				alias:   "$tag_station $tag_channel",
				queries: []string{readings(d, `mean("occupancy")`, windows(perChannel))},
			}, {
				kind: chart, width: 24, height: 7, every: "15m",
				title:   "Schwerverkehr je Spur",
				about:   "Anteil der Lkw an allen Fahrzeugen der Spur.",
				unit:    units.PercentUnit,
				between: [2]float64{0, 0.2},
				alias:   "$tag_station $tag_channel",
				queries: []string{readings(d, heavy, windows(perChannel))},
			}},
		}, {
			title:     "Sensoren",
			collapsed: true,
			panels: []panel{
				silent(d, `last("vehicle_count") AS "Letzter Wert"`, column{name: "Letzter Wert", unit: "suffix: Kfz"}),
				battery(d),
			},
		}},
	}
}
