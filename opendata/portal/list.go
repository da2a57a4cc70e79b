package portal

import (
	"fmt"
	"net/http"
	"time"

	"modellregion/opendata"
	"modellregion/uplink"
)

const stationsPerPage = 50

// listView is the stations of a selection, a page of them.
type listView struct {
	Filter   filterView
	Count    string
	Stations []stationLine
	Pager    *pager
	Zone     string
	MapURL   string
	Empty    bool // the region has no station at all
}

// stationLine is a station in a list or table.
type stationLine struct {
	Name, URL, Town string
	Domain          uplink.Domain
	DomainName      string
	Quantity        string         // of the most telling value; empty without one
	Values          []channelValue // by channel
	Window          string
	State           stateView
	Level           *levelView // nil: nothing is known of it
}

// channelValue is a value on a page. Key names it for the script that keeps it
// current.
type channelValue struct{ Channel, Text, Key string }

// stateView is a state as it is shown, by its shape and its word.
type stateView struct {
	State state
	Name  string
}

// pager leads to the pages before and after this one.
type pager struct{ Text, Previous, Next string }

func (p *portal) list(r *http.Request, t *texts) (page, error) {
	s, err := p.parseSelection(r.URL.Query())
	if err != nil {
		return page{}, err
	}
	now := time.Now()
	all := p.stations().stations
	found := s.of(all, now)
	pages := max(1, (len(found)+stationsPerPage-1)/stationsPerPage)
	if s.Page > pages {
		return page{}, errNoSuch
	}
	v := listView{
		Filter: p.filter(s, t), Zone: zone(now, t.Lang), Empty: len(all) == 0,
		Pager:  newPager(s, t, pages),
		MapURL: t.To("/" + selection{Domain: s.Domain, Municipality: s.Municipality}.query() + "#karte"),
		Count:  fmt.Sprintf(t.List.Count, number(float64(len(found)), 0, t.Lang), number(float64(len(all)), 0, t.Lang)),
	}
	for _, one := range found[(s.Page-1)*stationsPerPage : min(len(found), s.Page*stationsPerPage)] {
		v.Stations = append(v.Stations, p.line(one, t, now))
	}
	title := t.List.Title
	if s.Text != "" {
		title = fmt.Sprintf(t.List.Found, s.Text)
	}
	if v.Pager != nil && s.Page > 1 {
		title += ", " + v.Pager.Text
	}
	return page{
		Title: title, Description: t.List.Description, Area: areaMap, Query: s.query(), Search: s.Text, NoIndex: s.Text != "",
		Trail: []link{{Text: t.List.Title}}, Styles: []string{"level.css"}, Scripts: []string{"live.js"}, View: v,
	}, nil
}

// line is a station as lists show it.
func (p *portal) line(s *site, t *texts, now time.Time) stationLine {
	st := s.state(now)
	l := stationLine{
		Name: s.Name, URL: t.To(stationPath(s.ID)), Town: s.Town, Domain: s.Domain, DomainName: domainNames[s.Domain].In(t.Lang),
		State: stateView{st, t.stateName(st)},
	}
	if level := s.level(); level != levelUnknown {
		shown := level.view(s.Domain, t.Lang)
		l.Level = &shown
	}
	for _, r := range s.key() {
		l.Quantity, l.Window = label(r.Quantity, t.Lang), when(&r, t, now)
		l.Values = append(l.Values, channelValue{channelName(r.Channel, t.Lang), value(r.Quantity, r.Value(), t.Lang), keyOf(&r.Aggregate)})
	}
	return l
}

// when prints the window of a row, with its day unless that is today.
func when(r *row, t *texts, now time.Time) string {
	text := interval(r.Start, r.Window)
	if opendata.DayOf(r.Start) != opendata.DayOf(now) {
		text = date(r.Start, t.Lang) + ", " + text
	}
	return text
}

func newPager(s selection, t *texts, pages int) *pager {
	if pages < 2 {
		return nil
	}
	g := &pager{Text: fmt.Sprintf(t.Site.Page, s.Page, pages)}
	at := func(n int) string { s.Page = n; return t.To("/stations" + s.query()) }
	n := s.Page
	if n > 1 {
		g.Previous = at(n - 1)
	}
	if n < pages {
		g.Next = at(n + 1)
	}
	return g
}
