package codec

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"modellregion/devices"
)

// ObjectMap turns what somebody else's codec made of a payload into readings:
// the object of ChirpStack, the decoded_payload of The Things Stack. It may be
// used by several goroutines at once.
type ObjectMap struct {
	output *outputMap
	lpp    *cayenne // of kind cayenne-lpp; nil else
}

// CompileObject returns the ObjectMap for the devices of a codec.
//
// The map of kind javascript means the object as it means what the script
// returns, with normalized payloads recognised, and fields that bear the name of
// a quantity taken where there is no map. Of kind layout there is never one. The
// map of kind cayenne-lpp, or its default, means the fields that both servers'
// own decoders of Cayenne LPP write; an object without any is read as one of
// kind layout.
//
// The error names everything that is wrong with the map; the source is not
// looked at.
func CompileObject(c devices.Codec) (*ObjectMap, error) {
	var m ObjectMap
	switch {
	case !slices.Contains(Kinds(), c.Kind):
		return nil, fmt.Errorf("codec kind %q is unknown, want %s", c.Kind, strings.Join(Kinds(), ", "))
	case c.Kind == "layout" && len(c.Map) > 0:
		return nil, errLayoutMap
	case c.Kind == "cayenne-lpp":
		d, err := compileCayenne(c.Map)
		if err != nil {
			return nil, err
		}
		m.lpp = d.(*cayenne)
		c.Map = nil // its paths are no paths of an object
	}
	var err error
	if m.output, err = compileOutputMap(c.Map); err != nil {
		return nil, fmt.Errorf("%s: %w", c.Kind, err)
	}
	return &m, nil
}

// Apply empties out, keeping its capacity, and fills it from an object in JSON,
// or a list. The error says why it is neither; then out holds no readings. A
// value may lie outside the valid range of its quantity, but is finite.
func (m *ObjectMap) Apply(object []byte, out *Output) error {
	out.reset()
	var v any
	if err := json.Unmarshal(object, &v); err != nil {
		return fmt.Errorf("object: %w", err)
	}
	switch v := v.(type) {
	case map[string]any:
		if m.lpp != nil {
			m.lpp.takeObject(v, out)
		}
	case []any:
	default:
		return errors.New("object is a single value in JSON, want an object or a list")
	}
	if m.lpp == nil || len(out.Readings) == 0 {
		m.output.apply(v, nil, out, func(string) {})
	}
	return nil
}

// takeObject adds the readings of fields as The Things Stack writes them,
// "temperature_3", and as ChirpStack does, "temperatureSensor": {"3": …}.
func (c *cayenne) takeObject(fields map[string]any, out *Output) {
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if name, ok := lppOfChirpStack[key]; ok {
			channels, _ := fields[key].(map[string]any)
			for _, digits := range slices.Sorted(maps.Keys(channels)) {
				c.takeField(placeOf(key, digits), name, digits, channels[digits], out)
			}
		} else if i := strings.LastIndexByte(key, '_'); i >= 0 {
			c.takeField(key, key[:i], key[i+1:], fields[key], out)
		}
	}
}

// takeField adds the readings of the field at that place, which is of a type
// and a channel, if these are of Cayenne LPP.
func (c *cayenne) takeField(place, name, digits string, v any, out *Output) {
	n := slices.IndexFunc(lppTypes, func(t lppType) bool { return t.name == name })
	channel, err := strconv.ParseUint(digits, 10, 8)
	if n < 0 || err != nil {
		return
	}
	parts, _ := v.(map[string]any)
	for i := range c.targets[n] {
		t := &c.targets[n][i]
		if !t.takes(uint8(channel), t.part) {
			continue
		}
		at, value := place, v
		if names := lppTypes[n].parts; len(names) > 0 {
			at, value = placeOf(place, names[t.part]), parts[names[t.part]]
		}
		t.take(at, t.channelFor(uint8(channel)), value, out)
	}
}

// lppOfChirpStack has the names of ChirpStack for types of Cayenne LPP.
var lppOfChirpStack = map[string]string{
	"digitalInput":      "digital_in",
	"digitalOutput":     "digital_out",
	"analogInput":       "analog_in",
	"analogOutput":      "analog_out",
	"illuminanceSensor": "luminosity",
	"presenceSensor":    "presence",
	"temperatureSensor": "temperature",
	"humiditySensor":    "relative_humidity",
	"accelerometer":     "accelerometer",
	"barometer":         "barometric_pressure",
	"gyrometer":         "gyrometer",
	"gpsLocation":       "gps",
}
