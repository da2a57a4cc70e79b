package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"modellregion/devices"
	"modellregion/uplink"
)

// Directory answers questions about the devices from memory and follows the
// registry. Its methods may be called from several goroutines.
type Directory struct {
	registry *Registry
	shipped  map[string]devices.Profile
	current  atomic.Pointer[snapshot]
}

// NewDirectory reads the registry. Its own profiles add to the shipped ones.
func NewDirectory(ctx context.Context, r *Registry, shipped map[string]devices.Profile) (*Directory, error) {
	d := &Directory{registry: r, shipped: shipped}
	d.current.Store(&snapshot{})
	return d, d.read(ctx)
}

func (d *Directory) read(ctx context.Context) error {
	list, revision, own, err := d.registry.snapshot(ctx)
	if err != nil {
		return err
	}
	profiles, err := merge(d.shipped, own)
	if err != nil {
		return err
	}
	d.current.Store(newSnapshot(list, revision, profiles))
	return nil
}

// Device returns the device of that DevEUI. It must not be changed.
func (d *Directory) Device(eui uplink.EUI) (*devices.Device, bool) {
	dev, ok := d.current.Load().byEUI[eui]
	return dev, ok
}

// Devices returns all devices, also those that are disabled. They must not be changed.
func (d *Directory) Devices() []devices.Device { return d.current.Load().list }

// Stations returns the stations of public devices that are in use, ordered by
// id; never that of a household meter. They must not be changed.
func (d *Directory) Stations() []devices.Station { return d.current.Load().stations }

// Interval returns the time expected between two readings of a quantity at a
// public station, or zero when that is not known.
func (d *Directory) Interval(station string, q *devices.Quantity) time.Duration {
	return d.current.Load().intervals[station][q.Domain]
}

// Fact returns what is known of a public station beside what it measures, by
// the name of a devices.Fact and in its unit: what the first of its devices
// says, by DevEUI, that says so.
func (d *Directory) Fact(station, name string) (float64, bool) {
	v, ok := d.current.Load().facts[factOf{station, name}]
	return v, ok
}

// Households returns the household meters that are in use, one for each
// station, ordered by it. They must not be changed, and nothing of a single one
// may become public.
func (d *Directory) Households() []devices.Household { return d.current.Load().households }

// Lists returns the device list of every edge that has devices to serve.
func (d *Directory) Lists() (map[string]uplink.DeviceList, error) {
	s := d.current.Load()
	out := map[string]uplink.DeviceList{}
	for _, dev := range s.list {
		if dev.Disabled {
			continue
		}
		l, ok := out[dev.Edge]
		if !ok {
			l = uplink.DeviceList{V: uplink.Version, Version: s.revision, Profiles: map[string]json.RawMessage{}}
		}
		if _, ok := l.Profiles[dev.Profile]; !ok {
			codec, err := json.Marshal(s.profiles[dev.Profile].Codec)
			if err != nil {
				return nil, fmt.Errorf("encode profile %s: %w", dev.Profile, err)
			}
			l.Profiles[dev.Profile] = codec
		}
		l.Devices = append(l.Devices, listed(dev, s.profiles[dev.Profile].LoRaWAN))
		out[dev.Edge] = l
	}
	return out, nil
}

func listed(d devices.Device, l devices.LoRaWAN) uplink.ListedDevice {
	out := uplink.ListedDevice{
		DevEUI: d.EUI, JoinEUI: d.JoinEUI, Domain: d.Domain, Profile: d.Profile,
		LoRaWAN: l.Version, Class: l.Class, ResetFCnt: d.ResetFCnt, Nonces: d.Nonces, Variables: d.Variables,
	}
	k := d.Keys
	if k.OTAA() {
		out.AppKey, out.NwkKey = hexOf(k.AppKey), hexOf(k.NwkKey)
		return out
	}
	out.DevAddr, out.NwkSKey, out.AppSKey = fmt.Sprintf("%x", k.DevAddr), hexOf(k.NwkSKey), hexOf(k.AppSKey)
	out.SNwkSIntKey, out.NwkSEncKey = hexOf(k.SNwkSIntKey), hexOf(k.NwkSEncKey)
	return out
}

// hexOf returns a key in the clear, or nothing when there is none.
func hexOf(k devices.Key) string {
	if k == (devices.Key{}) {
		return ""
	}
	return k.Hex()
}

// Follow looks for changes until ctx ends, every interval, and calls changed
// after it has taken one over. An error of the file is returned.
func (d *Directory) Follow(ctx context.Context, interval time.Duration, changed func()) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		revision, err := d.registry.Revision(ctx)
		if err == nil && revision != d.current.Load().revision {
			if err = d.read(ctx); err == nil {
				changed()
			}
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
}
