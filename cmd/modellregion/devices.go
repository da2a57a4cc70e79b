package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"modellregion/devices/profiles"
	"modellregion/devices/registry"
)

type devicesCmd struct {
	Import devicesImportCmd `cmd:"" help:"Add or replace devices from a CSV file; a running platform takes them over within two seconds."`
	List   devicesListCmd   `cmd:"" help:"List the devices, without their keys."`
}

type devicesImportCmd struct {
	Config string `required:"" short:"c" help:"The region's configuration." type:"path"`
	DryRun bool   `help:"Check the file and change nothing."`
	File   string `arg:"" help:"CSV with a heading: dev_eui, join_eui, name, station, municipality, profile, edge, lat, lon, visibility, app_key (or dev_addr, nwk_s_key, app_s_key)." type:"path"`
}

// Run imports all devices of the file or none.
func (c devicesImportCmd) Run(ctx context.Context, t *terminal) (err error) {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	known, err := profiles.Shipped()
	if err != nil {
		return err
	}
	f, err := os.Open(c.File)
	if err != nil {
		return fmt.Errorf("open device list: %w", err)
	}
	list, err := registry.ReadCSV(f, known)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("device list %s:\n%w", c.File, err)
	}
	var errs []error
	for _, d := range list {
		if !cfg.hasMunicipality(d.Municipality) {
			errs = append(errs, fmt.Errorf("device %s: municipality %q is not in %s", d.EUI, d.Municipality, c.Config))
		}
		if !cfg.hasEdge(d.Edge) {
			errs = append(errs, fmt.Errorf("device %s: edge %q is not in %s", d.EUI, d.Edge, c.Config))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("device list %s:\n%w", c.File, err)
	}
	if c.DryRun {
		fmt.Fprintf(t.out, "%d devices are good; nothing was changed\n", len(list))
		return nil
	}
	r, err := registry.Open(ctx, filepath.Join(cfg.DataDir, "registry.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := r.Put(ctx, list); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "%d devices imported\n", len(list))
	return nil
}

func (c *config) hasMunicipality(id string) bool {
	for _, m := range c.Region.Municipalities {
		if m.ID == id {
			return true
		}
	}
	return false
}

func (c *config) hasEdge(name string) bool {
	for _, e := range c.Edges {
		if e.Name == name {
			return true
		}
	}
	return false
}

type devicesListCmd struct {
	Config string `required:"" short:"c" help:"The region's configuration." type:"path"`
	JSON   bool   `help:"Print JSON."`
}

// Run prints a line for each device.
func (c devicesListCmd) Run(ctx context.Context, t *terminal) (err error) {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	r, err := registry.Open(ctx, filepath.Join(cfg.DataDir, "registry.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	list, _, err := r.List(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		type row struct {
			DevEUI       string  `json:"dev_eui"`
			Name         string  `json:"name"`
			Station      string  `json:"station"`
			Municipality string  `json:"municipality"`
			Domain       string  `json:"domain"`
			Profile      string  `json:"profile"`
			Edge         string  `json:"edge"`
			Visibility   string  `json:"visibility"`
			Lat          float64 `json:"lat"`
			Lon          float64 `json:"lon"`
		}
		rows := make([]row, 0, len(list))
		for _, d := range list {
			rows = append(rows, row{d.EUI.String(), d.Name, d.Station, d.Municipality, string(d.Domain), d.Profile, d.Edge, string(d.Visibility), d.Place.Lat, d.Place.Lon})
		}
		enc := json.NewEncoder(t.out)
		enc.SetIndent("", "  ")
		return enc.Encode(rows)
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.ToUpper("dev_eui\tstation\tmunicipality\tdomain\tprofile\tedge\tvisibility\tname"))
	for _, d := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", d.EUI, d.Station, d.Municipality, d.Domain, d.Profile, d.Edge, d.Visibility, d.Name)
	}
	return w.Flush()
}
