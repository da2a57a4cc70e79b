package importer

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// example is a call of a codec and what must come of it.
type example struct {
	script string // file of the codec
	call   string // decodeUplink, encodeDownlink or decodeDownlink
	file   string // in which it stands
	line   int
	name   string

	port      uint8
	bytes     []byte
	time      time.Time // of reception
	variables map[string]string
	data      map[string]any // of encodeDownlink

	want want
}

// want is what an example expects.
type want struct {
	fails      bool
	data       any // with hasData
	hasData    bool
	bytes      []byte // of encodeDownlink
	port       int    // of encodeDownlink; -1: any
	warnings   []string
	hasWarning bool
	normalized any
	hasNormal  bool
}

// Names of the functions of a codec, LoRa Alliance TS013.
const (
	decodeUplink   = "decodeUplink"
	encodeDownlink = "encodeDownlink"
	decodeDownlink = "decodeDownlink"
)

// exampleTime is when an example is received that does not say when.
var exampleTime = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// parseExample reads an example from what JSON or YAML made of it: the name,
// the input, the output and, of The Things Network, the normalized output.
func parseExample(call string, entry any, keys exampleKeys) (example, error) {
	e := example{call: call, time: exampleTime, want: want{port: -1}}
	m, err := object("the example", entry)
	if err != nil {
		return e, err
	}
	switch name := m[keys.name].(type) {
	case nil:
	case string:
		e.name = name
	default:
		return e, wrongType(keys.name, name, "a text")
	}
	in, err := object("input", m["input"])
	if err != nil {
		return e, err
	}
	if err := e.readInput(in); err != nil {
		return e, err
	}
	out, err := object(keys.output, m[keys.output])
	if err != nil {
		return e, err
	}
	if err := e.readOutput(keys.output, out); err != nil {
		return e, err
	}
	if n, there := m["normalizedOutput"]; there && n != nil && call == decodeUplink {
		norm, err := object("normalizedOutput", n)
		if err != nil {
			return e, err
		}
		e.want.normalized, e.want.hasNormal = norm["data"]
		if e.want.normalized, err = plain(e.want.normalized); err != nil {
			return e, fmt.Errorf("normalizedOutput.data %w", err)
		}
	}
	return e, nil
}

// exampleKeys are the names by which the repositories call the same.
type exampleKeys struct{ name, output string }

func (e *example) readInput(in map[string]any) (err error) {
	if e.call == encodeDownlink {
		data, err := plain(in["data"])
		if err != nil {
			return fmt.Errorf("input.data %w", err)
		}
		if e.data, err = object("input.data", data); err != nil {
			return err
		}
	} else if e.bytes, err = parseBytes("input.bytes", in["bytes"]); err != nil {
		return err
	}
	e.port = 1
	if p, there := in["fPort"]; there {
		n, err := parsePort("input.fPort", p)
		if err != nil {
			return err
		}
		e.port = uint8(n)
	}
	switch t := in["recvTime"].(type) {
	case nil:
	case time.Time:
		e.time = t
	case string:
		if e.time, err = time.Parse(time.RFC3339, t); err != nil {
			return wrongType("input.recvTime", t, "a time like 2026-11-24T12:00:00Z")
		}
	default:
		return wrongType("input.recvTime", t, "a time like 2026-11-24T12:00:00Z")
	}
	if in["variables"] == nil {
		return nil
	}
	variables, err := object("input.variables", in["variables"])
	if err != nil {
		return err
	}
	e.variables = make(map[string]string, len(variables))
	for name, v := range variables {
		switch v.(type) {
		case string, bool, float64, int64, uint64, int:
			e.variables[name] = fmt.Sprint(v)
		default:
			return wrongType("input.variables."+name, v, "a text")
		}
	}
	return nil
}

