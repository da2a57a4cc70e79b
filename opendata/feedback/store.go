package feedback

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the driver
)

// Store is the open file. Several processes may have it open: the platform, and
// commands beside it.
type Store struct {
	db        *sql.DB
	maxUnread int // MaxUnread
}

// connections of one process. A page needs one for well below a millisecond.
const connections = 4

// Open opens the file, creating it readable by its owner alone, and brings its
// schema up to date. A damaged file, and a schema newer than this program, are
// refused.
func Open(ctx context.Context, path string) (*Store, error) {
	if strings.ContainsAny(path, "?#%") {
		return nil, fmt.Errorf("open feedback %s: SQLite takes no path with ?, # or %% in it", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make folder of the feedback: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open feedback: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("open feedback: %w", err)
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=secure_delete(1)&_txlock=immediate")
	if err != nil {
		return nil, fmt.Errorf("open feedback %s: %w", path, err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	s := &Store{db, MaxUnread}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open feedback %s: %w", path, err), db.Close())
	}
	return s, nil
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

// schema is applied in order; user_version in the file counts what was
// applied. Entries are only ever added.
var schema = []string{`
CREATE TABLE entry (
	code     TEXT PRIMARY KEY CHECK (length(code) = 10),
	kind     TEXT NOT NULL CHECK (kind IN ('dataset', 'station', 'portal')),
	about    TEXT NOT NULL,
	lang     TEXT NOT NULL,
	hour     INTEGER NOT NULL CHECK (hour % 3600 = 0), -- Unix s
	text     TEXT NOT NULL CHECK (text <> ''),
	contact  TEXT NOT NULL,
	state    TEXT NOT NULL CHECK (state IN ('new', 'read', 'answered', 'hidden')),
	answer   TEXT NOT NULL DEFAULT '' CHECK (state <> 'answered' OR answer <> ''),
	answered INTEGER NOT NULL DEFAULT 0, -- Unix s
	public   INTEGER NOT NULL DEFAULT 0 CHECK (public = 0 OR public = 1 AND state = 'answered')
) WITHOUT ROWID; -- a rowid would tell the order within the hour
CREATE INDEX entry_state ON entry (state, hour);
CREATE INDEX entry_public ON entry (kind, about, answered) WHERE public = 1;`,
}

// migrate brings the schema up to date.
func (s *Store) migrate(ctx context.Context) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		var version int
		if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
			return fmt.Errorf("read schema version: %w", err)
		}
		if version > len(schema) {
			return fmt.Errorf("its schema has version %d, this program knows %d: use a newer program", version, len(schema))
		}
		for n := version; n < len(schema); n++ {
			if _, err := tx.ExecContext(ctx, schema[n]); err != nil {
				return fmt.Errorf("bring schema to version %d: %w", n+1, err)
			}
		}
		if version == len(schema) {
			return nil
		}
		_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", len(schema)))
		return err
	})
}

func (s *Store) inTx(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}
