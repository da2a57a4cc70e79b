package edge

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/brocaar/lorawan"
	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"

	session "modellregion/edge/lorawan"
	"modellregion/uplink"
)

// TestForget: what is damaged of one device is forgotten or refused; everything
// else is as it was, and the next start finds nothing to repair.
func TestForget(t *testing.T) {
	eui := testEUI(2)
	oldKey, newKey, appKey := lorawan.AES128Key{1, 2, 3}.String(), lorawan.AES128Key{4, 5, 6}.String(), lorawan.AES128Key{7}.String()
	otaa := uplink.ListedDevice{DevEUI: uplink.EUI(eui), Domain: uplink.Road, AppKey: appKey}
	abp := func(nwk, app string) uplink.ListedDevice {
		return uplink.ListedDevice{DevEUI: uplink.EUI(eui), Domain: uplink.Road, DevAddr: "01020304", NwkSKey: nwk, AppSKey: app}
	}
	renewed, other, unfit := abp(newKey, newKey), otaa, abp(newKey, "x")
	other.DevEUI[0]++
	record, nonces := flip(bucketSessions, eui[:]), flip(bucketNonces, eui[:])
	const forgotten, kept = "forgotten", "kept"
	tests := []struct {
		name    string
		listed  uplink.ListedDevice
		edit    func(*bolt.Tx) error
		newKeys bool
		want    string // or part of the error
	}{
		{"session", otaa, record, false, forgotten},
		{"session, new keys said in vain", otaa, record, true, forgotten},
		{"session and nonces", otaa, both(record, nonces), false, forgotten},
		{"nonces", otaa, nonces, false, kept},
		{"nonces under no EUI", otaa, move(bucketNonces, eui[:], []byte("odd")), false, kept},
		{"session under no EUI", otaa, move(bucketSessions, eui[:], []byte("odd")), false, forgotten},
		{"session and nonces under no EUI", otaa, both(move(bucketSessions, eui[:], []byte("odd")), move(bucketNonces, eui[:], []byte("odd"))), false, "there is no record of device " + eui.String()},
		{"sound", otaa, func(*bolt.Tx) error { return nil }, false, "device " + eui.String() + " are sound"},
		{"another device", otaa, flip(bucketSessions, sliceOf(testEUI(3))), false, "device " + eui.String() + " are sound"},
		{"personalised", renewed, record, false, "it is personalised (ABP), and its counters are lost"},
		{"personalised, new keys", renewed, record, true, forgotten},
		{"personalised, keys as before", abp(oldKey, oldKey), record, true, "still has keys of its damaged session"},
		{"personalised, one key as before", abp(newKey, oldKey), record, true, "still has keys of its damaged session"},
		{"personalised, nonces", abp(oldKey, oldKey), nonces, false, kept},
		{"not on the list", other, record, false, "it is not on the device list"},
		{"not on the list, new keys", other, record, true, forgotten},
		{"no list", otaa, both(record, flip(bucketMeta, keyDevices)), false, "it is not on the device list"},
		{"a list with mistakes", unfit, record, true, "device on the list on disk: app_s_key"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := testDir(t)
			makeTestStore(t, dir, 5, 10)
			fill(t, dir, test.listed)
			edit(t, dir, test.edit)
			s := openTest(t, dir) // what is to be repaired beside is repaired here
			before := readAll(t, s)
			closeTest(t, s)

			done, err := Forget(dir, uplink.EUI(eui), test.newKeys)
			s = openTest(t, dir)
			defer closeTest(t, s)
			after := readAll(t, s)
			if test.want != forgotten && test.want != kept {
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %v, want %q in it", err, test.want)
				}
				if diff := cmp.Diff(before, after); diff != "" {
					t.Errorf("refused, and yet: %s", diff)
				}
				return
			}
			if err != nil || done.Damage == nil || done.Kept != (test.want == kept) || done.ABP != (test.listed.AppKey == "" || test.listed.DevEUI != uplink.EUI(eui)) {
				t.Fatalf("%+v (%v)", done, err)
			}
			before.Damaged--
			if done.Kept {
				state := keyedState()
				state.DevNonces = nil
				before.Sessions[eui] = stateRecords(t, state)
			}
			if diff := cmp.Diff(before, after); diff != "" {
				t.Error(diff)
			}
			if told := s.repairs(); len(told) > 0 && !strings.Contains(test.name, "under no EUI") {
				t.Errorf("after it the next start says %q", told)
			}
		})
	}
}

func both(one, two func(*bolt.Tx) error) func(*bolt.Tx) error {
	return func(tx *bolt.Tx) error { return errors.Join(one(tx), two(tx)) }
}

// fill makes one device the only one on the list, and one have keys.
func fill(t *testing.T, dir string, listed uplink.ListedDevice) {
	t.Helper()
	s := openTest(t, dir)
	defer closeTest(t, s)
	g, state := newGroup(), keyedState()
	g.states[state.DevEUI], g.joined[state.DevEUI] = state, state
	var err error
	if g.devices, err = json.Marshal(uplink.DeviceList{V: uplink.Version, Version: 9, Devices: []uplink.ListedDevice{listed}}); err != nil {
		t.Fatal(err)
	}
	commitTest(t, s, g)
}

// keyedState is the state of a device whose session has keys.
func keyedState() *session.State {
	state := testState(2, 77)
	state.Active.NwkSKey, state.Active.AppSKey = lorawan.AES128Key{1, 2, 3}, lorawan.AES128Key{1, 2, 3}
	return state
}

// TestForgetWithoutADatabase: a wrong folder stays as it is, and a lost database
// is not begun anew.
func TestForgetWithoutADatabase(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Join(dir, "none")} {
		if _, err := Forget(d, uplink.EUI{1}, false); err == nil || !strings.Contains(err.Error(), "there is no database in "+d) {
			t.Errorf("error %v", err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%v (%v) is made", left, err)
	}
	if err := os.WriteFile(filepath.Join(dir, usedName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Forget(dir, uplink.EUI{1}, false); err == nil || !strings.Contains(err.Error(), "it is missing") {
		t.Errorf("error %v", err)
	}
}

// TestForgetTellsRepairs: also when it refuses, for the next start has nothing
// to repair.
func TestForgetTellsRepairs(t *testing.T) {
	dir := testDir(t)
	makeTestStore(t, dir, 5, 10)
	edit(t, dir, flip(bucketMeta, keyEpoch))
	done, err := Forget(dir, uplink.EUI(testEUI(2)), false)
	if err == nil || !strings.Contains(strings.Join(done.Repairs, "; "), "new epoch") {
		t.Errorf("%q (%v)", done.Repairs, err)
	}
}
