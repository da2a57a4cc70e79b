package semtech

import (
	"encoding/binary"

	"github.com/brocaar/lorawan"
)

// Kind is the identifier of a datagram, its fourth byte.
type Kind byte

// The kinds of datagrams.
const (
	PushData Kind = 0 // gateway: frames heard, statistics
	PushAck  Kind = 1 // server, answers PushData with its token
	PullData Kind = 2 // gateway: keeps the way for downlinks open
	PullResp Kind = 3 // server: a downlink
	PullAck  Kind = 4 // server, answers PullData with its token
	TXAck    Kind = 5 // gateway, answers PullResp with its token; since version 2
)

// MaxDatagram is the largest payload of a UDP datagram over IPv4.
const MaxDatagram = 65_507

// Packet is a datagram with its header taken apart.
type Packet struct {
	Version byte // 1 or 2
	Token   uint16
	Kind    Kind
	Gateway lorawan.EUI64 // of PushData, PullData and TXAck; zero in the others
	JSON    []byte        // of PushData, PullResp and TXAck; it may be empty
}

// hasGateway says whether the header carries the gateway's EUI: what gateways
// send does, what servers send does not.
func (k Kind) hasGateway() bool { return k == PushData || k == PullData || k == TXAck }

// Parse takes a datagram apart. The packet's JSON is a part of the datagram,
// not a copy, and has not been looked at.
func Parse(datagram []byte) (Packet, error) {
	if len(datagram) > MaxDatagram {
		return Packet{}, dropf(DropOversize, "datagram has %d bytes, at most %d are allowed", len(datagram), MaxDatagram)
	}
	if len(datagram) < 4 {
		return Packet{}, dropf(DropMalformed, "datagram has %d bytes, want at least 4", len(datagram))
	}
	p := Packet{
		Version: datagram[0],
		Token:   binary.BigEndian.Uint16(datagram[1:]),
		Kind:    Kind(datagram[3]),
		JSON:    datagram[4:],
	}
	if p.Version != 1 && p.Version != 2 {
		return Packet{}, dropf(DropVersion, "datagram has protocol version %d, want 1 or 2", p.Version)
	}
	if p.Kind > TXAck {
		return Packet{}, dropf(DropMalformed, "datagram has kind %d, want 0 to 5", p.Kind)
	}
	if p.Kind.hasGateway() {
		if len(p.JSON) < len(p.Gateway) {
			return Packet{}, dropf(DropMalformed, "datagram of kind %d has %d bytes, want at least 12", p.Kind, len(datagram))
		}
		copy(p.Gateway[:], p.JSON)
		p.JSON = p.JSON[len(p.Gateway):]
	}
	return p, nil
}

// Append appends the datagram to dst.
func (p Packet) Append(dst []byte) []byte {
	dst = append(dst, p.Version)
	dst = binary.BigEndian.AppendUint16(dst, p.Token)
	dst = append(dst, byte(p.Kind))
	if p.Kind.hasGateway() {
		dst = append(dst, p.Gateway[:]...)
	}
	return append(dst, p.JSON...)
}
