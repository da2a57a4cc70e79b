package authority

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func open(t *testing.T, dir string) *Authority {
	t.Helper()
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func leaf(t *testing.T, i Issued) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(i.Cert)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tls.X509KeyPair(i.Cert, i.Key); err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestAuthorityStays(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "ca")
	first, second := open(t, dir), open(t, dir)
	if string(first.PEM()) != string(second.PEM()) {
		t.Error("a second Open makes another authority")
	}
	info, err := os.Stat(filepath.Join(dir, keyFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key has mode %v (%v)", info.Mode(), err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(dir), "*.new")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
	c := first.cert
	if !c.IsCA || !c.MaxPathLenZero || c.NotAfter.Before(time.Now().AddDate(19, 0, 0)) || c.KeyUsage != x509.KeyUsageCertSign|x509.KeyUsageCRLSign {
		t.Errorf("%+v", c)
	}
}

// Processes that start together have one authority.
func TestOneAuthorityForAll(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	var wait sync.WaitGroup
	got := make([]string, 16)
	for i := range got {
		wait.Go(func() {
			a, err := Open(dir)
			if err != nil {
				t.Error(err)
				return
			}
			got[i] = string(a.PEM())
		})
	}
	wait.Wait()
	for _, pem := range got {
		if pem != got[0] {
			t.Fatal("there are several authorities")
		}
	}
}

// What is damaged is never replaced by a new authority, which would shut out
// every edge, and no error shows the key.
func TestDamagedAuthority(t *testing.T) {
	other := filepath.Join(t.TempDir(), "ca")
	open(t, other)
	for name, tc := range map[string]struct {
		damage func(cert, key string) error
		want   string
	}{
		"no key":           {func(_, key string) error { return os.Remove(key) }, "and no key: want"},
		"no certificate":   {func(cert, _ string) error { return os.Remove(cert) }, "and no ca.pem"},
		"empty key":        {func(_, key string) error { return os.WriteFile(key, nil, 0o600) }, "not in PEM form"},
		"key of another":   {func(_, key string) error { return os.Rename(filepath.Join(other, keyFile), key) }, "is not the key of ca.pem"},
		"cert is a letter": {func(cert, _ string) error { return os.WriteFile(cert, []byte("Dear Sir"), 0o600) }, "not in PEM form"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "ca")
			open(t, dir)
			secret, err := os.ReadFile(filepath.Join(dir, keyFile))
			if err != nil {
				t.Fatal(err)
			}
			if err := tc.damage(filepath.Join(dir, CertFile), filepath.Join(dir, keyFile)); err != nil {
				t.Fatal(err)
			}
			_, err = Open(dir)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), string(secret[40:60])) {
				t.Errorf("error %v, want it to say %q and not the key", err, tc.want)
			}
		})
	}
}

func TestEdgeCertificate(t *testing.T) {
	a := open(t, filepath.Join(t.TempDir(), "ca"))
	now := time.Now()
	i, err := a.Edge("rathaus", 48*time.Hour, now)
	if err != nil {
		t.Fatal(err)
	}
	cert := leaf(t, i)
	if cert.Subject.CommonName != "rathaus" || Serial(cert) != i.Serial || len(i.Serial) != 32 || !cert.NotAfter.Equal(i.NotAfter) || cert.IsCA {
		t.Errorf("%+v", cert)
	}
	verify := func(roots *x509.CertPool, usage x509.ExtKeyUsage, at time.Time) error {
		_, err := cert.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{usage}, CurrentTime: at})
		return err
	}
	if err := verify(a.Pool(), x509.ExtKeyUsageClientAuth, now); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"as a server":       verify(a.Pool(), x509.ExtKeyUsageServerAuth, now),
		"too late":          verify(a.Pool(), x509.ExtKeyUsageClientAuth, now.Add(49*time.Hour)),
		"long before":       verify(a.Pool(), x509.ExtKeyUsageClientAuth, now.Add(-2*slack)),
		"another authority": verify(open(t, filepath.Join(t.TempDir(), "ca")).Pool(), x509.ExtKeyUsageClientAuth, now),
	} {
		if err == nil {
			t.Errorf("%s: it is good", name)
		}
	}
	again, err := a.Edge("rathaus", 48*time.Hour, now)
	if err != nil || again.Serial == i.Serial || string(again.Key) == string(i.Key) {
		t.Errorf("two certificates have the same serial number or key (%v)", err)
	}
	if _, err := a.Edge("rathaus", 30*365*24*time.Hour, now); err == nil || !strings.Contains(err.Error(), "after the authority itself") {
		t.Errorf("a certificate that outlives its authority: %v", err)
	}
	if shown := fmt.Sprintf("%v %+v %s", i, i, i); strings.Contains(shown, "PRIVATE") || strings.Contains(shown, string(i.Key[40:60])) {
		t.Errorf("%s shows the key", shown)
	}
}

