package ingest

import "github.com/VictoriaMetrics/metrics"

// meters are what an operator watches of the ingest.
type meters struct {
	messages      *metrics.Counter // MQTT messages taken
	uplinks       *metrics.Counter // in them
	readings      *metrics.Counter // that passed all checks
	shed          *metrics.Counter // messages dropped because the queue was full; the edges send them again
	writeErrors   *metrics.Counter // writes to the database that failed and were tried again
	lettersLost   *metrics.Counter // dead letters that the database refused
	confirmErrors *metrics.Counter // confirmations that could not be sent; the edges send again

	lag           *metrics.PrometheusHistogram // from reception by a gateway to the check in the ingest
	batchReadings *metrics.PrometheusHistogram // readings in a batch to the database
	writeSeconds  *metrics.PrometheusHistogram // of storing a batch, retries included

	set *metrics.Set
}

const meterPrefix = "modellregion_ingest_"

func newMeters(set *metrics.Set) *meters {
	counter := func(name string) *metrics.Counter { return set.NewCounter(meterPrefix + name) }
	histogram := func(name string, buckets ...float64) *metrics.PrometheusHistogram {
		return set.NewPrometheusHistogramExt(meterPrefix+name, buckets)
	}
	return &meters{
		messages: counter("messages_total"), uplinks: counter("uplinks_total"), readings: counter("readings_total"),
		shed: counter("shed_total"), writeErrors: counter("write_errors_total"),
		lettersLost: counter("dead_letters_lost_total"), confirmErrors: counter("confirm_errors_total"),
		lag:           histogram("lag_seconds", 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200, 43200, 259200),
		batchReadings: histogram("batch_readings", 1, 4, 16, 64, 256, 1024, 4096, 16384),
		writeSeconds:  histogram("write_seconds", 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1, 2, 4, 8, 16, 32),
		set:           set,
	}
}

// deadLetters counts the messages, uplinks and readings that cannot be stored
// for a reason.
func (m *meters) deadLetters(reason string) *metrics.Counter {
	return m.set.GetOrCreateCounter(meterPrefix + `dead_letters_total{reason="` + reason + `"}`)
}
