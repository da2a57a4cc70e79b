package sqlite

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOpenAndMigrate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "things.db")
	schema := []string{"CREATE TABLE thing (name TEXT)", "ALTER TABLE thing ADD COLUMN size INTEGER"}
	open := func(schema []string) (*sql.DB, error) {
		t.Helper()
		db, err := Open(path, "things")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db, Migrate(t.Context(), db, schema, func(_ *sql.Tx, version int) error {
			if version == 3 {
				return errors.New("no room")
			}
			return nil
		})
	}
	if _, err := open(schema[:1]); err != nil {
		t.Fatal(err)
	}
	db, err := open(schema)
	if err != nil {
		t.Fatal(err)
	}
	put := func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), "INSERT INTO thing VALUES ('a', 1)")
		return err
	}
	if err := InTx(t.Context(), db, put); err != nil {
		t.Fatal(err)
	}
	if err := InTx(t.Context(), db, func(tx *sql.Tx) error { return errors.Join(put(tx), errors.New("on second thoughts")) }); err == nil {
		t.Error("an error was swallowed")
	}
	// A step that fails takes all of it back.
	if _, err := open(append(schema, "DELETE FROM thing")); err == nil || !strings.Contains(err.Error(), "bring schema to version 3: no room") {
		t.Errorf("a step that fails: %v", err)
	}
	if _, err := open(schema[:1]); err == nil || !strings.Contains(err.Error(), "has version 2, this program knows 1") {
		t.Errorf("an older program: %v", err)
	}
	var n int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM thing").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d things (%v), want 1", n, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v (%v)", info.Mode(), err)
	}
	copied := filepath.Join(t.TempDir(), "copy.db")
	if version, err := Copy(t.Context(), path, "things", copied); err != nil || version != 2 {
		t.Errorf("copy: version %d (%v), want 2", version, err)
	}
	if info, err := os.Stat(copied); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the copy %v (%v)", info.Mode(), err)
	}
	path = copied
	if db, err := open(schema); err != nil {
		t.Error(err)
	} else if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM thing").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d things (%v) in the copy, want 1", n, err)
	}
	if _, err := Copy(t.Context(), path, "things", copied); err == nil {
		t.Error("a copy replaced a file")
	}
	if _, err := Open("what?.db", "things"); err == nil {
		t.Error("a path that SQLite reads otherwise was taken")
	}
}
