package feedback

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// change runs a statement on one entry, whose code is ?1 and which must exist.
func (s *Store) change(ctx context.Context, what, statement, code string, args ...any) error {
	err := s.inTx(ctx, func(tx *sql.Tx) error { return one(ctx, tx, statement, code, args...) })
	if err != nil {
		return fmt.Errorf("%s feedback %.40q: %w", what, code, err)
	}
	return nil
}

func one(ctx context.Context, tx *sql.Tx, statement, code string, args ...any) error {
	result, err := tx.ExecContext(ctx, statement, append([]any{code}, args...)...)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		return ErrUnknown
	}
	return err
}

// Seen says that the operator has looked at an entry, if it is a new one.
func (s *Store) Seen(ctx context.Context, code string) error {
	return s.change(ctx, "mark", "UPDATE entry SET state = iif(state = 'new', 'read', state) WHERE code = ?1", code)
}

// Answer answers an entry, or answers it otherwise, and says whether all may
// read both. One that was hidden is so no more.
func (s *Store) Answer(ctx context.Context, code, text string, public bool) error {
	text = tidy(text)
	if wrong := checkText(text, 1, -1); wrong != "" {
		return fmt.Errorf("answer feedback %.40q: the text is wrong (%s), want 1 to %d characters of UTF-8, without controls", code, wrong, MaxText)
	}
	return s.change(ctx, "answer", "UPDATE entry SET state = 'answered', answer = ?2, answered = ?3, public = ?4 WHERE code = ?1",
		code, text, time.Now().Unix(), public)
}

// Publish lets all read an answered entry, or no more.
func (s *Store) Publish(ctx context.Context, code string, public bool) error {
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		var state State
		err := tx.QueryRowContext(ctx, "SELECT state FROM entry WHERE code = ?", code).Scan(&state)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return ErrUnknown
		case err != nil:
			return err
		case public && state != StateAnswered:
			return fmt.Errorf("it is %s: want it answered first, since nothing is published without an answer", state)
		}
		return one(ctx, tx, "UPDATE entry SET public = ?2 WHERE code = ?1", code, public)
	})
	if err != nil {
		return fmt.Errorf("publish feedback %.40q: %w", code, err)
	}
	return nil
}

// Hide puts an entry aside: it is published no more, and listed only when it is
// asked for.
func (s *Store) Hide(ctx context.Context, code string) error {
	return s.change(ctx, "hide", "UPDATE entry SET state = 'hidden', public = 0 WHERE code = ?1", code)
}

// Unhide undoes Hide. What was published must be published again.
func (s *Store) Unhide(ctx context.Context, code string) error {
	return s.change(ctx, "bring back", "UPDATE entry SET state = CASE WHEN state <> 'hidden' THEN state WHEN answer <> '' THEN 'answered' ELSE 'read' END WHERE code = ?1", code)
}

// ForgetContacts deletes the mail addresses of entries for ever, all or none.
func (s *Store) ForgetContacts(ctx context.Context, codes ...string) error {
	return s.remove(ctx, "forget the contact of", "UPDATE entry SET contact = '' WHERE code = ?1", codes)
}

// Drop deletes entries for ever, all or none.
func (s *Store) Drop(ctx context.Context, codes ...string) error {
	return s.remove(ctx, "drop", "DELETE FROM entry WHERE code = ?1", codes)
}

func (s *Store) remove(ctx context.Context, what, statement string, codes []string) error {
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		for _, code := range codes {
			if err := one(ctx, tx, statement, code); err != nil {
				return fmt.Errorf("%s feedback %.40q: %w", what, code, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.overwrite(ctx)
}

// overwrite empties the write-ahead log, which has the pages as they were; in
// the file itself SQLite has overwritten what was deleted (secure_delete). It
// waits for readers as long as any statement does; what one of them still needs
// then stays until the next time.
func (s *Store) overwrite(ctx context.Context) error {
	if _, err := s.db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return fmt.Errorf("empty the log of the feedback's file: %w", err)
	}
	return nil
}
