package javascript

import (
	"testing"
	"time"
)

// A codec as vendors write them: channels, each with a type and a value.
const typical = `
var GAS = ["clean", "low", "high"];
function decodeUplink(input) {
  return { data: Decode(input.bytes, input.fPort) };
}
function Decode(bytes, port) {
  var decoded = {};
  for (var i = 0; i < bytes.length; ) {
    var channel_id = bytes[i++];
    var channel_type = bytes[i++];
    if (channel_id === 0x01 && channel_type === 0x75) {
      decoded.battery = bytes[i];
      i += 1;
    } else if (channel_id === 0x03 && channel_type === 0x67) {
      decoded.temperature = readInt16LE(bytes.slice(i, i + 2)) / 10;
      i += 2;
    } else if (channel_id === 0x04 && channel_type === 0x68) {
      decoded.humidity = bytes[i] / 2;
      i += 1;
    } else if (channel_id === 0x05 && channel_type === 0xcc) {
      decoded.in = readInt16LE(bytes.slice(i, i + 2));
      decoded.out = readInt16LE(bytes.slice(i + 2, i + 4));
      i += 4;
    } else if (channel_id === 0x06 && channel_type === 0x7d) {
      decoded.co2 = readUInt16LE(bytes.slice(i, i + 2));
      decoded.air = GAS[decoded.co2 > 1500 ? 2 : decoded.co2 > 1000 ? 1 : 0];
      i += 2;
    } else {
      break;
    }
  }
  return decoded;
}
function readUInt16LE(bytes) {
  var value = (bytes[1] << 8) + bytes[0];
  return value & 0xffff;
}
function readInt16LE(bytes) {
  var ref = readUInt16LE(bytes);
  return ref > 0x7fff ? ref - 0x10000 : ref;
}
`

var typicalBytes = []byte{0x01, 0x75, 0x5c, 0x03, 0x67, 0x34, 0x01, 0x04, 0x68, 0x65, 0x05, 0xcc, 0x03, 0x00, 0x07, 0x00, 0x06, 0x7d, 0x67, 0x04}

func benchmark(b *testing.B, source string) {
	p, err := Compile(source)
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	in := Input{Bytes: typicalBytes, FPort: 85, RecvTime: time.Unix(1700000000, 0)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.DecodeUplink(in); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(p.idle[0].arena.saved))/1e3, "kB/saved")
}

func BenchmarkTypical(b *testing.B) { benchmark(b, typical) }

func BenchmarkEmpty(b *testing.B) {
	benchmark(b, "function decodeUplink(input) { return { data: {} } }")
}

func BenchmarkRestore(b *testing.B) {
	s, err := compileScript(typical)
	if err != nil {
		b.Fatal(err)
	}
	m, err := newMachine(s)
	if err != nil {
		b.Fatal(err)
	}
	defer m.close()
	b.SetBytes(int64(len(m.arena.saved)))
	for b.Loop() {
		if err := m.arena.restore(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewRuntime(b *testing.B) {
	s, err := compileScript(typical)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		m, err := newMachine(s)
		if err != nil {
			b.Fatal(err)
		}
		m.close()
	}
}
