package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"modellregion/devices"
	"modellregion/uplink"
)

var testProfiles = map[string]devices.Profile{
	"counter": {ID: "counter", Domain: uplink.Traffic, Interval: time.Minute, Codec: devices.Codec{Kind: "layout", Source: "x"}},
	"meter":   {ID: "meter", Domain: uplink.Energy, Interval: 5 * time.Minute, LoRaWAN: devices.LoRaWAN{Version: "1.1.0", Class: "C"}},
}

func open(t *testing.T) *Registry {
	t.Helper()
	r, err := Open(t.Context(), filepath.Join(t.TempDir(), "devices.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func device(n byte) devices.Device {
	return devices.Device{
		EUI: uplink.EUI{n}, JoinEUI: uplink.EUI{0xff, n}, Name: "Bahnhofstraße", Station: fmt.Sprintf("stadt-verkehr-%d", n),
		Municipality: "stadt", Domain: uplink.Traffic, Profile: "counter", Edge: "rathaus", Place: devices.Place{Lat: 51.7, Lon: 8.75},
		Visibility: devices.Public, Keys: devices.Keys{AppKey: devices.Key{n}},
	}
}

func TestPutAndList(t *testing.T) {
	r := open(t)
	abp := device(2)
	abp.Keys = devices.Keys{DevAddr: [4]byte{1, 2, 3, 4}, NwkSKey: devices.Key{5}, AppSKey: devices.Key{6}}
	joins, listens := device(3), device(4) // with LoRaWAN 1.1
	joins.Keys.NwkKey, joins.Nonces = devices.Key{7}, 1<<32-1
	listens.Keys = devices.Keys{DevAddr: [4]byte{1, 2, 3, 5}, NwkSKey: devices.Key{5}, AppSKey: devices.Key{6}, SNwkSIntKey: devices.Key{8}, NwkSEncKey: devices.Key{9}}
	listens.ResetFCnt = true
	want := []devices.Device{device(1), abp, joins, listens}
	if err := r.Put(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	want[0].Name = "Westernstraße"
	if err := r.Put(t.Context(), want[:1]); err != nil {
		t.Fatal(err)
	}
	got, revision, err := r.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if revision != 2 {
		t.Errorf("revision %d after two changes", revision)
	}
	// All or none.
	bad := device(5)
	bad.Station = "Nicht öffentlich"
	err = r.Put(t.Context(), []devices.Device{device(6), bad})
	if err == nil || !strings.Contains(err.Error(), "station") {
		t.Errorf("error %v, want it to name the station", err)
	}
	if got, _, err := r.List(t.Context()); err != nil || len(got) != 4 {
		t.Errorf("%d devices (%v) after a refused change, want 4", len(got), err)
	}
}

// A household meter at a public transformer's station would be published with
// it.
func TestStationIsPublicOrInternal(t *testing.T) {
	r := open(t)
	public, internal := device(1), device(2)
	internal.Station, internal.Visibility = public.Station, devices.Internal
	if err := r.Put(t.Context(), []devices.Device{public}); err != nil {
		t.Fatal(err)
	}
	if err := r.Put(t.Context(), []devices.Device{internal}); err == nil || !strings.Contains(err.Error(), public.Station) {
		t.Errorf("error %v, want it to name the station", err)
	}
	public.Visibility = devices.Internal
	if err := r.Put(t.Context(), []devices.Device{internal, public}); err != nil {
		t.Errorf("both internal: %v", err)
	}
}

func TestReopenKeepsAndNewerSchemaIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "devices.db")
	r, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Put(t.Context(), []devices.Device{device(1)}); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("file with keys has mode %v (%v)", info.Mode(), err)
	}
	if r, err = Open(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if list, _, err := r.List(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("%d devices (%v) after reopening", len(list), err)
	}
	if _, err := r.db.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), "version 99") {
		t.Errorf("error %v, want the schema version", err)
	}
}

// A file of an older version, as the programs of its time wrote it, keeps its
// devices; they can be found, and what changes later is noticed.
func TestMigrate(t *testing.T) {
	for version := 1; version < len(schema); version++ {
		t.Run(fmt.Sprint("version ", version), func(t *testing.T) { testMigrate(t, version) })
	}
}

