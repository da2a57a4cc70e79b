package basicstation

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/edge/radio"
)

// written returns the message in which a station forwards a frame: the
// station's side of the protocol, apart from the code under test.
func written(phy []byte, upinfo string) string {
	tail := `"RefTime":1795428000.1,"DR":5,"Freq":868100000,"upinfo":` + upinfo + `}`
	u32 := func(b []byte) int32 { return int32(binary.LittleEndian.Uint32(b)) }
	dashed := func(b []byte) string { // last byte first
		s := fmt.Sprintf("%02X", b[7])
		for i := 6; i >= 0; i-- {
			s += fmt.Sprintf("-%02X", b[i])
		}
		return s
	}
	mic := len(phy) - 4
	kind := byte(0xe0)
	if len(phy) >= 12 {
		kind = phy[0] & 0xe0
	}
	switch {
	case kind == 0x00 && len(phy) == 23:
		return fmt.Sprintf(`{"msgtype":"jreq","MHdr":%d,"JoinEui":"%s","DevEui":"%s","DevNonce":%d,"MIC":%d,`,
			phy[0], dashed(phy[1:9]), dashed(phy[9:17]), binary.LittleEndian.Uint16(phy[17:]), u32(phy[mic:])) + tail
	case kind == 0x40 || kind == 0x80:
		opts := 8 + int(phy[5]&15)
		if opts > mic {
			break
		}
		port, payload := -1, ""
		if opts < mic {
			port, payload = int(phy[opts]), fmt.Sprintf("%X", phy[opts+1:mic])
		}
		return fmt.Sprintf(`{"msgtype":"updf","MHdr":%d,"DevAddr":%d,"FCtrl":%d,"FCnt":%d,"FOpts":"%X","FPort":%d,"FRMPayload":"%s","MIC":%d,`,
			phy[0], u32(phy[1:]), phy[5], binary.LittleEndian.Uint16(phy[6:]), phy[8:opts], port, payload, u32(phy[mic:])) + tail
	}
	return fmt.Sprintf(`{"msgtype":"propdf","FRMPayload":"%X",`, phy) + tail
}

// here is the upinfo of most messages below; its xtime needs more than the 53
// bits of a float64.
const here = `{"rctx":3,"xtime":36028797498888545,"gpstime":1479463218123456,"fts":-1,"rssi":-35,"snr":5.25,"rxtime":17.5}`

// heard is the frame of a message with that upinfo.
func heard(phy []byte) radio.Frame {
	return radio.Frame{
		PHYPayload: phy,
		Gateway:    roof,
		Time:       time.Date(2026, 11, 23, 10, 0, 0, 123456e3, time.UTC), // 1980-01-06 + gpstime - 18 s
		Counter:    36028797498888545,
		Antenna:    3,
		FreqHz:     868_100_000,
		DataRate:   radio.DataRate{SpreadingFactor: 7, BandwidthKHz: 125},
		RSSIdBm:    -35,
		SNRdB:      5.25,
	}
}

// arrived checks that a frame was heard just now and returns it without that
// time.
func arrived(t *testing.T, f radio.Frame) radio.Frame {
	t.Helper()
	if ago := time.Since(f.Heard); ago < 0 || ago > 10*time.Second {
		t.Errorf("heard at %s, which is %s ago", f.Heard, ago)
	}
	f.Heard = time.Time{}
	return f
}

// vectors returns the LoRaWAN frames that edge/lorawan is tested with.
func vectors(t testing.TB) [][]byte {
	t.Helper()
	data, err := os.ReadFile("../lorawan/testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []struct {
		PHYPayload []byte `json:"phy_payload"`
	}
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	if len(list) != 330 {
		t.Fatalf("%d vectors, want 330", len(list))
	}
	var out [][]byte
	for _, v := range list {
		out = append(out, v.PHYPayload)
	}
	return out
}

