package importer

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What a value may hold: aliases in YAML can stand for more than memory has.
const (
	maxValues = 100_000
	maxLevels = 64
	maxDiffs  = 20 // of an example; more of them say no more
)

// plain returns a value with the types of JSON alone: nil, bool, float64,
// string, []any and map[string]any.
func plain(v any) (any, error) {
	left := maxValues
	return plainOf(v, maxLevels, &left)
}

func plainOf(v any, levels int, left *int) (any, error) {
	if *left--; *left < 0 || levels == 0 {
		return nil, errors.New("is too large or nested too deep")
	}
	switch v := v.(type) {
	case int:
		return float64(v), nil
	case int64:
		return float64(v), nil
	case uint64:
		return float64(v), nil
	case float32:
		return float64(v), nil
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano), nil
	case []byte:
		return string(v), nil
	case []any:
		out := make([]any, len(v))
		for i := range v {
			var err error
			if out[i], err = plainOf(v[i], levels-1, left); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for key := range v {
			var err error
			if out[key], err = plainOf(v[key], levels-1, left); err != nil {
				return nil, err
			}
		}
		return out, nil
	case nil, bool, float64, string:
		return v, nil
	}
	return nil, fmt.Errorf("holds a %T, want what JSON has", v)
}

// compare returns where two values differ: JSON by value, whatever the order
// of keys, and numbers to a billionth. What is no number in JavaScript is null
// in JSON.
func compare(at string, got, want any, out []Difference) []Difference {
	if len(out) >= maxDiffs {
		return out
	}
	differ := func() []Difference { return append(out, Difference{at, show(got), show(want)}) }
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return differ()
		}
		all := maps.Clone(w)
		maps.Copy(all, g)
		for _, key := range slices.Sorted(maps.Keys(all)) {
			below := keyOf(at, key)
			gv, inGot := g[key]
			wv, inWant := w[key]
			switch {
			case inGot && inWant:
				out = compare(below, gv, wv, out)
			case inGot:
				out = append(out, Difference{below, show(gv), "nothing"})
			default:
				out = append(out, Difference{below, "nothing", show(wv)})
			}
		}
		return out
	case []any:
		g, ok := got.([]any)
		if !ok {
			return differ()
		}
		for i := range max(len(g), len(w)) {
			below := at + "[" + strconv.Itoa(i) + "]"
			switch {
			case i >= len(g):
				out = append(out, Difference{below, "nothing", show(w[i])})
			case i >= len(w):
				out = append(out, Difference{below, show(g[i]), "nothing"})
			default:
				out = compare(below, g[i], w[i], out)
			}
		}
		return out
	case float64:
		g, ok := got.(float64)
		if !ok || !near(g, w) {
			return differ()
		}
		return out
	case nil:
		if g, ok := got.(float64); got == nil || ok && g-g != 0 {
			return out
		}
		return differ()
	default: // bool or string
		if _, ok := got.(map[string]any); ok {
			return differ()
		}
		if _, ok := got.([]any); ok || got != want {
			return differ()
		}
		return out
	}
}

func near(a, b float64) bool {
	return a == b || math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) <= 1e-9*max(1, math.Abs(a), math.Abs(b))
}

func keyOf(at, key string) string {
	switch {
	case key == "" || strings.ContainsAny(key, ".[]*\" "):
		return at + "[" + strconv.Quote(key) + "]"
	case at == "":
		return key
	}
	return at + "." + key
}

// show prints a value as short JSON.
func show(v any) string {
	if f, ok := v.(float64); ok {
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	text, err := json.Marshal(v)
	if err != nil {
		text = []byte(fmt.Sprint(v)) // NaN in an object
	}
	if r := []rune(string(text)); len(r) > 100 {
		return string(r[:99]) + "…"
	}
	return string(text)
}
