package sensorthings

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"modellregion/devices"
	"modellregion/opendata"
)

// Path is where the service stands below a host.
const Path = "/sta/v1.1"

// Observations is bucket open as the windows of one quantity are read from it.
// It neither returns nor counts windows that a privacy rule suppresses.
type Observations interface {
	// SelectWindows returns at most Limit windows by time, of one series or of
	// all. Windows of several series at one time come in any order.
	SelectWindows(ctx context.Context, q devices.WindowQuery) ([]devices.Aggregate, error)

	// CountWindows returns how many windows the series have that have any, of
	// one or of all, whatever Limit says.
	CountWindows(ctx context.Context, q devices.WindowQuery) ([]devices.WindowCount, error)
}

// Config is what a Service works with. All of it is required but BaseURL,
// Limits, MQTT and Client.
type Config struct {
	Datasets       []opendata.Dataset
	Municipalities map[string]string // names of the region's, by id
	Directory      opendata.Directory
	Latest         *opendata.Latest
	Observations   Observations
	Ids            *Ids
	Log            *slog.Logger

	// Assign is set in the process that aggregates: it numbers what it sees
	// first. Elsewhere an entity is shown when it has been numbered.
	Assign bool

	// BaseURL is the address of the service as the public knows it, such as
	// https://daten.example.de/sta/v1.1; empty: as each request names its host,
	// which behind a proxy may be another.
	BaseURL string

	// MQTT are the addresses at which changes can be subscribed to, none where
	// that is not offered: mqtts://daten.example.de:8883.
	MQTT []string

	// Client names whom a request comes from, for its share of what the server
	// can do; nil: the address of the connection, which behind a proxy is the
	// proxy's.
	Client func(*http.Request) string

	Limits Limits
}

// Service answers requests below Path. It may be used by several goroutines.
type Service struct {
	cfg  Config
	base string // Config.BaseURL without a slash at its end
	gate *gate

	catalog atomic.Pointer[catalog]
	counted atomic.Bool // all windows have been counted once
	filled  atomic.Bool // and the newest of all series are at hand
	counts  counters

	mu       sync.Mutex // held while the catalogue is brought up to date
	series   map[seriesKey]*series
	changed  bool      // which series are shown has changed since the catalogue
	followed time.Time // Latest.Updated of what was read from it
	numbered int       // version of the ids in the catalogue
	stations []devices.Station
	boundary time.Time // between settled and recent counts; all are recent before the first
}

// New checks the configuration. Until Run has begun the service is empty.
func New(cfg Config) (*Service, error) {
	if cfg.Directory == nil || cfg.Latest == nil || cfg.Observations == nil || cfg.Ids == nil || cfg.Log == nil {
		return nil, errors.New("sensorthings: want a directory, last values, observations, ids and a log")
	}
	if u, err := url.Parse(cfg.BaseURL); err != nil || cfg.BaseURL != "" && (u.Host == "" || u.RawQuery != "" || u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("sensorthings: base URL %.200q, want one like https://daten.example.de%s", cfg.BaseURL, Path)
	}
	if cfg.Client == nil {
		cfg.Client = func(r *http.Request) string {
			host, _, _ := net.SplitHostPort(r.RemoteAddr)
			return host
		}
	}
	cfg.Limits = cfg.Limits.complete()
	var public []opendata.Dataset
	for _, d := range cfg.Datasets {
		if d.Households == nil { // theirs are published as files alone
			public = append(public, d)
		}
	}
	cfg.Datasets = public
	s := &Service{cfg: cfg, base: strings.TrimSuffix(cfg.BaseURL, "/"), gate: newGate(cfg.Limits), series: map[seriesKey]*series{}}
	s.catalog.Store(&catalog{})
	s.boundary = msTime(epoch)
	return s, nil
}

const (
	followEvery = time.Second     // between two looks at the last values
	recentEvery = 5 * time.Minute // between two counts of the last windows
	allEvery    = 24 * time.Hour  // between two counts of all windows: late data
	recentSpan  = 48 * time.Hour  // what the last windows are
	// settleTime is how long what is put into Latest may carry the same time as
	// what was put before: that of the aggregator's pass.
	settleTime  = 2 * time.Minute
	loadTime    = 30 * time.Second    // after which what is being loaded may be there
	retryEvery  = 10 * time.Second    // after a failure
	countedSpan = 90 * 24 * time.Hour // of windows in one query that counts
)

// Run keeps the catalogue up to date until ctx ends, then returns nil.
func (s *Service) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.every(ctx, "entities", followEvery, s.follow) })
	var all time.Time
	group.Go(func() error {
		return s.every(ctx, "counts", recentEvery, func(ctx context.Context) error {
			if time.Since(all) < allEvery {
				return s.countRecent(ctx)
			}
			if err := s.countAll(ctx); err != nil {
				return err
			}
			all = time.Now()
			return nil
		})
	})
	return group.Wait()
}

// every does something again and again, and takes at most a tenth of the time
// for it. A failure is logged once until it works again.
func (s *Service) every(ctx context.Context, what string, pause time.Duration, do func(context.Context) error) error {
	for failing := false; ; {
		began := time.Now()
		err := do(ctx)
		wait := max(pause, 10*time.Since(began))
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			if !failing {
				s.cfg.Log.Error("SensorThings is not up to date", "what", what, "err", err)
			}
			failing, wait = true, max(wait, retryEvery)
		case failing:
			s.cfg.Log.Info("SensorThings is up to date again", "what", what)
			failing = false
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// Refresh brings the catalogue and all counts up to date at once, as Run does
// in its time.
func (s *Service) Refresh(ctx context.Context) error {
	return s.countAll(ctx)
}
