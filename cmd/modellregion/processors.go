//go:build !ingestonly

package main

import (
	"os"
	"runtime"
)

// shareProcessors returns how many processors the public may keep busy. Where
// this process is an ingest too (ADR 0030), that is half of them, and twice as
// many threads run as there are processors: Go's scheduler lets who has
// something to do for a moment wait for all who compute, and with threads beyond
// those that may compute the kernel decides, which does not.
func (p *platform) shareProcessors() int {
	if os.Getenv("GOMAXPROCS") == "" { // otherwise somebody knows better
		runtime.SetDefaultGOMAXPROCS()
	}
	n := runtime.GOMAXPROCS(0)
	if !p.cfg.runs(roleIngest) {
		return n
	}
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(2 * n)
	}
	return max(1, n/2)
}
