package catalog

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"
)

// turtle writes the graph as RDF 1.1 Turtle. The same graph, with its triples
// in the same order, gives the same bytes; so do the other two forms.
func (g *graph) turtle() []byte {
	var b bytes.Buffer
	for _, p := range prefixes {
		fmt.Fprintf(&b, "@prefix %s: <%s> .\n", p.name, p.iri)
	}
	for _, block := range g.blocks() {
		fmt.Fprintf(&b, "\n<%s>", block.id)
		for i, property := range block.properties {
			if i > 0 {
				b.WriteString(" ;")
			}
			b.WriteString("\n  ")
			b.WriteString(turtleIRI(property.name))
			for j, o := range property.objects {
				if j > 0 {
					b.WriteString(" ,")
				}
				b.WriteByte(' ')
				b.WriteString(turtleTerm(o))
			}
		}
		b.WriteString(" .\n")
	}
	return b.Bytes()
}

func turtleIRI(iri string) string {
	if iri == expand("rdf:type") {
		return "a"
	}
	if name, local, ok := shorten(iri); ok {
		return name + ":" + local
	}
	return "<" + iri + ">"
}

// turtleText escapes what may not be in a quoted string (Turtle §6.5).
var turtleText = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`)

func turtleTerm(o term) string {
	if !o.literal {
		return turtleIRI(o.value)
	}
	quoted := `"` + turtleText.Replace(o.value) + `"`
	switch {
	case o.lang != "":
		return quoted + "@" + o.lang
	case o.datatype != "":
		return quoted + "^^" + turtleIRI(o.datatype)
	default:
		return quoted
	}
}

// rdfXML writes the graph as RDF 1.1 XML Syntax: a list of nodes, none within
// another, since some readers know no others.
func (g *graph) rdfXML() []byte {
	var b bytes.Buffer
	b.WriteString(xml.Header + "<rdf:RDF")
	for _, p := range prefixes {
		fmt.Fprintf(&b, "\n  xmlns:%s=%q", p.name, p.iri)
	}
	b.WriteString(">\n")
	for _, block := range g.blocks() {
		element, properties := "rdf:Description", block.properties
		if class, rest, ok := xmlClass(properties); ok {
			element, properties = class, rest
		}
		fmt.Fprintf(&b, " <%s rdf:about=\"%s\">\n", element, xmlText(block.id))
		for _, property := range properties {
			name, local, _ := shorten(property.name) // all properties are written by us
			for _, o := range property.objects {
				writeXMLProperty(&b, name+":"+local, o)
			}
		}
		fmt.Fprintf(&b, " </%s>\n", element)
	}
	b.WriteString("</rdf:RDF>\n")
	return b.Bytes()
}

// xmlClass returns the class that becomes the name of the element, and what is
// left to say.
func xmlClass(properties []property) (string, []property, bool) {
	if len(properties) == 0 || properties[0].name != expand("rdf:type") {
		return "", nil, false
	}
	types := properties[0]
	name, local, ok := shorten(types.objects[0].value)
	if !ok {
		return "", nil, false
	}
	rest := properties[1:]
	if len(types.objects) > 1 {
		rest = append([]property{{types.name, types.objects[1:]}}, rest...)
	}
	return name + ":" + local, rest, true
}

func writeXMLProperty(b *bytes.Buffer, element string, o term) {
	switch {
	case !o.literal:
		fmt.Fprintf(b, "  <%s rdf:resource=\"%s\"/>\n", element, xmlText(o.value))
	case o.lang != "":
		fmt.Fprintf(b, "  <%s xml:lang=\"%s\">%s</%s>\n", element, o.lang, xmlText(o.value), element)
	case o.datatype != "":
		fmt.Fprintf(b, "  <%s rdf:datatype=\"%s\">%s</%s>\n", element, o.datatype, xmlText(o.value), element)
	default:
		fmt.Fprintf(b, "  <%s>%s</%s>\n", element, xmlText(o.value), element)
	}
}

// xmlText also escapes line ends and tabs, which a reader would normalise.
func xmlText(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}

// jsonLD writes the graph as JSON-LD 1.1 with its context inline, since
// harvesters fetch none.
func (g *graph) jsonLD() []byte {
	context := map[string]string{}
	for _, p := range prefixes {
		context[p.name] = p.iri
	}
	nodes := []map[string]any{}
	for _, block := range g.blocks() {
		n := map[string]any{"@id": block.id}
		for _, property := range block.properties {
			var values []any
			for _, o := range property.objects {
				values = append(values, jsonTerm(property.name, o))
			}
			name := jsonIRI(property.name)
			if property.name == expand("rdf:type") {
				name = "@type"
			}
			if n[name] = values; len(values) == 1 {
				n[name] = values[0]
			}
		}
		nodes = append(nodes, n)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	// Texts, and lists and maps of them, always can be encoded.
	_ = enc.Encode(map[string]any{"@context": context, "@graph": nodes})
	return b.Bytes()
}

func jsonIRI(iri string) string {
	if name, local, ok := shorten(iri); ok {
		return name + ":" + local
	}
	return iri
}

func jsonTerm(property string, o term) any {
	switch {
	case property == expand("rdf:type"):
		return jsonIRI(o.value)
	case !o.literal:
		return map[string]string{"@id": o.value}
	case o.lang != "":
		return map[string]string{"@value": o.value, "@language": o.lang}
	case o.datatype != "":
		return map[string]string{"@value": o.value, "@type": jsonIRI(o.datatype)}
	default:
		return o.value
	}
}
