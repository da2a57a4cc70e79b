package portal

import (
	"fmt"
	"net/http"
	"time"

	"modellregion/uplink"
)

// stationsPerStatus is how many stations of a state the page names itself.
const stationsPerStatus = 20

// statusView is what is up to date and what is not.
type statusView struct {
	Headline  string
	Updated   string // empty without data
	UpdatedAt string
	States    []stateCount
	Domains   []domainCount
	Late      []lateStations
	Empty     bool
}

// stateCount is how many stations are in a state.
type stateCount struct {
	State      stateView
	Count, URL string
	More       string
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

func (p *portal) status(_ *http.Request, t *texts) (page, error) {
	now := time.Now()
	all := p.stations().stations
	inState := map[state][]*site{}
	inDomain := map[uplink.Domain]map[state]int{}
	for _, s := range all {
		st := s.state(now)
		inState[st] = append(inState[st], s)
		if inDomain[s.Domain] == nil {
			inDomain[s.Domain] = map[state]int{}
		}
		inDomain[s.Domain][st]++
	}
	v := statusView{Empty: len(all) == 0, Headline: t.Status.AllLive}
	if late := len(all) - len(inState[stateLive]); late > 0 {
		v.Headline = fmt.Sprintf(t.Status.SomeLate, number(float64(len(inState[stateLive])), 0, t.Lang), number(float64(len(all)), 0, t.Lang))
	}
	if updated := p.Latest.Updated(); !updated.IsZero() {
		v.Updated, v.UpdatedAt = instant(updated, t.Lang), updated.UTC().Format(time.RFC3339)
	}
	for _, st := range states() {
		named := stateView{st, t.stateName(st)}
		url := t.To("/stations" + selection{State: st}.query())
		v.States = append(v.States, stateCount{named, number(float64(len(inState[st])), 0, t.Lang), url, t.stateMore(st)})
		if st == stateLive || len(inState[st]) == 0 {
			continue
		}
		late := lateStations{State: named}
		for _, s := range inState[st][:min(len(inState[st]), stationsPerStatus)] {
			late.Stations = append(late.Stations, p.line(s, t, now))
		}
		if len(inState[st]) > stationsPerStatus {
			late.All = link{fmt.Sprintf(t.Status.All, number(float64(len(inState[st])), 0, t.Lang)), url}
		}
		v.Late = append(v.Late, late)
	}
	for _, d := range p.domains() {
		c := domainCount{Domain: d, Name: domainNames[d].In(t.Lang), URL: t.To("/stations" + selection{Domain: d}.query())}
		for _, st := range states() {
			c.Counts = append(c.Counts, number(float64(inDomain[d][st]), 0, t.Lang))
		}
		v.Domains = append(v.Domains, c)
	}
	return page{
		Title: t.Status.Title, Description: t.Status.Description, Area: areaStatus, Trail: []link{{Text: t.Status.Title}},
		Styles: []string{"status.css"}, Scripts: []string{"live.js"}, View: v,
	}, nil
}
