package semtech

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/brocaar/lorawan"
	"github.com/valyala/fastjson"

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

func FuzzParse(f *testing.F) {
	f.Add(pushJSON(`{"rxpk":[{"tmst":1,"freq":868.1,"stat":1,"datr":"SF7BW125","rssi":-35,"lsnr":5.1,"data":"QPvvvg"}]}`))
	f.Add(pushJSON(`{"rxpk":[{"tmst":-1,"tmms":1479463218123,"freq":868.1,"datr":50000,"rsig":[{"rssic":-1,"lsnr":2}],"data":"-_-/"}],"stat":{"rxnb":1}}`))
	f.Add(pushJSON(`{"stat":{"time":"2014-01-12 08:59:28 GMT","ackr":100.0}}`))
	f.Add(AppendPullData(nil, 1, roof))
	f.Add(AppendTXAck(nil, 1, roof, "TOO_LATE"))
	f.Add(appendPullResp(nil, 2, 3, answer(), answer().Windows[0]))
	f.Add(append(appendPullResp(nil, 2, 3, answer(), radio.Window{FreqHz: 868_100_000, DataRate: radio.DataRate{BitRate: 50_000}}), 0))
	f.Add(append(AppendTXAck(nil, 1, roof, ""), "{\"txpk_ack\":{\"warn\":\"TX_POWER\",\"value\":20}}\x00"...))
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
		frames, stats := decodePush(p, &fastjson.Parser{}, func(string, error) {})
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
		again, _ := decodePush(q, &fastjson.Parser{}, func(reason string, err error) { t.Fatalf("%s: %v", reason, err) })
		if !reflect.DeepEqual(again, frames) {
			t.Fatalf("forwarded again\n got %+v\nwant %+v", again, frames)
		}
	})
}
