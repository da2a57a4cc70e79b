//go:build !ingestonly

package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"modellregion/devices"
	"modellregion/devices/codec"
)

type codecBenchCmd struct {
	codecProfile
	Port    int     `help:"The port of the uplink, with --hex."`
	Hex     string  `help:"The payload. Default: the examples of the profile, in turn."`
	Seconds float64 `help:"How long to measure." default:"2"`
	JSON    bool    `help:"Print JSON."`
}

// Help says what the figures are.
func (codecBenchCmd) Help() string {
	return `Decodes round and round on one goroutine, as one worker of an edge does. An edge that has two cores decodes about twice as many.

The memory is what one decoded payload allocates, and what the process grew by when it loaded the codec.`
}

// Run measures one codec.
func (c codecBenchCmd) Run(ctx context.Context, t *terminal) error {
	if c.Seconds <= 0 || c.Seconds > 3600 {
		return fmt.Errorf("--seconds %v: want more than 0 and at most 3600", c.Seconds)
	}
	inputs, p, err := c.inputs(ctx)
	if err != nil {
		return err
	}
	before := resident()
	d, err := codec.Compile(p.Codec)
	if err != nil {
		return err
	}
	defer d.Close()
	var out codec.Output
	readings := 0
	for i := range inputs { // once round, so that all is loaded
		if err := d.Decode(inputs[i], &out); err != nil {
			return fmt.Errorf("the codec of %s, payload %x: %w", p.ID, inputs[i].Payload, err)
		}
		readings += len(out.Readings)
	}
	loaded := resident() - before
	m, err := measure(ctx, d, inputs, time.Duration(c.Seconds*float64(time.Second)))
	if err != nil {
		return err
	}
	m.Profile, m.Kind, m.Payloads, m.Readings, m.LoadedBytes = p.ID, p.Codec.Kind, len(inputs), float64(readings)/float64(len(inputs)), max(0, loaded)
	if c.JSON {
		return printJSON(t, m)
	}
	_, err = fmt.Fprintf(t.out, `profile   %s (%s)
payloads  %d, with %.1f readings on average
speed     %.0f decodes/s, %.2f µs each, on one goroutine
memory    %.0f bytes in %.1f allocations a decode; %d KiB to load the codec
`, m.Profile, m.Kind, m.Payloads, m.Readings, m.PerSecond, m.Micros, m.Bytes, m.Allocations, m.LoadedBytes>>10)
	return err
}

// inputs are the payload of the flags or those of the profile's examples.
func (c codecBenchCmd) inputs(ctx context.Context) (list []*codec.Input, p devices.Profile, err error) {
	prof, examples, err := c.profile(ctx, c.Profile)
	if err != nil {
		return nil, p, err
	}
	if c.Hex != "" || c.Port != 0 {
		in, err := c.input(c.Port, c.Hex)
		return []*codec.Input{in}, prof, err
	}
	base, err := c.input(1, "")
	if err != nil {
		return nil, p, err
	}
	for _, e := range examples {
		if e.Err != "" {
			continue
		}
		in := *base
		in.Port, in.Payload = e.Port, e.Payload
		if len(e.Variables) > 0 {
			in.Variables = e.Variables
		}
		list = append(list, &in)
	}
	if len(list) == 0 {
		return nil, p, fmt.Errorf("profile %s has no examples here: give --port and --hex", prof.ID)
	}
	return list, prof, nil
}

// measurement is the speed of a codec.
type measurement struct {
	Profile     string  `json:"profile"`
	Kind        string  `json:"kind"`
	Payloads    int     `json:"payloads"`
	Readings    float64 `json:"readings_per_decode"`
	Decodes     int     `json:"decodes"`
	PerSecond   float64 `json:"decodes_per_second"`
	Micros      float64 `json:"us_per_decode"`
	Bytes       float64 `json:"bytes_per_decode"`
	Allocations float64 `json:"allocations_per_decode"`
	LoadedBytes int64   `json:"loaded_bytes"`
}

// measure decodes until the time is over. Looking at the clock takes as long
// as a layout, so it looks after every round of a thousand, or of ten for a
// codec that is not fast.
func measure(ctx context.Context, d codec.Decoder, inputs []*codec.Input, length time.Duration) (measurement, error) {
	round := 10
	if d.Fast() {
		round = 1000
	}
	var m measurement
	var out codec.Output
	var from, to runtime.MemStats
	runtime.ReadMemStats(&from)
	began := time.Now()
	took := time.Duration(0)
	for took < length {
		for range round {
			if err := d.Decode(inputs[m.Decodes%len(inputs)], &out); err != nil {
				return m, fmt.Errorf("decode for the %dth time: %w", m.Decodes+1, err)
			}
			m.Decodes++
		}
		if err := ctx.Err(); err != nil {
			return m, fmt.Errorf("measure: %w", err)
		}
		took = time.Since(began)
	}
	runtime.ReadMemStats(&to)
	n := float64(m.Decodes)
	m.PerSecond, m.Micros = n/took.Seconds(), took.Seconds()*1e6/n
	m.Bytes, m.Allocations = float64(to.TotalAlloc-from.TotalAlloc)/n, float64(to.Mallocs-from.Mallocs)/n
	return m, nil
}

// resident is the memory of the process in bytes, as Linux counts it; 0 where
// there is no Linux.
func resident() int64 {
	data, err := os.ReadFile("/proc/self/statm")
	fields := strings.Fields(string(data))
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
