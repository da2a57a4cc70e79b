//go:build !linux

package javascript

import "time"

// thread is the one that a call is locked to. Without Linux its processor time
// is not known, and all time counts.
type thread struct{ start time.Time }

func currentThread() thread { return thread{start: time.Now()} }

func (t thread) used() time.Duration { return time.Since(t.start) }
