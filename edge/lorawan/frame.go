package lorawan

import (
	"encoding/binary"
	"fmt"

	"github.com/brocaar/lorawan"
)

// dataFrame is an uplink data frame taken apart (§4), without copying: FOpts
// and Payload point into the PHYPayload. The library's own type costs some
// forty allocations, which is why data frames do not go through it.
type dataFrame struct {
	confirmed bool
	adr       bool // the network may decide on data rate and power
	wantsWord bool // ADRACKReq: the device has not heard from the network for long
	ack       bool // it has heard a confirmed downlink
	devAddr   lorawan.DevAddr
	low       uint16 // low half of the frame counter
	fOpts     []byte // encrypted in 1.1
	hasPort   bool
	port      uint8
	payload   []byte // FRMPayload, encrypted
	signed    []byte // what the MIC is computed over: all but the MIC
	mic       [4]byte
}

const (
	headLength = 1 + 4 + 1 + 2 // MHDR, DevAddr, FCtrl, FCnt
	micLength  = 4
	maxFOpts   = 15
)

// parseData takes a data frame apart. It checks lengths only.
func parseData(phy []byte) (dataFrame, error) {
	var f dataFrame
	if len(phy) < headLength+micLength {
		return f, fmt.Errorf("data frame has %d bytes, want at least %d", len(phy), headLength+micLength)
	}
	if phy[0]&3 != 0 {
		return f, fmt.Errorf("data frame has major version %d, want 0", phy[0]&3)
	}
	body := phy[headLength : len(phy)-micLength]
	control := phy[5]
	options := int(control & maxFOpts)
	if options > len(body) {
		return f, fmt.Errorf("data frame announces %d bytes of options and has %d", options, len(body))
	}
	f.confirmed = lorawan.MType(phy[0]>>5) == lorawan.ConfirmedDataUp
	for i := range f.devAddr {
		f.devAddr[i] = phy[4-i] // least significant byte first on the air
	}
	f.adr, f.wantsWord, f.ack = control&0x80 != 0, control&0x40 != 0, control&0x20 != 0
	f.low = binary.LittleEndian.Uint16(phy[6:])
	f.fOpts, body = body[:options], body[options:]
	if len(body) > 0 {
		f.hasPort, f.port, f.payload = true, body[0], body[1:]
	}
	f.signed = phy[:len(phy)-micLength]
	copy(f.mic[:], phy[len(phy)-micLength:])
	return f, nil
}
