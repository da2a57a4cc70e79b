package lorawan

import (
	"strings"
	"testing"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/edge/radio"
)

func TestOnAir(t *testing.T) {
	// From Semtech's LoRa calculator: 8 symbols of preamble, CR 4/5, CRC on.
	for _, c := range []struct {
		size int
		rate radio.DataRate
		want time.Duration
	}{
		{12, radio.DataRate{SpreadingFactor: 7, BandwidthKHz: 125}, 41_216 * time.Microsecond},
		{33, radio.DataRate{SpreadingFactor: 12, BandwidthKHz: 125}, 1_810_432 * time.Microsecond},
		{17, radio.DataRate{SpreadingFactor: 8, BandwidthKHz: 500}, 23_168 * time.Microsecond},
		{20, radio.DataRate{BitRate: 50_000}, 4_960 * time.Microsecond},
	} {
		got, err := onAir(c.size, c.rate)
		if err != nil || got != c.want {
			t.Errorf("%d bytes at %+v: %v (%v), want %v", c.size, c.rate, got, err, c.want)
		}
	}
}

// Nobody may send for more than the share of an hour, whatever the pattern.
func TestLedgerKeepsTheShare(t *testing.T) {
	for _, c := range []struct {
		freq  uint32
		share float64 // 0: no limit
	}{{868_100_000, 0.01}, {867_500_000, 0.01}, {869_525_000, 0.1}, {868_900_000, 0.001}, {863_500_000, 0.001}, {923_300_000, 0}} {
		l := ledger{bands: subBands("EU868"), gateways: map[lorawan.EUI64][]usage{}}
		gw, other := lorawan.EUI64{1}, lorawan.EUI64{2}
		type tx struct {
			at time.Time
			d  time.Duration
		}
		var sent []tx
		for now := start; now.Before(start.Add(5 * time.Hour)); now = now.Add(700 * time.Millisecond) {
			d := 300 * time.Millisecond
			if l.fits(gw, c.freq, d, now) == nil {
				l.add(gw, c.freq, d, now)
				sent = append(sent, tx{now, d})
			}
		}
		if c.share == 0 {
			if len(sent) != 25_715 {
				t.Errorf("%d Hz: %d sent, want all", c.freq, len(sent))
			}
			continue
		}
		var sum, most time.Duration
		for first, last := 0, 0; last < len(sent); last++ {
			sum += sent[last].d
			for sent[last].at.Sub(sent[first].at) >= time.Hour {
				sum -= sent[first].d
				first++
			}
			most = max(most, sum)
		}
		if allowed := time.Duration(c.share * float64(time.Hour)); most > allowed || most < allowed*9/10 {
			t.Errorf("%d Hz: up to %v in an hour, want %v", c.freq, most, allowed)
		}
		if err := l.fits(gw, c.freq, time.Hour, start); err == nil || !strings.Contains(err.Error(), gw.String()) {
			t.Errorf("%d Hz: error %v, want it to name the gateway", c.freq, err)
		}
		if err := l.fits(other, c.freq, time.Second, start); err != nil {
			t.Errorf("%d Hz: another gateway pays for it: %v", c.freq, err)
		}
	}
}

// A wrong clock that is set right must not silence a gateway.
func TestLedgerForgetsAFalseFuture(t *testing.T) {
	l := ledger{bands: subBands("EU868"), gateways: map[lorawan.EUI64][]usage{}}
	l.add(lorawan.EUI64{1}, 868_100_000, 36*time.Second, start.AddDate(1, 0, 0))
	if err := l.fits(lorawan.EUI64{1}, 868_100_000, time.Second, start); err != nil {
		t.Error(err)
	}
}

// With the airtime of a sub-band used up, answers go to the second window, then
// to another gateway; the booking survives a restart and is taken back for what
// was not sent.
func TestAnswersKeepTheDutyCycle(t *testing.T) {
	a := settled(t, classA)
	best := lorawan.EUI64{0xaa, 1}
	use := func(gw lorawan.EUI64, freq uint32, share time.Duration) { a.net.ledger.add(gw, freq, share, a.now) }
	answer := func() *radio.Downlink {
		t.Helper()
		tx, err := a.dev.Uplink(2, nil, true)
		if err != nil {
			t.Fatal(err)
		}
		dec := a.net.Handle(a.rx(tx))
		if dec.Data == nil {
			t.Fatalf("%+v", dec)
		}
		if (dec.Down == nil) != (dec.Detail != nil) {
			t.Errorf("neither answer nor reason, or both: %+v", dec)
		}
		return dec.Down
	}
	if d := answer(); d == nil || d.Gateway != best || len(d.Windows) != 2 {
		t.Fatalf("first answer: %+v", d)
	}
	use(best, 868_100_000, 36*time.Second)
	use(best, 867_100_000, 36*time.Second)
	if d := answer(); d == nil || d.Gateway != best || len(d.Windows) != 1 || d.Windows[0].FreqHz != 869_525_000 || d.Windows[0].Delay != 2*time.Second {
		t.Errorf("without the sub-bands of the first window: %+v", d)
	}
	use(best, 869_525_000, 360*time.Second)
	if d := answer(); d == nil || d.Gateway == best {
		t.Errorf("without any airtime of the best gateway: %+v", d)
	}
	other := lorawan.EUI64{0xaa, 0}
	for _, freq := range []uint32{868_100_000, 867_100_000, 869_525_000} {
		use(other, freq, 360*time.Second)
	}
	a.begin()
	if d := answer(); d != nil {
		t.Errorf("without any airtime at all, after a restart: %+v", d)
	}
	a.now = a.now.Add(61 * time.Minute)
	d := answer()
	if d == nil {
		t.Fatal("no answer after an hour")
	}
	booked := a.net.ledger.gateways[best][2].used(a.now)
	if i, _ := a.net.ledger.band(d.Windows[0].FreqHz); i != 2 {
		booked = a.net.ledger.gateways[best][i].used(a.now)
	}
	if booked == 0 {
		t.Error("an answer is not booked")
	}
	a.net.Sent(Result{DevEUI: a.list[0].DevEUI, ID: d.ID, Used: 1}, a.now)
	i, _ := a.net.ledger.band(d.Windows[0].FreqHz)
	second, _ := a.net.ledger.band(d.Windows[1].FreqHz)
	if used := a.net.ledger.gateways[best][i].used(a.now); used != 0 {
		t.Errorf("%v booked for the window that was not used", used)
	}
	if used := a.net.ledger.gateways[best][second].used(a.now); used == 0 {
		t.Error("nothing booked for the window that was")
	}
}

func TestAirtimeRecord(t *testing.T) {
	a := settled(t, classA)
	if err := a.net.RestoreAirtime(lorawan.EUI64{1}, []byte("torn")); err == nil || !strings.Contains(err.Error(), "4 bytes") {
		t.Errorf("torn record: %v", err)
	}
	if err := a.net.RestoreAirtime(lorawan.EUI64{1}, make([]byte, 9)); err != nil {
		t.Error(err)
	}
}
