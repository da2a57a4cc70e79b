package catalog

import (
	"fmt"
	"slices"
	"strings"

	"modellregion/devices"
	"modellregion/opendata"
)

func (m *model) dataset(g *graph, e *entry) {
	c, d := m.cfg, e.d
	n := g.node(c.datasetURI(d.ID), "dcat:Dataset")
	n.text("dct:title", d.Title)
	n.text("dct:description", described(d))
	n.plain("dct:identifier", n.id)
	n.link("dct:publisher", m.agent(g, c.publisherOf(d)))
	n.link("dcat:contactPoint", m.contactOf(g, d))
	n.link("dcatde:contributorID", c.contributor())
	for _, theme := range d.Themes {
		n.link("dcat:theme", themeList+"/"+theme)
	}
	for _, word := range keywords(d, e.details) {
		n.text("dcat:keyword", word)
	}
	n.typed("dct:issued", e.issued, "xsd:date")
	n.instant("dct:modified", e.changed)
	n.link("dct:accrualPeriodicity", frequencies+frequency(d))
	n.link("dct:accessRights", accessPublic)
	n.link("dct:language", languages+"DEU", languages+"ENG")
	n.link("dcatap:availability", available)
	n.link("dcat:landingPage", c.datasetPage(d.ID))
	m.where(n, e)
	m.when(n, e)
	from := g.node(n.id+"#provenance", "dct:ProvenanceStatement")
	from.text("rdfs:label", provenance(d, e.details))
	n.link("dct:provenance", from.id)
	if categories := c.highValueOf(d); len(categories) > 0 {
		n.link("dcatap:applicableLegislation", highValueAct)
		n.link("dcatap:hvdCategory", categories...)
	}
	n.link("dcatap:applicableLegislation", e.details.Legislation...)
	for i := range e.files {
		m.file(n, e, &e.files[i])
	}
	m.folder(n, e)
	if c.Service.Path != "" && d.Households == nil {
		m.access(n, e)
	}
}

// described returns what the dataset is about. A declaration may leave it out,
// a catalogue may not.
func described(d *opendata.Dataset) opendata.Text {
	t := d.Description
	if t.De == "" {
		t.De = d.Title.De
	}
	if t.En == "" {
		t.En = d.Title.En
	}
	return t
}

// where adds the places. A municipality's key is in dct:spatial, as version 3.0
// wants it, and in politicalGeocodingURI, which GovData's harvester alone reads
// as yet (ckanext-dcatde, profiles.py).
func (m *model) where(n node, e *entry) {
	for _, ags := range e.ags {
		key := place(ags)
		n.link("dct:spatial", key)
		n.link("dcatde:politicalGeocodingURI", key)
	}
	if len(e.ags) > 0 {
		n.link("dcatde:politicalGeocodingLevelURI", geocoding+"Level/municipality")
	}
	if e.area.stations == 0 {
		return
	}
	area := n.g.node(n.id+"#area", "dct:Location")
	area.typed("dcat:bbox", e.area.box(), "geo:wktLiteral")
	area.typed("dcat:centroid", e.area.centre(), "geo:wktLiteral")
	n.link("dct:spatial", area.id)
}

// when adds the time that the data are of, which goes on, and how fine it is.
func (m *model) when(n node, e *entry) {
	n.typed("dcat:temporalResolution", windowTerms[e.d.Base()].duration, "xsd:duration")
	if e.first == (opendata.Day{}) {
		return
	}
	period := n.g.node(n.id+"#period", "dct:PeriodOfTime")
	period.typed("dcat:startDate", e.first.String(), "xsd:date")
	n.link("dct:temporal", period.id)
}

// frequency is how often something new is published: with each window of the
// shortest length, of households once a day.
func frequency(d *opendata.Dataset) string {
	if d.Households != nil {
		return windowTerms[opendata.Day24].frequency
	}
	return windowTerms[d.Base()].frequency
}

// keywords are words of the domain, the quantities where they are short enough
// to be one, and what the configuration says.
func keywords(d *opendata.Dataset, details Details) []opendata.Text {
	const longest = 40 // characters: beyond it is a sentence
	words := slices.Clone(domainWords[d.Domain])
	for _, name := range d.Quantities {
		q, ok := devices.Lookup(name)
		if !ok {
			continue
		}
		t := opendata.Text{
			De: keyword(strings.TrimSuffix(q.De, " im Berichtszeitraum")),
			En: keyword(strings.TrimSuffix(q.En, " in the reporting interval")),
		}
		if len(t.De) <= longest && len(t.En) <= longest {
			words = append(words, t)
		}
	}
	return append(words, details.Keywords...)
}

// keyword makes one of a name. CKAN takes a comma for the end of a keyword: of
// "PM2,5" it would make two.
func keyword(name string) string {
	name, _, _ = strings.Cut(name, ", ")
	return strings.ReplaceAll(name, ",", ".")
}

// provenance says how the data came about.
func provenance(d *opendata.Dataset, details Details) opendata.Text {
	if details.Provenance != (opendata.Text{}) {
		return details.Provenance
	}
	if h := d.Households; h != nil {
		return opendata.Text{
			De: fmt.Sprintf("Zählerstände von Haushalten, zusammengefasst zu Summen von mindestens %d Anschlussnutzern (MsbG § 52 Absatz 3). Wo das nicht genügt, um niemanden erkennen zu lassen, ist kein Wert veröffentlicht.", h.K),
			En: fmt.Sprintf("Meter readings of households, put together to sums of at least %d connection users (MsbG §52 (3)). Where that is not enough to keep everybody unknown, no value is published.", h.K),
		}
	}
	var de, en []string
	for _, w := range d.Windows {
		de, en = append(de, windowTerms[w].text.De), append(en, windowTerms[w].text.En)
	}
	return opendata.Text{
		De: "Messwerte von Sensoren im Feld, beim Empfang geprüft und über Zeitfenster zusammengefasst: " + strings.Join(de, ", ") + ". Messwerte, die später eintreffen, werden nachgetragen.",
		En: "Measurements of sensors in the field, checked when received and aggregated over windows of time: " + strings.Join(en, ", ") + ". Measurements that arrive later are added.",
	}
}
