package ingest

import "github.com/prometheus/client_golang/prometheus"

// metrics are what an operator watches of the ingest.
type metrics struct {
	messages, uplinks, readings      prometheus.Counter
	deadLetters                      *prometheus.CounterVec // by reason
	shed, writeErrors, confirmErrors prometheus.Counter
	lettersLost                      prometheus.Counter
	lag, batchReadings, writeSeconds prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "modellregion", Subsystem: "ingest", Name: name, Help: help})
		reg.MustRegister(c)
		return c
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "modellregion", Subsystem: "ingest", Name: name, Help: help, Buckets: buckets})
		reg.MustRegister(h)
		return h
	}
	m := &metrics{
		messages: counter("messages_total", "MQTT messages taken."),
		uplinks:  counter("uplinks_total", "Uplinks in them."),
		readings: counter("readings_total", "Readings that passed all checks."),
		deadLetters: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "modellregion", Subsystem: "ingest",
			Name: "dead_letters_total", Help: "Messages, uplinks and readings that cannot be stored, by reason."}, []string{"reason"}),
		shed:          counter("shed_total", "Messages dropped because the queue was full; the edges send them again."),
		writeErrors:   counter("write_errors_total", "Writes to the database that failed and were tried again."),
		lettersLost:   counter("dead_letters_lost_total", "Dead letters that the database refused."),
		confirmErrors: counter("confirm_errors_total", "Confirmations that could not be sent; the edges send again."),
		lag: histogram("lag_seconds", "Time from reception by a gateway to the check in the ingest.",
			[]float64{0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200, 43200, 259200}),
		batchReadings: histogram("batch_readings", "Readings in a batch to the database.", prometheus.ExponentialBuckets(1, 4, 8)),
		writeSeconds:  histogram("write_seconds", "Duration of storing a batch, retries included.", prometheus.ExponentialBuckets(0.001, 2, 16)),
	}
	reg.MustRegister(m.deadLetters)
	return m
}
