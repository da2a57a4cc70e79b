package basicstation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/brocaar/lorawan/band"

	"modellregion/edge/radio"
)

// after returns a window with another delay.
func after(w radio.Window, delay time.Duration) radio.Window {
	w.Delay = delay
	return w
}

func TestDownlinkMessages(t *testing.T) {
	const (
		head = `{"msgtype":"dnmsg","DevEui":"00-00-00-00-00-00-00-01",`
		body = `"diid":0,"pdu":"60010203",`
		tail = `"priority":1,"xtime":36028797498888545,"rctx":3}`
		last = head + `"dC":2,` + body + `"RX2DR":0,"RX2Freq":869525000,"priority":1,"rctx":3}`
		one  = `"RX1DR":3,"RX1Freq":868100000,`
		two  = `"RX2DR":0,"RX2Freq":869525000,`
	)
	narrow := radio.Window{Delay: time.Second, FreqHz: 923_900_000, DataRate: radio.DataRate{SpreadingFactor: 10, BandwidthKHz: 500}}
	wide := radio.Window{Delay: 2 * time.Second, FreqHz: 923_300_000, DataRate: radio.DataRate{SpreadingFactor: 12, BandwidthKHz: 500}}
	fsk := radio.Window{Delay: time.Second, FreqHz: 868_800_000, DataRate: radio.DataRate{BitRate: 50_000}}
	tests := map[string]struct {
		region  band.Name
		windows []radio.Window
		want    []string
	}{
		"RX1":                  {band.EU868, []radio.Window{after(rx1, 5*time.Second)}, []string{head + `"dC":0,` + body + `"RxDelay":5,` + one + tail}},
		"RX1, RX2":             {band.EU868, []radio.Window{rx1, rx2}, []string{head + `"dC":0,` + body + `"RxDelay":1,` + one + two + tail}},
		"latest":               {band.EU868, []radio.Window{after(rx1, 15*time.Second), after(rx2, 16*time.Second)}, []string{head + `"dC":0,` + body + `"RxDelay":15,` + one + two + tail}},
		"RX2":                  {band.EU868, []radio.Window{rx2}, []string{head + `"dC":0,` + body + `"RxDelay":2,"RX1DR":0,"RX1Freq":869525000,` + tail}},
		"latest RX2":           {band.EU868, []radio.Window{after(rx2, 16*time.Second)}, []string{head + `"dC":0,` + body + `"RxDelay":15,` + two + tail}},
		"RX2 2 s behind":       {band.EU868, []radio.Window{rx1, after(rx2, 3*time.Second)}, []string{head + `"dC":0,` + body + `"RxDelay":1,` + one + tail}},
		"RX2 preferred":        {band.EU868, []radio.Window{rx2, rx1}, []string{head + `"dC":0,` + body + `"RxDelay":2,"RX1DR":0,"RX1Freq":869525000,` + tail}},
		"at once":              {band.EU868, []radio.Window{later}, []string{last}},
		"at once, not RX1":     {band.EU868, []radio.Window{later, rx1}, []string{last}},
		"RX1, at once":         {band.EU868, []radio.Window{rx1, later}, []string{head + `"dC":0,` + body + `"RxDelay":1,` + one + tail, last}},
		"RX1, RX2, at once":    {band.EU868, []radio.Window{rx1, rx2, later}, []string{head + `"dC":0,` + body + `"RxDelay":1,` + one + two + tail, last}},
		"FSK":                  {band.EU868, []radio.Window{fsk}, []string{head + `"dC":0,` + body + `"RxDelay":1,"RX1DR":7,"RX1Freq":868800000,` + tail}},
		"RX1, RX2 in US915":    {band.US915, []radio.Window{narrow, wide}, []string{head + `"dC":0,` + body + `"RxDelay":1,"RX1DR":10,"RX1Freq":923900000,"RX2DR":8,"RX2Freq":923300000,` + tail}},
		"no window":            {band.EU868, []radio.Window{}, nil},
		"four windows":         {band.EU868, []radio.Window{rx1, rx2, later, later}, nil},
		"before the uplink":    {band.EU868, []radio.Window{after(rx1, -time.Second)}, nil},
		"half a second":        {band.EU868, []radio.Window{after(rx1, 1500*time.Millisecond)}, nil},
		"17 s":                 {band.EU868, []radio.Window{after(rx1, 17*time.Second)}, nil},
		"another band":         {band.EU868, []radio.Window{narrow}, nil},
		"another band for RX2": {band.EU868, []radio.Window{rx1, wide}, nil},
		"below the band":       {band.EU868, []radio.Window{{Delay: time.Second, FreqHz: 433_000_000, DataRate: rx1.DataRate}}, nil},
		"another modulation":   {band.EU868, []radio.Window{{Delay: time.Second, FreqHz: rx1.FreqHz, DataRate: narrow.DataRate}}, nil},
		"uplinks' modulation":  {band.US915, []radio.Window{{Delay: time.Second, FreqHz: narrow.FreqHz, DataRate: rx1.DataRate}}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := newPlan(tt.region)
			if err != nil {
				t.Fatal(err)
			}
			d := reply()
			d.Windows = tt.windows
			attempts, err := p.attempts(d)
			if (err != nil) != (tt.want == nil) || len(attempts) != len(tt.want) {
				t.Fatalf("%d messages, %v, want %d", len(attempts), err, len(tt.want))
			}
			for i, a := range attempts {
				if got, err := json.Marshal(a.message); err != nil || string(got) != tt.want[i] {
					t.Errorf("got  %s, %v\nwant %s", got, err, tt.want[i])
				}
			}
		})
	}
}

