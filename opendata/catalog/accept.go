package catalog

import (
	"slices"
	"strings"
)

// form is one way to write the catalogue.
type form struct {
	suffix string // of its address: ".ttl"
	types  []string
	write  func(*graph) []byte
}

// forms are in the order in which we choose where a client has no preference.
// RDF/XML is first, since GovData's harvester is set to it and asks for
// anything. What a client may call a form stands behind what it is served as.
var forms = []form{
	{".rdf", []string{"application/rdf+xml", "application/xml", "text/xml"}, (*graph).rdfXML},
	{".ttl", []string{"text/turtle", "application/x-turtle", "text/n3"}, (*graph).turtle},
	{".jsonld", []string{"application/ld+json", "application/json"}, (*graph).jsonLD},
	{"", []string{"text/html", "application/xhtml+xml"}, nil}, // the page for people, which is elsewhere
}

func formOf(suffix string) (form, bool) {
	i := slices.IndexFunc(forms, func(f form) bool { return f.suffix == suffix && f.write != nil })
	if i < 0 {
		return form{}, false
	}
	return forms[i], true
}

// wish is one element of a header like Accept (RFC 9110 §12.5).
type wish struct {
	value string // in lower case, without parameters
	q     int    // thousandths; 0 refuses it
}

// most is how many wishes are heard; a browser has ten.
const most = 64

// wishes reads the lines of such a header. What is not understood is left out.
func wishes(lines []string) []wish {
	var all []wish
	for _, line := range lines {
		for _, element := range split(line, ',') {
			parts := split(element, ';')
			w := wish{strings.ToLower(strings.TrimSpace(parts[0])), 1000}
			ok := w.value != "" && len(all) < most
			for _, parameter := range parts[1:] {
				name, value, _ := strings.Cut(parameter, "=")
				if strings.EqualFold(strings.TrimSpace(name), "q") {
					var valid bool
					w.q, valid = weight(strings.TrimSpace(value))
					ok = ok && valid
				}
			}
			if ok {
				all = append(all, w)
			}
		}
	}
	return all
}

// split splits at a separator that is in no quoted string (RFC 9110 §5.6.4).
func split(s string, separator byte) []string {
	var parts []string
	quoted, from := false, 0
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == separator && !quoted:
			parts = append(parts, s[from:i])
			from = i + 1
		}
	}
	return append(parts, s[from:])
}

// weight reads a qvalue: 0 to 1 with at most three decimals (RFC 9110 §12.4.2).
func weight(s string) (int, bool) {
	whole, decimals, _ := strings.Cut(s, ".")
	if whole != "0" && whole != "1" || len(decimals) > 3 || strings.Trim(decimals, "0123456789") != "" {
		return 0, false
	}
	q := 0
	for _, c := range whole + decimals + "000"[len(decimals):] {
		q = q*10 + int(c-'0')
	}
	return q, q <= 1000
}

// choose returns the form that a client likes best, and false when it likes
// none. Without a wish every form is welcome.
func choose(accept []string) (form, bool) {
	all := wishes(accept)
	if len(all) == 0 {
		all = []wish{{"*/*", 1000}}
	}
	best, bestQ, bestFit := -1, 0, 0
	for i, f := range forms {
		for _, name := range f.types {
			if q, fit := liked(all, name); q > bestQ || q == bestQ && q > 0 && fit > bestFit {
				best, bestQ, bestFit = i, q, fit
			}
		}
	}
	if best < 0 {
		return form{}, false
	}
	return forms[best], true
}

// liked returns the weight of a media type, given by what names it most
// precisely, and how precisely that is: 3 by itself, 2 by its type, 1 by */*.
func liked(all []wish, name string) (q, fit int) {
	kind, _, _ := strings.Cut(name, "/")
	for _, w := range all {
		how := 0
		switch w.value {
		case name:
			how = 3
		case kind + "/*":
			how = 2
		case "*/*":
			how = 1
		}
		if how > fit || how == fit && how > 0 && w.q > q {
			q, fit = w.q, how
		}
	}
	return q, fit
}

// acceptsGzip reports whether a body may be compressed (RFC 9110 §12.5.3).
func acceptsGzip(lines []string) bool {
	any := false
	for _, w := range wishes(lines) {
		switch w.value {
		case "gzip", "x-gzip":
			return w.q > 0
		case "*":
			any = w.q > 0
		}
	}
	return any
}
