package edge

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/brocaar/lorawan"
	bolt "go.etcd.io/bbolt"

	session "modellregion/edge/lorawan"
)

// ErrInUse is a database that another process has open.
var ErrInUse = errInUse

// Format is the version of the database that this program writes, and the
// newest that it opens.
const Format = format

// leap is how many downlinks a device may have got after a backup and still take
// those that follow a restore. LoRaWAN 1.0.3 §4.3.1.5 lets it take a counter up
// to 16384 ahead.
const leap = 4096

// Backup writes a copy of the database as it is now. The edge goes on, but
// waits should its file have to grow meanwhile: w must not be slow for long.
func (e *Edge) Backup(w io.Writer) error {
	err := e.store.db.View(func(tx *bolt.Tx) error {
		_, err := tx.WriteTo(w)
		return err
	})
	if err != nil {
		return fmt.Errorf("copy the edge's database: %w", err)
	}
	return nil
}

// OpenStopped opens the file of a database that no process uses, to be copied,
// and keeps others from using it until it is closed. The error is ErrInUse, or
// fs.ErrNotExist where there is none.
func OpenStopped(dir string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dir, "edge.db"), os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("open the edge's database: %w", err)
	}
	if err := lock(file, 0); err != nil {
		_ = file.Close() // nothing was written
		return nil, fmt.Errorf("open the edge's database: %w", err)
	}
	return file, nil
}

// Revive makes ready what came back from a backup, before the edge runs with
// it. A new epoch makes void what the platform has confirmed of uplinks that got
// the same numbers after the backup. Devices have seen counters of downlinks
// that the copy does not know, which must not be used a second time; and what
// it had queued for them may have been done.
func Revive(dir string) error {
	s, err := openStore(dir)
	if err != nil {
		return err
	}
	err = s.revive()
	if closed := s.close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("make the edge's database ready after a backup: %w", err)
	}
	return nil
}

func (s *store) revive() error {
	states, err := s.sessions()
	if err != nil {
		return err
	}
	g := &group{states: map[lorawan.EUI64]*session.State{}}
	for eui, state := range states {
		for _, used := range []*session.Session{state.Active, state.Pending} {
			if used != nil {
				used.NextFCntDown += leap
				used.NextAFCntDown += leap
			}
		}
		state.Queue = nil
		g.states[eui] = &state
	}
	var epoch [4]byte
	if _, err := rand.Read(epoch[:]); err != nil {
		return fmt.Errorf("draw an epoch: %w", err)
	}
	return s.update(func(c *change) error {
		if err := c.put(bucketMeta, keyEpoch, []byte(hex.EncodeToString(epoch[:]))); err != nil {
			return err
		}
		return c.putStates(g)
	})
}
