package dashboards

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"modellregion/internal/influx"
	"modellregion/internal/influx/embedded"
	"modellregion/uplink"
)

// What the numbers on the panels are, where a query does more than select.
func TestNumbers(t *testing.T) {
	to := time.Now().UTC().Truncate(time.Minute)
	db := filled(t, to)
	tests := []struct {
		dashboard, panel, refID string
		station, column         string
		want                    float64
	}{
		// 20 cars at 30 km/h and 10 at 60 km/h a minute, on both of 2 stations.
		{"Verkehr Leitstand", "Verkehrsstärke", "A", "", "sum", 2 * 30 * 60},
		{"Verkehr Leitstand", "Mittlere Geschwindigkeit", "A", "", "mean", 45},
		{"Verkehr Leitstand", "Schwerverkehr", "A", "", "sum_sum", 0.1},
		{"Verkehr Leitstand", "Höchste Belegung", "A", "", "mean", 0.25},
		{"Verkehr Leitstand", "Meldende Zählstellen", "A", "", "count", 2},
		{"Verkehr Leitstand", "Verkehrslage", "B", "traffic-1", "Geschwindigkeit", 45},
		{"Verkehr Leitstand", "Verkehrslage", "C", "traffic-1", "Stärke", 30 * 60},
		// One is congested, the other free; of 7 quarters of an hour 3 were slow.
		{"Verkehr Leitstand", "Stau und zäher Verkehr", "A", "", "jam", 1},
		{"Verkehr Leitstand", "Verkehrslage", "D", "traffic-1", "Verkehrslage", 4},
		{"Verkehr Leitstand", "Stau und zäher Verkehr der letzten 24 Stunden", "B", "traffic-1", "Dauer", 0.75},
		{"Verkehr Leitstand", "Stau und zäher Verkehr der letzten 24 Stunden", "C", "traffic-1", "schlimmstens", 4},
		// l1 230 V, l2 231 V, l3 200 V at one station and 232 V at the other.
		{"Energienetz", "Niedrigste Spannung", "A", "", "mean", 200},
		{"Energienetz", "Höchste Spannung", "A", "", "mean", 232},
		{"Energienetz", "Phasen außerhalb ±10 %", "A", "", "out", 1},
		{"Energienetz", "Spannung im Netz", "B", "energy-1", "Abweichung", 30 / 2.3},
		{"Energienetz", "Letzte 6 Stunden, auch nicht öffentliche Messstellen", "B", "energy-1", "Min", 200},
		{"Energienetz", "Letzte 6 Stunden, auch nicht öffentliche Messstellen", "B", "energy-2", "Max", 232},
		// 1000 W on l1 and l2, 400 W fed in on l3, at one station.
		{"Energienetz", "Bezug jetzt", "A", "", "w", 2000},
		{"Energienetz", "Einspeisung jetzt", "A", "", "w", 400},
		// 10 Wh every 5 minutes over six hours: 72 reports, 71 steps between them.
		{"Energienetz", "Bezogene Energie", "A", "", "spread", 10 * 71},
		// One station wet at 4 °C, one icy at -2 °C; freezing at -1 °C.
		{"Straßenzustand", "Glatte Stellen", "A", "", "slippery", 1},
		{"Straßenzustand", "Kälteste Fahrbahn", "A", "", "mean", -2},
		{"Straßenzustand", "Kleinster Abstand zum Gefrieren", "A", "", "m", -1},
		// 50 and 60 dB in turn are 57.4 dB of energy, not 55.
		{"Umwelt", "Lauteste Station, 1 Stunde", "A", "", "l", 10 * math.Log10((1e5+1e6)/2)},
		{"Umwelt", "Höchster Niederschlag, 24 Stunden", "A", "", "sum", 14.4},
		// Days with 50, 50.1 and 49.9, hours with 200 and 201 µg/m³.
		{"Umwelt", "Die letzten 365 Tage gegen die Grenzwerte", "B", "environment-1", "Tage PM10 > 50", 1},
		{"Umwelt", "Die letzten 365 Tage gegen die Grenzwerte", "C", "environment-1", "Stunden NO₂ > 200", 1},
		// Verdicts of three phases of the running week and of that before it.
		{"Energienetz", "Urteil der Woche", "B", "energy-1", "Spannung", 2},
		{"Energienetz", "Urteil der Woche", "C", "energy-1", "im Band", 93},
		{"Energienetz", "Urteil der Woche", "F", "energy-1", "Vorwoche", 4},
		// Hours with 79.9, 80 and 120 %.
		{"Energienetz Transformator", "Stunden ab 80 %, letzte 30 Tage", "A", "", "sum", 2},
		// A frame in ten minutes at DR5, by two gateways.
		{"Funknetz", "Empfänge", "A", "", "count", 12},
		{"Funknetz", "Gehörte Geräte", "A", "", "count", 1},
		{"Funknetz", "Hörende Gateways", "A", "", "count", 2},
		{"Funknetz", "Höchste Sendezeit eines Geräts", "A", "", "s", 6 * 0.07 / 36},
		{"Funknetz", "Verlorene Rahmen", "A", "", "sum", 12},
		{"Plattform", "Uplinks je Sekunde", "A", "", "sum", 10},
		{"Plattform", "Platte frei", "A", "", "f", 0.3},
		{"Plattform", "Unvollständigste Stationen, 24 Stunden", "E", "environment-1", "umwelt", 0.5},
	}
	ask := func(dashboard, panel, refID, station, column string) (float64, bool, string) {
		q := find(t, dashboard, panel, refID)
		to := to.Add(30 * time.Second) // between two reports, so that the range holds whole intervals
		expanded := q.Expand(map[string]string{"municipality": Every, "station": Every, "stations": Every, "gateway": Every, "edge": Every}, to.Add(-24*time.Hour), to)
		got, ok := db.ask(t, q.Source, expanded).value(station, column, reduceOf(t, dashboard, panel))
		return got, ok, expanded
	}
	// Grafana sums the phases of each time.
	for refID, want := range map[string]float64{"A": 2000, "B": 400} {
		q := find(t, "Energienetz", "Bezug und Einspeisung", refID)
		sums := map[any]float64{}
		for _, s := range db.ask(t, q.Source, q.Expand(map[string]string{"municipality": Every, "station": Every}, to.Add(-time.Hour), to)) {
			for _, row := range s.Values {
				sums[row[0]] += row[1].(float64)
			}
		}
		if len(sums) < 6 {
			t.Errorf("Bezug und Einspeisung %s has %d times, want six or seven", refID, len(sums))
		}
		for at, sum := range sums {
			if math.Abs(sum-want) > 1e-9 {
				t.Errorf("Bezug und Einspeisung %s at %v: %v W, want %v", refID, at, sum, want)
			}
		}
	}
	// The ends of a counter that counted eighteen frames.
	from, _, _ := ask("Funknetz", "Schlechteste Geräte der letzten 3 Stunden", "C", "", "von")
	until, _, _ := ask("Funknetz", "Schlechteste Geräte der letzten 3 Stunden", "D", "", "bis")
	if until-from != 17 {
		t.Errorf("counter from %v to %v, want 17 apart", from, until)
	}
	for _, test := range tests {
		got, ok, expanded := ask(test.dashboard, test.panel, test.refID, test.station, test.column)
		if !ok || math.Abs(got-test.want) > 0.001*math.Max(1, math.Abs(test.want)) {
			t.Errorf("%s, %s %s %s: got %v (found: %v), want %v: %s",
				test.dashboard, test.panel, test.refID, test.station, got, ok, test.want, expanded)
		}
	}
}

