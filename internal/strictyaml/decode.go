package strictyaml

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// decoder puts a tree of nodes into variables.
type decoder struct {
	strict  bool
	lines   Lines // nil: nobody asked
	wrong   []error
	depth   int
	inAlias int // how many aliases lead to the node at hand
	aliased int // nodes that were reached by an alias
	stopped bool
}

func (d *decoder) fault(n *yaml.Node, path, format string, args ...any) {
	if d.stopped && len(d.wrong) > 0 {
		return
	}
	if path != "" {
		path += ": "
	}
	d.wrong = append(d.wrong, &Fault{n.Line, path + fmt.Sprintf(format, args...)})
}

// enter counts what a document costs and reports whether it may go on. Of a
// document that costs too much that alone is said.
func (d *decoder) enter(n *yaml.Node) bool {
	if d.inAlias > 0 {
		d.aliased++
	}
	switch {
	case d.stopped:
	case d.aliased > maxAliased:
		d.stop(n, "aliases stand for more than %d values", maxAliased)
	case d.depth > maxDepth:
		d.stop(n, "is nested more than %d deep", maxDepth)
	}
	return !d.stopped
}

func (d *decoder) stop(n *yaml.Node, format string, args ...any) {
	d.stopped = true
	d.wrong = nil
	d.fault(n, "", format, args...)
}

// value puts n into dst and reports whether it could.
func (d *decoder) value(n *yaml.Node, dst reflect.Value, path string) bool {
	d.depth++
	defer func() { d.depth-- }()
	if !d.enter(n) {
		return false
	}
	d.place(path, n.Line) // of an alias where it stands, not where it leads
	if n.Kind == yaml.AliasNode {
		d.inAlias++
		defer func() { d.inAlias-- }()
		return d.value(n.Alias, dst, path)
	}
	if placed, ok := dst.Addr().Interface().(interface{ at(line int) any }); ok {
		return d.value(n, reflect.ValueOf(placed.at(n.Line)).Elem(), path)
	}
	if isNull(n) {
		return true
	}
	if d.strict && !slices.Contains(tags, n.ShortTag()) {
		d.fault(n, path, "has the tag %s, which is not known here", short(n.Tag))
		return false
	}
	if dst.Kind() == reflect.Pointer {
		if dst.IsNil() {
			dst.Set(reflect.New(dst.Type().Elem()))
		}
		return d.value(n, dst.Elem(), path)
	}
	switch special := dst.Addr().Interface().(type) {
	case encoding.TextUnmarshaler:
		return d.text(n, special, path)
	case *time.Duration:
		return d.duration(n, special, path)
	}
	switch dst.Kind() {
	case reflect.Struct:
		return d.structure(n, dst, path)
	case reflect.Map:
		return d.mapping(n, dst, path)
	case reflect.Slice:
		return d.list(n, dst, path)
	case reflect.Interface:
		return d.any(n, dst, path)
	default:
		return d.scalar(n, dst, path)
	}
}

// place notes on which line a path stands, the first time.
func (d *decoder) place(path string, line int) {
	if _, seen := d.lines[path]; d.lines != nil && !seen {
		d.lines[path] = line
	}
}

// entry is a key of a mapping and what belongs to it.
type entry struct {
	key, value *yaml.Node
	merged     bool // it stands elsewhere, and an alias brought it here
}

// entries returns what is in a mapping, after it what its merge keys add:
// <<: *defaults.
func (d *decoder) entries(n *yaml.Node, path string) (list []entry, ok bool) {
	if n.Kind != yaml.MappingNode {
		d.fault(n, path, "%s, want keys with values", describe(n))
		return nil, false
	}
	seen := map[string]*yaml.Node{}
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		for alias := 0; key.Kind == yaml.AliasNode && alias < maxDepth; alias++ {
			key = key.Alias
		}
		if key.Kind != yaml.ScalarNode {
			d.fault(n.Content[i], path, "a key %s, want a text or a number", describe(key))
			continue
		}
		if key.ShortTag() == "!!merge" {
			merges = append(merges, value)
			continue
		}
		if first := seen[key.Value]; first != nil {
			d.fault(n.Content[i], join(path, key.Value), "is there twice, first on line %d", first.Line)
			continue
		}
		seen[key.Value] = n.Content[i]
		list = append(list, entry{key: key, value: value})
	}
	for _, m := range merges {
		for _, e := range d.merge(m, path) {
			if seen[e.key.Value] == nil {
				seen[e.key.Value] = e.key
				list = append(list, e)
			}
		}
	}
	return list, true
}

// merge returns the entries of the mapping or the mappings after a merge key.
func (d *decoder) merge(n *yaml.Node, path string) (list []entry) {
	d.depth++
	d.inAlias++
	defer func() { d.depth--; d.inAlias-- }()
	if !d.enter(n) {
		return nil
	}
	switch n.Kind {
	case yaml.AliasNode:
		return d.merge(n.Alias, path)
	case yaml.SequenceNode:
		for _, m := range n.Content {
			list = append(list, d.merge(m, path)...)
		}
	default:
		list, _ = d.entries(n, join(path, "<<"))
		d.aliased += len(list)
	}
	for i := range list {
		list[i].merged = true
	}
	return list
}

