package portal

type datasetsTexts struct {
	Title, Description, Lead, Windows, Newest, Licence, Cite, CiteHint, None string
	Interfaces, InterfacesHint, Files, FilesMore, Stations, Series, Things   string
	Live, Describe, Catalogue, Status                                        string
}

var germanDatasets = datasetsTexts{
	Title: "Daten", Description: "Alle Datensätze der Region: was sie enthalten, unter welcher Lizenz und wo es sie gibt.",
	Lead:    "Alle Werte sind frei nutzbar, ohne Anmeldung und ohne Schlüssel. Je Datensatz gibt es Dateien für Tage und Monate und dieselben Werte über Schnittstellen.",
	Windows: "Zeitfenster", Newest: "Neueste Werte bis", Licence: "Lizenz", Cite: "So können Sie zitieren", CiteHint: "Ein Vorschlag; ob eine Nennung nötig ist, sagt die Lizenz.",
	None:       "noch keine Werte",
	Interfaces: "Schnittstellen", InterfacesHint: "Dieselben Werte für Programme, nur lesend:", Files: "Alle Dateien", FilesMore: "je Datensatz, Tag und Monat",
	Stations: "Stationen mit letztem Wert", Series: "Zeitreihe einer Station, höchstens 10.000 Zeitfenster je Abruf", Things: "SensorThings API 1.1",
	Status: "Zustand der Stationen und Datensätze", Live: "Ereignisse, sobald ein Wert da ist (Server-Sent Events)", Describe: "Beschreibung aller Schnittstellen", Catalogue: "Datenkatalog nach DCAT-AP.de",
}

var englishDatasets = datasetsTexts{
	Title: "Data", Description: "All datasets of the region: what they hold, under which licence and where they are.",
	Lead:    "All values are free to use, without a login and without a key. Each dataset has files for days and months, and the same values through interfaces.",
	Windows: "Windows", Newest: "Newest values until", Licence: "Licence", Cite: "How to cite", CiteHint: "A suggestion; the licence says whether naming is required.",
	None:       "no values yet",
	Interfaces: "Interfaces", InterfacesHint: "The same values for programs, for reading only:", Files: "All files", FilesMore: "by dataset, day and month",
	Stations: "Stations with their last value", Series: "Time series of a station, at most 10,000 windows a request", Things: "SensorThings API 1.1",
	Status: "State of stations and datasets", Live: "Events as soon as there is a value (server-sent events)", Describe: "Description of all interfaces", Catalogue: "Data catalogue by DCAT-AP.de",
}
