package edge

import (
	"fmt"
	"math"

	"modellregion/devices/codec"
	session "modellregion/edge/lorawan"
	"modellregion/edge/radio"
	"modellregion/uplink"
)

const maxErrorText = 200 // bytes of a codec's error that are passed on

// decode turns the payload of an accepted frame into an uplink. It is true when
// a codec that may take long works on it, and leave goes on.
func (e *Edge) decode(rx []radio.Frame, dec *session.Decision, g *group) (out outcome, later bool) {
	data := dec.Data
	d, ok := e.devices[uplink.EUI(dec.DevEUI)]
	if !ok {
		return out, false
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
		return out, false // MAC commands alone say nothing more to the platform
	}
	u.Payload = data.Payload
	var err error
	switch {
	case d.codec == nil:
		err = fmt.Errorf("profile %q has no usable codec", d.profile)
	case d.codec.lane == nil:
		e.input = d.input(rx, &u)
		if u.Readings, err = e.readings(d.codec.decoder, &e.input, &e.decoded); err == nil && u.Readings == nil {
			return out, false
		}
	default:
		if err = e.lanes.enter(d.codec.lane, &job{rx: rx, dec: *dec, served: d, uplink: u, outcome: out}); err == nil {
			return out, true
		}
	}
	e.decided(&u, d.domain, rx, err, &out, g)
	return out, false
}

// decided adds an uplink to the group. What no codec understands is passed on
// as it is, with the reason: it can be decoded later.
func (e *Edge) decided(u *uplink.Uplink, domain uplink.Domain, rx []radio.Frame, err error, out *outcome, g *group) {
	if err != nil {
		e.metrics.codecErrors.Inc()
		u.Error = err.Error()[:min(len(err.Error()), maxErrorText)]
		out.codec = u.Error
		g.notes = append(g.notes, e.event(domain, [8]byte(u.DevEUI), "codec_error", u.Error))
	}
	e.dispatch(*u, domain, &rx[0], g)
	out.readings = len(u.Readings)
}

// input is an uplink as its codec sees it. The time is the gateway's own, or
// that of its host.
func (s *served) input(rx []radio.Frame, u *uplink.Uplink) codec.Input {
	at := rx[0].Time
	if at.IsZero() {
		at = rx[0].Heard
	}
	return codec.Input{Port: u.FPort, Payload: u.Payload, Time: at, Variables: s.variables}
}

// readings decodes a payload, with scratch for the codec. It returns nil when
// the codec knows the payload and nothing in it is to be stored.
func (e *Edge) readings(d codec.Decoder, in *codec.Input, scratch *codec.Output) ([]uplink.Reading, error) {
	if err := d.Decode(in, scratch); err != nil {
		return nil, err
	}
	e.metrics.codecWarnings.Add(len(scratch.Warnings))
	if scratch.Silent && len(scratch.Readings) == 0 {
		return nil, nil
	}
	if len(scratch.Readings) == 0 {
		return nil, fmt.Errorf("payload %x on port %d holds no reading", in.Payload, in.Port)
	}
	if len(scratch.Readings) > uplink.MaxReadings {
		return nil, fmt.Errorf("payload gives %d readings, at most %d are allowed", len(scratch.Readings), uplink.MaxReadings)
	}
	out := make([]uplink.Reading, len(scratch.Readings))
	for i, r := range scratch.Readings {
		if math.IsNaN(r.Value) || math.IsInf(r.Value, 0) {
			return nil, fmt.Errorf("%s is %v", r.Quantity.Name, r.Value)
		}
		out[i] = uplink.Reading{Quantity: r.Quantity.Name, Channel: r.Channel, Value: r.Value}
	}
	return out, nil
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
	g.uplinks = append(g.uplinks, outgoing{domain: domain, uplink: u})
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
