package registry

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"modellregion/devices"
	"modellregion/uplink"
)

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
	need(validText(d.Name), "name", fmt.Sprintf("%.80q, want one line of UTF-8 with at most %d bytes", d.Name, maxText))
	need(validStation(d.Station), "station", fmt.Sprintf("%.80q, want 1 to 64 of a-z, 0-9 and - like paderborn-verkehr-003; it becomes public", d.Station))
	need(d.Municipality != "", "municipality", "must be given")
	need(d.Domain.Valid(), "domain", fmt.Sprintf("%q, want one of %v", d.Domain, uplink.Domains()))
	need(d.Profile != "", "profile", "must be given")
	need(uplink.CheckEdgeName(d.Edge) == nil, "edge", fmt.Sprintf("%.80q, want the name of an edge like rathaus-1", d.Edge))
	need(d.Place.Lat >= -90 && d.Place.Lat <= 90, "lat", fmt.Sprintf("%v, want -90 to 90", d.Place.Lat))
	need(d.Place.Lon >= -180 && d.Place.Lon <= 180, "lon", fmt.Sprintf("%v, want -180 to 180", d.Place.Lon))
	need(d.Visibility == devices.Internal || d.Visibility == devices.Public, "visibility", fmt.Sprintf("%.80q, want internal or public", d.Visibility))
	for _, c := range []struct{ column, text string }{{"district", d.District}, {"road", d.Road}, {"owner", d.Owner}} {
		need(validText(c.text), c.column, fmt.Sprintf("%.80q, want one line of UTF-8 with at most %d bytes", c.text, maxText))
	}
	if _, err := devices.ParseSegment(d.Segment.String()); err != nil {
		errs = append(errs, fmt.Errorf("segment: %w", err))
	}
	errs = append(errs, checkHousehold(d), checkVariables(d.Variables), checkKeys(d))
	return errors.Join(errs...)
}

const (
	maxText      = 256
	maxVariables = 64
)

// validText reports whether a text is one that people can read in a line.
func validText(s string) bool {
	return len(s) <= maxText && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

func checkVariables(v map[string]string) error {
	if len(v) > maxVariables {
		return fmt.Errorf("variables: %d of them, want at most %d", len(v), maxVariables)
	}
	for name, value := range v {
		if name == "" || len(name) > maxText || len(value) > 4*maxText {
			return fmt.Errorf("variables: %.80q has %d bytes, want a name of 1 to %d and a value of at most %d", name, len(value), maxText, 4*maxText)
		}
	}
	var errs []error
	for _, f := range devices.Facts() {
		if text, ok := v[f.Name]; ok {
			if _, err := f.Parse(text); err != nil {
				errs = append(errs, fmt.Errorf("variables: %w", err))
			}
		}
	}
	return errors.Join(errs...)
}

func checkKeys(d devices.Device) error {
	var errs []error
	need := func(ok bool, column, want string) {
		if !ok {
			errs = append(errs, fmt.Errorf("%s: %s", column, want))
		}
	}
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

// validID is what the ids of municipalities are in the configuration.
func validID(s string) bool {
	return validStation(s) && s[0] != '-' && s[len(s)-1] != '-'
}
