package lorawan

// history is how a device was heard lately, for ADR.
type history struct {
	samples [20]sample // a ring; the newest is at n-1
	n       int        // samples so far
}

type sample struct {
	fCnt    uint32
	snr     float64 // dB, of the best gateway
	txPower uint8
}

func (h *history) add(s sample) {
	h.samples[h.n%len(h.samples)] = s
	h.n++
}

func (h *history) full() bool { return h.n >= len(h.samples) }

const (
	installationMargin = 10.0 // dB, for fading
	step               = 3.0  // dB, of a data rate or a power
)

// adapt returns the link that the signal of the device allows: Semtech's rule
// for network servers. The signal to noise ratio in excess of what the data
// rate needs and of a margin is turned into faster data rates and then into
// less power; a lack of it into more power. A slower data rate is the device's
// own choice (§4.3.1.1).
func (h *history) adapt(n *Network, s *Session) Link {
	want := s.Link
	if h.full() {
		want.NbTrans = h.transmissions(want.NbTrans)
	}
	r, err := n.band.GetDataRate(int(s.Link.DR))
	need, ok := requiredSNR[r.SpreadFactor]
	if err != nil || !ok {
		return want // FSK has no such floor
	}
	best, samePower := h.best(s.Link.TXPower)
	steps := int((best - need - installationMargin) / step) // towards zero
	for ; steps > 0 && want.DR < s.MaxDR; steps-- {
		want.DR++
	}
	for ; steps > 0 && want.TXPower < s.MaxTXPower; steps-- {
		want.TXPower++
	}
	if samePower {
		for ; steps < 0 && want.TXPower > 0; steps++ {
			want.TXPower--
		}
	}
	return want
}

// best returns the best signal to noise ratio, and whether there are as many
// samples as can be, all of them sent with that power: more power is asked for
// only when that is sure.
func (h *history) best(txPower uint8) (snr float64, samePower bool) {
	snr, samePower = h.samples[0].snr, h.full()
	for _, s := range h.samples[:min(h.n, len(h.samples))] {
		snr = max(snr, s.snr)
		samePower = samePower && s.txPower == txPower
	}
	return snr, samePower
}

// transmissions returns how often an unconfirmed frame shall be sent, from how
// many of the last were lost: fewer below 5 %, more above 10 % and again 30 %.
func (h *history) transmissions(now uint8) uint8 {
	first, last := h.samples[h.n%len(h.samples)], h.samples[(h.n-1)%len(h.samples)]
	expected := last.fCnt - first.fCnt + 1
	lost := float64(expected-uint32(len(h.samples))) / float64(expected)
	switch {
	case lost < 0.05:
		return max(now, 2) - 1
	case lost < 0.10:
		return max(now, 1)
	case lost < 0.30:
		return min(max(now, 1)+1, 3)
	default:
		return 3
	}
}
