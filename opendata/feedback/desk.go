package feedback

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"
)

// Config is what a Desk works with. What is 0 has the value that its comment
// says.
type Config struct {
	Store *Store
	// Client names whose request it is, as guard.Guard.Client does: an address,
	// behind trusted proxies that of who is before them.
	Client func(*http.Request) string
	// Known reports whether the public can see what an entry would be about; of
	// the portal itself it says yes, unless no such feedback is wanted.
	Known func(About) bool
	Log   *slog.Logger // nil: none

	PerClient int // entries of one client in an hour; 5
	Total     int // entries of all together in an hour; 200
	Guesses   int // wrong codes of one client in an hour; 30
}

// MaxBody is how many bytes of a form are read.
const MaxBody = 16 << 10

// Reason is why a form, or a code, was refused.
type Reason string

// The reasons, with the status of the answer.
const (
	Size      Reason = "size"      // 413: more than MaxBody
	Malformed Reason = "malformed" // 400: no form
	Trap      Reason = "trap"      // 422: FieldTrap is not empty
	NoSuch    Reason = "about"     // 404: about nothing that there is
	Token     Reason = "token"     // 422: not given by this process for this page; a restart is among the causes
	Early     Reason = "early"     // 422: before TokenFrom
	Expired   Reason = "expired"   // 422: after TokenUntil
	Used      Reason = "used"      // 409: the form was sent already, with another text
	Invalid   Reason = "invalid"   // 422: Form.Errors says what
	Client    Reason = "client"    // 429: so many of one client
	Total     Reason = "total"     // 503: so many of all
	Full      Reason = "full"      // 503: MaxUnread
	Failed    Reason = "failed"    // 503: the store, or it took too long
	Guess     Reason = "guess"     // 429: so many wrong codes of one client
	Repeated  Reason = "repeated"  // the same form once more, as a double click sends it: nothing is stored, its sender gets the code
)

var statuses = map[Reason]int{
	Size: http.StatusRequestEntityTooLarge, Malformed: http.StatusBadRequest, Trap: http.StatusUnprocessableEntity, NoSuch: http.StatusNotFound,
	Token: http.StatusUnprocessableEntity, Early: http.StatusUnprocessableEntity, Expired: http.StatusUnprocessableEntity, Used: http.StatusConflict,
	Invalid: http.StatusUnprocessableEntity, Client: http.StatusTooManyRequests, Total: http.StatusServiceUnavailable, Full: http.StatusServiceUnavailable,
	Failed: http.StatusServiceUnavailable, Guess: http.StatusTooManyRequests, Repeated: http.StatusSeeOther,
}

// ErrGuesses is returned by Desk.Read to a client with too many wrong codes.
var ErrGuesses = errors.New("too many wrong codes")

// Refusal is why there is no entry, and what to show again.
type Refusal struct {
	Reason Reason
	Status int // of HTTP
	// Form is what was sent, with a token that is good for the next try; without
	// one where it cannot be shown again (Size, Malformed, NoSuch).
	Form Form
}

// Desk takes forms and gives answers out. All its methods that are given a
// ResponseWriter set headers that keep what is personal out of caches and search
// engines, and none writes a status or a body.
type Desk struct {
	cfg     Config
	tokens  *tokens
	entries *limit
	guesses *limit
	turn    chan struct{} // full while a form is accepted, one at a time; it guards uses
	uses    uses

	accepted atomic.Uint64
	refused  map[Reason]*atomic.Uint64
}

