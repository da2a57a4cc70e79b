package importer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"modellregion/devices"
	"modellregion/devices/codec"
	"modellregion/devices/codec/javascript"
)

// run runs the examples of all codecs and takes the devices off the report
// whose codec does not compile.
func (r *reader) run(ctx context.Context) error {
	for i, c := range r.report.Codecs {
		r.runCodec(ctx, c)
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("run examples: %w", err)
		}
		if r.opts.Progress != nil {
			r.opts.Progress(i+1, len(r.report.Codecs))
		}
	}
	r.report.Codecs = slices.DeleteFunc(r.report.Codecs, func(c *Codec) bool { return c.broken })
	r.report.Devices = slices.DeleteFunc(r.report.Devices, func(d Device) bool { return d.Codec.broken })
	slices.SortStableFunc(r.report.Faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return nil
}

// runCodec compiles the scripts of a codec and runs their examples.
func (r *reader) runCodec(ctx context.Context, c *Codec) {
	programs := make(map[string]*javascript.Program, len(c.scripts))
	for _, file := range slices.Sorted(maps.Keys(c.scripts)) {
		source := c.scripts[file]
		if file != c.Name { // it has commands alone, and the sandbox wants an uplink decoder
			source += "\nfunction decodeUplink() { return {errors: ['decodes no uplinks']}; }\n"
		}
		p, err := javascript.Compile(source)
		if err != nil {
			r.fault(file, err)
			c.broken = c.broken || file == c.Name
			continue
		}
		defer p.Close()
		programs[file] = p
	}
	if c.broken {
		return
	}
	for i := range c.examples {
		e := &c.examples[i]
		p := programs[e.script]
		if p == nil || ctx.Err() != nil {
			continue
		}
		if diffs := e.check(p); len(diffs) > 0 {
			c.Failures = append(c.Failures, Failure{
				File: place(e.file, e.line), Example: cmp.Or(e.name, "without a name"), Call: e.call, Diffs: diffs[:min(len(diffs), maxDiffs)],
			})
		} else {
			c.Passed++
		}
	}
	if err := c.explain(ctx); err != nil {
		r.fault(c.Name, err)
		c.broken = true
	}
}

// check runs an example in the sandbox and returns how it was missed.
func (e *example) check(p *javascript.Program) []Difference {
	out, down, err := e.do(p)
	if errors.Is(err, javascript.ErrTime) { // perhaps the machine was busy
		out, down, err = e.do(p)
	}
	stopped := errors.Is(err, javascript.ErrTime) || errors.Is(err, javascript.ErrMemory) || errors.Is(err, javascript.ErrStack)
	switch {
	case err != nil && e.want.fails && !stopped:
		return nil
	case err != nil && e.want.fails:
		return []Difference{{"", "the error " + err.Error(), "an error of its own"}}
	case err != nil:
		return []Difference{{"", "the error " + err.Error(), "a result"}}
	case e.want.fails && e.call == encodeDownlink:
		return []Difference{{"", fmt.Sprintf("bytes %v", down.Bytes), "an error"}}
	case e.want.fails:
		return []Difference{{"", show(out.Data), "an error"}}
	}
	return e.compare(out, down, p.Has("normalizeUplink"))
}

func (e *example) do(p *javascript.Program) (out javascript.Output, down javascript.Downlink, err error) {
	in := javascript.Input{Bytes: e.bytes, FPort: e.port, RecvTime: e.time, Variables: e.variables}
	switch e.call {
	case encodeDownlink:
		down, err = p.EncodeDownlink(e.data, e.variables)
		out.Warnings = down.Warnings
	case decodeDownlink:
		out, err = p.DecodeDownlink(in)
	default:
		out, err = p.DecodeUplink(in)
	}
	return out, down, err
}

func (e *example) compare(out javascript.Output, down javascript.Downlink, normalizes bool) (diffs []Difference) {
	if e.call == encodeDownlink {
		if !slices.Equal(down.Bytes, e.want.bytes) {
			diffs = append(diffs, Difference{"bytes", fmt.Sprintf("% x", down.Bytes), fmt.Sprintf("% x", e.want.bytes)})
		}
		if e.want.port >= 0 && int(down.FPort) != e.want.port {
			diffs = append(diffs, Difference{"fPort", fmt.Sprint(down.FPort), fmt.Sprint(e.want.port)})
		}
	}
	if e.want.hasData {
		diffs = compareOutput("data", out.Data, e.want.data, diffs)
	}
	if e.want.hasNormal {
		got, want := out.Normalized, e.want.normalized
		if _, ok := want.([]any); ok && got != nil { // one measurement stands for a list of it
			if _, ok := got.([]any); !ok {
				got = []any{got}
			}
		}
		diffs = compareOutput("normalized", got, want, diffs)
	}
	if e.want.hasWarning {
		got := out.Warnings
		if normalizes && e.call == decodeUplink { // its own warnings come after those of decodeUplink
			got = got[:min(len(got), len(e.want.warnings))]
		}
		if !slices.EqualFunc(got, e.want.warnings, sameText) {
			diffs = append(diffs, Difference{"warnings", fmt.Sprintf("%q", got), fmt.Sprintf("%q", e.want.warnings)})
		}
	}
	return diffs
}

func compareOutput(at string, got, want any, diffs []Difference) []Difference {
	got, err := plain(got)
	if err != nil {
		return append(diffs, Difference{at, "what " + err.Error(), show(want)})
	}
	return compare(at, got, want, diffs)
}

// sameText compares a message of the sandbox, which it cuts after 200 bytes.
func sameText(got, want string) bool {
	return got == want || len(got) > 196 && strings.HasPrefix(want, got)
}

// source is the script of the uplink decoder.
func (c *Codec) source() string { return c.scripts[c.Name] }

// explain finds out what the default mapping makes of the uplink examples.
func (c *Codec) explain(ctx context.Context) error {
	d, err := codec.Compile(devices.Codec{Kind: "javascript", Source: c.source()})
	if err != nil {
		return err
	}
	defer d.Close()
	quantities, unmapped := map[string]bool{}, map[string]bool{}
	for i := range c.examples {
		e := &c.examples[i]
		if e.call != decodeUplink || e.want.fails || ctx.Err() != nil {
			continue
		}
		out, err := codec.Explain(d, &codec.Input{Port: e.port, Payload: e.bytes, Time: e.time, Variables: e.variables})
		if err != nil {
			continue // it is among the failures
		}
		for _, reading := range out.Readings {
			quantities[reading.Quantity.Name] = true
		}
		fields, _ := Unmapped(out.Warnings)
		for _, field := range fields {
			unmapped[field] = true
		}
	}
	c.Quantities, c.Unmapped = slices.Sorted(maps.Keys(quantities)), slices.Sorted(maps.Keys(unmapped))
	return nil
}

// Unmapped takes the fields that no mapping takes out of the warnings of
// codec.Explain.
func Unmapped(warnings []string) (fields, others []string) {
	for _, w := range warnings {
		if field, ok := strings.CutSuffix(w, " is mapped to no quantity"); ok {
			fields = append(fields, field)
		} else {
			others = append(others, w)
		}
	}
	return fields, others
}
