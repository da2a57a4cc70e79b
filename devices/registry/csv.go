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
// are marked as optional in the handbook: join_eui, visibility, reset_f_cnt,
// and the keys of the other kind of activation and of other versions.
var Columns = []string{
	"dev_eui", "join_eui", "name", "station", "municipality", "profile", "edge", "lat", "lon", "visibility",
	"app_key", "dev_addr", "nwk_s_key", "app_s_key",
	"nwk_key", "s_nwk_s_int_key", "nwk_s_enc_key", // LoRaWAN 1.1
	"reset_f_cnt",
}

// ParseKeys reads the keys of a device, each from its column, as hexadecimal
// digits; those that it does not have are empty.
func ParseKeys(get func(column string) string) (devices.Keys, error) {
	var k devices.Keys
	var errs []error
	for _, f := range []struct {
		column string
		dst    *devices.Key
	}{
		{"app_key", &k.AppKey}, {"nwk_key", &k.NwkKey}, {"nwk_s_key", &k.NwkSKey}, {"app_s_key", &k.AppSKey},
		{"s_nwk_s_int_key", &k.SNwkSIntKey}, {"nwk_s_enc_key", &k.NwkSEncKey},
	} {
		s := get(f.column)
		if s == "" {
			continue
		}
		key, err := devices.ParseKey(s)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", f.column, err))
		}
		*f.dst = key
	}
	if devAddr := get("dev_addr"); devAddr != "" {
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
	d.Keys, err = ParseKeys(get)
	errs = append(errs, err)
	d.ResetFCnt, err = parseYes(get("reset_f_cnt"))
	note("reset_f_cnt", err)
	if err := errors.Join(errs...); err != nil {
		return d, err
	}
	return d, errors.Join(Check(d), fitKeys(d.Keys, p))
}

// parseYes reads a yes or no; nothing is no.
func parseYes(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "true", "yes", "1":
		return true, nil
	case "", "false", "no", "0":
		return false, nil
	}
	return false, fmt.Errorf("%q, want true or false", s)
}

// fitKeys explains which keys a device of a profile lacks or has too many.
// Check has seen to it that it has those of one activation.
func fitKeys(k devices.Keys, p devices.Profile) error {
	var errs []error
	fit := func(column string, key devices.Key, want bool) {
		switch has := key != (devices.Key{}); {
		case want && !has:
			errs = append(errs, fmt.Errorf("%s: must be given, profile %s is LoRaWAN %s", column, p.ID, p.LoRaWAN.Version))
		case has && !want:
			errs = append(errs, fmt.Errorf("%s: must be empty, profile %s is not LoRaWAN 1.1", column, p.ID))
		}
	}
	two := p.LoRaWAN.TwoRoots()
	fit("nwk_key", k.NwkKey, two && k.OTAA())
	fit("s_nwk_s_int_key", k.SNwkSIntKey, two && k.ABP())
	fit("nwk_s_enc_key", k.NwkSEncKey, two && k.ABP())
	return errors.Join(errs...)
}
