package importer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/BurntSushi/toml"

	"modellregion/internal/strictyaml"
)

// How deep a TOML document may be nested. Its parser calls itself for each
// level, and a stack that overflows ends a Go program.
const (
	maxBrackets = 100
	maxDots     = 1000 // of a line, outside of quotes: a.b.c = 1
)

// checkNesting counts what can be nested, also in texts and comments, where no
// honest file has so much of it.
func checkNesting(data []byte) error {
	open := 0
	for i, line := range bytes.Split(data, []byte("\n")) {
		for _, c := range line {
			switch c {
			case '[', '{':
				open++
			case ']', '}':
				open = max(0, open-1)
			}
		}
		if open > maxBrackets || dots(line) > maxDots {
			return atLine(i+1, errors.New("is nested too deep"))
		}
	}
	return nil
}

// dots counts those outside of quotes.
func dots(line []byte) (n int) {
	quote := byte(0)
	for _, c := range line {
		switch {
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == quote:
			quote = 0
		case c == '.' && quote == 0:
			n++
		}
	}
	return n
}

// guarded turns a panic of a parser into an error: what strangers write must
// not end the program.
func guarded(parse func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("cannot be read: %.200v", p)
		}
	}()
	return parse()
}

// parseTOML reads a TOML file. Keys that into does not have are left aside.
func parseTOML(data []byte, into any) error {
	if err := checkNesting(data); err != nil {
		return err
	}
	return guarded(func() error {
		_, err := toml.NewDecoder(bytes.NewReader(data)).Decode(into)
		var at toml.ParseError
		if errors.As(err, &at) {
			return atLine(at.Position.Line, errors.New(at.Message))
		}
		if err != nil { // of a type: its line is in its text alone
			return errors.New(strings.TrimPrefix(err.Error(), "toml: "))
		}
		return nil
	})
}

// parseYAML reads the first document of a YAML file. Keys that into does not
// have are left aside.
func parseYAML(data []byte, into any) error {
	err := strictyaml.DecodeLoose(data, into)
	if err == nil {
		return nil
	}
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	var first *strictyaml.Fault
	if errors.As(err, &first) && first.Line > 0 {
		return atLine(first.Line, errors.New(strings.TrimPrefix(text, fmt.Sprintf("line %d: ", first.Line))))
	}
	return errors.New(text)
}

// parseJSONList reads a list and the lines on which its entries begin. What
// was read before an error is returned with it.
func parseJSONList(data []byte) (list []any, lines []int, err error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	line := func(offset int64) int { return 1 + bytes.Count(data[:min(offset, int64(len(data)))], []byte("\n")) }
	wrong := func(err error) error {
		at := dec.InputOffset()
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			at = syntax.Offset
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			at, err = int64(len(data)), errors.New("ends in the middle")
		}
		return atLine(line(at), err)
	}
	t, err := dec.Token()
	if err != nil {
		return nil, nil, wrong(err)
	}
	if t != json.Delim('[') {
		return nil, nil, atLine(1, fmt.Errorf("begins with %.40q, want a list of examples: [", fmt.Sprint(t)))
	}
	for dec.More() {
		begin := dec.InputOffset()
		for begin < int64(len(data)) && strings.IndexByte(" \t\r\n,", data[begin]) >= 0 {
			begin++
		}
		var v any
		if err := dec.Decode(&v); err != nil {
			return list, lines, wrong(err)
		}
		list, lines = append(list, v), append(lines, line(begin))
	}
	if _, err := dec.Token(); err != nil {
		return list, lines, wrong(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return list, lines, atLine(line(dec.InputOffset()), errors.New("goes on after the list"))
	}
	return list, lines, nil
}
