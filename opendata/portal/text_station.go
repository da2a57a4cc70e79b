package portal

type stationTexts struct {
	Title, Description, East, Place, State                            string
	Chart, ChartNone, ChartFailed, Quantity, Span, Points             string
	Hour, Day, Week, Month, Year                                      string
	LastHour, LastDay, LastWeek, LastMonth, LastYear                  string
	ChartTable, Time, Value, Window, Coverage, Newer                  string
	Usual, Ranges, Compared, Less, Normal, More, Unlike               string
	Figures, Least, Mean, Greatest, Sum, Channel, Often               string
	NoGaps, OneGap, Gaps, FiguresHint, Running, RunningAmount         string
	Summary, SummaryCategory, ChartHelp                               string
	ZoomIn, ZoomOut, Earlier, Later, All, Resolution, Auto, Loading   string
	Values, ValuesHint, ValuesNone, Ago                               string
	About, Why, AboutDataset, AboutMeasures, Road, District           string
	Traffic, Energy, RoadWhy, Environment                             string
	Download, Shown, ShownHint, Excel, Whole, LatestFile, Files, Link string
	Things, ThingsHint, Set                                           string
	Cite, CiteHint, CiteText, CiteSpan, CiteLicence, CiteSeen         string
	Embed, EmbedHint, Source                                          string
}

