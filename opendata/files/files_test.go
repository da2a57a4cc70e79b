package files

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

// TestRevisions lives through a day: it runs, is over, gets a late reading, and
// is published again and again with nothing new.
func TestRevisions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the clock begins on 1 January 2000, 1 o'clock in Berlin
		today := opendata.DayOf(time.Now())
		f := newFake(t)
		for i := range f.rows {
			f.rows[i].Start = time.Now().Truncate(time.Hour).Add(f.rows[i].Start.Sub(t0))
		}
		files, dir := open(t, f)
		check := func(complete bool, revision int, written time.Time) {
			t.Helper()
			e := entryOf(t, files, "15m", today)
			if e.Complete != complete || e.Revision != revision || !e.Last.Equal(written) || e.Rows != 6 {
				t.Errorf("complete %t, revision %d, written %s, rows %d; want %t, %d, %s, 6", e.Complete, e.Revision, e.Last, e.Rows, complete, revision, written)
			}
			info, err := os.Stat(filepath.Join(dir, "alles/15m/"+today.String()+".csv"))
			if err != nil || !info.ModTime().Equal(written) {
				t.Errorf("the file is of %v (%v), want %s", info.ModTime(), err, written)
			}
		}
		publish(t, files, today)
		first := time.Now()
		check(false, 0, first)

		time.Sleep(time.Minute)
		publish(t, files, today)
		check(false, 0, first) // nothing new

		time.Sleep(time.Minute)
		f.rows[3].Sum = 43 // as long as before, so only the content tells
		publish(t, files, today)
		check(false, 0, time.Now())

		time.Sleep(time.Until(today.Span().End) + grace)
		over := time.Now()
		if err := files.Retract(t.Context()); err != nil { // as often as it is called, also without new readings
			t.Fatal(err)
		}
		check(true, 1, over)

		time.Sleep(time.Hour)
		publish(t, files, today)
		check(true, 1, over)
		f.rows[3].Sum = 44
		publish(t, files, today)
		late := time.Now()
		check(true, 2, late)
		e := entryOf(t, files, "15m", today)
		if !e.First.Equal(first) {
			t.Errorf("first written %s, want %s", e.First, first)
		}
		if e := entryOf(t, files, "1h", today); e.Revision != 1 || !e.Last.Equal(over) {
			t.Errorf("a window that did not change has revision %d of %s", e.Revision, e.Last)
		}

		time.Sleep(time.Hour)
		again := openIn(t, filepath.Dir(dir), f) // after a restart
		publish(t, again, today)
		check(true, 2, late)
		m, err := again.readMonth("alles", "2000-01")
		if err != nil {
			t.Fatal(err)
		}
		if whole := m.find("15m", "2000-01"); whole == nil || whole.Complete || whole.Rows != 6 || !whole.Until.Equal(late) {
			t.Errorf("the month is %+v", whole)
		}
	})
}

// TestLongDays: a running day that takes long to write is not written each
// time, and not forgotten either.
func TestLongDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		today := opendata.DayOf(time.Now())
		f := newFake(t)
		for i := range f.rows {
			f.rows[i].Start = time.Now().Truncate(time.Hour)
		}
		files, _ := open(t, f)
		publish(t, files, today)
		s := files.sets["alles"]
		s.rest(today.String(), 10*time.Second, time.Now())
		f.rows[3].Sum = 43
		publish(t, files, today)
		if e := entryOf(t, files, "15m", today); !e.Last.Equal(e.First) {
			t.Error("a day that takes long is written at once again")
		}
		time.Sleep(restRatio * 10 * time.Second)
		if err := files.Retract(t.Context()); err != nil {
			t.Fatal(err)
		}
		if e := entryOf(t, files, "15m", today); e.Last.Equal(e.First) {
			t.Error("a day that takes long is forgotten")
		}
	})
}

