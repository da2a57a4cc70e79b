package files

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/xuri/excelize/v2"

	"modellregion/opendata"
)

var errCrash = errors.New("power cut")

// TestCrash cuts the power before steps of a publication that makes files, and
// of one that replaces them. What is public can be read at any time, and after a
// restart everything is as if nothing had happened.
//
// Every second step that readers can see is one; of those that they cannot,
// writing under other names, every twentieth.
func TestCrash(t *testing.T) {
	d := allKinds()
	d.Windows = d.Windows[:1]
	f := newFake(t)
	files, dir := open(t, f, d)
	publish(t, files)
	f.rows[3].Sum = 43
	files = openIn(t, filepath.Dir(dir), f, d)
	var steps []int
	step := 0
	files.fault = func(what, _ string) error {
		if what == "rename" || what == "remove" || step%10 == 0 {
			steps = append(steps, step)
		}
		step++
		return nil
	}
	publish(t, files)
	if len(steps) < 50 {
		t.Fatalf("%d steps: the test is broken", len(steps))
	}
	want := told(t, dir)
	for i, n := range steps {
		if i%2 == 0 {
			t.Run(fmt.Sprintf("replace/%d", n), func(t *testing.T) { t.Parallel(); crash(t, d, n, true, want) })
		}
		if i%5 == 0 {
			t.Run(fmt.Sprintf("make/%d", n), func(t *testing.T) { t.Parallel(); crash(t, d, n, false, want) })
		}
	}
}

// crash publishes, cuts the power after n steps, and goes on.
func crash(t *testing.T, d opendata.Dataset, n int, before bool, want map[string]string) {
	f := newFake(t)
	files, dir := open(t, f, d)
	if before {
		publish(t, files)
	}
	f.rows[3].Sum = 43
	files = openIn(t, filepath.Dir(dir), f, d)
	step := 0
	files.fault = func(string, string) error {
		if step++; step > n {
			return errCrash
		}
		return nil
	}
	if err := files.Publish(t.Context(), &d, []opendata.Day{day0}); err != nil && !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	readable(t, dir)
	publish(t, openIn(t, filepath.Dir(dir), f, d))
	readable(t, dir)
	if hidden := temporaries(t, dir); len(hidden) > 0 {
		t.Errorf("temporary files are left: %v", hidden)
	}
	if diff := cmp.Diff(want, told(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// told returns the CSV files of a folder and their siblings, unpacked.
func told(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	walk(t, dir, func(rel, name string) {
		if strings.HasSuffix(strings.TrimSuffix(strings.TrimSuffix(rel, ".gz"), ".zst"), ".csv") {
			out[rel] = unpack(t, name)
		}
	})
	return out
}

func walk(t *testing.T, dir string, visit func(rel, name string)) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, e os.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, name)
		if err == nil && !e.IsDir() && public(filepath.ToSlash(rel)) {
			visit(rel, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// unpack returns what is in a file, of a workbook what its sheets say.
func unpack(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	switch filepath.Ext(name) {
	case ".gz":
		r, err := gzip.NewReader(bytes.NewReader(data))
		if err == nil {
			data, err = io.ReadAll(r)
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	case ".zst":
		r, err := zstd.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if data, err = io.ReadAll(r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	case ".xlsx":
		book, err := excelize.OpenReader(bytes.NewReader(data))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return ""
		}
		rows, err := book.GetRows(sheetData)
		if err = errors.Join(err, book.Close()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		text, _ := json.Marshal(rows)
		return string(text)
	case ".parquet":
		file, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return ""
		}
		var text strings.Builder
		for _, group := range file.RowGroups() {
			rows := group.Rows()
			buf := make([]parquet.Row, 64)
			for {
				n, err := rows.ReadRows(buf)
				for _, row := range buf[:n] {
					for _, v := range row {
						text.WriteString(v.String() + " ")
					}
				}
				if err != nil {
					break
				}
			}
			_ = rows.Close()
		}
		return text.String()
	}
	return string(data)
}

// readable reports what of the public files cannot be read, and siblings that
// say to be of a file and are not.
func readable(t *testing.T, dir string) {
	t.Helper()
	walk(t, dir, func(rel, name string) {
		text := unpack(t, name)
		switch ext := filepath.Ext(rel); ext {
		case ".json", ".geojson":
			if !json.Valid([]byte(text)) {
				t.Errorf("%s is no JSON", rel)
			}
		case ".csv":
			r := csv.NewReader(strings.NewReader(text))
			if strings.HasSuffix(rel, ".excel-de.csv") {
				r.Comma = ';'
			}
			if lines, err := r.ReadAll(); err != nil || len(lines) == 0 {
				t.Errorf("%s: %d lines, %v", rel, len(lines), err)
			}
		case ".gz", ".zst":
			plain := strings.TrimSuffix(name, ext)
			a, err := os.Stat(plain)
			if err != nil {
				t.Errorf("%s stands alone: %v", rel, err)
				return
			}
			b, err := os.Stat(name)
			if err == nil && a.ModTime().Equal(b.ModTime()) && unpack(t, plain) != text {
				t.Errorf("%s says to be of %s and is not", rel, plain)
			}
		}
	})
}
