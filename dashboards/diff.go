package dashboards

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// Diff tells report what Apply would do, in its order, and changes nothing. It
// also tells what somebody has changed by hand since Apply wrote last. What is
// wrong with single things is in the error, after all others were told.
func Diff(ctx context.Context, c Config, report func(Step)) error {
	return carryOut(ctx, c, true, report)
}

const (
	maxDifferences = 40  // that are told of one thing
	maxShown       = 100 // characters of a value that are told
)

// differences tells in which places two values from JSON differ, a line each:
// `panels[Verkehrslage].fieldConfig.defaults.unit: "none" → "velocitykmh"`. Members of a list that have
// an id, a name or a refId are compared with that of the other list, wherever
// it stands there.
func differences(from, to any) []string {
	var d differ
	d.compare("", from, to)
	if d.more > 0 {
		d.lines = append(d.lines, fmt.Sprintf("and %d more", d.more))
	}
	return d.lines
}

type differ struct {
	lines []string
	more  int
}

func (d *differ) tell(path string, from, to string) {
	if len(d.lines) >= maxDifferences {
		d.more++
		return
	}
	if path == "" {
		path = "."
	}
	d.lines = append(d.lines, path+": "+from+" → "+to)
}

const missing = "(nothing)"

func (d *differ) compare(path string, from, to any) {
	switch f := from.(type) {
	case map[string]any:
		if t, ok := to.(map[string]any); ok {
			d.objects(path, f, t)
			return
		}
	case []any:
		if t, ok := to.([]any); ok {
			d.lists(path, f, t)
			return
		}
	}
	if !reflect.DeepEqual(from, to) {
		d.tell(path, shown(from), shown(to))
	}
}

func (d *differ) objects(path string, from, to map[string]any) {
	keys := slices.Sorted(maps.Keys(from))
	for key := range to {
		if _, ok := from[key]; !ok {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		at := strings.TrimPrefix(path+"."+key, ".")
		f, inFrom := from[key]
		t, inTo := to[key]
		switch {
		case !inFrom:
			d.tell(at, missing, shown(t))
		case !inTo:
			d.tell(at, shown(f), missing)
		default:
			d.compare(at, f, t)
		}
	}
}

func (d *differ) lists(path string, from, to []any) {
	key := identity(from, to)
	if key == "" {
		for i := range max(len(from), len(to)) {
			at := fmt.Sprintf("%s[%d]", path, i)
			switch {
			case i >= len(from):
				d.tell(at, missing, shown(to[i]))
			case i >= len(to):
				d.tell(at, shown(from[i]), missing)
			default:
				d.compare(at, from[i], to[i])
			}
		}
		return
	}
	other := map[string]any{}
	for _, t := range to {
		other[shown(t.(map[string]any)[key])] = t
	}
	if len(from) == len(to) {
		d.order(path, key, from, to, other)
	}
	for _, f := range from {
		name := shown(f.(map[string]any)[key])
		at := path + called(f, key)
		t, ok := other[name]
		if !ok {
			d.tell(at, shown(f), missing)
			continue
		}
		delete(other, name)
		d.compare(at, f, t)
	}
	for _, name := range slices.Sorted(maps.Keys(other)) {
		d.tell(path+called(other[name], key), missing, shown(other[name]))
	}
}

// called is what a member of a list is called in a path: by its title, as a
// panel in Grafana's pages, or else by what tells it apart.
func called(member any, key string) string {
	m := member.(map[string]any)
	if title, ok := m["title"].(string); ok && title != "" {
		return "[" + title + "]"
	}
	return "[" + strings.Trim(shown(m[key]), `"`) + "]"
}

// order tells of two lists with the same members when their order differs.
func (d *differ) order(path, key string, from, to []any, other map[string]any) {
	for i, f := range from {
		name := shown(f.(map[string]any)[key])
		if _, ok := other[name]; !ok {
			return
		}
		if name != shown(to[i].(map[string]any)[key]) {
			d.tell(path, "(order)", "(another order)")
			return
		}
	}
}

// identity returns the key by which the members of both lists are told apart,
// or nothing.
func identity(lists ...[]any) string {
	for _, key := range []string{"id", "refId", "name"} {
		if slices.IndexFunc(lists, func(list []any) bool { return !distinct(list, key) }) < 0 {
			return key
		}
	}
	return ""
}

func distinct(list []any, key string) bool {
	seen := map[string]bool{}
	for _, member := range list {
		m, ok := member.(map[string]any)
		if !ok || m[key] == nil || seen[shown(m[key])] {
			return false
		}
		seen[shown(m[key])] = true
	}
	return true
}

// shown is a value as JSON, cut.
func shown(v any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err.Error()
	}
	text := strings.TrimSuffix(b.String(), "\n")
	if utf8.RuneCountInString(text) <= maxShown {
		return text
	}
	return string([]rune(text)[:maxShown]) + "…"
}

// decoded turns JSON, or what has a form in JSON, into maps, lists and values.
func decoded(v any) (any, error) {
	raw, ok := v.([]byte)
	if !ok {
		var err error
		if raw, err = json.Marshal(v); err != nil {
			return nil, err
		}
	}
	var out any
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, err
	}
	return out, nil
}

// wanted keeps of have, and of what is in it, only the keys that want has:
// Grafana adds defaults to what it was given, which are no difference.
func wanted(have, want any) any {
	switch w := want.(type) {
	case map[string]any:
		h, ok := have.(map[string]any)
		if !ok {
			return have
		}
		kept := map[string]any{}
		for key, value := range h {
			if ours, ok := w[key]; ok {
				kept[key] = wanted(value, ours)
			}
		}
		return kept
	case []any:
		h, ok := have.([]any)
		if !ok || len(h) != len(w) {
			return have
		}
		kept := make([]any, len(h))
		for i := range h {
			kept[i] = wanted(h[i], w[i])
		}
		return kept
	default:
		return have
	}
}
