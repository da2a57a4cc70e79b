package portal

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/opendata/feedback"
)

// datasetView is one dataset: what it is, what is in it, how complete it is, and
// how to take it along.
type datasetView struct {
	datasetCard
	ID                 string
	Publisher          string
	Contact, ContactAs string
	LicenceMore        string // what it allows, in plain words
	Rule               string // what privacy forbids to tell, in plain words
	Grouping           string // what a row is about
	Quantities         []quantityLine
	Stations           link // of its domain, with how many of them have values; empty for groups
	Calendar           calendarView
	Files              []fileSet
	FilesUnknown       bool
	FilesURL           string
	Picker             pickerView
	Snippets           []snippet
	CatalogueURL       string // empty without a catalogue
	FeedURL            string // empty without an address of the site
	ThingsURL          string // of its values in SensorThings; empty for households
	Cite               string
	Linked             *ldDataset
}

// quantityLine explains a quantity of a dataset.
type quantityLine struct{ Label, Meaning, Unit, Kind, Name string }

// fileSet is one period in all its formats.
type fileSet struct {
	Period, Window string
	Complete       bool
	Files          []fileLink
	period         string
	window         opendata.Window
	modified       time.Time // last of its files
}

type fileLink struct {
	Format, Size, URL string
	bytes             int64
}

// maxFileSets bounds how many periods of a dataset the page lists; the page of
// all files has the rest.
const maxFileSets = 8

// prepareDatasets makes what is remembered of each dataset, and checks what the
// operator says of them.
func (p *portal) prepareDatasets() error {
	p.coverages = map[string]*coverage{}
	for i := range p.Datasets {
		p.coverages[p.Datasets[i].ID] = &coverage{months: map[opendata.Day]monthRead{}, known: map[coverageKey]lifetime{}}
	}
	for i, n := range p.Notices {
		if err := CheckNotice(n, p.Datasets, p.Region.Municipalities); err != nil {
			return fmt.Errorf("notice %d: %w", i+1, err)
		}
	}
	return nil
}

// datasetOf returns the dataset that the path of a request names.
func (p *portal) datasetOf(r *http.Request) (*opendata.Dataset, error) {
	i := slices.IndexFunc(p.Datasets, func(d opendata.Dataset) bool { return d.ID == r.PathValue("id") })
	if i < 0 {
		return nil, errNoSuch
	}
	return &p.Datasets[i], nil
}

func (p *portal) dataset(r *http.Request, t *texts) (page, error) {
	d, err := p.datasetOf(r)
	if err != nil {
		return page{}, err
	}
	v := p.datasetFacts(d, t)
	files, err := p.Files.Published(d.ID)
	if err != nil { // no reason to withhold the rest
		p.Log.Warn("files of a dataset are not known", "dataset", d.ID, "err", err)
		v.FilesUnknown = true
	}
	v.Files, v.Snippets, v.Linked = fileSets(files, t, maxFileSets), p.snippets(d, files, t), p.linkedDataset(d, files, t)
	if v.Picker, err = p.picker(r, d, files, t); err != nil {
		return page{}, err
	}
	v.Calendar = p.calendar(r.Context(), d, t)
	return page{
		Title: fmt.Sprintf(t.Dataset.Title, v.Title), Description: v.Description, Area: areaData, NoIndex: r.URL.RawQuery != "",
		Trail: []link{{t.Datasets.Title, t.To("/datasets")}, {Text: v.Title}}, Styles: []string{"dataset.css"}, Scripts: []string{"live.js"}, View: v,
		Feedback: p.feedbackOn(r.Context(), feedback.About{Kind: feedback.KindDataset, ID: d.ID}, t), Picture: picturePath("dataset", d.ID, t),
	}, nil
}

// datasetFacts is what is known of a dataset without its files.
func (p *portal) datasetFacts(d *opendata.Dataset, t *texts) datasetView {
	v := datasetView{
		datasetCard: p.datasetCard(d, t), ID: d.ID, Publisher: cmp.Or(d.Publisher, p.Region.Publisher), ContactAs: cmp.Or(d.Contact, p.Region.Contact),
		LicenceMore: t.licenceWords(d), Rule: t.rule(d), Grouping: t.groupingWords(d), Quantities: quantityLines(d, t), FilesURL: "/data/" + d.ID + "/",
	}
	v.Contact = contactURL(v.ContactAs)
	v.Cite = p.cite([]link{{Text: v.Title + ", " + v.Licence.Text}}, t, time.Now())
	if p.BaseURL != "" {
		v.CatalogueURL, v.FeedURL = "/catalog/dataset/"+d.ID, t.To(feedPath(d.ID))
	}
	if d.Households == nil {
		v.Stations = link{fmt.Sprintf(t.Dataset.Stations, number(float64(p.reporting(d)), 0, t.Lang)), t.To("/stations" + selection{Domain: d.Domain}.query())}
		v.ThingsURL = "/sta/v1.1/Datastreams?$filter=" + url.QueryEscape("properties/dataset eq '"+d.ID+"'")
	}
	return v
}

