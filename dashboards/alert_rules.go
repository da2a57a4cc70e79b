package dashboards

import (
	"strconv"
	"time"

	"modellregion/internal/influx"
	"modellregion/uplink"
)

// stationOf is what queries about stations group by.
const stationOf = perMunicipality + ", " + perStation

// alerts are the alert rules. All read bucket raw, for bucket open has public
// stations alone.
func alerts() []alert {
	var all []alert
	for _, area := range [][]alert{trafficAlerts(), energyAlerts(), roadAlerts(), radioAlerts(), arrivalAlerts(), storeAlerts()} {
		all = append(all, area...)
	}
	return all
}

// where begins a query for a measurement within the time of its rule.
func where(what, measurement string) string {
	return `SELECT ` + what + ` FROM "` + measurement + `" WHERE $timeFilter`
}

// each groups by windows of time and by tags; windows without a value give no
// row, since one that is no number would be an alarm.
func each(window, per string) string {
	return " GROUP BY time(" + window + "), " + per + " fill(none)"
}

func trafficAlerts() []alert {
	d := string(uplink.Traffic)
	// 15 km/h are 30 % of the free speed in built-up areas, and so what derived
	// traffic states call congested; 25 km/h are half of it.
	const todo = "Lage in der Karte und an den Nachbarstationen ansehen. Steht dort eine Meldung über Unfall oder Baustelle? " +
		"Wenn nicht: Kamera oder Streife fragen, Umleitung und Ampelprogramm prüfen, Verkehrswarndienst verständigen. "
	return []alert{{
		name: "stau", title: "Stau", area: AreaTraffic, severity: milder, board: uidCounter,
		queries:     []alertQuery{{"A", 30 * time.Minute, where(`mean("speed_mean")`, d) + ` AND "vehicle_count" > 0` + each("5m", stationOf)}},
		expressions: below("25", "15"),
		pending:     10 * time.Minute,
		noData:      stateOK, // at night nobody drives
		onError:     stateError,
		summary:     "Stau an {{ .Labels.station }} ({{ .Labels.municipality }}): {{ printf \"%.0f\" .Values.B.Value }} km/h",
		todo:        todo + "Der Alarm endet, wenn wieder mehr als 25 km/h gefahren werden.",
	}, {
		// A queue that stands passes no detector, and so has no speed.
		name: "stillstand", title: "Stehender Verkehr", area: AreaTraffic, severity: milder, board: uidCounter,
		queries:     []alertQuery{{"A", 30 * time.Minute, where(`mean("occupancy")`, d) + each("5m", stationOf)}},
		expressions: above("0.3", "0.5"),
		pending:     10 * time.Minute,
		noData:      stateOK,
		onError:     stateError,
		summary:     "Stehender Verkehr an {{ .Labels.station }} ({{ .Labels.municipality }}): Belegung {{ humanizePercentage .Values.B.Value }}",
		todo:        todo + "Der Alarm endet bei einer Belegung unter 30 %.",
	}}
}

func energyAlerts() []alert {
	d := string(uplink.Energy)
	// EN 50160 §4.2.2: means of 10 minutes, ±10 % of 230 V. The alarm ends at ±9 %.
	return []alert{{
		name: "spannung", title: "Spannung außerhalb des Bandes", area: AreaEnergy, severity: severe, board: uidTransformer,
		queries:     []alertQuery{{"A", time.Hour, where(`abs(mean("voltage") - 230)`, d) + each("10m", stationOf+`, "`+influx.TagChannel+`"`)}},
		expressions: above("20.7", "23"),
		pending:     10 * time.Minute,
		noData:      stateOK, // a meter that says nothing is another alarm
		onError:     stateError,
		summary:     "Spannung an {{ .Labels.station }}{{ with .Labels.channel }}, Phase {{ . }}{{ end }} ({{ .Labels.municipality }}) weicht {{ printf \"%.0f\" .Values.B.Value }} V von 230 V ab",
		todo: "Sind auch andere Phasen und Nachbarstationen betroffen? Zu hoch: Einspeisung und Stufenschalter des Ortsnetztransformators prüfen. " +
			"Zu niedrig: Last und Leitungslänge prüfen. Nahe 0 V: Sicherung oder Versorgungsunterbrechung, Entstördienst verständigen. " +
			"Erlaubt sind 207 bis 253 V im Mittel über 10 Minuten (EN 50160). Der Alarm endet bei weniger als 20,7 V Abweichung.",
	}, {
		name: "trafo", title: "Transformator überlastet", area: AreaEnergy, severity: severe, board: uidTransformer,
		queries:     []alertQuery{{"A", time.Hour, where(`mean("load")`, d) + each("5m", stationOf)}},
		expressions: above("90", "100"),
		pending:     15 * time.Minute, // a transformer bears more for a short time
		noData:      stateOK,
		onError:     stateError,
		summary:     "Transformator {{ .Labels.station }} ({{ .Labels.municipality }}) ist zu {{ printf \"%.0f\" .Values.B.Value }} % ausgelastet",
		todo: "Verlauf, Öltemperatur und Lastfluss ansehen: Bezug oder Einspeisung? Last auf Nachbarstationen umschalten oder steuerbare Verbraucher " +
			"und Ladepunkte begrenzen (§ 14a EnWG). Hält die Überlast an, Transformator vor Ort prüfen lassen. Der Alarm endet unter 90 %.",
	}}
}

