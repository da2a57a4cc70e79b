//go:build !ingestonly

package main

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"

	"modellregion/devices/registry"
	"modellregion/internal/authority"
	"modellregion/internal/broker"
)

// authorityDir is where the built-in certificate authority is.
func authorityDir(cfg config) string { return filepath.Join(cfg.DataDir, "ca") }

// identities are who may use the embedded broker. An edge of the configuration
// has the password that was drawn for it, until it is revoked, and what the
// registry has for it.
func (c *config) identities(logins mqttLogins, r roster, readers []broker.Identity) ([]broker.Identity, error) {
	ids := append(slices.Clone(readers), broker.Identity{User: platformUser, Password: logins.Passwords[platformUser], Role: broker.Platform})
	for _, name := range r.names {
		id := broker.Identity{User: name, Role: broker.Edge}
		if drawn := logins.Passwords[name]; c.isInside(name) || c.hasEdge(name) && !r.revoked[passwordID(drawn)] {
			id.Password = drawn
		}
		for _, own := range r.credentials[name] {
			if !own.Revoked.IsZero() {
				continue
			}
			shown := broker.Credential{Serial: own.ID, Until: own.Expires}
			if own.Kind == registry.Password {
				shown.Serial = ""
				if n, err := hex.Decode(shown.Password[:], []byte(own.ID)); err != nil || n != len(shown.Password) {
					return nil, fmt.Errorf("password of edge %s in the registry: %q is no SHA-256", name, own.ID)
				}
			}
			id.Credentials = append(id.Credentials, shown)
		}
		if id.Password != "" || len(id.Credentials) > 0 {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// passwordID is how the registry knows a password. It needs no slow hash and no
// salt: passwords are drawn with 130 bits, and no table has them.
func passwordID(password string) string {
	sum := sha256.Sum256([]byte(password))
	return hex.EncodeToString(sum[:])
}

// readers are the users of mqtt.readers, with their passwords.
func (c *config) readers() ([]broker.Identity, error) {
	var ids []broker.Identity
	for i, r := range c.MQTT.Readers {
		id := broker.Identity{User: r.Name, Role: broker.Reader, Domains: r.Domains}
		if err := readSecret(r.PasswordFile, &id.Password); err != nil {
			return nil, fmt.Errorf("mqtt.readers[%d].password_file: %w", i, err)
		}
		if len(id.Password) < leastPassword {
			return nil, fmt.Errorf("mqtt.readers[%d].password_file: %s holds %d characters, want at least %d that were drawn, as by openssl rand -hex 16",
				i, r.PasswordFile, len(id.Password), leastPassword)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// leastPassword is a length, in characters, that nobody chooses in the head.
const leastPassword = 20

// brokerTLS is what gateways elsewhere meet: a certificate of the configuration
// or one of the built-in authority, which vouches for edges in any case.
func (c *config) brokerTLS() (*tls.Config, error) {
	if c.MQTT.TLS.Listen == "" {
		return nil, nil
	}
	a, err := authority.Open(authorityDir(*c))
	if err != nil {
		return nil, err
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12, ClientCAs: a.Pool(), GetCertificate: a.Broker(c.MQTT.TLS.Names)}
	if c.MQTT.TLS.CertFile != "" {
		own, err := tls.LoadX509KeyPair(c.MQTT.TLS.CertFile, c.MQTT.TLS.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("read mqtt.tls.cert_file and mqtt.tls.key_file: %w", err)
		}
		out.Certificates, out.GetCertificate = []tls.Certificate{own}, nil
	}
	return out, nil
}
