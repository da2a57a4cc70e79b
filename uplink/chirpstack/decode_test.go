package chirpstack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"modellregion/uplink"
)

var device = uplink.EUI{0x70, 0xb3, 0xd5, 0x7e, 0xd0, 0x05, 0xf1, 0xa0}

const topic = "application/c2f5d1f8-5a3e-4a62-9d1b-77e4b6a0f913/device/70b3d57ed005f1a0/event/"

func gateway(last byte) uplink.EUI { return uplink.EUI{0xa8, 0x40, 0x41, 0xff, 0xff, 0x1e, 0xec, last} }

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestFilters(t *testing.T) {
	want := []string{"application/+/device/+/event/up", "application/+/device/+/event/join", "application/+/device/+/event/status"}
	if got := Filters("+"); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestDecode(t *testing.T) {
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	none, level, margin := 0., 75.59, -6.
	for _, c := range []struct {
		file string
		kind string
		want uplink.ServerEvent
	}{
		{"up", "up", uplink.ServerEvent{
			Kind: uplink.ServerUp,
			Uplink: uplink.Uplink{
				DevEUI: device, Time: at.Add(123 * time.Millisecond), TimeQuality: uplink.TimeGPS,
				FCnt: 4711, FPort: 2, DR: 5, FreqHz: 868_100_000, Payload: []byte{1, 12, 47, 3},
				RX: []uplink.Reception{{Gateway: gateway(0x21), RSSIdBm: -97, SNRdB: 7.5}, {Gateway: gateway(0x20), RSSIdBm: -109, SNRdB: -2.5}},
			},
			Object: []byte(`{"lanes":[{"count":12.0,"speed":47.2},{"count":3.0,"speed":null}],"battery":3.61,"state":"gr\u00fcn"}`),
		}},
		{"up_zero", "up", uplink.ServerEvent{
			Kind:   uplink.ServerUp,
			Uplink: uplink.Uplink{DevEUI: device, Time: at, TimeQuality: uplink.TimeHost, RX: []uplink.Reception{{Gateway: gateway(0x20)}}},
		}},
		{"join", "join", uplink.ServerEvent{
			Kind:   uplink.ServerJoin,
			Uplink: uplink.Uplink{DevEUI: device, Time: time.Date(2026, 11, 23, 9, 58, 12, 500e6, time.UTC), TimeQuality: uplink.TimeHost},
		}},
		{"status", "status", uplink.ServerEvent{
			Kind:    uplink.ServerStatus,
			Uplink:  uplink.Uplink{DevEUI: device, Time: at.Add(123 * time.Millisecond), TimeQuality: uplink.TimeHost},
			Battery: &level, Margin: &margin,
		}},
		{"status_mains", "status", uplink.ServerEvent{
			Kind:   uplink.ServerStatus,
			Uplink: uplink.Uplink{DevEUI: device, Time: at, TimeQuality: uplink.TimeHost},
			Margin: &none,
		}},
	} {
		t.Run(c.file, func(t *testing.T) {
			var d Decoder
			got, err := d.Decode(topic+c.kind, read(t, c.file))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if got.Object != nil && !json.Valid(got.Object) {
				t.Errorf("object %s is no JSON", got.Object)
			}
		})
	}
}

// A decoder that is used again has nothing of the message before.
func TestDecodeAgain(t *testing.T) {
	var d Decoder
	for range 2 {
		for _, file := range []string{"up", "up_zero", "status", "join"} {
			kind, _, _ := strings.Cut(file, "_")
			data := read(t, file)
			got, err := d.Decode(topic+kind, data)
			if err != nil {
				t.Fatal(err)
			}
			clear(data) // it is the caller's
			var fresh Decoder
			want, err := fresh.Decode(topic+kind, read(t, file))
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%s: %v %s", file, err, diff)
			}
			if _, err := d.Decode(topic+"up", []byte(`{"rxInfo": [`)); err == nil {
				t.Error("no error")
			}
		}
	}
}

