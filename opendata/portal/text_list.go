package portal

type listTexts struct {
	Title, Found, Description, Count, None, NoneHint, NoStations                     string
	Search, Domain, Municipality, State, AllDomains, AllMunicipalities, AllStates    string
	Show, Reset, Filter, OnMap, Station, Value, Window, StateColumn, NoValue, Result string
}

var germanList = listTexts{
	Title: "Stationen", Found: "Stationen zu „%s“", Description: "Alle Stationen der Region mit ihrem letzten Wert und ihrem Zustand, als Liste zum Filtern und Durchsuchen.",
	Count: "%s von %s Stationen", None: "Keine Station passt zu dieser Auswahl.", NoneHint: "Versuchen Sie es mit weniger Wörtern oder heben Sie die Auswahl auf.",
	NoStations: "Noch ist keine Station öffentlich. Sobald die ersten aufgestellt sind, stehen sie hier.",
	Search:     "Straße, Ort oder Station", Domain: "Bereich", Municipality: "Kommune", State: "Zustand",
	AllDomains: "Alle Bereiche", AllMunicipalities: "Alle Kommunen", AllStates: "Jeder Zustand",
	Show: "Anzeigen", Reset: "Auswahl aufheben", Filter: "Auswahl der Stationen", OnMap: "Auf der Karte zeigen",
	Station: "Station", Value: "Letzter Wert", Window: "Zeitfenster", StateColumn: "Zustand", NoValue: "kein Wert", Result: "Gefundene Stationen",
}

var englishList = listTexts{
	Title: "Stations", Found: "Stations for “%s”", Description: "All stations of the region with their last value and their state, as a list to filter and search.",
	Count: "%s of %s stations", None: "No station fits this selection.", NoneHint: "Try fewer words, or clear the selection.",
	NoStations: "No station is public yet. As soon as the first ones are set up, they appear here.",
	Search:     "Street, town or station", Domain: "Field", Municipality: "Municipality", State: "State",
	AllDomains: "All fields", AllMunicipalities: "All municipalities", AllStates: "Any state",
	Show: "Show", Reset: "Clear selection", Filter: "Selection of stations", OnMap: "Show on the map",
	Station: "Station", Value: "Last value", Window: "Window", StateColumn: "State", NoValue: "no value", Result: "Stations found",
}
