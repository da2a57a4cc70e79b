package uplink

import (
	"encoding/json"
	"fmt"
	"time"
)

// Limits of a Command, and how long it waits for its device unless it says
// otherwise.
const (
	MaxCommandID      = 64             // characters
	MaxFPort          = 223            // LoRaWAN 1.0.4 §4.3.2: ports above are not for applications
	MaxCommandPayload = 242            // bytes: the longest FRMPayload of any data rate, RP002-1.0.4 §2.4.6
	CommandExpiry     = 24 * time.Hour // after the edge queued it
)

// maxSmall bounds, in bytes, the messages that hold one thing: what they name
// fits in a quarter of it.
const maxSmall = 16 << 10

// Command is the message on a down topic: bytes for the device that the topic
// names. The edge keeps it on disk before it says "queued", so its sender may
// repeat it until then, and reports by Events what becomes of it.
type Command struct {
	V         int       `json:"v"`
	ID        string    `json:"id"`                // chosen by the sender, 1 to 64 visible ASCII characters; the same id for the same device is the same command
	FPort     uint8     `json:"f_port"`            // 1 to 223
	Payload   []byte    `json:"payload,omitempty"` // FRMPayload in the clear, base64, at most 242 bytes; the data rate may allow fewer
	Confirmed bool      `json:"confirmed"`         // repeat it until the device says that it has it
	Expires   time.Time `json:"expires,omitzero"`  // not sent from then on; zero: CommandExpiry after it was queued
}

// Encode returns the message as JSON.
func (c Command) Encode() []byte {
	c.Expires = c.Expires.UTC()
	data, _ := json.Marshal(c) // all that Check accepts has a JSON form
	return data
}

// DecodeCommand parses a message from a down topic and checks it.
func DecodeCommand(data []byte) (Command, error) {
	if len(data) > maxSmall {
		return Command{}, fmt.Errorf("command has %d bytes, at most %d are allowed", len(data), maxSmall)
	}
	var c Command
	if err := json.Unmarshal(data, &c); err != nil {
		return Command{}, fmt.Errorf("command: %w", err)
	}
	if err := c.Check(); err != nil {
		return Command{}, err
	}
	return c, nil
}

// Check explains what breaks the contract.
func (c Command) Check() error {
	if c.V != Version {
		return fmt.Errorf("command has v=%d, want %d", c.V, Version)
	}
	if !validID(c.ID) {
		return fmt.Errorf("command has id %.80q, want 1 to %d visible ASCII characters", c.ID, MaxCommandID)
	}
	switch {
	case c.FPort < 1 || c.FPort > MaxFPort:
		return fmt.Errorf("command %s has f_port %d, want 1 to %d", c.ID, c.FPort, MaxFPort)
	case len(c.Payload) > MaxCommandPayload:
		return fmt.Errorf("command %s has a payload of %d bytes, at most %d are allowed", c.ID, len(c.Payload), MaxCommandPayload)
	case !c.Expires.IsZero() && !inCalendar(c.Expires):
		return fmt.Errorf("command %s expires in the year %d, want 1970 to 9999", c.ID, c.Expires.UTC().Year())
	}
	return nil
}

// inCalendar reports whether t is a time that RFC 3339 can write and that
// something of ours can have.
func inCalendar(t time.Time) bool {
	year := t.UTC().Year()
	return year >= 1970 && year <= 9999
}

func validID(id string) bool {
	for i := 0; i < len(id); i++ {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return len(id) >= 1 && len(id) <= MaxCommandID
}
