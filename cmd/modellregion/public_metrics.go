//go:build !ingestonly

package main

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/VictoriaMetrics/metrics"

	"modellregion/internal/guard"
	"modellregion/opendata/live"
	"modellregion/opendata/sensorthings"
)

// samples are values of one metric with labels. Its head is written once, as the
// text format wants it.
type samples []string

func (s *samples) add(labels string, n uint64) { *s = append(*s, fmt.Sprintf("{%s} %d\n", labels, n)) }

func (s samples) write(w io.Writer, name, kind string) {
	metrics.WriteMetadataIfNeeded(w, name, kind)
	for _, sample := range s {
		_, _ = io.WriteString(w, name+sample) // the answer to a request: whoever has gone needs it no more
	}
}

// guardMetrics shows whom the public listener serves and refuses.
func guardMetrics(set *metrics.Set, g *guard.Guard) {
	const prefix = "modellregion_public_"
	set.RegisterMetricsWriter(func(w io.Writer) {
		s := g.Stats()
		metrics.WriteGaugeUint64(w, prefix+"connections", uint64(s.Connections))
		metrics.WriteGaugeUint64(w, prefix+"waiting", uint64(s.Waiting))
		metrics.WriteCounterUint64(w, prefix+"turned_connections_total", s.Turned)
		metrics.WriteCounterUint64(w, prefix+"panics_total", s.Panics)
		running, served, refused := samples{}, samples{}, samples{}
		for _, c := range s.Classes {
			class := fmt.Sprintf("class=%q", c.Name)
			running.add(class, uint64(c.Running))
			served.add(class, c.Served)
			for _, why := range slices.Sorted(maps.Keys(c.Refused)) {
				refused.add(fmt.Sprintf("%s,reason=%q", class, string(why)), c.Refused[why])
			}
		}
		running.write(w, prefix+"running", "gauge")
		served.write(w, prefix+"requests_total", "counter")
		refused.write(w, prefix+"refused_total", "counter")
	})
}

// liveMetrics shows what listeners of the live stream get.
func liveMetrics(set *metrics.Set, h *live.Hub) {
	const prefix = "modellregion_live_"
	set.RegisterMetricsWriter(func(w io.Writer) {
		s := h.Stats()
		metrics.WriteGaugeUint64(w, prefix+"listeners", uint64(s.Listeners))
		metrics.WriteCounterUint64(w, prefix+"connected_total", s.Connected)
		metrics.WriteCounterUint64(w, prefix+"events_total", s.Events)
		metrics.WriteCounterUint64(w, prefix+"sent_total", s.Sent)
		metrics.WriteCounterUint64(w, prefix+"sent_bytes_total", s.Bytes)
		metrics.WriteCounterUint64(w, prefix+"slow_total", s.Slow)
		metrics.WriteCounterUint64(w, prefix+"gaps_total", s.Gaps)
	})
}

// sensorThingsMetrics shows what SensorThings has and answers.
func sensorThingsMetrics(set *metrics.Set, service *sensorthings.Service) {
	const prefix = "modellregion_sensorthings_"
	set.RegisterMetricsWriter(func(w io.Writer) {
		s := service.Stats()
		metrics.WriteGaugeUint64(w, prefix+"things", uint64(s.Things))
		metrics.WriteGaugeUint64(w, prefix+"datastreams", uint64(s.Datastreams))
		metrics.WriteGaugeUint64(w, prefix+"inside", uint64(s.Inside))
		results := samples{}
		results.add(`result="answered"`, s.Answered)
		results.add(`result="busy"`, s.Busy)
		results.add(`result="failed"`, s.Failed)
		results.add(`result="wrong"`, s.Wrong)
		results.write(w, prefix+"requests_total", "counter")
		metrics.WriteCounterUint64(w, prefix+"queries_total", s.Queries)
	})
}

// messagesMetrics shows what subscribers are told.
func messagesMetrics(set *metrics.Set, m *sensorthings.Messages) {
	const prefix = "modellregion_sensorthings_messages_"
	set.RegisterMetricsWriter(func(w io.Writer) {
		s := m.Stats()
		metrics.WriteGaugeUint64(w, prefix+"topics", uint64(s.Topics))
		metrics.WriteCounterUint64(w, prefix+"sent_total", s.Sent)
		metrics.WriteCounterUint64(w, prefix+"lost_total", s.Lost)
		metrics.WriteCounterUint64(w, prefix+"failed_total", s.Failed)
	})
}