func roadAlerts() []alert {
	d := string(uplink.Road)
	// 1 from slush on (codes 4 to 7: slush, snow, ice, hoarfrost), and from a
	// share of ice of 0.1 on, as derived surface states have it.
	states := where(`"surface_state" / 4 AS "g"`, d)
	ice := where(`"ice_fraction" * 10 AS "g"`, d)
	// Distance to freezing. Freezing temperatures are at or below 0 °C, so the
	// greater of both is that by the temperature measured, where it is.
	water := where(`"surface_temperature" AS "m"`, d)
	brine := where(`"surface_temperature" - "freezing_temperature" AS "m"`, d)
	return []alert{{
		name: "glaette", title: "Glätte", area: AreaRoad, severity: severe, board: uidRoad,
		queries:     []alertQuery{{"A", 45 * time.Minute, `SELECT max("g") FROM (` + states + `), (` + ice + `) GROUP BY ` + stationOf}},
		expressions: []expression{{"B", "last", "A"}, {"D", "", "$B > 0.999"}},
		pending:     0, // nobody should wait, and the time range keeps the alarm up for 45 minutes
		noData:      stateOK,
		onError:     stateError,
		summary:     "Glätte an {{ .Labels.station }} ({{ .Labels.municipality }}): Schneematsch, Schnee, Eis oder Reif",
		todo: "Streudienst alarmieren und im Dashboard nachsehen, ob Nachbarstationen folgen. Brücken und Kuppen zuerst. " +
			"Verkehrswarndienst verständigen. Der Alarm endet 45 Minuten nach der letzten Meldung von Glätte.",
	}, {
		name: "glaettegefahr", title: "Glättegefahr", area: AreaRoad, severity: milder, board: uidRoad,
		queries: []alertQuery{
			{"A", time.Hour, `SELECT max("m") FROM (` + water + `), (` + brine + `)` + each("10m", stationOf)},
			{"F", time.Hour, where(`max("water_film")`, d) + ` GROUP BY ` + stationOf},
		},
		expressions: []expression{
			{"B", "last", "A"}, {"C", "min", "A"}, {"G", "last", "F"},
			{"D", "", "$B < 1.5 && $C < 0.5 && $G >= 10"},
		},
		pending: 10 * time.Minute,
		noData:  stateOK,
		onError: stateError,
		summary: "Glättegefahr an {{ .Labels.station }} ({{ .Labels.municipality }}): feuchte Fahrbahn, {{ printf \"%.1f\" .Values.B.Value }} K über dem Gefrieren",
		todo: "Die Fahrbahn ist feucht (Wasserfilm ab 10 µm) und kaum wärmer als die Gefriertemperatur; mit Salz darauf gilt die gemessene, sonst 0 °C. " +
			"Trend der letzten Stunden ansehen, vorbeugend streuen. Der Alarm endet ab 1,5 K Abstand.",
	}}
}

