package sensorthings

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// options are the query options of OGC 18-088 §9.3, of a request or of one
// $expand.
type options struct {
	filter     *node
	filterText string
	order      []orderTerm
	orderText  string
	selected   []selection // nil: everything
	selectText string
	expands    []*expand
	top        int // below 0: not given
	skip       int
	count      bool
	format     string // $resultFormat
	after      string // $skiptoken: where the page before has ended
}

// orderTerm is one part of $orderby.
type orderTerm struct {
	node       *node
	descending bool
}

// selection is one part of $select: a property or a part of one, or a relation.
type selection struct {
	property *property
	path     []string // below the property
	relation *relation
}

// expand is one relation of $expand with its own options.
type expand struct {
	relation *relation
	options  options
}

// maxExpand is how deep $expand may go.
const maxExpand = 6

// option is one option as written.
type option struct {
	name string
	source
}

// parseQuery reads the options of a request for entities of a type.
func parseQuery(raw string, of *entityType) (*options, error) {
	var all []option
	for part := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(part, "=")
		name, err1 := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil || !utf8.ValidString(name) || !utf8.ValidString(value) {
			return nil, fail(http.StatusBadRequest, "die Anfrage ist nicht richtig kodiert: erwartet wird UTF-8, nach %% zwei Hexadezimalziffern", "the query is not encoded rightly: UTF-8 is expected, and two hexadecimal digits after %%")
		}
		if !strings.HasPrefix(name, "$") {
			continue // OData 4.0 part 2 §5.2: not ours
		}
		all = append(all, option{name, source{option: name, text: value}})
	}
	return parseOptions(all, of, 0)
}

