package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"

	"modellregion/devices"
	"modellregion/uplink"
)

// checkHousehold explains what is wrong with a device as a household's meter.
// It does not repeat the connection user, who may be called by name in a list.
func checkHousehold(d devices.Device) error {
	var errs []error
	need := func(ok bool, column, want string) {
		if !ok {
			errs = append(errs, fmt.Errorf("%s: %s", column, want))
		}
	}
	need(d.Connection == "" || validID(d.Connection), "connection", "want 1 to 64 of a-z, 0-9 and inner hyphens: a pseudonym like a-0815, not a name or a customer's number")
	need(d.Group == "" || validID(d.Group), "group", fmt.Sprintf("%.80q, want 1 to 64 of a-z, 0-9 and inner hyphens like riemekeviertel", d.Group))
	need((d.Connection == "") == (d.Group == ""), "connection, group", "want both, for the meter of a household, or none")
	if d.Connection != "" {
		need(d.Visibility != devices.Public, "visibility", "public, and with a connection user it is the meter of a household: its readings are personal data (MsbG §49) and published in groups only, want internal")
		need(d.Domain == uplink.Energy, "connection", fmt.Sprintf("want it for devices of domain energy alone, and its profile is of %s", d.Domain))
	}
	return errors.Join(errs...)
}

// What does not go together, as errors of a station or a group.
func mixedStation(station string) error {
	return fmt.Errorf("station %s has public and internal devices: give the internal ones a station of their own", station)
}

func sharedStation(station string) error {
	return fmt.Errorf("station %s has the meter of a household and a device of another connection or group, or of none: give each connection user's meters a station of their own", station)
}

func onceHousehold(station string) error {
	return fmt.Errorf("station %s was that of a household, whose readings are stored with it: give public devices a station of their own", station)
}

func spreadGroup(group string) error {
	return fmt.Errorf("group %s has meters in several municipalities: give each municipality groups of its own", group)
}

// fewDevices is up to how many devices are compared with those they share a
// station or group with, some 10 µs each. From there on reading the index once
// takes less.
const fewDevices = 1000

// What this transaction has written, when those are few.
const (
	ofWritten = "SELECT station FROM device WHERE changed = " + nextRevision
	groupOf   = "SELECT household_group FROM device WHERE household_group <> '' AND changed = " + nextRevision
)

// fitWritten is fitAll of the stations and groups of a list, after it was
// written.
func fitWritten(ctx context.Context, tx *sql.Tx, list []devices.Device) error {
	for _, d := range list {
		if d.Connection == "" {
			continue
		}
		if _, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO household_station VALUES (?)", d.Station); err != nil {
			return fmt.Errorf("note the station of a household: %w", err)
		}
	}
	if len(list) > fewDevices {
		return fitAll(ctx, tx)
	}
	return fit(ctx, tx, "station IN ("+ofWritten+")", "household_group IN ("+groupOf+")")
}

// fitAll refuses a station whose devices do not go together, since readings
// are aggregated by station: public and internal ones, as what is published
// would hold what the internal ones said; a household's meter and anything but
// a meter of the same connection and group. And public devices at a station
// that once was a household's, whose readings are published when they are
// aggregated anew; and a group in several municipalities, which is published
// with one.
func fitAll(ctx context.Context, q querier) error { return fit(ctx, q, "1", "1") }

func fit(ctx context.Context, q querier, stations, groups string) error {
	var name string
	var mixed bool
	err := q.QueryRowContext(ctx, "SELECT station, min(visibility) <> max(visibility) AS mixed FROM device INDEXED BY device_find WHERE "+stations+
		" GROUP BY station HAVING mixed OR min(connection) <> max(connection) OR min(household_group) <> max(household_group) LIMIT 1").Scan(&name, &mixed)
	switch {
	case err == nil && mixed:
		return mixedStation(name)
	case err == nil:
		return sharedStation(name)
	case !errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("compare the devices of stations: %w", err)
	}
	for _, c := range []struct {
		statement string
		wrong     func(string) error
	}{
		{"SELECT station FROM device INDEXED BY device_find WHERE " + stations +
			" AND visibility = 'public' AND station IN (SELECT station FROM household_station)", onceHousehold},
		{"SELECT household_group FROM device INDEXED BY device_group WHERE household_group <> '' AND " + groups +
			" GROUP BY household_group HAVING min(municipality) <> max(municipality)", spreadGroup},
	} {
		err := q.QueryRowContext(ctx, c.statement+" LIMIT 1").Scan(&name)
		switch {
		case err == nil:
			return c.wrong(name)
		case !errors.Is(err, sql.ErrNoRows):
			return fmt.Errorf("compare what households have in common: %w", err)
		}
	}
	return nil
}

// fit is fitAll of what the registry would hold with a list, but for what it
// once held.
func (b *Builder) fit(list []devices.Device) error {
	after := make(map[uplink.EUI]*devices.Device, len(b.Known)+len(list))
	for eui, d := range b.Known {
		after[eui] = &d
	}
	for i := range list {
		after[list[i].EUI] = &list[i]
	}
	first, firstOfGroup := map[string]*devices.Device{}, map[string]*devices.Device{}
	mixed, shared, spread := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, d := range after {
		if f := first[d.Station]; f == nil {
			first[d.Station] = d
		} else if f.Visibility != d.Visibility {
			mixed[d.Station] = true
		} else if f.Connection != d.Connection || f.Group != d.Group {
			shared[d.Station] = true
		}
		if d.Group == "" {
			continue
		}
		if f := firstOfGroup[d.Group]; f == nil {
			firstOfGroup[d.Group] = d
		} else if f.Municipality != d.Municipality {
			spread[d.Group] = true
		}
	}
	var errs []error
	for _, c := range []struct {
		names map[string]bool
		err   func(string) error
	}{{mixed, mixedStation}, {shared, sharedStation}, {spread, spreadGroup}} {
		for _, name := range slices.Sorted(maps.Keys(c.names)) {
			errs = append(errs, c.err(name))
		}
	}
	return errors.Join(errs[:min(len(errs), maxProblems)]...)
}

// householdsStay refuses a profile that would take household meters to another
// domain than checkHousehold allows.
func householdsStay(ctx context.Context, tx *sql.Tx, p devices.Profile) error {
	if p.Domain == uplink.Energy {
		return nil
	}
	var n int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM device WHERE profile = ? AND connection <> ''", p.ID).Scan(&n); err != nil {
		return err
	}
	if n > 0 {
		return fmt.Errorf("%d household meters have it: want domain energy, not %s", n, p.Domain)
	}
	return nil
}
