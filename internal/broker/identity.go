package broker

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"strings"

	"modellregion/uplink"
)

// Role says which topics an Identity may use.
type Role string

// The three roles.
const (
	// Platform may publish and read everything below uplink.Root.
	Platform Role = "platform"
	// Edge may publish its own up, event, status, gateway and frame topics and
	// read its own stored, devices and down topics and the frame topics of all
	// edges. Its user name is the name of the edge.
	Edge Role = "edge"
	// Reader may read the up and event topics of one domain, of all edges.
	Reader Role = "reader"
)

// Identity is a user of the broker. User names are unique. Passwords are
// expected to be generated secrets of at least 128 bits; the broker keeps
// their SHA-256 only.
type Identity struct {
	User     string
	Password string
	Role     Role
	Domain   uplink.Domain // of a Reader
}

// Check explains why an identity cannot be used. It never shows the password.
func (id Identity) Check() error {
	switch {
	case id.User == "" || len(id.User) > 128 || strings.ContainsAny(id.User, "/+#\x00"):
		return fmt.Errorf("MQTT user %.64q: want 1 to 128 characters other than / + #", id.User)
	case id.Password == "":
		return fmt.Errorf("MQTT user %q has no password", id.User)
	}
	switch id.Role {
	case Platform:
		return nil
	case Edge:
		if err := uplink.CheckEdgeName(id.User); err != nil {
			return fmt.Errorf("MQTT user: %w", err)
		}
		return nil
	case Reader:
		if !id.Domain.Valid() {
			return fmt.Errorf("MQTT user %q reads domain %q, want one of %v", id.User, id.Domain, uplink.Domains())
		}
		return nil
	default:
		return fmt.Errorf("MQTT user %q has role %q, want platform, edge or reader", id.User, id.Role)
	}
}

// account is an Identity as the broker keeps it.
type account struct {
	user   string
	secret [sha256.Size]byte
	role   Role
	domain uplink.Domain
}

// accounts maps user names to accounts. It is never changed, only replaced.
type accounts map[string]account

func newAccounts(ids []Identity) (accounts, error) {
	as := make(accounts, len(ids))
	for _, id := range ids {
		if err := id.Check(); err != nil {
			return nil, err
		}
		if _, twice := as[id.User]; twice {
			return nil, fmt.Errorf("MQTT user %q is listed twice", id.User)
		}
		as[id.User] = account{user: id.User, secret: sha256.Sum256([]byte(id.Password)), role: id.Role, domain: id.Domain}
	}
	return as, nil
}

// login returns the account with this name and password. It takes the same
// time whether the name or the password is wrong.
func (as accounts) login(user, password []byte) (account, bool) {
	a, known := as[string(user)]
	given := sha256.Sum256(password)
	same := subtle.ConstantTimeCompare(a.secret[:], given[:]) == 1
	return a, known && same
}

// mayPublish reports whether the account may publish on a topic.
func (a account) mayPublish(topic string) bool {
	switch a.role {
	case Platform:
		return strings.HasPrefix(topic, uplink.Root+"/")
	case Edge:
		t, err := uplink.ParseTopic(topic)
		if err != nil || t.Edge != a.user {
			return false
		}
		switch t.Kind {
		case uplink.KindUp, uplink.KindEvent, uplink.KindStatus, uplink.KindGateway, uplink.KindFrame:
			return true
		}
	}
	return false
}

// mayRead reports whether the account may subscribe to a filter or, asked
// again for each delivery, receive a topic.
func (a account) mayRead(filter string) bool {
	switch a.role {
	case Platform:
		return strings.HasPrefix(withoutShare(filter), uplink.Root+"/")
	case Edge:
		if filter == uplink.Filter(a.user, uplink.KindDown) || filter == uplink.Filter("+", uplink.KindFrame) {
			return true
		}
		t, err := uplink.ParseTopic(filter)
		if err != nil {
			return false
		}
		switch t.Kind {
		case uplink.KindFrame: // encrypted, and heard by whoever has a radio
			return true
		case uplink.KindStored, uplink.KindDevices, uplink.KindDown:
			return t.Edge == a.user
		}
	case Reader:
		return readsDomain(filter, a.domain)
	}
	return false
}

// readsDomain reports whether filter matches topics of domain d only: it is
// Root/{edge or +}/d/{up, event, + or #}.
func readsDomain(filter string, d uplink.Domain) bool {
	rest, ok := strings.CutPrefix(filter, uplink.Root+"/")
	if !ok {
		return false
	}
	levels := strings.Split(rest, "/")
	if len(levels) != 3 || levels[1] != string(d) {
		return false
	}
	if levels[0] != "+" && uplink.CheckEdgeName(levels[0]) != nil {
		return false
	}
	switch levels[2] {
	case string(uplink.KindUp), string(uplink.KindEvent), "+", "#":
		return true
	}
	return false
}

// withoutShare returns the filter inside a shared subscription
// "$share/{group}/{filter}" (MQTT 5 §4.8.2), and any other filter unchanged.
func withoutShare(filter string) string {
	rest, ok := strings.CutPrefix(filter, "$share/")
	if !ok {
		return filter
	}
	_, inner, _ := strings.Cut(rest, "/")
	return inner
}
