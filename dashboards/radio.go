package dashboards

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/units"

	"modellregion/internal/influx"
)

// Signals as a gateway hears them: with SF12 it still understands −137 dBm and
// −20 dB, with SF7 −123 dBm and −7.5 dB (Semtech SX1301). Yellow is 10 dB
// before the end with SF7, red where only the slowest data rates are left.
func rssiLimits() limits { return limits{{0, alarm}, {-123, warn}, {-113, notice}, {-103, fine}} }
func snrLimits() limits  { return limits{{0, alarm}, {-7.5, notice}, {2.5, fine}} }

// dutyLimits are those of a device: EU868 allows 1 % on the channels that all
// have (ETSI EN 300 220, ERC/REC 70-03 annex 1).
func dutyLimits() limits { return limits{{0, fine}, {0.5, notice}, {1, alarm}} }

const (
	rssiOf = `mean("` + influx.FieldRSSI + `") AS "RSSI"`
	snrOf  = `mean("` + influx.FieldSNR + `") AS "SNR"`
)

// timeOnAir is the share of an hour, in percent, that so many frames in it take:
// a frame takes 70 ms at DR5 (SF7, 20 bytes of payload), and twice as long with
// each data rate less. How long frames are is not stored.
func timeOnAir(frames string) string {
	return `(` + frames + `) * exp(mean("` + influx.FieldDR + `") * -0.6931471806) * 2.24 / 36`
}

// radio is for who looks after the radio network: do the gateways hear, do the
// devices come through, and which battery is next.
func radio() board {
	return board{
		uid:      uidRadio,
		title:    "Funknetz",
		about:    "Gateways, Empfang, Verluste, Sendezeit und Batterien im LoRaWAN der Modellregion",
		gateways: true,
		refresh:  "1m",
		from:     "now-24h",
		rows: []row{
			{title: "Lage jetzt (letzte Stunde)", panels: append(radioNumbers(), radioMap(), gatewayList())},
			{title: "Wer schweigt", panels: []panel{silentDevices(), silentGateways()}},
			{title: "Empfang", panels: reception()},
			{title: "Verlust und Sendezeit", panels: []panel{lostByMunicipality(), worstDevices(), dataRates()}},
			{title: "Batterien", panels: []panel{batteries()}},
		},
	}
}

func radioNumbers() []panel {
	const now = "1h"
	return []panel{{
		kind: number, width: 4, height: 4, last: now,
		title:   "Gehörte Geräte",
		about:   "Geräte, von denen die gewählten Gateways in der letzten Stunde etwas empfingen.",
		reduce:  "count",
		queries: raw(heard(`count("`+influx.FieldRSSI+`")`, perDevice)),
	}, {
		kind: number, width: 4, height: 4, last: now,
		title:   "Hörende Gateways",
		about:   "Gateways, die in der letzten Stunde etwas empfingen.",
		reduce:  "count",
		queries: raw(heard(`count("`+influx.FieldRSSI+`")`, perGateway)),
	}, {
		kind: number, width: 4, height: 4, last: now,
		title:   "Empfänge",
		about:   "Empfangene Rahmen; einer, den zwei Gateways hören, zählt zweimal.",
		queries: raw(heard(`count("`+influx.FieldRSSI+`")`, "")),
	}, {
		kind: number, width: 4, height: 4, last: now,
		title:   "Verlorene Rahmen",
		about:   "Lücken in den Rahmenzählern: Rahmen, die kein Gateway gehört hat. Ohne Wert: keine.",
		queries: raw(lost(`sum("`+influx.FieldValue+`")`, "")),
	}, {
		kind: number, width: 4, height: 4, last: now,
		title:   "Mittlere Feldstärke",
		about:   "RSSI aller Empfänge. Unter −123 dBm verstehen Gateways nur noch langsame Datenraten.",
		unit:    units.DecibelMilliWatt,
		limits:  rssiLimits(),
		queries: raw(heard(`mean("`+influx.FieldRSSI+`")`, "")),
	}, {
		kind: number, width: 4, height: 4, last: now,
		title:   "Höchste Sendezeit eines Geräts",
		about:   "Geschätzter Anteil der Stunde, den ein Gerät sendet, wie ihn das beste Gateway hört, aus Datenrate und 20 Byte Nutzlast. EU868 erlaubt 1 %.",
		unit:    units.Percent,
		digits:  2,
		limits:  dutyLimits(),
		reduce:  "max",
		queries: raw(heard(timeOnAir(`count("`+influx.FieldDR+`")`)+` AS "s"`, perDevice+", "+perGateway)),
	}}
}

