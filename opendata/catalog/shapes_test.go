package catalog

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// rule is what the shapes of DCAT-AP 3.0 and the additions of DCAT-AP.de want
// of a property. Our own words for it, since the shapes' licence is another.
type rule struct {
	property     string
	least, most  int    // most 0: any number
	iri          bool   // else a literal
	datatype     string // of a literal: "xsd:date"; "text": with a language; "": any
	class        string // that the object must have in the graph
	list         string // start of the IRIs of a controlled vocabulary
	terms        string // what may follow, with spaces between; empty: anything
	shouldBeThis bool   // recommended: of a whole configuration it is there
}

var shapes = map[string][]rule{
	"dcat:Catalog": {
		{property: "dct:title", least: 1, datatype: "text"}, {property: "dct:description", least: 1, datatype: "text"},
		{property: "dct:publisher", least: 1, most: 1, iri: true, class: "foaf:Agent"},
		{property: "dcat:dataset", least: 1, iri: true, class: "dcat:Dataset"},
		{property: "foaf:homepage", most: 1, iri: true, class: "foaf:Document", shouldBeThis: true},
		{property: "dct:language", iri: true, class: "dct:LinguisticSystem", list: languages, terms: "DEU ENG", shouldBeThis: true},
		{property: "dct:license", most: 1, iri: true, class: "dct:LicenseDocument", list: licenceList, shouldBeThis: true},
		{property: "dcatap:availability", most: 1, iri: true, class: "skos:Concept", list: authority + "planned-availability/", terms: "AVAILABLE", shouldBeThis: true},
		{property: "dct:issued", most: 1, datatype: "xsd:date", shouldBeThis: true}, {property: "dct:modified", most: 1, datatype: "xsd:dateTime", shouldBeThis: true},
		{property: "dcat:themeTaxonomy", iri: true, class: "skos:ConceptScheme", shouldBeThis: true},
		{property: "dct:spatial", iri: true, class: "dct:Location", shouldBeThis: true},
		{property: "dcat:service", iri: true, class: "dcat:DataService", shouldBeThis: true},
	},
	"dcat:Dataset": {
		{property: "dct:title", least: 1, datatype: "text"}, {property: "dct:description", least: 1, datatype: "text"},
		{property: "dct:publisher", least: 1, most: 1, iri: true, class: "foaf:Agent"},
		{property: "dcatde:contributorID", least: 1, most: 1, iri: true, list: contributors},
		{property: "dcat:contactPoint", iri: true, class: "vcard:Kind", shouldBeThis: true},
		{property: "dcat:distribution", iri: true, class: "dcat:Distribution", shouldBeThis: true},
		{property: "dcat:keyword", datatype: "text", shouldBeThis: true},
		{property: "dcat:theme", iri: true, class: "skos:Concept", list: themeList + "/", terms: "AGRI ECON EDUC ENER ENVI GOVE HEAL INTR JUST REGI SOCI TECH TRAN", shouldBeThis: true},
		{property: "dct:spatial", iri: true, class: "dct:Location", shouldBeThis: true},
		{property: "dct:temporal", iri: true, class: "dct:PeriodOfTime", shouldBeThis: true},
		{property: "dcatde:politicalGeocodingLevelURI", iri: true, list: geocoding + "Level/", terms: "federal state administrativeDistrict municipality", shouldBeThis: true},
		{property: "dcatde:politicalGeocodingURI", iri: true, list: geocoding, shouldBeThis: true},
		{property: "dcatap:availability", most: 1, iri: true, class: "skos:Concept", list: authority + "planned-availability/", terms: "AVAILABLE EXPERIMENTAL STABLE TEMPORARY OP_DATPRO", shouldBeThis: true},
		{property: "dct:identifier", least: 1, most: 1}, {property: "dct:issued", most: 1, datatype: "xsd:date", shouldBeThis: true},
		{property: "dct:modified", most: 1, datatype: "xsd:dateTime", shouldBeThis: true},
		{property: "dcat:landingPage", iri: true, class: "foaf:Document", shouldBeThis: true},
		{property: "dct:language", iri: true, class: "dct:LinguisticSystem", list: languages, terms: "DEU ENG", shouldBeThis: true},
		{property: "dct:accessRights", most: 1, iri: true, class: "dct:RightsStatement", list: authority + "access-right/", terms: "PUBLIC RESTRICTED NON_PUBLIC", shouldBeThis: true},
		{property: "dct:provenance", iri: true, class: "dct:ProvenanceStatement", shouldBeThis: true},
		{property: "dct:accrualPeriodicity", most: 1, iri: true, class: "dct:Frequency", list: frequencies, terms: "1MIN 10MIN 15MIN HOURLY DAILY WEEKLY", shouldBeThis: true},
		{property: "dcat:temporalResolution", most: 1, datatype: "xsd:duration", shouldBeThis: true},
		{property: "dcatap:applicableLegislation", iri: true, class: "eli:LegalResource"}, {property: "dcatap:hvdCategory", iri: true, class: "skos:Concept", list: "http://data.europa.eu/bna/"},
	},
	"dcat:Distribution": {
		{property: "dcat:accessURL", least: 1, most: 1, iri: true}, {property: "dct:license", least: 1, most: 1, iri: true, class: "dct:LicenseDocument", list: licenceList},
		{property: "dct:title", datatype: "text", shouldBeThis: true}, {property: "dct:description", datatype: "text", shouldBeThis: true},
		{property: "dct:format", most: 1, iri: true, class: "dct:MediaTypeOrExtent", list: fileTypes, terms: "CSV JSON GEOJSON PARQUET XLSX HTML", shouldBeThis: true},
		{property: "dcatap:availability", most: 1, iri: true, class: "skos:Concept", list: authority + "planned-availability/", terms: "AVAILABLE", shouldBeThis: true},
		{property: "dct:modified", most: 1, datatype: "xsd:dateTime", shouldBeThis: true}, {property: "dct:issued", most: 1, datatype: "xsd:date"},
		{property: "dcat:downloadURL", most: 1, iri: true}, {property: "dcatde:licenseAttributionByText", datatype: "text"},
		{property: "dcat:mediaType", most: 1, iri: true, class: "dct:MediaType", list: mediaTypes}, {property: "dcat:byteSize", most: 1, datatype: "xsd:nonNegativeInteger"},
		{property: "dct:language", iri: true, class: "dct:LinguisticSystem", list: languages, terms: "DEU ENG"},
		{property: "adms:status", most: 1, iri: true, class: "skos:Concept", list: authority + "distribution-status/", terms: "COMPLETED DEVELOP DEPRECATED WITHDRAWN", shouldBeThis: true},
		{property: "spdx:checksum", most: 1, iri: true, class: "spdx:Checksum"}, {property: "dcat:accessService", iri: true, class: "dcat:DataService"},
		{property: "dct:conformsTo", iri: true, class: "dct:Standard"}, {property: "dcat:temporalResolution", most: 1, datatype: "xsd:duration"},
		{property: "dcatap:applicableLegislation", iri: true, class: "eli:LegalResource"},
	},
	"dcat:DataService": {
		{property: "dct:title", least: 1, datatype: "text"}, {property: "dcat:endpointURL", least: 1, iri: true},
		{property: "dct:publisher", least: 1, most: 1, iri: true, class: "foaf:Agent"},
		{property: "dcat:endpointDescription", iri: true, shouldBeThis: true}, {property: "dcat:servesDataset", iri: true, class: "dcat:Dataset", shouldBeThis: true},
		{property: "dcatap:availability", most: 1, iri: true, class: "skos:Concept", list: authority + "planned-availability/", terms: "AVAILABLE", shouldBeThis: true},
		{property: "dct:description", datatype: "text"}, {property: "dct:license", least: 1, most: 1, iri: true, class: "dct:LicenseDocument", list: licenceList},
		{property: "dct:accessRights", most: 1, iri: true, class: "dct:RightsStatement", list: authority + "access-right/"}, {property: "dct:conformsTo", iri: true, class: "dct:Standard"},
		{property: "dcat:contactPoint", iri: true, class: "vcard:Kind", shouldBeThis: true}, {property: "dcat:theme", iri: true, class: "skos:Concept", list: themeList + "/"},
		{property: "dct:format", iri: true, class: "dct:MediaTypeOrExtent", list: fileTypes, terms: "JSON"}, {property: "foaf:page", iri: true, class: "foaf:Document"},
		{property: "dcatap:applicableLegislation", iri: true, class: "eli:LegalResource"}, {property: "dcatap:hvdCategory", iri: true, class: "skos:Concept", list: "http://data.europa.eu/bna/"},
	},
	"foaf:Agent":       {{property: "foaf:name", least: 1, most: 1}, {property: "dct:type", most: 1, iri: true, class: "skos:Concept", list: publisherType, terms: "LocalAuthority RegionalAuthority NationalAuthority SupraNationalAuthority"}},
	"vcard:Kind":       {{property: "vcard:fn", most: 1}, {property: "vcard:hasEmail", iri: true, list: "mailto:"}, {property: "vcard:hasURL", iri: true, list: "http"}},
	"dct:PeriodOfTime": {{property: "dcat:startDate", least: 1, most: 1, datatype: "xsd:date"}, {property: "dcat:endDate", most: 1, datatype: "xsd:date"}},
	"dct:Location":     {{property: "dcat:bbox", most: 1, datatype: "geo:wktLiteral"}, {property: "dcat:centroid", most: 1, datatype: "geo:wktLiteral"}},
	"spdx:Checksum":    {{property: "spdx:algorithm", least: 1, most: 1, iri: true, class: "spdx:ChecksumAlgorithm", list: sha256IRI}, {property: "spdx:checksumValue", least: 1, most: 1, datatype: "xsd:hexBinary"}},
	"hydra:PagedCollection": {
		{property: "hydra:first", least: 1, most: 1, iri: true}, {property: "hydra:last", least: 1, most: 1, iri: true}, {property: "hydra:next", most: 1, iri: true},
		{property: "hydra:previous", most: 1, iri: true}, {property: "hydra:totalItems", least: 1, most: 1, datatype: "xsd:integer"}, {property: "hydra:itemsPerPage", least: 1, most: 1, datatype: "xsd:integer"},
	},
	"skos:ConceptScheme": {{property: "dct:title", least: 1, datatype: "text"}}, "skos:Concept": {{property: "skos:prefLabel", least: 1, datatype: "text"}},
	"foaf:Document": {}, "dct:Standard": {}, "dct:LinguisticSystem": {}, "dct:LicenseDocument": {}, "dct:RightsStatement": {}, "dct:Frequency": {},
	"dct:MediaType": {}, "dct:MediaTypeOrExtent": {}, "eli:LegalResource": {}, "spdx:ChecksumAlgorithm": {},
	"dct:ProvenanceStatement": {{property: "rdfs:label", least: 1, datatype: "text"}},
}

