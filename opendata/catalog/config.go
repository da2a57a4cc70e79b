package catalog

import (
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"modellregion/opendata"
)

// Config is what a catalogue is made of. All but Settings, Service and Human
// is required.
type Config struct {
	// BaseURL is the address under which the public reaches the platform, key
	// public_url: "https://daten.paderborn.example". All URIs begin with it, and
	// harvesters know datasets by their URIs: it must not change. A path is kept.
	BaseURL   string
	Region    Region
	Datasets  []opendata.Dataset // declared as opendata.CheckAll wants
	Directory opendata.Directory
	Files     Files
	Settings  Settings
	Service   Service
	Human     string // path of the page of all datasets for people; empty: /data/
	Log       *slog.Logger
}

// Region is whose data they are.
type Region struct {
	Name           opendata.Text
	Publisher      string // who answers for the catalogue: "Stadt Paderborn"
	Contact        string // mail address or URL
	Municipalities []Municipality
}

// Municipality is a part of the region.
type Municipality struct {
	ID  string // as in devices.Station
	AGS string // Amtlicher Gemeindeschlüssel, 8 digits; empty: not known
}

// Service is the SensorThings API of the platform (OGC 18-088). A zero Service
// says that there is none.
type Service struct {
	Path        string // of its root: "/sta/v1.1"
	Description string // path of a description for programs: "/openapi.json"; empty: its root describes itself
	Page        string // path of a page for people; empty: the standard's text
}

// Files tells what is published.
type Files interface {
	// Published returns the files of a dataset, in any order. None and no error
	// says that there are none yet. It must fail when it does not know: what is
	// missing from a catalogue is deleted by those who harvest it. It is asked
	// once a minute for each dataset, and answers from memory.
	Published(dataset string) (Published, error)
}

// Published is what is there of a dataset.
type Published struct {
	Files []File
	First opendata.Day // of which there are data; zero: the first that a file is of
}

// File is a file that everybody can download. Precompressed siblings, other
// dialects of CSV and metadata need not be told: they are left out.
type File struct {
	Path      string          // on the platform: "/data/verkehr/latest.csv"
	MediaType string          // as it is served; parameters are ignored
	Bytes     int64           // 0: not known
	SHA256    string          // 64 hexadecimal digits; empty: not known
	Issued    time.Time       // first written; zero: not known
	Modified  time.Time       // last written; zero: not known
	Window    opendata.Window // of its rows
	Period    string          // "2026-11-23" for a day, "2026-11" for a month, empty for the latest values
	Complete  bool            // its period is over: it is replaced only when late data arrive
}

// Settings is the key "catalog" of region.yaml: what a catalogue tells that
// nothing else needs. All of it may be left out.
type Settings struct {
	Contributor   string             `yaml:"contributor"`    // id in the list of DCAT-AP.de, or its URI; empty: openNRW where all municipalities are in NRW
	PublisherType string             `yaml:"publisher_type"` // of the region's publisher, one of the four of http://purl.org/adms/publishertype/ that convention 37 allows: LocalAuthority
	Description   opendata.Text      `yaml:"description"`    // of the catalogue; empty: a sentence with the region's name
	Homepage      string             `yaml:"homepage"`       // URL; empty: the portal
	Issued        string             `yaml:"issued"`         // day on which the catalogue began: "2026-11-01"; empty: when the first file was written
	Licence       opendata.Licence   `yaml:"licence"`        // of the catalogue itself; empty: dl-zero-de/2.0
	Datasets      map[string]Details `yaml:"datasets"`       // by id
}

// Details is what a catalogue tells of one dataset beyond its declaration.
type Details struct {
	Keywords []opendata.Text `yaml:"keywords"` // beside its domain and quantities; at most 100 characters each
	// HighValue names the categories of Regulation (EU) 2023/138, such as
	// "meteorological", or is ["none"]. Empty: meteorological where it is about
	// the weather by station, which the act names.
	HighValue   []string      `yaml:"high_value"`
	Legislation []string      `yaml:"legislation"` // URIs of the acts that ask for the data, ELI where there is one
	Provenance  opendata.Text `yaml:"provenance"`  // where the data come from; empty: a sentence about sensors and windows
	Issued      string        `yaml:"issued"`      // day of first publication; empty: when its first file was written
}

