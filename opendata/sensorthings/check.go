package sensorthings

import (
	"maps"
	"slices"
	"strings"

	"modellregion/devices"
)

// step is one name of a path: to another entity, to a property, or into one.
type step struct {
	relation *relation
	property *property
	field    string
}

// scope is what names mean where an expression stands.
type scope struct {
	source
	of        *entityType
	variables map[string]*entityType
}

// check gives names their meaning and kinds to all parts, and finds what can
// never be right.
func (s *scope) check(n *node) error {
	switch n.op {
	case "literal":
		n.kind = n.literal.kind
		return nil
	case "path":
		return s.path(n)
	case "any", "all":
		return s.lambda(n)
	}
	for _, arg := range n.args {
		if err := s.check(arg); err != nil {
			return err
		}
	}
	switch n.op {
	case "call":
		return s.call(n)
	case "list":
		return nil
	case "and", "or", "not":
		n.kind = boolean
		for _, arg := range n.args {
			if !fits(arg.kind, boolean) {
				return s.wrong(arg.pos, "erwartet wird eine Bedingung, hier steht %s", "a condition is expected, here is %s", arg.kind, arg.kind)
			}
		}
		return nil
	case "eq", "ne", "lt", "le", "gt", "ge", "in":
		n.kind = boolean
		n.many = manyPaths(n, nil)
		return s.comparison(n)
	}
	return s.arithmetic(n)
}

// fits reports whether a part of one kind may be one of another.
func fits(is, wanted kind) bool {
	return is == wanted || is == anything || is == null || wanted == anything
}

// String names the kind, as the same word in both languages where there is one.
func (k kind) String() string {
	return [...]string{"null", "boolean", "number", "text", "time", "interval", "duration", "timeOfDay", "geometry", "object", "list", "any"}[k]
}

func canCompare(a, b kind) bool {
	temporal := func(k kind) bool { return k == instant || k == interval }
	mixed := func(k kind) bool { return k == number || k == text }
	return fits(a, b) || fits(b, a) || temporal(a) && temporal(b) || mixed(a) && mixed(b)
}

func (s *scope) comparison(n *node) error {
	right := n.args[1:]
	if n.op == "in" {
		right = n.args[1].args
	}
	for _, arg := range right {
		if !canCompare(n.args[0].kind, arg.kind) {
			return s.wrong(n.pos, "%s und %s lassen sich nicht vergleichen", "%s and %s do not compare", n.args[0].kind, arg.kind)
		}
		// A number of a text property is a slip, not a comparison.
		for _, pair := range [][2]*node{{n.args[0], arg}, {arg, n.args[0]}} {
			if pair[0].kind == text && pair[0].op == "path" && pair[1].kind == number {
				return s.wrong(pair[1].pos, "%s ist ein Text: erwartet wird einer in Anführungszeichen", "%s is a text: one in quotes is expected", strings.Join(pair[0].names, "/"))
			}
		}
	}
	return nil
}

// arithmetic: numbers with numbers, and times with durations (OData 4.0 part 2
// §5.1.1.2).
func (s *scope) arithmetic(n *node) error {
	a := n.args[0].kind
	if n.op == "negate" {
		n.kind = a
		if fits(a, number) || a == duration {
			return nil
		}
		return s.wrong(n.pos, "vor %s kann kein Minus stehen", "no minus can stand before %s", a)
	}
	b := n.args[1].kind
	switch {
	case a == anything || b == anything || a == null || b == null:
		n.kind = anything
	case a == number && b == number:
		n.kind = number
	case (a == instant || a == interval) && b == duration && (n.op == "add" || n.op == "sub"):
		n.kind = instant
	case (a == instant || a == interval) && (b == instant || b == interval) && n.op == "sub":
		n.kind = duration
	case a == duration && b == duration && (n.op == "add" || n.op == "sub"):
		n.kind = duration
	case a == duration && b == number && (n.op == "mul" || n.op == "div"):
		n.kind = duration
	default:
		return s.wrong(n.pos, "%s %s %s lässt sich nicht rechnen", "%s %s %s cannot be computed", a, n.op, b)
	}
	return nil
}

