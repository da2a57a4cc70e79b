package lorawan

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/brocaar/lorawan"
	"github.com/brocaar/lorawan/band"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"modellregion/edge/radio"
)

// seededRand is a source of bytes that is the same in every run.
type seededRand struct{ n byte }

func (r *seededRand) Read(p []byte) (int, error) {
	for i := range p {
		r.n += 37
		p[i] = r.n
	}
	return len(p), nil
}

func newNetwork(t testing.TB, list ...Device) *Network {
	t.Helper()
	n, err := New(Config{Rand: &seededRand{}})
	if err != nil {
		t.Fatal(err)
	}
	n.SetDevices(list, func(lorawan.EUI64) (State, bool) { return State{}, false })
	return n
}

// heard is how a frame looks at a gateway.
func heard(phy []byte) []radio.Frame {
	return []radio.Frame{{
		PHYPayload: phy,
		Gateway:    lorawan.EUI64{1},
		Counter:    1000,
		FreqHz:     868_100_000,
		DataRate:   radio.DataRate{SpreadingFactor: 7, BandwidthKHz: 125},
	}}
}

var joining = Device{
	DevEUI:  lorawan.EUI64{0x70, 0xb3, 0xd5, 0x7e, 0xd0, 0, 0, 1},
	JoinEUI: lorawan.EUI64{0x70, 0xb3, 0xd5, 0x7e, 0xd0, 0, 0, 2},
	AppKey:  lorawan.AES128Key{1, 2, 3, 4},
}

func joinRequest(t testing.TB, d Device, nonce lorawan.DevNonce) []byte {
	t.Helper()
	phy := lorawan.PHYPayload{
		MHDR:       lorawan.MHDR{MType: lorawan.JoinRequest, Major: lorawan.LoRaWANR1},
		MACPayload: &lorawan.JoinRequestPayload{JoinEUI: d.JoinEUI, DevEUI: d.DevEUI, DevNonce: nonce},
	}
	if err := phy.SetUplinkJoinMIC(d.AppKey); err != nil {
		t.Fatal(err)
	}
	return marshal(t, phy)
}

func dataUp(t testing.TB, s Session, fCnt uint32, confirmed bool, payload []byte) []byte {
	t.Helper()
	port := uint8(2)
	phy := lorawan.PHYPayload{
		MHDR: lorawan.MHDR{MType: lorawan.UnconfirmedDataUp, Major: lorawan.LoRaWANR1},
		MACPayload: &lorawan.MACPayload{
			FHDR:       lorawan.FHDR{DevAddr: s.DevAddr, FCnt: fCnt},
			FPort:      &port,
			FRMPayload: []lorawan.Payload{&lorawan.DataPayload{Bytes: payload}},
		},
	}
	if confirmed {
		phy.MHDR.MType = lorawan.ConfirmedDataUp
	}
	if err := phy.EncryptFRMPayload(s.AppSKey); err != nil {
		t.Fatal(err)
	}
	if err := phy.SetUplinkDataMIC(lorawan.LoRaWAN1_0, 0, 0, 0, s.NwkSKey, s.NwkSKey); err != nil {
		t.Fatal(err)
	}
	return marshal(t, phy)
}

