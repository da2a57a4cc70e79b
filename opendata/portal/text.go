package portal

// texts is every fixed text of the page in one language.
type texts struct {
	Lang, Home, OtherLang, OtherName, OtherHint         string
	Skip, NavMap, NavValues, NavData, Tagline           string
	Claim, Intro, IntroOne, Updated, NoData, NoDataMore string
	Running, CardMore, AllOf                            string
	Filter, Domain, Municipality, AllDomains            string
	AllMunicipalities, Show, Reset                      string
	Map, MapHint, MapNoScript, WholeRegion, Open        string
	ZoomIn, ZoomOut                                     string
	Chart, ChartHint, ChartNone, ChartFailed, Quantity  string
	ChartTable, Time, Station                           string
	Values, ValuesHint, ValuesNone, Value, Window       string
	Coverage, Complete, Incomplete, Preliminary         string
	Page, Previous, Next                                string
	Data, DataHint, LatestFile, DayFile, AllFiles       string
	WindowOf, Licence, Cite, CiteHint, Interface        string
	InterfaceHint, StationsAPI, SeriesAPI               string
	Publisher, Contact, NoTracking                      string
	NotFound, NotFoundHint, Failed, FailedHint, Back    string
}

var german = texts{
	Lang: "de", Home: "/", OtherLang: "en", OtherName: "English", OtherHint: "This page in English",
	Skip: "Zum Inhalt springen", NavMap: "Karte", NavValues: "Messwerte", NavData: "Daten", Tagline: "Offene Messdaten",
	Claim:    "Was die Region gerade misst",
	Intro:    "%s Stationen in %s Kommunen messen Verkehr, Stromnetz, Straßenzustand und Umwelt.",
	IntroOne: "Eine Station misst für die Region.",
	Updated:  "Stand",
	NoData:   "Noch keine Daten",
	NoDataMore: "Sobald die ersten Sensoren senden, stehen hier ihre Werte: meist nach wenigen Minuten. " +
		"Diese Seite aktualisiert sich von selbst.",
	Running: "läuft noch", CardMore: "Alle Werte: %s", AllOf: "Alle Werte",
	Filter: "Auswahl", Domain: "Bereich", Municipality: "Kommune", AllDomains: "Alle Bereiche", AllMunicipalities: "Alle Kommunen",
	Show: "Anzeigen", Reset: "Auswahl aufheben",
	Map:         "Karte der Stationen",
	MapHint:     "Buchstabe, Form und Farbe nennen den Bereich. Dieselben Stationen stehen unten in der Tabelle.",
	MapNoScript: "Die Karte braucht JavaScript. Alle Stationen stehen auch in der Tabelle der Messwerte.",
	WholeRegion: "Ganze Region", Open: "Verlauf zeigen", ZoomIn: "Vergrößern", ZoomOut: "Verkleinern",
	Chart: "Verlauf der letzten 24 Stunden", ChartHint: "Jeder Punkt steht für ein Zeitfenster von %s Minuten.",
	ChartNone: "Für diese Messgröße gibt es in diesen 24 Stunden noch keine Werte.", ChartFailed: "Der Verlauf ist gerade nicht abrufbar. Die letzten Werte stehen in der Tabelle.",
	Quantity: "Messgröße", ChartTable: "Werte als Tabelle", Time: "Zeitfenster", Station: "Station",
	Values:     "Letzte Werte",
	ValuesHint: "Je Station das neueste Zeitfenster. Ein laufendes Fenster ist vorläufig: Es ändert sich, bis alle Meldungen da sind.",
	ValuesNone: "Zu dieser Auswahl gibt es noch keine Messwerte.",
	Value:      "Wert", Window: "Zeitfenster", Coverage: "Abdeckung", Complete: "vollständig", Incomplete: "lückenhaft", Preliminary: "vorläufig",
	Page: "Seite %d von %d", Previous: "Zurück", Next: "Weiter",
	Data: "Daten zum Mitnehmen", DataHint: "Alle Werte gibt es als CSV-Dateien: frei nutzbar, ohne Anmeldung, je Tag eine Datei.",
	LatestFile: "Letzte Werte (CSV)", DayFile: "Tag %s (CSV)", AllFiles: "Alle Dateien",
	WindowOf: "Fenster von %s Minuten", Licence: "Lizenz", Cite: "So zitieren", CiteHint: "Ein Vorschlag; die Lizenz verlangt ihn nicht.",
	Interface: "Für Programme", InterfaceHint: "Dieselben Werte als JSON, höchstens 31 Tage je Abruf:",
	StationsAPI: "Stationen mit ihrem letzten Wert", SeriesAPI: "Zeitreihe einer Station",
	Publisher: "Herausgeber", Contact: "Kontakt",
	NoTracking: "Diese Seite setzt keine Cookies und zählt ihre Besucher nicht. Nur die Kacheln der Karte kommen von außen.",
	NotFound:   "Diese Seite gibt es nicht", NotFoundHint: "Vielleicht ist die Station umgezogen oder die Adresse unvollständig.",
	Failed: "Das hat nicht geklappt", FailedHint: "Bitte versuchen Sie es in einer Minute noch einmal.", Back: "Zur Startseite",
}

