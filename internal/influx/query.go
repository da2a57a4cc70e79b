package influx

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	ihttp "github.com/influxdata/influxdb-client-go/v2/api/http"
)

const maxAnswer = 256 << 20 // bytes of one answer to a query

// series is one group of rows of an answer. Values holds float64, string,
// bool or nil; with nanoseconds, json.Number instead of float64.
type series struct {
	Name    string            `json:"name"`
	Tags    map[string]string `json:"tags"`
	Columns []string          `json:"columns"`
	Values  [][]any           `json:"values"`
}

// query sends one InfluxQL statement. Times come back in milliseconds, which
// is the precision of almost everything that is read.
func (c *Client) query(ctx context.Context, db, q string) ([]series, error) {
	return c.ask(ctx, db, q, "ms")
}

// queryNano is query with times in nanoseconds, which no float64 holds.
func (c *Client) queryNano(ctx context.Context, db, q string) ([]series, error) {
	return c.ask(ctx, db, q, "ns")
}

func (c *Client) ask(ctx context.Context, db, q, epoch string) ([]series, error) {
	service := c.influx.HTTPService()
	form := url.Values{"db": {db}, "q": {q}, "epoch": {epoch}}
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
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return nil, fmt.Errorf("query InfluxDB: %w", err)
	}
	if len(body) > maxAnswer {
		return nil, fmt.Errorf("query InfluxDB: answer is larger than %d MB", maxAnswer>>20)
	}
	found, err := decodeAnswer(resp, body, epoch == "ns")
	if err != nil {
		return nil, fmt.Errorf("query InfluxDB: %w", err)
	}
	return found, nil
}

func decodeAnswer(resp *http.Response, body []byte, numbers bool) ([]series, error) {
	var answer struct {
		Error   string `json:"error"`   // of 1.8 and 3
		Message string `json:"message"` // of 2.x
		Results []struct {
			Error  string   `json:"error"`
			Series []series `json:"series"`
		} `json:"results"`
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	if numbers {
		decoder.UseNumber()
	}
	err := decoder.Decode(&answer)
	if resp.StatusCode != http.StatusOK {
		return nil, &ihttp.Error{StatusCode: resp.StatusCode, Code: resp.Status, Message: answer.Error + answer.Message}
	}
	if err != nil {
		return nil, err
	}
	var out []series
	for _, r := range answer.Results {
		if r.Error != "" {
			return nil, errors.New(r.Error)
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

// idents quotes names and puts commas between them.
func idents(names ...string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = ident(name)
	}
	return strings.Join(quoted, ", ")
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

func (r row) value(column string) any {
	if i, ok := r.columns[column]; ok && i < len(r.values) {
		return r.values[i]
	}
	return nil
}

// float returns a number, and whether there is one.
func (r row) float(column string) (float64, bool) {
	switch v := r.value(column).(type) {
	case float64:
		return v, true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	}
	return 0, false
}

// text returns a text, or "".
func (r row) text(column string) string {
	s, _ := r.value(column).(string)
	return s
}

// time returns the time of a row of query.
func (r row) time() time.Time {
	ms, _ := r.float("time")
	return time.UnixMilli(int64(ms)).UTC()
}

// timeNano returns the time of a row of queryNano.
func (r row) timeNano() time.Time {
	n, _ := r.value("time").(json.Number)
	ns, _ := n.Int64()
	return time.Unix(0, ns).UTC()
}
