package uplink

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// MaxPHYPayload is the longest LoRa frame in bytes.
const MaxPHYPayload = 255

// Frame is the message on a frame topic: a LoRaWAN frame, still encrypted,
// that the gateways of one edge heard for a device it does not serve. Another
// edge may.
type Frame struct {
	V           int         `json:"v"`
	Time        time.Time   `json:"time"` // of reception, UTC, whole milliseconds
	TimeQuality TimeQuality `json:"time_quality"`
	FreqHz      uint32      `json:"freq_hz"`
	DataRate    DataRate    `json:"data_rate"`
	RX          []Reception `json:"rx"`          // the gateways that heard it, best SNR first, 1 to MaxReceptions
	PHYPayload  []byte      `json:"phy_payload"` // as it was on the air, MHDR to MIC, base64, 1 to MaxPHYPayload bytes
}

// Encode returns the message as JSON.
func (f *Frame) Encode() []byte {
	dst := append([]byte(nil), `{"v":`...)
	dst = strconv.AppendInt(dst, int64(f.V), 10)
	dst = append(dst, `,"time":"`...)
	dst = f.Time.UTC().AppendFormat(dst, timeLayout)
	dst = append(dst, `","time_quality":`...)
	dst = appendString(dst, string(f.TimeQuality))
	dst = append(dst, `,"freq_hz":`...)
	dst = strconv.AppendUint(dst, uint64(f.FreqHz), 10)
	dst = append(dst, `,"data_rate":"`...)
	dst = append(append(dst, f.DataRate.String()...), '"')
	dst = appendReceptions(dst, f.RX)
	dst = append(dst, `,"phy_payload":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, f.PHYPayload)
	return append(dst, `"}`...)
}

// DecodeFrame parses a message from a frame topic and checks it. What is in
// PHYPayload is for a LoRaWAN session to judge.
func DecodeFrame(data []byte) (Frame, error) {
	if len(data) > maxSmall {
		return Frame{}, fmt.Errorf("frame has %d bytes, at most %d are allowed", len(data), maxSmall)
	}
	var f Frame
	if err := json.Unmarshal(data, &f); err != nil {
		return Frame{}, fmt.Errorf("frame: %w", err)
	}
	if err := f.Check(); err != nil {
		return Frame{}, err
	}
	return f, nil
}

// Check explains what breaks the contract.
func (f *Frame) Check() error {
	switch {
	case f.V != Version:
		return fmt.Errorf("frame has v=%d, want %d", f.V, Version)
	case f.Time.IsZero():
		return fmt.Errorf("frame has no time")
	case !inCalendar(f.Time):
		return fmt.Errorf("frame has a time in the year %d, want 1970 to 9999", f.Time.UTC().Year())
	case f.FreqHz == 0:
		return fmt.Errorf("frame has no freq_hz")
	case len(f.RX) < 1 || len(f.RX) > MaxReceptions:
		return fmt.Errorf("frame has %d receptions, want 1 to %d", len(f.RX), MaxReceptions)
	case len(f.PHYPayload) < 1 || len(f.PHYPayload) > MaxPHYPayload:
		return fmt.Errorf("frame has a phy_payload of %d bytes, want 1 to %d", len(f.PHYPayload), MaxPHYPayload)
	}
	if err := f.DataRate.Check(); err != nil {
		return fmt.Errorf("frame: %w", err)
	}
	for i, rx := range f.RX {
		if (rx.Gateway == EUI{}) {
			return fmt.Errorf("frame: reception %d has no gateway", i)
		}
	}
	return nil
}

// DataRate is how a frame is modulated: LoRa with a spreading factor and a
// bandwidth, written "SF7BW125", or FSK with a bit rate, written "50000".
type DataRate struct {
	SpreadingFactor int // 7 to 12; 0 for FSK
	BandwidthKHz    int // 125, 250 or 500; 0 for FSK
	BitRate         int // bit/s, at most 999,999; 0 for LoRa
}

// Check explains what is wrong with the data rate.
func (r DataRate) Check() error {
	lora := r.SpreadingFactor >= 7 && r.SpreadingFactor <= 12 && r.BitRate == 0 &&
		(r.BandwidthKHz == 125 || r.BandwidthKHz == 250 || r.BandwidthKHz == 500)
	fsk := r.SpreadingFactor == 0 && r.BandwidthKHz == 0 && r.BitRate > 0 && r.BitRate < 1_000_000
	if !lora && !fsk {
		return fmt.Errorf("data rate %s: want SF7 to SF12 with BW125, BW250 or BW500 like SF7BW125, or bit/s like 50000", r)
	}
	return nil
}

// String returns the data rate as it is written in a message.
func (r DataRate) String() string {
	if r.SpreadingFactor == 0 && r.BandwidthKHz == 0 {
		return strconv.Itoa(r.BitRate)
	}
	return "SF" + strconv.Itoa(r.SpreadingFactor) + "BW" + strconv.Itoa(r.BandwidthKHz)
}

// MarshalText implements encoding.TextMarshaler.
func (r DataRate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. A data rate has one
// spelling: "SF07BW125" is refused.
func (r *DataRate) UnmarshalText(text []byte) error {
	var v DataRate
	s := string(text)
	if rest, lora := strings.CutPrefix(s, "SF"); lora {
		sf, bw, _ := strings.Cut(rest, "BW")
		v.SpreadingFactor, _ = strconv.Atoi(sf) // what is no number differs below
		v.BandwidthKHz, _ = strconv.Atoi(bw)
	} else {
		v.BitRate, _ = strconv.Atoi(s)
	}
	if v.String() != s || v.Check() != nil {
		return fmt.Errorf("data rate %.32q: want SF7 to SF12 with BW125, BW250 or BW500 like SF7BW125, or bit/s like 50000", s)
	}
	*r = v
	return nil
}
