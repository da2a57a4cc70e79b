package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"modellregion/devices"
)

// Verify reads the whole file and returns everything that is wrong with it: what
// SQLite says of its pages, and devices, stations and keys that could not have
// been put so. profiles are all that devices may have. An error is what kept it
// from looking.
func (r *Registry) Verify(ctx context.Context, profiles map[string]devices.Profile) (problems []string, err error) {
	tx, err := r.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("check device registry: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // ends a transaction that only read
	if problems, err = integrity(ctx, tx); err != nil {
		return nil, fmt.Errorf("check device registry: %w", err)
	}
	if err := checkKEK(ctx, tx, r.kek); err != nil {
		problems = append(problems, err.Error())
	}
	if err := fitAll(ctx, tx); err != nil {
		problems = append(problems, err.Error())
	}
	var hidden int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM device WHERE instr(search, char(10) || station) = 0").Scan(&hidden); err != nil {
		return nil, fmt.Errorf("check device registry: %w", err)
	}
	if hidden > 0 {
		problems = append(problems, fmt.Sprintf("%d devices cannot be found by their station", hidden))
	}
	rows, err := tx.QueryContext(ctx, "SELECT "+columnNames+" FROM device ORDER BY dev_eui")
	if err != nil {
		return nil, fmt.Errorf("check device registry: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		d, err := scan(rows, r.kek)
		if err == nil {
			err = checkStored(d, profiles)
		}
		if err != nil {
			problems = append(problems, fmt.Sprintf("device %s: %v", d.EUI, err))
		}
	}
	return problems, rows.Err()
}

// checkStored checks a device together with its profile.
func checkStored(d devices.Device, profiles map[string]devices.Profile) error {
	p, ok := profiles[d.Profile]
	if !ok {
		return errors.Join(Check(d), fmt.Errorf("profile: %q is unknown", d.Profile))
	}
	var domain error
	if d.Domain != p.Domain {
		domain = fmt.Errorf("domain: %q, its profile %s has %q", d.Domain, p.ID, p.Domain)
	}
	return errors.Join(Check(d), domain, fitKeys(d.Keys, p))
}

// integrity returns what SQLite finds wrong.
func integrity(ctx context.Context, tx *sql.Tx) (problems []string, err error) {
	rows, err := tx.QueryContext(ctx, "PRAGMA integrity_check")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, err
		}
		if line != "ok" {
			problems = append(problems, line)
		}
	}
	return problems, rows.Err()
}

// Backup writes a copy of the file as it is at one moment to path, replacing
// what is there, while others go on reading and writing. Its keys are as they
// are in the registry: wrapped or plain.
func (r *Registry) Backup(ctx context.Context, path string) error {
	dir, err := os.MkdirTemp(filepath.Dir(path), ".backup-") // 0700, so the copy is never readable by others
	if err != nil {
		return fmt.Errorf("back up device registry: %w", err)
	}
	temp := filepath.Join(dir, "registry.db")
	if err := r.backup(ctx, temp, path); err != nil {
		return errors.Join(fmt.Errorf("back up device registry to %s: %w", path, err), os.RemoveAll(dir))
	}
	return os.RemoveAll(dir)
}

func (r *Registry) backup(ctx context.Context, temp, path string) error {
	if _, err := r.db.ExecContext(ctx, "VACUUM INTO ?", temp); err != nil {
		return err
	}
	f, err := os.OpenFile(temp, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Chmod(0o600), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
