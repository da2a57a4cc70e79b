package broker

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"modellregion/internal/authority"
	"modellregion/internal/mqtt"
	"modellregion/uplink"
)

// region is a broker with TLS and the authority that it trusts.
type region struct {
	*Broker
	authority *authority.Authority
	log       *record
}

// record keeps what is logged.
type record struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

func openAuthority(t *testing.T) *authority.Authority {
	t.Helper()
	a, err := authority.Open(t.TempDir() + "/ca")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// startTLS runs a broker in which the edges of identities have the credentials
// as well.
func startTLS(t *testing.T, a *authority.Authority, ids []Identity) region {
	t.Helper()
	log := &record{}
	b, err := Listen(Config{
		Addr: "127.0.0.1:0", Identities: ids, TLSAddr: "127.0.0.1:0",
		TLS: &tls.Config{GetCertificate: a.Broker([]string{"127.0.0.1", "localhost"}), ClientCAs: a.Pool()},
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	goRun(t, b.Run)
	return region{b, a, log}
}

func issue(t *testing.T, a *authority.Authority, name string, lasts time.Duration) (tls.Certificate, Credential) {
	t.Helper()
	i, err := a.Edge(name, lasts, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return pair(t, i), Credential{Serial: i.Serial, Until: i.NotAfter}
}

func pair(t *testing.T, i authority.Issued) tls.Certificate {
	t.Helper()
	c, err := tls.X509KeyPair(i.Cert, i.Key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// credentials are identities of which each edge has those of its name.
func credentials(of map[string][]Credential) []Identity {
	ids := identities()
	for i := range ids {
		ids[i].Credentials = of[ids[i].User]
	}
	return ids
}

// guest connects with TLS, and tells whether it is in and whether it was lost.
type guest struct {
	*mqtt.Client
	up, down chan struct{}
}

func (r region) guest(t *testing.T, user, password string, own ...tls.Certificate) guest {
	t.Helper()
	return r.trusting(t, r.authority.Pool(), user, password, own...)
}

func (r region) trusting(t *testing.T, roots *x509.CertPool, user, password string, own ...tls.Certificate) guest {
	t.Helper()
	g := guest{up: make(chan struct{}, 16), down: make(chan struct{}, 16)}
	show := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own[0], nil } // whatever the server trusts
	if len(own) == 0 {
		show = nil
	}
	var err error
	g.Client, err = mqtt.New(mqtt.Config{
		URL: "mqtts://" + r.TLSAddr().String(), Username: user, Password: password, ClientID: "guest-" + t.Name(),
		TLS:  &tls.Config{RootCAs: roots, GetClientCertificate: show},
		OnUp: func(context.Context) { g.up <- struct{}{} }, OnDown: func(error) { g.down <- struct{}{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	goRun(t, g.Run)
	return g
}

// A verified certificate is the login of its edge, with its name beside it or
// none; passwords work as before.
func TestCertificateLogsIn(t *testing.T) {
	a := openAuthority(t)
	cert, credential := issue(t, a, "mast-7", time.Hour)
	b := startTLS(t, a, credentials(map[string][]Credential{"mast-7": {credential}}))
	platform := connect(t, b.Broker, identities()[0], nil, "modellregion/v1/#")
	topic := "modellregion/v1/mast-7/energy/up"
	for _, user := range []string{"", "mast-7"} {
		g := b.guest(t, user, "", cert)
		wait(t, g.up, "login with a certificate and user "+user)
		if err := g.Publish(t.Context(), mqtt.Message{Topic: topic, Payload: []byte(user), QoS: 1}); err != nil {
			t.Fatal(err)
		}
		if m := wait(t, platform.got, "platform"); m.Topic != topic || string(m.Payload) != user {
			t.Errorf("user %q: got %+v", user, m)
		}
	}
	wait(t, b.guest(t, "mast-8", "8-secret").up, "login with a password")
	if s := b.Stats(); s.Certificates != (CertificateStats{}) || s.BadLogins+s.Rejected > 0 {
		t.Errorf("%+v", s)
	}
}

// Whoever shows something else is turned away, counted, and no secret is logged.
func TestLoginsRefused(t *testing.T) {
	a, other := openAuthority(t), openAuthority(t)
	good, credential := issue(t, a, "mast-7", time.Hour)
	unknown, _ := issue(t, a, "mast-7", time.Hour)
	foreign, foreignCredential := issue(t, other, "mast-7", time.Hour)
	past, pastCredential := issue(t, a, "mast-7", -time.Minute)
	ended, endedCredential := issue(t, a, "mast-7", time.Hour)
	endedCredential.Until = time.Now().Add(-time.Second)
	platform, _ := issue(t, a, "platform", time.Hour)
	server, err := a.Server([]string{"mast-7"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	oldPassword := Credential{Password: sha256.Sum256([]byte("old-secret")), Until: time.Now().Add(-time.Second)}
	ids := credentials(map[string][]Credential{"mast-7": {credential, foreignCredential, pastCredential, endedCredential, oldPassword}})
	for name, tc := range map[string]struct {
		user, password string
		own            []tls.Certificate
		counted        func(Stats) uint64
	}{
		"nobody":                      {"", "", nil, func(s Stats) uint64 { return s.BadLogins }},
		"no password":                 {"mast-7", "", nil, func(s Stats) uint64 { return s.BadLogins }},
		"password of another":         {"mast-7", "8-secret", nil, func(s Stats) uint64 { return s.BadLogins }},
		"password that has ended":     {"mast-7", "old-secret", nil, func(s Stats) uint64 { return s.BadLogins }},
		"certificate of another edge": {"mast-8", "", []tls.Certificate{good}, func(s Stats) uint64 { return s.Certificates.OtherUser }},
		"its password does not help":  {"mast-8", "8-secret", []tls.Certificate{good}, func(s Stats) uint64 { return s.Certificates.OtherUser }},
		"not in the list":             {"", "", []tls.Certificate{unknown}, func(s Stats) uint64 { return s.Certificates.Revoked }},
		"a user without certificates": {"", "", []tls.Certificate{platform}, func(s Stats) uint64 { return s.Certificates.Revoked }},
		"another authority":           {"mast-7", "7-secret", []tls.Certificate{foreign}, func(s Stats) uint64 { return s.Certificates.Untrusted }},
		"of a server":                 {"mast-7", "", []tls.Certificate{pair(t, server)}, func(s Stats) uint64 { return s.Certificates.Untrusted }},
		"expired":                     {"mast-7", "", []tls.Certificate{past}, func(s Stats) uint64 { return s.Certificates.Expired }},
		"replaced, and its time over": {"mast-7", "", []tls.Certificate{ended}, func(s Stats) uint64 { return s.Certificates.Expired }},
	} {
		t.Run(name, func(t *testing.T) {
			b := startTLS(t, a, ids)
			g := b.guest(t, tc.user, tc.password, tc.own...)
			eventually(t, "refusal is counted", func() bool { return tc.counted(b.Stats()) == 1 })
			s := b.Stats()
			if all := s.BadLogins + s.Certificates.Untrusted + s.Certificates.Expired + s.Certificates.Revoked + s.Certificates.OtherUser; all != 1 || g.Connected() {
				t.Errorf("connected %v, %+v", g.Connected(), s)
			}
			eventually(t, "refusal is logged", func() bool { return strings.Contains(b.log.String(), "refused") })
			if log := b.log.String(); strings.Contains(log, "secret") {
				t.Errorf("a password is in the log: %s", log)
			}
		})
	}
}

// The client has its part: it takes no broker that its authority does not know.
func TestBrokerOfAnotherAuthority(t *testing.T) {
	a, other := openAuthority(t), openAuthority(t)
	cert, credential := issue(t, a, "mast-7", time.Hour)
	b := startTLS(t, a, credentials(map[string][]Credential{"mast-7": {credential}}))
	g := b.trusting(t, other.Pool(), "mast-7", "", cert)
	eventually(t, "broken handshake is counted", func() bool { return b.Stats().Rejected == 1 })
	if g.Connected() {
		t.Error("a client is connected that does not trust the broker")
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	a := openAuthority(t)
	b := startTLS(t, a, identities())
	_, err := tls.Dial("tcp", b.TLSAddr().String(), &tls.Config{RootCAs: a.Pool(), MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	if err == nil || !strings.Contains(err.Error(), "protocol version") {
		t.Errorf("TLS 1.1: %v, want it refused", err)
	}
}

// An open connection ends with what it logged in with, and only then.
func TestRevokedConnectionIsCut(t *testing.T) {
	a := openAuthority(t)
	first, old := issue(t, a, "mast-7", time.Hour)
	second, renewed := issue(t, a, "mast-7", time.Hour)
	b := startTLS(t, a, credentials(map[string][]Credential{"mast-7": {old}}))
	other := connect(t, b.Broker, identities()[2], nil)
	g := b.guest(t, "", "", first)
	wait(t, g.up, "login")

	set := func(of ...Credential) {
		t.Helper()
		if err := b.SetIdentities(credentials(map[string][]Credential{"mast-7": of})); err != nil {
			t.Fatal(err)
		}
	}
	set(old, renewed) // renewing does not cut
	if !g.Connected() || b.Stats().Certificates.Cut != 0 {
		t.Fatalf("%+v", b.Stats())
	}
	set(renewed)
	wait(t, g.down, "cut of the revoked one")
	eventually(t, "its next login is refused", func() bool { return b.Stats().Certificates.Revoked > 0 })
	wait(t, b.guest(t, "", "", second).up, "login with the new one")
	if s := b.Stats(); s.Certificates.Cut != 1 || !other.Connected() {
		t.Errorf("%+v, the other edge is connected: %v", s, other.Connected())
	}
}

func TestExpiredConnectionIsCut(t *testing.T) {
	a := openAuthority(t)
	for name, change := range map[string]func(t *testing.T, b region, c Credential){
		"certificate": nil,
		"credential": func(t *testing.T, b region, c Credential) { // of a renewed one, while it is connected
			c.Until = time.Now().Add(10 * time.Millisecond)
			if err := b.SetIdentities(credentials(map[string][]Credential{"mast-7": {c}})); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			lasts := time.Hour
			if change == nil {
				lasts = 2 * time.Second // it has whole seconds
			}
			cert, credential := issue(t, a, "mast-7", lasts)
			credential.Until = time.Time{}
			b := startTLS(t, a, credentials(map[string][]Credential{"mast-7": {credential}}))
			g := b.guest(t, "", "", cert)
			wait(t, g.up, "login")
			if change != nil {
				change(t, b, credential)
			}
			wait(t, g.down, "cut")
			eventually(t, "the next login is refused", func() bool { return b.Stats().Certificates.Expired > 0 })
			if s := b.Stats(); s.Certificates.Cut != 1 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// An edge has what is its own, over TLS as well, and each attempt at something
// else ends its connection or is refused.
func TestEdgeReachesItsOwnAlone(t *testing.T) {
	a := openAuthority(t)
	cert, credential := issue(t, a, "mast-7", time.Hour)
	b := startTLS(t, a, credentials(map[string][]Credential{"mast-7": {credential}}))
	platform := connect(t, b.Broker, identities()[0], nil, "modellregion/v1/#")
	for _, topic := range []string{
		"modellregion/v1/mast-8/energy/up", "modellregion/v1/mast-8/status", "modellregion/v1/mast-8/energy/event",
		"modellregion/v1/mast-8/stored", "modellregion/v1/mast-7/stored", "modellregion/v1/mast-7/devices", "modellregion/v1/mast-8/devices",
		"modellregion/v1/mast-7/down/a84041ffff1eec20", "modellregion/v1/mast-8/down/a84041ffff1eec20",
		"modellregion/v1/mast-8/frame", "v1.1/Datastreams(1)", "other",
	} {
		g := b.guest(t, "", "", cert)
		wait(t, g.up, "login")
		denied := b.Stats().DeniedPublishes
		if err := g.Publish(t.Context(), mqtt.Message{Topic: topic, Payload: []byte("forged"), QoS: 1}); err == nil {
			t.Errorf("%s: published", topic)
		}
		if b.Stats().DeniedPublishes == denied {
			t.Errorf("%s: not counted", topic)
		}
		wait(t, g.down, "end of the connection")
	}
	for _, filter := range []string{
		"modellregion/v1/mast-8/devices", "modellregion/v1/mast-8/down/+", "modellregion/v1/mast-8/stored", "modellregion/v1/+/devices",
		"modellregion/v1/+/energy/up", "modellregion/v1/mast-7/energy/up", "modellregion/v1/#", "#", "$SYS/#", "v1.1/#",
		"$share/g/modellregion/v1/mast-8/devices",
	} {
		denied := b.Stats().DeniedSubscribes
		g, err := mqtt.New(mqtt.Config{
			URL: "mqtts://" + b.TLSAddr().String(), ClientID: "nosy",
			TLS: &tls.Config{RootCAs: a.Pool(), Certificates: []tls.Certificate{cert}},
		})
		if err != nil {
			t.Fatal(err)
		}
		g.Subscribe(filter, 1, func(context.Context, mqtt.Message) { t.Errorf("%s: something arrives", filter) })
		stop := goRun(t, g.Run)
		eventually(t, filter+" is refused", func() bool { return b.Stats().DeniedSubscribes > denied })
		stop()
	}
	select {
	case m := <-platform.got:
		t.Errorf("the platform got %+v", m)
	default:
	}
}

// A reader hears its domains and nothing else.
func TestReaderOfDomains(t *testing.T) {
	a := openAuthority(t)
	ids := identities()
	ids[3].Domains = []uplink.Domain{uplink.Energy, uplink.Road}
	b := startTLS(t, a, ids)
	edge := connect(t, b.Broker, ids[1], nil)
	reader := connect(t, b.Broker, ids[3], nil, "modellregion/v1/+/energy/up", "modellregion/v1/+/road/#")
	for _, domain := range []uplink.Domain{uplink.Traffic, uplink.Energy, uplink.Environment, uplink.Road} {
		edge.publish(t, "modellregion/v1/mast-7/"+string(domain)+"/up", string(domain))
	}
	for _, want := range []string{"energy", "road"} {
		if m := wait(t, reader.got, "reader"); string(m.Payload) != want {
			t.Errorf("got %s, want %s", m.Payload, want)
		}
	}
	if err := reader.Publish(t.Context(), mqtt.Message{Topic: "modellregion/v1/mast-7/energy/up", QoS: 1}); err == nil {
		t.Error("a reader publishes")
	}
	for _, filter := range []string{"modellregion/v1/+/traffic/up", "modellregion/v1/+/+/up"} {
		g, err := mqtt.New(mqtt.Config{URL: "tcp://" + b.Addr().String(), ClientID: "nosy", Username: ids[3].User, Password: ids[3].Password})
		if err != nil {
			t.Fatal(err)
		}
		denied := b.Stats().DeniedSubscribes
		g.Subscribe(filter, 1, func(context.Context, mqtt.Message) { t.Errorf("%s: something arrives", filter) })
		stop := goRun(t, g.Run)
		eventually(t, filter+" is refused", func() bool { return b.Stats().DeniedSubscribes > denied })
		stop()
	}
}

// One address cannot take all places of those who have not logged in; who has is
// not counted.
func TestStrangersOfOneAddress(t *testing.T) {
	a := openAuthority(t)
	cert, credential := issue(t, a, "mast-7", time.Hour)
	b := startTLS(t, a, credentials(map[string][]Credential{"mast-7": {credential}}))
	wait(t, b.guest(t, "", "", cert).up, "login")
	open := make([]net.Conn, maxStrangers+1)
	for i := range open {
		c, err := net.Dial("tcp", b.TLSAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }() // it has served its purpose
		open[i] = c
	}
	eventually(t, "one too many is turned away", func() bool { return b.Stats().Rejected == 1 })
	for _, c := range open {
		_ = c.Close() // likewise
	}
	eventually(t, "its places are free again", func() bool {
		b.secure.mu.Lock()
		defer b.secure.mu.Unlock()
		return len(b.secure.strangers) == 0
	})
	wait(t, b.guest(t, "mast-8", "8-secret").up, "login after that")
}

// TLS is where others connect, and only there.
func TestPorts(t *testing.T) {
	if b, err := Listen(Config{Addr: "0.0.0.0:0"}); err == nil || b != nil || !strings.Contains(err.Error(), "want TLS") {
		t.Errorf("without TLS outside loopback: %v", err)
	}
	if _, err := Listen(Config{Addr: "127.0.0.1:0", TLSAddr: "127.0.0.1:0"}); err == nil || !strings.Contains(err.Error(), "no certificate") {
		t.Errorf("TLS without a certificate: %v", err)
	}
}
