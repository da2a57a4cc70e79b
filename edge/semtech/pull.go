package semtech

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/edge/radio"
)

// txpk is the downlink in a PULL_RESP.
type txpk struct {
	Imme bool    `json:"imme"` // at once; never used here, a receive window is an instant
	Tmst uint32  `json:"tmst"` // the gateway's counter when to send, µs modulo 2^32
	Freq float64 `json:"freq"` // MHz
	RFCh int     `json:"rfch"`
	Powe int     `json:"powe"` // dBm
	Modu string  `json:"modu"`
	Datr datr    `json:"datr"`
	Codr string  `json:"codr,omitempty"`
	FDev int     `json:"fdev,omitempty"` // FSK frequency deviation, Hz
	IPol bool    `json:"ipol"`           // inverted, so that devices hear it and gateways do not
	NCRC bool    `json:"ncrc"`
	Size int     `json:"size"`
	Data payload `json:"data"`
}

// appendPullResp appends the datagram that asks a gateway to send d.
func appendPullResp(dst []byte, version byte, token uint16, d radio.Downlink) []byte {
	var content struct {
		TXPK txpk `json:"txpk"`
	}
	content.TXPK = txpk{
		Tmst: uint32(d.Counter + uint64(d.Delay/time.Microsecond)), // wraps every 71.6 min
		Freq: float64(d.FreqHz) / 1e6,
		Powe: d.PowerDBm,
		Modu: modulation(d.DataRate),
		Datr: datr(d.DataRate),
		Codr: codingRate(d.DataRate),
		FDev: d.DataRate.BitRate / 2,
		IPol: true,
		NCRC: true,
		Size: len(d.PHYPayload),
		Data: d.PHYPayload,
	}
	data, _ := json.Marshal(content) // numbers, strings and bytes always have a JSON form
	return Packet{Version: version, Token: token, Kind: PullResp, JSON: data}.Append(dst)
}

// ParsePullResp reads the downlink of a PULL_RESP as a gateway gets it:
// Counter is the instant of sending, modulo 2^32 µs, Delay and Gateway are
// zero.
func ParsePullResp(p Packet) (radio.Downlink, error) {
	if p.Kind != PullResp {
		return radio.Downlink{}, fmt.Errorf("datagram has kind %d, want PULL_RESP", p.Kind)
	}
	var content struct {
		TXPK txpk `json:"txpk"`
	}
	if err := json.Unmarshal(p.JSON, &content); err != nil {
		return radio.Downlink{}, fmt.Errorf("PULL_RESP: %w", err)
	}
	x := content.TXPK
	switch {
	case !(x.Freq >= 100 && x.Freq <= 4_000):
		return radio.Downlink{}, fmt.Errorf("PULL_RESP: freq is %g MHz, want 100 to 4000", x.Freq)
	case len(x.Data) == 0 || len(x.Data) > maxFrame:
		return radio.Downlink{}, fmt.Errorf("PULL_RESP: data has %d bytes, want 1 to %d", len(x.Data), maxFrame)
	}
	return radio.Downlink{
		PHYPayload: x.Data,
		Counter:    uint64(x.Tmst),
		FreqHz:     megahertz(x.Freq),
		DataRate:   radio.DataRate(x.Datr),
		PowerDBm:   x.Powe,
	}, nil
}

// AppendPullData appends the PULL_DATA (version 2) with which a gateway keeps
// the way for downlinks open.
func AppendPullData(dst []byte, token uint16, gateway lorawan.EUI64) []byte {
	return Packet{Version: 2, Token: token, Kind: PullData, Gateway: gateway}.Append(dst)
}

// AppendTXAck appends the TX_ACK (version 2) with which a gateway answers the
// PULL_RESP with that token. An empty word says that the downlink will be
// sent; the protocol's words for a refusal are TOO_LATE, TOO_EARLY,
// COLLISION_PACKET, COLLISION_BEACON, TX_FREQ, TX_POWER and GPS_UNLOCKED.
func AppendTXAck(dst []byte, token uint16, gateway lorawan.EUI64, word string) []byte {
	p := Packet{Version: 2, Token: token, Kind: TXAck, Gateway: gateway}
	if word != "" {
		var a txAck
		a.Ack.Error = word
		p.JSON, _ = json.Marshal(a) // a string always has a JSON form
	}
	return p.Append(dst)
}

type txAck struct {
	Ack struct {
		Error string `json:"error"`
	} `json:"txpk_ack"`
}

// Refusal is the word with which a gateway refuses a downlink: "TOO_LATE",
// "COLLISION_PACKET" and so on.
type Refusal string

// Error implements error.
func (r Refusal) Error() string { return "refused by the gateway: " + string(r) }

// decodeTXAck returns nil when the gateway took the downlink, a Refusal when
// it did not, and bad when the datagram says neither.
func decodeTXAck(data []byte) (refusal, bad error) {
	data = bytes.TrimRight(data, "\x00 \r\n") // some forwarders send their string's end
	if len(data) == 0 {
		return nil, nil
	}
	var a txAck
	if err := json.Unmarshal(data, &a); err != nil {
		return nil, err
	}
	if w := a.Ack.Error; w != "" && w != "NONE" {
		return Refusal(w[:min(len(w), 64)]), nil
	}
	return nil, nil
}
