package mqtt

import (
	"fmt"
	"net"

	"modellregion/internal/mqttframe"
)

// guard breaks the connection before a packet that paho would fail on: it
// allocates any length that is announced, and panics when a SUBACK answers
// more filters than were asked for.
type guard struct {
	net.Conn
	filters int
	frame   mqttframe.Follower
}

// Read implements net.Conn.
func (g *guard) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	if wrong := g.frame.Follow(p[:n], g.check); wrong != nil {
		return 0, wrong
	}
	return n, err
}

func (g *guard) check(kind byte, length int) error {
	const topic = 2 + 65535 + 2 // with its length, and a packet identifier
	switch {
	case length > MaxPayload+topic:
		return fmt.Errorf("MQTT broker sends a packet of %d bytes", length)
	case kind == mqttframe.Suback && length != 2+g.filters: // MQTT 3.1.1 §3.9
		return fmt.Errorf("MQTT broker sends a SUBACK of %d bytes for %d filters", length, g.filters)
	}
	return nil
}
