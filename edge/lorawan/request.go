package lorawan

import (
	"time"

	"github.com/brocaar/lorawan"
	"github.com/brocaar/lorawan/band"
)

// Kinds is a set of the requests that a network makes of a device.
type Kinds uint8

const (
	askLinkADR Kinds = 1 << iota
	askRXParam
	askRXTiming
	askDutyCycle
	askNewChannel
	askStatus

	kinds = 6
)

// backoff is when an unanswered request is made again.
type backoff struct {
	times uint8
	from  uint32 // NextFCntUp
}

// patient is how often a request goes out with each uplink; after that the
// distance doubles.
const patient = 3

func (k Kinds) index() int {
	i := 0
	for ; k > 1; k >>= 1 {
		i++
	}
	return i
}

// due reports whether a request may be made with the answer to this uplink.
func (d *device) due(s *Session, k Kinds) bool {
	return s.Refused&k == 0 && s.NextFCntUp >= d.backoff[k.index()].from
}

// asked notes that a request is made.
func (d *device) asked(s *Session, k Kinds) {
	b := &d.backoff[k.index()]
	b.times = min(b.times+1, 16)
	b.from = s.NextFCntUp + 1<<max(0, int(b.times)-patient)
	s.Asked |= k
}

// request appends to the answers in a reply what the device is asked for, as
// far as it fits: everything in which it differs from what is wanted.
func (n *Network) request(d *device, s *Session, f *dataFrame, options []byte, now time.Time) []byte {
	ask := func(k Kinds, commands []byte) bool {
		if len(commands) == 0 || len(options)+len(commands) > maxFOpts {
			return false
		}
		options = append(options, commands...)
		d.asked(s, k)
		return true
	}
	want := n.cfg.Radio
	if n.custom.without(s.Link.Channels) != (Channels{}) && d.due(s, askNewChannel) {
		if commands, asked := n.newChannels(d, s, maxFOpts-len(options)); ask(askNewChannel, commands) {
			s.AskedNew = asked
		}
	}
	if d.due(s, askLinkADR) {
		if commands, link := n.linkADR(d, s, f, maxFOpts-len(options)); ask(askLinkADR, commands) {
			s.AskedLink = link
		}
	}
	if r := s.Radio; d.due(s, askRXParam) && (r.RX1DROffset != want.RX1DROffset || r.RX2DR != want.RX2DR || r.RX2FreqHz != want.RX2FreqHz) {
		if ask(askRXParam, command(lorawan.RXParamSetupReq, lorawan.RXParamSetupReqPayload{
			Frequency: want.RX2FreqHz, DLSettings: lorawan.DLSettings{RX2DataRate: want.RX2DR, RX1DROffset: want.RX1DROffset},
		})) {
			s.AskedRadio.RX1DROffset, s.AskedRadio.RX2DR, s.AskedRadio.RX2FreqHz = want.RX1DROffset, want.RX2DR, want.RX2FreqHz
		}
	}
	if s.Radio.RX1Delay != want.RX1Delay && d.due(s, askRXTiming) &&
		ask(askRXTiming, command(lorawan.RXTimingSetupReq, lorawan.RXTimingSetupReqPayload{Delay: want.RX1Delay})) {
		s.AskedRadio.RX1Delay = want.RX1Delay
	}
	if s.Radio.MaxDutyCycle != want.MaxDutyCycle && d.due(s, askDutyCycle) &&
		ask(askDutyCycle, command(lorawan.DutyCycleReq, lorawan.DutyCycleReqPayload{MaxDCycle: want.MaxDutyCycle})) {
		s.AskedRadio.MaxDutyCycle = want.MaxDutyCycle
	}
	if n.statusDue(s, now) && d.due(s, askStatus) && ask(askStatus, []byte{byte(lorawan.DevStatusReq)}) {
		s.StatusAsked = now.Truncate(time.Second)
	}
	return options
}

// statusDue reports whether the device shall say how it is. One that has not
// answered is asked again. A session without a time is asked after a while.
func (n *Network) statusDue(s *Session, now time.Time) bool {
	if n.cfg.StatusEvery < 0 {
		return false
	}
	if s.StatusAsked.IsZero() {
		s.StatusAsked = now.Add(statusAfter - n.cfg.StatusEvery).Truncate(time.Second)
	}
	return s.Asked&askStatus != 0 || now.Sub(s.StatusAsked) >= n.cfg.StatusEvery
}

