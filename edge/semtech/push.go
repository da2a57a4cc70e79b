package semtech

import (
	"bytes"
	"encoding/json"
	"math"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/edge/radio"
)

// rxpk is one frame in a PUSH_DATA. What a gateway may leave out is a
// pointer.
type rxpk struct {
	Time string   `json:"time,omitempty"` // UTC, ISO 8601 with microseconds
	Tmms *float64 `json:"tmms,omitempty"` // GPS time in ms since 6 January 1980
	Tmst *int64   `json:"tmst"`           // the gateway's counter, µs modulo 2^32
	Freq float64  `json:"freq"`           // MHz
	Chan int      `json:"chan"`
	RFCh int      `json:"rfch"`
	Stat *int     `json:"stat"` // CRC: 1 good, -1 bad, 0 none
	Modu string   `json:"modu"`
	Datr datr     `json:"datr"`
	Codr string   `json:"codr,omitempty"`
	RSSI float64  `json:"rssi"`           // dBm
	LSNR float64  `json:"lsnr"`           // dB
	RSig []rsig   `json:"rsig,omitempty"` // one per antenna, instead of rssi and lsnr
	Size int      `json:"size"`
	Data payload  `json:"data"`
}

// rsig is how one antenna heard a frame.
type rsig struct {
	RSSIC float64 `json:"rssic"` // dBm
	LSNR  float64 `json:"lsnr"`  // dB
}

// stat is what a gateway counted since its last report.
type stat struct {
	Time string  `json:"time"`
	RXNb uint32  `json:"rxnb"`
	RXOK uint32  `json:"rxok"`
	RXFW uint32  `json:"rxfw"`
	AckR float64 `json:"ackr"` // per cent
	DWNb uint32  `json:"dwnb"`
	TXNb uint32  `json:"txnb"`
}

const (
	rxpkTimeLayout = "2006-01-02T15:04:05.000000Z"
	statTimeLayout = "2006-01-02 15:04:05 MST"
	maxFrame       = 255 // bytes, the largest that a LoRa modem hands over
)

// decodePush reads the JSON of a PUSH_DATA. One bad frame does not lose the
// others: everything that cannot be used goes to drop. Stats is nil when the
// datagram has none.
func decodePush(p Packet, drop func(reason string, err error)) (frames []radio.Frame, stats *radio.Stats) {
	var content struct {
		RXPK []json.RawMessage `json:"rxpk"`
		Stat json.RawMessage   `json:"stat"`
	}
	if err := json.Unmarshal(trimEnd(p.JSON), &content); err != nil {
		drop(DropMalformed, dropf(DropMalformed, "PUSH_DATA of gateway %s: %w", p.Gateway, err))
		return nil, nil
	}
	for i, raw := range content.RXPK {
		f, err := decodeFrame(raw)
		if err != nil {
			drop(dropReason(err), dropf(dropReason(err), "PUSH_DATA of gateway %s: rxpk %d: %w", p.Gateway, i, err))
			continue
		}
		f.Gateway = p.Gateway
		frames = append(frames, f)
	}
	if content.Stat == nil || string(content.Stat) == "null" {
		return frames, nil
	}
	var s stat
	if err := json.Unmarshal(content.Stat, &s); err != nil {
		drop(DropMalformed, dropf(DropMalformed, "PUSH_DATA of gateway %s: stat: %w", p.Gateway, err))
		return frames, nil
	}
	return frames, s.stats(p.Gateway)
}

// trimEnd removes what some forwarders send behind the JSON: their string's
// end.
func trimEnd(data []byte) []byte { return bytes.TrimRight(data, "\x00 \r\n") }

// decodeFrame reads one rxpk.
func decodeFrame(raw []byte) (radio.Frame, error) {
	var x rxpk
	if err := json.Unmarshal(raw, &x); err != nil {
		return radio.Frame{}, dropf(dropReason(err), "%w", err)
	}
	switch {
	case x.Stat != nil && *x.Stat != 1:
		return radio.Frame{}, dropf(DropCRC, "stat is %d, want 1", *x.Stat)
	case x.Tmst == nil:
		return radio.Frame{}, dropf(DropMalformed, "no tmst")
	case !(x.Freq >= 100 && x.Freq <= 4_000):
		return radio.Frame{}, dropf(DropMalformed, "freq is %g MHz, want 100 to 4000", x.Freq)
	case x.Datr == datr{}:
		return radio.Frame{}, dropf(DropMalformed, "no datr")
	case len(x.Data) == 0:
		return radio.Frame{}, dropf(DropMalformed, "no data")
	case len(x.Data) > maxFrame:
		return radio.Frame{}, dropf(DropOversize, "data has %d bytes, at most %d fit a frame", len(x.Data), maxFrame)
	}
	for i, s := range x.RSig {
		if i == 0 || s.LSNR > x.LSNR {
			x.RSSI, x.LSNR = s.RSSIC, s.LSNR
		}
	}
	if math.Abs(x.RSSI) > 300 || math.Abs(x.LSNR) > 100 {
		return radio.Frame{}, dropf(DropMalformed, "rssi is %g dBm and lsnr %g dB", x.RSSI, x.LSNR)
	}
	return radio.Frame{
		PHYPayload: x.Data,
		Time:       x.received(),
		Counter:    uint64(uint32(*x.Tmst)), // some forwarders print it signed
		FreqHz:     megahertz(x.Freq),
		DataRate:   radio.DataRate(x.Datr),
		RSSIdBm:    int(math.Round(x.RSSI)),
		SNRdB:      x.LSNR,
	}, nil
}