// rule says in plain words what privacy forbids to tell.
func (t *texts) rule(d *opendata.Dataset) string {
	if h := d.Households; h != nil {
		return fmt.Sprintf(t.Dataset.HouseholdRule, h.K, number(h.Delay.Hours(), 0, t.Lang))
	}
	return t.Dataset.NoRule
}

// licenceWords says in plain words what a licence allows.
func (t *texts) licenceWords(d *opendata.Dataset) string {
	switch d.Licence.ID {
	case "dl-by-de/2.0", "cc-by/4.0":
		return t.Dataset.LicenceBy
	}
	return t.Dataset.LicenceZero
}

// groupingWords says what a row of a dataset is about.
func (t *texts) groupingWords(d *opendata.Dataset) string {
	if d.Households != nil {
		return t.Dataset.ByHouseholds
	}
	switch d.Grouping {
	case opendata.ByRoad:
		return t.Dataset.ByRoad
	case opendata.ByDistrict:
		return t.Dataset.ByDistrict
	case opendata.ByMunicipality:
		return t.Dataset.ByMunicipality
	}
	return t.Dataset.ByStation
}

// reporting counts the stations that have live values in a dataset.
func (p *portal) reporting(d *opendata.Dataset) int {
	stations, known := map[string]bool{}, p.stations().byID
	p.Latest.Each(d.ID, func(a *devices.Aggregate) {
		if known[a.Station] != nil {
			stations[a.Station] = true
		}
	})
	return len(stations)
}

func quantityLines(d *opendata.Dataset, t *texts) []quantityLine {
	var out []quantityLine
	for _, name := range d.Quantities {
		if q, ok := devices.Lookup(name); ok {
			out = append(out, quantityLine{label(q, t.Lang), meaning(q, t.Lang), t.unitWords(q), t.kindWords(q), name})
		}
	}
	return out
}

// unitWords is the unit of a quantity; what has none is a number of something, a
// share of it, or a state.
func (t *texts) unitWords(q *devices.Quantity) string {
	switch {
	case q.Kind == devices.Category:
		return t.Dataset.UnitState
	case q.Symbol() != "":
		return q.Symbol()
	case q.Unit == "{#}":
		return t.Dataset.UnitCount
	case q.Name == "friction" || q.Name == "power_factor": // of two forces or powers, not a part of a whole
		return t.Dataset.UnitFactor
	}
	return t.Dataset.UnitShare
}

// kindWords says what a window tells of a quantity.
func (t *texts) kindWords(q *devices.Quantity) string {
	switch q.Kind {
	case devices.Count:
		return t.Dataset.KindCount
	case devices.Meter:
		return t.Dataset.KindMeter
	case devices.Category:
		return t.Dataset.KindCategory
	}
	return t.Dataset.KindGauge
}

// fileSets orders files by period, the latest values first and then the newest;
// within a period by window and format. It returns the first of them.
func fileSets(files []File, t *texts, most int) []fileSet {
	var sets []fileSet
	for _, f := range files {
		i := slices.IndexFunc(sets, func(s fileSet) bool { return s.period == f.Period && s.window == f.Window })
		if i < 0 {
			s := fileSet{Window: windowName(f.Window, t.Lang), Complete: f.Complete, period: f.Period, window: f.Window}
			s.Period = periodName(f.Period, t)
			s.Complete = s.Complete || f.Period == ""
			i, sets = len(sets), append(sets, s)
		}
		_, format, _ := strings.Cut(path.Base(f.Path), ".")
		sets[i].Files = append(sets[i].Files, fileLink{t.formatName(format), size(f.Bytes, t.Lang), f.Path, f.Bytes})
		if f.Modified.After(sets[i].modified) {
			sets[i].modified = f.Modified
		}
	}
	slices.SortStableFunc(sets, func(a, b fileSet) int {
		return cmp.Or(strings.Compare(latestFirst(b.period), latestFirst(a.period)), cmp.Compare(a.window, b.window))
	})
	for i := range sets {
		slices.SortFunc(sets[i].Files, func(a, b fileLink) int {
			return cmp.Or(strings.Compare(a.Format, b.Format), strings.Compare(a.URL, b.URL))
		})
	}
	return sets[:min(len(sets), most)]
}

// latestFirst is a text by which periods are ordered: the latest values, then
// days and months by when they end.
func latestFirst(period string) string {
	switch len(period) {
	case 0:
		return "9"
	case len("2026-11"):
		return period + "-00" // before the days of that month
	}
	return period
}

// periodName is what the period of a file is called: "Mo 23.11.2026", "November
// 2026".
func periodName(period string, t *texts) string {
	if period == "" {
		return t.Dataset.Latest
	}
	if day, err := opendata.ParseDay(period); err == nil {
		return date(day.Span().Start, t.Lang)
	}
	if month, err := opendata.ParseDay(period + "-01"); err == nil {
		return monthName(month.Month, t.Lang) + " " + strconv.Itoa(month.Year)
	}
	return period
}

// formatName is what a file format is called, by the end of its names.
func (t *texts) formatName(ending string) string {
	switch ending {
	case "xlsx":
		return "Excel"
	case "parquet":
		return "Parquet"
	case "geojson":
		return "GeoJSON"
	case "excel-de.csv":
		return t.Dataset.ExcelCSV
	}
	return strings.ToUpper(ending)
}
