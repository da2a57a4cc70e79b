package portal

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/uplink"
)

// stationView is one station: what it measures now, and the course of one
// quantity.
type stationView struct {
	ID, Name, Town, Where string // Where: district and road, as far as known
	Domain                uplink.Domain
	DomainName            string
	State                 stateView
	StateMore             string
	Place                 string // coordinates
	Values                []quantityValues
	Zone                  string
	Tabs                  []option
	Chart                 *courseView
	Downloads             []link
	Datasets              []link
}

// quantityValues is a quantity in the table of last values.
type quantityValues struct {
	Label, Meaning, URL string
	Values              []channelValue
	Window, Coverage    string
	State, StateName    string // of the window: "preliminary", "gaps" or "complete"
}

// courseView is the course of one quantity; Drawn is nil where there is none.
type courseView struct {
	Label, Meaning, Minutes string
	Drawn                   *chart
	Failed                  bool
}

func (p *portal) station(r *http.Request, t *texts) (page, error) {
	s := p.stations().byID[r.PathValue("id")]
	if s == nil {
		return page{}, errNoSuch
	}
	now := time.Now()
	st := s.state(now)
	v := stationView{
		ID: s.ID, Name: s.Name, Town: s.Town, Where: joined(", ", s.Road, s.District), Domain: s.Domain, DomainName: domainNames[s.Domain].In(t.Lang),
		State: stateView{st, t.stateName(st)}, StateMore: t.stateMore(st), Zone: zone(now, t.Lang),
		Place:  number(s.Place.Lat, 5, t.Lang) + "° N, " + number(s.Place.Lon, 5, t.Lang) + "° " + t.Station.East,
		Values: p.quantities(s, t, now),
	}
	q, err := p.course(r, s, &v, t)
	if err != nil {
		return page{}, err
	}
	p.takeAlong(s, q, &v, t)
	title := fmt.Sprintf(t.Station.Title, s.Name, s.Town, v.DomainName)
	return page{
		Title: title, Description: fmt.Sprintf(t.Station.Description, s.Name, s.Town, v.DomainName), Area: areaMap,
		Trail: []link{{t.List.Title, t.To("/stations")}, {s.Town, t.To("/stations" + selection{Municipality: s.Municipality}.query())}, {Text: s.Name}},
		Query: quantityQuery(r.URL.Query().Get("quantity")), Styles: []string{"vendor/uplot.css", "station.css"},
		Libraries: []string{"vendor/uplot.js"}, Scripts: []string{"live.js", "chart.js"}, View: v,
	}, nil
}

// joined puts together what is not empty.
func joined(separator string, parts ...string) string {
	out := ""
	for _, part := range parts {
		if part != "" && out != "" {
			out += separator
		}
		out += part
	}
	return out
}

func quantityQuery(name string) string {
	if name == "" {
		return ""
	}
	return "?" + url.Values{"quantity": {name}}.Encode()
}

// quantities are the newest windows of a station, one row a quantity.
func (p *portal) quantities(s *site, t *texts, now time.Time) []quantityValues {
	var out []quantityValues
	for i := range s.Rows {
		r := &s.Rows[i]
		text := t.State.Suppressed
		if !r.Suppressed {
			text = value(r.Quantity, r.Value(), t.Lang)
		}
		v := channelValue{channelName(r.Channel, t.Lang), text, keyOf(&r.Aggregate)}
		if i > 0 && s.Rows[i-1].Quantity == r.Quantity {
			last := &out[len(out)-1]
			last.Values = append(last.Values, v)
			continue
		}
		one := quantityValues{
			Label: label(r.Quantity, t.Lang), Meaning: meaning(r.Quantity, t.Lang), URL: t.To(stationPath(s.ID)) + quantityQuery(r.Quantity.Name) + "#verlauf",
			Values: []channelValue{v}, Window: when(r, t, now), Coverage: number(100*r.Coverage, 0, t.Lang) + thin + "%",
		}
		switch {
		case r.Start.Add(r.Window).After(now):
			one.State, one.StateName = "preliminary", t.State.Preliminary
		case r.Coverage < 0.8:
			one.State, one.StateName = "gaps", t.State.Gaps
		default:
			one.State, one.StateName = "complete", t.State.Complete
		}
		out = append(out, one)
	}
	return out
}

// keyOf names a value on the page for the script that keeps it current.
func keyOf(a *devices.Aggregate) string {
	return url.QueryEscape(a.Station + "/" + a.Quantity.Name + "/" + a.Channel)
}

// course adds the tabs and the course of the quantity that is asked for, or of
// the first one, which it returns; nil where there is none.
func (p *portal) course(r *http.Request, s *site, v *stationView, t *texts) (*devices.Quantity, error) {
	chosen := r.URL.Query().Get("quantity")
	if chosen != "" {
		if _, _, ok := p.published(s.Domain, chosen); !ok {
			return nil, errNoSuch
		}
	} else if len(s.Rows) > 0 {
		chosen = s.Rows[0].Quantity.Name
	}
	for i := range s.Rows {
		q := s.Rows[i].Quantity
		if i == 0 || s.Rows[i-1].Quantity != q {
			v.Tabs = append(v.Tabs, option{t.To(stationPath(s.ID)) + quantityQuery(q.Name) + "#verlauf", label(q, t.Lang), q.Name == chosen})
		}
	}
	d, q, ok := p.published(s.Domain, chosen)
	if !ok {
		return nil, nil
	}
	c := &courseView{Label: label(q, t.Lang), Meaning: meaning(q, t.Lang), Minutes: minutes(time.Duration(d.Base()))}
	v.Chart = c
	span := p.chartSpan(d)
	rows, err := p.rows(r.Context(), d, q, s.ID, span)
	if err != nil {
		if r.Context().Err() == nil {
			p.Log.Warn("course cannot be shown", "station", s.ID, "err", err)
		}
		c.Failed = true
		return q, nil
	}
	if c.Drawn = draw(q, rows, begun(span, rows), time.Duration(d.Base()), t.Lang); c.Drawn != nil {
		c.Drawn.Name = c.Label + ", " + s.Name
		c.Drawn.SeriesURL = seriesURL(s.ID, q, t.Lang)
	}
	return q, nil
}

func seriesURL(station string, q *devices.Quantity, lang string) string {
	return "/api/v1/series?" + url.Values{"station": {station}, "quantity": {q.Name}, "lang": {lang}}.Encode()
}

// takeAlong adds the datasets that the station is in, and where its values are
// to be had.
func (p *portal) takeAlong(s *site, q *devices.Quantity, v *stationView, t *texts) {
	var sets []*opendata.Dataset
	for i := range s.Rows {
		if !slices.Contains(sets, s.Rows[i].set) {
			sets = append(sets, s.Rows[i].set)
		}
	}
	for _, d := range sets {
		title := d.Title.In(t.Lang)
		v.Datasets = append(v.Datasets, link{title, t.To("/dataset/" + d.ID)})
		v.Downloads = append(v.Downloads, link{fmt.Sprintf(t.Station.LatestFile, title), "/data/" + d.ID + "/latest.csv"})
	}
	if q != nil {
		v.Downloads = append(v.Downloads, link{fmt.Sprintf(t.Station.SeriesFile, label(q, t.Lang)), seriesURL(s.ID, q, t.Lang)})
	}
}