// NewDesk returns a Desk. Its tokens are good in this process alone.
func NewDesk(cfg Config) (*Desk, error) {
	if cfg.Store == nil || cfg.Client == nil || cfg.Known == nil || cfg.PerClient < 0 || cfg.Total < 0 || cfg.Guesses < 0 {
		return nil, errors.New("feedback: want a store, who clients are, what is known, and no limit below zero")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	for value, normal := range map[*int]int{&cfg.PerClient: 5, &cfg.Total: 200, &cfg.Guesses: 30} {
		if *value == 0 {
			*value = normal
		}
	}
	d := &Desk{
		cfg: cfg, tokens: newTokens(), turn: make(chan struct{}, 1), uses: uses{}, refused: map[Reason]*atomic.Uint64{},
		entries: &limit{each: cfg.PerClient, all: cfg.Total}, guesses: &limit{each: cfg.Guesses},
	}
	for why := range statuses {
		d.refused[why] = new(atomic.Uint64)
	}
	return d, nil
}

// Stats are counters since the start.
type Stats struct {
	Accepted uint64
	Refused  map[Reason]uint64
}

// Stats returns the counters.
func (d *Desk) Stats() Stats {
	s := Stats{Accepted: d.accepted.Load(), Refused: map[Reason]uint64{}}
	for why, n := range d.refused {
		s.Refused[why] = n.Load()
	}
	return s
}

func private(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Robots-Tag", "noindex")
}

func retryAfter(w http.ResponseWriter, wait time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
}

// Blank returns an empty form; ErrUnknown when it would be about nothing that
// there is.
func (d *Desk) Blank(w http.ResponseWriter, about About, lang string) (Form, error) {
	private(w)
	if !about.valid() || !d.cfg.Known(about) {
		return Form{}, ErrUnknown
	}
	return Form{About: about, Lang: lang, Token: d.tokens.give(about, time.Now())}, nil
}

// Read returns what belongs to a code, without the contact: the page is for its
// writer, but a code may be seen over a shoulder. Errors are ErrUnknown, also for
// what is no code, ErrGuesses, and those of the store.
func (d *Desk) Read(w http.ResponseWriter, r *http.Request, code string) (Entry, error) {
	private(w)
	who := d.cfg.Client(r)
	if over, wait := d.guesses.over(who); over != "" {
		d.refused[Guess].Add(1)
		retryAfter(w, wait)
		return Entry{}, ErrGuesses
	}
	e, err := Entry{}, ErrUnknown
	if parsed, wrong := ParseCode(code); wrong == nil {
		e, err = d.cfg.Store.Get(r.Context(), parsed)
	}
	if errors.Is(err, ErrUnknown) {
		d.guesses.count(who)
		return Entry{}, ErrUnknown
	}
	e.Contact = ""
	return e, err
}

// Receive takes a posted form and returns the code of the entry it has become,
// to be sent to the page of the code with 303; or why it has not.
func (d *Desk) Receive(w http.ResponseWriter, r *http.Request) (code string, refused *Refusal) {
	private(w)
	values, why := readForm(w, r)
	if why != "" {
		return "", d.refuse(why, Form{})
	}
	about, err := ParseAbout(values.Get(FieldAbout))
	if err != nil || !d.cfg.Known(about) {
		return "", d.refuse(NoSuch, Form{})
	}
	form := Form{About: about, Lang: values.Get(FieldLang), Text: values.Get(FieldText), Contact: values.Get(FieldContact), Token: values.Get(FieldToken)}
	again := func(why Reason) *Refusal {
		form.Token = d.tokens.give(about, time.Now())
		return d.refuse(why, form)
	}
	mark, why := d.tokens.check(form.Token, about)
	switch {
	case values.Get(FieldTrap) != "":
		return "", again(Trap)
	case why == Early: // by the next try it is good
		return "", d.refuse(why, form)
	case why != "":
		return "", again(why)
	}
	e, errs := Validate(values)
	if errs != nil {
		form.Errors = errs
		return "", d.refuse(Invalid, form)
	}
	code, why, wait := d.accept(r.Context(), d.cfg.Client(r), mark, e)
	if wait > 0 {
		retryAfter(w, wait)
	}
	switch why {
	case "":
		d.accepted.Add(1)
	case Repeated:
		d.refused[Repeated].Add(1)
	case Used:
		return "", again(why)
	default: // its token is as good as before
		return "", d.refuse(why, form)
	}
	return code, nil
}

func (d *Desk) refuse(why Reason, form Form) *Refusal {
	d.refused[why].Add(1)
	return &Refusal{why, statuses[why], form}
}

// readForm reads the fields, whichever of the two ways they were sent.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, Reason) {
	r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
	err := r.ParseForm()
	if err == nil {
		err = r.ParseMultipartForm(MaxBody) // nothing goes to disk, since no more is read than this
	}
	if errors.Is(err, http.ErrNotMultipart) {
		err = nil
	}
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return nil, Size
	}
	if err != nil || len(r.PostForm) == 0 {
		return nil, Malformed
	}
	return r.PostForm, ""
}

// accept stores an entry, if its token was not used and no limit is reached.
func (d *Desk) accept(ctx context.Context, who string, mark nonce, e Entry) (code string, why Reason, wait time.Duration) {
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return "", Failed, 10 * time.Second
	}
	if was, used := d.uses[mark]; used {
		if was.of == digest(e) {
			return was.code, Repeated, 0
		}
		return "", Used, 0
	}
	if over, wait := d.entries.over(who); over != "" {
		return "", over, wait
	}
	e.Time = time.Now()
	code, err := d.cfg.Store.Add(ctx, e)
	switch {
	case errors.Is(err, ErrFull):
		return "", Full, time.Hour
	case err != nil:
		if ctx.Err() == nil { // else the client has left
			d.cfg.Log.Error("feedback cannot be stored", "err", err)
		}
		return "", Failed, 10 * time.Second
	}
	d.entries.count(who)
	d.uses.add(mark, e, code)
	return code, "", 0
}
