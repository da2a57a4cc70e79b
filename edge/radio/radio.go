// Package radio holds the values that gateway protocols and LoRaWAN sessions
// hand each other: frames that were heard, frames to send, and how a gateway
// is doing.
//
// It knows no protocol and no session, so that edge/semtech and
// edge/basicstation need not know each other nor edge/lorawan them.
package radio

import (
	"time"

	"github.com/brocaar/lorawan"
)

// DataRate is how a frame is modulated: LoRa with a spreading factor and a
// bandwidth, or FSK with a bit rate.
type DataRate struct {
	SpreadingFactor int // 7 to 12; 0 for FSK
	BandwidthKHz    int // 125, 250 or 500; 0 for FSK
	BitRate         int // bit/s; 0 for LoRa
}

// Frame is one reception of a LoRaWAN frame by one gateway, with a good CRC.
type Frame struct {
	PHYPayload []byte
	Gateway    lorawan.EUI64
	Time       time.Time // of the end of reception by the gateway's GPS; zero without one
	Heard      time.Time // of arrival at the edge, by its own clock
	Counter    uint64    // the gateway's own microsecond counter at that instant
	Antenna    int64     // which of its antennas heard it, in the gateway's own numbers; 0 where the protocol has none
	FreqHz     uint32
	DataRate   DataRate
	RSSIdBm    int
	SNRdB      float64
	Remote     bool // heard by a gateway of another edge, which this one cannot let answer
}

// Downlink is a frame for one gateway to put on the air, in the first of the
// windows that it can.
type Downlink struct {
	ID         uint64 // whoever ordered it tells it from others by this; no protocol sends it
	PHYPayload []byte
	Gateway    lorawan.EUI64
	Counter    uint64   // Frame.Counter of the uplink that the windows are counted from
	Antenna    int64    // Frame.Antenna of an uplink of the device
	Windows    []Window // 1 to 3, in the order of preference
}

// Window is when and how a device listens.
type Window struct {
	Delay    time.Duration // after the uplink, 1 s to 16 s; 0: at once, to a device that always listens (class C)
	FreqHz   uint32
	DataRate DataRate
	PowerDBm int // effective radiated power
}

// Stats is what a gateway counted since its last report.
type Stats struct {
	Gateway    lorawan.EUI64
	Time       time.Time // of the report by the gateway's clock; may be zero
	Received   uint32    // frames heard
	ReceivedOK uint32    // with a good CRC
	Forwarded  uint32
	AckedPct   float64 // share of datagrams acknowledged, 0 to 100
	Sent       uint32  // downlinks put on the air
}
