package registry

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"modellregion/devices"
	"modellregion/uplink"
)

// household is the meter of a connection user.
func household(n byte, connection, group string) devices.Device {
	d := device(n)
	d.Name, d.Station = "Zähler", fmt.Sprintf("stadt-energie-%d", n)
	d.Profile, d.Domain, d.Visibility = "meter", uplink.Energy, devices.Internal
	d.Connection, d.Group = connection, group
	d.Keys.NwkKey = devices.Key{n, 1}
	return d
}

func TestHouseholdsAreChecked(t *testing.T) {
	long := strings.Repeat("a", 65)
	for name, c := range map[string]struct {
		edit func(*devices.Device)
		want string // of the error; empty: none
	}{
		"household":            {func(*devices.Device) {}, ""},
		"longest":              {func(d *devices.Device) { d.Connection, d.Group = long[1:], long[1:] }, ""},
		"none":                 {func(d *devices.Device) { d.Connection, d.Group = "", "" }, ""},
		"public without":       {func(d *devices.Device) { d.Connection, d.Group, d.Visibility = "", "", devices.Public }, ""},
		"no group":             {func(d *devices.Device) { d.Group = "" }, "connection, group: want both"},
		"no connection":        {func(d *devices.Device) { d.Connection = "" }, "connection, group: want both"},
		"public":               {func(d *devices.Device) { d.Visibility = devices.Public }, "visibility: public, and with a connection user it is the meter of a household"},
		"traffic":              {func(d *devices.Device) { d.Domain = uplink.Traffic }, "connection: want it for devices of domain energy alone, and its profile is of traffic"},
		"a name":               {func(d *devices.Device) { d.Connection = "Erika Mustermann" }, "connection: want 1 to 64"},
		"too long":             {func(d *devices.Device) { d.Connection = long }, "connection: want 1 to 64"},
		"hyphen at the end":    {func(d *devices.Device) { d.Connection = "a-" }, "connection: want 1 to 64"},
		"group with a space":   {func(d *devices.Device) { d.Group = "Riemeke Viertel" }, `group: "Riemeke Viertel", want 1 to 64`},
		"group with a hyphen":  {func(d *devices.Device) { d.Group = "-a" }, `group: "-a", want`},
		"district in lines":    {func(d *devices.Device) { d.District = "a\nb" }, "district:"},
		"road that is too big": {func(d *devices.Device) { d.Road = strings.Repeat("x", 257) }, "road:"},
		"free speed":           {func(d *devices.Device) { d.Variables = map[string]string{"free_speed": "schnell"} }, `variables: free_speed: "schnell", want a number from 1 to 300 in km/h`},
		"rated power in kVA":   {func(d *devices.Device) { d.Variables = map[string]string{"rated_power": "630"} }, `variables: rated_power: "630", want a number from 5000 to 1000000000 in V.A`},
		"other variables": {func(d *devices.Device) {
			d.Variables = map[string]string{"free_Speed": "schnell", "rated_power": "630000"}
		}, ""},
	} {
		d := household(1, "k-77", "nord")
		c.edit(&d)
		err := Check(d)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
		if err != nil && (strings.Contains(err.Error(), "Mustermann") || strings.Contains(err.Error(), "k-77")) {
			t.Errorf("%s: %v names the connection user", name, err)
		}
	}
}