func marshal(t testing.TB, phy lorawan.PHYPayload) []byte {
	t.Helper()
	data, err := phy.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// acceptedJoin does what a device does with a join accept.
func acceptedJoin(t testing.TB, d Device, nonce lorawan.DevNonce, down *radio.Downlink) Session {
	t.Helper()
	var phy lorawan.PHYPayload
	if err := phy.UnmarshalBinary(down.PHYPayload); err != nil {
		t.Fatal(err)
	}
	if err := phy.DecryptJoinAcceptPayload(d.AppKey); err != nil {
		t.Fatal(err)
	}
	if ok, err := phy.ValidateDownlinkJoinMIC(lorawan.JoinRequestType, d.JoinEUI, nonce, d.AppKey); err != nil || !ok {
		t.Fatalf("MIC of the join accept is wrong (%v)", err)
	}
	accept := phy.MACPayload.(*lorawan.JoinAcceptPayload)
	s := Session{DevAddr: accept.DevAddr}
	s.derive(&d, accept.JoinNonce, nonce)
	return s
}

func join(t testing.TB, n *Network, nonce lorawan.DevNonce) Session {
	t.Helper()
	dec := n.Handle(heard(joinRequest(t, joining, nonce)))
	if dec.Join == nil || dec.Down == nil || dec.Save == nil {
		t.Fatalf("join with nonce %d: %+v", nonce, dec)
	}
	return acceptedJoin(t, joining, nonce, dec.Down)
}

func TestVectors(t *testing.T) {
	data, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Kind       string            `json:"kind"`
		PHYPayload []byte            `json:"phy_payload"`
		DevAddr    lorawan.DevAddr   `json:"dev_addr"`
		NwkSKey    lorawan.AES128Key `json:"nwk_s_key"`
		AppSKey    lorawan.AES128Key `json:"app_s_key"`
		FCnt       uint32            `json:"f_cnt"`
		FPort      uint8             `json:"f_port"`
		Payload    string            `json:"payload"`
		Confirmed  bool              `json:"confirmed"`
		AppKey     lorawan.AES128Key `json:"app_key"`
		JoinEUI    lorawan.EUI64     `json:"join_eui"`
		DevEUI     lorawan.EUI64     `json:"dev_eui"`
		DevNonce   json.RawMessage   `json:"dev_nonce"`
	}
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	decoded := 0
	for i, v := range vectors {
		if v.Kind == "join_request" {
			n := newNetwork(t, Device{DevEUI: v.DevEUI, JoinEUI: v.JoinEUI, AppKey: v.AppKey})
			dec := n.Handle(heard(v.PHYPayload))
			if dec.Join == nil {
				t.Errorf("vector %d: %+v", i, dec)
				continue
			}
			if want := nonceOf(t, v.DevNonce); dec.Join.DevNonce != want {
				t.Errorf("vector %d: DevNonce %d, want %d", i, dec.Join.DevNonce, want)
			}
			decoded++
			continue
		}
		// The counter on the way to v.FCnt: far behind, but within 16 bits.
		next := v.FCnt - min(v.FCnt, 40_000)
		d := Device{DevEUI: lorawan.EUI64{9}, ABP: true, DevAddr: v.DevAddr, NwkSKey: v.NwkSKey, AppSKey: v.AppSKey}
		n := newNetwork(t, d)
		n.devices[d.DevEUI].state.Active.NextFCntUp = next
		dec := n.Handle(heard(v.PHYPayload))
		if dec.Data == nil {
			t.Errorf("vector %d: %+v", i, dec)
			continue
		}
		want := Data{FCnt: v.FCnt, Lost: v.FCnt - next, DR: 5, Confirmed: v.Confirmed, HasPort: true, FPort: v.FPort}
		got := *dec.Data
		if hex.EncodeToString(got.Payload) != v.Payload {
			t.Errorf("vector %d: payload %x, want %s", i, got.Payload, v.Payload)
		}
		got.Payload = nil
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("vector %d: %s", i, diff)
		}
		decoded++
	}
	if decoded != 330 {
		t.Errorf("%d vectors decoded, want 330", decoded)
	}
}