func find(t *testing.T, title, panel, refID string) Query {
	t.Helper()
	for _, d := range all(t) {
		qs, err := Queries(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range qs {
			if d.Title == title && q.Panel == panel && q.RefID == refID {
				return q
			}
		}
	}
	t.Fatalf("%s has no query %s %s", title, panel, refID)
	return Query{}
}

type database struct {
	url           string
	write, reader embedded.Login
}

// filled is an InfluxDB with the day before to, and some minutes after it, in bucket raw, in the schema of
// internal/influx: two stations in each domain, one of which is slippery, out
// of the voltage band or a transformer.
func filled(t *testing.T, to time.Time) database {
	t.Helper()
	srv, err := embedded.Start(context.Background(), embedded.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	})
	db := database{srv.URL(), srv.Platform, srv.Reader}

	var lines strings.Builder
	from, end := to.Add(-24*time.Hour).Truncate(10*time.Minute), to.Add(20*time.Minute)
	for i, municipality := range []string{"soest", "aachen"} {
		put := func(domain uplink.Domain, at time.Time, channel, fields string) {
			if channel != "" {
				channel = "," + influx.TagChannel + "=" + channel
			}
			fmt.Fprintf(&lines, "%s,%s=%016x,%s=%s-%d,%s=%s%s %s %d\n", domain, influx.TagDevice, i+1,
				influx.TagStation, domain, i+1, influx.TagMunicipality, municipality, channel, fields, at.UnixMilli())
		}
		for _, domain := range uplink.Domains() {
			fmt.Fprintf(&lines, "%s,%s=%016x,%s=%s-%d,%s=%s,%s=%s,%s=Markt\\ %d %s=51.5,%s=8.1 %d\n", influx.MeasurementPlace,
				influx.TagDevice, i+1, influx.TagStation, domain, i+1, influx.TagMunicipality, municipality,
				influx.TagDomain, domain, influx.TagName, i+1, influx.FieldLat, influx.FieldLon, from.UnixMilli())
		}
		for at := from.Add(time.Minute); at.Before(end); at = at.Add(time.Minute) {
			put(uplink.Traffic, at, "lane1", "vehicle_count=20,vehicle_count_truck=2,speed_mean=30,occupancy=0.25")
			put(uplink.Traffic, at, "lane2", "vehicle_count=10,vehicle_count_truck=1,speed_mean=60,occupancy=0.1")
		}
		meter := 0.0
		for at := from; at.Before(end); at = at.Add(5 * time.Minute) {
			if i == 0 {
				put(uplink.Energy, at, "l1", "voltage=230,current=4.3,power_active=1000")
				put(uplink.Energy, at, "l2", "voltage=231,current=4.3,power_active=1000")
				put(uplink.Energy, at, "l3", "voltage=200,current=1.7,power_active=-400")
				put(uplink.Energy, at, "", fmt.Sprintf("frequency=50.01,energy_import=%.0f,energy_export=%.0f", 1e6+10*meter, 5*meter))
				put(uplink.Road, at, "", "surface_temperature=4,freezing_temperature=-1,surface_state=3,water_film=200,ice_fraction=0,friction=0.7,battery_voltage=3.6")
			} else {
				for _, phase := range []string{"l1", "l2", "l3"} {
					put(uplink.Energy, at, phase, "voltage=232")
				}
				put(uplink.Energy, at, "", "load=85,power_apparent=340000")
				put(uplink.Road, at, "", "surface_temperature=-2,freezing_temperature=-1,surface_state=6,water_film=0,ice_fraction=0.8,friction=0.2,battery_voltage=3.5")
			}
			meter++
		}
		for n, at := 0, from.Add(10*time.Minute); at.Before(end); n, at = n+1, at.Add(10*time.Minute) {
			put(uplink.Environment, at, "", fmt.Sprintf("air_temperature=3,relative_humidity=90,air_pressure=1010,pm10=20,pm2_5=10,no2=30,"+
				"noise_laeq=%d,wind_speed=4,wind_direction=270,precipitation=0.1", 50+10*(n%2)))
		}
		put(uplink.Traffic, to, "", "battery_voltage=3.6")
	}
	for at := from; at.Before(end); at = at.Add(10 * time.Minute) {
		for _, gateway := range []string{"a", "b"} {
			fmt.Fprintf(&lines, "%s,%s=%016x,%s=%s rssi=-90,snr=5,dr=5,f_cnt=%d %d\n", influx.MeasurementRadio, influx.TagDevice, 1, influx.TagGateway, gateway,
				at.Unix()/600, at.UnixMilli())
		}
		fmt.Fprintf(&lines, "%s,%s=%016x,%s=road-1,%s=soest,%s=gap value=2 %d\n", influx.MeasurementQuality, influx.TagDevice, 1,
			influx.TagStation, influx.TagMunicipality, influx.TagMark, at.UnixMilli())
	}
	for at := from; at.Before(end); at = at.Add(time.Minute) {
		fmt.Fprintf(&lines, "%s,%s=%s,%s=h uplinks=600,disk_free=3,disk_size=10 %d\n", influx.MeasurementPlatform,
			influx.TagRole, influx.RoleProcess, influx.TagInstance, at.UnixMilli())
	}
	db.store(t, influx.Raw, lines.String())
	db.store(t, influx.Open, windowsOf(to))
	return db
}

