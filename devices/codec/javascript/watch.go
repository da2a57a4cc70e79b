package javascript

import (
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/libquickjs"
)

const (
	// MaxTime is how long a call may run. On Linux it is processor time, so
	// that a busy machine does not make a good codec fail.
	MaxTime = 100 * time.Millisecond
	// MaxLoadTime is how long parsing a codec and evaluating its top level
	// may take each.
	MaxLoadTime = 10 * MaxTime
	// wallFactor times its limit a call ends in any case.
	wallFactor = 10
	// grace is what the engine gets to notice that it shall stop. It asks at
	// loops and calls of a codec and in regular expressions, but its own
	// functions (sort, indexOf) do not. After it the arena is locked: the
	// next access to memory is a fault, which unwinds the engine as a panic.
	grace = 30 * time.Millisecond
)

// watch ends what runs too long in one arena.
type watch struct {
	arena *arena
	timer *time.Timer // runs tick

	mu      sync.Mutex
	running bool
	locked  bool // the arena is
	limit   time.Duration
	thread  thread
	begun   time.Duration // of the thread's time
	start   time.Time
	asked   time.Time // when it was asked to stop
}

func newWatch(a *arena) *watch {
	w := &watch{arena: a}
	w.timer = time.AfterFunc(MaxLoadTime, w.tick)
	w.timer.Stop()
	return w
}

// begin starts the time; the goroutine must be locked to its thread.
func (w *watch) begin(limit time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running, w.locked, w.asked = true, false, time.Time{}
	w.limit, w.thread, w.start = limit, currentThread(), time.Now()
	w.begun = w.thread.used()
	w.timer.Reset(limit)
}

// end stops the time and says whether the arena was locked; it no longer is.
// The arena is not touched by the watch afterwards.
func (w *watch) end() (locked bool, err error) {
	w.timer.Stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running = false
	if w.locked {
		err = w.arena.unlock()
	}
	return w.locked, err
}

func (w *watch) tick() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.running || w.locked {
		return
	}
	now := time.Now()
	used := w.thread.used() - w.begun
	if used < w.limit && now.Sub(w.start) < wallFactor*w.limit {
		w.timer.Reset(max(w.limit-used, time.Millisecond))
		return
	}
	h := w.arena.header()
	if w.asked.IsZero() {
		w.asked = now
		h.stop.Store(1)
	}
	if now.Sub(w.asked) >= grace && w.arena.lock() == nil {
		w.locked = true
		return
	}
	// Now, not after 10 000 more loops. The engine counts down without a lock
	// and may undo it; then the next tick does it again.
	atomic.StoreInt32(&(*lib.TJSContext)(at(h.context)).Finterrupt_counter, 0)
	w.timer.Reset(time.Millisecond)
}

// interrupt is asked by the engine, now and then, whether to stop. What it then
// throws no codec can catch; only promises do, so it is asked again at the
// next loop or call.
func interrupt(_ *libc.TLS, _, opaque uintptr) int32 {
	h := (*header)(at(opaque))
	if h.stop.Load() == 0 {
		return 0
	}
	atomic.StoreInt32(&(*lib.TJSContext)(at(h.context)).Finterrupt_counter, 0)
	return 1
}

// pointer returns what the engine takes for a C pointer to f, which must be a
// declared function.
func pointer(f any) uintptr {
	return (*[2]uintptr)(unsafe.Pointer(&f))[1]
}
