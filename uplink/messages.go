package uplink

import (
	"encoding/json"
	"fmt"
	"time"
)

// DeviceList is the retained message on a devices topic: everything an edge
// needs to serve its devices while the link is down. It carries keys; the
// topic is readable by its edge alone.
type DeviceList struct {
	V        int                        `json:"v"`
	Version  uint64                     `json:"version"` // rises with every change
	Profiles map[string]json.RawMessage `json:"profiles"`
	Devices  []ListedDevice             `json:"devices"`
}

// ListedDevice is a device in a DeviceList. It joins over the air with AppKey,
// or it is personalised (ABP) with DevAddr, NwkSKey and AppSKey. Keys are 32
// hexadecimal digits, DevAddr 8, most significant byte first.
type ListedDevice struct {
	DevEUI  EUI    `json:"dev_eui"`
	JoinEUI EUI    `json:"join_eui,omitzero"`
	Domain  Domain `json:"domain"`
	Profile string `json:"profile"` // key of DeviceList.Profiles
	AppKey  string `json:"app_key,omitempty"`
	DevAddr string `json:"dev_addr,omitempty"`
	NwkSKey string `json:"nwk_s_key,omitempty"`
	AppSKey string `json:"app_s_key,omitempty"`
}

// DecodeDeviceList parses a message from a devices topic.
func DecodeDeviceList(data []byte) (DeviceList, error) {
	var l DeviceList
	if err := json.Unmarshal(data, &l); err != nil {
		return DeviceList{}, fmt.Errorf("device list: %w", err)
	}
	if l.V != Version {
		return DeviceList{}, fmt.Errorf("device list has v=%d, want %d", l.V, Version)
	}
	return l, nil
}

// Event is the message on an event topic: something that happened to a device
// and is not a reading.
type Event struct {
	V      int       `json:"v"`
	Time   time.Time `json:"time"`
	DevEUI EUI       `json:"dev_eui"`
	Event  string    `json:"event"` // "join" or "codec_error"
	Detail string    `json:"detail,omitempty"`
}

// Status is the retained message on a status topic. The broker publishes it
// with Online false when the edge's connection is lost (last will).
type Status struct {
	V           int       `json:"v"`
	Online      bool      `json:"online"`
	Time        time.Time `json:"time,omitzero"`
	Version     string    `json:"version,omitempty"` // of the edge's program
	Epoch       string    `json:"epoch,omitempty"`
	DeviceList  uint64    `json:"device_list,omitempty"` // DeviceList.Version in use
	OutboxDepth int       `json:"outbox_depth"`          // uplinks not yet confirmed
}

// GatewayStats is the message on a gateway topic: the counters of a packet
// forwarder since its last report.
type GatewayStats struct {
	V          int       `json:"v"`
	Time       time.Time `json:"time"`
	Received   uint32    `json:"received"`    // packets heard
	ReceivedOK uint32    `json:"received_ok"` // with a good CRC
	Forwarded  uint32    `json:"forwarded"`
	AckedPct   float64   `json:"acked_pct"` // share of datagrams acknowledged, 0 to 100
	Sent       uint32    `json:"sent"`      // downlinks put on the air
}
