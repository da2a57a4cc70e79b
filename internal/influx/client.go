package influx

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	ihttp "github.com/influxdata/influxdb-client-go/v2/api/http"
)

// Config says how to reach a server. Token is for InfluxDB 2.x and 3;
// Username and Password are for 1.8.
type Config struct {
	URL                string
	Org                string // 2.x
	Token              string
	Username, Password string
}

// Client reads and writes both buckets as far as its login allows. It may be
// used by several goroutines at once.
type Client struct {
	influx influxdb2.Client
	cfg    Config
	now    func() time.Time
	gzip   *sync.Pool // of *gzip.Writer; nil: writes are not compressed
	lines  sync.Pool  // of *lines: those of Write, which are large

	pairs sync.RWMutex // held for reading by Write, which makes two requests
}

const (
	requestTimeout = 30 * time.Second
	lineBatch      = 10_000 // lines of one request, but for Write, whose caller decides
)

// New returns a client. Nothing is sent until it is used. What it writes is
// compressed unless the server is on this machine.
func New(cfg Config) *Client {
	token := cfg.Token
	if token == "" && cfg.Username != "" {
		token = cfg.Username + ":" + cfg.Password // the form 1.8 takes
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 16
	opts := influxdb2.DefaultOptions().
		SetApplicationName("modellregion").
		SetHTTPClient(&http.Client{Transport: transport, Timeout: requestTimeout})
	c := &Client{influx: influxdb2.NewClientWithOptions(cfg.URL, token, opts), cfg: cfg, now: time.Now}
	if !onThisMachine(cfg.URL) {
		c.gzip = newGzip()
	}
	return c
}

// newGzip returns compressors, of the level that takes 0.4 µs for an uplink
// and leaves a tenth of it.
func newGzip() *sync.Pool {
	return &sync.Pool{New: func() any {
		w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // fails for other levels alone
		return w
	}}
}

func onThisMachine(server string) bool {
	u, err := url.Parse(server)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// Close ends idle connections.
func (c *Client) Close() { c.influx.Close() }

// Hold waits until no Write of this client is between readings and the marks of
// them, and lets none begin until it is released: a snapshot of the database in
// between would have the ones without the others.
func (c *Client) Hold() (release func()) {
	c.pairs.Lock()
	return c.pairs.Unlock
}

// Ping returns nil when the server answers queries of this login.
func (c *Client) Ping(ctx context.Context) error {
	// SHOW MEASUREMENTS finds nothing, without an error, in a database that is
	// missing or, on 2.x, that the login may not read.
	_, err := c.query(ctx, Open, "SELECT * FROM nothing LIMIT 1")
	return err
}

// send writes points to a bucket in one request. Every error is, or wraps, a
// *devices.WriteError. After nil the lines may be used again; after an error the
// connection may not have finished with them.
func (c *Client) send(ctx context.Context, bucket string, l *lines) error {
	if l.err != nil {
		return fmt.Errorf("encode points for bucket %s: %w", bucket, l.err)
	}
	if len(l.buf) == 0 {
		return nil
	}
	content, encoding := l.buf, ""
	if c.gzip != nil {
		content, encoding = c.compress(content), "gzip"
	}
	service := c.influx.HTTPService()
	to := service.ServerAPIURL() + "write?" + url.Values{"bucket": {bucket}, "org": {c.cfg.Org}, "precision": {"ns"}}.Encode()
	var open sync.WaitGroup // bodies that the transport reads
	failed := service.DoPostRequest(ctx, to, nil, func(req *http.Request) {
		req.Header.Set("Content-Type", "text/plain; charset=utf-8")
		if encoding != "" {
			req.Header.Set("Content-Encoding", encoding)
		}
		req.ContentLength = int64(len(content))
		req.GetBody = func() (io.ReadCloser, error) { return newBody(content, &open), nil } // for a connection that was closed meanwhile
		req.Body = newBody(content, &open)
	}, written)
	if failed == nil {
		open.Wait()
		return nil
	}
	var err error = failed
	if failed.StatusCode == 0 { // no answer, or none that means "stored"
		err = failed.Err
	}
	return fmt.Errorf("write to bucket %s: %w", bucket, writeError(err))
}

// body is what a request sends; the transport closes it when it has finished
// with it (http.RoundTripper).
type body struct {
	bytes.Reader
	open   *sync.WaitGroup
	closed sync.Once
}

func newBody(content []byte, open *sync.WaitGroup) *body {
	b := &body{open: open}
	b.Reset(content)
	open.Add(1)
	return b
}

// Close implements io.Closer.
func (b *body) Close() error {
	b.closed.Do(b.open.Done)
	return nil
}

// written accepts the one answer to a write that means that all of it is
// stored.
func written(resp *http.Response) error {
	if resp.StatusCode == http.StatusNoContent {
		return resp.Body.Close()
	}
	answer := make([]byte, 300)
	n, _ := resp.Body.Read(answer) // says what it can
	return errors.Join(&ihttp.Error{StatusCode: resp.StatusCode, Code: resp.Status, Message: string(answer[:n])}, resp.Body.Close())
}

// compress returns a new buffer.
func (c *Client) compress(b []byte) []byte {
	w := c.gzip.Get().(*gzip.Writer)
	defer c.gzip.Put(w)
	out := bytes.NewBuffer(make([]byte, 0, len(b)/4))
	w.Reset(out)
	_, err := w.Write(b)
	if err = errors.Join(err, w.Close()); err != nil {
		panic(err) // a buffer takes everything
	}
	return out.Bytes()
}
