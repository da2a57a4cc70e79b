package main

// portalConfig is what the public pages are told that nothing else needs.
type portalConfig struct {
	Imprint       regionName     `yaml:"imprint"` // texts of the publisher; empty: what the platform itself can say
	Privacy       regionName     `yaml:"privacy"`
	Accessibility regionName     `yaml:"accessibility"`
	Source        string         `yaml:"source"` // URL of the program's source code; empty: no link
	Notices       []noticeConfig `yaml:"notices"`
	Feedback      *bool          `yaml:"feedback"` // whether readers can write; nil: yes
}

// noticeConfig is what the operator tells readers of an incident or of work. The
// times are text here: an ingest has no time zones.
type noticeConfig struct {
	From  string     `yaml:"from"`  // a day, or a time with its zone
	Until string     `yaml:"until"` // the last day, or a time; empty: until it is taken out
	Text  regionName `yaml:"text"`
	About string     `yaml:"about"` // dataset/ID, domain/NAME, municipality/ID or station/ID; empty: everything
}
