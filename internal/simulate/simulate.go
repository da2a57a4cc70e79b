package simulate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	_ "time/tzdata" // people in the model region live by Europe/Berlin, wherever the program runs

	"github.com/brocaar/lorawan"

	"modellregion/devices"
	"modellregion/uplink"
)

// Config says which fleet to run and where.
type Config struct {
	Seed    uint64
	Sensors int           // 1 to 100,000
	Speed   float64       // simulated seconds per second, above 0
	For     time.Duration // wall time to run; 0: until cancelled
	Homes   bool          // also the meters of some households, see homes
	Dir     string        // folder for the ledger; it is created
	Log     *slog.Logger  // nil: none
}

// resend is how many uplinks are sent once more after a restart: more than the
// edge can have acknowledged without having kept them.
const resend = 4096

// Fleet is a virtual fleet. Devices, Progress and Sent may be called while it
// runs.
type Fleet struct {
	cfg      Config
	log      *slog.Logger
	start    time.Time     // of the simulated time
	end      time.Duration // of the simulated time, since start; 0: there is none
	world    *world
	sensors  []*sensor
	gateways []*gateway
	flow     *flow
	ledger   *ledger

	last    *event         // the last uplink in the ledger, nil when there is none
	tail    []uplinkRecord // the last uplinks in the ledger, for resend
	batches []batch        // by gateway: frames that are about to be forwarded

	mu     sync.Mutex // guards the sensors' nodes and byAddr
	byAddr map[lorawan.DevAddr][]*sensor

	frames, uplinks, readings, joined atomic.Uint64
	now                               atomic.Int64 // simulated time since start, ns
}

// Open builds the fleet of cfg.Seed and opens its ledger in cfg.Dir, or
// continues the one that is there. It is an error when that belongs to another
// fleet. Run or Close must follow; either closes the ledger.
func Open(cfg Config) (*Fleet, error) {
	span := float64(cfg.For) * cfg.Speed
	switch {
	case cfg.Sensors < 1 || cfg.Sensors > 100_000:
		return nil, fmt.Errorf("simulate: %d sensors, want 1 to 100000", cfg.Sensors)
	case !(cfg.Speed > 0) || cfg.For < 0 || span > float64(100*365*24*time.Hour):
		return nil, fmt.Errorf("simulate: speed %g for %s, want a speed above 0 and at most 100 years in all", cfg.Speed, cfg.For)
	}
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		return nil, fmt.Errorf("simulate: %w", err)
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("simulate: %w", err)
	}
	f := &Fleet{
		cfg:    cfg,
		log:    cfg.Log,
		end:    time.Duration(span).Truncate(time.Millisecond),
		world:  &world{seed: noise(cfg.Seed), zone: zone},
		byAddr: make(map[lorawan.DevAddr][]*sensor),
	}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	f.flow = newFlow(f.log)
	back := f.end
	if cfg.For == 0 {
		back = 24 * time.Hour
		if cfg.Speed == 1 {
			back = 3 * time.Hour
		}
	}
	id, err := identify(cfg.Dir, identity{
		Version: 1, Seed: cfg.Seed, Sensors: cfg.Sensors, Speed: cfg.Speed, For: cfg.For.String(), Homes: cfg.Homes,
		Start: time.Now().UTC().Truncate(time.Millisecond).Add(-back),
	})
	if err != nil {
		return nil, err
	}
	f.start = id.Start
	f.sensors, f.gateways = build(cfg.Seed, cfg.Sensors)
	if cfg.Homes {
		f.sensors = append(f.sensors, homes(cfg.Seed, cfg.Sensors, f.gateways)...)
	}
	f.batches = make([]batch, len(f.gateways))
	if f.ledger, err = openLedger(filepath.Join(cfg.Dir, ledgerFile), f.remember); err != nil {
		return nil, err
	}
	f.tail = f.tail[max(0, len(f.tail)-resend):]
	for _, s := range f.sensors {
		if s.node.joined {
			f.joined.Add(1)
			f.byAddr[s.node.session.addr] = append(f.byAddr[s.node.session.addr], s)
		}
	}
	return f, nil
}

