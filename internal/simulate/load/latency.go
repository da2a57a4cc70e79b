package load

import (
	"math/bits"
	"time"
)

// Latency counts durations in buckets that are a sixteenth of their octave
// wide, from a microsecond to more than an hour.
type Latency struct{ n [latencyBuckets]uint64 }

const (
	subBits        = 4 // 16 buckets in an octave
	latencyBuckets = (32 - subBits + 1) << subBits
)

// bucket returns where a number of microseconds belongs.
func bucket(us uint64) int {
	us = min(us, 1<<32-1)
	if us < 1<<subBits {
		return int(us)
	}
	shift := bits.Len64(us) - subBits - 1
	return shift<<subBits + int(us>>shift)
}

// upper returns the largest number of microseconds of a bucket.
func upper(i int) uint64 {
	if i < 1<<(subBits+1) {
		return uint64(i)
	}
	shift := i>>subBits - 1
	return uint64(i-shift<<subBits+1)<<shift - 1
}

func (l *Latency) add(d time.Duration, times uint64) {
	l.n[bucket(uint64(max(d, 0).Microseconds()))] += times
}

func (l *Latency) merge(other *Latency) {
	for i, n := range other.n {
		l.n[i] += n
	}
}

// Count returns how many durations were counted.
func (l *Latency) Count() (n uint64) {
	for _, c := range l.n {
		n += c
	}
	return n
}

// Quantile returns a duration that the share q of all do not exceed, at most
// 7 % too long; zero when there are none.
func (l *Latency) Quantile(q float64) time.Duration {
	most := uint64(q * float64(l.Count()))
	var seen uint64
	for i, n := range l.n {
		seen += n
		if n > 0 && (seen >= most || seen == l.Count()) {
			return time.Duration(upper(i)) * time.Microsecond
		}
	}
	return 0
}

// Since returns what was counted after an earlier state of the same Latency.
func (l *Latency) Since(earlier *Latency) *Latency {
	diff := *l
	for i, n := range earlier.n {
		diff.n[i] -= n
	}
	return &diff
}
