package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"slices"
	"sync"
	"time"
)

const (
	serverLasts = 365 * 24 * time.Hour
	renewBefore = serverLasts / 3 // its end
)

// Issued is a certificate with its key.
type Issued struct {
	Cert, Key []byte // PEM
	Serial    string // hexadecimal digits
	NotAfter  time.Time
}

// LogValue implements slog.LogValuer: the key is in no log.
func (i Issued) LogValue() slog.Value { return slog.StringValue("certificate " + i.Serial) }

// String implements fmt.Stringer, without the key.
func (i Issued) String() string { return "certificate " + i.Serial }

// Serial is the serial number of a certificate as Issued has it.
func Serial(c *x509.Certificate) string { return c.SerialNumber.Text(16) }

// Edge issues the certificate of an edge, a client whose common name is the
// edge's.
func (a *Authority) Edge(name string, lasts time.Duration, now time.Time) (Issued, error) {
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-slack), NotAfter: now.Add(lasts),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	i, err := a.issue(template)
	if err != nil {
		return i, fmt.Errorf("issue a certificate to edge %s: %w", name, err)
	}
	return i, nil
}

// Server issues the certificate of a broker that is reached by these DNS names
// and IP addresses. It begins with the authority: an edge whose clock goes after
// by weeks, as after a winter in a drawer, takes it all the same, and its key is
// new.
func (a *Authority) Server(names []string, now time.Time) (Issued, error) {
	template := &x509.Certificate{
		NotBefore: a.cert.NotBefore, NotAfter: now.Add(serverLasts),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	i, err := a.issue(template)
	if err != nil {
		return i, fmt.Errorf("issue a server certificate to %v: %w", names, err)
	}
	return i, nil
}

func (a *Authority) issue(template *x509.Certificate) (Issued, error) {
	if template.NotAfter.After(a.cert.NotAfter) {
		return Issued{}, fmt.Errorf("it would end on %s, after the authority itself on %s: want a shorter time, or a new authority",
			template.NotAfter.Format(time.DateOnly), a.cert.NotAfter.Format(time.DateOnly))
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Issued{}, err
	}
	if template.SerialNumber, err = newSerial(); err != nil {
		return Issued{}, err
	}
	template.BasicConstraintsValid = true
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return Issued{}, err
	}
	text, err := keyPEM(key)
	return Issued{Cert: certPEM(der), Key: text, Serial: template.SerialNumber.Text(16), NotAfter: template.NotAfter.UTC().Truncate(time.Second)}, err
}

// Broker returns what a tls.Config needs as GetCertificate: a certificate for
// the names, which is replaced when a third of its time is left. It is kept in
// memory alone.
func (a *Authority) Broker(names []string) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	names = slices.Clone(names)
	var mu sync.Mutex
	var current *tls.Certificate
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		if current != nil && now.Before(current.Leaf.NotAfter.Add(-renewBefore)) {
			return current, nil
		}
		issued, err := a.Server(names, now)
		if err != nil {
			return nil, err
		}
		next, err := tls.X509KeyPair(issued.Cert, issued.Key)
		if err != nil {
			return nil, fmt.Errorf("take the certificate for %v in use: %w", names, err)
		}
		current = &next
		return current, nil
	}
}

// Revoked is a certificate that counts no more.
type Revoked struct {
	Serial string
	At     time.Time
}

// RevocationList returns a list of revoked certificates in PEM form. It holds as
// long as the authority: a broker that finds the list too old turns everybody
// away.
func (a *Authority) RevocationList(revoked []Revoked, now time.Time) ([]byte, error) {
	list := &x509.RevocationList{Number: big.NewInt(now.UnixMilli()), ThisUpdate: now.Add(-slack), NextUpdate: a.cert.NotAfter}
	for _, r := range revoked {
		serial, ok := new(big.Int).SetString(r.Serial, 16)
		if !ok {
			return nil, fmt.Errorf("list revoked certificates: serial number %.64q, want hexadecimal digits", r.Serial)
		}
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: serial, RevocationTime: r.At})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.cert, a.key)
	if err != nil {
		return nil, fmt.Errorf("list revoked certificates: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}), nil
}
