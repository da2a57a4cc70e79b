package e2e

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/xuri/excelize/v2"
)

// cell is a window of a series in a file, and its mean.
type cell struct {
	station, quantity, channel string
	start                      time.Time
	mean                       float64
}

func (c cell) is(station, quantity, channel string) bool {
	return c.station == station && c.quantity == quantity && c.channel == channel
}

// entry is a period in the index of a month.
type entry struct {
	Period, Window string
	Rows           int
	Files          []struct{ Path, Format string }
}

// A demo publishes its running day: everything that the indexes name is there,
// and a value is the same in every format and on the portal.
func TestOpenDataOfADemo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := demo(t, dir, "--sensors", "60")
	eventually(t, "ready", func() bool { return strings.Contains(p.printed(), "ready after") })
	at := "http://" + endpoints(t, dir)["http"]

	var top struct{ Datasets []struct{ ID string } }
	eventually(t, "index of the datasets", func() bool { return fetchJSON(t, at+"/data/index.json", &top) && len(top.Datasets) >= 6 })

	patiently(t, "the running day, the same in every format", func() bool {
		if p.ended() {
			t.Fatal("the demo ended")
		}
		return sameEverywhere(t, at)
	})
	var files []string
	patiently(t, "files of four domains and the quality of the voltage", func() bool {
		files = nil
		whole := 0
		for _, d := range top.Datasets {
			of := filesOf(t, at, d.ID)
			files = append(files, of...)
			if len(of) > 0 {
				whole++
			}
		}
		return whole >= 5 && len(files) >= 30 // hours follow later
	})
	for _, file := range files {
		if status, header, body := get(t, at+"/data/"+file); status != 200 || body == "" || header.Get("Etag") == "" {
			t.Errorf("%s answers %d, %d bytes, %v", file, status, len(body), header)
		}
	}
	for _, quantity := range []string{"traffic_state", "speed_mean"} {
		if _, _, text := get(t, at+"/data/verkehr/latest.csv"); !strings.Contains(text, ","+quantity+",") {
			t.Errorf("no %s in the last values", quantity)
		}
	}
	if _, _, text := get(t, at+"/data/energienetz/latest.csv"); !strings.Contains(text, ",load,") || strings.Contains(text, "haushalt") {
		t.Errorf("no load, or a household, in\n%s", text)
	}
	if _, _, text := get(t, at+"/api/v1/stations"); strings.Contains(text, "haushalt") {
		t.Error("the portal names a household")
	}
	// Nobody but the operator may look into the private folder.
	if info, err := os.Stat(filepath.Join(dir, "households")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("private folder: %v (%v)", info.Mode(), err)
	}
	p.stop()
}

// patiently is eventually for what a busy machine does late: the files of the
// running day wait twenty times as long as writing them took.
func patiently(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(4 * patience); !ok(); <-time.After(500 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, 4*patience)
		}
	}
}

func fetchJSON(t *testing.T, url string, into any) bool {
	t.Helper()
	status, _, body := get(t, url)
	return status == 200 && json.Unmarshal([]byte(body), into) == nil
}

// entriesOf walks from the index of a dataset to the periods of its months.
func entriesOf(t *testing.T, at, dataset string) (all []entry) {
	t.Helper()
	var index struct{ Months []struct{ Index string } }
	if !fetchJSON(t, at+"/data/"+dataset+"/index.json", &index) {
		return nil
	}
	for _, m := range index.Months {
		var month struct{ Entries []entry }
		if fetchJSON(t, at+"/data/"+dataset+"/"+m.Index, &month) {
			all = append(all, month.Entries...)
		}
	}
	return all
}

func filesOf(t *testing.T, at, dataset string) (names []string) {
	t.Helper()
	for _, e := range entriesOf(t, at, dataset) {
		for _, f := range e.Files {
			names = append(names, dataset+"/"+f.Path)
		}
	}
	return names
}

// sameEverywhere compares a speed of the last hours in all formats and the
// portal's answer. It is false while there is none, or a file is replaced in
// between.
func sameEverywhere(t *testing.T, at string) bool {
	t.Helper()
	for _, e := range entriesOf(t, at, "verkehr") {
		if e.Window != "15m" || e.Rows == 0 || len(e.Period) != len(time.DateOnly) {
			continue // a month has no GeoJSON
		}
		base := at + "/data/verkehr/" + strings.TrimSuffix(e.Files[0].Path, path.Ext(e.Files[0].Path))
		body := map[string][]byte{}
		for _, format := range []string{"csv", "json", "geojson", "parquet", "xlsx"} {
			status, _, content := get(t, base+"."+format)
			if status != 200 {
				return false
			}
			body[format] = []byte(content)
		}
		want, ok := someSpeed(t, body["csv"])
		if !ok {
			continue
		}
		got := map[string]float64{
			"json": ofJSON(body["json"], want), "geojson": ofGeoJSON(body["geojson"], want),
			"parquet": ofParquet(t, body["parquet"], want), "xlsx": ofXLSX(t, body["xlsx"], want), "portal": ofPortal(t, at, want),
		}
		for format, v := range got {
			if math.Abs(v-want.mean) > 1e-9 {
				t.Logf("%s has %v for %+v", format, v, want)
				return false
			}
		}
		return true
	}
	return false
}

