package portal

type homeTexts struct {
	Claim, Intro, IntroOne, Updated, Today, Running, CardMore   string
	Map, MapHint, MapNoScript, WholeRegion, Open                string
	ZoomIn, ZoomOut, AsList, Show, Reset, Filter                string
	Data, DataHint, AllData, Programs, ProgramsHint, OpenAPIDoc string
}

var germanHome = homeTexts{
	Claim:    "Was die Region gerade misst",
	Intro:    "%s Stationen in %s Kommunen messen Verkehr, Stromnetz, Straßenzustand und Umwelt.",
	IntroOne: "Eine Station misst für die Region.",
	Updated:  "Stand", Today: "Die Lage in Worten", Running: "läuft noch", CardMore: "Mehr dazu",
	Map:         "Karte der Stationen",
	MapHint:     "Buchstabe, Form und Farbe nennen den Bereich; blasse Zeichen haben seit einem Tag nichts gemeldet.",
	MapNoScript: "Die Karte braucht JavaScript. Alle Stationen stehen auch in der Liste.",
	WholeRegion: "Ganze Region", Open: "Zur Station", ZoomIn: "Vergrößern", ZoomOut: "Verkleinern",
	AsList: "Dieselben Stationen als Liste", Show: "Anzeigen", Reset: "Auswahl aufheben", Filter: "Auswahl der Stationen",
	Data: "Daten zum Mitnehmen", DataHint: "Alle Werte sind frei nutzbar, ohne Anmeldung: als Dateien je Tag und Monat.", AllData: "Alle Datensätze",
	Programs: "Für Programme", ProgramsHint: "JSON, SensorThings und Ereignisse, ohne Schlüssel:", OpenAPIDoc: "Beschreibung der Schnittstellen",
}

var englishHome = homeTexts{
	Claim:    "What the region measures now",
	Intro:    "%s stations in %s municipalities measure traffic, the power grid, road conditions and the environment.",
	IntroOne: "One station measures for the region.",
	Updated:  "As of", Today: "The situation in words", Running: "still running", CardMore: "More",
	Map:         "Map of the stations",
	MapHint:     "Letter, shape and colour name the field; pale marks have reported nothing for a day.",
	MapNoScript: "The map needs JavaScript. All stations are in the list, too.",
	WholeRegion: "Whole region", Open: "Open station", ZoomIn: "Zoom in", ZoomOut: "Zoom out",
	AsList: "The same stations as a list", Show: "Show", Reset: "Clear selection", Filter: "Selection of stations",
	Data: "Data to take along", DataHint: "All values are free to use, without a login: as files for each day and month.", AllData: "All datasets",
	Programs: "For programs", ProgramsHint: "JSON, SensorThings and events, without a key:", OpenAPIDoc: "Description of the interfaces",
}
