package enddevice

// asks tells whether the next uplink carries ADRACKReq: nothing was heard for
// ADR_ACK_LIMIT uplinks, and, but in 1.0.4, the device is not yet at the lowest
// data rate (§4.3.1.1).
func (d *Device) asks(st *state) bool {
	if !d.cfg.ADR || st.silent < st.ackLimit {
		return false
	}
	_, slower := d.slower(st)
	switch d.version {
	case v104:
		return true // this device wishes to check for loss of the network, too
	case v110:
		return slower || st.power > 0
	default:
		return slower
	}
}

// backOff takes one step back each ADR_ACK_DELAY uplinks after ADRACKReq was
// first set: to full power, then one data rate after the other down, and at
// the lowest to the default channels and one transmission per uplink. Before
// 1.0.2 it is only the data rate.
func (d *Device) backOff(st *state) {
	over := st.silent - st.ackLimit
	if !d.cfg.ADR || over < st.ackDelay || over%st.ackDelay != 0 {
		return
	}
	dr, slower := d.slower(st)
	switch {
	case st.power > 0 && d.version >= v102:
		st.power = 0
	case slower:
		st.dr = dr
	case d.version >= v102:
		for i := range d.region.defaultCount {
			st.channels[i].enabled = true
		}
		st.nbTrans = 1
	}
}

// slower returns the next lower data rate that an enabled channel allows.
func (d *Device) slower(st *state) (int, bool) {
	for dr := st.dr - 1; dr >= 0; dr-- {
		if d.region.allows(st.channels, dr) {
			return dr, true
		}
	}
	return 0, false
}
