package edge_test

import (
	"context"
	"crypto/aes"
	"encoding/json"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/brocaar/lorawan"
	bolt "go.etcd.io/bbolt"

	"modellregion/edge"
	"modellregion/edge/radio"
	"modellregion/edge/semtech"
	"modellregion/internal/broker"
	"modellregion/internal/mqtt"
	"modellregion/uplink"
)

// These tests run an edge as its program does: a real socket, a real database,
// a real broker, and a platform made of a map.

const patience = 20 * time.Second

// eventually waits until ok holds, and fails the test when it never does.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, patience)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// background runs something until the returned function ends it.
func background(t *testing.T, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

const password = "0123456789abcdef"

func startBroker(t *testing.T, addr string) (string, func()) {
	t.Helper()
	b, err := broker.Listen(broker.Config{Addr: addr, Identities: []broker.Identity{
		{User: "platform", Password: password, Role: broker.Platform},
		{User: "rathaus", Password: password, Role: broker.Edge},
		{User: "feuerwache", Password: password, Role: broker.Edge},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return b.Addr().String(), background(t, b.Run)
}

// platform takes batches and confirms them while confirming is true.
type platform struct {
	client *mqtt.Client

	mu         sync.Mutex
	confirming bool
	uplinks    []uplink.Uplink // in order of arrival
	epochs     map[string]bool
}

func startPlatform(t *testing.T, addr string, list uplink.DeviceList) *platform {
	t.Helper()
	p := &platform{confirming: true, epochs: map[string]bool{}}
	payload, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	p.client, err = mqtt.New(mqtt.Config{URL: "tcp://" + addr, Username: "platform", Password: password, ClientID: "platform",
		OnUp: func(ctx context.Context) {
			m := mqtt.Message{Topic: uplink.Topic{Edge: "rathaus", Kind: uplink.KindDevices}.String(), Payload: payload, QoS: 1, Retained: true}
			if err := p.client.Publish(ctx, m); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	p.client.Subscribe(uplink.Filter("+", uplink.KindUp), 1, func(ctx context.Context, m mqtt.Message) {
		b, refused, err := uplink.DecodeBatch(m.Payload)
		if err != nil || refused != nil {
			t.Errorf("the edge published %s: %v %v", m.Payload, refused, err)
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.uplinks = append(p.uplinks, b.Uplinks...)
		p.epochs[b.Epoch] = true
		if !p.confirming {
			return
		}
		var seqs []uint64
		for _, u := range b.Uplinks {
			seqs = append(seqs, u.Seq)
		}
		stored := mqtt.Message{Topic: uplink.Topic{Edge: "rathaus", Kind: uplink.KindStored}.String(), QoS: 1, Payload: uplink.NewStored(b.Epoch, seqs).Encode()}
		if err := p.client.PublishAsync(ctx, stored, func(error) {}); err != nil {
			t.Log(err)
		}
	})
	background(t, p.client.Run)
	return p
}

func (p *platform) confirm(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.confirming = on
}

// counters returns how often each frame counter arrived.
func (p *platform) counters() map[uint32]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[uint32]int{}
	for _, u := range p.uplinks {
		out[u.FCnt]++
	}
	return out
}

func (p *platform) has(from, to uint32) func() bool {
	return func() bool {
		got := p.counters()
		for n := from; n <= to; n++ {
			if got[n] == 0 {
				return false
			}
		}
		return true
	}
}

// station is a packet forwarder with one device behind it.
type station struct {
	t       *testing.T
	conn    net.Conn
	gateway lorawan.EUI64
	token   uint16
	downs   chan semtech.Order
	known   atomic.Bool // to the edge

	mu   sync.Mutex
	word string // that the next downlink is refused with
}

// pulled reports whether the edge knows where the station is.
func (s *station) pulled() bool { return s.known.Load() }

// refuse lets the station refuse its next downlink.
func (s *station) refuse(word string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.word = word
}

func startStation(t *testing.T, e *edge.Edge) *station {
	t.Helper()
	conn, err := net.Dial("udp", e.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s := &station{t: t, conn: conn, gateway: lorawan.EUI64{0xaa, 1}, downs: make(chan semtech.Order, 16)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 65536)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			p, err := semtech.Parse(buf[:n])
			if err == nil && p.Kind == semtech.PullAck {
				s.known.Store(true)
			}
			if err != nil || p.Kind != semtech.PullResp {
				continue
			}
			d, err := semtech.ParsePullResp(p)
			if err != nil {
				t.Error(err)
				continue
			}
			s.mu.Lock()
			word := s.word
			s.word = ""
			s.mu.Unlock()
			s.send(semtech.AppendTXAck(nil, p.Token, s.gateway, word))
			select {
			case s.downs <- d:
			default: // nobody asks
			}
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	s.send(semtech.AppendPullData(nil, 1, s.gateway))
	return s
}

func (s *station) send(datagram []byte) {
	if _, err := s.conn.Write(datagram); err != nil {
		s.t.Error(err)
	}
}

func (s *station) hear(phy []byte, at time.Time) {
	s.token++
	s.send(semtech.AppendPushData(nil, s.token, s.gateway, []radio.Frame{{
		PHYPayload: phy, Gateway: s.gateway, Time: at, Counter: uint64(s.token) * 1000, FreqHz: 868_100_000,
		DataRate: radio.DataRate{SpreadingFactor: 7, BandwidthKHz: 125}, RSSIdBm: -80, SNRdB: 9,
	}}, nil))
}

var (
	appKey  = lorawan.AES128Key{1, 2, 3}
	devEUI  = lorawan.EUI64{0x70, 1}
	joinEUI = lorawan.EUI64{0x70, 2}
	abpKey  = lorawan.AES128Key{4, 5, 6}
	abpAddr = lorawan.DevAddr{1, 2, 3, 4}
	abpEUI  = lorawan.EUI64{0x70, 3}
)

func list() uplink.DeviceList {
	source, _ := json.Marshal(map[string]string{"kind": "layout", "source": "ports: {2: {fields: [{at: 0, type: u16, quantity: vehicle_count, channel: lane1}]}, 3: {skip: true}}"})
	return uplink.DeviceList{V: 1, Version: 1, Profiles: map[string]json.RawMessage{"counter": source}, Devices: []uplink.ListedDevice{
		{DevEUI: uplink.EUI(devEUI), JoinEUI: uplink.EUI(joinEUI), Domain: uplink.Traffic, Profile: "counter", AppKey: appKey.String()},
		{DevEUI: uplink.EUI(abpEUI), Domain: uplink.Traffic, Profile: "counter", DevAddr: abpAddr.String(), NwkSKey: abpKey.String(), AppSKey: abpKey.String()},
	}}
}

// frame is a data frame whose payload counts as many vehicles as frames.
func frame(t *testing.T, addr lorawan.DevAddr, nwk, app lorawan.AES128Key, fCnt uint32, port uint8) []byte {
	t.Helper()
	phy := lorawan.PHYPayload{
		MHDR: lorawan.MHDR{MType: lorawan.UnconfirmedDataUp},
		MACPayload: &lorawan.MACPayload{FHDR: lorawan.FHDR{DevAddr: addr, FCnt: fCnt}, FPort: &port,
			FRMPayload: []lorawan.Payload{&lorawan.DataPayload{Bytes: []byte{byte(fCnt >> 8), byte(fCnt)}}}},
	}
	if err := phy.EncryptFRMPayload(app); err != nil {
		t.Fatal(err)
	}
	if err := phy.SetUplinkDataMIC(lorawan.LoRaWAN1_0, 0, 0, 0, nwk, nwk); err != nil {
		t.Fatal(err)
	}
	data, err := phy.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func joinRequest(t *testing.T, nonce lorawan.DevNonce) []byte {
	t.Helper()
	phy := lorawan.PHYPayload{
		MHDR:       lorawan.MHDR{MType: lorawan.JoinRequest},
		MACPayload: &lorawan.JoinRequestPayload{JoinEUI: joinEUI, DevEUI: devEUI, DevNonce: nonce},
	}
	if err := phy.SetUplinkJoinMIC(appKey); err != nil {
		t.Fatal(err)
	}
	data, err := phy.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func abpFrame(t *testing.T, fCnt uint32) []byte { return frame(t, abpAddr, abpKey, abpKey, fCnt, 2) }

// open opens an edge with short times in dir.
func open(t *testing.T, dir, brokerAddr string) (*edge.Edge, *metrics.Set) {
	t.Helper()
	set := metrics.NewSet()
	e, err := edge.Open(edge.Config{
		Name: "rathaus", Dir: dir, UDP: "127.0.0.1:0", MQTT: edge.MQTT{URL: "tcp://" + brokerAddr, Password: password},
		DedupWindow: 10 * time.Millisecond, CommitInterval: 5 * time.Millisecond, Share: edge.DefaultShare, Metrics: set,
	})
	if err != nil {
		t.Fatal(err)
	}
	return e, set
}

func ready(e *edge.Edge) func() bool { return func() bool { return e.Ready() == nil } }

func emptied(t *testing.T, e *edge.Edge) func() bool {
	t.Helper()
	return func() bool { return e.Outbox() == 0 }
}

func TestJoinDecodePublishConfirm(t *testing.T) {
	addr, _ := startBroker(t, "127.0.0.1:0")
	p := startPlatform(t, addr, list())
	e, _ := open(t, t.TempDir(), addr)
	background(t, e.Run)
	eventually(t, "ready", ready(e))
	s := startStation(t, e)

	s.hear(joinRequest(t, 7), time.Now())
	var down semtech.Order
	select {
	case down = <-s.downs:
	case <-time.After(patience):
		t.Fatal("no join accept")
	}
	if down.FreqHz != 868_100_000 {
		t.Errorf("join accept on %d Hz", down.FreqHz)
	}
	addrGiven, nwk, app := accepted(t, down.PHYPayload, 7)
	at := time.Date(2026, 11, 1, 12, 0, 0, 987e6, time.UTC)
	s.hear(frame(t, addrGiven, nwk, app, 0, 2), at)
	eventually(t, "uplink", p.has(0, 0))
	p.mu.Lock()
	u := p.uplinks[0]
	p.mu.Unlock()
	if u.Seq != 1 || !u.Time.Equal(at) || u.TimeQuality != uplink.TimeGPS || u.DR != 5 || len(u.RX) != 1 || u.RX[0].RSSIdBm != -80 ||
		!slices.Equal(u.Readings, []uplink.Reading{{Quantity: "vehicle_count", Channel: "lane1", Value: 0}}) {
		t.Errorf("%+v", u)
	}
	eventually(t, "outbox empty after the confirmation", emptied(t, e))
}

// accepted does what a device does with a join accept (LoRaWAN 1.0.4 §6.2.3).
func accepted(t *testing.T, data []byte, nonce lorawan.DevNonce) (addr lorawan.DevAddr, nwk, app lorawan.AES128Key) {
	t.Helper()
	var phy lorawan.PHYPayload
	if err := phy.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	if err := phy.DecryptJoinAcceptPayload(appKey); err != nil {
		t.Fatal(err)
	}
	if ok, err := phy.ValidateDownlinkJoinMIC(lorawan.JoinRequestType, joinEUI, nonce, appKey); err != nil || !ok {
		t.Fatalf("MIC of the join accept is wrong (%v)", err)
	}
	a := phy.MACPayload.(*lorawan.JoinAcceptPayload)
	block, err := aes.NewCipher(appKey[:])
	if err != nil {
		t.Fatal(err)
	}
	key := func(kind byte) (k lorawan.AES128Key) {
		in := [16]byte{kind, byte(a.JoinNonce), byte(a.JoinNonce >> 8), byte(a.JoinNonce >> 16),
			a.HomeNetID[2], a.HomeNetID[1], a.HomeNetID[0], byte(nonce), byte(nonce >> 8)}
		block.Encrypt(k[:], in[:])
		return k
	}
	return a.DevAddr, key(1), key(2)
}

// shown returns the lines of an exposition of metrics.
func shown(set *metrics.Set) []string {
	var b strings.Builder
	set.WritePrometheus(&b)
	return strings.Split(b.String(), "\n")
}

// reasons returns for how many reasons frames were dropped.
func reasons(set *metrics.Set) (n int) {
	for _, line := range shown(set) {
		if strings.HasPrefix(line, "modellregion_edge_dropped_total{") {
			n++
		}
	}
	return n
}

func TestWhatIsDroppedIsCounted(t *testing.T) {
	addr, _ := startBroker(t, "127.0.0.1:0")
	p := startPlatform(t, addr, list())
	e, set := open(t, t.TempDir(), addr)
	background(t, e.Run)
	eventually(t, "ready", ready(e))
	s := startStation(t, e)
	count := func(name string) func() bool {
		return func() bool { return slices.Contains(shown(set), name+" 1") }
	}
	dropped := func(reason string) func() bool {
		return count(`modellregion_edge_dropped_total{reason="` + reason + `"}`)
	}

	s.send([]byte("garbage"))
	eventually(t, "garbage counted", dropped("version"))
	s.send([]byte("\x02\x00\x01\x00\xaa\x01\x00\x00\x00\x00\x00\x00{garbage"))
	eventually(t, "garbage in a datagram counted", dropped("malformed"))
	s.hear([]byte("\x40frame"), time.Now())
	eventually(t, "garbage in a frame counted", dropped("not_lorawan"))
	now := time.Now()
	s.hear(abpFrame(t, 5), now)
	eventually(t, "good frame", p.has(5, 5))
	s.hear(abpFrame(t, 5), now)
	eventually(t, "repeated frame counted", dropped("repeat"))
	s.hear(abpFrame(t, 3), now)
	eventually(t, "replayed frame counted", dropped("replay"))
	s.hear(frame(t, abpAddr, appKey, abpKey, 6, 2), now)
	eventually(t, "wrong MIC counted", dropped("mic"))
	s.hear(frame(t, lorawan.DevAddr{9}, abpKey, abpKey, 6, 2), now)
	eventually(t, "unknown device counted", dropped("unknown_device"))

	// A payload that no codec accepts is counted and passed on as it is.
	s.hear(frame(t, abpAddr, abpKey, abpKey, 6, 77), now)
	eventually(t, "codec error counted", count("modellregion_edge_codec_errors_total"))
	eventually(t, "undecoded uplink", p.has(6, 6))
	p.mu.Lock()
	u := p.uplinks[len(p.uplinks)-1]
	p.mu.Unlock()
	if !strings.Contains(u.Error, "no port 77") || len(u.Payload) != 2 || len(u.Readings) != 0 {
		t.Errorf("undecoded uplink: %+v", u)
	}

	// One that its codec skips is neither passed on nor an error.
	s.hear(frame(t, abpAddr, abpKey, abpKey, 7, 3), now)
	s.hear(abpFrame(t, 8), now)
	eventually(t, "uplink after one that is skipped", p.has(8, 8))
	if p.has(7, 7)() || !count("modellregion_edge_codec_errors_total")() {
		t.Error("a skipped payload was passed on, or counted as an error")
	}

	// Bad words from the platform change nothing.
	for _, kind := range []uplink.Kind{uplink.KindStored, uplink.KindDevices} {
		m := mqtt.Message{Topic: uplink.Topic{Edge: "rathaus", Kind: kind}.String(), QoS: 1, Payload: []byte("\x00garbage")}
		if err := p.client.Publish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		eventually(t, "bad message counted", count(`modellregion_edge_bad_messages_total{kind="`+string(kind)+`"}`))
	}
	s.hear(abpFrame(t, 9), now)
	eventually(t, "good frame after all of that", p.has(9, 9))
	if n := reasons(set); n != 7 {
		t.Errorf("%d reasons, want one for each fault", n)
	}
}

func TestNothingIsLostWhenAllIsAway(t *testing.T) {
	addr, stopBroker := startBroker(t, "127.0.0.1:0")
	p := startPlatform(t, addr, list())
	dir := t.TempDir()
	e, _ := open(t, dir, addr)
	stopEdge := background(t, e.Run)
	eventually(t, "ready", ready(e))
	s := startStation(t, e)
	at := time.Now()
	s.hear(abpFrame(t, 0), at)
	eventually(t, "first uplink", p.has(0, 0))
	eventually(t, "outbox empty", emptied(t, e))

	// The platform is silent: uplinks arrive and stay on disk.
	p.confirm(false)
	s.hear(abpFrame(t, 1), at)
	eventually(t, "unconfirmed uplink", p.has(1, 1))

	// The broker is away: uplinks stay on disk.
	stopBroker()
	for n := uint32(2); n <= 40; n++ {
		s.hear(abpFrame(t, n), at)
	}
	eventually(t, "40 uplinks on disk", func() bool { return e.Outbox() == 40 })

	// The edge itself stops and starts again, with the platform away.
	stopEdge()
	e, set := open(t, dir, addr)
	background(t, e.Run)
	if n := e.Outbox(); n != 40 {
		t.Errorf("%d uplinks on disk after the restart, want 40", n)
	}
	s = startStation(t, e)
	s.hear(abpFrame(t, 39), at) // a replay over the restart
	s.hear(abpFrame(t, 41), at) // served from the list on disk

	// All come back.
	p.confirm(true)
	startBroker(t, addr)
	eventually(t, "all uplinks", p.has(0, 41))
	eventually(t, "outbox empty", emptied(t, e))
	seqs := map[uint64]uint32{}
	times := map[uint32]time.Time{}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, u := range p.uplinks {
		if other, ok := seqs[u.Seq]; ok && other != u.FCnt {
			t.Errorf("seq %d was given to frames %d and %d", u.Seq, other, u.FCnt)
		}
		seqs[u.Seq] = u.FCnt
		if first, ok := times[u.FCnt]; ok && !first.Equal(u.Time) {
			t.Errorf("frame %d was sent with times %v and %v", u.FCnt, first, u.Time)
		}
		times[u.FCnt] = u.Time
	}
	if len(seqs) != 42 || len(p.epochs) != 1 {
		t.Errorf("%d uplinks under %d epochs, want 42 under one", len(seqs), len(p.epochs))
	}
	if got := reasons(set); got != 1 {
		t.Errorf("%d reasons to drop after the restart, want the replay alone", got)
	}
}

func TestDamagedDatabaseIsRefused(t *testing.T) {
	dir := t.TempDir()
	e, _ := open(t, dir, "127.0.0.1:1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Run(ctx); err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(filepath.Join(dir, "edge.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		return errorsOf(
			tx.Bucket([]byte("sessions")).Put(abpEUI[:], []byte("torn")),
			tx.Bucket([]byte("meta")).Put([]byte("devices"), []byte(`{"v":1,"version":1}`)),
		)
	})
	if err := errorsOf(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	_, err = edge.Open(edge.Config{Name: "rathaus", Dir: dir, UDP: "127.0.0.1:0", MQTT: edge.MQTT{URL: "tcp://127.0.0.1:1"}})
	if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "edge.db")) || !strings.Contains(err.Error(), "sessions") {
		t.Errorf("error %v, want it to name the file and the sessions, of which there is one that was never written", err)
	}
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestOpenErrors(t *testing.T) {
	busy, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()
	good := edge.Config{Name: "rathaus", UDP: "127.0.0.1:0", MQTT: edge.MQTT{URL: "tcp://127.0.0.1:1"}}
	for _, c := range []struct {
		name   string
		change func(*edge.Config)
		want   string
	}{
		{"name", func(c *edge.Config) { c.Name = "Rathaus" }, "edge name"},
		{"port", func(c *edge.Config) { c.UDP = busy.LocalAddr().String() }, busy.LocalAddr().String()},
		{"broker", func(c *edge.Config) { c.MQTT.URL = "http://x" }, "http"},
		{"folder", func(c *edge.Config) { c.Dir = "/dev/null/edge" }, "/dev/null"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := good
			cfg.Dir = t.TempDir()
			c.change(&cfg)
			if _, err := edge.Open(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want it to name %s", err, c.want)
			}
		})
	}
}

// What a device says of itself is an uplink too, also without a payload.
func TestDeviceStatus(t *testing.T) {
	addr, _ := startBroker(t, "127.0.0.1:0")
	p := startPlatform(t, addr, list())
	e, _ := open(t, t.TempDir(), addr)
	background(t, e.Run)
	eventually(t, "ready", ready(e))
	s := startStation(t, e)
	for i, battery := range []byte{127, 255, 0} {
		phy := lorawan.PHYPayload{
			MHDR: lorawan.MHDR{MType: lorawan.UnconfirmedDataUp},
			MACPayload: &lorawan.MACPayload{FHDR: lorawan.FHDR{DevAddr: abpAddr, FCnt: uint32(i),
				FOpts: []lorawan.Payload{&lorawan.DataPayload{Bytes: []byte{byte(lorawan.DevStatusAns), battery, 64 - 3}}}}},
		}
		if err := phy.SetUplinkDataMIC(lorawan.LoRaWAN1_0, 0, 0, 0, abpKey, abpKey); err != nil {
			t.Fatal(err)
		}
		data, err := phy.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		s.hear(data, time.Now())
	}
	eventually(t, "three statuses", p.has(0, 2))
	margin := uplink.Reading{Quantity: "link_margin", Value: -3}
	want := [][]uplink.Reading{{margin, {Quantity: "battery_level", Value: 49.8}}, {margin}, {margin}}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, u := range p.uplinks {
		if !slices.Equal(u.Readings, want[u.FCnt]) || u.FPort != 0 {
			t.Errorf("uplink %d: %+v, want %v", i, u, want[u.FCnt])
		}
	}
}