// Put, an import and Verify refuse the same stations and groups.
func TestWhatGoesTogether(t *testing.T) {
	at := func(d devices.Device, station string) devices.Device {
		d.Station = station
		return d
	}
	of := func(d devices.Device, municipality string) devices.Device {
		d.Municipality = municipality
		return d
	}
	transformer := household(9, "", "")
	transformer.Station = "stadt-energie-1"
	public := transformer
	public.Visibility = devices.Public
	first := household(1, "a-1", "nord")
	for name, c := range map[string]struct {
		second devices.Device
		want   string
	}{
		"another household":                  {household(2, "a-2", "nord"), ""},
		"two meters of one connection":       {at(household(2, "a-1", "nord"), first.Station), ""},
		"two stations of one connection":     {household(2, "a-1", "nord"), ""},
		"another connection":                 {at(household(2, "a-2", "nord"), first.Station), "station stadt-energie-1 has the meter of a household and a device of another connection"},
		"another group":                      {at(household(2, "a-1", "sued"), first.Station), "station stadt-energie-1 has the meter"},
		"an internal one of no household":    {transformer, "station stadt-energie-1 has the meter"},
		"a public one":                       {public, "station stadt-energie-1 has public and internal devices"},
		"a group of several municipalities":  {of(household(2, "a-2", "nord"), "dorf"), "group nord has meters in several municipalities"},
		"groups of different municipalities": {of(household(2, "a-2", "dorf-nord"), "dorf"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			fits := func(what string, err error) {
				t.Helper()
				if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
					t.Errorf("%s: error %v, want %q", what, err, c.want)
				}
			}
			r, whole, big := open(t), open(t), open(t)
			if err := r.Put(t.Context(), []devices.Device{first}); err != nil {
				t.Fatal(err)
			}
			fits("put later", r.Put(t.Context(), []devices.Device{c.second}))
			fits("put together", whole.Put(t.Context(), []devices.Device{first, c.second}))
			fits("looked through as a whole", big.inTx(t.Context(), func(tx *sql.Tx) error {
				return errors.Join(insert(t.Context(), tx, []devices.Device{first, c.second}, KEK{}), fitAll(t.Context(), tx))
			}))
			for _, known := range []map[uplink.EUI]devices.Device{nil, {first.EUI: first}} {
				records := []Record{{At: "1", Fields: Fields(first, true)}, {At: "2", Fields: Fields(c.second, true)}}
				_, err := (&Builder{Profiles: testProfiles, Known: known}).Build(records[len(known):])
				fits("import", err)
			}
		})
	}
}

// What a household's meter measured stays with its station, so the station
// never becomes public.
func TestStationOfAHouseholdStaysPrivate(t *testing.T) {
	r := open(t)
	meter := household(1, "a-1", "nord")
	if err := r.Put(t.Context(), []devices.Device{meter, household(2, "a-2", "nord")}); err != nil {
		t.Fatal(err)
	}
	meter.Connection, meter.Group = "", ""
	if err := r.Put(t.Context(), []devices.Device{meter}); err != nil {
		t.Errorf("no household any more: %v", err)
	}
	meter.Visibility = devices.Public
	if err := r.Remove(t.Context(), uplink.EUI{2}); err != nil {
		t.Error(err)
	}
	other := meter
	other.EUI, other.Station = uplink.EUI{3}, "stadt-energie-2"
	for _, d := range []devices.Device{meter, other} {
		if err := r.Put(t.Context(), []devices.Device{d}); err == nil || !strings.Contains(err.Error(), "station "+d.Station+" was that of a household") {
			t.Errorf("%s: error %v", d.Station, err)
		}
	}
	meter.Station = "stadt-energie-3"
	if err := r.Put(t.Context(), []devices.Device{meter}); err != nil {
		t.Error(err)
	}
	if _, err := r.db.Exec("UPDATE device SET station = 'stadt-energie-2'"); err != nil {
		t.Fatal(err)
	}
	problems, err := r.Verify(t.Context(), testProfiles)
	if err != nil || !strings.Contains(strings.Join(problems, "\n"), "was that of a household") {
		t.Errorf("%q, %v", problems, err)
	}
}

