package portal

import (
	"cmp"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

// datasetView is one dataset: what it is, what is in it and its files.
type datasetView struct {
	datasetCard
	ID                 string
	Publisher          string
	Contact, ContactAs string
	Rule               string // what privacy forbids to tell, in plain words
	Quantities         []quantityLine
	Stations           link // of its domain, with how many of them have values; empty for groups
	Files              []fileSet
	FilesUnknown       bool
	FilesURL           string
	CatalogueURL       string // empty without a catalogue
	Cite               string
}

// quantityLine explains a quantity of a dataset.
type quantityLine struct{ Label, Meaning, Unit, Name string }

// fileSet is one period in all its formats.
type fileSet struct {
	Period, Window string
	Complete       bool
	Files          []fileLink
	period         string
	window         opendata.Window
}

type fileLink struct{ Format, Size, URL string }

// maxFileSets bounds how many periods of a dataset the page lists; the page of
// all files has the rest.
const maxFileSets = 12

func (p *portal) dataset(r *http.Request, t *texts) (page, error) {
	i := slices.IndexFunc(p.Datasets, func(d opendata.Dataset) bool { return d.ID == r.PathValue("id") })
	if i < 0 {
		return page{}, errNoSuch
	}
	d := &p.Datasets[i]
	v := datasetView{
		datasetCard: p.datasetCard(d, t), ID: d.ID, Publisher: cmp.Or(d.Publisher, p.Region.Publisher), ContactAs: cmp.Or(d.Contact, p.Region.Contact),
		Rule: t.Dataset.NoRule, Quantities: quantityLines(d, t.Lang), FilesURL: "/data/" + d.ID + "/",
	}
	v.Contact = contactURL(v.ContactAs)
	v.Cite = p.cite([]link{{Text: v.Title + ", " + v.Licence.Text}}, t, time.Now())
	if p.BaseURL != "" {
		v.CatalogueURL = "/catalog/dataset/" + d.ID
	}
	if h := d.Households; h != nil {
		v.Rule = fmt.Sprintf(t.Dataset.HouseholdRule, h.K, number(h.Delay.Hours(), 0, t.Lang))
	} else {
		v.Stations = link{fmt.Sprintf(t.Dataset.Stations, number(float64(p.reporting(d)), 0, t.Lang)), t.To("/stations" + selection{Domain: d.Domain}.query())}
	}
	files, err := p.Files.Published(d.ID)
	if err != nil { // no reason to withhold the rest
		p.Log.Warn("files of a dataset are not known", "dataset", d.ID, "err", err)
		v.FilesUnknown = true
	}
	v.Files = fileSets(files, t)
	return page{
		Title: fmt.Sprintf(t.Dataset.Title, v.Title), Description: v.Description, Area: areaData,
		Trail: []link{{t.Datasets.Title, t.To("/datasets")}, {Text: v.Title}}, Styles: []string{"dataset.css"}, Scripts: []string{"live.js"}, View: v,
	}, nil
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

func quantityLines(d *opendata.Dataset, lang string) []quantityLine {
	var out []quantityLine
	for _, name := range d.Quantities {
		if q, ok := devices.Lookup(name); ok {
			out = append(out, quantityLine{label(q, lang), meaning(q, lang), q.Symbol(), name})
		}
	}
	return out
}

// fileSets orders files by period, the latest values first and then the newest;
// within a period by window and format.
func fileSets(files []File, t *texts) []fileSet {
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
		sets[i].Files = append(sets[i].Files, fileLink{t.formatName(format), size(f.Bytes, t.Lang), f.Path})
	}
	slices.SortStableFunc(sets, func(a, b fileSet) int {
		return cmp.Or(strings.Compare(latestFirst(b.period), latestFirst(a.period)), cmp.Compare(a.window, b.window))
	})
	for i := range sets {
		slices.SortFunc(sets[i].Files, func(a, b fileLink) int {
			return cmp.Or(strings.Compare(a.Format, b.Format), strings.Compare(a.URL, b.URL))
		})
	}
	return sets[:min(len(sets), maxFileSets)]
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
