//go:build !ingestonly

package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"

	"modellregion/devices"
	"modellregion/devices/codec"
	"modellregion/devices/profiles/importer"
)

type devicesCodecCmd struct {
	Test  codecTestCmd  `cmd:"" help:"Decode a payload as an edge would, and show what becomes of it."`
	Bench codecBenchCmd `cmd:"" help:"Measure how many payloads a codec decodes in a second."`
}

// codecProfile names the profile whose codec is meant.
type codecProfile struct {
	optionalConfig
	Profile string            `arg:"" help:"The profile: its id, or its YAML file."`
	Time    string            `help:"When the uplink was received, like 2026-11-24T12:00:00Z. Default: now."`
	Var     map[string]string `help:"A variable of the device; may be repeated." placeholder:"NAME=VALUE" mapsep:"none"`
}

// input checks the flags.
func (c codecProfile) input(port int, digits string) (*codec.Input, error) {
	in := &codec.Input{Time: time.Now().UTC().Truncate(time.Millisecond), Variables: c.Var}
	if port < 1 || port > 223 {
		return nil, fmt.Errorf("--port %d: want 1 to 223", port)
	}
	in.Port = uint8(port)
	var err error
	if in.Payload, err = hex.DecodeString(strings.NewReplacer(" ", "", "0x", "", "0X", "", ",", "", ":", "").Replace(digits)); err != nil {
		return nil, fmt.Errorf("--hex %.60q: want an even number of hexadecimal digits like 0a0bff", digits)
	}
	if len(in.Payload) > 242 {
		return nil, fmt.Errorf("--hex: %d bytes, want at most 242, as LoRaWAN has", len(in.Payload))
	}
	if c.Time != "" {
		if in.Time, err = time.Parse(time.RFC3339, c.Time); err != nil {
			return nil, fmt.Errorf("--time %.60q: want one like 2026-11-24T12:00:00Z", c.Time)
		}
		in.Time = in.Time.UTC()
	}
	return in, nil
}

type codecTestCmd struct {
	codecProfile
	Port int    `required:"" help:"The port of the uplink (FPort), 1 to 223."`
	Hex  string `required:"" help:"The payload, as hexadecimal digits like 0a0bff."`
	JSON bool   `help:"Print JSON."`
}

// Help says what is shown.
func (codecTestCmd) Help() string {
	return `Shows what the codec said, the quantities that became of it with value, unit and channel, its warnings, the fields that no mapping takes, and the time that it took:

  modellregion devices codec test milesight-em300-th --port 85 --hex 0367ee00
  modellregion devices codec test own/profile.yaml --port 2 --hex 0a0b --var offset=1.5

Nothing is stored. The codec runs in the same sandbox and with the same limits as on an edge.`
}

// Run decodes one payload.
func (c codecTestCmd) Run(ctx context.Context, t *terminal) error {
	in, err := c.input(c.Port, c.Hex)
	if err != nil {
		return err
	}
	p, _, err := c.profile(ctx, c.Profile)
	if err != nil {
		return err
	}
	d, err := codec.Compile(p.Codec)
	if err != nil {
		return err
	}
	defer d.Close()
	v := verdict{profile: p, in: in}
	v.out, v.err = codec.Explain(d, in) // which is slower, and the first call is
	var again codec.Output
	began := time.Now()
	_ = d.Decode(in, &again) // the same error
	v.took = time.Since(began)
	v.unmapped, v.warnings = importer.Unmapped(v.out.Warnings)
	if c.JSON {
		if err := printJSON(t, v.json()); err != nil || v.err == nil {
			return err
		}
		return exitCode(1)
	}
	if err := v.print(t); err != nil {
		return err
	}
	if v.err != nil {
		return fmt.Errorf("the codec of %s: %w", p.ID, v.err)
	}
	return nil
}

// verdict is what became of a payload.
type verdict struct {
	profile            devices.Profile
	in                 *codec.Input
	out                codec.Output
	unmapped, warnings []string
	took               time.Duration
	err                error
}

