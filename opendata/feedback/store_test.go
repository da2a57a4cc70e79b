package feedback

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// hour is when the entries of tests are written.
var hour = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

var counter = About{KindStation, "paderborn-verkehr-003"}

func open(t testing.TB) (*Store, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data", "feedback.db")
	return openAt(t, path), path
}

func openAt(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func add(t testing.TB, s *Store, e Entry) (code string) {
	t.Helper()
	code, err := s.Add(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func said(about About, text string) Entry {
	return Entry{About: about, Lang: "de", Time: hour, Text: text}
}

// onDisk returns what the files of a store hold.
func onDisk(t *testing.T, path string) []byte {
	t.Helper()
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) == 0 {
		t.Fatalf("files %v (%v)", files, err)
	}
	var all []byte
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data...)
	}
	return all
}

func TestLifeOfAnEntry(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	e := said(counter, "Der Zähler steht still.")
	e.Time, e.Contact = hour.Add(47*time.Minute+11*time.Second), "erika@example.org"
	// What a stranger may not set is not taken from him.
	e.Code, e.State, e.Answer, e.Answered, e.Public = "0000000000", StateAnswered, "Ja.", hour, true
	code := add(t, s, e)
	want := Entry{Code: code, About: counter, Lang: "de", Time: hour, Text: e.Text, Contact: e.Contact, State: StateNew}
	check := func(step string, published int) {
		t.Helper()
		got, err := s.Get(ctx, code)
		if got.Answered.After(hour) {
			got.Answered = time.Time{}
		}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", step, err, diff)
		}
		list, err := s.Published(ctx, counter)
		if err != nil || len(list) != published {
			t.Errorf("%s: %d published (%v), want %d", step, len(list), err, published)
		}
		for _, p := range list {
			if p.Code != "" || p.Contact != "" || p.Text != want.Text || p.Answer != want.Answer || p.Answered.IsZero() {
				t.Errorf("%s: published %+v", step, p)
			}
		}
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	check("added", 0)
	if err := s.Publish(ctx, code, true); err == nil || !strings.Contains(err.Error(), "it is new") {
		t.Errorf("published unread: %v", err)
	}
	do(s.Seen(ctx, code))
	want.State = StateRead
	check("seen", 0)
	do(s.Answer(ctx, code, " Wir sehen nach.\r\nDanke! ", false))
	want.State, want.Answer = StateAnswered, "Wir sehen nach.\nDanke!"
	check("answered", 0)
	do(s.Seen(ctx, code))
	check("seen again", 0)
	do(s.Publish(ctx, code, true))
	want.Public = true
	check("published", 1)
	do(s.Answer(ctx, code, "Er zählt wieder.", true))
	want.Answer = "Er zählt wieder."
	check("answered otherwise", 1)
	do(s.Unhide(ctx, code))
	check("brought back though it was there", 1)
	do(s.Hide(ctx, code))
	want.State, want.Public = StateHidden, false
	check("hidden", 0)
	if err := s.Publish(ctx, code, true); err == nil {
		t.Error("a hidden entry is published")
	}
	do(s.Unhide(ctx, code))
	want.State = StateAnswered
	check("brought back", 0)
	do(s.ForgetContacts(ctx, code))
	want.Contact = ""
	check("without contact", 0)
	do(s.Drop(ctx, code))
	if _, err := s.Get(ctx, code); !errors.Is(err, ErrUnknown) {
		t.Errorf("after it was dropped: %v", err)
	}
	// Hidden unread, it comes back as read.
	code = add(t, s, said(counter, "Wohl doch nicht."))
	do(s.Hide(ctx, code))
	do(s.Unhide(ctx, code))
	if e, err := s.Get(ctx, code); err != nil || e.State != StateRead {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestUnknownCodesAndBadEntries(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	code := add(t, s, said(counter, "Der bleibt."))
	const none = "0000000000"
	_, err := s.Get(ctx, none)
	for what, err := range map[string]error{
		"Get": err, "Seen": s.Seen(ctx, none), "Answer": s.Answer(ctx, none, "Ja.", true), "Publish": s.Publish(ctx, none, true),
		"Hide": s.Hide(ctx, none), "Unhide": s.Unhide(ctx, none), "ForgetContacts": s.ForgetContacts(ctx, none), "Drop": s.Drop(ctx, code, none),
	} {
		if !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), none) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := s.Get(ctx, code); err != nil {
		t.Errorf("dropping is not all or none: %v", err)
	}
	for text, want := range map[string]string{" ": "missing", "a\x00": "control", "\xff": "encoding", strings.Repeat("a", MaxText+1): "long"} {
		if err := s.Answer(ctx, code, text, true); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("answer %.10q: %v, want %s", text, err, want)
		}
	}
	for want, edit := range map[string]func(*Entry){
		"about":    func(e *Entry) { e.About.ID = "Bahnhof" },
		"language": func(e *Entry) { e.Lang = "fr" },
		"time":     func(e *Entry) { e.Time = time.Time{} },
		"text":     func(e *Entry) { e.Text = "a" },
		"contact":  func(e *Entry) { e.Contact = "a" },
	} {
		e := said(counter, "Der Zähler steht still.")
		edit(&e)
		if _, err := s.Add(ctx, e); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	// The file itself holds what must never be.
	if _, err := s.db.Exec("UPDATE entry SET public = 1"); err == nil {
		t.Error("an unread entry can be made public")
	}
	if _, err := s.db.Exec("UPDATE entry SET hour = hour + 60"); err == nil {
		t.Error("the minute can be stored")
	}
}

func TestListAndPublished(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	abouts := []About{counter, {KindDataset, "verkehr"}, {Kind: KindPortal}}
	var codes []string
	for i := range 12 {
		e := said(abouts[i%3], fmt.Sprintf("Rückmeldung %02d", i))
		e.Time = hour.Add(time.Duration(i) * time.Hour)
		codes = append(codes, add(t, s, e))
	}
	for i, code := range codes {
		var err error
		switch {
		case i < 2:
			err = s.Hide(ctx, code)
		case i < 4:
			err = s.Answer(ctx, code, "Ja.", true)
		case i < 6:
			err = s.Seen(ctx, code)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		f    Filter
		want string
	}{
		"all":      {Filter{}, "11 10 09 08 07 06 05 04 03 02"},
		"hidden":   {Filter{State: StateHidden}, "01 00"},
		"both":     {Filter{Hidden: true, Until: hour.Add(3 * time.Hour)}, "02 01 00"},
		"new":      {Filter{State: StateNew, Limit: 2}, "11 10"},
		"answered": {Filter{State: StateAnswered}, "03 02"},
		"about":    {Filter{About: counter}, "09 06 03"},
		"portal":   {Filter{About: abouts[2], Since: hour.Add(8*time.Hour + 59*time.Minute)}, "11 08"},
		"none":     {Filter{About: About{KindStation, "verkehr"}}, ""},
		"between":  {Filter{Since: hour.Add(5 * time.Hour), Until: hour.Add(7 * time.Hour)}, "06 05"},
	} {
		list, err := s.List(ctx, c.f)
		var got []string
		for _, e := range list {
			got = append(got, strings.TrimPrefix(e.Text, "Rückmeldung "))
		}
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v (%v), want %s", name, got, err, c.want)
		}
	}
	if n, err := s.Unread(ctx); err != nil || n != 6 {
		t.Errorf("%d unread (%v)", n, err)
	}
	for about, want := range map[About]int{counter: 1, abouts[1]: 0, abouts[2]: 1, {KindStation, ""}: 0} {
		if list, err := s.Published(ctx, about); err != nil || len(list) != want {
			t.Errorf("published about %s: %+v, %v", about, list, err)
		}
	}
}

func TestPublishedIsBounded(t *testing.T) {
	s, _ := open(t)
	fill(t, s, MaxPublished+5, "answered', 'Ja.', 1700000000 + n, 1 -- ")
	list, err := s.Published(t.Context(), About{Kind: KindPortal})
	if err != nil || len(list) != MaxPublished || list[0].Answered.Before(list[MaxPublished-1].Answered) {
		t.Errorf("%d published (%v)", len(list), err)
	}
}

// fill stores n entries at once, whose last columns are rest.
func fill(t *testing.T, s *Store, n int, rest string) {
	t.Helper()
	_, err := s.db.Exec("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ?) "+
		"INSERT INTO entry (code, kind, about, lang, hour, text, contact, state, answer, answered, public) "+
		"SELECT printf('%010d', n), 'portal', '', 'de', 1800000000, 'Hallo', '', '"+rest+"\n FROM c", n)
	if err != nil {
		t.Fatal(err)
	}
}

func TestFull(t *testing.T) {
	s, _ := open(t)
	if s.maxUnread != 10_000 {
		t.Errorf("%d unread entries are kept", s.maxUnread)
	}
	s.maxUnread = 20
	fill(t, s, s.maxUnread, "new', '', 0, 0 -- ")
	if _, err := s.Add(t.Context(), said(counter, "Eine zu viel.")); !errors.Is(err, ErrFull) {
		t.Errorf("error %v", err)
	}
	if err := s.Seen(t.Context(), "0000000001"); err != nil {
		t.Fatal(err)
	}
	add(t, s, said(counter, "Die passt."))
	if n, err := s.Unread(t.Context()); err != nil || n != s.maxUnread {
		t.Errorf("%d unread (%v)", n, err)
	}
}

func TestReopenKeepsAndNewerSchemaIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "feedback.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil { // version 0: nothing is in it
		t.Fatal(err)
	}
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	var version int
	if err := s.db.QueryRow("PRAGMA user_version").Scan(&version); err != nil || version != len(schema) {
		t.Errorf("version %d (%v) after opening one of 0", version, err)
	}
	code := add(t, s, said(counter, "Der bleibt."))
	files, _ := filepath.Glob(path + "*")
	if len(files) != 3 {
		t.Errorf("files %v, want the log and its index too", files)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v (%v)", f, info.Mode(), err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if e, err := s.Get(t.Context(), code); err != nil || e.Text != "Der bleibt." {
		t.Errorf("%+v (%v) after reopening", e, err)
	}
	if _, err := s.db.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), "version 99, this program knows 1") {
		t.Errorf("a newer schema: %v", err)
	}
	if err := os.WriteFile(path, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a damaged file: %v", err)
	}
	if _, err := Open(t.Context(), path+"?mode=memory"); err == nil {
		t.Error("a path with ? is taken")
	}
}

