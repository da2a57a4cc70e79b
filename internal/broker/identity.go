package broker

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

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
	// Reader may read the up and event topics of its domains, of all edges.
	Reader Role = "reader"
)

// Identity is a user of the broker. User names are unique. Passwords are
// expected to be generated secrets of at least 128 bits; the broker keeps
// their SHA-256 only.
type Identity struct {
	User        string
	Password    string       // a password in the clear; empty: none
	Credentials []Credential // what logs in as User besides
	Role        Role
	Domains     []uplink.Domain // of a Reader
}

// Credential is a password or a certificate, of which the broker need not know
// more than this.
type Credential struct {
	Password [sha256.Size]byte // SHA-256 of the password
	Serial   string            // of the certificate, in hexadecimal digits; empty: it is a password
	Until    time.Time         // no longer; zero: for ever, or as long as the certificate
}

// Check explains why an identity cannot be used. It never shows the password.
func (id Identity) Check() error {
	switch {
	case id.User == "" || len(id.User) > 128 || strings.ContainsAny(id.User, "/+#\x00"):
		return fmt.Errorf("MQTT user %.64q: want 1 to 128 characters other than / + #", id.User)
	case id.Password == "" && len(id.Credentials) == 0:
		return fmt.Errorf("MQTT user %q has neither password nor certificate", id.User)
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
		for _, d := range id.Domains {
			if !d.Valid() {
				return fmt.Errorf("MQTT user %q reads domain %q, want some of %v", id.User, d, uplink.Domains())
			}
		}
		if len(id.Domains) == 0 {
			return fmt.Errorf("MQTT user %q reads no domain, want some of %v", id.User, uplink.Domains())
		}
		return nil
	default:
		return fmt.Errorf("MQTT user %q has role %q, want platform, edge or reader", id.User, id.Role)
	}
}

// account is an Identity as the broker keeps it.
type account struct {
	user        string
	credentials []Credential
	role        Role
	domains     []uplink.Domain
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
		all := slices.Clone(id.Credentials)
		if id.Password != "" {
			all = append(all, Credential{Password: sha256.Sum256([]byte(id.Password))})
		}
		as[id.User] = account{user: id.User, credentials: all, role: id.Role, domains: slices.Clone(id.Domains)}
	}
	return as, nil
}

// refusal is why a login is refused; empty: it is not.
type refusal string

const (
	badPassword refusal = "unknown user or wrong password"
	otherWill   refusal = "will on a topic of others"
	certOther   refusal = "user name is not that of the certificate"
	certRevoked refusal = "certificate is unknown or was revoked"
	certExpired refusal = "certificate has expired"
)

// login returns the account of a client and what it showed for it: its verified
// certificate, or else its password.
func (as accounts) login(cert *x509.Certificate, user string, password []byte, now time.Time) (account, Credential, refusal) {
	if cert == nil {
		return as.byPassword(user, password, now)
	}
	if user != "" && user != cert.Subject.CommonName {
		return account{}, Credential{}, certOther
	}
	a := as[cert.Subject.CommonName]
	shown, has := a.find(Credential{Serial: serialOf(cert)})
	switch {
	case !has:
		return account{}, Credential{}, certRevoked
	case now.After(cert.NotAfter) || shown.over(now):
		return account{}, Credential{}, certExpired
	}
	return a, shown, ""
}

// byPassword takes the same time whichever part of a password is wrong.
func (as accounts) byPassword(user string, password []byte, now time.Time) (account, Credential, refusal) {
	a := as[user]
	given := sha256.Sum256(password)
	for _, c := range a.credentials {
		if c.Serial == "" && subtle.ConstantTimeCompare(c.Password[:], given[:]) == 1 && !c.over(now) {
			return a, c, ""
		}
	}
	return account{}, Credential{}, badPassword
}

// serialOf is the serial number of a certificate as a Credential has it.
func serialOf(cert *x509.Certificate) string { return cert.SerialNumber.Text(16) }

// find returns the account's credential with that password or serial number.
func (a account) find(c Credential) (Credential, bool) {
	i := slices.IndexFunc(a.credentials, func(own Credential) bool { return own.Serial == c.Serial && own.Password == c.Password })
	if i < 0 {
		return Credential{}, false
	}
	return a.credentials[i], true
}

func (c Credential) over(now time.Time) bool { return !c.Until.IsZero() && now.After(c.Until) }

func (a account) sameRights(b account) bool {
	return a.role == b.role && slices.Equal(a.domains, b.domains)
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
		return slices.ContainsFunc(a.domains, func(d uplink.Domain) bool { return readsDomain(filter, d) })
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
