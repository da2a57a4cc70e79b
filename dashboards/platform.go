package dashboards

import (
	"slices"
	"strconv"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"modellregion/internal/influx"
	"modellregion/opendata"
)

// Lag is what a control room notices: yellow from 10 s, red from two minutes.
func lagLimits() limits  { return limits{{0, fine}, {10, notice}, {120, alarm}} }
func diskLimits() limits { return limits{{0, alarm}, {0.1, warn}, {0.2, fine}} }

// platform is for who runs the platform: does what the sensors say arrive, how
// late, and what gets lost on the way.
func platform(o Options) board {
	return board{
		uid:     uidPlatform,
		title:   "Plattform",
		about:   "Verzug, Durchsatz, Unzustellbares, Edges, offene Daten und Platten der Plattform",
		edges:   true,
		refresh: "1m",
		from:    "now-6h",
		rows: []row{
			{title: "Lage jetzt", panels: platformNumbers()},
			{title: "Vom Funk in die Datenbank", panels: throughput()},
			{title: "Unzustellbares", panels: undeliverable()},
			{title: "Edges", panels: edges()},
			{title: "Offene Daten", panels: openData(o)},
			{title: "Maschine", panels: machine()},
		},
	}
}

const freeOf = `mean("` + influx.FieldDiskFree + `") / mean("` + influx.FieldDiskSize + `")`

// process selects from what the processes say of themselves.
func process(what, per string) string { return ofPlatform(influx.RoleProcess, what, per) }

func platformNumbers() []panel {
	const now = "5m"
	silence := from(influx.MeasurementHealth, `last("`+influx.FieldSilent+`")`, `"`+influx.TagID+`"`, chosen, `"`+influx.TagSender+`" = 'device'`)
	return []panel{{
		kind: number, width: 4, height: 4, last: now,
		title:   "Uplinks je Sekunde",
		about:   "Mittel der letzten 5 Minuten, alle Prozesse.",
		digits:  1,
		queries: raw(process(`sum("`+influx.FieldUplinks+`") / 300`, "")),
	}, {
		kind: number, width: 4, height: 4, last: now,
		title:   "Verzug",
		about:   "Vom Empfang am Gateway bis gespeichert, für 95 % der Uplinks; der größte Wert der letzten 5 Minuten.",
		unit:    units.Seconds,
		digits:  1,
		limits:  lagLimits(),
		queries: raw(process(`max("`+influx.FieldLag+`")`, "")),
	}, {
		kind: number, width: 4, height: 4, last: "24h",
		title:   "Unzustellbares, 24 Stunden",
		about:   "Meldungen, die nicht gespeichert werden können; die Liste unten sagt, warum. Ohne Wert: keine.",
		limits:  limits{{0, fine}, {1, notice}, {100, warn}},
		queries: raw(from(influx.MeasurementDeadLetter, `count("`+influx.FieldMessage+`")`, "", `"`+influx.FieldMessage+`" != ''`)),
	}, {
		kind: number, width: 4, height: 4, last: "30d",
		title:   "Stumme Geräte",
		about:   "Geräte der gewählten Stationen, von denen länger als zwei Berichtsintervalle nichts kam. Ohne Wert: es war noch keines stumm.",
		limits:  limits{{0, fine}, {1, notice}},
		reduce:  "sum",
		queries: raw(silence),
	}, {
		kind: number, width: 4, height: 4, last: now,
		title:   "Offene Daten sind alt",
		about:   "Alter dessen, was veröffentlicht ist. Bis 20 Minuten ist normal, während späte Messwerte auf ihre Stunde warten.",
		unit:    units.Seconds,
		limits:  limits{{0, fine}, {1800, notice}, {3600, alarm}},
		queries: raw(process(`max("`+influx.FieldBehind+`")`, "")),
	}, {
		kind: number, width: 4, height: 4, last: now,
		title:   "Platte frei",
		about:   "Freier Anteil der vollsten Platte. Unter 10 % kann InfluxDB nicht mehr aufräumen.",
		unit:    units.PercentUnit,
		limits:  diskLimits(),
		reduce:  "min",
		queries: raw(process(freeOf+` AS "f"`, perInstance)),
	}}
}

