package foreign

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"modellregion/uplink"
)

// Hear does what sorting everything would do.
func TestHear(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var r Reader
	for range 300 {
		r.Parse([]byte("{}"))
		var all []uplink.Reception
		for i := range rng.IntN(80) {
			rx := uplink.Reception{Gateway: uplink.EUI{7: byte(1 + rng.IntN(60))}, RSSIdBm: -i, SNRdB: float64(rng.IntN(40))}
			best := !slices.ContainsFunc(all, func(o uplink.Reception) bool { return o.SNRdB >= rx.SNRdB })
			if got := r.Hear(rx); got != best {
				t.Fatalf("%+v after %+v: best %v, want %v", rx, all, got, best)
			}
			all = append(all, rx)
		}
		var want []uplink.Reception
		slices.SortStableFunc(all, func(a, b uplink.Reception) int { return int(b.SNRdB - a.SNRdB) })
		for _, rx := range all {
			if len(want) < uplink.MaxReceptions && !slices.ContainsFunc(want, func(o uplink.Reception) bool { return o.Gateway == rx.Gateway }) {
				want = append(want, rx)
			}
		}
		if diff := cmp.Diff(want, r.Receptions()); diff != "" {
			t.Fatal(diff)
		}
	}
}

// What a large message took is not kept.
func TestMemory(t *testing.T) {
	var r Reader
	large := []byte(`{"a": [` + strings.Repeat("0,", 100_000) + `0]}`)
	parse := func(message []byte) float64 {
		return testing.AllocsPerRun(1, func() {
			if r.Parse(message); r.Err() != nil {
				t.Fatal(r.Err())
			}
		})
	}
	small := []byte(`{"a": [0, 1, 2]}`)
	parse(small)
	if n := parse(small); n > 0 {
		t.Errorf("%v allocations for a small message after another", n)
	}
	if n := parse(large); n == 0 {
		t.Error("the test is broken: a large message takes no memory")
	}
	if parse(small); r.large {
		t.Error("the parser of the large message is kept")
	}
}

func TestMoment(t *testing.T) {
	berlin := time.FixedZone("", 3600)
	for _, c := range []struct {
		at, want time.Time
		err      string
	}{
		{time.Date(2026, 11, 23, 11, 0, 0, 123_999_999, berlin), time.Date(2026, 11, 23, 10, 0, 0, 123_000_000, time.UTC), ""},
		{time.Unix(0, 0), time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), ""},
		{time.Date(1970, 1, 1, 0, 59, 59, 0, berlin), time.Time{}, "time is in the year 1969, want 1970 to 9999"},
		{time.Time{}, time.Time{}, "time is missing"},
	} {
		var r Reader
		got := r.Moment(c.at, "time")
		switch {
		case c.err != "":
			if r.Err() == nil || r.Err().Error() != c.err {
				t.Errorf("%v: error %v, want %s", c.at, r.Err(), c.err)
			}
		case r.Err() != nil || got != c.want:
			t.Errorf("%v: %v and error %v, want %v", c.at, got, r.Err(), c.want)
		}
	}
}
