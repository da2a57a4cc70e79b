//go:build !ingestonly

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"modellregion/devices"
	"modellregion/devices/registry"
)

type devicesImportCmd struct {
	withConfig
	Format      string            `help:"Format of the file: csv, json (as exported), chirpstack or tts; auto finds out." enum:"auto,csv,json,chirpstack,tts" default:"auto"`
	DryRun      bool              `help:"Say what would be added and changed, and change nothing."`
	Map         map[string]string `help:"CSV: which heading of the file is which column of ours: name=Bezeichnung; may be repeated." placeholder:"COLUMN=HEADING"`
	Ignore      []string          `help:"CSV: a heading of no interest; may be repeated." placeholder:"HEADING" sep:"none"`
	Default     map[string]string `help:"What new devices have in a column that the file leaves empty: edge=rathaus; may be repeated." placeholder:"COLUMN=VALUE"`
	ProfileName map[string]string `help:"Which profile of ours is meant by a name in the file: 'EM300-TH=milesight-em300-th'; may be repeated." placeholder:"THEIRS=ID"`
	JSON        bool              `help:"Print JSON."`
	File        string            `arg:"" help:"The file: CSV with a heading, JSON, or what ChirpStack or The Things Stack export; - is the standard input."`
}

// Help teaches columns, formats and what happens to devices that are known.
func (devicesImportCmd) Help() string {
	return `CSV has a heading line with these columns, in any order, separated by comma, semicolon or tab:

  dev_eui, profile, municipality, edge, lat, lon   which model, where (degrees, also 51,7189), served by whom
  name, station, visibility                        without: named by the profile, next free number, internal
  app_key                                          a device that joins; with LoRaWAN 1.1 also nwk_key
  dev_addr, nwk_s_key, app_s_key                   a device with a session (ABP); 1.1: also s_nwk_s_int_key, nwk_s_enc_key
  district, road, segment                          for datasets by district and by road; the line on the map
  connection, group                                the meter of a household: pseudonym of the connection user, group it is published in
  join_eui, owner, disabled, variables, reset_f_cnt

Headings that do not fit are shown with the --map to use. All mistakes of a file are shown at once, and nothing is imported while there is one.
A device that is known keeps what the file has no column for; so an exported list without keys and connections can be changed and imported again.

  modellregion devices import -c region.yaml --dry-run devices.csv
  modellregion devices import -c region.yaml --map name=Bezeichnung --default municipality=soest list.csv
  ttn-lw-cli end-devices export APP --root-keys | modellregion devices import -c region.yaml --profile-name brand/model=ID -

From ChirpStack: the result of GET /api/devices with nwkKey or appKey beside each (GET /api/devices/{devEui}/keys), as JSON or CSV. Tags and attributes called like our columns (municipality, station, district, road, edge, lat, lon, connection, group, ...) are taken.
A running platform takes the devices over within two seconds.`
}

// Run imports all devices of the file or none.
func (c devicesImportCmd) Run(ctx context.Context, t *terminal) error {
	for column := range c.Default {
		if !slices.Contains(registry.Columns, column) || registry.IsHidden(column) || column == "dev_eui" {
			return fmt.Errorf("--default %s: want a column like edge, municipality, profile or visibility", column)
		}
	}
	return c.withStore(ctx, func(s store) error {
		b, err := s.builder(ctx)
		if err != nil {
			return err
		}
		maps.Copy(b.Defaults, c.Default)
		b.ProfileNames = c.ProfileName
		records, err := c.read(slices.Sorted(maps.Keys(b.Defaults)))
		if err != nil {
			return fmt.Errorf("device list %s: %w", c.File, err)
		}
		s.drawKeys(b, records)
		list, err := b.Build(records)
		if err != nil {
			return fmt.Errorf("device list %s:\n%w", c.File, err)
		}
		added, changed, unchanged := registry.Diff(b.Known, list)
		if !c.DryRun && len(added)+len(changed) > 0 {
			if err := s.Put(ctx, slices.Concat(added, changed)); err != nil {
				return err
			}
		}
		return c.tell(t, added, changed, unchanged)
	})
}

func (c devicesImportCmd) read(given []string) (_ []registry.Record, err error) {
	in := os.Stdin
	if c.File != "-" {
		if in, err = os.Open(c.File); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, in.Close()) }()
	}
	return registry.Read(in, c.Format, registry.CSVOptions{Map: c.Map, Ignore: c.Ignore, Given: given})
}

func (c devicesImportCmd) tell(t *terminal, added, changed []devices.Device, unchanged int) error {
	if c.JSON {
		euis := func(list []devices.Device) []string {
			out := make([]string, 0, len(list))
			for _, d := range list {
				out = append(out, d.EUI.String())
			}
			return out
		}
		return printJSON(t, map[string]any{"dry_run": c.DryRun, "added": euis(added), "changed": euis(changed), "unchanged": unchanged})
	}
	if c.DryRun {
		for what, list := range map[string][]devices.Device{"add": added, "change": changed} {
			for _, d := range list {
				fmt.Fprintf(t.out, "would %s %s  %s  %s\n", what, d.EUI, d.Station, d.Name)
			}
		}
		fmt.Fprintf(t.out, "%d devices are good: %d to add, %d to change, %d unchanged; nothing was changed\n", len(added)+len(changed)+unchanged, len(added), len(changed), unchanged)
		return nil
	}
	fmt.Fprintf(t.out, "%d devices imported: %d added, %d changed, %d unchanged\n", len(added)+len(changed)+unchanged, len(added), len(changed), unchanged)
	return nil
}

type devicesExportCmd struct {
	withConfig
	Format string `help:"csv or json." enum:"csv,json" default:"csv"`
	JSON   bool   `help:"The same as --format json."`
	Keys   bool   `help:"With the keys, in the clear, and the connection users of household meters: keep the file as you keep them."`
	Output string `short:"o" help:"File to write, readable by its owner alone. Default: the standard output." type:"path"`
}

// Help says what it is for.
func (devicesExportCmd) Help() string {
	return `What it writes, devices import reads. Without --keys it holds neither keys nor connection users, who are persons, and can be edited in a spreadsheet and imported again: devices keep those they have.

For a backup with everything use devices backup, which needs no --keys and keeps wrapped keys wrapped.`
}

// Run writes all devices.
func (c devicesExportCmd) Run(ctx context.Context, t *terminal) error {
	return c.withStore(ctx, func(s store) error {
		list, _, err := s.List(ctx)
		if err != nil {
			return err
		}
		var out strings.Builder
		if c.JSON || c.Format == "json" {
			err = registry.WriteJSON(&out, list, c.Keys)
		} else {
			err = registry.WriteCSV(&out, list, c.Keys)
		}
		if err != nil {
			return fmt.Errorf("export devices: %w", err)
		}
		if c.Output == "" {
			_, err := fmt.Fprint(t.out, out.String())
			return err
		}
		if err := os.WriteFile(c.Output, []byte(out.String()), 0o600); err != nil {
			return fmt.Errorf("export devices: %w", err)
		}
		return nil
	})
}