func testMigrate(t *testing.T, version int) {
	path := filepath.Join(t.TempDir(), "devices.db")
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	statements := []string{schema[0], `INSERT INTO device VALUES
		('0100000000000000', 'ff01000000000000', 'Ängerstraße', 'stadt-verkehr-1', 'stadt', 'traffic', 'counter', 'rathaus', 51.7, 8.75, 'public',
			'01000000000000000000000000000000', '', '', ''),
		('0200000000000000', 'ff02000000000000', 'Ängerstraße', 'stadt-verkehr-2', 'stadt', 'traffic', 'counter', 'rathaus', 51.7, 8.75, 'public',
			'', '01020304', '05000000000000000000000000000000', '06000000000000000000000000000000')`, "UPDATE revision SET n = 7"}
	statements = append(statements, schema[1:version]...)
	if version >= searchVersion {
		statements = append(statements, "UPDATE device SET search = 'ängerstraße' || char(10) || station")
	}
	for _, statement := range append(statements, fmt.Sprintf("PRAGMA user_version = %d", version)) {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	otaa, abp := device(1), device(2)
	otaa.Name, abp.Name = "Ängerstraße", "Ängerstraße"
	abp.Keys = devices.Keys{DevAddr: [4]byte{1, 2, 3, 4}, NwkSKey: devices.Key{5}, AppSKey: devices.Key{6}}
	want := []devices.Device{otaa, abp}
	for i, what := range []string{"migrated", "opened again"} {
		r, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		got, revision, err := r.List(t.Context())
		if err != nil || revision != 7+uint64(i) {
			t.Errorf("%s: revision %d, error %v", what, revision, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
		if _, n, err := r.Find(t.Context(), Filter{Text: "ÄNGER"}); err != nil || n != 2 {
			t.Errorf("%s: %d devices found, %v", what, n, err)
		}
		x, err := NewIndex(t.Context(), r, testProfiles)
		if err != nil {
			t.Fatal(err)
		}
		want[i].Disabled = true
		if err := errors.Join(r.Disable(t.Context(), want[i].EUI, true), x.read(t.Context())); err != nil {
			t.Error(err)
		}
		sameAsDirectory(t, x, r)
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestFlushNonces(t *testing.T) {
	r := open(t)
	if err := r.Put(t.Context(), []devices.Device{device(1), device(2)}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.FlushNonces(t.Context(), uplink.EUI{1}); err != nil {
			t.Fatal(err)
		}
	}
	// The same list again knows nothing of it.
	if err := r.Put(t.Context(), []devices.Device{device(1), device(2)}); err != nil {
		t.Fatal(err)
	}
	got, revision, err := r.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if revision != 4 || got[0].Nonces != 2 || got[1].Nonces != 0 {
		t.Errorf("revision %d, nonces %d and %d, want 4, 2 and 0", revision, got[0].Nonces, got[1].Nonces)
	}
	if one, err := r.Device(t.Context(), uplink.EUI{1}); err != nil || !cmp.Equal(one, got[0]) {
		t.Errorf("device 1 is %v (%v)", one, err)
	}
	const want = "0300000000000000: there is no such device"
	if err := r.FlushNonces(t.Context(), uplink.EUI{3}); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want it to say %q", err, want)
	}
	if _, err := r.Device(t.Context(), uplink.EUI{3}); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want it to say %q", err, want)
	}
	if again, err := r.Revision(t.Context()); err != nil || again != revision {
		t.Errorf("revision %d (%v) after a refused change, want %d", again, err, revision)
	}
}

// readCSV makes devices of a file, as an import into an empty registry does.
func readCSV(text string) ([]devices.Device, error) {
	records, err := ReadCSV(strings.NewReader(text), CSVOptions{})
	if err != nil {
		return nil, err
	}
	return (&Builder{Profiles: testProfiles}).Build(records)
}

func TestReadCSV(t *testing.T) {
	const head = "dev_eui,app_key,name,station,municipality,profile,edge,lat,lon,visibility\n"
	const good = "70B3D57ED005F1A0,00112233445566778899aabbccddeeff,Bahnhofstraße,stadt-1,stadt,counter,rathaus,51.7,8.75,public\n"
	list, err := readCSV("\ufeff" + head + good)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 || list[0].Domain != uplink.Traffic || list[0].EUI.String() != "70b3d57ed005f1a0" || !list[0].Keys.OTAA() {
		t.Errorf("%+v", list)
	}
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "heading"},
		{"unknown column", "dev_eui,deveui\n", `column "deveui" is unknown`},
		{"short EUI", head + strings.Replace(good, "70B3D57ED005F1A0", "70B3", 1), "line 2: dev_eui: EUI \"70B3\" has 4 characters"},
		{"bad key", head + strings.Replace(good, "00112233", "0011", 1), "line 2: app_key: key has 28 characters"},
		{"unknown profile", head + strings.Replace(good, "counter", "kounter", 1), `profile: "kounter" is unknown`},
		{"latitude", head + strings.Replace(good, "51.7", "51,7", 1), "wrong number of fields"},
		{"no number", head + strings.Replace(good, "51.7", "north", 1), "lat:"},
		{"visibility", head + strings.Replace(good, "public", "secret", 1), `visibility: "secret"`},
		{"twice", head + good + good, "line 3: dev_eui: 70b3d57ed005f1a0 stands in line 2 already"},
	} {
		t.Run(c.name, func(t *testing.T) {
			list, err := readCSV(c.text)
			if err == nil || !strings.Contains(err.Error(), c.want) || list != nil {
				t.Errorf("error %v, want it to say %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "445566778899") {
				t.Error("the error shows the key")
			}
		})
	}
}

func TestReadCSVWithLoRaWAN11(t *testing.T) {
	const head = "dev_eui,profile,app_key,nwk_key,dev_addr,nwk_s_key,s_nwk_s_int_key,nwk_s_enc_key,app_s_key,reset_f_cnt,name,station,municipality,edge,lat,lon\n"
	const key = "00112233445566778899aabbccddeeff"
	const tail = ",Trafo,stadt-1,stadt,rathaus,51.7,8.75\n"
	for _, c := range []struct{ name, line, want string }{
		{"1.0 OTAA", "counter,K,,,,,,,", ""},
		{"1.0 ABP", "counter,,,01020304,K,,,K,", ""},
		{"1.0 ABP that begins anew", "counter,,,01020304,K,,,K,Yes", ""},
		{"1.1 OTAA", "meter,K,K,,,,,,no", ""},
		{"1.1 ABP", "meter,,,01020304,K,K,K,K,0", ""},
		{"1.1 ABP that begins anew", "meter,,,01020304,K,K,K,K,1", ""},
		{"1.1 OTAA without its network key", "meter,K,,,,,,,", "nwk_key: must be given, profile meter is LoRaWAN 1.1.0"},
		{"1.1 OTAA without its application key", "meter,,K,,,,,,", "app_key: want either app_key"},
		{"1.1 ABP with the keys of 1.0", "meter,,,01020304,K,,,K,", "s_nwk_s_int_key: must be given"},
		{"1.1 ABP without one", "meter,,,01020304,K,K,,K,", "nwk_s_enc_key: must be given"},
		{"1.0 OTAA with a network key", "counter,K,K,,,,,,", "nwk_key: must be empty, profile counter is not LoRaWAN 1.1"},
		{"1.0 ABP with the keys of 1.1", "counter,,,01020304,K,K,K,K,", "nwk_s_enc_key: must be empty"},
		{"keys of both ways to join", "meter,K,K,,,K,K,,", "s_nwk_s_int_key, nwk_s_enc_key: want them with dev_addr"},
		{"ABP with the root", "meter,,K,01020304,K,K,K,K,", "nwk_key: want it with app_key alone"},
		{"short key", "meter,K,0011,,,,,,", "nwk_key: key has 4 characters"},
		{"OTAA that begins anew", "counter,K,,,,,,,true", "reset_f_cnt: want it for devices with dev_addr"},
		{"no yes or no", "counter,,,01020304,K,,,K,perhaps", `reset_f_cnt: "perhaps", want true or false`},
	} {
		t.Run(c.name, func(t *testing.T) {
			list, err := readCSV(head + "70b3d57ed005f1a0," + strings.ReplaceAll(c.line, "K", key) + tail)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), key) {
					t.Errorf("error %v, want it to say %q", err, c.want)
				}
				return
			}
			if err != nil || len(list) != 1 || list[0].ResetFCnt != strings.Contains(c.name, "anew") {
				t.Fatalf("%v, %v", list, err)
			}
			if err := open(t).Put(t.Context(), list); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestDirectory(t *testing.T) {
	r := open(t)
	internal, meter := device(2), device(3)
	internal.Visibility = devices.Internal
	meter.Profile, meter.Domain, meter.Edge = "meter", uplink.Energy, "umspannwerk"
	meter.Keys.NwkKey, meter.Nonces = devices.Key{7}, 3
	abp := device(4)
	abp.Profile, abp.Domain, abp.Edge, abp.ResetFCnt = "meter", uplink.Energy, "umspannwerk", true
	abp.Keys = devices.Keys{DevAddr: [4]byte{1, 2, 3, 4}, NwkSKey: devices.Key{5}, AppSKey: devices.Key{6}, SNwkSIntKey: devices.Key{8}, NwkSEncKey: devices.Key{9}}
	if err := r.Put(t.Context(), []devices.Device{device(1), internal, meter, abp}); err != nil {
		t.Fatal(err)
	}
	d, err := NewDirectory(t.Context(), r, testProfiles)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := d.Device(uplink.EUI{2}); !ok || got.Station != "stadt-verkehr-2" {
		t.Errorf("device 2: %+v", got)
	}
	var stations []string
	for _, s := range d.Stations() {
		stations = append(stations, s.ID)
	}
	if diff := cmp.Diff([]string{"stadt-verkehr-1", "stadt-verkehr-3", "stadt-verkehr-4"}, stations); diff != "" {
		t.Errorf("public stations: %s", diff)
	}
	voltage, _ := devices.Lookup("voltage")
	if got := d.Interval("stadt-verkehr-3", voltage); got != 5*time.Minute {
		t.Errorf("interval %v", got)
	}
	if got := d.Interval("stadt-verkehr-2", voltage); got != 0 {
		t.Errorf("interval of an internal station is %v", got)
	}
	lists, err := d.Lists()
	if err != nil {
		t.Fatal(err)
	}
	if got := lists["rathaus"].Devices; len(got) != 2 || got[0].AppKey == "" || got[0].LoRaWAN != "" || got[0].NwkKey != "" {
		t.Errorf("rathaus: %+v", got)
	}
	hexed := func(b string) string { return b + strings.Repeat("0", 30) }
	want := []uplink.ListedDevice{
		{DevEUI: uplink.EUI{3}, JoinEUI: uplink.EUI{0xff, 3}, Domain: uplink.Energy, Profile: "meter", LoRaWAN: "1.1.0", Class: "C",
			AppKey: hexed("03"), NwkKey: hexed("07"), Nonces: 3},
		{DevEUI: uplink.EUI{4}, JoinEUI: uplink.EUI{0xff, 4}, Domain: uplink.Energy, Profile: "meter", LoRaWAN: "1.1.0", Class: "C", DevAddr: "01020304",
			NwkSKey: hexed("05"), AppSKey: hexed("06"), SNwkSIntKey: hexed("08"), NwkSEncKey: hexed("09"), ResetFCnt: true},
	}
	if diff := cmp.Diff(want, lists["umspannwerk"].Devices); diff != "" {
		t.Error(diff)
	}
}

func TestDirectoryFollows(t *testing.T) {
	r := open(t)
	d, err := NewDirectory(t.Context(), r, testProfiles)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		changed := make(chan struct{})
		done := make(chan error)
		go func() {
			done <- d.Follow(ctx, time.Second, func() {
				select {
				case changed <- struct{}{}:
				case <-ctx.Done():
				}
			})
		}()
		if err := r.Put(context.Background(), []devices.Device{device(1)}); err != nil {
			t.Error(err)
		}
		<-changed
		if _, ok := d.Device(uplink.EUI{1}); !ok {
			t.Error("the new device is unknown")
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