func (d *decoder) structure(n *yaml.Node, dst reflect.Value, path string) bool {
	list, good := d.entries(n, path)
	if !good {
		return false
	}
	fields := map[string]reflect.Value{}
	fieldsOf(dst, fields)
	for _, e := range list {
		f, ok := fields[e.key.Value]
		switch {
		case ok:
			d.place(join(path, e.key.Value), e.key.Line)
			good = d.entry(e, f, join(path, e.key.Value)) && good
		case d.strict && len(fields) == 0:
			d.fault(e.key, join(path, e.key.Value), "is unknown, there is no key here")
		case d.strict:
			d.fault(e.key, join(path, e.key.Value), "is unknown, want one of %s", strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
		}
	}
	return good
}

func (d *decoder) entry(e entry, dst reflect.Value, path string) bool {
	if e.merged {
		d.inAlias++
		defer func() { d.inAlias-- }()
	}
	return d.value(e.value, dst, path)
}

// fieldsOf adds the fields of a struct to into, by their names in YAML.
func fieldsOf(v reflect.Value, into map[string]reflect.Value) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case !f.IsExported() || name == "-":
		case slices.Contains(strings.Split(options, ","), "inline"):
			fieldsOf(v.Field(i), into)
		case name == "":
			into[strings.ToLower(f.Name)] = v.Field(i)
		default:
			into[name] = v.Field(i)
		}
	}
}

func (d *decoder) mapping(n *yaml.Node, dst reflect.Value, path string) bool {
	list, good := d.entries(n, path)
	if !good {
		return false
	}
	if dst.IsNil() {
		dst.Set(reflect.MakeMapWithSize(dst.Type(), len(list)))
	}
	seen := reflect.MakeMap(dst.Type()) // 1 and 0x1 are one number
	for _, e := range list {
		here := join(path, e.key.Value)
		key, value := reflect.New(dst.Type().Key()).Elem(), reflect.New(dst.Type().Elem()).Elem()
		switch {
		case isNull(e.key) && key.Kind() != reflect.String:
			d.fault(e.key, here, "is no key")
			good = false
		case isNull(e.key):
			key.SetString(e.key.Value)
		case !d.value(e.key, key, here):
			good = false
			continue
		}
		if !d.entry(e, value, here) {
			good = false
			continue
		}
		if seen.MapIndex(key).IsValid() {
			d.fault(e.key, here, "is there twice")
			good = false
			continue
		}
		seen.SetMapIndex(key, value)
		dst.SetMapIndex(key, value)
	}
	return good
}

func (d *decoder) list(n *yaml.Node, dst reflect.Value, path string) bool {
	if n.Kind != yaml.SequenceNode {
		d.fault(n, path, "%s, want a list", describe(n))
		return false
	}
	good := true
	out := reflect.MakeSlice(dst.Type(), len(n.Content), len(n.Content))
	for i, e := range n.Content {
		good = d.value(e, out.Index(i), fmt.Sprintf("%s[%d]", path, i)) && good
	}
	dst.Set(out)
	return good
}

// any makes of n what JSON would: map[string]any, []any, string, bool, int64,
// uint64 beyond it, or float64.
func (d *decoder) any(n *yaml.Node, dst reflect.Value, path string) bool {
	switch n.Kind {
	case yaml.MappingNode:
		v := map[string]any{}
		good := d.mapping(n, reflect.ValueOf(&v).Elem(), path)
		dst.Set(reflect.ValueOf(v))
		return good
	case yaml.SequenceNode:
		var v []any
		good := d.list(n, reflect.ValueOf(&v).Elem(), path)
		dst.Set(reflect.ValueOf(v))
		return good
	}
	v := resolve(n)
	if v == nil {
		d.fault(n, path, "%s is not what its tag says", short(n.Value))
		return false
	}
	dst.Set(reflect.ValueOf(v))
	return true
}

func (d *decoder) text(n *yaml.Node, dst encoding.TextUnmarshaler, path string) bool {
	if n.Kind != yaml.ScalarNode {
		d.fault(n, path, "%s, want one value", describe(n))
		return false
	}
	if err := dst.UnmarshalText([]byte(n.Value)); err != nil {
		d.fault(n, path, "%v", err)
		return false
	}
	return true
}

func (d *decoder) duration(n *yaml.Node, dst *time.Duration, path string) bool {
	v, err := time.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		d.fault(n, path, "%s, want a time like 200ms, 90s or 36h", describe(n))
		return false
	}
	*dst = v
	return true
}

// describe says what stands where something else should.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "has keys"
	case yaml.SequenceNode:
		return "is a list"
	case yaml.AliasNode:
		return "is an alias"
	}
	return short(n.Value)
}

// short quotes a value, and of a long one its begin.
func short(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		s = string(r[:most-1]) + "…"
	}
	return fmt.Sprintf("%q", s)
}

func join(path, key string) string {
	if r := []rune(key); len(r) > 60 {
		key = string(r[:59]) + "…"
	}
	if strings.ContainsAny(key, ". \n\r\t") || key == "" {
		key = fmt.Sprintf("%q", key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// tags are those of what YAML knows by itself.
var tags = []string{"!!map", "!!seq", "!!str", "!!int", "!!float", "!!bool", "!!timestamp", "!!merge"}
