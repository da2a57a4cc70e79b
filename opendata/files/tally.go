package files

import "sync/atomic"

// tally counts what was put in place.
type tally struct{ files, bytes atomic.Uint64 }

func (t *tally) add(size int64) {
	t.files.Add(1)
	t.bytes.Add(uint64(size))
}

// Written returns how many files were put in place since Open, compressed
// siblings not counted, and how many bytes these have, before compression.
func (f *Files) Written() (files, bytes uint64) { return f.tally.files.Load(), f.tally.bytes.Load() }
