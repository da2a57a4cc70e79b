package edge

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/brocaar/lorawan"
	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	session "modellregion/edge/lorawan"
	"modellregion/uplink"
)

// store is the edge's one database: sessions and outbox change in the same
// transaction, so that no crash can separate a frame counter from the uplink
// it belongs to.
type store struct {
	db    *bolt.DB
	epoch string
}

// The buckets. The outbox is keyed by sequence number, big endian; its values
// are the number of the domain, one byte, and the uplink as JSON.
var (
	bucketMeta     = []byte("meta")
	bucketSessions = []byte("sessions")
	bucketNonces   = []byte("nonces")  // of each device, by DevEUI
	bucketAirtime  = []byte("airtime") // of each gateway, by its EUI
	bucketOutbox   = []byte("outbox")

	keyEpoch   = []byte("epoch")
	keyDevices = []byte("devices")
)

const lockTimeout = 5 * time.Second

func openStore(dir string) (*store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the edge's folder: %w", err)
	}
	path := filepath.Join(dir, "edge.db")
	// No free list on disk: it is rebuilt at start and would be written with
	// every commit.
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: lockTimeout, NoFreelistSync: true, FreelistType: bolt.FreelistMapType})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("open %s: another process has it open", path)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	s := &store{db: db}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, name := range [][]byte{bucketMeta, bucketSessions, bucketNonces, bucketAirtime, bucketOutbox} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		if err := migrate(tx); err != nil {
			return err
		}
		meta := tx.Bucket(bucketMeta)
		if epoch := meta.Get(keyEpoch); epoch != nil {
			s.epoch = string(epoch)
			return nil
		}
		var drawn [4]byte
		if _, err := rand.Read(drawn[:]); err != nil {
			return err
		}
		s.epoch = hex.EncodeToString(drawn[:])
		return meta.Put(keyEpoch, []byte(s.epoch))
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare %s: %w", path, err), db.Close())
	}
	return s, nil
}

func (s *store) close() error { return s.db.Close() }

// group is what one commit makes durable.
type group struct {
	uplinks   []outgoing
	states    map[lorawan.EUI64]*session.State
	joined    map[lorawan.EUI64]*session.State // those of states whose nonces have changed
	airtime   map[lorawan.EUI64][]byte         // of gateways
	confirmed []uint64
	devices   []byte // a new device list
	down      []answer
	notes     []note // to be published afterwards, best effort
	began     time.Time
}

type outgoing struct {
	domain uplink.Domain
	uplink uplink.Uplink // its Seq is given by the commit
}

// keeps reports whether there is anything to be written to disk.
func (g *group) keeps() bool {
	return len(g.uplinks) > 0 || len(g.states) > 0 || len(g.airtime) > 0 || len(g.confirmed) > 0 || g.devices != nil
}

func (g *group) empty() bool { return !g.keeps() && len(g.notes) == 0 }

// commit writes a group in one transaction and returns when it is on disk. One
// that has nothing to be kept costs the disk nothing.
func (s *store) commit(g *group) error {
	if !g.keeps() {
		return nil
	}
	return s.db.Update(func(tx *bolt.Tx) error {
		outbox := tx.Bucket(bucketOutbox)
		outbox.FillPercent = 0.9 // keys only ever rise
		seq := outbox.Sequence()
		for i := range g.uplinks {
			o := &g.uplinks[i]
			seq++
			o.uplink.Seq = seq
			value := o.uplink.AppendJSON([]byte{domainNumber(o.domain)})
			if err := outbox.Put(seqKey(seq), value); err != nil {
				return fmt.Errorf("keep uplink %d: %w", seq, err)
			}
		}
		if err := outbox.SetSequence(seq); err != nil {
			return fmt.Errorf("keep sequence number %d: %w", seq, err)
		}
		for _, n := range g.confirmed {
			if err := outbox.Delete(seqKey(n)); err != nil {
				return fmt.Errorf("delete uplink %d: %w", n, err)
			}
		}
		sessions := tx.Bucket(bucketSessions)
		for eui, state := range g.states {
			value, err := state.MarshalBinary()
			if err != nil {
				return fmt.Errorf("keep session of %s: %w", eui, err)
			}
			if err := sessions.Put(eui[:], value); err != nil {
				return fmt.Errorf("keep session of %s: %w", eui, err)
			}
		}
		for eui, state := range g.joined {
			if err := tx.Bucket(bucketNonces).Put(eui[:], state.MarshalNonces()); err != nil {
				return fmt.Errorf("keep nonces of %s: %w", eui, err)
			}
		}
		for eui, record := range g.airtime {
			if err := tx.Bucket(bucketAirtime).Put(eui[:], record); err != nil {
				return fmt.Errorf("keep airtime of gateway %s: %w", eui, err)
			}
		}
		if g.devices != nil {
			if err := tx.Bucket(bucketMeta).Put(keyDevices, g.devices); err != nil {
				return fmt.Errorf("keep device list: %w", err)
			}
		}
		return nil
	})
}

