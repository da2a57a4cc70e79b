// Package registry keeps which devices exist, with their keys and places, in
// one SQLite file.
//
// It checks what is put into it and hands out snapshots that answer from
// memory. It leaves publishing device lists to its caller and knows nothing of
// edges, messages and time series.
package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver

	"modellregion/devices"
	"modellregion/uplink"
)

// Registry is the open file. Several processes may have it open.
type Registry struct{ db *sql.DB }

// schema is applied in order; user_version in the file counts what was
// applied. Entries are only ever added.
var schema = []string{`
CREATE TABLE device (
	dev_eui      TEXT PRIMARY KEY CHECK (length(dev_eui) = 16),
	join_eui     TEXT NOT NULL,
	name         TEXT NOT NULL,
	station      TEXT NOT NULL,
	municipality TEXT NOT NULL,
	domain       TEXT NOT NULL,
	profile      TEXT NOT NULL,
	edge         TEXT NOT NULL,
	lat          REAL NOT NULL CHECK (lat BETWEEN -90 AND 90),
	lon          REAL NOT NULL CHECK (lon BETWEEN -180 AND 180),
	visibility   TEXT NOT NULL CHECK (visibility IN ('internal', 'public')),
	app_key      TEXT NOT NULL,
	dev_addr     TEXT NOT NULL,
	nwk_s_key    TEXT NOT NULL,
	app_s_key    TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE revision (n INTEGER NOT NULL);
INSERT INTO revision VALUES (0);`, `
ALTER TABLE device ADD COLUMN nwk_key         TEXT NOT NULL DEFAULT '';
ALTER TABLE device ADD COLUMN s_nwk_s_int_key TEXT NOT NULL DEFAULT '';
ALTER TABLE device ADD COLUMN nwk_s_enc_key   TEXT NOT NULL DEFAULT '';
ALTER TABLE device ADD COLUMN reset_f_cnt     INTEGER NOT NULL DEFAULT 0;
ALTER TABLE device ADD COLUMN nonces          INTEGER NOT NULL DEFAULT 0;`,
}

// columnNames are the columns of a device in the order of columns and scan.
const columnNames = "dev_eui, join_eui, name, station, municipality, domain, profile, edge, lat, lon, visibility, " +
	"app_key, dev_addr, nwk_s_key, app_s_key, nwk_key, s_nwk_s_int_key, nwk_s_enc_key, reset_f_cnt, nonces"

// putDevice never lowers nonces, of which a list of devices knows nothing.
const putDevice = "INSERT OR REPLACE INTO device (" + columnNames + ") VALUES " +
	"(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, max(?, ifnull((SELECT nonces FROM device WHERE dev_eui = ?1), 0)))"

// Open opens the file, creating it readable by its owner alone, and brings its
// schema up to date. A schema newer than this program is refused.
func Open(ctx context.Context, path string) (*Registry, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make folder of the device registry: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open device registry: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("open device registry: %w", err)
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&_pragma=synchronous(FULL)&_txlock=immediate")
	if err != nil {
		return nil, fmt.Errorf("open device registry %s: %w", path, err)
	}
	r := &Registry{db}
	if err := r.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open device registry %s: %w", path, err), db.Close())
	}
	return r, nil
}

// Close closes the file.
func (r *Registry) Close() error { return r.db.Close() }

func (r *Registry) migrate(ctx context.Context) error {
	return r.inTx(ctx, func(tx *sql.Tx) error {
		var version int
		if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
			return fmt.Errorf("read schema version: %w", err)
		}
		if version > len(schema) {
			return fmt.Errorf("its schema has version %d, this program knows %d: use a newer program", version, len(schema))
		}
		for n := version; n < len(schema); n++ {
			if _, err := tx.ExecContext(ctx, schema[n]); err != nil {
				return fmt.Errorf("bring schema to version %d: %w", n+1, err)
			}
		}
		if version == len(schema) {
			return nil
		}
		_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", len(schema)))
		return err
	})
}

