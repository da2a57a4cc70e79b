package main

import (
	"context"
	"io"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"modellregion/internal/broker"
)

// internalHandler serves what is for operators alone: health, metrics and
// profiles.
func (p *platform) internalHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		if err := p.ready(ctx); err != nil {
			answer(w, http.StatusServiceUnavailable, err.Error()+"\n")
			return
		}
		answer(w, http.StatusOK, "ready\n")
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		p.metrics.WritePrometheus(w)
		metrics.WriteProcessMetrics(w)
	})
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	return mux
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // the client has gone; nobody is left to tell
}

// brokerMetrics shows the counters of the embedded broker.
func brokerMetrics(set *metrics.Set, b *broker.Broker) {
	const prefix = "modellregion_broker_"
	set.RegisterMetricsWriter(func(w io.Writer) {
		s := b.Stats()
		metrics.WriteGaugeUint64(w, prefix+"connected", uint64(s.Connected)) // clients
		metrics.WriteGaugeUint64(w, prefix+"retained", uint64(s.Retained))   // messages
		// Connections closed before a login was tried: garbage, silence, too many.
		metrics.WriteCounterUint64(w, prefix+"rejected_total", uint64(s.Rejected))
		metrics.WriteCounterUint64(w, prefix+"bad_logins_total", uint64(s.BadLogins))
		// On topics that their client may not use.
		metrics.WriteCounterUint64(w, prefix+"denied_publishes_total", uint64(s.DeniedPublishes))
		metrics.WriteCounterUint64(w, prefix+"denied_subscribes_total", uint64(s.DeniedSubscribes))
		metrics.WriteCounterUint64(w, prefix+"received_total", uint64(s.Received)) // messages from clients
		metrics.WriteCounterUint64(w, prefix+"sent_total", uint64(s.Sent))         // messages to clients
		metrics.WriteCounterUint64(w, prefix+"dropped_total", uint64(s.Dropped))   // messages to clients that did not keep up
	})
}
