package dashboards

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strconv"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/internal/influx"
	"modellregion/internal/influx/embedded"
	"modellregion/internal/simulate"
	"modellregion/opendata"
	"modellregion/uplink"
)

// simulated is an InfluxDB with a week of the simulator's fleet up to now, and
// what else the dashboards look at: the hours of earlier weeks that are usual,
// what no device of the fleet measures, who is silent, what could not be
// stored, what the platform says of itself; and bucket open, as the aggregator
// makes it of that.
func simulated(t *testing.T, now time.Time) database {
	t.Helper()
	srv, err := embedded.Start(t.Context(), embedded.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	})
	c := influx.New(influx.Config{URL: srv.URL(), Username: srv.Platform.Username, Password: srv.Platform.Password})
	t.Cleanup(c.Close)
	r := region{t: t, ctx: context.Background(), c: c, now: now, devices: simulate.FleetDevices(1, fleetSize)}
	r.devices = append(r.devices, extras()...)
	if err := c.PlaceDevices(r.ctx, r.devices, now.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	const day = 24 * time.Hour
	r.past(8*day, 0)
	for _, weeks := range []time.Duration{2, 3, 4} {
		r.past(weeks*7*day+40*time.Minute, weeks*7*day-40*time.Minute)
	}
	r.extra()
	r.others()
	r.aggregate()
	return database{srv.URL(), srv.Platform, srv.Reader}
}

const fleetSize = 5 // one of each kind

// extras are devices that the fleet lacks: a jam, and quantities of other makes.
func extras() []devices.Device {
	device := func(n byte, station string, d uplink.Domain, profile string) devices.Device {
		return devices.Device{
			EUI: uplink.EUI{1, 7: n}, Name: "Beispiel " + station, Station: station, Municipality: "soest", Domain: d, Profile: profile,
			Place: devices.Place{Lat: 51.57, Lon: 8.1}, Visibility: devices.Public, Variables: map[string]string{"free_speed": "50"},
		}
	}
	return []devices.Device{
		device(1, "beispiel-stau", uplink.Traffic, "virtual-traffic"),
		device(2, "beispiel-ebenheit", uplink.Road, "virtual-road"),
		device(3, "beispiel-ozon", uplink.Environment, "virtual-air"),
		device(4, "beispiel-einspeisung", uplink.Energy, "virtual-grid"), // at night, too
	}
}

// region fills a database.
type region struct {
	t       *testing.T
	ctx     context.Context
	c       *influx.Client
	now     time.Time
	devices []devices.Device
	batch   []devices.Report
}

func (r *region) add(report devices.Report) error {
	if report.Lost > 0 {
		report.Doubts = append(report.Doubts, devices.Doubt{Mark: devices.MarkGap, Value: float64(report.Lost)})
	}
	if r.batch = append(r.batch, report); len(r.batch) < 5000 {
		return nil
	}
	return r.flush()
}

func (r *region) flush() error {
	err := r.c.Write(r.ctx, r.batch)
	r.batch = r.batch[:0]
	return err
}

// past writes what the fleet said from one time before now to another.
func (r *region) past(from, to time.Duration) {
	r.t.Helper()
	span := devices.Span{Start: r.now.Add(-from), End: r.now.Add(-to)}
	if err := cmp.Or(simulate.Past(1, fleetSize, span, r.add), r.flush()); err != nil {
		r.t.Fatal(err)
	}
}

// extra writes a day and an hour of the devices that the fleet lacks.
func (r *region) extra() {
	r.t.Helper()
	reading := func(quantity, channel string, v float64) devices.Reading {
		q, ok := devices.Lookup(quantity)
		if !ok {
			r.t.Fatalf("no quantity %s", quantity)
		}
		return devices.Reading{Quantity: q, Channel: channel, Value: v}
	}
	said := map[string]struct {
		every    time.Duration
		readings []devices.Reading
	}{
		"beispiel-stau": {time.Minute, []devices.Reading{
			reading("vehicle_count", "lane1", 5), reading("vehicle_count_truck", "lane1", 1), reading("speed_mean", "lane1", 5), reading("occupancy", "lane1", 0.6),
			reading("battery_voltage", "", 3.2), reading("battery_level", "", 20),
		}},
		"beispiel-ebenheit":    {5 * time.Minute, []devices.Reading{reading("roughness_iri", "", 3.4)}},
		"beispiel-einspeisung": {5 * time.Minute, []devices.Reading{reading("power_active", "l1", -500)}},
		"beispiel-ozon":        {10 * time.Minute, []devices.Reading{reading("o3", "", 70), reading("battery_level", "", 80)}},
	}
	for _, d := range extras() {
		s := said[d.Station]
		for at := r.now.Add(-25 * time.Hour); at.Before(r.now); at = at.Add(s.every) {
			report := devices.Report{
				Device: d.EUI, Station: d.Station, Municipality: d.Municipality, Domain: d.Domain, Time: at, Readings: s.readings, DR: uint8(at.Minute() % 6),
				FCnt: uint32(at.Unix() / 60), RX: []uplink.Reception{{Gateway: uplink.EUI{2}, RSSIdBm: -100, SNRdB: 1}},
			}
			if at.Minute()%20 == 0 {
				report.Lost = 1
			}
			if err := r.add(report); err != nil {
				r.t.Fatal(err)
			}
		}
	}
	if err := r.flush(); err != nil {
		r.t.Fatal(err)
	}
}

