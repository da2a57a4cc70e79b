package catalog

import (
	"fmt"
	"mime"
	"strings"

	"modellregion/opendata"
	"modellregion/uplink"
)

// prefix is a namespace with the short name that DCAT-AP.de uses for it.
type prefix struct{ name, iri string }

// prefixes are sorted by name.
var prefixes = []prefix{
	{"adms", "http://www.w3.org/ns/adms#"},
	{"dcat", "http://www.w3.org/ns/dcat#"},
	{"dcatap", "http://data.europa.eu/r5r/"},
	{"dcatde", "http://dcat-ap.de/def/dcatde/"},
	{"dct", "http://purl.org/dc/terms/"},
	{"eli", "http://data.europa.eu/eli/ontology#"},
	{"foaf", "http://xmlns.com/foaf/0.1/"},
	{"geo", "http://www.opengis.net/ont/geosparql#"},
	{"hydra", "http://www.w3.org/ns/hydra/core#"},
	{"rdf", "http://www.w3.org/1999/02/22-rdf-syntax-ns#"},
	{"rdfs", "http://www.w3.org/2000/01/rdf-schema#"},
	{"skos", "http://www.w3.org/2004/02/skos/core#"},
	{"spdx", "http://spdx.org/rdf/terms#"},
	{"vcard", "http://www.w3.org/2006/vcard/ns#"},
	{"xsd", "http://www.w3.org/2001/XMLSchema#"},
}

// expand returns the IRI of a short name, which is written in this package and
// so must be known.
func expand(short string) string {
	name, local, _ := strings.Cut(short, ":")
	for _, p := range prefixes {
		if p.name == name {
			return p.iri + local
		}
	}
	panic(fmt.Sprintf("no namespace for %s", short))
}

// shorten returns the namespace and the rest of an IRI that is in one and whose
// rest is letters, digits and underscores, which every form can write.
func shorten(iri string) (name, local string, ok bool) {
	for _, p := range prefixes {
		if local, ok := strings.CutPrefix(iri, p.iri); ok && isWord(local) && !strings.Contains(local, "-") && (local[0] > '9') {
			return p.name, local, true
		}
	}
	return "", "", false
}

// Where the values are listed that properties may have (DCAT-AP.de 3.0,
// "Controlled vocabularies").
const (
	authority     = "http://publications.europa.eu/resource/authority/"
	themeList     = authority + "data-theme"
	frequencies   = authority + "frequency/"
	fileTypes     = authority + "file-type/"
	languages     = authority + "language/"
	available     = authority + "planned-availability/AVAILABLE"
	completed     = authority + "distribution-status/COMPLETED"
	accessPublic  = authority + "access-right/PUBLIC"
	mediaTypes    = "https://www.iana.org/assignments/media-types/"
	contributors  = "http://dcat-ap.de/def/contributors/"
	licenceList   = "http://dcat-ap.de/def/licenses/"
	otherOpen     = licenceList + "other-open"
	geocoding     = "http://dcat-ap.de/def/politicalGeocoding/"
	publisherType = "http://purl.org/adms/publishertype/"
	sha256IRI     = "http://spdx.org/rdf/terms#checksumAlgorithm_sha256"
)

// Standards that what we serve conforms to.
const (
	sensorThingsStandard = "http://www.opengis.net/doc/is/sensorthings/1.1"
	sensorThingsText     = "https://docs.ogc.org/is/18-088/18-088.html"
)

// highValueAct is Regulation (EU) 2023/138, the list of high-value datasets.
const highValueAct = "http://data.europa.eu/eli/reg_impl/2023/138/oj"

const noHighValue = "none"

// highValue are the categories of that act by the names that they have in
// configuration.
var highValue = map[string]string{
	"geospatial":     "http://data.europa.eu/bna/c_ac64a52d",
	"environment":    "http://data.europa.eu/bna/c_dd313021", // earth observation and environment
	"meteorological": "http://data.europa.eu/bna/c_164e0bf5",
	"statistics":     "http://data.europa.eu/bna/c_e1da4e07",
	"companies":      "http://data.europa.eu/bna/c_a9135398",
	"mobility":       "http://data.europa.eu/bna/c_b79e35eb",
}

// weather are the quantities of "observations data measured by weather
// stations" (Regulation (EU) 2023/138, annex, 3.1).
var weather = []string{"air_temperature", "relative_humidity", "air_pressure", "precipitation", "wind_speed", "wind_direction", "solar_irradiance", "snow_depth", "dew_point"}

// windowTerms are what a window is called: as xsd:duration, which has no weeks,
// and in the EU's list of frequencies.
var windowTerms = map[opendata.Window]struct {
	duration, frequency string
	text                opendata.Text
}{
	opendata.Minute:     {"PT1M", "1MIN", opendata.Text{De: "1 Minute", En: "1 minute"}},
	opendata.TenMinutes: {"PT10M", "10MIN", opendata.Text{De: "10 Minuten", En: "10 minutes"}},
	opendata.Quarter:    {"PT15M", "15MIN", opendata.Text{De: "15 Minuten", En: "15 minutes"}},
	opendata.Hour:       {"PT1H", "HOURLY", opendata.Text{De: "1 Stunde", En: "1 hour"}},
	opendata.Day24:      {"P1D", "DAILY", opendata.Text{De: "1 Tag", En: "1 day"}},
	opendata.Week:       {"P7D", "WEEKLY", opendata.Text{De: "1 Woche", En: "1 week"}},
}

// format is what a file is, by its media type.
type format struct {
	name     string // for people
	fileType string // in the EU's list
	standard string // IRI of what it conforms to; empty: none
}

var formats = map[string]format{
	"text/csv":                       {"CSV", "CSV", "https://www.rfc-editor.org/rfc/rfc4180"},
	"application/json":               {"JSON", "JSON", "https://www.rfc-editor.org/rfc/rfc8259"},
	"application/geo+json":           {"GeoJSON", "GEOJSON", "https://www.rfc-editor.org/rfc/rfc7946"},
	"application/vnd.apache.parquet": {"Parquet", "PARQUET", ""},
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": {"Excel", "XLSX", ""},
}

// baseType returns a media type without its parameters, or "".
func baseType(mediaType string) string {
	base, _, err := mime.ParseMediaType(mediaType)
	if err != nil || !strings.Contains(base, "/") {
		return ""
	}
	return base
}

// licenceURI returns a licence as DCAT-AP.de lists it. One that it does not
// list is passed on as it is (convention 34).
func licenceURI(l opendata.Licence) string {
	switch l.ID {
	case "":
		return ""
	case "cc-zero/1.0":
		return licenceList + "cc-zero" // the list has no version of it
	case "dl-zero-de/2.0", "dl-by-de/2.0", "cc-by/4.0":
		return licenceList + l.ID
	default:
		return l.URL
	}
}

// wantsAttribution reports whether users have to name the source, and so must
// be told how (convention 35).
func wantsAttribution(l opendata.Licence) bool {
	return l.ID == "dl-by-de/2.0" || l.ID == "cc-by/4.0"
}

// domainWords are keywords for all datasets of a domain.
var domainWords = map[uplink.Domain][]opendata.Text{
	uplink.Traffic:     {{De: "Verkehr", En: "traffic"}, {De: "Mobilität", En: "mobility"}},
	uplink.Energy:      {{De: "Energie", En: "energy"}, {De: "Stromnetz", En: "power grid"}},
	uplink.Road:        {{De: "Straße", En: "road"}, {De: "Straßenzustand", En: "road condition"}},
	uplink.Environment: {{De: "Umwelt", En: "environment"}},
}

// months are their German names.
var months = []string{"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"}
