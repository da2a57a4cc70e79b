package edge

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// format is the version of the database's layout, in its meta bucket. Format 1
// had no checksums and did not say that it was 1.
const format = 2

// prepare reads every record once, brings a database of format 1 up to date,
// repairs what can be repaired and makes what is not there yet.
func (s *store) prepare(found layout, used bool) error {
	if found.lostOne {
		s.repair("one of the two meta pages could not be read, and what was committed last may be lost with it")
	}
	old, err := s.formatOf()
	if err != nil {
		return err
	}
	if old == 0 && used {
		return damagef("it holds nothing, but %s says that it did", usedName)
	}
	if old == 1 {
		if err := s.sealOutbox(); err != nil {
			return fmt.Errorf("bring the outbox from format 1 to %d: %w", format, err)
		}
	}
	c := &change{}
	err = s.db.Update(func(tx *bolt.Tx) error {
		c.tx = tx
		if old < format {
			if err := s.migrate(c); err != nil {
				return fmt.Errorf("bring it from format %d to %d: %w", old, format, err)
			}
		}
		if err := s.compare(c, found, old); err != nil {
			return err
		}
		return c.close()
	})
	if err != nil {
		return err
	}
	s.ledger.Store(&c.ledger)
	_, err = s.sessions()
	return err
}

func (s *store) repair(format string, args ...any) {
	s.repaired = append(s.repaired, fmt.Sprintf(format, args...))
}

// formatOf returns the format of the database, or 0 when nothing was ever
// written. It refuses one whose buckets are not those of its format.
func (s *store) formatOf() (n int, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		names := buckets()
		known := append(names[:], bucketLedger)
		there := 0
		err := tx.ForEach(func(name []byte, _ *bolt.Bucket) error {
			there++
			if !slices.ContainsFunc(known, func(k []byte) bool { return bytes.Equal(k, name) }) {
				return damagef("bucket %q is unknown", name)
			}
			return nil
		})
		if err != nil || there == 0 {
			return err
		}
		need := known
		if n = s.writtenFormat(tx); n == 1 {
			need = [][]byte{bucketMeta, bucketSessions, bucketOutbox}
		}
		if n > format {
			return fmt.Errorf("it is of format %d, this program knows %d: use a newer program", n, format)
		}
		for _, name := range need {
			if tx.Bucket(name) == nil {
				return damagef("bucket %q is missing", name)
			}
		}
		return nil
	})
	return n, err
}

// writtenFormat reads the format. Where that is not possible, the ledger is the
// witness: format 1 had none.
func (s *store) writtenFormat(tx *bolt.Tx) int {
	if meta := tx.Bucket(bucketMeta); meta != nil {
		content, err := unseal(keyFormat, meta.Get(keyFormat))
		if err == nil && len(content) == 1 && content[0] >= format {
			return int(content[0])
		}
	}
	if tx.Bucket(bucketLedger) == nil {
		return 1
	}
	s.repair("the number of the format could not be read, it is written anew")
	return format
}

// inventory is what was found in a database, record by record.
type inventory struct {
	held [parts]tally
	bad  [parts][][]byte // keys of what cannot be read
	last [parts][]byte   // the last keys
}

func takeInventory(tx *bolt.Tx) (inventory, error) {
	var inv inventory
	for i, name := range buckets() {
		err := tx.Bucket(name).ForEach(func(k, v []byte) error {
			inv.held[i].enter(k, v)
			if err := readable(i, k, v); err != nil {
				inv.bad[i] = append(inv.bad[i], bytes.Clone(k))
			} else {
				inv.last[i] = append(inv.last[i][:0], k...)
			}
			return nil
		})
		if err != nil {
			return inventory{}, fmt.Errorf("read bucket %s: %w", name, err)
		}
	}
	return inv, nil
}

// readable reports why a record cannot be used.
func readable(bucket int, key, value []byte) (err error) {
	switch bucket {
	case inOutbox, inUndated: // which begin alike
		_, err = openRecord(key, value)
	case inMeta:
		_, err = unseal(key, value)
	default:
		if _, err = parseEUI(key); err == nil {
			_, err = unseal(key, value)
		}
	}
	return err
}

