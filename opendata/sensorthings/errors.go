package sensorthings

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// failure is an answer that is no success. Its text is German, then English.
type failure struct {
	status int
	text   string
	retry  time.Duration // after which it may go; 0: it never will
}

// Error implements error.
func (f *failure) Error() string { return f.text }

func fail(status int, de, en string, args ...any) error {
	return &failure{status: status, text: both(de, en, args)}
}

func both(de, en string, args []any) string {
	return fmt.Sprintf(de, args...) + " / " + fmt.Sprintf(en, args...)
}

func notFound(de, en string, args ...any) error { return fail(http.StatusNotFound, de, en, args...) }

// source is a text that is parsed: an option, or a part of one.
type source struct {
	option string // "$filter"
	text   string
	offset int // of the text in the option's value
}

// wrong says what is wrong at a byte of the text.
func (s source) wrong(pos int, de, en string, args ...any) error {
	at := s.offset + min(max(pos, 0), len(s.text)) + 1
	return fail(http.StatusBadRequest, s.option+", Zeichen "+strconv.Itoa(at)+": "+de, s.option+", character "+strconv.Itoa(at)+": "+en, args...)
}

// busy is a failure of this moment.
func busy(after time.Duration, de, en string, args ...any) error {
	return &failure{status: http.StatusServiceUnavailable, text: both(de, en, args), retry: after}
}

// body writes the error as other servers of the standard do, which does not
// say how: {"code", "type", "message"}.
func (f *failure) body() []byte {
	b := append([]byte(`{"code":`), strconv.Itoa(f.status)...)
	b = append(b, `,"type":"error","message":`...)
	return append(appendQuoted(b, f.text), '}', '\n')
}

// asFailure makes a failure of any error. What is not ours is not shown.
func asFailure(err error, limit time.Duration) (f *failure, shown bool) {
	if errors.As(err, &f) {
		return f, true
	}
	errors.As(busy(10*time.Second,
		"die Datenbank antwortet nicht innerhalb von %s; bitte später, oder mit einem kürzeren Zeitraum in $filter (phenomenonTime)",
		"the database does not answer within %s; try again later, or with a shorter time in $filter (phenomenonTime)", limit), &f)
	return f, false
}
