package basicstation

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/brocaar/lorawan"
	"github.com/gorilla/websocket"
)

// authority signs certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, pool: x509.NewCertPool()}
	cert := a.issue("authority", true)
	a.cert, a.key = cert.Leaf, cert.PrivateKey.(*ecdsa.PrivateKey)
	a.pool.AddCert(a.cert)
	return a
}

// issue returns a certificate with that common name, for the server on this
// machine as well as for a gateway.
func (a *authority) issue(name string, isCA bool) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IsCA: isCA, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// try runs discovery and connects where it says; it returns whether the
// gateway on the roof was let in, and checks that both doors agree.
func try(t *testing.T, s *Server, client *tls.Config, authorization string) bool {
	t.Helper()
	dialer := websocket.Dialer{TLSClientConfig: client, HandshakeTimeout: 10 * time.Second}
	header := http.Header{}
	if authorization != "" {
		header.Set("Authorization", authorization)
	}
	_, port, _ := strings.Cut(s.Addr().String(), ":")
	base := "wss://localhost:" + port
	ws, _, err := dialer.Dial(base+"/router-info", header)
	if err != nil {
		return false
	}
	defer ws.Close()
	g := station{t, ws}
	g.send(`{"router":"a840:41ff:ff1e:ec20"}`)
	var info routerInfo
	g.read(&info)
	if want := base + "/gateway/a84041ffff1eec20"; info.Error == "" && info.URI != want {
		t.Errorf("discovery names %s, want %s", info.URI, want)
	}
	ws, _, err = dialer.Dial(base+"/gateway/a84041ffff1eec20", header)
	if (err == nil) != (info.Error == "") {
		t.Errorf("discovery says %+v, the endpoint %v", info, err)
	}
	if err != nil {
		return false
	}
	defer ws.Close()
	station{t, ws}.configure()
	return true
}

func TestTLS(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	server := tls.Config{Certificates: []tls.Certificate{ours.issue("localhost", false)}, NextProtos: []string{"h2"}}
	mutual := server.Clone()
	mutual.ClientAuth, mutual.ClientCAs = tls.RequireAndVerifyClientCert, ours.pool
	token := func(g lorawan.EUI64) string {
		if g == roof {
			return "s3cret"
		}
		return ""
	}
	client := func(certs ...tls.Certificate) *tls.Config {
		return &tls.Config{RootCAs: ours.pool, Certificates: certs}
	}
	tests := map[string]struct {
		opts          Options
		client        *tls.Config
		authorization string
		want          bool
	}{
		"TLS":                            {Options{TLS: &server}, client(), "", true},
		"client that prefers HTTP/2":     {Options{TLS: &server}, &tls.Config{RootCAs: ours.pool, NextProtos: []string{"h2", "http/1.1"}}, "", true},
		"server not trusted":             {Options{TLS: &server}, &tls.Config{RootCAs: theirs.pool}, "", false},
		"certificate":                    {Options{TLS: mutual}, client(ours.issue("a84041ffff1eec20", false)), "", true},
		"certificate, dashed":            {Options{TLS: mutual}, client(ours.issue("A8-40-41-FF-FF-1E-EC-20", false)), "", true},
		"certificate of another gateway": {Options{TLS: mutual}, client(ours.issue("a84041ffff1eec21", false)), "", false},
		"certificate of no gateway":      {Options{TLS: mutual}, client(ours.issue("roof", false)), "", false},
		"certificate of a stranger":      {Options{TLS: mutual}, client(theirs.issue("a84041ffff1eec20", false)), "", false},
		"no certificate":                 {Options{TLS: mutual}, client(), "", false},
		"token":                          {Options{TLS: &server, Token: token}, client(), "s3cret", true},
		"bearer token":                   {Options{TLS: &server, Token: token}, client(), "Bearer s3cret", true},
		"wrong token":                    {Options{TLS: &server, Token: token}, client(), "Bearer s3cre", false},
		"no token":                       {Options{TLS: &server, Token: token}, client(), "", false},
		"gateway without a token":        {Options{TLS: &server, Token: func(lorawan.EUI64) string { return "" }}, client(), "", false},
		"certificate, wrong token":       {Options{TLS: mutual, Token: token}, client(ours.issue("a84041ffff1eec20", false)), "x", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := start(t, newReceiver(1), tt.opts)
			if got := try(t, s, tt.client, tt.authorization); got != tt.want {
				t.Errorf("let in: %t, want %t", got, tt.want)
			}
		})
	}
	t.Run("counted", func(t *testing.T) {
		r := newReceiver(1)
		try(t, start(t, r, Options{TLS: &server, Token: token}), client(), "x")
		for range 2 { // discovery and endpoint
			if reason := next(t, r.dropped); reason != DropAuth {
				t.Errorf("dropped as %s, want %s", reason, DropAuth)
			}
		}
	})
	t.Run("outside loopback", func(t *testing.T) {
		s, err := Listen("0.0.0.0:0", Options{TLS: &server})
		if err != nil {
			t.Fatal(err)
		}
		run(t, s, newReceiver(1))
	})
	t.Run("certificates not verified", func(t *testing.T) {
		careless := server.Clone()
		careless.ClientAuth = tls.RequireAnyClientCert
		if s, err := Listen("127.0.0.1:0", Options{TLS: careless}); err == nil {
			t.Errorf("listening on %s", s.Addr())
		}
	})
}
