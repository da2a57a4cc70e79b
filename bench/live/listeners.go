package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

const roleListeners = "listeners"

// listenersConfig is what the listeners' process is told.
type listenersConfig struct {
	Server    string
	Listeners int
	Stations  int
	One       bool   // each wants one station
	Results   string // the file for its results when it ends
}

// listenersReady is what it answers when all listen.
type listenersReady struct{}

// results is what the listeners have got.
type results struct {
	Events  int
	Bytes   int64
	Delays  []int64 // µs, of a sample of the events
	Dropped int     // listeners whose stream ended before they were stopped
}

// ear is what one listener has got.
type ear struct {
	results
	every int // of so many events one is timed
}

// runListeners listens until it is stopped and leaves its results.
func runListeners(ctx context.Context, c listenersConfig, ready func(any) error) error {
	ears := make([]ear, c.Listeners)
	conns := make([]net.Conn, c.Listeners)
	var stopped atomic.Bool
	var listening sync.WaitGroup
	group, dialing := errgroup.WithContext(ctx)
	group.SetLimit(64)
	for i := range conns {
		group.Go(func() error {
			path := "/live"
			if c.One {
				path += "?station=" + station(i%c.Stations)
			}
			conn, body, err := dial(dialing, c.Server, path)
			if err != nil {
				return err
			}
			conns[i], ears[i].every = conn, 1
			if c.Stations > 1 && !c.One {
				ears[i].every = 10
			}
			listening.Go(func() { ears[i].listen(body, &stopped) })
			return nil
		})
	}
	err := group.Wait()
	if err == nil {
		err = ready(listenersReady{})
		<-ctx.Done()
	}
	stopped.Store(true)
	for _, conn := range conns {
		if conn != nil {
			err = errors.Join(err, conn.Close())
		}
	}
	listening.Wait()
	if err != nil {
		return err
	}
	return write(c.Results, ears)
}

// dial asks for the stream and reads the head of the answer.
func dial(ctx context.Context, server, path string) (net.Conn, *bufio.Reader, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", server)
	if err != nil {
		return nil, nil, fmt.Errorf("connect: %w", err)
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, server); err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	r := bufio.NewReaderSize(conn, 4<<10)
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != http.StatusOK {
		return nil, nil, errors.Join(fmt.Errorf("listen: %v, %w", res, err), conn.Close())
	}
	return conn, bufio.NewReaderSize(res.Body, 4<<10), nil
}

// listen reads events until the stream ends.
func (e *ear) listen(body *bufio.Reader, stopped *atomic.Bool) {
	for {
		line, err := body.ReadSlice('\n')
		if err != nil {
			if !stopped.Load() {
				e.Dropped++
			}
			return
		}
		e.Bytes += int64(len(line))
		text := string(line)
		_, rest, ok := strings.Cut(text, `"sum":`)
		if !ok || !strings.HasPrefix(text, "data:") {
			continue
		}
		sum, _, _ := strings.Cut(rest, ",")
		made, err := strconv.ParseInt(sum, 10, 64)
		if err != nil {
			e.Dropped++
			return
		}
		e.Events++
		if e.Events%e.every == 0 {
			e.Delays = append(e.Delays, time.Now().UnixMicro()-made)
		}
	}
}

func write(path string, ears []ear) error {
	var all results
	for i := range ears {
		e := &ears[i]
		all.Events += e.Events
		all.Bytes += e.Bytes
		all.Dropped += e.Dropped
		all.Delays = append(all.Delays, e.Delays...)
	}
	data, err := json.Marshal(all)
	if err != nil {
		return fmt.Errorf("encode results: %w", err)
	}
	return os.WriteFile(path, data, 0o600)
}
