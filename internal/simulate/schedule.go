package simulate

import (
	"cmp"
	"container/heap"
	"time"
)

// event is a sensor putting a frame on the air.
type event struct {
	at     time.Duration // since the start of the fleet, whole milliseconds
	sensor int
	fCnt   uint32 // also the number of the uplink, from 0
	repeat bool   // the same frame once more
}

// compare puts events in the one order in which they happen.
func (e event) compare(o event) int {
	again := func(e event) int {
		if e.repeat {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(e.at, o.at), cmp.Compare(e.sensor, o.sensor), cmp.Compare(again(e), again(o)))
}

// fate is what happens to a frame on the air. It is a function of the sensor
// and the frame counter.
type fate struct {
	lost   bool          // no gateway hears it
	two    bool          // a second gateway hears it
	repeat time.Duration // after which the device sends it again; 0: it does not
}

func (s *sensor) fate(fCnt uint32) fate {
	chance := s.chance.with(uint64(forRadio)).with(uint64(fCnt))
	f := fate{
		lost: chance.with(1).unit() < 0.02,
		two:  chance.with(2).unit() < 0.30,
	}
	if chance.with(3).unit() < 0.01 {
		f.repeat = time.Duration(chance.with(4).between(2000, 3000)) * time.Millisecond
	}
	return f
}

// uplinkAt returns when the sensor sends its nth uplink.
func (s *sensor) uplinkAt(n uint32) time.Duration {
	return s.phase + time.Duration(n)*kinds[s.kind].interval
}

// schedule yields the events of a fleet in their order, without the uplinks
// that are lost on the air.
type schedule struct {
	sensors []*sensor
	end     time.Duration // events from then on do not happen; 0: there is no end
	events  eventHeap     // per sensor its next uplink, and repetitions to come
}

// newSchedule returns the events after last, which need not be one of them;
// nil stands for the beginning.
func newSchedule(sensors []*sensor, end time.Duration, last *event) *schedule {
	c := &schedule{sensors: sensors, end: end}
	for _, s := range sensors {
		var n uint32
		if last != nil && last.at >= s.phase {
			n = uint32((last.at - s.phase) / kinds[s.kind].interval)
			if e := (event{at: s.uplinkAt(n), sensor: s.index, fCnt: n}); e.compare(*last) <= 0 {
				if again, ok := c.repetition(e); ok && again.compare(*last) > 0 {
					c.add(again)
				}
				n++
			}
		}
		c.add(event{at: s.uplinkAt(n), sensor: s.index, fCnt: n})
	}
	return c
}

// repetition returns the event at which the frame of e is sent again.
func (c *schedule) repetition(e event) (event, bool) {
	f := c.sensors[e.sensor].fate(e.fCnt)
	e.at, e.repeat = e.at+f.repeat, true
	return e, !f.lost && f.repeat > 0 && (c.end == 0 || e.at < c.end)
}

func (c *schedule) add(e event) {
	if c.end == 0 || e.at < c.end {
		heap.Push(&c.events, e)
	}
}

// next returns the next event, and false when there is none.
func (c *schedule) next() (event, bool) {
	for len(c.events) > 0 {
		e := heap.Pop(&c.events).(event) // the heap holds nothing else
		if e.repeat {
			return e, true
		}
		s := c.sensors[e.sensor]
		c.add(event{at: s.uplinkAt(e.fCnt + 1), sensor: e.sensor, fCnt: e.fCnt + 1})
		if again, ok := c.repetition(e); ok {
			c.add(again)
		}
		if !s.fate(e.fCnt).lost {
			return e, true
		}
	}
	return event{}, false
}

// eventHeap implements heap.Interface.
type eventHeap []event

func (h eventHeap) Len() int           { return len(h) }
func (h eventHeap) Less(i, j int) bool { return h[i].compare(h[j]) < 0 }
func (h eventHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push appends x.
func (h *eventHeap) Push(x any) { *h = append(*h, x.(event)) }

// Pop removes the last element.
func (h *eventHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	*h = (*h)[:last]
	return e
}
