//go:build !ingestonly

package main

import (
	"context"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"modellregion/devices/registry"
	"modellregion/internal/authority"
	"modellregion/internal/broker"
	"modellregion/internal/durable"
	"modellregion/uplink"
)

// validity is a time that may be written in years of 365 days: 2y.
type validity time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *validity) UnmarshalText(text []byte) error {
	const year = 365 * 24 * time.Hour
	var d duration
	if years, ok := strings.CutSuffix(string(text), "y"); ok {
		n, err := strconv.ParseUint(years, 10, 8)
		if err != nil {
			return fmt.Errorf("time %q, want something like 2y, 90d or 36h", text)
		}
		d = duration(n) * duration(year)
	} else if err := d.UnmarshalText(text); err != nil {
		return err
	}
	if d < duration(time.Minute) || d > duration(20*year) {
		return fmt.Errorf("time %q, want 1m to 20y", text)
	}
	*v = validity(d)
	return nil
}

// edgeFile is what add and renew have in common: what becomes of the identity.
type edgeFile struct {
	Password bool     `help:"Draw a password in place of a certificate, for a broker that takes none."`
	Valid    validity `help:"How long the certificate is good: 2y, 90d or 36h." default:"2y"`
	Out      string   `help:"File to write, readable by its owner alone; - is the standard output. Default: NAME.edge.yaml." placeholder:"FILE"`
	URL      string   `name:"url" help:"How the gateway reaches the broker: ssl://host:8883. Default: as mqtt.tls or mqtt.url say."`
	CAFile   string   `name:"ca-file" help:"PEM file of the authority of the broker's certificate, when that is of another. Default: the built-in authority, or mqtt.ca_file." type:"path"`
	Force    bool     `help:"Replace the file if it is there."`
}

type edgesAddCmd struct {
	withConfig
	Name string `arg:"" help:"The edge: 1 to 32 of a-z, 0-9 and inner hyphens, like rathaus."`
	edgeFile
}

// Help teaches the way from the box to the first uplink.
func (edgesAddCmd) Help() string {
	return `From a new gateway to its first uplink:

  modellregion edges add -c region.yaml rathaus
  scp rathaus.edge.yaml root@gateway:/etc/modellregion-edge/edge.yaml && rm rathaus.edge.yaml
  ssh root@gateway systemctl restart edge-gateway
  modellregion devices edit -c region.yaml 70b3d57ed005f1a0 --edge rathaus

The file is a whole configuration of edge-gateway, with the edge's certificate, its private key and the authority of the broker. Whoever has it is this edge: it is readable by its owner alone, there is no copy of the key here, and it is lost with the file (then: edges renew, and edges revoke if somebody else may have it).
Gateways elsewhere reach the embedded broker at the port of mqtt.tls in region.yaml. A running platform lets the edge in within seconds. For a Mosquitto of your own see edges mosquitto.`
}

// Run adds the edge.
func (c edgesAddCmd) Run(ctx context.Context, t *terminal) error {
	return c.withStore(ctx, func(s store) error {
		err := uplink.CheckEdgeName(c.Name)
		if err == nil {
			err = s.mayAdmit(c.Name)
		}
		if err != nil {
			return fmt.Errorf("add edge %.64q: %w", c.Name, err)
		}
		return c.write(t, s, c.Name, "added", func(credential registry.Credential) error {
			err := s.AdmitEdge(ctx, credential)
			if errors.Is(err, registry.ErrHasCredential) {
				return fmt.Errorf("%w: want edges renew %s for a new one, or edges revoke %s first", err, c.Name, c.Name)
			}
			return err
		})
	})
}

type edgesRenewCmd struct {
	withConfig
	Name string `arg:"" help:"The edge."`
	edgeFile
}

// Help says how long the old one counts.
func (edgesRenewCmd) Help() string {
	return `In time before a certificate ends: edges list shows when, edge-gateway warns from 30 days before.

  modellregion edges renew -c region.yaml rathaus
  scp rathaus.edge.yaml root@gateway:/etc/modellregion-edge/edge.yaml && rm rathaus.edge.yaml
  ssh root@gateway systemctl restart edge-gateway

The old certificate counts for 30 days more, or until it ends if that is sooner, so that there is time to bring the new one. If somebody else may have the old one, use edges revoke and edges add. The file is written anew: bring your own keys in it over.`
}

// oldCounts is how long what was replaced lets the edge in.
const oldCounts = 30 * 24 * time.Hour

// Run gives the edge another credential.
func (c edgesRenewCmd) Run(ctx context.Context, t *terminal) error {
	return c.withStore(ctx, func(s store) error {
		return c.write(t, s, c.Name, "renewed", func(credential registry.Credential) error {
			err := s.RenewEdge(ctx, credential, credential.Issued.Add(oldCounts))
			if errors.Is(err, registry.ErrNoEdge) {
				return fmt.Errorf("%w: want edges add %s for its first certificate", err, c.Name)
			}
			return err
		})
	})
}

