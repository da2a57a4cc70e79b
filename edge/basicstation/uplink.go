package basicstation

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"modellregion/edge/radio"
)

// uplink is a frame that was heard: a join request (jreq), data (updf) or
// something proprietary (propdf). Gateways write nothing else about frames
// that come from devices.
type uplink struct {
	DR     int    `json:"DR"`
	Freq   uint32 `json:"Freq"` // Hz
	UpInfo upinfo `json:"upinfo"`

	MHdr uint8 `json:"MHdr"` // jreq, updf
	MIC  word  `json:"MIC"`

	JoinEui  eui    `json:"JoinEui"` // jreq
	DevEui   eui    `json:"DevEui"`
	DevNonce uint16 `json:"DevNonce"`

	DevAddr word    `json:"DevAddr"` // updf
	FCtrl   uint8   `json:"FCtrl"`
	FCnt    uint16  `json:"FCnt"`
	FOpts   hexText `json:"FOpts"`
	FPort   int     `json:"FPort"` // -1: none, and no payload

	FRMPayload hexText `json:"FRMPayload"` // updf; of propdf the whole frame
}

// upinfo is how a frame was heard. There is also rxtime, the clock of the
// gateway's host when the message was written, which is no time of reception.
type upinfo struct {
	RCtx    int64   `json:"rctx"`    // antenna
	XTime   *int64  `json:"xtime"`   // µs, and which run of which radio they are of
	GPSTime int64   `json:"gpstime"` // µs since 6 January 1980; 0 without a pulse from GPS
	RSSI    float64 `json:"rssi"`    // dBm
	SNR     float64 `json:"snr"`     // dB
}

// word is 32 bits, written as a signed number.
type word uint32

// UnmarshalJSON implements json.Unmarshaler. It also takes numbers that were
// written unsigned.
func (w *word) UnmarshalJSON(data []byte) error {
	n, err := strconv.ParseInt(string(data), 10, 64)
	if err != nil || n < math.MinInt32 || n > math.MaxUint32 {
		return fmt.Errorf("%.32s is no number of 32 bits", data)
	}
	*w = word(n)
	return nil
}

// hexText is bytes, written in hex.
type hexText []byte

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *hexText) UnmarshalText(text []byte) error {
	var err error
	*h, err = hex.AppendDecode(nil, text)
	return err
}

const (
	maxFrame     = 255 // bytes, the largest that a LoRa modem hands over
	foptsLenMask = 0x0f
)

// decodeFrame reads a message about a frame that was heard.
func (p *plan) decodeFrame(msgtype string, data []byte) (radio.Frame, error) {
	x := uplink{DR: -1, FPort: -1}
	if err := json.Unmarshal(data, &x); err != nil {
		return radio.Frame{}, err
	}
	phy, err := x.phyPayload(msgtype)
	if err != nil {
		return radio.Frame{}, err
	}
	rate, err := p.dataRate(x.DR)
	switch {
	case err != nil:
		return radio.Frame{}, err
	case len(phy) == 0:
		return radio.Frame{}, dropf(DropMalformed, "no FRMPayload")
	case len(phy) > maxFrame:
		return radio.Frame{}, dropf(DropOversize, "frame has %d bytes, at most %d are possible", len(phy), maxFrame)
	case x.Freq < 100_000_000 || x.Freq > 4_000_000_000:
		return radio.Frame{}, dropf(DropMalformed, "Freq is %d Hz, want 100 to 4000 MHz", x.Freq)
	case x.UpInfo.XTime == nil:
		return radio.Frame{}, dropf(DropMalformed, "no upinfo.xtime")
	case math.Abs(x.UpInfo.RSSI) > 300 || math.Abs(x.UpInfo.SNR) > 100:
		return radio.Frame{}, dropf(DropMalformed, "rssi is %g dBm and snr %g dB", x.UpInfo.RSSI, x.UpInfo.SNR)
	}
	return radio.Frame{
		PHYPayload: phy,
		Time:       gpsTime(x.UpInfo.GPSTime),
		Counter:    uint64(*x.UpInfo.XTime),
		Antenna:    x.UpInfo.RCtx,
		FreqHz:     x.Freq,
		DataRate:   rate,
		RSSIdBm:    int(math.Round(x.UpInfo.RSSI)),
		SNRdB:      x.UpInfo.SNR,
	}, nil
}

// phyPayload puts the frame together again, byte by byte as it was heard.
func (x *uplink) phyPayload(msgtype string) ([]byte, error) {
	switch msgtype {
	case "propdf":
		return x.FRMPayload, nil
	case "jreq":
		b := append(make([]byte, 0, 23), x.MHdr)
		b = appendReversed(b, x.JoinEui)
		b = appendReversed(b, x.DevEui)
		b = binary.LittleEndian.AppendUint16(b, x.DevNonce)
		return binary.LittleEndian.AppendUint32(b, uint32(x.MIC)), nil
	}
	switch {
	case len(x.FOpts) != int(x.FCtrl&foptsLenMask):
		return nil, dropf(DropMalformed, "FOpts has %d bytes, FCtrl says %d", len(x.FOpts), x.FCtrl&foptsLenMask)
	case x.FPort < -1 || x.FPort > math.MaxUint8:
		return nil, dropf(DropMalformed, "FPort is %d, want -1 to 255", x.FPort)
	case x.FPort == -1 && len(x.FRMPayload) > 0:
		return nil, dropf(DropMalformed, "FRMPayload of %d bytes without FPort", len(x.FRMPayload))
	}
	b := append(make([]byte, 0, 13+len(x.FOpts)+len(x.FRMPayload)), x.MHdr)
	b = binary.LittleEndian.AppendUint32(b, uint32(x.DevAddr))
	b = append(b, x.FCtrl)
	b = binary.LittleEndian.AppendUint16(b, x.FCnt)
	b = append(b, x.FOpts...)
	if x.FPort >= 0 {
		b = append(b, byte(x.FPort))
	}
	b = append(b, x.FRMPayload...)
	return binary.LittleEndian.AppendUint32(b, uint32(x.MIC)), nil
}

// appendReversed appends an EUI as it is sent, its last byte first.
func appendReversed(b []byte, e eui) []byte {
	slices.Reverse(e[:])
	return append(b, e[:]...)
}

// earliest is the first instant a clock is believed, that of a gateway and
// that of this host: without a source both begin in the past.
var earliest = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// latestMicros keeps a gpstime from overflowing: the year 2200 in GPS time.
const latestMicros = 220 * 366 * 86_400_000_000

// gpsAhead is how far GPS time, which knows no leap seconds, has been ahead of
// UTC since 2017, so at every instant from earliest on.
const gpsAhead = 18 * time.Second

// gpsEpoch is what the GPS time 0 would be if there had always been that many
// leap seconds.
var gpsEpoch = time.Date(1980, 1, 6, 0, 0, 0, 0, time.UTC).Add(-gpsAhead)

// gpsTime returns the UTC of a GPS time in µs, or the zero time for one that
// is not to be believed.
func gpsTime(micros int64) time.Time {
	if micros <= 0 || micros > latestMicros {
		return time.Time{}
	}
	t := gpsEpoch.Add(time.Duration(micros) * time.Microsecond)
	if t.Before(earliest) {
		return time.Time{}
	}
	return t
}
