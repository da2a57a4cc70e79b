//go:build !ingestonly

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"modellregion/internal/broker"
	"modellregion/internal/mqtt"
)

// certificate returns a certificate of this machine, and the files that hold it
// and its key.
func certificate(t *testing.T) (cert tls.Certificate, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file(t, "cert.pem", text("CERTIFICATE", der)), file(t, "key.pem", text("PRIVATE KEY", secret))
}

func TestBrokerUserWithCertificates(t *testing.T) {
	cert, certFile, keyFile := certificate(t)
	b, err := broker.Listen(broker.Config{
		Addr: "127.0.0.1:0", TLSAddr: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler), Identities: []broker.Identity{{User: "platform", Password: "geheim", Role: broker.Platform}},
		TLS: &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAnyClientCert},
	})
	if err != nil {
		t.Fatal(err)
	}
	goOn(t, b.Run)
	good := BrokerUser{
		URL: "ssl://" + b.TLSAddr().String(), Username: "platform", PasswordFile: file(t, "password", "geheim\n"),
		CAFile: certFile, CertFile: certFile, KeyFile: keyFile,
	}
	cfg, err := good.client("mqtt.")
	if err != nil {
		t.Fatal(err)
	}
	up := make(chan struct{}, 1)
	cfg.ClientID, cfg.OnUp = "test", func(context.Context) { wake(up) }
	client, err := mqtt.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	goOn(t, client.Run)
	<-up

	for name, c := range map[string]struct {
		change func(*BrokerUser)
		want   string
	}{
		"no such file":  {func(b *BrokerUser) { b.CAFile = "/does/not/exist" }, "read mqtt.ca_file: open /does/not/exist"},
		"a key":         {func(b *BrokerUser) { b.CAFile = keyFile }, "mqtt.ca_file " + keyFile + ": no certificate in it"},
		"the wrong key": {func(b *BrokerUser) { _, _, b.KeyFile = certificate(t) }, "read mqtt.cert_file and mqtt.key_file"},
		"no password":   {func(b *BrokerUser) { b.PasswordFile = "/does/not/exist" }, "read secret"},
	} {
		bad := good
		c.change(&bad)
		if _, err := bad.client("mqtt."); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want it to say %q", name, err, c.want)
		}
	}
}
