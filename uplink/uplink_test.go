package uplink

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the files in testdata")

var (
	someDevice  = EUI{0x70, 0xb3, 0xd5, 0x7e, 0xd0, 0x05, 0xf1, 0xa0}
	someGateway = EUI{0xa8, 0x40, 0x41, 0xff, 0xff, 0x1e, 0xec, 0x20}
	someTime    = time.Date(2026, 11, 23, 10, 0, 0, 123e6, time.UTC)
)

// examples are uplinks of every shape; each is a public example in testdata.
var examples = map[string]Uplink{
	"traffic": {
		Seq: 4711, DevEUI: someDevice, Time: someTime, TimeQuality: TimeGPS, FCnt: 123, FPort: 2, DR: 5, FreqHz: 868_100_000,
		RX:       []Reception{{someGateway, -97, 7.5}, {EUI{1}, -112, -3.25}},
		Readings: []Reading{{"vehicle_count", "lane1", 12}, {"speed_mean", "lane1", 47.2}},
		Lost:     2,
	},
	"codec_error": {
		Seq: 4712, DevEUI: someDevice, Time: someTime, TimeQuality: TimeHost, FCnt: 1 << 31, FPort: 3, DR: 0, FreqHz: 869_525_000,
		Payload: []byte{1, 12, 47, 3}, Error: `layout has no port 3, only [2] "ä"`,
	},
	"smallest": {Seq: 1, DevEUI: EUI{1}, Time: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), TimeQuality: TimeBoot, Readings: []Reading{{Quantity: "frequency", Value: 50}}},
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimSuffix(string(want), "\n"), string(got)); diff != "" {
		t.Errorf("%s: %s", path, diff)
	}
}

func batchOf(epoch string, uplinks ...Uplink) []byte {
	var parts [][]byte
	for i := range uplinks {
		parts = append(parts, uplinks[i].AppendJSON(nil))
	}
	return JoinBatch(nil, epoch, parts)
}

