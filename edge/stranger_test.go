package edge_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/brocaar/lorawan"
	"github.com/gorilla/websocket"
	bolt "go.etcd.io/bbolt"

	"modellregion/edge"
	"modellregion/edge/radio"
	"modellregion/edge/semtech"
	"modellregion/uplink"
)

// sessions returns the records of all sessions and nonces in a database that is
// not in use.
func sessions(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	db, err := bolt.Open(filepath.Join(dir, "edge.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	err = db.View(func(tx *bolt.Tx) error {
		for _, name := range []string{"sessions", "nonces"} {
			err := tx.Bucket([]byte(name)).ForEach(func(k, v []byte) error {
				out[name+fmt.Sprintf("%x", k)] = bytes.Clone(v)
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err := errorsOf(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return out
}

// Whoever reaches the port can pretend to be a gateway. What that gains: no
// session changes, no downlink moves, and the good gateway is heard.
func TestStrangerChangesNothing(t *testing.T) {
	addr, _ := startBroker(t, "127.0.0.1:0")
	p := startPlatform(t, addr, list())
	d := startDesk(t, addr)
	dir := t.TempDir()
	e, _ := open(t, dir, addr)
	stop := background(t, e.Run)
	eventually(t, "ready", ready(e))
	s := startStation(t, e)
	hourAgo := time.Now().Add(-time.Hour)
	recorded := [][]byte{joinRequest(t, 7), abpFrame(t, 10), abpFrame(t, 11)}
	s.hear(recorded[0], hourAgo)
	<-s.downs // the accept
	s.hear(recorded[1], hourAgo)
	s.hear(recorded[2], hourAgo)
	eventually(t, "what is recorded", p.has(10, 11))
	eventually(t, "outbox empty", emptied(t, e))
	drain(s)
	stop()
	before := sessions(t, dir)

	e, _ = open(t, dir, addr)
	stop = background(t, e.Run)
	eventually(t, "ready", ready(e))
	s = startStation(t, e)
	eventually(t, "the gateway is known", s.pulled)
	stranger, err := net.Dial("udp", e.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stranger.Close() }()
	chance := rand.New(rand.NewPCG(1, 2))
	for i := range 2000 {
		var datagram []byte
		frame := radio.Frame{PHYPayload: recorded[i%3], Counter: uint64(i), FreqHz: 868_100_000, DataRate: radio.DataRate{SpreadingFactor: 7, BandwidthKHz: 125}, SNRdB: 12}
		switch i % 6 {
		case 0: // random bytes
			datagram = make([]byte, chance.IntN(200))
			for j := range datagram {
				datagram[j] = byte(chance.Uint32())
			}
		case 1: // a replay, as if by the good gateway
			datagram = semtech.AppendPushData(nil, uint16(i), s.gateway, []radio.Frame{frame}, nil)
		case 2: // a replay by a gateway that does not exist
			datagram = semtech.AppendPushData(nil, uint16(i), lorawan.EUI64{byte(i)}, []radio.Frame{frame}, nil)
		case 3: // the good gateway's downlinks to me
			datagram = semtech.AppendPullData(nil, uint16(i), s.gateway)
		case 4: // a forged frame of a device
			frame.PHYPayload = append(bytes.Clone(recorded[1][:9]), byte(i), byte(i>>8), 1, 2, 3, 4)
			datagram = semtech.AppendPushData(nil, uint16(i), s.gateway, []radio.Frame{frame}, nil)
		default: // an answer to what nobody asked
			datagram = semtech.AppendTXAck(nil, uint16(i), s.gateway, "TOO_LATE")
		}
		if _, err := stranger.Write(datagram); err != nil {
			t.Fatal(err)
		}
	}
	// The good gateway hears a device meanwhile, and gets the downlink for it.
	d.send("rathaus", abpEUI, uplink.Command{ID: "c", FPort: 9})
	d.told("c", "queued")
	stop()
	after := sessions(t, dir)
	key := "sessions" + fmt.Sprintf("%x", abpEUI[:])
	if bytes.Equal(before[key], after[key]) {
		t.Error("the command is not in the session")
	}
	before[key], after[key] = nil, nil
	if !maps.EqualFunc(before, after, bytes.Equal) {
		t.Errorf("sessions changed from %x to %x", before, after)
	}

	e, _ = open(t, dir, addr)
	background(t, e.Run)
	eventually(t, "ready", ready(e))
	s = startStation(t, e)
	eventually(t, "the gateway is known", s.pulled)
	again, err := net.Dial("udp", e.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	if _, err := again.Write(semtech.AppendPullData(nil, 1, s.gateway)); err != nil {
		t.Fatal(err)
	}
	s.hear(abpFrame(t, 12), time.Now())
	eventually(t, "the next frame", p.has(12, 12))
	select {
	case <-s.downs:
	case <-time.After(patience):
		t.Fatal("the downlink went elsewhere")
	}
	d.told("c", "queued", "sent")
	if got := p.counters(); got[10] != 1 || got[11] != 1 || got[12] != 1 {
		t.Errorf("frames arrived %v times, want each once", got)
	}
}

// drain empties what is on its way to the station.
func drain(s *station) {
	for {
		select {
		case <-s.downs:
		default:
			return
		}
	}
}

// A device between a gateway with a packet forwarder and one with Basics
// Station is heard once, and answered by the one that hears it better.
func TestHeardByBothProtocols(t *testing.T) {
	addr, _ := startBroker(t, "127.0.0.1:0")
	p := startPlatform(t, addr, list())
	e, err := edge.Open(edge.Config{
		Name: "rathaus", Dir: t.TempDir(), UDP: "127.0.0.1:0", Station: edge.Station{Addr: "127.0.0.1:0"},
		MQTT: edge.MQTT{URL: "tcp://" + addr, Password: password},
	})
	if err != nil {
		t.Fatal(err)
	}
	background(t, e.Run)
	eventually(t, "ready", ready(e))
	udp := startStation(t, e)
	ws, _, err := websocket.DefaultDialer.Dial("ws://"+e.StationAddr().String()+"/gateway/bb00000000000000", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ws.Close() }()
	phy := abpFrame(t, 5)
	udp.hear(phy, time.Time{})
	if err := ws.WriteMessage(websocket.TextMessage, updf(phy, 11)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "uplink", p.has(5, 5))
	p.mu.Lock()
	u := p.uplinks[0]
	p.mu.Unlock()
	if len(u.RX) != 2 || u.RX[0].Gateway != (uplink.EUI{0xbb}) || u.RX[1].Gateway != uplink.EUI(udp.gateway) || p.counters()[5] != 1 {
		t.Errorf("%+v", u)
	}
	var down struct{ MsgType string }
	if err := ws.ReadJSON(&down); err != nil || down.MsgType != "dnmsg" {
		t.Errorf("the better gateway was told %+v (%v)", down, err)
	}
	if len(udp.downs) > 0 {
		t.Error("the weaker gateway was asked to answer too")
	}
}
