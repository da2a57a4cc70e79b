package files

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"

	"modellregion/devices"
	"modellregion/opendata"
)

// view is a dataset as files show it at one moment.
type view struct {
	d       *opendata.Dataset
	columns []column
	sites   map[string]*site
}

// viewOf is a view without places, for descriptions.
func viewOf(d *opendata.Dataset) *view { return &view{d: d, columns: columnsOf(d)} }

func (f *Files) view(d *opendata.Dataset) *view {
	v := viewOf(d)
	v.sites = map[string]*site{}
	if d.Households != nil {
		return v
	}
	for _, s := range d.Sites(f.cfg.Directory) {
		v.sites[s.ID] = &site{Site: s}
	}
	if d.Grouping == "" || d.Grouping == opendata.ByStation {
		for _, s := range f.cfg.Directory.Stations() {
			if known := v.sites[s.ID]; known != nil {
				known.district, known.road = s.District, s.Road
			}
		}
	}
	return v
}

// site returns what a row is about, or nil when that is not public. Groups of
// households are in no directory: what the rule about them allows is decided
// before a row is stored.
func (v *view) site(id string) *site {
	if v.d.Households != nil && v.sites[id] == nil {
		v.sites[id] = &site{Site: opendata.Site{ID: id}}
	}
	return v.sites[id]
}

// description says of a table what its numbers do not.
type description struct {
	ID          string                `json:"id"`
	Title       bilingual             `json:"title"`
	Description bilingual             `json:"description"`
	Publisher   string                `json:"publisher,omitempty"`
	Contact     string                `json:"contact,omitempty"`
	Licence     string                `json:"licence"`
	LicenceName string                `json:"licence_name"`
	LicenceURL  string                `json:"licence_url"`
	Grouping    string                `json:"grouping"`
	Period      string                `json:"period,omitempty"`
	Window      string                `json:"window,omitempty"`
	Windows     []string              `json:"windows,omitempty"`
	Quantities  []quantityDescription `json:"quantities"`
	Columns     []columnDescription   `json:"columns"`
	Time        bilingual             `json:"time"`
	Coverage    bilingual             `json:"coverage"`
	Suppression bilingual             `json:"suppression"`
}

type quantityDescription struct {
	Name        string    `json:"name"`
	Unit        string    `json:"unit"` // UCUM
	Kind        string    `json:"kind"`
	Description bilingual `json:"description"`
	Categories  []string  `json:"categories,omitempty"`
}

type columnDescription struct {
	Name        string    `json:"name"`
	Type        string    `json:"type"`           // of Frictionless Table Schema
	Unit        string    `json:"unit,omitempty"` // UCUM; {unit}: as column unit says
	Description bilingual `json:"description"`
}

var (
	aboutTime = bilingual{
		"Beginn der Zeitfenster in UTC; Tage und Monate beginnen um Mitternacht in Deutschland (Europe/Berlin).",
		"Windows begin at the times given in UTC; days and months begin at midnight in Germany (Europe/Berlin).",
	}
	aboutCoverage = bilingual{
		"Abdeckung ist der Anteil der erwarteten Messwerte, die angekommen sind, von 0 bis 1. Sie ist 0, wo die Erwartung unbekannt ist. Ein Zeitfenster, das noch läuft, hat eine kleinere.",
		"Coverage is the share of the expected readings that have arrived, 0 to 1. It is 0 where nobody knows what to expect. A window that is still running has less.",
	}
	aboutSuppression = bilingual{
		"Verbietet der Datenschutz eine Angabe, so ist „suppressed“ wahr und alle Werte der Zeile sind leer. Leer heißt nie null.",
		"Where privacy forbids to tell, “suppressed” is true and all values of the row are empty. Empty never means zero.",
	}
)

// aboutHouseholds is the rule of MsbG §52 as this dataset has it.
func aboutHouseholds(h *opendata.Households) bilingual {
	k := max(h.K, 5)
	return bilingual{
		fmt.Sprintf("Verbräuche von Haushalten erscheinen nur als Summe von mindestens %d Anschlussnutzern (MsbG § 52). Andernfalls ist „suppressed“ wahr und die Summe leer, nie null.", k),
		fmt.Sprintf("Consumption of households is shown as the sum of at least %d connection users only (MsbG §52). Otherwise “suppressed” is true and the sum is empty, never zero.", k),
	}
}

var sortNames = map[sort]string{text: "string", number: "number", integer: "integer", instant: "datetime", truth: "boolean"}