func TestBatteryLevels(t *testing.T) {
	for fields, want := range map[string]float64{
		`"batteryLevel": 0.39`:                                                            0.39,
		`"batteryLevel": 100`:                                                             100,
		`"batteryLevel": 50, "externalPowerSource": true`:                                 -1,
		`"batteryLevel": 50, "batteryLevelUnavailable": true`:                             -1,
		`"batteryLevel": 0, "batteryLevelUnavailable": null, "externalPowerSource":false`: -1,
		`"margin": 1`: -1,
	} {
		var d Decoder
		got, err := d.Decode(topic+"status", message(fields))
		if err != nil || (got.Battery == nil) != (want < 0) || want > 0 && *got.Battery != want {
			t.Errorf("%s: battery %v and error %v, want %v", fields, got.Battery, err, want)
		}
	}
}

// message is a message with those fields.
func message(fields string) []byte {
	if fields != "" {
		fields = ", " + fields
	}
	return []byte(`{"time": "2026-11-23T10:00:00Z", "deviceInfo": {"devEui": "70b3d57ed005f1a0"}` + fields + `}`)
}

func TestDecodeErrors(t *testing.T) {
	for _, c := range []struct{ kind, message, want string }{
		{"up", "", "message: cannot parse JSON"},
		{"up", "[]", "message is a JSON array, want an object"},
		{"up", `{"time": "2026-11-23T10:00:00Z"} {}`, "message: unexpected tail"},
		{"up", strings.Repeat(" ", 256<<10) + "{}", "message has 262146 bytes, at most 262144 are allowed"},
		{"up", strings.Repeat(`{"a":`, 1000), "message: …"},
		{"up", `{"time": "2026-11-23T10:00:00Z"}`, "deviceInfo.devEui is missing"},
		{"up", `{"time": "2026-11-23T10:00:00Z", "devEUI": "cLPVftAF8aA="}`, "deviceInfo.devEui is missing"}, // as version 3 has it
		{"up", `{"deviceInfo": []}`, "deviceInfo is [], want an object"},
		{"up", `{"deviceInfo": {"devEui": 5}}`, "deviceInfo.devEui is 5, want a JSON string"},
		{"up", `{"deviceInfo": {"devEui": "70b3d57ed005f1"}}`, `deviceInfo.devEui: EUI "70b3d57ed005f1" has 14 characters, want 16`},
		{"up", `{"deviceInfo": {"devEui": "0000000000000000"}}`, "deviceInfo.devEui: EUI 0000000000000000 is no device's"},
		{"up", `{"deviceInfo": {"devEui": "70b3d57ed005f1a1"}}`, "deviceInfo.devEui is 70b3d57ed005f1a1, want 70b3d57ed005f1a0 as in the topic"},
		{"join", `{"deviceInfo": {"devEui": "70b3d57ed005f1a0"}}`, "join of 70b3d57ed005f1a0: time is missing"},
		{"join", `{"deviceInfo": {"devEui": "70b3d57ed005f1a0"}, "time": 1700000000}`, "time is 1700000000, want a JSON string"},
		{"join", `{"deviceInfo": {"devEui": "70b3d57ed005f1a0"}, "time": "23.11.2026 10:00"}`, `time is "23.11.2026 10:00", want a time like 2026-11-23T10:00:00.123Z`},
		{"join", `{"deviceInfo": {"devEui": "70b3d57ed005f1a0"}, "time": "1969-12-31T23:59:59Z"}`, "time is in the year 1969, want 1970 to 9999"},
		{"join", `{"deviceInfo": {"devEui": "70b3d57ed005f1a0"}, "time": "9999-12-31T23:59:59-01:00"}`, "time is in the year 10000, want 1970 to 9999"},
		{"up", `"fCnt": -1`, "fCnt is -1, want a whole number from 0 to 4294967295"},
		{"up", `"fCnt": 4294967296`, "fCnt is 4294967296, want"},
		{"up", `"fCnt": 1.5`, "fCnt is 1.5, want a whole number"},
		{"up", `"fCnt": "7"`, `fCnt is "7", want a JSON number`},
		{"up", `"fCnt": null`, "fCnt is null, want a JSON number"},
		{"up", `"fCnt": nan`, "fCnt is nan, want a whole number"},
		{"up", `"fPort": 256`, "fPort is 256, want a whole number from 0 to 255"},
		{"up", `"dr": 16`, "dr is 16, want a whole number from 0 to 15"},
		{"up", `"txInfo": 7`, "txInfo is 7, want an object"},
		{"up", `"txInfo": {"frequency": "868100000"}`, `txInfo.frequency is "868100000", want a JSON number`},
		{"up", `"rxInfo": {}`, "rxInfo is {}, want a JSON array"},
		{"up", `"rxInfo": [{}, 7]`, "rxInfo[1] is 7, want an object"},
		{"up", `"rxInfo": [{}, {"gatewayId": 7}]`, "rxInfo[1].gatewayId is 7, want a JSON string"},
		{"up", `"rxInfo": [{"rssi": -1e3}]`, "rxInfo[0].rssi is -1e3, want a number from -300 to 300"},
		{"up", `"rxInfo": [{"snr": NaN}]`, "rxInfo[0].snr is NaN, want a number from -100 to 100"},
		{"up", `"rxInfo": [{"snr": "NaN"}]`, `rxInfo[0].snr is "NaN", want a JSON number`},
		{"up", `"rxInfo": [{"snr": null}]`, "rxInfo[0].snr is null, want a JSON number"},
		{"up", `"rxInfo": [{"snr": inf}]`, "rxInfo[0].snr is inf, want a number"},
		{"up", `"rxInfo": [{"snr": 1e}]`, "rxInfo[0].snr is 1e, want a number"},
		{"up", `"data": 7`, "data is 7, want a JSON string"},
		{"up", `"data": "AQwvAw"`, "data: illegal base64 data"},
		{"up", `"data": "` + strings.Repeat("AAAA", 86) + `"`, "data has 258 bytes, at most 255 fit a frame"},
		{"up", `"object": [1]`, "object is [1], want a JSON object"},
		{"up", `"object": {"a": 01}`, "object: "},
		{"up", `"object": {"a": nan}`, "object: "},
		{"up", `"joinServerContext": {"sessionKeyId": "2a8e1f6c"}`, "joinServerContext is set: data is encrypted"},
		{"status", `"margin": 32`, "margin is 32, want a whole number from -32 to 31"},
		{"status", `"batteryLevel": 101`, "batteryLevel is 101, want a number from 0 to 100"},
		{"status", `"batteryLevel": null`, "batteryLevel is null, want a JSON number"},
		{"status", `"externalPowerSource": 1`, "externalPowerSource is 1, want true or false"},
	} {
		data := []byte(c.message)
		if strings.HasPrefix(c.message, `"`) {
			data = message(c.message)
		}
		var d Decoder
		got, err := d.Decode(topic+c.kind, data)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "chirpstack: ") {
			t.Errorf("%.80s: error %v, want %s", c.message, err, c.want)
		}
		if err != nil && len(err.Error()) > 400 {
			t.Errorf("%.80s: an error of %d bytes", c.message, len(err.Error()))
		}
		if diff := cmp.Diff(uplink.ServerEvent{}, got); diff != "" {
			t.Errorf("%.80s: an event with the error: %s", c.message, diff)
		}
	}
}

