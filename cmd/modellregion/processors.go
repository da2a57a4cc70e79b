//go:build !ingestonly

package main

import (
	"os"
	"runtime"
)

// shareProcessors returns how many processors this process may use. Where it
// is an ingest too, it lets twice as many threads run: Go's scheduler lets who
// has something to do for a moment wait for all who compute, and with threads
// beyond those that may compute the kernel decides, which does not.
func (p *platform) shareProcessors() int {
	if os.Getenv("GOMAXPROCS") != "" {
		return runtime.GOMAXPROCS(0) // somebody knows better
	}
	runtime.SetDefaultGOMAXPROCS()
	n := runtime.GOMAXPROCS(0)
	if p.cfg.runs(roleIngest) {
		runtime.GOMAXPROCS(2 * n)
	}
	return n
}
