// Package sqlite opens the files of SQLite that the platform keeps: readable by
// their owner alone, written through to the disk, used by several processes, and
// brought up to the schema of the program.
//
// It knows SQLite. What is in a file, its schema and its queries are its owner's.
package sqlite

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

// Open opens a file, creating it and its folder, both for their owner alone. A
// transaction is lasting when it was committed, and who finds the file locked
// waits for ten seconds. What is the file's name in errors, "feedback"; pragmas
// are set besides, like "secure_delete(1)". Whether it is a database shows at
// its first use.
func Open(path, what string, pragmas ...string) (*sql.DB, error) {
	if strings.ContainsAny(path, "?#%") {
		return nil, fmt.Errorf("open %s %s: SQLite takes no path with ?, # or %% in it", what, path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make folder of the %s: %w", what, err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", what, err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("open %s: %w", what, err)
	}
	name := "file:" + path + "?_txlock=immediate"
	for _, p := range append([]string{"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)"}, pragmas...) {
		name += "&_pragma=" + p
	}
	db, err := sql.Open("sqlite", name)
	if err != nil {
		return nil, fmt.Errorf("open %s %s: %w", what, path, err)
	}
	return db, nil
}

// Migrate applies what of a schema was not yet applied, in order and all of it
// or nothing; user_version in the file counts what was. A file of a newer
// program is refused. after is called behind each step with the version that it
// has brought; nil: there is nothing to do.
func Migrate(ctx context.Context, db *sql.DB, schema []string, after func(tx *sql.Tx, version int) error) error {
	return InTx(ctx, db, func(tx *sql.Tx) error {
		var version int
		if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
			return fmt.Errorf("read schema version: %w", err)
		}
		if version > len(schema) {
			return fmt.Errorf("its schema has version %d, this program knows %d: use the program that it was used with last, or a newer one", version, len(schema))
		}
		if version == len(schema) {
			return nil
		}
		for n := version; n < len(schema); n++ {
			_, err := tx.ExecContext(ctx, schema[n])
			if err == nil && after != nil {
				err = after(tx, n+1)
			}
			if err != nil {
				return fmt.Errorf("bring schema to version %d: %w", n+1, err)
			}
		}
		_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", len(schema)))
		return err
	})
}

// Copy writes a copy of a file of Open, as it is now, to a path where there is
// none, and returns the version of its schema. Others may write to it meanwhile.
func Copy(ctx context.Context, path, what, to string) (version int, err error) {
	db, err := Open(path, what)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", to); err != nil {
		return 0, fmt.Errorf("copy %s %s: %w", what, path, err)
	}
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return 0, fmt.Errorf("read schema version of %s %s: %w", what, path, err)
	}
	return version, os.Chmod(to, 0o600)
}

// InTx runs do in a transaction, which an error of it takes back.
func InTx(ctx context.Context, db *sql.DB, do func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}
