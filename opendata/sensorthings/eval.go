package sensorthings

import (
	"math"
	"slices"
)

// frame is where an expression is evaluated: at an entity, with variables and
// with the values that paths to many have at the moment.
type frame struct {
	*request
	it        entity
	variables []variable
	bound     []binding
}

type variable struct {
	name string
	is   entity
}

type binding struct {
	path *node
	is   value
}

// holds reports whether the condition is true for an entity.
func (r *request) holds(n *node, it entity) (bool, error) {
	f := frame{request: r, it: it}
	v, err := f.eval(n)
	return v.isTrue(), err
}

// eval returns the value of a checked expression.
func (f *frame) eval(n *node) (value, error) {
	switch n.op {
	case "literal":
		return n.literal, nil
	case "path":
		return f.path(n)
	case "and", "or":
		return f.junction(n)
	case "not":
		v, err := f.eval(n.args[0])
		if err != nil || v.kind != boolean {
			return value{}, err
		}
		return ofBool(v.num == 0), nil
	case "any", "all":
		return f.lambda(n)
	}
	if len(n.many) > 0 && !f.isBound(n.many[0]) {
		return f.exists(n, n.many)
	}
	if n.op == "in" {
		return f.in(n)
	}
	args := make([]value, 0, 3)
	for _, arg := range n.args {
		v, err := f.eval(arg)
		if err != nil {
			return value{}, err
		}
		args = append(args, v)
	}
	if n.op == "call" {
		return f.call(n, args)
	}
	if n.op == "negate" {
		args[0].num, args[0].at = -args[0].num, -args[0].at
		return args[0], nil
	}
	if n.kind == boolean {
		return relate(n.op, args[0], args[1]), nil
	}
	return calculate(n.op, args[0], args[1]), nil
}

// call gives null for a null argument, and for one that is not of the kind the
// function takes: only properties of any kind come so far.
func (f *frame) call(n *node, args []value) (value, error) {
	for i, arg := range args {
		if !slices.Contains(n.fn.takes[i], arg.kind) {
			return value{}, nil
		}
	}
	return n.fn.call(f.request, args)
}

// junction is three-valued (OData 4.0 part 2 §5.1.1.1.7): null and false is
// false, null or true is true.
func (f *frame) junction(n *node) (value, error) {
	decides := n.op == "or" // the value that decides alone
	unknown := false
	for _, arg := range n.args {
		v, err := f.eval(arg)
		if err != nil {
			return value{}, err
		}
		if v.kind != boolean {
			unknown = true
		} else if v.isTrue() == decides {
			return v, nil
		}
	}
	if unknown {
		return value{}, nil
	}
	return ofBool(!decides), nil
}

func (f *frame) isBound(path *node) bool {
	return slices.ContainsFunc(f.bound, func(b binding) bool { return b.path == path })
}

// exists evaluates a condition for all values that its paths to many have; one
// for which it holds is enough.
func (f *frame) exists(n *node, many []*node) (value, error) {
	if len(many) == 0 {
		return f.eval(n)
	}
	result := ofBool(false)
	err := f.follow(f.entity(many[0].name), many[0].steps, func(v value) (bool, error) {
		f.bound = append(f.bound, binding{many[0], v})
		defer func() { f.bound = f.bound[:len(f.bound)-1] }()
		held, err := f.exists(n, many[1:])
		if held.isTrue() {
			result = held
		}
		return held.isTrue(), err
	})
	return result, err
}

func (f *frame) entity(name string) entity {
	for i := len(f.variables) - 1; name != "" && i >= 0; i-- {
		if f.variables[i].name == name {
			return f.variables[i].is
		}
	}
	return f.it
}

func (f *frame) path(n *node) (value, error) {
	for _, b := range f.bound {
		if b.path == n {
			return b.is, nil
		}
	}
	var first value
	err := f.follow(f.entity(n.name), n.steps, func(v value) (bool, error) {
		first = v
		return true, nil
	})
	return first, err
}

// follow calls each with the values that a path leads to until it says to
// stop.
func (f *frame) follow(at entity, steps []step, each func(value) (stop bool, err error)) error {
	_, err := f.followFrom(at, steps, each)
	return err
}

func (f *frame) followFrom(at entity, steps []step, each func(value) (bool, error)) (bool, error) {
	for i, s := range steps {
		switch {
		case s.property != nil:
			v := s.property.get(f.request, at)
			for _, part := range steps[i+1:] {
				v = v.field(part.field)
			}
			return each(v)
		case !s.relation.many:
			at = s.relation.one(at)
		default:
			all, err := f.related(at, s.relation)
			if err != nil {
				return false, err
			}
			for _, one := range all {
				if stop, err := f.followFrom(one, steps[i+1:], each); stop || err != nil {
					return stop, err
				}
			}
			return false, nil
		}
	}
	return false, nil
}

