package edge

import (
	"testing"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/edge/radio"
)

func TestDedup(t *testing.T) {
	begin := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	at := func(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }
	frame := func(phy string, gateway byte, snr float64, gps, heard time.Time) radio.Frame {
		return radio.Frame{PHYPayload: []byte(phy), Gateway: lorawan.EUI64{gateway}, SNRdB: snr, Time: gps, Heard: heard}
	}
	d := newDedup(200 * time.Millisecond)
	d.add(frame("a", 1, 3, time.Time{}, at(0)), at(0))
	d.add(frame("b", 1, 3, time.Time{}, at(50)), at(50))
	d.add(frame("a", 2, 9, at(7), at(60)), at(60))
	d.add(frame("a", 3, 5, at(5), at(70)), at(70))
	d.add(frame("a", 2, -4, at(5000), at(80)), at(80)) // a neighbouring channel of gateway 2
	for range 100 {
		d.add(frame("c", 1, 0, time.Time{}, at(100)), at(100))
	}
	if rx := d.next(at(199), false); rx != nil {
		t.Fatalf("%v before its window is over", rx)
	}
	rx := d.next(at(200), false)
	if len(rx) != 3 || rx[0].Gateway[0] != 2 || rx[1].Gateway[0] != 3 || rx[2].Gateway[0] != 1 || rx[0].SNRdB != 9 {
		t.Errorf("frame a: %+v, want gateways 2, 3, 1 by SNR", rx)
	}
	if !rx[0].Time.Equal(at(5)) || !rx[0].Heard.Equal(at(0)) {
		t.Errorf("frame a at %v, heard at %v; want the first of each", rx[0].Time, rx[0].Heard)
	}
	if deadline, ok := d.deadline(); !ok || !deadline.Equal(at(250)) {
		t.Errorf("next deadline %v", deadline)
	}
	if rx := d.next(at(200), true); len(rx) != 1 || string(rx[0].PHYPayload) != "b" {
		t.Errorf("forced: %+v", rx)
	}
	if rx := d.next(at(300), false); len(rx) != 1 {
		t.Errorf("%d receptions of one gateway", len(rx))
	}
	if rx := d.next(at(999), true); rx != nil || d.len() != 0 || len(d.byPHY) != 0 {
		t.Errorf("%v and %d frames remain", rx, d.len())
	}
}
