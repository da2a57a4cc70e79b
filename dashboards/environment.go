package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"modellregion/uplink"
)

// environment is for the environmental office: air against the legal limits,
// noise, and the weather that explains both.
func environment() board {
	const (
		d   = uplink.Environment
		now = "1h"
		day = "24h"
		ug  = units.MicrogramPerCubicMeter
	)
	// 39. BImSchV: NO2 200 µg/m³ as hourly mean, PM10 50 µg/m³ as daily mean,
	// PM2.5 25 µg/m³ as annual mean. Yellow is half of the limit.
	no2 := limits{{0, fine}, {100, notice}, {200, alarm}}
	pm10 := limits{{0, fine}, {25, notice}, {50, alarm}}
	pm25 := limits{{0, fine}, {12.5, notice}, {25, alarm}}
	// 16. BImSchV for mixed areas: 64 dB(A) by day, 54 dB(A) by night.
	noise := limits{{0, fine}, {54, notice}, {64, alarm}}
	onMap := limits{{0, absent}, {0.0001, fine}, {100, notice}, {200, alarm}}

	// Levels are averaged as energy: e^(L·ln10/10) is 10^(L/10).
	sound := readings(d, `exp("noise_laeq" * 0.2302585093) AS "e"`, "")
	const level = `10 * log10(mean("e"))`

	return board{
		uid:     "modellregion-umwelt",
		title:   "Umwelt",
		about:   "Luftqualität, Lärm und Wetter in der Modellregion",
		domain:  d,
		refresh: "5m",
		from:    "now-24h",
		rows: []row{{
			title: "Lage jetzt",
			panels: []panel{{
				kind: number, width: 4, height: 4, last: now,
				title:   "Höchstes NO₂, 1 Stunde",
				about:   "Größtes Stundenmittel einer Station. Grenzwert der 39. BImSchV: 200 µg/m³, 18 Überschreitungen im Jahr.",
				unit:    ug,
				limits:  no2,
				queries: []string{over(readings(d, `mean("no2") AS "v"`, perStation), `max("v")`, "")},
			}, {
				kind: number, width: 4, height: 4, last: day,
				title:   "Höchstes PM10, 24 Stunden",
				about:   "Größtes Tagesmittel einer Station. Grenzwert der 39. BImSchV: 50 µg/m³, 35 Überschreitungen im Jahr.",
				unit:    ug,
				limits:  pm10,
				queries: []string{over(readings(d, `mean("pm10") AS "v"`, perStation), `max("v")`, "")},
			}, {
				kind: number, width: 4, height: 4, last: day,
				title:   "Höchstes PM2,5, 24 Stunden",
				about:   "Größtes Tagesmittel einer Station, zur Einordnung am Jahresgrenzwert der 39. BImSchV gemessen: 25 µg/m³.",
				unit:    ug,
				limits:  pm25,
				queries: []string{over(readings(d, `mean("pm2_5") AS "v"`, perStation), `max("v")`, "")},
			}, {
				kind: number, width: 4, height: 4, last: now,
				title:   "Lauteste Station, 1 Stunde",
				about:   "Größter energetischer Mittelungspegel. Zur Einordnung: 16. BImSchV, Mischgebiet, nachts 54 dB(A), tags 64 dB(A).",
				unit:    units.Decibel,
				digits:  1,
				limits:  noise,
				queries: []string{over(over(sound, level+` AS "l"`, perStation), `max("l")`, "")},
			}, {
				kind: number, width: 4, height: 4, last: now,
				title:   "Lufttemperatur",
				about:   "Mittel der gewählten Stationen in der letzten Stunde.",
				unit:    units.Celsius,
				digits:  1,
				queries: []string{readings(d, `mean("air_temperature")`, "")},
			}, {
				kind: number, width: 4, height: 4, last: day,
				title:   "Meister Niederschlag, 24 Stunden",
				about:   "Größte Summe einer Station.",
				unit:    units.Millimeter,
				digits:  1,
				queries: []string{over(readings(d, `sum("precipitation") AS "v"`, perStation), `max("v")`, "")},
			}, {
				kind: atlas, width: 12, height: 14, last: now,
				title: "Stickstoffdioxid",
				about: "Stundenmittel. Gelb ab dem halben Grenzwert, rot ab 200 µg/m³. Grau: keine aktuellen Werte.",
				queries: []string{
					places(d),
					readings(d, `mean("no2") AS "NO₂", mean("pm10") AS "PM10", mean("pm2_5") AS "PM2,5"`, perStation),
				},
				field: "NO₂", limits: onMap,
				columns: []column{
					{name: "NO₂", unit: ug, digits: 1, limits: onMap},
					{name: "PM10", unit: ug, digits: 1},
					{name: "PM2,5", unit: ug, digits: 1},
				},
			}, {
				kind: list, width: 12, height: 14, last: now,
				title: "Stationen",
				about: "Mittel der letzten Stunde, Lärm energetisch gemittelt. Ein Klick auf eine Station zeigt nur noch diese.",
				queries: []string{
					readings(d, `mean("no2") AS "NO₂", mean("pm10") AS "PM10", mean("pm2_5") AS "PM2,5"`, perStation),
					over(sound, level+` AS "Lärm"`, perStation),
					readings(d, `mean("air_temperature") AS "Luft", mean("relative_humidity") AS "Feuchte", mean("wind_speed") AS "Wind"`, perStation),
				},
				order: "NO₂",
				columns: []column{
					{name: "NO₂", unit: ug, digits: 1, limits: no2},
					{name: "PM10", unit: ug, digits: 1, limits: pm10},
					{name: "PM2,5", unit: ug, digits: 1, limits: pm25},
					{name: "Lärm", unit: units.Decibel, digits: 1, limits: noise},
					{name: "Luft", unit: units.Celsius, digits: 1},
					{name: "Feuchte", unit: units.Percent},
					{name: "Wind", unit: units.MetersPerSecond, digits: 1},
				},
			}},
		}, {
			title: "Luft und Lärm je Kommune",
			panels: []panel{
				town("Stickstoffdioxid", "Stundenmittel. Die Linien sind der Grenzwert 200 µg/m³ und seine Hälfte.", ug, no2, `mean("no2")`),
				town("Feinstaub PM10", "Stundenmittel. Die Linien sind der Grenzwert für das Tagesmittel, 50 µg/m³, und seine Hälfte.", ug, pm10, `mean("pm10")`),
				town("Feinstaub PM2,5", "Stundenmittel. Die Linien sind der Grenzwert für das Jahresmittel, 25 µg/m³, und seine Hälfte.", ug, pm25, `mean("pm2_5")`),
				{
					kind: chart, width: 12, height: 8, every: "1h",
					title:   "Lärm",
					about:   "Energetischer Mittelungspegel. Die Linien sind 54 und 64 dB(A): 16. BImSchV, Mischgebiet, nachts und tags.",
					unit:    units.Decibel,
					digits:  1,
					limits:  noise,
					alias:   "$tag_municipality",
					queries: []string{over(sound, level, windows(perMunicipality))},
				},
			},
		}, {
			title: "Wetter je Kommune",
			panels: []panel{
				town("Lufttemperatur", "Mittel der gewählten Stationen.", units.Celsius, nil, `mean("air_temperature")`),
				town("Relative Luftfeuchte", "Mittel der gewählten Stationen.", units.Percent, nil, `mean("relative_humidity")`),
				town("Windgeschwindigkeit", "Mittel der gewählten Stationen.", units.MetersPerSecond, nil, `mean("wind_speed")`),
				town("Luftdruck", "Mittel der gewählten Stationen, am Ort.", units.Hectopascals, nil, `mean("air_pressure")`),
			},
		}, {
			title:     "Gewählte Stationen",
			collapsed: true,
			panels: []panel{{
				kind: chart, width: 12, height: 8, every: "30m",
				title:   "Schadstoffe",
				about:   "Mittelwerte. Wählen Sie oben einzelne Stationen.",
				unit:    ug,
				digits:  1,
				alias:   "$tag_station $col",
				queries: []string{readings(d, `mean("no2") AS "NO₂", mean("pm10") AS "PM10", mean("pm2_5") AS "PM2,5"`, windows(perStation))},
			}, {
				kind: chart, width: 12, height: 8, every: "30m",
				title:   "Lärm",
				about:   "Energetischer Mittelungspegel.",
				unit:    units.Decibel,
				digits:  1,
				limits:  noise,
				alias:   "$tag_station",
				queries: []string{over(sound, level, windows(perStation))},
			}, {
				kind: chart, width: 12, height: 8, every: "1h", bars: true,
				title:   "Niederschlag",
				about:   "Summe je Abschnitt. Der letzte Balken wächst noch.",
				unit:    units.Millimeter,
				digits:  1,
				alias:   "$tag_station",
				queries: []string{readings(d, `sum("precipitation")`, windows(perStation))},
			}, {
				kind: chart, width: 12, height: 8, every: "30m",
				title:   "Windrichtung",
				about:   "Letzte gemeldete Richtung, aus der der Wind weht: 0° Nord, 90° Ost. Richtungen werden nicht gemittelt.",
				unit:    units.Degrees,
				between: [2]float64{0, 360},
				alias:   "$tag_station",
				queries: []string{readings(d, `last("wind_direction")`, windows(perStation))},
			}},
		}, {
			title:     "Sensoren",
			collapsed: true,
			panels: []panel{
				silent(d, `last("air_temperature") AS "Luft"`, column{name: "Luft", unit: units.Celsius, digits: 1}),
			},
		}},
	}
}

// town is a chart of hourly values, a line per municipality.
func town(title, about, unit string, l limits, what string) panel {
	return panel{
		kind: chart, width: 12, height: 8, every: "1h",
		title: title, about: about, unit: unit, digits: 1, limits: l,
		alias:   "$tag_municipality",
		queries: []string{readings(uplink.Environment, what, windows(perMunicipality))},
	}
}
