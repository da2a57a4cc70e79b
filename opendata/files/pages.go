package files

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"path"
	"strings"
	"sync"
)

//go:embed style.css
var style []byte

//go:embed index.html.tmpl
var pageSource string

var pages = sync.OnceValues(func() (*template.Template, error) {
	return template.New("").Funcs(template.FuncMap{"size": size, "base": path.Base, "kinds": kinds, "label": label, "gone": gone, "thousands": thousands}).Parse(pageSource)
})

func monthPage(dataset, name string) string { return path.Join(dataset, name+".html") }

func (f *Files) page(name, which string, content any) error {
	t, err := pages()
	if err != nil {
		return fmt.Errorf("parse pages of public files: %w", err)
	}
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, which, content); err != nil {
		return fmt.Errorf("write page %s: %w", name, err)
	}
	return f.replace(name, out.Bytes())
}

func (f *Files) writeTopPage(all []*description) error { return f.page(pageName, "top", all) }

// windowTable is the table of one window on a page of a month.
type windowTable struct {
	Window  string
	Caption bilingual
	Entries []*entry
}

func (m *month) tables() []windowTable {
	var tables []windowTable
	at := map[string]int{}
	for _, e := range m.Entries {
		i, known := at[e.Window]
		if !known {
			i = len(tables)
			at[e.Window] = i
			tables = append(tables, windowTable{Window: e.Window, Caption: windowText(e.Window)})
		}
		tables[i].Entries = append(tables[i].Entries, e)
	}
	return tables
}

func (f *Files) writeMonthPage(a *description, m *month) error {
	return f.page(monthPage(a.ID, m.Month), "month", struct {
		About  *description
		Month  string
		Tables []windowTable
	}{a, m.Month, m.tables()})
}

// recent is the number of days that the page of a dataset shows itself.
const recent = 7

func (f *Files) writeDatasetPage(ix *datasetIndex, newest *month) error {
	var days windowTable
	for _, t := range newest.tables() {
		if len(ix.Windows) > 0 && t.Window == ix.Windows[0] {
			days = t
		}
	}
	var shown []*entry
	for _, e := range days.Entries {
		if !e.isMonth() && len(shown) < recent {
			shown = append(shown, e)
		}
	}
	days.Entries = shown
	return f.page(path.Join(ix.ID, pageName), "dataset", struct {
		*datasetIndex
		Days windowTable
	}{ix, days})
}

func windowText(name string) bilingual {
	texts := map[string]bilingual{
		"1m": {"1 Minute", "1 minute"}, "10m": {"10 Minuten", "10 minutes"}, "15m": {"15 Minuten", "15 minutes"},
		"1h": {"1 Stunde", "1 hour"}, "1d": {"1 Tag", "1 day"}, "1w": {"1 Woche", "1 week"},
	}
	if t, ok := texts[name]; ok {
		return t
	}
	return bilingual{name, name}
}

// kinds are the formats in the order of the columns of a page.
func kinds() []format { return allFormats }

func label(f format) string {
	return map[format]string{plainCSV: "CSV", germanCSV: "CSV für Excel", plainJSON: "JSON", geoJSON: "GeoJSON", inParquet: "Parquet", inXLSX: "XLSX"}[f]
}

// gone returns why there is no file of a format.
func gone(e *entry, f format) *bilingual {
	for i := range e.Missing {
		if e.Missing[i].Format == string(f) {
			return &e.Missing[i].Why
		}
	}
	return nil
}

// File returns the file of a format, or nil: for the pages.
func (e *entry) File(f format) *fileInfo { return e.file(f) }

// thousands prints a number for German readers: 1.234.567.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "." + s[i:]
	}
	return s
}

// size prints a number of bytes for German readers.
func size(n int64) string {
	switch {
	case n >= 1_000_000:
		return strings.Replace(fmt.Sprintf("%.1f MB", float64(n)/1e6), ".", ",", 1)
	case n >= 1_000:
		return strings.Replace(fmt.Sprintf("%.1f kB", float64(n)/1e3), ".", ",", 1)
	default:
		return fmt.Sprintf("%d B", n)
	}
}
