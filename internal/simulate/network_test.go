package simulate

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/devices"
	"modellregion/edge/radio"
	"modellregion/edge/semtech"
	"modellregion/uplink"
)

// network is a LoRaWAN network server that is small and unforgiving: it
// answers joins, checks every MIC and counter and keeps what it heard.
type network struct {
	t      *testing.T
	server *semtech.Server
	stop   context.CancelFunc
	done   sync.WaitGroup

	mu      sync.Mutex
	keys    map[lorawan.EUI64]devices.Device
	byAddr  map[lorawan.DevAddr]*member
	nonces  map[lorawan.EUI64]lorawan.DevNonce
	got     []heard // in the order in which they came
	copies  int     // data frames, again and by other gateways included
	joins   int
	ignore  int // that many joins are not answered
	asked   map[uplink.EUI]bool
	acked   int // confirmed downlinks that were acknowledged
	status  int // DevStatusAns
	changed chan struct{}
}

type member struct {
	eui      uplink.EUI
	nwk, app lorawan.AES128Key
	next     uint32 // frame counter
	down     uint32
}

type heard struct {
	eui     uplink.EUI
	fCnt    uint32
	time    time.Time
	payload []byte
}

func newNetwork(t *testing.T) *network {
	n := &network{
		t:       t,
		keys:    map[lorawan.EUI64]devices.Device{},
		byAddr:  map[lorawan.DevAddr]*member{},
		nonces:  map[lorawan.EUI64]lorawan.DevNonce{},
		asked:   map[uplink.EUI]bool{},
		changed: make(chan struct{}, 1),
	}
	n.start()
	t.Cleanup(func() { n.halt() })
	return n
}

// start opens the network's socket, a new one each time.
func (n *network) start() {
	server, err := semtech.Listen("127.0.0.1:0", semtech.Options{Rate: -1})
	if err != nil {
		n.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	n.server, n.stop = server, stop
	n.done.Go(func() {
		if err := server.Run(ctx, n); err != nil {
			n.t.Errorf("network: %v", err)
		}
	})
}

// halt closes the socket, when the network has heard what it acknowledged.
func (n *network) halt() {
	n.stop()
	n.done.Wait()
}

// serve tells the network of devices.
func (n *network) serve(list []devices.Device) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, d := range list {
		n.keys[lorawan.EUI64(d.EUI)] = d
		if addr := lorawan.DevAddr(d.Keys.DevAddr); d.Keys.ABP() && n.byAddr[addr] == nil {
			n.byAddr[addr] = &member{eui: d.EUI, nwk: lorawan.AES128Key(d.Keys.NwkSKey), app: lorawan.AES128Key(d.Keys.AppSKey)}
		}
	}
}

func (n *network) Stats(context.Context, radio.Stats) {}

func (n *network) Dropped(reason string, err error) { n.t.Errorf("dropped as %s: %v", reason, err) }

func (n *network) Unknown(gateway lorawan.EUI64, from string) {
	n.t.Errorf("gateway %s from %s is unknown", gateway, from)
}

func (n *network) Frame(ctx context.Context, f radio.Frame) error {
	var phy lorawan.PHYPayload
	if err := phy.UnmarshalBinary(f.PHYPayload); err != nil {
		n.t.Errorf("frame %x: %v", f.PHYPayload, err)
		return nil
	}
	n.mu.Lock()
	var down *lorawan.PHYPayload
	delay := time.Second
	if phy.MHDR.MType == lorawan.JoinRequest {
		down, delay = n.join(&phy, f), 5*time.Second
	} else {
		down = n.data(&phy, f)
	}
	n.mu.Unlock()
	select {
	case n.changed <- struct{}{}:
	default:
	}
	if down == nil {
		return nil
	}
	b, err := down.MarshalBinary()
	if err != nil {
		n.t.Error(err)
	}
	d := radio.Downlink{PHYPayload: b, Gateway: f.Gateway, Counter: f.Counter,
		Windows: []radio.Window{{Delay: delay, FreqHz: f.FreqHz, DataRate: f.DataRate, PowerDBm: 14}}}
	// In another goroutine, or the frames of a stopped fleet would wait for it.
	n.done.Go(func() {
		var refused semtech.Refusal
		if _, err := n.server.Send(ctx, d); err != nil && errors.As(err, &refused) {
			n.t.Error(err)
		}
	})
	return nil
}

