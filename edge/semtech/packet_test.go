package semtech

import (
	"bytes"
	"encoding/base64"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/edge/radio"
)

var roof = lorawan.EUI64{0xa8, 0x40, 0x41, 0xff, 0xff, 0x1e, 0xec, 0x20}

// pushJSON returns a PUSH_DATA of the gateway on the roof.
func pushJSON(json string) []byte {
	return append([]byte("\x02\x12\x34\x00"+string(roof[:])), json...)
}

// heard is the frame of most datagrams below.
func heard() radio.Frame {
	return radio.Frame{
		PHYPayload: []byte{0x40, 0xfb, 0xef, 0xbe},
		Gateway:    roof,
		Counter:    3512348611,
		FreqHz:     868_100_000,
		DataRate:   radio.DataRate{SpreadingFactor: 7, BandwidthKHz: 125},
		RSSIdBm:    -35,
		SNRdB:      5.1,
	}
}

func TestParse(t *testing.T) {
	eui := string(roof[:])
	tests := map[string]struct {
		datagram string
		want     Packet
		reason   string
	}{
		"push":            {"\x02\x12\x34\x00" + eui + "{}", Packet{2, 0x1234, PushData, roof, []byte("{}")}, ""},
		"push version 1":  {"\x01\x12\x34\x00" + eui + "{}", Packet{1, 0x1234, PushData, roof, []byte("{}")}, ""},
		"pull":            {"\x02\x00\x01\x02" + eui, Packet{2, 1, PullData, roof, []byte{}}, ""},
		"push ack":        {"\x02\xff\xff\x01", Packet{2, 0xffff, PushAck, lorawan.EUI64{}, []byte{}}, ""},
		"pull resp":       {"\x02\x00\x01\x03{}", Packet{2, 1, PullResp, lorawan.EUI64{}, []byte("{}")}, ""},
		"tx ack, no JSON": {"\x02\x00\x01\x05" + eui, Packet{2, 1, TXAck, roof, []byte{}}, ""},
		"empty":           {"", Packet{}, DropMalformed},
		"short":           {"\x02\x00\x01", Packet{}, DropMalformed},
		"EUI cut":         {"\x02\x00\x01\x00" + eui[:7], Packet{}, DropMalformed},
		"version 0":       {"\x00\x00\x01\x00" + eui, Packet{}, DropVersion},
		"version 3":       {"\x03\x00\x01\x00" + eui, Packet{}, DropVersion},
		"kind 6":          {"\x02\x00\x01\x06" + eui, Packet{}, DropMalformed},
		"too long":        {"\x02\x00\x01\x00" + strings.Repeat("x", MaxDatagram), Packet{}, DropOversize},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := Parse([]byte(tt.datagram))
			if tt.reason != "" {
				if err == nil || dropReason(err) != tt.reason {
					t.Fatalf("got %v, want an error with reason %s", err, tt.reason)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(p, tt.want) {
				t.Errorf("got %+v, want %+v", p, tt.want)
			}
			if again := p.Append(nil); string(again) != tt.datagram {
				t.Errorf("appended again: %x, want %x", again, tt.datagram)
			}
		})
	}
}

