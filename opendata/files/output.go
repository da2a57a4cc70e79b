package files

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// encodings are the content codings that a file may have a sibling for, with
// the ending of its name, the one that is preferred first (RFC 9110 §8.4.1,
// RFC 8878 §7.2).
var encodings = []struct{ name, ending string }{{"zstd", ".zst"}, {"gzip", ".gz"}}

// output is a file that is being written beside the one it will replace,
// together with its compressed siblings.
//
// The three of them are put in place one after the other, each at once. A
// sibling has the modification time of its file to the nanosecond: this is how
// the server knows, and how any other can, that it is of the same revision.
type output struct {
	f    *Files
	name string // below the root
	buf  *bufio.Writer
	sum  hash.Hash
	size int64

	parts  []part
	packs  []packer
	effort effort
}

type part struct {
	ending string
	file   *os.File
}

func temporary(name string) string {
	dir, base := path.Split(name)
	return dir + "." + base + ".tmp"
}

// create begins a file, with siblings when packed.
func (f *Files) create(name string, packed bool, e effort) (*output, error) {
	o := &output{f: f, name: name, sum: sha256.New(), effort: e}
	writers := []io.Writer{o.sum}
	add := func(ending string) (*os.File, error) {
		if err := f.may("create", name+ending); err != nil {
			return nil, err
		}
		file, err := f.root.OpenFile(temporary(name+ending), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
		if err == nil {
			o.parts = append(o.parts, part{ending, file})
		}
		return file, err
	}
	err := func() error {
		plain, err := add("")
		if err != nil {
			return err
		}
		writers = append(writers, plain)
		if !packed {
			return nil
		}
		for _, coding := range encodings {
			file, err := add(coding.ending)
			if err != nil {
				return err
			}
			pack, err := f.packs.get(coding.ending, e, file)
			if err != nil {
				return err
			}
			writers = append(writers, pack)
			o.packs = append(o.packs, pack)
		}
		return nil
	}()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write public file %s: %w", name, err), o.abort())
	}
	o.buf = bufio.NewWriterSize(io.MultiWriter(writers...), 64<<10)
	return o, nil
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.buf.Write(p)
	o.size += int64(n)
	return n, err
}

// hash ends the content and returns its SHA-256 in hexadecimal digits.
func (o *output) hash() (string, error) {
	if err := o.buf.Flush(); err != nil {
		return "", fmt.Errorf("write public file %s: %w", o.name, err)
	}
	return hex.EncodeToString(o.sum.Sum(nil)), nil
}

// end ends the content and gives the files their time.
func (o *output) end(at time.Time) error {
	err := o.buf.Flush()
	for _, p := range o.packs {
		err = errors.Join(err, p.Close())
	}
	o.release()
	for _, p := range o.parts {
		if err == nil {
			err = o.f.may("sync", o.name+p.ending)
		}
		if err == nil {
			err = o.f.root.Chtimes(temporary(o.name+p.ending), at, at)
		}
	}
	if err != nil {
		return fmt.Errorf("write public file %s: %w", o.name, err)
	}
	return nil
}

// syncAll makes files that have ended durable under their temporary names. A disk
// does many at once in little more time than one.
func syncAll(outputs ...*output) error {
	var group errgroup.Group
	group.SetLimit(32)
	for _, o := range outputs {
		for i := range o.parts {
			p := &o.parts[i]
			group.Go(func() error {
				err := errors.Join(p.file.Sync(), p.file.Close())
				p.file = nil
				if err != nil {
					return fmt.Errorf("write public file %s: %w", o.name, err)
				}
				return nil
			})
		}
	}
	return group.Wait()
}

// place puts the file and its siblings where readers find them. The folder is
// not synced.
func (o *output) place() error {
	for _, p := range o.parts {
		if err := o.f.may("rename", o.name+p.ending); err != nil {
			return err
		}
		if err := o.f.root.Rename(temporary(o.name+p.ending), o.name+p.ending); err != nil {
			return fmt.Errorf("put public file %s in place: %w", o.name, err)
		}
	}
	o.f.cache.forget(o.name)
	o.f.tally.add(o.size)
	return nil
}

// abort takes away what was written under temporary names.
func (o *output) abort() error {
	var err error
	o.release()
	for _, p := range o.parts {
		if p.file != nil {
			err = errors.Join(err, p.file.Close())
		}
		if gone := o.f.remove(temporary(o.name + p.ending)); gone != nil {
			err = errors.Join(err, gone)
		}
	}
	o.parts = nil
	return err
}

// release gives the encoders back, whether they have ended or not.
func (o *output) release() {
	for _, p := range o.packs {
		o.f.packs.put(o.effort, p)
	}
	o.packs = nil
}

// remove takes a file away that may not be there.
func (f *Files) remove(name string) error {
	if err := f.may("remove", name); err != nil {
		return err
	}
	if err := f.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove public file: %w", err)
	}
	f.cache.forget(name)
	return nil
}

// removeAll takes a file and its siblings away. The siblings go first: none
// stays alone.
func (f *Files) removeAll(name string) error {
	for _, e := range encodings {
		if err := f.remove(name + e.ending); err != nil {
			return err
		}
	}
	return f.remove(name)
}

// replace makes content the content of a small file without siblings. Whoever
// reads meanwhile gets the old one or the new one, also after a crash. A file
// that has the content already is left alone with its time.
func (f *Files) replace(name string, content []byte) error {
	old, err := f.root.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("compare public file: %w", err)
	}
	if err == nil && bytes.Equal(old, content) {
		return nil
	}
	o, err := f.create(name, false, quick)
	if err != nil {
		return err
	}
	if _, err = o.Write(content); err == nil {
		err = o.end(time.Now())
	}
	if err == nil {
		err = syncAll(o)
	}
	if err == nil {
		err = o.place()
	}
	if err != nil {
		return errors.Join(err, o.abort())
	}
	return f.syncDir(path.Dir(name))
}

// syncDir makes a rename in the folder survive a crash.
func (f *Files) syncDir(dir string) error {
	folder, err := f.root.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder of public files: %w", err)
	}
	if err := errors.Join(folder.Sync(), folder.Close()); err != nil {
		return fmt.Errorf("sync folder of public files %s: %w", dir, err)
	}
	return nil
}

// sweep takes away what a crash left under temporary names.
func (f *Files) sweep(dir string) error {
	return fs.WalkDir(f.root.FS(), dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if base := path.Base(name); strings.HasPrefix(base, ".") && strings.HasSuffix(base, ".tmp") {
			return f.remove(name)
		}
		return nil
	})
}

// may is asked before each change of the folder; tests let it fail, which is
// how a crash looks to the steps before.
func (f *Files) may(step, name string) error {
	if f.fault == nil {
		return nil
	}
	return f.fault(step, name)
}
