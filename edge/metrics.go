package edge

import "github.com/VictoriaMetrics/metrics"

// meters are what an operator watches of an edge.
type meters struct {
	receptions    *metrics.Counter // frames heard, once for each gateway that heard them
	data, joins   *metrics.Counter // frames accepted
	dropped       labelled         // frames and datagrams not used, by reason
	codecErrors   *metrics.Counter // payloads that their codec refused; kept and passed on undecoded
	codecWarnings *metrics.Counter // of codecs on payloads that they took
	depth         *metrics.Gauge   // uplinks on disk that the platform has not confirmed
	batches       labelled         // batches published, by why: new, old (than the connection), again
	confirmed     *metrics.Counter // uplinks that the platform has confirmed as stored
	commitSeconds *metrics.PrometheusHistogram
	commitErrors  *metrics.Counter // commits that failed and were tried again
	diskOK        *metrics.Gauge   // 0 while the disk refuses and the edge works from memory
	givenUp       labelled         // uplinks given up without a confirmation, by reason: limit, memory, undated
	downlinks     labelled         // by result: sent, failed, dropped, impossible
	commands      labelled         // for devices, by step: queued, sent, acked, failed, expired
	shared        labelled         // frames between edges, by result: sent, not_sent, heard, of_others, overflow
	devices       *metrics.Gauge   // that this edge serves
	connected     *metrics.Gauge   // 1 while there is a connection to the broker
	badMessages   labelled         // messages from the platform that break the contract, by kind of topic
}

const meterPrefix = "modellregion_edge_"

// commitBuckets are the upper bounds of the durations of a commit, in seconds:
// an SSD's to those of a worn-out card.
var commitBuckets = []float64{0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096}

func newMeters(set *metrics.Set) *meters {
	counter := func(name string) *metrics.Counter { return set.NewCounter(meterPrefix + name) }
	gauge := func(name string) *metrics.Gauge { return set.NewGauge(meterPrefix+name, nil) }
	by := func(name, label string) labelled { return labelled{set, meterPrefix + name, label} }
	frames := by("frames_total", "kind")
	m := &meters{
		receptions: counter("receptions_total"), data: frames.with("data"), joins: frames.with("join"),
		dropped: by("dropped_total", "reason"), codecErrors: counter("codec_errors_total"), codecWarnings: counter("codec_warnings_total"),
		depth: gauge("outbox_depth"), batches: by("batches_total", "why"), confirmed: counter("confirmed_total"),
		commitSeconds: set.NewPrometheusHistogramExt(meterPrefix+"commit_seconds", commitBuckets),
		commitErrors:  counter("commit_errors_total"), diskOK: gauge("disk_ok"), givenUp: by("given_up_total", "reason"),
		downlinks: by("downlinks_total", "result"), commands: by("commands_total", "step"), shared: by("shared_frames_total", "result"),
		devices: gauge("devices"), connected: gauge("connected"), badMessages: by("bad_messages_total", "kind"),
	}
	m.diskOK.Set(1)
	return m
}

// labelled are the counters of one name, told apart by a label.
type labelled struct {
	set         *metrics.Set
	name, label string
}

func (l labelled) with(value string) *metrics.Counter {
	return l.set.GetOrCreateCounter(l.name + "{" + l.label + `="` + value + `"}`)
}
