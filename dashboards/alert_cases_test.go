package dashboards

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"modellregion/uplink"
)

// written collects lines of the time before now.
type written struct {
	strings.Builder
	now time.Time
}

// every writes a point each so many minutes from ago until the time until.
func (w *written) every(step, ago, until time.Duration, series, fields string) {
	for d := ago; d >= until; d -= step {
		fmt.Fprintf(w, "%s %s %d\n", series, fields, w.now.Add(-d).UnixMilli())
	}
}

func station(domain uplink.Domain, name string) string {
	return fmt.Sprintf("%s,device=0,municipality=m-%s,station=%s", domain, name, name)
}

const minute = time.Minute

// alarmCase writes data for a station or other thing of the name and says
// whether its alarm is to come.
type alarmCase struct {
	name  string
	write func(w *written, name string)
	fires bool
}

// On a real InfluxDB, each at a time of its own.
func TestAlerts(t *testing.T) {
	db := openAlertDB(t)
	now := time.Now().UTC().Truncate(time.Hour)
	const day = 24 * time.Hour
	t.Run("cases", func(t *testing.T) { testAlertCases(t, db, now) })
	t.Run("platform that stopped", func(t *testing.T) { testStoppedPlatform(t, db, now.Add(-33*day)) })
	t.Run("no flapping", func(t *testing.T) { testFlapping(t, db, now.Add(-36*day)) })
	t.Run("way to the webhook", func(t *testing.T) { testWayToWebhook(t, db, now.Add(-39*day)) })
	t.Run("nothing", func(t *testing.T) { testAlertsOfNothing(t, db, now.Add(-80*day)) })
}

// testAlertCases: each rule fires for what it should and for nothing else.
func testAlertCases(t *testing.T, db alertDB, now time.Time) {
	cases := alarmCases()
	w := &written{now: now}
	for _, rule := range alerts() {
		if len(cases[rule.name]) < 2 && rule.name != "schweigt" {
			t.Errorf("rule %s has %d cases", rule.name, len(cases[rule.name]))
		}
		for _, c := range cases[rule.name] {
			c.write(w, c.name)
		}
	}
	db.put(t, w.String())
	for name, list := range cases {
		rule := ruleNamed(t, name)
		got := evaluate(t, db, rule, now)
		for _, c := range list {
			var of []string
			for key, a := range got.alarms {
				for _, v := range a.labels {
					if v == c.name {
						of = append(of, key)
						checkText(t, rule, a)
						break
					}
				}
			}
			if fired := len(of) > 0; fired != c.fires || len(of) > 1 {
				t.Errorf("%s, %s: alarms %q, want one: %v", rule.Title, c.name, of, c.fires)
			}
		}
	}
}

// Where nothing is stored no rule but the one about that has anything to say.
func testAlertsOfNothing(t *testing.T, db alertDB, now time.Time) {
	for _, a := range alerts() {
		empty := evaluate(t, db, ruleNamed(t, a.name), now)
		if empty.rows > 0 || len(empty.alarms) > 0 || (a.noData == stateAlerting) != (a.name == "schweigt") {
			t.Errorf("%s of nothing: %+v, without data %s", a.title, empty, a.noData)
		}
	}
}

// checkText looks at what people read of an alarm.
func checkText(t *testing.T, rule alertRule, a raised) {
	t.Helper()
	for name, text := range rule.notification(t, a).Annotations {
		if strings.Contains(text, "no value") || strings.Contains(text, "{{") || strings.Contains(text, "NaN") {
			t.Errorf("%s: %s is %q", rule.Title, name, text)
		}
	}
}

