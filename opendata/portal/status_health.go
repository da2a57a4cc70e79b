package portal

import (
	"net/http"
	"time"

	"modellregion/opendata"
)

// health is how a dataset is doing.
type health struct {
	set        *opendata.Dataset
	state      state     // empty: there never was anything
	newest     time.Time // end of the newest window or, of households, of the newest day in the files
	running    bool      // that window is not over
	stations   int       // that have told something lately
	suppressed int       // of which privacy allows to tell nothing
	file       *File     // newest; nil: none
}

// newest is the end of the newest window of a dataset; zero before the first.
// Those of households are not in the cache: they come by the day and late by
// rule, and so are told by the files of days. A file of a month says nothing of
// the days that are still to come.
func (p *portal) newest(d *opendata.Dataset, files []File) (end time.Time) {
	if d.Households == nil {
		if begin := p.Latest.Newest(d.ID); !begin.IsZero() {
			end = d.Base().End(begin)
		}
		return end
	}
	for i := range files {
		if day, err := opendata.ParseDay(files[i].Period); err == nil && day.Span().End.After(end) {
			end = day.Span().End
		}
	}
	return end
}

// health looks at the newest window of a dataset.
func (p *portal) health(d *opendata.Dataset, now time.Time) health {
	h := health{set: d}
	files, err := p.Files.Published(d.ID)
	if err == nil {
		for i := range files {
			if f := &files[i]; h.file == nil || newerFile(f, h.file) {
				h.file = f
			}
		}
	}
	late := 2 * time.Duration(d.Base())
	if d.Households != nil {
		late = d.Households.Delay + 48*time.Hour
	}
	h.newest = p.newest(d, files)
	h.running = h.newest.After(now)
	for _, s := range p.stations().stations {
		told, withheld := false, false
		for i := range s.Rows {
			if r := &s.Rows[i]; r.set == d {
				told, withheld = told || !r.Suppressed, withheld || r.Suppressed
			}
		}
		if told {
			h.stations++
		} else if withheld {
			h.suppressed++
		}
	}
	switch age := now.Sub(h.newest); {
	case h.newest.IsZero():
	case age <= late && h.stations == 0 && h.suppressed > 0:
		h.state = stateSuppressed
	case age <= late:
		h.state = stateLive
	case age <= late+opendata.Recent:
		h.state = stateDelayed
	default:
		h.state = stateSilent
	}
	return h
}

// newerFile reports whether a file was written later or, when nobody knows, is
// of a later period.
func newerFile(a, b *File) bool {
	if !a.Modified.Equal(b.Modified) {
		return a.Modified.After(b.Modified)
	}
	return periodEnd(a.Period).After(periodEnd(b.Period))
}

// periodEnd returns when a day or month is over; the zero time of what is
// neither.
func periodEnd(period string) time.Time {
	if day, err := opendata.ParseDay(period); err == nil {
		return day.Span().End
	}
	if first, err := opendata.ParseDay(period + "-01"); err == nil {
		return monthSpan(first).End
	}
	return time.Time{}
}

// statusAnswer is the status for programs.
type statusAnswer struct {
	Time      time.Time       `json:"time"`              // of this answer, to the minute
	Updated   *time.Time      `json:"updated,omitempty"` // when the last values came
	Stations  map[state]int   `json:"stations"`          // by state: live, delayed, silent, suppressed
	Domains   []domainStatus  `json:"domains"`
	Datasets  []datasetStatus `json:"datasets"`
	Incidents []incident      `json:"incidents"`
}

type domainStatus struct {
	Domain   string        `json:"domain"`
	Stations map[state]int `json:"stations"`
}

type datasetStatus struct {
	Dataset    string     `json:"dataset"`
	State      state      `json:"state,omitempty"`       // live, delayed, silent or suppressed; absent while there was nothing yet
	LastWindow *time.Time `json:"last_window,omitempty"` // its end, which lies ahead while the window runs
	LastFile   string     `json:"last_file,omitempty"`
	Written    *time.Time `json:"last_file_written,omitempty"`
	Stations   int        `json:"stations"`   // with values of the last day
	Suppressed int        `json:"suppressed"` // stations of which privacy allows to tell nothing
	Rule       string     `json:"rule"`       // what is withheld and why, in the language asked for
}

// incident is a notice of the operator or a disturbance that was found.
type incident struct {
	Source string     `json:"source"`          // operator, or detected
	About  string     `json:"about,omitempty"` // dataset/ID, domain/NAME, municipality/ID or station/ID; absent: all of it
	From   *time.Time `json:"from,omitempty"`
	Until  *time.Time `json:"until,omitempty"`
	Text   string     `json:"text"` // in the language asked for
}

func (p *portal) statusJSON(w http.ResponseWriter, r *http.Request) {
	t, now := textsOf(r.URL.Query().Get("lang")), time.Now()
	c := p.countStates(now)
	out := statusAnswer{Time: now.UTC().Truncate(time.Minute), Updated: known(p.Latest.Updated()), Stations: map[state]int{}, Datasets: []datasetStatus{}, Domains: []domainStatus{}, Incidents: []incident{}}
	for _, st := range states() {
		out.Stations[st] = len(c.inState[st])
	}
	for _, d := range p.domains() {
		one := domainStatus{string(d), map[state]int{}}
		for _, st := range states() {
			one.Stations[st] = c.inDomain[d][st]
		}
		out.Domains = append(out.Domains, one)
	}
	for i := range p.Datasets {
		h := p.health(&p.Datasets[i], now)
		one := datasetStatus{Dataset: h.set.ID, State: h.state, LastWindow: known(h.newest), Stations: h.stations, Suppressed: h.suppressed, Rule: t.rule(h.set)}
		if h.file != nil {
			one.LastFile, one.Written = p.absolute(h.file.Path), known(h.file.Modified)
		}
		out.Datasets = append(out.Datasets, one)
	}
	for i := range p.Notices {
		if n := &p.Notices[i]; phaseOf(n, now) != phasePast {
			out.Incidents = append(out.Incidents, incident{"operator", n.About, known(n.From), known(n.Until), n.Text.In(t.Lang)})
		}
	}
	for _, d := range p.disturbances(now) {
		out.Incidents = append(out.Incidents, incident{"detected", d.about, known(d.since), nil, d.say(t)})
	}
	answer(w, r, out)
}

// known is a time for JSON, which leaves out what is not known.
func known(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	at = at.UTC()
	return &at
}
