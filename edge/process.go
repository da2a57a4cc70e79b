package edge

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/devices"
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
	confirmWithin   = time.Second // a confirmation is on disk by then, so that little is sent twice after a crash
	maxDeletes      = 4096        // of one commit
	firstCommitWait = 100 * time.Millisecond
	lastCommitWait  = 10 * time.Second
	maxErrorText    = 200 // bytes of a codec's error that are passed on
)

// A GPS time is believed between these: this program did not exist before, and
// will not be there after.
var (
	earliestTime = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	latestTime   = earliestTime.AddDate(30, 0, 0)
)

var errNoRoom = errors.New("too many downlinks are waiting")

// process owns sessions and database until the frames end; then it commits
// what it has heard. ctx ends it only when the disk refuses a commit.
func (e *Edge) process(ctx context.Context) error {
	seen := newDedup(e.cfg.DedupWindow)
	g := newGroup()
	timer := time.NewTimer(confirmWithin)
	defer timer.Stop()
	tidy := time.NewTicker(confirmWithin)
	defer tidy.Stop()
	for {
		heard := e.frames
		if seen.len() >= maxCollected {
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
		case <-timer.C:
		case <-tidy.C:
			g.confirmed = e.outbox.takeConfirmed(maxDeletes)
			e.tick(g)
		}
		for _, r := range e.unsent {
			dec := e.network.Sent(r, time.Now())
			e.carryOut(&dec, g)
		}
		e.unsent = e.unsent[:0]
		now := time.Now()
		for rx := seen.next(now, seen.len() >= maxCollected); rx != nil; rx = seen.next(now, false) {
			e.decide(rx, g)
			if len(g.uplinks) >= maxGroup {
				break
			}
		}
		if !g.empty() && (now.Sub(g.began) >= e.cfg.CommitInterval || len(g.uplinks) >= maxGroup) {
			if err := e.commit(ctx, g); err != nil {
				return err
			}
			more := len(g.confirmed) == maxDeletes
			g = newGroup()
			if more { // after a burst: go on without waiting for the next tick
				g.confirmed = e.outbox.takeConfirmed(maxDeletes)
			}
		}
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
	if deadline, ok := seen.deadline(); ok {
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
	switch {
	case dec.Dropped != "" && isRemote(rx):
		e.metrics.shared.WithLabelValues("of_others").Inc()
	case dec.Dropped != "":
		e.share(rx, &dec, g)
		e.metrics.dropped.WithLabelValues(string(dec.Dropped)).Inc()
		e.cfg.Log.Debug("frame dropped", "reason", dec.Dropped, "err", dec.Detail, "dev_eui", dec.DevEUI, "gateway", rx[0].Gateway)
	case dec.Join != nil:
		e.metrics.frames.WithLabelValues("join").Inc()
		if d, ok := e.devices[uplink.EUI(dec.DevEUI)]; ok {
			g.notes = append(g.notes, e.event(d.domain, dec.DevEUI, "join", "DevAddr "+dec.Join.DevAddr.String()))
		}
	case dec.Data != nil:
		e.metrics.frames.WithLabelValues("data").Inc()
		if dec.Detail != nil {
			e.metrics.downlinks.WithLabelValues("impossible").Inc()
			e.cfg.Log.Debug("no answer to an uplink", "dev_eui", dec.DevEUI, "err", dec.Detail)
		}
		if dec.Data.Reset {
			e.cfg.Log.Warn("device has begun its frame counter anew", "dev_eui", dec.DevEUI, "f_cnt", dec.Data.FCnt)
		}
		e.decode(rx, &dec, g)
	}
}

// decode turns the payload of an accepted frame into an uplink. What no codec
// understands is passed on as it is, with the reason: it can be decoded later.
func (e *Edge) decode(rx []radio.Frame, dec *session.Decision, g *group) {
	data := dec.Data
	d, ok := e.devices[uplink.EUI(dec.DevEUI)]
	if !ok {
		return
	}
	at, quality := frameTime(rx[0].Time, rx[0].Heard)
	u := uplink.Uplink{
		DevEUI: uplink.EUI(dec.DevEUI), Time: at, TimeQuality: quality,
		FCnt: data.FCnt, Lost: data.Lost, FPort: data.FPort, DR: data.DR, FreqHz: rx[0].FreqHz, RX: receptions(rx),
	}
	if data.Status != nil {
		own := u // an uplink of its own, that no payload can spoil
		own.FPort, own.Readings = 0, status(data.Status)
		g.uplinks = append(g.uplinks, outgoing{d.domain, own})
		u.Lost = 0
	}
	if !data.HasPort || data.FPort == 0 {
		return // MAC commands alone say nothing more to the platform
	}
	readings, err := e.readings(d, data)
	if err != nil {
		e.metrics.codecErrors.Inc()
		u.Error = err.Error()[:min(len(err.Error()), maxErrorText)]
		u.Payload = data.Payload
		g.notes = append(g.notes, e.event(d.domain, dec.DevEUI, "codec_error", u.Error))
	}
	for _, r := range readings {
		u.Readings = append(u.Readings, uplink.Reading{Quantity: r.Quantity.Name, Channel: r.Channel, Value: r.Value})
	}
	g.uplinks = append(g.uplinks, outgoing{d.domain, u})
}

func (e *Edge) readings(d served, data *session.Data) ([]devices.Reading, error) {
	if d.codec == nil {
		return nil, fmt.Errorf("profile %q has no usable codec", d.profile)
	}
	readings, err := d.codec.Decode(e.scratch[:0], data.FPort, data.Payload)
	if err != nil {
		return nil, err
	}
	e.scratch = readings
	if len(readings) == 0 {
		return nil, fmt.Errorf("payload %x on port %d holds no reading", data.Payload, data.FPort)
	}
	if len(readings) > uplink.MaxReadings {
		return nil, fmt.Errorf("payload gives %d readings, at most %d are allowed", len(readings), uplink.MaxReadings)
	}
	for _, r := range readings {
		if math.IsNaN(r.Value) || math.IsInf(r.Value, 0) {
			return nil, fmt.Errorf("%s is %v", r.Quantity.Name, r.Value)
		}
	}
	return readings, nil
}

// status returns what a device says of itself as readings. A battery of 0 is
// external power, and of 255 one that the device cannot tell (LoRaWAN 1.0.4
// §5.5).
func status(s *session.Status) []uplink.Reading {
	out := []uplink.Reading{{Quantity: "link_margin", Value: float64(s.Margin)}}
	if s.Battery >= 1 && s.Battery <= 254 {
		out = append(out, uplink.Reading{Quantity: "battery_level", Value: math.Round(float64(s.Battery-1)/253*1000) / 10})
	}
	return out
}

// frameTime chooses the time of a frame: that of the gateway's GPS when it has
// one that is possible at all, else the host's at the frame's arrival. The host
// is no judge of GPS: without a battery its clock starts years ago. Whole
// milliseconds, UTC.
func frameTime(gps, heard time.Time) (time.Time, uplink.TimeQuality) {
	if gps.After(earliestTime) && gps.Before(latestTime) {
		return gps.UTC().Truncate(time.Millisecond), uplink.TimeGPS
	}
	return heard.UTC().Truncate(time.Millisecond), uplink.TimeHost
}

func (e *Edge) event(domain uplink.Domain, device lorawan.EUI64, what, detail string) note {
	return note{
		topic:   uplink.Topic{Edge: e.cfg.Name, Kind: uplink.KindEvent, Domain: domain},
		qos:     1,
		message: uplink.Event{V: uplink.Version, Time: time.Now().UTC(), DevEUI: uplink.EUI(device), Event: what, Detail: detail},
	}
}

// commit makes a group durable and lets go of what depends on it. A disk that
// refuses is tried again until ctx ends; meanwhile hardly a frame is acknowledged.
func (e *Edge) commit(ctx context.Context, g *group) error {
	wait := firstCommitWait
	for {
		g.confirmed = e.outbox.takeConfirmed(maxDeletes)
		began := time.Now()
		err := e.store.commit(g)
		if err == nil {
			e.metrics.commits.Observe(time.Since(began).Seconds())
			break
		}
		e.metrics.commitErrors.Inc()
		e.cfg.Log.Error("commit failed, trying again", "err", err, "in", wait, "uplinks", len(g.uplinks))
		// Deleting what is stored by now may be what makes room on the disk.
		if tidied := (&group{confirmed: g.confirmed}); !tidied.empty() && e.store.commit(tidied) == nil {
			e.released(tidied)
			continue
		}
		select {
		case <-time.After(wait):
			wait = min(2*wait, lastCommitWait)
		case <-ctx.Done():
			return fmt.Errorf("commit %d uplinks: %w", len(g.uplinks), err)
		}
	}
	e.released(g)
	return nil
}

// lastCommit is the one at shutdown, of all that was heard: tried once. What
// it keeps is sent after the next start.
func (e *Edge) lastCommit(seen *dedup, g *group) error {
	for rx := seen.next(time.Time{}, true); rx != nil; rx = seen.next(time.Time{}, true) {
		e.decide(rx, g)
	}
	g.confirmed = e.outbox.takeConfirmed(maxDeletes)
	if g.empty() {
		return nil
	}
	if err := e.store.commit(g); err != nil {
		return fmt.Errorf("commit %d uplinks at shutdown: %w", len(g.uplinks), err)
	}
	return nil
}

// released passes on what a commit made durable.
func (e *Edge) released(g *group) {
	e.metrics.depth.Set(float64(e.depth.Add(int64(len(g.uplinks) - len(g.confirmed)))))
	e.outbox.forget(g.confirmed)
	for _, a := range g.down {
		select {
		case e.down <- a:
		default:
			e.unsent = append(e.unsent, session.Result{DevEUI: a.device, ID: a.down.ID, Err: errNoRoom, NotSent: true})
			e.metrics.downlinks.WithLabelValues("dropped").Inc()
			e.cfg.Log.Warn("downlink dropped, too many are waiting", "dev_eui", a.device, "gateway", a.down.Gateway)
		}
	}
	for _, n := range g.notes {
		e.post(n)
	}
	if len(g.uplinks) > 0 {
		e.outbox.notify()
	}
}
