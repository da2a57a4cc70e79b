//go:build !ingestonly

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"modellregion/devices"
	"modellregion/devices/registry"
	"modellregion/uplink"
)

type devicesCmd struct {
	Add         devicesAddCmd         `cmd:"" help:"Add a device, from its QR code or by flags; a running platform takes it over within two seconds."`
	Show        devicesShowCmd        `cmd:"" help:"Show everything known of a device, without its keys and whose meter it is."`
	List        devicesListCmd        `cmd:"" help:"List the devices, or find some, without their keys."`
	Edit        devicesEditCmd        `cmd:"" help:"Change what is known of a device."`
	Remove      devicesRemoveCmd      `cmd:"" help:"Forget a device and its keys."`
	Enable      devicesEnableCmd      `cmd:"" help:"Serve a device that was disabled."`
	Disable     devicesDisableCmd     `cmd:"" help:"Neither serve nor publish a device, and keep it."`
	Import      devicesImportCmd      `cmd:"" help:"Add or change devices from a file: CSV, JSON, ChirpStack or The Things Stack."`
	Export      devicesExportCmd      `cmd:"" help:"Write the devices as CSV or JSON, which import reads."`
	FlushNonces devicesFlushNoncesCmd `cmd:"" help:"Let a device join again that forgot which DevNonces it has used."`
	Send        devicesSendCmd        `cmd:"" help:"Send a command to a device and say what becomes of it."`
	Profiles    devicesProfilesCmd    `cmd:"" help:"The device profiles: what all devices of a model have in common."`
	Codec       devicesCodecCmd       `cmd:"" help:"Try out and measure codecs."`
	Backup      devicesBackupCmd      `cmd:"" help:"Write a copy of the registry while the platform runs."`
	Check       devicesCheckCmd       `cmd:"" help:"Check the registry's file and everything in it."`
	WrapKeys    devicesWrapKeysCmd    `cmd:"" help:"Wrap the devices' keys with the key-encryption key."`
}

func (c *config) hasMunicipality(id string) bool {
	for _, m := range c.Region.Municipalities {
		if m.ID == id {
			return true
		}
	}
	return false
}

// serverNames are the names of edges and sources: what a device can have as its
// edge.
func (s store) serverNames() []string {
	return slices.Concat(s.roster.names, sourceNames(&s.cfg))
}

func (c *config) hasEdge(name string) bool { return slices.Contains(c.edgeNames(), name) }

// isInside reports whether an edge runs inside the platform's process.
func (c *config) isInside(name string) bool {
	return slices.ContainsFunc(c.Edges, func(e edgeConfig) bool { return e.Name == name && e.UDP != "" })
}

// fits explains what a device has that the region has not.
func (s store) fits(d devices.Device) error {
	var errs []error
	if d.Municipality != "" && !s.cfg.hasMunicipality(d.Municipality) {
		var ids []string
		for _, m := range s.cfg.Region.Municipalities {
			ids = append(ids, m.ID)
		}
		errs = append(errs, fmt.Errorf("municipality %q is not in the configuration, which has %s", d.Municipality, strings.Join(ids, ", ")))
	}
	if d.Edge != "" && !slices.Contains(s.serverNames(), d.Edge) {
		errs = append(errs, fmt.Errorf("edge %q is not in the configuration or the registry, which have %s; edges add makes one", d.Edge, listed(s.serverNames())))
	}
	return errors.Join(errs...)
}

type devicesShowCmd struct {
	withConfig
	DevEUI uplink.EUI `arg:"" name:"dev-eui" help:"The device, like 70b3d57ed005f1a0."`
	Keys   bool       `help:"Show the keys too, in the clear, and the connection user of a household meter."`
	JSON   bool       `help:"Print JSON."`
}

// Run prints a line for each thing known of the device.
func (c devicesShowCmd) Run(ctx context.Context, t *terminal) error {
	return c.withStore(ctx, func(s store) error {
		d, err := s.Device(ctx, c.DevEUI)
		if err != nil {
			return err
		}
		return show(t, d, c.Keys, c.JSON)
	})
}

func show(t *terminal, d devices.Device, keys, asJSON bool) error {
	if asJSON {
		return printJSON(t, registry.Object(d, keys))
	}
	f := registry.Fields(d, keys)
	f["activation"] = map[bool]string{true: "joins over the air (OTAA)", false: "has a session (ABP)"}[d.Keys.OTAA()]
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	for _, column := range append([]string{"activation"}, registry.Columns...) {
		if f[column] != "" {
			fmt.Fprintf(w, "%s\t%s\n", column, f[column])
		}
	}
	if d.Nonces > 0 {
		fmt.Fprintf(w, "nonces flushed\t%d times\n", d.Nonces)
	}
	return w.Flush()
}

type devicesListCmd struct {
	withConfig
	Text         string        `arg:"" optional:"" help:"Only devices with this in their name or station, or at the beginning of their DevEUI."`
	Municipality string        `help:"Only those of a municipality."`
	Domain       uplink.Domain `help:"Only those of a domain: traffic, energy, road or environment."`
	Profile      string        `help:"Only those with a profile."`
	Edge         string        `help:"Only those of an edge."`
	Owner        string        `help:"Only those of an owner."`
	Group        string        `help:"Only the household meters of a group."`
	Visibility   string        `help:"Only those that are internal, or public." enum:",internal,public" default:""`
	Disabled     *bool         `help:"Only those that are disabled; --no-disabled: only those that are not." negatable:""`
	Limit        int           `help:"At most this many; 0 is all." default:"0"`
	Offset       int           `help:"Leave out this many at the beginning." default:"0"`
	JSON         bool          `help:"Print JSON."`
}

// Run prints a line for each device.
func (c devicesListCmd) Run(ctx context.Context, t *terminal) error {
	return c.withStore(ctx, func(s store) error {
		list, total, err := s.Find(ctx, registry.Filter{
			Text: c.Text, Municipality: c.Municipality, Domain: c.Domain, Profile: c.Profile, Edge: c.Edge, Owner: c.Owner, Group: c.Group,
			Visibility: devices.Visibility(c.Visibility), Disabled: c.Disabled, Limit: c.Limit, Offset: c.Offset,
		})
		if err != nil {
			return err
		}
		if c.JSON {
			return registry.WriteJSON(t.out, list, false)
		}
		w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, strings.ToUpper("dev_eui\tstation\tmunicipality\tdomain\tprofile\tedge\tvisibility\tname"))
		for _, d := range list {
			visibility := string(d.Visibility)
			switch {
			case d.Disabled:
				visibility = "disabled"
			case d.Group != "":
				visibility = "in group " + d.Group
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", d.EUI, d.Station, d.Municipality, d.Domain, d.Profile, d.Edge, visibility, d.Name)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if len(list) < total {
			fmt.Fprintf(t.out, "%d of %d devices; --offset %d shows those that follow\n", len(list), total, c.Offset+len(list))
		}
		return nil
	})
}

// findDevice looks a device up in the registry of the data folder.
func findDevice(ctx context.Context, cfg config, eui uplink.EUI) (d devices.Device, err error) {
	r, err := openRegistry(ctx, cfg)
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return r.Device(ctx, eui)
}