// answered takes the answer to a request. One that nobody waits for is a
// repetition.
func (n *Network) answered(d *device, s *Session, k Kinds, agreed bool) {
	if s.Asked&k == 0 {
		return
	}
	s.Asked &^= k
	d.backoff[k.index()] = backoff{}
	if !agreed {
		s.Refused |= k
		return
	}
	a := s.AskedRadio
	switch k {
	case askRXParam:
		s.Radio.RX1DROffset, s.Radio.RX2DR, s.Radio.RX2FreqHz = a.RX1DROffset, a.RX2DR, a.RX2FreqHz
	case askRXTiming:
		s.Radio.RX1Delay = a.RX1Delay
	case askDutyCycle:
		s.Radio.MaxDutyCycle = a.MaxDutyCycle
	}
}

// newChannels asks for the channels of the radio plan that the device does not
// know, as many as fit into room bytes.
func (n *Network) newChannels(d *device, s *Session, room int) (commands []byte, asked Channels) {
	for _, i := range n.custom.without(s.Link.Channels).indices() {
		c, err := n.band.GetUplinkChannel(i)
		if err != nil {
			continue
		}
		next := command(lorawan.NewChannelReq, lorawan.NewChannelReqPayload{ChIndex: uint8(i), Freq: c.Frequency, MinDR: uint8(c.MinDR), MaxDR: uint8(c.MaxDR)})
		if len(commands)+len(next) > room {
			break
		}
		commands = append(commands, next...)
		asked.add(i)
	}
	return commands, asked
}

// channelAnswered takes a NewChannelAns; they come in the order of the requests
// (§5).
func (n *Network) channelAnswered(d *device, s *Session, agreed bool) {
	asked := s.AskedNew.indices()
	if s.Asked&askNewChannel == 0 || len(asked) == 0 {
		return
	}
	if agreed {
		s.Link.Channels.add(asked[0])
	} else {
		s.Refused |= askNewChannel
	}
	s.AskedNew = channels(asked[1:])
	if len(asked) == 1 {
		s.Asked &^= askNewChannel
		d.backoff[askNewChannel.index()] = backoff{}
	}
}

// linkADR returns the LinkADRReq that bring the device to the channels of the
// network and, where it lets the network decide, to the data rate, power and
// number of transmissions that its signal asks for; none when all is well. Each
// names sixteen channels and is right by itself, as it must be for devices
// before 1.0.2; what has no room follows when these are answered.
func (n *Network) linkADR(d *device, s *Session, f *dataFrame, room int) ([]byte, Link) {
	want := s.Link
	if f.adr && !n.cfg.NoADR && d.history != nil {
		want = d.history.adapt(n, s)
	}
	// What it knows of the plan's own channels, and all that every device has.
	channels := s.Link.Channels.and(n.enabled).or(n.standard.and(n.enabled))
	if want == s.Link && channels == s.Link.Channels {
		return nil, want
	}
	blocks := channels.differing(s.Link.Channels)
	if len(blocks) == 0 {
		blocks = []int{channels.indices()[0] / 16}
	}
	var out []byte
	for _, b := range blocks {
		p := lorawan.LinkADRReqPayload{DataRate: want.DR, TXPower: want.TXPower, Redundancy: lorawan.Redundancy{ChMaskCntl: uint8(b), NbRep: want.NbTrans}}
		if !f.adr && d.version() >= band.LoRaWAN_1_0_4 {
			p.DataRate, p.TXPower = keep, keep
		}
		for i := range p.ChMask {
			p.ChMask[i] = channels.has(16*b + i)
		}
		next := command(lorawan.LinkADRReq, p)
		if len(out)+len(next) > room {
			break
		}
		out = append(out, next...)
		want.Channels.copyBlock(b, channels)
	}
	return out, want
}

// keep stands for the data rate or power that the device has (§5.3).
const keep = 15

// linkAnswered takes what the device says to LinkADRReq: bits for channel mask,
// data rate and power. It has obeyed all or nothing (§5.3).
func (n *Network) linkAnswered(d *device, s *Session, bits byte) {
	if s.Asked&askLinkADR == 0 {
		return
	}
	s.Asked &^= askLinkADR
	d.backoff[askLinkADR.index()] = backoff{}
	a := s.AskedLink
	switch {
	case bits == 7:
		if s.Link.DR != a.DR {
			d.history = nil
		}
		s.Link = a
	case bits&1 == 0:
		s.Refused |= askLinkADR
	case bits&2 == 0 && a.DR > 0:
		s.MaxDR = min(s.MaxDR, a.DR-1)
	case bits&4 == 0 && a.TXPower > 0:
		s.MaxTXPower = min(s.MaxTXPower, a.TXPower-1)
	default:
		s.Refused |= askLinkADR
	}
}
