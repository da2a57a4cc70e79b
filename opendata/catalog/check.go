package catalog

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"modellregion/opendata"
)

// The most that Open.NRW takes, in characters (Metadatenleitfaden 2.2).
const (
	longestTitle       = 130
	longestKeyword     = 100
	longestDescription = 3000
)

// Warning is something that the catalogue should tell and cannot.
type Warning struct {
	Key     string // of region.yaml that would give it: "datasets[2].themes"
	Missing string // property and class: "dcat:theme of dcat:Dataset"; empty: there, but not as it should be
	Text    string // for people
}

// String returns the warning as one line.
func (w Warning) String() string {
	if w.Missing == "" {
		return w.Key + ": " + w.Text
	}
	return w.Key + ": " + w.Text + " (" + w.Missing + ")"
}

type warnings []Warning

func (w *warnings) add(key, missing, format string, args ...any) {
	*w = append(*w, Warning{key, missing, fmt.Sprintf(format, args...)})
}

// Check returns what a configuration leaves out of that which DCAT-AP.de asks
// for or recommends, in the order of the keys. Directory, Files and Log are not
// looked at, so that it works without a running platform.
func Check(c *Config) []Warning {
	var w warnings
	w.base(c.BaseURL)
	w.region(c)
	if c.contributor() == "" {
		w.add("catalog.contributor", "dcatde:contributorID of dcat:Dataset", "GovData takes no dataset without the id of who hands it on; it is known by itself in North Rhine-Westphalia alone")
	}
	if len(c.Datasets) == 0 {
		w.add("datasets", "dcat:dataset of dcat:Catalog", "no dataset: the catalogue answers 503, since an empty one makes harvesters delete what they have")
	}
	for i := range c.Datasets {
		w.dataset(c, &c.Datasets[i], fmt.Sprintf("datasets[%d].", i))
	}
	return w
}

func (w *warnings) base(base string) {
	u, err := url.Parse(base)
	switch {
	case base == "":
		w.add("public_url", "all URIs", "without it nobody can tell the address of a dataset, by which harvesters know it")
	case err != nil || !isLink(base):
		w.add("public_url", "all URIs", "%.64q is not a URL", base)
	case u.Scheme != "https":
		w.add("public_url", "", "not https: the URIs change when it becomes so, and harvesters then take every dataset for a new one")
	}
	if err == nil {
		ip := net.ParseIP(u.Hostname())
		if ip != nil || u.Hostname() == "localhost" {
			w.add("public_url", "", "%s is not a name that lasts", u.Hostname())
		}
	}
}

func (w *warnings) region(c *Config) {
	r := &c.Region
	if r.Name.De == "" || r.Name.En == "" {
		w.add("region.name", "dct:title of dcat:Catalog", "not given in German and English")
	}
	w.length("region.name", "title", r.Name, longestTitle)
	w.length("catalog.description", "description", c.Settings.Description, longestDescription)
	if r.Publisher == "" {
		w.add("region.publisher", "dct:publisher of dcat:Catalog", "nobody answers for the catalogue")
	}
	w.contact("region.contact", r.Contact)
	if len(r.Municipalities) == 0 {
		w.add("region.municipalities", "dct:spatial", "it is not known where the data are from")
	}
	for i, m := range r.Municipalities {
		if !isAGS(m.AGS) {
			w.add(fmt.Sprintf("region.municipalities[%d].ags", i), "dct:spatial, dcatde:politicalGeocodingURI and politicalGeocodingLevelURI",
				"no municipality key: who searches by place does not find what is from %s", m.ID)
		}
	}
}

func (w *warnings) contact(key, contact string) {
	switch {
	case contact == "":
		w.add(key, "dcat:contactPoint of dcat:Dataset", "nobody can be asked")
	case !isMail(contact) && !isLink(contact):
		w.add(key, "vcard:hasEmail or vcard:hasURL of dcat:contactPoint", "%.64q is neither a mail address nor a URL (convention 01)", contact)
	}
}

func (w *warnings) length(key, what string, t opendata.Text, most int) {
	for _, s := range []string{t.De, t.En} {
		if n := utf8.RuneCountInString(s); n > most {
			w.add(key, "", "the %s has %d characters, Open.NRW takes %d", what, n, most)
		}
	}
}

func (w *warnings) dataset(c *Config, d *opendata.Dataset, at string) {
	details := c.Settings.Datasets[d.ID]
	extra := "catalog.datasets." + d.ID
	w.length(at+"title", "title", d.Title, longestTitle)
	if d.Description.De == "" || d.Description.En == "" {
		w.add(at+"description", "dct:description of dcat:Dataset", "not given in German and English")
	}
	w.length(at+"description", "description", d.Description, longestDescription)
	if d.Publisher == "" && c.Region.Publisher == "" {
		w.add(at+"publisher", "dct:publisher of dcat:Dataset", "nobody answers for the data")
	}
	if d.Contact != "" {
		w.contact(at+"contact", d.Contact)
	}
	if len(d.Themes) == 0 {
		w.add(at+"themes", "dcat:theme of dcat:Dataset", "in no theme: Open.NRW wants one at least")
	}
	if d.Licence == (opendata.Licence{}) {
		w.add(at+"licence", "dct:license of dcat:Distribution", "without a licence nobody may use the data")
	}
	for i, t := range details.Keywords {
		key := fmt.Sprintf("%s.keywords[%d]", extra, i)
		w.length(key, "keyword", t, longestKeyword)
		if strings.Contains(t.De+t.En, ",") {
			w.add(key, "", "Open.NRW and GovData make two keywords of one with a comma")
		}
	}
	if len(c.highValueOf(d)) == 0 {
		return
	}
	if c.Service.Path == "" || d.Households != nil {
		w.add(extra+".high_value", "dcat:accessService of dcat:Distribution", "Regulation (EU) 2023/138 wants an interface beside the files, and SensorThings does not serve it")
	}
	if d.Contact == "" && c.Region.Contact == "" {
		w.add(at+"contact", "dcat:contactPoint of dcat:DataService", "Regulation (EU) 2023/138 wants somebody who can be asked")
	}
}

// mistakes collects what Settings.Check finds.
type mistakes []error

func (m *mistakes) add(path, format string, args ...any) {
	*m = append(*m, &opendata.Mistake{Path: path, Text: fmt.Sprintf(format, args...)})
}

func (m *mistakes) addDay(path, day string) {
	if day == "" {
		return
	}
	if _, err := opendata.ParseDay(day); err != nil {
		m.add(path, "%.32q, want a date like 2026-11-23", day)
	}
}

func (m mistakes) join() error { return errors.Join(m...) }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// isAGS reports whether s is an Amtlicher Gemeindeschlüssel: 8 digits, of which
// the first two are the state.
func isAGS(s string) bool {
	return len(s) == 8 && strings.Trim(s, "0123456789") == "" && s[:2] != "00"
}
