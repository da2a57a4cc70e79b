package enddevice

import "github.com/brocaar/lorawan"

// setup executes the commands that set the radio, all but LinkADRReq. What a
// region does not have (TXParamSetupReq in both; NewChannelReq and DLChannelReq
// in US915) is dropped without an answer, and so is ForceRejoinReq.
func (d *Device) setup(st *state, pl lorawan.MACCommandPayload) {
	switch pl := pl.(type) {
	case *lorawan.DutyCycleReqPayload:
		st.dutyCycle = pl.MaxDCycle & 0x0f // the rest is reserved
		if d.version < v102 {
			st.dutyCycle = pl.MaxDCycle // 255 there means: be silent
		}
		st.answer(lorawan.DutyCycleAns, nil)
	case *lorawan.RXTimingSetupReqPayload:
		st.rx1Delay = delay(pl.Delay)
		st.keepAnswering(lorawan.RXTimingSetupAns, nil)
	case *lorawan.RXParamSetupReqPayload:
		d.rxParam(st, pl)
	case *lorawan.NewChannelReqPayload:
		if !d.region.fixed {
			d.newChannel(st, pl)
		}
	case *lorawan.DLChannelReqPayload:
		if !d.region.fixed {
			d.dlChannel(st, pl)
		}
	}
}

// rxParam sets RX2 and the offset of RX1, all of them or nothing (§5.4).
func (d *Device) rxParam(st *state, pl *lorawan.RXParamSetupReqPayload) {
	offset, dr := int(pl.DLSettings.RX1DROffset), int(pl.DLSettings.RX2DataRate)
	ans := &lorawan.RXParamSetupAnsPayload{
		ChannelACK:     d.region.inBand(pl.Frequency),
		RX2DataRateACK: d.region.has(false, dr),
		RX1DROffsetACK: d.region.hasOffset(offset),
	}
	if ans.ChannelACK && ans.RX2DataRateACK && ans.RX1DROffsetACK {
		st.rx1Offset, st.rx2DR, st.rx2Hz = offset, dr, pl.Frequency
	}
	st.keepAnswering(lorawan.RXParamSetupAns, ans)
}

// newChannel defines, changes or (with frequency 0) removes a channel, all
// of it or nothing (§5.6). The default channels cannot be changed. A change
// that leaves the device no channel for its data rate is refused too.
func (d *Device) newChannel(st *state, pl *lorawan.NewChannelReqPayload) {
	i, lo, hi := int(pl.ChIndex), int(pl.MinDR), int(pl.MaxDR)
	ans := &lorawan.NewChannelAnsPayload{}
	if i >= d.region.defaultCount && i < d.region.maxChannels {
		ans.ChannelFrequencyOK = pl.Freq == 0 || d.region.inBand(pl.Freq)
		ans.DataRateRangeOK = pl.Freq == 0 || lo <= hi && d.region.has(true, lo) && d.region.has(true, hi)
	}
	if ans.ChannelFrequencyOK && ans.DataRateRangeOK {
		old := st.channels[i]
		st.channels[i] = channel{}
		if pl.Freq != 0 {
			st.channels[i] = channel{upHz: pl.Freq, downHz: pl.Freq, minDR: lo, maxDR: hi, enabled: true}
		}
		if !d.region.allows(st.channels, st.dr) {
			st.channels[i] = old
			ans.ChannelFrequencyOK, ans.DataRateRangeOK = pl.Freq != 0, false
		}
	}
	st.answer(lorawan.NewChannelAns, ans)
}

// dlChannel moves RX1 of a channel to another frequency (§5.9 of 1.0.2).
func (d *Device) dlChannel(st *state, pl *lorawan.DLChannelReqPayload) {
	i := int(pl.ChIndex)
	ans := &lorawan.DLChannelAnsPayload{
		UplinkFrequencyExists: i < len(st.channels) && st.channels[i].upHz != 0,
		ChannelFrequencyOK:    d.region.inBand(pl.Freq),
	}
	if ans.UplinkFrequencyExists && ans.ChannelFrequencyOK {
		st.channels[i].downHz = pl.Freq
	}
	st.keepAnswering(lorawan.DLChannelAns, ans)
}
