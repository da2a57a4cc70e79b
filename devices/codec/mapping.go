package codec

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"modellregion/devices"
)

// mapping is a compiled devices.Mapping, but for its path.
type mapping struct {
	quantity *devices.Quantity
	channel  string // {1}, {2} … stand for what the stars of the path matched
	linear
	values map[string]value // by word and by number as formatNumber writes it
}

// compileMap compiles the mappings of a codec, with read for the path, which
// returns the number of its stars. It reports everything that is wrong.
func compileMap(src []devices.Mapping, read func(path string, m mapping) (stars int, err error)) error {
	var wrong []error
	seen := make(map[string]int, len(src))
	for i := range src {
		m, err := compileMapping(&src[i])
		stars, pathErr := read(src[i].Path, m)
		if pathErr == nil && err == nil {
			err = checkPattern(m.channel, stars)
		}
		if pathErr == nil && err == nil {
			name := series(m.quantity, m.channel)
			if seen[name] > 0 {
				err = fmt.Errorf("%s is what mapping %d gives already, want another channel", name, seen[name])
			}
			seen[name] = i + 1
		}
		if err = errors.Join(pathErr, err); err != nil {
			wrong = append(wrong, fmt.Errorf("mapping %d (%.64s): %w", i+1, src[i].Path, err))
		}
	}
	return errors.Join(wrong...)
}

func compileMapping(src *devices.Mapping) (mapping, error) {
	q, err := lookup(src.Quantity)
	if err != nil {
		return mapping{}, err
	}
	m := mapping{quantity: q, channel: src.Channel}
	if m.linear, err = newLinear(src.Scale, src.Offset, src.Unit, q); err != nil {
		return mapping{}, err
	}
	if len(src.Values) > 0 {
		m.values = make(map[string]value, len(src.Values))
	}
	for _, key := range slices.Sorted(maps.Keys(src.Values)) {
		v, err := parseValue(src.Values[key], q)
		if err != nil {
			return mapping{}, fmt.Errorf("values: key %q: %w", key, err)
		}
		m.values[key] = v
		n, ok := decimal(key)
		if u, hex := wholeNumber(key).(uint64); hex && !ok {
			n, ok = float64(u), true
		}
		if ok {
			if _, there := src.Values[formatNumber(n)]; !there {
				m.values[formatNumber(n)] = v
			}
		}
	}
	return m, nil
}

// checkPattern checks a channel that may name stars.
func checkPattern(channel string, stars int) error {
	for n := 1; n <= stars; n++ {
		channel = strings.ReplaceAll(channel, star(n), "")
	}
	if strings.ContainsAny(channel, "{}") {
		return fmt.Errorf("channel %.64q, want {1} for what the first * of the path matched; the path has %d", channel, stars)
	}
	return checkChannel(channel)
}

func star(n int) string { return "{" + strconv.Itoa(n) + "}" }

// channelOf puts in what the stars matched.
func (m *mapping) channelOf(matched []string) string {
	if len(matched) == 0 || !strings.Contains(m.channel, "{") {
		return m.channel
	}
	out := m.channel
	for i, text := range matched {
		out = strings.ReplaceAll(out, star(i+1), cleanChannel(text))
	}
	return out[:min(len(out), maxChannel)]
}

// take adds the reading that a value of the output is, or a warning that
// names its place. What is missing, null or empty is no reading; true is 1.
func (m *mapping) take(place, channel string, v any, out *Output) {
	switch v := v.(type) {
	case nil:
	case float64:
		m.takeNumber(place, channel, v, out)
	case bool:
		switch {
		case m.takeWord(channel, strconv.FormatBool(v), out):
		case v:
			m.takeNumber(place, channel, 1, out)
		default:
			m.takeNumber(place, channel, 0, out)
		}
	case string:
		text := strings.TrimSpace(v)
		if m.takeWord(channel, text, out) || text == "" {
			return
		}
		if n, ok := decimal(text); ok {
			m.takeNumber(place, channel, n, out)
		} else if code, ok := m.quantity.Code(text); ok {
			out.add(m.quantity, channel, code)
		} else {
			out.warn("%s: %.64q is no number and not among the values of %s", place, text, m.quantity.Name)
		}
	default:
		out.warn("%s is an object or a list, no value for %s", place, m.quantity.Name)
	}
}

// takeWord adds the reading of a text that is among the values.
func (m *mapping) takeWord(channel, text string, out *Output) bool {
	v, ok := m.values[text]
	if ok && !v.none {
		out.add(m.quantity, channel, v.number)
	}
	return ok
}

func (m *mapping) takeNumber(place, channel string, n float64, out *Output) {
	if m.values != nil {
		if m.takeWord(channel, formatNumber(n), out) {
			return
		}
		if m.quantity.Kind == devices.Category {
			out.warn("%s: %v is not among the values of %s", place, n, m.quantity.Name)
			return
		}
	}
	v := m.of(n)
	if !finite(v) {
		out.warn("%s: %v is no finite number for %s", place, n, m.quantity.Name)
		return
	}
	out.add(m.quantity, channel, v)
}

func formatNumber(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// fieldMap maps the output of a script: an object or a list.
type fieldMap []fieldMapping

type fieldMapping struct {
	path
	mapping
}

func compileFieldMap(src []devices.Mapping) (fieldMap, error) {
	out := make(fieldMap, 0, len(src))
	err := compileMap(src, func(text string, m mapping) (int, error) {
		p, err := parsePath(text)
		out = append(out, fieldMapping{p, m})
		return p.stars(), err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// apply adds the readings of a value of that place; taken is told of every
// field that a mapping takes.
func (fm fieldMap) apply(v any, place string, out *Output, taken func(place string)) {
	for i := range fm {
		m := &fm[i]
		m.each(v, place, nil, func(place string, matched []string, v any) {
			taken(place)
			m.take(place, m.channelOf(matched), v, out)
		})
	}
}