func nonceOf(t *testing.T, raw json.RawMessage) lorawan.DevNonce {
	t.Helper()
	var number uint16
	if json.Unmarshal(raw, &number) == nil {
		return lorawan.DevNonce(number)
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != 2 {
		t.Fatalf("dev_nonce %s", raw)
	}
	return lorawan.DevNonce(b[0])<<8 | lorawan.DevNonce(b[1])
}

func TestJoinThenData(t *testing.T) {
	n := newNetwork(t, joining)
	first := join(t, n, 7)
	if dec := n.Handle(heard(joinRequest(t, joining, 7))); dec.Dropped != NonceUsed || dec.Save != nil {
		t.Errorf("the same join request again: %+v", dec)
	}
	dec := n.Handle(heard(dataUp(t, first, 0, false, []byte("hello"))))
	if dec.Data == nil || !bytes.Equal(dec.Data.Payload, []byte("hello")) || dec.Data.DR != 5 {
		t.Fatalf("first uplink: %+v", dec)
	}

	// A second join does not cost the first session until it is used.
	second := join(t, n, 8)
	if dec := n.Handle(heard(dataUp(t, first, 1, false, nil))); dec.Data == nil {
		t.Errorf("old session before the new one is used: %+v", dec)
	}
	if dec := n.Handle(heard(dataUp(t, second, 0, false, nil))); dec.Data == nil {
		t.Errorf("new session: %+v", dec)
	}
	if dec := n.Handle(heard(dataUp(t, first, 2, false, nil))); dec.Dropped != UnknownDevice {
		t.Errorf("old session after the new one was used: %+v", dec)
	}
}

func TestFrameCounter(t *testing.T) {
	for _, c := range []struct {
		name string
		next uint32
		fCnt uint32
		want Reason
		lost uint32
	}{
		{name: "next", next: 5, fCnt: 5},
		{name: "gap", next: 5, fCnt: 9, lost: 4},
		{name: "low half rolls over", next: 65_534, fCnt: 65_537, lost: 3},
		{name: "high half counts", next: 3<<16 + 1, fCnt: 3<<16 + 1},
		{name: "last again", next: 5, fCnt: 4, want: Repeated},
		{name: "older", next: 5, fCnt: 3, want: Replayed},
		{name: "older across the low half", next: 1<<16 + 2, fCnt: 65_530, want: Replayed},
		{name: "beyond 16 bits", next: 5, fCnt: 5 + 1<<16, want: WrongMIC},
		{name: "the very last", next: 1<<32 - 2, fCnt: 1<<32 - 1, want: WrongMIC},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := Session{DevAddr: lorawan.DevAddr{1, 2, 3, 4}, NwkSKey: lorawan.AES128Key{5}, AppSKey: lorawan.AES128Key{6}}
			d := Device{DevEUI: joining.DevEUI, ABP: true, DevAddr: s.DevAddr, NwkSKey: s.NwkSKey, AppSKey: s.AppSKey}
			n := newNetwork(t, d)
			n.devices[d.DevEUI].state.Active.NextFCntUp = c.next
			dec := n.Handle(heard(dataUp(t, s, c.fCnt, false, []byte{1})))
			if dec.Dropped != c.want {
				t.Fatalf("dropped %q (%v), want %q", dec.Dropped, dec.Detail, c.want)
			}
			if c.want == "" {
				if dec.Data.FCnt != c.fCnt || dec.Data.Lost != c.lost || dec.Save.Active.NextFCntUp != c.fCnt+1 {
					t.Errorf("%+v, saved %+v", dec.Data, dec.Save.Active)
				}
			} else if got := n.devices[d.DevEUI].state.Active.NextFCntUp; got != c.next || dec.Save != nil {
				t.Errorf("a dropped frame moved the counter from %d to %d", c.next, got)
			}
		})
	}
}

func TestConfirmedUplinkIsAcknowledgedEachTime(t *testing.T) {
	n := newNetwork(t, joining)
	s := join(t, n, 1)
	frame := dataUp(t, s, 0, true, []byte{1})
	for i := range uint32(3) {
		dec := n.Handle(heard(frame))
		if (i == 0) != (dec.Data != nil) || dec.Down == nil || dec.Save == nil {
			t.Fatalf("time %d: %+v", i, dec)
		}
		if dec.Down.Windows[0].Delay != time.Second || dec.Down.Windows[0].FreqHz != 868_100_000 || dec.Save.Active.NextFCntDown != i+1 {
			t.Errorf("time %d: answer %+v, saved %+v", i, dec.Down, dec.Save.Active)
		}
		var phy lorawan.PHYPayload
		if err := phy.UnmarshalBinary(dec.Down.PHYPayload); err != nil {
			t.Fatal(err)
		}
		mac := phy.MACPayload.(*lorawan.MACPayload)
		mac.FHDR.FCnt = i
		if ok, err := phy.ValidateDownlinkDataMIC(lorawan.LoRaWAN1_0, 0, s.NwkSKey); err != nil || !ok || !mac.FHDR.FCtrl.ACK {
			t.Errorf("time %d: MIC %v (%v), ACK %v", i, ok, err, mac.FHDR.FCtrl.ACK)
		}
	}
}

func TestDropped(t *testing.T) {
	other := joining
	other.AppKey[0]++
	elsewhere := joining
	elsewhere.JoinEUI[0]++
	n := newNetwork(t, joining)
	s := join(t, n, 1)
	wrong := s
	wrong.NwkSKey[0]++
	stranger := s
	stranger.DevAddr[3]++
	downlink := lorawan.PHYPayload{MHDR: lorawan.MHDR{MType: lorawan.Proprietary}, MACPayload: &lorawan.DataPayload{Bytes: []byte{1}}}
	for _, c := range []struct {
		name string
		phy  []byte
		want Reason
	}{
		{"empty", nil, Malformed},
		{"short", []byte("\x40frame"), Malformed},
		{"options beyond the end", []byte("\x40\x01\x02\x03\x04\x0f\x00\x00.mic"), Malformed},
		{"major version 1", append([]byte{0x41}, make([]byte, 20)...), Malformed},
		{"short join request", []byte("\x00join"), Malformed},
		{"downlink", []byte("\x60this is a downlink"), NotUplink},
		{"proprietary", marshal(t, downlink), NotUplink},
		{"wrong AppKey", joinRequest(t, other, 2), WrongMIC},
		{"other JoinEUI", joinRequest(t, elsewhere, 2), UnknownDevice},
		{"wrong NwkSKey", dataUp(t, wrong, 0, false, nil), WrongMIC},
		{"unknown DevAddr", dataUp(t, stranger, 0, false, nil), UnknownDevice},
	} {
		t.Run(c.name, func(t *testing.T) {
			dec := n.Handle(heard(c.phy))
			if dec.Dropped != c.want || dec.Detail == nil || dec.Save != nil || dec.Down != nil {
				t.Errorf("%+v, want dropped as %s without consequences", dec, c.want)
			}
		})
	}
	if dec := n.Handle(heard(dataUp(t, s, 0, false, nil))); dec.Data == nil {
		t.Errorf("the good frame after them: %+v", dec)
	}
}

