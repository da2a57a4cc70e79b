package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"modellregion/uplink"
)

// CredentialKind is what an edge logs in with.
type CredentialKind string

// The kinds.
const (
	Certificate CredentialKind = "certificate" // of the built-in authority
	Password    CredentialKind = "password"
)

// Credential is what an edge logs in with, or once did. It holds no secret: of a
// certificate there is the serial number, of a password, which is drawn and not
// chosen, the SHA-256.
type Credential struct {
	ID        string // serial number or SHA-256, in hexadecimal digits
	Edge      string
	Kind      CredentialKind
	Mosquitto string // how Mosquitto's password file has a password; empty: not known
	Issued    time.Time
	Expires   time.Time // zero: never
	Revoked   time.Time // zero: it was not
}

// Counts reports whether the edge can log in with it at a time.
func (c Credential) Counts(at time.Time) bool {
	return c.Revoked.IsZero() && (c.Expires.IsZero() || at.Before(c.Expires))
}

func (c Credential) check() error {
	if err := uplink.CheckEdgeName(c.Edge); err != nil {
		return err
	}
	if c.ID == "" || c.Kind != Certificate && c.Kind != Password || c.Issued.IsZero() {
		return fmt.Errorf("credential %q of kind %q issued at %v: want all three", c.ID, c.Kind, c.Issued)
	}
	return nil
}

// Why an edge is not added and not renewed.
var (
	ErrHasCredential = errors.New("it has a credential that counts")
	ErrNoEdge        = errors.New("it is not in the registry")
)

// AdmitEdge adds an edge with its first credential, or one that has none that
// counts any more; of a known edge municipality and note stay.
func (r *Registry) AdmitEdge(ctx context.Context, c Credential) error {
	return r.credential(ctx, "add", c, func(tx *sql.Tx) error {
		var n int
		const counting = "SELECT count(*) FROM credential WHERE edge = ? AND revoked = 0 AND (expires = 0 OR expires > ?)"
		if err := tx.QueryRowContext(ctx, counting, c.Edge, c.Issued.Unix()).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return ErrHasCredential
		}
		_, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO edge VALUES (?, '', '')", c.Edge)
		return err
	})
}

// RenewEdge gives an edge of the registry another credential. Those it has end
// at a time, unless they do before.
func (r *Registry) RenewEdge(ctx context.Context, c Credential, oldUntil time.Time) error {
	return r.credential(ctx, "renew", c, func(tx *sql.Tx) error {
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM edge WHERE name = ?", c.Edge).Scan(&n); err != nil {
			return err
		}
		if n == 0 {
			return ErrNoEdge
		}
		_, err := tx.ExecContext(ctx, "UPDATE credential SET expires = ?2 WHERE edge = ?1 AND (expires = 0 OR expires > ?2)", c.Edge, oldUntil.Unix())
		return err
	})
}

// credential inserts one after first has agreed.
func (r *Registry) credential(ctx context.Context, what string, c Credential, first func(*sql.Tx) error) error {
	err := c.check()
	if err == nil {
		err = r.change(ctx, func(tx *sql.Tx) error {
			if err := first(tx); err != nil {
				return err
			}
			return putCredential(ctx, tx, c)
		})
	}
	if err != nil {
		return fmt.Errorf("%s edge %s: %w", what, c.Edge, err)
	}
	return nil
}

func putCredential(ctx context.Context, tx *sql.Tx, c Credential) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO credential VALUES (?, ?, ?, ?, ?, ?, ?)",
		c.ID, c.Edge, string(c.Kind), c.Mosquitto, c.Issued.Unix(), seconds(c.Expires), seconds(c.Revoked))
	return err
}

// RevokeEdge takes an edge out of the registry and revokes all it has, and what
// the caller knows besides: passwords of elsewhere. They stay listed as revoked.
// It returns how many counted before.
func (r *Registry) RevokeEdge(ctx context.Context, name string, at time.Time, besides ...Credential) (n int, err error) {
	err = r.change(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, "UPDATE credential SET revoked = ?2 WHERE edge = ?1 AND revoked = 0 AND (expires = 0 OR expires > ?2)", name, at.Unix())
		if err != nil {
			return err
		}
		changed, err := result.RowsAffected()
		n = int(changed)
		for _, c := range besides {
			c.Edge, c.Revoked = name, at
			if err == nil {
				err = errors.Join(c.check(), putCredential(ctx, tx, c))
			}
		}
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM edge WHERE name = ?", name)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("revoke edge %s: %w", name, err)
	}
	return n, nil
}

// Credentials returns all there ever were, by edge and then by age.
func (r *Registry) Credentials(ctx context.Context) (out []Credential, err error) {
	rows, err := r.db.QueryContext(ctx, "SELECT id, edge, kind, mosquitto, issued, expires, revoked FROM credential ORDER BY edge, issued, id")
	if err != nil {
		return nil, fmt.Errorf("list credentials: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var c Credential
		var issued, expires, revoked int64
		if err := rows.Scan(&c.ID, &c.Edge, &c.Kind, &c.Mosquitto, &issued, &expires, &revoked); err != nil {
			return nil, fmt.Errorf("list credentials: %w", err)
		}
		c.Issued, c.Expires, c.Revoked = moment(issued), moment(expires), moment(revoked)
		out = append(out, c)
	}
	return out, rows.Err()
}

// seconds is a time as the table has it: 0 for the zero time.
func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func moment(s int64) time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(s, 0).UTC()
}
