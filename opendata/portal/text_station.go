package portal

type stationTexts struct {
	Title, Description, East, Place, State                         string
	Chart, ChartHint, ChartNone, ChartFailed, Quantity             string
	ChartTable, Time, Values, ValuesHint, ValuesNone               string
	Value, Window, Coverage, Download, LatestFile, SeriesFile, Set string
}

var germanStation = stationTexts{
	Title: "%s, %s (%s)", Description: "Was die Station %s in %s gerade misst: %s, mit Verlauf, Tabelle und Downloads.", East: "O",
	Place: "Lage", State: "Zustand",
	Chart: "Verlauf der letzten 24 Stunden", ChartHint: "Jeder Punkt steht für ein Zeitfenster von %s Minuten.",
	ChartNone:   "Für diese Messgröße gibt es in diesen 24 Stunden noch keine Werte.",
	ChartFailed: "Der Verlauf ist gerade nicht abrufbar. Die letzten Werte stehen in der Tabelle.",
	Quantity:    "Messgröße", ChartTable: "Verlauf als Tabelle", Time: "Zeitfenster", Values: "Letzte Werte",
	ValuesHint: "Ein laufendes Zeitfenster ist vorläufig: Es ändert sich, bis alle Meldungen da sind.",
	ValuesNone: "Diese Station hat seit mehr als einem Tag nichts gemeldet. Ältere Werte stehen in den Dateien des Datensatzes.",
	Value:      "Wert", Window: "Zeitfenster", Coverage: "Abdeckung",
	Download: "Zum Mitnehmen", LatestFile: "Letzte Werte aller Stationen: %s (CSV)", SeriesFile: "Dieser Verlauf: %s (JSON)", Set: "Datensätze",
}

var englishStation = stationTexts{
	Title: "%s, %s (%s)", Description: "What the station %s in %s measures now: %s, with course, table and downloads.", East: "E",
	Place: "Location", State: "State",
	Chart: "Course of the last 24 hours", ChartHint: "Each point stands for a window of %s minutes.",
	ChartNone:   "There are no values of this quantity in these 24 hours yet.",
	ChartFailed: "The course cannot be loaded now. The last values are in the table.",
	Quantity:    "Quantity", ChartTable: "Course as a table", Time: "Window", Values: "Last values",
	ValuesHint: "A running window is preliminary: it changes until all reports are in.",
	ValuesNone: "This station has reported nothing for more than a day. Older values are in the files of the dataset.",
	Value:      "Value", Window: "Window", Coverage: "Coverage",
	Download: "To take along", LatestFile: "Last values of all stations: %s (CSV)", SeriesFile: "This course: %s (JSON)", Set: "Datasets",
}
