package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"modellregion/edge"
)

const (
	// startedHeader tells one run of the gateway from the next.
	startedHeader = "Edge-Started"

	framesWithin  = 30 * time.Second // a reader of frames takes what it was sent
	devicesWithin = 5 * time.Minute  // 100,000 devices are some 30 MB
	lookWithin    = 10 * time.Second // the process loop has a moment
)

// handler answers what is asked of a running gateway on its internal port.
func handler(e *edge.Edge, set *metrics.Set) http.Handler {
	started := time.Now().UTC().Format(time.RFC3339Nano)
	mux := http.NewServeMux()
	state := func(path, good string, ask func() error) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			if err := ask(); err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
			fmt.Fprintln(w, good)
		})
	}
	state("/healthz", "ok", e.Health)
	state("/readyz", "ready", e.Ready)
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		set.WritePrometheus(w)
		metrics.WriteProcessMetrics(w)
	})
	mux.HandleFunc("GET /frames", func(w http.ResponseWriter, r *http.Request) { sendFrames(w, r, e, started) })
	mux.HandleFunc("GET /devices", func(w http.ResponseWriter, r *http.Request) { sendDevices(w, r, e) })
	return mux
}

// sendFrames answers with an edge.Verdict a line: the last n, and with follow=1
// those that come until the reader has enough.
func sendFrames(w http.ResponseWriter, r *http.Request, e *edge.Edge, started string) {
	n, follow, err := framesQuery(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/jsonl")
	w.Header().Set(startedHeader, started)
	conn, lines := http.NewResponseController(w), json.NewEncoder(w)
	err = e.Verdicts(r.Context(), n, follow, func(batch []edge.Verdict) error {
		if err := conn.SetWriteDeadline(time.Now().Add(framesWithin)); err != nil {
			return err
		}
		for i := range batch {
			if err := lines.Encode(&batch[i]); err != nil {
				return err
			}
		}
		return conn.Flush()
	})
	if errors.Is(err, edge.ErrReaders) {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	} // any other is that the reader has gone
}

func framesQuery(q url.Values) (n int, follow bool, err error) {
	if s := q.Get("n"); s != "" {
		if n, err = strconv.Atoi(s); err != nil || n < 0 || n > edge.MaxVerdicts {
			return 0, false, fmt.Errorf("n=%.20q, want 0 to %d", s, edge.MaxVerdicts)
		}
	}
	switch s := q.Get("follow"); s {
	case "", "0":
	case "1":
		follow = true
	default:
		return 0, false, fmt.Errorf("follow=%.20q, want 0 or 1", s)
	}
	return n, follow, nil
}

// sendDevices answers with an edge.DeviceState a line.
func sendDevices(w http.ResponseWriter, r *http.Request, e *edge.Edge) {
	ctx, cancel := context.WithTimeout(r.Context(), lookWithin)
	defer cancel()
	all, err := e.Devices(ctx)
	if err == nil {
		err = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(devicesWithin))
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/jsonl")
	lines := json.NewEncoder(w)
	for i := range all {
		if lines.Encode(&all[i]) != nil {
			return // the reader has gone
		}
	}
}

// serve answers HTTP until ctx ends.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() }) // Serve tells the error
	defer stop()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the internal port: %w", err)
	}
	return nil
}