// remember takes a record of an earlier life.
func (f *Fleet) remember(body []byte) error {
	if len(body) < 7 {
		return fmt.Errorf("record has %d bytes", len(body))
	}
	i := binary.BigEndian.Uint32(body[1:])
	if i >= uint32(len(f.sensors)) {
		return fmt.Errorf("record of sensor %d, there are %d", i, len(f.sensors))
	}
	s := f.sensors[i]
	switch body[0] {
	case recordJoin:
		s.node.nonce = binary.BigEndian.Uint16(body[5:])
	case recordSession:
		in, err := parseSession(body[5:])
		if err != nil {
			return err
		}
		s.node.session, s.node.joined = in, true
	case recordUplink:
		r, err := parseUplink(body[1:])
		if err != nil {
			return err
		}
		if len(r.payload) != formats[s.kind].size() {
			return fmt.Errorf("uplink of sensor %d has %d bytes, want %d", i, len(r.payload), formats[s.kind].size())
		}
		r.payload, r.fOpts = slices.Clone(r.payload), slices.Clone(r.fOpts)
		if f.tail = append(f.tail, r); len(f.tail) >= 2*resend {
			f.tail = append(f.tail[:0], f.tail[len(f.tail)-resend:]...)
		}
		f.count(s, &r)
	default:
		return fmt.Errorf("record of kind %q is unknown", body[0])
	}
	return nil
}

// count adds an uplink to the progress, together with the repetition that will
// follow, so that a fleet that was stopped counts the same as one that was not.
func (f *Fleet) count(s *sensor, r *uplinkRecord) {
	f.last = &r.event
	f.uplinks.Add(1)
	f.readings.Add(uint64(len(formats[s.kind].fields) + len(statusReadings(r.fOpts))))
	copies := uint64(1)
	if s.fate(r.fCnt).two {
		copies = 2
	}
	if _, again := (&schedule{sensors: f.sensors, end: f.end}).repetition(r.event); again {
		copies *= 2
	}
	f.frames.Add(copies)
	f.now.Store(max(f.now.Load(), int64(r.at)))
}

// Close closes the ledger of a fleet that does not run.
func (f *Fleet) Close() error { return f.close() }

// Devices returns what a registry must know of the fleet. Edge is left empty.
func (f *Fleet) Devices() []devices.Device {
	out := make([]devices.Device, len(f.sensors))
	for i, s := range f.sensors {
		out[i] = s.device
	}
	return out
}

// Progress is how far a fleet has come, in all its lives.
type Progress struct {
	FramesSent   uint64 // receptions of data frames, second gateways and repetitions included
	UplinksSent  uint64 // different uplinks that a gateway heard
	ReadingsSent uint64 // readings in them
	Joined       int    // devices with a session
	SimTime      time.Time
}

// Progress returns how far the fleet has come.
func (f *Fleet) Progress() Progress {
	return Progress{
		FramesSent:   f.frames.Load(),
		UplinksSent:  f.uplinks.Load(),
		ReadingsSent: f.readings.Load(),
		Joined:       int(min(f.joined.Load(), math.MaxInt32)),
		SimTime:      f.start.Add(time.Duration(f.now.Load())),
	}
}

// Sent is an uplink that was handed to at least one gateway.
type Sent struct {
	DevEUI       uplink.EUI
	Station      string
	Municipality string
	Domain       uplink.Domain
	FCnt         uint32
	Time         time.Time // UTC, whole milliseconds: the GPS time of the first reception
	Readings     []uplink.Reading
}

var errEnough = errors.New("enough")

// Sent calls yield with every uplink in the ledger, in the order in which they
// were sent, until it returns false.
func (f *Fleet) Sent(yield func(Sent) bool) error {
	return f.sent(func(uplink.EUI) bool { return true }, yield)
}

// sent is Sent for the devices that only chooses.
func (f *Fleet) sent(only func(uplink.EUI) bool, yield func(Sent) bool) error {
	file, err := os.Open(filepath.Join(f.cfg.Dir, ledgerFile))
	if err != nil {
		return fmt.Errorf("simulate: %w", err)
	}
	defer file.Close()
	_, err = readRecords(file, func(body []byte) error {
		if body[0] != recordUplink {
			return nil
		}
		r, err := parseUplink(body[1:])
		if err != nil {
			return err
		}
		s := f.sensors[r.sensor]
		if !only(s.device.EUI) {
			return nil
		}
		if !yield(Sent{
			DevEUI:       s.device.EUI,
			Station:      s.device.Station,
			Municipality: s.device.Municipality,
			Domain:       s.device.Domain,
			FCnt:         r.fCnt,
			Time:         f.start.Add(r.at),
			Readings:     append(formats[s.kind].readings(r.payload), statusReadings(r.fOpts)...),
		}) {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return fmt.Errorf("simulate: ledger in %s: %w", f.cfg.Dir, err)
	}
	return nil
}
