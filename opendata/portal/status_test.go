package portal

import (
	"encoding/json"
	"html"
	"strings"
	"testing"
	"time"

	"modellregion/opendata"
)

func TestCheckNotice(t *testing.T) {
	text := opendata.Text{De: "Hallo", En: "Hello"}
	now := time.Now()
	for _, c := range []struct {
		n    Notice
		want string // empty: nothing is wrong
	}{
		{Notice{From: now, Text: text}, ""},
		{Notice{From: now, Until: now.Add(1), Text: text, About: "dataset/verkehr"}, ""},
		{Notice{From: now, Text: text, About: "domain/road"}, ""}, {Notice{From: now, Text: text, About: "municipality/soest"}, ""},
		{Notice{From: now, Text: text, About: "station/whatever"}, ""},
		{Notice{Text: text}, "from: "}, {Notice{From: now, Until: now, Text: text}, "until "}, {Notice{From: now, Text: opendata.Text{De: "x", En: " "}}, "text: "},
		{Notice{From: now, Text: text, About: "dataset/luck"}, "about "}, {Notice{From: now, Text: text, About: "verkehr"}, "about "},
		{Notice{From: now, Text: text, About: "station/"}, "about "}, {Notice{From: now, Text: text, About: "/x"}, "about "},
	} {
		err := CheckNotice(c.n, opendata.Defaults(), testRegion.Municipalities)
		if (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.n, err, c.want)
		}
	}
	f := newFixture(t, 0, now)
	if _, err := New(Config{Notices: []Notice{{}}, Datasets: f.datasets, Directory: f, Latest: f.latest, Reader: f, Files: f}); err == nil {
		t.Error("a portal takes a notice without a text")
	}
}

// TestStatusNotices shows what is, what will be and, folded away, what was.
func TestStatusNotices(t *testing.T) {
	f := newFixture(t, 20, midWindow())
	f.files = nil // households are told by files, and these have fixed days
	now := time.Now()
	notice := func(text, about string, from, until time.Duration) Notice {
		n := Notice{From: now.Add(from), Text: opendata.Text{De: text, En: "en " + text}, About: about}
		if until != 0 {
			n.Until = now.Add(until)
		}
		return n
	}
	h := f.handlerWith(t, func(c *Config) {
		c.Notices = []Notice{
			notice("vorbei", "", -48*time.Hour, -24*time.Hour), notice("lange her", "", -900*time.Hour, -800*time.Hour),
			notice("kommt", "domain/road", time.Hour, 2*time.Hour), notice("jetzt <b>", "municipality/soest", -time.Hour, 0),
		}
	})
	for _, l := range languages() {
		text := body(t, get(h, "GET", l.To("/status")))
		last := 0
		for _, want := range []string{"jetzt &lt;b&gt;", "kommt", `<details class="after"`, "vorbei"} {
			at := strings.Index(text, want)
			if at < last {
				t.Errorf("%s: %q is at %d, after %d", l.Lang, want, at, last)
			}
			last = at
		}
		if strings.Contains(text, "lange her") || !strings.Contains(text, `href="`+l.To("/topic/road")+`"`) {
			t.Errorf("%s: what is over for long is shown, or what a notice is about is not linked", l.Lang)
		}
	}
	s := readStatus(t, get(h, "GET", "/api/v1/status.json?lang=en").Body)
	if len(s.Incidents) != 2 || s.Incidents[0].Source != "operator" || s.Incidents[0].Text[:3] != "en " {
		t.Errorf("incidents for programs: %+v", s.Incidents)
	}
}

