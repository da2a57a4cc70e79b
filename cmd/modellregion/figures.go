package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"modellregion/internal/influx"
	"modellregion/uplink"
)

const (
	figuresEvery  = time.Minute
	figuresWithin = 20 * time.Second // for the database to take them
	maxFigures    = 10_000           // edges, and gateways, of which something is kept
)

// grown are the counters of /metrics of which the growth is kept, by field.
var grown = map[string]string{
	influx.FieldMessages: "modellregion_ingest_messages_total", influx.FieldUplinks: "modellregion_ingest_uplinks_total",
	influx.FieldReadings: "modellregion_ingest_readings_total", influx.FieldLetters: "modellregion_ingest_dead_letters_total",
	influx.FieldShed: "modellregion_ingest_shed_total", influx.FieldWriteErrors: "modellregion_ingest_write_errors_total",
	influx.FieldWindows:  "modellregion_opendata_windows_total",
	influx.FieldRequests: "modellregion_public_requests_total", influx.FieldRefused: "modellregion_public_refused_total",
}

// levels are the gauges that are kept as they are.
var levels = map[string]string{
	influx.FieldQueue: "modellregion_ingest_queue_messages", influx.FieldStoreOK: "modellregion_ingest_store_ok",
	influx.FieldBehind: "modellregion_opendata_behind_seconds", influx.FieldMemory: "process_resident_memory_bytes",
	influx.FieldDiskFree: "modellregion_disk_free_bytes", influx.FieldDiskSize: "modellregion_disk_size_bytes", influx.FieldDiskFullIn: fullInMetric,
}

// lagMetric is the histogram behind FieldLag and FieldLagMedian.
const lagMetric = "modellregion_ingest_lag_seconds"

// figures keeps in bucket raw, once a minute, what an operator watches of the
// platform in Grafana: a choice of the process's metrics, and what edges and
// gateways said of themselves. It takes their messages until it is asked to
// write them.
type figures struct {
	metrics *metrics.Set
	log     *slog.Logger

	mu       sync.Mutex
	edges    map[string]uplink.Status
	gateways map[[2]string]*uplink.GatewayStats // by edge and EUI: sums since the last point
	before   sample                             // what the metrics were then; nil at first
}

func newFigures(set *metrics.Set, log *slog.Logger) *figures {
	return &figures{metrics: set, log: log, edges: map[string]uplink.Status{}, gateways: map[[2]string]*uplink.GatewayStats{}}
}

// status takes what an edge says of itself; it holds until the edge says
// something else.
func (f *figures) status(edge string, s uplink.Status) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.edges[edge]; known || len(f.edges) < maxFigures {
		f.edges[edge] = s
	}
}

