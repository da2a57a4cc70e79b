package portal

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"modellregion/opendata"
	"modellregion/uplink"
)

// Notice is what the operator tells the public: of a disturbance, of work, or of
// something that has changed.
type Notice struct {
	From  time.Time // required
	Until time.Time // zero: until further notice
	Text  opendata.Text
	// About is what it is about, "dataset/verkehr", "domain/traffic",
	// "municipality/soest" or "station/" with an id; empty: all of it.
	About string
}

// CheckNotice finds what is wrong with a notice. Whether a station is there it
// does not ask: stations come and go.
func CheckNotice(n Notice, datasets []opendata.Dataset, municipalities []Municipality) error {
	var errs []error
	if n.From.IsZero() {
		errs = append(errs, errors.New("from: want a time, like 2026-11-23T08:00:00+01:00"))
	}
	if !n.Until.IsZero() && !n.Until.After(n.From) {
		errs = append(errs, fmt.Errorf("until %s: want a time after from, or nothing", n.Until.Format(time.RFC3339)))
	}
	if strings.TrimSpace(n.Text.De) == "" || strings.TrimSpace(n.Text.En) == "" {
		errs = append(errs, errors.New("text: want one in de and one in en"))
	}
	kind, id, _ := strings.Cut(n.About, "/")
	known := false
	switch kind {
	case "":
		known = n.About == ""
	case "dataset":
		known = slices.ContainsFunc(datasets, func(d opendata.Dataset) bool { return d.ID == id })
	case "domain":
		known = uplink.Domain(id).Valid()
	case "municipality":
		known = slices.ContainsFunc(municipalities, func(m Municipality) bool { return m.ID == id })
	case "station":
		known = id != ""
	}
	if !known {
		errs = append(errs, fmt.Errorf("about %.64q: want dataset/ID, domain/NAME, municipality/ID or station/ID of what there is, or nothing", n.About))
	}
	return errors.Join(errs...)
}

// concerns reports whether a notice is one for the readers of a dataset.
func (n *Notice) concerns(d *opendata.Dataset) bool {
	return n.About == "" || n.About == "dataset/"+d.ID || n.About == "domain/"+string(d.Domain)
}

// pastNotices is for how long a notice stays on the page when it is over.
const pastNotices = 30 * 24 * time.Hour

// noticeView is a notice or a disturbance that the portal found itself.
type noticeView struct {
	Phase string // now, soon, past
	Label string // the word for it
	About link   // empty: all of it
	Text  string
	When  string // empty of what was found
}

// notices are those that are shown, the newest first: what holds now, then what
// is to come, then what is over.
func (p *portal) notices(t *texts, now time.Time) (current, past []noticeView) {
	all := slices.Clone(p.Notices)
	slices.SortStableFunc(all, func(a, b Notice) int {
		return cmp.Or(cmp.Compare(phaseOf(&a, now), phaseOf(&b, now)), b.From.Compare(a.From))
	})
	for i := range all {
		n := &all[i]
		v := noticeView{About: p.aboutLink(n.About, t), Text: n.Text.In(t.Lang), When: n.when(t)}
		switch phaseOf(n, now) {
		case phaseNow:
			v.Phase, v.Label = "now", t.Status.Now
			current = append(current, v)
		case phaseSoon:
			v.Phase, v.Label = "soon", t.Status.Soon
			current = append(current, v)
		default:
			v.Phase, v.Label = "past", t.Status.Past
			if now.Sub(n.Until) < pastNotices {
				past = append(past, v)
			}
		}
	}
	return current, past
}

// when tells from when to when a notice holds. An end at midnight is a day, the
// last one that it is about, as it is in the configuration.
func (n *Notice) when(t *texts) string {
	midnight := func(at time.Time) bool { return clock(at) == "00:00" }
	begin := instant(n.From, t.Lang)
	if midnight(n.From) {
		begin = date(n.From, t.Lang)
	}
	switch last := n.Until.Add(-time.Nanosecond); {
	case n.Until.IsZero():
		return fmt.Sprintf(t.Status.Since, begin)
	case !midnight(n.Until):
		return between(n.From, n.Until, t.Lang)
	case begin == date(last, t.Lang):
		return begin
	default:
		return begin + " – " + date(last, t.Lang)
	}
}

