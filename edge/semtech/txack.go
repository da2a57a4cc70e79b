package semtech

import (
	"encoding/json"

	"github.com/brocaar/lorawan"
)

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
	data = trimEnd(data)
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
