package sensorthings

import (
	"math"
	"strconv"
	"strings"
)

const (
	maxDepth = 40  // of brackets, functions and nots in each other
	maxNodes = 400 // of one expression
)

// node is a part of an expression.
type node struct {
	op   string // "literal", "path", "call", "any", "all", "in", "list", or an operator
	pos  int
	args []*node

	literal value
	names   []string  // of a path, as written; of any and all the path before
	name    string    // of a function; of any and all their variable
	fn      *function // once checked, as are those below
	steps   []step
	kind    kind
	many    []*node // paths in a condition that lead to many: it holds if it does for one
}

// operators by how tightly they bind, loosest first (OData 4.0 ABNF).
var precedence = map[string]int{
	"or": 1, "and": 2, "eq": 3, "ne": 3, "in": 3, "gt": 4, "ge": 4, "lt": 4, "le": 4, "add": 5, "sub": 5, "mul": 6, "div": 6, "mod": 6,
}

// parser reads one expression.
type parser struct {
	lexer
	token token
	nodes int
	depth int
}

// parseFilter reads the whole source as one expression.
func parseFilter(s source) (*node, error) {
	p := &parser{lexer: lexer{source: s}}
	if err := p.advance(); err != nil {
		return nil, err
	}
	n, err := p.expression(0)
	if err == nil && p.token.kind != endOfText {
		err = p.wrong(p.token.pos, "hier wird ein Operator wie eq oder and erwartet", "an operator such as eq or and is expected here")
	}
	return n, err
}

// parseOrder reads the terms of $orderby.
func parseOrder(s source) (terms []orderTerm, err error) {
	p := &parser{lexer: lexer{source: s}}
	for {
		if err := p.advance(); err != nil {
			return nil, err
		}
		n, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		term := orderTerm{node: n}
		if p.token.kind == word && (p.token.text == "asc" || p.token.text == "desc") {
			term.descending = p.token.text == "desc"
			if err := p.advance(); err != nil {
				return nil, err
			}
		}
		terms = append(terms, term)
		switch {
		case p.token.kind == endOfText:
			return terms, nil
		case p.token.text != "," || p.token.kind != punctuation:
			return nil, p.wrong(p.token.pos, "erwartet wird asc, desc oder ein Komma", "asc, desc or a comma is expected")
		}
	}
}

func (p *parser) advance() (err error) {
	p.token, err = p.next()
	return err
}

func (p *parser) is(punct string) bool { return p.token.kind == punctuation && p.token.text == punct }

func (p *parser) expect(punct string) error {
	if !p.is(punct) {
		return p.wrong(p.token.pos, "hier wird %q erwartet", "%q is expected here", punct)
	}
	return p.advance()
}

func (p *parser) node(op string, pos int, args ...*node) (*node, error) {
	if p.nodes++; p.nodes > maxNodes {
		return nil, p.wrong(pos, "der Ausdruck hat mehr als %d Teile", "the expression has more than %d parts", maxNodes)
	}
	return &node{op: op, pos: pos, args: args}, nil
}

// expression reads operands and the operators between them that bind tighter
// than given.
func (p *parser) expression(than int) (*node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.wrong(p.token.pos, "der Ausdruck ist tiefer als %d Ebenen", "the expression is deeper than %d levels", maxDepth)
	}
	defer func() { p.depth-- }()
	left, err := p.operand()
	for err == nil {
		op := p.token
		binds := precedence[op.text]
		if op.kind != word || binds <= than {
			return left, nil
		}
		if err = p.advance(); err != nil {
			break
		}
		var right *node
		if op.text == "in" {
			right, err = p.list()
		} else {
			right, err = p.expression(binds)
		}
		if err == nil {
			left, err = p.node(op.text, op.pos, left, right)
		}
	}
	return nil, err
}

func (p *parser) list() (*node, error) {
	pos := p.token.pos
	if !p.is("(") {
		return nil, p.wrong(pos, "nach in wird eine Liste in Klammern erwartet", "a list in brackets is expected after in")
	}
	args, err := p.arguments()
	if err != nil {
		return nil, err
	}
	return p.node("list", pos, args...)
}

// arguments reads ( a, b ).
func (p *parser) arguments() (args []*node, err error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	if p.is(")") {
		return nil, p.advance()
	}
	for {
		arg, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
		if p.is(")") {
			return args, p.advance()
		}
		if err := p.expect(","); err != nil {
			return nil, err
		}
	}
}

