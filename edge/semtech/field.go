package semtech

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"modellregion/edge/radio"
)

// datr is a data rate as the protocol writes it: the text "SF7BW125" for LoRa,
// the bit rate as a number for FSK.
type datr radio.DataRate

// MarshalJSON implements json.Marshaler.
func (d datr) MarshalJSON() ([]byte, error) {
	if d.BitRate > 0 {
		return strconv.AppendInt(nil, int64(d.BitRate), 10), nil
	}
	return fmt.Appendf(nil, `"SF%dBW%d"`, d.SpreadingFactor, d.BandwidthKHz), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (d *datr) UnmarshalJSON(data []byte) (err error) {
	*d, err = parseDatr(strings.Trim(string(data), `"`))
	return err
}

// parseDatr reads a data rate. It also takes a bit rate that is quoted.
func parseDatr(s string) (datr, error) {
	sf, bw, ok := strings.Cut(strings.TrimPrefix(s, "SF"), "BW")
	factor, errSF := strconv.Atoi(sf)
	width, errBW := strconv.Atoi(bw)
	if ok && errSF == nil && errBW == nil && factor >= 5 && factor <= 12 && width >= 1 && width <= 2_000 {
		return datr{SpreadingFactor: factor, BandwidthKHz: width}, nil
	}
	rate, err := strconv.ParseFloat(s, 64)
	switch {
	case err != nil:
		return datr{}, dropf(DropModulation, "datr is %.32s, want SF5BW125 to SF12BW500 or a bit rate", s)
	case !(rate >= 1 && rate <= 1e6 && rate == math.Trunc(rate)):
		return datr{}, dropf(DropMalformed, "datr is %.32s bit/s, want a whole number up to 1000000", s)
	}
	return datr{BitRate: int(rate)}, nil
}

func modulation(d radio.DataRate) string {
	if d.BitRate > 0 {
		return "FSK"
	}
	return "LORA"
}

// codingRate is 4/5 for every LoRaWAN frame; FSK has none.
func codingRate(d radio.DataRate) string {
	if d.BitRate > 0 {
		return ""
	}
	return "4/5"
}

// payload is a PHYPayload in base64. It is written in the standard alphabet
// with padding and read in both alphabets, even mixed, with and without it.
type payload []byte

// UnmarshalJSON implements json.Unmarshaler.
func (p *payload) UnmarshalJSON(data []byte) error {
	var s string
	err := json.Unmarshal(data, &s)
	if err == nil {
		*p, err = parsePayload([]byte(s))
	}
	if err != nil {
		return dropf(DropMalformed, "data: %w", err)
	}
	return nil
}

// parsePayload reads base64 and uses text for it.
func parsePayload(text []byte) (payload, error) {
	n := 0
	for _, c := range text {
		switch c {
		case '-':
			c = '+'
		case '_':
			c = '/'
		case '=':
			continue
		}
		text[n] = c
		n++
	}
	return base64.RawStdEncoding.AppendDecode(nil, text[:n])
}
