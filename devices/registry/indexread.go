package registry

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"modellregion/devices"
	"modellregion/uplink"
)

// read takes over what changed since x.revision, all of one moment. After an
// error the index may have a part of it; the next read gets that again.
func (x *Index) read(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("read device registry: %w", err)
		}
	}()
	tx, err := x.registry.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // ends a transaction that only read
	var revision uint64
	if err := tx.QueryRowContext(ctx, "SELECT n FROM revision").Scan(&revision); err != nil {
		return err
	}
	own, err := ownProfiles(ctx, tx)
	if err != nil {
		return err
	}
	profiles, err := merge(x.shipped, own)
	if err != nil {
		return err
	}
	// Devices are found with the profile they had until their rows are read.
	both := maps.Clone(x.profiles)
	if both == nil {
		both = map[string]devices.Profile{}
	}
	maps.Copy(both, profiles)
	x.setProfiles(both)
	switch {
	case x.numbers == nil:
		err = x.readFirst(ctx, tx)
	case revision < x.revision: // an older backup took the place of the file
		err = x.readAnew(ctx, tx)
	default:
		err = x.readChanges(ctx, tx)
	}
	if err != nil {
		return err
	}
	x.setProfiles(profiles)
	x.revision = revision
	return nil
}

func (x *Index) readFirst(ctx context.Context, tx *sql.Tx) error {
	var n int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM device").Scan(&n); err != nil {
		return err
	}
	// Tables that grow leave old ones behind, twice what is needed at worst.
	x.mu.Lock()
	x.numbers, x.entries = make(map[uplink.EUI]uint32, n), make([]indexed, 0, n)
	x.mu.Unlock()
	return x.readAll(ctx, tx, nil)
}

// readAnew reads everything. Devices that are not there any more are gone.
func (x *Index) readAnew(ctx context.Context, tx *sql.Tx) error {
	seen := make([]bool, len(x.entries))
	if err := x.readAll(ctx, tx, seen); err != nil {
		return err
	}
	var gone []uint32
	for n, ok := range seen {
		if !ok {
			gone = append(gone, uint32(n))
		}
	}
	x.forget(gone)
	return nil
}

// readAll reads each page of the table once, so that the connection need not
// keep 16 MB of them.
func (x *Index) readAll(ctx context.Context, tx *sql.Tx, seen []bool) error {
	if _, err := tx.ExecContext(ctx, "PRAGMA cache_size = -1000"); err != nil {
		return err
	}
	err := x.readDevices(ctx, tx, seen, "")
	_, undone := tx.ExecContext(ctx, "PRAGMA cache_size = -16000")
	return errors.Join(err, undone)
}

func (x *Index) readChanges(ctx context.Context, tx *sql.Tx) error {
	gone, err := x.readRemoved(ctx, tx)
	if err != nil {
		return err
	}
	x.forget(gone)
	return x.readDevices(ctx, tx, nil, " WHERE changed > ?", x.revision)
}

// readRemoved returns the devices that were removed since x.revision and are
// not there again.
func (x *Index) readRemoved(ctx context.Context, tx *sql.Tx) (gone []uint32, err error) {
	const statement = "SELECT dev_eui FROM removed WHERE changed > ? AND NOT EXISTS (SELECT 1 FROM device WHERE device.dev_eui = removed.dev_eui)"
	rows, err := tx.QueryContext(ctx, statement, x.revision)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		eui, err := uplink.ParseEUI(text)
		if err != nil {
			return nil, err
		}
		if n, ok := x.numbers[eui]; ok { // not under the lock: nobody else writes
			gone = append(gone, n)
		}
	}
	return gone, rows.Err()
}

// deviceRow is what the index reads of a device.
type deviceRow struct {
	eui       uplink.EUI
	station   string
	kind      devices.Entry // its municipality, domain, edge and profile
	disabled  bool
	variables map[string]string
}

// readDevices takes over the devices of a condition, row by row, since a list
// of all would take more memory than the index. It notes in seen, which may be
// nil, which of the devices known before it has met.
func (x *Index) readDevices(ctx context.Context, tx *sql.Tx, seen []bool, where string, args ...any) (err error) {
	rows, err := tx.QueryContext(ctx, "SELECT dev_eui, station, municipality, domain, edge, profile, disabled, nullif(variables, '{}') FROM device"+where, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	batch := make([]deviceRow, 0, indexBatch)
	var d deviceRow
	var eui, domain string
	var variables sql.NullString
	for rows.Next() {
		err := rows.Scan(&eui, &d.station, &d.kind.Municipality, &domain, &d.kind.Edge, &d.kind.Profile, &d.disabled, &variables)
		if err != nil {
			return err
		}
		if d.eui, err = uplink.ParseEUI(eui); err != nil {
			return err
		}
		d.kind.Domain, d.variables = uplink.Domain(domain), nil
		if variables.Valid {
			if err := json.Unmarshal([]byte(variables.String), &d.variables); err != nil {
				return fmt.Errorf("device %s: variables: %w", eui, err)
			}
		}
		if batch = append(batch, d); len(batch) == cap(batch) {
			x.put(batch, seen)
			batch = batch[:0]
		}
	}
	x.put(batch, seen)
	return rows.Err()
}

func (x *Index) put(batch []deviceRow, seen []bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := range batch {
		d := &batch[i]
		n, ok := x.numbers[d.eui]
		if !ok {
			n = uint32(len(x.entries))
			x.numbers[d.eui] = n
			x.entries = append(x.entries, indexed{gone: true})
		}
		if int(n) < len(seen) {
			seen[n] = true
		}
		if x.entries[n].gone {
			x.known++
		}
		x.entries[n] = indexed{eui: d.eui, station: d.station, kind: x.kind(d.kind), disabled: d.disabled}
		if len(d.variables) > 0 {
			x.variables[n] = d.variables
		} else {
			delete(x.variables, n)
		}
	}
}

// kind returns the number of a combination of municipality, domain, edge and
// profile. The caller holds the lock.
func (x *Index) kind(e devices.Entry) uint32 {
	k, ok := x.kindOf[e]
	if !ok {
		k = uint32(len(x.kinds))
		x.kindOf[e] = k
		e.Interval = x.profiles[e.Profile].Interval
		x.kinds = append(x.kinds, e)
	}
	return k
}

// forget marks devices as gone. They keep their numbers.
func (x *Index) forget(gone []uint32) {
	for batch := range slices.Chunk(gone, indexBatch) {
		x.mu.Lock()
		for _, n := range batch {
			if e := &x.entries[n]; !e.gone {
				e.gone, e.station = true, ""
				delete(x.variables, n)
				x.known--
			}
		}
		x.mu.Unlock()
	}
}

func (x *Index) setProfiles(profiles map[string]devices.Profile) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.profiles = profiles
	for i := range x.kinds {
		x.kinds[i].Interval = profiles[x.kinds[i].Profile].Interval
	}
}
