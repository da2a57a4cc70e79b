package e2e

import (
	"encoding/csv"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"modellregion/devices"
	"modellregion/internal/simulate"
	"modellregion/uplink"
)

const (
	chaosDataset = "verkehr"
	chaosWindow  = 15 * time.Minute
)

// series is a window of what a channel of a station measures.
type series struct {
	station, quantity, channel string
	start                      time.Time
}

// summary is what is published of it.
type summary struct {
	count           int
	sum, mean       float64 // sum of a count, mean of a gauge
	least, greatest float64
}

// expected computes the windows of traffic from the fleets' ledgers, apart from
// all code of the product.
func (c *chaos) expected() map[series]summary {
	c.t.Helper()
	all := map[series]summary{}
	for _, g := range c.gateways {
		err := g.fleet.Sent(func(s simulate.Sent) bool {
			if s.Domain != uplink.Traffic {
				return true
			}
			for _, r := range s.Readings {
				if !watched(r.Quantity) {
					continue
				}
				key := series{s.Station + suffix(g.name), r.Quantity, r.Channel, s.Time.Truncate(chaosWindow)}
				w, ok := all[key]
				if !ok {
					w.least, w.greatest = r.Value, r.Value
				}
				w.count++
				w.sum += r.Value
				w.least, w.greatest = min(w.least, r.Value), max(w.greatest, r.Value)
				all[key] = w
			}
			return true
		})
		if err != nil {
			c.t.Fatal(err)
		}
	}
	for key, w := range all {
		all[key] = summaryOf(key.quantity, w.count, w.sum, w.sum/float64(w.count), w.least, w.greatest)
	}
	return all
}

// watched reports whether the windows of a quantity are compared: those that
// the counters report, and none that is derived.
func watched(quantity string) bool {
	switch quantity {
	case "vehicle_count", "vehicle_count_truck", "speed_mean", "occupancy":
		return true
	}
	return false
}

// published waits until bucket open and the files tell of every window what the
// ledgers say, and nothing else.
func (c *chaos) published() {
	c.t.Helper()
	want := c.expected()
	if len(want) == 0 {
		c.t.Fatal("no traffic was sent, which proves nothing")
	}
	c.agree("bucket open", want, c.inDatabase)
	c.agree("the files of "+chaosDataset, want, c.inFiles)
	c.latest(want)
}

// agree waits until what a source has is what is wanted, and says how they
// differ when it never is.
func (c *chaos) agree(source string, want map[series]summary, have func() map[series]summary) {
	c.t.Helper()
	for began := time.Now(); ; <-time.After(time.Second) {
		c.alive()
		differ := differences(want, have())
		if len(differ) == 0 {
			c.t.Logf("%s: %d windows, right after %.1f s", source, len(want), time.Since(began).Seconds())
			return
		}
		if time.Since(began) > 4*patience {
			c.t.Errorf("%s differs from the ledgers in %d of %d windows:\n%s", source, len(differ), len(want), strings.Join(differ[:min(len(differ), 20)], "\n"))
			return
		}
	}
}

func differences(want, have map[series]summary) (differ []string) {
	for key, w := range want {
		h, ok := have[key]
		if !ok || h.count != w.count || !near(h.sum, w.sum) || !near(h.mean, w.mean) || !near(h.least, w.least) || !near(h.greatest, w.greatest) {
			differ = append(differ, fmt.Sprintf("%+v: want %+v, have %+v (%v)", key, w, h, ok))
		}
	}
	for key, h := range have {
		if _, ok := want[key]; !ok {
			differ = append(differ, fmt.Sprintf("%+v: nothing was sent, have %+v", key, h))
		}
	}
	return differ
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(a), math.Abs(b)) }

// inDatabase reads bucket open.
func (c *chaos) inDatabase() map[series]summary {
	c.t.Helper()
	span := devices.Span{Start: c.began.AddDate(0, 0, -2), End: c.began.AddDate(0, 0, 2)}
	rows, err := c.read.Windows(c.t.Context(), chaosDataset, chaosWindow, span, "")
	if err != nil {
		c.t.Fatal(err)
	}
	have := map[series]summary{}
	for _, a := range rows {
		if watched(a.Quantity.Name) {
			have[series{a.Station, a.Quantity.Name, a.Channel, a.Start}] = summaryOf(a.Quantity.Name, a.Count, a.Sum, a.Mean, a.Min, a.Max)
		}
	}
	return have
}

// summaryOf keeps what a quantity has: a count its sum, others mean, least and
// greatest.
func summaryOf(quantity string, count int, sum, mean, least, greatest float64) summary {
	if strings.HasPrefix(quantity, "vehicle_count") {
		return summary{count: count, sum: sum}
	}
	return summary{count: count, mean: mean, least: least, greatest: greatest}
}

// inFiles reads the CSV files of all days.
func (c *chaos) inFiles() map[series]summary {
	c.t.Helper()
	have := map[series]summary{}
	for _, e := range entriesOf(c.t, "http://"+c.http, chaosDataset) {
		if e.Window != "15m" || len(e.Period) != len(time.DateOnly) {
			continue
		}
		for _, f := range e.Files {
			if f.Format == "csv" {
				c.read15m(chaosDataset+"/"+f.Path, have)
			}
		}
	}
	return have
}

// read15m adds the windows in a CSV file.
func (c *chaos) read15m(file string, have map[series]summary) {
	c.t.Helper()
	status, _, body := get(c.t, "http://"+c.http+"/data/"+file)
	if status != 200 {
		c.t.Logf("%s answers %d", file, status) // it is being replaced
		return
	}
	lines, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil {
		c.t.Fatalf("%s: %v", file, err)
	}
	for _, line := range lines[1:] {
		at := func(name string) string {
			for i, column := range lines[0] {
				if column == name {
					return line[i]
				}
			}
			c.t.Fatalf("%s has no column %s: %v", file, name, lines[0])
			return ""
		}
		number := func(name string) float64 {
			if at(name) == "" {
				return 0
			}
			v, err := strconv.ParseFloat(at(name), 64)
			if err != nil {
				c.t.Fatalf("%s: %s: %v", file, name, err)
			}
			return v
		}
		start, err := time.Parse(time.RFC3339, at("start"))
		if err != nil {
			c.t.Fatalf("%s: %v", file, err)
		}
		if q := at("quantity"); watched(q) {
			have[series{at("station"), q, at("channel"), start.UTC()}] = summaryOf(q, int(number("count")), number("sum"), number("mean"), number("min"), number("max"))
		}
	}
}

// latest holds the last values against the newest window of each series.
func (c *chaos) latest(all map[series]summary) {
	c.t.Helper()
	newest := map[series]summary{}
	start := map[series]time.Time{} // of the newest window, by the series without one
	for key := range all {
		of := key
		of.start = time.Time{}
		if key.start.After(start[of]) {
			start[of] = key.start
		}
	}
	for of, at := range start {
		of.start = at
		newest[of] = all[of]
	}
	c.agree("latest.csv", newest, func() map[series]summary {
		have := map[series]summary{}
		c.read15m(chaosDataset+"/latest.csv", have)
		return have
	})
}