func TestTopicErrors(t *testing.T) {
	for topic, want := range map[string]string{
		"":                                      `topic "", want application/{id}/device/{dev_eui}/event/{kind}`,
		"application/a/device/70b3d57ed005f1a0": "want application/{id}/device/{dev_eui}/event/{kind}",
		"application//device/70b3d57ed005f1a0/event/up":         "want application/{id}/device/{dev_eui}/event/{kind}",
		"application/a/device/70b3d57ed005f1a0/command/down":    "want application/{id}/device/{dev_eui}/event/{kind}",
		"gateway/a84041ffff1eec20/event/up":                     "want application/{id}/device/{dev_eui}/event/{kind}",
		"v3/a/devices/b/up":                                     "want application/{id}/device/{dev_eui}/event/{kind}",
		"application/a/device/bridge-12/event/up":               `EUI "bridge-12" has 9 characters, want 16`,
		"application/a/device/70b3d57ed005f1a0/event/ack":       `event "ack", want up, join or status`,
		"application/a/device/70b3d57ed005f1a0/event/up/more":   `event "up/more", want up, join or status`,
		"application/a/device/70b3d57ed005f1a0/event/other":     `event "other", want up, join or status`,
		"prefix/application/a/device/70b3d57ed005f1a0/event/up": "want application/{id}/device/{dev_eui}/event/{kind}",
	} {
		var d Decoder
		if _, err := d.Decode(topic, message("")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", topic, err, want)
		}
	}
}

