package live

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/uplink"
)

// A window is told when it is over, whenever its last reading came, and again
// only when it says something else.
func TestWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		c := r.listen("?dataset=verkehr", "")
		sleepTo("00:07:00")
		r.put("verkehr", row("bahnhof", "vehicle_count", "lane1", "00:00:00", 12), row("markt", "vehicle_count", "", "00:00:00", 3))
		sleepTo("00:10:00")
		r.put("verkehr", row("bahnhof", "vehicle_count", "lane1", "00:00:00", 20))
		sleepTo("00:15:14")
		r.put("verkehr", row("bahnhof", "vehicle_count", "lane1", "00:15:00", 1))
		time.Sleep(500 * time.Millisecond)
		r.expect(c)
		sleepTo("00:15:16")
		r.expect(c, "window verkehr bahnhof vehicle_count lane1 2000-01-01T00:00:00Z 20", "window verkehr markt vehicle_count 2000-01-01T00:00:00Z 3")

		r.put("verkehr", row("bahnhof", "vehicle_count", "lane1", "00:00:00", 20), row("markt", "vehicle_count", "", "00:00:00", 4))
		time.Sleep(time.Second)
		r.expect(c, "window verkehr markt vehicle_count 2000-01-01T00:00:00Z 4")
		sleepTo("00:31:00")
		r.expect(c, "window verkehr bahnhof vehicle_count lane1 2000-01-01T00:15:00Z 1")

		// An hour after a window it is told by files alone.
		sleepTo("01:14:00")
		r.put("verkehr", row("markt", "vehicle_count", "", "00:00:00", 5))
		time.Sleep(time.Second)
		r.expect(c, "window verkehr markt vehicle_count 2000-01-01T00:00:00Z 5")
		sleepTo("01:15:01")
		r.put("verkehr", row("markt", "vehicle_count", "", "00:00:00", 6))
		time.Sleep(time.Second)
		r.expect(c)
		if s := r.hub.Stats(); s.Events != 5 || s.Sent != 5 || s.Listeners != 1 || s.Connected != 1 || s.Slow+s.Gaps > 0 || s.Bytes == 0 {
			t.Errorf("%+v", s)
		}
	})
}

// A state of a running window is told when it changes, of categories alone.
func TestStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		c := r.listen("?dataset=verkehr&dataset=strassenzustand", "")
		for i, code := range []float64{1, 1, 3, 3, 1} { // free, slow
			sleepTo(fmt.Sprintf("00:0%d:00", i+1))
			r.put("verkehr", row("markt", "traffic_state", "", "00:00:00", code), row("markt", "speed_mean", "", "00:00:00", 10))
		}
		time.Sleep(time.Second)
		const markt = " verkehr markt traffic_state 2000-01-01T00:00:00Z "
		r.expect(c, "preliminary"+markt+"free", "preliminary"+markt+"slow", "preliminary"+markt+"free")
		sleepTo("00:15:10")
		r.put("verkehr", row("markt", "traffic_state", "", "00:15:00", 1)) // as before
		r.put("verkehr", row("markt", "traffic_state", "", "00:00:00", 4)) // late: the window is another
		sleepTo("00:15:16")
		r.expect(c, "window verkehr markt speed_mean 2000-01-01T00:00:00Z 10", "window"+markt+"congested")
		r.put("strassenzustand", row("bruecke", "surface_state", "", "00:15:00", 6))
		time.Sleep(time.Second)
		r.expect(c, "preliminary strassenzustand bruecke surface_state 2000-01-01T00:15:00Z ice")
	})
}

// What privacy forbids is never told, nor what is not public any more.
func TestPrivate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		c := r.listen("", "")
		first := c.id()
		secret := row("trafo", "voltage", "l1", "00:00:00", 230)
		secret.Suppressed = true
		r.put("energienetz", secret, row("trafo", "voltage", "l2", "00:00:00", 231), row("trafo", "energy_import", "", "00:00:00", 5),
			row("geheim", "voltage", "", "00:00:00", 232))
		r.put("stromverbrauch", row("gruppe", "energy_import", "", "00:00:00", 7))
		r.put("verkehr", row("markt", "vehicle_count", "", "00:00:00", 1), row("bahnhof", "vehicle_count", "", "00:00:00", 2))
		hour := row("markt", "vehicle_count", "", "00:00:00", 1)
		hour.Window = time.Hour
		r.put("verkehr", hour)
		sleepTo("00:16:00")
		r.expect(c, "window verkehr bahnhof vehicle_count 2000-01-01T00:00:00Z 2", "window verkehr markt vehicle_count 2000-01-01T00:00:00Z 1",
			"window energienetz trafo voltage l2 2000-01-01T00:00:00Z 231")

		less := all()
		delete(less, "markt")
		r.dir.set(less)
		r.put("verkehr", row("markt", "vehicle_count", "", "00:00:00", 9), row("bahnhof", "vehicle_count", "", "00:00:00", 9))
		time.Sleep(look)
		r.expect(c, "window verkehr bahnhof vehicle_count 2000-01-01T00:00:00Z 9")
		again := r.listen("?dataset=verkehr", first)
		r.expect(again, "window verkehr bahnhof vehicle_count 2000-01-01T00:00:00Z 2", "window verkehr bahnhof vehicle_count 2000-01-01T00:00:00Z 9")
	})
}

