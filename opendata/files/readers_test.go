package files

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	fraugster "github.com/fraugster/parquet-go"
	parquetformat "github.com/fraugster/parquet-go/parquet"
	"github.com/klauspost/compress/zstd"
	"github.com/thedatashed/xlsxreader"
	"github.com/twpayne/go-geom"
	"github.com/twpayne/go-geom/encoding/geojson"

	"modellregion/devices"
)

// typed reads a text of a column by what the column holds.
func typed(t *testing.T, name, s, decimal, layout string) any {
	t.Helper()
	d := allKinds()
	for _, c := range columnsOf(&d) {
		if c.Name != name {
			continue
		}
		var v any = s
		var err error
		switch c.sort {
		case number, integer:
			v, err = strconv.ParseFloat(strings.Replace(s, decimal, ".", 1), 64)
		case instant:
			v, err = time.Parse(layout, s)
		case truth:
			v, err = strconv.ParseBool(s)
		}
		if err != nil {
			t.Errorf("column %s: %v", name, err)
		}
		return v
	}
	t.Errorf("unknown column %s", name)
	return nil
}

func readCSV(t *testing.T, data []byte, separator rune, decimal, layout string) []record {
	if separator == ';' {
		var ok bool
		if data, ok = bytes.CutPrefix(data, []byte("\ufeff")); !ok {
			t.Error("no byte order mark, so a German Excel takes it for Windows-1252")
		}
	}
	if !bytes.Contains(data, []byte("\r\n")) {
		t.Error("lines do not end as RFC 4180 wants")
	}
	r := csv.NewReader(bytes.NewReader(data))
	r.Comma = separator
	lines, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []record
	for _, line := range lines[1:] {
		one := record{}
		for i, v := range line {
			if v != "" {
				one[lines[0][i]] = typed(t, lines[0][i], v, decimal, layout)
			}
		}
		out = append(out, one)
	}
	return out
}