func TestReceptions(t *testing.T) {
	var list []string
	for i := range 40 { // SNR -20 to 19, RSSI tells them apart
		list = append(list, fmt.Sprintf(`{"gatewayId": "a84041ffff1eec%02x", "rssi": %d, "snr": %d}`, i, -i, (i*7)%40-20))
	}
	list = append(list,
		`{"gatewayId": "a84041ffff1eec00", "rssi": -70, "snr": 30, "gwTime": "2026-11-23T10:00:00Z", "timeSinceGpsEpoch": "1479463218s"}`, // its second antenna
		`{"gatewayId": "a84041ffff1eec00", "rssi": -71, "snr": 29}`,
		`{"gatewayId": "a84041ffff1eec01", "rssi": -72, "snr": 30}`) // as good as the best, but later
	var d Decoder
	got, err := d.Decode(topic+"up", message(`"rxInfo": [`+strings.Join(list, ",")+`]`))
	if err != nil {
		t.Fatal(err)
	}
	rx := got.Uplink.RX
	if len(rx) != uplink.MaxReceptions || rx[0] != (uplink.Reception{Gateway: gateway(0), RSSIdBm: -70, SNRdB: 30}) || rx[1] != (uplink.Reception{Gateway: gateway(1), RSSIdBm: -72, SNRdB: 30}) {
		t.Errorf("%d receptions, first %v", len(rx), rx[:2])
	}
	seen := map[uplink.EUI]bool{}
	for i := range rx {
		if seen[rx[i].Gateway] {
			t.Errorf("gateway %s is there twice", rx[i].Gateway)
		}
		seen[rx[i].Gateway] = true
		if i > 1 && rx[i].SNRdB != float64(21-i) {
			t.Errorf("reception %d has %g dB, want %d", i, rx[i].SNRdB, 21-i)
		}
	}
	if got.Uplink.TimeQuality != uplink.TimeGPS {
		t.Errorf("time quality %s", got.Uplink.TimeQuality)
	}
}

func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		kind, _, _ := strings.Cut(name, "_")
		data := read(f, name)
		var small bytes.Buffer
		if err := json.Compact(&small, data); err != nil {
			f.Fatal(err)
		}
		f.Add(topic+kind, small.Bytes())
	}
	f.Add(topic+"up", message(`"rxInfo": [{"snr": inf, "rssi": 1e400}], "object": {"a": 01, "\ud800": "\x"}`))
	d := &Decoder{}
	f.Fuzz(func(t *testing.T, topic string, data []byte) {
		event, err := d.Decode(topic, data)
		if err == nil {
			sound(t, &event)
		}
	})
}

// sound checks what Decode promises of an event.
func sound(t *testing.T, event *uplink.ServerEvent) {
	u := event.Uplink
	if year := u.Time.Year(); u.Time.IsZero() || year < 1970 || year > 9999 || u.Time.Location() != time.UTC || u.Time.Nanosecond()%1e6 != 0 {
		t.Errorf("time %v", u.Time)
	}
	if u.DevEUI == (uplink.EUI{}) || u.DR > 15 || len(u.RX) > uplink.MaxReceptions || u.TimeQuality == "" {
		t.Errorf("uplink %+v", u)
	}
	for i, rx := range u.RX {
		if rx.Gateway == (uplink.EUI{}) || math.IsNaN(rx.SNRdB) || math.IsInf(rx.SNRdB, 0) || i > 0 && rx.SNRdB > u.RX[i-1].SNRdB {
			t.Errorf("reception %d: %+v", i, rx)
		}
	}
	if event.Object != nil && !json.Valid(event.Object) {
		t.Errorf("object %q is no JSON", event.Object)
	}
	if event.Kind != uplink.ServerUp && (u.Payload != nil || event.Object != nil || u.RX != nil) {
		t.Errorf("%s has data", event.Kind)
	}
	if u.Seq = 1; len(u.Payload) > 0 {
		if err := u.Check(); err != nil {
			t.Error(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, file := range []string{"up", "status"} {
		b.Run(file, func(b *testing.B) {
			var small bytes.Buffer
			if err := json.Compact(&small, read(b, file)); err != nil {
				b.Fatal(err)
			}
			data, topic := small.Bytes(), topic+file
			var d Decoder
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.Decode(topic, data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