// The file itself refuses a public household, and a profile leaves household
// meters their domain.
func TestHouseholdsStayWhatTheyAre(t *testing.T) {
	r := open(t)
	energy := strings.Replace(strings.Replace(ownProfile, "road", "energy", 1), "vehicle_count", "energy_import", 1)
	if _, err := r.PutProfiles(t.Context(), testProfiles, energy); err != nil {
		t.Fatal(err)
	}
	d := household(1, "a-1", "nord")
	d.Profile, d.Keys.NwkKey = "own", devices.Key{}
	if err := r.Put(t.Context(), []devices.Device{d}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.PutProfiles(t.Context(), testProfiles, ownProfile); err == nil || !strings.Contains(err.Error(), "1 household meters have it") {
		t.Errorf("error %v", err)
	}
	for _, set := range []string{"visibility = 'public'", "household_group = ''", "connection = ''"} {
		if _, err := r.db.Exec("UPDATE device SET " + set); err == nil {
			t.Errorf("%s is taken", set)
		}
	}
	got, total, err := r.Find(t.Context(), Filter{Group: "nord"})
	if diff := cmp.Diff([]devices.Device{d}, got); err != nil || total != 1 || diff != "" {
		t.Errorf("%d, %v %s", total, err, diff)
	}
	if _, total, err := r.Find(t.Context(), Filter{Group: "sued"}); err != nil || total != 0 {
		t.Errorf("%d, %v", total, err)
	}
}

// Nothing that a Directory gives to the public tells of a household, whatever
// its visibility says and whoever else is at its station.
func TestDirectoryHidesHouseholds(t *testing.T) {
	counter := device(9)
	counter.District, counter.Road = "Schloß Neuhaus", "B 64"
	counter.Segment = devices.Segment{{Lat: 51.7, Lon: 8.75}, {Lat: 51.71, Lon: 8.76}}
	public, withPublic, beside, off := household(1, "a-1", "nord"), household(2, "a-2", "nord"), household(3, "", ""), household(4, "a-4", "sued")
	public.Visibility, beside.Visibility, off.Visibility = devices.Public, devices.Public, devices.Public
	beside.Station, off.Disabled = withPublic.Station, true
	atOff := household(5, "", "")
	atOff.Station, atOff.Visibility = off.Station, devices.Public
	second := household(6, "a-6", "sued")
	secondMeter := household(7, "a-6", "sued")
	secondMeter.Station = second.Station
	list := []devices.Device{public, withPublic, beside, off, atOff, second, secondMeter, counter}
	for i := range list {
		list[i].Variables = map[string]string{"free_speed": "50", "rated_power": "630000"}
	}
	d := &Directory{}
	d.current.Store(newSnapshot(list, 1, testProfiles))
	want := []devices.Station{{
		ID: counter.Station, Name: counter.Name, Municipality: "stadt", District: "Schloß Neuhaus", Road: "B 64",
		Domain: uplink.Traffic, Place: counter.Place, Segment: counter.Segment,
	}}
	if diff := cmp.Diff(want, d.Stations()); diff != "" {
		t.Error(diff)
	}
	energy, _ := devices.Lookup("energy_import")
	battery, _ := devices.Lookup("battery_level")
	for _, dev := range list[:len(list)-1] {
		_, known := d.Fact(dev.Station, "rated_power")
		if known || d.Interval(dev.Station, energy) != 0 || d.Interval(dev.Station, battery) != 0 {
			t.Errorf("%s is public", dev.Station)
		}
	}
	households := []devices.Household{
		{Station: public.Station, Connection: "a-1", Group: "nord", Municipality: "stadt"},
		{Station: withPublic.Station, Connection: "a-2", Group: "nord", Municipality: "stadt"},
		{Station: second.Station, Connection: "a-6", Group: "sued", Municipality: "stadt"},
	}
	if diff := cmp.Diff(households, d.Households()); diff != "" {
		t.Error(diff)
	}
	lists, err := d.Lists() // the edge serves them all the same, and knows no connection user
	if text := fmt.Sprintf("%+v", lists); err != nil || len(lists["rathaus"].Devices) != len(list)-1 || strings.Contains(text, "a-1") || strings.Contains(text, "nord") {
		t.Errorf("%s, %v", text, err)
	}
}

// A fact comes from the first device of the station that knows it. One that was
// put before there were facts and is none is passed over.
func TestDirectoryKnowsFacts(t *testing.T) {
	r := open(t)
	first, second, internal := device(1), device(2), device(3)
	first.Variables = map[string]string{"free_speed": "50", "height": "2.5"}
	second.Station, second.Variables = first.Station, map[string]string{"free_speed": "70", "congested_occupancy": "0.3"}
	internal.Visibility, internal.Variables = devices.Internal, first.Variables
	if err := r.Put(t.Context(), []devices.Device{second, first, internal}); err != nil {
		t.Fatal(err)
	}
	d, err := NewDirectory(t.Context(), r, testProfiles)
	if err != nil {
		t.Fatal(err)
	}
	check := func(station, name string, want float64, wantOK bool) {
		t.Helper()
		if v, ok := d.Fact(station, name); v != want || ok != wantOK {
			t.Errorf("%s of %s is %v, %t", name, station, v, ok)
		}
	}
	check(first.Station, "free_speed", 50, true)
	check(first.Station, "congested_occupancy", 0.3, true)
	check(first.Station, "rated_power", 0, false)
	check(first.Station, "height", 0, false)
	check(internal.Station, "free_speed", 0, false)
	check("nowhere", "free_speed", 0, false)
	if _, err := r.db.Exec(`UPDATE device SET variables = '{"free_speed":"fast"}' WHERE dev_eui = '0100000000000000'; UPDATE revision SET n = n + 1`); err != nil {
		t.Fatal(err)
	}
	if err := d.read(t.Context()); err != nil {
		t.Fatal(err)
	}
	check(first.Station, "free_speed", 70, true)
	problems, err := r.Verify(t.Context(), testProfiles)
	if err != nil || len(problems) != 1 || !strings.Contains(problems[0], `free_speed: "fast"`) {
		t.Errorf("%q, %v", problems, err)
	}
}

// The index of the ingest knows households as it knows other devices.
func TestIndexOfHouseholds(t *testing.T) {
	r := open(t)
	if err := r.Put(t.Context(), []devices.Device{household(1, "a-1", "nord")}); err != nil {
		t.Fatal(err)
	}
	x, err := NewIndex(t.Context(), r, testProfiles)
	if err != nil {
		t.Fatal(err)
	}
	e, ok := x.Find(uplink.EUI{1})
	want := devices.Entry{Station: "stadt-energie-1", Municipality: "stadt", Domain: uplink.Energy, Edge: "rathaus", Profile: "meter", Interval: 5 * time.Minute}
	if diff := cmp.Diff(want, e); !ok || diff != "" {
		t.Errorf("%t %s", ok, diff)
	}
}

func TestHouseholdsAreImportedAndHidden(t *testing.T) {
	const text = "dev_eui;profile;Ortsteil;Straße;Gruppe;Anschlussnutzer;app_key;nwk_key\n0100000000000000;meter;Elsen;Von-Ketteler-Straße;nord;a-0815;" + secret + ";" + secret + "\n"
	_, err := build(text, "csv", CSVOptions{}, Builder{Defaults: places})
	const guesses = `--map "district=Ortsteil" --map "road=Straße" --map "group=Gruppe" --map "connection=Anschlussnutzer"`
	if err == nil || !strings.Contains(err.Error(), guesses) {
		t.Fatalf("error %v", err)
	}
	m := map[string]string{"district": "Ortsteil", "road": "Straße", "group": "Gruppe", "connection": "Anschlussnutzer"}
	list, err := build(text, "csv", CSVOptions{Map: m}, Builder{Defaults: places})
	if err != nil || list[0].District != "Elsen" || list[0].Road != "Von-Ketteler-Straße" || list[0].Group != "nord" || list[0].Connection != "a-0815" {
		t.Fatalf("%+v, %v", list, err)
	}
	for name, write := range map[string]func(*bytes.Buffer, bool) error{
		"csv":  func(out *bytes.Buffer, secrets bool) error { return WriteCSV(out, list, secrets) },
		"json": func(out *bytes.Buffer, secrets bool) error { return WriteJSON(out, list, secrets) },
	} {
		for _, secrets := range []bool{true, false} {
			var out bytes.Buffer
			if err := write(&out, secrets); err != nil {
				t.Fatal(err)
			}
			if got := out.String(); strings.Contains(got, "a-0815") != secrets || strings.Contains(got, "connection") != secrets || !strings.Contains(got, "nord") {
				t.Errorf("%s, secrets %t:\n%s", name, secrets, got)
			}
		}
	}
	// New keys leave the connection user, and an empty column takes it away.
	known := map[uplink.EUI]devices.Device{list[0].EUI: list[0]}
	keys, err := build("dev_eui,app_key,nwk_key\n0100000000000000,"+secret+","+secret[:31]+"0\n", "csv", CSVOptions{}, Builder{Known: known})
	if err != nil || keys[0].Connection != "a-0815" {
		t.Errorf("%+v, %v", keys, err)
	}
	plain, err := build("dev_eui,connection,group\n0100000000000000,,\n", "csv", CSVOptions{}, Builder{Known: known})
	if err != nil || plain[0].Connection != "" || plain[0].Group != "" {
		t.Errorf("%+v, %v", plain, err)
	}
}
