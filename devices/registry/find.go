package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"modellregion/devices"
	"modellregion/uplink"
)

// Filter says which devices are wanted. An empty field asks for nothing.
type Filter struct {
	Text         string // in the name or the station, in either case, or the beginning of the DevEUI
	Municipality string
	Domain       uplink.Domain
	Profile      string
	Edge         string
	Owner        string
	Group        string // of household meters
	Visibility   devices.Visibility
	Disabled     *bool
	Limit        int // 0: all
	Offset       int
}

// where returns the condition and its arguments.
func (f Filter) where() (string, []any) {
	conditions, args := []string{"1"}, []any(nil)
	equal := func(column, value string) {
		if value != "" {
			conditions, args = append(conditions, column+" = ?"), append(args, value)
		}
	}
	equal("municipality", f.Municipality)
	equal("domain", string(f.Domain))
	equal("profile", f.Profile)
	equal("edge", f.Edge)
	equal("owner", f.Owner)
	equal("household_group", f.Group)
	equal("visibility", string(f.Visibility))
	if f.Disabled != nil {
		conditions, args = append(conditions, "disabled = ?"), append(args, *f.Disabled)
	}
	if text := strings.ToLower(strings.TrimSpace(f.Text)); text != "" {
		conditions = append(conditions, "(instr(search, ?) > 0 OR substr(dev_eui, 1, ?) = ?)")
		args = append(args, text, len(text), text)
	}
	return strings.Join(conditions, " AND "), args
}

// Find returns the devices that a filter asks for, ordered by station and
// DevEUI, and how many there are without its limit and offset.
func (r *Registry) Find(ctx context.Context, f Filter) (_ []devices.Device, total int, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("find devices: %w", err)
		}
	}()
	if f.Limit < 0 || f.Offset < 0 {
		return nil, 0, fmt.Errorf("limit %d and offset %d, want 0 or more", f.Limit, f.Offset)
	}
	tx, err := r.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = tx.Rollback() }() // ends a transaction that only read
	where, args := f.where()
	// One narrow index has all columns that are compared, in the order wanted.
	const from = " FROM device INDEXED BY device_find WHERE "
	if err := tx.QueryRowContext(ctx, "SELECT count(*)"+from+where, args...).Scan(&total); err != nil {
		return nil, 0, err
	}
	if total <= f.Offset {
		return nil, total, nil
	}
	limit := f.Limit
	if limit == 0 {
		limit = -1
	}
	page := "SELECT dev_eui" + from + where + " ORDER BY station, dev_eui LIMIT ? OFFSET ?"
	rows, err := tx.QueryContext(ctx, "SELECT "+columnNames+" FROM device WHERE dev_eui IN ("+page+") ORDER BY station, dev_eui",
		append(args, limit, f.Offset)...)
	if err != nil {
		return nil, 0, err
	}
	list, err := r.scanAll(rows, 0)
	return list, total, err
}

// scanAll reads rows of columnNames, about n of them.
func (r *Registry) scanAll(rows *sql.Rows, n int) (out []devices.Device, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	out = make([]devices.Device, 0, n)
	same := words{}
	for rows.Next() {
		d, err := scan(rows, r.kek)
		if err != nil {
			return nil, err
		}
		same.share(&d)
		out = append(out, d)
	}
	return out, rows.Err()
}

// words are what many devices have in common. A text of its own for each of a
// million devices takes more memory than the columns that came last.
type words map[string]string

func (w words) share(d *devices.Device) {
	for _, s := range []*string{
		&d.Municipality, (*string)(&d.Domain), &d.Profile, &d.Edge, (*string)(&d.Visibility), &d.Owner, &d.District, &d.Road, &d.Group,
	} {
		if *s == "" {
			continue
		}
		first, ok := w[*s]
		if !ok {
			first, w[*s] = *s, *s
		}
		*s = first
	}
}

// List returns all devices ordered by station and DevEUI, and the revision
// they belong to.
func (r *Registry) List(ctx context.Context) ([]devices.Device, uint64, error) {
	list, revision, _, err := r.snapshot(ctx)
	return list, revision, err
}

// snapshot returns all devices, the revision and the own profiles' YAML of one
// moment.
func (r *Registry) snapshot(ctx context.Context) (list []devices.Device, revision uint64, own map[string]string, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("read device registry: %w", err)
		}
	}()
	tx, err := r.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, 0, nil, err
	}
	defer func() { _ = tx.Rollback() }() // ends a transaction that only read
	if err := tx.QueryRowContext(ctx, "SELECT n FROM revision").Scan(&revision); err != nil {
		return nil, 0, nil, err
	}
	if own, err = ownProfiles(ctx, tx); err != nil {
		return nil, 0, nil, err
	}
	var n int // a list that grows leaves old ones behind
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM device").Scan(&n); err != nil {
		return nil, 0, nil, err
	}
	rows, err := tx.QueryContext(ctx, "SELECT "+columnNames+" FROM device ORDER BY station, dev_eui")
	if err != nil {
		return nil, 0, nil, err
	}
	list, err = r.scanAll(rows, n)
	return list, revision, own, err
}

// stationNumber returns the running number of a station of a prefix, or 0.
func stationNumber(station, prefix string) int {
	digits, ok := strings.CutPrefix(station, prefix+"-")
	if !ok || len(digits) > 9 || digits == "" {
		return 0
	}
	n := 0
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return 0
		}
		n = 10*n + int(c-'0')
	}
	return n
}