// A station sends in the first window that it has time in and says in which.
func TestSend(t *testing.T) {
	for name, tt := range map[string]struct {
		windows []radio.Window
		taken   []int64 // frequencies
		xtime   string  // instead of the station's
		want    int
	}{
		"RX1":               {[]radio.Window{rx1, rx2}, nil, "", 0},
		"RX1 taken":         {[]radio.Window{rx1, rx2}, []int64{868_100_000}, "", 1},
		"latest RX1 taken":  {[]radio.Window{after(rx1, 15*time.Second), after(rx2, 16*time.Second)}, []int64{868_100_000}, "", 1},
		"latest RX2 alone":  {[]radio.Window{after(rx2, 16*time.Second)}, nil, "", 0},
		"at once":           {[]radio.Window{later}, nil, "", 0},
		"RX1 of class C":    {[]radio.Window{rx1, rx2, later}, nil, "", 0},
		"RX2 of class C":    {[]radio.Window{rx1, rx2, later}, []int64{868_100_000}, "", 1},
		"clock adjusted":    {[]radio.Window{rx1, rx2}, nil, "36028797500888599", 1},
		"in no window":      {[]radio.Window{rx1, rx2}, nil, "36028797509888545", 0},
		"before the uplink": {[]radio.Window{rx1, rx2}, nil, "36028797488888545", 0},
		"another radio":     {[]radio.Window{rx1, rx2}, nil, "108086391538816481", 0}, // rx2, and bit 56
		"another run":       {[]radio.Window{rx1, rx2}, nil, "36310272477599201", 0},  // rx2, and bit 48
		"no xtime":          {[]radio.Window{rx1, rx2}, nil, "0", 0},
		"below zero":        {[]radio.Window{rx1, rx2}, nil, "-9223372036854775808", 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, newReceiver(1), Options{})
			g := connect(t, s)
			sent := sending(s, reply(tt.windows...))
			dntxed := transmit(t, g.text(), tt.taken...)
			if tt.xtime != "" {
				before, rest, _ := strings.Cut(dntxed, `"xtime":`)
				_, rest, _ = strings.Cut(rest, ",")
				dntxed = before + `"xtime":` + tt.xtime + "," + rest
			}
			g.send(dntxed)
			if got := next(t, sent); got.err != nil || got.used != tt.want {
				t.Errorf("window %d, %v, want %d", got.used, got.err, tt.want)
			}
		})
	}
}

