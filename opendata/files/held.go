package files

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"modellregion/devices"
)

// held keeps rows until all of one begin are there, so that they can be put in
// order. A large region has a million of them: they are packed to half their
// size, and lie in blocks that are used again for the next begin.
type held struct {
	blocks [][]packedRow
	order  []int32 // numbers of rows
}

// packedRow is a row without what its quantity and its period know.
type packedRow struct {
	site     *site
	quantity *devices.Quantity
	channel  string
	begin    int64   // Unix milliseconds
	value    float64 // the mean, sum or mode
	min, max float64
	coverage float64
	count    int
	rare     *rare // nil: nothing of it
}

// rare is what few rows have.
type rare struct {
	percentiles []devices.Percentile
	shares      []float64
	suppressed  bool
}

const blockRows = 1 << 13

func (h *held) at(i int32) *packedRow { return &h.blocks[i/blockRows][i%blockRows] }

// last returns the row that was added last, or nil.
func (h *held) last() *packedRow {
	if len(h.order) == 0 {
		return nil
	}
	return h.at(int32(len(h.order) - 1))
}

// add keeps what a row says.
func (h *held) add(a *devices.Aggregate, s *site) {
	n := len(h.order)
	if n/blockRows == len(h.blocks) {
		h.blocks = append(h.blocks, make([]packedRow, blockRows))
	}
	h.order = append(h.order, int32(n))
	p := h.at(int32(n))
	*p = packedRow{s, a.Quantity, a.Channel, a.Start.UnixMilli(), a.Value(), a.Min, a.Max, a.Coverage, a.Count, nil}
	if a.Percentiles != nil || a.Shares != nil || a.Suppressed {
		p.rare = &rare{a.Percentiles, a.Shares, a.Suppressed}
	}
}

// sort puts the rows in the order of files: by begin, site, quantity and
// channel.
func (h *held) sort() {
	slices.SortFunc(h.order, func(i, j int32) int {
		a, b := h.at(i), h.at(j)
		if a.begin != b.begin {
			return cmp.Compare(a.begin, b.begin)
		}
		if a.site != b.site {
			return strings.Compare(a.site.ID, b.site.ID)
		}
		return cmp.Or(strings.Compare(a.quantity.Name, b.quantity.Name), strings.Compare(a.channel, b.channel))
	})
}

// unpack makes a row of what was kept of it.
func (h *held) unpack(i int32, window time.Duration, a *devices.Aggregate) *site {
	p := h.at(i)
	*a = devices.Aggregate{
		Station: p.site.ID, Quantity: p.quantity, Channel: p.channel, Start: time.UnixMilli(p.begin).UTC(), Window: window,
		Count: p.count, Min: p.min, Max: p.max, Coverage: p.coverage,
	}
	switch p.quantity.Kind {
	case devices.Count, devices.Meter:
		a.Sum = p.value
	case devices.Category:
		a.Mode = p.value
	default:
		a.Mean = p.value
	}
	if p.rare != nil {
		a.Percentiles, a.Shares, a.Suppressed = p.rare.percentiles, p.rare.shares, p.rare.suppressed
	}
	return p.site
}