func TestDecodePush(t *testing.T) {
	const good = `{"tmst":3512348611,"freq":868.1,"chan":2,"rfch":0,"stat":1,"modu":"LORA","datr":"SF7BW125","codr":"4/6","rssi":-35,"lsnr":5.1,"size":4,"data":"QPvvvg=="}`
	with := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%s is not in the example", old)
		}
		return `{"rxpk":[` + strings.Replace(good, old, new, 1) + `]}`
	}
	frames := func(change func(*radio.Frame)) []radio.Frame {
		f := heard()
		change(&f)
		return []radio.Frame{f}
	}
	same := func(*radio.Frame) {}
	gps := time.Date(2026, 11, 23, 10, 0, 0, 123e6, time.UTC)
	tests := map[string]struct {
		json    string
		frames  []radio.Frame
		stats   *radio.Stats
		dropped []string
	}{
		"one frame": {json: with("", ""), frames: frames(same)},
		"time from the host": {
			json:   with(`"tmst"`, `"time":"2026-11-23T10:00:00.123456Z","tmst"`),
			frames: frames(func(f *radio.Frame) { f.Time = gps.Add(456 * time.Microsecond) }),
		},
		"time with an offset": {
			json:   with(`"tmst"`, `"time":"2026-11-23T11:00:00.123+01:00","tmst"`),
			frames: frames(func(f *radio.Frame) { f.Time = gps }),
		},
		"GPS time preferred": { // 1479463218123 = 2026-11-23T10:00:18.123 - 1980-01-06
			json:   with(`"tmst"`, `"time":"2026-11-23T09:59:58.9Z","tmms":1479463218123,"tmst"`),
			frames: frames(func(f *radio.Frame) { f.Time = gps }),
		},
		"GPS time of 1980": {
			json:   with(`"tmst"`, `"time":"2026-11-23T10:00:00.123Z","tmms":17000,"tmst"`),
			frames: frames(func(f *radio.Frame) { f.Time = gps }),
		},
		"GPS time that overflows": {json: with(`"tmst"`, `"tmms":1e300,"tmst"`), frames: frames(same)},
		"GPS time below zero":     {json: with(`"tmst"`, `"tmms":-1e300,"tmst"`), frames: frames(same)},
		"time of year 1":          {json: with(`"tmst"`, `"time":"0001-01-01T00:00:00Z","tmst"`), frames: frames(same)},
		"time of 1970":            {json: with(`"tmst"`, `"time":"1970-01-01T00:00:10Z","tmst"`), frames: frames(same)},
		"time that is no time":    {json: with(`"tmst"`, `"time":"no fix","tmst"`), frames: frames(same)},
		"tmst printed signed":     {json: with(`3512348611`, `-782618685`), frames: frames(same)},
		"frequency needs rounding": {
			json:   with(`868.1`, `869.52499999`),
			frames: frames(func(f *radio.Frame) { f.FreqHz = 869_525_000 }),
		},
		"FSK as number": {
			json:   with(`"LORA","datr":"SF7BW125","codr":"4/6"`, `"FSK","datr":50000`),
			frames: frames(func(f *radio.Frame) { f.DataRate = radio.DataRate{BitRate: 50_000} }),
		},
		"FSK as text": {
			json:   with(`"LORA","datr":"SF7BW125"`, `"FSK","datr":"50000"`),
			frames: frames(func(f *radio.Frame) { f.DataRate = radio.DataRate{BitRate: 50_000} }),
		},
		"500 kHz": {
			json:   with(`SF7BW125`, `SF12BW500`),
			frames: frames(func(f *radio.Frame) { f.DataRate = radio.DataRate{SpreadingFactor: 12, BandwidthKHz: 500} }),
		},
		"base64 without padding": {json: with(`QPvvvg==`, `QPvvvg`), frames: frames(same)},
		"base64 of the URL, no padding": {
			json:   with(`QPvvvg==`, `-_-_`),
			frames: frames(func(f *radio.Frame) { f.PHYPayload = []byte{0xfb, 0xff, 0xbf} }),
		},
		"base64 of both alphabets": {
			json:   with(`QPvvvg==`, `+_-/AA==`),
			frames: frames(func(f *radio.Frame) { f.PHYPayload = []byte{0xfb, 0xff, 0xbf, 0x00} }),
		},
		"two antennas, the better one counts": {
			json:   with(`"rssi":-35,"lsnr":5.1`, `"rsig":[{"ant":0,"rssic":-90,"lsnr":-3},{"ant":1,"rssic":-80,"lsnr":2.5}]`),
			frames: frames(func(f *radio.Frame) { f.RSSIdBm, f.SNRdB = -80, 2.5 }),
		},
		"one antenna below zero": {
			json:   with(`"rssi":-35,"lsnr":5.1`, `"rsig":[{"ant":0,"rssic":-119.6,"lsnr":-13.2}]`),
			frames: frames(func(f *radio.Frame) { f.RSSIdBm, f.SNRdB = -120, -13.2 }),
		},
		"no CRC state":   {json: with(`"stat":1,`, ``), frames: frames(same)},
		"bad CRC":        {json: with(`"stat":1`, `"stat":-1`), dropped: []string{DropCRC}},
		"without CRC":    {json: with(`"stat":1`, `"stat":0`), dropped: []string{DropCRC}},
		"LR-FHSS":        {json: with(`SF7BW125`, `M0CW137`), dropped: []string{DropModulation}},
		"SF13":           {json: with(`SF7BW`, `SF13BW`), dropped: []string{DropModulation}},
		"no tmst":        {json: with(`"tmst":3512348611,`, ``), dropped: []string{DropMalformed}},
		"no freq":        {json: with(`"freq":868.1,`, ``), dropped: []string{DropMalformed}},
		"no datr":        {json: with(`"datr":"SF7BW125",`, ``), dropped: []string{DropMalformed}},
		"no data":        {json: with(`QPvvvg==`, ``), dropped: []string{DropMalformed}},
		"data no base64": {json: with(`QPvvvg==`, `Q*`), dropped: []string{DropMalformed}},
		"data a number":  {json: with(`"QPvvvg=="`, `7`), dropped: []string{DropMalformed}},
		"absurd rssi":    {json: with(`-35`, `1e9`), dropped: []string{DropMalformed}},
		"frame too long": {json: with(`QPvvvg==`, strings.Repeat("AAAA", 86)), dropped: []string{DropOversize}},
		"one bad of three": {
			json:    `{"rxpk":[` + good + `,{"tmst":"x"},` + good + `]}`,
			frames:  []radio.Frame{heard(), heard()},
			dropped: []string{DropMalformed},
		},
		"one bad CRC of two": {
			json:    `{"rxpk":[` + strings.Replace(good, `"stat":1`, `"stat":-1`, 1) + `,` + good + `]}`,
			frames:  []radio.Frame{heard()},
			dropped: []string{DropCRC},
		},
		"stat alone": {
			json: `{"stat":{"time":"2026-11-23 10:00:00 GMT","lati":0,"long":0,"alti":0,"rxnb":7,"rxok":6,"rxfw":5,"ackr":99.5,"dwnb":4,"txnb":3,"temp":21.5}}`,
			stats: &radio.Stats{Gateway: roof, Time: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC),
				Received: 7, ReceivedOK: 6, Forwarded: 5, AckedPct: 99.5, Sent: 3},
		},
		"stat and frame": {
			json:   `{"rxpk":[` + good + `],"stat":{"time":"1970-01-01 00:00:09 GMT","rxnb":1,"rxok":1,"rxfw":1,"ackr":1000,"txnb":0}}`,
			frames: []radio.Frame{heard()},
			stats:  &radio.Stats{Gateway: roof, Received: 1, ReceivedOK: 1, Forwarded: 1, AckedPct: 100},
		},
		"bad stat, good frame": {
			json:    `{"rxpk":[` + good + `],"stat":{"rxnb":-1}}`,
			frames:  []radio.Frame{heard()},
			dropped: []string{DropMalformed},
		},
		"nothing":      {json: `{}`},
		"no JSON":      {json: `hello`, dropped: []string{DropMalformed}},
		"JSON missing": {json: ``, dropped: []string{DropMalformed}},
		"JSON cut":     {json: `{"rxpk":[` + good, dropped: []string{DropMalformed}},
		"an array":     {json: `[]`, dropped: []string{DropMalformed}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := Parse(pushJSON(tt.json))
			if err != nil {
				t.Fatal(err)
			}
			var dropped []string
			frames, stats := decodePush(p, func(reason string, err error) {
				dropped = append(dropped, reason)
				if !strings.Contains(err.Error(), roof.String()) {
					t.Errorf("error %q does not name the gateway", err)
				}
			})
			if !reflect.DeepEqual(frames, tt.frames) {
				t.Errorf("frames\n got %+v\nwant %+v", frames, tt.frames)
			}
			if !reflect.DeepEqual(stats, tt.stats) {
				t.Errorf("stats\n got %+v\nwant %+v", stats, tt.stats)
			}
			if !reflect.DeepEqual(dropped, tt.dropped) {
				t.Errorf("dropped %v, want %v", dropped, tt.dropped)
			}
		})
	}
}

