package portal

type statusTexts struct {
	Title, Description, AllLive, SomeLate, Updated, Overview, ByDomain, Domain, All, None string
}

var germanStatus = statusTexts{
	Title: "Status", Description: "Welche Stationen aktuell, verzögert oder stumm sind und was eine Datenschutzregel unterdrückt.",
	AllLive: "Alle Stationen sind aktuell.", SomeLate: "%s von %s Stationen sind aktuell.", Updated: "Stand",
	Overview: "Zustand der Stationen", ByDomain: "Nach Bereich", Domain: "Bereich", All: "Alle %s Stationen",
	None: "Noch ist keine Station öffentlich. Sobald die ersten aufgestellt sind, steht hier, wie es ihnen geht.",
}

var englishStatus = statusTexts{
	Title: "Status", Description: "Which stations are up to date, delayed or silent, and what a privacy rule withholds.",
	AllLive: "All stations are up to date.", SomeLate: "%s of %s stations are up to date.", Updated: "As of",
	Overview: "State of the stations", ByDomain: "By field", Domain: "Field", All: "All %s stations",
	None: "No station is public yet. As soon as the first ones are set up, this page tells how they are doing.",
}
