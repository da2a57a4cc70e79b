package uplink

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// Version is the version of the messages in this package.
const Version = 1

// Limits of one Batch and of one Uplink in it. An edge never sends more; a
// platform refuses more.
const (
	MaxUplinks    = 256
	MaxBytes      = 128 << 10
	MaxReadings   = 128
	MaxReceptions = 32
)

// TimeQuality says where the time of an uplink comes from.
type TimeQuality string

// The known qualities, best first.
const (
	TimeGPS  TimeQuality = "gps"  // the gateway's GPS-disciplined clock
	TimeHost TimeQuality = "host" // the edge's own clock, believed to be right
	TimeBoot TimeQuality = "boot" // reconstructed from time since boot
)

// Batch is what one MQTT message on an up topic carries: 1 to MaxUplinks
// uplinks of one edge and one domain, in any order.
type Batch struct {
	V       int      `json:"v"`
	Epoch   string   `json:"epoch"` // drawn when the edge's database was created
	Uplinks []Uplink `json:"uplinks"`
}

// Uplink is one LoRaWAN uplink, decrypted and decoded.
type Uplink struct {
	Seq         uint64      `json:"seq"` // counts uplinks per edge and epoch, from 1, never reused
	DevEUI      EUI         `json:"dev_eui"`
	Time        time.Time   `json:"time"` // of reception, UTC, whole milliseconds; the same in a resend
	TimeQuality TimeQuality `json:"time_quality"`
	FCnt        uint32      `json:"f_cnt"`          // full 32-bit frame counter
	Lost        uint32      `json:"lost,omitempty"` // frames missed before this one
	FPort       uint8       `json:"f_port"`
	DR          uint8       `json:"dr"`
	FreqHz      uint32      `json:"freq_hz"`
	RX          []Reception `json:"rx,omitempty"`       // the gateways that heard it, best SNR first
	Readings    []Reading   `json:"readings,omitempty"` // what the codec made of the payload
	Payload     []byte      `json:"payload,omitempty"`  // decrypted FRMPayload, base64, when it was kept
	Error       string      `json:"error,omitempty"`    // why the codec refused Payload; then there are no readings
}

// Reception is how one gateway heard an uplink.
type Reception struct {
	Gateway EUI     `json:"gateway"`
	RSSIdBm int     `json:"rssi_dbm"`
	SNRdB   float64 `json:"snr_db"`
}

// Reading is one value. Its unit is fixed by the quantity's name (package
// devices); Channel separates lanes, phases, directions and depths.
type Reading struct {
	Quantity string  `json:"q"`
	Channel  string  `json:"ch,omitempty"`
	Value    float64 `json:"v"`
}

// UnmarshalJSON implements json.Unmarshaler. A reading without a number is an
// error: taken for zero, a missing temperature would be a warning of ice.
func (r *Reading) UnmarshalJSON(data []byte) error {
	var wire struct {
		Quantity string   `json:"q"`
		Channel  string   `json:"ch"`
		Value    *float64 `json:"v"`
	}
	if err := json.Unmarshal(data, &wire); err != nil {
		return err
	}
	if wire.Value == nil {
		return fmt.Errorf("reading %.64q has no v", wire.Quantity)
	}
	*r = Reading{wire.Quantity, wire.Channel, *wire.Value}
	return nil
}

const timeLayout = "2006-01-02T15:04:05.000Z"

// AppendJSON appends the uplink as one JSON object. It does not check the
// value: a NaN or infinite number is written as null, which Decode refuses.
func (u *Uplink) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"seq":`...)
	dst = strconv.AppendUint(dst, u.Seq, 10)
	dst = append(dst, `,"dev_eui":"`...)
	dst, _ = u.DevEUI.AppendText(dst)
	dst = append(dst, `","time":"`...)
	dst = u.Time.UTC().AppendFormat(dst, timeLayout)
	dst = append(dst, `","time_quality":`...)
	dst = appendString(dst, string(u.TimeQuality))
	dst = append(dst, `,"f_cnt":`...)
	dst = strconv.AppendUint(dst, uint64(u.FCnt), 10)
	if u.Lost > 0 {
		dst = append(dst, `,"lost":`...)
		dst = strconv.AppendUint(dst, uint64(u.Lost), 10)
	}
	dst = append(dst, `,"f_port":`...)
	dst = strconv.AppendUint(dst, uint64(u.FPort), 10)
	dst = append(dst, `,"dr":`...)
	dst = strconv.AppendUint(dst, uint64(u.DR), 10)
	dst = append(dst, `,"freq_hz":`...)
	dst = strconv.AppendUint(dst, uint64(u.FreqHz), 10)
	dst = appendReceptions(dst, u.RX)
	for i, r := range u.Readings {
		dst = append(dst, opening(i, `,"readings":[`)...)
		dst = append(dst, `{"q":`...)
		dst = appendString(dst, r.Quantity)
		if r.Channel != "" {
			dst = append(dst, `,"ch":`...)
			dst = appendString(dst, r.Channel)
		}
		dst = append(dst, `,"v":`...)
		dst = append(appendFloat(dst, r.Value), '}')
	}
	dst = closing(dst, len(u.Readings))
	if len(u.Payload) > 0 {
		dst = append(dst, `,"payload":"`...)
		dst = append(base64.StdEncoding.AppendEncode(dst, u.Payload), '"')
	}
	if u.Error != "" {
		dst = append(dst, `,"error":`...)
		dst = appendString(dst, u.Error)
	}
	return append(dst, '}')
}

