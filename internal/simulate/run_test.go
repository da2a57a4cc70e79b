package simulate

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"modellregion/uplink"
)

func open(t *testing.T, cfg Config) *Fleet {
	t.Helper()
	cfg.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	f, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// check compares what the network heard with the ledger, and the ledger with
// what the seed says that is sent.
func check(t *testing.T, f *Fleet, n *network) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	type key struct {
		eui  uplink.EUI
		fCnt uint32
	}
	got := map[key]heard{}
	for _, h := range n.got {
		k := key{h.eui, h.fCnt}
		if _, ok := got[k]; ok {
			t.Errorf("%v twice", k)
		}
		got[k] = h
	}
	events := newSchedule(f.sensors, f.end, nil)
	uplinks, readings := 0, 0
	err := f.Sent(func(s Sent) bool {
		e, ok := events.next()
		for ok && e.repeat {
			e, ok = events.next()
		}
		sensor := f.sensors[e.sensor]
		if at := f.start.Add(e.at); !ok || sensor.device.EUI != s.DevEUI || sensor.device.Station != s.Station || e.fCnt != s.FCnt || !at.Equal(s.Time) {
			t.Errorf("the ledger has %+v, the seed %+v", s, e)
			return false
		}
		format := &formats[sensor.kind]
		want := format.readings(f.world.sample(sensor, e.fCnt, s.Time, f.start.Add(sensor.phase)))
		measured := s.Readings[:min(len(want), len(s.Readings))] // what follows is of a DevStatusAns
		if !slices.Equal(measured, want) {
			t.Errorf("the ledger has %+v, the seed %+v", s.Readings, want)
		}
		h, ok := got[key{s.DevEUI, s.FCnt}]
		if !ok || !h.time.Equal(s.Time) || !slices.Equal(format.readings(h.payload), measured) {
			t.Errorf("the network heard (%t) %+v, the ledger has %+v", ok, h, s)
		}
		uplinks++
		readings += len(s.Readings)
		return true
	})
	if err != nil {
		t.Error(err)
	}
	for e, ok := events.next(); ok; e, ok = events.next() {
		if !e.repeat {
			t.Errorf("not sent: %+v", e)
			break
		}
	}
	p := f.Progress()
	if uplinks != len(got) || p.UplinksSent != uint64(uplinks) || p.ReadingsSent != uint64(readings) {
		t.Errorf("%d uplinks and %d readings in the ledger, %d heard; %+v", uplinks, readings, len(got), p)
	}
}

func TestRun(t *testing.T) {
	for _, sensors := range []int{1, 40} {
		t.Run(fmt.Sprint(sensors), func(t *testing.T) {
			n := newNetwork(t)
			n.ignore = min(1, sensors-1)
			f := open(t, Config{Seed: 7, Sensors: sensors, Speed: 900, For: time.Second, Dir: t.TempDir()})
			n.serve(f.Devices())
			begin := time.Now()
			if err := f.Run(t.Context(), n.server.Addr().String()); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begin); took < time.Second {
				t.Errorf("over after %s, want the 1 s of Config.For", took)
			}
			n.halt() // it has heard everything then
			check(t, f, n)
			p := f.Progress()
			if p.Joined != sensors || !p.SimTime.Equal(f.start.Add(15*time.Minute)) || time.Until(p.SimTime) > 0 {
				t.Errorf("%+v", p)
			}
			n.mu.Lock()
			if p.FramesSent != uint64(n.copies) {
				t.Errorf("%d frames sent, %d heard", p.FramesSent, n.copies)
			}
			if sensors > 1 && (n.acked < sensors/2 || n.status < sensors/2) {
				t.Errorf("%d of %d devices acknowledged a downlink, %d told their status", n.acked, sensors, n.status)
			}
			n.mu.Unlock()
			// In a later life it is over already. The network begins anew, too:
			// its downlinks stay with the gateways of the earlier life as long
			// as those may be there.
			n.start()
			again := open(t, f.cfg)
			if err := again.Run(t.Context(), n.server.Addr().String()); err != nil {
				t.Fatal(err)
			}
			if q := again.Progress(); q != p {
				t.Errorf("opened again: %+v, was %+v", q, p)
			}
		})
	}
}

// A fleet that is stopped again and again, and each time before the edge kept
// what it acknowledged, sends the same as one that is not.
func TestRunStopped(t *testing.T) {
	n := newNetwork(t)
	cfg := Config{Seed: 3, Sensors: 60, Speed: 1200, For: 2 * time.Second, Dir: t.TempDir()}
	for life := 1; life <= 5; life++ {
		f := open(t, cfg)
		n.serve(f.Devices())
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := f.Run(ctx, n.server.Addr().String()); err != nil {
				t.Error(err)
			}
		})
		n.await(life * 150)
		stop()
		running.Wait()
		n.halt()
		n.forget(40)
		n.start()
		// A record that was being written is cut off.
		file, err := os.OpenFile(filepath.Join(cfg.Dir, ledgerFile), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Write(bytes.Repeat([]byte{0, 40}, life)); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
	f := open(t, cfg)
	if err := f.Run(t.Context(), n.server.Addr().String()); err != nil {
		t.Fatal(err)
	}
	n.halt()
	check(t, f, n)
}