// lost counts the frames of which the counters tell that nobody heard them. A
// report has one such mark, however many gateways heard it.
func lost(what, per string) string {
	return from(influx.MeasurementQuality, what, per, chosen, `"`+influx.TagMark+`" = 'gap'`)
}

func radioMap() panel {
	return panel{
		kind: atlas, width: 12, height: 14, last: "30m",
		title: "Empfang der Geräte",
		about: "Mittlerer Signal-Rausch-Abstand je Gerät in der letzten halben Stunde. Grün: Reserve für alle Datenraten; gelb: nur noch mit langsamen; rot: kaum noch. Ein Klick zeigt nur diese Station.",
		key:   influx.TagDevice,
		queries: raw(
			points("", perDevice+`, `+perStation),
			heard(snrOf, perDevice),
			heard(rssiOf, perDevice),
		),
		field: "SNR", limits: snrLimits(), need: []string{columnName, "SNR"},
		columns: []column{
			{name: "SNR", unit: units.Decibel, digits: 1, limits: snrLimits()},
			{name: "RSSI", unit: units.DecibelMilliWatt},
		},
	}
}

func gatewayList() panel {
	sums := `sum("` + influx.FieldReceived + `") AS "Pakete", sum("` + influx.FieldReceivedOK + `") AS "mit CRC", sum("` + influx.FieldSent + `") AS "gesendet", mean("` + influx.FieldAcked + `") AS "bestätigt"`
	return panel{
		kind: list, width: 12, height: 14, last: "1h",
		title: "Gateways",
		about: "Was jedes Gateway in der letzten Stunde von unseren Geräten empfing, und was sein Paketweiterleiter von sich sagt: alle gehörten Pakete, auch fremde, " +
			"welcher Anteil fehlerfrei war, gesendete Downlinks, bestätigte Datagramme.",
		key: influx.TagGateway,
		queries: raw(
			heard(`count("`+influx.FieldRSSI+`") AS "Empfänge", `+rssiOf+`, `+snrOf, perGateway),
			ofPlatform(influx.RoleGateway, sums, perGateway, `"`+influx.TagGateway+`" =~ /^${gateway:regex}$/`),
		),
		calc:   []calc{{name: "fehlerfrei", left: "mit CRC", operator: "/", right: "Pakete"}},
		order:  "Empfänge",
		hidden: []string{"mit CRC"},
		columns: []column{
			{name: "Empfänge"},
			{name: "RSSI", unit: units.DecibelMilliWatt, limits: rssiLimits()},
			{name: "SNR", unit: units.Decibel, digits: 1, limits: snrLimits()},
			{name: "Pakete"},
			{name: "fehlerfrei", unit: units.PercentUnit},
			{name: "gesendet"},
			{name: "bestätigt", unit: units.Percent, limits: limits{{0, alarm}, {90, notice}, {99, fine}}},
		},
	}
}

func silentDevices() panel {
	return panel{
		kind: list, width: 14, height: 10,
		title:   "Stumme Geräte",
		about:   "Geräte, von denen länger als zwei Berichtsintervalle nichts kam, die am längsten stummen zuerst. Viele am selben Ort: das Gateway; eines allein: Batterie oder Gerät.",
		key:     influx.TagID,
		queries: raw(silentSince("device", `"`+influx.TagID+`", `+perStation+`, "`+influx.TagDomain+`", `+perEdge, chosen)),
		order:   "Zuletzt gehört", reversed: true,
		columns: heardColumns(),
	}
}