func TestAppendPushData(t *testing.T) {
	lora, fsk := heard(), heard()
	lora.Time = time.Date(2026, 11, 23, 10, 0, 0, 123e6, time.UTC)
	fsk.DataRate = radio.DataRate{BitRate: 50_000}
	want := []radio.Frame{lora, fsk}
	stats := radio.Stats{Gateway: roof, Time: time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC), Received: 9, ReceivedOK: 8, Forwarded: 8, AckedPct: 87.5, Sent: 2}
	p, err := Parse(AppendPushData(nil, 7, roof, want, &stats))
	if err != nil || p.Token != 7 || p.Kind != PushData || p.Gateway != roof {
		t.Fatalf("got %+v, %v", p, err)
	}
	frames, gotStats := decodePush(p, func(_ string, err error) { t.Error(err) })
	if !reflect.DeepEqual(frames, want) {
		t.Errorf("frames\n got %+v\nwant %+v", frames, want)
	}
	if !reflect.DeepEqual(gotStats, &stats) {
		t.Errorf("stats\n got %+v\nwant %+v", gotStats, stats)
	}
}

func TestPullResp(t *testing.T) {
	d := radio.Downlink{
		PHYPayload: []byte{0x20, 0xfb, 0xff, 0xbf},
		Counter:    math.MaxUint32 - 999_999, // wraps
		Delay:      5 * time.Second,
		FreqHz:     868_100_000,
		DataRate:   radio.DataRate{SpreadingFactor: 9, BandwidthKHz: 125},
		PowerDBm:   14,
	}
	const want = `{"txpk":{"imme":false,"tmst":4000000,"freq":868.1,"rfch":0,"powe":14,"modu":"LORA","datr":"SF9BW125","codr":"4/5","ipol":true,"ncrc":true,"size":4,"data":"IPv/vw=="}}`
	datagram := appendPullResp(nil, 2, 0xabcd, d)
	if got := string(datagram[4:]); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	p, err := Parse(datagram)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParsePullResp(p)
	if err != nil {
		t.Fatal(err)
	}
	d.Counter, d.Delay = 4_000_000, 0
	if !reflect.DeepEqual(got, d) {
		t.Errorf("got %+v, want %+v", got, d)
	}
	for _, bad := range []string{``, `{}`, `{"txpk":{"freq":868.1,"datr":"SF7BW125"}}`, `{"txpk":{"tmst":-1}}`} {
		if _, err := ParsePullResp(Packet{Kind: PullResp, JSON: []byte(bad)}); err == nil {
			t.Errorf("%s was accepted", bad)
		}
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

func FuzzParse(f *testing.F) {
	f.Add(pushJSON(`{"rxpk":[{"tmst":1,"freq":868.1,"stat":1,"datr":"SF7BW125","rssi":-35,"lsnr":5.1,"data":"QPvvvg"}]}`))
	f.Add(pushJSON(`{"rxpk":[{"tmst":-1,"tmms":1479463218123,"freq":868.1,"datr":50000,"rsig":[{"rssic":-1,"lsnr":2}],"data":"-_-/"}],"stat":{"rxnb":1}}`))
	f.Add(pushJSON(`{"stat":{"time":"2014-01-12 08:59:28 GMT","ackr":100.0}}`))
	f.Add(AppendPullData(nil, 1, roof))
	f.Add(AppendTXAck(nil, 1, roof, "TOO_LATE"))
	f.Add(appendPullResp(nil, 2, 3, radio.Downlink{PHYPayload: []byte{1}, FreqHz: 868_100_000, DataRate: radio.DataRate{SpreadingFactor: 7, BandwidthKHz: 125}}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, datagram []byte) {
		p, err := Parse(datagram)
		if err != nil {
			return
		}
		if again := p.Append(nil); !bytes.Equal(again, datagram) {
			t.Fatalf("appended again: %x, want %x", again, datagram)
		}
		if p.Kind == PullResp {
			_, _ = ParsePullResp(p)
		}
		_, _ = decodeTXAck(p.JSON)
		frames, stats := decodePush(p, func(string, error) {})
		// What was accepted survives being forwarded once more.
		for i := range frames {
			frames[i].Time = frames[i].Time.Truncate(time.Millisecond)
		}
		q, err := Parse(AppendPushData(nil, p.Token, p.Gateway, frames, stats))
		if err != nil {
			if len(frames) > 100 {
				return // too many for one datagram in this spelling
			}
			t.Fatal(err)
		}
		again, _ := decodePush(q, func(reason string, err error) { t.Fatalf("%s: %v", reason, err) })
		if !reflect.DeepEqual(again, frames) {
			t.Fatalf("forwarded again\n got %+v\nwant %+v", again, frames)
		}
	})
}

func BenchmarkDecodePush(b *testing.B) {
	f := heard()
	f.PHYPayload = bytes.Repeat([]byte{0x5a}, 32)
	f.Time = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	datagram := AppendPushData(nil, 1, roof, []radio.Frame{f}, nil)
	if !bytes.Contains(datagram, []byte(base64.StdEncoding.EncodeToString(f.PHYPayload))) {
		b.Fatal("the payload is not in the datagram")
	}
	b.ReportAllocs()
	for b.Loop() {
		p, err := Parse(datagram)
		if err != nil {
			b.Fatal(err)
		}
		if frames, _ := decodePush(p, nil); len(frames) != 1 {
			b.Fatal("frame lost")
		}
	}
}
