package embedded_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"modellregion/internal/influx/embedded"
)

// What is written after a start that found the write-ahead log torn is there
// after the next one too.
func TestTornLog(t *testing.T) {
	for name, tail := range map[string]string{
		"in its head":  "\x01\x00\x00",
		"in its body":  "\x01\x00\x00\x10\x00half of an entry",
		"with garbage": "\x01\x00\x00\x00\x04\xff\xff\xff\xff",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			live := func(n int) {
				t.Helper()
				s, err := embedded.Start(t.Context(), embedded.Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
				if err != nil {
					t.Fatal(err)
				}
				req, err := http.NewRequest(http.MethodPost, s.URL()+"/api/v2/write?bucket=raw", strings.NewReader(fmt.Sprintf("traffic,device=d%d vehicle_count=3", n)))
				if err != nil {
					t.Fatal(err)
				}
				req.SetBasicAuth(s.Platform.Username, s.Platform.Password)
				if status, body := do(t, req); status != http.StatusNoContent {
					t.Fatalf("write %d answered %d %s", n, status, body)
				}
				_, body := query(t, s, s.Reader, "raw", "SELECT vehicle_count, device FROM traffic")
				for i := range n + 1 {
					if !strings.Contains(body, fmt.Sprintf(`"d%d"`, i)) {
						t.Errorf("in life %d, point %d is gone: %s", n, i, body)
					}
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			live(0)
			segments, err := filepath.Glob(filepath.Join(dir, "wal", "raw", "*", "*", "_*.wal"))
			if err != nil || len(segments) != 1 {
				t.Fatalf("segments %v (%v), want one", segments, err)
			}
			f, err := os.OpenFile(segments[0], os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteString(tail); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			live(1)
			live(2)
		})
	}
}
