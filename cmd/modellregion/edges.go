//go:build !ingestonly

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"modellregion/devices/registry"
)

type edgesCmd struct {
	Add       edgesAddCmd       `cmd:"" help:"Add an edge gateway: one file with all it needs, its certificate too."`
	List      edgesListCmd      `cmd:"" help:"List the edges, what they log in with, and until when."`
	Renew     edgesRenewCmd     `cmd:"" help:"Give an edge a new certificate before the old one ends."`
	Revoke    edgesRevokeCmd    `cmd:"" help:"Shut an edge out, at once and for ever."`
	Mosquitto edgesMosquittoCmd `cmd:"" help:"Write what a Mosquitto needs to let the same edges in."`
}

type edgesListCmd struct {
	withConfig
	JSON bool `help:"Print JSON."`
}

// listedEdge is an edge with one of the things it logs in with.
type listedEdge struct {
	Name       string     `json:"name"`
	Declared   string     `json:"declared"`   // where: region.yaml, registry, nowhere or both of the first
	Credential string     `json:"credential"` // certificate, password, "password in mqtt.json", inside or none
	ID         string     `json:"id,omitempty"`
	Issued     *time.Time `json:"issued,omitempty"`
	Expires    *time.Time `json:"expires,omitempty"`
	Revoked    *time.Time `json:"revoked,omitempty"`
	State      string     `json:"state"` // good, ends soon, expired, revoked or none
}

// Run prints a line for each credential.
func (c edgesListCmd) Run(ctx context.Context, t *terminal) error {
	return c.withStore(ctx, func(s store) error {
		list, err := s.listEdges(ctx, time.Now())
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(t, list)
		}
		day := func(at *time.Time) string {
			if at == nil {
				return "-"
			}
			return at.Format(time.DateOnly)
		}
		w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "NAME\tDECLARED\tCREDENTIAL\tISSUED\tEXPIRES\tREVOKED\tSTATE")
		for _, e := range list {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.Name, e.Declared, e.Credential, day(e.Issued), day(e.Expires), day(e.Revoked), e.State)
		}
		return w.Flush()
	})
}

// endsSoon is from when on a certificate should be renewed.
const endsSoon = 30 * 24 * time.Hour

func (s store) listEdges(ctx context.Context, now time.Time) ([]listedEdge, error) {
	inRegistry, err := s.Edges(ctx)
	if err != nil {
		return nil, err
	}
	logins, err := loadMQTTLogins(s.cfg.DataDir, nil)
	if err != nil {
		return nil, err
	}
	out := []listedEdge{}
	for _, name := range slices.Sorted(slices.Values(slices.Concat(s.roster.names, s.roster.former))) {
		var where []string
		if s.cfg.hasEdge(name) {
			where = append(where, "region.yaml")
		}
		if slices.ContainsFunc(inRegistry, func(e registry.Edge) bool { return e.Name == name }) {
			where = append(where, "registry")
		}
		e := listedEdge{Name: name, Declared: cmp.Or(strings.Join(where, ", "), "nowhere")}
		drawn := logins.Passwords[name]
		switch {
		case s.cfg.isInside(name):
			e.Credential, e.State = "inside", "good"
			out = append(out, e)
		case s.cfg.hasEdge(name) && s.cfg.MQTT.URL == "" && !s.roster.revoked[passwordID(drawn)]:
			e.Credential, e.State = "password in mqtt.json", "good"
			out = append(out, e)
		case len(s.roster.credentials[name]) == 0:
			e.Credential, e.State = "none", "none"
			out = append(out, e)
		}
		for _, own := range s.roster.credentials[name] {
			out = append(out, e.with(own, now))
		}
	}
	return out, nil
}

// with returns the edge with a credential of the registry.
func (e listedEdge) with(c registry.Credential, now time.Time) listedEdge {
	given := func(at time.Time) *time.Time {
		if at.IsZero() {
			return nil
		}
		return &at
	}
	e.Credential, e.ID = string(c.Kind), c.ID
	e.Issued, e.Expires, e.Revoked = given(c.Issued), given(c.Expires), given(c.Revoked)
	switch {
	case !c.Revoked.IsZero():
		e.State = "revoked"
	case !c.Counts(now):
		e.State = "expired"
	case !c.Counts(now.Add(endsSoon)):
		e.State = "ends soon"
	default:
		e.State = "good"
	}
	return e
}