type phase int

const (
	phaseNow phase = iota
	phaseSoon
	phasePast
)

func phaseOf(n *Notice, now time.Time) phase {
	switch {
	case now.Before(n.From):
		return phaseSoon
	case !n.Until.IsZero() && !now.Before(n.Until):
		return phasePast
	}
	return phaseNow
}

// aboutLink leads to what a notice is about.
func (p *portal) aboutLink(about string, t *texts) link {
	kind, id, _ := strings.Cut(about, "/")
	switch kind {
	case "dataset":
		for i := range p.Datasets {
			if d := &p.Datasets[i]; d.ID == id {
				return link{d.Title.In(t.Lang), t.To("/dataset/" + id)}
			}
		}
	case "domain":
		return link{domainNames[uplink.Domain(id)].In(t.Lang), t.To("/topic/" + id)}
	case "municipality":
		return link{p.municipality(id), t.To("/stations" + selection{Municipality: id}.query())}
	case "station":
		if s := p.stations().byID[id]; s != nil {
			return link{s.Name, t.To(stationPath(id))}
		}
		return link{Text: id}
	}
	return link{}
}

// leastAffected is how many stations a group needs before their silence is a
// disturbance.
const leastAffected = 3

// disturbance is a group most of whose stations do not report.
type disturbance struct {
	about       string // as in Notice
	late, total int
	silent      bool      // most of them for opendata.Recent; else they are late
	since       time.Time // of a dataset: the end of its newest window
}

// lateness counts the stations of a group.
type lateness struct{ silent, late, total int }

// disturbance reports whether most stations of a group do not report.
func (c *lateness) disturbance(about string) (disturbance, bool) {
	if c == nil || c.total < leastAffected || c.late*2 <= c.total {
		return disturbance{}, false
	}
	d := disturbance{about: about, late: c.late, total: c.total, silent: c.silent*2 > c.total}
	if d.silent {
		d.late = c.silent
	}
	return d, true
}

// disturbances finds groups of stations most of which are silent or late, and
// datasets that have got nothing new. What is true of all is said once.
func (p *portal) disturbances(now time.Time) (all []disturbance) {
	groups := map[string]*lateness{}
	for _, s := range p.stations().stations {
		st := s.state(now)
		for _, name := range []string{"", "domain/" + string(s.Domain), "municipality/" + s.Municipality} {
			c := groups[name]
			if c == nil {
				c = &lateness{}
				groups[name] = c
			}
			c.total++
			if st == stateSilent {
				c.silent++
			}
			if st == stateSilent || st == stateDelayed {
				c.late++
			}
		}
	}
	if d, found := groups[""].disturbance(""); found {
		return []disturbance{d}
	}
	for _, domain := range p.domains() {
		if d, found := groups["domain/"+string(domain)].disturbance("domain/" + string(domain)); found {
			all = append(all, d)
		}
	}
	for i := range p.Datasets {
		h := p.health(&p.Datasets[i], now)
		told := slices.ContainsFunc(all, func(d disturbance) bool { return d.about == "domain/"+string(h.set.Domain) })
		if !told && (h.state == stateDelayed || h.state == stateSilent) {
			all = append(all, disturbance{about: "dataset/" + h.set.ID, silent: h.state == stateSilent, since: h.newest})
		}
	}
	for _, m := range p.Region.Municipalities {
		if d, found := groups["municipality/"+m.ID].disturbance("municipality/" + m.ID); found {
			all = append(all, d)
		}
	}
	return all
}

// say puts a disturbance into words.
func (d *disturbance) say(t *texts) string {
	if d.total == 0 {
		return fmt.Sprintf(t.Status.SetLate, instant(d.since, t.Lang))
	}
	format := t.Status.MostLate
	if d.silent {
		format = t.Status.MostSilent
	}
	return fmt.Sprintf(format, number(float64(d.late), 0, t.Lang), number(float64(d.total), 0, t.Lang))
}
