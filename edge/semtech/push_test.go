package semtech

import (
	"bytes"
	"encoding/base64"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fastjson"

	"modellregion/edge/radio"
)

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
		"GPS time is drifting, which is for others to judge": { // an hour less than above
			json:   with(`"tmst"`, `"time":"2026-11-23T10:00:00.123Z","tmms":1479459618123,"tmst"`),
			frames: frames(func(f *radio.Frame) { f.Time = gps.Add(-time.Hour) }),
		},
		"GPS time of 2170": {
			json:   with(`"tmst"`, `"time":"2026-11-23T10:00:00.123Z","tmms":6000000000000,"tmst"`),
			frames: frames(func(f *radio.Frame) { f.Time = gps }),
		},
		"GPS time null": {
			json:   with(`"tmst"`, `"time":"2026-11-23T10:00:00.123Z","tmms":null,"tmst"`),
			frames: frames(func(f *radio.Frame) { f.Time = gps }),
		},
		"GPS time that overflows": {json: with(`"tmst"`, `"tmms":1e300,"tmst"`), frames: frames(same)},
		"GPS time below zero":     {json: with(`"tmst"`, `"tmms":-1e300,"tmst"`), frames: frames(same)},
		"time of year 1":          {json: with(`"tmst"`, `"time":"0001-01-01T00:00:00Z","tmst"`), frames: frames(same)},
		"time of 1970":            {json: with(`"tmst"`, `"time":"1970-01-01T00:00:10Z","tmst"`), frames: frames(same)},
		"time of year 9999":       {json: with(`"tmst"`, `"time":"9999-12-31T23:59:59Z","tmst"`), frames: frames(same)},
		"time empty":              {json: with(`"tmst"`, `"time":"","tmst"`), frames: frames(same)},
		"time that is no time":    {json: with(`"tmst"`, `"time":"no fix","tmst"`), frames: frames(same)},
		"tmst printed signed":     {json: with(`3512348611`, `-782618685`), frames: frames(same)},
		"tmst of 64 bits":         {json: with(`3512348611`, `7807315907`), frames: frames(same)}, // 2^32 more
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
		"base64 of the specification": { // - and + in one text
			json: with(`"size":4,"data":"QPvvvg=="`, `"size":32,"data":"-DS4CGaDCdG+48eJNM3Vai-zDpsR71Pn9CPA9uCON84"`),
			frames: frames(func(f *radio.Frame) {
				f.PHYPayload = []byte{
					0xf8, 0x34, 0xb8, 0x08, 0x66, 0x83, 0x09, 0xd1, 0xbe, 0xe3, 0xc7, 0x89, 0x34, 0xcd, 0xd5, 0x6a,
					0x2f, 0xb3, 0x0e, 0x9b, 0x11, 0xef, 0x53, 0xe7, 0xf4, 0x23, 0xc0, 0xf6, 0xe0, 0x8e, 0x37, 0xce,
				}
			}),
		},
		"base64 with half of its padding": {json: with(`QPvvvg==`, `QPvvvg=`), frames: frames(same)},
		"size that is not the data's":     {json: with(`"size":4`, `"size":99`), frames: frames(same)},
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
		"stat null":                       {json: `{"rxpk":[` + good + `],"stat":null}`, frames: []radio.Frame{heard()}},
		"rxpk null":                       {json: `{"rxpk":null}`},
		"a string's end behind the JSON":  {json: with("", "") + "\x00", frames: frames(same)},
		"a line's end and more behind it": {json: with("", "") + "\r\n\x00\x00", frames: frames(same)},
		"something else behind it":        {json: with("", "") + "\x00{}", dropped: []string{DropMalformed}},
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
			frames, stats := decodePush(p, &fastjson.Parser{}, func(reason string, err error) {
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
	frames, gotStats := decodePush(p, &fastjson.Parser{}, func(_ string, err error) { t.Error(err) })
	if !reflect.DeepEqual(frames, want) {
		t.Errorf("frames\n got %+v\nwant %+v", frames, want)
	}
	if !reflect.DeepEqual(gotStats, &stats) {
		t.Errorf("stats\n got %+v\nwant %+v", gotStats, stats)
	}
}

func BenchmarkDecodePush(b *testing.B) {
	f := heard()
	f.PHYPayload = bytes.Repeat([]byte{0x5a}, 32)
	f.Time = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	datagram := AppendPushData(nil, 1, roof, []radio.Frame{f}, nil)
	if !bytes.Contains(datagram, []byte(base64.StdEncoding.EncodeToString(f.PHYPayload))) {
		b.Fatal("the payload is not in the datagram")
	}
	var parser fastjson.Parser
	b.ReportAllocs()
	for b.Loop() {
		p, err := Parse(datagram)
		if err != nil {
			b.Fatal(err)
		}
		if frames, _ := decodePush(p, &parser, nil); len(frames) != 1 {
			b.Fatal("frame lost")
		}
	}
}
