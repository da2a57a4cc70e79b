package edge

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/devices/codec"
	session "modellregion/edge/lorawan"
	"modellregion/edge/radio"
	"modellregion/uplink"
)

// A codec that may take long, as one in JavaScript may, has a lane of its own:
// a goroutine that decodes the payloads of one profile in the order in which
// they came. Whatever it does delays nobody but the devices of that profile.
//
// Until a payload is decoded, what its frame has changed stays in memory: a
// frame counter that is on disk before its uplink is an uplink lost in a power
// cut. So a downlink for that device waits too, for tens of microseconds as a
// rule and for tens of milliseconds at worst.
type lane struct {
	decoder codec.Decoder
	jobs    chan *job   // nil until there was one
	slow    atomic.Bool // none of the last calls was quick
}

// job is a payload on its way through a lane.
type job struct {
	served  served
	rx      []radio.Frame
	dec     session.Decision
	uplink  uplink.Uplink
	outcome outcome
	err     error
}

const (
	laneLength = 1024                  // payloads that wait for one codec
	laneBusy   = laneLength * 3 / 4    // beyond which the gateway hears no more until
	quickCall  = 5 * time.Millisecond  // a codec is through, unless for maxSlow payloads
	maxSlow    = 8                     // in a row it takes more
	longCall   = 50 * time.Millisecond // a codec takes a thousandth of it
	maxLong    = 3                     // such calls in a row, after which a codec
	laneRest   = time.Minute           // is not called for that long
)

var (
	errLaneFull = fmt.Errorf("codec does not keep up, %d payloads wait for it already", laneLength)
	errResting  = fmt.Errorf("codec took more than %v for each of %d payloads and rests for %v", longCall, maxLong, laneRest)
	errStopping = errors.New("gateway stopped before the codec was done")
)

// lanes are the lanes of all profiles, as the process loop sees them.
type lanes struct {
	done     chan *job
	pending  map[lorawan.EUI64]int // jobs by device
	stopping atomic.Bool           // nothing is decoded any more
	open     []*lane               // those with a goroutine
	work     sync.WaitGroup
	readings func(codec.Decoder, *codec.Input, *codec.Output) ([]uplink.Reading, error)
}

// enter gives a payload to its codec.
func (s *lanes) enter(l *lane, j *job) error {
	if l.jobs == nil {
		l.jobs = make(chan *job, laneLength)
		s.open = append(s.open, l)
		s.work.Go(func() { s.run(l) })
	}
	select {
	case l.jobs <- j:
		s.pending[j.dec.DevEUI]++
		return nil
	default:
		return errLaneFull
	}
}

// busy reports whether more frames come than a codec that works as it should
// can decode. Then frames wait where they come from, as they do for a slow
// disk. For a codec that is slow itself nobody waits: its lane fills up.
func (s *lanes) busy() bool {
	return slices.ContainsFunc(s.open, func(l *lane) bool {
		return len(l.jobs) > laneBusy && !l.slow.Load()
	})
}

// run decodes until the lane is closed.
func (s *lanes) run(l *lane) {
	defer l.decoder.Close()
	var input codec.Input
	var scratch codec.Output
	var slow, long int
	var rest time.Time
	for j := range l.jobs {
		began := time.Now()
		switch {
		case s.stopping.Load():
			j.err = errStopping
		case began.Before(rest):
			j.err = errResting
		default:
			input = j.served.input(j.rx, &j.uplink)
			j.uplink.Readings, j.err = s.readings(l.decoder, &input, &scratch)
			took := time.Since(began)
			if slow++; took < quickCall {
				slow = 0
			}
			l.slow.Store(slow >= maxSlow)
			if long++; took < longCall {
				long = 0
			}
			if long == maxLong {
				long, rest = 0, time.Now().Add(laneRest)
			}
		}
		s.done <- j
	}
}

// shut ends a lane once it has done what it was given.
func (s *lanes) shut(l *lane) {
	if l.jobs == nil {
		l.decoder.Close()
		return
	}
	close(l.jobs)
	s.open = slices.DeleteFunc(s.open, func(o *lane) bool { return o == l })
}

// close ends all lanes. Nothing may be pending.
func (s *lanes) close() {
	for len(s.open) > 0 {
		s.shut(s.open[0])
	}
	s.work.Wait()
}

// leave takes a payload out of its lane and adds what came of it to the group.
func (e *Edge) leave(j *job, g *group) {
	if g.empty() {
		g.began = time.Now()
	}
	if e.lanes.pending[j.dec.DevEUI]--; e.lanes.pending[j.dec.DevEUI] == 0 {
		delete(e.lanes.pending, j.dec.DevEUI)
	}
	if j.err != nil || j.uplink.Readings != nil {
		e.decided(&j.uplink, j.served.domain, j.rx, j.err, &j.outcome, g)
	}
	e.verdicts.add(j.rx, &j.dec, j.outcome)
}

// stopLanes takes everything out of the lanes, without decoding more.
func (e *Edge) stopLanes(g *group) {
	e.lanes.stopping.Store(true)
	for len(e.lanes.pending) > 0 {
		e.leave(<-e.lanes.done, g)
	}
}

// hold takes what belongs to devices with pending payloads out of the group and
// returns it as the next one.
func (g *group) hold(pending map[lorawan.EUI64]int) *group {
	held := newGroup()
	if len(pending) == 0 {
		return held
	}
	for eui := range pending {
		if state, ok := g.states[eui]; ok {
			held.states[eui] = state
			delete(g.states, eui)
		}
		if state, ok := g.joined[eui]; ok {
			held.joined[eui] = state
			delete(g.joined, eui)
		}
	}
	g.uplinks, held.uplinks = part(g.uplinks, func(o *outgoing) bool { return !o.dated && pending[lorawan.EUI64(o.uplink.DevEUI)] > 0 })
	g.undated, held.undated = part(g.undated, func(u *undated) bool { return pending[lorawan.EUI64(u.uplink.DevEUI)] > 0 })
	g.down, held.down = part(g.down, func(a *answer) bool { return pending[a.device] > 0 })
	return held
}

// part divides a list into what stays and what goes.
func part[T any](list []T, goes func(*T) bool) (stay, gone []T) {
	for i := range list {
		if goes(&list[i]) {
			gone = append(gone, list[i])
		} else {
			stay = append(stay, list[i])
		}
	}
	return stay, gone
}
