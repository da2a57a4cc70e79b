package javascript

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

const (
	// MaxOutput is the longest result, in bytes of JSON.
	MaxOutput = 64 << 10
	// MaxDepth is how deep objects and arrays of a result may be nested.
	MaxDepth = 32

	maxText  = 200 // bytes of a message
	maxTexts = 16  // warnings
)

// What a codec wanted too much of; the errors of calls wrap them.
var (
	ErrTime   = errors.New("codec ran too long")
	ErrMemory = fmt.Errorf("codec used more than %d MiB of memory", MaxMemory>>20)
	ErrStack  = errors.New("codec recursed too deep")
)

// Output is what a codec made of a payload.
type Output struct {
	// Data is of the types of JSON: map[string]any, []any, float64, string,
	// bool, nil. Unlike in JSON a number may be NaN or infinite. A Date is
	// its ISO string, a Map an object, a Set or typed array an array, and
	// what JSON leaves out (functions, undefined) is left out.
	Data any
	// Normalized is what normalizeUplink made of Data (The Things Network);
	// nil without one, or when it failed, of which there is a warning.
	Normalized any
	Warnings   []string
}

// Downlink is what a codec made of a command.
type Downlink struct {
	Bytes    []byte
	FPort    uint8 // 0 when the codec does not say
	Warnings []string
}

// codecError is what a codec complains about.
type codecError struct {
	text   string
	syntax bool
}

func (e *codecError) Error() string { return e.text }

// thrown returns the error for what describe (prelude.js) says of an exception:
// an exclamation mark, its text, and on the next lines where it was thrown.
func thrown(description string) error {
	text, stack, _ := strings.Cut(description[1:], "\n    at ")
	text = strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(text, "InternalError: stack overflow"), strings.HasPrefix(text, "SyntaxError: stack overflow"):
		return ErrStack
	case strings.HasPrefix(text, "InternalError: out of memory"), strings.HasPrefix(text, "InternalError: string too long"):
		return ErrMemory
	}
	e := &codecError{text: "codec: " + cut(text), syntax: strings.HasPrefix(text, "SyntaxError")}
	if _, position, ok := strings.Cut(stack, "codec:"); ok {
		line, _, _ := strings.Cut(position, ":")
		if len(line) < 8 && strings.Trim(line, "0123456789") == "" {
			e.text += " (line " + line + ")"
		}
	}
	return e
}

// cut shortens a text from a codec to maxText bytes.
func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	n := maxText
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func parseOutput(result string) (Output, error) {
	var r struct {
		Data, Normalized                               any
		Warnings, Errors, NormalWarnings, NormalErrors any
	}
	if err := parse(result, &r); err != nil {
		return Output{}, err
	}
	if err := failure(r.Errors); err != nil {
		return Output{}, err
	}
	var out Output
	var err error
	if out.Data, err = untag(r.Data, 0); err != nil {
		return Output{}, err
	}
	out.Warnings = append(texts(r.Warnings), texts(r.NormalWarnings)...)
	if err = failure(r.NormalErrors); err == nil {
		out.Normalized, err = untag(r.Normalized, 0)
	}
	if err != nil {
		out.Normalized = nil
		out.Warnings = append(out.Warnings, "normalizeUplink: "+strings.TrimPrefix(err.Error(), "codec: "))
	}
	return out, nil
}

func parseDownlink(result string) (Downlink, error) {
	var r struct{ Bytes, FPort, Warnings, Errors any }
	if err := parse(result, &r); err != nil {
		return Downlink{}, err
	}
	if err := failure(r.Errors); err != nil {
		return Downlink{}, err
	}
	list, ok := r.Bytes.([]any)
	if !ok {
		return Downlink{}, errors.New("encodeDownlink returned no array of bytes")
	}
	out := Downlink{Bytes: make([]byte, len(list)), Warnings: texts(r.Warnings)}
	for i, x := range list {
		if out.Bytes[i], ok = toByte(x); !ok {
			return Downlink{}, fmt.Errorf("encodeDownlink returned %s as byte %d, want 0 to 255", cut(fmt.Sprint(x)), i)
		}
	}
	if r.FPort != nil {
		if out.FPort, ok = toByte(r.FPort); !ok {
			return Downlink{}, fmt.Errorf("encodeDownlink returned fPort %s, want 1 to 223", cut(fmt.Sprint(r.FPort)))
		}
	}
	return out, nil
}

func toByte(x any) (byte, bool) {
	f, ok := x.(float64)
	if !ok || f != math.Trunc(f) || f < 0 || f > 255 {
		return 0, false
	}
	return byte(f), true
}

func parse(result string, into any) error {
	if len(result) > MaxOutput {
		return fmt.Errorf("codec returned more than %d KiB", MaxOutput>>10)
	}
	if err := json.Unmarshal([]byte(result), into); err != nil {
		return fmt.Errorf("result of a codec: %w", err)
	}
	return nil
}

// untag turns the strings that prelude.js writes for numbers that JSON lacks
// into them.
func untag(v any, depth int) (any, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("codec returned objects nested deeper than %d", MaxDepth)
	}
	var err error
	switch x := v.(type) {
	case string:
		if len(x) > 0 && x[0] == 0 {
			return untagString(x[1:]), nil
		}
	case []any:
		for i := range x {
			if x[i], err = untag(x[i], depth+1); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k, e := range x {
			switch e.(type) {
			case string, []any, map[string]any:
				if x[k], err = untag(e, depth+1); err != nil {
					return nil, err
				}
			}
		}
	}
	return v, nil
}

func untagString(s string) any {
	switch s {
	case "NaN":
		return math.NaN()
	case "Infinity":
		return math.Inf(1)
	case "-Infinity":
		return math.Inf(-1)
	}
	return s // a string of the codec: it starts with U+0000
}

// failure returns the error for the errors of a result, nil if there are none.
func failure(v any) error {
	if list := texts(v); len(list) > 0 {
		return &codecError{text: "codec: " + cut(strings.Join(list, "; "))}
	}
	return nil
}

// texts makes messages of what a codec gives instead of an array of strings.
func texts(v any) []string {
	var out []string
	switch x := v.(type) {
	case nil:
	case []any:
		for _, e := range x {
			if e != nil && len(out) < maxTexts {
				out = append(out, message(e))
			}
		}
	case map[string]any:
		if len(x) > 0 {
			out = append(out, message(x))
		}
	case string:
		if x != "" {
			out = append(out, message(x))
		}
	default:
		if x != false && x != 0.0 {
			out = append(out, message(x))
		}
	}
	return out
}

func message(v any) string {
	v, err := untag(v, 0)
	if err != nil {
		return cut(err.Error())
	}
	if s, ok := v.(string); ok {
		return cut(s)
	}
	if b, err := json.Marshal(v); err == nil {
		return cut(string(b))
	}
	return cut(fmt.Sprint(v))
}
