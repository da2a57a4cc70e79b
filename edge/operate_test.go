package edge_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/brocaar/lorawan"
	bolt "go.etcd.io/bbolt"

	"modellregion/edge"
	"modellregion/uplink"
)

// verdicts returns what an edge says of the last frames.
func verdicts(t *testing.T, e *edge.Edge) (out []edge.Verdict) {
	t.Helper()
	err := e.Verdicts(t.Context(), edge.MaxVerdicts, false, func(batch []edge.Verdict) error {
		out = append(out, batch...)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return out
}

// told waits for a verdict that begins so and returns it.
func told(t *testing.T, e *edge.Edge, text string) (found edge.Verdict) {
	t.Helper()
	eventually(t, text, func() bool {
		all := verdicts(t, e)
		i := slices.IndexFunc(all, func(v edge.Verdict) bool { return strings.HasPrefix(v.Text, text) })
		if i >= 0 {
			found = all[i]
		}
		return i >= 0
	})
	return found
}

// Whoever looks at a running edge sees what becomes of each frame, and where
// each device stands.
func TestLookingAtAnEdge(t *testing.T) {
	addr, _ := startBroker(t, "127.0.0.1:0")
	startPlatform(t, addr, list())
	e, _ := open(t, t.TempDir(), addr)
	background(t, e.Run)
	eventually(t, "ready", ready(e))
	s := startStation(t, e)

	s.hear(joinRequest(t, 7), time.Now())
	v := told(t, e, "join, DevAddr ")
	if v.What != edge.VerdictJoin || v.DevEUI != uplink.EUI(devEUI) || v.Gateway != uplink.EUI(s.gateway) || v.DataRate.String() != "SF7BW125" || *v.RSSIdBm != -80 {
		t.Errorf("%+v", v)
	}
	if v := told(t, e, "answered: join accept, in window 1 of 2"); v.DevEUI != uplink.EUI(devEUI) || v.FreqHz != 868_100_000 {
		t.Errorf("%+v", v)
	}
	s.hear(abpFrame(t, 5), time.Now())
	if v := told(t, e, "uplink, 1 reading, 5 lost before it"); v.DevEUI != uplink.EUI(abpEUI) || *v.FCnt != 5 || *v.FPort != 2 || v.DevAddr != abpAddr.String() {
		t.Errorf("%+v", v)
	}
	told(t, e, "answered: MAC commands, in window 1 of 2")
	s.hear(frame(t, abpAddr, abpKey, abpKey, 6, 77), time.Now())
	if v := told(t, e, "codec: "); !strings.Contains(v.Text, "no port 77") {
		t.Errorf("%+v", v)
	}
	s.hear(abpFrame(t, 2), time.Now())
	told(t, e, "dropped: FCnt 2 was seen before, the next is 7 (last heard ")
	s.hear(frame(t, abpAddr, appKey, abpKey, 8, 2), time.Now())
	told(t, e, "dropped: MIC is wrong for the session of DevAddr 01020304: is the NwkSKey that of device "+abpEUI.String()+"?")
	s.hear(frame(t, lorawan.DevAddr{9}, abpKey, abpKey, 6, 2), time.Now())
	told(t, e, "dropped: no device with DevAddr 09000000")
	s.send([]byte("garbage"))
	if v := told(t, e, "refused: from 127.0.0.1:"); v.Reason != "version" {
		t.Errorf("%+v", v)
	}
	looked(t, e)
	if sum := e.Summary(); !strings.HasPrefix(sum, "rathaus: 2 devices, 6 frames heard, ") {
		t.Error(sum)
	}
	eventually(t, "outbox empty", emptied(t, e))
	if err := e.Health(); err != nil {
		t.Error(err)
	}
}

func looked(t *testing.T, e *edge.Edge) {
	t.Helper()
	all, err := e.Devices(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v (%v)", all, err)
	}
	joining, abp := all[0], all[1]
	if joining.DevEUI != uplink.EUI(devEUI) || joining.Session != edge.SessionJoining || joining.Nonces != 1 || joining.Domain != uplink.Traffic || joining.Profile != "counter" {
		t.Errorf("%+v", joining)
	}
	if abp.DevEUI != uplink.EUI(abpEUI) || abp.Session != edge.SessionABP || abp.DevAddr != abpAddr.String() || abp.NextFCntUp != 7 || abp.Gateway != (uplink.EUI{0xaa, 1}) {
		t.Errorf("%+v", abp)
	}
	shown, err := json.Marshal(all)
	for _, key := range []string{appKey.String(), abpKey.String()} {
		if err != nil || strings.Contains(strings.ToLower(string(shown)), key) {
			t.Errorf("keys are shown, or nothing (%v): %s", err, shown)
		}
	}
}

// With a list in a file the one over MQTT is not heard, and a change works
// within two seconds.
func TestDevicesFromAFile(t *testing.T) {
	addr, _ := startBroker(t, "127.0.0.1:0")
	other := list()
	other.Version = 99
	startPlatform(t, addr, other)
	path := filepath.Join(t.TempDir(), "devices.json")
	write := func(l uplink.DeviceList) {
		t.Helper()
		data, err := json.Marshal(l)
		if err == nil {
			err = os.WriteFile(path, data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	serves := func(e *edge.Edge, n int) func() bool {
		return func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			all, err := e.Devices(ctx)
			return err == nil && len(all) == n
		}
	}
	dir := t.TempDir()
	start := func() (*edge.Edge, func()) {
		e, err := edge.Open(edge.Config{
			Name: "rathaus", Dir: dir, UDP: "127.0.0.1:0", MQTT: edge.MQTT{URL: "tcp://" + addr, Password: password}, DevicesFile: path,
		})
		if err != nil {
			t.Fatal(err)
		}
		return e, background(t, e.Run)
	}
	e, stop := start()
	if err := e.Ready(); err == nil {
		t.Error("ready without a list")
	}
	write(listOf(list().Devices[1]))
	eventually(t, "the list of the file", serves(e, 1))
	eventually(t, "ready", ready(e))
	write(list())
	eventually(t, "the changed list", serves(e, 2))
	stop()

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	e, _ = start()
	eventually(t, "the last good list without the file", serves(e, 2))
}

// A device whose session is damaged on disk is not served: without its counter
// it could be played old frames. The others are, and whoever looks sees both.
func TestDamagedSession(t *testing.T) {
	addr, _ := startBroker(t, "127.0.0.1:0")
	p := startPlatform(t, addr, list())
	dir := t.TempDir()
	e, _ := open(t, dir, addr)
	stop := background(t, e.Run)
	eventually(t, "ready", ready(e))
	s := startStation(t, e)
	s.hear(abpFrame(t, 5), time.Now())
	eventually(t, "uplink", p.has(5, 5))
	stop()
	damage(t, dir, "sessions", abpEUI[:])

	e, _ = open(t, dir, addr)
	background(t, e.Run)
	eventually(t, "ready", ready(e))
	s = startStation(t, e)
	s.hear(abpFrame(t, 5), time.Now())
	told(t, e, "dropped: no device with DevAddr "+abpAddr.String())
	s.hear(joinRequest(t, 7), time.Now())
	told(t, e, "answered: join accept")
	all, err := e.Devices(t.Context())
	if err != nil || len(all) != 2 || all[0].Session != edge.SessionJoining || all[1].Session != edge.SessionDamaged || !strings.Contains(all[1].Error, "session record") {
		t.Errorf("%+v (%v)", all, err)
	}
	if sum := e.Summary(); !strings.HasPrefix(sum, "rathaus: 1 devices, ") {
		t.Error(sum)
	}
}

// damage changes a byte of a record in a database that is not in use.
func damage(t *testing.T, dir, bucket string, key []byte) {
	t.Helper()
	db, err := bolt.Open(filepath.Join(dir, "edge.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		records := tx.Bucket([]byte(bucket))
		value := slices.Clone(records.Get(key))
		value[len(value)/2] ^= 1
		return records.Put(key, value)
	})
	if err := errorsOf(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// An operator forgets the damaged record of a device that joins: it joins again
// and is served. One that is personalised is let in with new keys alone.
func TestForgetDamagedSessions(t *testing.T) {
	addr, _ := startBroker(t, "127.0.0.1:0")
	dir, path := t.TempDir(), filepath.Join(t.TempDir(), "devices.json")
	write := func(l uplink.DeviceList) {
		t.Helper()
		data, err := json.Marshal(l)
		if err == nil {
			err = os.WriteFile(path, data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	startEdge := func() (*edge.Edge, *station, func()) {
		t.Helper()
		e, err := edge.Open(edge.Config{
			Name: "rathaus", Dir: dir, UDP: "127.0.0.1:0", MQTT: edge.MQTT{URL: "tcp://" + addr, Password: password}, DevicesFile: path,
			DedupWindow: 10 * time.Millisecond, CommitInterval: 5 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		stop := background(t, e.Run)
		eventually(t, "ready", ready(e))
		return e, startStation(t, e), stop
	}
	refused := func(device lorawan.EUI64, newKeys bool, want string) {
		t.Helper()
		if _, err := edge.Forget(dir, uplink.EUI(device), newKeys); err == nil || !strings.Contains(err.Error(), want) {
			t.Fatalf("error %v, want %q in it", err, want)
		}
	}
	join := func(s *station, nonce lorawan.DevNonce) (lorawan.DevAddr, lorawan.AES128Key, lorawan.AES128Key) {
		t.Helper()
		s.hear(joinRequest(t, nonce), time.Now())
		select {
		case down := <-s.downs:
			return accepted(t, down.PHYPayload, nonce)
		case <-time.After(patience):
			t.Fatal("no join accept")
		}
		panic("not reached")
	}
	write(list())
	e, s, stop := startEdge()
	oldAddr, nwk, app := join(s, 7)
	s.hear(frame(t, oldAddr, nwk, app, 3, 2), time.Now())
	told(t, e, "uplink, 1 reading, 3 lost before it")
	s.hear(abpFrame(t, 5), time.Now())
	told(t, e, "uplink, 1 reading, 5 lost before it")
	refused(devEUI, false, "stopped first")
	stop()
	refused(devEUI, false, "are sound")
	refused(lorawan.EUI64{9}, false, "no record")
	damage(t, dir, "sessions", devEUI[:])
	damage(t, dir, "sessions", abpEUI[:])

	e, s, stop = startEdge()
	s.hear(joinRequest(t, 8), time.Now())
	told(t, e, "dropped: no device with DevEUI "+devEUI.String())
	all, err := e.Devices(t.Context())
	if err != nil || len(all) != 2 || all[0].Session != edge.SessionDamaged || !strings.Contains(all[0].Error, "edge-gateway forget") {
		t.Errorf("%+v (%v)", all, err)
	}
	renewed := list()
	renewed.Version++
	renewed.Devices[1].Domain = uplink.Road
	renewed.Devices[1].NwkSKey, renewed.Devices[1].AppSKey = appKey.String(), appKey.String()
	stop()
	refused(abpEUI, false, "it is personalised (ABP)")
	refused(abpEUI, true, "still has keys of its damaged session")
	if done, err := edge.Forget(dir, uplink.EUI(devEUI), false); err != nil || done.Damage == nil || done.Kept || done.ABP {
		t.Fatalf("%+v (%v)", done, err)
	}
	refused(devEUI, false, "no record")

	e, s, stop = startEdge()
	s.hear(frame(t, oldAddr, nwk, app, 4, 2), time.Now())
	told(t, e, "dropped: no device with DevAddr "+oldAddr.String())
	newAddr, newNwk, newApp := join(s, 8)
	s.hear(frame(t, newAddr, newNwk, newApp, 1, 2), time.Now())
	told(t, e, "uplink, 1 reading, 1 lost before it")
	write(renewed)
	eventually(t, "the changed list", func() bool {
		all, err := e.Devices(t.Context())
		return err == nil && all[1].Domain == uplink.Road
	})
	stop()
	if done, err := edge.Forget(dir, uplink.EUI(abpEUI), true); err != nil || !done.ABP {
		t.Fatalf("%+v (%v)", done, err)
	}

	e, s, _ = startEdge()
	s.hear(abpFrame(t, 6), time.Now())
	told(t, e, "dropped: MIC is wrong")
	s.hear(frame(t, abpAddr, appKey, appKey, 2, 2), time.Now())
	told(t, e, "uplink, 1 reading, 2 lost before it")
	s.hear(frame(t, newAddr, newNwk, newApp, 5, 2), time.Now())
	told(t, e, "uplink, 1 reading, 3 lost before it")
}
