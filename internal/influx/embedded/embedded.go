// Package embedded runs InfluxDB 1.8 inside the process, for one machine.
//
// It knows the settings that make the server safe to embed (loopback,
// authentication, nothing of the host process shown, no reports home), the
// two databases and who may use them. It leaves names to internal/influx and
// all reading and writing to clients, over HTTP as with any other server.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/influxdata/influxdb/cmd/influxd/run"
	"github.com/influxdata/influxdb/services/httpd"
	"github.com/influxdata/influxdb/services/meta"
	"github.com/influxdata/influxdb/toml"
	"github.com/influxdata/influxql"

	"modellregion/internal/influx"
)

// Options say where the server keeps its data and listens.
type Options struct {
	Dir       string        // created when missing
	Addr      string        // host:port; port 0 takes a free one; empty is 127.0.0.1:0
	Retention time.Duration // of bucket raw; 0 is 90 days
	Log       *slog.Logger  // warnings of the server; nil discards them
}

// Server is a running InfluxDB.
type Server struct {
	// Platform may read and write everything, Reader may read both buckets,
	// Public may read bucket open alone.
	Platform, Reader, Public Login

	srv  *run.Server
	addr string
	dir  string
	lock io.Closer // of dir

	closing context.Context // ends with Close
	close   context.CancelFunc
	backup  sync.Mutex // held by Backup
}

// Login is a user of the server.
type Login struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

const (
	defaultRetention = 90 * 24 * time.Hour
	rawShard         = 24 * time.Hour
	readyWithin      = 30 * time.Second
)

// Start opens the database in o.Dir, creating databases and users on the first
// start, and returns when it answers. The caller stops it with Close, after
// all who write to it. The error is ErrInUse while another process has it open.
func Start(ctx context.Context, o Options) (_ *Server, err error) {
	lock, err := lockDir(o.Dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.Close())
		}
	}()
	logins, err := loadLogins(o.Dir)
	if err != nil {
		return nil, err
	}
	c := config(o)
	if err := mendLogs(c.Data.WALDir, o.Log); err != nil {
		return nil, err
	}
	srv, err := run.NewServer(c, &run.BuildInfo{Version: "1.8.10"})
	if err != nil {
		return nil, fmt.Errorf("open InfluxDB in %s: %w", o.Dir, err)
	}
	srv.Logger = zapTo(o.Log)
	if err := srv.Open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open InfluxDB in %s: %w", o.Dir, err), srv.Close())
	}
	s := &Server{Platform: logins.Platform, Reader: logins.Reader, Public: logins.Public, srv: srv, dir: o.Dir, lock: lock}
	s.closing, s.close = context.WithCancel(context.Background())
	if s.addr, err = httpAddr(srv); err == nil {
		if err = s.setUp(o.Retention); err == nil {
			err = s.waitReady(ctx)
		}
	}
	if err != nil {
		return nil, errors.Join(err, srv.Close())
	}
	return s, nil
}

// URL returns the server's base URL, http://host:port.
func (s *Server) URL() string { return "http://" + s.addr }

// Close ends a backup, stops the server and flushes what it holds. Writers must
// have stopped.
func (s *Server) Close() error {
	s.close()
	s.backup.Lock() // for ever: none may begin
	if err := errors.Join(s.srv.Close(), s.lock.Close()); err != nil {
		return fmt.Errorf("close InfluxDB: %w", err)
	}
	return nil
}

