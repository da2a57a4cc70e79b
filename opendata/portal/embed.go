package portal

import (
	"bytes"
	"context"
	"html"
	"net/http"
	"net/url"
	"time"

	"modellregion/uplink"
)

// embedView is one chart for the page of somebody else.
type embedView struct {
	T          *texts
	Title      string
	Region     string
	Name, Town string
	Domain     uplink.Domain
	Chart      *courseView
	Page       string // the whole page of the station
	Publisher  string
	Licence    link
	State      stateView
	Values     []channelValue // newest ones of the quantity
	Window     string
}

// embedPolicy lets every site show the page in a frame, and the page itself do
// nothing but draw its chart.
const embedPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors *"

func embedPath(id string) string { return "/embed/" + url.PathEscape(id) }

// embedMarkup is what somebody copies to show a chart.
func embedMarkup(address, title string) string {
	return `<iframe src="` + html.EscapeString(address) + `" title="` + html.EscapeString(title) + `" width="100%" height="540" frameborder="0" loading="lazy"></iframe>`
}

// embed answers with the chart of a station for a frame.
func (p *portal) embed(t *texts) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s := p.stations().byID[r.PathValue("id")]
		if s == nil {
			p.fail(w, t, http.StatusNotFound)
			return
		}
		a, span, err := p.parseCourse(s, r.URL.Query())
		if err != nil {
			p.fail(w, t, http.StatusNotFound)
			return
		}
		v := p.embedded(r.Context(), s, a, span, t)
		var out bytes.Buffer
		if err := p.pages["embed"].ExecuteTemplate(&out, "embed", v); err != nil {
			p.Log.Error("page cannot be rendered", "page", "embed", "err", err)
			p.fail(w, t, http.StatusInternalServerError)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", embedPolicy)
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Cache-Control", "no-cache")
		respond(w, r, out.Bytes(), "")
	}
}

// embedded fills the page; a is nil where the station has nothing new.
func (p *portal) embedded(ctx context.Context, s *site, a *asked, span chartSpan, t *texts) embedView {
	now := time.Now()
	v := embedView{
		T: t, Title: s.Name, Region: p.Region.Name.In(t.Lang), Name: s.Name, Town: s.Town, Domain: s.Domain,
		Page: t.To(stationPath(s.ID)), Publisher: p.Region.Publisher,
	}
	if a == nil {
		return v
	}
	v.Chart = p.course(ctx, a, span, t, now)
	v.Title = v.Chart.Label + ", " + s.Name
	v.Page += courseQuery(a.q.Name, span)
	v.Licence = link{a.set.Licence.Name, a.set.Licence.URL}
	if a.set.Publisher != "" {
		v.Publisher = a.set.Publisher
	}
	for _, q := range p.quantities(s, t, now) {
		if q.Label == v.Chart.Label {
			v.Values, v.Window = q.Values, joined(", ", q.Window, q.Age)
		}
	}
	return v
}