func TestPublishFails(t *testing.T) {
	f := newFake(t)
	files, dir := open(t, f)
	f.err = errors.New("database is away")
	if err := files.Publish(t.Context(), &files.cfg.Datasets[0], []opendata.Day{day0}); !errors.Is(err, f.err) {
		t.Errorf("error %v, want the reader's", err)
	}
	f.err = nil
	if err := files.Retract(t.Context()); err != nil { // what is owed is paid
		t.Fatal(err)
	}
	content(t, dir, "alles/15m/1999-11-23.csv")
	if err := files.Publish(t.Context(), &opendata.Dataset{ID: "fremd"}, nil); err == nil {
		t.Error("a dataset that is not of the region is published")
	}
	if hidden := temporaries(t, dir); len(hidden) > 0 {
		t.Errorf("temporary files are left: %v", hidden)
	}
}

func temporaries(t *testing.T, dir string) (names []string) {
	err := filepath.WalkDir(dir, func(name string, _ os.DirEntry, err error) error {
		if strings.HasSuffix(name, ".tmp") {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestLimits: what would be too large is not made, is taken away when it was,
// and the index says why.
func TestLimits(t *testing.T) {
	f := newFake(t)
	files, dir := open(t, f)
	publish(t, files)
	files.mostRows = 5 // one less than there are
	f.rows[3].Sum = 43
	publish(t, files)
	for _, ending := range []string{".excel-de.csv", ".json", ".json.gz", ".geojson", ".geojson.gz", ".geojson.zst", ".xlsx"} {
		if _, err := os.Stat(filepath.Join(dir, "alles/15m/1999-11-23"+ending)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", ending, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "alles/15m/1999-11.csv")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the month is still there: %v", err)
	}
	content(t, dir, "alles/15m/1999-11-23.parquet")
	e := entryOf(t, files, "15m", day0)
	if len(e.Missing) != 4 || e.Missing[0].Why.En != "more than 5 rows" {
		t.Errorf("the index says %+v", e.Missing)
	}
	if page := string(content(t, dir, "alles/1999-11.html")); !strings.Contains(page, "mehr als 5 Zeilen") {
		t.Error("the page does not say why a file is missing")
	}
	if err := files.Retract(t.Context()); err != nil {
		t.Fatal(err)
	}
	if files.sets["alles"].late(time.Now()) {
		t.Error("what cannot be made is tried again and again")
	}
}

// TestParts: a large region is read an hour at a time from a database that
// cannot stream.
func TestParts(t *testing.T) {
	f := newFake(t)
	for i := range 30_000 {
		f.stations = append(f.stations, devices.Station{ID: "s-" + time.Duration(i).String(), Domain: f.stations[0].Domain})
	}
	d := allKinds()
	d.Windows = d.Windows[:1]
	files, _ := open(t, f, d)
	var lengths []time.Duration
	if err := files.read(files.view(&d), opendata.Quarter, day0.Span())(t.Context(), func([]devices.Aggregate) error { return nil }); err != nil {
		t.Fatal(err)
	}
	for _, s := range f.asked {
		lengths = append(lengths, s.End.Sub(s.Start))
	}
	if len(lengths) != 24 || slices.Max(lengths) != time.Hour {
		t.Errorf("read in parts of %v", lengths)
	}
}

// TestRetract: a station that is public no more leaves every file of every day,
// window and month, siblings included, also over a restart.
func TestRetract(t *testing.T) {
	f := newFake(t)
	earlier := f.rows[3]
	earlier.Start = t0.AddDate(0, -2, 0)
	f.rows = append([]devices.Aggregate{earlier}, f.rows...)
	files, dir := open(t, f)
	if err := os.MkdirAll(filepath.Join(dir, "gestern"), 0o755); err != nil { // a dataset that the region had
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "gestern", "1999-11-23.csv"), []byte("pb-1"), 0o644),
		os.WriteFile(filepath.Join(dir, "alles", "1999-11-20.csv"), []byte("pb-1"), 0o644)); err != nil { // of the first version
		t.Fatal(err)
	}
	publish(t, files, opendata.DayOf(earlier.Start), day0)
	if got := naming(t, dir, "pb-1"); len(got) < 30 {
		t.Fatalf("pb-1 is named in %v only", got)
	}
	f.stations = f.stations[1:]
	again := openIn(t, filepath.Dir(dir), f)
	f.err = errors.New("database away")
	if err := again.Retract(t.Context()); !errors.Is(err, f.err) {
		t.Errorf("error %v, want that of the database", err)
	}
	f.err = nil
	for range 2 {
		if err := again.Retract(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := naming(t, dir, "pb-1"); len(got) != 0 {
		t.Errorf("pb-1 is still named in %v", got)
	}
	if got := naming(t, dir, "pb-2"); len(got) < 10 {
		t.Errorf("pb-2 is left in %v only", got)
	}
}

// naming returns the public files that hold a text, whatever they are packed
// in.
func naming(t *testing.T, dir, text string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, e os.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, name)
		if err != nil || e.IsDir() || !public(filepath.ToSlash(rel)) {
			return err
		}
		if strings.Contains(unpack(t, name), text) {
			names = append(names, rel)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestFirstVersion: files of the first version are replaced by those of now.
func TestFirstVersion(t *testing.T) {
	f := newFake(t)
	_, dir := open(t, f)
	old := filepath.Join(dir, "alles", "1999-11-23.csv")
	if err := os.WriteFile(old, []byte("station\r\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	files := openIn(t, filepath.Dir(dir), f)
	if err := files.Retract(t.Context()); err != nil {
		t.Fatal(err)
	}
	content(t, dir, "alles/15m/1999-11-23.csv")
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the old file is still there: %v", err)
	}
}

// TestDescriptions: what describes the files has what its standard requires,
// and each column with its unit.
func TestDescriptions(t *testing.T) {
	files, dir := open(t, newFake(t))
	publish(t, files)
	var pack struct {
		Name, Profile string
		Licenses      []struct{ Name, Path string }
		Resources     []resource
	}
	decode(t, dir, "alles/datapackage.json", &pack)
	if pack.Name != "alles" || pack.Profile != "tabular-data-package" || len(pack.Licenses) != 1 || pack.Licenses[0].Name != "dl-zero-de/2.0" || len(pack.Resources) != 5 {
		t.Errorf("data package %+v", pack)
	}
	for _, r := range pack.Resources {
		info, err := os.Stat(filepath.Join(dir, "alles", r.Path))
		if err != nil || info.Size() != r.Bytes || len(r.Hash) != len("sha256:")+64 || r.Schema != schemaName || r.Name == "" {
			t.Errorf("resource %+v: %v", r, err)
		}
	}
	var schema struct {
		Fields []struct{ Name, Type, Unit, Description string }
	}
	decode(t, dir, "alles/schema.json", &schema)
	header := strings.Split(strings.TrimSpace(strings.SplitN(string(content(t, dir, "alles/latest.csv")), "\r\n", 2)[0]), ",")
	for i, f := range schema.Fields {
		if f.Name != header[i] || f.Description == "" || (f.Type == "number" || f.Type == "integer") && f.Unit == "" {
			t.Errorf("column %d is %+v, the file has %s", i, f, header[i])
		}
	}
	var csvw struct {
		Context []any  `json:"@context"`
		Type    string `json:"@type"`
		URL     string
		Schema  string `json:"tableSchema"`
		Notes   []struct {
			Revision int
			SHA256   string
		}
	}
	decode(t, dir, "alles/15m/1999-11-23.csv-metadata.json", &csvw)
	if csvw.Context[0] != "http://www.w3.org/ns/csvw" || csvw.Type != "Table" || csvw.URL != "1999-11-23.csv" || csvw.Schema != "../csvw-schema.json" || csvw.Notes[0].Revision != 1 {
		t.Errorf("CSVW %+v", csvw)
	}
	var columns struct {
		Columns []struct {
			Name, Titles, Datatype string
			Unit                   string `json:"schema:unitCode"`
		}
	}
	decode(t, dir, "alles/csvw-schema.json", &columns)
	for i, c := range columns.Columns {
		if c.Name != header[i] || c.Datatype == "" || c.Datatype == "double" && c.Unit == "" {
			t.Errorf("column %d is %+v, the file has %s", i, c, header[i])
		}
	}
	if len(columns.Columns) != len(header) || len(schema.Fields) != len(header) {
		t.Errorf("%d and %d columns described of %d", len(columns.Columns), len(schema.Fields), len(header))
	}
}

func decode(t *testing.T, dir, name string, into any) {
	t.Helper()
	if err := json.Unmarshal(content(t, dir, name), into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}
