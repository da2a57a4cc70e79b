package portal

type statusTexts struct {
	Title, Description, AllLive, SomeLate, Updated, Overview, ByDomain, Domain, All, None       string
	Notices, NoticesNone, PastNotices, Now, Soon, Past, Found, Since, Everything                string
	MostSilent, MostLate, SetLate                                                               string
	ByDataset, Dataset, State, Window, File, Written, Stations, Withheld, Nothing, NoFile       string
	WithheldNothing, WithheldStations, WithheldHouseholds, ForPrograms, ForProgramsMore, NotYet string
}

var germanStatus = statusTexts{
	Title: "Status", Description: "Welche Stationen aktuell, verzögert oder stumm sind, was eine Datenschutzregel unterdrückt und welche Störungen es gibt.",
	AllLive: "Alle Stationen sind aktuell.", SomeLate: "%s von %s Stationen sind aktuell.", Updated: "Stand",
	Overview: "Zustand der Stationen", ByDomain: "Nach Bereich", Domain: "Bereich", All: "Alle %s Stationen",
	None:    "Noch ist keine Station öffentlich. Sobald die ersten aufgestellt sind, steht hier, wie es ihnen geht.",
	Notices: "Störungen und Hinweise", NoticesNone: "Keine Störung bekannt.", PastNotices: "Erledigt in den letzten 30 Tagen",
	Now: "aktuell", Soon: "geplant", Past: "erledigt", Found: "automatisch erkannt", Since: "seit %s", Everything: "Alle Daten",
	MostSilent: "%s von %s Stationen haben seit mehr als einem Tag nichts gemeldet.",
	MostLate:   "%s von %s Stationen melden sich verspätet oder gar nicht.",
	SetLate:    "Seit %s sind keine neuen Werte angekommen.",
	ByDataset:  "Nach Datensatz", Dataset: "Datensatz", State: "Zustand", Window: "Letztes Zeitfenster", File: "Letzte Datei", Written: "geschrieben",
	Stations: "Stationen mit Werten", Withheld: "Unterdrückt", Nothing: "noch keines", NoFile: "noch keine", NotYet: "noch keine Werte",
	WithheldNothing: "nichts", WithheldStations: "Stationen, weil der Datenschutz es verlangt: %s", WithheldHouseholds: "Werte von weniger als %d Haushalten, damit niemand erkennbar wird",
	ForPrograms: "Für Programme", ForProgramsMore: "dieser Zustand als JSON",
}

var englishStatus = statusTexts{
	Title: "Status", Description: "Which stations are up to date, delayed or silent, what a privacy rule withholds, and which incidents there are.",
	AllLive: "All stations are up to date.", SomeLate: "%s of %s stations are up to date.", Updated: "As of",
	Overview: "State of the stations", ByDomain: "By field", Domain: "Field", All: "All %s stations",
	None:    "No station is public yet. As soon as the first ones are set up, this page tells how they are doing.",
	Notices: "Incidents and notices", NoticesNone: "No incident is known.", PastNotices: "Settled in the last 30 days",
	Now: "current", Soon: "planned", Past: "settled", Found: "detected automatically", Since: "since %s", Everything: "All data",
	MostSilent: "%s of %s stations have reported nothing for more than a day.",
	MostLate:   "%s of %s stations report late or not at all.",
	SetLate:    "No new values have arrived since %s.",
	ByDataset:  "By dataset", Dataset: "Dataset", State: "State", Window: "Last window", File: "Last file", Written: "written",
	Stations: "Stations with values", Withheld: "Withheld", Nothing: "none yet", NoFile: "none yet", NotYet: "no values yet",
	WithheldNothing: "nothing", WithheldStations: "stations, because privacy demands it: %s", WithheldHouseholds: "values of fewer than %d households, so that nobody can be recognised",
	ForPrograms: "For programs", ForProgramsMore: "this state as JSON",
}
