package main

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"

	"modellregion/internal/influx"
	"modellregion/uplink"
)

func TestFigures(t *testing.T) {
	set := metrics.NewSet()
	uplinks := set.NewCounter("modellregion_ingest_uplinks_total")
	silt := set.NewCounter(`modellregion_ingest_dead_letters_total{reason="range"}`)
	lost := set.NewCounter(`modellregion_ingest_dead_letters_total{reason="codec"}`)
	set.NewGauge("modellregion_ingest_queue_messages", func() float64 { return 7 })
	lag := set.NewPrometheusHistogramExt(lagMetric, []float64{1, 2, 10})
	newDisk(set, t.TempDir(), slog.New(slog.DiscardHandler))
	f := newFigures(set, slog.New(slog.DiscardHandler))
	uplinks.Add(5)
	lag.Update(9)

	at := time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)
	first := f.take("host:9", at)
	if len(first) != 1 || first[0].Role != influx.RoleProcess || first[0].Instance != "host:9" || !first[0].Time.Equal(at) {
		t.Fatalf("figures of a process alone: %+v", first)
	}
	for _, field := range []string{influx.FieldUplinks, influx.FieldLag} {
		if v, ok := first[0].Values[field]; ok {
			t.Errorf("%s is %v at the start, when nothing is known to have grown", field, v)
		}
	}
	if v := first[0].Values; v[influx.FieldQueue] != 7 || v[influx.FieldDiskSize] <= 0 || v[influx.FieldDiskFree] <= 0 || v[influx.FieldMemory] <= 0 {
		t.Errorf("levels and disk: %v", v)
	}

	uplinks.Add(120)
	silt.Add(2)
	lost.Add(1)
	for range 10 {
		lag.Update(0.5)
	}
	for range 10 {
		lag.Update(1.5)
	}
	gateway := uplink.Topic{Edge: "rathaus", Kind: uplink.KindGateway, EUI: uplink.EUI{7: 1}}
	for range 2 {
		if err := f.gateway(gateway, []byte(`{"v":1,"received":10,"received_ok":8,"acked_pct":99.5,"sent":1}`)); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.gateway(gateway, []byte(`{`)); err == nil {
		t.Error("broken statistics are taken")
	}
	f.status("rathaus", uplink.Status{V: 1, Online: true, OutboxDepth: 3, Undated: 1, GivenUp: 2, Disk: "full"})
	rows := f.take("host:9", at)
	v := rows[0].Values
	if v[influx.FieldUplinks] != 120 || v[influx.FieldLetters] != 3 || math.Abs(v[influx.FieldLagMedian]-1) > 1e-9 || math.Abs(v[influx.FieldLag]-1.9) > 1e-9 {
		t.Errorf("growth: %v", v)
	}
	want := []influx.Figures{
		{Time: at, Role: influx.RoleEdge, Edge: "rathaus", Values: map[string]float64{"online": 1, "outbox": 3, "undated": 1, "given_up": 2, "disk_ok": 0}},
		{Time: at, Role: influx.RoleGateway, Edge: "rathaus", Gateway: "0000000000000001", Values: map[string]float64{"received": 20, "received_ok": 16, "sent": 2, "acked": 99.5}},
	}
	if diff := cmp.Diff(want, rows[1:]); diff != "" {
		t.Error(diff)
	}
	f.status("rathaus", uplink.Status{V: 1}) // the last will
	rows = f.take("host:9", at)
	if _, ok := rows[0].Values[influx.FieldLag]; ok || rows[0].Values[influx.FieldUplinks] != 0 {
		t.Errorf("nothing came, and the figures are %v", rows[0].Values)
	}
	want = []influx.Figures{{Time: at, Role: influx.RoleEdge, Edge: "rathaus", Values: map[string]float64{"online": 0}}}
	if diff := cmp.Diff(want, rows[1:]); diff != "" {
		t.Error(diff)
	}
}

func TestFiguresAreBounded(t *testing.T) {
	f := newFigures(metrics.NewSet(), slog.New(slog.DiscardHandler))
	for i := range maxFigures + 1 {
		f.status(strings.Repeat("x", i%100)+string(rune('a'+i/100)), uplink.Status{Online: true})
		if err := f.gateway(uplink.Topic{EUI: uplink.EUI{6: byte(i >> 8), 7: byte(i)}}, []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	if len(f.edges) != maxFigures || len(f.gateways) != maxFigures {
		t.Errorf("%d edges and %d gateways are kept, want %d", len(f.edges), len(f.gateways), maxFigures)
	}
	if rows := f.take("", time.Time{}); len(rows[0].Values) == 0 {
		t.Error("without a disk nothing is told of the process")
	}
}

func TestQuantile(t *testing.T) {
	bucket := func(le string) string { return `m_bucket{le="` + le + `"}` }
	for name, c := range map[string]struct {
		buckets sample
		share   float64
		want    float64 // -1: none
	}{
		"nothing":         {sample{}, 0.5, -1},
		"nothing counted": {sample{bucket("1"): 0, bucket("+Inf"): 0}, 0.5, -1},
		"in the first":    {sample{bucket("1"): 4, bucket("2"): 4, bucket("+Inf"): 4}, 0.5, 0.5},
		"in the second":   {sample{bucket("1"): 2, bucket("10"): 4, bucket("+Inf"): 4}, 0.75, 5.5},
		"beyond all":      {sample{bucket("1"): 1, bucket("10"): 1, bucket("+Inf"): 4}, 0.95, 10},
	} {
		got, ok := c.buckets.quantile(nil, "m", c.share)
		if ok != (c.want >= 0) || ok && math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s: %v %v, want %v", name, got, ok, c.want)
		}
	}
}

func FuzzParseMetrics(f *testing.F) {
	f.Add("# HELP a b\na 1\nb{x=\"y z\"} 2\nb{x=\"w\"} 3\nl_bucket{le=\"5\"} 1\nl_bucket{le=\"+Inf\"} NaN\n")
	f.Add(" \n{ 1\n} x\nx_bucket{le=\" 3")
	f.Fuzz(func(t *testing.T, text string) {
		for name, v := range parseMetrics(strings.NewReader(text)) {
			if math.IsNaN(v) {
				t.Errorf("%q is not a number", name)
			}
		}
	})
}

// The figures are written each minute, and a database that is away costs only
// the minutes for which it is.
func TestFiguresRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute+30*time.Second)
		defer cancel()
		var log strings.Builder
		f := newFigures(metrics.NewSet(), slog.New(slog.NewTextHandler(&log, nil)))
		var times []time.Time
		err := f.run(ctx, "i", func(_ context.Context, rows []influx.Figures) error {
			if times = append(times, rows[0].Time); len(times) < 3 {
				return errors.New("away")
			}
			return nil
		})
		if err != nil || len(times) != 3 || times[2].Sub(times[0]) != 2*time.Minute || times[0].Second() != 0 {
			t.Errorf("written at %v: %v", times, err)
		}
		if strings.Count(log.String(), "not kept") != 1 {
			t.Errorf("log says\n%s", log.String())
		}
	})
}
