package influx_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"modellregion/devices"
	"modellregion/internal/influx"
)

// statement runs InfluxQL as the platform's login and returns the answer.
func (s server) statement(t *testing.T, q string) string {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, s.platform.URL+"/query", strings.NewReader(url.Values{"q": {q}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(s.platform.Username, s.platform.Password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	}()
	var answer json.RawMessage
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(answer), "error") {
		t.Fatalf("%s: %s", q, answer)
	}
	return string(answer)
}

// policies are the retention policies of both databases.
func (s server) policies(t *testing.T) string {
	t.Helper()
	return s.statement(t, `SHOW RETENTION POLICIES ON "raw"`) + s.statement(t, `SHOW RETENTION POLICIES ON "open"`)
}

func wantPolicies(t *testing.T, s server, want ...string) {
	t.Helper()
	got := s.policies(t)
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("policies are %s, want %s", got, w)
		}
	}
}

func TestSetUp1(t *testing.T) {
	s := start1(t)
	s.statement(t, `DROP DATABASE "raw"`)
	s.statement(t, `DROP DATABASE "open"`)
	reader, public, platform := connect(t, s.reader), connect(t, s.public), s.client(t)

	if err := reader.SetUp(t.Context(), retention); err == nil || !strings.Contains(err.Error(), `CREATE DATABASE "raw" WITH DURATION 90d REPLICATION 1 SHARD DURATION 1d NAME "raw"`) {
		t.Errorf("a reader where nothing is: error %v, want the statement", err)
	}
	for range 2 {
		if err := platform.SetUp(t.Context(), retention); err != nil {
			t.Fatal(err)
		}
		wantPolicies(t, s, `["raw","2160h0m0s","24h0m0s",1,true]`, `["open","0s","168h0m0s",1,true]`)
	}
	if err := platform.Write(t.Context(), []devices.Report{report(t, 1, window0, map[string]float64{"frequency": 50})}); err != nil {
		t.Error(err)
	}

	// What is there is brought to the retention that is wanted, by those who may.
	if err := platform.SetUp(t.Context(), 48*time.Hour); err != nil {
		t.Fatal(err)
	}
	wantPolicies(t, s, `["raw","48h0m0s","24h0m0s",1,true]`)
	s.statement(t, `GRANT READ ON "raw" TO "reader"`)
	s.statement(t, `GRANT READ ON "open" TO "reader"`)
	if err := reader.SetUp(t.Context(), retention); err != nil {
		t.Errorf("a reader where everything is: %v", err)
	}
	wantPolicies(t, s, `["raw","48h0m0s","24h0m0s",1,true]`)
	if err := platform.SetUp(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	wantPolicies(t, s, `["raw","0s","24h0m0s",1,true]`)

	if err := public.SetUp(t.Context(), retention); err == nil || !strings.Contains(err.Error(), `GRANT ALL ON "raw" TO "public"`) {
		t.Errorf("a login without rights: error %v, want the statement", err)
	}
	wrong := s.platform
	wrong.Password = "x"
	if err := connect(t, wrong).SetUp(t.Context(), retention); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("a wrong password: error %v", err)
	}
}

// Short retentions, and databases that somebody made by hand.
func TestSetUp1ByHand(t *testing.T) {
	s := start1(t)
	for _, q := range []string{`DROP DATABASE "raw"`, `DROP DATABASE "open"`, `CREATE DATABASE "open" WITH DURATION 52w`} {
		s.statement(t, q)
	}
	if err := s.client(t).SetUp(t.Context(), 2*time.Hour); err != nil {
		t.Fatal(err)
	}
	wantPolicies(t, s, `["raw","2h0m0s","2h0m0s",1,true]`, `["autogen","0s","168h0m0s",1,true]`)
}

