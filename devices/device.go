package devices

import (
	"encoding/hex"
	"fmt"
	"log/slog"
	"time"

	"modellregion/uplink"
)

// Visibility says who may see what a device measures.
type Visibility string

// Internal is the default: the operator alone. Public readings are aggregated
// and published as open data.
const (
	Internal Visibility = "internal"
	Public   Visibility = "public"
)

// Device is a sensor in the field: which one, where and for whom.
type Device struct {
	EUI          uplink.EUI
	JoinEUI      uplink.EUI
	Name         string // for people: "Bahnhofstraße 12, Fahrtrichtung Innenstadt"
	Station      string // public identifier; never the DevEUI
	Municipality string // id of a municipality of the region: "paderborn"
	Domain       uplink.Domain
	Profile      string // id of its Profile
	Edge         string // name of the edge gateway that serves it
	Place        Place
	District     string  // of the municipality: "Schloß Neuhaus"; may be empty
	Road         string  // or a stretch of it, as its authority calls it: "B 64, Abschnitt 12"; may be empty
	Segment      Segment // the stretch of road it watches; empty when it watches its place
	Visibility   Visibility
	Owner        string // whose it is, for the operator: "Tiefbauamt"; may be empty
	// Connection is the connection user whose meter it is, a pseudonym of the
	// operator's; empty unless it is a household meter. Those are personal data:
	// never public, and aggregated by Group alone, with others.
	Connection string
	Group      string // of households of a municipality that are published together; fixed for a year

	Disabled  bool              // known, but neither served nor published
	Variables map[string]string // what its codec is told of it, as variables in LoRa Alliance TS013
	Keys      Keys
	ResetFCnt bool   // ABP: a frame counter that begins anew is accepted, at the price of replay protection
	Nonces    uint32 // OTAA: rises when the DevNonces used so far are to be forgotten
}

// Household is a place where a household's consumption is metered. It is
// personal data (MsbG §49): for what aggregates groups of them, and for nobody
// else.
type Household struct {
	Station      string // as in Device.Station: what its readings are stored by
	Connection   string // as in Device.Connection; several stations may be of one
	Group        string // as in Device.Group, all of one municipality
	Municipality string
}

// Place is a point in WGS 84, degrees north and east.
type Place struct{ Lat, Lon float64 }

// Keys is what a device proves itself with. It prints as the kind of keys it
// holds, never as the keys.
type Keys struct {
	AppKey                  Key     // OTAA
	NwkKey                  Key     // OTAA with LoRaWAN 1.1
	DevAddr                 [4]byte // ABP, as are all below
	NwkSKey, AppSKey        Key     // with LoRaWAN 1.1, NwkSKey is FNwkSIntKey
	SNwkSIntKey, NwkSEncKey Key     // LoRaWAN 1.1
}

// Key is an AES-128 key, most significant byte first.
type Key [16]byte

// ParseKey reads 32 hexadecimal digits. The error does not repeat them.
func ParseKey(s string) (Key, error) {
	var k Key
	if len(s) != 32 {
		return Key{}, fmt.Errorf("key has %d characters, want 32 hexadecimal digits", len(s))
	}
	if _, err := hex.Decode(k[:], []byte(s)); err != nil {
		return Key{}, fmt.Errorf("key holds something else than the 32 hexadecimal digits wanted")
	}
	return k, nil
}

// Hex returns the key in the clear, as 32 lower-case hexadecimal digits.
func (k Key) Hex() string { return hex.EncodeToString(k[:]) }

// String does not show the key.
func (k Key) String() string {
	if k == (Key{}) {
		return "none"
	}
	return "secret"
}

// Format does not show the key either, whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.String()) }

// MarshalText does not show the key either: no encoder may by accident.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// LogValue does not show the key either.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// OTAA reports whether the device joins over the air.
func (k Keys) OTAA() bool { return k.AppKey != Key{} }

// ABP reports whether the device comes with a session.
func (k Keys) ABP() bool { return k.NwkSKey != Key{} && k.AppSKey != Key{} }

// Profile is what all devices of one model have in common.
type Profile struct {
	ID       string        `yaml:"id"`
	Name     string        `yaml:"name"`
	Vendor   string        `yaml:"vendor"`
	Source   string        `yaml:"source"` // where the payload format is documented
	Domain   uplink.Domain `yaml:"domain"`
	Interval time.Duration `yaml:"interval"` // between two uplinks, as configured in the field
	LoRaWAN  LoRaWAN       `yaml:"lorawan"`
	Codec    Codec         `yaml:"codec"`
}

// LoRaWAN is what the devices of a Profile implement. Empty fields stand for
// 1.0.3 and A.
type LoRaWAN struct {
	Version string `yaml:"version"` // of the link layer: one of LoRaWANVersions
	Class   string `yaml:"class"`   // "A" listens after its uplinks, "C" always
}

// LoRaWANVersions lists the versions of the link layer that an edge speaks.
func LoRaWANVersions() []string {
	return []string{"1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4", "1.1.0"}
}

// TwoRoots reports whether the network and the application have keys of their
// own, as from LoRaWAN 1.1 on.
func (l LoRaWAN) TwoRoots() bool { return l.Version == "1.1.0" }

// Codec says how a payload becomes readings; package devices/codec compiles
// it. It travels to the edges as JSON.
type Codec struct {
	Kind   string    `yaml:"kind" json:"kind"`               // "layout", "javascript" or "cayenne-lpp"
	Source string    `yaml:"source" json:"source,omitempty"` // of a layout or a JavaScript codec
	Map    []Mapping `yaml:"map" json:"map,omitempty"`       // for a JavaScript or Cayenne LPP codec
}

// Mapping says which quantity a field of a codec's output is.
type Mapping struct {
	// Path of the field in the output: "temperature", "lines[0].count",
	// "data.l1.voltage"; * stands for any index or key: "lanes[*].count". Of
	// Cayenne LPP, the type and the channel: "temperature_3".
	Path     string `yaml:"path" json:"path"`
	Quantity string `yaml:"quantity" json:"quantity"`
	// Channel of the reading; {1} stands for what the first * of the path
	// matched, indices counted from 1: "lane{1}".
	Channel string `yaml:"channel" json:"channel,omitempty"`
	// Unit of the codec's number when it is not the quantity's: "degF", "mV".
	Unit   string  `yaml:"unit" json:"unit,omitempty"`
	Scale  float64 `yaml:"scale" json:"scale,omitempty"`   // value = raw·scale + offset, before the unit is converted;
	Offset float64 `yaml:"offset" json:"offset,omitempty"` // a scale of 0 stands for 1
	// Values gives words and numbers of the codec a value: the name of a
	// category or a number in the quantity's unit, or "none" for no reading.
	Values map[string]string `yaml:"values" json:"values,omitempty"`
}
