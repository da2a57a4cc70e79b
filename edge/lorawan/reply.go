package lorawan

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/edge/radio"
)

// window is a radio.Window with the number of its data rate.
type window struct {
	radio.Window
	dr int
}

// order is a downlink to be built.
type order struct {
	device  *device
	session *Session
	at      time.Time
	phy     []byte // the whole frame, of a join accept; nothing of what follows then

	ack     bool
	ackFCnt uint32 // 1.1: counter of the uplink that is acknowledged
	options []byte // MAC commands
	command *Command
	adr     bool

	gateway lorawan.EUI64
	counter uint64
	antenna int64
	windows []window
}

// rx1 returns the first receive window after a reception.
func (n *Network) rx1(rx *radio.Frame, s *Session) (window, error) {
	up, ok := n.drs[rx.DataRate]
	if !ok {
		return window{}, fmt.Errorf("no data rate %+v in the radio plan", rx.DataRate)
	}
	dr, err := n.band.GetRX1DataRateIndex(up, int(s.Radio.RX1DROffset))
	if err != nil {
		return window{}, fmt.Errorf("data rate for the answer to DR %d: %w", up, err)
	}
	freq, err := n.band.GetRX1FrequencyForUplinkFrequency(rx.FreqHz)
	if err != nil {
		return window{}, fmt.Errorf("frequency for the answer on %d Hz: %w", rx.FreqHz, err)
	}
	return n.window(dr, freq, time.Duration(s.Radio.RX1Delay)*time.Second)
}

// rx2 returns the second receive window.
func (n *Network) rx2(s *Session) (window, error) {
	return n.window(int(s.Radio.RX2DR), s.Radio.RX2FreqHz, time.Duration(s.Radio.RX1Delay)*time.Second+time.Second)
}

func (n *Network) window(dr int, freq uint32, delay time.Duration) (window, error) {
	r, err := n.downlinkRate(dr)
	if err != nil {
		return window{}, err
	}
	return window{radio.Window{Delay: delay, FreqHz: freq, DataRate: r, PowerDBm: n.band.GetDownlinkTXPower(freq)}, dr}, nil
}

// windows returns when a device listens after an uplink that a gateway has
// heard.
func (n *Network) windows(o *order, rx *radio.Frame) ([]window, error) {
	var out []window
	s := o.session
	first, err1 := n.rx1(rx, s)
	if err1 == nil {
		out = append(out, first)
	}
	second, err2 := n.rx2(s)
	if err2 == nil {
		out = append(out, second)
		if s == o.device.state.Active && o.device.listens() {
			second.Delay = 0
			out = append(out, second)
		}
	}
	if len(out) == 0 {
		return nil, errors.Join(err1, err2)
	}
	return out, nil
}

// reply answers an uplink, when there is something to say: acknowledge it
// (§4.3.1.2), answer its MAC commands, ask for what is wanted, or hand over a
// command. word is true when the device must hear anything at all.
func (n *Network) reply(d *device, s *Session, f *dataFrame, fCnt uint32, answers []byte, word bool, rx []radio.Frame, dec *Decision) {
	o := order{device: d, session: s, at: rx[0].Heard, ack: f.confirmed, ackFCnt: fCnt, adr: f.adr && !n.cfg.NoADR}
	o.options = n.request(d, s, f, answers, o.at)
	if d.state.Active == s {
		o.command = d.next()
	}
	if !f.confirmed && !word && len(o.options) == 0 && o.command == nil {
		return
	}
	dec.Down, dec.Detail = n.fromBest(o, rx, n.windows)
}

// fromBest sends an order by the best of the gateways that heard the uplink and
// may be on the air.
func (n *Network) fromBest(o order, rx []radio.Frame, windows func(*order, *radio.Frame) ([]window, error)) (*radio.Downlink, error) {
	var errs []error
	for i := range rx {
		if rx[i].Remote {
			continue
		}
		o.gateway, o.counter, o.antenna = rx[i].Gateway, rx[i].Counter, rx[i].Antenna
		var err error
		if o.windows, err = windows(&o, &rx[i]); err != nil {
			errs = append(errs, err)
			continue
		}
		down, err := n.send(o)
		if err == nil {
			return down, nil
		}
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		return nil, errors.New("no gateway of this edge has heard the frame")
	}
	return nil, errors.Join(errs...)
}

// send builds the downlink of an order in those of its windows in which it fits
// and which the gateway's airtime allows, and takes a counter. A command that
// does not fit stays in its queue; without anything else to say it is an error.
func (n *Network) send(o order) (*radio.Downlink, error) {
	windows, times, err := n.allowed(o)
	if err != nil && o.command != nil && (o.ack || len(o.options) > 0) {
		o.command = nil
		windows, times, err = n.allowed(o)
	}
	if err != nil {
		return nil, err
	}
	phy, fCnt, err := o.frame()
	if err != nil {
		return nil, err
	}
	down := &radio.Downlink{PHYPayload: phy, Gateway: o.gateway, Counter: o.counter, Antenna: o.antenna}
	for _, w := range windows {
		down.Windows = append(down.Windows, w.Window)
	}
	n.depart(down, times, &o, fCnt)
	return down, nil
}

