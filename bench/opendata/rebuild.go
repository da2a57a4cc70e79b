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

// rebuildCmd measures how fast history is computed anew.
type rebuildCmd struct {
	Devices int           `default:"1000" help:"Devices, each with four values in 15 minutes."`
	Days    int           `default:"30" help:"Days of them."`
	Files   bool          `default:"true" negatable:"" help:"Write files too."`
	Profile string        `help:"Write a CPU profile of the aggregator to this file." type:"path"`
	Within  time.Duration `default:"30m" help:"Give up after this time."`
}

// Run measures and prints.
func (c *rebuildCmd) Run(ctx context.Context, out io.Writer) (err error) {
	ctx, cancel := context.WithTimeout(ctx, c.Within)
	defer cancel()
	r, err := open(ctx, c.Devices, c.Files)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	end := opendata.Day24.Begin(time.Now().Add(-24 * time.Hour))
	span := devices.Span{Start: opendata.Day24.Begin(end.AddDate(0, 0, -c.Days).Add(12 * time.Hour)), End: end}
	reports, err := r.fill(ctx, span.Start, span.End)
	if err != nil {
		return err
	}
	server, err := r.database.Usage()
	if err != nil {
		return err
	}
	stop, err := measure.Profile(c.Profile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	began, last := time.Now(), 0
	if err := r.Rebuild(ctx, span, func(done, total int) { last = total }); err != nil {
		return err
	}
	took := time.Since(began)
	self, err := measure.ReadUsage(os.Getpid())
	if err != nil {
		return err
	}
	serverNow, err := r.database.Usage()
	if err != nil {
		return err
	}
	windows := 0
	for _, w := range r.datasets[0].Windows {
		for begin := w.Begin(span.Start); begin.Before(span.End); begin = w.End(begin) {
			windows += c.Devices * len(reported)
		}
	}
	var table measure.Table
	add := func(row string, v float64) { table.Add(fmt.Sprintf("%d days", last), row, v) }
	add("rebuild, s", took.Seconds())
	add("of it files, s", r.public.took.Seconds())
	add("readings", float64(reports*len(reported)))
	add("readings/s", float64(reports*len(reported))/took.Seconds())
	add("windows/s", float64(windows)/took.Seconds())
	add("CPU of the aggregator, s", self.CPU.Seconds())
	add("CPU of InfluxDB, s", (serverNow.CPU - server.CPU).Seconds())
	add("peak memory of the aggregator, MB", measure.MB(self.Peak))
	if err := r.check(ctx, opendata.Day24, span, last*c.Devices*len(reported)); err != nil {
		return err
	}
	return table.Print(out)
}