func TestBatchGoldenAndRoundTrip(t *testing.T) {
	for name, u := range examples {
		t.Run(name, func(t *testing.T) {
			data := batchOf("5c1f", u)
			golden(t, "batch_"+name+".json", data)
			got, refused, err := DecodeBatch(data)
			if err != nil || refused != nil {
				t.Fatalf("refused %v, error %v", refused, err)
			}
			if diff := cmp.Diff(Batch{V: 1, Epoch: "5c1f", Uplinks: []Uplink{u}}, got); diff != "" {
				t.Error(diff)
			}
			// The hand-made encoder says what encoding/json says.
			other, err := json.Marshal(u)
			if err != nil {
				t.Fatal(err)
			}
			var a, b Uplink
			if err := json.Unmarshal(other, &a); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(u.AppendJSON(nil), &b); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(a, b); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecodeBatchKeepsTheGoodPart(t *testing.T) {
	good := string(batchOf("5c1f", examples["traffic"]))
	uplink := good[strings.Index(good, `[{"seq"`)+1 : len(good)-2]
	with := func(old, new string) string { return strings.Replace(uplink, old, new, 1) }
	for _, c := range []struct{ name, bad, want string }{
		{"EUI", with("70b3d57ed005f1a0", "70b3"), "EUI"},
		{"no EUI", with(`"dev_eui":"70b3d57ed005f1a0",`, ""), "no dev_eui"},
		{"time", with("2026-11-23T10", "yesterday"), "time"},
		{"no time", with(`"time":"2026-11-23T10:00:00.123Z",`, ""), "no time"},
		{"no seq", with(`"seq":4711,`, ""), "no seq"},
		{"negative counter", with(`"f_cnt":123`, `"f_cnt":-1`), "f_cnt"},
		{"counter over 32 bits", with(`"f_cnt":123`, `"f_cnt":4294967296`), "f_cnt"},
		{"port over 8 bits", with(`"f_port":2`, `"f_port":256`), "f_port"},
		{"text for a number", with(`"v":12`, `"v":"12"`), "v"},
		{"number too large", with(`"v":12`, `"v":1e999`), "v"},
		{"no number", with(`"v":12`, `"w":12`), `reading "vehicle_count" has no v`},
		{"null", with(`"v":12`, `"v":null`), `reading "vehicle_count" has no v`},
		{"too many readings", with(`"readings":[`, `"readings":[`+strings.Repeat(`{"q":"voltage","v":1},`, MaxReadings)), "at most 128"},
		{"too many receptions", with(`"rx":[`, `"rx":[`+strings.Repeat(`{"gateway":"0100000000000000"},`, MaxReceptions)), "at most 32"},
		{"no quantity", with(`"q":"speed_mean",`, ""), "reading 1 has no q"},
		{"nothing in it", with(`,"readings":[{"q":"vehicle_count","ch":"lane1","v":12},{"q":"speed_mean","ch":"lane1","v":47.2}]`, ""), "no readings"},
		{"not an object", "7", "cannot unmarshal"},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := `{"v":1,"epoch":"5c1f","uplinks":[` + uplink + "," + c.bad + "," + uplink + `]}`
			b, refused, err := DecodeBatch([]byte(data))
			if err != nil || len(b.Uplinks) != 2 || len(refused) != 1 {
				t.Fatalf("%d good, %d refused, error %v; want 2 and 1", len(b.Uplinks), len(refused), err)
			}
			if !strings.Contains(refused[0].Err.Error(), c.want) {
				t.Errorf("refused for %v, want %q", refused[0].Err, c.want)
			}
			if want := strings.Contains(c.bad, `"seq":4711`); (refused[0].Seq == 4711) != want {
				t.Errorf("seq %d was read, want it to be known: %v", refused[0].Seq, want)
			}
		})
	}
}

func TestDecodeBatchRefuses(t *testing.T) {
	one := string(examples["smallest"].encoded())
	for _, c := range []struct{ name, data, want string }{
		{"nothing", "", "end of JSON"},
		{"garbage", "\x00\xff\x17", "invalid character"},
		{"no object", "[]", "cannot unmarshal"},
		{"other version", `{"v":2,"epoch":"a","uplinks":[` + one + `]}`, "v=2"},
		{"no epoch", `{"v":1,"uplinks":[` + one + `]}`, "epoch"},
		{"long epoch", `{"v":1,"epoch":"12345678901234567","uplinks":[` + one + `]}`, "epoch"},
		{"no uplinks", `{"v":1,"epoch":"a","uplinks":[]}`, "0 uplinks"},
		{"too many", `{"v":1,"epoch":"a","uplinks":[` + strings.Repeat(one+",", MaxUplinks) + one + `]}`, "257 uplinks"},
		{"too long", strings.Repeat(" ", MaxBytes+1), "131073 bytes"},
		{"cut off", string(batchOf("a", examples["traffic"]))[:100], "unexpected end"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, _, err := DecodeBatch([]byte(c.data)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want it to say %q", err, c.want)
			}
		})
	}
}

func (u Uplink) encoded() []byte { return u.AppendJSON(nil) }

func TestNewFieldsAreIgnored(t *testing.T) {
	data := bytes.Replace(batchOf("a", examples["traffic"]), []byte(`"dr":5`), []byte(`"dr":5,"later":{"x":[1]}`), 1)
	if b, refused, err := DecodeBatch(data); err != nil || refused != nil || len(b.Uplinks) != 1 {
		t.Errorf("refused %v, error %v", refused, err)
	}
}

func TestNotFiniteIsNeverANumber(t *testing.T) {
	u := examples["smallest"]
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		u.Readings = []Reading{{Quantity: "voltage", Value: v}}
		if !bytes.Contains(u.AppendJSON(nil), []byte(`"v":null`)) {
			t.Errorf("%v became %s", v, u.AppendJSON(nil))
		}
	}
}

