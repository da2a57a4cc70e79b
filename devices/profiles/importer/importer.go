// Package importer reads the device profiles in a user's checkout of the
// ChirpStack repository lorawan-device-profiles or of The Things Network
// repository lorawan-devices, and runs every example that it finds there.
//
// It knows the layouts of both repositories and their habits. It runs scripts
// in the sandbox of devices/codec/javascript and nowhere else, reads nothing
// but the fs.FS that it is given, and writes nothing: where profiles are kept
// is the caller's. Nothing of those repositories is part of this product.
package importer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"modellregion/devices"
	"modellregion/uplink"
)

// Layout is the kind of a checkout.
type Layout string

// The two repositories.
const (
	ChirpStack Layout = "ChirpStack lorawan-device-profiles"
	TheThings  Layout = "The Things Network lorawan-devices"
)

// Options says what is read and what the profiles get that the repositories
// do not know.
type Options struct {
	Vendor, Device string // folder or name; empty: all. Upper and lower case are the same.
	Domain         uplink.Domain
	Interval       time.Duration
	Progress       func(done, total int) // is told of every codec that was run; may be nil
}

// Report is what was found in a checkout, in the order of vendors and devices.
type Report struct {
	Layout  Layout
	Devices []Device
	Codecs  []*Codec // each once, whatever the number of its devices
	Skipped []Skipped
	Faults  []Fault
	More    int // faults beyond the first thousand
}

// Device is one model, with one firmware where that makes a difference.
type Device struct {
	Vendor, Model string // as people write them
	File          string // that describes it
	Profile       devices.Profile
	Codec         *Codec
}

// Codec is a script, or several that belong together, and what its examples
// came to.
type Codec struct {
	Name     string // file of the uplink decoder
	Passed   int
	Failures []Failure
	// Quantities are what the default mapping made of the examples, Unmapped
	// the fields it made nothing of.
	Quantities, Unmapped []string

	examples []example
	scripts  map[string]string // source by file
	broken   bool              // the uplink decoder does not compile
}

// Examples is the number of examples, passed and failed.
func (c *Codec) Examples() int { return c.Passed + len(c.Failures) }

// Failure is an example that a codec missed.
type Failure struct {
	File    string // and where in it the example stands: "x-codec.yaml:12"
	Example string
	Call    string // decodeUplink, encodeDownlink or decodeDownlink
	Diffs   []Difference
}

// Difference is a place in the output. With an empty Path, Got and Want are
// about the whole of it.
type Difference struct{ Path, Got, Want string }

// String is one line.
func (d Difference) String() string {
	if d.Path == "" {
		return fmt.Sprintf("got %s, want %s", d.Got, d.Want)
	}
	return fmt.Sprintf("%s: got %s, want %s", d.Path, d.Got, d.Want)
}

// Skipped is a device that is good and yet gives no profile.
type Skipped struct{ File, Reason string }

// Fault is an entry that is broken. Line is 0 where it is not known.
type Fault struct {
	File string
	Line int
	Err  error
}

// Error implements error: "vendors/x/vendor.toml:3: …".
func (f Fault) Error() string { return place(f.File, f.Line) + ": " + f.Err.Error() }

// Unwrap implements the interface of package errors.
func (f Fault) Unwrap() error { return f.Err }

func place(file string, line int) string {
	if line == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d", file, line)
}

// Failed counts the examples that failed and the entries that are broken.
func (r *Report) Failed() (examples, faults int) {
	for _, c := range r.Codecs {
		examples += len(c.Failures)
	}
	return examples, len(r.Faults) + r.More
}

// Import reads a checkout, of which kind it finds out. A broken entry is a
// Fault in the report and stops no other; the error says that there is nothing
// to read at all, or that ctx has ended.
func Import(ctx context.Context, checkout fs.FS, o Options) (*Report, error) {
	if !o.Domain.Valid() {
		return nil, fmt.Errorf("domain is %q, want traffic, energy, road or environment", o.Domain)
	}
	if o.Interval <= 0 {
		return nil, fmt.Errorf("interval is %v, want the time between two uplinks like 15m", o.Interval)
	}
	layout, err := recognise(checkout)
	if err != nil {
		return nil, err
	}
	r := newReader(checkout, layout, o)
	if layout == ChirpStack {
		r.chirpStack(ctx)
	} else {
		r.theThings(ctx)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("read checkout: %w", err)
	}
	if o.Vendor+o.Device != "" && !r.matched {
		return nil, fmt.Errorf("no device matches %s; want the name of a folder or a file of the checkout, or a name as it stands in one",
			strings.TrimSpace(option("--vendor", o.Vendor)+" "+option("--device", o.Device)))
	}
	if err := r.run(ctx); err != nil {
		return nil, err
	}
	return &r.report, nil
}

func option(name, value string) string {
	if value == "" {
		return ""
	}
	return name + " " + value
}

// recognise tells the layouts apart by the folder that holds the vendors.
func recognise(checkout fs.FS) (Layout, error) {
	chirpStack, err1 := fs.Glob(checkout, "vendors/*/vendor.toml")
	theThings, err2 := fs.Glob(checkout, "vendor/*/index.yaml")
	if err := errors.Join(err1, err2); err != nil {
		return "", fmt.Errorf("look into the checkout: %w", err)
	}
	index, err := fs.Stat(checkout, "vendor/index.yaml")
	isTheThings := len(theThings) > 0 || err == nil && index.Mode().IsRegular()
	switch {
	case len(chirpStack) > 0 && isTheThings:
		return "", errors.New("the folder has vendors/*/vendor.toml, like ChirpStack's repository, and vendor/index.yaml, like that of The Things Network: want a checkout of one of them")
	case len(chirpStack) > 0:
		return ChirpStack, nil
	case isTheThings:
		return TheThings, nil
	}
	return "", errors.New("the folder is neither a checkout of ChirpStack's lorawan-device-profiles, which has vendors/*/vendor.toml, nor one of The Things Network's lorawan-devices, which has vendor/index.yaml")
}
