package main

import (
	"context"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

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
	mux.Handle("GET /metrics", promhttp.HandlerFor(p.metrics, promhttp.HandlerOpts{}))
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
func brokerMetrics(reg prometheus.Registerer, b *broker.Broker) {
	opts := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "modellregion", Subsystem: "broker", Name: name, Help: help}
	}
	counter := func(name, help string, value func(broker.Stats) float64) {
		reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts(opts(name, help)), func() float64 { return value(b.Stats()) }))
	}
	gauge := func(name, help string, value func(broker.Stats) float64) {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts(opts(name, help)), func() float64 { return value(b.Stats()) }))
	}
	gauge("connected", "Clients connected.", func(s broker.Stats) float64 { return float64(s.Connected) })
	gauge("retained", "Retained messages.", func(s broker.Stats) float64 { return float64(s.Retained) })
	counter("rejected_total", "Connections closed before a login was tried: garbage, silence, too many.", func(s broker.Stats) float64 { return float64(s.Rejected) })
	counter("bad_logins_total", "Logins refused.", func(s broker.Stats) float64 { return float64(s.BadLogins) })
	counter("denied_publishes_total", "Messages on a topic their client may not use.", func(s broker.Stats) float64 { return float64(s.DeniedPublishes) })
	counter("denied_subscribes_total", "Subscriptions to a topic their client may not read.", func(s broker.Stats) float64 { return float64(s.DeniedSubscribes) })
	counter("received_total", "Messages from clients.", func(s broker.Stats) float64 { return float64(s.Received) })
	counter("sent_total", "Messages to clients.", func(s broker.Stats) float64 { return float64(s.Sent) })
	counter("dropped_total", "Messages to clients that did not keep up.", func(s broker.Stats) float64 { return float64(s.Dropped) })
}
