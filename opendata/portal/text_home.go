package portal

type homeTexts struct {
	Claim, Intro, IntroOne, Updated, Today, Running, CardMore            string
	Map, MapHint, MapNoScript                                            string
	ZoomIn, ZoomOut, AsList, Show, Reset, Filter                         string
	Find, FindHint, FindNone, FindCount, Near, NearBusy, NearFailed, You string
	Legend, LegendHint, AirHint, Shown, Town                             string
	Data, DataHint, AllData, Programs, ProgramsHint, OpenAPIDoc          string
}

var germanHome = homeTexts{
	Claim:    "Was die Region gerade misst",
	Intro:    "%s Stationen in %s Kommunen messen Verkehr, Stromnetz, Straßenzustand und Umwelt.",
	IntroOne: "Eine Station misst für die Region.",
	Updated:  "Stand", Today: "Die Lage in Worten", Running: "läuft noch", CardMore: "Mehr dazu",
	Map:     "Karte der Stationen",
	MapHint: "Form und Farbe zeigen die Lage, der Buchstabe den Bereich. Ein Kreis mit Zahl fasst Stationen zusammen; sein Rand zeigt, wie es um sie steht.",
	Find:    "Auf der Karte suchen", FindHint: "Straße, Ort, Station", FindNone: "Nichts gefunden", FindCount: "Treffer", Near: "In meiner Nähe",
	NearBusy: "Ihr Standort wird bestimmt …", NearFailed: "Ihr Standort ließ sich nicht bestimmen. Vielleicht haben Sie oder Ihr Gerät es nicht erlaubt.", You: "Ihr Standort",
	Legend: "Zeichen der Karte", LegendHint: "Das Schlimmste, was eine Station zuletzt gemeldet hat, bestimmt ihr Zeichen.",
	AirHint: "Verglichen wird das letzte Zeitfenster, zur Orientierung, mit 200 µg/m³ NO₂, 180 µg/m³ O₃, 50 µg/m³ PM10 und 25 µg/m³ PM2,5. Die Grenzwerte der 39. BImSchV gelten für eine Stunde, einen Tag oder ein Jahr.",
	Shown:   "Stationen auf der Karte", Town: "Kommune",
	MapNoScript: "Die Karte braucht JavaScript. Alle Stationen stehen auch in der Liste.",
	ZoomIn:      "Vergrößern", ZoomOut: "Verkleinern",
	AsList: "Dieselben Stationen als Liste", Show: "Anzeigen", Reset: "Auswahl aufheben", Filter: "Auswahl der Stationen",
	Data: "Daten zum Mitnehmen", DataHint: "Alle Werte sind frei nutzbar, ohne Anmeldung: als Dateien je Tag und Monat.", AllData: "Alle Datensätze",
	Programs: "Für Programme", ProgramsHint: "JSON, SensorThings und Ereignisse, ohne Schlüssel:", OpenAPIDoc: "Beschreibung der Schnittstellen",
}

var englishHome = homeTexts{
	Claim:    "What the region measures now",
	Intro:    "%s stations in %s municipalities measure traffic, the power grid, road conditions and the environment.",
	IntroOne: "One station measures for the region.",
	Updated:  "As of", Today: "The situation in words", Running: "still running", CardMore: "More",
	Map:     "Map of the stations",
	MapHint: "Shape and colour show the state, the letter the field. A circle with a number stands for several stations; its rim shows how they are doing.",
	Find:    "Search on the map", FindHint: "Street, town, station", FindNone: "Nothing found", FindCount: "results", Near: "Near me",
	NearBusy: "Finding your location …", NearFailed: "Your location could not be found. Perhaps you or your device have not allowed it.", You: "Your location",
	Legend: "Signs of the map", LegendHint: "The worst of what a station reported last decides its sign.",
	AirHint: "The last time window is compared, for orientation, with 200 µg/m³ NO₂, 180 µg/m³ O₃, 50 µg/m³ PM10 and 25 µg/m³ PM2.5. The legal limits of the 39th BImSchV hold for an hour, a day or a year.",
	Shown:   "stations on the map", Town: "Municipality",
	MapNoScript: "The map needs JavaScript. All stations are in the list, too.",
	ZoomIn:      "Zoom in", ZoomOut: "Zoom out",
	AsList: "The same stations as a list", Show: "Show", Reset: "Clear selection", Filter: "Selection of stations",
	Data: "Data to take along", DataHint: "All values are free to use, without a login: as files for each day and month.", AllData: "All datasets",
	Programs: "For programs", ProgramsHint: "JSON, SensorThings and events, without a key:", OpenAPIDoc: "Description of the interfaces",
}
