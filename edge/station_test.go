package edge_test

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/gorilla/websocket"

	"modellregion/edge"
)

// heardAt is the end of a message about a frame, heard with that SNR in dB.
func heardAt(snr int) string {
	return fmt.Sprintf(`,"DR":5,"Freq":868100000,"upinfo":{"rctx":3,"xtime":36028797498888545,"gpstime":0,"rssi":-80,"snr":%d}}`, snr)
}

// updf is a data frame as a gateway with Basics Station tells of it.
func updf(phy []byte, snr int) []byte {
	port := 8 + int(phy[5]&15)
	return fmt.Appendf(nil, `{"msgtype":"updf","MHdr":%d,"DevAddr":%d,"FCtrl":%d,"FCnt":%d,"FOpts":"%x","FPort":%d,"FRMPayload":"%x","MIC":%d%s`,
		phy[0], int32(binary.LittleEndian.Uint32(phy[1:])), phy[5], binary.LittleEndian.Uint16(phy[6:]), phy[8:port],
		phy[port], phy[port+1:len(phy)-4], int32(binary.LittleEndian.Uint32(phy[len(phy)-4:])), heardAt(snr))
}

// A device behind a gateway with Basics Station joins, and its data arrive.
func TestBasicsStation(t *testing.T) {
	addr, _ := startBroker(t, "127.0.0.1:0")
	p := startPlatform(t, addr, list())
	set := metrics.NewSet()
	e, err := edge.Open(edge.Config{
		Name: "rathaus", Dir: t.TempDir(), UDP: "127.0.0.1:0", Station: edge.Station{Addr: "127.0.0.1:0"},
		MQTT:        edge.MQTT{URL: "tcp://" + addr, Password: password},
		DedupWindow: 10 * time.Millisecond, CommitInterval: 5 * time.Millisecond, Metrics: set,
	})
	if err != nil {
		t.Fatal(err)
	}
	background(t, e.Run)
	eventually(t, "ready", ready(e))
	ws, _, err := websocket.DefaultDialer.Dial("ws://"+e.StationAddr().String()+"/gateway/aa01000000000000", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	say := func(format string, args ...any) {
		t.Helper()
		if err := ws.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, format, args...)); err != nil {
			t.Fatal(err)
		}
	}
	hear := func(phy []byte) {
		t.Helper()
		if err := ws.WriteMessage(websocket.TextMessage, updf(phy, 9)); err != nil {
			t.Fatal(err)
		}
	}
	hear(abpFrame(t, 5))
	eventually(t, "frame of a device without a join", p.has(5, 5))

	request := joinRequest(t, 7)
	say(`{"msgtype":"jreq","MHdr":0,"JoinEui":"70-02-00-00-00-00-00-00","DevEui":"70-01-00-00-00-00-00-00","DevNonce":7,"MIC":%d%s`,
		int32(binary.LittleEndian.Uint32(request[19:])), heardAt(9))
	var down struct {
		DIID, XTime, RCtx int64
		RxDelay           int
		PDU               string
	}
	for down.RxDelay != 5 { // the first device was asked to use more channels
		if err := ws.ReadJSON(&down); err != nil {
			t.Fatal(err)
		}
		say(`{"msgtype":"dntxed","diid":%d}`, down.DIID)
	}
	if down.XTime != 36028797498888545 || down.RCtx != 3 {
		t.Errorf("downlink is not for the uplink that it answers: %+v", down)
	}
	accept, err := hex.DecodeString(down.PDU)
	if err != nil {
		t.Fatal(err)
	}
	addrOf, nwk, app := accepted(t, accept, 7)
	hear(frame(t, addrOf, nwk, app, 1, 2))
	eventually(t, "frame of the device that has joined", p.has(1, 1))
	eventually(t, "downlink counted as sent", func() bool {
		return slices.Contains(shown(set), `modellregion_edge_downlinks_total{result="sent"} 2`)
	})
}
