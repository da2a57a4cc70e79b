package lorawan

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/brocaar/lorawan"
)

// Device is what the network must know of a device before it has heard it: a
// root key for one that joins, a session for one that is personalised (ABP).
type Device struct {
	DevEUI, JoinEUI  lorawan.EUI64
	AppKey           lorawan.AES128Key
	ABP              bool
	DevAddr          lorawan.DevAddr
	NwkSKey, AppSKey lorawan.AES128Key
}

// Session is the security context of a joined or personalised device.
type Session struct {
	DevAddr          lorawan.DevAddr
	NwkSKey, AppSKey lorawan.AES128Key
	NextFCntUp       uint32 // lowest frame counter that will be accepted
	NextFCntDown     uint32 // frame counter of the next downlink

	made *keys // made from NwkSKey and AppSKey when they are needed first
}

// ready returns the session's keys, expanded.
func (s *Session) ready() *keys {
	if s.made == nil {
		s.made = newKeys(s)
	}
	return s.made
}

// State is what must survive a restart for one device. Values returned in a
// Decision are snapshots; they do not change afterwards.
type State struct {
	DevEUI  lorawan.EUI64
	Root    [4]byte  // fingerprint of the AppKey that the rest belongs to; zero for ABP
	Active  *Session // nil before the first uplink of the first session
	Pending *Session // joined, but not yet used by the device
	// JoinNonce is the last one given out; it rises with each accepted join.
	JoinNonce uint32
	// DevNonces are those already used, in the order of use.
	DevNonces []lorawan.DevNonce
}

func (s *State) clone() State {
	c := *s
	c.Active, c.Pending = s.Active.clone(), s.Pending.clone()
	c.DevNonces = s.DevNonces[:len(s.DevNonces):len(s.DevNonces)] // only ever appended to
	return c
}

func (s *Session) clone() *Session {
	if s == nil {
		return nil
	}
	c := *s
	return &c
}

const (
	stateVersion = 1
	headSize     = 1 + 1 + 4 + 4
	sessionSize  = 4 + 16 + 16 + 4 + 4
)

// MarshalBinary returns the state as it is kept on disk: a version byte, a
// byte that says which sessions follow, the fingerprint of the root key, the
// join nonce, the sessions, the device nonces; big endian. The DevEUI is the key and not part of it.
func (s *State) MarshalBinary() ([]byte, error) {
	out := make([]byte, 0, headSize+2*sessionSize+2*len(s.DevNonces))
	var flags byte
	if s.Active != nil {
		flags |= 1
	}
	if s.Pending != nil {
		flags |= 2
	}
	out = append(out, stateVersion, flags)
	out = append(out, s.Root[:]...)
	out = binary.BigEndian.AppendUint32(out, s.JoinNonce)
	for _, session := range []*Session{s.Active, s.Pending} {
		if session == nil {
			continue
		}
		out = append(out, session.DevAddr[:]...)
		out = append(out, session.NwkSKey[:]...)
		out = append(out, session.AppSKey[:]...)
		out = binary.BigEndian.AppendUint32(out, session.NextFCntUp)
		out = binary.BigEndian.AppendUint32(out, session.NextFCntDown)
	}
	for _, n := range s.DevNonces {
		out = binary.BigEndian.AppendUint16(out, uint16(n))
	}
	return out, nil
}

// UnmarshalBinary reads what MarshalBinary wrote and refuses anything else, so
// that a damaged record is never taken for a device without history.
func (s *State) UnmarshalBinary(data []byte) error {
	if len(data) < headSize || data[0] != stateVersion || data[1] > 3 {
		return fmt.Errorf("session record of %d bytes is not of version %d", len(data), stateVersion)
	}
	flags := data[1]
	out := State{DevEUI: s.DevEUI, Root: [4]byte(data[2:]), JoinNonce: binary.BigEndian.Uint32(data[6:])}
	data = data[headSize:]
	for bit, session := range []**Session{&out.Active, &out.Pending} {
		if flags&(1<<bit) == 0 {
			continue
		}
		if len(data) < sessionSize {
			return fmt.Errorf("session record ends within a session")
		}
		v := &Session{
			NextFCntUp:   binary.BigEndian.Uint32(data[36:]),
			NextFCntDown: binary.BigEndian.Uint32(data[40:]),
		}
		copy(v.DevAddr[:], data)
		copy(v.NwkSKey[:], data[4:])
		copy(v.AppSKey[:], data[20:])
		*session = v
		data = data[sessionSize:]
	}
	if len(data)%2 != 0 {
		return fmt.Errorf("session record ends within a device nonce")
	}
	for len(data) > 0 {
		out.DevNonces = append(out.DevNonces, lorawan.DevNonce(binary.BigEndian.Uint16(data)))
		data = data[2:]
	}
	*s = out
	return nil
}

// fingerprint tells one key from another without giving it away.
func fingerprint(key lorawan.AES128Key) [4]byte {
	sum := sha256.Sum256(key[:])
	return [4]byte(sum[:])
}

func (s *State) usedNonce(n lorawan.DevNonce) bool { return slices.Contains(s.DevNonces, n) }
