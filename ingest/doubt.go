package ingest

import (
	"hash/maphash"
	"math"
	"time"

	"modellregion/devices"
	"modellregion/uplink"
)

// maxSeries bounds the memory of doubts: about 45 bytes for each.
const maxSeries = 1 << 19

const (
	stillReadings = 12               // at least so many before a value counts as stuck
	shortest      = time.Minute      // changes of a gauge are judged as if between two readings were at least this
	longestChange = 10 * time.Minute // and at most this: nothing changes at its fastest for longer
)

// doubts remembers the last value of each series to doubt the next one. Of
// replicas that share the messages of a device, each sees a part of its values;
// a restart begins anew: what it says is a hint. It is used by one goroutine.
type doubts struct {
	half           int
	younger, older map[uint64]track // a series moves to younger when it is used; when that is full, older is forgotten
}

// track is what is known of a series.
type track struct {
	value float64
	at    int64  // Unix seconds of the last reading
	since uint32 // seconds before at during which the value was the same
	same  uint32 // readings in that time
}

// seriesOf names a device's quantity and channel; without a quantity, its
// counter. It is a hash of 64 bits: that two series share one is a doubt that
// nobody will see.
func seriesOf(device uint64, quantity, channel string) uint64 {
	const odd = 0x9e3779b97f4a7c15 // spreads what is added (Knuth, TAOCP 3, §6.4)
	return ((device+maphash.String(seed, quantity))*odd + maphash.String(seed, channel)) * odd
}

func hashOf(device *uplink.EUI) uint64 { return maphash.Bytes(seed, device[:]) }

func newDoubts(max int) *doubts {
	return &doubts{half: max / 2, younger: map[uint64]track{}}
}

func (d *doubts) get(key uint64) (t track, known bool) {
	if t, known = d.younger[key]; !known {
		t, known = d.older[key]
	}
	return t, known
}

func (d *doubts) put(key uint64, t track) {
	if len(d.younger) >= d.half {
		d.younger, d.older = map[uint64]track{}, d.younger
	}
	d.younger[key] = t
}

// check adds to dst what is doubtful of an uplink with these readings.
func (d *doubts) check(dst []devices.Doubt, u *uplink.Uplink, readings []devices.Reading) []devices.Doubt {
	if u.Lost > 0 {
		dst = append(dst, devices.Doubt{Mark: devices.MarkGap, Value: float64(u.Lost)})
	}
	if u.TimeQuality == uplink.TimeBoot {
		dst = append(dst, devices.Doubt{Mark: devices.MarkClock, Value: 1})
	}
	device := hashOf(&u.DevEUI)
	for n := range readings {
		dst = d.reading(dst, device, u.Time.Unix(), &readings[n])
	}
	return dst
}

func (d *doubts) reading(dst []devices.Doubt, device uint64, at int64, r *devices.Reading) []devices.Doubt {
	q := r.Quantity
	if q.MaxPerMinute == 0 && q.MaxStill == 0 && q.Kind != devices.Meter {
		return dst
	}
	key := seriesOf(device, q.Name, r.Channel)
	last, known := d.get(key)
	now := track{value: r.Value, at: at}
	if known {
		passed := now.at - last.at
		if passed <= 0 { // late, or sent again
			return dst
		}
		doubt := func(m devices.Mark) {
			dst = append(dst, devices.Doubt{Mark: m, Quantity: q, Channel: r.Channel, Value: r.Value, Previous: last.value})
		}
		switch {
		case q.Kind == devices.Meter && r.Value < last.value:
			doubt(devices.MarkBackward)
		case q.MaxPerMinute > 0 && math.Abs(r.Value-last.value) > q.MaxPerMinute*minutes(q, time.Duration(passed)*time.Second):
			doubt(devices.MarkJump)
		}
		if r.Value == last.value {
			now.since, now.same = uint32(min(int64(last.since)+passed, math.MaxUint32)), last.same+1
			if q.MaxStill > 0 && time.Duration(now.since)*time.Second >= q.MaxStill && now.same >= stillReadings && r.Value > q.Min && r.Value < q.Max {
				doubt(devices.MarkStuck)
			}
		}
	}
	d.put(key, now)
	return dst
}

// minutes is how long a quantity may have changed at its fastest.
func minutes(q *devices.Quantity, passed time.Duration) float64 {
	if q.Kind == devices.Gauge {
		passed = min(max(passed, shortest), longestChange)
	}
	return passed.Minutes()
}

// maxGap is the largest jump of a frame counter that counts as lost frames;
// more is a device that began anew.
const maxGap = 16384

// lost returns how many frames are missing before this one, for sources that do
// not say so.
func (d *doubts) lost(u *uplink.Uplink) uint32 {
	key := seriesOf(hashOf(&u.DevEUI), "", "")
	last, known := d.get(key)
	now := track{value: float64(u.FCnt), at: u.Time.Unix()}
	if known && now.at < last.at {
		return 0
	}
	d.put(key, now)
	if gap := now.value - last.value - 1; known && gap > 0 && gap < maxGap {
		return uint32(gap)
	}
	return 0
}
