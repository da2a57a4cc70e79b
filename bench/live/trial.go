package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"modellregion/bench/measure"
	"modellregion/opendata/live"
)

// kind is what is measured in a column.
type kind struct {
	name           string
	steps, windows int
	every          time.Duration
	one            bool // each listener wants one station
}

// wanted is how many events a listener is to get.
func (k *kind) wanted() int {
	if k.one {
		return k.steps
	}
	return k.steps * k.windows
}

// figures is what one trial has given.
type figures struct {
	kind
	results
	listeners   int
	cpu         time.Duration // of the server, from the first step until all has come
	idle, busy  int64         // bytes the server had in memory without listeners, and with them in the end
	listening   int64         // likewise, with them before the first step
	slow        uint64
	wantedTotal int
}

func (f *figures) note(add func(row string, value float64)) {
	delays := make([]float64, len(f.Delays))
	for i, d := range f.Delays {
		delays[i] = float64(d) / 1e3
	}
	add("listeners", float64(f.listeners))
	add("events to listeners", float64(f.Events))
	add("missing", float64(f.wantedTotal-f.Events))
	add("listeners let go", float64(f.slow))
	if f.windows > 1 {
		add("events/s in a step", float64(f.Events)/float64(f.steps)/(measure.Quantile(delays, 0.999)/1e3))
	}
	add("server: CPU per event and listener, µs", measure.Micros(f.cpu)/float64(max(f.Events, 1)))
	add("server: CPU per step, ms", measure.Millis(f.cpu)/float64(f.steps))
	add("server: memory per listener, kB", float64(f.listening-f.idle)/1e3/float64(f.listeners))
	add("server: in memory in the end, MB", measure.MB(f.busy))
	add("latency, p50, ms", measure.Quantile(delays, 0.5))
	add("latency, p99, ms", measure.Quantile(delays, 0.99))
	add("latency, max, ms", measure.Quantile(delays, 1))
}

// trial measures one kind once.
func trial(ctx context.Context, s settings, k kind) (f figures, err error) {
	dir, err := os.MkdirTemp("", "bench-live-")
	if err != nil {
		return f, fmt.Errorf("make folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	f = figures{kind: k, listeners: s.listeners, wantedTotal: s.listeners * k.wanted()}
	var at serverReady
	server, err := measure.Start(ctx, roleServer, false, serverConfig{Stations: s.stations}, &at)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	before, err := server.Usage()
	if err != nil {
		return f, err
	}
	f.idle = before.Resident
	c := listenersConfig{Server: at.Addr, Listeners: s.listeners, Stations: s.stations, One: k.one, Results: filepath.Join(dir, "results.json")}
	listeners, err := measure.Start(ctx, roleListeners, false, c, &listenersReady{})
	if err != nil {
		return f, err
	}
	err = f.measure(ctx, at.Addr, server)
	if err = errors.Join(err, listeners.Stop()); err != nil {
		return f, err
	}
	data, err := os.ReadFile(c.Results)
	if err != nil {
		return f, fmt.Errorf("read results: %w", err)
	}
	return f, json.Unmarshal(data, &f.results)
}

// measure makes the steps and waits until the server has sent everything.
func (f *figures) measure(ctx context.Context, addr string, server *measure.Child) error {
	usage, err := server.Usage()
	if err != nil {
		return err
	}
	f.listening = usage.Resident
	for range f.steps {
		if err := get(ctx, fmt.Sprintf("http://%s/step?windows=%d", addr, f.windows), nil); err != nil {
			return err
		}
		if err := pause(ctx, f.every); err != nil {
			return err
		}
	}
	var st live.Stats
	for {
		if err := get(ctx, "http://"+addr+"/stats", &st); err != nil {
			return err
		}
		if f.slow = st.Slow; st.Sent >= uint64(f.wantedTotal) || st.Slow > 0 {
			break
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	after, err := server.Usage()
	f.cpu, f.busy = after.CPU-usage.CPU, after.Resident
	return errors.Join(err, pause(ctx, 2*f.every)) // the listeners have the rest in their sockets
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func get(ctx context.Context, url string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, res.Status)
	}
	if into == nil {
		_, err = io.Copy(io.Discard, res.Body)
		return err
	}
	return json.NewDecoder(res.Body).Decode(into)
}
