package registry

import (
	"context"
	"sync"
	"time"

	"modellregion/devices"
	"modellregion/uplink"
)

// Index knows of every device what is needed to store what it says, in some 80
// bytes, and follows the registry by reading what changed. Its methods may be
// called from several goroutines; Follow runs once at a time.
type Index struct {
	registry *Registry
	shipped  map[string]devices.Profile

	mu        sync.RWMutex
	profiles  map[string]devices.Profile
	numbers   map[uplink.EUI]uint32 // of all devices there ever were
	entries   []indexed             // by number
	kinds     []devices.Entry       // what many devices have in common
	kindOf    map[devices.Entry]uint32
	variables map[uint32]map[string]string // by number, of devices that have any
	known     int                          // devices that are not gone

	revision uint64 // that was read last; for the goroutine that reads
}

// indexed is a device. There are as many kinds as combinations of
// municipality, domain, edge and profile, some per cent of the devices; those
// that no device has any more stay.
type indexed struct {
	eui      uplink.EUI
	station  string
	kind     uint32
	disabled bool
	gone     bool // removed; it gets its number back when it is put again
}

// indexBatch is how many devices are taken over or handed out under one lock,
// far below a millisecond.
const indexBatch = 500

// NewIndex reads the registry. Its own profiles add to the shipped ones.
func NewIndex(ctx context.Context, r *Registry, shipped map[string]devices.Profile) (*Index, error) {
	x := &Index{registry: r, shipped: shipped, kindOf: map[devices.Entry]uint32{}, variables: map[uint32]map[string]string{}}
	return x, x.read(ctx)
}

// Find returns the device of that DevEUI, also one that is disabled.
func (x *Index) Find(eui uplink.EUI) (devices.Entry, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	n, ok := x.numbers[eui]
	if !ok || x.entries[n].gone {
		return devices.Entry{}, false
	}
	return x.entry(n), true
}

// entry puts a device together. The caller holds the lock.
func (x *Index) entry(n uint32) devices.Entry {
	d := &x.entries[n]
	e := x.kinds[d.kind]
	e.Number, e.Station, e.Disabled = int(n), d.station, d.disabled
	return e
}

// Codec returns the codec of a profile.
func (x *Index) Codec(profile string) (devices.Codec, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	p, ok := x.profiles[profile]
	return p.Codec, ok
}

// Variables returns what the codec is told of the device, nil for most. It
// must not be changed.
func (x *Index) Variables(eui uplink.EUI) map[string]string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	n, ok := x.numbers[eui]
	if !ok {
		return nil
	}
	return x.variables[n]
}

// Each calls do with every device, ordered by number. Those that change
// meanwhile come as they were or as they are. do may call the other methods.
func (x *Index) Each(do func(uplink.EUI, devices.Entry)) {
	type found struct {
		eui   uplink.EUI
		entry devices.Entry
	}
	batch := make([]found, 0, indexBatch)
	for n := uint32(0); ; n += indexBatch {
		batch = batch[:0]
		x.mu.RLock()
		end := uint32(len(x.entries))
		for i := n; i < min(n+indexBatch, end); i++ {
			if d := &x.entries[i]; !d.gone {
				batch = append(batch, found{d.eui, x.entry(i)})
			}
		}
		x.mu.RUnlock()
		for _, f := range batch {
			do(f.eui, f.entry)
		}
		if n+indexBatch >= end {
			return
		}
	}
}

// Len returns how many devices there are.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.known
}

// Follow looks for changes until ctx ends, every interval, reads the devices
// that changed, and calls changed after it has taken them over. An error of
// the file is returned. An older backup in the place of the file is told by
// its lower revision: not if as many changes were lost as follow within one
// interval.
func (x *Index) Follow(ctx context.Context, interval time.Duration, changed func()) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		revision, err := x.registry.Revision(ctx)
		if err == nil && revision != x.revision {
			if err = x.read(ctx); err == nil {
				changed()
			}
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
}
