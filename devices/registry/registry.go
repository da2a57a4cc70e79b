// Package registry keeps which devices exist, with their keys and places, in
// one SQLite file; with the edges and gateways that serve them and the
// profiles that an operator added to those shipped.
//
// It checks what is put into it, reads the lists of others (CSV, ChirpStack,
// The Things Stack, QR codes of LoRa Alliance TR005), wraps the keys when it
// is given a key for that, and hands out snapshots that answer from memory. It
// leaves publishing device lists to its caller and knows nothing of messages
// and time series. Municipalities are configuration (region.yaml): it keeps
// their ids only.
package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"modellregion/devices"
	"modellregion/internal/sqlite"
	"modellregion/uplink"
)

// Registry is the open file. Several processes may have it open.
type Registry struct {
	db  *sql.DB
	kek KEK
}

// Open opens a file whose keys are not wrapped, see OpenWith.
func Open(ctx context.Context, path string) (*Registry, error) {
	return OpenWith(ctx, path, KEK{})
}

// OpenWith opens the file, creating it readable by its owner alone, and brings
// its schema up to date. New keys are wrapped with kek, unless it is zero. A
// file whose keys are wrapped with another one, a damaged file, and a schema
// newer than this program are refused.
func OpenWith(ctx context.Context, path string, kek KEK) (*Registry, error) {
	r, err := openFile(ctx, path, kek)
	if err != nil {
		return nil, err
	}
	if err := checkKEK(ctx, r.db, kek); err != nil {
		return nil, errors.Join(fmt.Errorf("open device registry %s: %w", path, err), r.Close())
	}
	return r, nil
}

func openFile(ctx context.Context, path string, kek KEK) (*Registry, error) {
	db, err := sqlite.Open(path, "device registry", "cache_size(-16000)")
	if err != nil {
		return nil, err
	}
	r := &Registry{db, kek}
	if err := r.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open device registry %s: %w", path, err), db.Close())
	}
	return r, nil
}

// Close closes the file.
func (r *Registry) Close() error { return r.db.Close() }

func (r *Registry) inTx(ctx context.Context, do func(*sql.Tx) error) error {
	return sqlite.InTx(ctx, r.db, do)
}

// change runs do in a transaction that raises the revision.
func (r *Registry) change(ctx context.Context, do func(*sql.Tx) error) error {
	return r.inTx(ctx, func(tx *sql.Tx) error {
		if err := do(tx); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "UPDATE revision SET n = n + 1")
		return err
	})
}

// Put adds the devices, or replaces those with the same DevEUI, all or none.
// What stands at a station and what is in a group must go together, see
// fitAll. Nonces of a device stay what they were, unless those given are higher.
func (r *Registry) Put(ctx context.Context, list []devices.Device) error {
	for _, d := range list {
		if err := Check(d); err != nil {
			return fmt.Errorf("device %s: %w", d.EUI, err)
		}
	}
	err := r.change(ctx, func(tx *sql.Tx) error {
		if err := noteKEK(ctx, tx, r.kek); err != nil {
			return err
		}
		if err := insert(ctx, tx, list, r.kek); err != nil {
			return err
		}
		return fitWritten(ctx, tx, list)
	})
	if err != nil {
		return fmt.Errorf("put %d devices into the registry: %w", len(list), err)
	}
	return nil
}

func insert(ctx context.Context, tx *sql.Tx, list []devices.Device, kek KEK) error {
	statement, err := tx.PrepareContext(ctx, putDevice)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	for _, d := range list {
		values, err := columns(d, kek)
		if err == nil {
			_, err = statement.ExecContext(ctx, values...)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("device %s: %w", d.EUI, err), statement.Close())
		}
	}
	return statement.Close()
}

var errUnknown = errors.New("there is no such device in the registry")

// one runs a statement on one device, which must exist.
func (r *Registry) one(ctx context.Context, eui uplink.EUI, statement string, args ...any) error {
	return r.change(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, statement, append([]any{eui.String()}, args...)...)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if err == nil && n == 0 {
			return errUnknown
		}
		return err
	})
}

// FlushNonces lets the device's edge forget which DevNonces it has used.
func (r *Registry) FlushNonces(ctx context.Context, eui uplink.EUI) error {
	if err := r.one(ctx, eui, "UPDATE device SET nonces = nonces + 1, changed = "+nextRevision+" WHERE dev_eui = ?1"); err != nil {
		return fmt.Errorf("forget the DevNonces of device %s: %w", eui, err)
	}
	return nil
}

// Remove forgets the device.
func (r *Registry) Remove(ctx context.Context, eui uplink.EUI) error {
	if err := r.one(ctx, eui, "DELETE FROM device WHERE dev_eui = ?1"); err != nil {
		return fmt.Errorf("remove device %s: %w", eui, err)
	}
	return nil
}

// Disable lets the device be known, but neither served nor published; or
// undoes that.
func (r *Registry) Disable(ctx context.Context, eui uplink.EUI, disabled bool) error {
	if err := r.one(ctx, eui, "UPDATE device SET disabled = ?2, changed = "+nextRevision+" WHERE dev_eui = ?1", disabled); err != nil {
		return fmt.Errorf("set disabled of device %s to %t: %w", eui, disabled, err)
	}
	return nil
}

// Device returns one device.
func (r *Registry) Device(ctx context.Context, eui uplink.EUI) (devices.Device, error) {
	d, err := scan(r.db.QueryRowContext(ctx, "SELECT "+columnNames+" FROM device WHERE dev_eui = ?", eui.String()), r.kek)
	if errors.Is(err, sql.ErrNoRows) {
		err = errUnknown
	}
	if err != nil {
		return devices.Device{}, fmt.Errorf("read device %s: %w", eui, err)
	}
	return d, nil
}

// Revision rises with every change, whoever made it.
func (r *Registry) Revision(ctx context.Context) (uint64, error) {
	var n uint64
	if err := r.db.QueryRowContext(ctx, "SELECT n FROM revision").Scan(&n); err != nil {
		return 0, fmt.Errorf("read revision of the device registry: %w", err)
	}
	return n, nil
}
