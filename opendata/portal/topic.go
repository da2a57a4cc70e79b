package portal

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"modellregion/uplink"
)

// stationsPerTopic is how many stations a topic lists itself.
const stationsPerTopic = 12

// topicView is a domain today: in words, by town and by station.
type topicView struct {
	Card     card
	Name     string
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
		All: link{fmt.Sprintf(t.Topic.All, number(float64(len(stations)), 0, t.Lang)), t.To("/stations" + only.query())},
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
		Trail: []link{{Text: v.Name}}, Styles: []string{"topic.css"}, Scripts: []string{"live.js"}, View: v,
	}, nil
}
