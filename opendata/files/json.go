package files

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"modellregion/devices"
)

// written is what is known of a table when its last row is: it stands at the
// end of JSON and GeoJSON, in the footer of Parquet and on a sheet of XLSX.
type written struct {
	Complete bool      `json:"complete"` // the period is over
	Revision int       `json:"revision"` // counts what was published of a period since it is over; 0 before
	Rows     int       `json:"rows"`
	First    time.Time `json:"first_written"`
	Last     time.Time `json:"last_written"`
}

// jsonWriter writes one object with the description, the rows as objects and
// what was written. A row leaves out what is empty.
type jsonWriter struct {
	w       io.Writer
	columns []column
	line    []byte
	rows    int
}

func newJSON(w io.Writer, columns []column, about []byte) (*jsonWriter, error) {
	j := &jsonWriter{w: w, columns: columns}
	_, err := fmt.Fprintf(w, "{\"description\":%s,\n\"rows\":[", about)
	return j, err
}

func (j *jsonWriter) write(_ *row, cells []cell) error {
	j.line = j.line[:0]
	if j.rows > 0 {
		j.line = append(j.line, ',')
	}
	j.rows++
	j.line = append(j.line, '\n')
	j.line = appendObject(j.line, j.columns, cells)
	_, err := j.w.Write(j.line)
	return err
}

func (j *jsonWriter) close(t *written) error {
	data, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("encode what was written: %w", err)
	}
	_, err = fmt.Fprintf(j.w, "\n],\n\"written\":%s}\n", data)
	return err
}

// appendObject writes the cells that are set as an object.
func appendObject(b []byte, columns []column, cells []cell) []byte {
	b = append(b, '{')
	first := true
	for i := range cells {
		v := &cells[i]
		if !v.set {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, '"')
		b = append(b, columns[i].Name...) // letters, digits and underscores
		b = append(b, '"', ':')
		b = appendValue(b, columns[i].sort, v)
	}
	return append(b, '}')
}

func appendValue(b []byte, s sort, v *cell) []byte {
	switch s {
	case number, integer:
		return appendNumber(b, v.number)
	case instant:
		b = append(b, '"')
		b = v.time.AppendFormat(b, time.RFC3339)
		return append(b, '"')
	case truth:
		if v.truth {
			return append(b, "true"...)
		}
		return append(b, "false"...)
	default:
		return appendString(b, v.text)
	}
}

func appendString(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			data, err := json.Marshal(s)
			if err != nil { // a string always can be
				return append(b, `""`...)
			}
			return append(b, data...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// geoWriter writes a FeatureCollection (RFC 7946) with one feature for each
// site and its windows as series in the properties. Rows come ordered by time,
// so it holds them until the end; maxGeoJSON bounds that.
type geoWriter struct {
	w        io.Writer
	about    []byte
	columns  []column
	perRow   []int // columns that differ within a series
	features map[string]*feature
}

type feature struct {
	site   *site
	series map[seriesKey][]byte
}

type seriesKey struct{ quantity, channel string }

// ofSite and ofSeries are the columns that are said once, not in each row.
var (
	ofSite   = []string{"station", "site", "name", "municipality", "lat", "lon", "district", "road"}
	ofSeries = []string{"quantity", "channel", "unit"}
)

func newGeoJSON(w io.Writer, columns []column, about []byte) *geoWriter {
	g := &geoWriter{w: w, about: about, columns: columns, features: map[string]*feature{}}
	for i := range columns {
		if !slices.Contains(ofSite, columns[i].Name) && !slices.Contains(ofSeries, columns[i].Name) {
			g.perRow = append(g.perRow, i)
		}
	}
	return g
}

func (g *geoWriter) write(r *row, cells []cell) error {
	f := g.features[r.site.ID]
	if f == nil {
		f = &feature{site: r.site, series: map[seriesKey][]byte{}}
		g.features[r.site.ID] = f
	}
	key := seriesKey{r.Quantity.Name, r.Channel}
	b, known := f.series[key]
	if known {
		b = append(b, ',')
	}
	b = append(b, '{')
	first := true
	for _, i := range g.perRow {
		if !cells[i].set {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(appendString(b, g.columns[i].Name), ':')
		b = appendValue(b, g.columns[i].sort, &cells[i])
	}
	f.series[key] = append(b, '}')
	return nil
}

func (g *geoWriter) close(t *written) error {
	about, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("encode what was written: %w", err)
	}
	if _, err := fmt.Fprintf(g.w, "{\"type\":\"FeatureCollection\",\n\"description\":%s,\n\"written\":%s,\n\"features\":[", g.about, about); err != nil {
		return err
	}
	for i, id := range slices.Sorted(maps.Keys(g.features)) {
		var b []byte
		if i > 0 {
			b = append(b, ',')
		}
		if _, err := g.w.Write(g.features[id].appendTo(append(b, '\n'))); err != nil {
			return err
		}
	}
	_, err = io.WriteString(g.w, "\n]}\n")
	return err
}

func (f *feature) appendTo(b []byte) []byte {
	s := f.site
	b = append(b, `{"type":"Feature","id":`...)
	b = appendString(b, s.ID)
	b = append(b, `,"geometry":`...)
	b = appendGeometry(b, s)
	b = append(b, `,"properties":{"id":`...)
	b = appendString(b, s.ID)
	for _, p := range []struct{ name, value string }{{"name", s.Name}, {"municipality", s.Municipality}, {"district", s.district}, {"road", s.road}} {
		if p.value != "" {
			b = append(appendString(append(b, ','), p.name), ':')
			b = appendString(b, p.value)
		}
	}
	b = append(b, `,"series":[`...)
	keys := slices.SortedFunc(maps.Keys(f.series), func(x, y seriesKey) int {
		return slices.Compare([]string{x.quantity, x.channel}, []string{y.quantity, y.channel})
	})
	for i, key := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(append(b, `{"quantity":`...), key.quantity)
		if key.channel != "" {
			b = appendString(append(b, `,"channel":`...), key.channel)
		}
		if q, ok := devices.Lookup(key.quantity); ok {
			b = appendString(append(b, `,"unit":`...), q.Unit)
		}
		b = append(b, `,"rows":[`...)
		b = append(b, f.series[key]...)
		b = append(b, ']', '}')
	}
	return append(b, `]}}`...)
}

// appendGeometry writes a line where there is one, else the point, longitude
// first (RFC 7946 §3.1.1). Households have no place: null (§3.2).
func appendGeometry(b []byte, s *site) []byte {
	if s.Site.Stations == nil {
		return append(b, "null"...)
	}
	position := func(b []byte, p devices.Place) []byte {
		b = appendNumber(append(b, '['), p.Lon)
		return append(appendNumber(append(b, ','), p.Lat), ']')
	}
	if len(s.Line) < 2 {
		return append(position(append(b, `{"type":"Point","coordinates":`...), s.Place), '}')
	}
	b = append(b, `{"type":"LineString","coordinates":[`...)
	for i, p := range s.Line {
		if i > 0 {
			b = append(b, ',')
		}
		b = position(b, p)
	}
	return append(b, ']', '}')
}
