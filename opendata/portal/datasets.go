package portal

import (
	"net/http"
	"strings"
	"time"

	"modellregion/opendata"
	"modellregion/uplink"
)

// datasetsView is all datasets.
type datasetsView struct {
	Datasets []datasetCard
	Cite     string
	Linked   *ldCatalog
}

// datasetCard is a dataset as lists show it.
type datasetCard struct {
	Domain             uplink.Domain
	DomainName         string
	Title, Description string
	URL                string
	Windows            string
	Newest             string // empty without data
	Licence            link
}

func (p *portal) datasets(_ *http.Request, t *texts) (page, error) {
	v := datasetsView{Cite: p.cite(p.licences(), t, time.Now()), Linked: p.linkedCatalog(t)}
	for i := range p.Datasets {
		v.Datasets = append(v.Datasets, p.datasetCard(&p.Datasets[i], t))
	}
	return page{
		Title: t.Datasets.Title, Description: t.Datasets.Description, Area: areaData, Trail: []link{{Text: t.Datasets.Title}},
		Scripts: []string{"live.js"}, View: v,
	}, nil
}

func (p *portal) datasetCard(d *opendata.Dataset, t *texts) datasetCard {
	c := datasetCard{
		Domain: d.Domain, DomainName: domainNames[d.Domain].In(t.Lang), Title: d.Title.In(t.Lang), Description: d.Description.In(t.Lang),
		URL: t.To("/dataset/" + d.ID), Windows: windows(d, t.Lang), Licence: link{d.Licence.Name, d.Licence.URL},
	}
	files, err := p.Files.Published(d.ID)
	if err != nil { // the card of households then says that there is nothing yet
		p.Log.Warn("files of a dataset are not known", "dataset", d.ID, "err", err)
	}
	if newest := p.newest(d, files); !newest.IsZero() {
		c.Newest = instant(newest, t.Lang)
	}
	return c
}

func windows(d *opendata.Dataset, lang string) string {
	var names []string
	for _, w := range d.Windows {
		names = append(names, windowName(w, lang))
	}
	return strings.Join(names, ", ")
}

// cite is how a paper may name data of the region under these licences.
func (p *portal) cite(licences []link, t *texts, now time.Time) string {
	who := p.Region.Name.In(t.Lang)
	if p.Region.Publisher != "" {
		who = p.Region.Publisher + ": " + who
	}
	var names []string
	for _, l := range licences {
		names = append(names, l.Text)
	}
	return who + " – " + t.Site.Tagline + ", " + citedDay(now, t.Lang) + ". " + strings.Join(names, ", ") + "."
}
