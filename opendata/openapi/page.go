package openapi

import (
	"strings"

	"modellregion/opendata"
)

// view is the page in one language. Around what it says it looks like the pages
// of the portal, whose style it uses.
type view struct {
	Lang, Region, Other, OtherText, Home        string
	Skip, Menu, Tagline                         string
	Ways, Legal                                 []way
	Title, Intro, Download, Parameters, Answers string
	Examples, Needed, Contact                   string
	Publisher, ContactAt                        string
	Groups                                      []groupView
}

// way leads to a page of the portal.
type way struct {
	Name, URL string
	Here      bool
}

type groupView struct {
	Name, Title, Text string
	Operations        []operationView
}

type operationView struct {
	ID, Path, Title, Text string
	Params                []paramView
	Answers               string
	Examples              []string
}

type paramView struct {
	Name, Text, Values string
	Needed             bool
}

// view puts the page together.
func (d *description) view(lang string) view {
	say := func(de, en string) string { return opendata.Text{De: de, En: en}.In(lang) }
	v := view{
		Lang: lang, Region: d.cfg.Region.In(lang), Other: say(englishPage, germanPage), OtherText: say("English", "Deutsch"), Home: say("/", "/en/"),
		Skip: say("Zum Inhalt springen", "Skip to content"), Menu: say("Hauptnavigation", "Main navigation"), Tagline: say("Offene Messdaten", "Open measurements"),
		Title: say("Schnittstellen", "Interfaces"),
		Intro: say("Alle Daten sind offen: ohne Anmeldung und ohne Schlüssel, nur lesend. Zeiten sind UTC, Einheiten UCUM. Wer zu viel auf einmal fragt, bekommt 429 oder 503 mit Retry-After.",
			"All data are open: without a login and without a key, for reading. Times are UTC, units UCUM. Whoever asks too much at once gets 429 or 503 with Retry-After."),
		Download: say("Dieselbe Beschreibung für Programme", "The same description for programs"), Parameters: say("Parameter", "Parameters"), Answers: say("Antwort", "Answer"),
		Examples: say("Beispiele", "Examples"), Needed: say("nötig", "required"), Contact: say("Fragen an", "Questions to"), Publisher: d.cfg.Publisher,
	}
	prefix := say("", "/en")
	v.Ways = []way{
		{say("Karte", "Map"), v.Home, false}, {say("Daten", "Data"), prefix + "/datasets", false}, {"Status", prefix + "/status", false},
		{"API", say(germanPage, englishPage), true},
	}
	v.Legal = []way{
		{say("Impressum", "Imprint"), prefix + "/imprint", false}, {say("Datenschutz", "Privacy"), prefix + "/privacy", false},
		{say("Barrierefreiheit", "Accessibility"), prefix + "/accessibility", false},
	}
	switch c := d.cfg.Contact; {
	case strings.HasPrefix(c, "https://") || strings.HasPrefix(c, "http://"):
		v.ContactAt = c
	case strings.Contains(c, "@"):
		v.ContactAt = "mailto:" + c
	}
	for _, g := range d.groups() {
		one := groupView{Name: g.name, Title: g.title.In(lang), Text: g.text.In(lang)}
		for i := range d.operations {
			if o := &d.operations[i]; o.group == g {
				one.Operations = append(one.Operations, o.view(lang))
			}
		}
		v.Groups = append(v.Groups, one)
	}
	return v
}

func (o *operation) view(lang string) operationView {
	v := operationView{ID: o.id, Path: o.path, Title: o.title.In(lang), Text: o.text.In(lang), Examples: o.examples}
	for _, p := range o.params {
		v.Params = append(v.Params, paramView{p.name, p.text.In(lang), values(p.schema), p.required})
	}
	var forms []string
	for _, c := range o.answers {
		form := c.title
		if form == "" {
			form = c.kind
		}
		forms = append(forms, form)
	}
	v.Answers = strings.Join(forms, ", ")
	return v
}

// values are those that a parameter may have, when they can be counted.
func values(s schema) string {
	if items, ok := s["items"].(schema); ok {
		s = items
	}
	names, _ := s["enum"].([]string)
	return strings.Join(names, ", ")
}
