// Package authority is the built-in certificate authority of a region: it
// vouches for the platform's MQTT broker towards edges, and for edges towards
// the broker.
//
// It knows certificates, keys and lists of revoked ones (RFC 5280). Which edges
// there are, and which of their certificates were revoked, is the registry's;
// who is let in with one is the broker's.
package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"modellregion/internal/durable"
)

// The files of an authority in its folder.
const (
	CertFile = "ca.pem" // what edges are told to trust
	keyFile  = "ca.key" // readable by its owner alone; whoever has it can be every edge
)

const (
	lasts  = 20 * 365 * 24 * time.Hour // longer than a gateway
	slack  = time.Hour                 // by which the clocks of our own machines may differ
	before = 24 * time.Hour            // by which the authority begins before it was made
)

// Authority signs certificates. Its methods may be called from several
// goroutines.
type Authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Open opens the authority in a folder, or makes it there.
func Open(dir string) (*Authority, error) {
	a, err := load(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return a, err
	}
	if _, err := os.Stat(filepath.Join(dir, keyFile)); err == nil {
		return nil, fmt.Errorf("certificate authority in %s: it has %s and no %s: want both, as in your backup, or an empty folder for a new one", dir, keyFile, CertFile)
	}
	if err := create(dir); err != nil {
		return nil, fmt.Errorf("make certificate authority in %s: %w", dir, err)
	}
	return load(dir)
}

func load(dir string) (*Authority, error) {
	certPEM, err := os.ReadFile(filepath.Join(dir, CertFile))
	if err != nil {
		return nil, fmt.Errorf("read certificate authority: %w", err)
	}
	keyPath := filepath.Join(dir, keyFile)
	keyPEM, err := os.ReadFile(keyPath)
	if err != nil { // never ErrNotExist: a new key would make all that was issued worthless
		return nil, fmt.Errorf("read certificate authority: it has %s and no key: want %s as in your backup (%v)", CertFile, keyPath, err)
	}
	a, err := parse(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("certificate authority in %s: %w", dir, err)
	}
	return a, nil
}

// parse never shows the key in its errors.
func parse(certPEM, keyPEM []byte) (*Authority, error) {
	certBlock, _ := pem.Decode(certPEM)
	keyBlock, _ := pem.Decode(keyPEM)
	if certBlock == nil || keyBlock == nil {
		return nil, fmt.Errorf("%s or %s is not in PEM form: take both from your backup", CertFile, keyFile)
	}
	cert, err := x509.ParseCertificate(certBlock.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", CertFile, err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(keyBlock.Bytes)
	key, ok := parsed.(*ecdsa.PrivateKey)
	switch {
	case err != nil || !ok:
		return nil, fmt.Errorf("%s holds no elliptic-curve key in PKCS #8: take it from your backup", keyFile)
	case !key.PublicKey.Equal(cert.PublicKey):
		return nil, fmt.Errorf("%s is not the key of %s: take both from the same backup", keyFile, CertFile)
	case !cert.IsCA:
		return nil, fmt.Errorf("%s is no certificate of an authority", CertFile)
	}
	return &Authority{cert, key}, nil
}

// create makes an authority beside the folder and moves it there whole. Of two
// processes that do so one comes first, and the other one's is dropped.
func create(dir string) (err error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	made, err := os.MkdirTemp(filepath.Dir(dir), filepath.Base(dir)+".*.new")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(made)) }() // nothing is left of it when it was moved
	cert, key, err := newAuthority(time.Now())
	if err != nil {
		return err
	}
	err = errors.Join(durable.WriteFile(filepath.Join(made, keyFile), key, 0o600), durable.WriteFile(filepath.Join(made, CertFile), cert, 0o644))
	if err != nil {
		return err
	}
	// A folder takes the place of another only while that one is empty.
	if err := os.Rename(made, dir); err != nil {
		if _, there := os.Stat(filepath.Join(dir, CertFile)); there == nil {
			return nil
		}
		return err
	}
	parent, err := os.Open(filepath.Dir(dir))
	if err != nil {
		return err
	}
	return errors.Join(parent.Sync(), parent.Close())
}

// newAuthority returns a certificate and its key in PEM form. It signs
// certificates of clients and servers, and no further authority. It is not bound
// to names: those of the broker may change within twenty years, and nobody but
// our edges trusts it.
func newAuthority(now time.Time) (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Modellregion " + serial.Text(16)[:8]},
		NotBefore: now.Add(-before), NotAfter: now.Add(lasts),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, nil, err
	}
	key, err = keyPEM(private)
	return certPEM(der), key, err
}

// newSerial draws 127 bits (RFC 5280 §4.1.2.2: positive, at most 20 bytes), of
// which the first is set so that all are written with as many digits.
func newSerial() (*big.Int, error) {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil {
		return nil, err
	}
	return n.SetBit(n, 126, 1), nil
}

func certPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func keyPEM(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// PEM is the authority's certificate, for those who trust it.
func (a *Authority) PEM() []byte { return certPEM(a.cert.Raw) }

// Pool trusts this authority alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}