func (r *Registry) inTx(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := r.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// Check explains what is wrong with a device, naming the column. Whether its
// profile and municipality exist is for the caller to know.
func Check(d devices.Device) error {
	var errs []error
	need := func(ok bool, column, want string) {
		if !ok {
			errs = append(errs, fmt.Errorf("%s: %s", column, want))
		}
	}
	need(d.EUI != uplink.EUI{}, "dev_eui", "must be given")
	need(d.Name != "", "name", "must be given")
	need(validStation(d.Station), "station", fmt.Sprintf("%q, want 1 to 64 of a-z, 0-9 and - like paderborn-verkehr-003; it becomes public", d.Station))
	need(d.Municipality != "", "municipality", "must be given")
	need(d.Domain.Valid(), "domain", fmt.Sprintf("%q, want one of %v", d.Domain, uplink.Domains()))
	need(d.Profile != "", "profile", "must be given")
	need(uplink.CheckEdgeName(d.Edge) == nil, "edge", fmt.Sprintf("%q, want the name of an edge like rathaus-1", d.Edge))
	need(d.Place.Lat >= -90 && d.Place.Lat <= 90, "lat", fmt.Sprintf("%v, want -90 to 90", d.Place.Lat))
	need(d.Place.Lon >= -180 && d.Place.Lon <= 180, "lon", fmt.Sprintf("%v, want -180 to 180", d.Place.Lon))
	need(d.Visibility == devices.Internal || d.Visibility == devices.Public, "visibility", fmt.Sprintf("%q, want internal or public", d.Visibility))
	k, none := d.Keys, devices.Key{}
	need(k.OTAA() != k.ABP(), "app_key", "want either app_key, or dev_addr, nwk_s_key and app_s_key")
	need(k.NwkKey == none || k.OTAA(), "nwk_key", "want it with app_key alone, for a device that joins with LoRaWAN 1.1")
	need((k.SNwkSIntKey == none) == (k.NwkSEncKey == none), "s_nwk_s_int_key, nwk_s_enc_key", "want both, for LoRaWAN 1.1, or none")
	need(k.SNwkSIntKey == none && k.NwkSEncKey == none || k.ABP(), "s_nwk_s_int_key, nwk_s_enc_key", "want them with dev_addr, nwk_s_key and app_s_key alone")
	need(!d.ResetFCnt || k.ABP(), "reset_f_cnt", "want it for devices with dev_addr, nwk_s_key and app_s_key alone; others begin anew by joining")
	return errors.Join(errs...)
}

func validStation(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 64
}

// Put adds the devices, or replaces those with the same DevEUI, all or none.
// All devices of a station have the same visibility. Nonces of a device stay
// what they were, unless those given are higher.
func (r *Registry) Put(ctx context.Context, list []devices.Device) error {
	for _, d := range list {
		if err := Check(d); err != nil {
			return fmt.Errorf("device %s: %w", d.EUI, err)
		}
	}
	err := r.inTx(ctx, func(tx *sql.Tx) error {
		insert, err := tx.PrepareContext(ctx, putDevice)
		if err != nil {
			return fmt.Errorf("prepare: %w", err)
		}
		for _, d := range list {
			if _, err := insert.ExecContext(ctx, columns(d)...); err != nil {
				return errors.Join(fmt.Errorf("device %s: %w", d.EUI, err), insert.Close())
			}
		}
		if err := insert.Close(); err != nil {
			return err
		}
		if err := oneVisibility(ctx, tx); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE revision SET n = n + 1")
		return err
	})
	if err != nil {
		return fmt.Errorf("put %d devices into the registry: %w", len(list), err)
	}
	return nil
}

// oneVisibility refuses a station with public and internal devices: what is
// published is grouped by station, and would hold what the internal ones said.
func oneVisibility(ctx context.Context, tx *sql.Tx) error {
	var station string
	err := tx.QueryRowContext(ctx, "SELECT station FROM device GROUP BY station HAVING COUNT(DISTINCT visibility) > 1").Scan(&station)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("compare visibilities: %w", err)
	}
	return fmt.Errorf("station %s has public and internal devices: give the internal ones a station of their own", station)
}

