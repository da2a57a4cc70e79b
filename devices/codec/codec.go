package codec

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"modellregion/devices"
)

// Input is an uplink as a codec sees it.
type Input struct {
	Port      uint8     // FPort
	Payload   []byte    // decrypted FRMPayload
	Time      time.Time // of reception
	Variables map[string]string
}

// Output is what a codec made of an Input.
type Output struct {
	Readings []devices.Reading // at most one of a quantity and channel
	Warnings []string          // for people
	Silent   bool              // the codec knows the payload, and nothing in it is to be stored
	Fields   any               // what the codec said before it was mapped, as JSON types; only of Explain
}

func (o *Output) reset() {
	o.Readings, o.Warnings, o.Silent, o.Fields = o.Readings[:0], o.Warnings[:0], false, nil
}

// Bounds of what a script may give; an uplink takes fewer readings.
const (
	maxReadings = 256
	maxWarnings = 64
)

func (o *Output) warn(format string, args ...any) {
	if len(o.Warnings) >= maxWarnings {
		return
	}
	o.Warnings = append(o.Warnings, fmt.Sprintf(format, args...))
}

// add adds a reading. All readings of an uplink share its time, so that of
// two of the same quantity and channel only the last is kept.
func (o *Output) add(q *devices.Quantity, channel string, v float64) {
	for i := range o.Readings {
		if r := &o.Readings[i]; r.Quantity == q && r.Channel == channel {
			o.warn("%s comes more than once, the last is kept", series(q, channel))
			r.Value = v
			return
		}
	}
	if len(o.Readings) >= maxReadings {
		o.warn("more than %d readings, the others are left out", maxReadings)
		return
	}
	o.Readings = append(o.Readings, devices.Reading{Quantity: q, Channel: channel, Value: v})
}

// cut ends the decoding of a payload whose rest cannot be read: what was read
// before is kept with a warning, and when that is nothing err is returned.
func (o *Output) cut(err error) error {
	if err == nil || len(o.Readings) == 0 {
		return err
	}
	o.Warnings = append(o.Warnings, err.Error())
	return nil
}

func series(q *devices.Quantity, channel string) string {
	if channel == "" {
		return q.Name
	}
	return q.Name + " of " + channel
}

// Decoder decodes the payloads of one profile. It may be used by several
// goroutines at once.
type Decoder interface {
	// Decode empties out, keeping its capacity, and fills it from in. The error
	// says which port or byte does not fit; then out holds no readings. A value
	// may lie outside the valid range of its quantity, but is finite.
	Decode(in *Input, out *Output) error
	// Fast reports whether Decode takes microseconds whatever the payload, so
	// that it may be called in the middle of things.
	Fast() bool
	// Close frees what the decoder holds beyond Go's memory. It must not be
	// used any more.
	Close()
}

// Kinds are the kinds of codecs that Compile knows.
func Kinds() []string { return []string{"layout", "javascript", "cayenne-lpp"} }

var errLayoutMap = errors.New("a codec of kind layout has no map, its fields name their quantities")

// Compile returns the decoder for a codec. The error names everything that is
// wrong with its source and its map.
func Compile(c devices.Codec) (Decoder, error) {
	switch {
	case c.Kind == "layout" && len(c.Map) > 0:
		return nil, errLayoutMap
	case c.Kind == "layout":
		return compileLayout(c.Source)
	case c.Kind == "cayenne-lpp" && c.Source != "":
		return nil, errors.New("a codec of kind cayenne-lpp has no source, only a map")
	case c.Kind == "cayenne-lpp":
		return compileCayenne(c.Map)
	case c.Kind == "javascript":
		return compileScript(c)
	default:
		return nil, fmt.Errorf("codec kind %q is unknown, want %s", c.Kind, strings.Join(Kinds(), ", "))
	}
}

// explainer is a Decoder that speaks in fields, which are mapped.
type explainer interface {
	explain(in *Input, out *Output) error
}

// Explain decodes as d does, and for people adds the fields that the codec
// spoke of and a warning for each that no mapping takes. A layout has no
// fields of its own.
func Explain(d Decoder, in *Input) (Output, error) {
	var out Output
	if e, ok := d.(explainer); ok {
		err := e.explain(in, &out)
		return out, err
	}
	err := d.Decode(in, &out)
	return out, err
}