// Check returns all that is wrong with the settings, or nil: what errors.Join
// makes of one opendata.Mistake for each, with paths below the key catalog.
func (s *Settings) Check(datasets []opendata.Dataset) error {
	var m mistakes
	if s.Contributor != "" && !isWord(s.Contributor) && !isLink(s.Contributor) {
		m.add("contributor", "%.64q, want an id of http://dcat-ap.de/def/contributors/ like openNRW", s.Contributor)
	}
	if s.PublisherType != "" && concepts[publisherType+s.PublisherType] == (opendata.Text{}) {
		m.add("publisher_type", "%.64q, want one like LocalAuthority, RegionalAuthority, NationalAuthority or SupraNationalAuthority", s.PublisherType)
	}
	if s.Homepage != "" && !isLink(s.Homepage) {
		m.add("homepage", "%.64q, want a URL with https://", s.Homepage)
	}
	m.addDay("issued", s.Issued)
	known := map[string]bool{}
	for i := range datasets {
		known[datasets[i].ID] = true
	}
	for _, id := range sortedKeys(s.Datasets) {
		d, at := s.Datasets[id], "datasets."+id
		if !known[id] {
			m.add(at, "there is no such dataset")
		}
		m.addDay(at+".issued", d.Issued)
		for i, name := range d.HighValue {
			if _, ok := highValue[name]; !ok && !(name == noHighValue && len(d.HighValue) == 1) {
				m.add(fmt.Sprintf("%s.high_value[%d]", at, i), "%.64q, want one of %s, or none alone", name, strings.Join(sortedKeys(highValue), ", "))
			}
		}
		for i, uri := range d.Legislation {
			if !isLink(uri) {
				m.add(fmt.Sprintf("%s.legislation[%d]", at, i), "%.64q, want a URI like http://data.europa.eu/eli/reg_impl/2023/138/oj", uri)
			}
		}
	}
	return m.join()
}

// check returns what makes it impossible to write a catalogue.
func (c *Config) check() error {
	if err := opendata.CheckAll(c.Datasets); err != nil {
		return err
	}
	if u, err := url.Parse(c.BaseURL); err != nil || !isLink(c.BaseURL) || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return &opendata.Mistake{Path: "public_url", Text: fmt.Sprintf("%.64q, want a URL like https://daten.musterstadt.example", c.BaseURL)}
	}
	if r := &c.Region; r.Name.De == "" || r.Name.En == "" || cleanText(r.Publisher) == "" {
		return &opendata.Mistake{Path: "region", Text: "want a name in de and en and a publisher"}
	}
	if c.Directory == nil || c.Files == nil || c.Log == nil {
		return fmt.Errorf("catalogue: want a directory, files and a log")
	}
	if err := c.Settings.Check(c.Datasets); err != nil {
		return fmt.Errorf("catalog: %w", err)
	}
	return nil
}

// at returns the address of a path of the platform.
func (c *Config) at(path string) string {
	return strings.TrimRight(c.BaseURL, "/") + (&url.URL{Path: path}).EscapedPath()
}

// isWord reports whether s is the last part of a URI of a list.
func isWord(s string) bool {
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// isLink reports whether s is an absolute URL of the web.
func isLink(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && s == cleanIRI(s)
}

// isMail reports whether s is a mail address, as far as anybody can tell.
func isMail(s string) bool {
	name, host, ok := strings.Cut(s, "@")
	return ok && name != "" && strings.Contains(host, ".") && !strings.ContainsAny(s, " \t\r\n<>()[],;:\\\"") && strings.Count(s, "@") == 1
}
