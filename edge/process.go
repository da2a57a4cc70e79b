package edge

import (
	"errors"
	"time"

	"github.com/brocaar/lorawan"

	session "modellregion/edge/lorawan"
	"modellregion/edge/radio"
	"modellregion/uplink"
)

// answer is a downlink to be sent once its session is on disk.
type answer struct {
	device lorawan.EUI64
	down   radio.Downlink
}

// note is an event or statistic to be published, best effort.
type note struct {
	topic   uplink.Topic
	qos     byte
	message any
}

const (
	confirmWithin = time.Second // a confirmation is on disk by then, so that little is sent twice after a crash
	maxDeletes    = 4096        // of one commit
)

var errNoRoom = errors.New("too many downlinks are waiting")

// process owns sessions and database until the frames end; then it commits
// what it has heard.
func (e *Edge) process() error {
	defer e.lanes.close()
	seen := newDedup(e.cfg.DedupWindow)
	g := newGroup()
	timer := time.NewTimer(confirmWithin)
	defer timer.Stop()
	tidy := time.NewTicker(confirmWithin)
	defer tidy.Stop()
	for {
		heard := e.frames
		if seen.len() >= maxCollected || e.lanes.busy() {
			heard = nil // full: the oldest is decided on below
		}
		select {
		case f, ok := <-heard:
			if !ok {
				return e.lastCommit(seen, g)
			}
			e.metrics.receptions.Inc()
			seen.add(f, time.Now())
		case f := <-e.remote:
			e.hearRemote(&f, seen)
		case list := <-e.lists:
			e.applyDevices(list, g)
		case o := <-e.orders:
			e.take(o, g)
		case r := <-e.results:
			e.unsent = append(e.unsent, r)
		case reply := <-e.looks:
			reply <- e.look()
		case j := <-e.lanes.done:
			e.leave(j, g)
		case <-timer.C:
		case <-tidy.C:
			g.confirmed = e.outbox.takeConfirmed(maxDeletes)
			e.tick(g)
			e.tidy(g)
		}
		for _, r := range e.unsent {
			e.tellSent(&r, time.Now())
			dec := e.network.Sent(r, time.Now())
			e.carryOut(&dec, g)
		}
		e.unsent = e.unsent[:0]
		now := time.Now()
		if len(e.lanes.pending) == 0 {
			e.askDisk(now)
		}
		for !e.lanes.busy() && len(g.uplinks)+len(g.undated) < maxGroup {
			rx := seen.next(now, seen.len() >= maxCollected)
			if rx == nil {
				break
			}
			e.decide(rx, g)
		}
		if !g.empty() && (now.Sub(g.began) >= e.cfg.CommitInterval || len(g.uplinks)+len(g.undated) >= maxGroup) {
			held := g.hold(e.lanes.pending)
			e.commit(g)
			more := len(g.confirmed) == maxDeletes
			g = held
			if more { // after a burst: go on without waiting for the next tick
				g.confirmed = e.outbox.takeConfirmed(maxDeletes)
			}
		}
		e.health.beat(e.depth.Load() == 0)
		timer.Reset(e.wait(seen, g))
	}
}

func newGroup() *group {
	return &group{
		states: map[lorawan.EUI64]*session.State{}, joined: map[lorawan.EUI64]*session.State{},
		airtime: map[lorawan.EUI64][]byte{}, began: time.Now(),
	}
}

// wait returns how long process may sleep: until the next frame's window or
// the group's commit.
func (e *Edge) wait(seen *dedup, g *group) time.Duration {
	wait := time.Hour
	if deadline, ok := seen.deadline(); ok && !e.lanes.busy() {
		wait = time.Until(deadline)
	}
	if !g.empty() {
		wait = min(wait, time.Until(g.began.Add(e.cfg.CommitInterval)))
	}
	return max(wait, 0)
}

// decide runs a frame through its session and codec and adds what came of it
// to the group.
func (e *Edge) decide(rx []radio.Frame, g *group) {
	if g.empty() {
		g.began = time.Now()
	}
	dec := e.network.Handle(rx)
	e.carryOut(&dec, g)
	var out outcome
	switch {
	case dec.Dropped != "" && isRemote(rx):
		e.metrics.shared.with("of_others").Inc()
	case dec.Dropped != "":
		e.share(rx, &dec, g)
		e.metrics.dropped.with(string(dec.Dropped)).Inc()
		e.cfg.Log.Debug("frame dropped", "reason", dec.Dropped, "err", dec.Detail, "dev_eui", dec.DevEUI, "gateway", rx[0].Gateway)
	case dec.Join != nil:
		e.metrics.joins.Inc()
		if d, ok := e.devices[uplink.EUI(dec.DevEUI)]; ok {
			g.notes = append(g.notes, e.event(d.domain, dec.DevEUI, "join", "DevAddr "+dec.Join.DevAddr.String()))
		}
	case dec.Data != nil:
		e.metrics.data.Inc()
		if dec.Detail != nil {
			e.metrics.downlinks.with("impossible").Inc()
			e.cfg.Log.Debug("no answer to an uplink", "dev_eui", dec.DevEUI, "err", dec.Detail)
		}
		if dec.Data.Reset {
			e.cfg.Log.Warn("device has begun its frame counter anew", "dev_eui", dec.DevEUI, "f_cnt", dec.Data.FCnt)
		}
		var later bool
		if out, later = e.decode(rx, &dec, g); later {
			return
		}
	}
	e.verdicts.add(rx, &dec, out)
}

func (e *Edge) event(domain uplink.Domain, device lorawan.EUI64, what, detail string) note {
	return note{
		topic:   uplink.Topic{Edge: e.cfg.Name, Kind: uplink.KindEvent, Domain: domain},
		qos:     1,
		message: uplink.Event{V: uplink.Version, Time: e.clock.stamp(), DevEUI: uplink.EUI(device), Event: what, Detail: detail},
	}
}
