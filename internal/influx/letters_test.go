package influx_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"modellregion/devices"
	"modellregion/internal/influx"
)

// stored are the letters that a filter chooses.
func stored(t *testing.T, c *influx.Client, f devices.LetterFilter) []devices.DeadLetter {
	t.Helper()
	list, err := c.DeadLetters(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func messages(list []devices.DeadLetter) string {
	var all []string
	for _, l := range list {
		all = append(all, l.Message)
	}
	return strings.Join(all, " ")
}

func TestDeadLettersAreStoredOnce(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		c := s.client(t)
		at := time.Now()
		full := devices.DeadLetter{
			Time: at, Edge: "e", Reason: "range", Why: `voltage is 9999 V, want at most "1000"`, Topic: "modellregion/v1/e/energy/up",
			Device: "70b3d57ed005f1a0", Message: `{"dev_eui":"70b3d57ed005f1a0","x":"\\"}`,
		}
		letters := []devices.DeadLetter{
			full,
			{Time: at, Edge: "e", Reason: "range", Message: "voltage 9998"},
			{Time: at, Edge: "e", Reason: "codec", Message: "voltage 9998"},
			{Time: at, Edge: "f", Reason: "range", Message: "voltage 9998"},
			{Time: at, Reason: "malformed", Message: ""},
		}
		for range 2 {
			if err := c.Bury(t.Context(), letters); err != nil {
				t.Fatal(err)
			}
		}
		got, err := c.CountDeadLetters(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]int{"range": 3, "codec": 1, "malformed": 1}, got); diff != "" {
			t.Error(diff)
		}
		ids := map[string]bool{}
		for _, l := range stored(t, c, devices.LetterFilter{}) {
			ids[l.ID()] = true
			if !l.Time.Truncate(time.Second).Equal(at.Truncate(time.Second)) {
				t.Errorf("%q is of %v, want the second of %v", l.Message, l.Time, at)
			}
			if l.Device == full.Device {
				if diff := cmp.Diff(full, l, cmpopts.IgnoreFields(full, "Time")); diff != "" {
					t.Error(diff)
				}
			}
		}
		if len(ids) != len(letters) {
			t.Errorf("%d letters have %d ids", len(letters), len(ids))
		}
	})
}

// What does not fit, or is not text, is kept as far as it can be and marked.
func TestDeadLettersAreCut(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		c := s.client(t)
		const most = 60 << 10
		for i, v := range []struct {
			message, want string // want "" means: the message
			cut           bool
		}{
			{message: strings.Repeat("x", most)},
			{message: strings.Repeat("x", most+1), want: strings.Repeat("x", most), cut: true},
			{message: strings.Repeat("ä", most/2)},
			{message: "x" + strings.Repeat("ä", most/2), want: "x" + strings.Repeat("ä", most/2-1), cut: true},
			{message: strings.Repeat(`"`, most/2)},
			{message: strings.Repeat(`\`, most), want: strings.Repeat(`\`, most/2), cut: true},
			{message: "\xff\x00 not UTF-8", want: `"\xff\x00 not UTF-8"`, cut: true},
			{message: "\xff" + strings.Repeat("x", most), want: `"\xff` + strings.Repeat("x", most-7), cut: true},
			{message: "two\nlines\tand a \x00"},
		} {
			if v.want == "" {
				v.want = v.message
			}
			reason := fmt.Sprintf("case%d", i)
			if err := c.Bury(t.Context(), []devices.DeadLetter{{Time: time.Now(), Edge: "e", Reason: reason, Message: v.message}}); err != nil {
				t.Fatal(err)
			}
			got := stored(t, c, devices.LetterFilter{Reason: reason})
			if len(got) != 1 || got[0].Message != v.want || got[0].Cut != v.cut {
				t.Errorf("%.20q of %d bytes: got %d letters: %.100q", v.message, len(v.message), len(got), fmt.Sprint(got))
			}
		}
		// A mark that it was cut before is kept.
		if err := c.Bury(t.Context(), []devices.DeadLetter{{Time: time.Now(), Reason: "cut", Message: "x", Cut: true}}); err != nil {
			t.Fatal(err)
		}
		if got := stored(t, c, devices.LetterFilter{Reason: "cut"}); len(got) != 1 || !got[0].Cut {
			t.Errorf("got %v, want one that is cut", got)
		}
	})
}

