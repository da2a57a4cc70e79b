package portal

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"modellregion/devices"
	"modellregion/uplink"
)

// detailView is one station with the course of one quantity.
type detailView struct {
	Station, Name, Municipality string
	Domain                      uplink.Domain
	DomainName                  string
	Quantities                  []option
	Label, Meaning              string
	Chart                       *chart
	Failed                      bool
	Minutes                     string
}

// detail returns the station the reader chose, or the first of the table.
func (p *portal) detail(r *http.Request, s selection, t *texts, groups []group) *detailView {
	id := s.Station
	if id == "" && len(groups) > 0 {
		id = groups[0].Station
	}
	st, ok := p.station(id)
	if !ok {
		return nil
	}
	v := &detailView{Station: st.ID, Name: st.Name, Municipality: p.municipality(st.Municipality), Domain: st.Domain, DomainName: domainNames[st.Domain].In(t.Lang)}
	chosen := s.Quantity
	for i := range p.Datasets {
		d := &p.Datasets[i]
		for _, name := range d.Quantities {
			if d.Domain != st.Domain || !slices.ContainsFunc(p.Latest.Rows(d.ID), func(a devices.Aggregate) bool { return a.Station == id && a.Quantity.Name == name }) {
				continue
			}
			if chosen == "" {
				chosen = name
			}
			q, _ := devices.Lookup(name)
			v.Quantities = append(v.Quantities, option{p.detailURL(s, t, id, name), label(q, t.Lang), name == chosen})
		}
	}
	d, q, ok := p.published(st.Domain, chosen)
	if !ok {
		return v
	}
	v.Label, v.Meaning, v.Minutes = label(q, t.Lang), meaning(q, t.Lang), minutes(time.Duration(d.Base()))
	span := p.chartSpan(d)
	rows, err := p.rows(r.Context(), d, q, id, span)
	if err != nil {
		if r.Context().Err() == nil {
			p.Log.Warn("course cannot be shown", "station", id, "error", err)
		}
		v.Failed = true
		return v
	}
	if v.Chart = draw(q, rows, begun(span, rows), time.Duration(d.Base()), t.Lang); v.Chart != nil {
		v.Chart.Name = v.Label + ", " + v.Name
		v.Chart.SeriesURL = "/api/v1/series?" + url.Values{"station": {id}, "quantity": {q.Name}, "lang": {t.Lang}}.Encode()
	}
	return v
}
