package e2e

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/brocaar/lorawan"
	"github.com/brocaar/lorawan/band"

	"modellregion/devices"
	"modellregion/edge/radio"
	"modellregion/edge/semtech"
	"modellregion/internal/enddevice"
	"modellregion/uplink"
)

// The region is US915: in Europe the law's airtime would be used up within
// minutes at this rate of confirmed uplinks and joins, and nothing would be
// answered any more.

const (
	framesPerSecond = 500
	beat            = 20 * time.Millisecond // in which one frame is replayed, too
	maxBurst        = 40                    // frames in one beat, to catch up
	maxBehind       = 250                   // frames that are caught up after a pause of the machine
	fleetNodes      = 64
	fleetGateways   = 4
	maxInDatagram   = 4
	pullEvery       = 25 // beats
)

// node is a device. A patient one waits for the answer to each frame; the
// others send as fast as the rate wants, and hardly ever hear anything.
type node struct {
	eui     lorawan.EUI64
	listed  uplink.ListedDevice
	device  *enddevice.Device
	version string
	joins   bool
	patient bool
	home    int // its forwarder

	session *session
	last    *transmission
	until   time.Time // a patient one waits
	unheard int       // transmissions of what it sent last, none of them answered
	left    int       // frames until it joins again
}

const (
	answerWithin = 600 * time.Millisecond // as patient devices hope; it takes some 300 ms
	repeats      = 2                      // of a frame that is not answered
	joinTries    = 4                      // until a device goes on with the session that it has
	joinEvery    = 8                      // frames, on average
	confirmOne   = 8                      // of so many frames of an impatient device one asks for an answer
)

func keyOf(i int, kind byte) lorawan.AES128Key { return lorawan.AES128Key{kind, byte(i), 0x5a, kind} }

// newNode returns one of the fleet: of eight one joins as 1.0.4, one as 1.1 and
// six are personalised, of which one waits for answers.
func newNode(t *testing.T, i int) *node {
	t.Helper()
	n := &node{
		eui: lorawan.EUI64{0x70, 0xb3, 0xd5, 7: byte(i)}, home: i % fleetGateways,
		joins: i%8 < 2, patient: i%8 < 3, version: []string{"1.0.4", "1.1.0", "1.0.2", "1.0.3"}[min(i%8, 3)],
	}
	joinEUI := lorawan.EUI64{0x70, 0xb3, 0xd5, 7: 0xff}
	cfg := enddevice.Config{Version: n.version, Band: band.US915, DevEUI: n.eui}
	n.listed = uplink.ListedDevice{DevEUI: uplink.EUI(n.eui), Domain: uplink.Domains()[i/8%4], Profile: "layout", LoRaWAN: n.version}
	if scripted(n.eui) {
		n.listed.Profile = "script"
	}
	if n.joins {
		cfg.JoinEUI, cfg.AppKey = joinEUI, keyOf(i, 1)
		n.listed.JoinEUI, n.listed.AppKey = uplink.EUI(joinEUI), cfg.AppKey.String()
		if n.version == "1.1.0" {
			cfg.NwkKey = keyOf(i, 2)
			n.listed.NwkKey = cfg.NwkKey.String()
		}
	} else {
		nwk, app, addr := keyOf(i, 3), keyOf(i, 4), lorawan.DevAddr{0x26, 1, 2, byte(i)}
		cfg.Session = &enddevice.Session{DevAddr: addr, FNwkSIntKey: nwk, SNwkSIntKey: nwk, NwkSEncKey: nwk, AppSKey: app}
		n.listed.DevAddr, n.listed.NwkSKey, n.listed.AppSKey = addr.String(), nwk.String(), app.String()
	}
	var err error
	if n.device, err = enddevice.New(cfg); err != nil {
		t.Fatal(err)
	}
	// The channels that the network has, at a data rate that has room for MAC
	// commands beside the payload.
	if err := errors.Join(n.device.SetChannels(8, 9, 10, 11, 12, 13, 14, 15, 65), n.device.SetDR(3)); err != nil {
		t.Fatal(err)
	}
	return n
}

// root is the key of the device's join accepts.
func (n *node) root() lorawan.AES128Key {
	i := int(n.eui[7])
	if n.version == "1.1.0" {
		return keyOf(i, 2)
	}
	return keyOf(i, 1)
}

// begin notes the session that the device has now.
func (n *node) begin(l *ledger) {
	number := uint16(0)
	if n.session != nil {
		number = n.session.number + 1
	}
	n.session = &session{device: n.eui, number: number, addr: n.device.Session().DevAddr, modern: n.version == "1.1.0"}
	l.begin(n.session)
}