func TestSetUp2(t *testing.T) {
	const ninety = 90 * 86400
	fresh := map[string]int64{}
	for _, c := range []struct {
		name     string
		buckets  map[string]int64 // that are there, and how many seconds they keep
		mappings map[string]string
		virtual  bool // mappings
		readOnly bool // token
		org      string
		want     string // in the error
		changes  int    // that it makes
	}{
		{name: "nothing there", buckets: fresh, changes: 4},
		{name: "of a version with virtual mappings", buckets: fresh, virtual: true, changes: 2},
		{name: "all there", buckets: map[string]int64{"raw": ninety, "open": 0}, mappings: map[string]string{"raw": "raw", "open": "open"}, changes: 0},
		{name: "one bucket there", buckets: map[string]int64{"raw": ninety}, changes: 3},
		{name: "other retentions", buckets: map[string]int64{"raw": 60, "open": ninety}, virtual: true, changes: 2},
		{name: "all there, for a reader", buckets: map[string]int64{"raw": ninety, "open": 0}, virtual: true, readOnly: true},
		{name: "other retentions, for a reader", buckets: map[string]int64{"raw": 60, "open": 0}, virtual: true, readOnly: true},
		{name: "nothing there, for a reader", buckets: fresh, readOnly: true, want: "influx bucket create --org modellregion --name raw --retention 7776000s"},
		{name: "no mapping, for a reader", buckets: map[string]int64{"raw": ninety, "open": 0}, readOnly: true, want: "influx v1 dbrp create --bucket-id id-raw --db raw --rp raw --default"},
		{name: "mapped elsewhere", buckets: map[string]int64{"raw": ninety, "open": 0, "old": 0}, mappings: map[string]string{"raw": "old"}, virtual: true, want: "influx v1 dbrp delete --id dbrp-raw"},
		{name: "no such organisation", buckets: fresh, org: "modelregion", want: `organization name "modelregion" not found`},
		{name: "no organisation", buckets: fresh, org: "-", want: "name of an organisation"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fake2{version: "v2.7.12", buckets: map[string]int64{}, mappings: map[string]string{}, virtual: c.virtual, readOnly: c.readOnly}
			for name, keep := range c.buckets {
				f.buckets[name] = keep
			}
			for db, bucket := range c.mappings {
				f.mappings[db] = bucket
			}
			server := httptest.NewServer(f)
			defer server.Close()
			cfg := influx.Config{URL: server.URL, Token: "secret", Org: "modellregion"}
			if c.org != "" {
				cfg.Org = strings.Trim(c.org, "-")
			}
			client := connect(t, cfg)
			for range 2 {
				err := client.SetUp(t.Context(), retention)
				if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
					t.Fatalf("error %v, want %q", err, c.want)
				}
			}
			if c.want != "" {
				return
			}
			if f.changes != c.changes {
				t.Errorf("%d changes, want %d", f.changes, c.changes)
			}
			if c.readOnly {
				return
			}
			if diff := cmp.Diff(map[string]int64{"raw": ninety, "open": 0}, f.buckets); diff != "" {
				t.Error(diff)
			}
			for _, name := range []string{"raw", "open"} {
				if !c.virtual && f.mappings[name] != name {
					t.Errorf("database %s is mapped to %q", name, f.mappings[name])
				}
			}
		})
	}
}

func TestSetUp3(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int // of an attempt to create
		query  int // of a query
		want   string
	}{
		{"created", 200, 200, ""},
		{"there", 409, 200, ""},
		{"no such address", 404, 200, ""},
		{"may not, there", 403, 200, ""},
		{"may not, missing", 403, 404, "influxdb3 create database --retention-period 2160h raw"},
		{"too many databases", 422, 404, "422"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var asked []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				switch r.URL.Path {
				case "/ping":
					w.Header().Set("X-Influxdb-Version", "3.4.1")
					w.Header().Set("X-Influxdb-Build", "Core")
				case "/api/v3/configure/database":
					var body map[string]string
					if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
						t.Error(err)
					}
					asked = append(asked, body["db"]+" "+body["retention_period"])
					w.WriteHeader(c.status)
				case "/query":
					w.WriteHeader(c.query)
					_, _ = w.Write([]byte(`{"results":[]}`))
				default:
					t.Errorf("request for %s", r.URL)
				}
			}))
			defer server.Close()
			err := connect(t, influx.Config{URL: server.URL, Token: "t"}).SetUp(t.Context(), retention)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if want := []string{"raw 2160h", "open "}; c.want == "" && cmp.Diff(want, asked) != "" {
				t.Errorf("asked for %q, want %q", asked, want)
			}
		})
	}
}

func TestSetUpOfSomethingElse(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	if err := connect(t, influx.Config{URL: server.URL}).SetUp(t.Context(), retention); err == nil || !strings.Contains(err.Error(), server.URL) {
		t.Errorf("error %v, want one with the URL", err)
	}
	page := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer page.Close()
	if err := connect(t, influx.Config{URL: page.URL}).SetUp(t.Context(), retention); err == nil || !strings.Contains(err.Error(), "no InfluxDB") {
		t.Errorf("error %v, want that this is no InfluxDB", err)
	}
}

// The 2.x that is there takes a second set up as it took the first.
func TestSetUpAgain(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		c := s.client(t)
		for _, keep := range []time.Duration{retention, 30 * 24 * time.Hour, 30 * 24 * time.Hour} {
			if err := c.SetUp(t.Context(), keep); err != nil {
				t.Fatal(err)
			}
		}
		err := c.Write(t.Context(), []devices.Report{report(t, 1, time.Now().Add(-40*24*time.Hour), map[string]float64{"frequency": 50})})
		if err == nil {
			t.Error("what is older than the retention is taken")
		}
		if err := c.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
