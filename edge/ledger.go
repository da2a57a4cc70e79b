package edge

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// A checksum tells that a record is damaged, but not that one is missing, or
// that a page on disk is an old one: the pointer to it may have changed, or a
// card has kept a page although it said that the new one is written. Therefore
// each commit also writes what the database holds by then. The ledger is small
// enough to lie in the page that every commit writes anyway.

// ledger is what the database holds after a commit.
type ledger struct {
	txid    uint32 // number of the commit, its lower half
	seq     uint64 // the last sequence number given to an uplink
	dropped uint64 // uplinks that were given up, ever
	held    [parts]tally
}

// tally is what one bucket holds.
type tally struct {
	records uint64
	bytes   uint64 // of the values, with their checksums
	sum     uint64 // of the checksums
}

// The buckets of which the ledger has a tally.
const (
	inMeta = iota
	inSessions
	inNonces
	inAirtime
	inOutbox
	inUndated
	parts
)

// buckets returns the names of the buckets, in the order of the ledger.
func buckets() [parts][]byte {
	return [parts][]byte{bucketMeta, bucketSessions, bucketNonces, bucketAirtime, bucketOutbox, bucketUndated}
}

const ledgerSize = 4 + 2*8 + parts*3*8

// enter adds a record to a tally, strike takes it away. What counts is what is
// there, also of a damaged record, so that only a new damage changes the sum.
func (t *tally) enter(key, value []byte) {
	t.records++
	t.bytes += uint64(len(value))
	t.sum += uint64(checksum(key, value[:max(0, len(value)-sealSize)]))
}

func (t *tally) strike(key, value []byte) {
	t.records--
	t.bytes -= uint64(len(value))
	t.sum -= uint64(checksum(key, value[:max(0, len(value)-sealSize)]))
}

func (l *ledger) append(out []byte) []byte {
	out = binary.BigEndian.AppendUint32(out, l.txid)
	out = binary.BigEndian.AppendUint64(out, l.seq)
	out = binary.BigEndian.AppendUint64(out, l.dropped)
	for _, t := range l.held {
		out = binary.BigEndian.AppendUint64(out, t.records)
		out = binary.BigEndian.AppendUint64(out, t.bytes)
		out = binary.BigEndian.AppendUint64(out, t.sum)
	}
	return out
}

// readLedger reads the ledger of the last commit. It is false when there is
// none that can be read.
func readLedger(tx *bolt.Tx) (l ledger, ok bool) {
	b := tx.Bucket(bucketLedger)
	if b == nil {
		return ledger{}, false
	}
	data, err := unseal(keyLedger, b.Get(keyLedger))
	if err != nil || len(data) != ledgerSize {
		return ledger{}, false
	}
	l.txid = binary.BigEndian.Uint32(data)
	l.seq = binary.BigEndian.Uint64(data[4:])
	l.dropped = binary.BigEndian.Uint64(data[12:])
	data = data[20:]
	for i := range l.held {
		l.held[i] = tally{binary.BigEndian.Uint64(data), binary.BigEndian.Uint64(data[8:]), binary.BigEndian.Uint64(data[16:])}
		data = data[24:]
	}
	return l, true
}

// change is a transaction that keeps the ledger. Whatever is written goes
// through it.
type change struct {
	tx     *bolt.Tx
	ledger ledger
}

// update runs fn in a transaction, writes the ledger and returns when both are
// on disk. Only one goroutine may call it at a time.
func (s *store) update(fn func(*change) error) error {
	c := &change{ledger: *s.ledger.Load()}
	err := s.db.Update(func(tx *bolt.Tx) error {
		c.tx = tx
		if err := fn(c); err != nil {
			return err
		}
		return c.close()
	})
	if err == nil {
		s.ledger.Store(&c.ledger)
	}
	return err
}

// close writes the ledger, as the last of a transaction.
func (c *change) close() error {
	c.ledger.txid = uint32(c.tx.ID())
	if err := c.tx.Bucket(bucketLedger).Put(keyLedger, seal(keyLedger, c.ledger.append(nil))); err != nil {
		return fmt.Errorf("keep the ledger: %w", err)
	}
	return nil
}

// put seals and keeps a record.
func (c *change) put(bucket, key, content []byte) error {
	b, held := c.tx.Bucket(bucket), c.tally(bucket)
	if old := b.Get(key); old != nil {
		held.strike(key, old)
	}
	value := seal(key, content)
	held.enter(key, value)
	return b.Put(key, value)
}

// delete reports whether there was a record.
func (c *change) delete(bucket, key []byte) (bool, error) {
	b := c.tx.Bucket(bucket)
	old := b.Get(key)
	if old == nil {
		return false, nil
	}
	c.tally(bucket).strike(key, old)
	return true, b.Delete(key)
}

func (c *change) tally(bucket []byte) *tally {
	names := buckets()
	return &c.ledger.held[slices.IndexFunc(names[:], func(name []byte) bool { return bytes.Equal(name, bucket) })]
}