func TestBatchOverheadIsEnough(t *testing.T) {
	for n := range 5 {
		parts := make([][]byte, n)
		if got, most := len(JoinBatch(nil, "12345678", parts)), BatchOverhead("12345678", n); got > most {
			t.Errorf("%d uplinks: %d bytes around them, said at most %d", n, got, most)
		}
	}
}

func TestStored(t *testing.T) {
	for _, c := range []struct {
		seqs []uint64
		want [][2]uint64
	}{
		{nil, [][2]uint64{}},
		{[]uint64{7}, [][2]uint64{{7, 7}}},
		{[]uint64{3, 1, 2, 7, 9, 8, 2}, [][2]uint64{{1, 3}, {7, 9}}},
		{[]uint64{1, 3, 5}, [][2]uint64{{1, 1}, {3, 3}, {5, 5}}},
	} {
		s := NewStored("5c1f", c.seqs)
		if diff := cmp.Diff(c.want, s.Ranges); diff != "" {
			t.Errorf("%v: %s", c.seqs, diff)
		}
		back, err := DecodeStored(s.Encode())
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(s, back); diff != "" {
			t.Error(diff)
		}
	}
	golden(t, "stored.json", Stored{V: 1, Epoch: "5c1f", Ranges: [][2]uint64{{101, 220}, {223, 230}}}.Encode())
	for _, c := range []struct{ name, data, want string }{
		{"garbage", "x", "invalid character"},
		{"version", `{"v":3,"epoch":"a","ranges":[]}`, "v=3"},
		{"epoch", `{"v":1,"ranges":[]}`, "no epoch"},
		{"backwards", `{"v":1,"epoch":"a","ranges":[[5,4]]}`, "[5 4]"},
		{"from zero", `{"v":1,"epoch":"a","ranges":[[0,4]]}`, "[0 4]"},
		{"negative", `{"v":1,"epoch":"a","ranges":[[-1,4]]}`, "cannot unmarshal"},
		{"too many", `{"v":1,"epoch":"a","ranges":[` + strings.Repeat("[1,1],", MaxRanges) + `[1,1]]}`, "4097 ranges"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := DecodeStored([]byte(c.data)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want it to say %q", err, c.want)
			}
		})
	}
}

func TestTopics(t *testing.T) {
	for _, topic := range []Topic{
		{Edge: "rathaus-1", Kind: KindUp, Domain: Traffic},
		{Edge: "rathaus-1", Kind: KindEvent, Domain: Environment},
		{Edge: "a", Kind: KindStored},
		{Edge: "a", Kind: KindDevices},
		{Edge: "a", Kind: KindStatus},
		{Edge: "a", Kind: KindFrame},
		{Edge: "a", Kind: KindDown, EUI: someDevice},
		{Edge: "a", Kind: KindGateway, EUI: someGateway},
	} {
		got, err := ParseTopic(topic.String())
		if err != nil || got != topic {
			t.Errorf("%s became %+v (%v)", topic, got, err)
		}
	}
	for _, c := range []struct{ topic, want string }{
		{"", "does not begin with"},
		{"other/v1/a/stored", "does not begin with"},
		{"modellregion/v2/a/stored", "does not begin with"},
		{"modellregion/v1/a", `unknown kind ""`},
		{"modellregion/v1//traffic/up", "edge name"},
		{"modellregion/v1/Rathaus/stored", "edge name"},
		{"modellregion/v1/+/stored", "edge name"},
		{"modellregion/v1/a/water/up", `unknown domain "water"`},
		{"modellregion/v1/a/traffic/down", `unknown kind "down"`},
		{"modellregion/v1/a/traffic/up/x", "unknown kind"},
		{"modellregion/v1/a/down/xyz", "EUI"},
		{"modellregion/v1/a/down/70B3D57ED005F1A0", "normal form"},
		{"modellregion/v1/a/up", `unknown kind "up"`},
	} {
		if _, err := ParseTopic(c.topic); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want it to say %q", c.topic, err, c.want)
		}
	}
	for kind, want := range map[Kind]string{
		KindUp: "modellregion/v1/+/+/up", KindStored: "modellregion/v1/+/stored", KindDown: "modellregion/v1/+/down/+",
	} {
		if got := Filter("+", kind); got != want {
			t.Errorf("filter of %s is %s, want %s", kind, got, want)
		}
	}
}

