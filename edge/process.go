package edge

import (
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
	confirmWithin = time.Second // a confirmation is on disk by then, so that little is sent twice after a crash
	maxDeletes    = 4096        // of one commit
	maxErrorText  = 200         // bytes of a codec's error that are passed on
)

var errNoRoom = errors.New("too many downlinks are waiting")

// process owns sessions and database until the frames end; then it commits
// what it has heard.
func (e *Edge) process() error {
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
		case reply := <-e.looks:
			reply <- e.look()
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
		e.askDisk(now)
		for rx := seen.next(now, seen.len() >= maxCollected); rx != nil; rx = seen.next(now, false) {
			e.decide(rx, g)
			if len(g.uplinks)+len(g.undated) >= maxGroup {
				break
			}
		}
		if !g.empty() && (now.Sub(g.began) >= e.cfg.CommitInterval || len(g.uplinks)+len(g.undated) >= maxGroup) {
			e.commit(g)
			more := len(g.confirmed) == maxDeletes
			g = newGroup()
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
	var out outcome
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
		out = e.decode(rx, &dec, g)
	}
	e.verdicts.add(rx, &dec, out)
}

// decode turns the payload of an accepted frame into an uplink. What no codec
// understands is passed on as it is, with the reason: it can be decoded later.
func (e *Edge) decode(rx []radio.Frame, dec *session.Decision, g *group) (out outcome) {
	data := dec.Data
	d, ok := e.devices[uplink.EUI(dec.DevEUI)]
	if !ok {
		return out
	}
	u := uplink.Uplink{
		DevEUI: uplink.EUI(dec.DevEUI),
		FCnt:   data.FCnt, Lost: data.Lost, FPort: data.FPort, DR: data.DR, FreqHz: rx[0].FreqHz, RX: receptions(rx),
	}
	if data.Status != nil {
		own := u // an uplink of its own, that no payload can spoil
		own.FPort, own.Readings = 0, status(data.Status)
		e.dispatch(own, d.domain, &rx[0], g)
		u.Lost, out.status = 0, true
	}
	if !data.HasPort || data.FPort == 0 {
		return out // MAC commands alone say nothing more to the platform
	}
	readings, err := e.readings(d, data)
	if err != nil {
		e.metrics.codecErrors.Inc()
		u.Error = err.Error()[:min(len(err.Error()), maxErrorText)]
		out.codec = u.Error
		g.notes = append(g.notes, e.event(d.domain, dec.DevEUI, "codec_error", u.Error))
	}
	for _, r := range readings {
		u.Readings = append(u.Readings, uplink.Reading{Quantity: r.Quantity.Name, Channel: r.Channel, Value: r.Value})
	}
	u.Payload = data.Payload
	e.dispatch(u, d.domain, &rx[0], g)
	out.readings = len(u.Readings)
	return out
}

// dispatch gives an uplink its time and adds it to the group. Its payload is
// kept only when it is needed: to be decoded again, or while the time is not
// known.
func (e *Edge) dispatch(u uplink.Uplink, domain uplink.Domain, rx *radio.Frame, g *group) {
	at, quality, offset, known := e.clock.frameTime(rx.Time, rx.Heard)
	if !known {
		g.undated = append(g.undated, undated{domain: domain, uplink: u, boot: e.clock.boot, offset: offset})
		return
	}
	u.Time, u.TimeQuality = at, quality
	if u.Error == "" {
		u.Payload = nil
	}
	g.uplinks = append(g.uplinks, outgoing{domain, u})
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

func (e *Edge) event(domain uplink.Domain, device lorawan.EUI64, what, detail string) note {
	return note{
		topic:   uplink.Topic{Edge: e.cfg.Name, Kind: uplink.KindEvent, Domain: domain},
		qos:     1,
		message: uplink.Event{V: uplink.Version, Time: e.clock.stamp(), DevEUI: uplink.EUI(device), Event: what, Detail: detail},
	}
}