type edgesRevokeCmd struct {
	withConfig
	Name  string `arg:"" help:"The edge."`
	Force bool   `help:"Although devices are still assigned to it."`
}

// Help says what ends, and what an operator has to do besides.
func (edgesRevokeCmd) Help() string {
	return `For a gateway that was stolen, sold or broken. Everything it can log in with ends at once: certificates, passwords of the registry, and the password in mqtt.json. A running platform cuts its connection within seconds and takes back its device list, which has the keys of its devices.

  modellregion edges revoke -c region.yaml rathaus

Devices that it serves want another edge first (devices edit --edge), or --force. Who had the gateway in their hands may have read the keys of its devices: give these new ones.
An edge that stands under edges in region.yaml stays there until you take it out. With mqtt.url the broker is another program's: bring it the new list of revoked certificates with edges mosquitto, and restart it to cut what is open.
The same name may be added again: it gets a new certificate, and the old ones stay dead.`
}

// Run revokes all that the edge has.
func (c edgesRevokeCmd) Run(ctx context.Context, t *terminal) error {
	return c.withStore(ctx, func(s store) error {
		if !slices.Contains(s.roster.names, c.Name) {
			return fmt.Errorf("revoke edge %q: there is none of that name, want one of %s", c.Name, listed(s.roster.names))
		}
		if s.cfg.isInside(c.Name) {
			return fmt.Errorf("revoke edge %s: it runs inside the platform: take it out of edges in %s", c.Name, c.Config)
		}
		_, assigned, err := s.Find(ctx, registry.Filter{Edge: c.Name, Limit: 1})
		if err != nil {
			return err
		}
		if assigned > 0 && !c.Force {
			return fmt.Errorf("revoke edge %s: %d devices are assigned to it, which nobody would serve: give them another edge with devices edit --edge, or say --force", c.Name, assigned)
		}
		now := time.Now().UTC().Truncate(time.Second)
		drawn, err := s.drawnPassword(c.Name, now)
		if err != nil {
			return err
		}
		n, err := s.RevokeEdge(ctx, c.Name, now, drawn...)
		if err != nil {
			return err
		}
		fmt.Fprintf(t.out, "edge %s: %d credentials revoked; a running platform cuts its connection within seconds\n", c.Name, n+len(drawn))
		if assigned > 0 {
			fmt.Fprintf(t.out, "%d devices have no edge now: devices list --edge %s shows them\n", assigned, c.Name)
		}
		if s.cfg.hasEdge(c.Name) {
			fmt.Fprintf(t.out, "it still stands under edges in %s: take it out there\n", c.Config)
		}
		if s.cfg.MQTT.URL != "" {
			fmt.Fprintf(t.out, "the broker at %s does not know yet: bring it what edges mosquitto writes, and restart it\n", redacted(s.cfg.MQTT.URL))
		}
		return nil
	})
}

// drawnPassword is the one in mqtt.json that the embedded broker takes from an
// edge of the configuration, unless it was revoked before.
func (s store) drawnPassword(name string, now time.Time) ([]registry.Credential, error) {
	logins, err := loadMQTTLogins(s.cfg.DataDir, nil)
	if err != nil {
		return nil, err
	}
	id := passwordID(logins.Passwords[name])
	if logins.Passwords[name] == "" || slices.ContainsFunc(s.roster.credentials[name], func(c registry.Credential) bool { return c.ID == id }) {
		return nil, nil
	}
	return []registry.Credential{{ID: id, Edge: name, Kind: registry.Password, Issued: now}}, nil
}

// mayAdmit explains why an edge cannot have a credential of the registry.
func (s store) mayAdmit(name string) error {
	isReader := slices.ContainsFunc(s.cfg.MQTT.Readers, func(r readerConfig) bool { return r.Name == name })
	switch {
	case name == platformUser || s.cfg.hasSource(name) || isReader:
		return errors.New("the name is taken by a source, a reader or the platform itself: want another")
	case s.cfg.isInside(name):
		return errors.New("it runs inside the platform, and needs nothing to log in with")
	}
	return nil
}