func silentGateways() panel {
	return panel{
		kind: list, width: 10, height: 10,
		title: "Stumme Gateways und Edges",
		about: "Gateways und Edges, die sich nicht melden. Strom und Netz am Standort prüfen; ein Edge hebt Messwerte sieben Tage auf.",
		key:   influx.TagID,
		queries: raw(
			silentSince("gateway", `"`+influx.TagSender+`", "`+influx.TagID+`", `+perEdge),
			silentSince("edge", `"`+influx.TagSender+`", "`+influx.TagID+`", `+perEdge),
		),
		together: true,
		order:    "Zuletzt gehört", reversed: true,
		columns: heardColumns(),
	}
}

func reception() []panel {
	course := func(title, about, unit string, l limits, between [2]float64, what string) panel {
		return panel{
			kind: chart, width: 8, height: 8, every: "15m", most: "3h",
			title: title, about: about, unit: unit, digits: 1, limits: l, between: between,
			alias:   "$tag_gateway",
			queries: raw(heard(what, windows(perGateway))),
		}
	}
	return []panel{
		course("Empfänge je Gateway", "Empfangene Rahmen je Abschnitt.", "short", nil, [2]float64{}, `count("`+influx.FieldRSSI+`")`),
		course("Feldstärke (RSSI)", "Mittel je Gateway.", units.DecibelMilliWatt, rssiLimits(), [2]float64{-125, -60}, `mean("`+influx.FieldRSSI+`")`),
		course("Signal-Rausch-Abstand (SNR)", "Mittel je Gateway.", units.Decibel, snrLimits(), [2]float64{-15, 12}, `mean("`+influx.FieldSNR+`")`),
	}
}

func lostByMunicipality() panel {
	return panel{
		kind: chart, width: 8, height: 11, every: "1h", bars: true, most: "2d",
		title:   "Verlorene Rahmen je Kommune",
		about:   "Lücken in den Rahmenzählern je Abschnitt. Gleichmäßig wenige sind normal (1 bis 3 % der Rahmen), ein Sprung ist ein Gateway oder eine Störung.",
		alias:   "$tag_municipality",
		queries: raw(lost(`sum("`+influx.FieldValue+`")`, windows(perMunicipality))),
	}
}

// worstDevices sets the frames lost beside those sent, which the counters of
// those received tell. After a join the counter begins anew, and for that time it
// is wrong. Each column of a thousand devices costs InfluxDB some 150 ms, so each
// is a query of its own, and a counter's ends are read in place of all between.
func worstDevices() panel {
	return panel{
		kind: list, width: 10, height: 11, last: "3h",
		title: "Schlechteste Geräte der letzten 3 Stunden",
		about: "Verlorene und gesendete Rahmen aus den Rahmenzählern, dazu der Empfang der letzten halben Stunde und die geschätzte Sendezeit. " +
			"Verlust ab 10 %: Standort, Antenne oder Datenrate prüfen. Meldet sich ein Gerät neu an, beginnt sein Zähler von vorn, und seine Zeile stimmt so lange nicht.",
		key: influx.TagDevice,
		queries: raw(
			names("", perDevice+`, `+perStation),
			lost(`sum("`+influx.FieldValue+`") AS "verloren"`, perDevice),
			heard(`first("`+influx.FieldFCnt+`") AS "von"`, perDevice),
			heard(`last("`+influx.FieldFCnt+`") AS "bis"`, perDevice),
			since("30m", heard(rssiOf, perDevice)),
			since("30m", heard(snrOf, perDevice)),
			since("30m", heard(`mean("`+influx.FieldDR+`") AS "DR", `+timeOnAir(`1`)+` / 3 AS "je Rahmen"`, perDevice)), // of 3 hours
		),
		calc: []calc{
			{name: "gesendet", left: "bis", operator: "-", right: "von"},
			{name: "Verlust", left: "verloren", operator: "/", right: "gesendet"},
			{name: "Sendezeit", left: "gesendet", operator: "*", right: "je Rahmen"},
		},
		need: []string{columnName, "verloren"}, order: "Verlust", hidden: []string{"von", "bis", "je Rahmen"},
		columns: []column{
			{name: "Verlust", unit: units.PercentUnit, digits: 1, limits: limits{{0, fine}, {0.05, notice}, {0.1, warn}, {0.3, alarm}}},
			{name: "verloren"}, {name: "gesendet"},
			{name: "RSSI", unit: units.DecibelMilliWatt, limits: rssiLimits()},
			{name: "SNR", unit: units.Decibel, digits: 1, limits: snrLimits()},
			{name: "DR", digits: 1},
			{name: "Sendezeit", unit: units.Percent, digits: 2, limits: dutyLimits()},
		},
	}
}

