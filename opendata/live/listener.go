package live

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

const (
	heartbeat = 15 * time.Second // without events until a sign of life: proxies close after 30 to 60 s
	patience  = 10 * time.Second // for a listener to take what it is sent
	retryLow  = 2000             // ms after which a client shall come again; spread, lest all come at once
	retryHigh = 8000
)

// errSlow says that a listener did not keep up: what it wants next is not
// remembered any more.
var errSlow = errors.New("listener is too slow")

// listener is one request in progress.
type listener struct {
	selection
	w      http.ResponseWriter
	conn   *http.ResponseController
	cursor []int64 // by dataset of the selection: number of the last event dealt with
	dirty  bool    // something is written and not flushed
}

// buffers hold what listeners with a selection of stations or quantities get.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// listen sends events until the listener goes, is let go, or ctx ends.
func (h *Hub) listen(ctx context.Context, l *listener, since *place) error {
	hello := fmt.Appendf(nil, "retry: %d\n", retryLow+rand.IntN(retryHigh-retryLow))
	if err := l.write(h.begin(l, since, hello)); err != nil {
		return err
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		more, err := h.drain(l)
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-h.done:
			return nil
		case <-more:
		case <-beat.C:
			// Its id moves a listener on whose selection is rarely told of.
			sign := append(here(l.cursor[0]).append([]byte(":\nid: ")), "\n\n"...)
			if err := l.write(sign); err != nil {
				return err
			}
		}
	}
}

// begin sets the cursors. To hello it adds where a listener is that is new, and
// what a listener that comes again has missed for ever.
func (h *Hub) begin(l *listener, since *place, hello []byte) []byte {
	now := time.Now()
	h.mu.RLock()
	defer h.mu.RUnlock()
	l.cursor = make([]int64, len(l.sets))
	if since == nil {
		for i := range l.sets {
			l.cursor[i] = h.newest
		}
		hello = append(here(h.newest).append(append(hello, "id: "...)), '\n')
		return append(hello, '\n')
	}
	hello = append(hello, '\n')
	for i, s := range l.sets {
		l.cursor[i] = since.number
		// A number from before the start is that of another ring, and one that
		// does not exist yet was given by a clock that was ahead.
		if since.number < s.dropped || since.number > h.newest {
			l.cursor[i] = s.dropped
			hello = appendGap(hello, s, s.missed(since, now, h.cfg.Settle))
			h.gaps.Add(1)
		}
	}
	return hello
}

// missed returns from which window on somebody may have missed something who
// got an event at a place last: the one before that which was complete next,
// since not all of it may have arrived, or that of the event when it is older.
func (s *set) missed(since *place, now time.Time, settle time.Duration) time.Time {
	before := s.base.Begin(since.made(now).Add(-settle)).Add(-1)
	from := s.base.Begin(before)
	if begin := s.base.Begin(since.begin); begin.Before(from) {
		return begin
	}
	return from
}

// drain sends all there is and returns what is closed when there is more.
func (h *Hub) drain(l *listener) (more <-chan struct{}, err error) {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for {
		b, i, more, err := h.next(l)
		if err != nil {
			return nil, err
		}
		if b == nil {
			return more, l.flush()
		}
		data, n := b.pick(&l.selection, l.cursor[i], buf)
		if n > 0 {
			if err := l.put(data); err != nil {
				return nil, err
			}
			h.sent.Add(uint64(n))
			h.bytes.Add(uint64(len(data)))
		}
		l.cursor[i] = b.last
	}
}

// next returns the batch that a listener has to deal with next and whose
// dataset it is, in the order of their numbers; nil when there is none.
func (h *Hub) next(l *listener) (b *batch, at int, more <-chan struct{}, err error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for i, s := range l.sets {
		if s.dropped > l.cursor[i] {
			return nil, 0, nil, errSlow
		}
		if found := s.after(l.cursor[i]); found != nil && (b == nil || found.first < b.first) {
			b, at = found, i
		}
	}
	if b == nil {
		for i := range l.cursor {
			l.cursor[i] = h.newest
		}
	}
	return b, at, h.more, nil
}

func (l *listener) put(data []byte) error {
	if err := l.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	l.dirty = true
	_, err := l.w.Write(data)
	return err
}

func (l *listener) flush() error {
	if !l.dirty {
		return nil
	}
	l.dirty = false
	return l.conn.Flush()
}

func (l *listener) write(data []byte) error {
	if err := l.put(data); err != nil {
		return err
	}
	return l.flush()
}
