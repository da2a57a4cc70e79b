package portal

import (
	"fmt"
	"net/http"
	"path"
	"time"

	"modellregion/uplink"
)

// stationsPerStatus is how many stations of a state the page names itself.
const stationsPerStatus = 20

// statusView is what is up to date and what is not.
type statusView struct {
	Headline      string
	Updated       string // empty without data
	UpdatedAt     string
	Notices, Past []noticeView
	Found         []noticeView // disturbances that the portal found itself
	States        []stateCount
	Datasets      []datasetHealth
	Domains       []domainCount
	Late          []lateStations
	Empty         bool
}

// stateCount is how many stations are in a state.
type stateCount struct {
	State      stateView
	Count, URL string
	More       string
}

// datasetHealth is a line of the table of datasets.
type datasetHealth struct {
	Domain     uplink.Domain
	Title, URL string
	State      stateView // empty: there never was anything
	Window     string
	File       link
	Written    string // empty: not known
	Stations   string
	Withheld   string // how much and why
}

// domainCount is how many stations of a domain are in each state, in the order
// of states.
type domainCount struct {
	Domain    uplink.Domain
	Name, URL string
	Counts    []string
}

// lateStations are some of those in a state that is not live.
type lateStations struct {
	State    stateView
	Stations []stationLine
	All      link // empty when these are all
}

// stateCounts are the stations in each state, and how many of each domain.
type stateCounts struct {
	all      int
	inState  map[state][]*site
	inDomain map[uplink.Domain]map[state]int
}

func (p *portal) countStates(now time.Time) stateCounts {
	c := stateCounts{inState: map[state][]*site{}, inDomain: map[uplink.Domain]map[state]int{}}
	for _, s := range p.stations().stations {
		st := s.state(now)
		c.all++
		c.inState[st] = append(c.inState[st], s)
		if c.inDomain[s.Domain] == nil {
			c.inDomain[s.Domain] = map[state]int{}
		}
		c.inDomain[s.Domain][st]++
	}
	return c
}

func (p *portal) status(_ *http.Request, t *texts) (page, error) {
	now := time.Now()
	c := p.countStates(now)
	v := statusView{Empty: c.all == 0, Headline: t.Status.AllLive}
	if late := c.all - len(c.inState[stateLive]); late > 0 {
		v.Headline = fmt.Sprintf(t.Status.SomeLate, number(float64(len(c.inState[stateLive])), 0, t.Lang), number(float64(c.all), 0, t.Lang))
	}
	if updated := p.Latest.Updated(); !updated.IsZero() {
		v.Updated, v.UpdatedAt = instant(updated, t.Lang), updated.UTC().Format(time.RFC3339)
	}
	v.Notices, v.Past = p.notices(t, now)
	for _, d := range p.disturbances(now) {
		v.Found = append(v.Found, noticeView{Phase: "found", Label: t.Status.Found, About: p.aboutLink(d.about, t), Text: d.say(t)})
	}
	for i := range p.Datasets {
		v.Datasets = append(v.Datasets, p.healthLine(p.health(&p.Datasets[i], now), t))
	}
	for _, st := range states() {
		v.States = append(v.States, stateCount{stateView{st, t.stateName(st)}, number(float64(len(c.inState[st])), 0, t.Lang),
			t.To("/stations" + selection{State: st}.query()), t.stateMore(st)})
		if st != stateLive && len(c.inState[st]) > 0 {
			v.Late = append(v.Late, p.lateStations(st, c.inState[st], t, now))
		}
	}
	for _, d := range p.domains() {
		one := domainCount{Domain: d, Name: domainNames[d].In(t.Lang), URL: t.To("/stations" + selection{Domain: d}.query())}
		for _, st := range states() {
			one.Counts = append(one.Counts, number(float64(c.inDomain[d][st]), 0, t.Lang))
		}
		v.Domains = append(v.Domains, one)
	}
	return page{
		Title: t.Status.Title, Description: t.Status.Description, Area: areaStatus, Trail: []link{{Text: t.Status.Title}},
		Styles: []string{"status.css"}, Scripts: []string{"live.js"}, View: v,
	}, nil
}

// lateStations names the first stations of a state.
func (p *portal) lateStations(st state, stations []*site, t *texts, now time.Time) lateStations {
	late := lateStations{State: stateView{st, t.stateName(st)}}
	for _, s := range stations[:min(len(stations), stationsPerStatus)] {
		late.Stations = append(late.Stations, p.line(s, t, now))
	}
	if len(stations) > stationsPerStatus {
		late.All = link{fmt.Sprintf(t.Status.All, number(float64(len(stations)), 0, t.Lang)), t.To("/stations" + selection{State: st}.query())}
	}
	return late
}

// healthLine says how a dataset is doing.
func (p *portal) healthLine(h health, t *texts) datasetHealth {
	d := h.set
	v := datasetHealth{Domain: d.Domain, Title: d.Title.In(t.Lang), URL: t.To("/dataset/" + d.ID), Window: t.Status.Nothing, Stations: "–"}
	if h.state != "" {
		v.State = stateView{h.state, t.stateName(h.state)}
	}
	switch {
	case h.newest.IsZero():
	case d.Households != nil:
		v.Window = date(h.newest.Add(-time.Second), t.Lang)
	default:
		begin := d.Base().Begin(h.newest.Add(-time.Second))
		v.Window = date(begin, t.Lang) + ", " + interval(begin, h.newest.Sub(begin)) + " " + zone(begin, t.Lang)
		if h.running {
			v.Window += " (" + t.Dataset.Running + ")"
		}
	}
	if h.file != nil {
		v.File = link{path.Base(h.file.Path), h.file.Path}
		if !h.file.Modified.IsZero() {
			v.Written = instant(h.file.Modified, t.Lang)
		}
	}
	if d.Households == nil {
		v.Stations = number(float64(h.stations), 0, t.Lang)
	}
	switch {
	case d.Households != nil:
		v.Withheld = fmt.Sprintf(t.Status.WithheldHouseholds, d.Households.K)
	case h.suppressed > 0:
		v.Withheld = fmt.Sprintf(t.Status.WithheldStations, number(float64(h.suppressed), 0, t.Lang))
	default:
		v.Withheld = t.Status.WithheldNothing
	}
	return v
}
