package lorawan

import (
	"fmt"
	"math"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/edge/radio"
)

// FullFCnt returns the 32-bit uplink counter whose low half was sent as low,
// the first at or after next (§4.3.1.5). The caller checks the MIC with it
// before believing it.
func FullFCnt(next uint32, low uint16) uint32 {
	return next + uint32(low-uint16(next))
}

const (
	// lastFCnt is never accepted: after it the counter would begin anew under
	// the same keys, and every old frame with it. Such a device has to join
	// again.
	lastFCnt = math.MaxUint32
	// resetDistance is by how much a counter must have gone back to be one
	// that begins anew: less is a frame that came late.
	resetDistance = 16
	// A device repeats a confirmed frame that is not acknowledged some times
	// within minutes, as far as its duty cycle allows. What comes later or
	// more often is somebody who has recorded it.
	repeatsWithin = 10 * time.Minute
	maxRepeats    = 15 // NbTrans can be no more (§5.3)
)

// data decides on a data frame. Nothing changes before the MIC is right.
func (n *Network) data(rx []radio.Frame) Decision {
	f, err := parseData(rx[0].PHYPayload)
	if err != nil {
		return Decision{Dropped: Malformed, Detail: err}
	}
	candidates := n.byAddr[f.devAddr]
	if len(candidates) == 0 {
		return Decision{Dropped: UnknownDevice, Detail: unknownAddr(f.devAddr)}
	}
	var repeat *Decision
	for _, d := range candidates {
		for _, s := range [...]*Session{d.state.Pending, d.state.Active} {
			if s == nil || s.DevAddr != f.devAddr {
				continue
			}
			var ways []sent
			if s.V11 {
				ways = n.ways(rx)
			}
			n.warm(s)
			fCnt := FullFCnt(s.NextFCntUp, f.low)
			if fCnt >= s.NextFCntUp && fCnt != lastFCnt && s.validMIC(&f, fCnt, ways) {
				return n.accept(&f, d, s, fCnt, rx)
			}
			if first := uint32(f.low); d.ABP && d.ResetFCnt && first+resetDistance < s.NextFCntUp && s.validMIC(&f, first, ways) {
				return n.reset(&f, d, s, first, rx)
			}
			// Not new. Is it an old one, or somebody else's?
			if old := fCnt - 1<<16; old < s.NextFCntUp && s.validMIC(&f, old, ways) {
				dec := n.refuseOld(&f, d, s, old, rx)
				repeat = &dec
			}
		}
	}
	if repeat != nil {
		return *repeat
	}
	return Decision{DevEUI: candidates[0].DevEUI, Dropped: WrongMIC, Detail: wrongMIC{f.devAddr, candidates[0].DevEUI}}
}

// ways returns how a frame can have been sent: a gateway nearby hears it on
// neighbouring channels too.
func (n *Network) ways(rx []radio.Frame) []sent {
	var out []sent
	for i := range rx {
		dr, ok := n.drs[rx[i].DataRate]
		if !ok {
			continue
		}
		ch, err := n.band.GetUplinkChannelIndexForFrequencyDR(rx[i].FreqHz, dr)
		if err != nil {
			continue
		}
		out = append(out, sent{uint8(dr), uint8(ch)})
	}
	return out
}

// The errors of frames that strangers send all day are put into words only
// when somebody reads them.
type (
	unknownAddr lorawan.DevAddr
	wrongMIC    struct {
		addr   lorawan.DevAddr
		device lorawan.EUI64
	}
	seenBefore struct {
		fCnt, next uint32
		last, now  time.Time // when the device was heard last; zero: not known
	}
)

func (e unknownAddr) Error() string {
	return fmt.Sprintf("no device with DevAddr %s", lorawan.DevAddr(e))
}

func (e wrongMIC) Error() string {
	return fmt.Sprintf("MIC is wrong for the session of DevAddr %s: is the NwkSKey that of device %s?", e.addr, e.device)
}

func (e seenBefore) Error() string {
	s := fmt.Sprintf("FCnt %d was seen before, the next is %d", e.fCnt, e.next)
	if e.last.IsZero() {
		return s
	}
	layout := time.TimeOnly
	if e.now.Sub(e.last) > 12*time.Hour {
		layout = time.DateTime
	}
	return s + " (last heard " + e.last.Local().Format(layout) + ")"
}

