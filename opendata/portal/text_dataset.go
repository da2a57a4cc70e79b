package portal

type datasetTexts struct {
	Title, Facts, Windows, Newest, Licence, Publisher, Contact, Stations, StationsName string
	Quantities, Quantity, Meaning, Unit, Code, Privacy, NoRule, HouseholdRule          string
	Files, FilesHint, FilesNone, FilesUnknown, Period, Formats, Latest, Running        string
	AllFiles, Catalogue, Cite, None, ExcelCSV                                          string
}

var germanDataset = datasetTexts{
	Title: "Datensatz %s", Facts: "Auf einen Blick", Windows: "Zeitfenster", Newest: "Neueste Werte bis", Licence: "Lizenz", Publisher: "Herausgeber", Contact: "Kontakt",
	Stations: "%s mit Werten vom letzten Tag", StationsName: "Stationen",
	Quantities: "Messgrößen", Quantity: "Name", Meaning: "Bedeutung", Unit: "Einheit", Code: "In den Dateien",
	Privacy: "Was nicht gezeigt wird", NoRule: "In diesem Datensatz stehen Messwerte von Orten, nicht von Menschen. Es wird nichts unterdrückt; veröffentlicht werden Zusammenfassungen über Zeitfenster.",
	HouseholdRule: "Ein Wert erscheint nur, wenn mindestens %d Haushalte zusammengefasst sind, und frühestens %s Stunden nach dem Ende des Tages. Wo sich aus mehreren Werten doch auf einen einzelnen Haushalt schließen ließe, wird der Wert unterdrückt.",
	Files:         "Dateien", FilesHint: "Die neuesten Zeiträume; ältere stehen auf der Seite aller Dateien.", FilesNone: "Noch gibt es keine Dateien. Die erste erscheint mit den ersten Werten.",
	FilesUnknown: "Welche Dateien es gibt, lässt sich gerade nicht sagen.",
	Period:       "Zeitraum", Formats: "Formate", Latest: "Letzte Werte", ExcelCSV: "CSV für Excel", Running: "läuft noch",
	AllFiles: "Alle Dateien dieses Datensatzes", Catalogue: "Eintrag im Datenkatalog", Cite: "So können Sie zitieren", None: "noch keine Werte",
}

var englishDataset = datasetTexts{
	Title: "Dataset %s", Facts: "At a glance", Windows: "Windows", Newest: "Newest values until", Licence: "Licence", Publisher: "Publisher", Contact: "Contact",
	Stations: "%s with values of the last day", StationsName: "Stations",
	Quantities: "Quantities", Quantity: "Name", Meaning: "Meaning", Unit: "Unit", Code: "In the files",
	Privacy: "What is not shown", NoRule: "This dataset has measurements of places, not of people. Nothing is withheld; what is published are summaries over time windows.",
	HouseholdRule: "A value appears only if it sums up at least %d households, and at the earliest %s hours after the end of the day. Where several values together would tell of a single household, the value is withheld.",
	Files:         "Files", FilesHint: "The newest periods; older ones are on the page of all files.", FilesNone: "There are no files yet. The first appears with the first values.",
	FilesUnknown: "Which files there are cannot be told at the moment.",
	Period:       "Period", Formats: "Formats", Latest: "Latest values", ExcelCSV: "CSV for German Excel", Running: "still running",
	AllFiles: "All files of this dataset", Catalogue: "Entry in the data catalogue", Cite: "How to cite", None: "no values yet",
}
