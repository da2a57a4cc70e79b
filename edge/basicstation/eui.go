package basicstation

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/brocaar/lorawan"
)

// eui is an EUI in JSON, in any of the spellings of the protocol: text as
// parseEUI takes it, or a number.
type eui lorawan.EUI64

// UnmarshalJSON implements json.Unmarshaler.
func (e *eui) UnmarshalJSON(data []byte) error {
	if data[0] != '"' {
		n, err := strconv.ParseUint(string(data), 10, 64)
		if err != nil {
			return fmt.Errorf("EUI %.32s: want text or a whole number", data)
		}
		binary.BigEndian.PutUint64(e[:], n)
		return nil
	}
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("EUI: %w", err)
	}
	parsed, err := parseEUI(s)
	*e = eui(parsed)
	return err
}

// parseEUI reads an EUI: 16 hex digits, with "-" or ":" between the bytes or
// without, or four groups of 16 bits as in an IPv6 address ("ID6"), where "::"
// stands for groups that are zero.
func parseEUI(s string) (lorawan.EUI64, error) {
	var out lorawan.EUI64
	digits := s
	switch strings.Count(s, ":") {
	case 0:
		digits = strings.ReplaceAll(s, "-", "")
	case 7:
		digits = strings.ReplaceAll(s, ":", "")
	default:
		return parseID6(s)
	}
	if len(digits) != 2*len(out) {
		return out, fmt.Errorf("EUI %.32q has %d hex digits, want 16", s, len(digits))
	}
	if _, err := hex.Decode(out[:], []byte(digits)); err != nil {
		return out, fmt.Errorf("EUI %.32q: %w", s, err)
	}
	return out, nil
}

func parseID6(s string) (lorawan.EUI64, error) {
	var out lorawan.EUI64
	head, tail, short := strings.Cut(s, "::")
	groups, last := fields(head), fields(tail)
	missing := 4 - len(groups) - len(last)
	if short && missing < 1 || !short && missing != 0 {
		return out, fmt.Errorf("EUI %.32q: want four groups of hex digits", s)
	}
	for range missing {
		groups = append(groups, "0")
	}
	for i, g := range append(groups, last...) {
		n, err := strconv.ParseUint(g, 16, 16)
		if err != nil {
			return lorawan.EUI64{}, fmt.Errorf("EUI %.32q: group %.8q is no 16-bit number in hex", s, g)
		}
		binary.BigEndian.PutUint16(out[2*i:], uint16(n))
	}
	return out, nil
}

func fields(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ":")
}

// id6 spells an EUI in four groups, as discovery does.
func id6(e lorawan.EUI64) string {
	group := func(i int) uint16 { return binary.BigEndian.Uint16(e[2*i:]) }
	return fmt.Sprintf("%x:%x:%x:%x", group(0), group(1), group(2), group(3))
}