func (f *frame) lambda(n *node) (value, error) {
	at := f.entity(n.names[0])
	last := len(n.steps) - 1
	for _, s := range n.steps[:last] {
		if s.relation.many {
			return value{}, fail(400, "vor any und all führt nur die letzte Beziehung zu vielen", "only the last relation before any and all leads to many")
		}
		at = s.relation.one(at)
	}
	all, err := f.related(at, n.steps[last].relation)
	if err != nil {
		return value{}, err
	}
	if len(n.args) == 0 {
		return ofBool(len(all) > 0), nil
	}
	for _, one := range all {
		f.variables = append(f.variables, variable{n.name, one})
		v, err := f.eval(n.args[0])
		f.variables = f.variables[:len(f.variables)-1]
		if err != nil {
			return value{}, err
		}
		if v.isTrue() == (n.op == "any") {
			return ofBool(n.op == "any"), nil
		}
	}
	return ofBool(n.op == "all"), nil
}

func (f *frame) in(n *node) (value, error) {
	v, err := f.eval(n.args[0])
	if err != nil {
		return value{}, err
	}
	for _, arg := range n.args[1].args {
		w, err := f.eval(arg)
		if err != nil {
			return value{}, err
		}
		if relate("eq", v, w).isTrue() {
			return ofBool(true), nil
		}
	}
	return ofBool(false), nil
}

// relate compares. Null equals null alone, and is neither above nor below
// anything (OData 4.0 part 2 §5.1.1.1); so are values of other kinds.
func relate(op string, a, b value) value {
	if a.kind == null || b.kind == null {
		same := a.kind == b.kind
		return ofBool(op == "eq" && same || op == "ne" && !same)
	}
	if temporal(a) && temporal(b) && (a.kind == interval || b.kind == interval) {
		return ofBool(relateTimes(op, a, b))
	}
	order, ok := compare(a, b)
	if !ok || math.IsNaN(a.num) || math.IsNaN(b.num) {
		return ofBool(op == "ne")
	}
	switch op {
	case "eq":
		return ofBool(order == 0)
	case "ne":
		return ofBool(order != 0)
	case "lt":
		return ofBool(order < 0)
	case "le":
		return ofBool(order <= 0)
	case "gt":
		return ofBool(order > 0)
	}
	return ofBool(order >= 0)
}

func temporal(v value) bool { return v.kind == instant || v.kind == interval }

// relateTimes compares times of which one is an interval: below means wholly
// before, above wholly after. An interval does not hold its end, so that one
// which ends at a time is before it, but holds its begin.
func relateTimes(op string, a, b value) bool {
	same := a.kind == b.kind && a.at == b.at && a.until == b.until
	switch op {
	case "eq":
		return same
	case "ne":
		return !same
	case "gt", "ge":
		a, b = b, a
	}
	// Now: is a before b?
	begin, end := span(a), span(b)
	orEqual := op == "le" || op == "ge"
	switch {
	case a.kind == interval && b.kind == interval:
		return begin.until <= end.at || orEqual && a.at <= b.at && a.until <= b.until
	case a.kind == interval:
		return a.until <= b.at
	default:
		return a.at < b.at || orEqual && a.at == b.at
	}
}

func calculate(op string, a, b value) value {
	switch {
	case a.kind == number && b.kind == number:
		return ofNumber(numbers(op, a.num, b.num))
	case temporal(a) && b.kind == duration && op == "add":
		return ofInstant(a.at + b.at)
	case temporal(a) && b.kind == duration && op == "sub":
		return ofInstant(a.at - b.at)
	case temporal(a) && temporal(b) && op == "sub":
		return value{kind: duration, at: a.at - b.at}
	case a.kind == duration && b.kind == duration && op == "add":
		return value{kind: duration, at: a.at + b.at}
	case a.kind == duration && b.kind == duration && op == "sub":
		return value{kind: duration, at: a.at - b.at}
	case a.kind == duration && b.kind == number && (op == "mul" || op == "div"):
		return value{kind: duration, at: int64(numbers(op, float64(a.at), b.num))}
	}
	return value{}
}

func numbers(op string, a, b float64) float64 {
	switch op {
	case "add":
		return a + b
	case "sub":
		return a - b
	case "mul":
		return a * b
	case "div":
		return a / b
	}
	return math.Mod(a, b)
}
