package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"modellregion/opendata"
	"modellregion/uplink"
)

// Limits of the 39. BImSchV: NO2 200 µg/m³ as hourly mean, PM10 50 µg/m³ as daily
// mean, PM2.5 25 µg/m³ as annual mean, ozone 180 µg/m³ to inform and 240 to warn
// the public. Yellow is half of a limit.
func no2Limits() limits  { return limits{{0, fine}, {100, notice}, {200, alarm}} }
func pm10Limits() limits { return limits{{0, fine}, {25, notice}, {50, alarm}} }
func pm25Limits() limits { return limits{{0, fine}, {12.5, notice}, {25, alarm}} }
func o3Limits() limits   { return limits{{0, fine}, {120, notice}, {180, warn}, {240, alarm}} }

// noiseLimits are those of the 16. BImSchV for mixed areas: 64 dB(A) by day, 54
// dB(A) by night.
func noiseLimits() limits { return limits{{0, fine}, {54, notice}, {64, alarm}} }

const microgram = units.MicrogramPerCubicMeter

// Levels are averaged as energy: e^(L·ln10/10) is 10^(L/10).
func soundQuery() string {
	return readings(uplink.Environment, `exp("noise_laeq" * 0.2302585093) AS "e"`, "")
}

const levelOf = `10 * log10(mean("e"))`

// environment is for the environmental office: air against the legal limits,
// noise, and the weather that explains both.
func environment(o Options) board {
	const d = uplink.Environment
	return board{
		uid:     uidEnvironment,
		title:   "Umwelt",
		about:   "Luftqualität, Lärm und Wetter in der Modellregion",
		domain:  d,
		dataset: o.dataset("no2", opendata.Quarter),
		refresh: "5m",
		from:    "now-24h",
		rows: []row{
			{title: "Lage jetzt", panels: append(airNumbers(), airMap(), airList())},
			{title: "Gegen die Grenzwerte", panels: []panel{exceedances(o)}},
			{title: "Luft und Lärm je Kommune", panels: []panel{
				town("Stickstoffdioxid", "Stundenmittel. Die Linien sind der Grenzwert 200 µg/m³ und seine Hälfte.", microgram, no2Limits(), `mean("no2")`),
				town("Feinstaub PM10", "Stundenmittel. Die Linien sind der Grenzwert für das Tagesmittel, 50 µg/m³, und seine Hälfte.", microgram, pm10Limits(), `mean("pm10")`),
				town("Feinstaub PM2,5", "Stundenmittel. Die Linien sind der Grenzwert für das Jahresmittel, 25 µg/m³, und seine Hälfte.", microgram, pm25Limits(), `mean("pm2_5")`),
				town("Ozon", "Stundenmittel. Die Linien sind der Zielwert für 8 Stunden, 120 µg/m³, die Informationsschwelle 180 und die Alarmschwelle 240 µg/m³.", microgram, o3Limits(), `mean("o3")`),
				{
					kind: chart, width: 24, height: 8, every: "1h", most: "2d",
					title:   "Lärm",
					about:   "Energetischer Mittelungspegel. Die Linien sind 54 und 64 dB(A): 16. BImSchV, Mischgebiet, nachts und tags.",
					unit:    units.Decibel,
					digits:  1,
					limits:  noiseLimits(),
					alias:   "$tag_municipality",
					queries: raw(over(soundQuery(), levelOf, windows(perMunicipality))),
				},
			}},
			{title: "Wetter je Kommune", panels: []panel{
				town("Lufttemperatur", "Mittel der gewählten Stationen.", units.Celsius, nil, `mean("air_temperature")`),
				town("Relative Luftfeuchte", "Mittel der gewählten Stationen.", units.Percent, nil, `mean("relative_humidity")`),
				town("Windgeschwindigkeit", "Mittel der gewählten Stationen.", units.MetersPerSecond, nil, `mean("wind_speed")`),
				town("Luftdruck", "Mittel der gewählten Stationen, am Ort.", units.Hectopascals, nil, `mean("air_pressure")`),
			}},
			{title: "Gewählte Stationen", collapsed: true, panels: airDetails()},
			{title: "Sensoren", collapsed: true, panels: abreast(silent(d), marked(d))},
		},
	}
}

