package enddevice

import (
	"slices"
	"testing"
)

type step struct {
	uplink  int // counted from 0 since the last downlink
	asks    bool
	dr      int
	power   int
	nbTrans int
	all     bool // the default channels are enabled
}

// TestBackOff follows a device that is not answered, as table 9 of 1.0.4 does.
func TestBackOff(t *testing.T) {
	for _, tc := range []struct {
		version string
		steps   []step
	}{
		{"1.0.1", []step{{63, false, 2, 3, 2, false}, {64, true, 2, 3, 2, false}, {95, true, 2, 3, 2, false}, {96, true, 1, 3, 2, false}, {128, false, 0, 3, 2, false}, {300, false, 0, 3, 2, false}}},
		{"1.0.3", []step{{63, false, 2, 3, 2, false}, {64, true, 2, 3, 2, false}, {96, true, 2, 0, 2, false}, {128, true, 1, 0, 2, false}, {160, false, 0, 0, 2, false}, {192, false, 0, 0, 1, true}}},
		{"1.0.4", []step{{63, false, 2, 3, 2, false}, {64, true, 2, 3, 2, false}, {96, true, 2, 0, 2, false}, {128, true, 1, 0, 2, false}, {160, true, 0, 0, 2, false}, {192, true, 0, 0, 1, true}, {400, true, 0, 0, 1, true}}},
		{"1.1.0", []step{{64, true, 2, 3, 2, false}, {96, true, 2, 0, 2, false}, {127, true, 2, 0, 2, false}, {128, true, 1, 0, 2, false}, {160, false, 0, 0, 2, false}, {192, false, 0, 0, 1, true}}},
	} {
		t.Run(tc.version, func(t *testing.T) {
			d, n := abp(t, tc.version)
			n.up()
			n.send(down{port: -1})
			n.commands(adrReq{2, 3, 0, 2, 2}.command())
			for i, todo := 0, tc.steps; len(todo) > 0; i++ {
				tx, err := d.Empty(false)
				if err != nil {
					t.Fatal(err)
				}
				n.receive(tx)
				if i != todo[0].uplink {
					continue
				}
				got := step{i, n.lastUplink.FHDR.FCtrl.ADRACKReq, tx.DR, tx.TXPower, d.NbTrans(), slices.Equal(d.Channels(), []int{0, 1, 2})}
				if got != todo[0] {
					t.Errorf("%+v, want %+v", got, todo[0])
				}
				todo = todo[1:]
			}
			n.send(down{port: -1})
			if n.up(); n.lastUplink.FHDR.FCtrl.ADRACKReq {
				t.Error("asks right after an answer")
			}
		})
	}
}

// TestBackOffHeard: which downlinks count as an answer.
func TestBackOffHeard(t *testing.T) {
	for _, tc := range []struct {
		version string
		window  int
		asks    bool
	}{{"1.0.3", 0, false}, {"1.0.3", 2, false}, {"1.0.4", 1, false}, {"1.0.4", 2, true}} {
		d, n := abp(t, tc.version, classC)
		if err := d.SetDR(3); err != nil {
			t.Fatal(err)
		}
		for range 65 {
			n.up()
		}
		n.sendIn(tc.window, down{port: -1})
		if n.up(); n.lastUplink.FHDR.FCtrl.ADRACKReq != tc.asks {
			t.Errorf("%+v: asks %v", tc, !tc.asks)
		}
	}
}

// TestBackOffWithoutADR: a device that chooses itself does not ask.
func TestBackOffWithoutADR(t *testing.T) {
	d, n := abp(t, "1.0.3", noADR)
	if err := d.SetDR(3); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		n.up()
	}
	if f := n.lastUplink.FHDR.FCtrl; f.ADRACKReq || f.ADR || d.DR() != 3 {
		t.Errorf("%+v at DR%d", f, d.DR())
	}
}

// TestBackOffFixed: US915 goes from the wide data rate to the narrow ones, and
// in the end to all channels.
func TestBackOffFixed(t *testing.T) {
	d, n := abp(t, "1.0.3", us915)
	if err := d.SetChannels(8, 65); err != nil {
		t.Fatal(err)
	}
	if err := d.SetDR(4); err != nil {
		t.Fatal(err)
	}
	for range 96 + 4*32 + 1 {
		n.up()
	}
	if d.DR() != 0 || len(d.Channels()) != 72 {
		t.Errorf("DR%d on %v", d.DR(), d.Channels())
	}
}
