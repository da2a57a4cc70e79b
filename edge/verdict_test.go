package edge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/brocaar/lorawan"

	session "modellregion/edge/lorawan"
	"modellregion/edge/radio"
	"modellregion/uplink"
)

var (
	heardAt  = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	dataUp   = []byte{0x40, 4, 3, 2, 1, 0, 12, 0, 2, 0xaa, 1, 2, 3, 4}
	received = radio.Frame{
		PHYPayload: dataUp, Gateway: lorawan.EUI64{0xaa}, Heard: heardAt, FreqHz: 868_100_000,
		DataRate: radio.DataRate{SpreadingFactor: 7, BandwidthKHz: 125}, RSSIdBm: -80, SNRdB: 0,
	}
	someDevice = lorawan.EUI64{0x70, 1}
)

// texts returns what the verdicts say, once.
func texts(t *testing.T, v *verdicts, n int) (out []string) {
	t.Helper()
	err := v.read(t.Context(), n, false, func(batch []Verdict) error {
		for _, r := range batch {
			out = append(out, r.Text)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return out
}

func TestVerdictOfFrames(t *testing.T) {
	data := func(d session.Data, edit ...func(*session.Decision)) session.Decision {
		dec := session.Decision{DevEUI: someDevice, Data: &d}
		for _, e := range edit {
			e(&dec)
		}
		return dec
	}
	remote := received
	remote.Remote = true
	for _, c := range []struct {
		name string
		rx   []radio.Frame
		dec  session.Decision
		out  outcome
		what VerdictKind
		text string
	}{
		{"one reading", nil, data(session.Data{HasPort: true, FPort: 2}), outcome{readings: 1}, VerdictUplink, "uplink, 1 reading"},
		{"readings", nil, data(session.Data{HasPort: true, FPort: 2, Lost: 2}), outcome{readings: 3}, VerdictUplink, "uplink, 3 readings, 2 lost before it"},
		{"MAC commands", nil, data(session.Data{HasPort: true}), outcome{status: true}, VerdictUplink, "uplink, MAC commands, device status"},
		{"empty", nil, data(session.Data{Reset: true}), outcome{}, VerdictUplink, "uplink, no payload, its counter begins anew"},
		{"codec", nil, data(session.Data{HasPort: true, FPort: 2}), outcome{codec: "no port 2"}, VerdictCodec, "codec: no port 2"},
		{"acknowledges, and gets no answer", nil, data(session.Data{}, func(dec *session.Decision) {
			dec.Events = []session.Event{{Command: "c1", What: session.Acked}}
			dec.Detail = errors.Join(errors.New("too long"), errors.New("too late"))
		}), outcome{}, VerdictUplink, "uplink, no payload, command c1 acked, no answer: too long; too late"},
		{"join", nil, session.Decision{DevEUI: someDevice, Join: &session.Join{DevAddr: lorawan.DevAddr{1, 0xab, 0, 0}}}, outcome{}, VerdictJoin, "join, DevAddr 01ab0000"},
		{"dropped", nil, session.Decision{Dropped: session.UnknownDevice, Detail: errors.New("no device with DevAddr 01020304")}, outcome{}, VerdictDropped, "dropped: no device with DevAddr 01020304"},
		{"dropped without a word", nil, session.Decision{Dropped: session.Malformed}, outcome{}, VerdictDropped, "dropped: not_lorawan"},
		{"of another edge", []radio.Frame{remote}, session.Decision{Dropped: session.Replayed, Detail: errors.New("old")}, outcome{}, VerdictDropped, "dropped: old (heard by another edge)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.rx == nil {
				c.rx = []radio.Frame{received, remote}
			}
			var v verdicts
			v.add(c.rx, &c.dec, c.out)
			err := v.read(t.Context(), 9, false, func(batch []Verdict) error {
				got := batch[0]
				if len(batch) != 1 || got.What != c.what || got.Text != c.text || got.Reason != string(c.dec.Dropped) {
					t.Errorf("%+v, want %s: %s", batch, c.what, c.text)
				}
				if got.Gateways != len(c.rx) || *got.RSSIdBm != -80 || *got.SNRdB != 0 || got.DataRate.String() != "SF7BW125" || got.DevAddr != "01020304" ||
					!got.Time.Equal(heardAt) || *got.FPort != 2 || c.dec.Data == nil && *got.FCnt != 12 {
					t.Errorf("%+v", got)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestVerdictOfDownlinks(t *testing.T) {
	first := radio.Window{Delay: time.Second, FreqHz: 868_100_000, DataRate: radio.DataRate{SpreadingFactor: 7, BandwidthKHz: 125}}
	second := radio.Window{Delay: 2 * time.Second, FreqHz: 869_525_000, DataRate: radio.DataRate{SpreadingFactor: 12, BandwidthKHz: 125}}
	both, atOnce := []radio.Window{first, second}, []radio.Window{{FreqHz: 869_525_000}}
	refused := errors.New("TOO_LATE")
	for _, c := range []struct {
		about  session.InFlight
		result session.Result
		freqHz uint32
		text   string
	}{
		{session.InFlight{Join: true, Windows: both}, session.Result{}, first.FreqHz, "answered: join accept, in window 1 of 2"},
		{session.InFlight{Ack: true, Command: "c1", Windows: both}, session.Result{Used: 1}, second.FreqHz, "answered: ack, command c1, in window 2 of 2"},
		{session.InFlight{MAC: true, Windows: both}, session.Result{Err: refused, NotSent: true}, 0, "not sent: MAC commands: TOO_LATE"},
		{session.InFlight{Windows: both}, session.Result{Err: refused}, 0, "perhaps not sent: empty frame: TOO_LATE"},
		{session.InFlight{Command: "c1", Windows: atOnce}, session.Result{}, 869_525_000, "sent: command c1, at once"},
	} {
		s := sight{down: &sent{c.about, c.result}}
		if v := s.verdict(); v.Text != c.text || v.FreqHz != c.freqHz || v.What != VerdictDownlink || (v.FCnt == nil) != c.about.Join {
			t.Errorf("%+v, want %s", v, c.text)
		}
	}
}

// A reader sees the last ones and then each one that comes; what it is too slow
// for is told.
func TestVerdictsAreFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var v verdicts
		add := func(from, to int) {
			for i := from; i <= to; i++ {
				v.add([]radio.Frame{received}, &session.Decision{Dropped: session.NotUplink, Detail: fmt.Errorf("%d", i)}, outcome{})
			}
		}
		add(1, 300)
		if got := texts(t, &v, 1000); len(got) != MaxVerdicts || got[0] != "dropped: 45" || got[255] != "dropped: 300" {
			t.Errorf("%d kept, from %s to %s", len(got), got[0], got[len(got)-1])
		}
		if got := texts(t, &v, 0); len(got) != 0 {
			t.Errorf("%v, want none", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var got []string
		var seqs []uint64
		hold := make(chan struct{})
		done := make(chan error)
		go func() {
			done <- v.read(ctx, 2, true, func(batch []Verdict) error {
				for _, r := range batch {
					got, seqs = append(got, strings.TrimPrefix(r.Text, "dropped: ")), append(seqs, r.Seq)
				}
				<-hold
				return nil
			})
		}()
		next := func(want string) {
			t.Helper()
			synctest.Wait()
			if have := strings.Join(got, " "); have != want {
				t.Errorf("got %q, want %q", have, want)
			}
			got = nil
		}
		next("299 300")
		add(301, 302)
		next("") // it is busy
		hold <- struct{}{}
		next("301 302")
		seqs = nil
		add(303, 303+MaxVerdicts+11)
		hold <- struct{}{}
		synctest.Wait()
		if len(got) != 1+MaxVerdicts || got[0] != "… 12 lines missed" || got[1] != "315" || seqs[0]+1 != seqs[1] || seqs[1] != 314 {
			t.Errorf("%d lines with numbers from %d: %v", len(got), seqs[0], got)
		}
		got = nil
		hold <- struct{}{}
		add(1, 1)
		next("1")
		cancel()
		close(hold)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if len(v.readers) != 0 {
			t.Error("the reader is still waited for")
		}
		failed := errors.New("the reader is gone")
		if err := v.read(t.Context(), 1, true, func([]Verdict) error { return failed }); !errors.Is(err, failed) {
			t.Errorf("error %v, want %v", err, failed)
		}
	})
}

func TestVerdictReadersAreBounded(t *testing.T) {
	var v verdicts
	for range maxReaders {
		if _, err := v.enter(); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.read(t.Context(), 1, false, nil); !errors.Is(err, ErrReaders) {
		t.Errorf("error %v", err)
	}
}

// Strangers send thousands; one line a second is enough to know.
func TestVerdictsOfRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var v verdicts
		for range 1000 {
			v.drop("rate", errors.New("from 10.0.0.7: too many"), time.Now())
		}
		v.drop("version", errors.New("from 10.0.0.8: \x1b[2Jversion\n9"), time.Now())
		if got := strings.Join(texts(t, &v, 9), "|"); got != "refused: from 10.0.0.7: too many|refused: from 10.0.0.8: ?[2Jversion; 9" {
			t.Errorf("at first: %q", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var got []string
		done := make(chan error)
		go func() {
			done <- v.read(ctx, 0, true, func(batch []Verdict) error {
				for _, r := range batch {
					got = append(got, r.Text)
					if r.What != VerdictRefused || r.Reason != "rate" || (r.Gateway != uplink.EUI{}) {
						t.Errorf("%+v", r)
					}
				}
				return nil
			})
		}()
		time.Sleep(3 * time.Second) // of the bubble
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if want := "refused: from 10.0.0.7: too many (and 998 more)"; strings.Join(got, "|") != want {
			t.Errorf("later: %q, want %q", got, want)
		}
		for i := range 2 * maxReasons {
			v.drop(fmt.Sprint(i), errors.New("x"), time.Now())
		}
		if len(v.refused) != maxReasons {
			t.Errorf("%d reasons are kept, want %d", len(v.refused), maxReasons)
		}
	})
}

func FuzzOneLine(f *testing.F) {
	f.Add("a\nb\x00\xff…" + strings.Repeat("ü", maxVerdictText))
	f.Fuzz(func(t *testing.T, s string) {
		if got := oneLine(s); len(got) > 2*maxVerdictText || strings.ContainsAny(got, "\n\r\x1b") {
			t.Errorf("%q", got)
		}
	})
}

func BenchmarkVerdict(b *testing.B) {
	dec := session.Decision{DevEUI: someDevice, Data: &session.Data{FCnt: 1, HasPort: true, FPort: 2}}
	rx := []radio.Frame{received, received}
	for _, followed := range []bool{false, true} {
		b.Run(fmt.Sprintf("followed=%t", followed), func(b *testing.B) {
			var v verdicts
			if followed {
				ctx, cancel := context.WithCancel(b.Context())
				done := make(chan error)
				go func() { done <- v.read(ctx, 0, true, func([]Verdict) error { return nil }) }()
				defer func() {
					cancel()
					if err := <-done; err != nil {
						b.Error(err)
					}
				}()
			}
			b.ReportAllocs()
			for b.Loop() {
				v.add(rx, &dec, outcome{readings: 3})
			}
		})
	}
	b.Run("refused", func(b *testing.B) {
		var v verdicts
		err := errors.New("x")
		b.ReportAllocs()
		for b.Loop() {
			v.drop("rate", err, time.Now())
		}
	})
}