// A dead letter that the database will not take at its time is kept at the
// present, one that is no text quoted, and any number of them fits.
func TestDeadLettersAreKeptWhateverTheySay(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		c := s.client(t)
		var letters []devices.DeadLetter
		for i := range 1500 {
			letters = append(letters, devices.DeadLetter{Time: time.Now(), Edge: "e", Reason: "range", Message: fmt.Sprint(i, strings.Repeat("x", 4000))})
		}
		letters[1234].Time = time.Now().Add(-1000 * 24 * time.Hour) // beyond the retention
		letters[567].Edge = "e\n\xff\\"
		if err := c.Bury(t.Context(), letters); err != nil {
			t.Fatal(err)
		}
		got := stored(t, c, devices.LetterFilter{})
		found := map[string]devices.DeadLetter{}
		for i, l := range got {
			found[l.Message] = l
			if i > 0 && l.Time.After(got[i-1].Time) {
				t.Fatalf("letter %d is newer than the one before", i)
			}
		}
		if len(found) != 1500 || len(got) != 1500 {
			t.Errorf("%d letters are stored, %d different, want 1500", len(got), len(found))
		}
		if l := found[letters[1234].Message]; l.Cut || time.Since(l.Time) > time.Hour {
			t.Errorf("the old letter is stored at %v", l.Time)
		}
		if l := found[letters[567].Message]; l.Edge != `"e\n\xff\\"` {
			t.Errorf("the letter of no edge is of edge %q", l.Edge)
		}
	})
}

func TestDeadLettersAreChosen(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		c := s.client(t)
		noon := time.Now().Truncate(time.Hour)
		if err := c.Bury(t.Context(), []devices.DeadLetter{
			{Time: noon, Edge: "e", Reason: "range", Device: "0000000000000001", Message: "a"},
			{Time: noon.Add(time.Minute), Edge: "e", Reason: "codec", Device: "0000000000000002", Message: "b"},
			{Time: noon.Add(2 * time.Minute), Edge: "f'", Reason: "range", Device: "0000000000000001", Message: "c"},
			{Time: noon.Add(3 * time.Minute), Edge: "e", Reason: "malformed", Message: "d"},
		}); err != nil {
			t.Fatal(err)
		}
		all := stored(t, c, devices.LetterFilter{})
		if messages(all) != "d c b a" {
			t.Fatalf("all are %s", messages(all))
		}
		for _, v := range []struct {
			filter devices.LetterFilter
			want   string
		}{
			{devices.LetterFilter{Limit: 2}, "d c"},
			{devices.LetterFilter{Edge: "e"}, "d b a"},
			{devices.LetterFilter{Edge: "f'"}, "c"},
			{devices.LetterFilter{Edge: "' OR edge != '"}, ""},
			{devices.LetterFilter{Reason: "range"}, "c a"},
			{devices.LetterFilter{Device: "0000000000000001", Edge: "e"}, "a"},
			{devices.LetterFilter{Since: noon.Add(time.Minute), Until: noon.Add(3 * time.Minute)}, "c b"},
			{devices.LetterFilter{Since: all[2].Time, Until: all[1].Time}, "b"},
			{devices.LetterFilter{ID: all[2].ID()}, "b"},
			{devices.LetterFilter{ID: all[2].ID(), Reason: "range"}, ""},
		} {
			if got := messages(stored(t, c, v.filter)); got != v.want {
				t.Errorf("%+v chooses %q, want %q", v.filter, got, v.want)
			}
		}
		if _, err := c.DeadLetters(t.Context(), devices.LetterFilter{ID: "'; DROP"}); err == nil {
			t.Error("an id that is none gives no error")
		}
	})
}

