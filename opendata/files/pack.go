package files

import (
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// packers are encoders that wait to be used again: one takes up to some
// megabytes, and a publication needs dozens. sync.Pool lets go of them while
// nothing is written.
type packers struct{ zstd, gzip [2]sync.Pool }

// packer is an encoder of one coding.
type packer interface {
	io.WriteCloser
	Reset(io.Writer)
}

// effort is how hard encoders try.
type effort int

const (
	thorough effort = iota // for files that stay
	quick                  // for those that are replaced in minutes: a third of the time, a fifth more bytes
)

// get returns an encoder for an ending that writes to w.
func (p *packers) get(ending string, e effort, w io.Writer) (packer, error) {
	if ending == ".zst" {
		if old, ok := p.zstd[e].Get().(*zstd.Encoder); ok {
			old.Reset(w)
			return old, nil
		}
		level := zstd.SpeedDefault
		if e == quick {
			level = zstd.SpeedFastest
		}
		// One goroutine and a small window: several of these are open at once.
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true), zstd.WithEncoderLevel(level))
	}
	if old, ok := p.gzip[e].Get().(*gzip.Writer); ok {
		old.Reset(w)
		return old, nil
	}
	level := gzip.DefaultCompression
	if e == quick {
		level = gzip.BestSpeed
	}
	return gzip.NewWriterLevel(w, level)
}

// put takes an encoder back, at whatever point it is.
func (p *packers) put(e effort, one packer) {
	one.Reset(nil)
	switch one.(type) {
	case *zstd.Encoder:
		p.zstd[e].Put(one)
	case *gzip.Writer:
		p.gzip[e].Put(one)
	}
}
