package enddevice

import (
	"slices"

	"github.com/brocaar/lorawan"
)

// keep is the data rate or power with which LinkADRReq leaves it (1.0.4, 1.1).
const keep = 15

// adrBlock returns the LinkADRReq that the commands begin with.
func adrBlock(cmds []lorawan.MACCommand) []*lorawan.LinkADRReqPayload {
	var out []*lorawan.LinkADRReqPayload
	for _, c := range cmds {
		pl, ok := c.Payload.(*lorawan.LinkADRReqPayload)
		if !ok {
			break
		}
		out = append(out, pl)
	}
	return out
}

// linkADR executes the requests that follow each other in a frame. From 1.0.2
// on they are one: done together or not at all, each with the same answer, or
// in 1.1 with one for all (§5.2, of 1.1 §5.3). Before that each stands alone.
func (d *Device) linkADR(st *state, block []*lorawan.LinkADRReqPayload) {
	if d.version < v102 {
		for i := range block {
			st.answer(lorawan.LinkADRAns, d.adrBlock(st, block[i:i+1]))
		}
		return
	}
	ans := d.adrBlock(st, block)
	n := len(block)
	if st.modern {
		n = 1
	}
	for range n {
		st.answer(lorawan.LinkADRAns, ans)
	}
}

func (d *Device) adrBlock(st *state, block []*lorawan.LinkADRReqPayload) *lorawan.LinkADRAnsPayload {
	channels := slices.Clone(st.channels)
	ans := &lorawan.LinkADRAnsPayload{ChannelMaskACK: true}
	for _, pl := range block {
		if !d.mask(channels, pl.Redundancy.ChMaskCntl, pl.ChMask) {
			ans.ChannelMaskACK = false
		}
	}
	if !slices.ContainsFunc(channels, func(c channel) bool { return c.enabled }) {
		ans.ChannelMaskACK = false
	}
	if !ans.ChannelMaskACK {
		channels = slices.Clone(st.channels) // what the data rate is judged by
	}
	last := block[len(block)-1]
	dr, power := int(last.DataRate), int(last.TXPower)
	if !d.cfg.ADR || dr == keep && d.version >= v104 {
		dr = st.dr
	}
	if !d.cfg.ADR || power == keep && d.version >= v104 {
		power = st.power
	}
	ans.DataRateACK = d.region.allows(channels, dr)
	ans.PowerACK = power <= d.region.maxPower
	if ans.ChannelMaskACK && ans.DataRateACK && ans.PowerACK {
		st.channels, st.dr, st.power = channels, dr, power
		if n := int(last.Redundancy.NbRep); n > 0 {
			st.nbTrans = n
		} else if d.version < v110 {
			st.nbTrans = 1 // 0 is the default; in 1.1 it keeps the number
		}
	}
	return ans
}

// mask applies one channel mask. It is false when the mask enables a channel
// that is not defined, or is of a kind that the region does not have.
func (d *Device) mask(channels []channel, cntl uint8, mask lorawan.ChMask) bool {
	if d.region.fixed {
		return d.maskFixed(channels, int(cntl), mask)
	}
	switch cntl {
	case 0:
		for i := range channels {
			if mask[i] && channels[i].upHz == 0 {
				return false
			}
			channels[i].enabled = mask[i]
		}
		return true
	case 6: // all that are defined, whatever the mask says
		for i := range channels {
			channels[i].enabled = channels[i].upHz != 0
		}
		return true
	}
	return false
}

// maskFixed is mask for US915: 0 to 3 are 16 channels of 125 kHz each, 4 the 8
// of 500 kHz, 5 blocks of eight of the one and one of the other, 6 and 7 all
// of 125 kHz on or off and the 8 of 500 kHz as the mask says (RP002 §2.5.5).
func (d *Device) maskFixed(channels []channel, cntl int, mask lorawan.ChMask) bool {
	wide := channels[64:72]
	switch {
	case cntl <= 3:
		for i, on := range mask {
			channels[cntl*16+i].enabled = on
		}
		return true
	case cntl == 5 && d.version >= v102:
		for i := range channels[:64] {
			channels[i].enabled = mask[i/8]
		}
	case cntl == 6 || cntl == 7:
		for i := range channels[:64] {
			channels[i].enabled = cntl == 6
		}
	case cntl != 4:
		return false
	}
	for i := range wide {
		wide[i].enabled = mask[i]
	}
	return true
}
