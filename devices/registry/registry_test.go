package registry

import (
	"context"
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

var profiles = map[string]devices.Profile{
	"counter": {ID: "counter", Domain: uplink.Traffic, Interval: time.Minute, Codec: devices.Codec{Kind: "layout", Source: "x"}},
	"meter":   {ID: "meter", Domain: uplink.Energy, Interval: 5 * time.Minute},
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
	want := []devices.Device{device(1), abp}
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
	bad := device(3)
	bad.Station = "Nicht öffentlich"
	err = r.Put(t.Context(), []devices.Device{device(4), bad})
	if err == nil || !strings.Contains(err.Error(), "station") {
		t.Errorf("error %v, want it to name the station", err)
	}
	if got, _, err := r.List(t.Context()); err != nil || len(got) != 2 {
		t.Errorf("%d devices (%v) after a refused change, want 2", len(got), err)
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

func TestReadCSV(t *testing.T) {
	const head = "dev_eui,app_key,name,station,municipality,profile,edge,lat,lon,visibility\n"
	const good = "70B3D57ED005F1A0,00112233445566778899aabbccddeeff,Bahnhofstraße,stadt-1,stadt,counter,rathaus,51.7,8.75,public\n"
	list, err := ReadCSV(strings.NewReader("\ufeff"+head+good), profiles)
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
			list, err := ReadCSV(strings.NewReader(c.text), profiles)
			if err == nil || !strings.Contains(err.Error(), c.want) || list != nil {
				t.Errorf("error %v, want it to say %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "445566778899") {
				t.Error("the error shows the key")
			}
		})
	}
}

func TestDirectory(t *testing.T) {
	r := open(t)
	internal, meter := device(2), device(3)
	internal.Visibility = devices.Internal
	meter.Profile, meter.Domain, meter.Edge = "meter", uplink.Energy, "umspannwerk"
	if err := r.Put(t.Context(), []devices.Device{device(1), internal, meter}); err != nil {
		t.Fatal(err)
	}
	d, err := NewDirectory(t.Context(), r, profiles)
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
	if diff := cmp.Diff([]string{"stadt-verkehr-1", "stadt-verkehr-3"}, stations); diff != "" {
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
	if len(lists["rathaus"].Devices) != 2 || len(lists["umspannwerk"].Devices) != 1 || lists["umspannwerk"].Devices[0].AppKey == "" {
		t.Errorf("%+v", lists)
	}
}

func TestDirectoryFollows(t *testing.T) {
	r := open(t)
	d, err := NewDirectory(t.Context(), r, profiles)
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

func FuzzReadCSV(f *testing.F) {
	f.Add("dev_eui,app_key\n70B3D57ED005F1A0,00\n")
	f.Add("\"")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := ReadCSV(strings.NewReader(text), profiles)
		if err != nil && list != nil {
			t.Error("devices and an error")
		}
	})
}
