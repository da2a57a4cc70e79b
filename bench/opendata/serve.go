package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"modellregion/bench/measure"
	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/opendata/files"
	"modellregion/uplink"
)

// serveCmd compares how fast files are served by the platform and by nginx:
// the same bytes, the same client, in turns, on one machine.
type serveCmd struct {
	Rounds   int           `default:"5" help:"Times that each server is measured with each kind of request."`
	Time     time.Duration `default:"2s" help:"Length of one measurement."`
	Clients  int           `default:"16" help:"Connections, each with one request at a time."`
	Stations int           `default:"10" help:"Stations in the files."`
	Nginx    string        `default:"/usr/sbin/nginx" help:"Path of nginx."`

	// As the server that is measured, a process of its own.
	Dir    string `hidden:""`
	Listen string `hidden:""`
}

// Run measures and prints.
func (c *serveCmd) Run(ctx context.Context, out io.Writer) (err error) {
	if c.Listen != "" {
		return c.serve(ctx)
	}
	dir, err := os.MkdirTemp("", "serve")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o755); err != nil { // nginx may run as somebody else
		return err
	}
	base, err := c.publish(ctx, dir)
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	ours, theirs, stop, err := c.start(ctx, dir, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	return c.compare(ctx, out, ours, theirs, base)
}

// start starts both servers and returns their addresses.
func (c *serveCmd) start(ctx context.Context, dir string, log *os.File) (ours, theirs string, stop func() error, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", "", nil, err
	}
	var running []*measure.Program
	stop = func() error {
		var errs []error
		for _, p := range running {
			errs = append(errs, p.Stop())
		}
		return errors.Join(errs...)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, stop())
		}
	}()
	addresses := make([]string, 2)
	for i := range addresses {
		if addresses[i], err = freeAddress(); err != nil {
			return "", "", nil, err
		}
	}
	conf := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(conf, nginxConf(dir, addresses[1]), 0o644); err != nil {
		return "", "", nil, err
	}
	for i, args := range [][]string{
		{self, "serve", "--dir=" + dir, "--listen=" + addresses[0]},
		{c.Nginx, "-c", conf, "-e", filepath.Join(dir, "error.log")},
	} {
		p, err := measure.StartProgram(ctx, log, args[0], args[1:]...)
		if err != nil {
			return "", "", nil, err
		}
		running = append(running, p)
		if err := answers(ctx, addresses[i], p); err != nil {
			return "", "", nil, err
		}
	}
	return addresses[0], addresses[1], stop, nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// answers waits until somebody listens.