func columns(d devices.Device) []any {
	k := d.Keys
	addr := ""
	if k.ABP() {
		addr = fmt.Sprintf("%x", k.DevAddr)
	}
	return []any{
		d.EUI.String(), d.JoinEUI.String(), d.Name, d.Station, d.Municipality, string(d.Domain), d.Profile, d.Edge,
		d.Place.Lat, d.Place.Lon, string(d.Visibility), hexOf(k.AppKey), addr, hexOf(k.NwkSKey), hexOf(k.AppSKey),
		hexOf(k.NwkKey), hexOf(k.SNwkSIntKey), hexOf(k.NwkSEncKey), d.ResetFCnt, d.Nonces,
	}
}

// FlushNonces lets the device's edge forget which DevNonces it has used.
func (r *Registry) FlushNonces(ctx context.Context, eui uplink.EUI) error {
	err := r.inTx(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, "UPDATE device SET nonces = nonces + 1 WHERE dev_eui = ?", eui.String())
		if err != nil {
			return err
		}
		switch n, err := result.RowsAffected(); {
		case err != nil:
			return err
		case n == 0:
			return errUnknown
		}
		_, err = tx.ExecContext(ctx, "UPDATE revision SET n = n + 1")
		return err
	})
	if err != nil {
		return fmt.Errorf("forget the DevNonces of device %s: %w", eui, err)
	}
	return nil
}

var errUnknown = errors.New("there is no such device in the registry")

// Device returns one device.
func (r *Registry) Device(ctx context.Context, eui uplink.EUI) (devices.Device, error) {
	d, err := scan(r.db.QueryRowContext(ctx, "SELECT "+columnNames+" FROM device WHERE dev_eui = ?", eui.String()))
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

// List returns all devices ordered by station and DevEUI, and the revision
// they belong to.
func (r *Registry) List(ctx context.Context) ([]devices.Device, uint64, error) {
	tx, err := r.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, 0, fmt.Errorf("read device registry: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // ends a transaction that only read
	var revision uint64
	if err := tx.QueryRowContext(ctx, "SELECT n FROM revision").Scan(&revision); err != nil {
		return nil, 0, fmt.Errorf("read device registry: %w", err)
	}
	rows, err := tx.QueryContext(ctx, "SELECT "+columnNames+" FROM device ORDER BY station, dev_eui")
	if err != nil {
		return nil, 0, fmt.Errorf("read device registry: %w", err)
	}
	defer func() { _ = rows.Close() }() // its error is that of rows.Err
	var out []devices.Device
	for rows.Next() {
		d, err := scan(rows)
		if err != nil {
			return nil, 0, fmt.Errorf("read device registry: %w", err)
		}
		out = append(out, d)
	}
	if err := rows.Err(); err != nil {
		return nil, 0, fmt.Errorf("read device registry: %w", err)
	}
	return out, revision, nil
}

// scan reads a row of columnNames.
func scan(row interface{ Scan(...any) error }) (devices.Device, error) {
	var d devices.Device
	var eui, joinEUI string
	keys := map[string]*string{}
	key := func(column string) *string {
		keys[column] = new(string)
		return keys[column]
	}
	err := row.Scan(&eui, &joinEUI, &d.Name, &d.Station, &d.Municipality, &d.Domain, &d.Profile, &d.Edge,
		&d.Place.Lat, &d.Place.Lon, &d.Visibility, key("app_key"), key("dev_addr"), key("nwk_s_key"), key("app_s_key"),
		key("nwk_key"), key("s_nwk_s_int_key"), key("nwk_s_enc_key"), &d.ResetFCnt, &d.Nonces)
	if err != nil {
		return d, err
	}
	if d.EUI, err = uplink.ParseEUI(eui); err != nil {
		return d, err
	}
	if d.JoinEUI, err = uplink.ParseEUI(joinEUI); err != nil {
		return d, fmt.Errorf("device %s: %w", eui, err)
	}
	if d.Keys, err = ParseKeys(func(column string) string { return *keys[column] }); err != nil {
		return d, fmt.Errorf("device %s: %w", eui, err)
	}
	return d, nil
}