func appendReceptions(dst []byte, receptions []Reception) []byte {
	for i, rx := range receptions {
		dst = append(dst, opening(i, `,"rx":[`)...)
		dst = append(dst, `{"gateway":"`...)
		dst, _ = rx.Gateway.AppendText(dst)
		dst = append(dst, `","rssi_dbm":`...)
		dst = strconv.AppendInt(dst, int64(rx.RSSIdBm), 10)
		dst = append(dst, `,"snr_db":`...)
		dst = append(appendFloat(dst, rx.SNRdB), '}')
	}
	return closing(dst, len(receptions))
}

func opening(i int, first string) string {
	if i == 0 {
		return first
	}
	return ","
}

func closing(dst []byte, n int) []byte {
	if n == 0 {
		return dst
	}
	return append(dst, ']')
}

func appendFloat(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}

// appendString quotes s as JSON. Names and identifiers are plain ASCII, which
// is the quick way; anything else goes to encoding/json.
func appendString(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			quoted, _ := json.Marshal(s) // a string always has a JSON form
			return append(dst, quoted...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

// JoinBatch builds the message for uplinks that were each encoded by
// Uplink.AppendJSON, as an edge keeps them on disk.
func JoinBatch(dst []byte, epoch string, uplinks [][]byte) []byte {
	dst = append(dst, `{"v":1,"epoch":`...)
	dst = appendString(dst, epoch)
	dst = append(dst, `,"uplinks":[`...)
	for i, u := range uplinks {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, u...)
	}
	return append(dst, `]}`...)
}

// BatchOverhead is how many bytes JoinBatch adds at most around n uplinks.
func BatchOverhead(epoch string, n int) int {
	return len(`{"v":1,"epoch":"","uplinks":[]}`) + 6*len(epoch) + n
}

func (b *Batch) checkHead(n int) error {
	switch {
	case b.V != Version:
		return fmt.Errorf("batch has v=%d, want %d", b.V, Version)
	case b.Epoch == "" || len(b.Epoch) > 16:
		return fmt.Errorf("batch has epoch %.32q, want 1 to 16 characters", b.Epoch)
	case n == 0 || n > MaxUplinks:
		return fmt.Errorf("batch has %d uplinks, want 1 to %d", n, MaxUplinks)
	}
	return nil
}

// Check returns what in the uplink breaks the contract, or nil.
func (u *Uplink) Check() error {
	switch {
	case u.Seq == 0:
		return fmt.Errorf("uplink has no seq")
	case u.DevEUI == EUI{}:
		return fmt.Errorf("uplink %d has no dev_eui", u.Seq)
	case u.Time.IsZero():
		return fmt.Errorf("uplink %d has no time", u.Seq)
	case u.Error == "" && len(u.Readings) == 0 && len(u.Payload) == 0:
		return fmt.Errorf("uplink %d has no readings, payload or error", u.Seq)
	case len(u.Readings) > MaxReadings:
		return fmt.Errorf("uplink %d has %d readings, at most %d are allowed", u.Seq, len(u.Readings), MaxReadings)
	case len(u.RX) > MaxReceptions:
		return fmt.Errorf("uplink %d has %d receptions, at most %d are allowed", u.Seq, len(u.RX), MaxReceptions)
	}
	for i, r := range u.Readings {
		if r.Quantity == "" {
			return fmt.Errorf("uplink %d: reading %d has no q", u.Seq, i)
		}
	}
	return nil
}
