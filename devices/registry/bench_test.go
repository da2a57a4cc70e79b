package registry

import (
	"bytes"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"modellregion/devices"
	"modellregion/uplink"
)

func BenchmarkImport100k(b *testing.B) {
	list := many(100_000)
	for b.Loop() {
		r, err := OpenWith(b.Context(), filepath.Join(b.TempDir(), "devices.db"), benchKEK(b))
		if err != nil {
			b.Fatal(err)
		}
		if err := r.Put(b.Context(), list); err != nil {
			b.Fatal(err)
		}
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func benchKEK(b *testing.B) KEK {
	k, err := ParseKEK(kekB)
	if err != nil {
		b.Fatal(err)
	}
	return k
}

func BenchmarkFind100k(b *testing.B) {
	r, err := OpenWith(b.Context(), filepath.Join(b.TempDir(), "devices.db"), benchKEK(b))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = r.Close() }() // of a bench
	if err := r.Put(b.Context(), many(100_000)); err != nil {
		b.Fatal(err)
	}
	no := false
	for name, f := range map[string]Filter{
		"all": {}, "text": {Text: "nr. 99999,"}, "text-none": {Text: "nichts davon"}, "text-often": {Text: "straße"}, "DevEUI": {Text: "70b300000001"},
		"municipality": {Municipality: "stadt-17"}, "domain": {Domain: uplink.Energy}, "enabled": {Disabled: &no},
		"owner-edge-visibility": {Owner: "Amt 3", Edge: "edge-9", Visibility: devices.Public}, "last-page": {Offset: 99_900},
	} {
		f.Limit = 100
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := r.Find(b.Context(), f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("directory", func(b *testing.B) {
		for b.Loop() {
			if _, err := NewDirectory(b.Context(), r, testProfiles); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// million makes a file of a million devices in 396 municipalities, with eight
// edges and two profiles in each. One in a hundred has variables.
func million(b *testing.B, path string) *Registry {
	b.Helper()
	r, err := Open(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = r.Close() }) // of a bench
	var find string
	if err := r.db.QueryRow("SELECT sql FROM sqlite_schema WHERE name = 'device_find'").Scan(&find); err != nil {
		b.Fatal(err)
	}
	err = r.change(b.Context(), func(tx *sql.Tx) error {
		for _, statement := range []string{"DROP INDEX device_find", `
			WITH RECURSIVE numbers (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i < 999999)
			INSERT INTO device (dev_eui, join_eui, name, station, municipality, domain, profile, edge, lat, lon, visibility,
				app_key, dev_addr, nwk_s_key, app_s_key, variables, search, changed)
			SELECT printf('%08x%08x', i * 2654435761 & 0xffffffff, i * 2246822519 & 0xffffffff) AS eui, '70b3d57ed0000000',
				'Straße Nr. ' || i, printf('stadt-%d-verkehr-%06d', i % 396, i), 'stadt-' || i % 396, 'traffic', iif(i % 7, 'counter', 'meter'),
				'edge-' || i % 396 || '-' || i / 396 % 8, 51.7, 8.75, 'internal', 'wrap1:01020304:' || hex(randomblob(24)), '', '', '',
				iif(i % 100, '{}', '{"height":"2.5"}'), 'straße nr. ' || i || char(10) || printf('stadt-%d-verkehr-%06d', i % 396, i), 1
			FROM numbers ORDER BY eui`, find} {
			if _, err := tx.Exec(statement); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// heap returns the megabytes that are in use.
func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / 1e6
}

func BenchmarkIndex1M(b *testing.B) {
	path := filepath.Join(b.TempDir(), "devices.db")
	r := million(b, path)
	before := heap()
	var x *Index
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			x = nil
			var err error
			if x, err = NewIndex(b.Context(), r, testProfiles); err != nil || x.Len() != 1_000_000 {
				b.Fatalf("%d devices, %v", x.Len(), err)
			}
		}
		b.ReportMetric(heap()-before, "MB-live")
	})
	b.Run("each", func(b *testing.B) {
		for b.Loop() {
			x.Each(func(uplink.EUI, devices.Entry) {})
		}
	})
	b.Run("one-changed", func(b *testing.B) {
		eui := x.entries[x.Len()/2].eui
		for i := 0; b.Loop(); i++ {
			if err := r.Disable(b.Context(), eui, i%2 == 0); err != nil {
				b.Fatal(err)
			}
			if err := x.read(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("process", func(b *testing.B) {
		var peak float64
		for b.Loop() {
			command := exec.CommandContext(b.Context(), os.Args[0], "-test.run", "^TestPeakOfIndex$", "-test.v")
			command.Env = append(os.Environ(), "INDEX_OF="+path)
			out, err := command.CombinedOutput()
			_, found, ok := bytes.Cut(out, []byte("VmHWM:"))
			if _, scanErr := fmt.Sscan(string(found), &peak); err != nil || !ok || scanErr != nil {
				b.Fatalf("%v: %s", err, out)
			}
		}
		b.ReportMetric(peak*1024/1e6, "MB-most-resident")
	})
}

// BenchmarkDirectory1M reads a million devices, most of them public. Written is
// one of them again, with what it must go together with.
func BenchmarkDirectory1M(b *testing.B) {
	r := million(b, filepath.Join(b.TempDir(), "devices.db"))
	if _, err := r.db.Exec("UPDATE device SET app_key = hex(randomblob(16)), visibility = iif(dev_eui LIKE '%0', 'internal', 'public')"); err != nil {
		b.Fatal(err)
	}
	before := heap()
	var d *Directory
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			d = nil
			var err error
			if d, err = NewDirectory(b.Context(), r, testProfiles); err != nil || len(d.Devices()) != 1_000_000 {
				b.Fatalf("%d devices, %v", len(d.Devices()), err)
			}
		}
		b.ReportMetric(heap()-before, "MB-live")
	})
	b.Run("put-one", func(b *testing.B) {
		one := d.Devices()[500_000]
		for b.Loop() {
			if err := r.Put(b.Context(), []devices.Device{one}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// TestPeakOfIndex is the process that BenchmarkIndex1M measures.
func TestPeakOfIndex(t *testing.T) {
	path := os.Getenv("INDEX_OF")
	if path == "" {
		t.Skip("BenchmarkIndex1M runs it")
	}
	r, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }() // it changed nothing
	x, err := NewIndex(t.Context(), r, testProfiles)
	if err != nil || x.Len() != 1_000_000 {
		t.Fatalf("%d devices, %v", x.Len(), err)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", status)
}

func BenchmarkIndexFind(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	x := &Index{numbers: map[uplink.EUI]uint32{}, kindOf: map[devices.Entry]uint32{}}
	var list []deviceRow
	for i := range 1_000_000 {
		d := deviceRow{station: fmt.Sprintf("stadt-%d-verkehr-%06d", i%396, i)}
		for j := range d.eui {
			d.eui[j] = byte(random.Uint32())
		}
		d.kind = devices.Entry{Municipality: fmt.Sprint("stadt-", i%396), Domain: uplink.Traffic, Edge: fmt.Sprint("edge-", i%3168), Profile: "counter"}
		list = append(list, d)
	}
	x.put(list, nil)
	random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	b.Run("known", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, ok := x.Find(list[i%len(list)].eui); !ok {
				b.Fatal("a device is unknown")
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				if _, ok := x.Find(list[i%len(list)].eui); !ok {
					b.Error("a device is unknown")
				}
			}
		})
	})
	b.Run("unknown", func(b *testing.B) {
		eui := list[0].eui
		for i := 0; b.Loop(); i++ {
			eui[i%8]++
			_, _ = x.Find(eui)
		}
	})
}