// sessions returns the saved state of every device.
func (s *store) sessions() (map[lorawan.EUI64]session.State, error) {
	out := map[lorawan.EUI64]session.State{}
	err := s.db.View(func(tx *bolt.Tx) error {
		return tx.Bucket(bucketSessions).ForEach(func(k, v []byte) error {
			var eui lorawan.EUI64
			if len(k) != len(eui) {
				return fmt.Errorf("session key %x is no DevEUI", k)
			}
			copy(eui[:], k)
			state := session.State{DevEUI: eui}
			if err := errors.Join(state.UnmarshalBinary(v), state.UnmarshalNonces(tx.Bucket(bucketNonces).Get(k))); err != nil {
				return fmt.Errorf("session of %s: %w", eui, err)
			}
			out[eui] = state
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read sessions: %w", err)
	}
	return out, nil
}

// migrate brings records of an earlier version up to date: its sessions hold
// the nonces, which are a record of their own now.
func migrate(tx *bolt.Tx) error {
	sessions, nonces := tx.Bucket(bucketSessions), tx.Bucket(bucketNonces)
	old := map[string]session.State{}
	err := sessions.ForEach(func(k, v []byte) error {
		if session.RecordVersion(v) != 1 {
			return nil
		}
		var state session.State
		if err := state.UnmarshalBinary(v); err != nil {
			return fmt.Errorf("session of %x: %w", k, err)
		}
		old[string(k)] = state
		return nil
	})
	if err != nil {
		return err
	}
	for k, state := range old {
		record, err := state.MarshalBinary()
		if err == nil {
			err = errors.Join(sessions.Put([]byte(k), record), nonces.Put([]byte(k), state.MarshalNonces()))
		}
		if err != nil {
			return fmt.Errorf("session of %x: %w", k, err)
		}
	}
	return nil
}

// airtime calls take with the record of each gateway.
func (s *store) airtime(take func(lorawan.EUI64, []byte) error) error {
	err := s.db.View(func(tx *bolt.Tx) error {
		return tx.Bucket(bucketAirtime).ForEach(func(k, v []byte) error {
			var eui lorawan.EUI64
			if len(k) != len(eui) {
				return fmt.Errorf("key %x is no gateway", k)
			}
			copy(eui[:], k)
			return take(eui, v)
		})
	})
	if err != nil {
		return fmt.Errorf("read airtime: %w", err)
	}
	return nil
}

// deviceList returns the list kept last, or nil.
func (s *store) deviceList() ([]byte, error) {
	var out []byte
	err := s.db.View(func(tx *bolt.Tx) error {
		out = slices.Clone(tx.Bucket(bucketMeta).Get(keyDevices))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read device list: %w", err)
	}
	return out, nil
}

// record is an uplink in the outbox, as JSON.
type record struct {
	seq    uint64
	domain uplink.Domain
	json   []byte
}

// after returns up to limit records beyond a sequence number for which keep
// holds, and the last sequence number it looked at.
func (s *store) after(seq uint64, limit int, keep func(uint64) bool) ([]record, uint64, error) {
	var out []record
	err := s.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketOutbox).Cursor()
		for k, v := c.Seek(seqKey(seq + 1)); k != nil && len(out) < limit; k, v = c.Next() {
			seq = binary.BigEndian.Uint64(k)
			if keep(seq) {
				out = append(out, toRecord(seq, v))
			}
		}
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read outbox: %w", err)
	}
	return out, seq, nil
}

// get returns those of the records that are still in the outbox.
func (s *store) get(seqs []uint64) ([]record, error) {
	var out []record
	err := s.db.View(func(tx *bolt.Tx) error {
		outbox := tx.Bucket(bucketOutbox)
		for _, seq := range seqs {
			if v := outbox.Get(seqKey(seq)); v != nil {
				out = append(out, toRecord(seq, v))
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	return out, nil
}

// depth counts the records in the outbox. It reads the whole index.
func (s *store) depth() (int, error) {
	n := 0
	err := s.db.View(func(tx *bolt.Tx) error {
		n = tx.Bucket(bucketOutbox).Stats().KeyN
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("count outbox: %w", err)
	}
	return n, nil
}

// toRecord copies a value out of the transaction it lives in.
func toRecord(seq uint64, value []byte) record {
	return record{seq: seq, domain: uplink.Domains()[int(value[0])%len(uplink.Domains())], json: slices.Clone(value[1:])}
}

func seqKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

func domainNumber(d uplink.Domain) byte { return byte(slices.Index(uplink.Domains(), d)) }
