//go:build !ingestonly

package main

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"modellregion/devices/registry"
	"modellregion/internal/authority"
	"modellregion/internal/broker"
	"modellregion/internal/durable"
)

type edgesMosquittoCmd struct {
	withConfig
	Dir   string   `arg:"" help:"Folder to write into." type:"path"`
	At    string   `help:"Where the folder will be on the broker's machine. Default: the same." placeholder:"DIR"`
	Names []string `help:"DNS names and IP addresses of the broker, for its certificate. Default: mqtt.tls.names, or the host of mqtt.url." placeholder:"NAME,..."`
}

// Help says how the files get to Mosquitto and what has to be done again.
func (edgesMosquittoCmd) Help() string {
	return `For a Mosquitto 2 in place of the embedded broker. The folder gets:

  mosquitto.conf   two ports with TLS: 8883 for edges with certificates, 8884 for passwords
  acl, acl-users   the rights of edges and of all others, as the embedded broker has them
  passwd           passwords, hashed, of the platform, readers and edges with one
  ca.pem, server.pem, server.key, crl.pem   authority, the broker's certificate and key, what was revoked

  modellregion edges mosquitto -c region.yaml --at /etc/mosquitto/modellregion out
  scp -r out root@broker:/etc/mosquitto/modellregion
  ssh root@broker 'chown -R mosquitto: /etc/mosquitto/modellregion &&
    echo include_dir /etc/mosquitto/modellregion >> /etc/mosquitto/mosquitto.conf && systemctl restart mosquitto'

The platform logs in at port 8884: mqtt.url ssl://broker:8884 with mqtt.ca_file ca.pem and its password (mqtt.password_file, or the one in mqtt.json).
Do it again after edges add --password, edges renew and edges revoke, and at least once a year, since the broker's certificate lasts that long. Mosquitto reads the files when it starts; that also cuts what is open. An edge with a certificate needs nothing to be added.
What edges renew replaced counts at Mosquitto until its own end, or until the list of revoked ones is written 30 days later.`
}

// Run writes the files.
func (c edgesMosquittoCmd) Run(ctx context.Context, t *terminal) error {
	return c.withStore(ctx, func(s store) error {
		dir, err := filepath.Abs(c.Dir)
		if err != nil {
			return err
		}
		users, passwords, missing, err := s.mosquittoUsers(time.Now())
		if err != nil {
			return err
		}
		files, err := c.certificates(s, time.Now())
		if err != nil {
			return err
		}
		files["acl"], files["acl-users"] = broker.MosquittoEdgesACL(), broker.MosquittoACL(users...)
		files["passwd"] = passwords
		files["mosquitto.conf"] = fmt.Sprintf(mosquittoConf, either(c.At, dir))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make folder for Mosquitto: %w", err)
		}
		for _, name := range slices.Sorted(maps.Keys(files)) {
			mode := os.FileMode(0o644)
			if name == "passwd" || name == "server.key" {
				mode = 0o600
			}
			if err := durable.WriteFile(filepath.Join(dir, name), []byte(files[name]), mode); err != nil {
				return err
			}
		}
		fmt.Fprintf(t.out, "%s: written for Mosquitto, to be used at %s\n", dir, either(c.At, dir))
		if len(missing) > 0 {
			fmt.Fprintf(t.out, "these edges have nothing to log in with there: %s; edges add gives them a certificate\n", strings.Join(missing, ", "))
		}
		return nil
	})
}