// config turns off whatever an embedded server must not do; see the comment at
// each line for what the default would be.
func config(o Options) *run.Config {
	c := run.NewConfig()
	c.Meta.Dir = filepath.Join(o.Dir, "meta")
	c.Data.Dir = filepath.Join(o.Dir, "data")
	c.Data.WALDir = filepath.Join(o.Dir, "wal")
	c.Data.Index = "tsi1"           // inmem: all series in memory, at most 1 million
	c.Data.QueryLogEnabled = false  // every query to stderr
	c.Data.MaxSeriesPerDatabase = 0 // of the inmem index only
	c.Data.MaxValuesPerTag = 0      // 100,000: fewer than a region may have devices
	c.Data.CacheMaxMemorySize = 256 << 20
	c.Data.CacheSnapshotMemorySize = 16 << 20
	c.Meta.LoggingEnabled = false
	c.BindAddress = "127.0.0.1:0"  // backup port; fixed 8088 would collide
	c.ReportingDisabled = true     // usage reports to the vendor
	c.Monitor.StoreEnabled = false // database _internal, written every 10 s
	c.Subscriber.Enabled = false
	c.ContinuousQuery.Enabled = false
	c.GraphiteInputs, c.CollectdInputs, c.OpenTSDBInputs, c.UDPInputs = nil, nil, nil, nil
	c.Coordinator.QueryTimeout = toml.Duration(time.Minute)

	c.HTTPD.BindAddress = o.Addr // :8086 on every interface
	if o.Addr == "" {
		c.HTTPD.BindAddress = "127.0.0.1:0"
	}
	c.HTTPD.AuthEnabled = true      // off: anybody may do anything
	c.HTTPD.PingAuthEnabled = true  // answers with the version
	c.HTTPD.PprofEnabled = true     // with PprofAuthEnabled: /debug for the administrator alone,
	c.HTTPD.PprofAuthEnabled = true // where otherwise /debug/vars would show the host process to all
	c.HTTPD.LogEnabled = false
	c.HTTPD.FluxEnabled = false // costs 3 s at every start; InfluxQL is what is used
	c.HTTPD.SharedSecret = ""
	return c
}

func httpAddr(srv *run.Server) (string, error) {
	for _, service := range srv.Services {
		if h, ok := service.(*httpd.Service); ok {
			return h.Addr().String(), nil
		}
	}
	return "", errors.New("InfluxDB started without its HTTP service")
}

// setUp makes the databases and users be as they should, whatever was there.
func (s *Server) setUp(retention time.Duration) error {
	if retention == 0 {
		retention = defaultRetention
	}
	m := s.srv.MetaClient
	one, forever := 1, time.Duration(0)
	raw := &meta.RetentionPolicySpec{Name: "raw", ReplicaN: &one, Duration: &retention, ShardGroupDuration: rawShard}
	open := &meta.RetentionPolicySpec{Name: "open", ReplicaN: &one, Duration: &forever}
	for name, spec := range map[string]*meta.RetentionPolicySpec{influx.Raw: raw, influx.Open: open} {
		if m.Database(name) == nil {
			if _, err := m.CreateDatabaseWithRetentionPolicy(name, spec); err != nil {
				return fmt.Errorf("create database %s: %w", name, err)
			}
		}
	}
	if err := m.UpdateRetentionPolicy(influx.Raw, "raw", &meta.RetentionPolicyUpdate{Duration: &retention}, true); err != nil {
		return fmt.Errorf("set retention of database %s to %v: %w", influx.Raw, retention, err)
	}
	for _, u := range []struct {
		Login
		admin bool
		reads []string
	}{
		{s.Platform, true, nil},
		{s.Reader, false, []string{influx.Raw, influx.Open}},
		{s.Public, false, []string{influx.Open}},
	} {
		if _, err := m.Authenticate(u.Username, u.Password); err != nil {
			if _, err = m.CreateUser(u.Username, u.Password, u.admin); errors.Is(err, meta.ErrUserExists) {
				err = m.UpdateUser(u.Username, u.Password)
			}
			if err != nil {
				return fmt.Errorf("create InfluxDB user %s: %w", u.Username, err)
			}
		}
		for _, db := range u.reads {
			if err := m.SetPrivilege(u.Username, db, influxql.ReadPrivilege); err != nil {
				return fmt.Errorf("let InfluxDB user %s read %s: %w", u.Username, db, err)
			}
		}
	}
	return nil
}

// waitReady returns when the server answers a ping.
func (s *Server) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL()+"/ping", nil)
		if err != nil {
			return fmt.Errorf("wait for InfluxDB: %w", err)
		}
		req.SetBasicAuth(s.Platform.Username, s.Platform.Password)
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			status := resp.StatusCode
			if err := resp.Body.Close(); err != nil {
				return fmt.Errorf("wait for InfluxDB: %w", err)
			}
			if status == http.StatusNoContent || status == http.StatusOK {
				return nil
			}
		}
		var refused *net.OpError
		if err != nil && !errors.As(err, &refused) {
			return fmt.Errorf("wait for InfluxDB: %w", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for InfluxDB at %s: %w", s.URL(), ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}
