package semtech

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/brocaar/lorawan"
)

// Allowed is a gateway that is served, and from where. It is written as the
// EUI alone, or as EUI@network: a84041ffff1eec20@10.8.0.0/16.
type Allowed struct {
	Gateway lorawan.EUI64
	From    netip.Prefix // where its datagrams come from; the zero value: from anywhere
}

// ParseAllow reads an Allowed as String writes it. The network may also be a
// single address.
func ParseAllow(s string) (Allowed, error) {
	eui, network, restricted := strings.Cut(s, "@")
	var a Allowed
	if err := a.Gateway.UnmarshalText([]byte(eui)); err != nil {
		return Allowed{}, fmt.Errorf("allowed gateway %q: EUI %q is not 16 hexadecimal digits", s, eui)
	}
	if !restricted {
		return a, nil
	}
	from, err := parseNetwork(network)
	if err != nil {
		return Allowed{}, fmt.Errorf("allowed gateway %q: %w", s, err)
	}
	a.From = from
	return a, nil
}

func parseNetwork(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		return netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return p, fmt.Errorf("network %q is neither an address nor one with its length like 10.8.0.0/16", s)
	case p.Addr().Is4In6():
		return p, fmt.Errorf("network %q is IPv4 written as IPv6, want it as IPv4", s)
	case p != p.Masked():
		// More likely a typing error than a network: 10.8.0.7/16 may be meant as the host.
		return p, fmt.Errorf("network %q has bits behind its length, want %s or a single address", s, p.Masked())
	}
	return p, nil
}

// String returns the gateway as ParseAllow reads it.
func (a Allowed) String() string {
	if !a.From.IsValid() {
		return a.Gateway.String()
	}
	return a.Gateway.String() + "@" + a.From.String()
}

// MarshalText implements encoding.TextMarshaler.
func (a Allowed) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; it reads what ParseAllow
// does.
func (a *Allowed) UnmarshalText(text []byte) error {
	got, err := ParseAllow(string(text))
	if err != nil {
		return err
	}
	*a = got
	return nil
}

// allowed returns the list by gateway, each with its networks; nil for an
// empty list.
func allowed(list []Allowed) (map[lorawan.EUI64][]netip.Prefix, error) {
	if len(list) == 0 {
		return nil, nil
	}
	out := make(map[lorawan.EUI64][]netip.Prefix, len(list))
	for _, a := range list {
		if a.From != (netip.Prefix{}) && !a.From.IsValid() {
			return nil, fmt.Errorf("allowed gateway %s has an invalid network", a.Gateway)
		}
		out[a.Gateway] = append(out[a.Gateway], a.From)
	}
	return out, nil
}

// serves reports whether the gateway may send from that address.
func (s *Server) serves(gateway lorawan.EUI64, from netip.Addr) bool {
	if s.allow == nil {
		return true
	}
	for _, network := range s.allow[gateway] {
		if !network.IsValid() || network.Contains(from.WithZone("")) { // no network has a zone
			return true
		}
	}
	return false
}
