//go:build !ingestonly

package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"modellregion/opendata/feedback"
)

// feedbackMetrics shows what the public says and what is refused of it.
func feedbackMetrics(set *metrics.Set, s *feedback.Store, d *feedback.Desk) {
	const prefix = "modellregion_feedback_"
	set.RegisterMetricsWriter(func(w io.Writer) {
		stats := d.Stats()
		metrics.WriteCounterUint64(w, prefix+"entries_total", stats.Accepted)
		refused := samples{}
		for _, why := range slices.Sorted(maps.Keys(stats.Refused)) {
			refused.add(fmt.Sprintf("reason=%q", string(why)), stats.Refused[why])
		}
		refused.write(w, prefix+"refused_total", "counter")
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if n, err := s.Unread(ctx); err == nil { // else it is missing, as the file is: forms that fail say so in the log
			metrics.WriteGaugeUint64(w, prefix+"unread", uint64(n))
		}
	})
}