func TestSharedDevAddr(t *testing.T) {
	addr := lorawan.DevAddr{1, 2, 3, 4}
	var list []Device
	for i := range byte(3) {
		list = append(list, Device{DevEUI: lorawan.EUI64{i + 1}, ABP: true, DevAddr: addr, NwkSKey: lorawan.AES128Key{i + 1}, AppSKey: lorawan.AES128Key{i + 1}})
	}
	n := newNetwork(t, list...)
	for _, d := range list {
		dec := n.Handle(heard(dataUp(t, Session{DevAddr: addr, NwkSKey: d.NwkSKey, AppSKey: d.AppSKey}, 0, false, []byte{1})))
		if dec.DevEUI != d.DevEUI || dec.Data == nil {
			t.Errorf("frame of %s: %+v", d.DevEUI, dec)
		}
	}
}

func TestStateSurvives(t *testing.T) {
	n := newNetwork(t, joining)
	s := join(t, n, 1)
	n.Handle(heard(dataUp(t, s, 0, false, nil)))
	dec := n.Handle(heard(joinRequest(t, joining, 2)))
	data, err := dec.Save.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	back := State{DevEUI: joining.DevEUI}
	if err := errors.Join(back.UnmarshalBinary(data), back.UnmarshalNonces(dec.Save.MarshalNonces())); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(*dec.Save, back, cmpopts.IgnoreUnexported(Session{})); diff != "" {
		t.Fatal(diff)
	}
	restarted, err := New(Config{Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	restarted.SetDevices([]Device{joining}, func(lorawan.EUI64) (State, bool) { return back, true })
	if dec := restarted.Handle(heard(dataUp(t, s, 0, false, nil))); dec.Dropped != Repeated {
		t.Errorf("replay after the restart: %+v", dec)
	}
	if dec := restarted.Handle(heard(joinRequest(t, joining, 1))); dec.Dropped != NonceUsed {
		t.Errorf("join replay after the restart: %+v", dec)
	}
	if dec := restarted.Handle(heard(dataUp(t, s, 1, false, nil))); dec.Data == nil {
		t.Errorf("next frame after the restart: %+v", dec)
	}
}

func TestSetDevicesKeepsStateAndForgetsChangedKeys(t *testing.T) {
	none := func(lorawan.EUI64) (State, bool) { return State{}, false }
	n := newNetwork(t, joining)
	s := join(t, n, 1)
	n.Handle(heard(dataUp(t, s, 0, false, nil)))
	n.SetDevices([]Device{joining, {DevEUI: lorawan.EUI64{3}, AppKey: lorawan.AES128Key{3}}}, none)
	if dec := n.Handle(heard(dataUp(t, s, 1, false, nil))); dec.Data == nil {
		t.Errorf("after an unrelated change: %+v", dec)
	}
	changed := joining
	changed.AppKey[0]++
	// Whether in memory or, after a restart, from disk.
	saved := n.devices[joining.DevEUI].state.clone()
	restarted := newNetwork(t)
	restarted.SetDevices([]Device{changed}, func(lorawan.EUI64) (State, bool) { return saved, true })
	n.SetDevices([]Device{changed}, none)
	for name, n := range map[string]*Network{"running": n, "restarted": restarted} {
		if dec := n.Handle(heard(dataUp(t, s, 2, false, nil))); dec.Dropped != UnknownDevice {
			t.Errorf("%s: session of the old key: %+v", name, dec)
		}
		if dec := n.Handle(heard(joinRequest(t, changed, 1))); dec.Join == nil || dec.Save.JoinNonce != 2 {
			t.Errorf("%s: join with the new key and a nonce of the old: %+v", name, dec)
		}
	}
	n.SetDevices(nil, none)
	if dec := n.Handle(heard(joinRequest(t, changed, 9))); dec.Dropped != UnknownDevice {
		t.Errorf("device that was removed: %+v", dec)
	}
}

func FuzzHandle(f *testing.F) {
	seed := newNetwork(f, joining)
	s := join(f, seed, 1)
	f.Add(joinRequest(f, joining, 2))
	f.Add(dataUp(f, s, 0, true, []byte{1, 2, 3}))
	f.Add(dataUp(f, s, 70_000, false, nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, phy []byte) {
		n := newNetwork(t, joining)
		join(t, n, 1)
		dec := n.Handle(heard(phy))
		accepted := dec.Join != nil || dec.Data != nil
		if accepted == (dec.Dropped != "") {
			t.Errorf("neither or both of accepted and dropped: %+v", dec)
		}
		if dec.Dropped != "" && dec.Dropped != Repeated && dec.Save != nil {
			t.Errorf("a dropped frame changed state: %+v", dec)
		}
	})
}

func FuzzState(f *testing.F) {
	s := State{Active: &Session{NextFCntUp: 1}, Pending: &Session{}, DevNonces: []lorawan.DevNonce{1}}
	data, err := s.MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		var s State
		if s.UnmarshalBinary(data) != nil {
			return
		}
		again, err := s.MarshalBinary()
		if RecordVersion(data) == recordVersion && (err != nil || !bytes.Equal(again, data)) {
			t.Errorf("%x became %x (%v)", data, again, err)
		}
	})
}