func (e *example) readOutput(key string, out map[string]any) (err error) {
	list, err := texts(key+".errors", out["errors"])
	if err != nil {
		return err
	}
	e.want.fails = len(list) > 0
	if e.want.warnings, err = texts(key+".warnings", out["warnings"]); err != nil {
		return err
	}
	e.want.hasWarning = out["warnings"] != nil
	if e.want.fails {
		return nil
	}
	if e.call == encodeDownlink {
		if e.want.bytes, err = parseBytes(key+".bytes", out["bytes"]); err != nil {
			return err
		}
		if p, there := out["fPort"]; there {
			e.want.port, err = parsePort(key+".fPort", p)
		}
		return err
	}
	if e.want.data, e.want.hasData = out["data"]; !e.want.hasData {
		return fmt.Errorf("%s has neither data nor errors", key)
	}
	if e.want.data, err = plain(e.want.data); err != nil {
		return fmt.Errorf("%s.data %w", key, err)
	}
	return nil
}

func wrongType(place string, got any, want string) error {
	kind := "an object"
	switch got.(type) {
	case nil:
		return fmt.Errorf("%s is missing, want %s", place, want)
	case string, time.Time:
		kind = fmt.Sprintf("the text %.60q", fmt.Sprint(got))
	case bool:
		kind = fmt.Sprint(got)
	case float64, int64, uint64, int:
		kind = fmt.Sprintf("the number %v", got)
	case []any:
		kind = "a list"
	}
	return fmt.Errorf("%s is %s, want %s", place, kind, want)
}

func object(place string, v any) (map[string]any, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, wrongType(place, v, "an object")
	}
	return m, nil
}

// texts reads a list of texts, which may be missing.
func texts(place string, v any) ([]string, error) {
	if v == nil {
		return nil, nil
	}
	list, ok := v.([]any)
	if !ok {
		return nil, wrongType(place, v, "a list of texts")
	}
	out := make([]string, len(list))
	for i, one := range list {
		if out[i], ok = one.(string); !ok {
			return nil, wrongType(fmt.Sprintf("%s[%d]", place, i), one, "a text")
		}
	}
	return out, nil
}

// whole returns a number that JSON or YAML read, when it is a whole one.
func whole(v any) (int64, bool) {
	switch v := v.(type) {
	case int:
		return int64(v), true
	case int64:
		return v, true
	case uint64:
		return int64(min(v, math.MaxInt64)), true
	case float64:
		return int64(v), v == math.Trunc(v) && math.Abs(v) < 1<<53
	}
	return 0, false
}

func parsePort(place string, v any) (int, error) {
	n, ok := whole(v)
	if !ok || n < 0 || n > 255 {
		return 0, wrongType(place, v, "a port from 1 to 223")
	}
	return int(n), nil
}

// maxPayload is far beyond the 242 bytes of LoRaWAN: some examples are what a
// gateway or a file carries.
const maxPayload = 4096

// parseBytes reads a payload as both repositories write it: a list of numbers,
// decimal or 0x…, as numbers or as texts, or one text of hexadecimal digits.
func parseBytes(place string, v any) ([]byte, error) {
	const form = "bytes like [1, 0x0a, 255] or \"010aff\""
	switch v := v.(type) {
	case string:
		digits := strings.NewReplacer(" ", "", "0x", "", "0X", "", ",", "", "\n", "", "\t", "").Replace(v)
		b, err := hex.DecodeString(digits)
		if err != nil || len(b) > maxPayload {
			return nil, wrongType(place, v, form)
		}
		return b, nil
	case []any:
		if len(v) > maxPayload {
			return nil, fmt.Errorf("%s has %d bytes, want at most %d", place, len(v), maxPayload)
		}
		out := make([]byte, len(v))
		for i, one := range v {
			n, ok := whole(one)
			if text, isText := one.(string); isText {
				digits, base := strings.TrimSpace(text), 10
				if after, is := strings.CutPrefix(strings.ToLower(digits), "0x"); is {
					digits, base = after, 16
				}
				u, err := strconv.ParseUint(digits, base, 8)
				n, ok = int64(u), err == nil
			}
			if !ok || n < 0 || n > 255 {
				return nil, wrongType(fmt.Sprintf("%s[%d]", place, i), one, "a byte like 10 or 0x0a")
			}
			out[i] = byte(n)
		}
		return out, nil
	}
	return nil, wrongType(place, v, form)
}
