package influx

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"modellregion/devices"
	"modellregion/uplink"
)

// decoded is a point as the decoder of line-protocol/v2 reads it.
type decoded struct {
	Measurement string
	Tags        [][2]string
	Fields      map[string]any
	Time        time.Time
}

func decode(t *testing.T, text []byte) []decoded {
	t.Helper()
	check := func(err error) {
		if err != nil {
			t.Fatalf("%v in %q", err, text)
		}
	}
	var out []decoded
	for d := lineprotocol.NewDecoderWithBytes(text); d.Next(); {
		name, err := d.Measurement()
		check(err)
		p := decoded{Measurement: string(name), Fields: map[string]any{}}
		for {
			key, value, err := d.NextTag()
			check(err)
			if key == nil {
				break
			}
			p.Tags = append(p.Tags, [2]string{string(key), string(value)})
		}
		for {
			key, value, err := d.NextField()
			check(err)
			if key == nil {
				break
			}
			p.Fields[string(key)] = value.Interface()
		}
		p.Time, err = d.Time(lineprotocol.Nanosecond, time.Time{})
		check(err)
		p.Time = p.Time.UTC()
		out = append(out, p)
	}
	return out
}

// What the encoder writes is what the decoder of the format's owner reads,
// whatever is in it, or it is refused.
func FuzzLines(f *testing.F) {
	f.Add("traffic", "lane 1", "Groß=x,y", 47.2, 0.0, `{"a":"b\\"}`, int64(1764000000123000000))
	f.Add("m e,a=s", `back\slash`, `end\`, 1e300, 5e-324, "line\nline", int64(-1))
	f.Add("#", `\`, "\x00", math.MaxFloat64, 0.1, "\xff", int64(math.MaxInt64))
	f.Add(`\,\ `, `,\,=\ `, "\t", 1234567.8901, 9007199254740993.0, "\r", int64(0))
	f.Fuzz(func(t *testing.T, measurement, a, b string, x, y float64, s string, ns int64) {
		if strings.HasPrefix(measurement, "#") {
			t.Skip("a comment; no measurement of ours begins so")
		}
		at := time.Unix(0, ns).UTC()
		var l lines
		for range 2 {
			l.begin(measurement)
			l.tag("a", a)
			l.tag("b", b)
			l.eui("e", uplink.EUI{1, 0xab})
			l.number("x", x)
			l.number("y", y)
			l.text("s", s)
			l.end(at)
		}
		if l.err != nil {
			return
		}
		want := decoded{Measurement: measurement, Fields: map[string]any{"x": x, "y": y, "s": s}, Time: at}
		for _, tag := range [][2]string{{"a", a}, {"b", b}, {"e", "01ab000000000000"}} {
			if tag[1] != "" {
				want.Tags = append(want.Tags, tag)
			}
		}
		if diff := cmp.Diff([]decoded{want, want}, decode(t, l.buf)); diff != "" {
			t.Errorf("%q: %s", l.buf, diff)
		}
	})
}

func FuzzAppendFloat(f *testing.F) {
	for _, v := range []float64{0, 1, -1, 0.1, 230.1, -12.345, 0.0001, 0.00001, 99999.9999, 1 << 53, 1<<53 + 2, 900719925474.0993, 1e300, 5e-324, 0.30000000000000004} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v float64) {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			t.Skip("not a number that is written")
		}
		text := appendFloat([]byte("x x="), v)
		if got := decode(t, text)[0].Fields["x"]; got != v {
			t.Errorf("%v is written as %s and read as %v", v, text, got)
		}
	})
}

func TestAppendFloatIsShort(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 5: "5", -97: "-97", 47.2: "47.2", -7.25: "-7.25", 0.0625: "0.0625", 1e6: "1000000", 0.03125: "0.03125", 1e21: "1e+21", 100.01: "100.01"} {
		if got := string(appendFloat(nil, v)); got != want {
			t.Errorf("%v is written as %s, want %s", v, got, want)
		}
	}
}

func TestWhatHasNoLine(t *testing.T) {
	at := time.Unix(1764000000, 0)
	for name, build := range map[string]func(*lines){
		"NaN":                func(l *lines) { l.begin("m"); l.number("x", math.NaN()); l.end(at) },
		"infinity":           func(l *lines) { l.begin("m"); l.number("x", math.Inf(-1)); l.end(at) },
		"text not UTF-8":     func(l *lines) { l.begin("m"); l.text("x", "\xff"); l.end(at) },
		"tag not UTF-8":      func(l *lines) { l.begin("m"); l.tag("t", "\xff"); l.number("x", 1); l.end(at) },
		"newline in a tag":   func(l *lines) { l.begin("m"); l.tag("t", "a\nb"); l.number("x", 1); l.end(at) },
		"backslash at end":   func(l *lines) { l.begin("m"); l.tag("t", `a\`); l.number("x", 1); l.end(at) },
		"no measurement":     func(l *lines) { l.begin(""); l.number("x", 1); l.end(at) },
		"the zero time":      func(l *lines) { l.begin("m"); l.number("x", 1); l.end(time.Time{}) },
		"time after the end": func(l *lines) { l.begin("m"); l.number("x", 1); l.end(time.Date(2263, 1, 1, 0, 0, 0, 0, time.UTC)) },
	} {
		t.Run(name, func(t *testing.T) {
			var l lines
			build(&l)
			if l.err == nil || !hopeless(l.err) {
				t.Errorf("error %v for %q, want a refusal", l.err, l.buf)
			}
		})
	}
}

func exampleReport() devices.Report {
	r := devices.Report{
		Device: uplink.EUI{0x70, 0xb3, 0xd5, 0x7e, 0xd0, 5, 0xf1, 0xa0}, Station: "traffic-4711", Municipality: "gelsenkirchen",
		Domain: uplink.Traffic, Time: time.UnixMilli(1764000000123).UTC(), FCnt: 123, DR: 5,
		RX: []uplink.Reception{{Gateway: uplink.EUI{0xa8, 0x40, 0x41, 0xff, 0xff, 0x1e, 0xec, 0x20}, RSSIdBm: -97, SNRdB: 7.5}},
	}
	for name, v := range map[string]float64{"vehicle_count": 12, "speed_mean": 47.2, "speed_p85": 56.4, "occupancy": 0.13} {
		q, _ := devices.Lookup(name)
		r.Readings = append(r.Readings, devices.Reading{Quantity: q, Value: v})
	}
	return r
}

func TestReportLines(t *testing.T) {
	speed, _ := devices.Lookup("speed_mean")
	count, _ := devices.Lookup("vehicle_count")
	r := exampleReport()
	r.Lost = 2
	r.Readings = []devices.Reading{
		{Quantity: speed, Channel: "lane1", Value: 47.2},
		{Quantity: speed, Channel: "lane2", Value: 50},
		{Quantity: count, Channel: "lane1", Value: 12},
	}
	r.Doubts = []devices.Doubt{
		{Mark: devices.MarkJump, Quantity: speed, Channel: "lane1", Value: 47.2, Previous: 3},
		{Mark: devices.MarkGap, Value: 2},
	}
	var l lines
	l.report(&r)
	if l.err != nil {
		t.Fatal(l.err)
	}
	want := `traffic,channel=lane1,device=70b3d57ed005f1a0,municipality=gelsenkirchen,station=traffic-4711 speed_mean=47.2,vehicle_count=12 1764000000123000000
traffic,channel=lane2,device=70b3d57ed005f1a0,municipality=gelsenkirchen,station=traffic-4711 speed_mean=50 1764000000123000000
radio,device=70b3d57ed005f1a0,gateway=a84041ffff1eec20 rssi=-97,snr=7.5,dr=5,f_cnt=123,lost=2 1764000000123000000
quality,channel=lane1,device=70b3d57ed005f1a0,mark=jump,municipality=gelsenkirchen,quantity=speed_mean,station=traffic-4711 previous=3,value=47.2 1764000000123000000
quality,device=70b3d57ed005f1a0,mark=gap,municipality=gelsenkirchen,station=traffic-4711 previous=0,value=2 1764000000123000000
`
	if diff := cmp.Diff(want, string(l.buf)); diff != "" {
		t.Error(diff)
	}
}

// The tags of every line are in alphabetical order, or the server has to sort
// them.
func TestTagsAreSorted(t *testing.T) {
	r := exampleReport()
	q := r.Readings[0].Quantity
	r.Readings[0].Channel = "lane1"
	r.Doubts = []devices.Doubt{{Mark: devices.MarkJump, Quantity: q, Channel: "lane1"}}
	var l lines
	l.report(&r)
	l.health(&devices.SenderState{
		Time: r.Time, Sender: devices.SenderDevice, ID: "70b3d57ed005f1a0", Edge: "e", Domain: uplink.Traffic,
		Station: "s", Municipality: "m", LastHeard: r.Time, Interval: time.Minute,
	})
	l.letter(&devices.DeadLetter{Time: r.Time, Edge: "e", Reason: "range", Message: "m"})
	l.place(&devices.Device{EUI: r.Device, Domain: uplink.Traffic, Municipality: "m", Name: "n", Station: "s"}, r.Time)
	if l.err != nil {
		t.Fatal(l.err)
	}
	for _, line := range bytes.Split(bytes.TrimSpace(l.buf), []byte("\n")) {
		tags := decode(t, line)[0].Tags
		for i := 1; i < len(tags); i++ {
			if tags[i-1][0] >= tags[i][0] {
				t.Errorf("tag %s before %s in %s", tags[i-1][0], tags[i][0], line)
			}
		}
	}
}

// BenchmarkEncode encodes batches of uplinks with four readings on one channel
// and one reception.
func BenchmarkEncode(b *testing.B) {
	batch := make([]devices.Report, 2500)
	for i := range batch {
		r := exampleReport()
		r.Device[6], r.Device[7] = byte(i>>8), byte(i)
		r.Station = fmt.Sprintf("traffic-%d", i)
		r.Time = r.Time.Add(time.Duration(i) * 50 * time.Millisecond)
		r.FCnt = uint32(37 * i)
		r.RX[0].RSSIdBm, r.RX[0].SNRdB = -60-i%60, float64(i%200)/10-10
		for j := range r.Readings {
			r.Readings[j].Value = float64((7*i+131*j)%1000) / []float64{1, 10, 100, 10}[j]
		}
		batch[i] = r
	}
	b.ReportAllocs()
	for b.Loop() {
		l := lines{buf: make([]byte, 0, len(batch)*bytesPerReport)}
		for i := range batch {
			l.report(&batch[i])
		}
		if l.err != nil {
			b.Fatal(l.err)
		}
		b.SetBytes(int64(len(l.buf)))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(batch)), "ns/uplink")
}