// unconnected returns a connection without a network.
func unconnected(t testing.TB) *conn {
	t.Helper()
	s, err := newServer(Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &conn{gateway: roof, plan: s.plan, log: s.log, waiting: map[int64]chan<- int64{}}
}

func TestVectors(t *testing.T) {
	c := unconnected(t)
	frames := make(chan radio.Frame, 1)
	seen := map[string]int{}
	for i, phy := range vectors(t) {
		message := written(phy, here)
		if _, err := c.handle([]byte(message), frames); err != nil {
			t.Fatalf("vector %d: %s: %v", i, message, err)
		}
		if got := arrived(t, <-frames); !reflect.DeepEqual(got, heard(phy)) {
			t.Fatalf("vector %d: %s\ngot  %+v\nwant %+v", i, message, got, heard(phy))
		}
		seen[message[:17]]++
	}
	if seen[`{"msgtype":"updf"`] != 300 || seen[`{"msgtype":"jreq"`] != 30 {
		t.Errorf("messages of the vectors: %v", seen)
	}
}

func TestFrames(t *testing.T) {
	const (
		data = `{"msgtype":"updf","MHdr":64,"DevAddr":-1,"FCtrl":2,"FCnt":258,"FOpts":"0D0e","FPort":1,"FRMPayload":"aaBB","MIC":-2,"DR":5,"Freq":868100000,"upinfo":` + here + `}`
		join = `{"msgtype":"jreq","MHdr":0,"JoinEui":"01-02-03-04-05-06-07-08","DevEui":"A8-40-41-FF-FF-1E-EC-20","DevNonce":513,"MIC":16909060,"DR":5,"Freq":868100000,"upinfo":` + here + `}`
		prop = `{"msgtype":"propdf","FRMPayload":"E00102","DR":5,"Freq":868100000,"upinfo":` + here + `}`
	)
	// want is the frame in hex, change what else is not as in heard.
	same := func(*radio.Frame) {}
	tests := map[string]struct {
		message, old, new string
		want              string
		change            func(*radio.Frame)
		reason            string
	}{
		"data":                {data, "", "", "40ffffffff0202010d0e01aabbfeffffff", same, ""},
		"unsigned":            {data, `"DevAddr":-1`, `"DevAddr":4294967295`, "40ffffffff0202010d0e01aabbfeffffff", same, ""},
		"no port":             {data, `"FPort":1,"FRMPayload":"aaBB"`, `"FPort":-1,"FRMPayload":""`, "40ffffffff0202010d0efeffffff", same, ""},
		"port left out":       {data, `"FPort":1,"FRMPayload":"aaBB",`, ``, "40ffffffff0202010d0efeffffff", same, ""},
		"port, no payload":    {data, `aaBB`, ``, "40ffffffff0202010d0e01feffffff", same, ""},
		"port 0":              {data, `"FPort":1`, `"FPort":0`, "40ffffffff0202010d0e00aabbfeffffff", same, ""},
		"join":                {join, "", "", "00080706050403020120ec1effff4140a8010204030201", same, ""},
		"join, other names":   {strings.NewReplacer("JoinEui", "JoinEUI", "DevEui", "DevEUI").Replace(join), "", "", "00080706050403020120ec1effff4140a8010204030201", same, ""},
		"proprietary":         {prop, "", "", "e00102", same, ""},
		"FSK":                 {prop, `"DR":5`, `"DR":7`, "e00102", func(f *radio.Frame) { f.DataRate = radio.DataRate{BitRate: 50_000} }, ""},
		"250 kHz":             {prop, `"DR":5`, `"DR":6`, "e00102", func(f *radio.Frame) { f.DataRate.BandwidthKHz = 250 }, ""},
		"no GPS":              {prop, `"gpstime":1479463218123456`, `"gpstime":0`, "e00102", func(f *radio.Frame) { f.Time = time.Time{} }, ""},
		"GPS left out":        {prop, `"gpstime":1479463218123456,`, ``, "e00102", func(f *radio.Frame) { f.Time = time.Time{} }, ""},
		"GPS of 1980":         {prop, `1479463218123456`, `17000000`, "e00102", func(f *radio.Frame) { f.Time = time.Time{} }, ""},
		"GPS that overflows":  {prop, `1479463218123456`, `9223372036854775807`, "e00102", func(f *radio.Frame) { f.Time = time.Time{} }, ""},
		"GPS below zero":      {prop, `1479463218123456`, `-9223372036854775808`, "e00102", func(f *radio.Frame) { f.Time = time.Time{} }, ""},
		"rssi rounded":        {prop, `"rssi":-35`, `"rssi":-119.6`, "e00102", func(f *radio.Frame) { f.RSSIdBm = -120 }, ""},
		"xtime below zero":    {prop, `"xtime":36028797498888545`, `"xtime":-1`, "e00102", func(f *radio.Frame) { f.Counter = 1<<64 - 1 }, ""},
		"options short":       {data, `0D0e`, `0D`, "", nil, DropMalformed},
		"options odd":         {data, `0D0e`, `0D0`, "", nil, DropMalformed},
		"options no hex":      {data, `0D0e`, `0D0x`, "", nil, DropMalformed},
		"payload, no port":    {data, `"FPort":1`, `"FPort":-1`, "", nil, DropMalformed},
		"port 256":            {data, `"FPort":1`, `"FPort":256`, "", nil, DropMalformed},
		"port -2":             {data, `"FPort":1`, `"FPort":-2`, "", nil, DropMalformed},
		"FCnt of 17 bits":     {data, `"FCnt":258`, `"FCnt":65536`, "", nil, DropMalformed},
		"MHdr of 9 bits":      {data, `"MHdr":64`, `"MHdr":256`, "", nil, DropMalformed},
		"MIC of 33 bits":      {data, `"MIC":-2`, `"MIC":4294967296`, "", nil, DropMalformed},
		"MIC below 32 bits":   {data, `"MIC":-2`, `"MIC":-2147483649`, "", nil, DropMalformed},
		"MIC with a fraction": {data, `"MIC":-2`, `"MIC":-2.5`, "", nil, DropMalformed},
		"frame too long":      {data, `aaBB`, strings.Repeat("00", 241), "", nil, DropOversize},
		"longest frame":       {data, `aaBB`, strings.Repeat("00", 240), "40ffffffff0202010d0e01" + strings.Repeat("00", 240) + "feffffff", same, ""},
		"EUI too short":       {join, `-20"`, `"`, "", nil, DropMalformed},
		"nonce of 17 bits":    {join, `513`, `65536`, "", nil, DropMalformed},
		"empty":               {prop, `E00102`, ``, "", nil, DropMalformed},
		"LR-FHSS":             {prop, `"DR":5`, `"DR":8`, "", nil, DropModulation},
		"DR of nothing":       {prop, `"DR":5`, `"DR":99`, "", nil, DropModulation},
		"no DR":               {prop, `"DR":5,`, ``, "", nil, DropModulation},
		"no Freq":             {prop, `"Freq":868100000,`, ``, "", nil, DropMalformed},
		"Freq in MHz":         {prop, `868100000`, `868.1`, "", nil, DropMalformed},
		"no xtime":            {prop, `"xtime":36028797498888545,`, ``, "", nil, DropMalformed},
		"xtime of 65 bits":    {prop, `36028797498888545`, `9223372036854775808`, "", nil, DropMalformed},
		"absurd rssi":         {prop, `"rssi":-35`, `"rssi":1e9`, "", nil, DropMalformed},
		"absurd snr":          {prop, `5.25`, `-1e9`, "", nil, DropMalformed},
		"not JSON":            {prop, `{"msgtype"`, `{msgtype`, "", nil, DropMalformed},
		"a list":              {`[]`, "", "", "", nil, DropMalformed},
		"no type":             {`{}`, "", "", "", nil, DropKind},
		"another type":        {prop, `propdf`, `jacc`, "", nil, DropKind},
	}
	c := unconnected(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(tt.message, tt.old) {
				t.Fatalf("%s is not in the message", tt.old)
			}
			frames := make(chan radio.Frame, 1)
			_, err := c.handle([]byte(strings.Replace(tt.message, tt.old, tt.new, 1)), frames)
			if tt.reason != "" {
				if err == nil || dropReason(err) != tt.reason || len(frames) != 0 {
					t.Fatalf("got %v, want an error with reason %s", err, tt.reason)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var phy []byte
			fmt.Sscanf(tt.want, "%x", &phy)
			want := heard(phy)
			tt.change(&want)
			if got := arrived(t, <-frames); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func FuzzMessage(f *testing.F) {
	for i, phy := range vectors(f) {
		if i%40 == 0 || len(phy) == 23 && i%5 == 0 {
			f.Add([]byte(written(phy, here)))
		}
	}
	for _, seed := range []string{
		written([]byte{0xe0, 1, 2}, here),
		`{"msgtype":"propdf","FRMPayload":"E0","RefTime":0.000000,"DR":6,"Freq":868300000,"upinfo":{"rctx":-1,"xtime":-1,"gpstime":-1,"fts":-1,"rssi":-120.5,"snr":-20.25}}`,
		`{"msgtype":"updf","MHdr":128,"DevAddr":-2147483648,"FCtrl":0,"FCnt":65535,"FOpts":"","FPort":-1,"FRMPayload":"","MIC":-1,"DR":0,"Freq":867100000,"upinfo":{"rctx":0,"xtime":72339069014638593,"gpstime":0,"rssi":0,"snr":0}}`,
		`{"msgtype":"updf","DevAddr":4294967295,"upinfo":{"xtime":1}}`,
		`{"msgtype":"jreq","MHdr":0,"JoinEUI":"::","DevEUI":"::1","DevNonce":65535,"MIC":-2147483648,"DR":5,"Freq":868100000,"upinfo":{"xtime":1}}`,
		`{"msgtype":"jacc","FRMPayload":"20"}`,
		`{"msgtype":"version","station":"2.0.6(linux/std)","firmware":null,"package":null,"model":"linux","protocol":2,"features":"rmtsh"}`,
		`{"msgtype":"dntxed","seqno":1,"diid":1,"DR":5,"Freq":868100000,"DevEui":"00-00-00-00-00-00-00-01","rctx":0,"xtime":36028797499888545,"txtime":1.5,"gpstime":0}`,
		`{"msgtype":"dntxed","diid":1,"xtime":36028797500888545}`,
		`{"msgtype":"dntxed","diid":1,"xtime":-9223372036854775808}`,
		`{"msgtype":"dntxed","diid":1}`,
		`{"msgtype":"timesync","txtime":1795428000000000}`,
		`{"msgtype":"timesync","txtime":-1,"gpstime":-9223372036854775808,"xtime":1,"MuxTime":1.5}`,
		`{"router":"a840:41ff:ff1e:ec20"}`,
		`{"router":1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		c := unconnected(t)
		frames := make(chan radio.Frame, 1)
		sent := c.expect(1)
		answer, err := c.handle(data, frames)
		if len(sent) > 0 {
			a := attempt{dnmsg{XTime: 36028797498888545}, []radio.Window{rx1, rx2}, 0}
			if used := a.used(<-sent); used != 0 && used != 1 {
				t.Fatalf("window %d was used, of two", used)
			}
		}
		if _, errJSON := json.Marshal(answer); errJSON != nil {
			t.Fatal(errJSON)
		}
		var e struct{ Router eui }
		if json.Unmarshal(data, &e) == nil {
			if again, err := parseEUI(id6(lorawan.EUI64(e.Router))); err != nil || again != lorawan.EUI64(e.Router) {
				t.Fatalf("%x written as ID6 is read as %x, %v", e.Router, again, err)
			}
		}
		if len(frames) == 0 {
			return
		}
		if err != nil {
			t.Fatalf("a frame came with %v", err)
		}
		// What was accepted is rebuilt the same when a station writes it once
		// more, and can be answered.
		got := <-frames
		upinfo := fmt.Sprintf(`{"rctx":%d,"xtime":%d}`, got.Antenna, int64(got.Counter))
		again, err := c.plan.decodeFrame(messageType(written(got.PHYPayload, upinfo)), []byte(written(got.PHYPayload, upinfo)))
		if err != nil || string(again.PHYPayload) != string(got.PHYPayload) || again.Counter != got.Counter || again.Antenna != got.Antenna {
			t.Fatalf("written again: %+v, %v, want %+v", again, err, got)
		}
		d := reply()
		d.Counter, d.Antenna = got.Counter, got.Antenna
		if a, err := c.plan.attempts(d); err != nil || uint64(a[0].message.XTime) != got.Counter || a[0].message.RCtx != got.Antenna {
			t.Fatalf("answer: %+v, %v", a, err)
		}
	})
}

func messageType(message string) string {
	return strings.Split(message, `"`)[3]
}

func BenchmarkFrame(b *testing.B) {
	c := unconnected(b)
	message := []byte(written(vectors(b)[1], here))
	frames := make(chan radio.Frame, 1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.handle(message, frames); err != nil {
			b.Fatal(err)
		}
		<-frames
	}
}