func readStatus(t *testing.T, r interface{ Read([]byte) (int, error) }) (s statusAnswer) {
	t.Helper()
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestNoticeWhen: what is configured by the day is told by the day.
func TestNoticeWhen(t *testing.T) {
	at := func(text string) (when time.Time) {
		if text != "" {
			var err error
			if when, err = time.ParseInLocation("2006-01-02 15:04", text, opendata.Berlin()); err != nil {
				t.Fatal(err)
			}
		}
		return when
	}
	for _, c := range []struct{ from, until, de, en string }{
		{"2026-12-01 00:00", "2026-12-04 00:00", "Di 01.12.2026 – Do 03.12.2026", "Tue 1 Dec 2026 – Thu 3 Dec 2026"},
		{"2026-12-01 00:00", "2026-12-02 00:00", "Di 01.12.2026", "Tue 1 Dec 2026"},
		{"2026-12-01 08:00", "2026-12-04 00:00", "Di 01.12.2026, 08:00 Uhr (MEZ) – Do 03.12.2026", "Tue 1 Dec 2026, 08:00 (CET) – Thu 3 Dec 2026"},
		{"2026-12-01 00:00", "2026-12-01 12:30", "Di 01.12.2026, 00:00–12:30 Uhr (MEZ)", "Tue 1 Dec 2026, 00:00–12:30 (CET)"},
		{"2026-12-01 00:00", "", "seit Di 01.12.2026", "since Tue 1 Dec 2026"},
	} {
		n := Notice{From: at(c.from), Until: at(c.until)}
		if de, en := n.when(&german), n.when(&english); de != c.de || en != c.en {
			t.Errorf("%s to %s is %q, %q; want %q, %q", c.from, c.until, de, en, c.de, c.en)
		}
	}
}

// TestNewestOfHouseholds: a file of a month that still runs does not make its
// last day one with values.
func TestNewestOfHouseholds(t *testing.T) {
	f := newFixture(t, 10, midWindow())
	f.files = []File{{Path: "/data/DATASET/1h/2026-11.csv", Period: "2026-11"}, {Path: "/data/DATASET/15m/2026-11-22.csv", Period: "2026-11-22"}, {Path: "/data/DATASET/latest.csv"}}
	h := f.handler(t, BaseMap{})
	for path, want := range map[string]string{"/status": "So 22.11.2026", "/dataset/stromverbrauch": "Mo 23.11.2026, 00:00 Uhr (MEZ)"} {
		if text := body(t, get(h, "GET", path)); !strings.Contains(text, want) || strings.Contains(text, "30.11.2026</dd>") {
			t.Errorf("%s does not tell the newest day of households as %q", path, want)
		}
	}
	s := readStatus(t, get(h, "GET", "/api/v1/status.json").Body)
	if last := s.Datasets[5].LastWindow; last == nil || last.Format(time.RFC3339) != "2026-11-22T23:00:00Z" {
		t.Errorf("for programs the newest day of households ends %v", last)
	}
}

// TestDisturbances: when most stations of a field are silent the page says so,
// and when all are it says it once.
func TestDisturbances(t *testing.T) {
	f := newFixture(t, 40, midWindow())
	f.files = nil // households are told by files, and these have fixed days
	h := f.handler(t, BaseMap{})
	s := readStatus(t, get(h, "GET", "/api/v1/status.json").Body)
	if len(s.Incidents) != 0 || s.Stations[stateLive] != 40 || len(s.Datasets) != len(f.datasets) || s.Datasets[0].State != stateLive || s.Datasets[0].Stations != 16 {
		t.Errorf("all well: %+v", s)
	}
	if s.Datasets[4].State != "" || s.Datasets[4].LastWindow != nil {
		t.Errorf("a dataset without values: %+v", s.Datasets[4])
	}
	if text := body(t, get(h, "GET", "/status")); !strings.Contains(text, german.Status.NoticesNone) {
		t.Error("without a disturbance the page does not say that there is none")
	}
	quiet := newFixture(t, 40, midWindow()) // of traffic nothing was ever heard
	quiet.latest = opendata.NewLatest()
	for _, d := range quiet.datasets[1:] {
		quiet.latest.Put(d.ID, quiet.rows[d.ID], time.Now())
	}
	h = quiet.handler(t, BaseMap{})
	s = readStatus(t, get(h, "GET", "/api/v1/status.json").Body)
	if len(s.Incidents) == 0 || s.Incidents[0].About != "domain/traffic" || s.Incidents[0].Source != "detected" || s.Stations[stateSilent] != 16 {
		t.Errorf("silent traffic: %+v", s)
	}
	if text := html.UnescapeString(body(t, get(h, "GET", "/status"))); !strings.Contains(text, "16 von 16 Stationen haben seit mehr als einem Tag nichts gemeldet.") {
		t.Error("the page does not tell of silent traffic")
	}
	old := newFixture(t, 40, midWindow().Add(-3*time.Hour))
	s = readStatus(t, get(old.handler(t, BaseMap{}), "GET", "/api/v1/status.json?lang=en").Body)
	if len(s.Incidents) != 1 || s.Incidents[0].About != "" || !strings.Contains(s.Incidents[0].Text, "40 of 40 stations report late") || s.Datasets[0].State != stateDelayed {
		t.Errorf("when all is late: %+v", s.Incidents)
	}
}

// TestStatusSuppressed: what privacy forbids to tell is counted, with the reason.
func TestStatusSuppressed(t *testing.T) {
	f := newFixture(t, 10, midWindow())
	gone := f.places[2].ID // the first of the power grid
	rows := f.latest.Rows("energienetz")
	for i := range rows {
		if rows[i].Station == gone {
			rows[i].Suppressed = true
		}
	}
	f.latest.Put("energienetz", rows, time.Now())
	h := f.handler(t, BaseMap{})
	s := readStatus(t, get(h, "GET", "/api/v1/status.json").Body)
	if d := s.Datasets[1]; d.Suppressed != 1 || d.Stations != 1 || s.Stations[stateSuppressed] != 1 {
		t.Errorf("a station is suppressed: %+v", d)
	}
	text := body(t, get(h, "GET", "/status"))
	for _, want := range []string{"Stationen, weil der Datenschutz es verlangt: 1", "Werte von weniger als 5 Haushalten"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}
