package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/brocaar/lorawan"
	bolt "go.etcd.io/bbolt"

	"modellregion/edge/radio"
	"modellregion/edge/semtech"
	"modellregion/internal/enddevice"
)

// A device with a damaged record is shown with what to do, and that works.
func TestForget(t *testing.T) {
	joins, abp, key := lorawan.EUI64{0x70, 1}, lorawan.EUI64{0x70, 3}, lorawan.AES128Key{4, 5, 6}
	dir, list := t.TempDir(), filepath.Join(t.TempDir(), "devices.json")
	text := fmt.Sprintf(`{"v":1,"version":1,"devices":[{"dev_eui":"%s","domain":"traffic","app_key":"%s"},
		{"dev_eui":"%s","domain":"traffic","dev_addr":"01020304","nwk_s_key":"%s","app_s_key":"%s"}]}`, joins, key, abp, key, key)
	if err := os.WriteFile(list, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	begin := func() *started {
		t.Helper()
		return start(t, `devices_file: ""`, "devices_file: "+list, "data_dir: /var/lib/modellregion-edge", "data_dir: "+dir)
	}
	do := func(args ...string) (out, notes string, err error) {
		var o, n log
		err = run(t.Context(), args, &o, &n)
		return o.String(), n.String(), err
	}
	g := begin()
	shows := func(want string) func() bool {
		line := regexp.MustCompile(want)
		return func() bool {
			out, _, err := do("devices", g.config)
			return err == nil && line.MatchString(out)
		}
	}
	eventually(t, "the devices", shows(abp.String()))
	session := &enddevice.Session{DevAddr: lorawan.DevAddr{1, 2, 3, 4}, FNwkSIntKey: key, SNwkSIntKey: key, NwkSEncKey: key, AppSKey: key}
	one, err1 := enddevice.New(enddevice.Config{Version: "1.0.3", DevEUI: joins, AppKey: key})
	two, err2 := enddevice.New(enddevice.Config{Version: "1.0.3", DevEUI: abp, Session: session})
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	request, err1 := one.JoinRequest()
	frame, err2 := two.Uplink(2, []byte{0, 1}, false)
	conn, err3 := net.Dial("udp", g.udp)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for i, phy := range [][]byte{request.PHYPayload, frame.PHYPayload} {
		_, err := conn.Write(semtech.AppendPushData(nil, uint16(i), lorawan.EUI64{0xaa, 1}, []radio.Frame{{
			PHYPayload: phy, FreqHz: 868_100_000, DataRate: radio.DataRate{SpreadingFactor: 7, BandwidthKHz: 125}, RSSIdBm: -80, SNRdB: 9,
		}}, nil))
		if err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the join", shows(joins.String()+` .* joining `))
	eventually(t, "the frame", shows(abp.String()+` .* 01020304 1 `))
	refused := func(want string, args ...string) {
		t.Helper()
		if out, _, err := do(append([]string{"forget"}, args...)...); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(out, "forgotten") {
			t.Errorf("%s (%v), want %q in the error", out, err, want)
		}
	}
	refused("stopped first", g.config, joins.String())
	g.stop()
	refused("are sound", g.config, joins.String())
	refused("no record of device 7009000000000000", g.config, "7009000000000000")
	refused("DEVEUI: EUI", g.config, "70b3")
	damage(t, dir, "sessions", joins[:])
	damage(t, dir, "sessions", abp[:])

	g = begin()
	out, notes, err := do("devices", g.config)
	if err != nil || strings.Count(out, " damaged ") != 2 || strings.Count(notes, "\n") != 2 ||
		!strings.Contains(notes, fmt.Sprintf(`%s is not served, for its record on disk is damaged; to let it in again stop the gateway, and "edge-gateway forget %s %s"`, joins, g.config, joins)) {
		t.Errorf("%s%s (%v)", out, notes, err)
	}
	g.stop()
	if told := g.told.String(); !strings.Contains(told, "edge-gateway forget -help") {
		t.Errorf("the log does not say what to do:\n%s", told)
	}
	refused("say -new-keys", g.config, abp.String())
	refused("still has keys of its damaged session", "-new-keys", g.config, abp.String())
	out, _, err = do("forget", g.config, joins.String())
	if err != nil || !strings.Contains(out, "found in the database: 2 records of sessions cannot be read") ||
		!strings.Contains(out, joins.String()+": session record: its checksum is wrong; forgotten") || !strings.Contains(out, "as soon as it joins") {
		t.Errorf("%s (%v)", out, err)
	}
	if err := os.WriteFile(list, []byte(strings.Replace(text, key.String()+`","app_s_key":"`+key.String(), strings.Repeat("07", 16)+`","app_s_key":"`+strings.Repeat("08", 16), 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	g = begin()
	eventually(t, "the device is served, the other not", shows(joins.String()+` .* none (.|\n)*`+abp.String()+` .* damaged `))
	eventually(t, "the new keys", func() bool { return strings.Count(g.told.String(), "device list in use") == 1 })
	g.stop()
	if out, _, err = do("forget", "-new-keys", g.config, abp.String()); err != nil || !strings.Contains(out, "at counter 0 with its new keys") {
		t.Errorf("%s (%v)", out, err)
	}
	g = begin()
	eventually(t, "both are served", shows(abp.String()+` .* 01020304 0 `))
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
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// The help of the command says what must come first.
func TestForgetHelp(t *testing.T) {
	var help log
	if err := run(t.Context(), []string{"forget", "-help"}, io.Discard, &help); err != nil || !strings.Contains(help.String(), "systemctl stop edge-gateway") || !strings.Contains(help.String(), "-new-keys") {
		t.Errorf("%s (%v)", help.String(), err)
	}
}
