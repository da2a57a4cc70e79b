package portal

import (
	"cmp"
	"strings"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

// Linked data for search engines, after schema.org. A block of them is no
// script: browsers do not run it, and a Content-Security-Policy needs no hash
// for it (HTML, "prepare the script element", leaves before the policy is asked).

// ldDataset is https://schema.org/Dataset, as far as it is known.
type ldDataset struct {
	Context      string       `json:"@context,omitempty"`
	Type         string       `json:"@type"`
	ID           string       `json:"@id"`
	URL          string       `json:"url"`
	Identifier   string       `json:"identifier"`
	Name         string       `json:"name"`
	Description  string       `json:"description"`
	Language     string       `json:"inLanguage"`
	License      string       `json:"license"`
	Free         bool         `json:"isAccessibleForFree"`
	Keywords     []string     `json:"keywords,omitempty"`
	Creator      *ldAgent     `json:"creator,omitempty"`
	Publisher    *ldAgent     `json:"publisher,omitempty"`
	Measured     []ldVariable `json:"variableMeasured,omitempty"`
	Temporal     string       `json:"temporalCoverage,omitempty"`
	Spatial      *ldPlace     `json:"spatialCoverage,omitempty"`
	Modified     string       `json:"dateModified,omitempty"`
	Catalog      *ldRef       `json:"includedInDataCatalog,omitempty"`
	Distribution []ldDownload `json:"distribution,omitempty"`
	SameAs       string       `json:"sameAs,omitempty"` // in the catalogue
}

type ldAgent struct {
	Type string `json:"@type"`
	Name string `json:"name"`
	URL  string `json:"url,omitempty"`
}

type ldVariable struct {
	Type        string `json:"@type"`
	Name        string `json:"name"`
	PropertyID  string `json:"propertyID"`
	Description string `json:"description"`
	UnitText    string `json:"unitText,omitempty"` // as people write it
}

type ldPlace struct {
	Type string `json:"@type"`
	Name string `json:"name"`
	Geo  *ldBox `json:"geo,omitempty"`
}

// ldBox is "south west north east", in degrees (WGS 84).
type ldBox struct {
	Type string `json:"@type"`
	Box  string `json:"box"`
}

type ldRef struct {
	Type string `json:"@type"`
	ID   string `json:"@id"`
	Name string `json:"name"`
	URL  string `json:"url"`
}

type ldDownload struct {
	Type   string `json:"@type"`
	Name   string `json:"name"`
	Format string `json:"encodingFormat"`
	URL    string `json:"contentUrl"`
	Size   string `json:"contentSize,omitempty"`
}

// ldCatalog is https://schema.org/DataCatalog.
type ldCatalog struct {
	Context     string      `json:"@context"`
	Type        string      `json:"@type"`
	ID          string      `json:"@id"`
	URL         string      `json:"url"`
	Name        string      `json:"name"`
	Description string      `json:"description"`
	Language    string      `json:"inLanguage"`
	Publisher   *ldAgent    `json:"publisher,omitempty"`
	Datasets    []ldDataset `json:"dataset"`
}

const schemaOrg = "https://schema.org/"

// linkedDataset describes a dataset. It has an address only where the site has.
func (p *portal) linkedDataset(d *opendata.Dataset, files []File, t *texts) *ldDataset {
	at := p.absolute(t.To("/dataset/" + d.ID))
	l := &ldDataset{
		Context: schemaOrg, Type: "Dataset", ID: p.absolute("/dataset/"+d.ID) + "#dataset", URL: at, Identifier: d.ID,
		Name: p.Region.Name.In(t.Lang) + ": " + d.Title.In(t.Lang), Description: d.Description.In(t.Lang), Language: t.Lang,
		License: d.Licence.URL, Free: true, Keywords: []string{domainNames[d.Domain].In(t.Lang), p.Region.Name.In(t.Lang)},
		Spatial: p.linkedPlace(d, t), Catalog: p.catalogRef(t),
	}
	l.Publisher = p.linkedAgent(cmp.Or(d.Publisher, p.Region.Publisher), t)
	l.Creator = l.Publisher
	for _, name := range d.Quantities {
		if q, ok := devices.Lookup(name); ok {
			l.Measured = append(l.Measured, ldVariable{"PropertyValue", label(q, t.Lang), name, meaning(q, t.Lang), q.Symbol()})
		}
	}
	l.Temporal = temporal(files)
	if newest := p.Latest.Newest(d.ID); !newest.IsZero() {
		l.Modified = newest.UTC().Format(time.RFC3339)
	}
	if p.BaseURL != "" {
		l.SameAs = p.absolute("/catalog/dataset/" + d.ID)
	}
	for _, s := range fileSets(files, t, maxFileSets) {
		for _, f := range s.Files {
			l.Distribution = append(l.Distribution, ldDownload{"DataDownload", s.Period + ", " + s.Window + ", " + f.Format, enclosureType(f.URL), p.absolute(f.URL), f.Size})
		}
	}
	return l
}

// temporal is from the first day to no end yet, as ISO 8601 has it: the first of
// which a file is listed.
func temporal(files []File) string {
	first := ""
	for _, f := range files {
		period := f.Period
		if len(period) == len("2026-11") {
			period += "-01"
		}
		if period != "" {
			first = earliest(first, period)
		}
	}
	if first == "" {
		return ""
	}
	return first + "/.."
}

// linkedPlace is the region, with the box around the stations of a dataset.
// Households have no place.
func (p *portal) linkedPlace(d *opendata.Dataset, t *texts) *ldPlace {
	place := &ldPlace{Type: "Place", Name: p.Region.Name.In(t.Lang)}
	if d.Households != nil {
		return place
	}
	var south, west, north, east float64
	found := false
	for _, s := range p.stations().stations {
		if !s.Measures(d.Domain) {
			continue
		}
		if !found {
			south, north, west, east, found = s.Place.Lat, s.Place.Lat, s.Place.Lon, s.Place.Lon, true
		}
		south, north = min(south, s.Place.Lat), max(north, s.Place.Lat)
		west, east = min(west, s.Place.Lon), max(east, s.Place.Lon)
	}
	if found {
		var box []string
		for _, v := range []float64{south, west, north, east} {
			box = append(box, number(v, 4, "en"))
		}
		place.Geo = &ldBox{"GeoShape", strings.ReplaceAll(strings.Join(box, " "), "−", "-")}
	}
	return place
}

func (p *portal) linkedAgent(name string, t *texts) *ldAgent {
	if name == "" {
		return nil
	}
	return &ldAgent{"Organization", name, p.absolute(t.To("/imprint"))}
}

func (p *portal) catalogRef(t *texts) *ldRef {
	return &ldRef{"DataCatalog", p.absolute("/datasets") + "#catalog", p.catalogName(t), p.absolute(t.To("/datasets"))}
}

func (p *portal) catalogName(t *texts) string {
	return p.Region.Name.In(t.Lang) + " – " + t.Site.Tagline
}

// linkedCatalog describes all datasets; each says more on its own page.
func (p *portal) linkedCatalog(t *texts) *ldCatalog {
	ref := p.catalogRef(t)
	c := &ldCatalog{
		Context: schemaOrg, Type: "DataCatalog", ID: ref.ID, URL: ref.URL, Name: ref.Name, Description: t.Datasets.Description, Language: t.Lang,
		Publisher: p.linkedAgent(p.Region.Publisher, t),
	}
	for i := range p.Datasets {
		l := p.linkedDataset(&p.Datasets[i], nil, t)
		l.Context, l.Measured, l.Catalog = "", nil, nil
		c.Datasets = append(c.Datasets, *l)
	}
	return c
}
