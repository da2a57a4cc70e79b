package load

import (
	"math"
	"reflect"
	"testing"

	"modellregion/devices"
	"modellregion/devices/codec"
	"modellregion/devices/profiles"
	"modellregion/uplink"
)

func TestSequenceNumbersSayWhichUplinkOfWhichDevice(t *testing.T) {
	for _, p := range []plan{{edges: 1, devices: 1}, {edges: 3, devices: 10}, {edges: 4, devices: 4}, {edges: 7, devices: 100}} {
		served := 0
		for edge := range p.edges {
			served += p.served(edge)
			for seq := uint64(1); seq < 50; seq++ {
				device, n := p.of(edge, seq)
				if e, s := p.seq(device, n); e != edge || s != seq || device >= p.devices {
					t.Fatalf("%+v: uplink %d of edge %d is %d of device %d, which is %d of edge %d", p, seq, edge, n, device, s, e)
				}
			}
		}
		if served != p.devices {
			t.Errorf("%+v: %d devices are served", p, served)
		}
		for total := range uint64(40) {
			sum, want := uint64(0), map[int]uint64{}
			for k := range total {
				want[int(k)%p.devices%p.edges]++
			}
			for edge := range p.edges {
				sum += p.share(edge, total)
				if p.share(edge, total) != want[edge] {
					t.Errorf("%+v: edge %d sends %d of %d uplinks, want %d", p, edge, p.share(edge, total), total, want[edge])
				}
			}
			if sum != total {
				t.Errorf("%+v: %d of %d uplinks are sent", p, sum, total)
			}
		}
	}
}

// The ingest marks what jumps and what sticks.
func TestValuesArePlausible(t *testing.T) {
	most := [...]float64{1, 5, 0.5, 10} // change within a minute
	p := plan{seed: 7, edges: 2, devices: 50}
	for device := range p.devices {
		at := int64(1_764_000_000_000)
		before := p.sample(device, 0, at)
		for n := uint64(1); n < 3000; n++ {
			at += 60_000
			s := p.sample(device, n, at)
			for i, q := range quantities {
				change := math.Abs(s.value(i) - before.value(i))
				known, ok := devices.Lookup(q.name)
				if !ok || !known.Valid(s.value(i)) {
					t.Fatalf("%s of %v is not possible", q.name, s.value(i))
				}
				if change == 0 || change >= most[i] {
					t.Fatalf("%s of device %d went from %v to %v within a minute", q.name, device, before.value(i), s.value(i))
				}
			}
			before = s
		}
	}
}

// Uplinks that follow at once differ by the last digit alone.
func TestValuesMoveNoMoreThanTheyMust(t *testing.T) {
	p := plan{edges: 1, devices: 1}
	before := p.sample(0, 0, 1_764_000_000_000)
	for n := uint64(1); n < 1000; n++ {
		s := p.sample(0, n, 1_764_000_000_000+int64(n))
		for i := range s {
			if d := s[i] - before[i]; d != 1 && d != -1 {
				t.Fatalf("%s went from %d to %d", quantities[i].name, before[i], s[i])
			}
		}
		before = s
	}
}

func TestProfileDecodesWhatIsSent(t *testing.T) {
	profile, err := profiles.Parse([]byte(Profile()))
	if err != nil {
		t.Fatal(err)
	}
	examples, err := profiles.ParseExamples([]byte(Profile()))
	if err != nil || len(examples) == 0 {
		t.Fatal(examples, err)
	}
	if failures, err := profiles.Check(profile.Codec, examples); err != nil || len(failures) > 0 {
		t.Errorf("%v, %v", failures, err)
	}
	if profile.ID != ProfileID || profile.Domain != uplink.Environment || profile.Interval != Interval {
		t.Errorf("%+v", profile)
	}
	decoder, err := codec.Compile(profile.Codec)
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	p := plan{seed: 3, edges: 1, devices: 500}
	for device := range p.devices {
		for n := range uint64(20) {
			s := p.sample(device, n, int64(n)*7_000_000)
			var out codec.Output
			if err := decoder.Decode(&codec.Input{Port: port, Payload: append(s.payload(nil), 0, 0, 0)}, &out); err != nil {
				t.Fatal(err)
			}
			var got []uplink.Reading
			for _, r := range out.Readings {
				got = append(got, uplink.Reading{Quantity: r.Quantity.Name, Channel: r.Channel, Value: r.Value})
			}
			if want := s.readings(nil); !reflect.DeepEqual(got, want) {
				t.Fatalf("decoded %v, sent %v", got, want)
			}
		}
	}
}

func TestDevices(t *testing.T) {
	cfg := Config{Edges: 3, Devices: 1000, Seed: 5}
	list, err := Devices(cfg)
	if err != nil || len(list) != 1000 {
		t.Fatal(len(list), err)
	}
	euis, stations, keys := map[uplink.EUI]bool{}, map[string]bool{}, map[devices.Key]bool{}
	for i, d := range list {
		euis[d.EUI], stations[d.Station], keys[d.Keys.AppKey] = true, true, true
		if d.EUI[0] != 2 || d.Edge != []string{"load-1", "load-2", "load-3"}[i%3] || d.Profile != "load" || d.Municipality != "load" ||
			d.Domain != uplink.Environment || d.Visibility != devices.Internal || !d.Place.Valid() || !d.Keys.OTAA() {
			t.Fatalf("%+v", d)
		}
	}
	if len(euis) != 1000 || len(stations) != 1000 || len(keys) != 1000 {
		t.Errorf("%d DevEUIs, %d stations, %d keys of 1000 devices", len(euis), len(stations), len(keys))
	}
	if again, _ := Devices(cfg); !reflect.DeepEqual(again, list) {
		t.Error("the devices of a seed change")
	}
	for _, change := range []func(){func() { cfg.Seed = 6 }, func() { cfg.Seed, cfg.Format = 5, ChirpStack }} {
		change()
		other, err := Devices(cfg)
		if err != nil || euis[other[0].EUI] || stations[other[0].Station] || keys[other[0].Keys.AppKey] {
			t.Errorf("%+v has a device of another: %+v, %v", cfg, other[0], err)
		}
	}
}
