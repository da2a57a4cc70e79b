package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"modellregion/internal/influx/embedded"
)

func start(t *testing.T, dir string, retention time.Duration) *embedded.Server {
	t.Helper()
	s, err := embedded.Start(t.Context(), embedded.Options{Dir: dir, Retention: retention})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func stop(t *testing.T, s *embedded.Server) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// put writes lines.
func put(t *testing.T, s *embedded.Server, bucket, lines string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, s.URL()+"/api/v2/write?bucket="+bucket, strings.NewReader(lines))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(s.Platform.Username, s.Platform.Password)
	if status, body := do(t, req); status != http.StatusNoContent {
		t.Errorf("write answered %d %s", status, body)
	}
}

// counted returns how many values a query counts.
func counted(t *testing.T, s *embedded.Server, db, q string) string {
	t.Helper()
	status, body := query(t, s, s.Reader, db, q)
	_, after, _ := strings.Cut(body, `"values":[["1970-01-01T00:00:00Z",`)
	n, _, _ := strings.Cut(after, "]")
	if status != http.StatusOK {
		t.Errorf("%s: %d %s", q, status, body)
	}
	return n
}

func free() func() { return func() {} }

// unpack keeps the files of a backup in a folder.
func unpack(dir string) func(string, int64, time.Time, io.Reader) error {
	return func(name string, size int64, _ time.Time, content io.Reader) error {
		data, err := io.ReadAll(content)
		if err == nil && int64(len(data)) != size {
			err = fmt.Errorf("%s has %d bytes, want %d", name, len(data), size)
		}
		to := filepath.Join(dir, name)
		return errors.Join(err, os.MkdirAll(filepath.Dir(to), 0o700), os.WriteFile(to, data, 0o600))
	}
}