// compare makes the ledger that of what is there. What is missing or damaged
// is repaired where that is possible.
func (s *store) compare(c *change, found layout, old int) error {
	inv, err := takeInventory(c.tx)
	if err != nil {
		return err
	}
	outbox := c.tx.Bucket(bucketOutbox)
	written, ok := readLedger(c.tx)
	newEpoch := found.lostOne // the last sequence numbers may be given out a second time
	switch {
	case old < format: // there is nothing to compare with
		written = ledger{seq: outbox.Sequence(), held: inv.held}
	case !ok:
		s.repair("the ledger could not be read: it is made anew from what is there, and uplinks given up are counted from 0 again")
		written = ledger{seq: outbox.Sequence(), held: inv.held}
		newEpoch = true // the sequence numbers have no witness
	case !found.foreign && written.txid != uint32(found.txid):
		return damagef("its pages are of commit %d, but the last one was %d", written.txid, uint32(found.txid))
	case written.seq != outbox.Sequence():
		s.repair("the sequence number of the outbox was %d, it is %d again", outbox.Sequence(), written.seq)
	}
	if n, err := parseNumber(inv.last[inOutbox]); err == nil {
		written.seq = max(written.seq, n)
	}
	if n, err := parseNumber(inv.last[inUndated]); err == nil {
		s.undatedKey = n
	}
	if err := outbox.SetSequence(written.seq); err != nil {
		return err
	}
	c.ledger = ledger{seq: written.seq, dropped: written.dropped, held: inv.held}
	for i := range inv.held {
		if err := s.settle(c, i, written.held[i], &inv); err != nil {
			return err
		}
	}
	return s.settleMeta(c, newEpoch, old)
}

// settle decides what becomes of a bucket that does not hold what was written.
// Of a device everything has to be there: one that begins anew can be played
// old frames. The rest is deleted where it cannot be read, and told.
func (s *store) settle(c *change, bucket int, written tally, inv *inventory) error {
	name, held, bad := buckets()[bucket], inv.held[bucket], inv.bad[bucket]
	other := written.records != held.records || len(bad) == 0 && written.sum != held.sum
	if bucket == inSessions || bucket == inNonces {
		if other {
			return damagef("bucket %s holds %d records, and not the %d that were written last", name, held.records, written.records)
		}
		if len(bad) > 0 {
			s.repair("%d records of %s cannot be read: these devices are not served", len(bad), name)
		}
		return nil
	}
	if other {
		s.repair("bucket %s held %d records, and not the %d that were written last", name, held.records, written.records)
	}
	if bucket == inMeta && other { // an old page: what is in it may have been true once
		bad = append(bad, keyEpoch, keyDevices)
	}
	for _, key := range bad {
		if _, err := c.delete(name, key); err != nil {
			return fmt.Errorf("delete record %x of %s, which cannot be read: %w", key, name, err)
		}
	}
	if len(bad) > 0 {
		s.repair(lost(bucket), len(bad))
	}
	return nil
}

// lost says what it means that records of a bucket are deleted.
func lost(bucket int) string {
	switch bucket {
	case inMeta:
		return "%d records of the bucket meta could not be read and are deleted: what is missing is drawn anew, or comes from the platform"
	case inAirtime:
		return "the airtime of %d gateways could not be read and is counted from 0 again"
	case inOutbox:
		return "%d uplinks in the outbox could not be read and are lost"
	default:
		return "%d uplinks without a time could not be read and are lost"
	}
}

// settleMeta writes what a database says of itself and does not say yet, or no
// longer. A new epoch makes the platform's confirmations of the old one void.
func (s *store) settleMeta(c *change, newEpoch bool, old int) error {
	meta := c.tx.Bucket(bucketMeta)
	if meta.Get(keyFormat) == nil {
		if err := c.put(bucketMeta, keyFormat, []byte{format}); err != nil {
			return fmt.Errorf("keep the number of the format: %w", err)
		}
	}
	if epoch := meta.Get(keyEpoch); epoch != nil && !newEpoch {
		content, err := unseal(keyEpoch, epoch)
		s.epoch = string(content)
		return err
	}
	if old > 0 {
		s.repair("a new epoch is drawn: all of the outbox is sent again")
	}
	var drawn [4]byte
	if _, err := rand.Read(drawn[:]); err != nil {
		return fmt.Errorf("draw an epoch: %w", err)
	}
	s.epoch = hex.EncodeToString(drawn[:])
	if err := c.put(bucketMeta, keyEpoch, []byte(s.epoch)); err != nil {
		return fmt.Errorf("keep epoch %s: %w", s.epoch, err)
	}
	return nil
}