func radioAlerts() []alert {
	silent, sender := `"`+influx.FieldSilent+`"`, `"`+influx.TagSender+`"`
	const group = perMunicipality + `, "` + influx.TagDomain + `"`
	devices := where(`last(`+silent+`) AS "s"`, influx.MeasurementHealth) + ` AND ` + sender + ` = 'device' GROUP BY "` + influx.TagID + `", ` + group
	// Places are written daily, and all of them at each change of the registry:
	// the different ones count. To count the devices takes half a second.
	places := where(`count(distinct("`+influx.FieldLat+`"))`, influx.MeasurementPlace) + ` GROUP BY ` + group
	const day = 24 * time.Hour
	return []alert{{
		name: "gateway", title: "Gateway oder Edge schweigt", area: AreaRadio, severity: severe, board: uidRadio,
		queries: []alertQuery{{"A", 30 * day, where(`last(`+silent+`)`, influx.MeasurementHealth) +
			` AND (` + sender + ` = 'gateway' OR ` + sender + ` = 'edge') GROUP BY ` + sender + `, "` + influx.TagID + `", "` + influx.TagEdge + `"`}},
		expressions: []expression{{"B", "last", "A"}, {"D", "", "$B > 0"}},
		pending:     3 * time.Minute, // after the two minutes by which the platform calls it silent
		noData:      stateOK,         // nobody was silent in a month
		onError:     stateError,
		summary:     "{{ if eq .Labels.sender \"edge\" }}Edge{{ else }}Gateway{{ end }} {{ .Labels.id }} meldet sich nicht mehr",
		todo: "Strom und Netz am Standort prüfen: Antwortet der Router, ist die SIM-Karte gesperrt, ist die Sicherung gefallen? " +
			"Das Edge hebt Messwerte sieben Tage auf und holt sie nach; Frames, die niemand hört, sind verloren. " +
			"Hört ein Nachbar-Gateway die Geräte, eilt es weniger.",
	}, {
		name: "geraete", title: "Viele Geräte schweigen", area: AreaRadio, severity: milder, board: uidRadio,
		queries: []alertQuery{
			{"A", 7 * day, `SELECT sum("s") FROM (` + devices + `) GROUP BY ` + group}, // a month of a thousand devices takes too long
			{"F", day + 2*time.Hour, places},
		},
		expressions: []expression{{"B", "last", "A"}, {"C", "last", "F"}, {"D", "", "$B >= 3 && $B / $C >= 0.2"}},
		pending:     10 * time.Minute,
		noData:      stateOK,
		onError:     stateError,
		summary:     "{{ printf \"%.0f\" .Values.B.Value }} Geräte ({{ .Labels.domain }}) in {{ .Labels.municipality }} schweigen, bei {{ printf \"%.0f\" .Values.C.Value }} Standorten",
		todo: "Ein Fünftel der Geräte einer Kommune und eines Bereichs zugleich ist selten Zufall: Schweigt auch ein Gateway? Wurde am Funknetz, an Schlüsseln " +
			"oder Profilen etwas geändert? Sonst Batterien der betroffenen Baureihe ansehen. Geräte, die es nicht mehr gibt, aus dem Register nehmen.",
	}}
}

// ofRole selects from what processes or edges say of themselves, and field is
// what: a function of a field.
func ofRole(role, what string) string {
	return where(what, influx.MeasurementPlatform) + ` AND "` + influx.TagRole + `" = '` + role + `'`
}
func field(function, name string) string { return function + `("` + name + `")` }

// arrivalAlerts are about the way of readings into the database.
func arrivalAlerts() []alert {
	return []alert{{
		name: "schweigt", title: "Plattform meldet sich nicht", area: AreaPlatform, severity: severe, board: uidPlatform,
		queries:     []alertQuery{{"A", 10 * time.Minute, ofRole(influx.RoleProcess, field("count", influx.FieldReadings))}},
		expressions: []expression{{"B", "last", "A"}, {"D", "", "$B < 1"}},
		pending:     5 * time.Minute,
		noData:      stateAlerting, // nothing is what it watches for
		onError:     stateAlerting, // and when the database is away, all other rules are blind
		summary:     "Seit mehr als 10 Minuten meldet sich kein Ingest der Plattform, oder die Datenbank antwortet nicht",
		todo: "Läuft der Dienst modellregion, und antwortet InfluxDB? systemctl status modellregion, dann das Protokoll ansehen. Ist die Platte voll, Platz schaffen " +
			"und InfluxDB neu starten. Die Edges heben Messwerte sieben Tage auf. Solange dieser Alarm besteht, sagt das Ausbleiben anderer nichts.",
	}, {
		name: "verzug", title: "Messwerte kommen verspätet an", area: AreaPlatform, severity: milder, board: uidPlatform,
		queries:     []alertQuery{{"A", 30 * time.Minute, ofRole(influx.RoleProcess, field("mean", influx.FieldLag)) + each("5m", perInstance)}},
		expressions: above("60", "120"), // s
		pending:     10 * time.Minute,
		noData:      stateOK, // without uplinks there is no lag
		onError:     stateError,
		summary:     "Messwerte sind erst {{ printf \"%.0f\" .Values.B.Value }} s nach dem Empfang gespeichert",
		todo: "Nach einem Ausfall holen die Edges nach, dann vergeht es von selbst: Sinkt ihr Rückstand? Sonst Netz zwischen Edge und Broker, Warteschlange des Ingest " +
			"und Last von InfluxDB ansehen; ein zweiter Ingest hilft, wenn einer nicht reicht. Der Alarm endet unter 60 s.",
	}, {
		name: "rueckstand", title: "Edge mit Rückstand", area: AreaPlatform, severity: milder, board: uidPlatform,
		queries:     []alertQuery{{"A", 30 * time.Minute, ofRole(influx.RoleEdge, field("mean", influx.FieldOutbox)) + each("5m", perEdge)}},
		expressions: above("1000", "4096"), // the window of unconfirmed uplinks
		pending:     10 * time.Minute,
		noData:      stateOK,
		onError:     stateError,
		summary:     "Edge {{ .Labels.edge }} hat {{ printf \"%.0f\" .Values.B.Value }} Meldungen, die noch niemand gespeichert hat",
		todo: "Ist die Verbindung des Standorts zu langsam oder unterbrochen? Bestätigt die Plattform (Alarm „Messwerte kommen verspätet an“)? " +
			"Nach sieben Tagen verwirft das Edge die ältesten. Der Alarm endet unter 1000 Meldungen.",
	}}
}