// lexical are the forms that literals of a datatype have.
var lexical = map[string]*regexp.Regexp{
	"xsd:date": regexp.MustCompile(`^\d{4}-\d\d-\d\d$`), "xsd:dateTime": regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`),
	"xsd:nonNegativeInteger": regexp.MustCompile(`^\d+$`), "xsd:integer": regexp.MustCompile(`^\d+$`), "xsd:hexBinary": regexp.MustCompile(`^([0-9a-fA-F]{2})+$`),
	"xsd:duration": regexp.MustCompile(`^P(\d+D|T\d+[HM])$`), "geo:wktLiteral": regexp.MustCompile(`^(POINT\([-\d. ]+\)|POLYGON\(\([-\d., ]+\)\))$`),
}

// validate returns what breaks a shape; whole also what is recommended and
// missing.
func validate(g *graph, whole bool) []string {
	f := g.facts()
	var bad []string
	for class, rules := range shapes {
		for _, s := range g.subjects(class) {
			known := []string{expand("rdf:type")}
			for _, r := range rules {
				known = append(known, expand(r.property))
				bad = append(bad, r.check(f, s, whole)...)
			}
			for _, t := range f[s] {
				if !slices.Contains(known, t.p) {
					bad = append(bad, fmt.Sprintf("%s (%s) has %s, of which no rule is known", s, class, t.p))
				}
			}
		}
	}
	for _, s := range g.subjects("vcard:Kind") { // convention 01
		if len(f.objects(s, "vcard:hasEmail"))+len(f.objects(s, "vcard:hasURL")) == 0 {
			bad = append(bad, s+" cannot be reached")
		}
	}
	bad = append(bad, validateConventions(g, f)...)
	slices.Sort(bad)
	return bad
}

func (r *rule) check(f facts, s string, whole bool) []string {
	var bad []string
	n := 0
	complain := func(format string, args ...any) {
		bad = append(bad, fmt.Sprintf("%s %s: ", s, r.property)+fmt.Sprintf(format, args...))
	}
	for _, t := range f[s] {
		if t.p != expand(r.property) {
			continue
		}
		n++
		switch {
		case t.o.literal == r.iri:
			complain("literal %v, want the contrary", t.o.literal)
		case r.datatype == "text" && (t.o.lang == "" || t.o.datatype != ""):
			complain("%q has no language", t.o.value)
		case r.datatype != "" && r.datatype != "text" && (t.o.datatype != expand(r.datatype) || !lexical[r.datatype].MatchString(t.o.value)):
			complain("%q^^%s, want %s", t.o.value, t.o.datatype, r.datatype)
		case r.class != "" && !slices.Contains(f.objects(t.o.value, "rdf:type"), expand(r.class)):
			complain("%s is no %s", t.o.value, r.class)
		case r.list != "":
			rest, ok := strings.CutPrefix(t.o.value, r.list)
			if !ok || r.terms != "" && !slices.Contains(strings.Fields(r.terms), rest) {
				complain("%s is not of the list %s", t.o.value, r.list)
			}
		}
	}
	least := r.least
	if whole && r.shouldBeThis {
		least = max(least, 1)
	}
	if n < least || r.most > 0 && n > r.most {
		complain("%d times, want %d to %d", n, least, r.most)
	}
	return bad
}

// validateConventions are those of the handbook and of the act on high-value
// datasets, which span nodes.
func validateConventions(g *graph, f facts) []string {
	var bad []string
	for _, s := range g.subjects("dcat:Distribution") {
		access, download := f.objects(s, "dcat:accessURL"), f.objects(s, "dcat:downloadURL")
		if service := f.objects(s, "dcat:accessService"); len(service) > 0 {
			if len(download) > 0 || !slices.Equal(access, f.objects(service[0], "dcat:endpointURL")) {
				bad = append(bad, s+" breaks convention 41")
			}
		} else if len(download) > 0 && !slices.Equal(access, download) {
			bad = append(bad, s+" breaks convention 39")
		}
		by := strings.Contains(strings.Join(f.objects(s, "dct:license"), ""), "-by")
		if by != (len(f.objects(s, "dcatde:licenseAttributionByText")) > 0) {
			bad = append(bad, s+" breaks convention 35")
		}
	}
	for _, s := range g.subjects("dcat:Dataset") {
		for _, word := range f.objects(s, "dcat:keyword") {
			if strings.Contains(word, ",") {
				bad = append(bad, fmt.Sprintf("%s: CKAN makes two keywords of %q", s, word))
			}
		}
	}
	for _, class := range []string{"dcat:Dataset", "dcat:DataService"} {
		for _, s := range g.subjects(class) {
			marked := slices.Contains(f.objects(s, "dcatap:applicableLegislation"), highValueAct)
			if marked != (len(f.objects(s, "dcatap:hvdCategory")) > 0) {
				bad = append(bad, s+" is half a high-value dataset")
			}
			if class == "dcat:DataService" && marked && (len(f.objects(s, "dcat:contactPoint")) == 0 || len(f.objects(s, "foaf:page")) == 0) {
				bad = append(bad, s+" lacks contact or page of a high-value service")
			}
			for _, d := range f.objects(s, "dcat:distribution") {
				if marked && !slices.Contains(f.objects(d, "dcatap:applicableLegislation"), highValueAct) {
					bad = append(bad, d+" of a high-value dataset does not name the act")
				}
			}
		}
	}
	return bad
}

func TestShapes(t *testing.T) {
	if bad := validate(page1(t, region()), true); len(bad) > 0 {
		t.Error(strings.Join(bad, "\n"))
	}
	least := Config{BaseURL: "http://localhost:8080", Region: Region{Name: region().Region.Name, Publisher: "A", Municipalities: region().Region.Municipalities},
		Datasets: region().Datasets[:1], Directory: stations{}, Files: published{}, Log: region().Log}
	least.Datasets[0].Description, least.Datasets[0].Themes = least.Datasets[0].Title, nil
	if bad := validate(page1(t, least), false); len(bad) > 0 {
		t.Error(strings.Join(bad, "\n"))
	}
}

// TestConcepts: whatever theme, category or kind of publisher a configuration
// may name, the catalogue knows what it is called.
func TestConcepts(t *testing.T) {
	cfg := region()
	cfg.Datasets[0].Themes = strings.Fields("AGRI ECON EDUC ENER ENVI GOVE HEAL INTR JUST REGI SOCI TECH TRAN")
	cfg.Settings.Datasets["verkehr"] = Details{HighValue: sortedKeys(highValue)}
	for _, kind := range strings.Fields("LocalAuthority RegionalAuthority NationalAuthority SupraNationalAuthority") {
		cfg.Settings.PublisherType = kind
		if err := cfg.check(); err != nil {
			t.Error(err)
		}
		if bad := validate(page1(t, cfg), true); len(bad) > 0 {
			t.Error(strings.Join(bad, "\n"))
		}
	}
}

// TestShapesFind: what the validators of GovData refuse is refused here too, or
// TestShapes says nothing.
func TestShapesFind(t *testing.T) {
	const ds = "https://daten.musterland.example/catalog/dataset/verkehr"
	const file, service = ds + "#latest-csv", "https://daten.musterland.example/catalog#sensorthings"
	literal := func(t *triple) { t.o.literal = true }
	drop := func(t *triple) { t.p = "" }
	whole := page1(t, region())
	retype := func(datatype string) func(*triple) { return func(t *triple) { t.o.datatype = expand(datatype) } }
	for _, tc := range []struct {
		s, p string
		do   func(*triple)
	}{
		{ds, "dct:publisher", drop}, {service, "dct:publisher", drop}, {"https://daten.musterland.example/catalog", "dct:publisher", drop},
		{ds, "dct:publisher", literal}, {"https://daten.musterland.example/catalog#publisher-Stadt%20Musterstadt", "rdf:type", func(t *triple) { t.o.value = "http://xmlns.com/foaf/0.1/Organization" }},
		{"https://daten.musterland.example/catalog#contact-Stadt%20Musterstadt%20opendata@musterstadt.example", "rdf:type", drop},
		{"https://daten.musterland.example/catalog#contact-Stadt%20Musterstadt%20opendata@musterstadt.example", "vcard:hasEmail", drop},
		{"https://daten.musterland.example/catalog#contact-Stadt%20Musterstadt%20opendata@musterstadt.example", "vcard:hasEmail", literal},
		{file, "dct:license", drop}, {file, "dcat:accessURL", drop}, {file, "dcat:accessURL", literal}, {file, "dcat:mediaType", literal}, {file, "dct:format", literal},
		{ds + "#15m-2026-10-csv", "dcat:byteSize", retype("xsd:integer")}, {ds, "dcat:theme", literal}, {ds, "dcatde:contributorID", literal},
		{ds, "dct:issued", func(t *triple) { t.o.value = "gestern" }}, {ds + "#period", "dcat:startDate", drop}, {ds, "dcat:temporalResolution", retype("xsd:string")},
		{ds, "rdf:type", drop}, {ds, "dcatap:availability", func(t *triple) { t.o.value = "http://data.europa.eu/r5r/available" }},
		{"https://daten.musterland.example/catalog", "foaf:homepage", drop}, {"https://daten.musterland.example/catalog", "dct:language", drop},
		{service, "dct:license", drop}, {ds, "dcat:keyword", func(t *triple) { t.o.value = "Feinstaub PM2,5" }}, {highValueAct, "rdf:type", drop}, {languages + "DEU", "rdf:type", drop},
		{licenceList + "dl-zero-de/2.0", "rdf:type", drop}, {themeList + "/TRAN", "rdf:type", drop}, {themeList + "/TRAN", "skos:prefLabel", drop}, {frequencies + "15MIN", "rdf:type", drop},
		{fileTypes + "CSV", "rdf:type", drop}, {mediaTypes + "text/csv", "rdf:type", drop}, {accessPublic, "rdf:type", drop}, {completed, "rdf:type", drop}, {sha256IRI, "rdf:type", drop},
		{file, "dcat:downloadURL", func(t *triple) { t.o.value += "x" }}, {geocoding + "municipalityKey/05774032", "rdf:type", drop},
	} {
		g, found := &graph{triples: slices.Clone(whole.triples)}, false
		for i := range g.triples {
			if g.triples[i].s == tc.s && g.triples[i].p == expand(tc.p) {
				tc.do(&g.triples[i])
				found = true
			}
		}
		if !found {
			t.Errorf("nothing to spoil at %s %s", tc.s, tc.p)
		} else if len(validate(g, true)) == 0 {
			t.Errorf("a spoilt %s of %s is not noticed", tc.p, tc.s)
		}
	}
	g := page1(t, region())
	node{g, ds}.typed("dct:issued", "2020-01-01", "xsd:date")
	if len(validate(g, true)) == 0 {
		t.Error("two dates of issue are not noticed")
	}
	node{g, ds}.instant("dct:modified", time.Time{}) // nothing is added
}