func TestSelection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		clients := map[string]*client{}
		for _, query := range []string{
			"", "?dataset=verkehr", "?station=markt", "?station=markt&station=trafo", "?quantity=speed_mean&quantity=voltage",
			"?dataset=verkehr&station=bahnhof&station=markt&quantity=speed_mean",
		} {
			clients[query] = r.listen(query, "")
		}
		r.put("verkehr", row("bahnhof", "speed_mean", "", "00:00:00", 1), row("markt", "speed_mean", "", "00:00:00", 2), row("markt", "vehicle_count", "", "00:00:00", 3))
		r.put("energienetz", row("trafo", "voltage", "", "00:00:00", 4))
		sleepTo("00:16:00")
		for query, want := range map[string]string{
			"": "1234", "?dataset=verkehr": "123", "?station=markt": "23", "?station=markt&station=trafo": "234",
			"?quantity=speed_mean&quantity=voltage": "124", "?dataset=verkehr&station=bahnhof&station=markt&quantity=speed_mean": "12",
		} {
			got := ""
			for _, text := range clients[query].take() {
				got += text[len(text)-1:]
			}
			if got != want {
				t.Errorf("%s got %s, want %s", query, got, want)
			}
		}
	})
}

// A grouped dataset tells of its sites, and a day has the length that it has.
func TestGrouping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) {
			d := opendata.Defaults()[0]
			d.Grouping, d.Windows = opendata.ByMunicipality, []opendata.Window{opendata.Day24}
			c.Datasets = []opendata.Dataset{d}
		})
		c := r.listen("?station=paderborn", "")
		day := devices.Aggregate{Station: "paderborn", Quantity: row("", "vehicle_count", "", "00:00:00", 0).Quantity,
			Start: time.Date(1999, 12, 30, 23, 0, 0, 0, time.UTC), Window: 24 * time.Hour, Count: 5, Sum: 77}
		r.put("verkehr", day)
		time.Sleep(time.Second)
		synctest.Wait()
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.got) != 1 || c.got[0].data["site"] != "paderborn" || c.got[0].data["window_s"] != 86400.0 || c.got[0].data["station"] != nil {
			t.Errorf("got %+v", c.got)
		}
	})
}

func TestEventsAreRows(t *testing.T) {
	s := &set{Dataset: &opendata.Defaults()[0]}
	gauge := row("a\"b\n\u2028", "speed_mean", "lane 1", "10:00:00", 1.5)
	gauge.Percentiles = []devices.Percentile{{P: 85, Value: 50}}
	category := row("m", "traffic_state", "", "10:00:00", 2)
	category.Shares = []float64{0, 0.25, 0.75}
	for _, tc := range []struct {
		row  devices.Aggregate
		want string
	}{
		{gauge, `"station":"a\"b\n\u2028","quantity":"speed_mean","channel":"lane 1","unit":"km/h","start":"2000-01-01T10:00:00Z","window_s":900,"count":1,"mean":1.5,"min":1.5,"max":1.5,"p85":50,"coverage":1}`},
		{category, `"station":"m","quantity":"traffic_state","unit":"{category}","start":"2000-01-01T10:00:00Z","window_s":900,"count":1,"category":"heavy","share_unknown":0,"share_free":0.25,"share_heavy":0.75,"coverage":1}`},
		{row("m", "vehicle_count", "", "10:00:00", 1e21), `"station":"m","quantity":"vehicle_count","unit":"{#}","start":"2000-01-01T10:00:00Z","window_s":900,"count":1,"sum":1000000000000000000000,"coverage":1}`},
	} {
		want := "event: window\nid: 946720800-5\ndata: {\"dataset\":\"verkehr\"," + tc.want + "\n\n"
		if got := string(appendEvent(nil, s, item{complete, &tc.row}, 5)); got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	}
}

// A large region is complete at once: nobody is let go because of that.
func TestManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many = 2000
		r := newRig(t, func(c *Config) { c.RingBytes = 64 << 10 })
		stations := map[string]uplink.Domain{}
		var rows []devices.Aggregate
		for i := range many {
			id := fmt.Sprintf("s%04d", i)
			stations[id] = uplink.Traffic
			rows = append(rows, row(id, "vehicle_count", "", "00:00:00", float64(i)))
		}
		r.dir.set(stations)
		everything, one := r.listen("", ""), r.listen("?station=s1999&station=s0000", "")
		first := one.id()
		r.put("verkehr", rows...)
		sleepTo("00:16:00")
		if got := everything.take(); len(got) != many || everything.end() != nil {
			t.Errorf("%d events, %v", len(got), everything.end())
		}
		r.expect(one, "window verkehr s0000 vehicle_count 2000-01-01T00:00:00Z 0", "window verkehr s1999 vehicle_count 2000-01-01T00:00:00Z 1999")
		// The ring was larger for a moment, and is not any more.
		if got := strings.Join(r.listen("?station=s0000", first).take(), " "); !strings.HasPrefix(got, "gap verkehr 1999-12-31T23:30:00Z") {
			t.Errorf("resumed with %s, want a gap", got)
		}
		r.hub.mu.RLock()
		defer r.hub.mu.RUnlock()
		if n := r.hub.set("verkehr").bytes; n > 64<<10 {
			t.Errorf("%d bytes are remembered", n)
		}
	})
}
