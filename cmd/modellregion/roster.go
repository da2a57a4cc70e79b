package main

import (
	"context"
	"slices"
	"time"

	"modellregion/devices/registry"
)

// roster are the edges of the region: those of the configuration and those that
// edges add has put into the registry.
type roster struct {
	names       []string
	former      []string                         // that are none any more
	credentials map[string][]registry.Credential // by edge, former ones too
	revoked     map[string]bool                  // by id: never again
}

func readRoster(ctx context.Context, cfg *config, r *registry.Registry) (roster, error) {
	out := roster{names: cfg.edgeNames(), credentials: map[string][]registry.Credential{}, revoked: map[string]bool{}}
	own, err := r.Edges(ctx)
	if err != nil {
		return out, err
	}
	for _, e := range own {
		if !slices.Contains(out.names, e.Name) {
			out.names = append(out.names, e.Name)
		}
	}
	all, err := r.Credentials(ctx)
	if err != nil {
		return out, err
	}
	for _, c := range all {
		if !slices.Contains(out.names, c.Edge) && !slices.Contains(out.former, c.Edge) {
			out.former = append(out.former, c.Edge)
		}
		out.credentials[c.Edge] = append(out.credentials[c.Edge], c)
		out.revoked[c.ID] = out.revoked[c.ID] || !c.Revoked.IsZero()
	}
	return out, nil
}

// retryRoster is how long after a failure the registry is asked again.
const retryRoster = 5 * time.Second

// followRoster takes over edges that come and go while the platform runs.
func (p *platform) followRoster(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.rosterDue:
		}
		r, err := readRoster(ctx, &p.cfg, p.registry)
		if err == nil && p.ingest != nil {
			p.ingest.Expect(r.names, r.former)
		}
		if err == nil && p.admit != nil {
			err = p.admit(r)
		}
		if err != nil && ctx.Err() == nil {
			p.log.Error("edges of the registry were not taken over, trying again", "err", err, "in", retryRoster)
			time.AfterFunc(retryRoster, func() { wake(p.rosterDue) })
		}
	}
}