func TestMessagesGolden(t *testing.T) {
	for name, message := range map[string]any{
		"devices.json": DeviceList{V: 1, Version: 17,
			Profiles: map[string]json.RawMessage{"counter": json.RawMessage(`{"kind":"layout","source":"ports: {}"}`)},
			Devices: []ListedDevice{
				{DevEUI: someDevice, JoinEUI: EUI{2}, Domain: Traffic, Profile: "counter", AppKey: "00112233445566778899aabbccddeeff"},
				{DevEUI: EUI{3}, Domain: Energy, Profile: "counter", DevAddr: "01020304", NwkSKey: "00112233445566778899aabbccddeeff", AppSKey: "ffeeddccbbaa99887766554433221100",
					Variables: map[string]string{"height": "2.5"}},
				{DevEUI: EUI{4}, JoinEUI: EUI{2}, Domain: Road, Profile: "counter", LoRaWAN: "1.1.0", Class: "C",
					AppKey: "00112233445566778899aabbccddeeff", NwkKey: "112233445566778899aabbccddeeff00", Nonces: 1},
				{DevEUI: EUI{5}, Domain: Environment, Profile: "counter", LoRaWAN: "1.1.0", DevAddr: "01020305", NwkSKey: "00112233445566778899aabbccddeeff",
					SNwkSIntKey: "112233445566778899aabbccddeeff00", NwkSEncKey: "2233445566778899aabbccddeeff0011", AppSKey: "ffeeddccbbaa99887766554433221100", ResetFCnt: true},
			}},
		"event.json":       Event{V: 1, Time: someTime, DevEUI: someDevice, Event: EventJoin, Detail: "DevAddr 01020304"},
		"event_acked.json": Event{V: 1, Time: someTime, DevEUI: someDevice, Event: EventAcked, Command: "barrier-42", FCnt: new(uint32)},
		"status.json": Status{V: 1, Online: true, Time: someTime, Version: "1.0.0", Epoch: "5c1f", DeviceList: 17, OutboxDepth: 3,
			UnknownGateways: []UnknownGateway{{Gateway: someGateway, Count: 12, Time: someTime, From: "192.0.2.7:41700"}}},
		"gateway.json": GatewayStats{V: 1, Time: someTime, Received: 10, ReceivedOK: 9, Forwarded: 9, AckedPct: 100, Sent: 1},
	} {
		data, err := json.Marshal(message)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name, data)
	}
	list, err := os.ReadFile("testdata/devices.json")
	if err != nil {
		t.Fatal(err)
	}
	if l, err := DecodeDeviceList(list); err != nil || len(l.Devices) != 4 || l.Devices[1].Variables["height"] != "2.5" {
		t.Errorf("%+v, %v", l, err)
	}
	if _, err := DecodeDeviceList([]byte(`{"v":2}`)); err == nil {
		t.Error("a device list of another version was taken")
	}
}