func (n *network) join(phy *lorawan.PHYPayload, f radio.Frame) *lorawan.PHYPayload {
	req := phy.MACPayload.(*lorawan.JoinRequestPayload)
	d, ok := n.keys[req.DevEUI]
	key := lorawan.AES128Key(d.Keys.AppKey)
	if good, err := phy.ValidateUplinkJoinMIC(key); !ok || err != nil || !good {
		n.t.Errorf("join of %s: known %t, MIC %t, %v", req.DevEUI, ok, good, err)
		return nil
	}
	if req.DevNonce == n.nonces[req.DevEUI] {
		return nil // the datagram came twice
	}
	if req.DevNonce < n.nonces[req.DevEUI] || f.Time.IsZero() {
		n.t.Errorf("join of %s with DevNonce %d after %d at %s", req.DevEUI, req.DevNonce, n.nonces[req.DevEUI], f.Time)
	}
	n.nonces[req.DevEUI] = req.DevNonce
	n.joins++
	if n.joins <= n.ignore {
		return nil
	}
	accept := &lorawan.JoinAcceptPayload{JoinNonce: lorawan.JoinNonce(n.joins), HomeNetID: lorawan.NetID{1, 2, 3},
		DevAddr: lorawan.DevAddr{2, 0, byte(n.joins >> 8), byte(n.joins)}, RXDelay: 1}
	n.byAddr[accept.DevAddr] = &member{eui: d.EUI,
		nwk: sessionKey(1, key, accept, uint16(req.DevNonce)), app: sessionKey(2, key, accept, uint16(req.DevNonce))}
	down := &lorawan.PHYPayload{MHDR: lorawan.MHDR{MType: lorawan.JoinAccept}, MACPayload: accept}
	if err := errors.Join(down.SetDownlinkJoinMIC(lorawan.JoinRequestType, req.JoinEUI, req.DevNonce, key), down.EncryptJoinAcceptPayload(key)); err != nil {
		n.t.Error(err)
	}
	return down
}

func (n *network) data(phy *lorawan.PHYPayload, f radio.Frame) *lorawan.PHYPayload {
	mac := phy.MACPayload.(*lorawan.MACPayload)
	m := n.byAddr[mac.FHDR.DevAddr]
	if m == nil {
		n.t.Errorf("uplink of unknown address %s", mac.FHDR.DevAddr)
		return nil
	}
	n.copies++
	fCnt := m.next + uint32(uint16(mac.FHDR.FCnt)-uint16(m.next))
	if fCnt-m.next > 1<<15 {
		return nil // seen before
	}
	mac.FHDR.FCnt = fCnt
	if good, err := phy.ValidateUplinkDataMIC(lorawan.LoRaWAN1_0, 0, 0, 0, m.nwk, m.nwk); err != nil || !good {
		n.t.Errorf("uplink %d of %s: MIC %t, %v", fCnt, m.eui, good, err)
		return nil
	}
	m.next = fCnt + 1
	if err := errors.Join(phy.DecryptFRMPayload(m.app), phy.DecodeFOptsToMACCommands()); err != nil {
		n.t.Error(err)
		return nil
	}
	payload := mac.FRMPayload[0].(*lorawan.DataPayload).Bytes
	n.got = append(n.got, heard{m.eui, fCnt, f.Time, payload})
	for _, c := range mac.FHDR.FOpts {
		if cmd, ok := c.(*lorawan.MACCommand); ok && cmd.CID == lorawan.DevStatusAns && cmd.Payload.(*lorawan.DevStatusAnsPayload).Battery > 0 {
			n.status++
		}
	}
	if mac.FHDR.FCtrl.ACK {
		n.acked++
	}
	confirmed := phy.MHDR.MType == lorawan.ConfirmedDataUp
	if !confirmed && n.asked[m.eui] {
		return nil
	}
	down := &lorawan.PHYPayload{
		MHDR:       lorawan.MHDR{MType: lorawan.UnconfirmedDataDown},
		MACPayload: &lorawan.MACPayload{FHDR: lorawan.FHDR{DevAddr: mac.FHDR.DevAddr, FCtrl: lorawan.FCtrl{ACK: confirmed}, FCnt: m.down}},
	}
	if !n.asked[m.eui] { // once each: a confirmed downlink with a question
		n.asked[m.eui] = true
		down.MHDR.MType = lorawan.ConfirmedDataDown
		down.MACPayload.(*lorawan.MACPayload).FHDR.FOpts = []lorawan.Payload{&lorawan.MACCommand{CID: lorawan.DevStatusReq}}
	}
	m.down++
	if err := down.SetDownlinkDataMIC(lorawan.LoRaWAN1_0, 0, m.nwk); err != nil {
		n.t.Error(err)
	}
	return down
}

// forget makes the network lose the last uplinks it heard, as an edge that is
// killed before it kept them.
func (n *network) forget(count int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	keep := max(0, len(n.got)-count)
	for _, h := range n.got[keep:] {
		for _, m := range n.byAddr {
			if m.eui == h.eui {
				m.next = min(m.next, h.fCnt)
			}
		}
	}
	n.got = n.got[:keep]
}

// await waits until the network heard that many uplinks.
func (n *network) await(count int) {
	deadline := time.After(30 * time.Second)
	for {
		n.mu.Lock()
		enough := len(n.got) >= count
		n.mu.Unlock()
		if enough {
			return
		}
		select {
		case <-n.changed:
		case <-deadline:
			n.t.Errorf("no %d uplinks within 30 s", count)
			return
		}
	}
}
