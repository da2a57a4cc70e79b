package files

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"modellregion/opendata"
)

// TestReader serves what another has written, and leaves no trace.
func TestReader(t *testing.T) {
	dir := t.TempDir()
	sets := opendata.Defaults()[:1]
	if _, err := OpenReader(dir, sets, 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a folder: %v", err)
	}
	data := filepath.Join(dir, "data", "verkehr", "15m")
	if err := os.MkdirAll(data, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"2020-01-01.csv": "station\na\n", ".2020-01-02.csv.tmp": "half"} {
		if err := os.WriteFile(filepath.Join(data, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r, err := OpenReader(dir, sets, 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{
		"/data/verkehr/15m/2020-01-01.csv":      http.StatusOK,
		"/data/verkehr/2020-01-01.csv":          http.StatusMovedPermanently,
		"/data/verkehr/15m/.2020-01-02.csv.tmp": http.StatusNotFound,
		"/data/verkehr/15m/none.csv":            http.StatusNotFound,
	} {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, nil))
		if w.Code != want {
			t.Errorf("%s answers %d, want %d", path, w.Code, want)
		}
		if want == http.StatusOK && w.Header().Get("Cache-Control") != forEver[0] {
			t.Errorf("%s is %s", path, w.Header().Get("Cache-Control"))
		}
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(data); err != nil || len(entries) != 2 {
		t.Errorf("%v (%v) are there, want the two of before", entries, err)
	}
}
