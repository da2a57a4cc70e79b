package simulate

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"modellregion/edge/radio"
	"modellregion/edge/semtech"
)

// line is a gateway whose datagrams the test reads.
func line(t *testing.T) (*gateway, <-chan semtech.Packet) {
	near, far := net.Pipe()
	g := &gateway{}
	g.connect(near)
	out := make(chan semtech.Packet, 1000)
	go func() {
		buf := make([]byte, semtech.MaxDatagram)
		for {
			n, err := far.Read(buf)
			if err != nil {
				return
			}
			p, err := semtech.Parse(buf[:n])
			if err != nil {
				t.Error(err)
			}
			out <- p
		}
	}()
	t.Cleanup(func() { near.Close(); far.Close() })
	return g, out
}

func TestFlowBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fl := newFlow(slog.New(slog.DiscardHandler))
		g, out := line(t)
		frame := []radio.Frame{{PHYPayload: []byte{1}, FreqHz: 868_100_000, DataRate: radio.DataRate{SpreadingFactor: 7, BandwidthKHz: 125}}}
		go func() {
			for i := range 2 * maxUnacked {
				if err := fl.send(t.Context(), g, frame, []int{i / 2}); err != nil {
					t.Error(err)
				}
			}
		}()
		synctest.Wait()
		if len(out) != maxUnacked {
			t.Fatalf("%d datagrams without an acknowledgement, want %d", len(out), maxUnacked)
		}
		first, second := <-out, <-out
		fl.acked(g, first.Token)
		fl.acked(g, first.Token) // twice: says nothing new
		fl.acked(&gateway{index: 1}, second.Token)
		synctest.Wait()
		if len(out) != maxUnacked-1 {
			t.Fatalf("%d datagrams, want one more for one acknowledgement", len(out))
		}

		idle := make(chan error, 1)
		go func() { idle <- fl.idle(t.Context(), 0) }()
		synctest.Wait()
		if len(idle) != 0 {
			t.Error("sensor 0 is idle with a datagram on its way")
		}
		fl.acked(g, second.Token)
		if err := <-idle; err != nil {
			t.Error(err)
		}
		for range 2*maxUnacked - 2 {
			fl.acked(g, (<-out).Token)
		}
		if err := fl.drain(t.Context()); err != nil {
			t.Error(err)
		}
		if len(fl.busy) != 0 || len(fl.slots) != 0 {
			t.Errorf("%d sensors busy, %d slots taken after the end", len(fl.busy), len(fl.slots))
		}
	})
}

func TestFlowRepeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fl := newFlow(slog.New(slog.DiscardHandler))
		g, out := line(t)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		gaveUp := make(chan error, 1)
		go func() { gaveUp <- fl.repeat(ctx) }()
		if err := fl.send(ctx, g, nil, []int{0}); err != nil {
			t.Fatal(err)
		}
		begin, first := time.Now(), <-out
		again := <-out
		if waited := time.Since(begin); waited < patience || waited > patience+patience/2 {
			t.Errorf("sent again after %s, want %s", waited, patience)
		}
		if again.Token != first.Token || string(again.JSON) != string(first.JSON) {
			t.Errorf("sent again as %+v, was %+v", again, first)
		}
		fl.acked(g, first.Token)
		time.Sleep(time.Minute)
		if len(out) != 0 {
			t.Errorf("%d datagrams after the acknowledgement", len(out))
		}
		if err := fl.send(ctx, g, nil, []int{0}); err != nil {
			t.Fatal(err)
		}
		if err := <-gaveUp; err == nil || !strings.Contains(err.Error(), g.eui.String()) {
			t.Errorf("got %v, want an error that names the gateway", err)
		}
		if len(out) != maxTries {
			t.Errorf("%d tries, want %d", len(out), maxTries)
		}
	})
}

func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		for name, tt := range map[string]struct {
			clock clock
			at    time.Duration
			want  time.Duration // from now
		}{
			"rushing through the past":  {clock{start: now.Add(-3 * time.Hour), wall: now, speed: 1, rush: true}, 2 * time.Hour, -time.Hour},
			"real time":                 {clock{start: now.Add(-3 * time.Hour), wall: now, speed: 1, rush: true}, 4 * time.Hour, time.Hour},
			"sixty times":               {clock{start: now.Add(-time.Hour), wall: now, speed: 60}, 30 * time.Minute, 30 * time.Second},
			"sixty times, continued":    {clock{start: now.Add(-time.Hour), from: 20 * time.Minute, wall: now, speed: 60}, 30 * time.Minute, 10 * time.Second},
			"never before it happens":   {clock{start: now.Add(-time.Hour), wall: now, speed: 60}, 2 * time.Hour, time.Hour},
			"slower than the real time": {clock{start: now.Add(-time.Minute), wall: now, speed: 0.5}, time.Minute, 2 * time.Minute},
		} {
			if got := tt.clock.due(tt.at).Sub(now); got != tt.want {
				t.Errorf("%s: due after %s, want %s", name, got, tt.want)
			}
		}
	})
}
