package semtech

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/edge/radio"
)

// txpk is the downlink in a PULL_RESP.
type txpk struct {
	Imme bool    `json:"imme"` // at once, to a device that always listens
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

// appendPullResp appends the datagram that asks a gateway to send d in the
// window w.
func appendPullResp(dst []byte, version byte, token uint16, d radio.Downlink, w radio.Window) []byte {
	var content struct {
		TXPK txpk `json:"txpk"`
	}
	content.TXPK = txpk{
		Imme: w.Delay == 0,
		Freq: float64(w.FreqHz) / 1e6,
		Powe: w.PowerDBm,
		Modu: modulation(w.DataRate),
		Datr: datr(w.DataRate),
		Codr: codingRate(w.DataRate),
		FDev: w.DataRate.BitRate / 2,
		IPol: true,
		NCRC: true,
		Size: len(d.PHYPayload),
		Data: d.PHYPayload,
	}
	if !content.TXPK.Imme {
		content.TXPK.Tmst = uint32(d.Counter + uint64(w.Delay/time.Microsecond)) // wraps every 71.6 min
	}
	data, _ := json.Marshal(content) // numbers, strings and bytes always have a JSON form
	return Packet{Version: version, Token: token, Kind: PullResp, JSON: data}.Append(dst)
}

// Order is a downlink as a gateway is asked for it.
type Order struct {
	PHYPayload []byte
	Immediate  bool   // at once; Counter says nothing then
	Counter    uint32 // the gateway's counter when to send, µs modulo 2^32
	FreqHz     uint32
	DataRate   radio.DataRate
	PowerDBm   int // effective radiated power
}

// ParsePullResp reads what a PULL_RESP asks a gateway for.
func ParsePullResp(p Packet) (Order, error) {
	if p.Kind != PullResp {
		return Order{}, fmt.Errorf("datagram has kind %d, want PULL_RESP", p.Kind)
	}
	var content struct {
		TXPK txpk `json:"txpk"`
	}
	if err := json.Unmarshal(trimEnd(p.JSON), &content); err != nil {
		return Order{}, fmt.Errorf("PULL_RESP: %w", err)
	}
	x := content.TXPK
	switch {
	case !(x.Freq >= 100 && x.Freq <= 4_000):
		return Order{}, fmt.Errorf("PULL_RESP: freq is %g MHz, want 100 to 4000", x.Freq)
	case len(x.Data) == 0 || len(x.Data) > maxFrame:
		return Order{}, fmt.Errorf("PULL_RESP: data has %d bytes, want 1 to %d", len(x.Data), maxFrame)
	}
	return Order{
		PHYPayload: x.Data,
		Immediate:  x.Imme,
		Counter:    x.Tmst,
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
