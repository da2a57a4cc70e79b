package edge

import (
	"fmt"
	"maps"
	"slices"
	"time"

	session "modellregion/edge/lorawan"
)

// When the disk refuses, the edge goes on from memory and says so: sessions and
// downlinks as if nothing had happened, uplinks from a shelf in memory. What
// did not get onto the disk is owed to it and written as soon as it takes it.
// Until then a power cut loses what is owed: uplinks that are not confirmed,
// and how far the counters had come.

// trouble is what the disk is owed.
type trouble struct {
	err   error     // why it refuses; nil: it does not
	owed  *group    // without uplinks, which are on the shelf in memory
	retry time.Time // when it is asked again
	wait  time.Duration
}

const (
	firstDiskWait = 100 * time.Millisecond
	lastDiskWait  = 30 * time.Second
	// sayEvery is how often the status tells of uplinks that were given up.
	sayEvery = 5 * time.Second
	// maxUndated bounds the uplinks on disk that wait for the clock: some
	// 150 MB.
	maxUndated = 500_000
	// maxUndatedInMemory bounds the uplinks without a time that are owed.
	maxUndatedInMemory = maxMemory
)

// commit makes a group durable, or keeps it in memory while the disk refuses,
// and lets go of what depends on it.
func (e *Edge) commit(g *group) {
	g.confirmed = e.outbox.takeConfirmed(maxDeletes)
	if e.disk.err == nil {
		err := e.keep(g)
		if err == nil {
			e.released(g)
			return
		}
		// Deleting the reserve may be what makes room on the disk.
		if e.store.spendReserve() && e.keep(g) == nil {
			e.cfg.Log.Error("disk is full, the reserve is spent", "err", err)
			e.released(g)
			return
		}
		e.disk = trouble{err: err, owed: newGroup(), wait: firstDiskWait, retry: time.Now().Add(firstDiskWait)}
		e.diskErr.Store(&err)
		e.metrics.diskOK.Set(0)
		e.cfg.Log.Error("disk refuses, going on from memory", "err", err)
		e.postStatus()
	}
	e.owe(g)
	e.released(g)
}

// keep commits a group to the disk.
func (e *Edge) keep(g *group) error {
	if !g.keeps() {
		return nil
	}
	began := time.Now()
	if err := e.store.commit(g); err != nil {
		e.metrics.commitErrors.Inc()
		return err
	}
	e.metrics.commitSeconds.Update(time.Since(began).Seconds())
	return nil
}

// owe keeps a group in memory that the disk has refused.
func (e *Edge) owe(g *group) {
	if gone := e.memory.add(g.uplinks); len(gone) > 0 {
		e.spare.forget(gone)
		e.metrics.givenUp.with("memory").Add(len(gone))
	}
	o := e.disk.owed
	maps.Copy(o.states, g.states)
	maps.Copy(o.joined, g.joined)
	maps.Copy(o.airtime, g.airtime)
	o.dated = append(o.dated, g.dated...)
	o.undated = append(o.undated, g.undated...)
	if over := len(o.undated) - maxUndatedInMemory; over > 0 {
		o.undated = slices.Delete(o.undated, 0, over)
		e.metrics.givenUp.with("memory").Add(over)
	}
	if g.devices != nil {
		o.devices = g.devices
	}
	// Neither is owed: what is not deleted now is confirmed or given up again.
	g.uplinks, g.confirmed, g.dropped = nil, nil, nil
}

// askDisk tries to write what is owed: all of it, or without the uplinks, which
// take the most room.
func (e *Edge) askDisk(now time.Time) {
	if e.disk.err == nil || now.Before(e.disk.retry) {
		return
	}
	o := e.disk.owed
	var seqs []uint64
	o.uplinks, seqs = e.memory.all()
	o.confirmed = e.outbox.takeConfirmed(maxDeletes)
	err := e.keep(o)
	if err == nil {
		e.memory.remove(seqs)
		e.spare.forget(seqs)
		e.released(o)
		e.disk = trouble{}
		e.diskErr.Store(nil)
		e.metrics.diskOK.Set(1)
		e.cfg.Log.Info("disk takes what it was owed", "uplinks", len(seqs))
		e.postStatus()
		return
	}
	o.uplinks = nil
	if e.keep(o) == nil {
		e.released(o)
		e.disk.owed = newGroup()
	}
	o.confirmed = nil
	e.disk.err = err
	e.disk.wait = min(2*e.disk.wait, lastDiskWait)
	e.disk.retry = now.Add(e.disk.wait)
}

