package feedback

import (
	"net/mail"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The fields of a form. A form should be sent as multipart/form-data: the other
// encoding takes up to three bytes for each, and MaxBody counts them.
const (
	FieldAbout   = "about" // as About.String writes it
	FieldLang    = "lang"  // "de" or "en"
	FieldText    = "text"
	FieldContact = "contact"
	FieldToken   = "token"
	FieldTrap    = "website" // must stay empty: hidden from people, and labelled so for those who find it
)

// What a text may be.
const (
	MinText    = 5    // characters
	MaxText    = 4000 // characters, of the answer too
	MaxLinks   = 3
	MaxContact = 254 // bytes, RFC 5321 §4.5.3.1.3
)

// Code says what is wrong with a field.
type Code string

// The codes.
const (
	Missing  Code = "missing"  // it must be given
	Short    Code = "short"    // less than MinText characters
	Long     Code = "long"     // more than MaxText characters, or MaxContact bytes
	Encoding Code = "encoding" // no valid UTF-8
	Control  Code = "control"  // characters that are none, or that turn the direction of others
	Links    Code = "links"    // more than MaxLinks
	Address  Code = "address"  // no mail address like name@example.org
	Unknown  Code = "unknown"  // none of those there are
)

// Errors are what is wrong, by field.
type Errors map[string]Code

// Form is what a page with the form shows.
type Form struct {
	About         About
	Lang          string
	Text, Contact string // as they were typed, for the person to mend
	Token         string // for FieldToken; empty where the form cannot be sent again
	Errors        Errors // nil unless the reason is Invalid
}

// Validate reads the fields of a form. Only without errors the entry is good;
// it has no code, time and state yet. Lines of the text end with \n, tabs become
// spaces, and white space around it goes.
func Validate(values url.Values) (Entry, Errors) {
	errs := Errors{}
	about, err := ParseAbout(values.Get(FieldAbout))
	if err != nil {
		errs[FieldAbout] = Unknown
	}
	e := Entry{About: about, Lang: values.Get(FieldLang), Text: tidy(values.Get(FieldText)), Contact: strings.TrimSpace(values.Get(FieldContact))}
	if e.Lang != "de" && e.Lang != "en" {
		errs[FieldLang] = Unknown
	}
	if code := checkText(e.Text, MinText, MaxLinks); code != "" {
		errs[FieldText] = code
	}
	if code := checkContact(e.Contact); code != "" {
		errs[FieldContact] = code
	}
	if len(errs) > 0 {
		return Entry{}, errs
	}
	return e, nil
}

// tidy gives a text the form in which it is kept.
func tidy(s string) string {
	return strings.TrimSpace(strings.NewReplacer("\r\n", "\n", "\r", "\n", "\t", " ").Replace(s))
}

// checkText returns what is wrong with a tidy text, or "". Links below zero
// stands for any number.
func checkText(s string, least, links int) Code {
	if !utf8.ValidString(s) {
		return Encoding
	}
	n := utf8.RuneCountInString(s)
	switch {
	case n == 0:
		return Missing
	case strings.ContainsFunc(s, unprintable):
		return Control
	case n < least:
		return Short
	case n > MaxText:
		return Long
	case links >= 0 && len(link.FindAllStringIndex(s, links+1)) > links:
		return Links
	}
	return ""
}

// link finds how links begin, each once.
var link = regexp.MustCompile(`(?i)[a-z][a-z0-9+.-]*://(?:www\.)?|\bwww\.`)

// unprintable reports characters that a text must not have: controls but the
// end of a line, other ends of lines, and what reorders the text around it
// (Unicode Annex 9: embeddings, overrides and isolates), with which a text can
// read otherwise than it is.
func unprintable(r rune) bool {
	return unicode.IsControl(r) && r != '\n' || r >= '\u2028' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

func checkContact(s string) Code {
	switch {
	case s == "":
		return ""
	case !utf8.ValidString(s):
		return Encoding
	case len(s) > MaxContact:
		return Long
	}
	at, err := mail.ParseAddress(s)
	if err != nil || at.Address != s || strings.ContainsFunc(s, unprintable) {
		return Address
	}
	_, domain, _ := strings.Cut(s, "@")
	if inner := strings.Trim(domain, "."); inner != domain || !strings.Contains(inner, ".") {
		return Address
	}
	return ""
}