// windowsOf are some windows of bucket open.
func windowsOf(to time.Time) string {
	var lines strings.Builder
	put := func(dataset, tags, window string, ago time.Duration, fields string) {
		fmt.Fprintf(&lines, "%s,%s,%s=%s %s %d\n", dataset, tags, influx.TagWindow, window, fields, to.Add(-ago).UnixMilli())
	}
	for i, state := range []int{4, 3, 4, 2, 1, 0, 1} {
		put("verkehr", "station=traffic-1", "15m", time.Duration(2*i+3)*10*time.Minute-time.Minute, fmt.Sprintf("traffic_state.mode=%d", state))
		put("verkehr", "station=traffic-2", "15m", time.Duration(2*i+3)*10*time.Minute-time.Minute, "traffic_state.mode=1")
	}
	const day = 24 * time.Hour
	for i, v := range []float64{50, 50.1, 49.9} {
		put("umwelt", "station=environment-1", "1d", time.Duration(i+1)*day, fmt.Sprintf("pm10.mean=%g,no2.mean=20,pm2_5.mean=9", v))
	}
	hour := to.Sub(to.Add(-3 * time.Hour).Truncate(time.Hour)) // both in one hour
	put("umwelt", "station=environment-1", "1h", hour, "no2.mean=200,coverage=0.5")
	put("umwelt", "station=environment-1", "1h", hour-time.Minute, "no2.mean=201")
	for i, verdict := range []int{1, 2, 1} {
		phase := fmt.Sprintf("station=energy-1,channel=l%d", i+1)
		put("spannungsqualitaet", phase, "1w", 3*day, fmt.Sprintf("voltage_quality.mode=%d,voltage_within.mean=%d", verdict, 93+i))
		put("spannungsqualitaet", phase, "1w", 10*day, fmt.Sprintf("voltage_quality.mode=%d,voltage_within.mean=%d", verdict+2, 93+i))
	}
	for i, load := range []float64{79.9, 80, 120} {
		put("energienetz", "station=energy-2", "1h", time.Duration(i+1)*time.Hour, fmt.Sprintf("load.mean=%g", load))
	}
	return lines.String()
}