// tidy gives up what has waited too long or is too much, lets go of what is
// confirmed in memory, and gives a time to uplinks that wait for one.
func (e *Edge) tidy(g *group) {
	seqs := e.spare.takeConfirmed(maxMemory)
	e.memory.remove(seqs)
	e.spare.forget(seqs)
	if e.disk.err == nil {
		e.store.restoreReserve()
	}
	if now := time.Now(); e.unsaid && now.Sub(e.said) >= sayEvery {
		e.unsaid, e.said = false, now
		e.postStatus()
	}
	var before time.Time
	if e.clock.trusted() {
		before = e.clock.now().Add(-e.cfg.MaxOutboxAge)
	}
	dropped, err := e.store.oldest(e.cfg.MaxOutboxBytes, before, maxDeletes)
	if err != nil {
		e.cfg.Log.Error("outbox cannot be read", "err", err)
		return
	}
	e.boundUndated(g)
	if len(dropped) > 0 {
		g.dropped = dropped
		e.metrics.givenUp.with("limit").Add(len(dropped))
		e.cfg.Log.Warn("outbox is over its limit, the oldest uplinks are given up", "uplinks", len(dropped), "total", e.store.droppedTotal()+uint64(len(dropped)))
	}
	e.date(g)
}

// boundUndated gives up the oldest of the uplinks that wait for the clock when
// they are too many.
func (e *Edge) boundUndated(g *group) {
	over := e.store.undatedCount() - maxUndated
	if over <= 0 || e.disk.err != nil {
		return
	}
	oldest, err := e.store.undatedAfter(e.datedTo, min(over, maxDeletes))
	if err != nil {
		e.cfg.Log.Error("uplinks without a time cannot be read", "err", err)
		return
	}
	for _, w := range oldest {
		g.dated = append(g.dated, w.key)
		e.datedTo = w.key
	}
	e.metrics.givenUp.with("undated").Add(len(oldest))
	e.cfg.Log.Warn("too many uplinks wait for the clock, the oldest are given up", "uplinks", len(oldest))
}

// date turns uplinks without a time into those with one, once the clock is set.
func (e *Edge) date(g *group) {
	if e.disk.err != nil || e.store.undatedCount() == 0 || !e.clock.trusted() {
		return
	}
	waiting, err := e.store.undatedAfter(e.datedTo, maxGroup)
	if err != nil {
		e.cfg.Log.Error("uplinks without a time cannot be read", "err", err)
		return
	}
	for _, w := range waiting {
		u := w.uplink
		u.TimeQuality = "boot"
		if w.boot == e.clock.boot {
			u.Time = e.clock.at(w.offset)
		} else {
			// How long the gateway was off nobody knows: not a reading, but
			// something to look at.
			u.Time = e.clock.at(0)
			u.Error, u.Readings = "received "+w.offset.Round(time.Second).String()+" after a start of the gateway whose time is not known", nil
		}
		if u.Error == "" {
			u.Payload = nil
		}
		g.uplinks = append(g.uplinks, outgoing{w.domain, u, true})
		g.dated = append(g.dated, w.key)
		e.datedTo = w.key
	}
}

// lastCommit is the one at shutdown, of all that was heard: tried once. What it
// keeps is sent after the next start.
func (e *Edge) lastCommit(seen *dedup, g *group) error {
	for rx := seen.next(time.Time{}, true); rx != nil; rx = seen.next(time.Time{}, true) {
		e.decide(rx, g)
	}
	e.stopLanes(g)
	g.confirmed = e.outbox.takeConfirmed(maxDeletes)
	if e.disk.err != nil {
		e.owe(g)
		g = e.disk.owed
		g.uplinks, _ = e.memory.all()
	}
	if err := e.keep(g); err != nil {
		return fmt.Errorf("commit %d uplinks at shutdown: %w", len(g.uplinks), err)
	}
	return nil
}

// released passes on what a commit made durable, or memory has.
func (e *Edge) released(g *group) {
	e.outbox.forget(g.confirmed)
	e.outbox.forget(g.dropped)
	e.unsaid = e.unsaid || len(g.dropped) > 0
	e.depth.Store(int64(e.store.depth() + e.memory.len()))
	e.metrics.depth.Set(float64(e.depth.Load()))
	for _, a := range g.down {
		select {
		case e.down <- a:
		default:
			e.unsent = append(e.unsent, session.Result{DevEUI: a.device, ID: a.down.ID, Err: errNoRoom, NotSent: true})
			e.metrics.downlinks.with("dropped").Inc()
			e.cfg.Log.Debug("downlink dropped, too many are waiting", "dev_eui", a.device, "gateway", a.down.Gateway)
		}
	}
	for _, n := range g.notes {
		e.post(n)
	}
	g.down, g.notes = nil, nil
	e.outbox.notify()
	e.spare.notify()
}

// diskError returns why the disk refuses, or "". It may be called by any
// goroutine.
func (e *Edge) diskError() string {
	if err := e.diskErr.Load(); err != nil {
		return (*err).Error()
	}
	return ""
}
