package profiles

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"modellregion/devices"
	"modellregion/devices/codec"
)

// Example is a payload and what a codec must make of it. Examples stay here:
// they travel neither into the registry nor to the edges.
type Example struct {
	Name      string // says where the values come from: "documented: …" or "by hand: …"
	Port      uint8
	Payload   []byte
	Variables map[string]string // of the device
	Readings  []devices.Reading // in any order; none when the payload carries no measurement
	Err       string            // part of the error that is expected instead
}

// Failure says in which way a codec missed an Example.
type Failure struct {
	Example string // its name
	Diff    string // for people
}

// Check decodes every example with a codec and returns the failures. The error
// says that the codec does not compile.
func Check(c devices.Codec, examples []Example) ([]Failure, error) {
	d, err := codec.Compile(c)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	var failures []Failure
	var out codec.Output
	for i := range examples {
		e := &examples[i]
		err := d.Decode(&codec.Input{Port: e.Port, Payload: e.Payload, Time: exampleTime, Variables: e.Variables}, &out)
		if diff := e.compare(out.Readings, err); diff != "" {
			failures = append(failures, Failure{Example: e.Name, Diff: diff})
		}
	}
	return failures, nil
}

// exampleTime is when all examples are received.
var exampleTime = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

func (e *Example) compare(got []devices.Reading, err error) string {
	switch {
	case err != nil && e.Err != "" && strings.Contains(err.Error(), e.Err):
		return ""
	case err != nil && e.Err != "":
		return fmt.Sprintf("error %q, want one with %q", err, e.Err)
	case err != nil:
		return fmt.Sprintf("error %q, want %d readings", err, len(e.Readings))
	case e.Err != "":
		return fmt.Sprintf("%d readings, want an error with %q", len(got), e.Err)
	}
	type key struct{ quantity, channel string }
	index := func(list []devices.Reading) map[key]float64 {
		out := make(map[key]float64, len(list))
		for _, r := range list {
			out[key{r.Quantity.Name, r.Channel}] = r.Value
		}
		return out
	}
	want, have := index(e.Readings), index(got)
	all := maps.Clone(want)
	maps.Copy(all, have)
	keys := slices.SortedFunc(maps.Keys(all), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.quantity, b.quantity), cmp.Compare(a.channel, b.channel))
	})
	var diff []string
	for _, k := range keys {
		name := k.quantity
		if k.channel != "" {
			name += " of " + k.channel
		}
		w, wanted := want[k]
		h, there := have[k]
		switch {
		case !there:
			diff = append(diff, fmt.Sprintf("%s is missing, want %v", name, w))
		case !wanted:
			diff = append(diff, fmt.Sprintf("%s is %v, want none", name, h))
		case math.Abs(w-h) > 1e-9*max(math.Abs(w), math.Abs(h)):
			diff = append(diff, fmt.Sprintf("%s is %v, want %v", name, h, w))
		}
	}
	return strings.Join(diff, "; ")
}

// ShippedExamples returns the examples of the profiles that come with the
// product, by the profile's id.
func ShippedExamples() (map[string][]Example, error) { return LoadExamples(shipped) }

// LoadExamples reads the examples of every profile that Load reads.
func LoadExamples(folder fs.FS) (map[string][]Example, error) {
	files, err := load(folder)
	out := make(map[string][]Example, len(files))
	for id, f := range files {
		out[id] = f.examples
	}
	return out, err
}

// exampleSource is an Example as it stands in a profile.
type exampleSource struct {
	Name      string            `yaml:"name"`
	Port      int               `yaml:"port"`
	Hex       string            `yaml:"hex"` // spaces may set apart what belongs together
	Variables map[string]string `yaml:"variables"`
	Readings  []readingSource   `yaml:"readings"`
	Error     string            `yaml:"error"`
}

type readingSource struct {
	Quantity string `yaml:"quantity"`
	Channel  string `yaml:"channel"`
	Value    string `yaml:"value"` // a number in the quantity's unit, or the name of a category
}

// parseExamples reports everything that is wrong.
func parseExamples(src []exampleSource) ([]Example, error) {
	var out []Example
	var wrong []error
	names := make(map[string]bool, len(src))
	for i := range src {
		e, err := parseExample(&src[i])
		if err == nil && names[e.Name] {
			err = errors.New("the name is there twice")
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("example %d (%.64s): %w", i+1, src[i].Name, err))
		}
		names[e.Name] = true
		out = append(out, e)
	}
	return out, errors.Join(wrong...)
}

func parseExample(src *exampleSource) (Example, error) {
	e := Example{Name: src.Name, Port: uint8(src.Port), Variables: src.Variables, Err: src.Error}
	switch {
	case src.Name == "":
		return e, errors.New("name is missing")
	case src.Port < 0 || src.Port > 255:
		return e, fmt.Errorf("port %d, want 0 to 255", src.Port)
	case src.Error != "" && len(src.Readings) > 0:
		return e, errors.New("has readings and an error, want one of both")
	}
	var err error
	if e.Payload, err = hex.DecodeString(strings.ReplaceAll(src.Hex, " ", "")); err != nil {
		return e, fmt.Errorf("hex %.100q, want pairs of hexadecimal digits in quotes", src.Hex)
	}
	seen := make(map[string]bool, len(src.Readings))
	for _, s := range src.Readings {
		q, ok := devices.Lookup(s.Quantity)
		if !ok {
			return e, fmt.Errorf("quantity %.64q is unknown", s.Quantity)
		}
		v, isCode := q.Code(s.Value)
		if !isCode {
			if v, err = strconv.ParseFloat(s.Value, 64); err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
				return e, fmt.Errorf("%s: value %.64q is no number", s.Quantity, s.Value)
			}
		}
		if name := s.Quantity + " " + s.Channel; seen[name] {
			return e, fmt.Errorf("%s is there twice", strings.TrimSpace(name))
		} else {
			seen[name] = true
		}
		e.Readings = append(e.Readings, devices.Reading{Quantity: q, Channel: s.Channel, Value: v})
	}
	return e, nil
}
