package registry

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modellregion/devices"
	"modellregion/uplink"
)

func many(n int) []devices.Device {
	out := make([]devices.Device, 0, n)
	for i := range n {
		d := device(1)
		d.EUI = uplink.EUI{0x70, 0xb3, 0, 0, byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}
		d.Name, d.Station = fmt.Sprintf("Straße Nr. %d, Kreuzung ÄÖÜ", i), fmt.Sprintf("stadt-%d-verkehr-%06d", i%396, i)
		d.Municipality, d.Edge, d.Owner = fmt.Sprintf("stadt-%d", i%396), fmt.Sprintf("edge-%d", i%50), fmt.Sprintf("Amt %d", i%7)
		d.Keys.AppKey = devices.Key{1, byte(i >> 16), byte(i >> 8), byte(i)}
		if i%3 == 0 {
			d.Profile, d.Domain, d.Visibility = "meter", uplink.Energy, devices.Internal
			d.Keys.NwkKey = devices.Key{2, byte(i >> 8), byte(i)}
		}
		d.Disabled = i%100 == 7
		out = append(out, d)
	}
	return out
}

func TestFind(t *testing.T) {
	r := open(t)
	all := many(792)
	if err := r.Put(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	yes, no := true, false
	for name, c := range map[string]struct {
		f    Filter
		want int
		of   int
	}{
		"all":           {Filter{}, 792, 792},
		"page":          {Filter{Limit: 100, Offset: 700}, 92, 792},
		"behind":        {Filter{Limit: 100, Offset: 800}, 0, 792},
		"name":          {Filter{Text: "nr. 17,"}, 1, 1},
		"folded":        {Filter{Text: "kreuzung äÖü", Limit: 10}, 10, 792},
		"station":       {Filter{Text: "stadt-5-verkehr"}, 2, 2},
		"DevEUI":        {Filter{Text: "70B30000000001"}, 256, 256},
		"wildcards":     {Filter{Text: "%"}, 0, 0},
		"municipality":  {Filter{Municipality: "stadt-5"}, 2, 2},
		"domain":        {Filter{Domain: uplink.Energy, Limit: 5}, 5, 264},
		"profile":       {Filter{Profile: "counter"}, 528, 528},
		"edge, profile": {Filter{Edge: "edge-3", Profile: "meter"}, 6, 6},
		"owner":         {Filter{Owner: "Amt 6"}, 113, 113},
		"visibility":    {Filter{Visibility: devices.Internal}, 264, 264},
		"disabled":      {Filter{Disabled: &yes}, 8, 8},
		"enabled":       {Filter{Disabled: &no}, 784, 784},
		"nobody":        {Filter{Owner: "' OR 1 --"}, 0, 0},
	} {
		got, total, err := r.Find(t.Context(), c.f)
		if err != nil || len(got) != c.want || total != c.of {
			t.Errorf("%s: %d of %d (%v), want %d of %d", name, len(got), total, err, c.want, c.of)
		}
		for i := 1; i < len(got); i++ {
			if got[i-1].Station > got[i].Station {
				t.Errorf("%s: %s before %s", name, got[i-1].Station, got[i].Station)
			}
		}
	}
	if _, _, err := r.Find(t.Context(), Filter{Limit: -1}); err == nil {
		t.Error("a negative limit is taken")
	}
}

func TestNewFieldsAreKept(t *testing.T) {
	r := open(t)
	d := device(1)
	d.Owner, d.Disabled, d.Variables = "Tiefbauamt", true, map[string]string{"height": "2.5", "ä": "\"'"}
	d.Segment = devices.Segment{{Lat: 51.7, Lon: 8.75}, {Lat: 51.71, Lon: 8.76}}
	d.District, d.Road = "Schloß Neuhaus", "B 64, Abschnitt 12"
	if err := r.Put(t.Context(), []devices.Device{d}); err != nil {
		t.Fatal(err)
	}
	got, err := r.Device(t.Context(), d.EUI)
	if diff := cmp.Diff(d, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	for column, edit := range map[string]func(*devices.Device){
		"variables": func(d *devices.Device) { d.Variables = map[string]string{"": "x"} },
		"segment":   func(d *devices.Device) { d.Segment = d.Segment[:1] },
		"name":      func(d *devices.Device) { d.Name = "a\nb" },
		"owner":     func(d *devices.Device) { d.Owner = strings.Repeat("x", 257) },
	} {
		bad := d
		edit(&bad)
		if err := r.Put(t.Context(), []devices.Device{bad}); err == nil || !strings.Contains(err.Error(), column+":") {
			t.Errorf("%s: %v", column, err)
		}
	}
	if err := r.Disable(t.Context(), d.EUI, false); err != nil {
		t.Error(err)
	}
	if got, err := r.Device(t.Context(), d.EUI); err != nil || got.Disabled {
		t.Errorf("%v, %v", got.Disabled, err)
	}
	if err := r.Remove(t.Context(), d.EUI); err != nil {
		t.Error(err)
	}
	for _, err := range []error{r.Remove(t.Context(), d.EUI), r.Disable(t.Context(), d.EUI, true)} {
		if !errors.Is(err, errUnknown) {
			t.Errorf("error %v", err)
		}
	}
	if n, err := r.Revision(t.Context()); err != nil || n != 3 {
		t.Errorf("revision %d (%v) after three changes", n, err)
	}
}

func TestDisabledDevicesAreNotServed(t *testing.T) {
	r := open(t)
	off, on := device(1), device(2)
	off.Disabled, on.Variables = true, map[string]string{"height": "2.5"}
	if err := r.Put(t.Context(), []devices.Device{off, on}); err != nil {
		t.Fatal(err)
	}
	d, err := NewDirectory(t.Context(), r, testProfiles)
	if err != nil {
		t.Fatal(err)
	}
	lists, err := d.Lists()
	if got := lists["rathaus"].Devices; err != nil || len(got) != 1 || got[0].DevEUI != on.EUI || got[0].Variables["height"] != "2.5" {
		t.Errorf("%+v, %v", got, err)
	}
	if s := d.Stations(); len(s) != 1 || s[0].ID != on.Station {
		t.Errorf("stations %v", s)
	}
	if _, ok := d.Device(off.EUI); !ok || len(d.Devices()) != 2 {
		t.Error("the disabled device is not known")
	}
}

// A mast with a counter and a weather sensor is one station of two domains.
func TestStationOfTwoDomains(t *testing.T) {
	counter, weather, second := device(1), device(2), device(3)
	weather.Domain = uplink.Environment
	weather.Station, second.Station = counter.Station, counter.Station
	d := &Directory{}
	d.current.Store(newSnapshot([]devices.Device{counter, weather, second}, 1, testProfiles))
	got := d.Stations()
	if len(got) != 1 || got[0].Domain != counter.Domain || !slices.Equal(got[0].Also, []uplink.Domain{uplink.Environment}) {
		t.Errorf("stations %+v", got)
	}
}

const ownProfile = "id: own\nname: Own\ndomain: road\ninterval: 1m\ncodec:\n  kind: layout\n  source: 'ports: {1: {fields: [{at: 0, type: u8, quantity: vehicle_count}]}}'\n"

func TestOwnProfiles(t *testing.T) {
	r := open(t)
	ctx := t.Context()
	d, err := NewDirectory(ctx, r, testProfiles)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		strings.Replace(ownProfile, "id: own", "id: meter", 1): "profile meter: a profile of that id is shipped",
		"id: [": "profile:",
		strings.Replace(ownProfile, "vehicle_count", "cars", 1): "cars",
	} {
		if _, err := r.PutProfiles(ctx, testProfiles, ownProfile, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want it to say %q", err, want)
		}
	}
	if all, err := r.Profiles(ctx, testProfiles); err != nil || len(all) != 2 {
		t.Errorf("%d profiles (%v) after refused ones", len(all), err)
	}
	if _, err := r.PutProfiles(ctx, testProfiles, ownProfile); err != nil {
		t.Fatal(err)
	}
	dev := device(1)
	dev.Profile, dev.Domain = "own", uplink.Road
	if err := r.Put(ctx, []devices.Device{dev}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.PutProfiles(ctx, testProfiles, strings.Replace(ownProfile, "road", "traffic", 1)); err != nil {
		t.Fatal(err)
	}
	if err := d.read(ctx); err != nil {
		t.Fatal(err)
	}
	lists, err := d.Lists()
	if got := lists["rathaus"]; err != nil || !strings.Contains(string(got.Profiles["own"]), "vehicle_count") || got.Devices[0].Domain != uplink.Traffic {
		t.Errorf("%+v, %v", got, err)
	}
	if err := r.RemoveProfile(ctx, "own"); err == nil || !strings.Contains(err.Error(), "1 devices have it") {
		t.Errorf("error %v", err)
	}
	if err := errors.Join(r.Remove(ctx, dev.EUI), r.RemoveProfile(ctx, "own")); err != nil {
		t.Error(err)
	}
	if err := r.RemoveProfile(ctx, "meter"); err == nil || !strings.Contains(err.Error(), "no such profile") {
		t.Errorf("error %v", err)
	}
}

func TestEdgesAndGateways(t *testing.T) {
	r := open(t)
	ctx := t.Context()
	e := Edge{"rathaus", "paderborn", "Keller, Schlüssel beim Hausmeister"}
	g := Gateway{uplink.EUI{1}, "Rathausturm", "rathaus", "paderborn", devices.Place{Lat: 51.7, Lon: 8.75}}
	if err := errors.Join(r.PutEdge(ctx, e), r.PutGateway(ctx, g), r.PutGateway(ctx, g)); err != nil {
		t.Fatal(err)
	}
	edges, err := r.Edges(ctx)
	gateways, err2 := r.Gateways(ctx)
	if diff := cmp.Diff([]Edge{e}, edges) + cmp.Diff([]Gateway{g}, gateways); diff != "" || err != nil || err2 != nil {
		t.Error(diff, err, err2)
	}
	for _, err := range []error{
		r.PutEdge(ctx, Edge{Name: "Rat haus"}), r.PutGateway(ctx, Gateway{Name: "x"}), r.PutGateway(ctx, Gateway{EUI: g.EUI}),
		r.PutGateway(ctx, Gateway{EUI: g.EUI, Name: "x", Edge: "a", Place: devices.Place{Lat: 91}}), r.PutGateway(ctx, Gateway{EUI: g.EUI, Name: "x"}),
	} {
		if err == nil {
			t.Error("a wrong entry was taken")
		}
	}
}

// Two programs, each with several readers and writers, and backups between.
func TestSeveralReadersAndWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "devices.db")
	var handles []*Registry
	for range 2 {
		r, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}()
		handles = append(handles, r)
	}
	backup := path + ".backup"
	const writers, each = 4, 15
	var wait sync.WaitGroup
	for w := range writers {
		r := handles[w%2]
		wait.Go(func() {
			for i := range each {
				d := device(byte(w*each + i + 1))
				if err := r.Put(t.Context(), []devices.Device{d}); err != nil {
					t.Error(err)
				}
			}
		})
		wait.Go(func() {
			for range each {
				list, revision, err := r.List(t.Context())
				if err != nil || uint64(len(list)) != revision {
					t.Errorf("%d devices at revision %d, %v", len(list), revision, err)
				}
				if _, _, err := r.Find(t.Context(), Filter{Text: "verkehr"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Go(func() {
		for range 5 {
			if err := handles[0].Backup(t.Context(), backup); err != nil {
				t.Error(err)
			}
		}
	})
	wait.Wait()
	if err := handles[1].Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	copied, err := Open(t.Context(), backup)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = copied.Close() }() // it changed nothing
	for _, r := range []*Registry{handles[0], copied} {
		list, revision, err := r.List(t.Context())
		if err != nil || len(list) != writers*each || revision != writers*each {
			t.Errorf("%d devices at revision %d, %v", len(list), revision, err)
		}
		if problems, err := r.Verify(t.Context(), testProfiles); err != nil || len(problems) > 0 {
			t.Errorf("%q, %v", problems, err)
		}
	}
	if info, err := os.Stat(backup); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the backup has mode %v, %v", info.Mode(), err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".backup-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("%v is left behind", left)
	}
	if err := handles[0].Backup(t.Context(), filepath.Join(path, "x")); err == nil {
		t.Error("a backup into a file that is no folder")
	}
}

func TestVerifyFindsDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "devices.db")
	r, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Put(t.Context(), many(300)); err != nil {
		t.Fatal(err)
	}
	for statement, want := range map[string]string{
		"UPDATE device SET visibility = 'public', station = 'stadt-1-verkehr-000001' WHERE dev_eui = '70b3000000000000'": "public and internal",
		"UPDATE device SET app_key = 'wrap1:01020304:00' WHERE dev_eui = '70b3000000000001'":                             "key-encryption key 01020304",
		"UPDATE device SET profile = 'x' WHERE dev_eui = '70b3000000000002'":                                             `profile: "x" is unknown`,
		"UPDATE device SET domain = 'road' WHERE dev_eui = '70b3000000000004'":                                           "its profile counter has",
		"UPDATE device SET segment = 'x' WHERE dev_eui = '70b3000000000005'":                                             "no LINESTRING",
		"UPDATE device SET search = 'x' WHERE dev_eui = '70b3000000000006'":                                              "cannot be found by their station",
	} {
		if strings.Contains(want, "public") {
			statement = "UPDATE device SET station = 'stadt-1-verkehr-000001', search = 'stadt-1-verkehr-000001' WHERE dev_eui = '70b3000000000003'"
		}
		if _, err := r.db.Exec(statement); err != nil {
			t.Fatal(err)
		}
		problems, err := r.Verify(t.Context(), testProfiles)
		if err != nil || !strings.Contains(strings.Join(problems, "\n"), want) {
			t.Errorf("%s: %q (%v), want %q", statement, problems, err, want)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(data) / 2; i < len(data)/2+5000; i++ {
		data[i] ^= 0x55
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err = Open(t.Context(), path); err != nil {
		return // refused at once is as good
	}
	defer func() { _ = r.Close() }() // of a damaged file
	if problems, err := r.Verify(t.Context(), testProfiles); err == nil && len(problems) == 0 {
		t.Error("damaged pages are not found")
	}
}
