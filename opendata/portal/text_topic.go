package portal

type topicTexts struct {
	Description, Now, Stations, All, OnMap, Datasets, None, Running       string
	Today, DayOf, Chart, NowLine, UsualLine, HalfLine, Table              string
	HourColumn, TodayColumn, UsualColumn, HalfColumn, Between, PerHour    string
	OfAll, OfSome, OfOne, Rule, NoUsual, UsualFailed, ChartNone, Extremes string
}

var germanTopic = topicTexts{
	Description: "%s heute: die Lage in Worten, der Vergleich mit dem Üblichen, die Kommunen, die Stationen und die Daten dazu.",
	Now:         "Die Lage jetzt", Stations: "Stationen", All: "Alle %s Stationen", OnMap: "Auf der Karte", Datasets: "Die Daten dazu",
	None: "In diesem Bereich steht noch keine öffentliche Station.", Running: "läuft noch",
	Today: "Heute im Vergleich", DayOf: "%s im Vergleich", Chart: "Verlauf", NowLine: "dieser Tag", UsualLine: "üblich", HalfLine: "die mittlere Hälfte der Wochen", Table: "Die Werte als Tabelle",
	HourColumn: "Stunde", TodayColumn: "Dieser Tag", UsualColumn: "Üblich", HalfColumn: "Hälfte der Wochen", Between: "%s bis %s", PerHour: "%s je Stunde und Station",
	OfAll: "Mittel aller %s Stationen, die das messen.", OfSome: "Mittel von %s Stationen, gleichmäßig ausgewählt aus %s.", OfOne: "Eine Station misst das.",
	Rule:        "Üblich ist der mittlere Wert derselben Stunde am selben Wochentag in den acht Wochen davor; Feiertage zählen mit.",
	NoUsual:     "Was üblich ist, lässt sich noch nicht sagen: Dafür braucht es Werte aus mindestens drei Wochen.",
	UsualFailed: "Der Vergleich lässt sich gerade nicht lesen. Bitte versuchen Sie es in einer Minute noch einmal.",
	ChartNone:   "Von diesem Tag gibt es noch keine ganze Stunde.", Extremes: "Wo es auffällt",
}

var englishTopic = topicTexts{
	Description: "%s today: the situation in words, compared with what is usual, the municipalities, the stations and their data.",
	Now:         "The situation now", Stations: "Stations", All: "All %s stations", OnMap: "On the map", Datasets: "The data behind it",
	None: "There is no public station in this field yet.", Running: "still running",
	Today: "Today in comparison", DayOf: "%s in comparison", Chart: "Course", NowLine: "this day", UsualLine: "usual", HalfLine: "the middle half of the weeks", Table: "The values as a table",
	HourColumn: "Hour", TodayColumn: "This day", UsualColumn: "Usual", HalfColumn: "Half of the weeks", Between: "%s to %s", PerHour: "%s per hour and station",
	OfAll: "Mean of all %s stations that measure it.", OfSome: "Mean of %s stations, evenly chosen from %s.", OfOne: "One station measures it.",
	Rule:        "Usual is the middle value of the same hour on the same weekday in the eight weeks before; public holidays count.",
	NoUsual:     "What is usual cannot be told yet: that takes values of three weeks at least.",
	UsualFailed: "The comparison cannot be read at the moment. Please try again in a minute.",
	ChartNone:   "There is no whole hour of this day yet.", Extremes: "Where it stands out",
}
