package catalog

import "modellregion/opendata"

// ranges are the classes of what a property points to where that is no node of
// ours: values of lists, licences, acts, standards and pages. DCAT-AP 3.0 wants
// to see the class, and who is shown one page alone has no list to look it up.
// (DCAT-AP.de asks for the list instead, and is content with both.) Where
// DCAT-AP wants a rdfs:Resource nothing is told, since everything is one.
var ranges = map[string]string{
	"adms:status":                  "skos:Concept",
	"dcat:landingPage":             "foaf:Document",
	"dcat:mediaType":               "dct:MediaType",
	"dcat:theme":                   "skos:Concept",
	"dcatap:applicableLegislation": "eli:LegalResource",
	"dcatap:availability":          "skos:Concept",
	"dcatap:hvdCategory":           "skos:Concept",
	"dct:accessRights":             "dct:RightsStatement",
	"dct:accrualPeriodicity":       "dct:Frequency",
	"dct:conformsTo":               "dct:Standard",
	"dct:format":                   "dct:MediaTypeOrExtent",
	"dct:language":                 "dct:LinguisticSystem",
	"dct:license":                  "dct:LicenseDocument",
	"dct:spatial":                  "dct:Location",
	"dct:type":                     "skos:Concept",
	"foaf:homepage":                "foaf:Document",
	"foaf:page":                    "foaf:Document",
	"spdx:algorithm":               "spdx:ChecksumAlgorithm",
}

// concepts are what the values are called that are of class skos:Concept, which
// has to have a name: as their lists have it.
var concepts = map[string]opendata.Text{
	themeList + "/AGRI": {De: "Landwirtschaft, Fischerei, Forstwirtschaft und Nahrungsmittel", En: "Agriculture, fisheries, forestry and food"},
	themeList + "/ECON": {De: "Wirtschaft und Finanzen", En: "Economy and finance"},
	themeList + "/EDUC": {De: "Bildung, Kultur und Sport", En: "Education, culture and sport"},
	themeList + "/ENER": {De: "Energie", En: "Energy"},
	themeList + "/ENVI": {De: "Umwelt", En: "Environment"},
	themeList + "/GOVE": {De: "Regierung und öffentlicher Sektor", En: "Government and public sector"},
	themeList + "/HEAL": {De: "Gesundheit", En: "Health"},
	themeList + "/INTR": {De: "Internationale Themen", En: "International issues"},
	themeList + "/JUST": {De: "Justiz, Rechtssystem und öffentliche Sicherheit", En: "Justice, legal system and public safety"},
	themeList + "/REGI": {De: "Regionen und Städte", En: "Regions and cities"},
	themeList + "/SOCI": {De: "Bevölkerung und Gesellschaft", En: "Population and society"},
	themeList + "/TECH": {De: "Wissenschaft und Technologie", En: "Science and technology"},
	themeList + "/TRAN": {De: "Verkehr", En: "Transport"},

	available: {De: "verfügbar", En: "available"},
	completed: {De: "vollständig", En: "completed"},

	publisherType + "LocalAuthority":         {De: "Kommunalbehörde", En: "Local authority"},
	publisherType + "RegionalAuthority":      {De: "Regionalbehörde", En: "Regional authority"},
	publisherType + "NationalAuthority":      {De: "Nationale Behörde", En: "National authority"},
	publisherType + "SupraNationalAuthority": {De: "Supranationale Behörde", En: "Supranational authority"},

	highValue["geospatial"]:     {De: "Georaum", En: "Geospatial"},
	highValue["environment"]:    {De: "Erdbeobachtung und Umwelt", En: "Earth observation and environment"},
	highValue["meteorological"]: {De: "Meteorologie", En: "Meteorological"},
	highValue["statistics"]:     {De: "Statistik", En: "Statistics"},
	highValue["companies"]:      {De: "Unternehmen und Eigentümerschaft von Unternehmen", En: "Companies and company ownership"},
	highValue["mobility"]:       {De: "Mobilität", En: "Mobility"},
}

// tell says what the object of a property is.
func (g *graph) tell(property, iri string) {
	class := ranges[property]
	if class == "" {
		return
	}
	n := g.node(iri, class)
	if class == "skos:Concept" {
		n.text("skos:prefLabel", concepts[iri])
	}
}
