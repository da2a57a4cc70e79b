package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"modellregion/bench/measure"
	"modellregion/devices"
	"modellregion/opendata"
)

// stepCmd measures one step of the aggregator after each of several windows.
type stepCmd struct {
	Devices int           `default:"100000" help:"Devices, each with four values in a window."`
	Windows int           `default:"3" help:"Windows of 15 minutes, one after the other."`
	Late    bool          `help:"Of hours that are over, so that each step computes the hour too."`
	Files   bool          `default:"true" negatable:"" help:"Write files too."`
	Profile string        `help:"Write a CPU profile of the aggregator to this file." type:"path"`
	Within  time.Duration `default:"30m" help:"Give up after this time."`
}

// Run measures and prints.
func (c *stepCmd) Run(ctx context.Context, out io.Writer) (err error) {
	ctx, cancel := context.WithTimeout(ctx, c.Within)
	defer cancel()
	r, err := open(ctx, c.Devices, c.Files)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.client.SetCursor(ctx, time.Now()); err != nil { // history is not the matter
		return err
	}
	stop, err := measure.Profile(c.Profile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	// The windows are of one day and one state of their hours, so that nothing
	// but their number differs. An hour that has not begun is never over.
	first := time.Now().Truncate(time.Hour).Add(time.Hour)
	if c.Late {
		first = first.Add(-4 * time.Hour)
	}
	var table measure.Table
	for i := range c.Windows {
		start := first.Add(time.Duration(i) * interval)
		if _, err := r.fill(ctx, start, start.Add(interval)); err != nil {
			return err
		}
		column := fmt.Sprintf("window %d", i+1)
		if err := c.measure(ctx, r, func(row string, v float64) { table.Add(column, row, v) }); err != nil {
			return fmt.Errorf("%s: %w", column, err)
		}
	}
	// Not earlier: it takes more memory than what is measured.
	span := devices.Span{Start: first, End: first.Add(time.Duration(c.Windows) * interval)}
	if err := r.check(ctx, opendata.Quarter, span, c.Windows*c.Devices*len(reported)); err != nil {
		return err
	}
	return table.Print(out)
}

func (c *stepCmd) measure(ctx context.Context, r *region, add func(row string, v float64)) error {
	self, err := measure.ReadUsage(os.Getpid())
	if err != nil {
		return err
	}
	server, err := r.database.Usage()
	if err != nil {
		return err
	}
	r.public.took = 0
	bytes := r.public.written()
	began := time.Now()
	if err := r.Step(ctx); err != nil {
		return err
	}
	add("step, s", time.Since(began).Seconds())
	add("of it files, s", r.public.took.Seconds())
	// Files that take long are not written each time: this tells.
	add("files, MB", float64(r.public.written()-bytes)/1e6)
	selfNow, err := measure.ReadUsage(os.Getpid())
	if err != nil {
		return err
	}
	serverNow, err := r.database.Usage()
	if err != nil {
		return err
	}
	add("CPU of the aggregator, s", (selfNow.CPU - self.CPU).Seconds())
	add("CPU of InfluxDB, s", (serverNow.CPU - server.CPU).Seconds())
	add("peak memory of the aggregator, MB", measure.MB(selfNow.Peak))
	add("peak memory of InfluxDB, MB", measure.MB(serverNow.Peak))
	return nil
}

// check wants so many rows of a window length in a span.
func (r *region) check(ctx context.Context, w opendata.Window, span devices.Span, want int) error {
	rows, err := r.client.Windows(ctx, r.datasets[0].ID, time.Duration(w), span, "")
	if err != nil {
		return err
	}
	if len(rows) != want {
		return fmt.Errorf("%d windows of %s, want %d", len(rows), w, want)
	}
	return nil
}
