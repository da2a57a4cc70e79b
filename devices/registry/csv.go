package registry

import (
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"modellregion/devices"
	"modellregion/uplink"
)

// Columns are the columns of a device list as CSV, in the order in which they
// are documented. A file may have them in any order and leave out those that
// are marked as optional in the handbook: join_eui, visibility, and the keys
// of the other kind of activation.
var Columns = []string{
	"dev_eui", "join_eui", "name", "station", "municipality", "profile", "edge", "lat", "lon", "visibility",
	"app_key", "dev_addr", "nwk_s_key", "app_s_key",
}

// ParseKeys reads the keys of a device as hexadecimal digits: an AppKey, or
// DevAddr, NwkSKey and AppSKey; the others are empty.
func ParseKeys(appKey, devAddr, nwkSKey, appSKey string) (devices.Keys, error) {
	var k devices.Keys
	var errs []error
	parse := func(column, s string, dst *devices.Key) {
		if s == "" {
			return
		}
		key, err := devices.ParseKey(s)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", column, err))
		}
		*dst = key
	}
	parse("app_key", appKey, &k.AppKey)
	parse("nwk_s_key", nwkSKey, &k.NwkSKey)
	parse("app_s_key", appSKey, &k.AppSKey)
	if devAddr != "" {
		b, err := hex.DecodeString(devAddr)
		if err != nil || len(b) != len(k.DevAddr) {
			errs = append(errs, fmt.Errorf("dev_addr: %q, want 8 hexadecimal digits", devAddr))
		} else {
			k.DevAddr = [4]byte(b)
		}
	}
	return k, errors.Join(errs...)
}

// ReadCSV reads a device list with a heading line. The domain follows from the
// profile. It reports every mistake with its line and column and returns no
// devices when there is one.
func ReadCSV(in io.Reader, profiles map[string]devices.Profile) ([]devices.Device, error) {
	r := csv.NewReader(in)
	r.TrimLeadingSpace = true
	heading, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("read heading of the device list: %w", err)
	}
	index := map[string]int{}
	for i, name := range heading {
		name = strings.TrimSpace(strings.TrimPrefix(name, "\ufeff"))
		if !slices.Contains(Columns, name) {
			return nil, fmt.Errorf("column %q is unknown, the columns are %s", name, strings.Join(Columns, ", "))
		}
		index[name] = i
	}
	var out []devices.Device
	var errs []error
	seen := map[uplink.EUI]int{}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		line, _ := r.FieldPos(0)
		if err != nil {
			return nil, fmt.Errorf("read device list: %w", err)
		}
		d, err := fromRecord(func(column string) string {
			if i, ok := index[column]; ok {
				return strings.TrimSpace(record[i])
			}
			return ""
		}, profiles)
		if first, twice := seen[d.EUI]; err == nil && twice {
			err = fmt.Errorf("dev_eui: %s stands in line %d already", d.EUI, first)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("line %d: %w", line, err))
			continue
		}
		seen[d.EUI] = line
		out = append(out, d)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return out, nil
}

func fromRecord(get func(string) string, profiles map[string]devices.Profile) (devices.Device, error) {
	d := devices.Device{
		Name: get("name"), Station: get("station"), Municipality: get("municipality"), Profile: get("profile"),
		Edge: get("edge"), Visibility: devices.Visibility(get("visibility")),
	}
	if d.Visibility == "" {
		d.Visibility = devices.Internal
	}
	var errs []error
	note := func(column string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", column, err))
		}
	}
	var err error
	d.EUI, err = uplink.ParseEUI(get("dev_eui"))
	note("dev_eui", err)
	if s := get("join_eui"); s != "" {
		d.JoinEUI, err = uplink.ParseEUI(s)
		note("join_eui", err)
	}
	d.Place.Lat, err = strconv.ParseFloat(get("lat"), 64)
	note("lat", err)
	d.Place.Lon, err = strconv.ParseFloat(get("lon"), 64)
	note("lon", err)
	p, ok := profiles[d.Profile]
	if !ok {
		note("profile", fmt.Errorf("%q is unknown", d.Profile))
	}
	d.Domain = p.Domain
	d.Keys, err = ParseKeys(get("app_key"), get("dev_addr"), get("nwk_s_key"), get("app_s_key"))
	errs = append(errs, err)
	if err := errors.Join(errs...); err != nil {
		return d, err
	}
	return d, Check(d)
}
