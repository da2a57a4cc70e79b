package uplink

import (
	"encoding/hex"
	"fmt"
)

// EUI is an IEEE 64-bit identifier, most significant byte first: the DevEUI
// of a device, the JoinEUI of its join server or the EUI of a gateway.
type EUI [8]byte

// ParseEUI reads sixteen hexadecimal digits, in either case, as they are
// printed on a device: "70B3D57ED005F1A0".
func ParseEUI(s string) (EUI, error) {
	var e EUI
	if err := e.UnmarshalText([]byte(s)); err != nil {
		return EUI{}, err
	}
	return e, nil
}

// String returns sixteen lower-case hexadecimal digits.
func (e EUI) String() string { return hex.EncodeToString(e[:]) }

// MarshalText implements encoding.TextMarshaler.
func (e EUI) MarshalText() ([]byte, error) { return e.AppendText(nil) }

// AppendText appends sixteen lower-case hexadecimal digits to dst.
func (e EUI) AppendText(dst []byte) ([]byte, error) { return hex.AppendEncode(dst, e[:]), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (e *EUI) UnmarshalText(text []byte) error {
	if len(text) != 16 {
		return fmt.Errorf("EUI %.32q has %d characters, want 16 hexadecimal digits like 70b3d57ed005f1a0", text, len(text))
	}
	var v EUI
	if _, err := hex.Decode(v[:], text); err != nil {
		return fmt.Errorf("EUI %q: %w, want 16 hexadecimal digits like 70b3d57ed005f1a0", text, err)
	}
	*e = v
	return nil
}
