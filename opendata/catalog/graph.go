package catalog

import (
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"modellregion/opendata"
)

// term is the object of a triple: an IRI, or a literal with a language or a
// datatype. There are no blank nodes: what has a name can be compared, and the
// three forms are the same graph when they hold the same triples.
type term struct {
	value    string
	literal  bool
	lang     string // of a literal: "de"
	datatype string // IRI; empty: xsd:string, or rdf:langString with a language
}

// triple is a statement. Subject and predicate are absolute IRIs.
type triple struct {
	s, p string
	o    term
}

// graph is a set of triples in the order in which they were added.
type graph struct {
	triples []triple
	seen    map[triple]bool
}

func newGraph() *graph { return &graph{seen: map[triple]bool{}} }

func (g *graph) add(t triple) {
	if !g.seen[t] {
		g.seen[t] = true
		g.triples = append(g.triples, t)
	}
}

// node adds properties to one subject. Their names are as in Turtle:
// "dct:title". What is empty is not added.
type node struct {
	g  *graph
	id string
}

// node returns the subject with that IRI, of a class.
func (g *graph) node(id, class string) node {
	n := node{g, cleanIRI(id)}
	n.link("rdf:type", expand(class))
	return n
}

// link points to others and tells of what class they are, as ranges has it.
func (n node) link(property string, iris ...string) {
	for _, iri := range iris {
		if iri == "" {
			continue
		}
		iri = cleanIRI(iri)
		n.g.add(triple{n.id, expand(property), term{value: iri}})
		n.g.tell(property, iri)
	}
}

// text adds a text in the languages that it has.
func (n node) text(property string, t opendata.Text) {
	n.literal(property, term{value: t.De, lang: "de"})
	n.literal(property, term{value: t.En, lang: "en"})
}

func (n node) plain(property, value string) { n.literal(property, term{value: value}) }

// typed adds a literal of a datatype: "xsd:date".
func (n node) typed(property, value, datatype string) {
	n.literal(property, term{value: value, datatype: expand(datatype)})
}

func (n node) instant(property string, t time.Time) {
	if !t.IsZero() {
		n.typed(property, t.UTC().Format("2006-01-02T15:04:05Z"), "xsd:dateTime")
	}
}

func (n node) literal(property string, o term) {
	if o.value = cleanText(o.value); o.value != "" {
		o.literal = true
		n.g.add(triple{n.id, expand(property), o})
	}
}

// cleanText replaces what XML 1.0 §2.2 has no way to write, so that all forms
// can say the same.
func cleanText(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\r', r >= 0x20 && r < 0xD800, r >= 0xE000 && r < 0xFFFE, r >= 0x10000:
			return r
		default:
			return utf8.RuneError
		}
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// cleanIRI encodes what must not be in an IRI (RFC 3987 §2.2, Turtle §6.5).
func cleanIRI(s string) string {
	if !strings.ContainsFunc(s, forbidden) {
		return s
	}
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		if forbidden(r) {
			b.WriteString(url.PathEscape(string(r)))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func forbidden(r rune) bool {
	return r <= ' ' || r >= 0x7F && r < 0xA0 || strings.ContainsRune("<>\"{}|\\^`", r) || r == utf8.RuneError || r >= 0xE000 && r < 0xF900 || r >= 0xFFF0 && r <= 0xFFFF
}

// block is all that is said of one subject.
type block struct {
	id         string
	properties []property
}

type property struct {
	name    string // IRI
	objects []term
}

// blocks groups the triples by subject and predicate, in the order in which
// these first appear.
func (g *graph) blocks() []block {
	var all []block
	at := map[string]int{}
	within := map[[2]string]int{}
	for _, t := range g.triples {
		i, ok := at[t.s]
		if !ok {
			i = len(all)
			at[t.s] = i
			all = append(all, block{id: t.s})
		}
		b := &all[i]
		j, ok := within[[2]string{t.s, t.p}]
		if !ok {
			j = len(b.properties)
			within[[2]string{t.s, t.p}] = j
			b.properties = append(b.properties, property{name: t.p})
		}
		b.properties[j].objects = append(b.properties[j].objects, t.o)
	}
	return all
}
