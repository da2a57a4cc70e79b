package load

import "modellregion/uplink"

// chunkSize is how many uplinks share a chunk: as many as fit 32 KiB.
const chunkSize = 3968

// chunk holds the times of consecutive uplinks, and which are confirmed.
type chunk struct {
	at        [chunkSize]int64 // Unix milliseconds
	confirmed [chunkSize / 64]uint64
	n         int // confirmed ones
}

// book is what an edge has to remember: the time of each of its uplinks, and
// whether it is confirmed. It takes 8.3 bytes for an uplink.
type book struct {
	chunks    []*chunk // nil where all is confirmed and forgotten
	assigned  uint64   // uplinks 1 to assigned have a time,
	sent      uint64   // 1 to sent were sent,
	confirmed uint64   // and so many of those are confirmed
	forget    bool     // drop chunks that are confirmed
}

// assign gives the next uplink its time.
func (b *book) assign(at int64) {
	i := b.assigned % chunkSize
	if i == 0 {
		b.chunks = append(b.chunks, &chunk{})
	}
	b.chunks[b.assigned/chunkSize].at[i] = at
	b.assigned++
}

// stamp returns an uplink that is not forgotten.
func (b *book) stamp(seq uint64) stamp {
	return stamp{seq, b.chunks[(seq-1)/chunkSize].at[(seq-1)%chunkSize]}
}

func (b *book) isConfirmed(seq uint64) bool {
	c := b.chunks[(seq-1)/chunkSize]
	i := (seq - 1) % chunkSize
	return c == nil || c.confirmed[i/64]&(1<<(i%64)) != 0
}

// confirm notes that an uplink that was sent is stored. It returns false when
// that was known.
func (b *book) confirm(seq uint64) bool {
	if b.isConfirmed(seq) {
		return false
	}
	c := b.chunks[(seq-1)/chunkSize]
	i := (seq - 1) % chunkSize
	c.confirmed[i/64] |= 1 << (i % 64)
	c.n++
	b.confirmed++
	if b.forget && c.n == chunkSize {
		b.chunks[(seq-1)/chunkSize] = nil
	}
	return true
}

// unconfirmed returns those of the uplinks first to last that are not
// confirmed.
func (b *book) unconfirmed(dst []stamp, first, last uint64) []stamp {
	for seq := first; seq <= last; seq++ {
		if !b.isConfirmed(seq) {
			dst = append(dst, b.stamp(seq))
		}
	}
	return dst
}

// latest returns the time of the last uplink of each device that the edge
// serves, by its place in the order of sending.
func (b *book) latest(served int) []int64 {
	at := make([]int64, served)
	for seq := uint64(1); seq <= b.assigned; seq++ {
		if c := b.chunks[(seq-1)/chunkSize]; c != nil {
			i := (seq - 1) % uint64(served)
			at[i] = max(at[i], c.at[(seq-1)%chunkSize])
		}
	}
	return at
}

// within cuts a range that the platform names to what was sent; ok is false
// when nothing is left.
func (b *book) within(r [2]uint64) (first, last uint64, ok bool) {
	first, last = max(r[0], 1), min(r[1], b.sent)
	return first, last, first <= last
}

// runs adds an uplink to ranges that are in order.
func runs(ranges [][2]uint64, seq uint64) [][2]uint64 {
	if n := len(ranges); n > 0 && ranges[n-1][1]+1 == seq {
		ranges[n-1][1] = seq
		return ranges
	}
	return append(ranges, [2]uint64{seq, seq})
}

// maxRuns is how many ranges stand in a line of the ledger.
const maxRuns = uplink.MaxRanges
