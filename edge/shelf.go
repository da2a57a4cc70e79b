package edge

import (
	"slices"
	"sync"

	bolt "go.etcd.io/bbolt"
)

// shelf holds uplinks until they are confirmed, by rising sequence number: the
// store on disk, or memory while the disk refuses.
type shelf interface {
	// after returns up to limit records beyond a sequence number for which
	// keep holds, and the last sequence number it looked at.
	after(seq uint64, limit int, keep func(uint64) bool) ([]record, uint64, error)
	// get returns those of the records that are still there.
	get(seqs []uint64) ([]record, error)
	// last returns the highest sequence number given out.
	last() (uint64, error)
	// name returns the epoch that the sequence numbers are of.
	name() string
}

func (s *store) name() string { return s.epoch }

func (s *store) last() (seq uint64, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		seq = tx.Bucket(bucketOutbox).Sequence()
		return nil
	})
	return seq, err
}

// maxMemory is how many uplinks are kept in memory while the disk refuses: some
// 5 MB. Beyond it the oldest are given up.
const maxMemory = 8192

// memory is a shelf for bad times. Its sequence numbers are of an epoch of its
// own, drawn when the program starts: after a crash they begin anew, and a late
// confirmation must not be taken for one of another uplink.
type memory struct {
	epoch string

	mu    sync.Mutex
	items []kept // by rising sequence number
	seq   uint64
}

type kept struct {
	seq uint64
	outgoing
}

// add keeps uplinks and returns the sequence numbers of those that had to be
// given up for them.
func (m *memory) add(uplinks []outgoing) (gone []uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, o := range uplinks {
		m.seq++
		m.items = append(m.items, kept{m.seq, o})
	}
	over := max(0, len(m.items)-maxMemory)
	for _, k := range m.items[:over] {
		gone = append(gone, k.seq)
	}
	m.items = slices.Delete(m.items, 0, over)
	return gone
}

// remove lets go of uplinks that were confirmed or are on disk now.
func (m *memory) remove(seqs []uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	gone := make(map[uint64]bool, len(seqs))
	for _, seq := range seqs {
		gone[seq] = true
	}
	m.items = slices.DeleteFunc(m.items, func(k kept) bool { return gone[k.seq] })
}

// all returns everything that is kept, and its sequence numbers.
func (m *memory) all() (uplinks []outgoing, seqs []uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range m.items {
		uplinks, seqs = append(uplinks, k.outgoing), append(seqs, k.seq)
	}
	return uplinks, seqs
}

func (m *memory) len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.items)
}

func (m *memory) name() string { return m.epoch }

func (m *memory) last() (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seq, nil
}

func (m *memory) after(seq uint64, limit int, keep func(uint64) bool) ([]record, uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i, _ := slices.BinarySearchFunc(m.items, seq+1, func(k kept, s uint64) int { return int(int64(k.seq - s)) })
	var out []record
	for ; i < len(m.items) && len(out) < limit; i++ {
		k := &m.items[i]
		if seq = k.seq; keep(seq) {
			out = append(out, k.record())
		}
	}
	return out, seq, nil
}

func (m *memory) get(seqs []uint64) ([]record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []record
	for _, seq := range seqs {
		i, ok := slices.BinarySearchFunc(m.items, seq, func(k kept, s uint64) int { return int(int64(k.seq - s)) })
		if ok {
			out = append(out, m.items[i].record())
		}
	}
	return out, nil
}

func (k *kept) record() record {
	u := k.uplink
	u.Seq = k.seq
	return record{seq: k.seq, domain: k.domain, json: u.AppendJSON(nil)}
}