// next returns what the device sends now.
func (n *node) next(now time.Time, r *rand.Rand) (*transmission, radio.DataRate, error) {
	if n.patient {
		n.until = now.Add(answerWithin)
	}
	n.unheard++
	if n.joins && n.left <= 0 {
		if n.unheard <= joinTries || n.session == nil {
			return n.join()
		}
		n.unheard, n.left = 1, joinEvery/4
	}
	if n.patient && n.unheard > 1 && n.unheard <= 1+repeats {
		if out, ok := n.device.Repeat(); ok {
			return n.transmit(out, n.session), out.DataRate, nil
		}
	}
	n.unheard = 1
	n.left--
	payload := binary.BigEndian.AppendUint16(nil, n.session.number)
	payload = binary.BigEndian.AppendUint32(payload, n.device.Session().FCntUp)
	out, err := n.device.Uplink(2, payload, n.patient || r.IntN(confirmOne) == 0)
	return n.transmit(out, n.session), out.DataRate, err
}

func (n *node) join() (*transmission, radio.DataRate, error) {
	out, err := n.device.JoinRequest()
	tx := n.transmit(out, nil)
	if err == nil {
		tx.nonce = lorawan.DevNonce(binary.LittleEndian.Uint16(out.PHYPayload[17:]))
	}
	return tx, out.DataRate, err
}

func (n *node) transmit(out enddevice.Transmission, s *session) *transmission {
	n.last = &transmission{node: n, session: s, fCnt: out.FCnt, freqHz: out.FreqHz, phy: out.PHYPayload}
	return n.last
}

// downlink is what a gateway has put on the air.
type downlink struct {
	semtech.Order
	answers *transmission
	delay   time.Duration
}

// hear takes a downlink. A device that has sent something else meanwhile, or
// has had its answer, does not listen.
func (n *node) hear(d downlink, now time.Time, r *rand.Rand, l *ledger) {
	if n.last != d.answers || len(n.device.Windows()) == 0 {
		return
	}
	h, err := n.device.Hear(d.PHYPayload, radio.Window{Delay: d.delay, FreqHz: d.FreqHz, DataRate: d.DataRate})
	l.tally(func(c *counts) {
		c.heard++
		if err != nil {
			l.fault("DOWNLINK: %s does not understand the answer to what it sent last: %v", n.eui, err)
		} else if h.Join {
			c.joins++
		}
	})
	if err != nil {
		return
	}
	n.until, n.unheard = now, 0
	if h.Join {
		n.begin(l)
		n.left = joinEvery/2 + r.IntN(joinEvery)
	}
}

// fleet is everything that is on the air: devices, the forwarders that hear
// them, and somebody who records it all and plays it again.
type fleet struct {
	t          *testing.T
	ledger     *ledger
	nodes      []*node
	forwarders []*forwarder
	attacker   *forwarder

	mu    sync.Mutex
	inbox []downlink

	sending sync.Mutex // held while the frames of one beat go out
	life    int        // of the edge's program

	// Of the goroutine that sends.
	random   *rand.Rand
	serial   uint32
	turn     int // of the impatient nodes
	recorded []recording
	joins    []recording // those of them that are join requests
}

// recording is a frame that the attacker has heard.
type recording struct {
	*transmission
	rate radio.DataRate
}

func newFleet(t *testing.T, seed uint64, to netip.AddrPort, l *ledger) *fleet {
	t.Helper()
	f := &fleet{t: t, ledger: l, random: rand.New(rand.NewPCG(seed, 1))}
	for i := range fleetNodes {
		n := newNode(t, i)
		if !n.joins {
			n.begin(l)
		}
		f.nodes = append(f.nodes, n)
	}
	for i := range fleetGateways + 1 {
		f.forwarders = append(f.forwarders, newForwarder(f, lorawan.EUI64{0xaa, 7: byte(i)}, to, rand.New(rand.NewPCG(seed, uint64(2+i)))))
	}
	f.attacker = f.forwarders[fleetGateways]
	f.forwarders = f.forwarders[:fleetGateways]
	return f
}

// scripted reports whether a device's codec is one in JavaScript.
func scripted(device lorawan.EUI64) bool { return device[7]%2 == 1 }