// reset accepts the frame of a personalised device that has begun its counter
// anew. The counter of downlinks goes on: none is used twice under one key.
func (n *Network) reset(f *dataFrame, d *device, s *Session, fCnt uint32, rx []radio.Frame) Decision {
	s.NextFCntUp = fCnt
	s.Radio, s.Link = n.defaults, Link{NbTrans: 1, Channels: n.standard}
	s.Asked, s.Refused = 0, 0
	dec := n.accept(f, d, s, fCnt, rx)
	dec.Data.Reset = true
	return dec
}

func (n *Network) accept(f *dataFrame, d *device, s *Session, fCnt uint32, rx []radio.Frame) Decision {
	data := &Data{FCnt: fCnt, Lost: fCnt - s.NextFCntUp, Confirmed: f.confirmed, HasPort: f.hasPort, FPort: f.port}
	dec := Decision{DevEUI: d.DevEUI, Data: data}
	if dr, ok := n.drs[rx[0].DataRate]; ok {
		data.DR = uint8(dr)
	}
	commands := f.fOpts
	if s.V11 {
		commands = s.ready().decryptFOpts(f, fCnt)
	}
	if f.hasPort {
		data.Payload = s.ready().decrypt(f, fCnt)
		if f.port == 0 {
			commands = data.Payload
		}
	}
	if s == d.state.Pending {
		n.begin(d, s)
	}
	s.NextFCntUp, s.Heard, d.repeats = fCnt+1, rx[0].Heard.Truncate(time.Second), 0
	n.observe(d, s, data, f, rx)
	word := f.wantsWord
	if len(commands) > 0 {
		word = n.hear(d, s, commands, data) || word
	}
	if f.ack {
		n.acknowledged(d, &dec)
	} else {
		n.unheard(d, &dec)
	}
	if len(d.state.Queue) > 0 {
		n.expire(d, rx[0].Heard, &dec)
	}
	n.reply(d, s, f, fCnt, answers(commands, rx), word, rx, &dec)
	dec.save(d)
	if dec.Down != nil {
		dec.Gateway = dec.Down.Gateway
	}
	return dec
}

// begin makes a pending session the one in use.
func (n *Network) begin(d *device, s *Session) {
	if d.state.Active != nil && d.state.Active.DevAddr != s.DevAddr {
		n.dropAddr(d.state.Active.DevAddr, d)
	}
	d.state.Active, d.state.Pending = s, nil
	d.history, d.backoff = nil, [kinds]backoff{}
}

// observe keeps what an accepted frame tells of the radio between device and
// gateways.
func (n *Network) observe(d *device, s *Session, data *Data, f *dataFrame, rx []radio.Frame) {
	for i := range rx {
		if !rx[i].Remote {
			s.Gateway, s.Antenna = rx[i].Gateway, rx[i].Antenna
			break
		}
	}
	if s.Link.DR != data.DR {
		// It has changed its data rate by itself, and may have gone back to
		// full power before that (§4.3.1.1).
		s.Link.DR, s.Link.TXPower = data.DR, 0
		d.history = nil
	}
	if f.adr && !n.cfg.NoADR {
		if d.history == nil {
			d.history = &history{}
		}
		d.history.add(sample{data.FCnt, rx[0].SNRdB, s.Link.TXPower})
	}
}

// refuseOld drops a frame that was accepted before. The last one again is a
// repetition (§4.2.2, NbTrans); a confirmed one is answered once more, for
// the device repeats it because it did not hear the answer.
func (n *Network) refuseOld(f *dataFrame, d *device, s *Session, fCnt uint32, rx []radio.Frame) Decision {
	if fCnt+1 != s.NextFCntUp {
		return Decision{DevEUI: d.DevEUI, Dropped: Replayed, Detail: seenBefore{fCnt, s.NextFCntUp, s.Heard, rx[0].Heard}}
	}
	dec := Decision{DevEUI: d.DevEUI, Dropped: Repeated, Detail: fmt.Errorf("FCnt %d is repeated", fCnt)}
	if !f.confirmed || s != d.state.Active || rx[0].Heard.Sub(s.Heard) > repeatsWithin || d.repeats >= maxRepeats {
		return dec
	}
	d.repeats++
	commands := f.fOpts
	if s.V11 {
		commands = s.ready().decryptFOpts(f, fCnt)
	}
	n.reply(d, s, f, fCnt, answers(commands, rx), false, rx, &dec)
	if dec.Detail == nil {
		dec.Detail = fmt.Errorf("FCnt %d is repeated, and answered again", fCnt)
	}
	if dec.Down != nil {
		dec.Gateway = dec.Down.Gateway
		dec.save(d)
	}
	return dec
}
