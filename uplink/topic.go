package uplink

import (
	"fmt"
	"slices"
	"strings"
)

// Root is the prefix of every topic of version 1 of this contract.
const Root = "modellregion/v1"

// Domain is the field of use a device belongs to. It is part of the topic, so
// that a reader can be given one domain and nothing else.
type Domain string

// The four domains.
const (
	Traffic     Domain = "traffic"
	Energy      Domain = "energy"
	Road        Domain = "road"
	Environment Domain = "environment"
)

// Domains lists all domains in the order in which they are shown.
func Domains() []Domain { return []Domain{Traffic, Energy, Road, Environment} }

// Valid reports whether d is one of the four domains.
func (d Domain) Valid() bool { return slices.Contains(Domains(), d) }

// Kind says what a topic carries.
type Kind string

// The kinds of topics, each with its writer and quality of service.
const (
	KindUp      Kind = "up"      // edge, QoS 1: Batch
	KindEvent   Kind = "event"   // edge and platform, QoS 1: Event
	KindStored  Kind = "stored"  // platform, QoS 1: Stored
	KindDevices Kind = "devices" // platform, QoS 1, retained: DeviceList
	KindDown    Kind = "down"    // platform, QoS 1: Command, for the device the topic names
	KindStatus  Kind = "status"  // edge, QoS 1, retained, last will: Status
	KindGateway Kind = "gateway" // edge, QoS 0: GatewayStats
	KindFrame   Kind = "frame"   // edge, QoS 1: Frame; other edges read it
)

// Topic is a parsed topic. Which fields are set depends on Kind: Domain for
// up and event, EUI for down (a DevEUI) and gateway (a gateway EUI). An event
// without a domain is about the edge itself or one of its gateways.
type Topic struct {
	Edge   string
	Kind   Kind
	Domain Domain
	EUI    EUI
}

// String returns the topic as it is published.
func (t Topic) String() string {
	switch {
	case t.Kind == KindUp, t.Kind == KindEvent && t.Domain != "":
		return Root + "/" + t.Edge + "/" + string(t.Domain) + "/" + string(t.Kind)
	case t.Kind == KindDown, t.Kind == KindGateway:
		return Root + "/" + t.Edge + "/" + string(t.Kind) + "/" + t.EUI.String()
	default:
		return Root + "/" + t.Edge + "/" + string(t.Kind)
	}
}

// ParseTopic reads a topic of this contract; the error names the part that is
// wrong. A topic of another version or application is an error too.
func ParseTopic(s string) (Topic, error) {
	rest, ok := strings.CutPrefix(s, Root+"/")
	if !ok {
		return Topic{}, fmt.Errorf("topic %.128q does not begin with %s/", s, Root)
	}
	edge, rest, _ := strings.Cut(rest, "/")
	if err := CheckEdgeName(edge); err != nil {
		return Topic{}, fmt.Errorf("topic %.128q: %w", s, err)
	}
	t := Topic{Edge: edge}
	first, second, two := strings.Cut(rest, "/")
	switch {
	case !two:
		t.Kind = Kind(first)
		if !slices.Contains([]Kind{KindStored, KindDevices, KindStatus, KindFrame, KindEvent}, t.Kind) {
			return Topic{}, fmt.Errorf("topic %.128q: unknown kind %q", s, first)
		}
	case first == string(KindDown) || first == string(KindGateway):
		t.Kind = Kind(first)
		eui, err := ParseEUI(second)
		if err != nil {
			return Topic{}, fmt.Errorf("topic %.128q: %w", s, err)
		}
		t.EUI = eui
	default:
		t.Domain, t.Kind = Domain(first), Kind(second)
		if !t.Domain.Valid() {
			return Topic{}, fmt.Errorf("topic %.128q: unknown domain %q, want one of %v", s, first, Domains())
		}
		if t.Kind != KindUp && t.Kind != KindEvent {
			return Topic{}, fmt.Errorf("topic %.128q: unknown kind %q below a domain, want up or event", s, second)
		}
	}
	// Hexadecimal digits may be written in two cases, a topic in one only.
	if t.String() != s {
		return Topic{}, fmt.Errorf("topic %.128q is not in its normal form %s", s, t)
	}
	return t, nil
}

// Filter returns the MQTT subscription filter for one kind of topic of one
// edge, or of every edge when edge is "+". Events are those of devices.
func Filter(edge string, kind Kind) string {
	switch kind {
	case KindUp, KindEvent:
		return Root + "/" + edge + "/+/" + string(kind)
	case KindDown, KindGateway:
		return Root + "/" + edge + "/" + string(kind) + "/+"
	default:
		return Root + "/" + edge + "/" + string(kind)
	}
}

// CheckEdgeName explains why a name cannot be that of an edge. An edge name is
// 1 to 32 lower-case letters, digits and inner hyphens: it is a level of a
// topic, an MQTT user name and a file name.
func CheckEdgeName(name string) error {
	ok := len(name) >= 1 && len(name) <= 32 && name[0] != '-' && name[len(name)-1] != '-'
	for i := 0; ok && i < len(name); i++ {
		c := name[i]
		ok = c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-'
	}
	if !ok {
		return fmt.Errorf("edge name %.64q: want 1 to 32 of a-z, 0-9 and inner hyphens, like rathaus-1", name)
	}
	return nil
}