func alarmCases() map[string][]alarmCase {
	traffic := func(speed, occupancy string, ago, until time.Duration) func(*written, string) {
		return func(w *written, name string) {
			w.every(minute, ago, until, station(uplink.Traffic, name), "vehicle_count=5,speed_mean="+speed+",occupancy="+occupancy)
		}
	}
	grid := func(fields string, ago, until time.Duration) func(*written, string) {
		return func(w *written, name string) {
			w.every(5*minute, ago, until, station(uplink.Energy, name)+",channel=l1", fields)
		}
	}
	road := func(fields string) func(*written, string) {
		return func(w *written, name string) { w.every(5*minute, 50*minute, 0, station(uplink.Road, name), fields) }
	}
	both := func(all ...func(*written, string)) func(*written, string) {
		return func(w *written, name string) {
			for _, f := range all {
				f(w, name)
			}
		}
	}
	return map[string][]alarmCase{
		"stau": {
			{"schritt", traffic("8", "0.2", 25*minute, 0), true},
			{"zaeh-nach-stau", both(traffic("8", "0.2", 25*minute, 11*minute), traffic("20", "0.2", 10*minute, 0)), true},
			{"frei-nach-stau", both(traffic("8", "0.2", 25*minute, 11*minute), traffic("40", "0.2", 10*minute, 0)), false},
			{"nur-zaeh", traffic("20", "0.2", 25*minute, 0), false},
			{"frei", traffic("48", "0.05", 25*minute, 0), false},
			{"nachts", func(w *written, name string) {
				w.every(minute, 25*minute, 0, station(uplink.Traffic, name), "vehicle_count=0,speed_mean=0,occupancy=0")
			}, false},
		},
		"stillstand": {
			{"stehend", func(w *written, name string) { // nobody passes the detector, and the speed of nobody is none
				w.every(minute, 25*minute, 0, station(uplink.Traffic, name), "vehicle_count=0,speed_mean=0,occupancy=0.9")
			}, true},
			{"dicht-nach-stillstand", both(traffic("30", "0.8", 25*minute, 11*minute), traffic("30", "0.4", 10*minute, 0)), true},
			{"leer-nach-stillstand", both(traffic("30", "0.8", 25*minute, 11*minute), traffic("30", "0.1", 10*minute, 0)), false},
			{"dicht", traffic("30", "0.4", 25*minute, 0), false},
		},
		"spannung": {
			{"hoch", grid("voltage=254", 50*minute, 0), true},
			{"tief", grid("voltage=205", 50*minute, 0), true},
			{"weg", grid("voltage=0", 50*minute, 0), true},
			{"fast-zurueck", both(grid("voltage=254", 50*minute, 25*minute), grid("voltage=251", 20*minute, 0)), true},
			{"zurueck", both(grid("voltage=254", 50*minute, 25*minute), grid("voltage=240", 20*minute, 0)), false},
			{"im-band", grid("voltage=252", 50*minute, 0), false},
			{"eine-phase", both(grid("voltage=230", 50*minute, 0), func(w *written, name string) {
				w.every(5*minute, 50*minute, 0, station(uplink.Energy, name)+",channel=l3", "voltage=200")
			}), true},
			{"kurz", both(grid("voltage=230", 50*minute, 0), func(w *written, name string) { // one reading; the mean of 10 minutes is within
				w.every(minute, 34*minute, 34*minute, station(uplink.Energy, name)+",channel=l1", "voltage=258")
			}), false},
		},
		"trafo": {
			{"ueber", grid("load=110", 40*minute, 0), true},
			{"noch-viel", both(grid("load=110", 40*minute, 25*minute), grid("load=95", 20*minute, 0)), true},
			{"erholt", both(grid("load=110", 40*minute, 25*minute), grid("load=85", 20*minute, 0)), false},
			{"voll", grid("load=98", 40*minute, 0), false},
		},
		"glaette": {
			{"eis", road("surface_state=6,surface_temperature=-2"), true},
			{"matsch", road("surface_state=4"), true},
			{"anteil", road("ice_fraction=0.1"), true},
			{"einmal", both(road("surface_state=3"), func(w *written, name string) {
				w.every(minute, 40*minute, 40*minute, station(uplink.Road, name), "surface_state=7")
			}), true},
			{"vorbei", both(func(w *written, name string) {
				w.every(minute, 47*minute, 47*minute, station(uplink.Road, name), "surface_state=7")
			}, func(w *written, name string) {
				w.every(5*minute, 45*minute, 0, station(uplink.Road, name), "surface_state=3")
			}), false},
			{"nass", road("surface_state=3,ice_fraction=0.05"), false},
		},
		"glaettegefahr": {
			{"feucht-kalt", road("surface_temperature=0.2,water_film=50"), true},
			{"gesalzen", road("surface_temperature=-2,freezing_temperature=-6,water_film=50"), false},
			{"zu-wenig-salz", road("surface_temperature=-5.8,freezing_temperature=-6,water_film=50"), true},
			{"trocken-kalt", road("surface_temperature=-4,water_film=0"), false},
			{"mild", road("surface_temperature=3,water_film=300"), false},
			{"ohne-film", road("surface_temperature=-3"), false},
		},
		"gateway": {
			{"a84041ffff1eec20", sender("gateway", 26*24*time.Hour, 1), true},
			{"a84041ffff1eec21", both(sender("gateway", 26*24*time.Hour, 1), sender("gateway", 2*time.Hour, 0)), false},
			{"rathaus", sender("edge", 5*minute, 1), true},
			{"feuerwache", both(sender("edge", 50*minute, 1), sender("edge", 10*minute, 0), sender("edge", 5*minute, 1)), true},
			{"70b3d57ed005f1a0", sender("device", 5*minute, 1), false},
		},
		"geraete": {
			{"m-viele", group(10, 4), true},
			{"m-wenige", group(10, 2), false},
			{"m-viele-von-vielen", group(30, 5), false},
			{"m-keines", group(5, 0), false},
		},
		"verzug": {
			{"langsam", figures("process", "lag_p95=180", 25*minute, 0), true},
			{"holt-auf", both(figures("process", "lag_p95=180", 25*minute, 11*minute), figures("process", "lag_p95=90", 10*minute, 0)), true},
			{"schnell", both(figures("process", "lag_p95=180", 25*minute, 11*minute), figures("process", "lag_p95=2", 10*minute, 0)), false},
		},
		"rueckstand": {
			{"voll-edge", figures("edge", "outbox=9000", 25*minute, 0), true},
			{"leer-edge", figures("edge", "outbox=20", 25*minute, 0), false},
		},
		"offene-daten": {
			{"haengt", figures("process", "behind=7200", 40*minute, 0), true},
			{"ueblich", figures("process", "behind=900", 40*minute, 0), false},
		},
		"platte": {
			{"platte-voll", figures("process", "disk_free=5,disk_size=100", 25*minute, 0), true},
			{"platte-frei", figures("process", "disk_free=50,disk_size=100", 25*minute, 0), false},
		},
		"datentraeger": {
			{"platte-bald-voll", figures("process", "disk_full_in=1728000", 150*minute, 0), true}, // 20 days
			{"platte-reicht", figures("process", "disk_full_in=8640000", 150*minute, 0), false},
		},
		"unzustellbar": {
			{"edge-viele", letters(12, 50*minute), true},
			{"edge-wenige", letters(9, 50*minute), false},
			{"edge-frueher", letters(30, 90*minute), false},
		},
		"schweigt": {{"m-egal", func(*written, string) {}, false}},
	}
}