var germanStation = stationTexts{
	Title: "%s, %s (%s)", Description: "Was die Station %s in %s gerade misst: %s, mit Verlauf, Tabelle und Downloads.", East: "O",
	Place: "Lage", State: "Zustand",
	Chart: "Verlauf", ChartNone: "Für diese Messgröße gibt es in diesem Zeitraum keine Werte. Wählen Sie einen längeren.",
	ChartFailed: "Der Verlauf ist gerade nicht abrufbar. Die letzten Werte stehen in der Tabelle.",
	Quantity:    "Messgröße", Span: "Zeitraum", Points: "Jeder Punkt steht für ein Zeitfenster: %s.",
	Hour: "Stunde", Day: "Tag", Week: "Woche", Month: "Monat", Year: "Jahr",
	LastHour: "letzte Stunde", LastDay: "letzte 24 Stunden", LastWeek: "letzte 7 Tage", LastMonth: "letzte 30 Tage", LastYear: "letzte 365 Tage",
	ChartTable: "Verlauf als Tabelle", Time: "Zeitfenster", Value: "Wert", Window: "Zeitfenster", Coverage: "Abdeckung", Newer: "Neueste zuerst.",
	Usual:    "Schattiert: üblich an diesem Wochentag zu dieser Stunde (die mittlere Hälfte der acht Wochen davor).",
	Ranges:   "Schattiert: vom kleinsten bis zum größten Messwert jedes Zeitfensters.",
	Compared: "Gegenüber dem Üblichen", Less: "%s: %s, weniger als üblich (%s bis %s)", Normal: "%s: %s, wie üblich (%s bis %s)", More: "%s: %s, mehr als üblich (%s bis %s)",
	Unlike:  "Verglichen mit demselben Wochentag und derselben Stunde der acht Wochen davor.",
	Figures: "Kennzahlen des Zeitraums", Least: "Kleinster Wert", Mean: "Mittel", Greatest: "Größter Wert", Sum: "Summe", Channel: "Kanal", Often: "Am häufigsten",
	NoGaps: "keine Lücken", OneGap: "eine Lücke: %s ab %s", Gaps: "%d Lücken, die längste %s ab %s",
	FiguresHint: "Abdeckung: welcher Anteil der erwarteten Meldungen angekommen ist. Wo Zeitfenster fehlen, hat die Linie eine Lücke; nichts wird ergänzt.",
	Running:     "Das letzte Zeitfenster läuft noch: Sein Wert ist vorläufig.", RunningAmount: "Das letzte Zeitfenster läuft noch. Es steht in der Tabelle, zählt hier aber nicht mit.",
	Summary: "kleinster Wert %s, Mittel %s, größter Wert %s", SummaryCategory: "am häufigsten %s",
	ChartHelp: "Mit der Maus einen Bereich aufziehen vergrößert ihn, ein Doppelklick zeigt wieder alles.",
	ZoomIn:    "Vergrößern", ZoomOut: "Verkleinern", Earlier: "Früher", Later: "Später", All: "Alles", Resolution: "Auflösung", Auto: "automatisch", Loading: "Werte werden geladen …",
	Values:     "Letzte Werte",
	ValuesHint: "Ein laufendes Zeitfenster ist vorläufig: Es ändert sich, bis alle Meldungen da sind.",
	ValuesNone: "Diese Station hat seit mehr als einem Tag nichts gemeldet. Ältere Werte stehen in den Dateien des Datensatzes.",
	Ago:        "vor %s",
	About:      "Was hier steht", Why: "Wozu", AboutDataset: "Datensatz", AboutMeasures: "Was gemessen wird", Road: "Straße", District: "Ortsteil",
	Traffic:     "Die Zählung zeigt, wie viel auf den Straßen los ist: für Ampeln und Baustellen, für sichere Schulwege und für die Planung neuer Rad- und Busspuren.",
	Energy:      "Die Messung zeigt, wie es dem Ortsnetz geht: ob die Spannung stimmt und ob noch Platz ist für Wärmepumpen, Ladepunkte und Solaranlagen.",
	RoadWhy:     "Die Messung zeigt, wie die Fahrbahn gerade ist: Sie sagt dem Winterdienst, wo gestreut werden muss, und dem Straßenbau, wo Schäden entstehen.",
	Environment: "Die Messung zeigt, wie Luft und Wetter an diesem Ort sind: für die Gesundheit, den Hitzeschutz und die Grünplanung.",
	Download:    "Zum Mitnehmen", Shown: "Genau dieser Verlauf", ShownHint: "Messgröße, Zeitraum und Zeitfenster wie gezeigt.", Excel: "CSV für Excel", Whole: "Alles",
	LatestFile: "Letzte Werte aller Stationen: %s (CSV)", Files: "Alle Dateien: %s", Link: "Für Programme",
	Things: "Diese Station in der SensorThings-API", ThingsHint: "OGC SensorThings 1.1, mit allen Messreihen", Set: "Datensätze",
	Cite: "Zitieren", CiteHint: "Mit dem Tag, an dem Sie die Daten abgerufen haben: Nachmeldungen können sie noch ändern.",
	CiteText: "%s: %s. Messstelle %s, %s. Datensatz „%s“, %s.", CiteSpan: "%s bis %s", CiteLicence: "Lizenz: %s (%s).", CiteSeen: "abgerufen am %s",
	Embed: "Einbetten", EmbedHint: "Dieser Verlauf auf Ihrer eigenen Seite: Er hält sich selbst aktuell, setzt keine Cookies und zählt niemanden.", Source: "Quelle",
}