// The broker's certificate is for its names, also for a clock that goes after,
// and there is a new one before it ends.
func TestBrokerCertificate(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		a := open(t, filepath.Join(dir, "ca"))
		began := time.Now()
		get := a.Broker([]string{"mqtt.musterstadt.example", "192.0.2.7"})
		current := func() *x509.Certificate {
			t.Helper()
			c, err := get(nil)
			if err != nil {
				t.Fatal(err)
			}
			return c.Leaf
		}
		first := current()
		for _, name := range []string{"mqtt.musterstadt.example", "192.0.2.7"} {
			if _, err := first.Verify(x509.VerifyOptions{Roots: a.Pool(), DNSName: name, CurrentTime: began.Add(-before / 2)}); err != nil {
				t.Error(err)
			}
		}
		if _, err := first.Verify(x509.VerifyOptions{Roots: a.Pool(), DNSName: "other.example"}); err == nil {
			t.Error("it is good for another name")
		}
		time.Sleep(serverLasts - renewBefore - time.Minute)
		if current() != first {
			t.Error("it was renewed too early")
		}
		time.Sleep(2 * time.Minute)
		second := current()
		if second == first || second.NotAfter.Before(time.Now().Add(serverLasts-time.Minute)) {
			t.Error("it was not renewed when a third was left")
		}
		// After ten years edges with a clock of last year are still served.
		time.Sleep(10 * serverLasts)
		if _, err := current().Verify(x509.VerifyOptions{Roots: a.Pool(), DNSName: "192.0.2.7", CurrentTime: time.Now().Add(-serverLasts)}); err != nil {
			t.Error(err)
		}
	})
}

func TestRevocationList(t *testing.T) {
	a := open(t, filepath.Join(t.TempDir(), "ca"))
	i, err := a.Edge("rathaus", time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, revoked := range [][]Revoked{nil, {{i.Serial, time.Now()}}} {
		text, err := a.RevocationList(revoked, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(text)
		list, err := x509.ParseRevocationList(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		if err := list.CheckSignatureFrom(a.cert); err != nil || len(list.RevokedCertificateEntries) != len(revoked) || list.NextUpdate.Before(a.cert.NotAfter) {
			t.Errorf("%v, %+v", err, list)
		}
		for _, e := range list.RevokedCertificateEntries {
			if e.SerialNumber.Cmp(leaf(t, i).SerialNumber) != 0 {
				t.Errorf("it lists %x", e.SerialNumber)
			}
		}
	}
	if _, err := a.RevocationList([]Revoked{{"xyz", time.Now()}}, time.Now()); err == nil || !strings.Contains(err.Error(), `"xyz", want hexadecimal`) {
		t.Error(err)
	}
}

// FuzzParse: files that are no authority are an error.
func FuzzParse(f *testing.F) {
	cert, key, err := newAuthority(time.Now())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(cert, key)
	f.Add(key, cert)
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), key)
	f.Fuzz(func(t *testing.T, cert, key []byte) {
		if a, err := parse(cert, key); err == nil && (!a.cert.IsCA || !a.key.PublicKey.Equal(a.cert.PublicKey)) {
			t.Error("it is taken for an authority")
		}
	})
}