// size returns the length of the frame in bytes.
func (o *order) size() int {
	if o.phy != nil {
		return len(o.phy)
	}
	size := headLength + len(o.options) + micLength
	if o.command != nil {
		size += 1 + len(o.command.Payload)
	}
	return size
}

// allowed returns the windows in which the frame may be sent, and how long it
// is on the air in each.
func (n *Network) allowed(o order) (windows []window, times []time.Duration, err error) {
	var errs []error
	for _, w := range o.windows {
		limit, err := n.band.GetMaxPayloadSizeForDataRateIndex(o.device.version(), "", w.dr)
		if size := o.size() - 1 - micLength; err == nil && size > limit.M { // MACPayload: without MHDR and MIC
			err = fmt.Errorf("%d bytes do not fit DR %d, which takes %d", size, w.dr, limit.M)
		}
		var t time.Duration
		if err == nil {
			t, err = onAir(o.size(), w.DataRate)
		}
		if err == nil {
			err = n.ledger.fits(o.gateway, w.FreqHz, t, o.at)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		windows, times = append(windows, w), append(times, t)
	}
	if len(windows) == 0 {
		return nil, nil, errors.Join(errs...)
	}
	return windows, times, nil
}

// depart books a downlink that is about to be sent.
func (n *Network) depart(down *radio.Downlink, times []time.Duration, o *order, fCnt uint32) {
	n.flightN++
	down.ID = n.flightN
	f := flight{device: o.device.DevEUI, down: down, airtime: times, at: o.at, fCnt: fCnt}
	if o.command != nil {
		c := *o.command
		f.command, o.device.flying = c.ID, down.ID
		c.Tries++
		c.OnAir, c.FCnt, c.TriedAt = false, fCnt, o.at.Truncate(time.Second)
		i := slices.IndexFunc(o.device.state.Queue, func(q Command) bool { return q.ID == c.ID })
		o.device.replace(i, c)
		if c.Confirmed {
			s := o.session
			s.Confirmed = append(slices.Clip(s.Confirmed), uint16(fCnt))
			s.Confirmed = s.Confirmed[max(0, len(s.Confirmed)-maxConfirmed):]
		}
	}
	n.flights[down.ID] = f
	n.ledger.add(o.gateway, down.Windows[0].FreqHz, times[0], o.at)
}

// frame builds and signs the frame and takes its counter.
func (o *order) frame() (phy []byte, fCnt uint32, err error) {
	if o.phy != nil {
		return o.phy, 0, nil
	}
	s := o.session
	counter := &s.NextFCntDown
	if s.V11 && o.command != nil {
		counter = &s.NextAFCntDown
	}
	if *counter == math.MaxUint32 {
		return nil, 0, errors.New("the counter of downlinks is used up, the device has to join again")
	}
	fCnt = *counter
	mac := &lorawan.MACPayload{FHDR: lorawan.FHDR{
		DevAddr: s.DevAddr, FCnt: fCnt,
		FCtrl: lorawan.FCtrl{ADR: o.adr, ACK: o.ack, FPending: o.pending()},
	}}
	p := lorawan.PHYPayload{MHDR: lorawan.MHDR{MType: lorawan.UnconfirmedDataDown, Major: lorawan.LoRaWANR1}, MACPayload: mac}
	if len(o.options) > 0 {
		mac.FHDR.FOpts = []lorawan.Payload{&lorawan.DataPayload{Bytes: slices.Clone(o.options)}}
	}
	if c := o.command; c != nil {
		port := c.FPort
		mac.FPort, mac.FRMPayload = &port, []lorawan.Payload{&lorawan.DataPayload{Bytes: slices.Clone(c.Payload)}}
		if c.Confirmed {
			p.MHDR.MType = lorawan.ConfirmedDataDown
		}
		if err := p.EncryptFRMPayload(s.AppSKey); err != nil {
			return nil, 0, fmt.Errorf("encrypt downlink: %w", err)
		}
	}
	version, key := lorawan.LoRaWAN1_0, s.NwkSKey
	if s.V11 {
		version, key = lorawan.LoRaWAN1_1, s.SNwkSIntKey
		if err := p.EncryptFOpts(s.NwkSEncKey); err != nil {
			return nil, 0, fmt.Errorf("encrypt options of downlink: %w", err)
		}
	}
	if err := p.SetDownlinkDataMIC(version, o.ackFCnt, key); err != nil {
		return nil, 0, fmt.Errorf("sign downlink: %w", err)
	}
	if phy, err = p.MarshalBinary(); err != nil {
		return nil, 0, fmt.Errorf("build downlink: %w", err)
	}
	*counter++
	return phy, fCnt, nil
}

// pending reports whether a class A device should send something soon, to fetch
// what else is waiting for it (§4.3.1.4).
func (o *order) pending() bool {
	queue := o.device.state.Queue
	if o.command != nil {
		return len(queue) > 1
	}
	return len(queue) > 0 && o.device.flying == 0
}
