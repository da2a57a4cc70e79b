package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"modellregion/devices"
	"modellregion/devices/profiles"
	"modellregion/uplink"
)

// Edge is what an operator notes about an edge. Those in the registry may connect
// as those in the configuration do; what with, their credentials say.
type Edge struct {
	Name         string `json:"name"`
	Municipality string `json:"municipality"`
	Note         string `json:"note,omitempty"`
}

// Gateway is a radio gateway behind an edge.
type Gateway struct {
	EUI          uplink.EUI    `json:"eui"`
	Name         string        `json:"name"`
	Edge         string        `json:"edge"`
	Municipality string        `json:"municipality"`
	Place        devices.Place `json:"place"`
}

// PutEdge adds an edge or replaces that of its name.
func (r *Registry) PutEdge(ctx context.Context, e Edge) error {
	if err := uplink.CheckEdgeName(e.Name); err != nil {
		return fmt.Errorf("put edge: %w", err)
	}
	err := r.change(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO edge VALUES (?, ?, ?)", e.Name, e.Municipality, e.Note)
		return err
	})
	if err != nil {
		return fmt.Errorf("put edge %s: %w", e.Name, err)
	}
	return nil
}

// PutGateway adds a gateway or replaces that of its EUI.
func (r *Registry) PutGateway(ctx context.Context, g Gateway) error {
	switch {
	case g.EUI == uplink.EUI{}:
		return errors.New("put gateway: eui: must be given")
	case g.Name == "":
		return fmt.Errorf("put gateway %s: name: must be given", g.EUI)
	case !g.Place.Valid():
		return fmt.Errorf("put gateway %s: place: %v, want -90 to 90 north and -180 to 180 east", g.EUI, g.Place)
	}
	if err := uplink.CheckEdgeName(g.Edge); err != nil {
		return fmt.Errorf("put gateway %s: %w", g.EUI, err)
	}
	err := r.change(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO gateway VALUES (?, ?, ?, ?, ?, ?)",
			g.EUI.String(), g.Name, g.Edge, g.Municipality, g.Place.Lat, g.Place.Lon)
		return err
	})
	if err != nil {
		return fmt.Errorf("put gateway %s: %w", g.EUI, err)
	}
	return nil
}

// Edges returns all edges noted, by name.
func (r *Registry) Edges(ctx context.Context) (out []Edge, err error) {
	rows, err := r.db.QueryContext(ctx, "SELECT name, municipality, note FROM edge ORDER BY name")
	if err != nil {
		return nil, fmt.Errorf("list edges: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var e Edge
		if err := rows.Scan(&e.Name, &e.Municipality, &e.Note); err != nil {
			return nil, fmt.Errorf("list edges: %w", err)
		}
		out = append(out, e)
	}
	return out, rows.Err()
}

// Gateways returns all gateways, by EUI.
func (r *Registry) Gateways(ctx context.Context) (out []Gateway, err error) {
	rows, err := r.db.QueryContext(ctx, "SELECT eui, name, edge, municipality, lat, lon FROM gateway ORDER BY eui")
	if err != nil {
		return nil, fmt.Errorf("list gateways: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var g Gateway
		var eui string
		err := rows.Scan(&eui, &g.Name, &g.Edge, &g.Municipality, &g.Place.Lat, &g.Place.Lon)
		if err == nil {
			g.EUI, err = uplink.ParseEUI(eui)
		}
		if err != nil {
			return nil, fmt.Errorf("list gateways: %w", err)
		}
		out = append(out, g)
	}
	return out, rows.Err()
}

// PutProfiles adds profiles from their YAML, or replaces own ones of the same
// id, all or none. One with the id of a shipped profile is refused: what a
// shipped id means is the same everywhere. The devices of a replaced profile
// get its domain; those that are household meters have no other than energy.
func (r *Registry) PutProfiles(ctx context.Context, shipped map[string]devices.Profile, yaml ...string) ([]devices.Profile, error) {
	list := make([]devices.Profile, 0, len(yaml))
	for _, text := range yaml {
		p, err := profiles.Parse([]byte(text))
		if err != nil {
			return nil, fmt.Errorf("profile: %w", err)
		}
		if _, ok := shipped[p.ID]; ok {
			return nil, fmt.Errorf("profile %s: a profile of that id is shipped with the program: choose another id", p.ID)
		}
		list = append(list, p)
	}
	err := r.change(ctx, func(tx *sql.Tx) error {
		for i, p := range list {
			if err := householdsStay(ctx, tx, p); err != nil {
				return fmt.Errorf("profile %s: %w", p.ID, err)
			}
			if _, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO profile VALUES (?, ?)", p.ID, yaml[i]); err != nil {
				return fmt.Errorf("profile %s: %w", p.ID, err)
			}
			if _, err := tx.ExecContext(ctx, "UPDATE device SET domain = ?, changed = "+nextRevision+" WHERE profile = ?", string(p.Domain), p.ID); err != nil {
				return fmt.Errorf("profile %s: %w", p.ID, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("put %d profiles into the registry: %w", len(list), err)
	}
	return list, nil
}

// RemoveProfile forgets an own profile that no device has.
func (r *Registry) RemoveProfile(ctx context.Context, id string) error {
	err := r.change(ctx, func(tx *sql.Tx) error {
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM device WHERE profile = ?", id).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return fmt.Errorf("%d devices have it: give them another profile first", n)
		}
		result, err := tx.ExecContext(ctx, "DELETE FROM profile WHERE id = ?", id)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, errors.New("there is no such profile in the registry; those that are shipped stay"))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("remove profile %s: %w", id, err)
	}
	return nil
}

// Profiles returns the shipped profiles and the own ones of the registry.
func (r *Registry) Profiles(ctx context.Context, shipped map[string]devices.Profile) (map[string]devices.Profile, error) {
	own, err := ownProfiles(ctx, r.db)
	if err != nil {
		return nil, fmt.Errorf("read profiles of the registry: %w", err)
	}
	return merge(shipped, own)
}

// merge adds own profiles to the shipped ones. A shipped one that came later
// than an own one of the same id is what devices get.
func merge(shipped map[string]devices.Profile, own map[string]string) (map[string]devices.Profile, error) {
	out := make(map[string]devices.Profile, len(shipped)+len(own))
	var errs []error
	for id, text := range own {
		p, err := profiles.Parse([]byte(text))
		if err != nil {
			errs = append(errs, fmt.Errorf("profile %s of the registry: %w", id, err))
			continue
		}
		out[id] = p
	}
	for id, p := range shipped {
		out[id] = p
	}
	return out, errors.Join(errs...)
}

type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func ownProfiles(ctx context.Context, q queryer) (out map[string]string, err error) {
	rows, err := q.QueryContext(ctx, "SELECT id, yaml FROM profile")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	out = map[string]string{}
	for rows.Next() {
		var id, text string
		if err := rows.Scan(&id, &text); err != nil {
			return nil, err
		}
		out[id] = text
	}
	return out, rows.Err()
}
