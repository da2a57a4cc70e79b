package ingest

import (
	"github.com/VictoriaMetrics/metrics"

	"modellregion/devices"
)

// meters are what an operator watches of the ingest.
type meters struct {
	messages      *metrics.Counter // MQTT messages taken
	uplinks       *metrics.Counter // in them
	readings      *metrics.Counter // that passed all checks
	shed          *metrics.Counter // messages dropped because the queue was full; they come again
	lettersLost   *metrics.Counter // dead letters that the database refused
	confirmErrors *metrics.Counter // confirmations that could not be sent; the edges send again

	lag          *metrics.PrometheusHistogram // of an uplink from reception by a gateway until it is stored
	batchLines   *metrics.PrometheusHistogram // points in a batch to the database
	writeSeconds *metrics.PrometheusHistogram // of storing a batch, retries included

	set *metrics.Set
}

const meterPrefix = "modellregion_ingest_"

func newMeters(set *metrics.Set, i *Ingest) *meters {
	counter := func(name string) *metrics.Counter { return set.NewCounter(meterPrefix + name) }
	histogram := func(name string, buckets ...float64) *metrics.PrometheusHistogram {
		return set.NewPrometheusHistogramExt(meterPrefix+name, buckets)
	}
	gauge := func(name string, value func() int) {
		set.NewGauge(meterPrefix+name, func() float64 { return float64(value()) })
	}
	gauge("queue_messages", func() int { return len(i.queue) })
	gauge("writes_in_flight", func() int { return len(i.lanes) - len(i.idle) - int(i.free.Load()) })
	gauge("store_ok", func() int {
		if i.Ready() != nil {
			return 0
		}
		return 1
	})
	for _, s := range []devices.Sender{devices.SenderDevice, devices.SenderGateway, devices.SenderEdge} {
		gauge(`silent{sender="`+string(s)+`"}`, func() int { return i.silence.count(s) })
	}
	return &meters{
		messages: counter("messages_total"), uplinks: counter("uplinks_total"), readings: counter("readings_total"),
		shed: counter("shed_total"), lettersLost: counter("dead_letters_lost_total"), confirmErrors: counter("confirm_errors_total"),
		lag:          histogram("lag_seconds", 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200, 43200, 259200),
		batchLines:   histogram("batch_lines", 1, 4, 16, 64, 256, 1024, 4096, 16384),
		writeSeconds: histogram("write_seconds", 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1, 2, 4, 8, 16, 32),
		set:          set,
	}
}

// deadLetters counts the messages, uplinks and readings that cannot be stored
// for a reason.
func (m *meters) deadLetters(reason string) *metrics.Counter {
	return m.set.GetOrCreateCounter(meterPrefix + `dead_letters_total{reason="` + reason + `"}`)
}

// doubts counts what is stored with a mark.
func (m *meters) doubts(mark devices.Mark) *metrics.Counter {
	return m.set.GetOrCreateCounter(meterPrefix + `doubts_total{mark="` + string(mark) + `"}`)
}

// writeErrors counts the writes to the database that failed and were tried
// again; denied are those for which somebody has to act.
func (m *meters) writeErrors(denied bool) *metrics.Counter {
	fault := "busy"
	if denied {
		fault = "denied"
	}
	return m.set.GetOrCreateCounter(meterPrefix + `write_errors_total{fault="` + fault + `"}`)
}

// totals are counters of which the log tells the growth.
type totals struct{ uplinks, readings, letters, doubts, shed uint64 }

func (m *meters) totals() totals {
	t := totals{uplinks: m.uplinks.Get(), readings: m.readings.Get(), shed: m.shed.Get()}
	for _, reason := range reasons {
		t.letters += m.deadLetters(reason).Get()
	}
	for _, mark := range []devices.Mark{devices.MarkStuck, devices.MarkJump, devices.MarkBackward, devices.MarkGap, devices.MarkClock} {
		t.doubts += m.doubts(mark).Get()
	}
	return t
}
