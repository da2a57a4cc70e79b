// Package strictyaml reads YAML that people write: configurations, profiles
// and layouts.
//
// It knows how a document becomes a Go value, refuses what it does not
// understand, and says of everything that is wrong on which line it is, under
// which key and what would be right. It is the one package that imports a YAML
// library, and takes from it the syntax alone. What values mean and which ones
// must be given it leaves to its callers, and it does not write YAML.
package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// What a document may cost.
const (
	maxDepth   = 100     // levels of lists and mappings in each other
	maxAliased = 100_000 // values that come from aliases
)

// Decode reads the one document in data into the variable that dst points to.
// A field of a struct has the name in its tag `yaml:"name"`, or else its own in
// lower case; `yaml:",inline"` takes the fields of a struct as those of the
// one around it. Keys that dst does not have are refused, and keys that are
// there twice. A text is what is written: 0175 stays 0175. What has no value
// keeps the one it had.
//
// The error says everything that is wrong, each on a line of its own, and
// holds a *Fault for each.
func Decode(data []byte, dst any) error { return document(data, dst, nil) }

// DecodeLines is Decode, and says on which lines everything stands, for what its
// caller finds wrong with it.
func DecodeLines(data []byte, dst any) (Lines, error) {
	lines := Lines{}
	err := document(data, dst, lines)
	return lines, err
}

// Lines has the line of each key and of each value of a list, by its path:
// "datasets[0].windows[1]".
type Lines map[string]int

// Of returns the line of a path. Where the document has none of that name, it
// is that of the nearest one around it, and 0 without one.
func (l Lines) Of(path string) int {
	for path != "" {
		if line := l[path]; line > 0 {
			return line
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return 0
}

func document(data []byte, dst any, lines Lines) error {
	docs := yaml.NewDecoder(bytes.NewReader(data))
	root, err := next(docs)
	if err != nil {
		return err
	}
	second, err := next(docs)
	switch {
	case errors.Is(err, errEmpty):
	case err != nil:
		return err
	default:
		return &Fault{second.Line, "a second document begins, want one"}
	}
	return decode(root, dst, true, lines)
}

// DecodeLoose reads a file of somebody else: what dst does not have is left
// aside, and what comes after the first document that is not empty.
func DecodeLoose(data []byte, dst any) error {
	docs := yaml.NewDecoder(bytes.NewReader(data))
	for {
		root, err := next(docs)
		if err != nil {
			return err
		}
		if !isNull(root.Content[0]) {
			return decode(root, dst, false, nil)
		}
	}
}

// Fault is something that is wrong. Line is 0 where it is not known.
type Fault struct {
	Line int
	Text string // "mqtt.port: ..."
}

// Error implements error.
func (f *Fault) Error() string {
	if f.Line == 0 {
		return f.Text
	}
	return fmt.Sprintf("line %d: %s", f.Line, f.Text)
}

// At is a value and the line on which it begins.
type At[T any] struct {
	Line  int
	Value T
}

func (a *At[T]) at(line int) any {
	a.Line = line
	return &a.Value
}

var errEmpty = error(&Fault{Text: "is empty"})

// next returns the next document. The library panics where it finds itself in
// a state that it holds for impossible; millions of random texts have not
// brought it there, but what a stranger wrote must not end the program.
func next(docs *yaml.Decoder) (root *yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &Fault{Text: fmt.Sprintf("is no YAML: %.100v", p)}
		}
	}()
	root = &yaml.Node{}
	err = docs.Decode(root)
	if errors.Is(err, io.EOF) {
		return nil, errEmpty
	}
	if err != nil {
		return nil, syntaxError(err)
	}
	if len(root.Content) != 1 {
		return nil, errEmpty
	}
	return root, nil
}

// problems are what the library finds most often, in words that help. Where it
// counts lines from 0, up is 1.
var problems = []struct {
	library, ours string
	up            int
}{
	{"did not find expected key", "does not belong to what stands around it: is it indented like its neighbours, like \"key: value\"?", 1},
	{"did not find expected '-' indicator", "does not belong to the list above: is it indented like its neighbours, like \"- value\"?", 1},
	{"did not find expected ',' or ']'", "a list is not closed: want a , or a ]", 1},
	{"did not find expected ',' or '}'", "is not closed: want a , or a }", 1},
	{"did not find expected node content", "a value is missing", 1},
	{"did not find expected <document start>", "the document has ended above: is it indented like its neighbours?", 1},
	{"mapping values are not allowed in this context", "a colon where none may be: is it indented like its neighbours, or a text that needs quotes?", 0},
	{"could not find expected ':'", "is no \"key: value\"", 0},
	{"found character that cannot start any token", "a text that begins like this needs quotes", 0},
	{"found a tab character that violates indentation", "is indented with a tab, want spaces", 0},
	{"found unexpected end of stream", "a quote is not closed", 0},
	{"found incompatible YAML document", "is of a version that is not known here, want no line %YAML", 0},
}

func syntaxError(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 0
	if at, rest, ok := strings.Cut(strings.TrimPrefix(text, "line "), ": "); ok {
		if n, err := strconv.Atoi(at); err == nil {
			line, text = n, rest
		}
	}
	for _, p := range problems {
		if p.library == text {
			text = p.ours
			line = max(1, line+p.up) // it leaves the first line away
			break
		}
	}
	return &Fault{line, text}
}

func decode(root *yaml.Node, dst any, strict bool, lines Lines) error {
	if isNull(root.Content[0]) {
		return errEmpty
	}
	d := decoder{strict: strict, lines: lines}
	d.value(root.Content[0], reflect.ValueOf(dst).Elem(), "")
	return errors.Join(d.wrong...)
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }
