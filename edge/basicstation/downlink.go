package basicstation

import (
	"encoding/hex"
	"fmt"
	"time"

	"modellregion/edge/radio"
)

// dnmsg asks a gateway to put a frame on the air: for class A RxDelay after
// the uplink with that xtime with the values of RX1, and when it cannot then,
// a second later with those of RX2; for class C at once with those of RX2.
// Fields of a window that is not offered are left out, which a station tells
// from 0.
type dnmsg struct {
	MsgType  string `json:"msgtype"`
	DevEui   string `json:"DevEui"`
	Class    int    `json:"dC"`
	ID       int64  `json:"diid"`
	PDU      string `json:"pdu"`               // hex
	RxDelay  int    `json:"RxDelay,omitempty"` // s, 1 to 15
	RX1DR    *int   `json:"RX1DR,omitempty"`
	RX1Freq  uint32 `json:"RX1Freq,omitempty"` // Hz
	RX2DR    *int   `json:"RX2DR,omitempty"`
	RX2Freq  uint32 `json:"RX2Freq,omitempty"` // Hz
	Priority int    `json:"priority"`          // 0 to 255, higher first
	XTime    int64  `json:"xtime,omitempty"`   // no station has the time 0
	RCtx     int64  `json:"rctx"`
}

const (
	// placeholderDevEui stands for every device: a downlink need not tell
	// the gateway for whom it is, but for the EUI 0 no dntxed comes.
	placeholderDevEui = "00-00-00-00-00-00-00-01"
	downlinkPriority  = 1 // all are alike

	classA, classC = 0, 2

	// maxRxDelay is the largest RxDelay that stations take: they drop a
	// message with a larger one.
	maxRxDelay = 15 * time.Second
	// secondAfter is how long after the first receive window the second is.
	secondAfter = time.Second

	// atOnceWithin is how long a station tries to send at once while its
	// radio is taken: eleven times, 100 ms apart.
	atOnceWithin = 1100 * time.Millisecond
	// sentMargin is how long after the last window the dntxed may come. A
	// gateway says nothing when it cannot send.
	sentMargin = 2 * time.Second
)

// attempt is one message to a gateway and the windows that it offers.
type attempt struct {
	message dnmsg
	windows []radio.Window
	first   int // of the windows, among those of the downlink
}

// attempts returns the messages for d, of which each is for when the one
// before had no success; their diid is still to be set.
//
// After an uplink there is one message, with the first window and, where it is
// a second behind, with the next: so the station itself falls back on it. That
// the message had no success is known when its windows have passed, so what is
// left to try is a window at once.
//
// That one is a message of its own, though a station takes RX1 with dC 2, too:
// what it cannot send in RX1 it then sends with the values of RX2 at that very
// moment, without waiting for RX2 (altTxTime in s2e.c). It mostly cannot for
// want of duty cycle — in EU868 it counts five of our eight channels as 0.1 % —
// and knows so when the message comes, before RX1; a device that turns to RX1
// in the middle of that frame loses it. Alone, dC 2 needs no xtime and waits
// for nothing but the radio.
func (p *plan) attempts(d radio.Downlink) ([]attempt, error) {
	if len(d.Windows) < 1 || len(d.Windows) > 3 {
		return nil, fmt.Errorf("%d windows, want 1 to 3", len(d.Windows))
	}
	rates := make([]int, len(d.Windows))
	for i, w := range d.Windows {
		var err error
		if rates[i], err = p.check(w); err != nil {
			return nil, fmt.Errorf("window %d: %w", i, err)
		}
	}
	base := dnmsg{
		MsgType: "dnmsg", DevEui: placeholderDevEui,
		PDU: hex.EncodeToString(d.PHYPayload), Priority: downlinkPriority, RCtx: d.Antenna,
	}
	var out []attempt
	for i, w := range d.Windows {
		m, n := base, 1
		switch {
		case w.Delay == 0:
			m.Class, m.RX2DR, m.RX2Freq = classC, &rates[i], w.FreqHz
		case i > 0:
			continue
		default:
			m.XTime = int64(d.Counter)
			n = m.receive(d.Windows, rates)
		}
		out = append(out, attempt{m, d.Windows[i : i+n], i})
	}
	return out, nil
}

// receive fills in the receive windows of class A, the first of ws and the
// next when it is the second of the same uplink, and returns how many.
func (m *dnmsg) receive(ws []radio.Window, rates []int) int {
	m.Class = classA
	m.RxDelay = int(ws[0].Delay / time.Second)
	if ws[0].Delay > maxRxDelay { // a second window without its first
		m.RxDelay -= int(secondAfter / time.Second)
		m.RX2DR, m.RX2Freq = &rates[0], ws[0].FreqHz
		return 1
	}
	m.RX1DR, m.RX1Freq = &rates[0], ws[0].FreqHz
	if len(ws) == 1 || ws[1].Delay != ws[0].Delay+secondAfter {
		return 1
	}
	m.RX2DR, m.RX2Freq = &rates[1], ws[1].FreqHz
	return 2
}

// check returns the number of a window's data rate, or what a station would
// refuse.
func (p *plan) check(w radio.Window) (dr int, err error) {
	switch {
	case w.Delay < 0 || w.Delay > maxRxDelay+secondAfter || w.Delay%time.Second != 0:
		return 0, fmt.Errorf("delay is %s, want whole seconds, 1 to 16, or 0 for at once", w.Delay)
	case w.FreqHz < p.limits[0] || w.FreqHz > p.limits[1]:
		return 0, fmt.Errorf("frequency is %d Hz, which gateways of %s refuse", w.FreqHz, p.region)
	}
	return p.downlinkDR(w.DataRate)
}

// within is how long after the message its dntxed may come.
func (a *attempt) within() time.Duration {
	last := a.windows[len(a.windows)-1].Delay
	if last == 0 {
		last = atOnceWithin
	}
	return last + sentMargin
}

// used tells from the xtime of the dntxed in which window the frame was sent:
// it is the xtime of the uplink and the window's delay. It cannot be told, and
// is taken for the first, when another of the gateway's radios has sent: above
// its 48 bits of µs an xtime says which radio and which run of it the clock is
// of, so that the difference of two clocks is no window's delay.
func (a *attempt) used(xtime int64) int {
	// Far below the second between two windows; a station schedules exactly.
	const tolerance = 100_000 // µs
	for i, w := range a.windows {
		if d := xtime - a.message.XTime - w.Delay.Microseconds(); d > -tolerance && d < tolerance {
			return a.first + i
		}
	}
	return a.first
}