// devices is the list that the platform has of them.
func (f *fleet) devices() uplink.DeviceList {
	const layout = "ports: {2: {length: 6, fields: [{at: 0, type: u16, quantity: vehicle_count, channel: session}, {at: 2, type: u32, quantity: vehicle_count, channel: frame}]}}"
	// Every hundredth payload takes it longer than a commit waits.
	const script = `function decodeUplink(input) {
		var b = input.bytes, frame = (b[2] << 24 | b[3] << 16 | b[4] << 8 | b[5]) >>> 0;
		for (var i = 0; frame % 100 === 7 && i < 2e5; i++);
		return { data: { session: b[0] << 8 | b[1], frame: frame } };
	}`
	list := uplink.DeviceList{V: uplink.Version, Version: 1, Profiles: map[string]json.RawMessage{}}
	for id, codec := range map[string]devices.Codec{
		"layout": {Kind: "layout", Source: layout},
		"script": {Kind: "javascript", Source: script, Map: []devices.Mapping{
			{Path: "session", Quantity: "vehicle_count", Channel: "session"}, {Path: "frame", Quantity: "vehicle_count", Channel: "frame"},
		}},
	} {
		list.Profiles[id], _ = json.Marshal(codec) // text and numbers have a JSON form
	}
	for _, n := range f.nodes {
		list.Devices = append(list.Devices, n.listed)
	}
	return list
}

// run sends until ctx ends.
func (f *fleet) run(ctx context.Context) {
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	last, due := time.Now(), 0.0
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := time.Now()
		due = min(due+framesPerSecond*now.Sub(last).Seconds(), maxBehind)
		last = now
		f.deliver(now)
		count := min(int(due), maxBurst)
		f.transmit(count, n, now)
		due -= float64(count)
		f.attack()
		if n%pullEvery == 0 {
			for _, w := range append(f.forwarders, f.attacker) {
				w.send(semtech.AppendPullData(nil, w.next(), w.gateway))
			}
		}
	}
}

// born notes that the next life of the edge's program begins. What was sent as
// of the one before is out by then.
func (f *fleet) born(life int) {
	f.sending.Lock()
	defer f.sending.Unlock()
	f.life = life
}

// deliver gives the devices what is on the air for them.
func (f *fleet) deliver(now time.Time) {
	f.mu.Lock()
	inbox := f.inbox
	f.inbox = nil
	f.mu.Unlock()
	for _, d := range inbox {
		d.answers.node.hear(d, now, f.random, f.ledger)
	}
}

// transmit lets so many devices send: the patient ones whose time has come, and
// others in turn. No device sends twice in one beat, so that a frame is through
// all gateways that hear it before the next one of its device: one that came
// later would be refused as a replay, with right.
func (f *fleet) transmit(count, beat int, now time.Time) {
	f.sending.Lock()
	defer f.sending.Unlock()
	heard := make([][]radio.Frame, fleetGateways)
	carried := make([][]*transmission, fleetGateways)
	for _, n := range f.senders(count, now) {
		tx, rate, err := n.next(now, f.random)
		if err != nil {
			f.t.Error(err)
			continue
		}
		tx.sent = moment{f.life, beat}
		f.register(tx)
		f.record(recording{tx, rate})
		by := []int{n.home}
		if f.random.IntN(10) == 0 {
			by = append(by, (n.home+1)%fleetGateways)
		}
		for _, g := range by {
			heard[g] = append(heard[g], f.frame(tx, rate))
			carried[g] = append(carried[g], tx)
		}
	}
	for g, w := range f.forwarders {
		for len(heard[g]) > 0 {
			n := min(1+f.random.IntN(maxInDatagram), len(heard[g]))
			w.push(heard[g][:n], slices.Clone(carried[g][:n]))
			heard[g], carried[g] = heard[g][n:], carried[g][n:]
		}
	}
}

func (f *fleet) senders(count int, now time.Time) []*node {
	var out []*node
	for _, n := range f.nodes {
		if n.patient && !now.Before(n.until) && len(out) < count {
			out = append(out, n)
		}
	}
	for range f.nodes {
		if f.turn++; !f.nodes[f.turn%fleetNodes].patient && len(out) < count {
			out = append(out, f.nodes[f.turn%fleetNodes])
		}
		if len(out) == count {
			break
		}
	}
	return out
}

// register gives a transmission its counter. They are 16 s apart, so that the
// counter of a downlink tells which frame it answers: no two of them, modulo
// 2^32 µs, differ by the difference of two windows.
func (f *fleet) register(tx *transmission) {
	f.serial++
	tx.counter = f.serial * 16_000_000
	f.ledger.sent(tx)
	f.ledger.tally(func(c *counts) {
		c.transmissions++
		if tx.session == nil {
			c.joinRequests++
		}
	})
}

func (f *fleet) record(r recording) {
	f.recorded = append(f.recorded, r)
	if r.session == nil {
		f.joins = append(f.joins, r)
	}
}

// frame is a transmission as a gateway hears it.
func (f *fleet) frame(tx *transmission, rate radio.DataRate) radio.Frame {
	return radio.Frame{
		PHYPayload: tx.phy, Counter: uint64(tx.counter), FreqHz: tx.freqHz, DataRate: rate,
		RSSIdBm: -60 - f.random.IntN(60), SNRdB: float64(f.random.IntN(20)) - 10,
	}
}

