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

// ListedDevice is a device in a DeviceList. Over the air (OTAA) it joins with
// AppKey, and from LoRaWAN 1.1 with NwkKey too. Personalised (ABP) it comes
// with DevAddr, NwkSKey and AppSKey, and from 1.1 with SNwkSIntKey and
// NwkSEncKey too; NwkSKey is its FNwkSIntKey then. Keys are 32 hexadecimal
// digits, DevAddr 8, most significant byte first.
type ListedDevice struct {
	DevEUI      EUI    `json:"dev_eui"`
	JoinEUI     EUI    `json:"join_eui,omitzero"`
	Domain      Domain `json:"domain"`
	Profile     string `json:"profile"`           // key of DeviceList.Profiles
	LoRaWAN     string `json:"lorawan,omitempty"` // version the device implements: 1.0.0 to 1.0.4 or 1.1.0; empty is 1.0.3
	Class       string `json:"class,omitempty"`   // when it listens: "A" after its uplinks, "C" always; empty is A
	AppKey      string `json:"app_key,omitempty"`
	NwkKey      string `json:"nwk_key,omitempty"`
	DevAddr     string `json:"dev_addr,omitempty"`
	NwkSKey     string `json:"nwk_s_key,omitempty"`
	SNwkSIntKey string `json:"s_nwk_s_int_key,omitempty"`
	NwkSEncKey  string `json:"nwk_s_enc_key,omitempty"`
	AppSKey     string `json:"app_s_key,omitempty"`
	// ResetFCnt accepts an ABP device whose counter begins anew. The price:
	// whoever recorded its frames can play them again.
	ResetFCnt bool `json:"reset_f_cnt,omitempty"`
	// Nonces rises when the DevNonces used so far are to be forgotten, for a
	// device that lost its own count and joins with old ones.
	Nonces uint32 `json:"nonces,omitempty"`
	// Variables are what the device's codec is told of it (LoRa Alliance
	// TS013: input.variables).
	Variables map[string]string `json:"variables,omitempty"`
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

// What an Event can tell. A command goes from queued over sent to acked,
// failed or expired; one that asks for no confirmation ends at sent.
const (
	EventJoin       = "join"        // the device joined; Detail has its DevAddr
	EventCodecError = "codec_error" // its payload could not be decoded; Detail says why
	EventQueued     = "queued"      // the edge keeps a Command: on its disk, or in memory while Status.Disk says that it refuses
	EventSent       = "sent"        // a gateway took a Command's downlink to put it on the air
	EventAcked      = "acked"       // the device confirmed a Command
	EventFailed     = "failed"      // a Command will not be sent, or was not confirmed; Detail says why
	EventExpired    = "expired"     // a Command's time was over before it was sent, or confirmed
	EventSilent     = "silent"      // of the platform: nothing was heard for two intervals; Detail says since when
	EventHeard      = "heard"       // of the platform: it is heard again
)

// Event is the message on an event topic: something that happened to a device
// and is not a reading. EventSilent and EventHeard may be about a gateway, or
// with neither EUI about the edge that the topic names.
type Event struct {
	V       int       `json:"v"`
	Time    time.Time `json:"time,omitzero"` // left out while the edge's clock is not set
	DevEUI  EUI       `json:"dev_eui,omitzero"`
	Gateway EUI       `json:"gateway,omitzero"`
	Event   string    `json:"event"` // EventJoin and its like; a newer edge may know more
	Detail  string    `json:"detail,omitempty"`
	Command string    `json:"command,omitempty"` // Command.ID of the command it is about
	FCnt    *uint32   `json:"f_cnt,omitempty"`   // full 32-bit counter of the downlink that carried the command
}

// DecodeEvent parses a message from an event topic.
func DecodeEvent(data []byte) (Event, error) {
	if len(data) > maxSmall {
		return Event{}, fmt.Errorf("event has %d bytes, at most %d are allowed", len(data), maxSmall)
	}
	var e Event
	if err := json.Unmarshal(data, &e); err != nil {
		return Event{}, fmt.Errorf("event: %w", err)
	}
	switch {
	case e.V != Version:
		return Event{}, fmt.Errorf("event has v=%d, want %d", e.V, Version)
	case e.Event == "":
		return Event{}, fmt.Errorf("event of %s has no event", e.DevEUI)
	case e.DevEUI == EUI{} && e.Event != EventSilent && e.Event != EventHeard:
		return Event{}, fmt.Errorf("event %q has no dev_eui", e.Event)
	}
	return e, nil
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
	GivenUp     uint64    `json:"given_up,omitempty"`    // uplinks given up since the database was created, for the outbox was over its limits
	Undated     int       `json:"undated,omitempty"`     // uplinks that wait for the clock to be set
	Disk        string    `json:"disk,omitempty"`        // why the disk refuses; then the edge works from memory

	// UnknownGateways spoke to the edge and are not on its list: at most
	// MaxUnknownGateways, those heard last.
	UnknownGateways []UnknownGateway `json:"unknown_gateways,omitempty"`
}

// MaxUnknownGateways bounds the gateways in a Status.
const MaxUnknownGateways = 16

// UnknownGateway is a gateway whose messages an edge drops.
type UnknownGateway struct {
	Gateway EUI       `json:"gateway"`
	Count   uint64    `json:"count"` // messages since the edge's program started
	Time    time.Time `json:"time"`  // of the last one
	From    string    `json:"from"`  // its network address then, host:port
}

// GatewayStats is the message on a gateway topic: the counters of a packet
// forwarder since its last report.
type GatewayStats struct {
	V          int       `json:"v"`
	Time       time.Time `json:"time,omitzero"` // left out while the edge's clock is not set
	Received   uint32    `json:"received"`      // packets heard
	ReceivedOK uint32    `json:"received_ok"`   // with a good CRC
	Forwarded  uint32    `json:"forwarded"`
	AckedPct   float64   `json:"acked_pct"` // share of datagrams acknowledged, 0 to 100
	Sent       uint32    `json:"sent"`      // downlinks put on the air
}
