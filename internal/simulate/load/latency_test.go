package load

import (
	"testing"
	"time"
)

func TestLatency(t *testing.T) {
	var l Latency
	if l.Quantile(0.5) != 0 {
		t.Error("a quantile of nothing")
	}
	for i := 1; i <= 1000; i++ {
		l.add(time.Duration(i)*time.Millisecond, 1)
	}
	for q, want := range map[float64]time.Duration{0: time.Millisecond, 0.5: 500 * time.Millisecond, 0.99: 990 * time.Millisecond, 1: time.Second} {
		if got := l.Quantile(q); got < want || float64(got) > 1.07*float64(want) {
			t.Errorf("quantile %v is %v, want %v to 7 %% more", q, got, want)
		}
	}
	earlier := l
	l.add(-time.Second, 1)
	l.add(1000*time.Hour, 2)
	since := l.Since(&earlier)
	if since.Count() != 3 || since.Quantile(0) != 0 || since.Quantile(1) < time.Hour {
		t.Errorf("%d, %v to %v", since.Count(), since.Quantile(0), since.Quantile(1))
	}
	for us := uint64(0); us < 1<<20; us++ {
		i := bucket(us)
		if us > upper(i) || i > 0 && us <= upper(i-1) {
			t.Fatalf("%d µs is in bucket %d, up to %d", us, i, upper(i))
		}
	}
	if bucket(1<<40) != latencyBuckets-1 {
		t.Error("the last bucket is not the last")
	}
}
