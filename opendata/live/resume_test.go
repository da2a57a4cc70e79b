package live

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

const markt = " verkehr markt vehicle_count 2000-01-01T"

// Who was away gets what it has missed, each event once, from any of them on.
func TestResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		c := r.listen("?dataset=verkehr&dataset=energienetz", "")
		ids := []string{c.id()}
		for _, next := range []string{"00:16:00", "00:31:00", "00:46:00"} {
			start := at(next).Add(-16 * time.Minute).Format(time.TimeOnly)
			r.put("verkehr", row("markt", "vehicle_count", "", start, 1))
			r.put("energienetz", row("trafo", "voltage", "", start, 2))
			sleepTo(next)
		}
		synctest.Wait()
		c.mu.Lock()
		whole := c.got
		c.mu.Unlock()
		for _, m := range whole {
			ids = append(ids, m.id)
		}
		if len(whole) != 6 {
			t.Fatalf("%d events, want 6: %v", len(whole), whole)
		}
		for i, id := range ids {
			var want []string
			for _, m := range whole[i:] {
				want = append(want, m.String())
			}
			r.expect(r.listen("?dataset=verkehr&dataset=energienetz", id), want...)
			r.expect(r.listen("?dataset=verkehr&dataset=energienetz&lastEventId="+id, ""), want...)
		}
		if s := r.hub.Stats(); s.Gaps != 0 {
			t.Errorf("%d gaps", s.Gaps)
		}
	})
}

// A heartbeat moves on who is rarely told of: it has no gap after hours.
func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.RingBytes = 1 })
		c := r.listen("?station=bahnhof", "")
		first := c.id()
		for hour := range 3 {
			start := at("00:00:00").Add(time.Duration(hour) * time.Hour).Format(time.TimeOnly)
			r.put("verkehr", row("markt", "vehicle_count", "", start, 1))
			time.Sleep(time.Hour)
		}
		r.expect(c)
		if c.comments != 3*3600/15 || c.retry == "" || c.end() != nil {
			t.Errorf("%d heartbeats in 3 hours, retry %q, end %v", c.comments, c.retry, c.end())
		}
		r.expect(r.listen("?station=bahnhof", c.id()))
		if got := r.listen("?station=bahnhof&dataset=verkehr", first).take(); len(got) != 1 || !strings.HasPrefix(got[0], "gap verkehr 1999-12-31T23:30:00Z") {
			t.Errorf("resumed with %v, want a gap", got)
		}
		r.stop()
		if c.end() == nil {
			t.Error("the stream goes on after the end of the hub")
		}
	})
}

// An id of an earlier run is known as such: the files are asked for from the
// window on that may not have arrived, of each dataset in its own windows.
func TestResumeAfterRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		c := r.listen("", "")
		r.put("verkehr", row("markt", "vehicle_count", "", "00:00:00", 1))
		sleepTo("00:16:00")
		r.expect(c, "window"+markt+"00:00:00Z 1")
		id := c.id()
		r.stop()
		sleepTo("02:00:00")
		hourly := opendata.Defaults()[1]
		hourly.Windows = []opendata.Window{opendata.Hour}
		again := newRig(t, func(c *Config) { c.Datasets = []opendata.Dataset{opendata.Defaults()[0], hourly} })
		c = again.listen("", id)
		again.expect(c, "gap verkehr 2000-01-01T00:00:00Z", "gap energienetz 1999-12-31T23:00:00Z")
		again.put("verkehr", row("markt", "vehicle_count", "", "01:45:00", 2))
		time.Sleep(time.Minute)
		again.expect(c, "window"+markt+"01:45:00Z 2")
		// One that was given by a clock which was ahead.
		c = again.listen("?dataset=verkehr", "946690200-946699999000000")
		again.expect(c, "gap verkehr 2000-01-01T01:30:00Z", "window"+markt+"01:45:00Z 2")
		if s := again.hub.Stats(); s.Gaps != 3 {
			t.Errorf("%d gaps", s.Gaps)
		}
	})
}

// Who does not read is let go, and nobody waits for it.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		deaf, res := r.request(http.MethodGet, "?dataset=verkehr", "")
		good := r.listen("?dataset=verkehr", "")
		body := bufio.NewReader(res.Body)
		for range 3 { // its hello
			if _, err := body.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		r.put("verkehr", row("markt", "vehicle_count", "", "00:00:00", 1))
		sleepTo("00:15:16")
		r.expect(good, "window"+markt+"00:00:00Z 1")
		time.Sleep(patience)
		synctest.Wait()
		if s := r.hub.Stats(); s.Slow != 1 || s.Listeners != 1 {
			t.Errorf("%+v, want one let go", s)
		}
		if _, err := io.ReadAll(deaf); err != nil && err != io.ErrUnexpectedEOF {
			t.Error(err)
		}
	})
}

// A process that stood still does not hide what it has lost.
func TestStandstill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		c := r.listen("?dataset=verkehr", "")
		for _, start := range []string{"00:00:00", "00:15:00", "00:30:00", "00:45:00"} {
			r.put("verkehr", row("markt", "vehicle_count", "", start, 1))
		}
		r.hub.complete(at("00:46:00"))
		time.Sleep(time.Second)
		r.expect(c)
		if c.end() == nil || r.hub.Stats().Slow != 1 {
			t.Error("nobody has learnt of it")
		}
		r.expect(r.listen("?dataset=verkehr", c.id()), "gap verkehr 1999-12-31T23:30:00Z", "window"+markt+"00:30:00Z 1")
	})
}