func throughput() []panel {
	return []panel{{
		kind: chart, width: 12, height: 8, every: "1m",
		title:   "Verzug",
		about:   "Vom Empfang am Gateway bis gespeichert: für die Hälfte und für 95 % der Uplinks, je Prozess. Nach einem Ausfall holen Edges nach, dann ist er hoch und fällt.",
		unit:    units.Seconds,
		digits:  1,
		limits:  lagLimits(),
		alias:   "$tag_instance $col",
		queries: raw(process(`max("`+influx.FieldLagMedian+`") AS "50 %", max("`+influx.FieldLag+`") AS "95 %"`, windows(perInstance))),
	}, {
		kind: chart, width: 12, height: 8, every: "1m",
		title:   "Durchsatz je Sekunde",
		about:   "Uplinks, die ankamen, und Messwerte, die alle Prüfungen bestanden.",
		digits:  1,
		alias:   "$col",
		queries: raw(process(`sum("`+influx.FieldUplinks+`") * 1000 / $__interval_ms AS "Uplinks", sum("`+influx.FieldReadings+`") * 1000 / $__interval_ms AS "Messwerte"`, windows(""))),
	}, {
		kind: chart, width: 12, height: 7, every: "1m",
		title:   "Warteschlange",
		about:   "MQTT-Nachrichten, die auf Prüfung warten. Steigt sie, kommt der Ingest nicht nach.",
		alias:   "$tag_instance",
		queries: raw(process(`max("`+influx.FieldQueue+`")`, windows(perInstance))),
	}, {
		kind: chart, width: 12, height: 7, every: "1m", bars: true,
		title:   "Störungen auf dem Weg",
		about:   "Fehlgeschlagene und wiederholte Schreibvorgänge und wegen voller Warteschlange verworfene Nachrichten. Nichts davon geht verloren: die Edges senden erneut.",
		alias:   "$col",
		queries: raw(process(`sum("`+influx.FieldWriteErrors+`") AS "Schreibfehler", sum("`+influx.FieldShed+`") AS "verworfen"`, windows(""))),
	}}
}

func undeliverable() []panel {
	return []panel{{
		kind: chart, width: 10, height: 10, every: "15m", bars: true, span: "7d",
		title:   "Unzustellbares je Grund, letzte 7 Tage",
		about:   "Meldungen, die nicht gespeichert werden können. modellregion dead-letters zeigt und wiederholt sie.",
		alias:   "$tag_reason",
		queries: raw(from(influx.MeasurementDeadLetter, `count("`+influx.FieldMessage+`")`, windows(perReason), `"`+influx.FieldMessage+`" != ''`)),
	}, {
		kind: list, width: 14, height: 10, last: "7d",
		title: "Die letzten 50",
		about: "Grund, Edge oder Quelle, Gerät und was genau nicht stimmt. Den Wortlaut zeigt modellregion dead-letters.",
		queries: raw(from(influx.MeasurementDeadLetter, `"`+influx.TagReason+`", "`+influx.TagEdge+`", "`+influx.FieldDevice+`", "`+influx.FieldWhy+`"`, "",
			`"`+influx.FieldWhy+`" != ''`) + " ORDER BY time DESC LIMIT 50"),
		key:     influx.TagReason,
		columns: []column{{name: columnTime, unit: units.DateTimeFromNow}},
	}}
}

func edges() []panel {
	edge := func(what, per string) string { return ofPlatform(influx.RoleEdge, what, per, chosenEdge) }
	yes := flags(state{"ja", fine}, state{"nein", alarm})
	online := flags(state{"verbunden", fine}, state{"getrennt", alarm})
	return []panel{{
		kind: chart, width: 12, height: 9, every: "1m", most: "7d",
		title:   "Rückstand je Edge",
		about:   "Uplinks auf der Platte des Edge, die noch niemand als gespeichert bestätigt hat. Ein Edge hebt sie sieben Tage auf.",
		limits:  limits{{0, fine}, {1000, notice}, {4096, warn}},
		alias:   "$tag_edge",
		queries: raw(edge(`max("`+influx.FieldOutbox+`")`, windows(perEdge))),
	}, {
		kind: list, width: 12, height: 9, last: "10m",
		title: "Edges jetzt",
		about: "Was jedes Edge zuletzt von sich sagte. Ohne Zeit: Uplinks, die warten, bis die Uhr des Edge gestellt ist. Aufgegeben: wegen voller Platte oder Alter, seit es die Datenbank des Edge gibt.",
		key:   influx.TagEdge,
		queries: raw(
			edge(`last("`+influx.FieldOnline+`") AS "Verbindung"`, perEdge),
			edge(`last("`+influx.FieldOutbox+`") AS "Rückstand"`, perEdge),
			edge(`last("`+influx.FieldUndated+`") AS "ohne Zeit"`, perEdge),
			edge(`last("`+influx.FieldGivenUp+`") AS "aufgegeben"`, perEdge),
			edge(`last("`+influx.FieldDiskOK+`") AS "Platte nimmt an"`, perEdge),
		),
		order: "Rückstand",
		columns: []column{
			{name: "Verbindung", states: online},
			{name: "Rückstand", limits: limits{{0, fine}, {1000, notice}, {4096, warn}}},
			{name: "ohne Zeit"},
			{name: "aufgegeben", limits: limits{{0, fine}, {1, warn}}},
			{name: "Platte nimmt an", states: yes},
		},
	}}
}

