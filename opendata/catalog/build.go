package catalog

import (
	"fmt"
	"net/url"

	"modellregion/opendata"
)

// perPage is how many datasets are on a page, as CKAN has it.
const perPage = 100

func (m *model) pages() int { return (len(m.entries) + perPage - 1) / perPage }

// The names of things. They are stable: a dataset's is what harvesters know it
// by.
func (c *Config) catalogURI() string           { return c.at("/catalog") }
func (c *Config) datasetURI(id string) string  { return c.at("/catalog/dataset/" + id) }
func (c *Config) datasetPage(id string) string { return c.at("/data/" + id + "/") }
func (c *Config) serviceURI() string           { return c.at("/catalog") + "#sensorthings" }
func (c *Config) fragment(kind, s string) string {
	return c.at("/catalog") + "#" + kind + "-" + url.PathEscape(s)
}

// page returns the graph of a page, counted from 1. The addresses of the pages
// end like that of the form, so that who follows them stays with it. Where
// there is but one page they need not, and the forms are the same graph to the
// last triple.
func (m *model) page(n int, f form) *graph {
	g := newGraph()
	shown := m.entries[(n-1)*perPage : min(n*perPage, len(m.entries))]
	m.catalog(g, shown)
	m.service(g, shown)
	for i := range shown {
		m.dataset(g, &shown[i])
	}
	m.paging(g, n, f)
	return g
}

// one returns the graph of one dataset, without the catalogue.
func (m *model) one(id string) *graph {
	for i := range m.entries {
		if m.entries[i].d.ID == id {
			g := newGraph()
			m.dataset(g, &m.entries[i])
			m.service(g, m.entries[i:i+1])
			return g
		}
	}
	return nil
}

// paging is as CKAN's harvester wants it: a next page on all but the last. One
// that leads nowhere would be followed for ever.
func (m *model) paging(g *graph, n int, f form) {
	pages := m.pages()
	address := func(n int) string {
		if pages == 1 {
			return fmt.Sprintf("%s?page=%d", m.cfg.catalogURI(), n)
		}
		return fmt.Sprintf("%s%s?page=%d", m.cfg.catalogURI(), f.suffix, n)
	}
	p := g.node(address(n), "hydra:PagedCollection")
	p.link("hydra:first", address(1))
	if n > 1 {
		p.link("hydra:previous", address(n-1))
	}
	if n < pages {
		p.link("hydra:next", address(n+1))
	}
	p.link("hydra:last", address(pages))
	p.typed("hydra:totalItems", fmt.Sprint(len(m.entries)), "xsd:integer")
	p.typed("hydra:itemsPerPage", fmt.Sprint(perPage), "xsd:integer")
}

func (m *model) catalog(g *graph, shown []entry) {
	c, r := m.cfg, &m.cfg.Region
	n := g.node(c.catalogURI(), "dcat:Catalog")
	n.text("dct:title", opendata.Text{De: "Offene Daten: " + r.Name.De, En: "Open data: " + r.Name.En})
	about := c.Settings.Description
	if about == (opendata.Text{}) {
		about = opendata.Text{
			De: "Messwerte von Sensoren (" + r.Name.De + "), zusammengefasst über Zeitfenster, zum Herunterladen und über Schnittstellen.",
			En: "Measurements of sensors (" + r.Name.En + "), aggregated over windows of time, to download and by interfaces.",
		}
	}
	n.text("dct:description", about)
	n.link("dct:publisher", m.agent(g, r.Publisher))
	home := c.Settings.Homepage
	if home == "" {
		home = c.at("/")
	}
	n.link("foaf:homepage", home)
	n.link("dct:language", languages+"DEU", languages+"ENG")
	licence := c.Settings.Licence
	if licence == (opendata.Licence{}) {
		licence = opendata.DataLicenceZero()
	}
	n.link("dct:license", licenceURI(licence))
	n.link("dcatap:availability", available)
	n.typed("dct:issued", m.issued, "xsd:date")
	n.instant("dct:modified", m.modified)
	n.link("dcat:themeTaxonomy", themeList)
	taxonomy := g.node(themeList, "skos:ConceptScheme")
	taxonomy.text("dct:title", opendata.Text{De: "Datenthema", En: "Data theme"})
	for _, municipality := range r.Municipalities {
		n.link("dct:spatial", place(municipality.AGS))
	}
	for i := range shown {
		n.link("dcat:dataset", c.datasetURI(shown[i].d.ID))
	}
	if c.Service.Path != "" && len(m.served(shown)) > 0 {
		n.link("dcat:service", c.serviceURI())
	}
}

