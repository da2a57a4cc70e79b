// Package codec turns payload bytes into readings.
//
// It compiles the source that a profile carries once and then decodes without
// state: nothing survives from one payload to the next. It does no input or
// output and knows nothing of topics, sessions and storage.
package codec

import (
	"fmt"

	"modellregion/devices"
)

// Decoder decodes the payloads of one profile. It may be used by several
// goroutines at once.
type Decoder interface {
	// Decode appends the readings in a decrypted FRMPayload of that FPort to
	// dst. The error says which port or byte does not fit; then dst is
	// returned unchanged.
	Decode(dst []devices.Reading, port uint8, payload []byte) ([]devices.Reading, error)
}

// Compile returns the decoder for a codec's source.
func Compile(c devices.Codec) (Decoder, error) {
	switch c.Kind {
	case "layout":
		return compileLayout(c.Source)
	default:
		return nil, fmt.Errorf("codec kind %q is unknown, want layout", c.Kind)
	}
}
