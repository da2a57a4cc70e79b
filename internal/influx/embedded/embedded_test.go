package embedded_test

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"modellregion/internal/influx/embedded"
)

func query(t *testing.T, s *embedded.Server, l embedded.Login, db, q string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, s.URL()+"/query?"+url.Values{"db": {db}, "q": {q}}.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if l.Username != "" {
		req.SetBasicAuth(l.Username, l.Password)
	}
	return do(t, req)
}

func do(t *testing.T, req *http.Request) (int, string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestStartKeepsDataAndLogins(t *testing.T) {
	dir := t.TempDir()
	s, err := embedded.Start(t.Context(), embedded.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, s.URL()+"/api/v2/write?bucket=raw", strings.NewReader("traffic,device=a vehicle_count=3"))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(s.Platform.Username, s.Platform.Password)
	if status, body := do(t, req); status != http.StatusNoContent {
		t.Fatalf("write answered %d %s", status, body)
	}
	platform, public := s.Platform, s.Public
	if login, err := embedded.PlatformLogin(dir); login != s.Platform || err != nil {
		t.Errorf("the login of the platform is %v (%v), want that of the server", login, err)
	}
	if _, err := embedded.PlatformLogin(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("where nothing was started: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	begin := time.Now()
	s, err = embedded.Start(t.Context(), embedded.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Logf("second start took %v", time.Since(begin))
	if s.Platform != platform || s.Public != public {
		t.Error("the logins changed with the restart")
	}
	if status, body := query(t, s, s.Reader, "raw", "SELECT vehicle_count FROM traffic"); status != 200 || !strings.Contains(body, "vehicle_count") {
		t.Errorf("reader got %d %s, want the point", status, body)
	}
}

// A crash between making a user and giving it its rights is mended by the next
// start.
func TestRightsAreGivenAtEveryStart(t *testing.T) {
	dir := t.TempDir()
	s, err := embedded.Start(t.Context(), embedded.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, s.URL()+"/query?"+url.Values{"q": {`REVOKE READ ON "open" FROM "public"`}}.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(s.Platform.Username, s.Platform.Password)
	if status, body := do(t, req); status != http.StatusOK || strings.Contains(body, "error") {
		t.Fatalf("revoke answered %d %s", status, body)
	}
	if status, _ := query(t, s, s.Public, "open", "SHOW MEASUREMENTS"); status != http.StatusForbidden {
		t.Fatalf("without its right the public login gets %d", status)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = embedded.Start(t.Context(), embedded.Options{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if status, body := query(t, s, s.Public, "open", "SHOW MEASUREMENTS"); status != http.StatusOK {
		t.Errorf("after the restart the public login gets %d %s", status, body)
	}
}

func TestWhoMayDoWhat(t *testing.T) {
	s, err := embedded.Start(t.Context(), embedded.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, c := range []struct {
		name   string
		login  embedded.Login
		db, q  string
		status int
	}{
		{"nobody", embedded.Login{}, "open", "SHOW MEASUREMENTS", http.StatusUnauthorized},
		{"wrong password", embedded.Login{Username: "public", Password: "x"}, "open", "SHOW MEASUREMENTS", http.StatusUnauthorized},
		{"public reads open", s.Public, "open", "SELECT * FROM verkehr", http.StatusOK},
		{"public reads raw", s.Public, "raw", "SELECT * FROM traffic", http.StatusForbidden},
		{"public drops", s.Public, "open", "DROP SERIES FROM verkehr", http.StatusForbidden},
		{"reader reads raw", s.Reader, "raw", "SELECT * FROM traffic", http.StatusOK},
		{"reader drops", s.Reader, "raw", "DROP SERIES FROM traffic", http.StatusForbidden},
	} {
		t.Run(c.name, func(t *testing.T) {
			if status, body := query(t, s, c.login, c.db, c.q); status != c.status {
				t.Errorf("got %d %s, want %d", status, body, c.status)
			}
		})
	}
	// What shows the host process is for the administrator, or at least for
	// known users, alone.
	for _, c := range []struct {
		path  string
		login embedded.Login
	}{
		{"/debug/pprof/", s.Reader},
		{"/debug/vars", s.Reader},
		{"/debug/requests", s.Reader},
		{"/metrics", embedded.Login{}},
	} {
		req, err := http.NewRequest(http.MethodGet, s.URL()+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.login.Username != "" {
			req.SetBasicAuth(c.login.Username, c.login.Password)
		}
		if status, body := do(t, req); status == http.StatusOK {
			t.Errorf("%s answers %q with %d bytes of the host process", c.path, c.login.Username, len(body))
		}
	}
}