// What was written before a backup comes back, also what was in memory alone;
// what was deleted does not; and users, rights and new writes work.
func TestBackup(t *testing.T) {
	s := start(t, t.TempDir(), 0)
	now := time.Now()
	for day := range 2 {
		at := now.Add(-time.Duration(day) * 24 * time.Hour)
		put(t, s, "raw", fmt.Sprintf("traffic,device=a vehicle_count=%d %d\ntraffic,device=b vehicle_count=%d %d", day, at.UnixNano(), day, at.UnixNano()))
		put(t, s, "raw", fmt.Sprintf("dead_letter,edge=e message=\"lost %d\" %d", day, at.UnixNano()))
	}
	put(t, s, "open", "cursor cursor=1 0\nverkehr,station=s count=3 1000")
	req, err := http.NewRequest(http.MethodPost, s.URL()+"/query?db=raw", strings.NewReader("q=DELETE+FROM+traffic+WHERE+device='b'"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(s.Platform.Username, s.Platform.Password)
	if status, body := do(t, req); status != http.StatusOK || strings.Contains(body, "error") {
		t.Fatalf("delete: %d %s", status, body)
	}
	dir, held := t.TempDir(), 0
	hold := func() func() {
		held++
		return func() {
			held++
			put(t, s, "raw", fmt.Sprintf("traffic,device=late vehicle_count=1 %d", now.UnixNano())) // is not in it
		}
	}
	if err := s.Backup(t.Context(), hold, unpack(dir)); err != nil || held != 2 {
		t.Fatalf("held and released %d times: %v", held, err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(dir), "*", "data", "*", "*", "*", "*.tmp")); err != nil || len(left) > 0 {
		t.Errorf("links are left: %v (%v)", left, err)
	}
	stop(t, s)

	if err := embedded.Prepare(dir); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second start finds what the first has built
		back := start(t, dir, 0)
		if back.Platform != s.Platform || back.Public != s.Public {
			t.Error("the logins are others")
		}
		for _, c := range [][3]string{
			{"raw", "SELECT count(vehicle_count) FROM traffic WHERE device = 'a'", "2"}, {"raw", "SELECT count(vehicle_count) FROM traffic WHERE device = 'b'", ""},
			{"raw", "SELECT count(vehicle_count) FROM traffic WHERE device = 'late'", ""},
			{"raw", "SELECT count(message) FROM dead_letter WHERE edge = 'e'", "2"},
			{"open", "SELECT count(\"count\") FROM verkehr WHERE station = 's'", "1"}, {"open", "SELECT count(\"cursor\") FROM \"cursor\"", "1"},
		} {
			if n := counted(t, back, c[0], c[1]); n != c[2] {
				t.Errorf("%s: %q, want %q", c[1], n, c[2])
			}
		}
		if _, body := query(t, back, back.Platform, "raw", "SHOW MEASUREMENTS"); !strings.Contains(body, "dead_letter") || !strings.Contains(body, "traffic") {
			t.Errorf("measurements %s", body)
		}
		if status, _ := query(t, back, back.Public, "raw", "SHOW MEASUREMENTS"); status != http.StatusForbidden {
			t.Errorf("the public login gets %d in bucket raw", status)
		}
		put(t, back, "raw", fmt.Sprintf("traffic,device=new vehicle_count=1 %d", now.UnixNano()))
		if n := counted(t, back, "raw", "SELECT count(vehicle_count) FROM traffic WHERE device = 'new'"); n != "1" {
			t.Errorf("%q new readings, want 1", n)
		}
		if index, err := filepath.Glob(filepath.Join(dir, "data", "*", "*", "*", "index", "0")); err != nil || len(index) != 3 {
			t.Errorf("shards with an index on disk: %v (%v)", index, err)
		}
		stop(t, back)
	}
}

// A backup beside writers has everything that was acknowledged before it began.
func TestBackupUnderLoad(t *testing.T) {
	s := start(t, t.TempDir(), 0)
	now := time.Now()
	var writers sync.WaitGroup
	over, cancel := context.WithCancel(t.Context())
	var written atomic.Int64
	writers.Go(func() {
		for n := 0; over.Err() == nil; n++ {
			put(t, s, "raw", fmt.Sprintf("traffic,device=a vehicle_count=%d %d", n, now.Add(-time.Duration(n)*time.Second).UnixNano()))
			written.Add(1)
		}
	})
	for seen := written.Load(); written.Load() < seen+20; {
		runtime.Gosched()
	}
	before := written.Load()
	dir := t.TempDir()
	if err := s.Backup(t.Context(), free, unpack(dir)); err != nil {
		t.Fatal(err)
	}
	if err := embedded.Prepare(dir); err != nil {
		t.Fatal(err)
	}
	back := start(t, dir, 0)
	var n int64
	if _, err := fmt.Sscan(counted(t, back, "raw", "SELECT count(vehicle_count) FROM traffic"), &n); err != nil || n < before {
		t.Errorf("%d of at least %d readings came back (%v)", n, before, err)
	}
	stop(t, back)
	cancel()
	writers.Wait()
	stop(t, s)
}

func TestOneAtATime(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir, 0)
	if _, err := embedded.Start(t.Context(), embedded.Options{Dir: dir}); !errors.Is(err, embedded.ErrInUse) {
		t.Errorf("a second server in the same folder: %v", err)
	}
	stop(t, s)
	stop(t, start(t, dir, 0))
}

// A change of raw_retention holds for a database that is there, from the next
// start on; bucket open keeps everything.
func TestRetentionFollowsTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	for _, days := range []int{90, 30} {
		s := start(t, dir, time.Duration(days)*24*time.Hour)
		if _, body := query(t, s, s.Platform, "raw", "SHOW RETENTION POLICIES"); !strings.Contains(body, fmt.Sprintf(`["raw","%dh0m0s","24h0m0s",1,true]`, 24*days)) || strings.Count(body, "h0m0s") != 2 {
			t.Errorf("with %d days bucket raw has %s", days, body)
		}
		if _, body := query(t, s, s.Platform, "open", "SHOW RETENTION POLICIES"); !strings.Contains(body, `["open","0s","168h0m0s",1,true]`) {
			t.Errorf("bucket open has %s", body)
		}
		put(t, s, "open", "verkehr,station=s count=3 1000") // of 1970, and still taken
		if n := counted(t, s, "open", `SELECT count("count") FROM verkehr`); n != "1" {
			t.Errorf("bucket open has %q points of 1970, want 1", n)
		}
		stop(t, s)
	}
}
