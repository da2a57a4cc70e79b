//go:build !ingestonly

package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"modellregion/devices"
)

type profilesShowCmd struct {
	optionalConfig
	JSON   bool   `help:"Print JSON."`
	Source bool   `help:"Print the codec's source too."`
	ID     string `arg:"" name:"profile" help:"The profile: its id, or its YAML file."`
}

// Run prints everything that a profile says.
func (c profilesShowCmd) Run(ctx context.Context, t *terminal) error {
	p, examples, err := c.profile(ctx, c.ID)
	if err != nil {
		return err
	}
	if c.JSON {
		type codecJSON struct {
			Kind   string            `json:"kind"`
			Source string            `json:"source,omitempty"`
			Map    []devices.Mapping `json:"map,omitempty"`
		}
		return printJSON(t, map[string]any{
			"id": p.ID, "name": p.Name, "vendor": p.Vendor, "source": p.Source, "domain": p.Domain, "interval_s": p.Interval.Seconds(),
			"lorawan_version": p.LoRaWAN.Version, "class": p.LoRaWAN.Class, "codec": codecJSON{p.Codec.Kind, p.Codec.Source, p.Codec.Map}, "examples": len(examples),
		})
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	for _, line := range [][2]string{
		{"id", p.ID}, {"name", p.Name}, {"vendor", p.Vendor}, {"source", p.Source}, {"domain", string(p.Domain)}, {"interval", p.Interval.String()},
		{"LoRaWAN", p.LoRaWAN.Version + ", class " + p.LoRaWAN.Class},
		{"codec", fmt.Sprintf("%s, %d bytes, %d mappings, %d examples", p.Codec.Kind, len(p.Codec.Source), len(p.Codec.Map), len(examples))},
	} {
		fmt.Fprintf(w, "%s\t%s\n", line[0], line[1])
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(p.Codec.Map) > 0 {
		fmt.Fprintln(t.out)
		w = tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "FIELD\tQUANTITY\tCHANNEL\tUNIT")
		for _, m := range p.Codec.Map {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", m.Path, m.Quantity, m.Channel, m.Unit)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if c.Source && p.Codec.Source != "" {
		fmt.Fprintf(t.out, "\n%s\n", strings.TrimSuffix(p.Codec.Source, "\n"))
	}
	return nil
}
