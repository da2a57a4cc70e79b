package feedback

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// MaxUnread is how many new entries are kept. A flood that gets past all other
// limits ends there, at some 160 MB, until somebody reads.
const MaxUnread = 10_000

// MaxPublished is how many entries Published returns, the latest answered.
const MaxPublished = 100

var (
	// ErrFull is returned by Add when there are MaxUnread new entries.
	ErrFull = errors.New("too many entries wait to be read")
	// ErrUnknown says that there is no such entry, or nothing to be about.
	ErrUnknown = errors.New("there is none")
)

// Add keeps a new entry and returns its code. It takes of it what Validate
// sets and the time, which it cuts to the hour.
func (s *Store) Add(ctx context.Context, e Entry) (code string, err error) {
	if err := e.check(); err != nil {
		return "", fmt.Errorf("add feedback: %w", err)
	}
	code = newCode()
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		var unread int
		if err := tx.QueryRowContext(ctx, countUnread).Scan(&unread); err != nil {
			return err
		}
		if unread >= s.maxUnread {
			return ErrFull
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO entry (code, kind, about, lang, hour, text, contact, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
			code, string(e.About.Kind), e.About.ID, e.Lang, e.Time.UTC().Truncate(time.Hour).Unix(), e.Text, e.Contact, string(StateNew))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("add feedback about %s: %w", e.About, err)
	}
	return code, nil
}

// check explains what is wrong with an entry that is to be added.
func (e *Entry) check() error {
	switch {
	case !e.About.valid():
		return fmt.Errorf("about %.80q: want a dataset, a station or the portal", e.About)
	case e.Lang != "de" && e.Lang != "en":
		return fmt.Errorf("language %.10q: want de or en", e.Lang)
	case e.Time.Unix() <= 0:
		return fmt.Errorf("time %s: want one after 1970", e.Time)
	}
	if code := checkText(e.Text, MinText, MaxLinks); code != "" {
		return fmt.Errorf("text: %s", code)
	}
	if code := checkContact(e.Contact); code != "" {
		return fmt.Errorf("contact: %s", code)
	}
	return nil
}

const (
	countUnread = "SELECT count(*) FROM entry WHERE state = 'new'"
	columns     = "code, kind, about, lang, hour, text, contact, state, answer, answered, public"
)

// Unread counts the new entries.
func (s *Store) Unread(ctx context.Context) (int, error) {
	var n int
	if err := s.db.QueryRowContext(ctx, countUnread).Scan(&n); err != nil {
		return 0, fmt.Errorf("count new feedback: %w", err)
	}
	return n, nil
}

// Get returns an entry; ErrUnknown when there is none with the code.
func (s *Store) Get(ctx context.Context, code string) (Entry, error) {
	e, err := scan(s.db.QueryRowContext(ctx, "SELECT "+columns+" FROM entry WHERE code = ?", code))
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrUnknown
	}
	if err != nil {
		return Entry{}, fmt.Errorf("read feedback %.40q: %w", code, err)
	}
	return e, nil
}

// Filter chooses entries; what is zero chooses all.
type Filter struct {
	About  About
	State  State
	Hidden bool      // also hidden ones, when no State is given
	Since  time.Time // this hour and later ones
	Until  time.Time // hours before
	Limit  int       // at most so many, the newest; 0: all
}

// List returns the entries that f chooses, the newest first.
func (s *Store) List(ctx context.Context, f Filter) ([]Entry, error) {
	where, args := []string{"1"}, []any{}
	add := func(condition string, values ...any) { where, args = append(where, condition), append(args, values...) }
	if f.About != (About{}) {
		add("kind = ? AND about = ?", string(f.About.Kind), f.About.ID)
	}
	switch {
	case f.State != "":
		add("state = ?", string(f.State))
	case !f.Hidden:
		add("state <> ?", string(StateHidden))
	}
	if !f.Since.IsZero() {
		add("hour >= ?", f.Since.UTC().Truncate(time.Hour).Unix())
	}
	if !f.Until.IsZero() {
		add("hour < ?", f.Until.UTC().Unix())
	}
	limit := f.Limit
	if limit <= 0 {
		limit = -1 // none, to SQLite
	}
	list, err := s.query(ctx, "SELECT "+columns+" FROM entry WHERE "+strings.Join(where, " AND ")+" ORDER BY hour DESC, code LIMIT ?", append(args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("list feedback: %w", err)
	}
	return list, nil
}

// Published returns what all may read about something, the latest answered
// first, without codes and contacts.
func (s *Store) Published(ctx context.Context, about About) ([]Entry, error) {
	list, err := s.query(ctx, "SELECT '', kind, about, lang, hour, text, '', state, answer, answered, public FROM entry "+
		"WHERE public = 1 AND state = 'answered' AND kind = ? AND about = ? ORDER BY answered DESC, code LIMIT ?",
		string(about.Kind), about.ID, MaxPublished)
	if err != nil {
		return nil, fmt.Errorf("read published feedback about %s: %w", about, err)
	}
	return list, nil
}

func (s *Store) query(ctx context.Context, statement string, args ...any) ([]Entry, error) {
	rows, err := s.db.QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	var list []Entry
	for rows.Next() {
		e, err := scan(rows)
		if err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		list = append(list, e)
	}
	return list, errors.Join(rows.Err(), rows.Close())
}

func scan(row interface{ Scan(...any) error }) (Entry, error) {
	var e Entry
	var hour, answered int64
	if err := row.Scan(&e.Code, &e.About.Kind, &e.About.ID, &e.Lang, &hour, &e.Text, &e.Contact, &e.State, &e.Answer, &answered, &e.Public); err != nil {
		return e, err
	}
	e.Time = time.Unix(hour, 0).UTC()
	if answered != 0 {
		e.Answered = time.Unix(answered, 0).UTC()
	}
	return e, nil
}