// description describes the dataset as a whole.
func (v *view) description() *description {
	d := v.d
	a := &description{
		ID: d.ID, Title: bilingual(d.Title), Description: bilingual(d.Description), Publisher: d.Publisher, Contact: d.Contact,
		Licence: d.Licence.ID, LicenceName: d.Licence.Name, LicenceURL: d.Licence.URL,
		Grouping: string(d.Grouping), Time: aboutTime, Coverage: aboutCoverage, Suppression: aboutSuppression,
	}
	if a.Grouping == "" {
		a.Grouping = string(opendata.ByStation)
	}
	if d.Households != nil {
		a.Grouping, a.Suppression = "households", aboutHouseholds(d.Households)
	}
	for _, w := range d.Windows {
		a.Windows = append(a.Windows, w.String())
	}
	for _, name := range d.Quantities {
		if q, ok := devices.Lookup(name); ok {
			a.Quantities = append(a.Quantities, quantityDescription{q.Name, q.Unit, string(q.Kind), bilingual{q.De, q.En}, q.Categories})
		}
	}
	for _, c := range v.columns {
		a.Columns = append(a.Columns, columnDescription{c.Name, sortNames[c.sort], c.Unit, bilingual{c.De, c.En}})
	}
	return a
}

// describe describes the files of one period.
func (v *view) describe(p period) *description {
	a := v.description()
	a.Period, a.Window, a.Windows = p.name, p.window.String(), nil
	return a
}

func (a *description) json() []byte {
	data, err := json.Marshal(a)
	if err != nil {
		return []byte("{}") // texts and lists of them always can be encoded
	}
	return data
}

// datasetIndex is index.json of a dataset.
type datasetIndex struct {
	*description
	Page        string     `json:"page"`
	Datapackage string     `json:"datapackage"`
	Latest      *entry     `json:"latest,omitempty"`
	Months      []monthRef `json:"months"` // newest first
}

type monthRef struct {
	Index string `json:"index"`
	Page  string `json:"page"`
	*summary
}

// describe writes the indexes and pages of a dataset, and those of its months
// that are stale.
func (f *Files) describe(s *set) error {
	a := viewOf(s.d).description()
	ix := datasetIndex{description: a, Page: pageName, Datapackage: packageName, Latest: s.latest, Months: []monthRef{}}
	names := sortedKeys(s.months)
	slices.Reverse(names)
	for _, name := range names {
		ix.Months = append(ix.Months, monthRef{name + ".json", name + ".html", s.months[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(s.stale)) {
		m, err := f.readMonth(s.d.ID, name)
		if err != nil {
			return err
		}
		if err := f.writeMonthPage(a, m); err != nil {
			return err
		}
	}
	newest := &month{}
	if len(names) > 0 {
		var err error
		if newest, err = f.readMonth(s.d.ID, names[0]); err != nil {
			return err
		}
	}
	if err := f.writeSchemas(a); err != nil {
		return err
	}
	if err := f.writePackage(a, &ix, newest); err != nil {
		return err
	}
	if err := f.writeDatasetPage(&ix, newest); err != nil {
		return err
	}
	if err := f.writeJSON(path.Join(s.d.ID, indexName), ix); err != nil {
		return err
	}
	clear(s.stale)
	var months []*summary
	for _, name := range names {
		months = append(months, s.months[name])
	}
	f.list(s.d.ID, published(s.d.ID, s.latest, months, newest))
	return nil
}

func (f *Files) writeJSON(name string, content any) error {
	data, err := json.MarshalIndent(content, "", " ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	return f.replace(name, append(data, '\n'))
}

// topIndex is index.json of all datasets.
type topIndex struct {
	Datasets []topDataset `json:"datasets"`
}

type topDataset struct {
	*description
	Index       string   `json:"index"`
	Page        string   `json:"page"`
	Datapackage string   `json:"datapackage"`
	Latest      []string `json:"latest,omitempty"`
}

// describeAll writes the index of all datasets and its page. They tell nothing
// that changes while data are published, so that they need not be written then.
func (f *Files) describeAll() error {
	top := topIndex{Datasets: []topDataset{}}
	var all []*description
	for i := range f.cfg.Datasets {
		d := &f.cfg.Datasets[i]
		a := viewOf(d).description()
		all = append(all, a)
		item := topDataset{description: a, Index: d.ID + "/" + indexName, Page: d.ID + "/", Datapackage: d.ID + "/" + packageName}
		if d.Households == nil {
			formats := allFormats
			if len(d.Sites(f.cfg.Directory))*len(d.Quantities) > f.limit(maxLive) {
				formats = []format{plainCSV}
			}
			for _, format := range formats {
				item.Latest = append(item.Latest, d.ID+"/"+latestName+"."+string(format))
			}
		}
		top.Datasets = append(top.Datasets, item)
	}
	if err := f.writeJSON(indexName, top); err != nil {
		return err
	}
	return f.writeTopPage(all)
}
