package ingest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"modellregion/devices"
	"modellregion/devices/codec"
	"modellregion/uplink"
)

// codecs decodes payloads that nobody has decoded yet, by the profiles of their
// devices.
type codecs struct {
	directory Directory

	mu    sync.Mutex
	known map[string]*codecOf // by profile
}

// codecOf is the codec of a profile, made ready.
type codecOf struct {
	source devices.Codec
	err    error // of the compilation

	mu      sync.Mutex // a codec decodes one payload at a time
	decoder codec.Decoder
	objects *codec.ObjectMap // made when it is first needed
	in      codec.Input
	out     codec.Output
}

// of returns the codec of a profile as the Directory has it now.
func (c *codecs) of(profile string) (*codecOf, error) {
	source, ok := c.directory.Codec(profile)
	if !ok {
		return nil, fmt.Errorf("profile %.64q is unknown", profile)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.known[profile]
	if !ok || !same(&k.source, &source) {
		if ok {
			k.close()
		}
		k = &codecOf{source: source}
		if k.decoder, k.err = codec.Compile(source); k.err != nil {
			k.err = fmt.Errorf("codec of profile %s: %w", profile, k.err)
		}
		c.known[profile] = k
	}
	return k, k.err
}

// same compares codecs; that of an unchanged profile shares its memory.
func same(a, b *devices.Codec) bool {
	return a.Kind == b.Kind && a.Source == b.Source && (len(a.Map) == 0 && len(b.Map) == 0 || reflect.DeepEqual(a.Map, b.Map))
}

func (k *codecOf) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.decoder != nil {
		k.decoder.Close()
		k.decoder = nil
	}
}

func (c *codecs) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.known {
		k.close()
	}
	clear(c.known)
}

// decode gives an uplink its readings, from what the server's codec made of it
// if there is an object, else from its payload; or the reason why there are
// none in Error. silent means that the payload is known to hold nothing.
func (c *codecs) decode(d devices.Entry, u *uplink.Uplink, object []byte) (silent bool) {
	k, err := c.of(d.Profile)
	if err != nil {
		u.Error = err.Error()
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.decode(c.directory.Variables(u.DevEUI), u, object); err != nil {
		u.Error = err.Error()
		return false
	}
	if len(k.out.Readings) == 0 && !k.out.Silent {
		u.Error = "the codec found no reading in it"
	}
	u.Readings = slices.Grow(u.Readings, len(k.out.Readings))
	for _, r := range k.out.Readings[:min(len(k.out.Readings), uplink.MaxReadings)] {
		u.Readings = append(u.Readings, uplink.Reading{Quantity: r.Quantity.Name, Channel: r.Channel, Value: r.Value})
	}
	return k.out.Silent && len(k.out.Readings) == 0
}

func (k *codecOf) decode(variables map[string]string, u *uplink.Uplink, object []byte) (err error) {
	switch {
	case k.decoder == nil:
		return errors.New("the profile was changed meanwhile")
	case object == nil:
		k.in = codec.Input{Port: u.FPort, Payload: u.Payload, Time: u.Time, Variables: variables}
		return k.decoder.Decode(&k.in, &k.out)
	case k.objects == nil:
		if k.objects, err = codec.CompileObject(k.source); err != nil {
			return err
		}
	}
	return k.objects.Apply(object, &k.out)
}
