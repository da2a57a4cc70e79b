package portal

type datasetTexts struct {
	Title, Facts, Windows, Newest, Licence, LicenceZero, LicenceBy, Publisher, Contact, Stations, StationsName string
	Quantities, QuantitiesHint, Quantity, Meaning, Unit, Kind, Code, Privacy, NoRule, HouseholdRule            string
	UnitCount, UnitShare, UnitFactor, UnitState, KindGauge, KindCount, KindMeter, KindCategory                 string
	Grouping, ByStation, ByRoad, ByDistrict, ByMunicipality, ByHouseholds                                      string
	Coverage, CoverageShare, CoverageTold, CoverageMean, CoverageSample, CoverageUnread, CoverageBefore        string
	CoverageNone, CoverageEmpty, CoverageReading, CoverageTable, CoverageLegend, Full, Gaps, Month, Day, Late  string
	Files, FilesHint, FilesNone, FilesUnknown, Period, Formats, Latest, Running, AllFiles, ExcelCSV            string
	Pick, PickDay, PickFormat, PickButton, Now, Months, Days, Missing, Instead                                 string
	Snippets, CodeHint, CurlHint, PandasHint, PythonHint, RHint, ExcelHint, QGISHint                           string
	More, Catalogue, Things, Feed, FeedSubtitle, FeedEntry, FeedNotice, Cite, None                             string
}

var germanDataset = datasetTexts{
	Title: "Datensatz %s", Facts: "Auf einen Blick", Windows: "Zeitfenster", Newest: "Neueste Werte bis", Licence: "Lizenz",
	LicenceZero: "Sie dürfen die Daten für jeden Zweck nutzen, verändern und weitergeben, auch gegen Geld. Die Quelle müssen Sie nicht nennen; wir freuen uns, wenn Sie es tun.",
	LicenceBy:   "Sie dürfen die Daten für jeden Zweck nutzen, verändern und weitergeben, auch gegen Geld. Nennen Sie dabei die Quelle und die Lizenz, und sagen Sie, was Sie verändert haben.",
	Publisher:   "Herausgeber", Contact: "Kontakt", Stations: "%s mit Werten vom letzten Tag", StationsName: "Stationen",
	Quantities: "Was gemessen wird", QuantitiesHint: "Jede Zeile einer Datei ist ein Zeitfenster einer Messgröße. Zeiten in den Dateien sind UTC.",
	Quantity: "Messgröße", Meaning: "Bedeutung", Unit: "Einheit", Kind: "Je Zeitfenster", Code: "In den Dateien",
	UnitCount: "Anzahl", UnitShare: "Anteil (0 bis 1)", UnitFactor: "Beiwert (0 bis 1)", UnitState: "Zustand",
	KindGauge: "Mittel, kleinster und größter Wert", KindCount: "Summe", KindMeter: "Zuwachs des Zählers", KindCategory: "der Zustand, der am längsten galt",
	Grouping: "Eine Zeile gilt für", ByStation: "eine Station", ByRoad: "eine Straße oder einen Abschnitt", ByDistrict: "einen Ortsteil", ByMunicipality: "eine Kommune", ByHouseholds: "eine Gruppe von Haushalten",
	Privacy: "Was nicht gezeigt wird", NoRule: "In diesem Datensatz stehen Messwerte von Orten, nicht von Menschen. Es wird nichts unterdrückt; veröffentlicht werden Zusammenfassungen über Zeitfenster.",
	HouseholdRule: "Ein Wert erscheint nur, wenn mindestens %d Haushalte zusammengefasst sind, und frühestens %s Stunden nach dem Ende des Tages. Wo sich aus mehreren Werten doch auf einen einzelnen Haushalt schließen ließe, wird der Wert unterdrückt.",
	Coverage:      "Wie vollständig die Daten sind", CoverageShare: "Je Tag: welcher Anteil der erwarteten Messwerte angekommen ist.",
	CoverageTold: "Je Tag: welcher Anteil der Werte gezeigt werden darf.", CoverageMean: "Im Mittel %s.",
	CoverageSample: "Geschätzt aus %s Stationen, die für alle stehen.", CoverageUnread: "noch nicht ausgewertet", CoverageBefore: "vor Beginn der Messung",
	CoverageNone: "keine Werte", CoverageEmpty: "Noch gibt es keinen ganzen Tag mit Werten. Der erste erscheint hier, wenn er vorüber ist.",
	CoverageReading: "Ältere Monate werden gerade ausgewertet; sie erscheinen von selbst.", CoverageTable: "Alle Tage als Tabelle", CoverageLegend: "Je voller das Kästchen, desto vollständiger der Tag:",
	Full: "vollständig (ab 95 %)", Gaps: "mit Lücken", Month: "Monat", Day: "Tag", Late: "Tage mit Lücken",
	Files: "Herunterladen", FilesHint: "Die neuesten Zeiträume:", FilesNone: "Noch gibt es keine Dateien. Die erste erscheint mit den ersten Werten.",
	FilesUnknown: "Welche Dateien es gibt, lässt sich gerade nicht sagen.",
	Period:       "Zeitraum", Formats: "Formate", Latest: "Letzte Werte", ExcelCSV: "CSV für Excel", Running: "läuft noch", AllFiles: "Alle Dateien dieses Datensatzes",
	Pick: "Datei auswählen", PickDay: "oder ein Tag", PickFormat: "Format", PickButton: "Herunterladen", Now: "Jetzt", Months: "Monate", Days: "Tage",
	Missing: "Diese Datei gibt es nicht: %s.", Instead: "Für diesen Zeitraum gibt es:",
	Snippets: "Daten in Ihrem Programm", CodeHint: "Kopieren und ausführen: Diese Zeilen lesen die Daten ohne Anmeldung.",
	CurlHint: "In der Kommandozeile, unter Linux, macOS und Windows; speichert die Datei im aktuellen Ordner.", PandasHint: "Mit dem Paket pandas.", PythonHint: "Ohne zusätzliche Pakete.",
	RHint: "Ohne zusätzliche Pakete.", ExcelHint: "Daten → Daten abrufen → Aus anderen Quellen → Leere Abfrage, dann Erweiterter Editor: alles ersetzen und auf Fertig klicken. Die Abfrage lässt sich jederzeit aktualisieren.",
	QGISHint: "Erweiterungen → Python-Konsole. Ohne Konsole: Layer → Layer hinzufügen → Vektorlayer, Quelltyp „Protokoll: HTTP(S)“, und die Adresse ab https einfügen. Die Messwerte stehen je Station im Feld „series“.",
	More:     "Weitere Wege", Catalogue: "Eintrag im Datenkatalog (DCAT-AP.de)", Things: "Dieselben Werte über SensorThings", Feed: "Neuigkeiten als Atom-Feed",
	FeedSubtitle: "Neue Dateien, neue Fassungen und Hinweise", FeedEntry: "Der Zeitraum ist vollständig. Dateien: %s.", FeedNotice: "Hinweis",
	Cite: "So können Sie zitieren", None: "noch keine Werte",
}