func (db database) store(t *testing.T, bucket, lines string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, db.url+"/write?precision=ms&db="+bucket, strings.NewReader(lines))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(db.write.Username, db.write.Password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Fatalf("write: %s: %s", resp.Status, resp.Header.Get("X-Influxdb-Error"))
	}
}

type series struct {
	Tags    map[string]string
	Columns []string
	Values  [][]any
}

type answer []series

// ask runs InfluxQL on the bucket of a data source the way Grafana does, with
// what it may do.
func (db database) ask(t *testing.T, source, q string) answer {
	t.Helper()
	bucket, ok := map[string]string{DataSourceUID: influx.Raw, OpenDataSourceUID: influx.Open}[source]
	if !ok {
		t.Fatalf("data source %q of %s is unknown", source, q)
	}
	form := url.Values{"db": {bucket}, "epoch": {"ms"}, "q": {q}}
	req, err := http.NewRequest(http.MethodPost, db.url+"/query", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(db.reader.Username, db.reader.Password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body struct {
		Error   string
		Results []struct {
			Error  string
			Series []series
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	if len(body.Results) != 1 || body.Error != "" || body.Results[0].Error != "" {
		t.Fatalf("%s: %+v", q, body)
	}
	return body.Results[0].Series
}

// values counts the cells beside the time that hold something.
func (a answer) values() int {
	n := 0
	for _, s := range a {
		for _, row := range s.Values {
			for _, v := range row[1:] {
				if v != nil {
					n++
				}
			}
		}
	}
	return n
}

// value is the one cell of a column, of a station or of all, or what Grafana
// makes of several.
func (a answer) value(station, column, reduce string) (float64, bool) {
	var all []float64
	for _, s := range a {
		if station != "" && s.Tags[influx.TagStation] != station {
			continue
		}
		for i, c := range s.Columns {
			for _, row := range s.Values {
				if v, ok := row[i].(float64); ok && c == column {
					all = append(all, v)
				}
			}
		}
	}
	switch {
	case len(all) == 0:
		return 0, false
	case len(all) == 1 && reduce != "count":
		return all[0], true
	}
	sum := 0.0
	for _, v := range all {
		sum += v
	}
	v, ok := map[string]float64{"min": slices.Min(all), "max": slices.Max(all), "sum": sum, "count": float64(len(all))}[reduce]
	return v, ok
}

// reduceOf is what a panel makes of the rows of a table.
func reduceOf(t *testing.T, title, panel string) string {
	t.Helper()
	type shown struct {
		Title   string
		Options struct {
			ReduceOptions struct{ Calcs []string }
		}
		Panels []json.RawMessage
	}
	for _, d := range all(t) {
		var doc struct{ Panels []json.RawMessage }
		if err := json.Unmarshal(d.JSON, &doc); err != nil {
			t.Fatal(err)
		}
		for waiting := doc.Panels; d.Title == title && len(waiting) > 0; {
			var p shown
			if err := json.Unmarshal(waiting[0], &p); err != nil {
				t.Fatal(err)
			}
			waiting = append(p.Panels, waiting[1:]...)
			if p.Title == panel && len(p.Options.ReduceOptions.Calcs) == 1 {
				return p.Options.ReduceOptions.Calcs[0]
			}
		}
	}
	return ""
}
