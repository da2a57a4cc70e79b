package thethings

import (
	"bytes"
	"encoding/json"
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

const topic = "v3/traffic@ttn/devices/bridge-12/"

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
	if got, want := Filters("traffic@ttn"), []string{"v3/traffic@ttn/devices/+/up", "v3/traffic@ttn/devices/+/join"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestDecode(t *testing.T) {
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	level := 52.569168
	for _, c := range []struct {
		file string
		want uplink.ServerEvent
	}{
		{"up", uplink.ServerEvent{
			Kind: uplink.ServerUp,
			Uplink: uplink.Uplink{
				DevEUI: device, Time: at.Add(123 * time.Millisecond), TimeQuality: uplink.TimeGPS,
				FCnt: 4711, FPort: 2, DR: 5, FreqHz: 868_100_000, Payload: []byte{1, 12, 47, 3},
				RX: []uplink.Reception{{Gateway: gateway(0x21), RSSIdBm: -97, SNRdB: 7.5}, {Gateway: gateway(0x20), RSSIdBm: -109, SNRdB: -2.5}},
			},
			Object:  []byte(`{"lanes":[{"count":12,"speed":47.2},{"count":3}],"battery":3.61}`),
			Battery: &level,
		}},
		{"up_broker", uplink.ServerEvent{
			Kind: uplink.ServerUp,
			Uplink: uplink.Uplink{
				DevEUI: device, Time: at.Add(123 * time.Millisecond), TimeQuality: uplink.TimeHost,
				FCnt: 4712, FPort: 2, DR: 6, FreqHz: 868_300_000, Payload: []byte{1, 12, 47, 3},
				RX: []uplink.Reception{{Gateway: gateway(0x22), RSSIdBm: -118, SNRdB: -11.2}},
			},
		}},
		{"up_zero", uplink.ServerEvent{
			Kind: uplink.ServerUp,
			Uplink: uplink.Uplink{
				DevEUI: device, Time: at.Add(530 * time.Millisecond), TimeQuality: uplink.TimeHost,
				DR: 7, FreqHz: 868_800_000, RX: []uplink.Reception{{Gateway: gateway(0x20)}},
			},
		}},
		{"up_simulated", uplink.ServerEvent{
			Kind:   uplink.ServerOther,
			Uplink: uplink.Uplink{DevEUI: device, Time: at.Add(530 * time.Millisecond), TimeQuality: uplink.TimeHost},
		}},
		{"join", uplink.ServerEvent{
			Kind:   uplink.ServerJoin,
			Uplink: uplink.Uplink{DevEUI: device, Time: time.Date(2026, 11, 23, 9, 58, 12, 500e6, time.UTC), TimeQuality: uplink.TimeHost},
		}},
	} {
		t.Run(c.file, func(t *testing.T) {
			kind, _, _ := strings.Cut(c.file, "_")
			var d Decoder
			got, err := d.Decode(topic+kind, read(t, c.file))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A decoder that is used again has nothing of the message before.
func TestDecodeAgain(t *testing.T) {
	var d Decoder
	for range 2 {
		for _, file := range []string{"up", "up_zero", "up_simulated", "join"} {
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
			if _, err := d.Decode(topic+"up", []byte(`{"uplink_message": [`)); err == nil {
				t.Error("no error")
			}
		}
	}
}

const ids = `"end_device_ids": {"device_id": "bridge-12", "dev_eui": "70B3D57ED005F1A0"}`

// message is an uplink whose uplink_message has those fields, beside a
// received_at and settings that are in order if it has none of its own.
func message(fields string) []byte {
	for _, other := range []string{`"received_at": "2026-11-23T10:00:00.900Z"`, `"settings": {"data_rate": {"lora": {"bandwidth": 125000, "spreading_factor": 12}}}`} {
		if key, _, _ := strings.Cut(other, ":"); !strings.HasPrefix(fields, key) && !strings.Contains(fields, ", "+key) {
			fields = strings.TrimSuffix(other+", "+fields, ", ")
		}
	}
	return []byte(`{` + ids + `, "uplink_message": {` + fields + `}}`)
}

func TestTimes(t *testing.T) {
	const settings = `"settings": {"data_rate": {"fsk": {"bit_rate": 50000}}, "time": `
	for _, c := range []struct{ name, fields, want string }{
		{"server alone", "", "10:00:00.900 host"},
		{"settings", settings + `"2026-11-23T10:00:00.1239Z"}`, "10:00:00.123 host"},
		{"settings in another zone", settings + `"2026-11-23T11:00:00.1239+01:00"}`, "10:00:00.123 host"},
		{"ten minutes before", settings + `"2026-11-23T09:50:00.900Z"}`, "09:50:00.900 host"},
		{"longer before", settings + `"2026-11-23T09:50:00.899Z"}`, "10:00:00.900 host"},
		{"at once", settings + `"2026-11-23T10:00:00.900Z"}`, "10:00:00.900 host"},
		{"after", settings + `"2026-11-23T10:00:00.901Z"}`, "10:00:00.900 host"},
		{"without a clock", settings + `"0001-01-01T00:00:00Z"}`, "10:00:00.900 host"},
		{"null", settings + `null}`, "10:00:00.900 host"},
		{"gateway", `"rx_metadata": [{"gateway_ids": {"eui": "A84041FFFF1EEC20"}, "time": "2026-11-23T10:00:00.2Z"}]`, "10:00:00.200 host"},
		{"best gateway", `"rx_metadata": [{"gateway_ids": {"eui": "A84041FFFF1EEC20"}, "time": "2026-11-23T10:00:00.2Z", "snr": 1},
			{"gateway_ids": {"eui": "A84041FFFF1EEC21"}, "time": "2026-11-23T10:00:00.3Z", "snr": 2},
			{"gateway_ids": {"gateway_id": "packetbroker"}, "time": "2026-11-23T10:00:00.4Z", "snr": 3}]`, "10:00:00.300 host"},
		{"best gateway without a clock", `"rx_metadata": [{"gateway_ids": {"eui": "A84041FFFF1EEC20"}, "gps_time": "2026-11-23T10:00:00.2Z", "snr": 1},
			{"gateway_ids": {"eui": "A84041FFFF1EEC21"}, "snr": 2}]`, "10:00:00.900 host"},
		{"settings before gateway", `"rx_metadata": [{"gateway_ids": {"eui": "A84041FFFF1EEC20"}, "time": "2026-11-23T10:00:00.2Z"}], ` + settings + `"2026-11-23T10:00:00.1Z"}`, "10:00:00.100 host"},
		{"GPS before all", `"rx_metadata": [{"gateway_ids": {"eui": "A84041FFFF1EEC20"}, "time": "2026-11-23T10:00:00.2Z", "gps_time": "2026-11-23T10:00:00.3Z"}], ` + settings + `"2026-11-23T10:00:00.1Z"}`, "10:00:00.300 gps"},
		{"wrong GPS", `"rx_metadata": [{"gateway_ids": {"eui": "A84041FFFF1EEC20"}, "time": "2026-11-23T10:00:00.2Z", "gps_time": "1980-01-06T00:00:00Z"}]`, "10:00:00.200 host"},
	} {
		var d Decoder
		got, err := d.Decode(topic+"up", message(c.fields))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if u := got.Uplink; u.Time.Format("15:04:05.000 ")+string(u.TimeQuality) != c.want {
			t.Errorf("%s: %v %s, want %s", c.name, u.Time, u.TimeQuality, c.want)
		}
	}
}

func TestDataRates(t *testing.T) {
	for rate, want := range map[string]uint8{
		`{"lora": {"bandwidth": 125000, "spreading_factor": 12}}`:                                     0,
		`{"lora": {"bandwidth": 125000, "spreading_factor": 11, "coding_rate": "4/5"}}`:               1,
		`{"lora": {"bandwidth": 125000, "spreading_factor": 10}}`:                                     2,
		`{"lora": {"bandwidth": 125000, "spreading_factor": 9}}`:                                      3,
		`{"lora": {"bandwidth": 125000, "spreading_factor": 8}}`:                                      4,
		`{"lora": {"bandwidth": 125000, "spreading_factor": 7}}`:                                      5,
		`{"lora": {"bandwidth": 250000, "spreading_factor": 7}}`:                                      6,
		`{"fsk": {"bit_rate": 50000}}`:                                                                7,
		`{"lrfhss": {"modulation_type": 0, "operating_channel_width": 137000, "coding_rate": "1/3"}}`: 8,
		`{"lrfhss": {"operating_channel_width": 137000, "coding_rate": "2/3"}}`:                       9,
		`{"lrfhss": {"operating_channel_width": 336000, "coding_rate": "1/3"}}`:                       10,
		`{"lrfhss": {"operating_channel_width": 336000, "coding_rate": "2/3"}}`:                       11,
	} {
		var d Decoder
		got, err := d.Decode(topic+"up", message(`"settings": {"data_rate": `+rate+`}`))
		if err != nil || got.Uplink.DR != want {
			t.Errorf("%s: DR%d (%v), want DR%d", rate, got.Uplink.DR, err, want)
		}
	}
}

func TestBattery(t *testing.T) {
	for fields, want := range map[string]float64{
		`"f_cnt": 7, "last_battery_percentage": {"f_cnt": 7, "value": 50.5}`: 50.5,
		`"last_battery_percentage": {"value": 0}`:                            0, // of the first frame
		`"f_cnt": 7, "last_battery_percentage": {"f_cnt": 6, "value": 50.5}`: -1,
		`"f_cnt": 7, "last_battery_percentage": {"value": 50.5}`:             -1,
		`"f_cnt": 7, "last_battery_percentage": {"f_cnt": 7}`:                -1,
		`"f_cnt": 7, "last_battery_percentage": null`:                        -1,
		`"f_cnt": 7`: -1,
	} {
		var d Decoder
		got, err := d.Decode(topic+"up", message(fields))
		if err != nil || (got.Battery == nil) != (want < 0) || want >= 0 && *got.Battery != want {
			t.Errorf("%s: battery %v and error %v, want %v", fields, got.Battery, err, want)
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	for _, c := range []struct{ kind, message, want string }{
		{"up", "", "message: cannot parse JSON"},
		{"up", "7", "message is a JSON number, want an object"},
		{"up", strings.Repeat(" ", 256<<10) + "{}", "message has 262146 bytes, at most 262144 are allowed"},
		{"up", strings.Repeat(`{"a":`, 1000), "message: …"},
		{"up", `{}`, "up of bridge-12: end_device_ids.dev_eui is missing"},
		{"up", `{"end_device_ids": 7}`, "end_device_ids is 7, want an object"},
		{"up", `{"end_device_ids": {"device_id": "bridge-12", "dev_eui": "70B3D57ED005F1AX"}}`, `end_device_ids.dev_eui: EUI "70B3D57ED005F1AX": `},
		{"up", `{"end_device_ids": {"device_id": "bridge-12", "dev_eui": "0000000000000000"}}`, "end_device_ids.dev_eui: EUI 0000000000000000 is no device's"},
		{"up", `{"end_device_ids": {"device_id": "bridge-13", "dev_eui": "70B3D57ED005F1A0"}}`, `end_device_ids.device_id is "bridge-13", want "bridge-12" as in the topic`},
		{"up", `{"end_device_ids": {"dev_eui": "70B3D57ED005F1A0"}}`, `end_device_ids.device_id is "", want "bridge-12" as in the topic`},
		{"up", `{` + ids + `}`, "uplink_message is missing"},
		{"up", `{` + ids + `, "join_accept": {}}`, "uplink_message is missing"},
		{"up", `{` + ids + `, "uplink_message": null}`, "uplink_message is missing"},
		{"up", `{` + ids + `, "uplink_message": []}`, "uplink_message is [], want a JSON object"},
		{"up", `{` + ids + `, "uplink_message": {"settings": {"data_rate": {"fsk": {"bit_rate": 50000}}}}}`, "received_at is missing"},
		{"up", `{` + ids + `, "uplink_message": {}, "simulated": "yes"}`, `simulated is "yes", want true or false`},
		{"up", `{` + ids + `, "uplink_message": {}, "simulated": true}`, "received_at is missing"},
		{"join", `{` + ids + `, "uplink_message": {}}`, "join_accept is missing"},
		{"join", `{` + ids + `, "join_accept": {}}`, "received_at is missing"},
		{"join", `{` + ids + `, "join_accept": {"received_at": "yesterday"}}`, `join_accept.received_at is "yesterday", want a time like 2026-11-23T10:00:00.123Z`},
		{"join", `{` + ids + `, "join_accept": {}, "received_at": "1969-12-31T23:59:59Z"}`, "received_at is in the year 1969, want 1970 to 9999"},
		{"up", `"received_at": 5`, "uplink_message.received_at is 5, want a JSON string"},
		{"up", `"f_cnt": -1`, "uplink_message.f_cnt is -1, want a whole number from 0 to 4294967295"},
		{"up", `"f_cnt": null`, "uplink_message.f_cnt is null, want a JSON number"},
		{"up", `"f_port": 256`, "uplink_message.f_port is 256, want a whole number from 0 to 255"},
		{"up", `"app_s_key": {"key": ""}`, "uplink_message.app_s_key is set: frm_payload is encrypted"},
		{"up", `"frm_payload": "?"`, "uplink_message.frm_payload: illegal base64 data"},
		{"up", `"frm_payload": "` + strings.Repeat("AAAA", 86) + `"`, "uplink_message.frm_payload has 258 bytes, at most 255 fit a frame"},
		{"up", `"decoded_payload": "x"`, `uplink_message.decoded_payload is "x", want a JSON object`},
		{"up", `"decoded_payload": {"a": 1e}`, "uplink_message.decoded_payload: "},
		{"up", `"rx_metadata": {}`, "uplink_message.rx_metadata is {}, want a JSON array"},
		{"up", `"rx_metadata": [{}, null]`, "uplink_message.rx_metadata[1] is null, want an object"},
		{"up", `"rx_metadata": [{}, {"snr": nan}]`, "uplink_message.rx_metadata[1].snr is nan, want a number from -100 to 100"},
		{"up", `"rx_metadata": [{"snr": "NaN"}]`, `uplink_message.rx_metadata[0].snr is "NaN", want a JSON number`},
		{"up", `"rx_metadata": [{"rssi": 301}]`, "uplink_message.rx_metadata[0].rssi is 301, want a number from -300 to 300"},
		{"up", `"rx_metadata": [{"gateway_ids": {"eui": 7}}]`, "uplink_message.rx_metadata[0].gateway_ids.eui is 7, want a JSON string"},
		{"up", `"rx_metadata": [{"gateway_ids": {"eui": "A84041FFFF1EEC20"}, "gps_time": 7}]`, "uplink_message.rx_metadata[0].gps_time is 7, want a JSON string"},
		{"up", `"settings": null`, "uplink_message.settings.data_rate is missing, want one with lora, fsk or lrfhss"},
		{"up", `"settings": {"data_rate": {}}`, "uplink_message.settings.data_rate is missing"},
		{"up", `"settings": {"data_rate": {"lora": 7}}`, "uplink_message.settings.data_rate.lora is 7, want an object"},
		{"up", `"settings": {"data_rate": {"lora": {"bandwidth": 500000, "spreading_factor": 8}}}`, "uplink_message.settings.data_rate.lora is SF8 with 500000 Hz, want one of EU868"},
		{"up", `"settings": {"data_rate": {"lora": {"bandwidth": 125000, "spreading_factor": 6}}}`, "uplink_message.settings.data_rate.lora is SF6 with 125000 Hz"},
		{"up", `"settings": {"data_rate": {"lora": {"bandwidth": "125000"}}}`, `uplink_message.settings.data_rate.lora.bandwidth is "125000", want a JSON number`},
		{"up", `"settings": {"data_rate": {"fsk": {}}}`, "uplink_message.settings.data_rate.fsk has 0 bit/s, want 50000"},
		{"up", `"settings": {"data_rate": {"lrfhss": {"operating_channel_width": 137000}}}`, `uplink_message.settings.data_rate.lrfhss is 137000 Hz with "", want 137000 or 336000 Hz with 1/3 or 2/3`},
		{"up", `"settings": {"data_rate": {"fsk": {"bit_rate": 50000}}, "frequency": 868100000}`, "uplink_message.settings.frequency is 868100000, want a JSON string"},
		{"up", `"settings": {"data_rate": {"fsk": {"bit_rate": 50000}}, "frequency": "868.1"}`, `uplink_message.settings.frequency is "868.1", want Hz like "868100000"`},
		{"up", `"settings": {"data_rate": {"fsk": {"bit_rate": 50000}}, "frequency": "8681000000"}`, `uplink_message.settings.frequency is "8681000000", want Hz`},
		{"up", `"last_battery_percentage": {"value": 100.5}`, "uplink_message.last_battery_percentage.value is 100.5, want a number from 0 to 100"},
		{"up", `"last_battery_percentage": {"value": null}`, "uplink_message.last_battery_percentage.value is null, want a JSON number"},
		{"up", `"last_battery_percentage": 50`, "uplink_message.last_battery_percentage is 50, want an object"},
	} {
		data := []byte(c.message)
		if strings.HasPrefix(c.message, `"`) {
			data = message(c.message)
		}
		var d Decoder
		got, err := d.Decode(topic+c.kind, data)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "thethings: ") {
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
	for _, topic := range []string{
		"", "v3/traffic@ttn/devices/bridge-12", "v3/traffic@ttn/devices/bridge-12/", "v3//devices/bridge-12/up", "v3/traffic@ttn/devices//up",
		"v3/traffic@ttn/devices/bridge-12/down/sent", "v3/traffic@ttn/devices/bridge-12/up/normalized", "v3/traffic@ttn/devices/bridge-12/status",
		"v3/traffic@ttn/device/bridge-12/up", "traffic/devices/bridge-12/up", "application/a/device/70b3d57ed005f1a0/event/up",
	} {
		var d Decoder
		_, err := d.Decode(topic, message(""))
		if want := "want v3/{application}/devices/{device_id}/up or /join"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", topic, err, want)
		}
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
		var small bytes.Buffer
		if err := json.Compact(&small, read(f, name)); err != nil {
			f.Fatal(err)
		}
		f.Add(topic+kind, small.Bytes())
	}
	f.Add(topic+"up", message(`"rx_metadata": [{"snr": inf, "rssi": 1e400}], "decoded_payload": {"a": 01, "\ud800": "\x"}`))
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
	if event.Kind != uplink.ServerUp && (u.Payload != nil || event.Object != nil || u.RX != nil || event.Battery != nil) {
		t.Errorf("%s has data", event.Kind)
	}
	if u.Seq = 1; len(u.Payload) > 0 {
		if err := u.Check(); err != nil {
			t.Error(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, file := range []string{"up", "join"} {
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
