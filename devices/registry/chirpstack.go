package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// chirpstackDevice is a device as ChirpStack v4's API has it: an element of
// the result of GET /api/devices, with the keys of GET
// /api/devices/{devEui}/keys beside it or under deviceKeys, and the session of
// GET /api/devices/{devEui}/activation under deviceActivation.
type chirpstackDevice struct {
	DevEUI     string             `json:"devEui"`
	JoinEUI    string             `json:"joinEui"`
	Name       string             `json:"name"`
	Profile    string             `json:"deviceProfileName"`
	ProfileID  string             `json:"deviceProfileId"`
	IsDisabled bool               `json:"isDisabled"`
	Variables  map[string]string  `json:"variables"`
	Tags       map[string]string  `json:"tags"`
	Device     *chirpstackDevice  `json:"device"` // of GET /api/devices/{devEui}
	Keys       *chirpstackKeys    `json:"deviceKeys"`
	Session    *chirpstackSession `json:"deviceActivation"`
	chirpstackKeys
}

// chirpstackKeys are the root keys. With LoRaWAN 1.0, ChirpStack keeps the one
// root key, AppKey on the device's label, as nwkKey.
type chirpstackKeys struct {
	NwkKey string `json:"nwkKey"`
	AppKey string `json:"appKey"`
}

type chirpstackSession struct {
	DevAddr     string `json:"devAddr"`
	AppSKey     string `json:"appSKey"`
	NwkSEncKey  string `json:"nwkSEncKey"`
	SNwkSIntKey string `json:"sNwkSIntKey"`
	FNwkSIntKey string `json:"fNwkSIntKey"`
}

// tagColumns are the columns that a device of another system may carry as a
// tag or attribute of that name.
var tagColumns = []string{
	"station", "municipality", "district", "road", "edge", "profile", "lat", "lon", "segment", "visibility", "owner", "group", "connection",
}

// fromTags takes the columns among tags.
func fromTags(f, tags map[string]string) {
	for _, column := range tagColumns {
		if v := tags[column]; v != "" {
			f[column] = v
		}
	}
}

// ReadChirpStack reads devices of ChirpStack: the JSON of its API, or CSV with
// the same names as headings (devEui, joinEui, name, deviceProfileName,
// nwkKey, appKey).
func ReadChirpStack(in io.Reader) ([]Record, error) {
	data, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("read ChirpStack devices: %w", err)
	}
	if text := bytes.TrimSpace(data); len(text) > 0 && text[0] != '{' && text[0] != '[' {
		return readChirpStackCSV(data)
	}
	var out []Record
	err = objects(bytes.NewReader(data), []string{"result", "devices"}, func(raw json.RawMessage) error {
		n := len(out) + 1
		var d chirpstackDevice
		if err := decodeDevice(raw, n, &d); err != nil {
			return err
		}
		out = append(out, d.record(n))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read ChirpStack devices: %w", err)
	}
	return out, nil
}

func (d chirpstackDevice) record(n int) Record {
	keys := d.chirpstackKeys
	if d.Keys != nil {
		keys = *d.Keys
	}
	session := d.Session
	if d.Device != nil {
		d = *d.Device
	}
	f := map[string]string{"dev_eui": d.DevEUI, "join_eui": d.JoinEUI, "name": d.Name, "profile": firstOf(d.Profile, d.ProfileID)}
	if d.IsDisabled {
		f["disabled"] = "true"
	}
	if len(d.Variables) > 0 {
		text, _ := json.Marshal(d.Variables) // strings always encode
		f["variables"] = string(text)
	}
	fromTags(f, d.Tags)
	f["nwk_key"], f["app_key"] = notZero(keys.NwkKey), notZero(keys.AppKey)
	if f["nwk_key"] == "" && f["app_key"] == "" && session != nil {
		f["dev_addr"], f["app_s_key"], f["nwk_s_key"] = session.DevAddr, session.AppSKey, session.FNwkSIntKey
		f["s_nwk_s_int_key"], f["nwk_s_enc_key"] = session.SNwkSIntKey, session.NwkSEncKey
	}
	return Record{At: at(n, d.DevEUI), Fields: f, networkRoot: true}
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// notZero drops a key of zeros, which stands for none.
func notZero(key string) string {
	if strings.Trim(key, "0") == "" {
		return ""
	}
	return key
}

var chirpstackColumns = map[string]string{
	"devEui": "dev_eui", "joinEui": "join_eui", "name": "name", "deviceProfileName": "profile", "nwkKey": "nwk_key", "appKey": "app_key",
	"description": "", "deviceProfileId": "", "createdAt": "", "updatedAt": "", "lastSeenAt": "", "applicationId": "",
}

func readChirpStackCSV(data []byte) ([]Record, error) {
	r := newCSV(data)
	heading, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("read heading of ChirpStack devices: %w", err)
	}
	columns := make([]string, len(heading))
	for i, h := range heading {
		h = strings.TrimSpace(h)
		column, ok := chirpstackColumns[h]
		if !ok {
			if !slices.Contains(tagColumns, h) {
				return nil, fmt.Errorf("read ChirpStack devices: column %q is unknown, want of ChirpStack %s, or ours %s",
					h, strings.Join(slices.Sorted(maps.Keys(chirpstackColumns)), ", "), strings.Join(tagColumns, ", "))
			}
			column = h
		}
		if column != "" && slices.Contains(columns[:i], column) {
			return nil, fmt.Errorf("read ChirpStack devices: column %q is there twice", h)
		}
		columns[i] = column
	}
	if !slices.Contains(columns, "dev_eui") {
		return nil, errors.New("read ChirpStack devices: column devEui is missing")
	}
	out, err := readRecords(r, columns)
	for i := range out {
		f := out[i].Fields
		f["nwk_key"], f["app_key"] = notZero(f["nwk_key"]), notZero(f["app_key"])
		out[i].networkRoot = true
	}
	return out, err
}