// Each Send waits for the word about its own downlink, once.
func TestSendsApart(t *testing.T) {
	r := newReceiver(1)
	s := start(t, r, Options{})
	if _, err := s.Send(t.Context(), reply()); !errors.Is(err, ErrNoGateway) {
		t.Errorf("got %v, want ErrNoGateway", err)
	}
	g := connect(t, s)
	for range 2 {
		sent := sending(s, reply())
		dntxed := transmit(t, g.text())
		g.send(`{"msgtype":"dntxed","diid":1}`) // another's
		if reason := next(t, r.dropped); reason != DropUnexpected || len(sent) != 0 {
			t.Errorf("dropped as %s, %d answers", reason, len(sent))
		}
		g.send(dntxed)
		if got := next(t, sent); got.err != nil {
			t.Error(got.err)
		}
		g.send(dntxed)
		if reason := next(t, r.dropped); reason != DropUnexpected {
			t.Errorf("dropped as %s", reason)
		}
	}
	first, second := sending(s, reply()), sending(s, reply())
	a, b := transmit(t, g.text()), transmit(t, g.text())
	if a == b {
		t.Errorf("both downlinks have the diid of %s", a)
	}
	g.send(b)
	g.send(a)
	for _, sent := range []<-chan outcome{first, second} {
		if got := next(t, sent); got.err != nil {
			t.Error(got.err)
		}
	}
	if _, err := s.Send(t.Context(), reply(radio.Window{})); err == nil {
		t.Error("a downlink on 0 Hz was sent")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Send(ctx, reply()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	s.mu.Lock()
	c := s.gateways[roof]
	s.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) != 0 {
		t.Errorf("%d downlinks are still waited for", len(c.waiting))
	}
}

// No dntxed means that the frame was not sent, and it may come until two
// seconds after the last window.
func TestNotSent(t *testing.T) {
	inBubble(t, room, func(t *testing.T, s *Server, r *receiver, g station) {
		g.listen()
		for _, tt := range []struct {
			windows []radio.Window
			want    time.Duration
		}{
			{[]radio.Window{rx1}, 3 * time.Second},
			{[]radio.Window{rx1, rx2}, 4 * time.Second},
			{[]radio.Window{rx1, after(rx2, 6*time.Second)}, 3 * time.Second}, // the second is not offered
			{[]radio.Window{after(rx1, 15*time.Second), after(rx2, 16*time.Second)}, 18 * time.Second},
			{[]radio.Window{later}, 3100 * time.Millisecond},
			{[]radio.Window{rx1, rx2, later}, 7100 * time.Millisecond},
		} {
			began := time.Now()
			_, err := s.Send(t.Context(), reply(tt.windows...))
			if !errors.Is(err, errSilent) || time.Since(began) != tt.want {
				t.Errorf("%+v: after %s: %v, want %s", tt.windows, time.Since(began), err, tt.want)
			}
		}
	})
}

// A device of class C is sent to at once when its receive windows have passed
// without a word.
func TestSentAtOnce(t *testing.T) {
	inBubble(t, room, func(t *testing.T, s *Server, r *receiver, g station) {
		messages := g.listen()
		began := time.Now()
		sent := sending(s, reply(rx1, rx2, later))
		silent := transmit(t, <-messages, 868_100_000, 869_525_000)
		dntxed := transmit(t, <-messages)
		if silent != "" || time.Since(began) != 4*time.Second {
			t.Errorf("the second message came after %s and %q", time.Since(began), silent)
		}
		g.send(dntxed)
		if got := <-sent; got.err != nil || got.used != 2 {
			t.Errorf("window %d, %v, want 2", got.used, got.err)
		}
	})
}

// A second dntxed, while the Send has not noticed the first, is nobody's.
func TestSentTwice(t *testing.T) {
	c := unconnected(t)
	done := c.expect(7)
	for _, want := range []string{"", DropUnexpected} {
		_, err := c.handle(fmt.Appendf(nil, `{"msgtype":"dntxed","diid":7,"xtime":%d}`, atOnce), nil)
		if (err == nil) != (want == "") || err != nil && dropReason(err) != want {
			t.Errorf("got %v, want the reason %q", err, want)
		}
	}
	if got := <-done; got != atOnce || c.sent.Load() != 1 {
		t.Errorf("xtime %d, %d downlinks were counted", got, c.sent.Load())
	}
}
