package load

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"sync"

	"modellregion/uplink"
)

// The ledger is a text file that is only appended to. Its first line is a
// header in JSON; then follows a line for each message before it is sent and
// for each confirmation after it has come:
//
//	s EDGE SEQ TIME CHANGE …     uplinks of that edge from that sequence number on, the time of the
//	                             first in Unix milliseconds and what each other's is later than the
//	                             one before it; the header says which device sends which
//	c EDGE FIRST-LAST …          uplinks that are stored
//
// Edges are numbers in the order of the header, from 0. A process may be killed
// at any instant: what it leaves without an end of line was not sent.

// header says of which load a ledger is.
type header struct {
	Version int      `json:"load"`
	Epoch   string   `json:"epoch"`
	Seed    uint64   `json:"seed"`
	Edges   []string `json:"edges"`
	Devices int      `json:"devices"`
	Format  Format   `json:"format"`
}

const ledgerVersion = 1

// maxLine is above the longest line: a header with all edges, or maxRuns.
const maxLine = 1 << 20

// check explains why the ledger at path is not of the load want.
func (h *header) check(path string, want header) error {
	for _, field := range []struct {
		name      string
		old, want any
	}{
		{"version", h.Version, want.Version},
		{"seed", h.Seed, want.Seed},
		{"devices", h.Devices, want.Devices},
		{"format", h.Format, want.Format},
	} {
		if field.old != field.want {
			return fmt.Errorf("ledger %s has %s %v, not %v: use the same or another file", path, field.name, field.old, field.want)
		}
	}
	if !slices.Equal(h.Edges, want.Edges) {
		return fmt.Errorf("ledger %s has edges %.256q, not %.256q: use the same or another file", path, h.Edges, want.Edges)
	}
	return nil
}

// ledger appends to the file, if there is one. Several goroutines may use it.
type ledger struct {
	mu   sync.Mutex
	file *os.File // nil: in memory alone, or closed
	line []byte
}

// openLedger reads the ledger at path and gets it ready to go on, or begins it
// with the header want, whose epoch is new. Without a path there is no file.
func openLedger(path string, want header, forget bool) (*ledger, header, []*book, error) {
	if path == "" {
		return &ledger{}, want, newBooks(len(want.Edges), forget), nil
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, header{}, nil, fmt.Errorf("open ledger: %w", err)
	}
	have, books, good, err := readLedger(file, forget)
	if err == nil && good > 0 {
		err = have.check(path, want)
	} else if err != nil {
		err = fmt.Errorf("ledger %s: %w", path, err)
	}
	if err == nil {
		err = file.Truncate(good)
	}
	if err == nil {
		_, err = file.Seek(good, io.SeekStart)
	}
	l := &ledger{file: file}
	if err == nil && good == 0 {
		have, books = want, newBooks(len(want.Edges), forget)
		line, _ := json.Marshal(have) // numbers and texts always have a JSON form
		err = l.write(append(line, '\n'))
	}
	if err != nil {
		return nil, header{}, nil, errors.Join(err, l.close())
	}
	return l, have, books, nil
}

func newBooks(n int, forget bool) []*book {
	books := make([]*book, n)
	for i := range books {
		books[i] = &book{forget: forget}
	}
	return books
}

// write appends lines. They are in the hands of the system when it returns, and
// survive the end of the process.
func (l *ledger) write(lines []byte) error {
	if _, err := l.file.Write(lines); err != nil {
		return fmt.Errorf("write ledger: %w", err)
	}
	return nil
}

// sent notes consecutive uplinks of an edge.
func (l *ledger) sent(edge int, uplinks []stamp) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	l.line = strconv.AppendInt(append(l.line[:0], "s "...), int64(edge), 10)
	l.line = strconv.AppendUint(append(l.line, ' '), uplinks[0].seq, 10)
	before := int64(0)
	for _, u := range uplinks {
		l.line = strconv.AppendInt(append(l.line, ' '), u.at-before, 10)
		before = u.at
	}
	return l.write(append(l.line, '\n'))
}

// confirmed notes that uplinks of an edge are stored.
func (l *ledger) confirmed(edge int, ranges [][2]uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	l.line = l.line[:0]
	for part := range slices.Chunk(ranges, maxRuns) {
		l.line = strconv.AppendInt(append(l.line, "c "...), int64(edge), 10)
		for _, r := range part {
			l.line = strconv.AppendUint(append(l.line, ' '), r[0], 10)
			l.line = strconv.AppendUint(append(l.line, '-'), r[1], 10)
		}
		l.line = append(l.line, '\n')
	}
	return l.write(l.line)
}