func readJSON(t *testing.T, data []byte) []record {
	var doc struct {
		Description description
		Rows        []record
		Written     written
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Description.Licence != "dl-zero-de/2.0" || doc.Written.Rows != len(doc.Rows) || !doc.Written.Complete || doc.Written.Revision != 1 {
		t.Errorf("description %+v, written %+v", doc.Description, doc.Written)
	}
	for _, r := range doc.Rows {
		r["start"] = typed(t, "start", r["start"].(string), ".", time.RFC3339)
	}
	return doc.Rows
}

// zstdBlocks lets the second Parquet reader read Zstandard.
type zstdBlocks struct{}

func (zstdBlocks) CompressBlock([]byte) ([]byte, error) { return nil, io.ErrUnexpectedEOF }
func (zstdBlocks) DecompressBlock(block []byte) ([]byte, error) {
	d, err := zstd.NewReader(nil)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.DecodeAll(block, nil)
}

func readParquet(t *testing.T, data []byte) []record {
	fraugster.RegisterBlockCompressor(parquetformat.CompressionCodec_ZSTD, zstdBlocks{})
	r, err := fraugster.NewFileReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	meta := r.MetaData()
	if meta["unit.window_s"] != "s" || meta["unit.mean"] != inUnit || !json.Valid([]byte(meta["description"])) || !json.Valid([]byte(meta["written"])) {
		t.Errorf("metadata %v", meta)
	}
	out := make([]record, 0, r.NumRows())
	for {
		row, err := r.NextRow()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		one := record{}
		for name, v := range row {
			switch v := v.(type) {
			case []byte:
				one[name] = string(v)
			case int64:
				one[name] = float64(v)
				if name == "start" {
					one[name] = time.UnixMilli(v).UTC()
				}
			default:
				one[name] = v
			}
		}
		out = append(out, one)
	}
}

func readXLSX(t *testing.T, data []byte) []record {
	book, err := xlsxreader.NewReader(data)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(book.Sheets, []string{sheetData, sheetAbout}) {
		t.Errorf("sheets %v", book.Sheets)
	}
	var about strings.Builder
	for row := range book.ReadRows(sheetAbout) {
		fmt.Fprintln(&about, row.Cells)
	}
	for _, want := range []string{"Datenlizenz Deutschland", "km/h", "Fassung"} {
		if !strings.Contains(about.String(), want) {
			t.Errorf("sheet %s lacks %s", sheetAbout, want)
		}
	}
	header := map[string]string{}
	var out []record
	for row := range book.ReadRows(sheetData) {
		if row.Error != nil {
			t.Fatal(row.Error)
		}
		one := record{}
		for _, c := range row.Cells {
			if row.Index == 1 {
				header[c.Column] = c.Value
				continue
			}
			name := header[c.Column]
			layout, value := time.RFC3339, c.Value
			switch {
			case c.Type == xlsxreader.TypeBoolean:
				value = strconv.FormatBool(value == "1")
			case c.Type == xlsxreader.TypeDateTime && len(value) == len(time.DateOnly): // so it shows midnight
				layout = time.DateOnly
			}
			one[name] = typed(t, name, value, ".", layout)
			if at, ok := one[name].(time.Time); ok {
				one[name] = at.Add(time.Second).Truncate(time.Minute) // Excel counts days in floats, and this reader cuts
			}
		}
		if row.Index > 1 {
			out = append(out, one)
		}
	}
	return out
}

// readGeoJSON checks the rules of RFC 7946 that a program stumbles over, and
// turns the series into rows again.
func readGeoJSON(t *testing.T, data []byte, stations []devices.Station) []record {
	if bytes.Contains(data, []byte(`"crs"`)) {
		t.Error("a coordinate system is given, which RFC 7946 §4 does not know")
	}
	var fc geojson.FeatureCollection
	var members struct {
		Type        string
		Description description
		Written     written
	}
	if err := errors.Join(json.Unmarshal(data, &fc), json.Unmarshal(data, &members)); err != nil {
		t.Fatal(err)
	}
	if members.Type != "FeatureCollection" || members.Description.ID != "alles" || !members.Written.Complete {
		t.Errorf("members %+v", members)
	}
	var out []record
	for _, f := range fc.Features {
		i := slices.IndexFunc(stations, func(s devices.Station) bool { return s.ID == f.ID })
		if i < 0 {
			t.Errorf("feature %v is no public station", f.ID)
			continue
		}
		s := stations[i]
		want := geometry(s)
		if fmt.Sprintf("%T %v", f.Geometry, f.Geometry) != fmt.Sprintf("%T %v", want, want) {
			t.Errorf("feature %v: geometry %v, want %v", f.ID, f.Geometry, want)
		}
		for _, series := range f.Properties["series"].([]any) {
			series := series.(map[string]any)
			for _, row := range series["rows"].([]any) {
				one := record{"station": s.ID, "lat": s.Place.Lat, "lon": s.Place.Lon}
				for _, name := range []string{"name", "municipality", "district", "road"} {
					if v := f.Properties[name]; v != nil {
						one[name] = v
					}
				}
				maps.Copy(one, row.(map[string]any))
				for _, name := range []string{"quantity", "channel", "unit"} {
					if v := series[name]; v != nil {
						one[name] = v
					}
				}
				one["start"] = typed(t, "start", one["start"].(string), ".", time.RFC3339)
				out = append(out, one)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b record) int { // features are by site, rows by time
		if c := a["start"].(time.Time).Compare(b["start"].(time.Time)); c != 0 {
			return c
		}
		key := func(r record) string { return fmt.Sprint(r["station"], " ", r["quantity"], " ", r["channel"]) }
		return strings.Compare(key(a), key(b))
	})
	return out
}

// geometry is where a station is: on its stretch of road, or at its place.
func geometry(s devices.Station) geom.T {
	if len(s.Segment) < 2 {
		return geom.NewPointFlat(geom.XY, []float64{s.Place.Lon, s.Place.Lat})
	}
	var flat []float64
	for _, p := range s.Segment {
		flat = append(flat, p.Lon, p.Lat)
	}
	return geom.NewLineStringFlat(geom.XY, flat)
}