func answers(ctx context.Context, address string, p *measure.Program) error {
	for end := time.Now().Add(10 * time.Second); ; {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		if ended := p.Ended(); ended != nil {
			return ended
		}
		if time.Now().After(end) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// nginxConf gives nginx what its manual advises for static files.
func nginxConf(dir, listen string) []byte {
	user := ""
	if os.Getuid() == 0 {
		user = "user root;\n" // else its workers could not see a temporary folder everywhere
	}
	return fmt.Appendf(nil, `%sdaemon off;
worker_processes 2;
pid %s/nginx.pid;
events { worker_connections 1024; }
http {
	types { text/csv csv; application/gzip gz; }
	access_log off;
	sendfile on;
	tcp_nopush on;
	keepalive_requests 1000000000;
	open_file_cache max=1000 inactive=60s;
	open_file_cache_valid 1s;
	gzip_static off;
	client_body_temp_path %[2]s/t1; proxy_temp_path %[2]s/t2; fastcgi_temp_path %[2]s/t3; uwsgi_temp_path %[2]s/t4; scgi_temp_path %[2]s/t5;
	server { listen %[3]s; root %[2]s; }
}
`, user, dir, listen)
}

// made is a database that makes up its windows.
type made struct{ stations []devices.Station }

func (m *made) Stations() []devices.Station                      { return m.stations }
func (m *made) Interval(string, *devices.Quantity) time.Duration { return time.Minute }
func (m *made) Fact(string, string) (float64, bool)              { return 0, false }

func (m *made) Windows(_ context.Context, _ string, window time.Duration, span devices.Span, _ string, _ ...*devices.Quantity) ([]devices.Aggregate, error) {
	q, _ := devices.Lookup("speed_mean")
	var rows []devices.Aggregate
	for start := span.Start; start.Before(span.End); start = start.Add(window) {
		for i, s := range m.stations {
			mean := 40 + float64(start.Unix()/60%97+int64(i))/7
			rows = append(rows, devices.Aggregate{Station: s.ID, Quantity: q, Start: start, Window: window, Count: int(window / time.Minute), Mean: mean, Min: mean / 2, Max: mean * 1.5, Coverage: 1})
		}
	}
	return rows, nil
}

func (c *serveCmd) config(dir string) files.Config {
	m := &made{}
	for i := range c.Stations {
		m.stations = append(m.stations, devices.Station{
			ID: fmt.Sprintf("station-%d", i), Name: fmt.Sprintf("Bahnhofstraße %d", i), Municipality: "stadt", Domain: uplink.Traffic,
			Place: devices.Place{Lat: 51.7 + float64(i)/1000, Lon: 8.7},
		})
	}
	return files.Config{Dir: dir, Reader: m, Directory: m, Latest: opendata.NewLatest(), Datasets: []opendata.Dataset{{
		ID: "verkehr", Domain: uplink.Traffic, Quantities: []string{"speed_mean"}, Windows: []opendata.Window{opendata.Minute, opendata.Quarter, opendata.Hour},
		Licence: opendata.DataLicenceZero(),
	}}}
}

// publish writes the files of a day and returns its name.
func (c *serveCmd) publish(ctx context.Context, dir string) (day string, err error) {
	cfg := c.config(dir)
	f, err := files.Open(cfg)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	d := opendata.DayOf(time.Now().AddDate(0, 0, -2))
	return d.String(), f.Publish(ctx, &cfg.Datasets[0], []opendata.Day{d})
}

// serve is the platform's side: what stands behind its listener, in a process
// of its own.
func (c *serveCmd) serve(ctx context.Context) (err error) {
	f, err := files.Open(c.config(c.Dir))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	mux := http.NewServeMux()
	mux.Handle("/data/", f)
	server := &http.Server{Addr: c.Listen, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		<-ctx.Done()
		return server.Close()
	})
	group.Go(func() error {
		if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return group.Wait()
}

// asked is a kind of request, to both servers.
type asked struct {
	name         string
	ours, theirs string // what follows the method
	conditional  bool
}

func (c *serveCmd) compare(ctx context.Context, out io.Writer, ours, theirs, day string) error {
	file := func(window, ending string) string { return "/data/verkehr/" + window + "/" + day + ending }
	kinds := []asked{
		{"1 h, plain", file("1h", ".csv"), file("1h", ".csv"), false},
		{"15 min, plain", file("15m", ".csv"), file("15m", ".csv"), false},
		{"15 min, gzip", file("15m", ".csv"), file("15m", ".csv.gz"), false},
		{"15 min, 304", file("15m", ".csv"), file("15m", ".csv"), true},
		{"1 min, plain, from disk", file("1m", ".csv"), file("1m", ".csv"), false},
	}
	var table measure.Table
	for _, k := range kinds {
		head := ""
		if strings.Contains(k.name, "gzip") {
			head = "Accept-Encoding: gzip\r\n"
		}
		for round := range c.Rounds + 1 {
			a, size, err := c.load(ctx, ours, k.ours, head, k.conditional)
			if err != nil {
				return fmt.Errorf("ours, %s: %w", k.name, err)
			}
			b, other, err := c.load(ctx, theirs, k.theirs, "", k.conditional)
			if err != nil {
				return fmt.Errorf("nginx, %s: %w", k.name, err)
			}
			if size != other {
				return fmt.Errorf("%s: bodies of %d and %d bytes", k.name, size, other)
			}
			if round == 0 {
				continue // warms up
			}
			row := fmt.Sprintf("%s (%d bytes)", k.name, size)
			table.Add("ours, requests/s", row, a)
			table.Add("nginx, requests/s", row, b)
			table.Add("ours ÷ nginx", row, a/b)
		}
	}
	return table.Print(out)
}

// load asks for one path over and over on several connections, and returns
// requests per second and the size of a body.
func (c *serveCmd) load(ctx context.Context, address, path, head string, conditional bool) (perSecond float64, size int64, err error) {
	request := "GET " + path + " HTTP/1.1\r\nHost: " + address + "\r\n" + head
	status := "200"
	if conditional {
		get, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
		if err != nil {
			return 0, 0, err
		}
		get.Header.Set("Accept-Encoding", "identity") // each coding has a tag of its own
		r, err := http.DefaultClient.Do(get)
		if err != nil {
			return 0, 0, err
		}
		request += "If-None-Match: " + r.Header.Get("ETag") + "\r\n"
		status = "304"
		if err := r.Body.Close(); err != nil {
			return 0, 0, err
		}
	}
	request += "\r\n"
	var count, bytes atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for range c.Clients {
		group.Go(func() error {
			n, size, err := ask(ctx, address, []byte(request), status, began.Add(c.Time))
			count.Add(n)
			bytes.Store(size)
			return err
		})
	}
	err = group.Wait()
	return float64(count.Load()) / time.Since(began).Seconds(), bytes.Load(), err
}

// ask sends a request again and again on one connection. It is no more than
// what it must be, so that the servers are what is measured.
func ask(ctx context.Context, address string, request []byte, status string, end time.Time) (n, size int64, err error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(end.Add(10 * time.Second)); err != nil {
		return 0, 0, err
	}
	r := bufio.NewReaderSize(conn, 256<<10)
	for time.Now().Before(end) {
		if _, err := conn.Write(request); err != nil {
			return n, size, err
		}
		if size, err = answer(r, status); err != nil {
			return n, size, err
		}
		n++
	}
	return n, size, nil
}

// answer reads a response whose length is given and drops the body.
func answer(r *bufio.Reader, status string) (size int64, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 "+status)) {
		return 0, fmt.Errorf("answer %q, want status %s", line, status)
	}
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if name := []byte("Content-Length: "); len(line) > len(name) && bytes.EqualFold(line[:len(name)], name) {
			if size, err = strconv.ParseInt(string(line[len(name):]), 10, 64); err != nil {
				return 0, err
			}
		}
	}
	if status == "304" {
		return 0, nil
	}
	_, err = r.Discard(int(size))
	return size, err
}