// A command answers while the platform takes and shows.
func TestTwoProcessesAtOnce(t *testing.T) {
	platform, path := open(t)
	command := openAt(t, path)
	const n = 40
	codes := make(chan string, n)
	var all sync.WaitGroup
	all.Go(func() {
		defer close(codes)
		for i := range n {
			code, err := platform.Add(t.Context(), said(counter, fmt.Sprintf("Rückmeldung %d", i)))
			if err != nil {
				t.Error(err)
				return
			}
			codes <- code
		}
	})
	all.Go(func() {
		for code := range codes {
			if err := command.Answer(t.Context(), code, "Danke.", true); err != nil {
				t.Error(err)
			}
		}
	})
	all.Go(func() {
		for range n {
			if _, err := platform.Published(t.Context(), counter); err != nil {
				t.Error(err)
			}
		}
	})
	all.Wait()
	if list, err := platform.Published(t.Context(), counter); err != nil || len(list) != n {
		t.Errorf("%d published (%v), want %d", len(list), err, n)
	}
}

// What is dropped is not in the files any more, also not in what SQLite calls
// free, while the platform has them open.
func TestDroppedIsOverwritten(t *testing.T) {
	s, path := open(t)
	ctx := t.Context()
	var codes []string
	for i := range 30 {
		e := said(counter, fmt.Sprintf("geheimnis-%02d %s", i, strings.Repeat("lang ", i*25)))
		e.Contact = fmt.Sprintf("person-%02d@example.org", i)
		codes = append(codes, add(t, s, e))
	}
	if err := s.Answer(ctx, codes[7], "erste-antwort", false); err != nil {
		t.Fatal(err)
	}
	if err := s.ForgetContacts(ctx, codes[8]); err != nil {
		t.Fatal(err)
	}
	for _, there := range []string{"geheimnis-07", "person-07", "erste-antwort", "geheimnis-08"} {
		if !bytes.Contains(onDisk(t, path), []byte(there)) {
			t.Errorf("%s is not found: the test is broken", there)
		}
	}
	if bytes.Contains(onDisk(t, path), []byte("person-08")) {
		t.Error("a contact that was forgotten is still in the file")
	}
	if err := s.Drop(ctx, codes[:25]...); err != nil {
		t.Fatal(err)
	}
	data := onDisk(t, path)
	for i := range 25 {
		for _, gone := range []string{fmt.Sprintf("geheimnis-%02d", i), fmt.Sprintf("person-%02d", i), codes[i]} {
			if bytes.Contains(data, []byte(gone)) {
				t.Errorf("%s is still in the file", gone)
			}
		}
	}
	if !bytes.Contains(data, []byte("geheimnis-25")) {
		t.Error("another was dropped too")
	}
}
