package portal

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"modellregion/uplink"
)

const (
	stationsPerTopic = 12              // that a topic lists itself
	topicLimit       = 3 * time.Second // that a topic waits for its comparison
)

// topicView is a domain today: in words, by hour, by town and by station.
type topicView struct {
	Card     card
	Name     string
	Compared string      // how it compares with what is usual; empty where that is not known
	Unknown  string      // why that is not known; empty without any data
	Today    string      // of which day the chart is; empty without a comparison
	Chart    *todayChart // nil without any data
	Rankings []ranking
	Stations []stationLine
	Zone     string
	All      link
	MapURL   string
	Datasets []datasetCard
}

func (p *portal) topic(r *http.Request, t *texts) (page, error) {
	domain := uplink.Domain(r.PathValue("domain"))
	if !slices.Contains(p.domains(), domain) {
		return page{}, errNoSuch
	}
	now := time.Now()
	only := selection{Domain: domain}
	stations := only.of(p.stations().stations, now)
	v := topicView{
		Card: p.card(domain, t), Name: domainNames[domain].In(t.Lang), Zone: zone(now, t.Lang), MapURL: t.To("/" + only.query() + "#karte"),
		All:      link{fmt.Sprintf(t.Topic.All, number(float64(len(stations)), 0, t.Lang)), t.To("/stations" + only.query())},
		Rankings: p.rankings(domain, t),
	}
	if v.Card.Key != "" {
		s, err := p.situation(r.Context(), domain, topicLimit)
		if r.Context().Err() != nil {
			return page{}, r.Context().Err()
		}
		v.Unknown = t.Topic.UsualFailed
		if err == nil {
			v.Today, v.Chart = dayTitle(s, now, t), drawToday(s, t)
			var known bool
			if v.Compared, known = s.words(t.Lang); known {
				v.Unknown = ""
			} else {
				v.Unknown = t.Topic.NoUsual
			}
		}
	}
	for _, s := range stations[:min(len(stations), stationsPerTopic)] {
		v.Stations = append(v.Stations, p.line(s, t, now))
	}
	for i := range p.Datasets {
		if d := &p.Datasets[i]; d.Domain == domain {
			v.Datasets = append(v.Datasets, p.datasetCard(d, t))
		}
	}
	return page{
		Title: v.Name, Description: fmt.Sprintf(t.Topic.Description, v.Name), Area: areaTopics,
		Trail: []link{{Text: v.Name}}, Styles: []string{"level.css", "topic.css"}, Scripts: []string{"live.js"}, View: v,
	}, nil
}
