package portal

import (
	"fmt"
	"net/http"
	"time"
)

// homeView is the start page: what is happening, in words and on a map.
type homeView struct {
	Headline  string
	Updated   string // empty without data
	UpdatedAt string // RFC 3339
	Cards     []card
	Map       mapView
	Filter    filterView
	ListURL   string // the same stations as a list
	Datasets  []link
}

func (p *portal) home(r *http.Request, t *texts) (page, error) {
	s, err := p.parseSelection(r.URL.Query())
	if err != nil {
		return page{}, err
	}
	s = selection{Domain: s.Domain, Municipality: s.Municipality} // what the map can select
	v := homeView{
		Headline: p.headline(t), Cards: p.cards(r.Context(), t), Filter: p.filter(s, t), ListURL: t.To("/stations" + s.query()),
		Map: p.mapView(t),
	}
	if updated := p.Latest.Updated(); !updated.IsZero() {
		v.Updated, v.UpdatedAt = instant(updated, t.Lang), updated.UTC().Format(time.RFC3339)
	}
	for i := range p.Datasets {
		d := &p.Datasets[i]
		v.Datasets = append(v.Datasets, link{d.Title.In(t.Lang), t.To("/dataset/" + d.ID)})
	}
	return page{
		Title: t.Site.Tagline, Description: v.Headline, Area: areaMap, Query: s.query(), View: v,
		Styles: []string{"vendor/leaflet.css", "level.css", "map.css", "home.css"}, Libraries: []string{"vendor/leaflet.js"}, Scripts: []string{"live.js", "map.js"},
	}, nil
}

// headline counts the stations with live values and the municipalities they
// stand in.
func (p *portal) headline(t *texts) string {
	stations, towns := 0, map[string]bool{}
	for _, s := range p.stations().stations {
		if len(s.Rows) > 0 {
			stations++
			towns[s.Municipality] = true
		}
	}
	switch stations {
	case 0:
		return t.Site.NoDataMore
	case 1:
		return t.Home.IntroOne
	default:
		return fmt.Sprintf(t.Home.Intro, number(float64(stations), 0, t.Lang), number(float64(len(towns)), 0, t.Lang))
	}
}