var english = texts{
	Lang: "en", Home: "/en/", OtherLang: "de", OtherName: "Deutsch", OtherHint: "Diese Seite auf Deutsch",
	Skip: "Skip to content", NavMap: "Map", NavValues: "Values", NavData: "Data", Tagline: "Open measurements",
	Claim:    "What the region measures now",
	Intro:    "%s stations in %s municipalities measure traffic, the power grid, road conditions and the environment.",
	IntroOne: "One station measures for the region.",
	Updated:  "As of",
	NoData:   "No data yet",
	NoDataMore: "As soon as the first sensors report, their values appear here, mostly within a few minutes. " +
		"This page updates itself.",
	Running: "still running", CardMore: "All values: %s", AllOf: "All values",
	Filter: "Selection", Domain: "Field", Municipality: "Municipality", AllDomains: "All fields", AllMunicipalities: "All municipalities",
	Show: "Show", Reset: "Clear selection",
	Map:         "Map of the stations",
	MapHint:     "Letter, shape and colour name the field. The same stations are in the table below.",
	MapNoScript: "The map needs JavaScript. All stations are in the table of values, too.",
	WholeRegion: "Whole region", Open: "Show course", ZoomIn: "Zoom in", ZoomOut: "Zoom out",
	Chart: "Course of the last 24 hours", ChartHint: "Each point stands for a window of %s minutes.",
	ChartNone: "There are no values of this quantity in these 24 hours yet.", ChartFailed: "The course cannot be loaded now. The last values are in the table.",
	Quantity: "Quantity", ChartTable: "Values as a table", Time: "Window", Station: "Station",
	Values:     "Last values",
	ValuesHint: "The newest window of each station. A running window is preliminary: it changes until all reports are in.",
	ValuesNone: "There are no values for this selection yet.",
	Value:      "Value", Window: "Window", Coverage: "Coverage", Complete: "complete", Incomplete: "with gaps", Preliminary: "preliminary",
	Page: "Page %d of %d", Previous: "Previous", Next: "Next",
	Data: "Data to take along", DataHint: "All values come as CSV files: free to use, without an account, one file a day.",
	LatestFile: "Last values (CSV)", DayFile: "Day %s (CSV)", AllFiles: "All files",
	WindowOf: "windows of %s minutes", Licence: "Licence", Cite: "How to cite", CiteHint: "A suggestion; the licence does not ask for it.",
	Interface: "For programs", InterfaceHint: "The same values as JSON, at most 31 days a request:",
	StationsAPI: "Stations with their last value", SeriesAPI: "Time series of a station",
	Publisher: "Publisher", Contact: "Contact",
	NoTracking: "This page sets no cookies and does not count its visitors. Only the tiles of the map come from elsewhere.",
	NotFound:   "There is no such page", NotFoundHint: "Perhaps the station has moved or the address is incomplete.",
	Failed: "That did not work", FailedHint: "Please try again in a minute.", Back: "To the start page",
}

func textsOf(lang string) *texts {
	if lang == "en" {
		return &english
	}
	return &german
}
