package uplink

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// frames are frames of every shape; each is a public example in testdata.
func frames() map[string]Frame {
	return map[string]Frame{
		"lora": {V: 1, Time: someTime, TimeQuality: TimeGPS, FreqHz: 868_100_000, DataRate: DataRate{SpreadingFactor: 7, BandwidthKHz: 125},
			RX:         []Reception{{someGateway, -97, 7.5}, {EUI{1}, -112, -3.25}},
			PHYPayload: []byte{0x40, 4, 3, 2, 1, 0, 1, 0, 2, 0xff, 9, 8, 7, 6}},
		"fsk": {V: 1, Time: someTime, TimeQuality: TimeHost, FreqHz: 868_800_000, DataRate: DataRate{BitRate: 50_000},
			RX: []Reception{{someGateway, -80, 0}}, PHYPayload: []byte{0}},
	}
}

func TestFrameGoldenAndRoundTrip(t *testing.T) {
	for name, f := range frames() {
		t.Run(name, func(t *testing.T) {
			data := f.Encode()
			golden(t, "frame_"+name+".json", data)
			got, err := DecodeFrame(data)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(f, got); diff != "" {
				t.Error(diff)
			}
			// The hand-made encoder says what encoding/json says.
			other, err := json.Marshal(f)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(other), string(data)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecodeFrameRefuses(t *testing.T) {
	example := frames()["lora"]
	good := string(example.Encode())
	with := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	for _, c := range []struct{ name, data, want string }{
		{"nothing", "", "end of JSON"},
		{"no object", "[]", "cannot unmarshal"},
		{"too long", strings.Repeat(" ", maxSmall+1), "16385 bytes"},
		{"version", with(`"v":1`, `"v":2`), "v=2"},
		{"no time", with(`"time":"2026-11-23T10:00:00.123Z",`, ""), "no time"},
		{"time from before", with("2026-11", "1926-11"), "time in the year 1926, want"},
		{"no frequency", with("868100000", "0"), "no freq_hz"},
		{"negative frequency", with("868100000", "-1"), "freq_hz"},
		{"no data rate", with(`"data_rate":"SF7BW125",`, ""), "data rate 0: want"},
		{"other data rate", with("SF7BW125", "SF6BW125"), `data rate "SF6BW125": want`},
		{"no receptions", with(`"rx"`, `"xr"`), "0 receptions"},
		{"too many receptions", with(`"rx":[`, `"rx":[`+strings.Repeat(`{"gateway":"0100000000000000"},`, MaxReceptions)), "34 receptions, want 1 to 32"},
		{"no gateway", with(`"gateway":"0100000000000000",`, ""), "reception 1 has no gateway"},
		{"no payload", with(`"phy_payload"`, `"payload"`), "phy_payload of 0 bytes"},
		{"long payload", with(`"phy_payload":"`, `"phy_payload":"`+strings.Repeat("AAAA", 81)), "phy_payload of 257 bytes, want 1 to 255"},
		{"payload that is no base64", with(`"phy_payload":"`, `"phy_payload":"!`), "illegal base64"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := DecodeFrame([]byte(c.data)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want it to say %q", err, c.want)
			}
		})
	}
	if _, err := DecodeFrame([]byte(with(`"v":1`, `"v":1,"later":{"x":[1]}`))); err != nil {
		t.Errorf("a new field: %v", err)
	}
	example.RX = []Reception{{someGateway, -97, math.NaN()}}
	if !strings.Contains(string(example.Encode()), `"snr_db":null`) {
		t.Errorf("not a number became %s", example.Encode())
	}
}

func TestDataRate(t *testing.T) {
	for text, want := range map[string]DataRate{
		"SF7BW125":  {SpreadingFactor: 7, BandwidthKHz: 125},
		"SF12BW500": {SpreadingFactor: 12, BandwidthKHz: 500},
		"SF8BW250":  {SpreadingFactor: 8, BandwidthKHz: 250},
		"50000":     {BitRate: 50_000},
		"1":         {BitRate: 1},
	} {
		var got DataRate
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s became %+v (%v)", text, got, err)
		}
		if back, err := want.MarshalText(); err != nil || string(back) != text {
			t.Errorf("%+v became %s (%v)", want, back, err)
		}
	}
	for _, text := range []string{
		"", "0", "-50000", "050000", "+50000", "1000000", "50000.5", "5e4", "x", "SF", "SF7", "SFBW", "SF7BW", "BW125", "SF7BW125 ", "sf7bw125",
		"SF07BW125", "SF6BW125", "SF13BW125", "SF7BW124", "SF7BW0125", "SF-7BW125", "SF7BW125BW125", "SF0BW0", "SF99999999999999999999BW125",
	} {
		var got DataRate
		if err := got.UnmarshalText([]byte(text)); err == nil || got != (DataRate{}) {
			t.Errorf("%q became %+v", text, got)
		}
	}
	for _, r := range []DataRate{{}, {7, 125, 50_000}, {0, 125, 0}, {7, 0, 0}, {BitRate: -1}} {
		if r.Check() == nil {
			t.Errorf("%+v is accepted", r)
		}
	}
}

func FuzzDecodeFrame(f *testing.F) {
	for _, example := range frames() {
		f.Add(example.Encode())
	}
	f.Add([]byte(`{"v":1,"time":"2026-01-01T00:00:00+01:00","freq_hz":1,"data_rate":"1","rx":[{"gateway":"0100000000000000","snr_db":1e300}],"phy_payload":"AA=="}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		frame, err := DecodeFrame(data)
		if err != nil {
			return
		}
		again, err := DecodeFrame(frame.Encode())
		if err != nil {
			t.Fatal(err)
		}
		frame.Time = frame.Time.Truncate(time.Millisecond)
		if diff := cmp.Diff(frame, again); diff != "" {
			t.Error(diff)
		}
	})
}
