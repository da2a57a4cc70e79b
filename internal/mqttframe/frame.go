// Package mqttframe follows the boundaries of MQTT packets in a stream of
// bytes, so that client and broker can break a connection before a packet that
// is too large or malformed reaches a library that would believe its length.
//
// It knows types and lengths and nothing of what is in a packet.
package mqttframe

import "errors"

// Suback is the packet type that answers a SUBSCRIBE (MQTT 3.1.1 §2.2.1).
const Suback = 9

// errLength is returned for a length of more than four bytes.
var errLength = errors.New("MQTT packet has a length of more than four bytes")

// Follower is a place in a stream of MQTT packets: a byte with type and flags,
// a length of one to four bytes with seven bits each, least significant first
// (MQTT 3.1.1 §2.2.3), and that many bytes. The zero value is the beginning.
type Follower struct {
	kind     byte
	inLength bool
	shift    uint
	length   int
	body     int // bytes of the packet still to come
}

// Follow moves on over data. As soon as the type (0 to 15) and the length
// after the fixed header (0 to 268,435,455) of a packet are known it calls
// check, and returns its error; the Follower must not be used after one.
func (f *Follower) Follow(data []byte, check func(kind byte, length int) error) error {
	for len(data) > 0 {
		if f.body > 0 {
			n := min(f.body, len(data))
			f.body -= n
			data = data[n:]
			continue
		}
		b := data[0]
		data = data[1:]
		if !f.inLength {
			f.kind, f.inLength, f.shift, f.length = b>>4, true, 0, 0
			continue
		}
		f.length |= int(b&0x7f) << f.shift
		f.shift += 7
		if b&0x80 != 0 {
			if f.shift == 28 {
				return errLength
			}
			continue
		}
		f.inLength, f.body = false, f.length
		if err := check(f.kind, f.length); err != nil {
			return err
		}
	}
	return nil
}
