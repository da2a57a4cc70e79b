package lorawan

import (
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/edge/radio"
)

// Command is application data for a device, waiting for its turn.
type Command struct {
	ID        string // chosen by whoever sends it; the same one again is the same command
	FPort     uint8  // 1 to 223
	Payload   []byte // plain, at most 242 bytes
	Confirmed bool
	Expires   time.Time // whole seconds

	// What follows is the network's to keep.
	Tries   uint8     // how often it was put on its way
	OnAir   bool      // a gateway has taken it, and the device has not acknowledged it yet
	FCnt    uint32    // of the last try
	TriedAt time.Time // whole seconds
}

// Finished remembers the end of a command, so that a command that comes twice
// is not sent twice.
type Finished struct {
	Hash uint64 // of its ID
	What What
}

// What happened to a command.
type What uint8

// The steps of a command. The last three are ends, as is Sent of an unconfirmed
// one.
const (
	Queued  What = iota + 1 // it is kept until its end
	Sent                    // a gateway has taken it
	Acked                   // the device has acknowledged it
	Failed                  // it was put on its way too often
	Expired                 // its time is over
)

// String returns the word for the step, as events on the wire have it.
func (w What) String() string {
	return [...]string{"", "queued", "sent", "acked", "failed", "expired"}[w]
}

// Event is a step of a command.
type Event struct {
	DevEUI  lorawan.EUI64
	Command string // its ID
	What    What
	FCnt    uint32 // of the downlink, with Sent and Acked
	Detail  string // for people
}

const (
	maxQueue    = 16
	maxID       = 64 // bytes
	maxDone     = 8
	maxTries    = 8
	maxPayload  = 242 // TS002: of any data rate
	lifetime    = 24 * time.Hour
	ackPatience = 10 * time.Second // of a class C device, then the next try
	pause       = time.Second      // between two downlinks to a class C device
	maxFPort    = 223
)

// ErrNoDevice is returned for a command to a device that is not served.
var ErrNoDevice = errors.New("no such device here")

// Enqueue keeps a command for a device. The decision has the state to save, an
// event, and for a class C device that is idle the downlink. A command that is
// known already changes nothing and is told of again.
func (n *Network) Enqueue(eui lorawan.EUI64, c Command, now time.Time) (Decision, error) {
	d, ok := n.devices[eui]
	dec := Decision{DevEUI: eui}
	switch {
	case !ok:
		return dec, fmt.Errorf("command %q for device %s: %w", c.ID, eui, ErrNoDevice)
	case c.ID == "" || len(c.ID) > maxID || c.FPort == 0 || c.FPort > maxFPort || len(c.Payload) > maxPayload:
		return dec, fmt.Errorf("command %q for device %s: port %d with %d bytes, want an id of at most 64 bytes, a port of 1 to %d and at most %d bytes",
			c.ID, eui, c.FPort, len(c.Payload), maxFPort, maxPayload)
	}
	if slices.ContainsFunc(d.state.Queue, func(q Command) bool { return q.ID == c.ID }) {
		dec.event(c.ID, Queued, 0, "known already")
		return dec, nil
	}
	hash := hashID(c.ID)
	if i := slices.IndexFunc(d.state.Done, func(f Finished) bool { return f.Hash == hash }); i >= 0 {
		dec.event(c.ID, d.state.Done[i].What, 0, "known already")
		return dec, nil
	}
	if len(d.state.Queue) >= maxQueue {
		return dec, fmt.Errorf("command %q for device %s: %d are waiting already", c.ID, eui, maxQueue)
	}
	if c.Expires.IsZero() {
		c.Expires = now.Add(lifetime)
	}
	c.Expires = c.Expires.Truncate(time.Second)
	d.state.Queue = append(slices.Clip(d.state.Queue), c)
	n.waiting[eui] = true
	dec.event(c.ID, Queued, 0, "")
	n.expire(d, now, &dec)
	n.push(d, now, &dec)
	dec.save(d)
	return dec, nil
}

func hashID(id string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(id)) // never fails
	return h.Sum64()
}

func (dec *Decision) event(id string, w What, fCnt uint32, detail string) {
	dec.Events = append(dec.Events, Event{DevEUI: dec.DevEUI, Command: id, What: w, FCnt: fCnt, Detail: detail})
}

func (dec *Decision) save(d *device) {
	s := d.state.clone()
	dec.Save = &s
}

// Result is what came of a downlink that a Decision ordered.
type Result struct {
	DevEUI  lorawan.EUI64
	ID      uint64 // Downlink.ID
	Used    int    // index of the window in which a gateway has it sent
	Err     error  // why that is not known, or not so
	NotSent bool   // with Err: it is certain that it was not on the air
}

// flight is a downlink whose result is not known yet.
type flight struct {
	device  lorawan.EUI64
	down    *radio.Downlink
	airtime []time.Duration // by window
	at      time.Time
	command string // ID of the command in it, or empty
	fCnt    uint32
}

// flightTime is after how long the result of a downlink does not come any more.
const flightTime = time.Minute

