package files

import (
	"io"
	"strconv"
	"strings"
	"time"
)

// dialect is a way to write CSV.
type dialect struct {
	bom       string
	separator byte
	decimal   byte
	time      string // layout
}

var (
	// rfc4180 is CSV as RFC 4180 has it, for programs.
	rfc4180 = dialect{"", ',', '.', time.RFC3339}
	// excelDE opens with a double click in a German Excel, which takes UTF-8
	// only with a byte order mark and a date only without the letters of
	// RFC 3339.
	excelDE = dialect{"\ufeff", ';', ',', "2006-01-02 15:04:05"}
)

// csvWriter writes rows as CSV with a header and CRLF (RFC 4180).
type csvWriter struct {
	w       io.Writer
	columns []column
	dialect dialect
	line    []byte
}

func newCSV(w io.Writer, columns []column, d dialect) (*csvWriter, error) {
	c := &csvWriter{w: w, columns: columns, dialect: d}
	c.line = append(c.line, d.bom...)
	for i := range columns {
		c.separate(i)
		c.line = append(c.line, columns[i].Name...)
	}
	return c, c.end()
}

func (c *csvWriter) separate(i int) {
	if i > 0 {
		c.line = append(c.line, c.dialect.separator)
	}
}

func (c *csvWriter) end() error {
	c.line = append(c.line, '\r', '\n')
	_, err := c.w.Write(c.line)
	c.line = c.line[:0]
	return err
}

func (c *csvWriter) write(_ *row, cells []cell) error {
	for i := range cells {
		c.separate(i)
		v := &cells[i]
		if !v.set {
			continue
		}
		switch c.columns[i].sort {
		case number, integer:
			at := len(c.line)
			c.line = appendNumber(c.line, v.number)
			if c.dialect.decimal != '.' {
				if dot := strings.IndexByte(string(c.line[at:]), '.'); dot >= 0 {
					c.line[at+dot] = c.dialect.decimal
				}
			}
		case instant:
			c.line = v.time.AppendFormat(c.line, c.dialect.time)
		case truth:
			c.line = strconv.AppendBool(c.line, v.truth)
		default:
			s := v.text
			if c.columns[i].free {
				s = guard(s)
			}
			c.line = appendField(c.line, s, c.dialect.separator)
		}
	}
	return c.end()
}

func (c *csvWriter) close(*written) error { return nil }

func appendField(line []byte, s string, separator byte) []byte {
	if strings.IndexByte(s, separator) < 0 && !strings.ContainsAny(s, "\"\r\n") && !strings.HasPrefix(s, " ") {
		return append(line, s...)
	}
	line = append(line, '"')
	line = append(line, strings.ReplaceAll(s, `"`, `""`)...)
	return append(line, '"')
}

// appendNumber writes all digits and no exponent: some spreadsheets take one
// for a text.
func appendNumber(b []byte, v float64) []byte { return strconv.AppendFloat(b, v, 'f', -1, 64) }

// guard keeps a spreadsheet from taking a text for a formula: one that begins
// like a formula gets an apostrophe in front. Only texts that people entered
// need it; a negative number is one.
func guard(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return "'" + s
	}
	return s
}