func parseOptions(all []option, of *entityType, depth int) (*options, error) {
	o := &options{top: -1}
	var seen []string
	for _, one := range all {
		if slices.Contains(seen, one.name) {
			return nil, fail(http.StatusBadRequest, "%s steht zweimal da", "%s is there twice", one.name)
		}
		seen = append(seen, one.name)
		if err := o.set(one, of, depth); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func (o *options) set(one option, of *entityType, depth int) (err error) {
	switch one.name {
	case "$filter":
		o.filterText = one.text
		if o.filter, err = parseFilter(one.source); err == nil {
			err = checkFilter(one.source, o.filter, of)
		}
	case "$orderby":
		o.orderText = one.text
		o.order, err = parseOrder(one.source)
		for i := 0; err == nil && i < len(o.order); i++ {
			s := scope{source: one.source, of: of}
			err = s.check(o.order[i].node)
		}
	case "$select":
		o.selectText = one.text
		o.selected, err = parseSelect(one.source, of)
	case "$expand":
		o.expands, err = parseExpand(one.source, of, depth+1)
	case "$top":
		o.top, err = one.whole()
	case "$skip":
		o.skip, err = one.whole()
	case "$count":
		o.count = one.text == "true"
		if one.text != "true" && one.text != "false" {
			err = one.wrong(0, "erwartet wird true oder false", "true or false is expected")
		}
	case "$resultFormat", "$skiptoken":
		if depth > 0 {
			return one.wrong(0, "gibt es nur für die ganze Antwort", "is for the whole answer only")
		}
		if one.name == "$skiptoken" {
			o.after = one.text
			return nil
		}
		return o.setFormat(one, of)
	default:
		err = fail(http.StatusNotImplemented, "die Option %.60s gibt es hier nicht", "option %.60s is not implemented", one.name)
	}
	return err
}

func (o *options) setFormat(one option, of *entityType) error {
	o.format = one.text
	switch {
	case one.text == "CSV" || one.text == "GeoJSON":
		return nil
	case one.text == "dataArray" && of == observations:
		return nil
	case one.text == "dataArray":
		return one.wrong(0, "dataArray gibt es nur für Observations", "dataArray is for Observations only")
	}
	return one.wrong(0, "erwartet wird dataArray, CSV oder GeoJSON", "dataArray, CSV or GeoJSON is expected")
}

func (s option) whole() (int, error) {
	n, err := strconv.ParseInt(s.text, 10, 32)
	if err != nil || n < 0 {
		return 0, s.wrong(0, "erwartet wird eine ganze Zahl ab 0", "a whole number from 0 on is expected")
	}
	return int(n), nil
}

func checkFilter(text source, n *node, of *entityType) error {
	s := scope{source: text, of: of}
	if err := s.check(n); err != nil {
		return err
	}
	if !fits(n.kind, boolean) {
		return s.wrong(n.pos, "erwartet wird eine Bedingung, hier steht %s", "a condition is expected, here is %[1]s", n.kind)
	}
	return nil
}

// parseSelect reads $select.
func parseSelect(s source, of *entityType) (out []selection, err error) {
	for _, part := range s.split(',') {
		name := strings.TrimSpace(part.text)
		if name == "*" {
			for _, p := range of.properties {
				out = append(out, selection{property: p})
			}
			continue
		}
		words := strings.Split(name, "/")
		switch first := strings.TrimPrefix(words[0], "@iot."); {
		case of.property(first) != nil:
			p := of.property(first)
			if len(words) > 1 && p.kind != object && p.kind != geometry && p.kind != anything {
				return nil, part.wrong(0, "%s hat keine Teile", "%s has no parts", first)
			}
			out = append(out, selection{property: p, path: words[1:]})
		case of.relation(first) != nil && len(words) == 1:
			out = append(out, selection{relation: of.relation(first)})
		default:
			return nil, s.unknown(part.offset-s.offset, of, name)
		}
	}
	return out, nil
}

// parseExpand reads $expand: A,B/C,D($select=…;$expand=…).
func parseExpand(s source, of *entityType, depth int) (out []*expand, err error) {
	if depth > maxExpand {
		return nil, s.wrong(0, "tiefer als %d Ebenen", "deeper than %d levels", maxExpand)
	}
	for _, part := range s.split(',') {
		path, inner, hasOptions := part.brackets()
		names := strings.Split(strings.TrimSpace(path.text), "/")
		if len(names)+depth-1 > maxExpand {
			return nil, part.wrong(0, "tiefer als %d Ebenen", "deeper than %d levels", maxExpand)
		}
		at, into := of, &out
		for i, name := range names {
			r := at.relation(name)
			if r == nil {
				return nil, s.unknown(part.offset-s.offset, at, name)
			}
			e := find(*into, r)
			if e == nil {
				e = &expand{relation: r, options: options{top: -1}}
				*into = append(*into, e)
			}
			if i == len(names)-1 && hasOptions {
				if err := e.parse(inner, depth+i); err != nil {
					return nil, err
				}
			}
			at, into = r.to, &e.options.expands
		}
	}
	return out, nil
}

func find(all []*expand, r *relation) *expand {
	if i := slices.IndexFunc(all, func(e *expand) bool { return e.relation == r }); i >= 0 {
		return all[i]
	}
	return nil
}

// parse reads the options of one relation.
func (e *expand) parse(inner source, depth int) error {
	var all []option
	for _, part := range inner.split(';') {
		if strings.TrimSpace(part.text) == "" {
			continue
		}
		name, value, ok := strings.Cut(part.text, "=")
		if !ok {
			return part.wrong(0, "erwartet wird eine Option wie $top=1", "an option such as $top=1 is expected")
		}
		value = strings.TrimRight(value, " ")
		all = append(all, option{strings.TrimSpace(name), source{part.option, value, part.offset + len(name) + 1}})
	}
	o, err := parseOptions(all, e.relation.to, depth)
	if err != nil {
		return err
	}
	o.expands = append(o.expands, e.options.expands...)
	e.options = *o
	return nil
}

// split cuts the source at a separator that is neither in quotes nor in
// brackets.
func (s source) split(at byte) (out []source) {
	begin, depth, quoted := 0, 0, false
	for i := 0; i <= len(s.text); i++ {
		if i < len(s.text) && (quoted || s.text[i] != at || depth > 0) {
			switch c := s.text[i]; {
			case c == '\'':
				quoted = !quoted
			case quoted:
			case c == '(':
				depth++
			case c == ')':
				depth--
			}
			continue
		}
		out = append(out, source{s.option, s.text[begin:i], s.offset + begin})
		begin = i + 1
	}
	return out
}

// brackets splits A($top=1) into A and $top=1.
func (s source) brackets() (before, inner source, ok bool) {
	open := strings.IndexByte(s.text, '(')
	end := strings.TrimRight(s.text, " ")
	if open < 0 || !strings.HasSuffix(end, ")") {
		return s, source{}, false
	}
	return source{s.option, s.text[:open], s.offset}, source{s.option, end[open+1 : len(end)-1], s.offset + open + 1}, true
}
