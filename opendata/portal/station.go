package portal

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/opendata/feedback"
	"modellregion/uplink"
)

// stationView is one station: what it measures now and why, and the course of
// one quantity with what can be done with it.
type stationView struct {
	ID, Name, Town, Where string // Where: road and district, as far as known
	Road, District        string
	Domain                uplink.Domain
	DomainName, Why       string
	State                 stateView
	StateMore             string
	Place                 string // coordinates
	Values                []quantityValues
	Zone                  string
	Quantities, Spans     []option
	Chart                 *courseView
	Shown                 []download // the course as a file
	Files                 []link
	Datasets              []datasetOf
	Things                string
	Cite                  *citation
	Embed                 string // the markup to copy
}

// download is a file of exactly what is shown. The script changes its address
// when something else is shown: Path and Query are what stays.
type download struct{ Text, URL, Format string }

// datasetOf is a dataset that a station is in.
type datasetOf struct {
	Title, URL, Description string
	Licence                 link
}

// quantityValues is a quantity in the table of last values.
type quantityValues struct {
	Label, Meaning, URL string
	Values              []channelValue
	Window, Coverage    string
	Age                 string // since the end of the window; empty while it runs
	State, StateName    string // of the window: "preliminary", "gaps" or "complete"
}

func (p *portal) station(r *http.Request, t *texts) (page, error) {
	s := p.stations().byID[r.PathValue("id")]
	if s == nil {
		return page{}, errNoSuch
	}
	a, span, err := p.parseCourse(s, r.URL.Query())
	if err != nil {
		return page{}, err
	}
	now := time.Now()
	st := s.state(now)
	v := stationView{
		ID: s.ID, Name: s.Name, Town: s.Town, Where: whereabouts(s), Road: s.Road, District: s.District,
		Domain: s.Domain, DomainName: domainNames[s.Domain].In(t.Lang), Why: t.Station.why(string(s.Domain)),
		State: stateView{st, t.stateName(st)}, StateMore: t.stateMore(st), Zone: zone(now, t.Lang),
		Place:  number(s.Place.Lat, 5, t.Lang) + "° N, " + number(s.Place.Lon, 5, t.Lang) + "° " + t.Station.East,
		Values: p.quantities(s, t, now), Things: thingsPath(s.ID),
	}
	v.Quantities, v.Spans = tabs(s, a, span, t)
	query := courseQuery(r.URL.Query().Get("quantity"), span)
	if a != nil {
		v.Chart = p.course(r.Context(), a, span, t, now)
		p.takeCourse(&v, span, t, now)
	}
	p.takeAlong(s, &v, t)
	title := fmt.Sprintf(t.Station.Title, s.Name, s.Town, v.DomainName)
	return page{
		Title: title, Description: fmt.Sprintf(t.Station.Description, s.Name, s.Town, v.DomainName), Area: areaMap,
		Trail: []link{{t.List.Title, t.To("/stations")}, {s.Town, t.To("/stations" + selection{Municipality: s.Municipality}.query())}, {Text: s.Name}},
		Query: query, Styles: []string{"vendor/uplot.css", "chart.css", "station.css"}, Picture: picturePath("station", s.ID, t),
		Feedback: p.feedbackOn(r.Context(), feedback.About{Kind: feedback.KindStation, ID: s.ID}, t), Libraries: []string{"vendor/uplot.js"}, Scripts: []string{"live.js", "chart.js"}, View: v,
	}, nil
}

// takeCourse adds what can be done with the course that is shown.
func (p *portal) takeCourse(v *stationView, span chartSpan, t *texts, now time.Time) {
	a := &v.Chart.asked
	v.Shown = []download{
		{"CSV", a.path(".csv", nil), ".csv"}, {t.Station.Excel, a.path(".csv", url.Values{"format": {"excel-de"}}), ".csv"}, {"JSON", a.path("", nil), ""},
	}
	address := p.absolute(t.To(stationPath(v.ID)) + courseQuery(a.q.Name, span))
	v.Cite = p.citeCourse(a, t, address, now)
	v.Embed = embedMarkup(p.absolute(t.To(embedPath(v.ID))+courseQuery(a.q.Name, span)), joined(", ", label(a.q, t.Lang), v.Name, v.Town))
}

// whereabouts are the road and the district of a station, without what its name
// or its town have told already.
func whereabouts(s *site) string {
	road := strings.TrimSuffix(s.Road, ", "+s.Town)
	if strings.Contains(s.Name, road) {
		road = ""
	}
	return joined(", ", road, s.District)
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
		if end := r.Start.Add(r.Window); !end.After(now) {
			one.Age = fmt.Sprintf(t.Station.Ago, lasting(roughly(now.Sub(end)), t.Lang))
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

// roughly rounds an age to what one says of it.
func roughly(age time.Duration) time.Duration {
	if age < 2*time.Hour {
		return age.Round(time.Minute)
	}
	return age.Round(time.Hour)
}

// keyOf names a value on the page for the script that keeps it current.
func keyOf(a *devices.Aggregate) string {
	return url.QueryEscape(a.Station + "/" + a.Quantity.Name + "/" + a.Channel)
}

// takeAlong adds the datasets that the station is in, and their files.
func (p *portal) takeAlong(s *site, v *stationView, t *texts) {
	var sets []*opendata.Dataset
	for i := range s.Rows {
		if !slices.Contains(sets, s.Rows[i].set) {
			sets = append(sets, s.Rows[i].set)
		}
	}
	if len(sets) == 0 { // a silent one: older values of its are in the files of these, if anywhere
		for i := range p.Datasets {
			if d := &p.Datasets[i]; d.Domain == s.Domain && d.Households == nil {
				v.Files = append(v.Files, link{fmt.Sprintf(t.Station.Files, d.Title.In(t.Lang)), t.To("/dataset/" + d.ID)})
			}
		}
	}
	for _, d := range sets {
		title, to := d.Title.In(t.Lang), t.To("/dataset/"+d.ID)
		v.Datasets = append(v.Datasets, datasetOf{title, to, d.Description.In(t.Lang), link{d.Licence.Name, d.Licence.URL}})
		v.Files = append(v.Files, link{fmt.Sprintf(t.Station.Files, title), to}, link{fmt.Sprintf(t.Station.LatestFile, title), "/data/" + d.ID + "/latest.csv"})
	}
}

// thingsPath is where the SensorThings API has a station.
func thingsPath(id string) string {
	return "/sta/v1.1/Things?" + strings.NewReplacer("%24", "$", "+", "%20").Replace(url.Values{
		"$filter": {"properties/id eq '" + strings.ReplaceAll(id, "'", "''") + "'"}, "$expand": {"Datastreams"},
	}.Encode())
}