func dataRates() panel {
	p := panel{
		kind: chart, width: 6, height: 11, every: "1h", bars: true, most: "3h",
		title: "Empfänge je Datenrate",
		about: "DR0 ist die langsamste (SF12), DR5 die schnellste (SF7). Viele langsame kosten Sendezeit: Abdeckung verbessern.",
		alias: "$col",
	}
	for dr := range 6 {
		p.queries = append(p.queries, raw(heard(fmt.Sprintf(`count("%s") AS "DR%d"`, influx.FieldDR, dr), windows(""), fmt.Sprintf(`"%s" = %d`, influx.FieldDR, dr)))...)
	}
	return p
}

// lowVoltage is where a lithium cell of 3.6 V is almost empty.
const lowVoltage = "3.3"

// batteries extends the fall of the last four weeks to where a lithium cell
// ends. It is a straight line: a cell in the cold falls and comes back.
func batteries() panel {
	domains := `"energy", "environment", "road", "traffic"`
	volts := func(what string) string {
		return `SELECT ` + what + ` FROM ` + domains + ` WHERE $timeFilter AND ` + chosen + ` GROUP BY ` + perStation
	}
	return panel{
		kind: list, width: 24, height: 10,
		title: "Batterien und ihr Ende",
		about: "Spannung des letzten Tages, ihr Fall seit vier Wochen, und in wie vielen Wochen sie bei gleichem Fall 3,3 V erreicht, wo eine Lithiumzelle mit 3,6 V fast leer ist. " +
			"Für andere Batterien gilt die Spannung nicht; manche Geräte melden den Ladestand. Kälte senkt die Spannung, ohne die Batterie zu leeren.",
		queries: raw(
			names("", perStation),
			since("1d", volts(`mean("battery_voltage") AS "Spannung"`)),
			between("29d", "28d", volts(`mean("battery_voltage") AS "vor 4 Wochen"`)),
			since("7d", volts(`last("battery_level") AS "Ladestand"`)),
		),
		calc: []calc{
			{name: "Fall", left: "vor 4 Wochen", operator: "-", right: "Spannung"},
			{name: "Fall je Woche", left: "Fall", operator: "/", right: "4"},
			{name: "Rest", left: "Spannung", operator: "-", right: lowVoltage},
			{name: "Wochen bis 3,3 V", left: "Rest", operator: "/", right: "Fall je Woche"},
		},
		need: []string{"Spannung"}, order: "Spannung", reversed: true, hidden: []string{"vor 4 Wochen", "Fall", "Rest"},
		columns: []column{
			{name: "Spannung", unit: units.Volt, digits: 2},
			{name: "Fall je Woche", unit: units.Volt, digits: 3},
			{name: "Wochen bis 3,3 V", limits: limits{{0, alarm}, {4, warn}, {12, notice}, {26, fine}}, states: append(span(nil, new(0.0), "fällt nicht", fine), span(new(520.0), nil, "über 10 Jahre", fine)...)},
			{name: "Ladestand", unit: units.Percent},
		},
	}
}
