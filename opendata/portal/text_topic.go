package portal

type topicTexts struct{ Description, Now, Stations, All, OnMap, Datasets, None, Running string }

var germanTopic = topicTexts{
	Description: "%s heute: die Lage in Worten, der Vergleich der Kommunen, die Stationen und die Daten dazu.",
	Now:         "Die Lage jetzt", Stations: "Stationen", All: "Alle %s Stationen", OnMap: "Auf der Karte", Datasets: "Die Daten dazu",
	None: "In diesem Bereich steht noch keine öffentliche Station.", Running: "läuft noch",
}

var englishTopic = topicTexts{
	Description: "%s today: the situation in words, the municipalities compared, the stations and their data.",
	Now:         "The situation now", Stations: "Stations", All: "All %s stations", OnMap: "On the map", Datasets: "The data behind it",
	None: "There is no public station in this field yet.", Running: "still running",
}
