package edge

import "github.com/prometheus/client_golang/prometheus"

// metrics are what an operator watches of an edge.
type metrics struct {
	receptions   prometheus.Counter
	frames       *prometheus.CounterVec // by kind: data, join
	dropped      *prometheus.CounterVec // by reason
	codecErrors  prometheus.Counter
	depth        prometheus.Gauge
	batches      *prometheus.CounterVec // by why: new, old, again
	confirmed    prometheus.Counter
	commits      prometheus.Histogram
	commitErrors prometheus.Counter
	diskOK       prometheus.Gauge
	givenUp      *prometheus.CounterVec // uplinks, by reason: limit, memory
	downlinks    *prometheus.CounterVec // by result: sent, failed, dropped, impossible
	commands     *prometheus.CounterVec // by step: queued, sent, acked, failed, expired
	shared       *prometheus.CounterVec // frames between edges, by what became of them
	devices      prometheus.Gauge
	connected    prometheus.Gauge
	badMessages  *prometheus.CounterVec // by kind of topic
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "modellregion", Subsystem: "edge", Name: name, Help: help})
		reg.MustRegister(c)
		return c
	}
	vec := func(name, label, help string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "modellregion", Subsystem: "edge", Name: name, Help: help}, []string{label})
		reg.MustRegister(c)
		return c
	}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "modellregion", Subsystem: "edge", Name: name, Help: help})
		reg.MustRegister(g)
		return g
	}
	m := &metrics{
		receptions:  counter("receptions_total", "Frames heard, once for each gateway that heard them."),
		frames:      vec("frames_total", "kind", "Frames accepted, by kind."),
		dropped:     vec("dropped_total", "reason", "Frames and datagrams not used, by reason."),
		codecErrors: counter("codec_errors_total", "Payloads that their codec refused; kept and passed on undecoded."),
		depth:       gauge("outbox_depth", "Uplinks on disk that the platform has not confirmed."),
		batches:     vec("batches_total", "why", "Batches published: of new uplinks, of those older than the connection, and those sent again."),
		confirmed:   counter("confirmed_total", "Uplinks that the platform has confirmed as stored."),
		commits: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "modellregion", Subsystem: "edge", Name: "commit_seconds",
			Help: "Duration of a commit to disk.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14)}),
		commitErrors: counter("commit_errors_total", "Commits that failed and were tried again."),
		diskOK:       gauge("disk_ok", "0 while the disk refuses and the edge works from memory."),
		givenUp:      vec("given_up_total", "reason", "Uplinks given up without a confirmation: over the limits of the outbox, or of the memory while the disk refuses."),
		downlinks:    vec("downlinks_total", "result", "Downlinks, by what became of them."),
		commands:     vec("commands_total", "step", "Commands for devices, by the steps they took."),
		shared:       vec("shared_frames_total", "result", "Frames told to other edges or by them: sent, not_sent, heard, of_others, overflow."),
		devices:      gauge("devices", "Devices that this edge serves."),
		connected:    gauge("connected", "1 while there is a connection to the broker."),
		badMessages:  vec("bad_messages_total", "kind", "Messages from the platform that break the contract, by kind of topic."),
	}
	reg.MustRegister(m.commits)
	m.diskOK.Set(1)
	return m
}
