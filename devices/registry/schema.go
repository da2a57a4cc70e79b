package registry

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"modellregion/devices"
	"modellregion/internal/sqlite"
	"modellregion/uplink"
)

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
ALTER TABLE device ADD COLUMN nonces          INTEGER NOT NULL DEFAULT 0;`, `
ALTER TABLE device ADD COLUMN owner     TEXT    NOT NULL DEFAULT '';
ALTER TABLE device ADD COLUMN disabled  INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1));
ALTER TABLE device ADD COLUMN segment   TEXT    NOT NULL DEFAULT '';   -- WKT
ALTER TABLE device ADD COLUMN variables TEXT    NOT NULL DEFAULT '{}' CHECK (json_valid(variables));
ALTER TABLE device ADD COLUMN search    TEXT    NOT NULL DEFAULT '';   -- name and station as Find compares them
-- Everything that Find filters by, in its order: it reads this index alone.
CREATE INDEX device_find ON device (station, dev_eui, municipality, domain, profile, edge, owner, visibility, disabled, search);
CREATE TABLE kek (id TEXT PRIMARY KEY) WITHOUT ROWID; -- which key wraps the keys; none: they are plain
CREATE TABLE profile (id TEXT PRIMARY KEY, yaml TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE edge (
	name         TEXT PRIMARY KEY,
	municipality TEXT NOT NULL,
	note         TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE gateway (
	eui          TEXT PRIMARY KEY CHECK (length(eui) = 16),
	name         TEXT NOT NULL,
	edge         TEXT NOT NULL,
	municipality TEXT NOT NULL,
	lat          REAL NOT NULL CHECK (lat BETWEEN -90 AND 90),
	lon          REAL NOT NULL CHECK (lon BETWEEN -180 AND 180)
) WITHOUT ROWID;`, `
ALTER TABLE device ADD COLUMN changed INTEGER NOT NULL DEFAULT 0; -- the revision that wrote the row last
CREATE INDEX device_changed ON device (changed);
-- When a device was removed last; one that was put again since is still in it.
CREATE TABLE removed (dev_eui TEXT PRIMARY KEY, changed INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX removed_changed ON removed (changed);
-- INSERT OR REPLACE does not fire it (recursive_triggers is off), and it would do no harm.
CREATE TRIGGER device_removed AFTER DELETE ON device BEGIN
	INSERT OR REPLACE INTO removed SELECT OLD.dev_eui, n + 1 FROM revision;
END;`, `
ALTER TABLE device ADD COLUMN district        TEXT NOT NULL DEFAULT '';
ALTER TABLE device ADD COLUMN road            TEXT NOT NULL DEFAULT '';
-- Of household meters. Check says so first; this holds whoever writes the file.
ALTER TABLE device ADD COLUMN connection      TEXT NOT NULL DEFAULT '' CHECK (connection = '' OR visibility = 'internal');
ALTER TABLE device ADD COLUMN household_group TEXT NOT NULL DEFAULT '' CHECK ((household_group = '') = (connection = ''));
-- Find filters by groups too, and fitStations compares connections.
DROP INDEX device_find;
CREATE INDEX device_find ON device (station, dev_eui, municipality, domain, profile, edge, owner, visibility, disabled, household_group, connection, search);
CREATE INDEX device_group ON device (household_group, municipality) WHERE household_group <> '';
-- Every station that ever was a household's: its readings stay when the meter goes.
CREATE TABLE household_station (station TEXT PRIMARY KEY) WITHOUT ROWID;`, `
-- What edges log in with, and did once. Times are in seconds since 1970, 0 is never.
CREATE TABLE credential (
	id        TEXT PRIMARY KEY, -- serial number of a certificate or SHA-256 of a password
	edge      TEXT NOT NULL,
	kind      TEXT NOT NULL CHECK (kind IN ('certificate', 'password')),
	mosquitto TEXT NOT NULL,
	issued    INTEGER NOT NULL,
	expires   INTEGER NOT NULL,
	revoked   INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX credential_edge ON credential (edge);`,
}

// nextRevision is what a statement that writes rows of device sets changed to:
// the revision that ends its transaction. Triggers would save writing it five
// times, but take twice the time of an import, since they run for each row.
const nextRevision = "(SELECT n + 1 FROM revision)"

// columnNames are the columns of a device in the order of columns and scan.
const columnNames = "dev_eui, join_eui, name, station, municipality, domain, profile, edge, lat, lon, visibility, " +
	"app_key, dev_addr, nwk_s_key, app_s_key, nwk_key, s_nwk_s_int_key, nwk_s_enc_key, reset_f_cnt, nonces, " +
	"owner, disabled, segment, variables, district, road, connection, household_group"

// putDevice never lowers nonces, of which a list of devices knows nothing.
const putDevice = "INSERT OR REPLACE INTO device (" + columnNames + ", search, changed) VALUES " +
	"(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, max(?, ifnull((SELECT nonces FROM device WHERE dev_eui = ?1), 0)), ?, ?, ?, ?, ?, ?, ?, ?, ?, " + nextRevision + ")"

// searchText is what Find looks for a text in.
func searchText(name, station string) string { return strings.ToLower(name) + "\n" + station }

// columns are the values of putDevice.
func columns(d devices.Device, kek KEK) ([]any, error) {
	k := d.Keys
	addr := ""
	if k.ABP() {
		addr = fmt.Sprintf("%x", k.DevAddr)
	}
	var stored [6]string
	for i, key := range []devices.Key{k.AppKey, k.NwkSKey, k.AppSKey, k.NwkKey, k.SNwkSIntKey, k.NwkSEncKey} {
		var err error
		if stored[i], err = kek.seal(key); err != nil {
			return nil, err
		}
	}
	variables := []byte("{}")
	if len(d.Variables) > 0 {
		var err error
		if variables, err = json.Marshal(d.Variables); err != nil {
			return nil, fmt.Errorf("variables: %w", err)
		}
	}
	return []any{
		d.EUI.String(), d.JoinEUI.String(), d.Name, d.Station, d.Municipality, string(d.Domain), d.Profile, d.Edge,
		d.Place.Lat, d.Place.Lon, string(d.Visibility), stored[0], addr, stored[1], stored[2], stored[3], stored[4], stored[5],
		d.ResetFCnt, d.Nonces, d.Owner, d.Disabled, d.Segment.String(), string(variables),
		d.District, d.Road, d.Connection, d.Group,
		searchText(d.Name, d.Station),
	}, nil
}

// scan reads a row of columnNames.
func scan(row interface{ Scan(...any) error }, kek KEK) (devices.Device, error) {
	var d devices.Device
	var eui, joinEUI, devAddr, segment, variables string
	var stored [6]string // as in columns
	err := row.Scan(&eui, &joinEUI, &d.Name, &d.Station, &d.Municipality, &d.Domain, &d.Profile, &d.Edge,
		&d.Place.Lat, &d.Place.Lon, &d.Visibility, &stored[0], &devAddr, &stored[1], &stored[2], &stored[3], &stored[4], &stored[5],
		&d.ResetFCnt, &d.Nonces, &d.Owner, &d.Disabled, &segment, &variables, &d.District, &d.Road, &d.Connection, &d.Group)
	if err != nil {
		return d, err
	}
	if d.EUI, err = uplink.ParseEUI(eui); err != nil {
		return d, err
	}
	wrong := func(err error) (devices.Device, error) { return d, fmt.Errorf("device %s: %w", eui, err) }
	if d.JoinEUI, err = uplink.ParseEUI(joinEUI); err != nil {
		return wrong(err)
	}
	if d.Segment, err = devices.ParseSegment(segment); err != nil {
		return wrong(fmt.Errorf("segment: %w", err))
	}
	if variables != "{}" {
		if err := json.Unmarshal([]byte(variables), &d.Variables); err != nil {
			return wrong(fmt.Errorf("variables: %w", err))
		}
	}
	k := &d.Keys
	for i, dst := range []*devices.Key{&k.AppKey, &k.NwkSKey, &k.AppSKey, &k.NwkKey, &k.SNwkSIntKey, &k.NwkSEncKey} {
		if *dst, err = kek.open(stored[i]); err != nil {
			return wrong(fmt.Errorf("%s: %w", keyColumns[i], err))
		}
	}
	if devAddr != "" {
		if k.DevAddr, err = parseDevAddr(devAddr); err != nil {
			return wrong(err)
		}
	}
	return d, nil
}

// migrate brings the schema up to date.
func (r *Registry) migrate(ctx context.Context) error {
	return sqlite.Migrate(ctx, r.db, schema, func(tx *sql.Tx, version int) error {
		if version != searchVersion {
			return nil
		}
		return refold(ctx, tx)
	})
}

// searchVersion is the version of schema that brought the column search.
const searchVersion = 3

// refold fills the column search, for which SQLite knows no Ä.
func refold(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, "SELECT dev_eui, name, station FROM device")
	if err != nil {
		return err
	}
	var values [][2]string
	for rows.Next() {
		var eui, name, station string
		if err := rows.Scan(&eui, &name, &station); err != nil {
			return errors.Join(err, rows.Close())
		}
		values = append(values, [2]string{searchText(name, station), eui})
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	for _, v := range values {
		if _, err := tx.ExecContext(ctx, "UPDATE device SET search = ? WHERE dev_eui = ?", v[0], v[1]); err != nil {
			return err
		}
	}
	return nil
}