var englishDataset = datasetTexts{
	Title: "Dataset %s", Facts: "At a glance", Windows: "Windows", Newest: "Newest values until", Licence: "Licence",
	LicenceZero: "You may use, change and share the data for any purpose, also for money. You need not name the source; we are glad if you do.",
	LicenceBy:   "You may use, change and share the data for any purpose, also for money. Name the source and the licence when you do, and say what you have changed.",
	Publisher:   "Publisher", Contact: "Contact", Stations: "%s with values of the last day", StationsName: "Stations",
	Quantities: "What is measured", QuantitiesHint: "Each row of a file is a time window of a quantity. Times in the files are UTC.",
	Quantity: "Quantity", Meaning: "Meaning", Unit: "Unit", Kind: "For each window", Code: "In the files",
	UnitCount: "Number", UnitShare: "Share (0 to 1)", UnitFactor: "Coefficient (0 to 1)", UnitState: "State",
	KindGauge: "mean, least and greatest value", KindCount: "sum", KindMeter: "growth of the meter", KindCategory: "the state that held longest",
	Grouping: "A row is about", ByStation: "a station", ByRoad: "a road or a stretch of it", ByDistrict: "a district", ByMunicipality: "a municipality", ByHouseholds: "a group of households",
	Privacy: "What is not shown", NoRule: "This dataset has measurements of places, not of people. Nothing is withheld; what is published are summaries over time windows.",
	HouseholdRule: "A value appears only if it sums up at least %d households, and at the earliest %s hours after the end of the day. Where several values together would tell of a single household, the value is withheld.",
	Coverage:      "How complete the data are", CoverageShare: "For each day: which share of the expected readings has arrived.",
	CoverageTold: "For each day: which share of the values may be shown.", CoverageMean: "On average %s.",
	CoverageSample: "Estimated from %s stations that stand for all.", CoverageUnread: "not evaluated yet", CoverageBefore: "before measuring began",
	CoverageNone: "no values", CoverageEmpty: "There is no whole day with values yet. The first appears here when it is over.",
	CoverageReading: "Earlier months are being evaluated; they appear by themselves.", CoverageTable: "All days as a table", CoverageLegend: "The fuller the box, the more complete the day:",
	Full: "complete (from 95 %)", Gaps: "with gaps", Month: "Month", Day: "Day", Late: "Days with gaps",
	Files: "Download", FilesHint: "The newest periods:", FilesNone: "There are no files yet. The first appears with the first values.",
	FilesUnknown: "Which files there are cannot be told at the moment.",
	Period:       "Period", Formats: "Formats", Latest: "Latest values", ExcelCSV: "CSV for German Excel", Running: "still running", AllFiles: "All files of this dataset",
	Pick: "Choose a file", PickDay: "or a day", PickFormat: "Format", PickButton: "Download", Now: "Now", Months: "Months", Days: "Days",
	Missing: "There is no such file: %s.", Instead: "Of that period there are:",
	Snippets: "The data in your program", CodeHint: "Copy and run: these lines read the data without a login.",
	CurlHint: "On the command line of Linux, macOS and Windows; saves the file in the current folder.", PandasHint: "With the package pandas.", PythonHint: "Without further packages.",
	RHint: "Without further packages.", ExcelHint: "Data → Get Data → From Other Sources → Blank Query, then Advanced Editor: replace everything and click Done. The query can be refreshed at any time.",
	QGISHint: "Plugins → Python Console. Without the console: Layer → Add Layer → Add Vector Layer, source type “Protocol: HTTP(S)”, and insert the address from https on. The readings of each station are in the field “series”.",
	More:     "More ways", Catalogue: "Entry in the data catalogue (DCAT-AP.de)", Things: "The same values through SensorThings", Feed: "News as an Atom feed",
	FeedSubtitle: "New files, new revisions and notices", FeedEntry: "The period is complete. Files: %s.", FeedNotice: "Notice",
	Cite: "How to cite", None: "no values yet",
}
