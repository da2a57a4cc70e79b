package basicstation

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"modellregion/edge/radio"
)

// station is a gateway's end of a connection.
type station struct {
	t  *testing.T
	ws *websocket.Conn
}

func dial(t *testing.T, url string) station {
	t.Helper()
	ws, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.Close() })
	return station{t, ws}
}

// connect brings a gateway to where its frames are taken: discovery, version,
// router_config.
func connect(t *testing.T, s *Server) station {
	t.Helper()
	var info routerInfo
	d := dial(t, "ws://"+s.Addr().String()+"/router-info")
	d.send(`{"router":"a840:41ff:ff1e:ec20"}`)
	d.read(&info)
	if want := "ws://" + s.Addr().String() + "/gateway/a84041ffff1eec20"; info.URI != want || info.Error != "" {
		t.Fatalf("discovery: got %+v, want the URI %s", info, want)
	}
	g := dial(t, info.URI)
	g.configure()
	return g
}

func (g station) configure() {
	g.t.Helper()
	g.send(`{"msgtype":"version","station":"2.0.6(linux/std)","firmware":null,"model":"linux","protocol":2,"features":"rmtsh gps"}`)
	var config struct{ MsgType, Region string }
	if g.read(&config); config.MsgType != "router_config" || config.Region != "EU863" {
		g.t.Fatalf("answer to version: %+v", config)
	}
}

func (g station) send(message string) {
	g.t.Helper()
	if err := g.ws.WriteMessage(websocket.TextMessage, []byte(message)); err != nil {
		g.t.Fatal(err)
	}
}

func (g station) text() string {
	g.t.Helper()
	_ = g.ws.SetReadDeadline(time.Now().Add(10 * time.Second)) // never fails
	_, data, err := g.ws.ReadMessage()
	if err != nil {
		g.t.Fatal(err)
	}
	return string(data)
}

func (g station) read(message any) {
	g.t.Helper()
	if err := json.Unmarshal([]byte(g.text()), message); err != nil {
		g.t.Fatal(err)
	}
}

// order is a dnmsg as stations read it: names in the right case, and a field
// that is missing told from one that is 0.
type order map[string]any

func (o order) number(t *testing.T, name string) (n int64, given bool) {
	t.Helper()
	v, given := o[name]
	if !given {
		return 0, false
	}
	text, _ := v.(json.Number)
	n, err := text.Int64()
	if err != nil {
		t.Fatalf("%s is %v, want a whole number", name, v)
	}
	return n, true
}

// atOnce is the xtime at which the station of the tests sends at once.
const atOnce int64 = 36028797499999999

// transmit does with a dnmsg what src/s2e.c does that has no time to send on
// the frequencies in taken, and returns the dntxed. It is empty for a frame
// that is not sent, of which a station says nothing.
func transmit(t *testing.T, message string, taken ...int64) string {
	t.Helper()
	var o order
	dec := json.NewDecoder(strings.NewReader(message))
	dec.UseNumber()
	if err := dec.Decode(&o); err != nil {
		t.Fatal(err)
	}
	class, hasClass := o.number(t, "dC")
	id, hasID := o.number(t, "diid")
	delay, hasDelay := o.number(t, "RxDelay")
	if !hasDelay {
		delay = 1
	}
	dr1, hasDR1 := o.number(t, "RX1DR")
	freq1, hasFreq1 := o.number(t, "RX1Freq")
	dr2, hasDR2 := o.number(t, "RX2DR")
	freq2, hasFreq2 := o.number(t, "RX2Freq")
	xtime, _ := o.number(t, "xtime")
	rctx, _ := o.number(t, "rctx")
	switch {
	case o["msgtype"] != "dnmsg" || o["pdu"] == nil || !hasClass || !hasID || hasDR1 != hasFreq1 || hasDR2 != hasFreq2 || !hasFreq1 && !hasFreq2:
		t.Fatalf("a station refuses %s", message)
	case o["DevEui"] == nil || o["DevEui"] == "00-00-00-00-00-00-00-00":
		t.Fatalf("a station does not tell what became of %s", message)
	case delay < 0 || delay > 15 || class == 0 && xtime == 0:
		t.Fatalf("a station refuses the time of %s", message)
	}
	at := xtime + 1_000_000*max(1, delay)
	dr, freq := dr1, freq1
	if !hasFreq1 || slices.Contains(taken, freq1) {
		dr, freq = dr2, freq2
		at += 1_000_000
		if class == 2 {
			at = atOnce
		}
		if !hasFreq2 || slices.Contains(taken, freq2) {
			return ""
		}
	}
	return fmt.Sprintf(`{"msgtype":"dntxed","seqno":%d,"diid":%d,"DR":%d,"Freq":%d,"DevEui":"%s","rctx":%d,"xtime":%d,"txtime":1795428002.25,"gpstime":0}`,
		id, id, dr, freq, o["DevEui"], rctx, at)
}

// The windows of the tests' device, in EU868.
var (
	rx1   = radio.Window{Delay: time.Second, FreqHz: 868_100_000, DataRate: radio.DataRate{SpreadingFactor: 9, BandwidthKHz: 125}, PowerDBm: 14}
	rx2   = radio.Window{Delay: 2 * time.Second, FreqHz: 869_525_000, DataRate: radio.DataRate{SpreadingFactor: 12, BandwidthKHz: 125}, PowerDBm: 27}
	later = radio.Window{FreqHz: 869_525_000, DataRate: radio.DataRate{SpreadingFactor: 12, BandwidthKHz: 125}, PowerDBm: 27}
)

// reply is a downlink to the frame of heard, in rx2 unless windows are given.
func reply(windows ...radio.Window) radio.Downlink {
	if len(windows) == 0 {
		windows = []radio.Window{rx2}
	}
	return radio.Downlink{ID: 42, PHYPayload: []byte{0x60, 1, 2, 3}, Gateway: roof, Counter: 36028797498888545, Antenna: 3, Windows: windows}
}

// outcome is what Send returned.
type outcome struct {
	used int
	err  error
}

// sending sends in the background.
func sending(s *Server, d radio.Downlink) <-chan outcome {
	sent := make(chan outcome, 1)
	go func() {
		used, err := s.Send(context.Background(), d)
		sent <- outcome{used, err}
	}()
	return sent
}
