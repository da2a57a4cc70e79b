package influx_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/domain"

	"modellregion/devices"
	"modellregion/internal/influx"
	"modellregion/internal/influx/embedded"
	"modellregion/uplink"
)

const retention = 90 * 24 * time.Hour // of bucket raw

// server is an empty InfluxDB.
type server struct {
	platform influx.Config // may do everything
	public   influx.Config // the public's login
	reader   influx.Config // may read both buckets; of 1.8 alone
}

// client returns a client of the platform.
func (s server) client(t *testing.T) *influx.Client { return connect(t, s.platform) }

func connect(t *testing.T, cfg influx.Config) *influx.Client {
	t.Helper()
	c := influx.New(cfg)
	t.Cleanup(c.Close)
	return c
}

// onEach runs a test against the embedded InfluxDB 1.8 and, when INFLUX2_URL
// and INFLUX2_TOKEN name one, against a 2.x, whose buckets raw and open it
// deletes.
func onEach(t *testing.T, test func(t *testing.T, s server)) {
	t.Run("1.8", func(t *testing.T) { test(t, start1(t)) })
	t.Run("2.x", func(t *testing.T) { test(t, start2(t)) })
}

// one is the embedded server of all tests: to start it is to draw three
// passwords, which takes most of a test's time.
var one struct {
	start  sync.Once
	server *embedded.Server
	dir    string
	err    error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if one.server != nil {
		if err := errors.Join(one.server.Close(), os.RemoveAll(one.dir)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func start1(t *testing.T) server {
	t.Helper()
	one.start.Do(func() {
		if one.dir, one.err = os.MkdirTemp("", "influx"); one.err == nil {
			one.server, one.err = embedded.Start(context.Background(), embedded.Options{Dir: one.dir})
		}
	})
	if one.err != nil {
		t.Fatal(one.err)
	}
	login := func(l embedded.Login) influx.Config {
		return influx.Config{URL: one.server.URL(), Username: l.Username, Password: l.Password}
	}
	s := server{login(one.server.Platform), login(one.server.Public), login(one.server.Reader)}
	s.statement(t, `DROP DATABASE "raw"`)
	s.statement(t, `DROP DATABASE "open"`)
	if err := s.client(t).SetUp(t.Context(), retention); err != nil {
		t.Fatal(err)
	}
	s.statement(t, `GRANT READ ON "raw" TO "reader"`)
	s.statement(t, `GRANT READ ON "open" TO "reader"`)
	s.statement(t, `GRANT READ ON "open" TO "public"`)
	return s
}

func start2(t *testing.T) server {
	t.Helper()
	cfg := influx.Config{URL: os.Getenv("INFLUX2_URL"), Token: os.Getenv("INFLUX2_TOKEN"), Org: cmp.Or(os.Getenv("INFLUX2_ORG"), "modellregion")}
	if cfg.URL == "" {
		t.Skip("INFLUX2_URL is not set")
	}
	admin := influxdb2.NewClient(cfg.URL, cfg.Token)
	t.Cleanup(admin.Close)
	for _, name := range []string{influx.Raw, influx.Open} {
		forget2(t, admin, cfg.Org, name)
	}
	if err := connect(t, cfg).SetUp(t.Context(), retention); err != nil {
		t.Fatal(err)
	}
	public := cfg
	public.Token = reader2(t, admin, cfg.Org)
	return server{platform: cfg, public: public}
}

// forget2 deletes a bucket and its mappings.
func forget2(t *testing.T, admin influxdb2.Client, org, bucket string) {
	t.Helper()
	ctx := t.Context()
	if b, err := admin.BucketsAPI().FindBucketByName(ctx, bucket); err == nil {
		if err := admin.BucketsAPI().DeleteBucket(ctx, b); err != nil {
			t.Fatal(err)
		}
	}
	found, err := admin.APIClient().GetDBRPs(ctx, &domain.GetDBRPsParams{Org: &org, Db: &bucket})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range *found.Content {
		if err := admin.APIClient().DeleteDBRPID(ctx, &domain.DeleteDBRPIDAllParams{
			DbrpID: m.Id, DeleteDBRPIDParams: domain.DeleteDBRPIDParams{Org: &org},
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// reader2 returns a token that may read bucket open alone.
func reader2(t *testing.T, admin influxdb2.Client, org string) string {
	t.Helper()
	bucket, err := admin.BucketsAPI().FindBucketByName(t.Context(), influx.Open)
	if err != nil {
		t.Fatal(err)
	}
	owner, err := admin.OrganizationsAPI().FindOrganizationByName(t.Context(), org)
	if err != nil {
		t.Fatal(err)
	}
	auth, err := admin.AuthorizationsAPI().CreateAuthorizationWithOrgID(t.Context(), *owner.Id, []domain.Permission{{
		Action: domain.PermissionActionRead, Resource: domain.Resource{Type: domain.ResourceTypeBuckets, Id: bucket.Id, OrgID: owner.Id},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return *auth.Token
}

// put writes lines as another program would.
func (s server) put(t *testing.T, bucket, lines string) {
	t.Helper()
	to := s.platform.URL + "/api/v2/write?" + url.Values{"bucket": {bucket}, "org": {s.platform.Org}}.Encode()
	req, err := http.NewRequest(http.MethodPost, to, strings.NewReader(lines))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Token "+cmp.Or(s.platform.Token, s.platform.Username+":"+s.platform.Password))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode != http.StatusNoContent {
		t.Fatalf("write %q: %d %s %v", lines, resp.StatusCode, body, err)
	}
}

func quantity(t *testing.T, name string) *devices.Quantity {
	t.Helper()
	q, ok := devices.Lookup(name)
	if !ok {
		t.Fatalf("no quantity %s", name)
	}
	return q
}

// window0 is a window long over, so that its marks include the next one.
var window0 = time.Now().UTC().Truncate(devices.DirtyWindow).Add(-4 * devices.DirtyWindow)

func report(t *testing.T, device byte, at time.Time, values map[string]float64) devices.Report {
	r := devices.Report{
		Device: uplink.EUI{device}, Station: "stadt-netz-1", Municipality: "stadt", Domain: uplink.Energy,
		Time: at, FCnt: 7, DR: 5, RX: []uplink.Reception{{Gateway: uplink.EUI{9}, RSSIdBm: -97, SNRdB: 7.5}},
	}
	for name, v := range values {
		q, channel, _ := strings.Cut(name, " ")
		r.Readings = append(r.Readings, devices.Reading{Quantity: quantity(t, q), Channel: channel, Value: v})
	}
	return r
}

func TestPing(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		for _, cfg := range []influx.Config{s.platform, s.public} {
			if err := connect(t, cfg).Ping(t.Context()); err != nil {
				t.Error(err)
			}
		}
		wrong := s.platform
		wrong.Token, wrong.Username, wrong.Password = "", "nobody", "x"
		if err := connect(t, wrong).Ping(t.Context()); err == nil {
			t.Error("a stranger gets an answer")
		}
	})
}

func TestWriteThenRead(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		c := s.client(t)
		batch := []devices.Report{
			report(t, 1, window0.Add(123*time.Millisecond), map[string]float64{"voltage l1": 230.1, "voltage l2": 229.9, "frequency": 50}),
			report(t, 1, window0.Add(time.Minute), map[string]float64{"voltage l1": 231}),
			report(t, 2, window0, map[string]float64{"frequency": 49.9}),
		}
		for range 2 { // the second time changes nothing
			if err := c.Write(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
		}
		got, err := c.DeviceReadings(t.Context(), uplink.Energy, uplink.EUI{1}, devices.Span{Start: window0, End: window0.Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(got, func(a, b devices.Report) int {
			return strings.Compare(a.Time.String()+a.Readings[0].Channel, b.Time.String()+b.Readings[0].Channel)
		})
		row := func(at time.Time, name, channel string, value float64) devices.Report {
			return devices.Report{Device: uplink.EUI{1}, Domain: uplink.Energy, Time: at, Readings: []devices.Reading{{Quantity: quantity(t, name), Channel: channel, Value: value}}}
		}
		want := []devices.Report{
			row(window0.Add(123*time.Millisecond), "frequency", "", 50),
			row(window0.Add(123*time.Millisecond), "voltage", "l1", 230.1),
			row(window0.Add(123*time.Millisecond), "voltage", "l2", 229.9),
			row(window0.Add(time.Minute), "voltage", "l1", 231),
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestDoubtsAreStored(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		c := s.client(t)
		r := report(t, 1, window0, map[string]float64{"voltage l1": 230.1})
		r.Doubts = []devices.Doubt{
			{Mark: devices.MarkJump, Quantity: quantity(t, "voltage"), Channel: "l1", Value: 230.1, Previous: 12},
			{Mark: devices.MarkGap, Value: 3},
		}
		if err := c.Write(t.Context(), []devices.Report{r}); err != nil {
			t.Fatal(err)
		}
		for q, want := range map[string]int{
			`SELECT value, previous FROM quality WHERE mark = 'jump' AND quantity = 'voltage' AND channel = 'l1' AND station = 'stadt-netz-1' AND previous = 12`: 1,
			`SELECT value FROM quality WHERE mark = 'gap' AND device = '0100000000000000' AND municipality = 'stadt' AND value = 3`:                              1,
			`SELECT value FROM quality`: 2,
		} {
			if n, err := c.CountRows(t.Context(), q); err != nil || n != want {
				t.Errorf("%s gives %d rows (%v), want %d", q, n, err, want)
			}
		}
	})
}

func TestDirtyMarks(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		c := s.client(t)
		before := time.Now()
		if err := c.Write(t.Context(), []devices.Report{report(t, 1, window0.Add(time.Minute), map[string]float64{"frequency": 50})}); err != nil {
			t.Fatal(err)
		}
		after := time.Now()
		got, err := c.Dirty(t.Context(), devices.Span{Start: before, End: after})
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(got, func(a, b devices.DirtyMark) int { return a.Window.Compare(b.Window) })
		want := []devices.DirtyMark{
			{Domain: uplink.Energy, Window: window0},
			{Domain: uplink.Energy, Window: window0.Add(devices.DirtyWindow)},
		}
		if diff := gocmp.Diff(want, got, cmpopts.IgnoreFields(devices.DirtyMark{}, "Arrived")); diff != "" {
			t.Error(diff)
		}
		// A later write to the same window is a mark that was not there before.
		if err := c.Write(t.Context(), []devices.Report{report(t, 1, window0.Add(2*time.Minute), map[string]float64{"frequency": 50})}); err != nil {
			t.Fatal(err)
		}
		later, err := c.Dirty(t.Context(), devices.Span{Start: after, End: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		if len(later) != 2 {
			t.Errorf("%d marks after the second write, want 2: %+v", len(later), later)
		}
	})
}

// What is refused, and that the server has the others of the batch then.
func TestRefusedReports(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		client := s.client(t)
		s.put(t, influx.Raw, `road,device=x frequency="fifty" `+strconv.FormatInt(window0.UnixNano(), 10))
		for i, c := range []struct {
			name   string
			spoil  func(*devices.Report)
			others bool // are stored
		}{
			{"a number that has no form", func(r *devices.Report) { r.Readings[0].Value = math.NaN() }, false},
			{"beyond the retention", func(r *devices.Report) { r.Time = r.Time.Add(-1000 * 24 * time.Hour) }, true},
			{"a type that conflicts", func(r *devices.Report) { r.Domain = uplink.Road }, true},
		} {
			batch := []devices.Report{
				report(t, 1, window0, map[string]float64{"frequency": 50}),
				report(t, byte(i+2), window0, map[string]float64{"frequency": 50}),
			}
			c.spoil(&batch[0])
			err := client.Write(t.Context(), batch)
			var why *devices.WriteError
			if !errors.As(err, &why) || why.Fault != devices.FaultRefused {
				t.Errorf("%s: error %v, want a refusal", c.name, err)
			}
			got, err := client.DeviceReadings(t.Context(), uplink.Energy, batch[1].Device, devices.Span{Start: window0, End: window0.Add(time.Hour)})
			if err != nil || (len(got) == 1) != c.others {
				t.Errorf("%s: of the other report %d readings are stored (%v)", c.name, len(got), err)
			}
		}
	})
}