func airNumbers() []panel {
	const (
		d   = uplink.Environment
		now = "1h"
		day = "24h"
	)
	most := func(last, title, about, unit string, l limits, what string) panel {
		return panel{
			kind: number, width: 4, height: 4, last: last,
			title: title, about: about, unit: unit, limits: l,
			reduce:  "max",
			queries: raw(readings(d, what, perStation)),
		}
	}
	rain := most(day, "Höchster Niederschlag, 24 Stunden", "Größte Summe einer Station.", units.Millimeter, nil, `sum("precipitation")`)
	rain.digits = 1
	return []panel{
		most(now, "Höchstes NO₂, 1 Stunde", "Größtes Stundenmittel einer Station. Grenzwert der 39. BImSchV: 200 µg/m³, 18 Überschreitungen im Jahr.", microgram, no2Limits(), `mean("no2")`),
		most(day, "Höchstes PM10, 24 Stunden", "Größtes Tagesmittel einer Station. Grenzwert der 39. BImSchV: 50 µg/m³, 35 Überschreitungen im Jahr.", microgram, pm10Limits(), `mean("pm10")`),
		most(day, "Höchstes PM2,5, 24 Stunden", "Größtes Tagesmittel einer Station, zur Einordnung am Jahresgrenzwert der 39. BImSchV gemessen: 25 µg/m³.", microgram, pm25Limits(), `mean("pm2_5")`),
		{
			kind: number, width: 4, height: 4, last: now,
			title:   "Lauteste Station, 1 Stunde",
			about:   "Größter energetischer Mittelungspegel. Zur Einordnung: 16. BImSchV, Mischgebiet, nachts 54 dB(A), tags 64 dB(A).",
			unit:    units.Decibel,
			digits:  1,
			limits:  noiseLimits(),
			reduce:  "max",
			queries: raw(over(soundQuery(), levelOf+` AS "l"`, perStation)),
		}, {
			kind: number, width: 4, height: 4, last: now,
			title:   "Lufttemperatur",
			about:   "Mittel der gewählten Stationen in der letzten Stunde.",
			unit:    units.Celsius,
			digits:  1,
			queries: raw(readings(d, `mean("air_temperature")`, "")),
		},
		rain,
	}
}

func airMap() panel {
	const d = uplink.Environment
	colours := limits{{0, absent}, {0.0001, fine}, {100, notice}, {200, alarm}}
	return panel{
		kind: atlas, width: 12, height: 14, last: "1h",
		title: "Stickstoffdioxid",
		about: "Stundenmittel. Gelb ab dem halben Grenzwert, rot ab 200 µg/m³. Grau: keine aktuellen Werte.",
		queries: raw(
			points(d, perStation),
			readings(d, `mean("no2") AS "NO₂", mean("pm10") AS "PM10", mean("pm2_5") AS "PM2,5"`, perStation),
		),
		field: "NO₂", limits: colours,
		columns: []column{
			{name: "NO₂", unit: microgram, digits: 1, limits: colours},
			{name: "PM10", unit: microgram, digits: 1},
			{name: "PM2,5", unit: microgram, digits: 1},
		},
	}
}

func airList() panel {
	const d = uplink.Environment
	return panel{
		kind: list, width: 12, height: 14, last: "1h",
		title: "Stationen",
		about: "Mittel der letzten Stunde, Lärm energetisch gemittelt. Ein Klick auf eine Station zeigt nur noch diese.",
		queries: raw(
			names(d, perStation),
			readings(d, `mean("no2") AS "NO₂", mean("pm10") AS "PM10", mean("pm2_5") AS "PM2,5"`, perStation),
			over(soundQuery(), levelOf+` AS "Lärm"`, perStation),
			readings(d, `mean("air_temperature") AS "Luft", mean("relative_humidity") AS "Feuchte", mean("wind_speed") AS "Wind"`, perStation),
		),
		need: []string{"Luft"}, order: "NO₂",
		columns: []column{
			{name: "NO₂", unit: microgram, digits: 1, limits: no2Limits()},
			{name: "PM10", unit: microgram, digits: 1, limits: pm10Limits()},
			{name: "PM2,5", unit: microgram, digits: 1, limits: pm25Limits()},
			{name: "Lärm", unit: units.Decibel, digits: 1, limits: noiseLimits()},
			{name: "Luft", unit: units.Celsius, digits: 1},
			{name: "Feuchte", unit: units.Percent},
			{name: "Wind", unit: units.MetersPerSecond, digits: 1},
		},
	}
}

