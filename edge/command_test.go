package edge_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/brocaar/lorawan"
	bolt "go.etcd.io/bbolt"

	"modellregion/edge"
	"modellregion/edge/radio"
	"modellregion/edge/semtech"
	"modellregion/internal/enddevice"
	"modellregion/internal/mqtt"
	"modellregion/uplink"
)

// desk is where an operator sits: it sends commands and reads what edges tell.
type desk struct {
	t      *testing.T
	client *mqtt.Client

	mu     sync.Mutex
	events []uplink.Event
	status map[string]uplink.Status // by edge
}

func startDesk(t *testing.T, addr string) *desk {
	t.Helper()
	d := &desk{t: t, status: map[string]uplink.Status{}}
	var err error
	d.client, err = mqtt.New(mqtt.Config{URL: "tcp://" + addr, Username: "platform", Password: password, ClientID: "desk"})
	if err != nil {
		t.Fatal(err)
	}
	d.client.Subscribe(uplink.Filter("+", uplink.KindEvent), 1, func(_ context.Context, m mqtt.Message) {
		e, err := uplink.DecodeEvent(m.Payload)
		if err != nil {
			t.Errorf("event %s: %v", m.Payload, err)
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.events = append(d.events, e)
	})
	d.client.Subscribe(uplink.Filter("+", uplink.KindStatus), 1, func(_ context.Context, m mqtt.Message) {
		topic, _ := uplink.ParseTopic(m.Topic)
		var s uplink.Status
		if err := json.Unmarshal(m.Payload, &s); err != nil {
			t.Errorf("status %s: %v", m.Payload, err)
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.status[topic.Edge] = s
	})
	background(t, d.client.Run)
	eventually(t, "the desk is connected", d.client.Connected)
	return d
}

func (d *desk) send(edge string, device lorawan.EUI64, c uplink.Command) {
	d.t.Helper()
	c.V = uplink.Version
	topic := uplink.Topic{Edge: edge, Kind: uplink.KindDown, EUI: uplink.EUI(device)}
	if err := d.client.Publish(d.t.Context(), mqtt.Message{Topic: topic.String(), QoS: 1, Payload: c.Encode()}); err != nil {
		d.t.Fatal(err)
	}
}

// told waits until these steps of a command were told, and no others.
func (d *desk) told(command string, steps ...string) {
	d.t.Helper()
	var got []string
	eventually(d.t, "steps of command "+command, func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		got = nil
		for _, e := range d.events {
			if e.Command == command {
				got = append(got, e.Event)
			}
		}
		return len(got) >= len(steps)
	})
	if !slices.Equal(got, steps) {
		d.t.Errorf("command %s: %v, want %v", command, got, steps)
	}
}

// endDevice is a personalised device and its entry in the list.
func endDevice(t *testing.T, version, class string) (*enddevice.Device, uplink.ListedDevice) {
	t.Helper()
	d, err := enddevice.New(enddevice.Config{
		Version: version, ClassC: class == "C", DevEUI: abpEUI, Battery: 255,
		Session: &enddevice.Session{DevAddr: abpAddr, FNwkSIntKey: abpKey, SNwkSIntKey: abpKey, NwkSEncKey: abpKey, AppSKey: abpKey},
	})
	if err != nil {
		t.Fatal(err)
	}
	l := list().Devices[1]
	l.LoRaWAN, l.Class = version, class
	if version == "1.1.0" {
		l.SNwkSIntKey, l.NwkSEncKey = l.NwkSKey, l.NwkSKey
	}
	return d, l
}

func listOf(l uplink.ListedDevice) uplink.DeviceList {
	all := list()
	all.Devices = []uplink.ListedDevice{l}
	return all
}

// transmit puts the device's next uplink on the air.
func (s *station) transmit(d *enddevice.Device, confirmed bool) {
	s.t.Helper()
	tx, err := d.Uplink(2, []byte{0, 1}, confirmed)
	if err != nil {
		s.t.Fatal(err)
	}
	s.token++
	s.send(semtech.AppendPushData(nil, s.token, s.gateway, []radio.Frame{{
		PHYPayload: tx.PHYPayload, Counter: uint64(s.token) * 10_000_000, FreqHz: tx.FreqHz, DataRate: tx.DataRate, RSSIdBm: -80, SNRdB: 9,
	}}, nil))
}

// deliver waits for a downlink and lets the device hear it, until one is a
// command.
func (s *station) deliver(d *enddevice.Device, last int) *enddevice.Heard {
	s.t.Helper()
	for {
		var o semtech.Order
		select {
		case o = <-s.downs:
		case <-time.After(patience):
			s.t.Fatal("no downlink")
		}
		w := radio.Window{FreqHz: o.FreqHz, DataRate: o.DataRate}
		if !o.Immediate {
			w.Delay = time.Duration(o.Counter-uint32(last)*10_000_000) * time.Microsecond
		}
		h, err := d.Hear(o.PHYPayload, w)
		if err != nil {
			s.t.Fatalf("%+v: %v", o, err)
		}
		if h.Port != nil {
			return h
		}
	}
}

func TestCommandToAClassCDevice(t *testing.T) {
	for _, version := range []string{"1.0.4", "1.1.0"} {
		t.Run(version, func(t *testing.T) {
			addr, _ := startBroker(t, "127.0.0.1:0")
			dev, listed := endDevice(t, version, "C")
			p := startPlatform(t, addr, listOf(listed))
			d := startDesk(t, addr)
			e, _ := open(t, t.TempDir(), addr)
			background(t, e.Run)
			eventually(t, "ready", ready(e))
			s := startStation(t, e)
			s.transmit(dev, false)
			eventually(t, "uplink", p.has(0, 0))
			if version == "1.1.0" { // now the network knows that it listens
				s.deliverAnswers(dev)
			}

			d.send("rathaus", abpEUI, uplink.Command{ID: "barrier-1", FPort: 5, Payload: []byte("open"), Confirmed: true})
			h := s.deliver(dev, int(s.token))
			if *h.Port != 5 || string(h.Payload) != "open" || !h.Confirmed {
				t.Errorf("the device heard %+v", h)
			}
			d.told("barrier-1", "queued", "sent")
			s.transmit(dev, false)
			d.told("barrier-1", "queued", "sent", "acked")
			d.mu.Lock()
			for _, e := range d.events {
				if e.Event == "sent" && (e.FCnt == nil || e.DevEUI != uplink.EUI(abpEUI)) {
					t.Errorf("sent: %+v", e)
				}
			}
			d.mu.Unlock()

			// What cannot be kept is told too.
			d.send("rathaus", abpEUI, uplink.Command{ID: "late", FPort: 5, Expires: time.Now().Add(-time.Hour)})
			d.told("late", "queued", "expired")
		})
	}
}

// deliverAnswers lets the device hear what is on its way to it now.
func (s *station) deliverAnswers(d *enddevice.Device) {
	s.t.Helper()
	select {
	case o := <-s.downs:
		w := radio.Window{FreqHz: o.FreqHz, DataRate: o.DataRate, Delay: time.Duration(o.Counter-uint32(s.token)*10_000_000) * time.Microsecond}
		if _, err := d.Hear(o.PHYPayload, w); err != nil {
			s.t.Fatal(err)
		}
	case <-time.After(patience):
		s.t.Fatal("no answer")
	}
}

func TestCommandSurvivesARestart(t *testing.T) {
	addr, _ := startBroker(t, "127.0.0.1:0")
	dev, listed := endDevice(t, "1.0.3", "A")
	startPlatform(t, addr, listOf(listed))
	d := startDesk(t, addr)
	dir := t.TempDir()
	e, _ := open(t, dir, addr)
	stop := background(t, e.Run)
	eventually(t, "ready", ready(e))
	d.send("rathaus", abpEUI, uplink.Command{ID: "c", FPort: 9, Payload: []byte{1, 2, 3}})
	d.told("c", "queued")
	stop()

	e, _ = open(t, dir, addr)
	background(t, e.Run)
	eventually(t, "ready", ready(e))
	s := startStation(t, e)
	s.refuse("TOO_LATE") // in the first window
	s.transmit(dev, false)
	<-s.downs
	if h := s.deliver(dev, int(s.token)); *h.Port != 9 || !bytes.Equal(h.Payload, []byte{1, 2, 3}) {
		t.Errorf("the device heard %+v", h)
	}
	d.told("c", "queued", "sent")
	// The same command once more is not sent again.
	d.send("rathaus", abpEUI, uplink.Command{ID: "c", FPort: 9, Payload: []byte{1, 2, 3}})
	d.told("c", "queued", "sent", "sent")
}

// A frame that only another edge has heard is an uplink of the edge that serves
// the device; one that both have heard is one uplink with two receptions.
func TestFramesBetweenEdges(t *testing.T) {
	addr, _ := startBroker(t, "127.0.0.1:0")
	p := startPlatform(t, addr, list())
	home, _ := open(t, t.TempDir(), addr)
	background(t, home.Run)
	away, err := edge.Open(edge.Config{
		Name: "feuerwache", Dir: t.TempDir(), UDP: "127.0.0.1:0", MQTT: edge.MQTT{URL: "tcp://" + addr, Password: password},
		DedupWindow: 10 * time.Millisecond, CommitInterval: 5 * time.Millisecond, Share: 1000,
	})
	if err != nil {
		t.Fatal(err)
	}
	background(t, away.Run)
	eventually(t, "ready", ready(home))
	none := mqtt.Message{Topic: uplink.Topic{Edge: "feuerwache", Kind: uplink.KindDevices}.String(), QoS: 1, Retained: true, Payload: []byte(`{"v":1,"version":1}`)}
	if err := p.client.Publish(t.Context(), none); err != nil {
		t.Fatal(err)
	}
	eventually(t, "ready, the other edge", ready(away))
	other := startStation(t, away)
	other.gateway = lorawan.EUI64{0xaa, 2}
	at := time.Now().UTC().Truncate(time.Millisecond)
	other.hear(abpFrame(t, 5), at)
	eventually(t, "uplink that another edge heard", p.has(5, 5))
	p.mu.Lock()
	u := p.uplinks[0]
	p.mu.Unlock()
	if len(u.RX) != 1 || u.RX[0].Gateway != uplink.EUI(other.gateway) || !u.Time.Equal(at) || u.TimeQuality != uplink.TimeGPS {
		t.Errorf("%+v", u)
	}
	// Heard at home as well, later: not a second uplink.
	own := startStation(t, home)
	own.hear(abpFrame(t, 5), at)
	own.hear(abpFrame(t, 6), at)
	eventually(t, "the next uplink", p.has(6, 6))
	if got := p.counters(); got[5] != 1 {
		t.Errorf("frame 5 arrived %d times", got[5])
	}
}

func TestUnknownGatewayIsShown(t *testing.T) {
	addr, stopBroker := startBroker(t, "127.0.0.1:0")
	stopBroker() // until the gateway has spoken: the next status is due in a minute
	allowed, err := semtech.ParseAllow("aa01000000000000@127.0.0.0/8")
	if err != nil {
		t.Fatal(err)
	}
	set := metrics.NewSet()
	e, err := edge.Open(edge.Config{
		Name: "rathaus", Dir: t.TempDir(), UDP: "127.0.0.1:0", MQTT: edge.MQTT{URL: "tcp://" + addr, Password: password},
		Gateways: []semtech.Allowed{allowed}, Metrics: set,
	})
	if err != nil {
		t.Fatal(err)
	}
	s := startStation(t, e)
	s.gateway = lorawan.EUI64{0xbb}
	background(t, e.Run)
	s.send(semtech.AppendPullData(nil, 1, s.gateway))
	eventually(t, "the unknown gateway is counted", func() bool { return reasons(set) > 0 })
	startBroker(t, addr)
	d := startDesk(t, addr)
	shown := func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		g := d.status["rathaus"].UnknownGateways
		return len(g) == 1 && g[0].Gateway == uplink.EUI(s.gateway) && g[0].Count > 0 && g[0].From != ""
	}
	eventually(t, "the unknown gateway in the status", shown)
}

