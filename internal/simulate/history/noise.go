package history

import "math"

// noise is a source of chance without state, as in package simulate: the same
// key gives the same number in every run, whatever was asked before.
type noise uint64

// What chance is used for; each use has numbers of its own.
const (
	forWeather uint64 = iota + 1
	forGrid
	forPlace
	forKeys
	forNature // what a station is like
	forCourse // what changes slowly
	forReading
	forGaps
)

// mix is the finaliser of SplitMix64: every bit of x changes half the result.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// with returns the source for x below n.
func (n noise) with(x uint64) noise { return noise(mix(uint64(n) ^ mix(x))) }

// text returns the source for a name below n.
func (n noise) text(s string) noise {
	for i := range len(s) {
		n = n.with(uint64(s[i]))
	}
	return n
}

// unit returns the source's number in [0, 1).
func (n noise) unit() float64 { return float64(n>>11) / (1 << 53) }

// between returns the source's number in [lo, hi).
func (n noise) between(lo, hi float64) float64 { return lo + (hi-lo)*n.unit() }

// bell returns the source's number around 0 with a standard deviation of 1,
// never beyond 3: the sum of three evenly spread numbers.
func (n noise) bell() float64 {
	const third = 1<<21 - 1
	x := uint64(n)
	return 2 * (float64(x&third+x>>21&third+x>>42&third)/third - 1.5)
}

// smooth returns a number in [-1, 1] that changes steadily with x and forgets
// within two units of it.
func (n noise) smooth(x float64) float64 {
	floor := math.Floor(x)
	a := n.with(uint64(int64(floor))).between(-1, 1)
	b := n.with(uint64(int64(floor)+1)).between(-1, 1)
	r := x - floor
	return a + (b-a)*r*r*(3-2*r)
}

// hump is 1 at the centre and falls off like a bell; all in hours of the day.
func hump(hour, centre, width float64) float64 {
	d := math.Abs(hour - centre)
	d = min(d, 24-d) / width
	return math.Exp(-d * d / 2)
}

func clamp(v, lo, hi float64) float64 { return min(max(v, lo), hi) }
