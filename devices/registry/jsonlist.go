package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"modellregion/devices"
)

// Formats are the device lists that Read understands.
var Formats = []string{"auto", "csv", "json", "chirpstack", "tts"}

// Read reads a device list of a format, or finds out which one it has: CSV or
// JSON of ours, the devices of ChirpStack's API, or what ttn-lw-cli end-devices
// list and export print.
func Read(in io.Reader, format string, o CSVOptions) ([]Record, error) {
	data, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("read device list: %w", err)
	}
	if format == "auto" {
		format = detect(data)
	}
	switch format {
	case "csv":
		return ReadCSV(bytes.NewReader(data), o)
	case "json":
		return ReadJSON(bytes.NewReader(data))
	case "chirpstack":
		return ReadChirpStack(bytes.NewReader(data))
	case "tts":
		return ReadTTS(bytes.NewReader(data))
	}
	return nil, fmt.Errorf("format %q is unknown, want one of %s", format, strings.Join(Formats, ", "))
}

// detect finds out the format by the name of the first field with a DevEUI.
func detect(data []byte) string {
	text := bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\ufeff")))
	json := len(text) > 0 && (text[0] == '{' || text[0] == '[')
	first, _, _ := bytes.Cut(text, []byte("\n"))
	switch {
	case json && bytes.Contains(text, []byte(`"ids"`)):
		return "tts"
	case json && bytes.Contains(text, []byte(`"devEui"`)), !json && bytes.Contains(first, []byte("devEui")):
		return "chirpstack"
	case json:
		return "json"
	}
	return "csv"
}

// objects calls do with every object of a stream of JSON: one after the other,
// in arrays, or in an array under one of the names in lists.
func objects(in io.Reader, lists []string, do func(json.RawMessage) error) error {
	dec := json.NewDecoder(in)
	for n := 1; ; n++ {
		var raw json.RawMessage
		if err := dec.Decode(&raw); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("value %d of the JSON: %w", n, err)
		}
		if err := eachObject(raw, lists, do); err != nil {
			return err
		}
	}
}

func eachObject(raw json.RawMessage, lists []string, do func(json.RawMessage) error) error {
	var array []json.RawMessage
	if raw[0] == '[' {
		if err := json.Unmarshal(raw, &array); err != nil {
			return err
		}
	} else if raw[0] == '{' {
		var o map[string]json.RawMessage
		if err := json.Unmarshal(raw, &o); err != nil {
			return err
		}
		array = []json.RawMessage{raw}
		for _, name := range lists {
			if inner, ok := o[name]; ok && inner[0] == '[' {
				array = nil
				if err := json.Unmarshal(inner, &array); err != nil {
					return err
				}
			}
		}
	} else {
		return fmt.Errorf("%.32q is no device, want an object or an array of them", raw)
	}
	for _, o := range array {
		if err := do(o); err != nil {
			return err
		}
	}
	return nil
}

// decodeDevice reads one object of a list. Its errors name the field and not
// the value, which may be a key.
func decodeDevice(raw json.RawMessage, n int, into any) error {
	err := json.Unmarshal(raw, into)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Errorf("device %d: %s is a %s, want a %s", n, wrong.Field, wrong.Value, wrong.Type)
	}
	if err != nil {
		return fmt.Errorf("device %d: %w", n, err)
	}
	return nil
}

// at says where a device of a list stands.
func at(n int, eui string) string {
	if _, err := parseEUI(eui); err != nil {
		return fmt.Sprintf("device %d", n)
	}
	return fmt.Sprintf("device %d (%s)", n, eui)
}

// ReadJSON reads what devices export --format json writes: an array of objects
// with our columns. Values are strings, numbers or booleans; variables is an
// object.
func ReadJSON(in io.Reader) ([]Record, error) {
	var out []Record
	err := objects(in, nil, func(raw json.RawMessage) error {
		n := len(out) + 1
		var o map[string]json.RawMessage
		if err := decodeDevice(raw, n, &o); err != nil {
			return err
		}
		f := make(map[string]string, len(o))
		for column, value := range o {
			if column == "domain" { // follows from the profile
				continue
			}
			text, err := columnText(column, value)
			if err != nil {
				return fmt.Errorf("device %d: %s: %w", n, column, err)
			}
			f[column] = text
		}
		out = append(out, Record{At: at(n, f["dev_eui"]), Fields: f})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read device list: %w", err)
	}
	return out, nil
}

func columnText(column string, value json.RawMessage) (string, error) {
	known := false
	for _, c := range Columns {
		known = known || c == column
	}
	if !known {
		return "", fmt.Errorf("there is no such column, the columns are %s", strings.Join(Columns, ", "))
	}
	switch {
	case column == "variables" && value[0] == '{':
		return string(value), nil
	case string(value) == "null":
		return "", nil
	case value[0] == '"':
		var s string
		err := json.Unmarshal(value, &s)
		return s, err
	case value[0] == '{' || value[0] == '[':
		return "", errors.New("want a string, a number or true or false")
	}
	return string(value), nil // a number, true or false
}

// WriteJSON writes devices as ReadJSON reads them; keys are in the clear, and
// the hidden columns left out without secrets.
func WriteJSON(out io.Writer, list []devices.Device, secrets bool) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	rows := make([]map[string]any, 0, len(list))
	for _, d := range list {
		rows = append(rows, Object(d, secrets))
	}
	return enc.Encode(rows)
}

// Object is a device as it is written in JSON: our columns, the domain, and no
// empty ones.
func Object(d devices.Device, secrets bool) map[string]any {
	o := map[string]any{"domain": d.Domain}
	for column, value := range Fields(d, secrets) {
		if value != "" {
			o[column] = value
		}
	}
	o["lat"], o["lon"] = d.Place.Lat, d.Place.Lon
	o["disabled"] = d.Disabled
	if delete(o, "reset_f_cnt"); d.ResetFCnt {
		o["reset_f_cnt"] = true
	}
	if len(d.Variables) > 0 {
		o["variables"] = d.Variables
	}
	return o
}

// number writes a number of a list as a column has it.
func number(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'f', -1, 64)
}
