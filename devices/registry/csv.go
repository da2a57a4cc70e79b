package registry

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// CSVOptions says how the columns of a file are called that are not called as
// ours.
type CSVOptions struct {
	Map    map[string]string // our column → heading in the file
	Ignore []string          // headings of no interest
	Given  []string          // our columns that come from elsewhere, such as from defaults
}

// HeadingError says that the headings of a file are not ours, and how to say
// which is which.
type HeadingError struct {
	Missing []string          // of ours that a new device needs, and that are not guessed
	Unknown []string          // of theirs
	Guesses map[string]string // of theirs → ours
}

// Error shows the mapping and the flags that say it.
func (e *HeadingError) Error() string {
	var b strings.Builder
	b.WriteString("the headings do not fit:\n")
	var flags []string
	for _, h := range e.Unknown {
		if guess := e.Guesses[h]; guess != "" {
			fmt.Fprintf(&b, "  column %q is unknown, perhaps it is %s: --map %q\n", h, guess, guess+"="+h)
			flags = append(flags, fmt.Sprintf("--map %q", guess+"="+h))
			continue
		}
		fmt.Fprintf(&b, "  column %q is unknown: --map COLUMN=%q, or --ignore %q\n", h, h, h)
		flags = append(flags, fmt.Sprintf("--ignore %q", h))
	}
	for _, c := range e.Missing {
		fmt.Fprintf(&b, "  %s is missing: --map %s=HEADING, or --default %s=VALUE for all\n", c, c, c)
	}
	if len(flags) > 0 {
		fmt.Fprintf(&b, "if the guesses are right: %s\n", strings.Join(flags, " "))
	}
	fmt.Fprintf(&b, "the columns are %s", strings.Join(Columns, ", "))
	return b.String()
}

// ReadCSV reads a device list with a heading line, separated by comma,
// semicolon or tab, in UTF-8 or, as older spreadsheets write it, Windows-1252.
// Headings that do not fit are a *HeadingError.
func ReadCSV(in io.Reader, o CSVOptions) ([]Record, error) {
	data, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("read device list: %w", err)
	}
	r := newCSV(data)
	heading, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("read heading of the device list: %w", err)
	}
	columns, err := matchHeading(heading, o)
	if err != nil {
		return nil, err
	}
	return readRecords(r, columns)
}

// newCSV detects encoding and separator.
func newCSV(data []byte) *csv.Reader {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !utf8.Valid(data) {
		data = fromWindows1252(data)
	}
	r := csv.NewReader(bytes.NewReader(data))
	first, _, _ := bytes.Cut(data, []byte("\n"))
	r.Comma = ','
	for _, c := range ";\t" {
		if strings.Count(string(first), string(c)) > strings.Count(string(first), string(r.Comma)) {
			r.Comma = c
		}
	}
	r.TrimLeadingSpace = r.Comma != '\t' // which is a space
	return r
}

// windows1252 are the characters of the bytes 0x80 to 0x9f; the others are
// those of Unicode.
var windows1252 = []rune("€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ")

func fromWindows1252(data []byte) []byte {
	out := make([]byte, 0, len(data)+len(data)/8)
	for _, c := range data {
		if c >= 0x80 && c < 0xa0 {
			out = utf8.AppendRune(out, windows1252[c-0x80])
			continue
		}
		out = utf8.AppendRune(out, rune(c))
	}
	return out
}

// readRecords reads the lines after the heading; columns is empty where a
// column is of no interest.
func readRecords(r *csv.Reader, columns []string) ([]Record, error) {
	var out []Record
	for {
		values, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read device list: %w", err)
		}
		line, _ := r.FieldPos(0)
		f := make(map[string]string, len(columns))
		empty := true
		for i, column := range columns {
			if column != "" {
				f[column] = strings.TrimSpace(values[i])
				empty = empty && f[column] == ""
			}
		}
		if !empty { // spreadsheets end with such lines
			out = append(out, Record{At: fmt.Sprintf("line %d", line), Fields: f})
		}
	}
}

// matchHeading returns our column for each heading.
func matchHeading(heading []string, o CSVOptions) ([]string, error) {
	theirs := make(map[string]string, len(o.Map)) // heading → column
	for column, h := range o.Map {
		if !slices.Contains(Columns, column) {
			return nil, fmt.Errorf("--map %s=%s: there is no column %s, the columns are %s", column, h, column, strings.Join(Columns, ", "))
		}
		theirs[h] = column
	}
	columns := make([]string, len(heading))
	e := &HeadingError{Guesses: map[string]string{}}
	used := map[string]string{}
	for i, h := range heading {
		h = strings.TrimSpace(h)
		column := theirs[h]
		switch {
		case column != "":
			delete(theirs, h)
		case slices.Contains(o.Ignore, h) || h == "":
			continue
		case slices.Contains(Columns, h):
			column = h
		default:
			e.Unknown = append(e.Unknown, h)
			continue
		}
		if other, twice := used[column]; twice {
			return nil, fmt.Errorf("columns %q and %q are both %s", other, h, column)
		}
		used[column], columns[i] = h, column
	}
	for h, column := range theirs {
		return nil, fmt.Errorf("--map %s=%s: the file has no column %q, it has %s", column, h, h, strings.Join(heading, ", "))
	}
	e.complete(used, o.Given)
	if len(e.Unknown) > 0 || used["dev_eui"] == "" {
		return nil, e
	}
	return columns, nil
}

// complete guesses what is unknown and adds what is missing all the same.
func (e *HeadingError) complete(used map[string]string, given []string) {
	var free []string
	for _, column := range Columns {
		if used[column] == "" {
			free = append(free, column)
		}
	}
	for _, h := range e.Unknown {
		if guess := guessColumn(h, free); guess != "" {
			e.Guesses[h] = guess
			free = slices.DeleteFunc(free, func(c string) bool { return c == guess })
		}
	}
	for _, column := range []string{"dev_eui", "profile", "municipality", "edge", "lat", "lon"} {
		if slices.Contains(free, column) && !slices.Contains(given, column) {
			e.Missing = append(e.Missing, column)
		}
	}
}