// exceedances counts against what the 39. BImSchV allows in a year: 35 days with
// PM10 above 50, 18 hours with NO2 above 200 µg/m³, and means of 40 and 25.
func exceedances(o Options) panel {
	const d = uplink.Environment
	set := o.dataset("no2", opendata.Day24)
	year := func(w opendata.Window, what string) string {
		return since("365d", published(set, w, what, perStation))
	}
	beyond := func(w opendata.Window, field, offset, name string) string { // 1 above the limit, 0 up to it
		q := published(set, w, `floor(("`+field+`" + `+offset+`) / 100000) AS "x"`, "")
		return since("365d", over(q, `sum("x") AS "`+name+`"`, perStation))
	}
	return panel{
		kind: list, width: 24, height: 10,
		title: "Die letzten 365 Tage gegen die Grenzwerte",
		about: "Im Kalenderjahr erlaubt die 39. BImSchV 35 Tage mit PM10 über 50 µg/m³ und 18 Stunden mit NO₂ über 200 µg/m³; Jahresmittel: NO₂ und PM10 40, PM2,5 25 µg/m³. " +
			"Zur Einordnung, kein amtlicher Nachweis: dafür zählen nur geeichte Messstellen und das Kalenderjahr.",
		queries: append(raw(names(d, perStation)), open(
			beyond(opendata.Day24, "pm10.mean", "99949.9999", "Tage PM10 > 50"),
			beyond(opendata.Hour, "no2.mean", "99799.9999", "Stunden NO₂ > 200"),
			year(opendata.Day24, `mean("no2.mean") AS "NO₂", mean("pm10.mean") AS "PM10", mean("pm2_5.mean") AS "PM2,5", count("no2.mean") AS "Tage"`),
		)...),
		need: []string{"Tage"}, order: "NO₂",
		columns: []column{
			{name: "Tage PM10 > 50", limits: limits{{0, fine}, {18, notice}, {36, alarm}}},
			{name: "Stunden NO₂ > 200", limits: limits{{0, fine}, {10, notice}, {19, alarm}}},
			{name: "NO₂", unit: microgram, digits: 1, limits: limits{{0, fine}, {20, notice}, {40, alarm}}},
			{name: "PM10", unit: microgram, digits: 1, limits: limits{{0, fine}, {20, notice}, {40, alarm}}},
			{name: "PM2,5", unit: microgram, digits: 1, limits: pm25Limits()},
			{name: "Tage"},
		},
	}
}

func airDetails() []panel {
	const d = uplink.Environment
	detail := func(every, title, about, unit, alias, what string) panel {
		return panel{
			kind: chart, width: 12, height: 8, every: every, most: "12h",
			title: title, about: about, unit: unit, digits: 1, alias: alias,
			queries: raw(readings(d, what, windows(perStation))),
		}
	}
	noise := detail("30m", "Lärm", "Energetischer Mittelungspegel.", units.Decibel, "$tag_station", "")
	noise.limits, noise.queries = noiseLimits(), raw(over(soundQuery(), levelOf, windows(perStation)))
	rain := detail("1h", "Niederschlag", "Summe je Abschnitt. Der letzte Balken wächst noch.", units.Millimeter, "$tag_station", `sum("precipitation")`)
	rain.bars = true
	wind := detail("30m", "Windrichtung", "Letzte gemeldete Richtung, aus der der Wind weht: 0° Nord, 90° Ost. Richtungen werden nicht gemittelt.",
		units.Degrees, "$tag_station", `last("wind_direction")`)
	wind.digits, wind.between = 0, [2]float64{0, 360}
	return []panel{
		detail("30m", "Schadstoffe", "Mittelwerte.", microgram, "$tag_station $col", `mean("no2") AS "NO₂", mean("pm10") AS "PM10", mean("pm2_5") AS "PM2,5"`),
		noise, rain, wind,
	}
}

// town is a chart of hourly values, a line per municipality.
func town(title, about, unit string, l limits, what string) panel {
	return panel{
		kind: chart, width: 12, height: 8, every: "1h", most: "2d",
		title: title, about: about, unit: unit, digits: 1, limits: l,
		alias:   "$tag_municipality",
		queries: raw(readings(uplink.Environment, what, windows(perMunicipality))),
	}
}
