package semtech

import (
	"net/netip"
	"strings"
	"testing"
)

func TestParseAllow(t *testing.T) {
	tests := []struct {
		text, want, err string // want: "" when it is the text
	}{
		{text: "a84041ffff1eec20"},
		{text: "A84041FFFF1EEC20", want: "a84041ffff1eec20"},
		{text: "a84041ffff1eec20@10.8.0.0/16"},
		{text: "a84041ffff1eec20@10.8.0.7/32"},
		{text: "a84041ffff1eec20@10.8.0.7", want: "a84041ffff1eec20@10.8.0.7/32"},
		{text: "a84041ffff1eec20@::ffff:10.8.0.7", want: "a84041ffff1eec20@10.8.0.7/32"},
		{text: "a84041ffff1eec20@fd00::/8"},
		{text: "a84041ffff1eec20@0.0.0.0/0"},
		{text: "", err: `EUI ""`},
		{text: "a84041ffff1eec", err: `EUI "a84041ffff1eec" is not 16 hexadecimal digits`},
		{text: "a84041ffff1eec2x@10.8.0.0/16", err: "is not 16 hexadecimal digits"},
		{text: "a84041ffff1eec20@", err: `network ""`},
		{text: "a84041ffff1eec20@10.8.0.0/33", err: `network "10.8.0.0/33" is neither`},
		{text: "a84041ffff1eec20@vpn", err: `network "vpn" is neither`},
		{text: "a84041ffff1eec20@10.8.0.7/16", err: "want 10.8.0.0/16"},
		{text: "a84041ffff1eec20@::ffff:10.8.0.0/112", err: "want it as IPv4"},
		{text: "a84041ffff1eec20@fe80::1%eth0", err: "is neither"},
		{text: "a84041ffff1eec20@10.8.0.0/16@10.9.0.0/16", err: "is neither"},
	}
	for _, tt := range tests {
		var a Allowed
		err := a.UnmarshalText([]byte(tt.text))
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) || !strings.Contains(err.Error(), `"`+tt.text+`"`) {
				t.Errorf("%q: got %v, want an error with %s", tt.text, err, tt.err)
			}
			if a != (Allowed{}) {
				t.Errorf("%q: changed to %v in spite of the error", tt.text, a)
			}
			continue
		}
		if tt.want == "" {
			tt.want = tt.text
		}
		text, _ := a.MarshalText()
		if err != nil || string(text) != tt.want {
			t.Errorf("%q: got %s, %v, want %s", tt.text, text, err, tt.want)
		}
	}
}

func FuzzParseAllow(f *testing.F) {
	f.Add("a84041ffff1eec20")
	f.Add("a84041ffff1eec20@10.8.0.0/16")
	f.Add("a84041ffff1eec20@fd00::/8")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseAllow(text)
		if err != nil {
			return
		}
		if b, err := ParseAllow(a.String()); err != nil || b != a {
			t.Errorf("%q is %v, and that is %v, %v", text, a, b, err)
		}
	})
}

func TestServes(t *testing.T) {
	allow := func(list ...string) []Allowed {
		var out []Allowed
		for _, text := range list {
			a, err := ParseAllow(text)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, a)
		}
		return out
	}
	const eui = "a84041ffff1eec20"
	tests := map[string]struct {
		allow []Allowed
		from  string
		want  bool
	}{
		"everybody":              {nil, "192.0.2.1", true},
		"from anywhere":          {allow(eui), "192.0.2.1", true},
		"another":                {allow("0000000000000001"), "192.0.2.1", false},
		"in the network":         {allow(eui + "@192.0.2.0/24"), "192.0.2.1", true},
		"not in the network":     {allow(eui + "@192.0.2.0/24"), "192.0.3.1", false},
		"in the second network":  {allow(eui+"@192.0.3.0/24", eui+"@192.0.2.1"), "192.0.2.1", true},
		"another one's network":  {allow(eui+"@192.0.3.0/24", "0000000000000001@192.0.2.0/24"), "192.0.2.1", false},
		"IPv6":                   {allow(eui + "@fd00::/8"), "fd00::1", true},
		"link-local with a zone": {allow(eui + "@fe80::/10"), "fe80::1%eth0", true},
	}
	for name, tt := range tests {
		networks, err := allowed(tt.allow)
		if err != nil {
			t.Fatal(err)
		}
		s := &Server{allow: networks}
		if got := s.serves(roof, netip.MustParseAddr(tt.from)); got != tt.want {
			t.Errorf("%s: got %t, want %t", name, got, tt.want)
		}
	}
	// A network that netip could not make must not mean "from anywhere".
	bad := Allowed{Gateway: roof, From: netip.PrefixFrom(netip.MustParseAddr("10.0.0.0"), 99)}
	if s, err := Listen("127.0.0.1:0", Options{Allow: []Allowed{bad}}); err == nil {
		t.Errorf("listening on %s with an invalid network", s.Addr())
	}
}