// storeAlerts are about what is stored, or is not.
func storeAlerts() []alert {
	letters := where(field("count", influx.FieldMessage), influx.MeasurementDeadLetter)
	return []alert{{
		name: "offene-daten", title: "Offene Daten im Rückstand", area: AreaPlatform, severity: milder, board: uidPlatform,
		queries:     []alertQuery{{"A", 2 * time.Hour, ofRole(influx.RoleProcess, field("min", influx.FieldBehind)) + each("5m", perInstance)}},
		expressions: above("1800", "3600"), // s; up to 20 min are usual
		pending:     15 * time.Minute,
		noData:      stateOK,
		onError:     stateError,
		summary:     "Offene Daten sind {{ printf \"%.0f\" .Values.B.Value }} s alt",
		todo: "Läuft der Prozess mit der Rolle aggregate? Sein Protokoll sagt, was fehlschlägt: Lesen, Schreiben oder Dateien. Ist die Platte voll? " +
			"In den ersten Stunden einer neuen Region und nach opendata rebuild ist das normal.",
	}, {
		name: "platte", title: "Platte fast voll", area: AreaPlatform, severity: severe, board: uidPlatform,
		queries: []alertQuery{{"A", 30 * time.Minute, ofRole(influx.RoleProcess, field("mean", influx.FieldDiskFree)+` / `+field("mean", influx.FieldDiskSize)) + each("5m", perInstance)}},
		// Of the disk; InfluxDB needs room to compact.
		expressions: below("0.12", "0.1"),
		pending:     5 * time.Minute,
		noData:      stateOK,
		onError:     stateError,
		summary:     "Auf der Platte der Plattform ({{ .Labels.instance }}) sind nur noch {{ humanizePercentage .Values.B.Value }} frei",
		todo: "Platz schaffen: alte Sicherungen und Protokolle löschen, raw_retention verkürzen oder die Platte vergrößern. Ist sie voll, nimmt InfluxDB nichts mehr an; " +
			"es geht nichts verloren, aber InfluxDB muss danach neu gestartet werden. Der Alarm endet bei 12 % frei.",
	}, {
		name: "datentraeger", title: "Datenträger wird voll", area: AreaPlatform, severity: milder, board: uidPlatform,
		// The forecast is absent while the disk does not fill.
		queries:     []alertQuery{{"A", 3 * time.Hour, ofRole(influx.RoleProcess, field("mean", influx.FieldDiskFullIn)+` / 86400`) + each("1h", perInstance)}},
		expressions: below("35", "30"), // days
		pending:     2 * time.Hour,
		noData:      stateOK,
		onError:     stateError,
		summary:     "Füllt sich der Datenträger der Plattform ({{ .Labels.instance }}) weiter so wie in den letzten zwei Wochen, ist er in {{ printf \"%.0f\" .Values.B.Value }} Tagen voll",
		todo: "Was wächst? du -sh im Datenverzeichnis vergleicht influx (Messwerte), open (offene Dateien) und den Rest. Den Datenträger vergrößern, raw_retention verkürzen " +
			"oder alte Sicherungen woanders aufheben. In den ersten Wochen einer Region wächst bucket raw, bis raw_retention erreicht ist. Der Alarm endet, wenn es für mehr als 35 Tage reicht.",
	}, {
		name: "unzustellbar", title: "Unzustellbare Meldungen", area: AreaPlatform, severity: milder, board: uidPlatform,
		queries:     []alertQuery{{"A", time.Hour, letters + ` GROUP BY ` + perEdge + `, "` + influx.TagReason + `"`}},
		expressions: []expression{{"B", "last", "A"}, {"D", "", "$B >= " + strconv.Itoa(manyLetters)}},
		pending:     5 * time.Minute,
		noData:      stateOK,
		onError:     stateError,
		summary:     "{{ printf \"%.0f\" .Values.B.Value }} Meldungen in einer Stunde nicht speicherbar: {{ .Labels.reason }}{{ with .Labels.edge }}, von {{ . }}{{ end }}",
		todo: "modellregion dead-letters list --since 1h zeigt sie mit ihrem Grund, das Handbuch (Unzustellbares) was hilft: Gerät hinzufügen, Profil berichtigen. " +
			"Danach modellregion dead-letters replay: nachgeholt geht nichts verloren. Der Alarm endet, wenn eine Stunde lang weniger als zehn kamen.",
	}}
}

// manyLetters of one reason in an hour are no accident.
const manyLetters = 10
