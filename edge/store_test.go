package edge

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/brocaar/lorawan"
	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"

	session "modellregion/edge/lorawan"
	"modellregion/uplink"
)

// testTime is when the first uplink of a test was received.
var testTime = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

// testDir returns a folder in which no time is spent on a reserve.
func testDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	pretendReserve(t, dir)
	return dir
}

func pretendReserve(t testing.TB, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "reserve"))
	if err == nil {
		err = errors.Join(f.Truncate(reserveSize), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func openTest(t testing.TB, dir string) *store {
	t.Helper()
	s, err := openStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closeTest(t testing.TB, s *store) {
	t.Helper()
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
}

func commitTest(t testing.TB, s *store, g *group) {
	t.Helper()
	if err := s.commit(g); err != nil {
		t.Fatal(err)
	}
}

func testEUI(n int) lorawan.EUI64 {
	return lorawan.EUI64(binary.BigEndian.AppendUint64(nil, 0x70B3D57ED0000000+uint64(n)*0x101))
}

// testState is the state of a device; counter tells one state from the next.
func testState(n int, counter uint32) *session.State {
	return &session.State{
		DevEUI: testEUI(n), JoinNonce: 3,
		Active:    &session.Session{DevAddr: lorawan.DevAddr{1, 2, byte(n >> 8), byte(n)}, NextFCntUp: counter, NextFCntDown: counter / 2},
		DevNonces: []lorawan.DevNonce{7, lorawan.DevNonce(n)},
	}
}

func testUplink(n int) outgoing {
	return outgoing{domain: uplink.Domains()[n%4], uplink: uplink.Uplink{
		DevEUI: uplink.EUI(testEUI(n % 7)), Time: testTime.Add(time.Duration(n) * time.Minute), TimeQuality: uplink.TimeGPS,
		FCnt: uint32(n), FPort: 2, DR: 5, FreqHz: 868100000,
		RX:       []uplink.Reception{{Gateway: uplink.EUI{1}, RSSIdBm: -100, SNRdB: 7.25}},
		Readings: []uplink.Reading{{Quantity: "air_temperature", Value: float64(n) / 10}},
	}}
}

func testUplinks(from, to int) *group {
	g := newGroup()
	for n := from; n < to; n++ {
		g.uplinks = append(g.uplinks, testUplink(n))
	}
	return g
}

func stateRecords(t testing.TB, s *session.State) string {
	t.Helper()
	record, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x %x", record, s.MarshalNonces())
}

// all is everything a store gives out.
type all struct {
	Sessions map[lorawan.EUI64]string // both records
	Damaged  int
	Outbox   map[uint64]string
	Undated  []string
	Airtime  map[lorawan.EUI64]string
	Devices  string
	Epoch    string
}

func readAll(t testing.TB, s *store) all {
	t.Helper()
	out := all{Sessions: map[lorawan.EUI64]string{}, Outbox: map[uint64]string{}, Airtime: map[lorawan.EUI64]string{}, Epoch: s.epoch}
	states, err := s.sessions()
	if err != nil {
		t.Fatal(err)
	}
	for eui, state := range states {
		out.Sessions[eui] = stateRecords(t, &state)
	}
	out.Damaged = len(s.damaged())
	records, _, err := s.after(0, math.MaxInt, func(uint64) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	size := 0
	for _, r := range records {
		out.Outbox[r.seq] = string(r.domain) + " " + string(r.json)
		size += len(r.json) + 1 + sealSize
	}
	if s.depth() != len(records) || s.outboxBytes() != int64(size) {
		t.Errorf("the outbox is said to have %d records of %d bytes, it has %d of %d", s.depth(), s.outboxBytes(), len(records), size)
	}
	undated, err := s.undatedAfter(0, math.MaxInt)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range undated {
		out.Undated = append(out.Undated, fmt.Sprintf("%d %+v", u.key, u.undated))
	}
	if s.undatedCount() != len(undated) {
		t.Errorf("there are said to be %d uplinks without a time, there are %d", s.undatedCount(), len(undated))
	}
	if err := s.airtime(func(eui lorawan.EUI64, record []byte) error { out.Airtime[eui] = string(record); return nil }); err != nil {
		t.Fatal(err)
	}
	list, err := s.deviceList()
	if err != nil {
		t.Fatal(err)
	}
	out.Devices = string(list)
	return out
}

// TestStoreKeeps: what is committed is there after the next start, and what is
// counted without looking is right.
func TestStoreKeeps(t *testing.T) {
	dir := testDir(t)
	s := openTest(t, dir)
	g := testUplinks(0, 10)
	for n := range 5 {
		g.states[testEUI(n)] = testState(n, 9)
	}
	g.joined[testEUI(3)] = g.states[testEUI(3)]
	g.airtime[testEUI(100)] = []byte("air")
	g.devices = []byte(`{"v":1}`)
	g.undated = []undated{{uplink.Road, testUplink(50).uplink, "3f2a", 90 * time.Second}, {uplink.Energy, testUplink(51).uplink, "", -1}}
	for i := range g.undated {
		g.undated[i].uplink.Time = time.Time{}
	}
	commitTest(t, s, g)
	undatedOnDisk, err := s.undatedAfter(0, 10)
	if err != nil {
		t.Fatal(err)
	}
	for i, u := range undatedOnDisk {
		if diff := cmp.Diff(g.undated[i], u.undated, cmp.AllowUnexported(undated{})); diff != "" {
			t.Errorf("uplink %d without a time: %s", i, diff)
		}
	}
	g = newGroup()
	g.confirmed, g.dropped, g.dated = []uint64{2, 3, 77}, []uint64{1, 3, 99}, []uint64{1}
	g.uplinks = testUplinks(50, 51).uplinks
	g.states[testEUI(0)] = testState(0, 12)
	commitTest(t, s, g)
	want := readAll(t, s)
	if len(want.Sessions) != 5 || len(want.Outbox) != 8 || len(want.Undated) != 1 || s.droppedTotal() != 1 {
		t.Errorf("%d sessions, %d uplinks, %d without a time, %d given up", len(want.Sessions), len(want.Outbox), len(want.Undated), s.droppedTotal())
	}
	if diff := cmp.Diff(stateRecords(t, testState(0, 12)), want.Sessions[testEUI(0)]); diff != "" {
		t.Error(diff)
	}
	closeTest(t, s)
	s = openTest(t, dir)
	defer closeTest(t, s)
	if diff := cmp.Diff(want, readAll(t, s)); diff != "" {
		t.Errorf("after the next start: %s", diff)
	}
	if s.droppedTotal() != 1 || len(s.repairs()) != 0 {
		t.Errorf("%d given up, repairs %q", s.droppedTotal(), s.repairs())
	}
	g = testUplinks(60, 61)
	g.undated = []undated{{domain: uplink.Road, boot: "b"}}
	commitTest(t, s, g)
	if got := g.uplinks[0].uplink.Seq; got != 12 {
		t.Errorf("the next uplink is number %d, want 12", got)
	}
	if u, err := s.undatedAfter(2, 10); err != nil || len(u) != 1 || u[0].key != 3 {
		t.Errorf("%+v (%v), want one with key 3", u, err)
	}
}

func TestGroupKeeps(t *testing.T) {
	for name, g := range map[string]*group{
		"uplinks": {uplinks: make([]outgoing, 1)}, "confirmed": {confirmed: []uint64{1}}, "dropped": {dropped: []uint64{1}},
		"undated": {undated: make([]undated, 1)}, "dated": {dated: []uint64{1}}, "devices": {devices: []byte{}},
		"states": {states: map[lorawan.EUI64]*session.State{{}: nil}}, "airtime": {airtime: map[lorawan.EUI64][]byte{{}: nil}},
	} {
		if !g.keeps() {
			t.Errorf("%s are not kept", name)
		}
	}
	if (&group{notes: make([]note, 1), down: make([]answer, 1)}).keeps() {
		t.Error("notes and answers are not for the disk")
	}
}

func TestOldest(t *testing.T) {
	s := openTest(t, testDir(t))
	defer closeTest(t, s)
	commitTest(t, s, testUplinks(0, 100))
	each := s.outboxBytes() / 100
	tests := []struct {
		name   string
		bytes  int64
		before time.Time
		limit  int
		want   int
	}{
		{"no limit", 0, time.Time{}, 1000, 0},
		{"below", s.outboxBytes(), time.Time{}, 1000, 0},
		{"above", s.outboxBytes() - 1, time.Time{}, 1000, 5},
		{"far above", each * 20, time.Time{}, 1000, 81},
		{"above, few at once", each * 20, time.Time{}, 10, 10},
		{"too old", 0, testTime.Add(30 * time.Minute), 1000, 30},
		{"too old, few at once", 0, testTime.Add(30 * time.Minute), 7, 7},
		{"both, age is more", s.outboxBytes() - 1, testTime.Add(30 * time.Minute), 1000, 30},
		{"both, size is more", each * 20, testTime.Add(30 * time.Minute), 1000, 81},
		{"all", 1, testTime.Add(300 * time.Minute), 1000, 100},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := s.oldest(test.bytes, test.before, test.limit)
			// An uplink has not quite the size of the next.
			if err != nil || len(got) < test.want-1 || len(got) > test.want+1 {
				t.Fatalf("%d are too many or too old (%v), want %d", len(got), err, test.want)
			}
			if !slices.IsSorted(got) || len(got) > 0 && (got[0] != 1 || got[len(got)-1] != uint64(len(got))) {
				t.Errorf("%d, want the oldest", got)
			}
		})
	}
	got, err := s.oldest(each*20, time.Time{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	commitTest(t, s, &group{dropped: got})
	if s.outboxBytes() > each*20 || s.outboxBytes() < each*18 || s.droppedTotal() != uint64(len(got)) {
		t.Errorf("%d bytes are left, the limit is %d; %d given up", s.outboxBytes(), each*20, s.droppedTotal())
	}
}

// edit changes records of a closed database behind the store's back.
func edit(t testing.TB, dir string, fn func(*bolt.Tx) error) {
	t.Helper()
	db, err := bolt.Open(filepath.Join(dir, "edge.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(fn), db.Close()); err != nil {
		t.Fatal(err)
	}
}

// flip changes one bit of a record.
func flip(bucket, key []byte) func(*bolt.Tx) error {
	return func(tx *bolt.Tx) error {
		b := tx.Bucket(bucket)
		v := bytes.Clone(b.Get(key))
		v[len(v)/2] ^= 4
		return b.Put(key, v)
	}
}

// move puts a record under another key.
func move(bucket, from, to []byte) func(*bolt.Tx) error {
	return func(tx *bolt.Tx) error {
		b := tx.Bucket(bucket)
		return errors.Join(b.Put(to, b.Get(from)), b.Delete(from))
	}
}

func remove(bucket, key []byte) func(*bolt.Tx) error {
	return func(tx *bolt.Tx) error { return tx.Bucket(bucket).Delete(key) }
}

// makeTestStore fills a database with something of everything and returns what
// it gives out.
func makeTestStore(t testing.TB, dir string, devices, uplinks int) all {
	t.Helper()
	s := openTest(t, dir)
	defer closeTest(t, s)
	for round := range uint32(3) { // old pages come to lie around
		g := testUplinks(int(round)*uplinks, int(round+1)*uplinks)
		for n := range devices {
			g.states[testEUI(n)] = testState(n, 10*round)
			if n%2 == 0 {
				g.joined[testEUI(n)] = g.states[testEUI(n)]
			}
			g.airtime[testEUI(1000+n)] = fmt.Appendf(nil, "airtime %d", n)
		}
		g.devices = fmt.Appendf(nil, `{"v":1,"version":%d}`, round)
		g.undated = []undated{{domain: uplink.Road, uplink: testUplink(int(round)).uplink, boot: "b", offset: time.Duration(round)}}
		g.undated[0].uplink.Time = time.Time{}
		for n := range uint64(uplinks) {
			g.confirmed = append(g.confirmed, uint64(round)*uint64(uplinks)-n)
		}
		commitTest(t, s, g)
	}
	return readAll(t, s)
}

// TestDamagedRecords: what is damaged is refused, repaired or left out, and
// told; everything else is as it was.
func TestDamagedRecords(t *testing.T) {
	eui := testEUI(2)
	uplink := numberKey(25)
	tests := []struct {
		name    string
		edit    func(*bolt.Tx) error
		refused string     // part of the error
		told    string     // part of what is repaired
		other   func(*all) // what is another
	}{
		{"session", flip(bucketSessions, eui[:]), "", "1 records of sessions", func(a *all) { delete(a.Sessions, eui); a.Damaged = 1 }},
		{"nonces", flip(bucketNonces, eui[:]), "", "1 records of nonces", func(a *all) { delete(a.Sessions, eui); a.Damaged = 1 }},
		{"session under another key", move(bucketSessions, eui[:], []byte("otherone")), "", "1 records of sessions",
			func(a *all) { delete(a.Sessions, eui); a.Damaged = 2 }},
		{"nonces under another key", move(bucketNonces, eui[:], []byte("otherone")), "", "1 records of nonces",
			func(a *all) { delete(a.Sessions, eui); a.Damaged = 2 }},
		{"nonces under no EUI", move(bucketNonces, eui[:], []byte("odd")), "", "1 records of nonces",
			func(a *all) { delete(a.Sessions, eui); a.Damaged = 1 }},
		{"uplink", flip(bucketOutbox, uplink), "", "1 uplinks in the outbox", func(a *all) { delete(a.Outbox, 25) }},
		{"uplink under another key", move(bucketOutbox, uplink, numberKey(1<<40)), "", "1 uplinks in the outbox", func(a *all) { delete(a.Outbox, 25) }},
		{"uplink under no number", move(bucketOutbox, uplink, []byte("odd")), "", "1 uplinks in the outbox", func(a *all) { delete(a.Outbox, 25) }},
		{"uplink missing", remove(bucketOutbox, uplink), "", "outbox held 9 records, and not the 10", func(a *all) { delete(a.Outbox, 25) }},
		{"uplink without a time", flip(bucketUndated, numberKey(2)), "", "1 uplinks without a time", func(a *all) { a.Undated = slices.Delete(a.Undated, 1, 2) }},
		{"airtime", flip(bucketAirtime, sliceOf(testEUI(1001))), "", "airtime of 1 gateways", func(a *all) { delete(a.Airtime, testEUI(1001)) }},
		{"device list", flip(bucketMeta, keyDevices), "", "1 records of the bucket meta", func(a *all) { a.Devices = "" }},
		{"device list missing", remove(bucketMeta, keyDevices), "", "meta held 2 records, and not the 3", func(a *all) { a.Devices, a.Epoch = "", "" }},
		{"epoch", flip(bucketMeta, keyEpoch), "", "new epoch", func(a *all) { a.Epoch = "" }},
		{"epoch under another key", move(bucketMeta, keyEpoch, []byte("epocj")), "", "new epoch", func(a *all) { a.Epoch = "" }},
		{"format", flip(bucketMeta, keyFormat), "", "number of the format", nil},
		{"format under another key", move(bucketMeta, keyFormat, []byte("forman")), "", "number of the format", nil},
		{"ledger", flip(bucketLedger, keyLedger), "", "ledger could not be read", func(a *all) { a.Epoch = "" }},
		{"sequence number", func(tx *bolt.Tx) error { return tx.Bucket(bucketOutbox).SetSequence(3) }, "", "sequence number of the outbox was 3", nil},
		{"session missing", remove(bucketSessions, eui[:]), "sessions holds 4 records, and not the 5", "", nil},
		{"nonces missing", remove(bucketNonces, eui[:]), "nonces holds 4 records, and not the 5", "", nil},
		{"session of an earlier day", func(tx *bolt.Tx) error {
			record, err := testState(2, 10).MarshalBinary()
			return errors.Join(err, tx.Bucket(bucketSessions).Put(eui[:], seal(eui[:], record)))
		}, "sessions holds 5 records, and not the 5 that were written last", "", nil},
		{"bucket missing", func(tx *bolt.Tx) error { return tx.DeleteBucket(bucketOutbox) }, `bucket "outbox" is missing`, "", nil},
		{"bucket under another name", func(tx *bolt.Tx) error {
			_, err := tx.CreateBucket([]byte("outbow"))
			return errors.Join(err, tx.DeleteBucket(bucketOutbox))
		}, `bucket "outbow" is unknown`, "", nil},
		{"all buckets missing", func(tx *bolt.Tx) error {
			err := tx.DeleteBucket(bucketLedger)
			for _, name := range buckets() {
				err = errors.Join(err, tx.DeleteBucket(name))
			}
			return err
		}, "it holds nothing", "", nil},
		{"format of the future", func(tx *bolt.Tx) error { return tx.Bucket(bucketMeta).Put(keyFormat, seal(keyFormat, []byte{3})) },
			"it is of format 3, this program knows 2: use a newer program", "", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := testDir(t)
			want := makeTestStore(t, dir, 5, 10)
			edit(t, dir, test.edit)
			s, err := openStore(dir)
			if test.refused != "" {
				if err == nil || !strings.Contains(err.Error(), test.refused) || !strings.Contains(err.Error(), filepath.Join(dir, "edge.db")) {
					t.Fatalf("error %v, want the file and %q", err, test.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if told := strings.Join(s.repairs(), "; "); !strings.Contains(told, test.told) {
				t.Errorf("it says %q, want %q in it", told, test.told)
			}
			got, newEpoch := readAll(t, s), ""
			if test.other != nil {
				test.other(&want)
			}
			if want.Epoch == "" { // another one
				newEpoch, want.Epoch = got.Epoch, got.Epoch
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			commitTest(t, s, testUplinks(70, 71))
			closeTest(t, s)
			s = openTest(t, dir)
			defer closeTest(t, s)
			if n := s.ledger.Load().seq; n != 31 || newEpoch != "" && s.epoch != newEpoch {
				t.Errorf("the next uplink is number %d of epoch %s, want 31 of %s", n, s.epoch, newEpoch)
			}
			if len(s.repairs()) != 0 && got.Damaged == 0 {
				t.Errorf("it says again %q", s.repairs())
			}
		})
	}
}

func sliceOf(eui lorawan.EUI64) []byte { return eui[:] }

// TestLostFile: a file that is gone or empty is no first start.
func TestLostFile(t *testing.T) {
	tests := []struct {
		name string
		lose func(path string) error
		want string
	}{
		{"deleted", os.Remove, "it is missing"},
		{"emptied", func(path string) error { return os.Truncate(path, 0) }, "it is empty"},
		{"one page", func(path string) error { return os.Truncate(path, 4096) }, "bytes, but is of"},
		{"half", func(path string) error { return os.Truncate(path, 20000) }, "bytes, but is of"},
		{"no meta page", func(path string) error { return os.WriteFile(path, make([]byte, 32<<10), 0o600) }, "neither of its meta pages"},
		{"text", func(path string) error { return os.WriteFile(path, []byte("lost+found"), 0o600) }, "neither of its meta pages"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := testDir(t)
			makeTestStore(t, dir, 5, 10)
			path := filepath.Join(dir, "edge.db")
			if err := test.lose(path); err != nil {
				t.Fatal(err)
			}
			for range 2 { // it stays refused
				_, err := openStore(dir)
				if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "start with an empty one") {
					t.Fatalf("error %v, want the file, %q and what to do", err, test.want)
				}
			}
		})
	}
}
