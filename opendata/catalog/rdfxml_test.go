package catalog

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
)

// element is an element of XML.
type element struct {
	XMLName xml.Name
	Attrs   []xml.Attr `xml:",any,attr"`
	Text    string     `xml:",chardata"`
	Inner   []element  `xml:",any"`
}

func (e *element) attr(space, name string) (string, bool) {
	for _, a := range e.Attrs {
		if a.Name.Local == name && (a.Name.Space == space || space == "xml" && a.Name.Space == "http://www.w3.org/XML/1998/namespace") {
			return a.Value, true
		}
	}
	return "", false
}

// parseStriped reads RDF/XML with nodes within properties, which knakk/rdf does
// not know when they are named by their class: the example of the standards
// sheet is written so. It is for names and literals alone.
func parseStriped(data []byte) ([]triple, error) {
	var root element
	if err := xml.NewDecoder(bytes.NewReader(data)).Decode(&root); err != nil {
		return nil, err
	}
	var all []triple
	var read func(n *element) (string, error)
	read = func(n *element) (string, error) {
		id, ok := n.attr(expand("rdf:"), "about")
		if !ok {
			return "", fmt.Errorf("element %v has no name", n.XMLName)
		}
		if class := n.XMLName.Space + n.XMLName.Local; class != expand("rdf:Description") {
			all = append(all, triple{id, expand("rdf:type"), term{value: class}})
		}
		for i := range n.Inner {
			p := &n.Inner[i]
			o := term{value: p.Text, literal: true}
			o.lang, _ = p.attr("xml", "lang")
			o.datatype, _ = p.attr(expand("rdf:"), "datatype")
			if iri, ok := p.attr(expand("rdf:"), "resource"); ok {
				o = term{value: iri}
			} else if len(p.Inner) > 0 {
				if len(p.Inner) > 1 || strings.TrimSpace(p.Text) != "" {
					return "", fmt.Errorf("property %v holds several things", p.XMLName)
				}
				iri, err := read(&p.Inner[0])
				if err != nil {
					return "", err
				}
				o = term{value: iri}
			}
			all = append(all, triple{id, p.XMLName.Space + p.XMLName.Local, o})
		}
		return id, nil
	}
	for i := range root.Inner {
		if _, err := read(&root.Inner[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}