var englishStation = stationTexts{
	Title: "%s, %s (%s)", Description: "What the station %s in %s measures now: %s, with course, table and downloads.", East: "E",
	Place: "Location", State: "State",
	Chart: "Course", ChartNone: "There are no values of this quantity in this time. Choose a longer one.",
	ChartFailed: "The course cannot be loaded now. The last values are in the table.",
	Quantity:    "Quantity", Span: "Time", Points: "Each point stands for a window of %s.",
	Hour: "Hour", Day: "Day", Week: "Week", Month: "Month", Year: "Year",
	LastHour: "last hour", LastDay: "last 24 hours", LastWeek: "last 7 days", LastMonth: "last 30 days", LastYear: "last 365 days",
	ChartTable: "Course as a table", Time: "Window", Value: "Value", Window: "Window", Coverage: "Coverage", Newer: "Newest first.",
	Usual:    "Shaded: usual on this weekday at this hour (the middle half of the eight weeks before).",
	Ranges:   "Shaded: from the least to the greatest reading of each window.",
	Compared: "Compared with the usual", Less: "%s: %s, less than usual (%s to %s)", Normal: "%s: %s, as usual (%s to %s)", More: "%s: %s, more than usual (%s to %s)",
	Unlike:  "Compared with the same weekday and hour of the eight weeks before.",
	Figures: "Figures of this time", Least: "Least", Mean: "Mean", Greatest: "Greatest", Sum: "Sum", Channel: "Channel", Often: "Most frequent",
	NoGaps: "no gaps", OneGap: "one gap: %s from %s", Gaps: "%d gaps, the longest %s from %s",
	FiguresHint: "Coverage: which share of the expected reports has arrived. Where windows are missing, the line has a gap; nothing is filled in.",
	Running:     "The last window still runs: its value is preliminary.", RunningAmount: "The last window still runs. It is in the table, but does not count here.",
	Summary: "least value %s, mean %s, greatest value %s", SummaryCategory: "most frequent %s",
	ChartHelp: "Drag across a part to enlarge it; a double click shows all again.",
	ZoomIn:    "Zoom in", ZoomOut: "Zoom out", Earlier: "Earlier", Later: "Later", All: "All", Resolution: "Resolution", Auto: "automatic", Loading: "Loading values …",
	Values:     "Last values",
	ValuesHint: "A running window is preliminary: it changes until all reports are in.",
	ValuesNone: "This station has reported nothing for more than a day. Older values are in the files of the dataset.",
	Ago:        "%s ago",
	About:      "What stands here", Why: "What for", AboutDataset: "Dataset", AboutMeasures: "What is measured", Road: "Road", District: "District",
	Traffic:     "The counts show how busy the roads are: for traffic lights and road works, for safe ways to school and for planning new cycle and bus lanes.",
	Energy:      "The measurements show how the local grid is doing: whether the voltage is right and whether there is room for heat pumps, charging points and solar panels.",
	RoadWhy:     "The measurements show what the road surface is like now: they tell the winter service where to grit, and road engineers where damage begins.",
	Environment: "The measurements show what air and weather are like here: for health, protection from heat and the planning of green spaces.",
	Download:    "To take along", Shown: "Exactly this course", ShownHint: "Quantity, time and windows as shown.", Excel: "CSV for a German Excel", Whole: "All of it",
	LatestFile: "Last values of all stations: %s (CSV)", Files: "All files: %s", Link: "For programs",
	Things: "This station in the SensorThings API", ThingsHint: "OGC SensorThings 1.1, with all series", Set: "Datasets",
	Cite: "Cite", CiteHint: "With the day on which you fetched the data: late reports may still change them.",
	CiteText: "%s: %s. Station %s, %s. Dataset “%s”, %s.", CiteSpan: "%s to %s", CiteLicence: "Licence: %s (%s).", CiteSeen: "accessed %s",
	Embed: "Embed", EmbedHint: "This course on your own site: it keeps itself current, sets no cookies and counts nobody.", Source: "Source",
}

// why says what measuring in a domain is good for.
func (t *stationTexts) why(domain string) string {
	return map[string]string{"traffic": t.Traffic, "energy": t.Energy, "road": t.RoadWhy, "environment": t.Environment}[domain]
}

// spanName and lastSpan name a span of a chart as a choice, and in a heading.
func (t *stationTexts) spanName(s chartSpan) string {
	return map[chartSpan]string{spanHour: t.Hour, spanDay: t.Day, spanWeek: t.Week, spanMonth: t.Month, spanYear: t.Year}[s]
}

func (t *stationTexts) lastSpan(s chartSpan) string {
	return map[chartSpan]string{spanHour: t.LastHour, spanDay: t.LastDay, spanWeek: t.LastWeek, spanMonth: t.LastMonth, spanYear: t.LastYear}[s]
}
