package influx

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/valyala/fastjson"
)

const (
	stall    = time.Minute // without a byte ends a streamed answer: the server is gone
	maxChunk = 64 << 20    // bytes of one part of a streamed answer
)

// stream sends one InfluxQL statement and calls each with every part of a
// series of the answer, as it comes: columns, tags and rows of one group. An
// answer may be of any size and take any time, as long as it comes on. What
// each is given is valid until it returns.
//
// The parts are lines of JSON (chunked=true), as of 1.8, 2.x and 3. Asking for
// CSV instead is no quicker: most of the time is the server's, for its cursors.
func (c *Client) stream(ctx context.Context, db, q string, each func(*fastjson.Value) error) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	service := c.influx.HTTPService()
	form := url.Values{"db": {db}, "q": {q}, "epoch": {"ms"}, "chunked": {"true"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(service.ServerURL(), "/")+"/query", strings.NewReader(form.Encode()))
	if err != nil {
		return fmt.Errorf("query InfluxDB: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", service.Authorization())
	client := *c.influx.Options().HTTPClient()
	client.Timeout = 0 // it would end a long answer; stall watches instead
	watch := time.AfterFunc(stall, func() { cancel(errStalled) })
	defer watch.Stop()
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("query InfluxDB: %w", errors.Join(err, context.Cause(ctx)))
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<16)) // says what it can
		_, err := decodeAnswer(resp, body, false)
		return fmt.Errorf("query InfluxDB: %w", err)
	}
	if err := parts(&watched{resp.Body, watch}, each); err != nil {
		return fmt.Errorf("query InfluxDB: %w", errors.Join(err, context.Cause(ctx)))
	}
	return nil
}

var errStalled = fmt.Errorf("no byte of the answer for %s", stall)

// watched lets the clock run only while the server is waited for, not while
// its answer is worked on.
type watched struct {
	r     io.Reader
	watch *time.Timer
}

func (w *watched) Read(p []byte) (int, error) {
	w.watch.Reset(stall)
	n, err := w.r.Read(p)
	w.watch.Stop()
	return n, err
}

// parts reads the lines of a streamed answer.
func parts(r io.Reader, each func(*fastjson.Value) error) error {
	lines := bufio.NewReaderSize(r, 1<<16)
	var parser fastjson.Parser
	var long []byte
	for {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			if long = append(long, line...); len(long) > maxChunk {
				return fmt.Errorf("a part of the answer is larger than %d MB", maxChunk>>20)
			}
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if len(long) > 0 {
			long = append(long, line...)
			line = long
		}
		if len(bytes.TrimSpace(line)) > 0 {
			if err := part(&parser, line, each); err != nil {
				return err
			}
		}
		long = long[:0]
		if err != nil {
			return nil
		}
	}
}

func part(parser *fastjson.Parser, line []byte, each func(*fastjson.Value) error) error {
	v, err := parser.ParseBytes(line)
	if err != nil {
		return fmt.Errorf("decode answer: %w", err)
	}
	if text := v.GetStringBytes("error"); text != nil {
		return errors.New(string(text))
	}
	for _, result := range v.GetArray("results") {
		if text := result.GetStringBytes("error"); text != nil {
			return errors.New(string(text))
		}
		for _, s := range result.GetArray("series") {
			if err := each(s); err != nil {
				return err
			}
		}
	}
	return nil
}