// Who has missed more than is remembered is let go also when it reads again.
func TestOvertaken(t *testing.T) {
	l := &listener{selection: selection{sets: []*set{{dropped: 10}}}, cursor: []int64{9}}
	h := &Hub{newest: 12}
	if _, _, _, err := h.next(l); err != errSlow {
		t.Errorf("got %v", err)
	}
}

func TestAnswers(t *testing.T) {
	dir := &directory{}
	dir.set(all())
	hub, err := New(Config{Datasets: opendata.Defaults(), Directory: dir, Latest: opendata.NewLatest()})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		method, query, id string
		status            int
		text              string
	}{
		{"HEAD", "", "", 200, ""},
		{"HEAD", "?dataset=verkehr&station=markt&quantity=speed_mean", "", 200, ""},
		{"OPTIONS", "", "", 204, ""},
		{"POST", "", "", 405, "POST is not allowed"},
		{"DELETE", "?dataset=x", "", 405, "DELETE is not allowed"},
		{"GET", "?dataset=x", "", 404, "no live dataset"},
		{"GET", "?dataset=stromverbrauch", "", 404, "no live dataset"},
		{"GET", "?station=geheim", "", 404, "has the station"},
		{"GET", "?dataset=verkehr&station=trafo", "", 404, "has the station"},
		{"GET", "?dataset=verkehr&quantity=voltage", "", 404, "has the quantity"},
		{"GET", "?quantity=energy_import", "", 404, "has the quantity"},
		{"GET", "?datset=verkehr", "", 400, "unknown parameter"},
		{"GET", "?dataset=%zz", "", 400, "cannot be read"},
		{"GET", "?" + strings.Repeat("station=markt&", maxWanted+1), "", 400, "want fewer"},
		{"GET", "", "yesterday", 400, "id of an event"},
		{"GET", "?lastEventId=1-", "", 400, "id of an event"},
	} {
		w := httptest.NewRecorder()
		req := httptest.NewRequest(tc.method, "/live"+tc.query, nil)
		req.Header.Set("Last-Event-ID", tc.id)
		hub.ServeHTTP(w, req)
		if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.text) || (tc.text == "") != (w.Body.Len() == 0) {
			t.Errorf("%s %s: %d %s, want %d with %q", tc.method, tc.query, w.Code, w.Body, tc.status, tc.text)
		}
		h := w.Header()
		if h.Get("Access-Control-Allow-Origin") != "*" || tc.status == 405 && h.Get("Allow") != "GET, HEAD, OPTIONS" {
			t.Errorf("%s %s: header %v", tc.method, tc.query, h)
		}
		if tc.status == 200 && (h.Get("Content-Type") != "text/event-stream" || !strings.Contains(h.Get("Cache-Control"), "no-cache") || h.Get("X-Accel-Buffering") != "no") {
			t.Errorf("%s %s: header %v", tc.method, tc.query, h)
		}
	}
	for _, cfg := range []Config{{}, {Directory: dir, Latest: opendata.NewLatest(), Settle: -1}} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v is accepted", cfg)
		}
	}
	none, err := New(Config{Directory: dir, Latest: opendata.NewLatest()})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	none.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/live", nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("without datasets: %d", w.Code)
	}
}

// FuzzRequest: whatever is asked for, the answer is a selection that is
// bounded or a refusal, and an id that is read is written as it was.
func FuzzRequest(f *testing.F) {
	for _, s := range [][2]string{
		{"", ""}, {"dataset=verkehr&station=markt&quantity=speed_mean", "946690200-946699999000000"}, {"dataset=verkehr;x", "-1--1"},
		{"lastEventId=1-2", ""}, {"station=%00", "+1-2"}, {"a=%zz", "0-99999999999999999999"},
	} {
		f.Add(s[0], s[1])
	}
	dir := &directory{}
	dir.set(all())
	hub, err := New(Config{Datasets: opendata.Defaults(), Directory: dir, Latest: opendata.NewLatest()})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, query, id string) {
		req := httptest.NewRequest(http.MethodGet, "/live", nil)
		req.URL.RawQuery = query
		req.Header.Set("Last-Event-ID", id)
		sel, since, err := hub.parse(req)
		if err != nil {
			if _, ok := err.(*refusal); !ok {
				t.Fatalf("%v is no refusal", err)
			}
			return
		}
		if len(sel.sets) == 0 || len(sel.sets) > len(hub.sets) || len(sel.stations) > maxWanted || len(sel.quantities) > maxWanted {
			t.Fatalf("%d datasets, %d stations, %d quantities", len(sel.sets), len(sel.stations), len(sel.quantities))
		}
		if since != nil {
			again, err := parsePlace(string(since.append(nil)))
			if err != nil || again != *since {
				t.Fatalf("%+v becomes %+v, %v", since, again, err)
			}
			s := sel.sets[0]
			if from := s.missed(since, time.Now(), settle); from.After(time.Now()) {
				t.Fatalf("files are wanted from %s on", from)
			}
		}
	})
}

// BenchmarkTake is what storing a row costs the aggregator more.
func BenchmarkTake(b *testing.B) {
	dir := &directory{}
	dir.set(all())
	latest := opendata.NewLatest()
	hub, err := New(Config{Datasets: opendata.Defaults(), Directory: dir, Latest: latest})
	if err != nil {
		b.Fatal(err)
	}
	a := row("markt", "speed_mean", "lane1", "00:00:00", 1)
	a.Start = opendata.Quarter.Begin(time.Now().Add(-time.Hour / 2))
	rows := make([]devices.Aggregate, 1000)
	for b.Loop() {
		for i := range rows {
			a.Mean++
			rows[i] = a
		}
		hub.take("verkehr", rows)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/row")
}

var _ net.Listener = pipes{}
