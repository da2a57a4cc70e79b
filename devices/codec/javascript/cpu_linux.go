package javascript

import (
	"time"

	"golang.org/x/sys/unix"
)

// thread is the one that a call is locked to.
type thread struct{ clock int32 }

func currentThread() thread {
	// What pthread_getcpuclockid(3) does: per thread (4), scheduler time (2).
	return thread{clock: int32(^unix.Gettid()<<3 | 4 | 2)}
}

// used returns the processor time of the thread.
func (t thread) used() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(t.clock, &ts); err != nil {
		return time.Duration(1<<63 - 1) // the thread is gone
	}
	return time.Duration(ts.Nano())
}
