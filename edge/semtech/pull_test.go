package semtech

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"modellregion/edge/radio"
)

func TestPullResp(t *testing.T) {
	lora := radio.DataRate{SpreadingFactor: 9, BandwidthKHz: 125}
	tests := map[string]struct {
		counter uint64
		window  radio.Window
		json    string
		want    Order
	}{
		"first window, the counter comes round": {
			math.MaxUint32 - 999_999, radio.Window{Delay: 5 * time.Second, FreqHz: 868_100_000, DataRate: lora, PowerDBm: 14},
			`{"txpk":{"imme":false,"tmst":4000000,"freq":868.1,"rfch":0,"powe":14,"modu":"LORA","datr":"SF9BW125","codr":"4/5","ipol":true,"ncrc":true,"size":4,"data":"IPv/vw=="}}`,
			Order{Counter: 4_000_000, FreqHz: 868_100_000, DataRate: lora, PowerDBm: 14},
		},
		"up to the last microsecond": {
			math.MaxUint32 - 1_000_000, radio.Window{Delay: time.Second, FreqHz: 868_100_000, DataRate: lora, PowerDBm: 14},
			`{"txpk":{"imme":false,"tmst":4294967295,"freq":868.1,"rfch":0,"powe":14,"modu":"LORA","datr":"SF9BW125","codr":"4/5","ipol":true,"ncrc":true,"size":4,"data":"IPv/vw=="}}`,
			Order{Counter: math.MaxUint32, FreqHz: 868_100_000, DataRate: lora, PowerDBm: 14},
		},
		"a counter of 64 bits": {
			5<<32 + 7, radio.Window{Delay: time.Second, FreqHz: 869_525_000, DataRate: lora, PowerDBm: 27},
			`{"txpk":{"imme":false,"tmst":1000007,"freq":869.525,"rfch":0,"powe":27,"modu":"LORA","datr":"SF9BW125","codr":"4/5","ipol":true,"ncrc":true,"size":4,"data":"IPv/vw=="}}`,
			Order{Counter: 1_000_007, FreqHz: 869_525_000, DataRate: lora, PowerDBm: 27},
		},
		"at once": {
			12345, radio.Window{FreqHz: 869_525_000, DataRate: lora, PowerDBm: 27},
			`{"txpk":{"imme":true,"tmst":0,"freq":869.525,"rfch":0,"powe":27,"modu":"LORA","datr":"SF9BW125","codr":"4/5","ipol":true,"ncrc":true,"size":4,"data":"IPv/vw=="}}`,
			Order{Immediate: true, FreqHz: 869_525_000, DataRate: lora, PowerDBm: 27},
		},
		"FSK": {
			0, radio.Window{Delay: 2 * time.Second, FreqHz: 868_800_000, DataRate: radio.DataRate{BitRate: 50_000}, PowerDBm: 14},
			`{"txpk":{"imme":false,"tmst":2000000,"freq":868.8,"rfch":0,"powe":14,"modu":"FSK","datr":50000,"fdev":25000,"ipol":true,"ncrc":true,"size":4,"data":"IPv/vw=="}}`,
			Order{Counter: 2_000_000, FreqHz: 868_800_000, DataRate: radio.DataRate{BitRate: 50_000}, PowerDBm: 14},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := radio.Downlink{PHYPayload: []byte{0x20, 0xfb, 0xff, 0xbf}, Counter: tt.counter}
			datagram := appendPullResp(nil, 2, 0xabcd, d, tt.window)
			if got := string(datagram[4:]); got != tt.json {
				t.Errorf("got  %s\nwant %s", got, tt.json)
			}
			p, err := Parse(append(datagram, 0)) // with a string's end
			if err != nil || p.Token != 0xabcd {
				t.Fatalf("got %+v, %v", p, err)
			}
			tt.want.PHYPayload = d.PHYPayload
			if got, err := ParsePullResp(p); err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
	for _, bad := range []string{``, `{}`, `{"txpk":{"freq":868.1,"datr":"SF7BW125"}}`, `{"txpk":{"tmst":-1}}`,
		`{"txpk":{"freq":1e300,"datr":"SF7BW125","data":"AAAA"}}`} {
		if _, err := ParsePullResp(Packet{Kind: PullResp, JSON: []byte(bad)}); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
	if _, err := ParsePullResp(Packet{Kind: PullAck, JSON: []byte(`{"txpk":{"freq":868.1,"data":"AAAA"}}`)}); err == nil {
		t.Error("a PULL_ACK was accepted")
	}
}

func TestTXAck(t *testing.T) {
	tests := map[string]struct {
		json    string
		refusal error
		bad     bool
	}{
		"empty":         {"", nil, false},
		"string's end":  {"\x00", nil, false},
		"empty object":  {"{}", nil, false},
		"none":          {`{"txpk_ack":{"error":"NONE"}}`, nil, false},
		"warning":       {`{"txpk_ack":{"warn":"TX_POWER","value":20}}`, nil, false},
		"warning, none": {`{"txpk_ack":{"error":"NONE","warn":"TX_POWER","value":20}}`, nil, false},
		"all of it":     {"{\"txpk_ack\":{\"error\":\"GPS_UNLOCKED\"}}\x00", Refusal("GPS_UNLOCKED"), false},
		"null":          {`null`, nil, false},
		"too late":      {`{"txpk_ack":{"error":"TOO_LATE"}}`, Refusal("TOO_LATE"), false},
		"a long word":   {`{"txpk_ack":{"error":"` + strings.Repeat("X", 999) + `"}}`, Refusal(strings.Repeat("X", 64)), false},
		"not JSON":      {`TOO_LATE`, nil, true},
		"another shape": {`{"txpk_ack":7}`, nil, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			refusal, bad := decodeTXAck([]byte(tt.json))
			if refusal != tt.refusal || (bad != nil) != tt.bad {
				t.Errorf("got %v, %v", refusal, bad)
			}
		})
	}
	p, err := Parse(AppendTXAck(nil, 9, roof, "TOO_EARLY"))
	if err != nil || p.Kind != TXAck || p.Token != 9 || p.Gateway != roof {
		t.Fatalf("got %+v, %v", p, err)
	}
	if refusal, _ := decodeTXAck(p.JSON); refusal != Refusal("TOO_EARLY") {
		t.Errorf("got %v", refusal)
	}
}