// gateway takes a message about a gateway.
func (f *figures) gateway(topic uplink.Topic, payload []byte) error {
	var s uplink.GatewayStats
	if err := json.Unmarshal(payload, &s); err != nil {
		return fmt.Errorf("gateway statistics: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	key := [2]string{topic.Edge, topic.EUI.String()}
	sum := f.gateways[key]
	if sum == nil {
		if len(f.gateways) >= maxFigures {
			return nil
		}
		sum = &uplink.GatewayStats{}
		f.gateways[key] = sum
	}
	sum.Received, sum.ReceivedOK, sum.Sent = sum.Received+s.Received, sum.ReceivedOK+s.ReceivedOK, sum.Sent+s.Sent
	sum.AckedPct = s.AckedPct
	return nil
}

// take returns the figures of now. Growth is counted from the last call on.
func (f *figures) take(instance string, now time.Time) []influx.Figures {
	f.mu.Lock()
	defer f.mu.Unlock()
	rows := []influx.Figures{{Time: now, Role: influx.RoleProcess, Instance: instance, Values: f.process()}}
	for edge, s := range f.edges {
		rows = append(rows, influx.Figures{Time: now, Role: influx.RoleEdge, Edge: edge, Values: map[string]float64{
			influx.FieldOnline: truth(s.Online), influx.FieldOutbox: float64(s.OutboxDepth), influx.FieldUndated: float64(s.Undated),
			influx.FieldGivenUp: float64(s.GivenUp), influx.FieldDiskOK: truth(s.Disk == ""),
		}})
		if !s.Online { // the last will knows nothing of its outbox
			rows[len(rows)-1].Values = map[string]float64{influx.FieldOnline: 0}
		}
	}
	for key, s := range f.gateways {
		rows = append(rows, influx.Figures{Time: now, Role: influx.RoleGateway, Edge: key[0], Gateway: key[1], Values: map[string]float64{
			influx.FieldReceived: float64(s.Received), influx.FieldReceivedOK: float64(s.ReceivedOK),
			influx.FieldSent: float64(s.Sent), influx.FieldAcked: s.AckedPct,
		}})
	}
	clear(f.gateways)
	return rows
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// process is what the process says of itself.
func (f *figures) process() map[string]float64 {
	now, values := readMetrics(f.metrics), map[string]float64{}
	for field, name := range levels {
		if v, ok := now[name]; ok {
			values[field] = v
		}
	}
	if f.before != nil {
		for field, name := range grown {
			if v, ok := now[name]; ok {
				values[field] = v - f.before[name]
			}
		}
		for field, share := range map[string]float64{influx.FieldLagMedian: 0.5, influx.FieldLag: 0.95} {
			if v, ok := now.quantile(f.before, lagMetric, share); ok {
				values[field] = v
			}
		}
	}
	f.before = now
	return values
}

// run writes the figures each minute until ctx ends. A minute that the database
// does not take is lost.
func (f *figures) run(ctx context.Context, instance string, put func(context.Context, []influx.Figures) error) error {
	ticker := time.NewTicker(figuresEvery)
	defer ticker.Stop()
	for failing := false; ; {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			// On the minute: ingests beside each other say the same of an edge.
			rows := f.take(instance, now.UTC().Truncate(figuresEvery))
			within, cancel := context.WithTimeout(ctx, figuresWithin)
			err := put(within, rows)
			cancel()
			if err != nil && !failing && ctx.Err() == nil {
				f.log.Warn("figures of the platform are not kept", "err", err)
			}
			failing = err != nil
		}
	}
}

// instanceName is where the metrics of this process are, as others see it.
func instanceName(internal string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	if _, port, err := net.SplitHostPort(internal); err == nil {
		return net.JoinHostPort(host, port)
	}
	return host
}

// sample is what metrics said at a time: values by name, summed over their
// labels, but of the buckets of a histogram, which keep their upper bound:
// `lag_seconds_bucket{le="5"}`.
type sample map[string]float64

// readMetrics reads a set, and what is known of the process, by way of their
// text, which is the only way to all of them.
func readMetrics(set *metrics.Set) sample {
	var text bytes.Buffer
	set.WritePrometheus(&text)
	metrics.WriteProcessMetrics(&text)
	return parseMetrics(&text)
}

func parseMetrics(text io.Reader) sample {
	s := sample{}
	all, _ := io.ReadAll(text) // from memory
	for line := range strings.Lines(string(all)) {
		at := strings.LastIndexByte(line, ' ')
		if at < 0 || line[0] == '#' {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(line[at:]), 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		name, labels, _ := strings.Cut(line[:at], "{")
		if _, le, ok := strings.Cut(labels, `le="`); ok && strings.HasSuffix(name, "_bucket") {
			le, _, _ = strings.Cut(le, `"`)
			name += `{le="` + le + `"}`
		}
		s[name] += v
	}
	return s
}

// quantile returns below which value the share of what a histogram counted
// since an earlier sample lies, interpolated between the bounds of its buckets,
// and false where it counted nothing.
func (s sample) quantile(before sample, name string, share float64) (float64, bool) {
	type bucket struct{ bound, n float64 }
	var buckets []bucket
	for key := range maps.Keys(s) {
		if le, ok := strings.CutPrefix(key, name+`_bucket{le="`); ok {
			bound, err := strconv.ParseFloat(strings.TrimSuffix(le, `"}`), 64) // also +Inf
			if err == nil {
				buckets = append(buckets, bucket{bound, s[key] - before[key]})
			}
		}
	}
	slices.SortFunc(buckets, func(a, b bucket) int { return cmp.Compare(a.bound, b.bound) })
	if len(buckets) == 0 || buckets[len(buckets)-1].n <= 0 {
		return 0, false
	}
	wanted, low, below := share*buckets[len(buckets)-1].n, 0.0, 0.0
	for _, b := range buckets {
		if b.n >= wanted && b.n > below {
			if math.IsInf(b.bound, 1) {
				return low, true // longer than the longest bound: at least that
			}
			return low + (b.bound-low)*(wanted-below)/(b.n-below), true
		}
		low, below = b.bound, b.n
	}
	return low, true
}