func (l *ledger) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	if err != nil {
		return fmt.Errorf("close ledger: %w", err)
	}
	return nil
}

// readLedger reads a ledger up to its last whole line and returns where that
// ends: 0 when not even the header is whole.
func readLedger(r io.Reader, forget bool) (h header, books []*book, good int64, err error) {
	in := bufio.NewReaderSize(r, maxLine)
	for n := 1; ; n++ {
		line, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF): // without an end of line: torn
			return h, books, good, nil
		case errors.Is(err, bufio.ErrBufferFull):
			return h, books, good, fmt.Errorf("line %d has more than %d bytes", n, maxLine)
		case err != nil:
			return h, books, good, err
		}
		if n == 1 {
			if h, err = parseHeader(line); err == nil {
				books = newBooks(len(h.Edges), forget)
			}
		} else {
			err = readLine(line[:len(line)-1], books)
		}
		if err != nil {
			return h, books, good, fmt.Errorf("line %d: %w", n, err)
		}
		good += int64(len(line))
	}
}

func parseHeader(line []byte) (header, error) {
	var h header
	if err := json.Unmarshal(line, &h); err != nil {
		return h, fmt.Errorf("no header of a ledger: %w", err)
	}
	switch {
	case h.Version != ledgerVersion:
		return h, fmt.Errorf("ledger has version %d, want %d", h.Version, ledgerVersion)
	case h.Epoch == "" || len(h.Epoch) > 16:
		return h, fmt.Errorf("ledger has epoch %.32q, want 1 to 16 characters", h.Epoch)
	case len(h.Edges) == 0 || len(h.Edges) > maxEdges || h.Devices < len(h.Edges) || h.Devices > maxDevices:
		return h, fmt.Errorf("ledger has %d edges and %d devices, want 1 to %d edges and at least as many devices, at most %d", len(h.Edges), h.Devices, maxEdges, maxDevices)
	}
	return h, nil
}

var errLine = errors.New("want s EDGE SEQ TIME … or c EDGE FIRST-LAST …")

// readLine reads a line behind the header.
func readLine(line []byte, books []*book) error {
	kind, rest, _ := bytes.Cut(line, []byte{' '})
	word, rest, _ := bytes.Cut(rest, []byte{' '})
	edge, err := strconv.ParseUint(string(word), 10, 32)
	if err != nil || edge >= uint64(len(books)) {
		return fmt.Errorf("edge %.32q, want 0 to %d", word, len(books)-1)
	}
	switch string(kind) {
	case "s":
		return readSent(rest, books[edge])
	case "c":
		return readConfirmed(rest, books[edge])
	}
	return fmt.Errorf("%.32q: %w", line, errLine)
}

func readSent(rest []byte, b *book) error {
	word, rest, _ := bytes.Cut(rest, []byte{' '})
	if seq, err := strconv.ParseUint(string(word), 10, 64); err != nil || seq != b.assigned+1 {
		return fmt.Errorf("sequence number %.32q, want %d", word, b.assigned+1)
	}
	at, n := int64(0), 0
	for word := range bytes.SplitSeq(rest, []byte{' '}) {
		change, err := strconv.ParseInt(string(word), 10, 64)
		if n++; err != nil || n > uplink.MaxUplinks {
			return fmt.Errorf("time %.32q, number %d: want 1 to %d whole numbers", word, n, uplink.MaxUplinks)
		}
		at += change
		b.assign(at)
	}
	b.sent = b.assigned
	return nil
}

func readConfirmed(rest []byte, b *book) error {
	for word := range bytes.SplitSeq(rest, []byte{' '}) {
		from, to, _ := bytes.Cut(word, []byte{'-'})
		first, err1 := strconv.ParseUint(string(from), 10, 64)
		last, err2 := strconv.ParseUint(string(to), 10, 64)
		if err1 != nil || err2 != nil || first == 0 || first > last || last > b.sent {
			return fmt.Errorf("range %.64q, want FIRST-LAST within the %d uplinks sent", word, b.sent)
		}
		for seq := first; seq <= last; seq++ {
			if !b.confirm(seq) {
				return fmt.Errorf("uplink %d is confirmed twice", seq)
			}
		}
	}
	return nil
}