// openData shows how complete the datasets are. Where the quantities of one
// differ, the first and most telling stands for it.
func openData(o Options) []panel {
	course := panel{
		kind: chart, width: 12, height: 9, every: "1d", span: "14d",
		title:   "Vollständigkeit der offenen Daten, letzte 14 Tage",
		about:   "Anteil der erwarteten Messwerte, die kamen, je Datensatz und Tag.",
		unit:    units.PercentUnit,
		limits:  limits{{0, alarm}, {0.9, fine}},
		between: [2]float64{0, 1},
		alias:   "$col",
	}
	worst := panel{
		kind: list, width: 12, height: 9, last: "24h",
		title:   "Unvollständigste Stationen, 24 Stunden",
		about:   "Anteil der erwarteten Messwerte, die in den letzten 24 Stunden kamen. Unter der Hälfte gilt ein Fenster als nicht gemessen.",
		queries: raw(names("", perStation)),
		need:    []string{"Vollständigkeit"},
		order:   "Vollständigkeit", reversed: true,
		columns: []column{{name: "Vollständigkeit", unit: units.PercentUnit, digits: 1, limits: limits{{0, alarm}, {0.5, warn}, {0.9, fine}}}},
	}
	for _, d := range *o.Datasets {
		if d.Households != nil || !slices.Contains(d.Windows, opendata.Hour) || !slices.Contains(d.Windows, opendata.Day24) {
			continue
		}
		// One of the two columns has values.
		own := d.ID + " "
		mean := `mean("` + influx.FieldCoverage + `") AS "` + d.ID + `", mean("` + d.Quantities[0] + "." + influx.FieldCoverage + `") AS "` + own + `"`
		course.queries = append(course.queries, open(published(d.ID, opendata.Day24, mean, "time(1d) fill(none) tz('Europe/Berlin')"))...)
		worst.queries = append(worst.queries, open(published(d.ID, opendata.Hour, mean, perStation))...)
		worst.hidden = append(worst.hidden, d.ID, own)
	}
	worst.calc = []calc{{name: "Vollständigkeit", mean: worst.hidden}}
	return []panel{course, worst, {
		kind: chart, width: 12, height: 8, every: "1m",
		title:   "Alter der offenen Daten",
		about:   "Alles, was vorher gespeichert wurde, ist veröffentlicht.",
		unit:    units.Seconds,
		limits:  limits{{0, fine}, {1800, notice}, {3600, alarm}},
		alias:   "$tag_instance",
		queries: raw(process(`max("`+influx.FieldBehind+`")`, windows(perInstance))),
	}, {
		kind: chart, width: 12, height: 8, every: "5m", bars: true,
		title:   "Berechnete Fenster",
		about:   "Zeitfenster, die berechnet und gespeichert wurden; laufende werden immer wieder berechnet.",
		alias:   "$tag_instance",
		queries: raw(process(`sum("`+influx.FieldWindows+`")`, windows(perInstance))),
	}}
}

// flags show 1 and 0 as words.
func flags(one, zero state) []dashboard.ValueMapping {
	m := dashboard.NewValueMap()
	for code, s := range []state{zero, one} {
		m.Options[strconv.Itoa(code)] = dashboard.ValueMappingResult{Text: new(s.text), Color: new(s.color), Index: new(int32(code))}
	}
	return []dashboard.ValueMapping{{ValueMap: m}}
}

func machine() []panel {
	return []panel{{
		kind: chart, width: 12, height: 8, every: "5m",
		title:   "Platte frei",
		about:   "Freier Anteil der Platte mit dem Datenverzeichnis, je Prozess.",
		unit:    units.PercentUnit,
		digits:  1,
		limits:  diskLimits(),
		between: [2]float64{0, 1},
		alias:   "$tag_instance",
		queries: raw(process(freeOf, windows(perInstance))),
	}, {
		kind: chart, width: 12, height: 8, every: "1h",
		title:   "Platte voll in",
		about:   "In wie vielen Tagen sie voll ist, wenn sie sich weiter so füllt wie in den letzten zwei Wochen. Ohne Wert: sie füllt sich nicht, oder es ist weniger als ein Tag bekannt.",
		unit:    units.Days,
		limits:  limits{{0, alarm}, {30, warn}, {60, fine}},
		alias:   "$tag_instance",
		queries: raw(process(`mean("`+influx.FieldDiskFullIn+`") / 86400`, windows(perInstance))),
	}, {
		kind: chart, width: 12, height: 8, every: "5m",
		title:   "Speicher",
		about:   "Belegter Hauptspeicher je Prozess.",
		unit:    units.BytesSI,
		digits:  1,
		alias:   "$tag_instance",
		queries: raw(process(`mean("`+influx.FieldMemory+`")`, windows(perInstance))),
	}, {
		kind: chart, width: 12, height: 8, every: "5m",
		title:   "Öffentliche Anfragen je Sekunde",
		about:   "Beantwortete und abgewiesene Anfragen an Portal und Schnittstellen, wo sie im selben Prozess laufen.",
		digits:  1,
		alias:   "$col",
		queries: raw(process(`sum("`+influx.FieldRequests+`") * 1000 / $__interval_ms AS "beantwortet", sum("`+influx.FieldRefused+`") * 1000 / $__interval_ms AS "abgewiesen"`, windows(""))),
	}, {
		kind: timeline, width: 24, height: 6, every: "5m",
		title:   "Datenbank nimmt an",
		about:   "Ob InfluxDB Messwerte annimmt, je Prozess mit Ingest.",
		states:  flags(state{"ja", fine}, state{"nein", alarm}),
		alias:   "$tag_instance",
		queries: raw(process(`min("`+influx.FieldStoreOK+`")`, windows(perInstance))),
	}}
}