// mosquittoUsers are the users with a password, the content of the password file,
// and the edges that cannot log in.
func (s store) mosquittoUsers(now time.Time) (users []broker.Identity, passwd string, missing []string, err error) {
	logins, err := loadMQTTLogins(s.cfg.DataDir, nil)
	if err != nil {
		return nil, "", nil, err
	}
	platform := broker.Identity{User: either(s.cfg.MQTT.Username, platformUser), Password: logins.Passwords[platformUser], Role: broker.Platform}
	if err := readSecret(s.cfg.MQTT.PasswordFile, &platform.Password); err != nil {
		return nil, "", nil, err
	}
	readers, err := s.cfg.readers()
	if err != nil {
		return nil, "", nil, err
	}
	users = append([]broker.Identity{platform}, readers...)
	var file strings.Builder
	add := func(user, password string) error {
		hashed, err := broker.MosquittoPassword(password)
		fmt.Fprintf(&file, "%s:%s\n", user, hashed)
		return err
	}
	for _, u := range users {
		if err := add(u.User, u.Password); err != nil {
			return nil, "", nil, err
		}
	}
	for _, name := range s.roster.names {
		own := s.roster.credentials[name]
		newest := slices.IndexFunc(own, func(c registry.Credential) bool { return c.Counts(now) && c.Mosquitto != "" && c.Expires.IsZero() })
		drawn := logins.Passwords[name]
		edge := broker.Identity{User: name, Role: broker.Edge}
		switch {
		case newest >= 0: // Mosquitto has one password for a user
			fmt.Fprintf(&file, "%s:%s\n", name, own[newest].Mosquitto)
			users = append(users, edge)
		case slices.ContainsFunc(own, func(c registry.Credential) bool { return c.Counts(now) }): // a certificate
		case s.cfg.hasEdge(name) && drawn != "" && !s.roster.revoked[passwordID(drawn)]:
			if err := add(name, drawn); err != nil {
				return nil, "", nil, err
			}
			users = append(users, edge)
		default:
			missing = append(missing, name)
		}
	}
	return users, file.String(), missing, nil
}

// certificates are the PEM files by name.
func (c edgesMosquittoCmd) certificates(s store, now time.Time) (map[string]string, error) {
	names := c.Names
	if len(names) == 0 {
		names = s.cfg.MQTT.TLS.Names
	}
	if u, err := url.Parse(s.cfg.MQTT.URL); len(names) == 0 && err == nil && u.Hostname() != "" {
		names = []string{u.Hostname()}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("certificate of the broker: by which names is it reached? Want --names mqtt.musterstadt.example")
	}
	for _, name := range names {
		if err := checkHost(name); err != nil {
			return nil, fmt.Errorf("certificate of the broker: --names %w", err)
		}
	}
	a, err := authority.Open(authorityDir(s.cfg))
	if err != nil {
		return nil, err
	}
	server, err := a.Server(names, now)
	if err != nil {
		return nil, err
	}
	var dead []authority.Revoked
	for _, own := range s.roster.credentials {
		for _, c := range own {
			if c.Kind != registry.Certificate || c.Counts(now) {
				continue
			}
			at := c.Revoked
			if at.IsZero() { // replaced, and its time is over
				at = c.Expires
			}
			dead = append(dead, authority.Revoked{Serial: c.ID, At: at})
		}
	}
	list, err := a.RevocationList(dead, now)
	if err != nil {
		return nil, err
	}
	return map[string]string{"ca.pem": string(a.PEM()), "server.pem": string(server.Cert), "server.key": string(server.Key), "crl.pem": string(list)}, nil
}

// mosquittoConf needs the folder's place four times for each port.
const mosquittoConf = `# Written by modellregion edges mosquitto. Mosquitto 2.
per_listener_settings true

# Edges with a certificate: its common name is the user.
listener 8883
cafile %[1]s/ca.pem
certfile %[1]s/server.pem
keyfile %[1]s/server.key
crlfile %[1]s/crl.pem
require_certificate true
use_identity_as_username true
allow_anonymous false
acl_file %[1]s/acl
tls_version tlsv1.2

# The platform, readers, and edges with a password.
listener 8884
cafile %[1]s/ca.pem
certfile %[1]s/server.pem
keyfile %[1]s/server.key
allow_anonymous false
password_file %[1]s/passwd
acl_file %[1]s/acl-users
tls_version tlsv1.2
`
