package influx_test

import (
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"modellregion/devices"
	"modellregion/internal/influx"
	"modellregion/internal/influx/embedded"
	"modellregion/uplink"
)

// start returns a client of a fresh server that may do everything, and one
// with the public's login.
func start(t *testing.T) (*influx.Client, *influx.Client) {
	t.Helper()
	s, err := embedded.Start(t.Context(), embedded.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	login := func(l embedded.Login) *influx.Client {
		return influx.New(influx.Config{URL: s.URL(), Username: l.Username, Password: l.Password})
	}
	platform, public := login(s.Platform), login(s.Public)
	t.Cleanup(func() {
		platform.Close()
		public.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return platform, public
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

func TestWriteThenRead(t *testing.T) {
	c, _ := start(t)
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
	got, err := c.Readings(t.Context(), uplink.Energy, uplink.EUI{1}, devices.Span{Start: window0, End: window0.Add(time.Hour)})
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
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDirtyMarks(t *testing.T) {
	c, _ := start(t)
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
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(devices.DirtyMark{}, "Arrived")); diff != "" {
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
}

func TestAggregate(t *testing.T) {
	c, _ := start(t)
	const w = devices.DirtyWindow
	var batch []devices.Report
	for i, v := range []struct {
		at             time.Duration
		voltage, meter float64
	}{
		{0, 230, 100}, {5 * time.Minute, 232, 110}, {10 * time.Minute, 234, 120},
		{w, 228, 130}, {w + 10*time.Minute, 230, 150},
		{2 * w, 231, 5}, {2*w + 5*time.Minute, 231, 9}, // the meter was swapped
	} {
		r := report(t, 1, window0.Add(v.at), map[string]float64{"voltage l1": v.voltage, "energy_import": v.meter})
		r.FCnt = uint32(i)
		batch = append(batch, r)
	}
	if err := c.Write(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	all, err := c.Aggregate(t.Context(), uplink.Energy, devices.Span{Start: window0.Add(w), End: window0.Add(3 * w)}, w)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b devices.Aggregate) int {
		return strings.Compare(a.Quantity.Name+a.Start.String(), b.Quantity.Name+b.Start.String())
	})
	row := func(name, channel string, start time.Time, a devices.Aggregate) devices.Aggregate {
		a.Station, a.Quantity, a.Channel, a.Start, a.Window = "stadt-netz-1", quantity(t, name), channel, start, w
		return a
	}
	want := []devices.Aggregate{
		// 130 begins where 120 of the window before ended.
		row("energy_import", "", window0.Add(w), devices.Aggregate{Count: 2, First: 130, Last: 150, Sum: 30}),
		row("energy_import", "", window0.Add(2*w), devices.Aggregate{Count: 2, First: 5, Last: 9, Sum: 4}),
		row("voltage", "l1", window0.Add(w), devices.Aggregate{Count: 2, Mean: 229, Min: 228, Max: 230}),
		row("voltage", "l1", window0.Add(2*w), devices.Aggregate{Count: 2, Mean: 231, Min: 231, Max: 231}),
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Error(diff)
	}
}

func TestOpenIsUpsertedAndPublic(t *testing.T) {
	platform, public := start(t)
	const w = 15 * time.Minute
	rows := []devices.Aggregate{
		{Station: "a", Quantity: quantity(t, "voltage"), Channel: "l1", Start: window0, Window: w, Count: 3, Mean: 230, Min: 229, Max: 231, Coverage: 1},
		{Station: "b", Quantity: quantity(t, "surface_state"), Start: window0, Window: w, Count: 1, Mode: 3, Coverage: 0.5},
	}
	if err := platform.Put(t.Context(), "netz", w, rows); err != nil {
		t.Fatal(err)
	}
	rows[0].Mean = 230.5
	if err := platform.Put(t.Context(), "netz", w, rows[:1]); err != nil {
		t.Fatal(err)
	}
	span := devices.Span{Start: window0, End: window0.Add(w)}
	got, err := public.Windows(t.Context(), "netz", w, span, "")
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(got, func(a, b devices.Aggregate) int { return strings.Compare(a.Station, b.Station) })
	if diff := cmp.Diff(rows, got); diff != "" {
		t.Error(diff)
	}
	if got, err := public.Windows(t.Context(), "netz", w, span, "b' OR 'x'='x"); err != nil || len(got) != 0 {
		t.Errorf("a station that does not exist: %v, %v", got, err)
	}
	if _, err := public.Readings(t.Context(), uplink.Energy, uplink.EUI{1}, span); err == nil {
		t.Error("the public login reads bucket raw")
	}
	if err := public.Put(t.Context(), "netz", w, rows); err == nil {
		t.Error("the public login writes to bucket open")
	}
}

func TestCursor(t *testing.T) {
	c, _ := start(t)
	if got, err := c.Cursor(t.Context()); err != nil || !got.IsZero() {
		t.Errorf("cursor of a new database is %v (%v), want none", got, err)
	}
	want := time.Now().UTC().Truncate(time.Microsecond)
	for _, at := range []time.Time{want.Add(-time.Hour), want} {
		if err := c.SetCursor(t.Context(), at); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := c.Cursor(t.Context()); err != nil || !got.Equal(want) {
		t.Errorf("cursor is %v (%v), want %v", got, err, want)
	}
}

func TestDeadLettersAreCountedOnce(t *testing.T) {
	c, _ := start(t)
	at := time.Now()
	letters := []devices.DeadLetter{
		{Time: at, Edge: "e", Reason: "range", Message: "voltage 9999"},
		{Time: at, Edge: "e", Reason: "range", Message: "voltage 9998"},
		{Time: at, Edge: "e", Reason: "malformed", Message: "\xff\x00 not UTF-8"},
		{Time: at, Edge: "e", Reason: "malformed", Message: strings.Repeat("ä", 3000)},
	}
	for range 2 {
		if err := c.Bury(t.Context(), letters); err != nil {
			t.Fatal(err)
		}
	}
	got, err := c.DeadLetters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"range": 2, "malformed": 2}, got); diff != "" {
		t.Error(diff)
	}
}

// A dead letter that the database will not take at its time is kept at the
// present, and any number of them fits.
func TestDeadLettersAreKeptWhateverTheySay(t *testing.T) {
	c, _ := start(t)
	var letters []devices.DeadLetter
	for i := range 2500 {
		letters = append(letters, devices.DeadLetter{Time: time.Now(), Edge: "e", Reason: "range", Message: strings.Repeat("x", 4000) + strconv.Itoa(i)})
	}
	letters[1234].Time = time.Now().Add(-1000 * 24 * time.Hour) // beyond the retention
	if err := c.Bury(t.Context(), letters); err != nil {
		t.Fatal(err)
	}
	if got, err := c.DeadLetters(t.Context()); err != nil || got["range"] != 2500 {
		t.Errorf("%v dead letters (%v), want 2500", got, err)
	}
}

// A report that can never be stored must not cost the others of its batch.
func TestRefusedReportIsIsolated(t *testing.T) {
	c, _ := start(t)
	var batch []devices.Report
	for i := range 9 {
		batch = append(batch, report(t, byte(i+1), window0.Add(time.Duration(i)*time.Second), map[string]float64{"frequency": 50}))
	}
	batch[4].Readings[0].Value = math.Inf(1)
	err := c.Write(t.Context(), batch)
	var refused *devices.RefusedError
	if !errors.As(err, &refused) || len(refused.Reports) != 1 || refused.Reports[0].Index != 4 {
		t.Fatalf("error %v, want report 4 refused", err)
	}
	for i := range batch {
		got, err := c.Readings(t.Context(), uplink.Energy, batch[i].Device, devices.Span{Start: window0, End: window0.Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		if (len(got) == 1) != (i != 4) {
			t.Errorf("report %d: stored %d readings", i, len(got))
		}
	}
}

// How the answers of a server are understood: which are worth another try.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		status  int
		refused bool // the report; otherwise the batch is to be written again
	}{
		{http.StatusBadRequest, true}, {http.StatusUnprocessableEntity, true}, {http.StatusRequestEntityTooLarge, true},
		{http.StatusUnauthorized, false}, {http.StatusForbidden, false}, {http.StatusNotFound, false},
		{http.StatusTooManyRequests, false}, {http.StatusInternalServerError, false}, {http.StatusServiceUnavailable, false},
	} {
		t.Run(http.StatusText(c.status), func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(`{"code":"x","message":"y"}`))
			}))
			defer server.Close()
			client := influx.New(influx.Config{URL: server.URL})
			defer client.Close()
			err := client.Write(t.Context(), []devices.Report{report(t, 1, window0, map[string]float64{"frequency": 50})})
			var refused *devices.RefusedError
			if err == nil || errors.As(err, &refused) != c.refused {
				t.Errorf("error %v, refused %v, want %v", err, !c.refused, c.refused)
			}
		})
	}
	gone := influx.New(influx.Config{URL: "http://127.0.0.1:1"})
	defer gone.Close()
	if err := gone.Write(t.Context(), []devices.Report{report(t, 1, window0, map[string]float64{"frequency": 50})}); err == nil {
		t.Error("a server that is away gave no error")
	}
}