func (p *parser) operand() (*node, error) {
	t := p.token
	switch {
	case t.kind == punctuation && t.text == "(":
		if err := p.advance(); err != nil {
			return nil, err
		}
		inner, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		return inner, p.expect(")")
	case t.kind == punctuation && t.text == "-", t.kind == word && t.text == "not":
		if err := p.advance(); err != nil {
			return nil, err
		}
		op, binds := "not", 6
		if t.text == "-" {
			op = "negate"
		}
		inner, err := p.expression(binds)
		if err != nil {
			return nil, err
		}
		return p.node(op, t.pos, inner)
	case t.kind == word:
		return p.wordOperand()
	case t.kind == endOfText || t.kind == punctuation:
		return nil, p.wrong(t.pos, "hier wird ein Wert, eine Eigenschaft oder eine Funktion erwartet", "a value, a property or a function is expected here")
	}
	literal, err := p.literal(t)
	if err != nil {
		return nil, err
	}
	n, err := p.node("literal", t.pos)
	if err != nil {
		return nil, err
	}
	n.literal = literal
	return n, p.advance()
}

// wordOperand reads a named literal, a function or a path.
func (p *parser) wordOperand() (*node, error) {
	t := p.token
	if err := p.advance(); err != nil {
		return nil, err
	}
	if v, ok := map[string]value{"true": ofBool(true), "false": ofBool(false), "null": {}, "NaN": ofNumber(math.NaN()), "INF": ofNumber(math.Inf(1))}[t.text]; ok && !p.is("/") {
		n, err := p.node("literal", t.pos)
		if err == nil {
			n.literal = v
		}
		return n, err
	}
	if p.is("(") {
		args, err := p.arguments()
		if err != nil {
			return nil, err
		}
		n, err := p.node("call", t.pos, args...)
		if err == nil {
			n.name = t.text
		}
		return n, err
	}
	names := []string{t.text}
	for p.is("/") {
		if err := p.advance(); err != nil {
			return nil, err
		}
		part := p.token
		if part.kind != word && part.kind != numeral {
			return nil, p.wrong(part.pos, "nach / wird ein Name erwartet", "a name is expected after /")
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
		if (part.text == "any" || part.text == "all") && p.is("(") {
			return p.lambda(t.pos, part.text, names)
		}
		names = append(names, part.text)
	}
	n, err := p.node("path", t.pos)
	if err == nil {
		n.names = names
	}
	return n, err
}

// lambda reads what follows any or all: (), or (d: d/name eq 'x').
func (p *parser) lambda(pos int, op string, names []string) (*node, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	n, err := p.node(op, pos)
	if err != nil {
		return nil, err
	}
	n.names = names
	if p.is(")") && op == "any" {
		return n, p.advance()
	}
	if p.token.kind != word {
		return nil, p.wrong(p.token.pos, "hier wird der Name einer Variablen erwartet, wie in any(d: d/name eq 'x')", "the name of a variable is expected here, as in any(d: d/name eq 'x')")
	}
	n.name = p.token.text
	if err := p.advance(); err != nil {
		return nil, err
	}
	if err := p.expect(":"); err != nil {
		return nil, err
	}
	inner, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	n.args = []*node{inner}
	return n, p.expect(")")
}

func (p *parser) literal(t token) (v value, err error) {
	ok := true
	switch {
	case t.kind == quotedText:
		return ofText(t.text), nil
	case t.kind == numeral:
		f, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			return v, p.wrong(t.pos, "%.40q ist keine Zahl", "%.40q is no number", t.text)
		}
		return ofNumber(f), nil
	case t.kind == timed && len(t.text) > 2 && t.text[2] == ':':
		v.kind = clock
		v.at, ok = parseClock(t.text)
	case t.kind == timed || strings.HasPrefix(t.class, "date") || t.class == "time" && strings.Contains(t.text, "-"):
		v, ok = parseTimes(t.text)
	case t.class == "time" || t.class == "timeofday":
		v.kind = clock
		v.at, ok = parseClock(t.text)
	case t.class == "duration":
		v.kind = duration
		v.at, ok = parseDuration(t.text)
	case t.class == "geography" || t.class == "geometry":
		s, err := parseWKT(t.text)
		if err != nil {
			return v, p.wrong(t.pos, "keine Geometrie in WKT wie geography'POINT (8.75 51.72)': %v", "no geometry in WKT such as geography'POINT (8.75 51.72)': %v", err)
		}
		return value{kind: geometry, shape: s}, nil
	default:
		return v, p.wrong(t.pos, "unbekannte Art von Wert %.40q", "unknown kind of value %.40q", t.class)
	}
	if !ok {
		return v, p.wrong(t.pos, "%.80q ist kein Zeitpunkt, Zeitraum oder Dauer nach ISO 8601", "%.80q is no time, interval or duration of ISO 8601", t.text)
	}
	return v, nil
}
