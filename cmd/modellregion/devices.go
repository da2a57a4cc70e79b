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

	"modellregion/devices"
	"modellregion/devices/profiles"
	"modellregion/devices/registry"
	"modellregion/uplink"
)

type devicesCmd struct {
	Import      devicesImportCmd      `cmd:"" help:"Add or replace devices from a CSV file; a running platform takes them over within two seconds."`
	List        devicesListCmd        `cmd:"" help:"List the devices, without their keys."`
	Send        devicesSendCmd        `cmd:"" help:"Send a command to a device and say what becomes of it."`
	FlushNonces devicesFlushNoncesCmd `cmd:"" help:"Let a device join again that forgot which DevNonces it has used."`
}

type devicesImportCmd struct {
	Config string `required:"" short:"c" help:"The region's configuration." type:"path"`
	DryRun bool   `help:"Check the file and change nothing."`
	File   string `arg:"" help:"CSV with a heading: dev_eui, join_eui, name, station, municipality, profile, edge, lat, lon, visibility, app_key (or dev_addr, nwk_s_key, app_s_key); for LoRaWAN 1.1 also nwk_key (or s_nwk_s_int_key, nwk_s_enc_key); reset_f_cnt." type:"path"`
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

type devicesFlushNoncesCmd struct {
	Config string     `required:"" short:"c" help:"The region's configuration." type:"path"`
	DevEUI uplink.EUI `arg:"" name:"dev-eui" help:"The device, like 70b3d57ed005f1a0."`
}

// Help teaches when the command is needed and what it costs.
func (devicesFlushNoncesCmd) Help() string {
	return `Every join request carries a DevNonce that must not have been used before, so that nobody can record one and play it again.
A device that lost its memory, with its battery or by a new firmware, begins with old ones: the edge drops its joins and counts them under "dev_nonce".

This command lets the edge forget the DevNonces of this one device. The price: each join request that somebody has recorded is taken once more and may end the device's session. Use it for a device that needs it, and do not make it a habit.`
}

// Run raises the device's count in the registry; its edge does the rest.
func (c devicesFlushNoncesCmd) Run(ctx context.Context, t *terminal) (err error) {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	d, err := findDevice(ctx, cfg, c.DevEUI)
	if err != nil {
		return err
	}
	if !d.Keys.OTAA() {
		return fmt.Errorf("device %s does not join (ABP) and has no DevNonces: when it is its frame counter that begins anew, import it with reset_f_cnt", d.EUI)
	}
	r, err := registry.Open(ctx, filepath.Join(cfg.DataDir, "registry.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := r.FlushNonces(ctx, d.EUI); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "edge %s forgets the DevNonces of device %s; a running platform tells it within two seconds\n", d.Edge, d.EUI)
	return nil
}

// findDevice looks a device up in the registry of the data folder.
func findDevice(ctx context.Context, cfg config, eui uplink.EUI) (d devices.Device, err error) {
	r, err := registry.Open(ctx, filepath.Join(cfg.DataDir, "registry.db"))
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return r.Device(ctx, eui)
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