func (v *verdict) print(t *terminal) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "profile\t%s (%s)\n", v.profile.ID, v.profile.Codec.Kind)
	fmt.Fprintf(w, "payload\tport %d, %d bytes, %x\n", v.in.Port, len(v.in.Payload), v.in.Payload)
	fmt.Fprintf(w, "received\t%s\n", v.in.Time.Format(time.RFC3339))
	fmt.Fprintf(w, "took\t%v\n", v.took.Round(100*time.Nanosecond))
	_ = w.Flush() // into memory
	if v.out.Fields != nil {
		fields, err := json.MarshalIndent(v.out.Fields, "  ", "  ")
		if err != nil {
			return fmt.Errorf("show fields: %w", err)
		}
		fmt.Fprintf(&b, "\nThe codec said:\n  %s\n", fields)
	}
	v.printReadings(&b)
	for _, part := range []struct {
		head  string
		lines []string
	}{{"Warnings", v.warnings}, {"Fields that are no quantity yet (write a map for them)", v.unmapped}} {
		if len(part.lines) > 0 {
			fmt.Fprintf(&b, "\n%s:\n  %s\n", part.head, strings.Join(part.lines, "\n  "))
		}
	}
	_, err := fmt.Fprint(t.out, onScreen(b.String()))
	return err
}

func (v *verdict) printReadings(b *strings.Builder) {
	if v.err != nil {
		return
	}
	if len(v.out.Readings) == 0 {
		b.WriteString("\nNo quantity came of it.\n")
		return
	}
	b.WriteByte('\n')
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "QUANTITY\tCHANNEL\tVALUE\tUNIT\tNOTE")
	for _, r := range v.out.Readings {
		note := ""
		switch {
		case !r.Quantity.Valid(r.Value) && r.Quantity.Kind != devices.Category:
			note = fmt.Sprintf("not stored: outside %v to %v", r.Quantity.Min, r.Quantity.Max)
		case !r.Quantity.Valid(r.Value):
			note = "not stored: no code of this quantity"
		case r.Quantity.Kind == devices.Category:
			note = r.Quantity.Text(r.Value)
		case r.Quantity.Domain != v.profile.Domain && r.Quantity.Domain != devices.Health:
			note = "of domain " + string(r.Quantity.Domain)
		}
		fmt.Fprintf(w, "%s\t%s\t%v\t%s\t%s\n", r.Quantity.Name, r.Channel, r.Value, r.Quantity.Symbol(), note)
	}
	_ = w.Flush() // into memory
}

func (v *verdict) json() any {
	type reading struct {
		Quantity string  `json:"quantity"`
		Channel  string  `json:"channel,omitempty"`
		Value    float64 `json:"value"`
		Unit     string  `json:"unit"`
		Text     string  `json:"text,omitempty"`
		Valid    bool    `json:"valid"`
	}
	out := struct {
		Profile  string    `json:"profile"`
		Kind     string    `json:"kind"`
		Port     uint8     `json:"port"`
		Hex      string    `json:"hex"`
		Time     time.Time `json:"time"`
		Fields   any       `json:"fields"`
		Readings []reading `json:"readings"`
		Warnings []string  `json:"warnings"`
		Unmapped []string  `json:"unmapped"`
		Error    string    `json:"error,omitempty"`
		TookUS   float64   `json:"took_us"`
	}{
		v.profile.ID, v.profile.Codec.Kind, v.in.Port, hex.EncodeToString(v.in.Payload), v.in.Time, v.out.Fields,
		[]reading{}, nonNil(v.warnings), nonNil(v.unmapped), "", float64(v.took.Nanoseconds()) / 1e3,
	}
	if v.err != nil {
		out.Error = v.err.Error()
		return out
	}
	for _, r := range v.out.Readings {
		out.Readings = append(out.Readings, reading{r.Quantity.Name, r.Channel, r.Value, r.Quantity.Unit, r.Quantity.Text(r.Value), r.Quantity.Valid(r.Value)})
	}
	return out
}

// trailing are the gaps that a table leaves at the end of a line.
var trailing = regexp.MustCompile(`(?m) +$`)

// onScreen keeps what a codec says from steering the terminal.
func onScreen(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' && c != '\n' || c >= 0x7f && c < 0xa0 {
			return '?'
		}
		return c
	}, trailing.ReplaceAllString(s, ""))
}
