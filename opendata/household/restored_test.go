package household

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"modellregion/opendata"
)

// A folder comes back from a backup that is older than what was published.
// What it knows is published again, and the same; what it does not know and may
// have been public is left, and days that were not due by then go on.
func TestRestored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, first := village(12)
		dir := t.TempDir()
		r := w.release(t, dir, dataset(5, false))
		time.Sleep(time.Until(first.Span().End.Add(opendata.LeastDelay)))
		if err := r.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		copied := map[string][]byte{}
		err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() || Remade(path) {
				return err
			}
			name, _ := filepath.Rel(dir, path)
			copied[name], err = os.ReadFile(path)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		rows := w.rows

		second := opendata.DayOf(first.Span().End)
		time.Sleep(time.Until(second.Span().End.Add(opendata.LeastDelay + time.Hour)))
		if err := r.Step(t.Context()); err != nil || w.files[second] != 1 {
			t.Fatalf("the second day was published %d times (%v)", w.files[second], err)
		}
		// The disk is lost, and with it what was stored since.
		dir = t.TempDir()
		for name, data := range copied {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		w.rows = rows
		for key, row := range w.rows {
			if row.Start.After(second.Span().Start.Add(-time.Second)) {
				delete(w.rows, key)
			}
		}
		if err := Restored(dir, time.Now()); err != nil {
			t.Fatal(err)
		}
		puts := len(w.puts)
		third := opendata.DayOf(second.Span().End)
		time.Sleep(time.Until(third.Span().End.Add(opendata.LeastDelay + time.Hour)))
		if err := w.release(t, dir, dataset(5, false)).Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		if w.files[first] != 2 || w.files[second] != 1 || w.files[third] != 1 {
			t.Errorf("files of %v were published; want those of %s again, of %s left and of %s", w.files, first, second, third)
		}
		for _, row := range w.puts[puts:] {
			if day := opendata.DayOf(row.Start); day == second {
				t.Errorf("a second decision about %s is public", second)
			}
		}
		if !strings.Contains(w.text.String(), "left as they are") {
			t.Errorf("the log does not tell:\n%s", w.text.String())
		}
	})
}

// What a newer program wrote is not damaged, and no reason to look for a backup.
func TestNewer(t *testing.T) {
	day := opendata.Day{Year: 2026, Month: 11, Day: 23}
	data, err := json.Marshal(record{Version: Version + 1, Dataset: "haushalte", Day: day.String()})
	if err != nil {
		t.Fatal(err)
	}
	const want = "is of version 2, this program knows 1"
	if _, err := parseRecord(data, "haushalte", day); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("decision: %v", err)
	}
	if _, err := parseMembers([]byte(`{"v":2}`)); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("members: %v", err)
	}
}
