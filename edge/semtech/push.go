package semtech

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/brocaar/lorawan"
	"github.com/valyala/fastjson"

	"modellregion/edge/radio"
)

// rxpk is one frame in a PUSH_DATA, as it is written.
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
	RSSI float64  `json:"rssi"` // dBm
	LSNR float64  `json:"lsnr"` // dB
	Size int      `json:"size"`
	Data payload  `json:"data"`
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
// datagram has none. The parser is for one caller at a time.
func decodePush(p Packet, parser *fastjson.Parser, drop func(reason string, err error)) (frames []radio.Frame, stats *radio.Stats) {
	malformed := func(err error) {
		drop(DropMalformed, dropf(DropMalformed, "PUSH_DATA of gateway %s: %w", p.Gateway, err))
	}
	content, err := parser.ParseBytes(trimEnd(p.JSON))
	if err == nil && content.Type() != fastjson.TypeObject {
		err = fmt.Errorf("it is a JSON %s, want an object", content.Type())
	}
	if err != nil {
		malformed(err)
		return nil, nil
	}
	o := object{v: content}
	list := o.array("rxpk")
	if o.err != nil {
		malformed(o.err)
		return nil, nil
	}
	for i, v := range list {
		f, err := decodeFrame(v)
		if err != nil {
			drop(dropReason(err), dropf(dropReason(err), "PUSH_DATA of gateway %s: rxpk %d: %w", p.Gateway, i, err))
			continue
		}
		f.Gateway = p.Gateway
		frames = append(frames, f)
	}
	s := o.object("stat")
	if s.v == nil && o.err == nil {
		return frames, nil
	}
	stats = decodeStat(&s, p.Gateway)
	if err := cmp.Or(o.err, s.err); err != nil {
		malformed(fmt.Errorf("stat: %w", err))
		return frames, nil
	}
	return frames, stats
}

// trimEnd removes what some forwarders send behind the JSON: their string's
// end.
func trimEnd(data []byte) []byte { return bytes.TrimRight(data, "\x00 \r\n") }

// decodeFrame reads one rxpk.
func decodeFrame(v *fastjson.Value) (radio.Frame, error) {
	if v.Type() != fastjson.TypeObject {
		return radio.Frame{}, dropf(DropMalformed, "it is a JSON %s, want an object", v.Type())
	}
	o := object{v: v}
	stat, hasStat := o.integer("stat")
	tmst, hasTmst := o.integer("tmst")
	freq, rssi, snr := o.number("freq"), o.number("rssi"), o.number("lsnr")
	rate, data := o.datr(), o.text("data")
	for i, a := range o.array("rsig") { // one per antenna, instead of rssi and lsnr
		antenna := object{v: a}
		if s := antenna.number("lsnr"); i == 0 || s > snr {
			rssi, snr = antenna.number("rssic"), s
		}
		o.err = cmp.Or(o.err, antenna.err)
	}
	at := received(&o)
	switch {
	case o.err != nil:
		return radio.Frame{}, dropf(DropMalformed, "%w", o.err)
	case hasStat && stat != 1: // CRC: 1 good, -1 bad, 0 none
		return radio.Frame{}, dropf(DropCRC, "stat is %d, want 1", stat)
	case !hasTmst:
		return radio.Frame{}, dropf(DropMalformed, "no tmst")
	case !(freq >= 100 && freq <= 4_000):
		return radio.Frame{}, dropf(DropMalformed, "freq is %g MHz, want 100 to 4000", freq)
	case len(rate) == 0:
		return radio.Frame{}, dropf(DropMalformed, "no datr")
	case len(data) == 0:
		return radio.Frame{}, dropf(DropMalformed, "no data")
	case !(math.Abs(rssi) <= 300 && math.Abs(snr) <= 100):
		return radio.Frame{}, dropf(DropMalformed, "rssi is %g dBm and lsnr %g dB", rssi, snr)
	}
	dr, err := parseDatr(string(rate))
	if err != nil {
		return radio.Frame{}, err
	}
	phy, err := parsePayload(data)
	switch {
	case err != nil:
		return radio.Frame{}, dropf(DropMalformed, "data: %w", err)
	case len(phy) == 0:
		return radio.Frame{}, dropf(DropMalformed, "no data")
	case len(phy) > maxFrame:
		return radio.Frame{}, dropf(DropOversize, "data has %d bytes, at most %d fit a frame", len(phy), maxFrame)
	}
	return radio.Frame{
		PHYPayload: phy,
		Time:       at,
		Counter:    uint64(uint32(tmst)), // some forwarders print it signed
		FreqHz:     megahertz(freq),
		DataRate:   radio.DataRate(dr),
		RSSIdBm:    int(math.Round(rssi)),
		SNRdB:      snr,
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
func received(o *object) time.Time {
	// The comparison of numbers keeps a tmms from overflowing.
	if ms := o.number("tmms"); ms > 0 && ms < float64(latest.Sub(gpsEpoch).Milliseconds()) {
		if t := believed(gpsEpoch.Add(time.Duration(ms) * time.Millisecond)); !t.IsZero() {
			return t
		}
	}
	t, _ := time.Parse(time.RFC3339Nano, string(o.text("time"))) // zero when it is none
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

func decodeStat(o *object, gateway lorawan.EUI64) *radio.Stats {
	at, _ := time.Parse(statTimeLayout, string(o.text("time"))) // zero when it is none
	return &radio.Stats{
		Gateway:    gateway,
		Time:       believed(at),
		Received:   o.count("rxnb"),
		ReceivedOK: o.count("rxok"),
		Forwarded:  o.count("rxfw"),
		AckedPct:   min(max(o.number("ackr"), 0), 100),
		Sent:       o.count("txnb"),
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
