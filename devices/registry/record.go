package registry

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"modellregion/devices"
	"modellregion/uplink"
)

// Columns are the columns of a device in a list, in the order in which they
// are documented and exported.
var Columns = []string{
	"dev_eui", "join_eui", "name", "station", "municipality", "district", "road", "profile", "edge", "lat", "lon", "segment", "visibility",
	"owner", "group", "connection", "disabled", "variables", "reset_f_cnt",
	"app_key", "nwk_key", "dev_addr", "nwk_s_key", "app_s_key", "s_nwk_s_int_key", "nwk_s_enc_key",
}

// secretColumns are those with which a device proves itself. They are replaced
// together and exported only when asked for.
var secretColumns = []string{"app_key", "nwk_key", "dev_addr", "nwk_s_key", "app_s_key", "s_nwk_s_int_key", "nwk_s_enc_key"}

// IsSecret reports whether a column is one of those with which a device proves
// itself.
func IsSecret(column string) bool { return slices.Contains(secretColumns, column) }

// IsHidden reports whether a column is shown and exported only when asked for:
// the secret ones, and connection, which stands for a person.
func IsHidden(column string) bool { return column == "connection" || IsSecret(column) }

// Record is what a list says of one device: values by column. A column that it
// does not have is left as it is, when the device is known.
type Record struct {
	At     string // where it stands, for errors: "line 7"
	Fields map[string]string

	// networkRoot says that the list, as ChirpStack does, keeps the one root
	// key of LoRaWAN 1.0 as nwk_key.
	networkRoot bool
}

// Fields returns a device as Record has it; keys are in the clear, and they and
// the connection user left out without secrets.
func Fields(d devices.Device, secrets bool) map[string]string {
	f := map[string]string{
		"dev_eui": d.EUI.String(), "join_eui": d.JoinEUI.String(), "name": d.Name, "station": d.Station, "municipality": d.Municipality,
		"district": d.District, "road": d.Road, "group": d.Group,
		"profile": d.Profile, "edge": d.Edge, "lat": formatDegrees(d.Place.Lat), "lon": formatDegrees(d.Place.Lon),
		"segment": d.Segment.String(), "visibility": string(d.Visibility), "owner": d.Owner,
		"disabled": strconv.FormatBool(d.Disabled), "reset_f_cnt": strconv.FormatBool(d.ResetFCnt), "variables": "",
	}
	if len(d.Variables) > 0 {
		text, _ := json.Marshal(d.Variables) // strings always encode
		f["variables"] = string(text)
	}
	if !secrets {
		return f
	}
	f["connection"] = d.Connection
	k := d.Keys
	f["app_key"], f["nwk_key"] = hexOf(k.AppKey), hexOf(k.NwkKey)
	f["nwk_s_key"], f["app_s_key"] = hexOf(k.NwkSKey), hexOf(k.AppSKey)
	f["s_nwk_s_int_key"], f["nwk_s_enc_key"] = hexOf(k.SNwkSIntKey), hexOf(k.NwkSEncKey)
	if f["dev_addr"] = ""; k.ABP() {
		f["dev_addr"] = hex.EncodeToString(k.DevAddr[:])
	}
	return f
}

func formatDegrees(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

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
		if err == nil && key == (devices.Key{}) {
			err = errors.New("all zero is no key")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", f.column, err))
		}
		*f.dst = key
	}
	if devAddr := get("dev_addr"); devAddr != "" {
		var err error
		if k.DevAddr, err = parseDevAddr(devAddr); err != nil {
			errs = append(errs, err)
		}
	}
	return k, errors.Join(errs...)
}

func parseDevAddr(s string) (addr [4]byte, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(addr) {
		return addr, fmt.Errorf("dev_addr: %.32q, want 8 hexadecimal digits", s)
	}
	return [4]byte(b), nil
}

// parseYes reads a yes or no; nothing is no.
func parseYes(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "true", "yes", "ja", "1", "wahr":
		return true, nil
	case "", "false", "no", "nein", "0", "falsch":
		return false, nil
	}
	return false, fmt.Errorf("%.32q, want true or false", s)
}

// parseDegrees reads a latitude or longitude, also with the comma of a German
// spreadsheet.
func parseDegrees(s, like string) (float64, error) {
	if s == "" {
		return 0, fmt.Errorf("must be given, in degrees like %s", like)
	}
	plain := s
	if strings.Count(s, ",") == 1 && !strings.Contains(s, ".") {
		plain = strings.Replace(s, ",", ".", 1)
	}
	v, err := strconv.ParseFloat(plain, 64)
	if err != nil {
		return 0, fmt.Errorf("%.32q, want degrees like %s", s, like)
	}
	return v, nil
}

// parseEUI reads an EUI as it stands on devices and in lists: 70-B3-D5-….
func parseEUI(s string) (uplink.EUI, error) {
	return uplink.ParseEUI(strings.NewReplacer("-", "", ":", "", " ", "").Replace(s))
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

// keptWhenEmpty are the columns in which an empty value of a list does not
// take away what is known.
var keptWhenEmpty = []string{"name", "station", "municipality", "profile", "edge", "lat", "lon", "visibility", "join_eui"}

// over returns the fields of a record over those of the device as it is known.
func (r Record) over(known devices.Device) map[string]string {
	f := Fields(known, true)
	if slices.ContainsFunc(secretColumns, func(c string) bool { return r.Fields[c] != "" }) {
		for _, c := range secretColumns { // others of another activation would remain
			f[c] = ""
		}
		f["reset_f_cnt"] = ""
	}
	for column, value := range r.Fields {
		if value != "" || !IsSecret(column) && !slices.Contains(keptWhenEmpty, column) {
			f[column] = value
		}
	}
	return f
}

// oneRoot moves the root key of LoRaWAN 1.0 to where we have it.
func oneRoot(f map[string]string) {
	if f["nwk_key"] != "" {
		f["app_key"] = f["nwk_key"]
	}
	f["nwk_key"], f["s_nwk_s_int_key"], f["nwk_s_enc_key"] = "", "", ""
}

// withDefaults fills empty columns.
func withDefaults(f, defaults map[string]string) map[string]string {
	out := maps.Clone(f)
	if out == nil {
		out = map[string]string{}
	}
	for column, value := range defaults {
		if out[column] == "" {
			out[column] = value
		}
	}
	return out
}
