package edge

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"time"

	bolt "go.etcd.io/bbolt"

	"modellregion/uplink"
)

// undated is an uplink whose time of reception is not known yet, since the
// gateway's clock was not set. It gets its time, and only then its place in the
// outbox, when the clock is.
type undated struct {
	domain uplink.Domain
	uplink uplink.Uplink // Time is zero and Seq is 0
	boot   string        // id of the kernel's run in which it was received
	offset time.Duration // since that run began
}

// storedUndated is one that is on disk.
type storedUndated struct {
	key uint64 // rises with each, while the program runs
	undated
}

// undatedHead is the part of the record before the id of the boot: the number
// of the domain, the offset in nanoseconds (big endian) and the length of the
// id. The uplink follows as JSON.
const undatedHead = 1 + 8 + 1

// record returns the content of the record.
func (u *undated) record() ([]byte, error) {
	if len(u.boot) > math.MaxUint8 {
		return nil, fmt.Errorf("id of the boot has %d bytes, at most %d fit", len(u.boot), math.MaxUint8)
	}
	out := []byte{domainNumber(u.domain)}
	out = binary.BigEndian.AppendUint64(out, uint64(u.offset))
	out = append(append(out, byte(len(u.boot))), u.boot...)
	return u.uplink.AppendJSON(out), nil
}

func parseUndated(key, value []byte) (storedUndated, error) {
	n, err := parseNumber(key)
	if err != nil {
		return storedUndated{}, err
	}
	out := storedUndated{key: n}
	content, err := unseal(key, value)
	if err == nil {
		out.domain, err = domainOf(content)
	}
	if err == nil && (len(content) < undatedHead || len(content) < undatedHead+int(content[undatedHead-1])) {
		err = fmt.Errorf("%d bytes are too few", len(content))
	}
	if err == nil {
		out.offset = time.Duration(binary.BigEndian.Uint64(content[1:]))
		rest := content[undatedHead:]
		boot := int(content[undatedHead-1])
		out.boot = string(rest[:boot])
		err = json.Unmarshal(rest[boot:], &out.uplink)
	}
	if err != nil {
		return storedUndated{}, fmt.Errorf("uplink %d without a time: %w", n, err)
	}
	return out, nil
}

// undatedAfter returns up to limit uplinks without a time beyond a key.
func (s *store) undatedAfter(key uint64, limit int) ([]storedUndated, error) {
	var out []storedUndated
	err := s.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketUndated).Cursor()
		for k, v := c.Seek(numberKey(key + 1)); k != nil && len(out) < limit; k, v = c.Next() {
			u, err := parseUndated(k, v)
			if err != nil {
				return err
			}
			out = append(out, u)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read uplinks without a time: %w", err)
	}
	return out, nil
}
