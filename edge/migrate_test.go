package edge

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/brocaar/lorawan"
	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"

	"modellregion/uplink"
)

// makeOldStore writes a database as the release before checksums did, and
// returns what a store must give out of it.
func makeOldStore(t testing.TB, dir string, devices, uplinks int) all {
	t.Helper()
	data, err := json.Marshal(uplink.DeviceList{V: 1, Version: 4})
	if err != nil {
		t.Fatal(err)
	}
	out := all{
		Sessions: map[lorawan.EUI64]string{}, Outbox: map[uint64]string{}, Airtime: map[lorawan.EUI64]string{}, Devices: string(data), Epoch: "0a1b2c3d",
	}
	db, err := bolt.Open(filepath.Join(dir, "edge.db"), 0o600, &bolt.Options{NoFreelistSync: true})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, name := range [][]byte{bucketMeta, bucketSessions, bucketNonces, bucketAirtime, bucketOutbox} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		meta := tx.Bucket(bucketMeta)
		return errors.Join(meta.Put(keyEpoch, []byte(out.Epoch)), meta.Put(keyDevices, data))
	})
	for round := range 2 {
		err = errors.Join(err, db.Update(func(tx *bolt.Tx) error {
			for n := range devices {
				state := testState(n, uint32(round))
				eui := state.DevEUI
				record, err := state.MarshalBinary()
				err = errors.Join(err, tx.Bucket(bucketNonces).Put(eui[:], state.MarshalNonces()))
				if n == 1 { // one that nothing was heard of since a version earlier
					state.JoinNonce = 3
					record, err = oldSession(state.Active.NextFCntUp), tx.Bucket(bucketNonces).Delete(eui[:])
					if err := state.UnmarshalBinary(record); err != nil {
						return err
					}
				}
				err = errors.Join(err, tx.Bucket(bucketSessions).Put(eui[:], record))
				air := fmt.Appendf(nil, "airtime %d", n)
				if err = errors.Join(err, tx.Bucket(bucketAirtime).Put(eui[:], air)); err != nil {
					return err
				}
				out.Sessions[eui], out.Airtime[eui] = stateRecords(t, state), string(air)
			}
			for n := range uplinks {
				o := testUplink(round*uplinks + n)
				o.uplink.Seq, _ = tx.Bucket(bucketOutbox).NextSequence()
				if err := tx.Bucket(bucketOutbox).Put(numberKey(o.uplink.Seq), outboxRecord(&o)); err != nil {
					return err
				}
				out.Outbox[o.uplink.Seq] = string(o.domain) + " " + string(o.uplink.AppendJSON(nil))
			}
			return nil
		}))
	}
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return out
}

// oldSession is a session of version 1, which has the nonces in it.
func oldSession(counter uint32) []byte {
	record := append([]byte{1, 1}, make([]byte, 8+4+32)...)
	record = binary.BigEndian.AppendUint32(record, counter)
	return append(record, 0, 0, 0, 4, 0, 7, 0, 9)
}

// TestFormatBefore: a database of the release before is brought up to date,
// also when that is interrupted.
func TestFormatBefore(t *testing.T) {
	tests := []struct {
		name    string
		uplinks int
		edit    func(*bolt.Tx) error
		told    string
		other   func(*all)
	}{
		{"small", 3, nil, "", nil},
		{"more than at once", sealAtOnce, nil, "", nil}, // in each of two rounds
		{"interrupted", 40, func(tx *bolt.Tx) error {
			outbox := tx.Bucket(bucketOutbox)
			for n := range uint64(30) {
				key := numberKey(n + 1)
				if err := outbox.Put(key, seal(key, outbox.Get(key))); err != nil {
					return err
				}
			}
			return tx.Bucket(bucketMeta).Put(keySealed, numberKey(30))
		}, "", nil},
		{"interrupted at the end", 1, func(tx *bolt.Tx) error {
			outbox := tx.Bucket(bucketOutbox)
			for n := range uint64(2) {
				key := numberKey(n + 1)
				if err := outbox.Put(key, seal(key, outbox.Get(key))); err != nil {
					return err
				}
			}
			return tx.Bucket(bucketMeta).Put(keySealed, numberKey(2))
		}, "", nil},
		{"an uplink that is none", 3, func(tx *bolt.Tx) error {
			return errors.Join(tx.Bucket(bucketOutbox).Put(numberKey(2), []byte("x")), tx.Bucket(bucketOutbox).Put([]byte("odd"), nil))
		}, "2 uplinks in the outbox", func(a *all) { delete(a.Outbox, 2) }},
		{"a session that is none", 3, func(tx *bolt.Tx) error {
			eui := testEUI(0)
			return tx.Bucket(bucketSessions).Put(eui[:], []byte("torn"))
		}, "1 records of sessions", func(a *all) { delete(a.Sessions, testEUI(0)); a.Damaged = 1 }},
		{"nonces that are none", 3, func(tx *bolt.Tx) error {
			eui := testEUI(0)
			return tx.Bucket(bucketNonces).Put(eui[:], []byte("odd"))
		}, "1 records of nonces", func(a *all) { delete(a.Sessions, testEUI(0)); a.Damaged = 1 }},
		{"a device list that is none", 3, func(tx *bolt.Tx) error { return tx.Bucket(bucketMeta).Put(keyDevices, []byte("{")) },
			"device list could not be read", func(a *all) { a.Devices = "" }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := testDir(t)
			want := makeOldStore(t, dir, 3, test.uplinks)
			if test.edit != nil {
				edit(t, dir, test.edit)
			}
			if test.other != nil {
				test.other(&want)
			}
			s := openTest(t, dir)
			if told := strings.Join(s.repairs(), "; "); test.told == "" && told != "" || !strings.Contains(told, test.told) {
				t.Errorf("it says %q, want %q", told, test.told)
			}
			if diff := cmp.Diff(want, readAll(t, s)); diff != "" {
				t.Error(diff)
			}
			commitTest(t, s, testUplinks(9, 10))
			closeTest(t, s)
			s = openTest(t, dir)
			defer closeTest(t, s)
			if n := s.ledger.Load().seq; n != uint64(2*test.uplinks+1) {
				t.Errorf("the last uplink is number %d, want %d", n, 2*test.uplinks+1)
			}
			if len(s.damaged()) == 0 && len(s.repairs()) != 0 {
				t.Errorf("it says again %q", s.repairs())
			}
		})
	}
}