// Sent takes the result of a downlink. There is nothing to save when the
// decision has no state.
func (n *Network) Sent(r Result, now time.Time) Decision {
	dec := Decision{DevEUI: r.DevEUI}
	f, ok := n.flights[r.ID]
	if !ok {
		return dec
	}
	delete(n.flights, r.ID)
	if n.settleAirtime(f, r, now) {
		dec.Gateway = f.down.Gateway
	}
	d, ok := n.devices[r.DevEUI]
	if !ok || f.command == "" {
		return dec
	}
	if d.flying == r.ID {
		d.flying = 0
	}
	i := slices.IndexFunc(d.state.Queue, func(c Command) bool { return c.ID == f.command })
	if i < 0 {
		return dec // acknowledged or expired meanwhile
	}
	c := d.state.Queue[i]
	switch {
	case r.Err == nil && c.Confirmed:
		c.OnAir = true
		d.replace(i, c)
		dec.event(c.ID, Sent, f.fCnt, fmt.Sprintf("try %d", c.Tries))
	case r.Err == nil:
		dec.event(c.ID, Sent, f.fCnt, "")
		n.finish(d, i, Sent)
	case c.Tries >= maxTries:
		dec.event(c.ID, Failed, f.fCnt, fmt.Sprintf("%d tries, the last: %v", c.Tries, r.Err))
		n.finish(d, i, Failed)
	default:
		return dec // with the device's next uplink, or by Tick
	}
	dec.save(d)
	return dec
}

// replace puts a command into the queue in place of another; the queue itself
// may be part of a snapshot.
func (d *device) replace(i int, c Command) {
	d.state.Queue = slices.Clone(d.state.Queue)
	d.state.Queue[i] = c
}

// finish takes a command out of the queue and remembers its end.
func (n *Network) finish(d *device, i int, w What) {
	done := append(slices.Clip(d.state.Done), Finished{hashID(d.state.Queue[i].ID), w})
	d.state.Done = done[max(0, len(done)-maxDone):]
	d.state.Queue = slices.Concat(d.state.Queue[:i], d.state.Queue[i+1:])
	if len(d.state.Queue) == 0 {
		d.state.Queue = nil
		delete(n.waiting, d.DevEUI)
	}
}

// expire ends the commands of a device that are too old or were tried too
// often, and reports whether there were any.
func (n *Network) expire(d *device, now time.Time, dec *Decision) bool {
	before := len(d.state.Queue)
	for i := 0; i < len(d.state.Queue); {
		c := d.state.Queue[i]
		switch {
		case !now.Before(c.Expires):
			dec.event(c.ID, Expired, 0, fmt.Sprintf("after %d tries", c.Tries))
			n.finish(d, i, Expired)
		case c.Tries >= maxTries && d.flying == 0 && (!c.OnAir || now.Sub(c.TriedAt) >= ackPatience && d.listens()):
			dec.event(c.ID, Failed, c.FCnt, fmt.Sprintf("%d tries and no acknowledgement", c.Tries))
			n.finish(d, i, Failed)
		default:
			i++
		}
	}
	return len(d.state.Queue) != before
}

// acknowledged ends the confirmed command that the device has heard.
func (n *Network) acknowledged(d *device, dec *Decision) {
	if len(d.state.Queue) == 0 {
		return
	}
	if c := d.state.Queue[0]; c.Confirmed && c.Tries > 0 {
		dec.event(c.ID, Acked, c.FCnt, "")
		n.finish(d, 0, Acked)
	}
}

// unheard ends a confirmed command that the device did not acknowledge with the
// uplink after the last of its tries.
func (n *Network) unheard(d *device, dec *Decision) {
	if len(d.state.Queue) == 0 || d.flying != 0 {
		return
	}
	if c := d.state.Queue[0]; c.Tries >= maxTries {
		dec.event(c.ID, Failed, c.FCnt, fmt.Sprintf("%d tries and no acknowledgement", c.Tries))
		n.finish(d, 0, Failed)
	}
}

// next returns the command that is due, or nil.
func (d *device) next() *Command {
	if len(d.state.Queue) == 0 || d.flying != 0 || d.state.Queue[0].Tries >= maxTries {
		return nil
	}
	return &d.state.Queue[0]
}

// listens reports whether the device listens all the time.
func (d *device) listens() bool {
	s := d.state.Active
	return s != nil && (d.ClassC && !s.V11 || s.ClassC)
}

// push sends the next command to a class C device at once, when nothing else is
// on its way to it.
func (n *Network) push(d *device, now time.Time, dec *Decision) {
	c, s := d.next(), d.state.Active
	if c == nil || !d.listens() || s.Gateway == (lorawan.EUI64{}) || now.Sub(d.pushed) < pause {
		return
	}
	if c.Tries > 0 && now.Sub(c.TriedAt) < ackPatience {
		return
	}
	rx2, err := n.rx2(s)
	if err != nil {
		dec.Detail = err
		return
	}
	rx2.Delay = 0
	d.pushed = now
	o := order{device: d, session: s, command: c, at: now, gateway: s.Gateway, antenna: s.Antenna, windows: []window{rx2}}
	dec.Down, dec.Detail = n.send(o)
}

// Tick ends commands whose time is over and sends those of class C devices
// that wait for it. It is called about once a second.
func (n *Network) Tick(now time.Time) []Decision {
	for id, f := range n.flights {
		if now.Sub(f.at) > flightTime {
			delete(n.flights, id) // its result was lost; the airtime stays booked
			if d := n.devices[f.device]; d != nil && d.flying == id {
				d.flying = 0
			}
		}
	}
	var out []Decision
	for eui := range n.waiting {
		d := n.devices[eui]
		if d == nil {
			delete(n.waiting, eui)
			continue
		}
		dec := Decision{DevEUI: eui}
		ended := n.expire(d, now, &dec)
		n.push(d, now, &dec)
		if ended || dec.Down != nil {
			dec.save(d)
		}
		if ended || dec.Down != nil || dec.Detail != nil {
			out = append(out, dec)
		}
	}
	return out
}
