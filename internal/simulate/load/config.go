package load

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"modellregion/uplink"
)

// Format is the form of the messages.
type Format string

// The formats. In Modellregion an uplink is confirmed by the platform's word
// stored; in ChirpStack, whose events have no such answer, by the broker's
// acknowledgement alone.
const (
	Modellregion Format = "modellregion" // batches on modellregion/v1/{edge}/environment/up
	ChirpStack   Format = "chirpstack"   // ChirpStack v4, JSON, on application/{id}/device/{dev_eui}/event/up
)

// What Config means where it is silent.
const (
	DefaultWindow = 4096
	DefaultResend = 30 * time.Second
)

// Limits of a Config.
const (
	maxEdges   = 10_000
	maxDevices = 10_000_000
	maxSize    = 16 << 10
	maxRate    = 1_000_000 // uplinks a second
	maxOfOne   = 500       // uplinks a second of one device, for times have whole milliseconds
)

// Config says what is sent, where and how fast.
type Config struct {
	URL   string                                    // of the broker, as package mqtt takes it
	TLS   *tls.Config                               // nil trusts the roots of the host
	Login func(edge string) (user, password string) // nil: none

	Names   []string // of the edges; empty: load-1 to load-Edges
	Edges   int      // how many of them, when they have no Names; 0: 1
	Devices int      // over all edges, which serve them in turn; 0: 1

	Format     Format        // empty: Modellregion
	Rate       float64       // uplinks a second over all edges; 0: as fast as the windows allow
	PerMessage int           // uplinks in a message at most, fewer when they are large; 0: 256, or 1 of ChirpStack
	Size       int           // aim of the bytes of an uplink in JSON: its payload is padded; 0: as it comes
	Uplinks    int           // in total, with those of earlier runs in the Ledger; 0: no end
	For        time.Duration // how long new uplinks are sent, from when all edges are connected; 0: no end

	Window int           // unconfirmed uplinks of an edge at most; 0: DefaultWindow
	Resend time.Duration // after which an unconfirmed uplink is sent again, doubling to 20 times that; 0: DefaultResend
	Wait   time.Duration // for all connections, and after the last uplink for its confirmation; 0: until the context ends
	Grace  time.Duration // for confirmations when the context has ended

	Seed   uint64
	Ledger string // file; empty: in memory alone
	Forget bool   // keep nothing of confirmed uplinks, for runs without end; Compare is not possible

	// Prepare makes all messages in New, so that the time of Run is spent on
	// sending alone. It needs Uplinks, and the memory for them.
	Prepare bool

	// Start is the time of the first uplinks; those of a device follow one
	// Interval apart. It is for a backlog, which has a number of Uplinks and no
	// Rate or is to Prepare: zero lets its last ones be in the recent past. All
	// other uplinks are of the moment at which they are due.
	Start time.Time
	// Time overrides the time of a device's uplink number n, both from 0, for
	// clocks that are wrong; it may return zero to leave it. Two uplinks of a
	// device at the same time are one to the database.
	Time func(device, n int) time.Time

	Log *slog.Logger
}

// Interval is the time between two uplinks of a device in a backlog. It is
// shorter where the backlog would go back for more than 30 days.
const Interval = time.Minute

const maxBacklog = 30 * 24 * time.Hour

// withDefaults returns the Config with everything filled in.
func (c Config) withDefaults() Config {
	if len(c.Names) == 0 {
		if c.Edges == 0 {
			c.Edges = 1
		}
		for i := range min(max(c.Edges, 0), maxEdges+1) {
			c.Names = append(c.Names, fmt.Sprintf("load-%d", i+1))
		}
	}
	if c.Devices == 0 {
		c.Devices = 1
	}
	if c.Format == "" {
		c.Format = Modellregion
	}
	if c.PerMessage == 0 {
		c.PerMessage = uplink.MaxUplinks
		if c.Format == ChirpStack {
			c.PerMessage = 1
		}
	}
	if c.Window == 0 {
		c.Window = DefaultWindow
	}
	if c.Resend == 0 {
		c.Resend = DefaultResend
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// check returns everything that is wrong with a Config that has its defaults.
func (c *Config) check() error {
	var errs []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	edges := len(c.Names)
	if edges == 0 || edges > maxEdges {
		edges = c.Edges
	}
	need(edges >= 1 && edges <= maxEdges, "%d edges, want 1 to %d", edges, maxEdges)
	seen := map[string]bool{}
	for _, name := range c.Names {
		if err := uplink.CheckEdgeName(name); err != nil {
			errs = append(errs, err)
		}
		need(!seen[name], "edge %q is there twice", name)
		seen[name] = true
	}
	need(c.Devices >= len(c.Names) && c.Devices <= maxDevices, "%d devices, want one for each of the %d edges and at most %d", c.Devices, len(c.Names), maxDevices)
	need(c.Format == Modellregion || c.Format == ChirpStack, "format %q, want %s or %s", c.Format, Modellregion, ChirpStack)
	need(c.Rate >= 0 && c.Rate <= maxRate && !math.IsNaN(c.Rate), "rate %v, want 0 to %d uplinks a second", c.Rate, maxRate)
	need(c.Rate <= maxOfOne*float64(c.Devices), "rate %v for %d devices, want at most %d uplinks a second for each", c.Rate, c.Devices, maxOfOne)
	need(c.PerMessage >= 1 && c.PerMessage <= uplink.MaxUplinks, "%d uplinks in a message, want 1 to %d", c.PerMessage, uplink.MaxUplinks)
	need(c.Format != ChirpStack || c.PerMessage == 1, "%d uplinks in a message, want 1: ChirpStack puts each in a message of its own", c.PerMessage)
	need(c.Size >= 0 && c.Size <= maxSize, "size %d, want 0 to %d bytes", c.Size, maxSize)
	need(c.Uplinks >= 0, "%d uplinks, want 0 or more", c.Uplinks)
	need(c.Window >= c.PerMessage, "window %d, want room for the %d uplinks of a message", c.Window, c.PerMessage)
	for name, d := range map[string]time.Duration{"for": c.For, "resend": c.Resend, "wait": c.Wait, "grace": c.Grace} {
		need(d >= 0, "%s %v, want 0 or more", name, d)
	}
	need(!c.Prepare || c.Uplinks > 0, "to prepare needs a number of uplinks")
	return errors.Join(errs...)
}