// A database of the version before goes on: no nonce and no counter is
// forgotten.
func TestDatabaseOfTheVersionBefore(t *testing.T) {
	dir := t.TempDir()
	addr, _ := startBroker(t, "127.0.0.1:0")
	p := startPlatform(t, addr, list())
	record := []byte{1, 1, 0, 0, 0, 0, 0, 0, 0, 0}
	record = append(append(append(record, abpAddr[:]...), abpKey[:]...), abpKey[:]...)
	record = binary.BigEndian.AppendUint32(record, 10) // next up
	record = binary.BigEndian.AppendUint32(record, 4)  // next down
	record = append(record, 0, 7, 0, 9)                // nonces
	db, err := bolt.Open(filepath.Join(dir, "edge.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, name := range []string{"meta", "sessions", "outbox"} {
			if _, err := tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		return errorsOf(tx.Bucket([]byte("meta")).Put([]byte("epoch"), []byte("0a1b2c3d")), tx.Bucket([]byte("sessions")).Put(abpEUI[:], record))
	})
	if err := errorsOf(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	e, _ := open(t, dir, addr)
	stop := background(t, e.Run)
	eventually(t, "ready", ready(e))
	s := startStation(t, e)
	s.hear(abpFrame(t, 8), time.Now())
	s.hear(abpFrame(t, 10), time.Now())
	eventually(t, "next frame", p.has(10, 10))
	if p.counters()[8] != 0 {
		t.Error("a frame was accepted again")
	}
	stop()
	if db, err = bolt.Open(filepath.Join(dir, "edge.db"), 0o600, nil); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	err = db.View(func(tx *bolt.Tx) error {
		if got := tx.Bucket([]byte("nonces")).Get(abpEUI[:]); !bytes.HasPrefix(got, []byte{0, 7, 0, 9}) || len(got) != 8 {
			t.Errorf("nonces %x", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
