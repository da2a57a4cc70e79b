package codec

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// path leads from the root of an output to values in it.
type path []step

// step goes to a key of an object, to an index of a list, or to all of either.
type step struct {
	key   string
	index int // of a list; -1 for a key
	any   bool
}

const maxSteps = 16

// parsePath reads "data.l1.voltage", "lines[0].count", "lanes[*].count",
// "*.count" or ["a key with dots"].
func parsePath(s string) (path, error) {
	wrong := func(what string) (path, error) {
		return nil, fmt.Errorf(`path %.100q: %s, want one like temperature, lines[0].count, lanes[*].count or ["a key"]`, s, what)
	}
	var out path
	for rest := s; rest != "" || len(out) == 0; {
		if len(out) == maxSteps {
			return wrong(fmt.Sprintf("has more than %d steps", maxSteps))
		}
		var one step
		switch {
		case strings.HasPrefix(rest, `["`):
			key, after, ok := strings.Cut(rest[2:], `"]`)
			if !ok {
				return wrong("a quote is not closed")
			}
			one, rest = step{key: key, index: -1}, after
		case strings.HasPrefix(rest, "["):
			text, after, ok := strings.Cut(rest[1:], "]")
			n, err := strconv.ParseUint(text, 10, 31)
			if !ok || text != "*" && err != nil {
				return wrong("no index in brackets")
			}
			one, rest = step{index: int(n), any: text == "*"}, after
		default:
			if len(out) > 0 {
				if rest[0] != '.' {
					return wrong("a dot is missing")
				}
				rest = rest[1:]
			}
			key := rest
			if i := strings.IndexAny(rest, ".["); i >= 0 {
				key = rest[:i]
			}
			if key == "" || key != "*" && strings.ContainsAny(key, `]*"`) {
				return wrong("a name is missing or holds ], * or a quote")
			}
			one, rest = step{key: key, index: -1, any: key == "*"}, rest[len(key):]
		}
		out = append(out, one)
	}
	return out, nil
}

// stars counts the steps that match anything.
func (p path) stars() int {
	n := 0
	for _, s := range p {
		if s.any {
			n++
		}
	}
	return n
}

// each calls take for everything the path leads to, with its place and what
// the stars matched: a key, or the index of a list counted from 1.
func (p path) each(v any, place string, matched []string, take func(place string, matched []string, v any)) {
	if len(p) == 0 {
		take(place, matched, v)
		return
	}
	one, rest := p[0], p[1:]
	switch v := v.(type) {
	case map[string]any:
		if one.any {
			for _, key := range slices.Sorted(maps.Keys(v)) {
				rest.each(v[key], placeOf(place, key), append(matched, key), take)
			}
		} else if below, ok := v[one.key]; ok && one.index < 0 {
			rest.each(below, placeOf(place, one.key), matched, take)
		}
	case []any:
		if one.any {
			for i := range v {
				rest.each(v[i], indexOf(place, i), append(matched, strconv.Itoa(i+1)), take)
			}
		} else if one.index >= 0 && one.index < len(v) {
			rest.each(v[one.index], indexOf(place, one.index), matched, take)
		}
	}
}

// maxDepth is how deep an output is shown and looked through.
const maxDepth = 32

// leaves calls take for every value that is no object and no list.
func leaves(v any, place string, depth int, take func(place string)) {
	if depth > maxDepth {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			leaves(v[key], placeOf(place, key), depth+1, take)
		}
	case []any:
		for i := range v {
			leaves(v[i], indexOf(place, i), depth+1, take)
		}
	default:
		take(place)
	}
}

// plain returns a copy that JSON can express: a number that is not finite
// becomes a text.
func plain(v any, depth int) any {
	switch v := v.(type) {
	case map[string]any:
		if depth > maxDepth {
			return "…"
		}
		out := make(map[string]any, len(v))
		for key := range v {
			out[key] = plain(v[key], depth+1)
		}
		return out
	case []any:
		if depth > maxDepth {
			return "…"
		}
		out := make([]any, len(v))
		for i := range v {
			out[i] = plain(v[i], depth+1)
		}
		return out
	case float64:
		if !finite(v) {
			return formatNumber(v)
		}
	}
	return v
}

func placeOf(place, key string) string {
	switch {
	case key == "" || strings.ContainsAny(key, `.[]*"`):
		return place + `["` + key + `"]`
	case place == "":
		return key
	}
	return place + "." + key
}

func indexOf(place string, i int) string { return place + "[" + strconv.Itoa(i) + "]" }