func BenchmarkHandleData(b *testing.B) {
	n := newNetwork(b, joining)
	s := join(b, n, 1)
	frames := make([][]radio.Frame, 60_000)
	for i := range frames {
		frames[i] = heard(dataUp(b, s, uint32(i), false, []byte("twenty bytes payload")))
	}
	b.ResetTimer()
	for i := range b.N {
		if i%len(frames) == 0 {
			b.StopTimer()
			n = newNetwork(b, joining)
			join(b, n, 1)
			b.StartTimer()
		}
		if dec := n.Handle(frames[i%len(frames)]); dec.Data == nil {
			b.Fatalf("%+v", dec)
		}
	}
}

// BenchmarkLibraryData is what the same frame costs with the library as it
// comes, without the bookkeeping around it.
func BenchmarkLibraryData(b *testing.B) {
	n := newNetwork(b, joining)
	s := join(b, n, 1)
	frame := dataUp(b, s, 7, false, []byte("twenty bytes payload"))
	b.ReportAllocs()
	for b.Loop() {
		var phy lorawan.PHYPayload
		if err := phy.UnmarshalBinary(frame); err != nil {
			b.Fatal(err)
		}
		if ok, err := phy.ValidateUplinkDataMIC(lorawan.LoRaWAN1_0, 0, 0, 0, s.NwkSKey, s.NwkSKey); err != nil || !ok {
			b.Fatal(err)
		}
		if err := phy.DecryptFRMPayload(s.AppSKey); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHandleData11 is a frame of LoRaWAN 1.1, which has two integrity
// codes and encrypted options.
func BenchmarkHandleData11(b *testing.B) {
	d, s := abp()
	d.Version, d.SNwkSIntKey, d.NwkSEncKey = band.LoRaWAN_1_1_0, lorawan.AES128Key{7}, lorawan.AES128Key{8}
	port := uint8(2)
	frames := make([][]radio.Frame, 60_000)
	for i := range frames {
		phy := lorawan.PHYPayload{MHDR: lorawan.MHDR{MType: lorawan.UnconfirmedDataUp}, MACPayload: &lorawan.MACPayload{
			FHDR: lorawan.FHDR{DevAddr: s.DevAddr, FCnt: uint32(i)}, FPort: &port, FRMPayload: []lorawan.Payload{&lorawan.DataPayload{Bytes: []byte("twenty bytes payload")}},
		}}
		if err := phy.EncryptFRMPayload(s.AppSKey); err != nil {
			b.Fatal(err)
		}
		if err := phy.SetUplinkDataMIC(lorawan.LoRaWAN1_1, 0, 5, 0, d.NwkSKey, d.SNwkSIntKey); err != nil {
			b.Fatal(err)
		}
		frames[i] = heard(marshal(b, phy))
	}
	var n *Network
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if i%len(frames) == 0 {
			b.StopTimer()
			n = newNetwork(b, d)
			active := n.devices[d.DevEUI].state.Active
			active.Link.Channels, active.Refused = n.enabled, askLinkADR
			b.StartTimer()
		}
		if dec := n.Handle(frames[i%len(frames)]); dec.Data == nil {
			b.Fatalf("%+v", dec)
		}
	}
}