// megahertz returns f MHz in whole Hz; 868.1 is not a number that float64 has.
func megahertz(f float64) uint32 { return uint32(math.Round(f * 1e6)) }

// A gateway's clock is believed between these instants: a receiver without a
// fix reports the year 1 or 1980, and a broken one anything. What is absurd
// for the frames at hand is the receiver's to judge.
var (
	earliest = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
)

// gpsAhead is how far GPS time, which knows no leap seconds, has been ahead of
// UTC since 2017, so at every instant from earliest on.
const gpsAhead = 18 * time.Second

// gpsEpoch is what the GPS time 0 would be if there had always been that many
// leap seconds.
var gpsEpoch = time.Date(1980, 1, 6, 0, 0, 0, 0, time.UTC).Add(-gpsAhead)

// received returns when the frame was received by the gateway's GPS clock, or
// the zero time when the gateway has no clock to be believed. The GPS time
// tmms is preferred: time is the host's clock on some gateways.
func (x *rxpk) received() time.Time {
	// The comparison of numbers keeps a tmms from overflowing.
	if x.Tmms != nil && *x.Tmms > 0 && *x.Tmms < float64(latest.Sub(gpsEpoch).Milliseconds()) {
		if t := believed(gpsEpoch.Add(time.Duration(*x.Tmms) * time.Millisecond)); !t.IsZero() {
			return t
		}
	}
	t, _ := time.Parse(time.RFC3339Nano, x.Time) // zero when it is none
	return believed(t)
}

// believed returns a time of a gateway in UTC, or the zero time when its clock
// cannot be right.
func believed(t time.Time) time.Time {
	if t.Before(earliest) || !t.Before(latest) {
		return time.Time{}
	}
	return t.UTC()
}

func (s *stat) stats(gateway lorawan.EUI64) *radio.Stats {
	at, _ := time.Parse(statTimeLayout, s.Time) // zero when it is none
	return &radio.Stats{
		Gateway:    gateway,
		Time:       believed(at),
		Received:   s.RXNb,
		ReceivedOK: s.RXOK,
		Forwarded:  s.RXFW,
		AckedPct:   min(max(s.AckR, 0), 100),
		Sent:       s.TXNb,
	}
}

// AppendPushData appends the PUSH_DATA (version 2) with which a gateway
// forwards frames it heard and, when stats is not nil, what it counted. The
// datagram must stay below MaxDatagram: some 150 frames at most. A frame's
// own Gateway is not looked at.
func AppendPushData(dst []byte, token uint16, gateway lorawan.EUI64, frames []radio.Frame, stats *radio.Stats) []byte {
	var content struct {
		RXPK []rxpk `json:"rxpk,omitempty"`
		Stat *stat  `json:"stat,omitempty"`
	}
	for _, f := range frames {
		content.RXPK = append(content.RXPK, encodeFrame(f))
	}
	if stats != nil {
		content.Stat = &stat{
			Time: stats.Time.UTC().Format("2006-01-02 15:04:05 GMT"),
			RXNb: stats.Received, RXOK: stats.ReceivedOK, RXFW: stats.Forwarded,
			AckR: stats.AckedPct, TXNb: stats.Sent,
		}
	}
	data, _ := json.Marshal(content) // numbers, strings and bytes always have a JSON form
	return Packet{Version: 2, Token: token, Kind: PushData, Gateway: gateway, JSON: data}.Append(dst)
}

func encodeFrame(f radio.Frame) rxpk {
	good, counter := 1, int64(uint32(f.Counter))
	x := rxpk{
		Tmst: &counter,
		Freq: float64(f.FreqHz) / 1e6,
		Stat: &good,
		Modu: modulation(f.DataRate),
		Datr: datr(f.DataRate),
		Codr: codingRate(f.DataRate),
		RSSI: float64(f.RSSIdBm),
		LSNR: f.SNRdB,
		Size: len(f.PHYPayload),
		Data: f.PHYPayload,
	}
	if !f.Time.IsZero() {
		x.Time = f.Time.UTC().Format(rxpkTimeLayout)
		millis := float64(f.Time.Sub(gpsEpoch).Milliseconds())
		x.Tmms = &millis
	}
	return x
}
