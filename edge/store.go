package edge

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/brocaar/lorawan"
	bolt "go.etcd.io/bbolt"

	session "modellregion/edge/lorawan"
	"modellregion/uplink"
)

// store is the edge's one database: sessions and outbox change in the same
// transaction, so that no crash can separate a frame counter from the uplink
// it belongs to.
//
// A gateway has a card that forgets and a supply that fails. What the store
// returns is what was written, or it says what is missing: a damaged session is
// never a device without history, nor a damaged file an empty one.
type store struct {
	db     *bolt.DB
	dir    string
	epoch  string
	ledger atomic.Pointer[ledger] // of the last commit

	repaired []string

	// What follows belongs to the goroutine that commits.
	undatedKey uint64 // the last one given out
	broken     map[lorawan.EUI64]error
}

// The buckets. Every record ends with a checksum of key and value. The outbox
// is keyed by sequence number, big endian; its values are the number of the
// domain, one byte, and the uplink as JSON. A device has a record both in
// sessions and in nonces, so that neither can be missing without notice.
var (
	bucketMeta     = []byte("meta")
	bucketSessions = []byte("sessions")
	bucketNonces   = []byte("nonces")  // of each device, by DevEUI
	bucketAirtime  = []byte("airtime") // of each gateway, by its EUI
	bucketOutbox   = []byte("outbox")
	bucketUndated  = []byte("undated") // uplinks whose time is not known yet, by a rising number
	bucketLedger   = []byte("ledger")

	keyFormat  = []byte("format")
	keyEpoch   = []byte("epoch")
	keyDevices = []byte("devices")
	keyLedger  = []byte("ledger")
)

func (s *store) close() error { return s.db.Close() }

// repairs returns what was not right when the store was opened and is now, each
// as a sentence for the log.
func (s *store) repairs() []string { return s.repaired }

// depth returns the number of uplinks in the outbox.
func (s *store) depth() int { return int(s.ledger.Load().held[inOutbox].records) }

// outboxBytes returns the size of the values in the outbox.
func (s *store) outboxBytes() int64 { return int64(s.ledger.Load().held[inOutbox].bytes) }

// undatedCount returns the number of uplinks whose time is not known yet.
func (s *store) undatedCount() int { return int(s.ledger.Load().held[inUndated].records) }

// droppedTotal returns how many uplinks were ever given up.
func (s *store) droppedTotal() uint64 { return s.ledger.Load().dropped }

// group is what one commit makes durable.
type group struct {
	uplinks   []outgoing
	states    map[lorawan.EUI64]*session.State
	joined    map[lorawan.EUI64]*session.State // those of states whose nonces have changed
	airtime   map[lorawan.EUI64][]byte         // of gateways
	confirmed []uint64
	devices   []byte    // a new device list
	dropped   []uint64  // uplinks in the outbox that are given up
	undated   []undated // uplinks whose time is not known yet
	dated     []uint64  // keys of undated ones that have got a time and are among uplinks
	down      []answer
	notes     []note // to be published afterwards, best effort
	began     time.Time
}

type outgoing struct {
	domain uplink.Domain
	uplink uplink.Uplink // its Seq is given by the commit
	dated  bool          // it was among the undated until now
}

// keeps reports whether there is anything to be written to disk.
func (g *group) keeps() bool {
	return len(g.uplinks) > 0 || len(g.states) > 0 || len(g.airtime) > 0 || len(g.confirmed) > 0 || len(g.dropped) > 0 ||
		len(g.undated) > 0 || len(g.dated) > 0 || g.devices != nil
}

func (g *group) empty() bool { return !g.keeps() && len(g.notes) == 0 }

// commit writes a group in one transaction and returns when it is on disk. One
// that has nothing to be kept costs the disk nothing. Only one goroutine may
// call it at a time.
func (s *store) commit(g *group) error {
	if !g.keeps() {
		return nil
	}
	last := s.undatedKey
	err := s.update(func(c *change) error {
		for _, step := range []func(*group) error{c.putUplinks, c.deleteUplinks, c.putStates} {
			if err := step(g); err != nil {
				return err
			}
		}
		var err error
		if last, err = c.putUndated(g, last); err != nil {
			return err
		}
		for eui, record := range g.airtime {
			if err := c.put(bucketAirtime, eui[:], record); err != nil {
				return fmt.Errorf("keep airtime of gateway %s: %w", eui, err)
			}
		}
		if g.devices != nil {
			if err := c.put(bucketMeta, keyDevices, g.devices); err != nil {
				return fmt.Errorf("keep device list: %w", err)
			}
		}
		return nil
	})
	if err == nil {
		s.undatedKey = last
	}
	return err
}

func (c *change) putUplinks(g *group) error {
	if len(g.uplinks) == 0 {
		return nil
	}
	outbox := c.tx.Bucket(bucketOutbox)
	outbox.FillPercent = 0.9 // keys only ever rise
	for i := range g.uplinks {
		o := &g.uplinks[i]
		c.ledger.seq++
		o.uplink.Seq = c.ledger.seq
		if err := c.put(bucketOutbox, numberKey(o.uplink.Seq), outboxRecord(o)); err != nil {
			return fmt.Errorf("keep uplink %d: %w", o.uplink.Seq, err)
		}
	}
	if err := outbox.SetSequence(c.ledger.seq); err != nil {
		return fmt.Errorf("keep sequence number %d: %w", c.ledger.seq, err)
	}
	return nil
}

func (c *change) deleteUplinks(g *group) error {
	for _, seq := range g.confirmed {
		if _, err := c.delete(bucketOutbox, numberKey(seq)); err != nil {
			return fmt.Errorf("delete uplink %d: %w", seq, err)
		}
	}
	for _, seq := range g.dropped {
		there, err := c.delete(bucketOutbox, numberKey(seq))
		if err != nil {
			return fmt.Errorf("give up uplink %d: %w", seq, err)
		}
		if there {
			c.ledger.dropped++
		}
	}
	return nil
}

func (c *change) putStates(g *group) error {
	nonces := c.tx.Bucket(bucketNonces)
	for eui, state := range g.states {
		record, err := state.MarshalBinary()
		if err == nil {
			err = c.put(bucketSessions, eui[:], record)
		}
		if err == nil && g.joined[eui] == nil && nonces.Get(eui[:]) == nil {
			err = c.put(bucketNonces, eui[:], state.MarshalNonces())
		}
		if err != nil {
			return fmt.Errorf("keep session of %s: %w", eui, err)
		}
	}
	for eui, state := range g.joined {
		if err := c.put(bucketNonces, eui[:], state.MarshalNonces()); err != nil {
			return fmt.Errorf("keep nonces of %s: %w", eui, err)
		}
	}
	return nil
}

// putUndated keeps uplinks without a time under the keys beyond last, deletes
// those that have got one, and returns the last key.
func (c *change) putUndated(g *group, last uint64) (uint64, error) {
	for i := range g.undated {
		record, err := g.undated[i].record()
		if err == nil {
			last++
			err = c.put(bucketUndated, numberKey(last), record)
		}
		if err != nil {
			return 0, fmt.Errorf("keep uplink of %s without a time: %w", g.undated[i].uplink.DevEUI, err)
		}
	}
	for _, key := range g.dated {
		if _, err := c.delete(bucketUndated, numberKey(key)); err != nil {
			return 0, fmt.Errorf("delete uplink %d without a time: %w", key, err)
		}
	}
	return last, nil
}
