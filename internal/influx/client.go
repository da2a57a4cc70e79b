package influx

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/api"
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
	influx    influxdb2.Client
	raw, open api.WriteAPIBlocking
	now       func() time.Time
}

const (
	requestTimeout = 30 * time.Second
	maxAnswer      = 256 << 20 // bytes of one answer to a query
)

// New returns a client. Nothing is sent until it is used.
func New(cfg Config) *Client {
	token := cfg.Token
	if token == "" && cfg.Username != "" {
		token = cfg.Username + ":" + cfg.Password // the form 1.8 takes
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 16
	opts := influxdb2.DefaultOptions().
		SetPrecision(time.Nanosecond).
		SetApplicationName("modellregion").
		SetHTTPClient(&http.Client{Transport: transport, Timeout: requestTimeout})
	c := influxdb2.NewClientWithOptions(cfg.URL, token, opts)
	return &Client{
		influx: c,
		raw:    c.WriteAPIBlocking(cfg.Org, Raw),
		open:   c.WriteAPIBlocking(cfg.Org, Open),
		now:    time.Now,
	}
}

// Close ends idle connections.
func (c *Client) Close() { c.influx.Close() }

// Ping returns nil when the server answers queries of this login.
func (c *Client) Ping(ctx context.Context) error {
	_, err := c.query(ctx, Open, "SHOW MEASUREMENTS LIMIT 1")
	return err
}

// series is one group of rows of an answer. Values holds float64, string or
// nil; the first column is the time in milliseconds since the Unix epoch.
type series struct {
	Name    string            `json:"name"`
	Tags    map[string]string `json:"tags"`
	Columns []string          `json:"columns"`
	Values  [][]any           `json:"values"`
}

// query sends one InfluxQL statement. Times come back in milliseconds, which
// is the precision of everything that is read.
func (c *Client) query(ctx context.Context, db, q string) ([]series, error) {
	service := c.influx.HTTPService()
	form := url.Values{"db": {db}, "q": {q}, "epoch": {"ms"}}
	// POST, for a statement may be longer than a URL.
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(service.ServerURL(), "/")+"/query", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("query InfluxDB: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := service.DoHTTPRequestWithResponse(req, nil)
	if err != nil {
		return nil, fmt.Errorf("query InfluxDB: %w", err)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if closeErr := resp.Body.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, fmt.Errorf("query InfluxDB: %w", err)
	}
	if len(body) > maxAnswer {
		return nil, fmt.Errorf("query InfluxDB: answer is larger than %d MB", maxAnswer>>20)
	}
	var answer struct {
		Error   string `json:"error"`
		Results []struct {
			Error  string   `json:"error"`
			Series []series `json:"series"`
		} `json:"results"`
	}
	if resp.StatusCode != http.StatusOK {
		_ = json.Unmarshal(body, &answer) // the status alone is reason enough
		return nil, fmt.Errorf("query InfluxDB: status %d %s", resp.StatusCode, answer.Error)
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("query InfluxDB: %w", err)
	}
	var out []series
	for _, r := range answer.Results {
		if r.Error != "" {
			return nil, fmt.Errorf("query InfluxDB: %s", r.Error)
		}
		out = append(out, r.Series...)
	}
	return out, nil
}

// ident quotes an identifier of InfluxQL, text a string.
func ident(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

func text(s string) string {
	return `'` + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`).Replace(s) + `'`
}

// during is the condition that a row lies in [start, end).
func during(start, end time.Time) string {
	return fmt.Sprintf("time >= %d AND time < %d", start.UnixNano(), end.UnixNano())
}

// row gives access to the columns of one row by name.
type row struct {
	columns map[string]int
	values  []any
}

func (s *series) rows(yield func(row) bool) {
	columns := make(map[string]int, len(s.Columns))
	for i, c := range s.Columns {
		columns[c] = i
	}
	for _, v := range s.Values {
		if !yield(row{columns, v}) {
			return
		}
	}
}

func (r row) float(column string) (float64, bool) {
	i, ok := r.columns[column]
	if !ok {
		return 0, false
	}
	f, ok := r.values[i].(float64)
	return f, ok
}

func (r row) time() time.Time {
	ms, _ := r.float("time")
	return time.UnixMilli(int64(ms)).UTC()
}
