package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/influxdata/influxdb/tsdb"
	"github.com/influxdata/influxdb/tsdb/engine/tsm1"
	"golang.org/x/sys/unix"

	"modellregion/internal/influx"
)

// ErrInUse is a folder in which another process runs the database.
var ErrInUse = errors.New("another process has this InfluxDB open")

// errStopping ends a backup.
var errStopping = errors.New("InfluxDB is being closed")

const (
	snapshotTries = 50
	snapshotPause = 100 * time.Millisecond
)

// lockDir makes sure that nobody else has the database of a folder open, which
// InfluxDB itself does not look at. The lock goes with the process.
func lockDir(dir string) (io.Closer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder of InfluxDB: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the folder of InfluxDB: %w", err)
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = fmt.Errorf("%w: %s is locked", ErrInUse, file.Name())
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// Backup hands out the files of which the database can be made again, with
// names within its folder: all that was written before. They are of one
// instant: while hold holds, which releases it, no client may be between two
// writes that belong together; that takes as long as writing to disk what is in
// memory. What is read afterwards is links to files that no longer change.
//
// There are neither indexes nor the list of series among the files: the first
// Start makes them of the rest, where Prepare has told it to.
func (s *Server) Backup(ctx context.Context, hold func() (release func()), file func(name string, size int64, modified time.Time, content io.Reader) error) (err error) {
	if !s.backup.TryLock() {
		return errors.New("a backup of InfluxDB runs already")
	}
	defer s.backup.Unlock()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.closing, func() { cancel(errStopping) })()

	release := hold()
	links, metadata, err := s.snapshot(ctx)
	release()
	defer func() {
		for _, l := range links {
			err = errors.Join(err, os.RemoveAll(l.dir))
		}
	}()
	if err != nil {
		return fmt.Errorf("take a snapshot of InfluxDB: %w", err)
	}
	give := func(name string, size int64, modified time.Time, content io.Reader) error {
		if s.closing.Err() != nil { // ctx ends with it, a moment later
			return errStopping
		}
		return file(name, size, modified, content)
	}
	now := time.Now()
	if err := give("meta/meta.db", int64(len(metadata)), now, bytes.NewReader(metadata)); err != nil {
		return err
	}
	if err := hand(ctx, loginsFile(s.dir), filepath.Base(loginsFile(s.dir)), give); err != nil {
		return err
	}
	for _, l := range links {
		entries, err := os.ReadDir(l.dir)
		if err != nil {
			return fmt.Errorf("read the snapshot of InfluxDB: %w", err)
		}
		for _, e := range entries {
			if err := hand(ctx, filepath.Join(l.dir, e.Name()), path.Join(l.name, e.Name()), give); err != nil {
				return err
			}
		}
	}
	return nil
}

// hand opens a file and hands it over.
func hand(ctx context.Context, from, name string, file func(string, int64, time.Time, io.Reader) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	f, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("read the snapshot of InfluxDB: %w", err)
	}
	info, err := f.Stat()
	if err == nil {
		err = file(name, info.Size(), info.ModTime(), f)
	}
	return errors.Join(err, f.Close())
}

// linked is a shard whose files are linked in a folder of their own.
type linked struct {
	dir  string
	name string // of the shard, within the folder of the database: data/raw/raw/12
}

// snapshot links the files of all shards and returns what InfluxDB knows of
// databases, users and shards. What was published comes before what it was made
// of, so that nothing is public of which the readings are missing.
func (s *Server) snapshot(ctx context.Context) (links []linked, metadata []byte, err error) {
	for _, db := range []string{influx.Open, influx.Raw} {
		info := s.srv.MetaClient.Database(db)
		if info == nil {
			return links, nil, fmt.Errorf("there is no database %s", db)
		}
		for _, policy := range info.RetentionPolicies {
			for _, group := range policy.ShardGroups {
				for _, shard := range group.Shards {
					dir, err := s.snapshotShard(ctx, shard.ID)
					if errors.Is(err, tsdb.ErrShardNotFound) {
						continue // its time is over, or nothing was ever written to it
					}
					if err != nil {
						return links, nil, fmt.Errorf("shard %d of database %s: %w", shard.ID, db, err)
					}
					links = append(links, linked{dir, path.Join("data", db, policy.Name, fmt.Sprint(shard.ID))})
				}
			}
		}
	}
	metadata, err = s.srv.MetaClient.MarshalBinary()
	return links, metadata, err
}

// snapshotShard writes what a shard has in memory to disk and links its files.
// InfluxDB's own backup leaves out what is in memory when it is just being
// written; this one waits.
func (s *Server) snapshotShard(ctx context.Context, id uint64) (dir string, err error) {
	for range snapshotTries {
		dir, err = s.srv.TSDBStore.CreateShardSnapshot(id, false)
		if !errors.Is(err, tsm1.ErrSnapshotInProgress) {
			return dir, err
		}
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-time.After(snapshotPause):
		}
	}
	return "", err
}

// Prepare makes a folder that has the files of a backup ready for Start, which
// builds the indexes and the list of series anew. Without a folder for its
// index a shard would be opened with one in memory.
func Prepare(dir string) error {
	shards, err := filepath.Glob(filepath.Join(dir, "data", "*", "*", "*"))
	if err != nil {
		return err
	}
	for _, shard := range shards {
		if err := os.MkdirAll(filepath.Join(shard, "index"), 0o700); err != nil {
			return fmt.Errorf("prepare InfluxDB: %w", err)
		}
	}
	return nil
}
