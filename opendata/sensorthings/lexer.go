package sensorthings

import (
	"strings"
	"unicode/utf8"
)

// token is a word of the language of $filter and $orderby.
type token struct {
	kind  tokenKind
	pos   int    // byte in the source
	text  string // as written; of a quoted literal its content
	class string // of a typed literal: "geography"
}

type tokenKind uint8

const (
	endOfText   tokenKind = iota
	word                  // a name: property, function, operator, true, null
	quotedText            // 'o''k'
	quotedType            // class'…', such as geography'POINT (8 51)'
	numeral               // 12.5e3
	timed                 // 2026-11-23T10:00:00Z, an interval, or a time of day
	punctuation           // ( ) , / : - *
)

// lexer cuts a source into tokens.
type lexer struct {
	source
	at int
}

// next returns the next token.
func (l *lexer) next() (token, error) {
	for l.at < len(l.text) && (l.text[l.at] == ' ' || l.text[l.at] == '\t') {
		l.at++
	}
	start := l.at
	if start == len(l.text) {
		return token{kind: endOfText, pos: start}, nil
	}
	rest := l.text[start:]
	switch c := rest[0]; {
	case c == '\'':
		return l.quoted(start, quotedText, "")
	case c >= '0' && c <= '9', c == '-' && len(rest) > 1 && (rest[1] >= '0' && rest[1] <= '9' || strings.HasPrefix(rest, "-INF")), c == '.' && len(rest) > 1:
		return l.numberOrTime(start)
	case isLetter(c) || c == '@' || c == '$':
		return l.name(start)
	case strings.IndexByte("(),/:-*", c) >= 0:
		l.at++
		return token{punctuation, start, rest[:1], ""}, nil
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return token{}, l.wrong(start, "unerwartetes Zeichen %q", "unexpected character %q", r)
}

func isLetter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func (l *lexer) name(start int) (token, error) {
	end := start + 1
	for end < len(l.text) && (isLetter(l.text[end]) || isDigit(l.text[end]) || l.text[end] == '.') {
		end++
	}
	l.at = end
	name := l.text[start:end]
	if end < len(l.text) && l.text[end] == '\'' {
		return l.quoted(start, quotedType, name)
	}
	return token{word, start, name, ""}, nil
}

// quoted reads from the quote on; a quote inside is doubled.
func (l *lexer) quoted(start int, kind tokenKind, class string) (token, error) {
	var b strings.Builder
	for i := start + len(class) + 1; ; i++ {
		end := strings.IndexByte(l.text[i:], '\'')
		if end < 0 {
			return token{}, l.wrong(start, "der Text hat kein schließendes Anführungszeichen", "the text has no closing quote")
		}
		b.WriteString(l.text[i : i+end])
		i += end
		if !strings.HasPrefix(l.text[i+1:], "'") {
			l.at = i + 1
			return token{kind, start, b.String(), strings.ToLower(class)}, nil
		}
		b.WriteByte('\'')
		i++
	}
}

// numberOrTime reads a numeral, or a time when it goes on like one. A + in a
// URL means a space, so that a forgotten %2B before an offset is one here.
func (l *lexer) numberOrTime(start int) (token, error) {
	s := l.text[start:]
	if isTemporal(s) {
		end := temporalEnd(s)
		l.at = start + end
		return token{timed, start, strings.ReplaceAll(s[:end], " ", "+"), ""}, nil
	}
	end := 1
	for end < len(s) && (isDigit(s[end]) || s[end] == '.' || s[end] == 'e' || s[end] == 'E' ||
		(s[end] == '-' || s[end] == '+') && (s[end-1] == 'e' || s[end-1] == 'E')) {
		end++
	}
	if end < len(s) && isLetter(s[end]) {
		if strings.IndexByte("dDfFmMlL", s[end]) < 0 || end+1 < len(s) && isLetter(s[end+1]) {
			return token{}, l.wrong(start+end, "nach der Zahl wird ein Leerzeichen erwartet", "a space is expected after the number")
		}
		l.at = start + end + 1 // the suffix of a type in OData 2 and 3
		return token{numeral, start, s[:end], ""}, nil
	}
	l.at = start + end
	return token{numeral, start, s[:end], ""}, nil
}

// isTemporal reports whether a date, 2026-11, or a time of day, 10:30, begins.
func isTemporal(s string) bool {
	digits := func(n int) bool {
		for i := range n {
			if len(s) <= i || !isDigit(s[i]) {
				return false
			}
		}
		return true
	}
	return digits(4) && len(s) > 5 && s[4] == '-' && isDigit(s[5]) || digits(2) && len(s) > 3 && s[2] == ':' && isDigit(s[3])
}

// temporalEnd returns the length of the time, date or interval that s begins
// with.
func temporalEnd(s string) int {
	end := 0
	for end < len(s) {
		c := s[end]
		switch {
		case isDigit(c), strings.IndexByte("-:.+TZtzPDHMSW", c) >= 0:
			end++
		case c == '/' && end+1 < len(s) && (isDigit(s[end+1]) || s[end+1] == 'P'):
			end++
		case c == ' ' && isOffset(s[end+1:]) && !strings.ContainsAny(s[:end], "Zz") && strings.ContainsAny(s[:end], "Tt"):
			end++
		default:
			return end
		}
	}
	return end
}

// isOffset reports whether hh:mm begins.
func isOffset(s string) bool {
	return len(s) >= 5 && isDigit(s[0]) && isDigit(s[1]) && s[2] == ':' && isDigit(s[3]) && isDigit(s[4])
}
