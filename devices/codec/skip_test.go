package codec

import (
	"testing"

	"modellregion/devices"
)

// What a layout names as holding nothing is silent; everything else without a
// reading is not.
func TestSilentPayloads(t *testing.T) {
	d, err := Compile(devices.Codec{Kind: "layout", Source: `
ports:
  1: {skip: true}
  2: {kind: 1, kinds: {"01": {}, "02": {fields: [{at: 1, type: u8, none: 255, quantity: voltage}]}}}
`})
	if err != nil {
		t.Fatal(err)
	}
	var out Output
	for _, c := range []struct {
		port     uint8
		payload  []byte
		silent   bool
		readings int
		failed   bool
	}{
		{1, []byte{7}, true, 0, false},
		{1, nil, true, 0, false},
		{2, []byte{1, 9}, true, 0, false},
		{2, []byte{2, 230}, false, 1, false},
		{2, []byte{2, 255}, false, 0, false},
		{2, []byte{3}, false, 0, true},
		{3, []byte{1}, false, 0, true},
	} {
		err := d.Decode(&Input{Port: c.port, Payload: c.payload}, &out)
		if out.Silent != c.silent || len(out.Readings) != c.readings || (err != nil) != c.failed {
			t.Errorf("port %d, %x: silent %t, %d readings, error %v", c.port, c.payload, out.Silent, len(out.Readings), err)
		}
	}
}
