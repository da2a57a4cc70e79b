package importer

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// What a checkout may hold. Both repositories together have fewer than 3,000
// devices, and no file of them that is read comes near its limit.
const (
	maxFile     = 1 << 20
	maxTOML     = 64 << 10 // its parser takes the square of the size for some files
	maxFiles    = 50_000
	maxDevices  = 20_000
	maxExamples = 2_000 // of a codec
	maxFaults   = 1_000
)

// reader collects a Report from a checkout.
type reader struct {
	report  Report
	fs      fs.FS
	opts    Options
	files   int                      // that were read
	matched bool                     // something is what Options ask for
	codecs  map[string]*Codec        // by the files that they are made of; nil: broken
	ids     map[string]string        // file of the device that has a profile's id
	loaded  map[string]*thingsLoaded // documents of The Things Network that several devices share
}

func newReader(checkout fs.FS, layout Layout, o Options) *reader {
	return &reader{
		report: Report{Layout: layout}, fs: checkout, opts: o,
		codecs: map[string]*Codec{}, ids: map[string]string{}, loaded: map[string]*thingsLoaded{},
	}
}

// lineError is an error whose line in its file is known.
type lineError struct {
	line int
	err  error
}

func (e *lineError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }
func (e *lineError) Unwrap() error { return e.err }

func atLine(line int, err error) error {
	if line == 0 || err == nil {
		return err
	}
	return &lineError{line, err}
}

// fault notes that something in a file is broken.
func (r *reader) fault(file string, err error) {
	if len(r.report.Faults) == maxFaults {
		r.report.More++
		return
	}
	f := Fault{File: file, Err: err}
	if at, ok := err.(*lineError); ok { // only the outermost is about this file
		f.Line, f.Err = at.line, at.err
	}
	r.report.Faults = append(r.report.Faults, f)
}

func (r *reader) skip(file, reason string) {
	r.report.Skipped = append(r.report.Skipped, Skipped{file, reason})
}

// inside joins a folder and a name that stands in a file of the checkout.
func inside(dir, name string) (string, error) {
	if !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "\\\x00") {
		return "", fmt.Errorf("file name %.100q leads elsewhere, want one in %s", name, dir)
	}
	return path.Join(dir, name), nil
}

// read returns the content of a file, which must be a plain one.
func (r *reader) read(name string, limit int64) (_ []byte, err error) {
	if r.files++; r.files > maxFiles {
		return nil, fmt.Errorf("the checkout has more than %d files", maxFiles)
	}
	info, err := fs.Stat(r.fs, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("there is no such file")
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("is no plain file")
	}
	f, err := r.fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("is larger than %d KiB", limit>>10)
	}
	return data, err
}

// folders returns the names of the folders in one, sorted.
func (r *reader) folders(dir string) []string {
	entries, err := fs.ReadDir(r.fs, dir)
	if err != nil {
		r.fault(dir, err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// wanted reports whether a vendor or device is asked for by one of its names.
func wanted(asked string, names ...string) bool {
	return asked == "" || slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, asked) })
}

// add adds a device and gives its profile an id of its own.
func (r *reader) add(d Device) {
	if len(r.report.Devices) >= maxDevices {
		r.fault(d.File, fmt.Errorf("the checkout has more than %d devices", maxDevices))
		return
	}
	id := d.Profile.ID
	for n := 2; r.ids[d.Profile.ID] != ""; n++ {
		d.Profile.ID = fmt.Sprintf("%s-%d", id, n)
	}
	r.ids[d.Profile.ID] = d.File
	r.report.Devices = append(r.report.Devices, d)
}