func sender(kind string, ago time.Duration, silent int) func(*written, string) {
	return func(w *written, name string) {
		w.every(minute, ago, ago, fmt.Sprintf("health,sender=%s,id=%s,edge=knoten,municipality=m-%s,domain=road", kind, name, name), fmt.Sprintf("silent=%d", silent))
	}
}

// group places devices of which some have fallen silent, and all others were
// silent once.
func group(n, silent int) func(*written, string) {
	return func(w *written, name string) {
		for i := range n {
			w.every(minute, 20*time.Hour, 20*time.Hour, fmt.Sprintf("place,device=%s-%d,station=s,municipality=%s,domain=energy,name=x", name, i, name), fmt.Sprintf("lat=51.%03d,lon=8", i))
			w.every(minute, 19*time.Hour, 19*time.Hour, fmt.Sprintf("place,device=%s-%d,station=s,municipality=%s,domain=energy,name=x", name, i, name), fmt.Sprintf("lat=51.%03d,lon=8", i))
			health := fmt.Sprintf("health,sender=device,id=%s-%d,municipality=%s,domain=energy", name, i, name)
			w.every(minute, 6*24*time.Hour, 6*24*time.Hour, health, "silent=1")
			if i >= silent {
				w.every(minute, 5*24*time.Hour, 5*24*time.Hour, health, "silent=0")
			}
		}
	}
}

func figures(role, fields string, ago, until time.Duration) func(*written, string) {
	return func(w *written, name string) {
		tags := ",instance=" + name
		if role == "edge" {
			tags = ",edge=" + name
		}
		w.every(minute, ago, until, "platform,role="+role+tags, "memory=1,"+fields)
	}
}

func letters(n int, ago time.Duration) func(*written, string) {
	return func(w *written, name string) {
		for i := range n {
			w.every(minute, ago+time.Duration(i)*time.Millisecond, ago, "dead_letter,reason=codec,edge="+name, `message="{}",why="x"`)
		}
	}
}
