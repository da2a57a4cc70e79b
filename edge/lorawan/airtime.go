package lorawan

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/brocaar/lorawan"
	"github.com/brocaar/lorawan/airtime"
	"github.com/brocaar/lorawan/band"

	"modellregion/edge/radio"
)

// subBand is a piece of spectrum in which a transmitter may be on the air for a
// share of each hour.
type subBand struct {
	from, to uint32 // Hz, without to
	share    float64
}

// subBands of a region. In the 863–870 MHz of Europe they are those of
// EN 300 220-2 (annex B, bands K to Q); elsewhere downlinks have no such limit.
func subBands(region band.Name) []subBand {
	if region != band.EU868 {
		return nil
	}
	return []subBand{
		{863_000_000, 865_000_000, 0.001},
		{865_000_000, 868_000_000, 0.01},
		{868_000_000, 868_600_000, 0.01},
		{868_700_000, 869_200_000, 0.001},
		{869_400_000, 869_650_000, 0.1},
		{869_700_000, 870_000_000, 0.01},
	}
}

// ledger knows how long each gateway was on the air in each sub-band within the
// last hour. It counts in minutes, and a minute that has begun counts whole.
type ledger struct {
	bands    []subBand
	gateways map[lorawan.EUI64][]usage // by sub-band
}

// usage is the airtime in µs by minute of the last hour.
type usage map[int64]int64

const (
	hour = 60 // minutes
	// farAhead is how many minutes in the future an entry may lie: the clock
	// was set back. Beyond that the entry is of a clock that was wrong.
	farAhead = hour
)

// band returns the index of the sub-band of a frequency, and false where there
// is no limit.
func (l *ledger) band(freqHz uint32) (int, bool) {
	i := slices.IndexFunc(l.bands, func(b subBand) bool { return freqHz >= b.from && freqHz < b.to })
	return i, i >= 0
}

// used returns what a gateway has used of a sub-band, and forgets what is over.
func (u usage) used(now time.Time) time.Duration {
	minute, sum := now.Unix()/60, int64(0)
	for at, micros := range u {
		if at <= minute-hour || at > minute+farAhead {
			delete(u, at)
			continue
		}
		sum += micros
	}
	return time.Duration(sum) * time.Microsecond
}

// fits returns nil when a transmission keeps within what is allowed.
func (l *ledger) fits(gateway lorawan.EUI64, freqHz uint32, d time.Duration, now time.Time) error {
	i, limited := l.band(freqHz)
	if !limited {
		return nil
	}
	b := l.bands[i]
	var used time.Duration
	if of := l.gateways[gateway]; of != nil {
		used = of[i].used(now)
	}
	allowed := time.Duration(b.share * float64(time.Hour))
	if used+d > allowed {
		return fmt.Errorf("gateway %s was on the air for %s within the last hour in %.1f–%.1f MHz, %s are allowed there", gateway,
			used, float64(b.from)/1e6, float64(b.to)/1e6, allowed)
	}
	return nil
}

// add books a transmission, or with a negative duration takes one back.
func (l *ledger) add(gateway lorawan.EUI64, freqHz uint32, d time.Duration, now time.Time) {
	i, limited := l.band(freqHz)
	if !limited {
		return
	}
	of := l.gateways[gateway]
	if of == nil {
		of = make([]usage, len(l.bands))
		l.gateways[gateway] = of
	}
	if of[i] == nil {
		of[i] = usage{}
	}
	of[i][now.Unix()/60] += d.Microseconds()
}

// Airtime returns what must survive a restart of a gateway's airtime: of each
// minute the sub-band, one byte, the minute since 1970 and the microseconds,
// four bytes each, big endian.
func (n *Network) Airtime(gateway lorawan.EUI64) []byte {
	var out []byte
	for i, u := range n.ledger.gateways[gateway] {
		for _, minute := range slices.Sorted(maps.Keys(u)) {
			out = append(out, byte(i))
			out = binary.BigEndian.AppendUint32(out, uint32(minute))
			out = binary.BigEndian.AppendUint32(out, uint32(max(u[minute], 0)))
		}
	}
	return out
}

// RestoreAirtime takes what Airtime returned before a restart.
func (n *Network) RestoreAirtime(gateway lorawan.EUI64, data []byte) error {
	const size = 9
	if len(data)%size != 0 {
		return fmt.Errorf("airtime of gateway %s: record of %d bytes, want a multiple of %d", gateway, len(data), size)
	}
	of := make([]usage, len(n.ledger.bands))
	for ; len(data) > 0; data = data[size:] {
		if int(data[0]) >= len(of) {
			continue // of another region
		}
		if of[data[0]] == nil {
			of[data[0]] = usage{}
		}
		of[data[0]][int64(binary.BigEndian.Uint32(data[1:]))] = int64(binary.BigEndian.Uint32(data[5:]))
	}
	n.ledger.gateways[gateway] = of
	return nil
}

// settleAirtime corrects what was booked for a flight, which is its first
// window, by what became of it. It reports whether that changed anything.
func (n *Network) settleAirtime(f flight, r Result, now time.Time) bool {
	used := 0 // also when it may have been sent
	switch {
	case r.NotSent:
		used = -1
	case r.Err == nil && r.Used < len(f.down.Windows):
		used = r.Used
	}
	if used == 0 {
		return false
	}
	n.ledger.add(f.down.Gateway, f.down.Windows[0].FreqHz, -f.airtime[0], f.at)
	if used > 0 {
		n.ledger.add(f.down.Gateway, f.down.Windows[used].FreqHz, f.airtime[used], now)
	}
	return true
}

// onAir returns how long a frame of that many bytes takes.
func onAir(size int, d radio.DataRate) (time.Duration, error) {
	if d.BitRate > 0 { // preamble 5, sync word 3, length 1, CRC 2 (TS002 §4.1)
		return time.Duration(size+11) * 8 * time.Second / time.Duration(d.BitRate), nil
	}
	const preamble = 8 // symbols
	slow := d.SpreadingFactor >= 11 && d.BandwidthKHz == 125
	n, err := airtime.CalculateLoRaPayloadSymbolNumber(size, d.SpreadingFactor, airtime.CodingRate45, true, slow)
	if err != nil {
		return 0, fmt.Errorf("airtime of %d bytes at %+v: %w", size, d, err)
	}
	// The library's own, in its int, is negative at SF12 on ARM v7.
	symbol := time.Millisecond << d.SpreadingFactor / time.Duration(d.BandwidthKHz)
	return airtime.CalculateLoRaPreambleDuration(symbol, preamble) + time.Duration(n)*symbol, nil
}