func TestDeadLettersAreSettled(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		c := s.client(t)
		letters := []devices.DeadLetter{
			{Time: time.Now(), Edge: "e", Reason: "range", Why: "w", Topic: "t", Message: "replayed"},
			{Time: time.Now(), Reason: "range", Why: "w", Topic: "t", Device: "0000000000000001", Message: "dropped"},
			{Time: time.Now(), Edge: "e", Reason: "codec", Message: "left"},
		}
		if err := c.Bury(t.Context(), letters); err != nil {
			t.Fatal(err)
		}
		settle := func(message string, how devices.Settled) {
			t.Helper()
			for _, l := range stored(t, c, devices.LetterFilter{}) {
				if l.Message == message {
					if err := c.Settle(t.Context(), []devices.DeadLetter{l}, how); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		settle("replayed", devices.Replayed)
		settle("dropped", devices.Dropped)
		if err := c.Bury(t.Context(), letters[:1]); err != nil { // it comes once more
			t.Fatal(err)
		}
		if got := messages(stored(t, c, devices.LetterFilter{})); got != "left" {
			t.Errorf("unsettled are %q, want left", got)
		}
		if got := messages(stored(t, c, devices.LetterFilter{Limit: 1})); got != "left" {
			t.Errorf("the newest unsettled is %q, want left", got)
		}
		all := stored(t, c, devices.LetterFilter{Settled: true})
		if len(all) != 3 {
			t.Fatalf("%d letters with those that are settled, want 3", len(all))
		}
		for _, l := range all {
			l.Time = time.Time{}
			want := devices.DeadLetter{Edge: "e", Reason: "codec", Message: "left"}
			switch l.Settled {
			case devices.Replayed:
				want = devices.DeadLetter{Edge: "e", Reason: "range", Why: "w", Topic: "t", Message: "replayed", Settled: devices.Replayed}
			case devices.Dropped:
				want = devices.DeadLetter{Reason: "range", Topic: "t", Device: "0000000000000001", Settled: devices.Dropped}
			}
			if diff := cmp.Diff(want, l); diff != "" {
				t.Error(diff)
			}
		}
	})
}

// Letters that nothing helps are counted, and no others are lost with them.
func TestLostDeadLetters(t *testing.T) {
	var kept atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), "poison") {
			http.Error(w, `{"error":"no"}`, http.StatusBadRequest)
			return
		}
		kept.Add(int64(strings.Count(string(body), "\n")))
		w.WriteHeader(http.StatusNoContent)
	}))
	defer s.Close()
	var letters []devices.DeadLetter
	for i := range 100 {
		message := "fine"
		if i%40 == 7 {
			message = "poison"
		}
		letters = append(letters, devices.DeadLetter{Time: time.Now(), Reason: "range", Message: message})
	}
	err := connect(t, influx.Config{URL: s.URL}).Bury(t.Context(), letters)
	var why *devices.WriteError
	if !errors.As(err, &why) || why.Fault != devices.FaultRefused || why.Lost != 3 || kept.Load() != 97 {
		t.Errorf("error %v (%+v) and %d kept, want 3 lost and 97 kept", err, why, kept.Load())
	}
}

// Requests with dead letters are of bounded size, and a server that is away
// in the middle is no reason to give up on any.
func TestDeadLettersComeInParts(t *testing.T) {
	var largest, requests atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		largest.Store(max(largest.Load(), n))
		if requests.Add(1) == 4 {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer s.Close()
	letters := make([]devices.DeadLetter, 300)
	for i := range letters {
		letters[i] = devices.DeadLetter{Time: time.Now(), Reason: "range", Message: strings.Repeat("x", 100_000)}
	}
	c := connect(t, influx.Config{URL: s.URL})
	err := c.Bury(t.Context(), letters)
	var why *devices.WriteError
	if !errors.As(err, &why) || why.Fault != devices.FaultBusy || why.Lost != 0 {
		t.Errorf("error %v, want that the server is busy", err)
	}
	if err := c.Bury(t.Context(), letters); err != nil {
		t.Error(err)
	}
	if largest.Load() > 5<<20 {
		t.Errorf("a request has %d bytes", largest.Load())
	}
}
