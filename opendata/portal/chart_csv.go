package portal

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

// dialect is a way to write CSV: as RFC 4180 has it, for programs, or such that
// a German Excel opens it with a double click, which takes UTF-8 only with a
// byte order mark and is told times of the clock in Germany.
type dialect struct {
	name, bom, separator string
	decimal              byte
	layout               string
	zone                 *time.Location
}

func dialectOf(name string) (dialect, bool) {
	switch name {
	case "":
		return dialect{"", "", ",", '.', time.RFC3339, time.UTC}, true
	case "excel-de":
		return dialect{".excel-de", "\ufeff", ";", ',', "02.01.2006 15:04", opendata.Berlin()}, true
	}
	return dialect{}, false
}

// seriesCSV answers with the same windows as seriesJSON, a line each, and with
// many more: as they are read, so that a year costs no memory. The query has
// "format=excel-de" for a German Excel.
func (p *portal) seriesCSV(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	d, ok := dialectOf(query.Get("format"))
	if !ok {
		refuse(w, http.StatusBadRequest, "format=%.40q: want excel-de or nothing", query.Get("format"))
		return
	}
	a, err := p.parseAsked(query, maxStreamed)
	if err != nil {
		refuseSeries(w, err)
		return
	}
	out := bufio.NewWriterSize(w, 32<<10)
	begun := false
	begin := func() {
		if begun {
			return
		}
		begun = true
		h := w.Header()
		h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
		h.Set("Content-Disposition", `attachment; filename="`+csvName(&a, d)+`"`)
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Cache-Control", "public, max-age=5")
		d.header(out)
	}
	err = p.parts(r.Context(), &a, func(rows []devices.Aggregate) error {
		begin()
		slices.SortFunc(rows, func(x, y devices.Aggregate) int {
			return cmp.Or(x.Start.Compare(y.Start), strings.Compare(x.Channel, y.Channel))
		})
		for i := range rows {
			d.row(out, &rows[i], a.window)
		}
		return out.Flush()
	})
	if err != nil && !begun {
		p.failSeries(w, r, &a, err)
		return
	}
	if err != nil { // the reader must not take half of it for the whole
		if r.Context().Err() == nil {
			p.Log.Warn("series is cut off", "station", a.site.ID, "err", err)
		}
		panic(http.ErrAbortHandler)
	}
}

// csvName names the file: station, quantity, first and last day.
func csvName(a *asked, d dialect) string {
	last := opendata.DayOf(a.span.End.Add(-time.Nanosecond))
	name := fmt.Sprintf("%s_%s_%s_%s_%s%s.csv", a.site.ID, a.q.Name, a.window, opendata.DayOf(a.span.Start), last, d.name)
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || strings.ContainsRune(`"\/;`, r) {
			return '-'
		}
		return r
	}, name)
}

// The columns have the names of those in the files of datasets.
func (d dialect) header(w io.Writer) {
	_, _ = io.WriteString(w, d.bom+strings.Join([]string{"station", "quantity", "channel", "unit", "start", "window_s", "count", "value", "min", "max", "category", "coverage"}, d.separator)+"\r\n")
}

// row writes a window; a write that fails is told by Flush.
func (d dialect) row(w io.Writer, a *devices.Aggregate, window opendata.Window) {
	cells := []string{
		d.text(a.Station), a.Quantity.Name, d.text(a.Channel), d.text(a.Quantity.Unit), a.Start.In(d.zone).Format(d.layout),
		strconv.Itoa(int(window.End(a.Start).Sub(a.Start) / time.Second)), strconv.Itoa(a.Count), "", "", "", "", d.number(a.Coverage),
	}
	switch a.Quantity.Kind {
	case devices.Category:
		cells[10] = a.Quantity.Text(a.Mode)
	case devices.Gauge:
		cells[7], cells[8], cells[9] = d.number(a.Mean), d.number(a.Min), d.number(a.Max)
	default:
		cells[7] = d.number(a.Value())
	}
	_, _ = io.WriteString(w, strings.Join(cells, d.separator)+"\r\n")
}

func (d dialect) number(v float64) string {
	text := strconv.FormatFloat(v, 'f', -1, 64)
	if d.decimal != '.' {
		text = strings.Replace(text, ".", string(d.decimal), 1)
	}
	return text
}

// text quotes where it must, and keeps a spreadsheet from taking a text for a
// formula.
func (d dialect) text(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		s = "'" + s
	}
	if strings.Contains(s, d.separator) || strings.ContainsAny(s, "\"\r\n") {
		return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	return s
}

// path is where a part of a series is to be had: ending "" is JSON, or
// ".csv".
func (a *asked) path(ending string, more url.Values) string {
	q := url.Values{
		"station": {a.site.ID}, "quantity": {a.q.Name}, "window": {a.window.String()},
		"from": {a.span.Start.Format(time.RFC3339)}, "to": {a.span.End.Format(time.RFC3339)},
	}
	for key, values := range more {
		q[key] = values
	}
	return "/api/v1/series" + ending + "?" + q.Encode()
}
