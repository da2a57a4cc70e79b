package openapi

import (
	"net/http"
	"slices"

	"modellregion/opendata/files"
	"modellregion/opendata/portal"
)

const jsonType = "application/json"

var (
	language = param{"lang", "query", false, oneOf([]string{"de", "en"}), text("Sprache der Texte für Menschen; ohne Angabe Deutsch", "language of texts for people; German without it")}
	dataset  = func(d *description) param {
		return param{"dataset", "path", true, d.datasetIDs(false), text("Kennung des Datensatzes", "id of the dataset")}
	}
)

// portal describes what the map and the chart of the portal read.
func (d *description) portal(s sample) {
	g := group{"Portal", text("Portal", "Portal"), text("Was Karte und Diagramm des Portals lesen: klein, schnell, für Webseiten.", "What map and chart of the portal read: small, quick, for web pages.")}
	types := portal.JSON()
	d.schemas["Stations"], d.schemas["Map"], d.schemas["Series"], d.schemas["Status"] = schemaOf(types.Stations), schemaOf(types.Map), schemaOf(types.Series), schemaOf(types.Status)
	refused := shape(map[string]schema{"error": typed("string")}, nil)
	d.schemas["Refusal"] = refused
	d.add(operation{
		group: g, path: "/api/v1/stations", id: "getStations", params: []param{language},
		title:    text("Alle öffentlichen Messstellen mit ihrem neuesten Wert", "All public stations with their newest value"),
		answers:  []content{{jsonType, ref("Stations"), ""}},
		examples: []string{"/api/v1/stations", "/api/v1/stations?lang=en"},
	})
	d.add(operation{
		group: g, path: "/api/v1/map", id: "getMap", params: []param{language},
		title: text("Die Karte: alle öffentlichen Messstellen in Spalten", "The map: all public stations in columns"),
		text: text("Der Wert mit der Nummer n jeder Liste gehört zur n-ten Messstelle. level: 0 unbekannt, 1 gut, 2 erhöht, 3 hoch, 4 schlecht.",
			"The value with number n of each list belongs to station n. level: 0 unknown, 1 good, 2 raised, 3 high, 4 bad."),
		answers:  []content{{jsonType, ref("Map"), ""}},
		examples: []string{"/api/v1/map", "/api/v1/map?lang=en"},
	})
	d.add(operation{
		group: g, path: "/api/v1/status.json", id: "getStatus", params: []param{language},
		title:    text("Was aktuell, verzögert, stumm oder unterdrückt ist, und Störungen", "What is live, delayed, silent or suppressed, and incidents"),
		answers:  []content{{jsonType, ref("Status"), ""}},
		examples: []string{"/api/v1/status.json", "/api/v1/status.json?lang=en"},
	})
	feed := operation{
		group: g, path: "/feed/{dataset}.atom", id: "getFeed", params: []param{dataset(d)},
		title:   text("Neue Dateien eines Datensatzes, als Atom; englisch unter /en/feed/", "New files of a dataset, as Atom; in English at /en/feed/"),
		answers: []content{{"application/atom+xml", nil, "Atom (RFC 4287)"}}, statuses: []int{http.StatusNotFound},
	}
	if s.dataset != nil {
		feed.examples = []string{"/feed/" + s.dataset.ID + ".atom"}
	}
	if d.cfg.BaseURL != "" { // without it entries would have no address
		d.add(feed)
	}
	o := operation{
		group: g, path: "/api/v1/series", id: "getSeries",
		title: text("Der Verlauf einer Größe an einer Messstelle", "The course of a quantity at a station"),
		text: text("Höchstens 10.000 Zeitfenster auf einmal; ohne window die kürzesten, von denen höchstens 1.000 in die Zeit passen; ohne span, from und to der letzte Tag. Wo ein Fenster fehlt, steht null.",
			"At most 10,000 windows at once; without window the shortest of which at most 1,000 fit into the time; the last day without span, from and to. Where a window is missing there is null."),
		params: []param{
			{"station", "query", true, typed("string"), text("Kennung der Messstelle", "id of the station")},
			{"quantity", "query", true, d.quantities(), text("Messgröße", "quantity")},
			{"channel", "query", false, typed("string"), text("Fahrstreifen, Phase oder Tiefe; ohne Angabe alle", "lane, phase or depth; all without it")},
			{"span", "query", false, oneOf([]string{"hour", "day", "week", "month", "year"}), text("so lange bis jetzt, statt from und to", "for so long until now, in place of from and to")},
			{"from", "query", false, instantSchema(), text("Beginn, RFC 3339", "begin, RFC 3339")},
			{"to", "query", false, instantSchema(), text("Ende, RFC 3339", "end, RFC 3339")},
			{"window", "query", false, typed("string"), text("Länge der Zeitfenster, eine des Datensatzes: 15m, 1h, 1d", "length of the windows, one of the dataset: 15m, 1h, 1d")},
			language,
		},
		answers: []content{{jsonType, ref("Series"), ""}}, statuses: []int{http.StatusBadRequest, http.StatusNotFound},
	}
	table := o
	table.path, table.id = "/api/v1/series.csv", "getSeriesTable"
	table.title = text("Der Verlauf als Tabelle", "The course as a table")
	table.text = text("Bis zu einem Jahr von Viertelstunden. Bricht die Übertragung ab, so fehlt etwas; ein kurzes Ende ohne Fehler gibt es nicht.",
		"Up to a year of quarters of an hour. A transfer that breaks off misses something; there is no short end without an error.")
	table.params = append(slices.Clone(o.params[:len(o.params)-1]), param{"format", "query", false, oneOf([]string{"excel-de"}),
		text("excel-de: mit Strichpunkten und Dezimalkommas", "excel-de: with semicolons and decimal commas")}, language)
	table.answers = []content{{"text/csv", nil, "CSV"}}
	if s.station != "" {
		o.examples = []string{query(o.path, "station", s.station, "quantity", s.quantity), query(o.path, "station", s.station, "quantity", s.quantity, "span", "week")}
		table.examples = []string{query(table.path, "station", s.station, "quantity", s.quantity, "span", "day")}
	}
	d.add(o)
	d.add(table)
}