// someSpeed returns a speed of a window that has been over for a while.
func someSpeed(t *testing.T, data []byte) (cell, bool) {
	t.Helper()
	lines, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := map[string]int{}
	for i, name := range lines[0] {
		column[name] = i
	}
	for _, line := range lines[1:] {
		c := cell{station: line[column["station"]], quantity: line[column["quantity"]], channel: line[column["channel"]]}
		c.start, err = time.Parse(time.RFC3339, line[column["start"]])
		if err != nil {
			t.Fatal(err)
		}
		c.mean, err = strconv.ParseFloat(line[column["mean"]], 64)
		if age := time.Since(c.start); err == nil && c.quantity == "speed_mean" && age > time.Hour {
			return c, true
		}
	}
	return cell{}, false
}

// found is a value where there may be none.
func found(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}

func ofJSON(data []byte, want cell) float64 {
	var doc struct {
		Rows []struct {
			Station, Quantity, Channel string
			Start                      time.Time
			Mean                       *float64
		}
	}
	if json.Unmarshal(data, &doc) != nil {
		return math.NaN()
	}
	for _, r := range doc.Rows {
		if want.is(r.Station, r.Quantity, r.Channel) && r.Start.Equal(want.start) {
			return found(r.Mean)
		}
	}
	return math.NaN()
}

func ofGeoJSON(data []byte, want cell) float64 {
	var doc struct {
		Features []struct {
			ID         string
			Properties struct {
				Series []struct {
					Quantity, Channel string
					Rows              []struct {
						Start time.Time
						Mean  *float64
					}
				}
			}
		}
	}
	if json.Unmarshal(data, &doc) != nil {
		return math.NaN()
	}
	for _, f := range doc.Features {
		for _, s := range f.Properties.Series {
			for _, r := range s.Rows {
				if want.is(f.ID, s.Quantity, s.Channel) && r.Start.Equal(want.start) {
					return found(r.Mean)
				}
			}
		}
	}
	return math.NaN()
}

func ofParquet(t *testing.T, data []byte, want cell) float64 {
	t.Helper()
	file, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]int{}
	for i, c := range file.Schema().Columns() {
		at[c[0]] = i
	}
	for _, group := range file.RowGroups() {
		rows := group.Rows()
		buffer := make([]parquet.Row, 256)
		for {
			n, err := rows.ReadRows(buffer)
			for _, row := range buffer[:n] {
				text := func(name string) string { return string(row[at[name]].ByteArray()) }
				if want.is(text("station"), text("quantity"), text("channel")) && row[at["start"]].Int64() == want.start.UnixMilli() {
					return row[at["mean"]].Double()
				}
			}
			if err != nil || n == 0 {
				break
			}
		}
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
	}
	return math.NaN()
}

func ofXLSX(t *testing.T, data []byte, want cell) float64 {
	t.Helper()
	book, err := excelize.OpenReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = book.Close() }() // it was only read
	lines, err := book.GetRows(book.GetSheetName(0), excelize.Options{RawCellValue: true})
	if err != nil {
		t.Fatal(err)
	}
	column := map[string]int{}
	for i, name := range lines[0] {
		column[name] = i
	}
	for _, line := range lines[1:] {
		days, err := strconv.ParseFloat(line[column["start"]], 64)
		if err != nil {
			t.Fatalf("start %q: %v", line[column["start"]], err)
		}
		start, err := excelize.ExcelDateToTime(days, false)
		if err != nil {
			t.Fatal(err)
		}
		if want.is(line[column["station"]], line[column["quantity"]], line[column["channel"]]) && start.Sub(want.start).Abs() < time.Second {
			v, err := strconv.ParseFloat(line[column["mean"]], 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	return math.NaN()
}

func ofPortal(t *testing.T, at string, want cell) float64 {
	t.Helper()
	query := url.Values{
		"station": {want.station}, "quantity": {want.quantity}, "channel": {want.channel},
		"from": {want.start.Format(time.RFC3339)}, "to": {want.start.Add(15 * time.Minute).Format(time.RFC3339)},
	}
	var doc struct{ Channels []struct{ Values []*float64 } }
	if !fetchJSON(t, fmt.Sprintf("%s/api/v1/series?%s", at, query.Encode()), &doc) || len(doc.Channels) != 1 || len(doc.Channels[0].Values) != 1 {
		return math.NaN()
	}
	return found(doc.Channels[0].Values[0])
}
