package edge

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/brocaar/lorawan"
	bolt "go.etcd.io/bbolt"

	session "modellregion/edge/lorawan"
	"modellregion/uplink"
)

// sessions returns the saved state of every device whose records can be read.
// The others are damaged. It belongs to the goroutine that commits.
func (s *store) sessions() (map[lorawan.EUI64]session.State, error) {
	out, broken := map[lorawan.EUI64]session.State{}, map[lorawan.EUI64]error{}
	err := s.db.View(func(tx *bolt.Tx) error {
		sessions, nonces := tx.Bucket(bucketSessions), tx.Bucket(bucketNonces)
		err := sessions.ForEach(func(k, v []byte) error {
			eui, err := parseEUI(k)
			if err != nil {
				return nil // counted when the store was opened
			}
			if out[eui], err = readState(eui, v, nonces.Get(k)); err != nil {
				delete(out, eui)
				broken[eui] = err
			}
			return nil
		})
		if err != nil {
			return err
		}
		return nonces.ForEach(func(k, _ []byte) error {
			if eui, err := parseEUI(k); err == nil && sessions.Get(k) == nil {
				broken[eui] = errors.New("its session is missing")
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read sessions: %w", err)
	}
	s.broken = broken
	return out, nil
}

// damaged returns the devices whose records could not be read when sessions was
// called last, with the reason. They must not be served: a device that begins
// anew can be played old frames. Their records stay as they are.
func (s *store) damaged() map[lorawan.EUI64]error { return s.broken }

func readState(eui lorawan.EUI64, record, nonces []byte) (session.State, error) {
	state, err := readSession(eui, record)
	if err != nil {
		return state, err
	}
	if nonces == nil {
		return state, errors.New("its nonces are missing")
	}
	content, err := unseal(eui[:], nonces)
	if err == nil {
		err = state.UnmarshalNonces(content)
	}
	if err != nil {
		return state, fmt.Errorf("record of its nonces: %w", err)
	}
	return state, nil
}

// readSession reads a state without its nonces.
func readSession(eui lorawan.EUI64, record []byte) (session.State, error) {
	state := session.State{DevEUI: eui}
	content, err := unseal(eui[:], record)
	if err == nil {
		err = state.UnmarshalBinary(content)
	}
	if err != nil {
		return state, fmt.Errorf("session record: %w", err)
	}
	return state, nil
}

func parseEUI(key []byte) (eui lorawan.EUI64, err error) {
	if len(key) != len(eui) {
		return eui, fmt.Errorf("key %x is no EUI", key)
	}
	return lorawan.EUI64(key), nil
}

// airtime calls take with the record of each gateway.
func (s *store) airtime(take func(lorawan.EUI64, []byte) error) error {
	err := s.db.View(func(tx *bolt.Tx) error {
		return tx.Bucket(bucketAirtime).ForEach(func(k, v []byte) error {
			eui, err := parseEUI(k)
			if err == nil {
				v, err = unseal(k, v)
			}
			if err != nil {
				return fmt.Errorf("record of gateway %x: %w", k, err)
			}
			return take(eui, v)
		})
	})
	if err != nil {
		return fmt.Errorf("read airtime: %w", err)
	}
	return nil
}

// deviceList returns the list kept last, or nil.
func (s *store) deviceList() (list []byte, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		value := tx.Bucket(bucketMeta).Get(keyDevices)
		if value == nil {
			return nil
		}
		list, err = unseal(keyDevices, value)
		list = slices.Clone(list)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read device list: %w", err)
	}
	return list, nil
}

// record is an uplink in the outbox, as JSON.
type record struct {
	seq    uint64
	domain uplink.Domain
	json   []byte
}

// outboxRecord returns the content of a record in the outbox.
func outboxRecord(o *outgoing) []byte {
	return o.uplink.AppendJSON([]byte{domainNumber(o.domain)})
}

// openRecord reads a record in the outbox. What it returns is a part of value.
func openRecord(key, value []byte) (record, error) {
	seq, err := parseNumber(key)
	if err != nil {
		return record{}, err
	}
	content, err := unseal(key, value)
	if err != nil {
		return record{}, fmt.Errorf("uplink %d: %w", seq, err)
	}
	domain, err := domainOf(content)
	if err != nil {
		return record{}, fmt.Errorf("uplink %d: %w", seq, err)
	}
	return record{seq: seq, domain: domain, json: content[1:]}, nil
}

// after returns up to limit records beyond a sequence number for which keep
// holds, and the last sequence number it looked at.
func (s *store) after(seq uint64, limit int, keep func(uint64) bool) ([]record, uint64, error) {
	var out []record
	err := s.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketOutbox).Cursor()
		for k, v := c.Seek(numberKey(seq + 1)); k != nil && len(out) < limit; k, v = c.Next() {
			r, err := openRecord(k, v)
			if err != nil {
				return err
			}
			if seq = r.seq; keep(seq) {
				r.json = slices.Clone(r.json) // out of the transaction it lives in
				out = append(out, r)
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
			key := numberKey(seq)
			v := outbox.Get(key)
			if v == nil {
				continue
			}
			r, err := openRecord(key, v)
			if err != nil {
				return err
			}
			r.json = slices.Clone(r.json)
			out = append(out, r)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	return out, nil
}

// lowered is the part of the limit to which the outbox is brought down when it
// is above: not for each new uplink an old one.
const lowered = 0.95

// oldest returns the sequence numbers of what must be given up so that the
// outbox has at most maxBytes and nothing in it was received before a time:
// the oldest ones, at most limit. 0 bytes and the zero time are no limits. It
// looks no further than to the first that may stay, for the uplinks are nearly
// in the order of their times.
func (s *store) oldest(maxBytes int64, before time.Time, limit int) ([]uint64, error) {
	var excess int64
	if have := s.outboxBytes(); maxBytes > 0 && have > maxBytes {
		excess = have - int64(lowered*float64(maxBytes))
	}
	if excess == 0 && before.IsZero() {
		return nil, nil
	}
	var out []uint64
	err := s.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketOutbox).Cursor()
		for k, v := c.First(); k != nil && len(out) < limit; k, v = c.Next() {
			r, err := openRecord(k, v)
			if err != nil {
				return err
			}
			if excess <= 0 {
				at, err := r.time()
				if err != nil {
					return err
				}
				if !at.Before(before) {
					return nil
				}
			}
			excess -= int64(len(v))
			out = append(out, r.seq)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for the oldest uplinks in the outbox: %w", err)
	}
	return out, nil
}

// time returns when the uplink was received.
func (r *record) time() (time.Time, error) {
	var u struct {
		Time time.Time `json:"time"`
	}
	if err := json.Unmarshal(r.json, &u); err != nil {
		return time.Time{}, fmt.Errorf("time of uplink %d: %w", r.seq, err)
	}
	return u.Time, nil
}

// numberKey is a key that sorts like the number.
func numberKey(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func parseNumber(key []byte) (uint64, error) {
	if len(key) != 8 {
		return 0, fmt.Errorf("key %x is no number of 8 bytes", key)
	}
	return binary.BigEndian.Uint64(key), nil
}

func domainNumber(d uplink.Domain) byte { return byte(slices.Index(uplink.Domains(), d)) }

// domainOf reads the number of a domain, with which records begin.
func domainOf(content []byte) (uplink.Domain, error) {
	if len(content) == 0 || int(content[0]) >= len(uplink.Domains()) {
		return "", fmt.Errorf("record %.1x begins with no domain", content)
	}
	return uplink.Domains()[content[0]], nil
}