// What AppendJSON writes takes the quick way, and a decoder that is used again
// keeps nothing of what it read before.
func TestDecoderIsQuickAndForgets(t *testing.T) {
	var d Decoder
	for _, round := range []string{"first", "second"} {
		for name, u := range examples {
			data := batchOf("5c1f", u, u)
			if _, ok := d.exact(data); !ok && isPlain(u.Error) {
				t.Errorf("%s %s: %s is not read the quick way", round, name, data)
			}
			got, refused, err := d.Decode(data)
			if err != nil || len(refused) > 0 {
				t.Fatalf("%s: refused %v, error %v", name, refused, err)
			}
			if diff := cmp.Diff(Batch{V: 1, Epoch: "5c1f", Uplinks: []Uplink{u, u}}, got); diff != "" {
				t.Errorf("%s %s: %s", round, name, diff)
			}
		}
	}
	if b, _, err := d.Decode([]byte(`{"v":2}`)); err == nil {
		t.Errorf("version 2 was taken as %v", b)
	}
}

func isPlain(s string) bool { return len(appendString(nil, s)) == len(s)+2 }

func FuzzDecodeBatch(f *testing.F) {
	for _, u := range examples {
		f.Add(batchOf("5c1f", u))
	}
	f.Add([]byte(`{"v":1,"epoch":"a","uplinks":[{"seq":1},7,null]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, _, err := DecodeBatch(data)
		if err != nil {
			return
		}
		for _, u := range b.Uplinks {
			if err := u.Check(); err != nil {
				t.Error(err)
			}
			// What was understood survives another round.
			again, refused, err := DecodeBatch(batchOf(b.Epoch, u))
			if err != nil || len(refused) > 0 {
				t.Fatalf("refused %v, error %v", refused, err)
			}
			if u.Time.Equal(u.Time.Truncate(time.Millisecond)) && !again.Uplinks[0].Time.Equal(u.Time) {
				t.Errorf("time %v became %v", u.Time, again.Uplinks[0].Time)
			}
		}
	})
}

// FuzzExact holds the quick way of reading a batch against encoding/json: what
// it takes means the same there.
func FuzzExact(f *testing.F) {
	for _, u := range examples {
		f.Add(batchOf("5c1f", u))
		f.Add(batchOf("5c1f", u, u))
	}
	for _, number := range []string{"-0", "0.1", "1e5", "1E-7", "12345678901234567890", "0.30000000000000004", "5e-324", "1.7976931348623157e308", "123456789012345.5"} {
		f.Add([]byte(strings.Replace(string(batchOf("5c1f", examples["traffic"])), `"v":12`, `"v":`+number, 1)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var d Decoder
		got, ok := d.exact(data)
		if !ok {
			return
		}
		var want Batch
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatalf("%s is no batch: %v", data, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func FuzzParseTopic(f *testing.F) {
	f.Add("modellregion/v1/rathaus/traffic/up")
	f.Add("modellregion/v1/a/down/70b3d57ed005f1a0")
	f.Fuzz(func(t *testing.T, s string) {
		if topic, err := ParseTopic(s); err == nil && topic.String() != s {
			t.Errorf("%q became %q", s, topic)
		}
	})
}

func FuzzDecodeStored(f *testing.F) {
	f.Add([]byte(`{"v":1,"epoch":"5c1f","ranges":[[101,220],[223,230]]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := DecodeStored(data); err == nil {
			if _, err := DecodeStored(s.Encode()); err != nil {
				t.Error(err)
			}
		}
	})
}

// BenchmarkDecodeBatch is the ingest's cost of understanding one uplink, in
// batches as a quiet edge and as a busy one sends them.
func BenchmarkDecodeBatch(b *testing.B) {
	for _, n := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("%d_uplinks", n), func(b *testing.B) {
			uplinks := make([]Uplink, n)
			for i := range uplinks {
				uplinks[i] = examples["traffic"]
			}
			data := batchOf("5c1f", uplinks...)
			b.SetBytes(int64(len(data)))
			var d Decoder
			for b.Loop() {
				if _, _, err := d.Decode(data); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/uplink")
		})
	}
}

func BenchmarkAppendUplink(b *testing.B) {
	u := examples["traffic"]
	var buf []byte
	for b.Loop() {
		buf = u.AppendJSON(buf[:0])
	}
}