// others writes who is silent, what could not be stored and what the platform
// says of itself.
func (r *region) others() {
	r.t.Helper()
	var states []devices.SenderState
	for i, d := range r.devices[:5] {
		states = append(states, devices.SenderState{
			Time: r.now.Add(-time.Hour), Sender: devices.SenderDevice, ID: d.EUI.String(), Edge: "rathaus", Domain: d.Domain, Station: d.Station,
			Municipality: d.Municipality, Silent: true, LastHeard: r.now.Add(-time.Duration(i+2) * time.Hour), Interval: 5 * time.Minute,
		})
	}
	back := states[0] // it speaks again
	back.ID, back.Station, back.Silent = r.devices[7].EUI.String(), r.devices[7].Station, false
	states = append(states, back,
		devices.SenderState{Time: r.now.Add(-time.Hour), Sender: devices.SenderGateway, ID: "02", Edge: "rathaus", Silent: true, LastHeard: r.now.Add(-time.Hour), Interval: time.Minute},
		devices.SenderState{Time: r.now.Add(-time.Hour), Sender: devices.SenderEdge, ID: "rathaus", Silent: true, LastHeard: r.now.Add(-time.Hour), Interval: time.Minute})
	if err := r.c.Note(r.ctx, states); err != nil {
		r.t.Fatal(err)
	}
	if err := r.c.Bury(r.ctx, []devices.DeadLetter{
		{Time: r.now.Add(-time.Hour), Edge: "rathaus", Reason: "range", Why: "speed_mean 400 km/h", Device: "70b3d57ed005f1a0", Topic: "t", Message: "{}"},
		{Time: r.now.Add(-2 * time.Hour), Edge: "rathaus", Reason: "codec", Why: "payload has 2 bytes", Topic: "t", Message: "{}"},
	}); err != nil {
		r.t.Fatal(err)
	}
	var rows []influx.Figures
	for at := r.now.Add(-7 * time.Hour).Truncate(time.Minute); at.Before(r.now); at = at.Add(time.Minute) {
		rows = append(rows,
			influx.Figures{Time: at, Role: influx.RoleProcess, Instance: "host:9100", Values: map[string]float64{
				influx.FieldMessages: 60, influx.FieldUplinks: 600, influx.FieldReadings: 2400, influx.FieldLetters: 1, influx.FieldShed: 0, influx.FieldWriteErrors: 0,
				influx.FieldWindows: 100, influx.FieldRequests: 30, influx.FieldRefused: 1, influx.FieldLagMedian: 0.4, influx.FieldLag: 1.5, influx.FieldQueue: 2,
				influx.FieldStoreOK: 1, influx.FieldBehind: 40, influx.FieldMemory: 2e8, influx.FieldDiskFree: 3e10, influx.FieldDiskSize: 1e11, influx.FieldDiskFullIn: 5e6,
			}},
			influx.Figures{Time: at, Role: influx.RoleEdge, Edge: "rathaus", Values: map[string]float64{
				influx.FieldOnline: 1, influx.FieldOutbox: 12, influx.FieldUndated: 0, influx.FieldGivenUp: 0, influx.FieldDiskOK: 1,
			}},
			influx.Figures{Time: at, Role: influx.RoleGateway, Edge: "rathaus", Gateway: "0200000000000000", Values: map[string]float64{
				influx.FieldReceived: 20, influx.FieldReceivedOK: 18, influx.FieldSent: 1, influx.FieldAcked: 100,
			}})
	}
	if err := r.c.PutFigures(r.ctx, rows); err != nil {
		r.t.Fatal(err)
	}
}

// aggregate has bucket open computed.
func (r *region) aggregate() {
	r.t.Helper()
	latest := opendata.NewLatest()
	a, err := opendata.NewAggregator(opendata.Config{
		Datasets: opendata.Defaults(), Raw: r.c, Open: r.c, Directory: directory{r.devices, stationsOf(r.devices)}, Publisher: nowhere{}, Latest: latest,
		Log: slog.New(slog.DiscardHandler), Every: time.Second, PublishEvery: time.Second,
	})
	if err == nil {
		err = a.Step(r.ctx)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// directory knows the devices of the region as an opendata.Directory.
type directory struct {
	devices  []devices.Device
	stations []devices.Station
}

func stationsOf(list []devices.Device) []devices.Station {
	var all []devices.Station
	for _, d := range list {
		all = append(all, devices.Station{ID: d.Station, Name: d.Name, Municipality: d.Municipality, Domain: d.Domain, Place: d.Place})
	}
	slices.SortFunc(all, func(a, b devices.Station) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

func (d directory) Stations() []devices.Station { return d.stations }

func (d directory) of(station string) devices.Device {
	i := slices.IndexFunc(d.devices, func(x devices.Device) bool { return x.Station == station })
	return d.devices[i]
}

func (d directory) Interval(station string, _ *devices.Quantity) time.Duration {
	switch d.of(station).Profile {
	case "virtual-traffic":
		return time.Minute
	case "virtual-air":
		return 10 * time.Minute
	default:
		return 5 * time.Minute
	}
}

func (d directory) Fact(station, name string) (float64, bool) {
	v, err := strconv.ParseFloat(d.of(station).Variables[name], 64)
	return v, err == nil
}

// nowhere publishes nothing.
type nowhere struct{}

func (nowhere) Publish(context.Context, *opendata.Dataset, []opendata.Day) error { return nil }
func (nowhere) Retract(context.Context) error                                    { return nil }

// theStations are what a dashboard about one station is tried with; where a
// transformer has what a feeder lacks, and the other way round, with both.
func theStations(uid string) []string {
	var all []string
	for _, profile := range map[string][]string{uidCounter: {"virtual-traffic"}, uidTransformer: {"virtual-transformer", "virtual-grid"}}[uid] {
		list := simulate.FleetDevices(1, fleetSize)
		if i := slices.IndexFunc(list, func(d devices.Device) bool { return d.Profile == profile }); i >= 0 {
			all = append(all, list[i].Station)
		}
	}
	return all
}
