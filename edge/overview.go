package edge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	session "modellregion/edge/lorawan"
	"modellregion/uplink"
)

// DeviceState is how a device is registered and where its session stands. It
// holds no keys.
type DeviceState struct {
	DevEUI     uplink.EUI    `json:"dev_eui"`
	Domain     uplink.Domain `json:"domain"`
	Profile    string        `json:"profile"`
	LoRaWAN    string        `json:"lorawan"`
	Class      string        `json:"class"`      // A, or C: listens all the time
	Activation string        `json:"activation"` // OTAA: it joins; ABP: it is personalised
	Session    SessionState  `json:"session"`

	DevAddr       string     `json:"dev_addr,omitempty"`
	NextFCntUp    uint32     `json:"next_f_cnt_up"` // lower ones are dropped
	NextFCntDown  uint32     `json:"next_f_cnt_down"`
	NextAFCntDown *uint32    `json:"next_a_f_cnt_down,omitempty"` // LoRaWAN 1.1: of downlinks with a payload
	Heard         time.Time  `json:"heard,omitzero"`
	DR            uint8      `json:"dr"`
	TXPower       uint8      `json:"tx_power"`         // index: 0 is the most
	Gateway       uplink.EUI `json:"gateway,omitzero"` // that heard it best, last

	Commands int    `json:"commands"`        // waiting
	Nonces   int    `json:"nonces_used"`     // DevNonces that it must not join with again
	Error    string `json:"error,omitempty"` // why it is not served
}

// SessionState is a word for the session of a device.
type SessionState string

// The states of a session.
const (
	SessionNone    SessionState = "none"    // it has never joined, or with other keys
	SessionJoining SessionState = "joining" // it was answered, and has sent nothing since
	SessionJoined  SessionState = "joined"
	SessionABP     SessionState = "ABP"
	SessionDamaged SessionState = "damaged" // it cannot be read, and the device is not served
)

// look is what the process loop tells of its devices: copies, and what does not
// change any more.
type look struct {
	sessions []session.Overview
	served   map[uplink.EUI]served
}

// look copies what there is to see; it runs in the process loop, which hears
// nothing meanwhile.
func (e *Edge) look() look {
	l := look{make([]session.Overview, 0, len(e.devices)), e.devices}
	for o := range e.network.Devices {
		l.sessions = append(l.sessions, o)
	}
	return l
}

// Devices returns all devices by rising DevEUI.
func (e *Edge) Devices(ctx context.Context) ([]DeviceState, error) {
	reply := make(chan look, 1)
	var l look
	select {
	case e.looks <- reply:
		l = <-reply
	case <-ctx.Done():
		return nil, fmt.Errorf("look at the devices: %w", errors.Join(context.Cause(ctx), e.Health()))
	}
	return l.states(), nil
}

func (l *look) states() []DeviceState {
	out := make([]DeviceState, 0, len(l.served))
	for i := range l.sessions {
		o := &l.sessions[i]
		out = append(out, state(o, l.served[uplink.EUI(o.DevEUI)]))
	}
	for _, s := range l.served {
		if s.broken != nil {
			out = append(out, state(&s.broken.about, s))
		}
	}
	slices.SortFunc(out, func(a, b DeviceState) int { return bytes.Compare(a.DevEUI[:], b.DevEUI[:]) })
	return out
}

func state(o *session.Overview, s served) DeviceState {
	d := DeviceState{
		DevEUI: uplink.EUI(o.DevEUI), Domain: s.domain, Profile: s.profile, LoRaWAN: o.Version, Class: "A", Activation: "OTAA",
		Session: SessionNone, NextFCntUp: o.NextFCntUp, NextFCntDown: o.NextFCntDown, Heard: o.Heard,
		DR: o.DR, TXPower: o.TXPower, Gateway: uplink.EUI(o.Gateway), Commands: o.Commands, Nonces: o.Nonces,
	}
	if o.ClassC {
		d.Class = "C"
	}
	if o.ABP {
		d.Activation = "ABP"
	}
	if s.broken != nil {
		d.Session, d.Error = SessionDamaged, s.broken.err.Error()
	}
	if !o.Session {
		return d
	}
	d.DevAddr = o.DevAddr.String()
	if o.V11 {
		d.NextAFCntDown = &o.NextAFCntDown
	}
	switch {
	case o.ABP:
		d.Session = SessionABP
	case o.Pending:
		d.Session = SessionJoining
	default:
		d.Session = SessionJoined
	}
	return d
}
