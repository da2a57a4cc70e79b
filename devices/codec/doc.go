// Package codec turns payload bytes into readings.
//
// It compiles what a profile carries once and then decodes without state:
// nothing survives from one payload to the next. It does no input or output
// and knows nothing of topics, sessions and storage. Whether a value is
// possible is for the ingest to say: it keeps those that are not as dead
// letters.
//
// A codec is of one of three kinds.
//
// # layout
//
// The source says in YAML, by FPort or for "any" other, where in the payload
// which quantity stands. A port has one of four forms:
//
//	ports:
//	  1: # fields at fixed places
//	    length: 9 # exactly; or min_length, after which fields may be absent
//	    fields:
//	      - {at: 0, type: u16, scale: 0.1, none: 0xffff, quantity: voltage, channel: l1}
//	      - {at: 2, type: u8, bits: [4, 6], values: {0: dry, 1: wet, 7: none}, quantity: surface_state}
//	      - {at: 3, type: i16, endian: little, unit: degF, quantity: air_temperature}
//	      - {at: 5, type: u16, quantity: vehicle_count, repeat: {times: 2, every: 2, channel: "lane{n}"}}
//	  85: # tags with their values, in any order
//	    tag: 2     # bytes
//	    header: 0  # bytes in front of the first tag
//	    tags:      # by their hexadecimal digits, all of them; quotes are not needed
//	      "0175": {length: 1, fields: [{at: 0, type: u8, quantity: battery_level}]}
//	      "05ff": {length: 3}      # skipped
//	      "06aa": {length: prefix} # the value begins with a byte that is its length
//	  10: # a byte says what the payload is
//	    kind: 1    # bytes
//	    kind_at: 0
//	    kinds:
//	      "01": {length: 3, fields: [{at: 1, type: u16, quantity: power_active}]}
//	  11: {skip: true} # nothing on this port is to be stored
//	  any: # bits say which groups are present
//	    header: 5
//	    flags: {at: 3, type: u16}
//	    groups:
//	      - {bit: 0, length: 2, fields: [{at: 0, type: u16, unit: mV, quantity: battery_voltage}]}
//
// Types are u8 to u64 and i8 to i64 in steps of 8, f32, f64 and bcd8 to bcd64.
//
// # javascript
//
// The source is a script with a decodeUplink, as for The Things Stack and
// ChirpStack. The map says which field of its data is which quantity. For
// quantities that the map does not give, what a normalizeUplink returns is
// taken, and without a map also fields that bear the name of a quantity.
//
// # cayenne-lpp
//
// There is no source. The map names fields by type and channel, like
// temperature_3; without one, types that can be one quantity only are taken.
package codec
