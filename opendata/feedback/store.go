package feedback

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"modellregion/internal/sqlite"
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
	db, err := sqlite.Open(path, "feedback", "secure_delete(1)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	s := &Store{db, MaxUnread}
	if err := sqlite.Migrate(ctx, db, schema, nil); err != nil {
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

func (s *Store) inTx(ctx context.Context, do func(*sql.Tx) error) error {
	return sqlite.InTx(ctx, s.db, do)
}