// attack plays one frame again, in the name of one of the gateways or of its
// own: half of the time one of the last seconds, and now and then a join
// request. Half of them are exact copies; the others pretend to be heard anew.
func (f *fleet) attack() {
	if len(f.joins) == 0 {
		return
	}
	from := f.recorded
	switch f.random.IntN(5) {
	case 0:
		from = f.joins
	case 1, 2:
		from = f.recorded[max(0, len(f.recorded)-1000):]
	}
	r := from[f.random.IntN(len(from))]
	f.ledger.tally(func(c *counts) {
		c.replays++
		if r.session == nil {
			c.joinReplays++
		}
	})
	if f.random.IntN(2) == 0 {
		again := *r.transmission
		r.transmission = &again
		f.serial++
		again.counter = f.serial * 16_000_000
		f.ledger.sent(&again)
	}
	name := f.attacker.gateway
	if f.random.IntN(3) > 0 {
		name = f.forwarders[f.random.IntN(fleetGateways)].gateway
	}
	f.attacker.send(semtech.AppendPushData(nil, f.attacker.next(), name, []radio.Frame{f.frame(r.transmission, r.rate)}, nil))
}

// forwarder is a packet forwarder. It keeps its socket while the edge comes and
// goes. Like every real one it sends a datagram once: one that came again later
// would bring frames behind newer ones of the same device, which the edge
// acknowledges and refuses as replays; then an acknowledgement would not mean
// that the frame has to be stored.
type forwarder struct {
	fleet   *fleet
	gateway lorawan.EUI64
	conn    *net.UDPConn // not connected, so that a dead edge is silence and no error
	to      netip.AddrPort
	random  *rand.Rand // of the goroutine that reads
	tokens  atomic.Uint32

	mu      sync.Mutex
	waiting map[uint16][]*transmission // for the PUSH_ACK with this token
}

func newForwarder(f *fleet, gateway lorawan.EUI64, to netip.AddrPort, random *rand.Rand) *forwarder {
	f.t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		f.t.Fatal(err)
	}
	w := &forwarder{fleet: f, gateway: gateway, conn: conn, to: to, random: random, waiting: map[uint16][]*transmission{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.read()
	}()
	f.t.Cleanup(func() {
		_ = conn.Close() // ends read
		<-done
	})
	return w
}

func (w *forwarder) next() uint16 { return uint16(w.tokens.Add(1)) }

func (w *forwarder) send(datagram []byte) {
	if _, err := w.conn.WriteToUDPAddrPort(datagram, w.to); err != nil {
		w.fleet.t.Error(err)
	}
}

// push sends frames and remembers them until they are acknowledged.
func (w *forwarder) push(frames []radio.Frame, carried []*transmission) {
	token := w.next()
	w.mu.Lock()
	w.waiting[token] = carried
	w.mu.Unlock()
	w.fleet.ledger.tally(func(c *counts) { c.datagrams++ })
	if w.gateway[7]%2 == 0 { // half of the gateways have GPS
		for i := range frames {
			frames[i].Time = time.Now()
		}
	}
	w.send(semtech.AppendPushData(nil, token, w.gateway, frames, nil))
}

// read takes what the edge sends until the socket is closed.
func (w *forwarder) read() {
	buf := make([]byte, semtech.MaxDatagram)
	for {
		n, err := w.conn.Read(buf)
		if err != nil {
			return
		}
		p, err := semtech.Parse(buf[:n])
		if err != nil {
			w.fleet.t.Error(err)
			continue
		}
		switch p.Kind {
		case semtech.PushAck:
			w.acked(p.Token)
		case semtech.PullResp:
			w.order(p)
		}
	}
}

func (w *forwarder) acked(token uint16) {
	w.mu.Lock()
	carried := w.waiting[token]
	delete(w.waiting, token)
	w.mu.Unlock()
	if carried != nil { // not those of the attacker
		w.fleet.ledger.acked(carried)
	}
}

// order takes a downlink and, seldom, refuses it, so that the next window is
// tried. What the attacker is asked to send is checked and goes nowhere.
func (w *forwarder) order(p semtech.Packet) {
	o, err := semtech.ParsePullResp(p)
	if err != nil {
		w.fleet.t.Error(err)
		return
	}
	tx, delay := w.fleet.ledger.ordered(o)
	word := ""
	if w.random.IntN(20) == 0 {
		word = "TOO_LATE"
	}
	w.send(semtech.AppendTXAck(nil, p.Token, w.gateway, word))
	if tx == nil || word != "" || w == w.fleet.attacker {
		return
	}
	w.fleet.mu.Lock()
	defer w.fleet.mu.Unlock()
	w.fleet.inbox = append(w.fleet.inbox, downlink{o, tx, delay})
}