// write makes an identity, takes it into the registry with commit, and then
// gives the file its name. What fails before leaves no file.
func (f edgeFile) write(t *terminal, s store, name, done string, commit func(registry.Credential) error) error {
	out := either(f.Out, name+".edge.yaml")
	if _, err := os.Lstat(out); err == nil && !f.Force && out != "-" {
		return fmt.Errorf("write %s: it is there already, and may be the only copy of a key: want another --out, or --force", out)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write %s: %w", out, err)
	}
	text, credential, err := f.identity(s, name, time.Now().UTC().Truncate(time.Second))
	if err != nil {
		return err
	}
	if out == "-" {
		if err := commit(credential); err != nil {
			return err
		}
		_, err := fmt.Fprint(t.out, text)
		return err
	}
	fresh := out + ".new"
	if err := durable.WriteFile(fresh, []byte(text), 0o600); err != nil {
		return err
	}
	if err := commit(credential); err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	if err := os.Rename(fresh, out); err != nil {
		return fmt.Errorf("the edge was %s, and its file is %s: %w", done, fresh, err)
	}
	until := ""
	if !credential.Expires.IsZero() {
		until = ", good until " + credential.Expires.Format(time.DateOnly)
	}
	fmt.Fprintf(t.out, "edge %s %s: %s has its %s%s\n", name, done, out, credential.Kind, until)
	fmt.Fprintf(t.out, "copy it to /etc/modellregion-edge/edge.yaml on the gateway and delete it here; a running platform lets the edge in within seconds\n")
	if s.cfg.MQTT.URL != "" {
		fmt.Fprintf(t.out, "the broker at %s has to learn of it: edges mosquitto writes what a Mosquitto needs\n", redacted(s.cfg.MQTT.URL))
	}
	return nil
}

// identity returns the file of an edge, and what the registry keeps of it.
func (f edgeFile) identity(s store, name string, now time.Time) (text string, c registry.Credential, err error) {
	at, err := f.brokerURL(&s.cfg)
	if err != nil {
		return "", c, fmt.Errorf("edge %s: %w", name, err)
	}
	a, err := authority.Open(authorityDir(s.cfg))
	if err != nil {
		return "", c, err
	}
	var file strings.Builder
	fmt.Fprintf(&file, edgeHead, name, name, at)
	trust, err := f.trust(&s.cfg, a)
	if err != nil {
		return "", c, err
	}
	block(&file, "ca", trust)
	c = registry.Credential{Edge: name, Issued: now}
	if f.Password {
		password := rand.Text() // 130 bits
		c.Kind, c.ID = registry.Password, passwordID(password)
		fmt.Fprintf(&file, "  password: %s\n", password)
		c.Mosquitto, err = broker.MosquittoPassword(password)
		return file.String(), c, err
	}
	issued, err := a.Edge(name, time.Duration(f.Valid), now)
	if err != nil {
		return "", c, err
	}
	block(&file, "cert", issued.Cert)
	block(&file, "key", issued.Key)
	c.Kind, c.ID, c.Expires = registry.Certificate, issued.Serial, issued.NotAfter
	return file.String(), c, nil
}

const edgeHead = `# Edge gateway %s. Whoever has this file is this edge: keep it readable by its
# user alone, and on the gateway alone. edge-gateway check THIS-FILE checks it;
# edge-gateway.example.yaml explains all keys there are, which may be added here.
name: %s
mqtt:
  url: %s
`

// block writes a key with PEM as its value.
func block(out *strings.Builder, key string, text []byte) {
	if len(text) == 0 {
		return
	}
	fmt.Fprintf(out, "  %s: |\n", key)
	for line := range strings.Lines(string(text)) {
		fmt.Fprintf(out, "    %s", line)
	}
}

// brokerURL is how a gateway elsewhere reaches the broker.
func (f edgeFile) brokerURL(cfg *config) (string, error) {
	at := either(f.URL, cfg.MQTT.URL)
	if at == "" {
		if cfg.MQTT.TLS.Listen == "" {
			return "", errors.New("the embedded broker is for this machine alone: want mqtt.tls in the configuration, like {listen: 0.0.0.0:8883, names: [mqtt.musterstadt.example]}, or --url")
		}
		_, port, err := net.SplitHostPort(cfg.MQTT.TLS.Listen)
		if err != nil {
			return "", err
		}
		at = "ssl://" + net.JoinHostPort(cfg.MQTT.TLS.Names[0], port)
	}
	if u, err := url.Parse(at); err != nil || !isLink(at, "ssl", "mqtts", "tcp", "mqtt") {
		return "", fmt.Errorf("broker %q: want --url ssl://host:8883", redacted(at))
	} else if !f.Password && u.Scheme != "ssl" && u.Scheme != "mqtts" {
		return "", fmt.Errorf("broker %s: a certificate needs TLS: want --url ssl://host:8883, or --password for a broker without", at)
	}
	return at, nil
}

// trust is the authority that vouches for the broker; nil: one that every machine
// knows.
func (f edgeFile) trust(cfg *config, a *authority.Authority) ([]byte, error) {
	path := f.CAFile
	if path == "" && cfg.MQTT.URL == "" && cfg.MQTT.TLS.CertFile == "" {
		return a.PEM(), nil
	}
	if path = either(path, cfg.MQTT.CAFile); path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the authority of the broker: %w", err)
	}
	var out []byte
	for b, rest := pem.Decode(text); b != nil; b, rest = pem.Decode(rest) {
		if b.Type == "CERTIFICATE" { // a key may stand beside it
			out = append(out, pem.EncodeToMemory(b)...)
		}
	}
	if out == nil {
		return nil, fmt.Errorf("authority of the broker %s: no certificate in it, want PEM", path)
	}
	return out, nil
}
