package edge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	session "modellregion/edge/lorawan"
	"modellregion/uplink"
)

// sealAtOnce is how many uplinks get their checksum in one transaction, all of
// whose pages are in memory. The outbox can be larger than that.
const sealAtOnce = 4096

// keySealed is in the meta bucket of format 1 while its outbox is brought up to
// date: the last key that has been. A power cut in between costs nothing.
var keySealed = []byte("sealed")

// sealOutbox gives the records in the outbox of format 1 their checksums. What
// is no uplink is deleted.
func (s *store) sealOutbox() error {
	deleted := 0
	for more := true; more; {
		err := s.db.Update(func(tx *bolt.Tx) (err error) {
			outbox, meta := tx.Bucket(bucketOutbox), tx.Bucket(bucketMeta)
			outbox.FillPercent = 0.9
			sealed := bytes.Clone(meta.Get(keySealed)) // nil: before the first
			c := outbox.Cursor()
			k, v := c.Seek(sealed)
			if sealed != nil && bytes.Equal(k, sealed) {
				k, v = c.Next()
			}
			type pair struct{ key, value []byte }
			var batch []pair
			for ; k != nil && len(batch) < sealAtOnce; k, v = c.Next() {
				batch = append(batch, pair{bytes.Clone(k), bytes.Clone(v)})
			}
			more = k != nil
			for _, p := range batch {
				if checkUnsealed(p.key, p.value) != nil {
					deleted++
					err = outbox.Delete(p.key)
				} else {
					err = outbox.Put(p.key, seal(p.key, p.value))
				}
				if err != nil {
					return fmt.Errorf("uplink %x: %w", p.key, err)
				}
				sealed = p.key
			}
			if len(batch) == 0 {
				return nil
			}
			return meta.Put(keySealed, sealed)
		})
		if err != nil {
			return err
		}
	}
	if deleted > 0 {
		s.repair(lost(inOutbox), deleted)
	}
	return nil
}

// checkUnsealed looks at a record in the outbox of format 1 as closely as is
// possible without a checksum.
func checkUnsealed(key, value []byte) error {
	seq, err := parseNumber(key)
	if err != nil {
		return err
	}
	if _, err := domainOf(value); err != nil {
		return err
	}
	var u uplink.Uplink
	if err := json.Unmarshal(value[1:], &u); err != nil {
		return err
	}
	if u.Seq != seq {
		return fmt.Errorf("it is uplink %d and not %d", u.Seq, seq)
	}
	return u.Check()
}

// migrate makes a database of the present format of an empty one or of one of
// format 1 whose outbox is sealed. A session that cannot be read stays without
// a checksum, so that its device is not served.
func (s *store) migrate(c *change) error {
	names := buckets()
	for _, name := range append(names[:], bucketLedger) {
		if _, err := c.tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	meta := c.tx.Bucket(bucketMeta)
	if err := meta.Delete(keySealed); err != nil {
		return err
	}
	if list := meta.Get(keyDevices); list != nil {
		if _, err := uplink.DecodeDeviceList(list); err != nil {
			s.repair("the device list could not be read, the platform sends it again: %v", err)
			if err := meta.Delete(keyDevices); err != nil {
				return err
			}
		}
	}
	for _, name := range [][]byte{bucketMeta, bucketAirtime} {
		if err := each(c.tx, name, func(k, v []byte) error { return c.put(name, k, v) }); err != nil {
			return err
		}
	}
	return errors.Join(each(c.tx, bucketNonces, func(k, v []byte) error {
		if new(session.State).UnmarshalNonces(v) != nil {
			return nil
		}
		return c.put(bucketNonces, k, v)
	}), each(c.tx, bucketSessions, c.migrateSession))
}

// migrateSession brings a session up to date. That of the version before has
// the nonces in it, which are a record of their own now.
func (c *change) migrateSession(k, v []byte) error {
	eui, err := parseEUI(k)
	if err != nil {
		return nil
	}
	state := session.State{DevEUI: eui}
	if state.UnmarshalBinary(v) != nil {
		return nil
	}
	if session.RecordVersion(v) == 1 || c.tx.Bucket(bucketNonces).Get(k) == nil {
		if err := c.put(bucketNonces, k, state.MarshalNonces()); err != nil {
			return err
		}
	}
	record, err := state.MarshalBinary()
	if err != nil {
		return err
	}
	return c.put(bucketSessions, k, record)
}

// each calls fn with a copy of each record, which fn may replace.
func each(tx *bolt.Tx, bucket []byte, fn func(k, v []byte) error) error {
	type pair struct{ key, value []byte }
	var all []pair
	err := tx.Bucket(bucket).ForEach(func(k, v []byte) error {
		all = append(all, pair{bytes.Clone(k), bytes.Clone(v)})
		return nil
	})
	for _, p := range all {
		if err == nil {
			err = fn(p.key, p.value)
		}
		if err != nil {
			return fmt.Errorf("record %x of %s: %w", p.key, bucket, err)
		}
	}
	return err
}
