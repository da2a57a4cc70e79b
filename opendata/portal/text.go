package portal

// texts is every fixed text of the site in one language. Each page has its own
// in a file text_PAGE.go; the German ones come first.
type texts struct {
	Lang   string // "de"
	Prefix string // of all paths: "" or "/en"
	Other  string // the other language

	Site     siteTexts
	State    stateTexts
	Home     homeTexts
	List     listTexts
	Station  stationTexts
	Datasets datasetsTexts
	Dataset  datasetTexts
	Topic    topicTexts
	Status   statusTexts
	Legal    legalTexts
	Feedback feedbackTexts
	Error    errorTexts
}

var german = texts{
	Lang: "de", Other: "en", Site: germanSite, State: germanState, Home: germanHome, List: germanList, Station: germanStation,
	Datasets: germanDatasets, Dataset: germanDataset, Topic: germanTopic, Status: germanStatus, Legal: germanLegal, Feedback: germanFeedback, Error: germanError,
}

var english = texts{
	Lang: "en", Prefix: "/en", Other: "de", Site: englishSite, State: englishState, Home: englishHome, List: englishList, Station: englishStation,
	Datasets: englishDatasets, Dataset: englishDataset, Topic: englishTopic, Status: englishStatus, Legal: englishLegal, Feedback: englishFeedback, Error: englishError,
}

func languages() []*texts { return []*texts{&german, &english} }

func textsOf(lang string) *texts {
	if lang == "en" {
		return &english
	}
	return &german
}

// To returns a path of the site in the language of the texts.
func (t *texts) To(path string) string { return t.Prefix + path }

// siteTexts are those of the frame around every page.
type siteTexts struct {
	Tagline, Skip, Menu, Map, Topics, Data, Status, API             string
	Search, SearchHint, Start, Here                                 string
	OtherName, OtherHint                                            string
	Publisher, Contact, Imprint, Privacy, Accessibility             string
	Licence, Catalogue, Source, NoTracking, Offers, About, AllAreas string
	NoData, NoDataMore, Page, Previous, Next                        string
}

var germanSite = siteTexts{
	Tagline: "Offene Messdaten", Skip: "Zum Inhalt springen", Menu: "Hauptnavigation",
	Map: "Karte", Topics: "Themen", Data: "Daten", Status: "Status", API: "API",
	Search: "Suchen", SearchHint: "Straße, Ort, Station", Start: "Start", Here: "Sie sind hier",
	OtherName: "English", OtherHint: "Diese Seite auf Englisch",
	Publisher: "Herausgeber", Contact: "Kontakt", Imprint: "Impressum", Privacy: "Datenschutz", Accessibility: "Barrierefreiheit",
	Licence: "Lizenz", Catalogue: "Datenkatalog (DCAT-AP.de)", Source: "Quelltext", Offers: "Für Programme", About: "Über diese Seite",
	NoTracking: "Diese Seite setzt keine Cookies und zählt ihre Besucher nicht.", AllAreas: "Alle Stationen",
	NoData: "Noch keine Daten",
	NoDataMore: "Sobald die ersten Sensoren senden, stehen hier ihre Werte: meist nach wenigen Minuten. " +
		"Diese Seite aktualisiert sich von selbst.",
	Page: "Seite %d von %d", Previous: "Zurück", Next: "Weiter",
}

var englishSite = siteTexts{
	Tagline: "Open measurements", Skip: "Skip to content", Menu: "Main navigation",
	Map: "Map", Topics: "Topics", Data: "Data", Status: "Status", API: "API",
	Search: "Search", SearchHint: "Street, town, station", Start: "Home", Here: "You are here",
	OtherName: "Deutsch", OtherHint: "This page in German",
	Publisher: "Publisher", Contact: "Contact", Imprint: "Imprint", Privacy: "Privacy", Accessibility: "Accessibility",
	Licence: "Licence", Catalogue: "Data catalogue (DCAT-AP.de)", Source: "Source code", Offers: "For programs", About: "About this site",
	NoTracking: "This site sets no cookies and does not count its visitors.", AllAreas: "All stations",
	NoData: "No data yet",
	NoDataMore: "As soon as the first sensors report, their values appear here, mostly within a few minutes. " +
		"This page updates itself.",
	Page: "Page %d of %d", Previous: "Previous", Next: "Next",
}

// stateTexts name the states of stations and of windows.
type stateTexts struct {
	Live, Delayed, Silent, Suppressed                 string
	LiveMore, DelayedMore, SilentMore, SuppressedMore string
	Complete, Gaps, Preliminary                       string
}

var germanState = stateTexts{
	Live: "aktuell", Delayed: "verzögert", Silent: "stumm", Suppressed: "unterdrückt",
	LiveMore:       "Die Werte kommen wie erwartet.",
	DelayedMore:    "Der letzte Wert ist älter als zwei Zeitfenster. Oft holt das Netz ihn nach.",
	SilentMore:     "Seit mehr als einem Tag ist kein Wert gekommen.",
	SuppressedMore: "Es gibt Werte, aber eine Datenschutzregel verbietet, sie zu zeigen.",
	Complete:       "vollständig", Gaps: "lückenhaft", Preliminary: "vorläufig",
}

var englishState = stateTexts{
	Live: "up to date", Delayed: "delayed", Silent: "silent", Suppressed: "withheld",
	LiveMore:       "Values arrive as expected.",
	DelayedMore:    "The last value is older than two time windows. Often the network delivers it later.",
	SilentMore:     "No value has come for more than a day.",
	SuppressedMore: "There are values, but a privacy rule forbids showing them.",
	Complete:       "complete", Gaps: "with gaps", Preliminary: "preliminary",
}

func (t *texts) stateName(s state) string {
	return map[state]string{stateLive: t.State.Live, stateDelayed: t.State.Delayed, stateSilent: t.State.Silent, stateSuppressed: t.State.Suppressed}[s]
}

func (t *texts) stateMore(s state) string {
	return map[state]string{stateLive: t.State.LiveMore, stateDelayed: t.State.DelayedMore, stateSilent: t.State.SilentMore, stateSuppressed: t.State.SuppressedMore}[s]
}

// errorTexts are those of the pages that say that something is not there.
type errorTexts struct {
	NotFound, NotFoundHint, Failed, FailedHint, Busy, BusyHint, Home, Stations string
}

var germanError = errorTexts{
	NotFound: "Diese Seite gibt es nicht", NotFoundHint: "Vielleicht ist die Station umgezogen oder die Adresse unvollständig.",
	Failed: "Das hat nicht geklappt", FailedHint: "Der Fehler liegt bei uns. Bitte versuchen Sie es in einer Minute noch einmal.",
	Busy: "Gerade ist zu viel los", BusyHint: "Die Daten lassen sich im Moment nicht lesen. Bitte versuchen Sie es in einer Minute noch einmal.",
	Home: "Zur Startseite", Stations: "Alle Stationen",
}

var englishError = errorTexts{
	NotFound: "There is no such page", NotFoundHint: "Perhaps the station has moved or the address is incomplete.",
	Failed: "That did not work", FailedHint: "The fault is ours. Please try again in a minute.",
	Busy: "Too much is going on", BusyHint: "The data cannot be read at the moment. Please try again in a minute.",
	Home: "To the start page", Stations: "All stations",
}
