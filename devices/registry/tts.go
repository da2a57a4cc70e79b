package registry

import (
	"encoding/json"
	"fmt"
	"io"
)

// ttsDevice is an end device as The Things Stack v3 has it, ttn.lorawan.v3
// EndDevice in JSON, with what we use of it.
type ttsDevice struct {
	IDs struct {
		DeviceID string `json:"device_id"`
		DevEUI   string `json:"dev_eui"`
		JoinEUI  string `json:"join_eui"`
	} `json:"ids"`
	Name       string            `json:"name"`
	Attributes map[string]string `json:"attributes"`
	VersionIDs struct {
		Brand string `json:"brand_id"`
		Model string `json:"model_id"`
	} `json:"version_ids"`
	LoRaWANVersion string                 `json:"lorawan_version"` // "MAC_V1_0_3"
	Locations      map[string]ttsLocation `json:"locations"`
	RootKeys       *struct {
		AppKey ttsKey `json:"app_key"`
		NwkKey ttsKey `json:"nwk_key"`
	} `json:"root_keys"`
	Session *struct {
		DevAddr string `json:"dev_addr"`
		Keys    struct {
			AppSKey     ttsKey `json:"app_s_key"`
			FNwkSIntKey ttsKey `json:"f_nwk_s_int_key"`
			SNwkSIntKey ttsKey `json:"s_nwk_s_int_key"`
			NwkSEncKey  ttsKey `json:"nwk_s_enc_key"`
		} `json:"keys"`
	} `json:"session"`
	SupportsJoin bool `json:"supports_join"`
}

type ttsLocation struct {
	Latitude  *float64 `json:"latitude"`
	Longitude *float64 `json:"longitude"`
}

// ttsKey is a key in the clear, or one that only that server can unwrap.
type ttsKey struct {
	Key       string `json:"key"`
	Encrypted string `json:"encrypted_key"`
	Label     string `json:"kek_label"`
}

// ReadTTS reads end devices of The Things Stack as ttn-lw-cli end-devices list,
// get and export print them: objects one after the other or in an array.
func ReadTTS(in io.Reader) ([]Record, error) {
	var out []Record
	err := objects(in, []string{"end_devices"}, func(raw json.RawMessage) error {
		n := len(out) + 1
		var d ttsDevice
		if err := decodeDevice(raw, n, &d); err != nil {
			return err
		}
		if k := d.wrapped(); k != "" {
			return fmt.Errorf("%s: %s is wrapped with a key of that server (kek_label): export it in the clear", at(n, d.IDs.DevEUI), k)
		}
		out = append(out, d.record(n))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read devices of The Things Stack: %w", err)
	}
	return out, nil
}

// wrapped returns the name of a root key that is not in the clear.
func (d ttsDevice) wrapped() string {
	if d.RootKeys == nil {
		return ""
	}
	for name, k := range map[string]ttsKey{"root_keys.app_key": d.RootKeys.AppKey, "root_keys.nwk_key": d.RootKeys.NwkKey} {
		if k.Key == "" && (k.Encrypted != "" || k.Label != "") {
			return name
		}
	}
	return ""
}

func (d ttsDevice) record(n int) Record {
	f := map[string]string{
		"dev_eui": d.IDs.DevEUI, "join_eui": d.IDs.JoinEUI, "name": firstOf(d.Name, d.IDs.DeviceID),
	}
	if d.VersionIDs.Model != "" {
		f["profile"] = d.VersionIDs.Brand + "/" + d.VersionIDs.Model
	}
	place, ok := d.Locations["user"]
	if !ok && len(d.Locations) == 1 {
		for _, place = range d.Locations {
		}
	}
	f["lat"], f["lon"] = number(place.Latitude), number(place.Longitude)
	fromTags(f, d.Attributes)
	switch {
	case d.RootKeys != nil:
		f["app_key"], f["nwk_key"] = d.RootKeys.AppKey.Key, d.RootKeys.NwkKey.Key
	case d.Session != nil && !d.SupportsJoin:
		k := d.Session.Keys
		f["dev_addr"], f["app_s_key"], f["nwk_s_key"] = d.Session.DevAddr, k.AppSKey.Key, k.FNwkSIntKey.Key
		if f["nwk_s_enc_key"] = k.NwkSEncKey.Key; k.NwkSEncKey != k.FNwkSIntKey { // the same in 1.0
			f["s_nwk_s_int_key"] = k.SNwkSIntKey.Key
		} else {
			f["nwk_s_enc_key"] = ""
		}
	}
	return Record{At: at(n, d.IDs.DevEUI), Fields: f}
}
