package broker

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"testing"
	"time"

	"modellregion/internal/mqtt"
)

// certificate returns a certificate for localhost and the pool that trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		DNSNames:     []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestTLS(t *testing.T) {
	cert, pool := certificate(t)
	b, err := Listen(Config{Addr: "127.0.0.1:0", Identities: identities(), TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
	if err != nil {
		t.Fatal(err)
	}
	goRun(t, b.Run)
	client := func(trust *tls.Config) *mqtt.Client {
		c, err := mqtt.New(mqtt.Config{
			URL: "mqtts://" + b.Addr().String(), Username: "platform", Password: "p-secret", ClientID: t.Name(), TLS: trust,
		})
		if err != nil {
			t.Fatal(err)
		}
		goRun(t, c.Run)
		return c
	}
	good := client(&tls.Config{RootCAs: pool, ServerName: "localhost"})
	eventually(t, "client that trusts the certificate is connected", good.Connected)
	bad := client(nil)
	eventually(t, "broken handshake is counted", func() bool { return b.Stats().Rejected == 1 })
	if bad.Connected() {
		t.Error("a client is connected that does not trust the certificate")
	}
}