// agent adds who answers for something and returns its name.
func (m *model) agent(g *graph, name string) string {
	if cleanText(name) == "" {
		return ""
	}
	n := g.node(m.cfg.fragment("publisher", name), "foaf:Agent")
	n.plain("foaf:name", name)
	if name == m.cfg.Region.Publisher && m.cfg.Settings.PublisherType != "" {
		n.link("dct:type", publisherType+m.cfg.Settings.PublisherType)
	}
	return n.id
}

// contact adds whom to ask, who is called like that, and returns its name. What
// is neither a mail address nor a URL is no contact (convention 01).
func (m *model) contact(g *graph, called, contact string) string {
	if !isMail(contact) && !isLink(contact) {
		return ""
	}
	n := g.node(m.cfg.fragment("contact", called+" "+contact), "vcard:Kind")
	n.plain("vcard:fn", called)
	if isMail(contact) {
		n.link("vcard:hasEmail", "mailto:"+url.PathEscape(contact))
	} else {
		n.link("vcard:hasURL", contact)
	}
	return n.id
}

// contactOf adds whom to ask about a dataset. Who has no address of his own is
// not called like one who has: behind the region's is its publisher.
func (m *model) contactOf(g *graph, d *opendata.Dataset) string {
	if d.Contact != "" {
		return m.contact(g, m.cfg.publisherOf(d), d.Contact)
	}
	return m.contact(g, m.cfg.Region.Publisher, m.cfg.Region.Contact)
}

// place returns the name of the municipality with that key, or "".
func place(ags string) string {
	if !isAGS(ags) {
		return ""
	}
	return geocoding + "municipalityKey/" + ags
}

// served returns those datasets that the service has: all but households.
func (m *model) served(entries []entry) []*entry {
	var all []*entry
	for i := range entries {
		if entries[i].d.Households == nil {
			all = append(all, &entries[i])
		}
	}
	return all
}

// service adds the SensorThings API, with those of its datasets that the graph
// has.
func (m *model) service(g *graph, shown []entry) {
	c, s := m.cfg, &m.cfg.Service
	served := m.served(shown)
	if s.Path == "" || len(served) == 0 {
		return
	}
	n := g.node(c.serviceURI(), "dcat:DataService")
	n.text("dct:title", opendata.Text{De: "SensorThings API: " + c.Region.Name.De, En: "SensorThings API: " + c.Region.Name.En})
	n.text("dct:description", opendata.Text{
		De: "Alle Messwerte außer denen von Haushalten nach OGC SensorThings 1.1, nur lesend, ohne Anmeldung.",
		En: "All measurements but those of households by OGC SensorThings 1.1, read-only, without a login.",
	})
	n.link("dct:publisher", m.agent(g, c.Region.Publisher))
	n.link("dcat:contactPoint", m.contact(g, c.Region.Publisher, c.Region.Contact))
	n.link("dcat:endpointURL", c.at(s.Path))
	description := s.Path
	if s.Description != "" {
		description = s.Description
	}
	n.link("dcat:endpointDescription", c.at(description))
	page := sensorThingsText
	if s.Page != "" {
		page = c.at(s.Page)
	}
	n.link("foaf:page", page)
	n.link("dct:conformsTo", sensorThingsStandard)
	n.link("dct:format", fileTypes+"JSON")
	n.link("dct:accessRights", accessPublic)
	n.link("dcatap:availability", available)
	m.serviceTerms(n)
	for _, e := range served {
		n.link("dcat:servesDataset", c.datasetURI(e.d.ID))
	}
}

// serviceTerms adds what follows from all datasets of the service, whatever the
// page: their licence, their themes and the law. A service of data with licences
// has to have one itself (convention 32), and no more than one: where they are
// several it is another open one, and each distribution says which.
func (m *model) serviceTerms(n node) {
	licences := map[string]bool{}
	for _, e := range m.served(m.entries) {
		licences[licenceURI(e.d.Licence)] = true
		for _, theme := range e.d.Themes {
			n.link("dcat:theme", themeList+"/"+theme)
		}
		if categories := m.cfg.highValueOf(e.d); len(categories) > 0 {
			n.link("dcatap:applicableLegislation", highValueAct)
			n.link("dcatap:hvdCategory", categories...)
		}
	}
	licence := otherOpen
	if len(licences) == 1 {
		licence = sortedKeys(licences)[0]
	}
	n.link("dct:license", licence)
}