// formats are those of files, as they are served.
var formats = []struct{ ending, kind, title string }{
	{"csv", "text/csv", "CSV"}, {"excel-de.csv", "text/csv", "CSV"}, {"json", jsonType, "JSON"}, {"geojson", "application/geo+json", "GeoJSON"},
	{"parquet", "application/vnd.apache.parquet", "Parquet"},
	{"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "XLSX"},
}

// files describes the folder of files.
func (d *description) files(s sample) {
	g := group{"Files", text("Dateien", "Files"), text("Dateien: je Datensatz und Zeitfenster eine je Tag und Monat, dazu die neuesten Werte. Sie bleiben für immer, jede mit Beschreibung und SHA-256. Range, ETag, gzip und zstd werden unterstützt.",
		"Files: of each dataset and window one a day and month, and the latest values. They stay for ever, each with a description and SHA-256. Range, ETag, gzip and zstd are supported.")}
	types := files.JSON()
	d.schemas["Datasets"], d.schemas["Dataset"], d.schemas["Month"] = schemaOf(types.Top), schemaOf(types.Dataset), schemaOf(types.Month)
	d.schemas["Table"], d.schemas["Features"] = d.table(types), d.features(types)
	d.add(operation{
		group: g, path: "/data/index.json", id: "getDatasets", title: text("Alle Datensätze", "All datasets"),
		answers: []content{{jsonType, ref("Datasets"), ""}}, examples: []string{"/data/index.json"},
	})
	one := operation{
		group: g, path: "/data/{dataset}/index.json", id: "getDataset", params: []param{dataset(d)},
		title:   text("Beschreibung eines Datensatzes und seine Monate", "Description of a dataset and its months"),
		answers: []content{{jsonType, ref("Dataset"), ""}}, statuses: []int{http.StatusNotFound},
	}
	month := operation{
		group: g, path: "/data/{dataset}/{month}.json", id: "getMonth",
		params:  []param{dataset(d), {"month", "path", true, schema{"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"}, text("Monat, wie 2026-11", "month, like 2026-11")}},
		title:   text("Die Dateien eines Monats", "The files of a month"),
		answers: []content{{jsonType, ref("Month"), ""}}, statuses: []int{http.StatusNotFound},
	}
	latest := operation{
		group: g, path: "/data/{dataset}/latest.{format}", id: "getLatest", params: []param{dataset(d), format()},
		title: text("Die neuesten Werte aller Messreihen", "The newest values of all series"), answers: tables(), statuses: []int{http.StatusNotFound},
	}
	period := operation{
		group: g, path: "/data/{dataset}/{window}/{period}.{format}", id: "getPeriod",
		params: []param{
			dataset(d), {"window", "path", true, oneOf(d.windows()), text("Länge der Zeitfenster", "length of the windows")},
			{"period", "path", true, schema{"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}(-[0-9]{2})?$"}, text("Tag in Deutschland oder Monat", "day in Germany, or month")}, format(),
		},
		title: text("Alle Werte eines Tages oder Monats", "All values of a day or month"),
		text: text("Leer heißt: nicht bekannt oder nicht erlaubt, nie null. Monate gibt es als CSV und Parquet, und mit langen Zeitfenstern als XLSX.",
			"Empty means: not known or not allowed, never zero. Months are there as CSV and Parquet, and with long windows as XLSX."),
		answers: tables(), statuses: []int{http.StatusNotFound},
	}
	if s.dataset != nil && s.station != "" {
		at := "/data/" + s.dataset.ID + "/"
		one.examples, month.examples = []string{at + "index.json"}, []string{at + s.today.String()[:len("2026-11")] + ".json"}
		for _, f := range formats {
			latest.examples = append(latest.examples, at+"latest."+f.ending)
			period.examples = append(period.examples, at+s.dataset.Base().String()+"/"+s.today.String()+"."+f.ending)
		}
	}
	for _, o := range []operation{one, month, latest, period} {
		d.add(o)
	}
}

func format() param {
	var endings []string
	for _, f := range formats {
		endings = append(endings, f.ending)
	}
	return param{"format", "path", true, oneOf(endings), text("Format; excel-de.csv mit Semikolon und Komma", "format; excel-de.csv has semicolons and commas for German spreadsheets")}
}

func tables() []content {
	var all []content
	for _, f := range formats {
		switch f.ending {
		case "excel-de.csv":
		case "json":
			all = append(all, content{f.kind, ref("Table"), f.title})
		case "geojson":
			all = append(all, content{f.kind, ref("Features"), f.title})
		default:
			all = append(all, content{f.kind, nil, f.title})
		}
	}
	return all
}

// cells are the columns of all datasets; no dataset has all of them, and no row
// all of its own.
func (d *description) cells() map[string]schema {
	all := map[string]schema{}
	for i := range d.cfg.Datasets {
		for _, c := range files.Columns(&d.cfg.Datasets[i]) {
			one := typed(c.Type)
			if c.Type == "datetime" {
				one = instantSchema()
			}
			one["description"] = c.De + " / " + c.En
			if c.Unit != "" {
				one["description"] = c.De + " / " + c.En + " (" + c.Unit + ")"
			}
			all[c.Name] = one
		}
	}
	return all
}

func (d *description) table(types files.Answers) schema {
	d.schemas["Row"] = object(d.cells(), []string{"quantity", "start", "unit", "window_s"})
	return shape(map[string]schema{"description": schemaOf(types.Description), "rows": listOf(ref("Row")), "written": schemaOf(types.Written)}, nil)
}

// features are RFC 7946, a feature for each site with its rows in series.
func (d *description) features(types files.Answers) schema {
	feature := shape(map[string]schema{
		"type": {"const": "Feature"}, "geometry": {"type": []string{"object", "null"}}, "properties": typed("object"),
	}, map[string]schema{"id": typed("string")})
	return shape(map[string]schema{
		"type": {"const": "FeatureCollection"}, "description": schemaOf(types.Description), "features": listOf(feature), "written": schemaOf(types.Written),
	}, nil)
}

// live describes the stream of events.
func (d *description) live(s sample) {
	g := group{"Live", text("Live-Strom", "Live stream"), text("Fertige Zeitfenster und Zustände, sobald es sie gibt.", "Windows that are complete, and states, as they come.")}
	d.schemas["LiveWindow"] = d.event()
	d.schemas["LiveGap"] = shape(map[string]schema{"dataset": typed("string"), "from": instantSchema(), "files": typed("string")}, nil)
	o := operation{
		group: g, path: "/live", id: "listen", title: text("Server-Sent Events der Datensätze", "Server-sent events of the datasets"),
		text: text("Ereignis window: ein Zeitfenster ist fertig, oder neu berechnet (LiveWindow). preliminary: der Zustand eines laufenden hat sich geändert (LiveWindow). gap: was seit from fehlt, steht in den Dateien (LiveGap). Jeder Parameter darf mehrfach stehen, höchstens 100-mal.",
			"Event window: a window is complete, or computed anew (LiveWindow). preliminary: the state of one that runs has changed (LiveWindow). gap: what is missing since from is in the files (LiveGap). Each parameter may be there several times, at most 100."),
		params: []param{
			{"dataset", "query", false, listOf(d.datasetIDs(true)), text("Kennungen von Datensätzen; ohne Angabe alle", "ids of datasets; all without it")},
			{"station", "query", false, listOf(typed("string")), text("Kennungen von Messstellen; ohne Angabe alle", "ids of stations; all without it")},
			{"quantity", "query", false, listOf(d.quantities()), text("Messgrößen; ohne Angabe alle", "quantities; all without it")},
			{"Last-Event-ID", "header", false, typed("string"), text("Kennung des letzten Ereignisses: es geht danach weiter", "id of the last event: it goes on after that")},
			{"lastEventId", "query", false, typed("string"), text("dasselbe für Programme, die keine Kopfzeile setzen können", "the same for programs that cannot set a header")},
		},
		answers: []content{{"text/event-stream", nil, ""}}, statuses: []int{http.StatusBadRequest, http.StatusNotFound}, examples: []string{"/live"},
	}
	if s.station != "" {
		o.examples = append(o.examples, query("/live", "dataset", s.dataset.ID, "station", s.station))
	}
	d.add(o)
}

// event has the members of a row, and those that tell what the row is of.
func (d *description) event() schema {
	cells := map[string]schema{"dataset": d.datasetIDs(true), "station": typed("string"), "site": typed("string")}
	rows := d.cells()
	for name, cell := range rows {
		if cells[name] == nil {
			cells[name] = cell
		}
	}
	return object(cells, []string{"dataset", "quantity", "unit", "start", "window_s", "count", "coverage"})
}

// catalogue describes what harvesters read.
func (d *description) catalogue(s sample) {
	g := group{"Catalogue", text("Katalog", "Catalogue"), text("Der Katalog für Open.NRW und GovData nach DCAT-AP.de 3.0.", "The catalogue for Open.NRW and GovData by DCAT-AP.de 3.0.")}
	forms := []content{{"text/turtle", nil, "Turtle"}, {"application/rdf+xml", nil, "RDF/XML"}, {"application/ld+json", typed("object"), "JSON-LD"}}
	ending := param{"form", "path", true, oneOf([]string{"ttl", "rdf", "jsonld"}), text("Turtle, RDF/XML oder JSON-LD", "Turtle, RDF/XML or JSON-LD")}
	page := param{"page", "query", false, schema{"type": "integer", "minimum": 1}, text("Seite zu 100 Datensätzen", "page of 100 datasets")}
	d.add(operation{
		group: g, path: "/catalog", id: "getCatalogue", title: text("Der Katalog in der Form, die Accept verlangt", "The catalogue in the form that Accept asks for"),
		params: []param{page}, answers: forms, statuses: []int{http.StatusSeeOther, http.StatusNotFound, http.StatusNotAcceptable}, examples: []string{"/catalog"},
	})
	d.add(operation{
		group: g, path: "/catalog.{form}", id: "getCatalogueAs", title: text("Der Katalog in einer Form", "The catalogue in one form"),
		params: []param{ending, page}, answers: forms, statuses: []int{http.StatusNotFound},
		examples: []string{"/catalog.ttl", "/catalog.rdf", "/catalog.jsonld"},
	})
	one := operation{
		group: g, path: "/catalog/dataset/{dataset}.{form}", id: "getCatalogueDataset", title: text("Ein Datensatz", "One dataset"),
		params: []param{dataset(d), ending}, answers: forms, statuses: []int{http.StatusNotFound},
	}
	if s.dataset != nil {
		one.examples = []string{"/catalog/dataset/" + s.dataset.ID + ".jsonld"}
	}
	d.add(one)
}

// itself describes the description.
func (d *description) itself() {
	d.add(operation{
		group: group{"Description", text("Beschreibung", "Description"), text("Diese Beschreibung.", "This description.")}, path: documentPath, id: "getDescription",
		title:   text("Die Schnittstelle nach OpenAPI 3.1", "The interface by OpenAPI 3.1"),
		answers: []content{{jsonType, typed("object"), ""}}, examples: []string{documentPath},
	})
}
