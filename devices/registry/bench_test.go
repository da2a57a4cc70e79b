package registry

import (
	"path/filepath"
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