func (s *scope) call(n *node) error {
	f, ok := functions[n.name]
	if !ok {
		near := devices.Nearest(n.name, slices.Sorted(maps.Keys(functions)))
		if near != "" {
			return s.wrong(n.pos, "die Funktion %.40q gibt es nicht, gemeint ist vielleicht %s", "there is no function %.40q, perhaps %s is meant", n.name, near)
		}
		return s.wrong(n.pos, "die Funktion %.40q gibt es nicht", "there is no function %.40q", n.name)
	}
	if len(n.args) < f.least || len(n.args) > len(f.takes) {
		return s.wrong(n.pos, "%s hat %d Argumente, hier sind es %d", "%s takes %d arguments, here are %d", n.name, len(f.takes), len(n.args))
	}
	for i, arg := range n.args {
		if !slices.ContainsFunc(f.takes[i], func(k kind) bool { return fits(arg.kind, k) }) {
			return s.wrong(arg.pos, "%s erwartet als Argument %d %s, hier steht %s", "%s expects %[3]s as argument %[2]d, here is %[4]s", n.name, i+1, f.takes[i][0], arg.kind)
		}
	}
	n.fn, n.kind = f, f.gives
	if n.kind == boolean {
		n.many = manyPaths(n, nil)
	}
	return nil
}

// manyPaths collects the paths below that lead to many values and no condition
// below takes care of.
func manyPaths(n *node, found []*node) []*node {
	for _, arg := range n.args {
		switch {
		case arg.op == "path":
			if slices.ContainsFunc(arg.steps, func(s step) bool { return s.relation != nil && s.relation.many }) {
				found = append(found, arg)
			}
		case arg.kind != boolean:
			found = manyPaths(arg, found)
		}
	}
	return found
}

func (s *scope) path(n *node) error {
	at, names := s.of, n.names
	if v, ok := s.variables[names[0]]; ok {
		at, names = v, names[1:]
		n.name = n.names[0]
	} else if names[0] == "$it" {
		names = names[1:]
	}
	steps, end, err := s.walk(n.pos, at, names)
	if err != nil {
		return err
	}
	if end != nil {
		return s.wrong(n.pos, "%s ist eine Entität: erwartet wird eine ihrer Eigenschaften, wie %[1]s/id", "%s is an entity: one of its properties is expected, such as %[1]s/id", strings.Join(n.names, "/"))
	}
	n.steps = steps
	last := steps[len(steps)-1]
	n.kind = anything
	if last.property != nil {
		n.kind = last.property.kind
	}
	return nil
}

// walk follows names from an entity; end is the type of the entity that it
// ends at, nil when at a property.
func (s *scope) walk(pos int, at *entityType, names []string) (steps []step, end *entityType, err error) {
	for i, name := range names {
		if p := at.property(name); p != nil {
			steps = append(steps, step{property: p})
			for _, field := range names[i+1:] {
				if !fits(p.kind, object) && !fits(p.kind, geometry) {
					return nil, nil, s.wrong(pos, "%s hat keine Teile", "%s has no parts", name)
				}
				steps = append(steps, step{field: field})
			}
			return steps, nil, nil
		}
		r := at.relation(name)
		if r == nil {
			return nil, nil, s.unknown(pos, at, name)
		}
		steps, at = append(steps, step{relation: r}), r.to
	}
	return steps, at, nil
}

func (s source) unknown(pos int, of *entityType, name string) error {
	if near := devices.Nearest(name, of.names()); near != "" {
		return s.wrong(pos, "%s hat kein %.60q, gemeint ist vielleicht %s", "%s has no %.60q, perhaps %s is meant", of.single, name, near)
	}
	return s.wrong(pos, "%s hat kein %.60q, nur %s", "%s has no %.60q, only %s", of.single, name, strings.Join(of.names(), ", "))
}

func (s *scope) lambda(n *node) error {
	at, names := s.of, n.names
	variable := ""
	if v, ok := s.variables[names[0]]; ok {
		at, names, variable = v, names[1:], names[0]
	}
	steps, end, err := s.walk(n.pos, at, names)
	if err != nil {
		return err
	}
	if end == nil || len(steps) == 0 || !steps[len(steps)-1].relation.many {
		return s.wrong(n.pos, "vor %s wird eine Beziehung zu vielen erwartet", "a relation to many is expected before %s", n.op)
	}
	n.steps, n.kind = steps, boolean
	if len(n.args) == 0 {
		n.names = []string{variable}
		return nil
	}
	inner := scope{s.source, s.of, maps.Clone(s.variables)}
	if inner.variables == nil {
		inner.variables = map[string]*entityType{}
	}
	inner.variables[n.name] = end
	if err := inner.check(n.args[0]); err != nil {
		return err
	}
	if !fits(n.args[0].kind, boolean) {
		return s.wrong(n.args[0].pos, "erwartet wird eine Bedingung", "a condition is expected")
	}
	n.names = []string{variable}
	return nil
}
