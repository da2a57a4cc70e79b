//go:build !ingestonly

package main

import (
	"context"
	"errors"
	"fmt"

	"modellregion/devices"
	"modellregion/devices/registry"
	"modellregion/internal/simulate/load"
)

type simulateDevicesCmd struct {
	loadFleet
	Municipality string `help:"Municipality of the devices. What is imported from --csv must have one of the configuration." default:"load"`
	Remove       bool   `help:"Take all of them out of the registry, of every seed, and their profile." xor:"what"`
	CSV          bool   `name:"csv" help:"Print them for modellregion devices import, with their keys, and change nothing." xor:"what"`
	Profile      bool   `help:"Print their profile as YAML, and change nothing." xor:"what"`
	JSON         bool   `help:"Print JSON."`
}

// Help teaches both ways into a registry.
func (simulateDevicesCmd) Help() string {
	return `The platform stores what a device says only when it knows the device and its profile. On the machine of the platform:

  modellregion simulate devices -c region.yaml --devices 10000
  modellregion simulate devices -c region.yaml --remove

A running platform takes them over within two seconds. With the same --devices, --edge, --edges, --format and --seed, simulate mqtt sends what these devices would. For another machine, or to look at them first:

  modellregion simulate devices --profile > load.yaml
  modellregion simulate devices --edge rathaus --municipality paderborn --csv > load.csv
  modellregion devices profiles add -c region.yaml load.yaml
  modellregion devices import -c region.yaml load.csv

Their keys follow from the seed and protect nothing: remove the devices when you are done. What was stored of them stays as long as other raw data.`
}

// Run registers the devices, removes them or prints what they are.
func (c simulateDevicesCmd) Run(ctx context.Context, t *terminal) error {
	if c.Profile {
		_, err := fmt.Fprint(t.out, load.Profile())
		return err
	}
	region, err := c.region()
	if err != nil {
		return err
	}
	if c.Remove {
		return c.remove(ctx, t)
	}
	cfg, err := c.load(region)
	if err != nil {
		return err
	}
	list, err := load.Devices(cfg)
	if err != nil {
		return err
	}
	for i := range list {
		list[i].Municipality = c.Municipality
	}
	if c.CSV {
		return registry.WriteCSV(t.out, list, true)
	}
	return c.register(ctx, t, list)
}

// errNoRegistry says what a registry is found by.
var errNoRegistry = errors.New("want -c with the region's configuration, or --csv to print the devices")

func (c simulateDevicesCmd) register(ctx context.Context, t *terminal, list []devices.Device) error {
	if c.Config == "" {
		return errNoRegistry
	}
	return withConfig{c.Config}.withStore(ctx, func(s store) error {
		if _, err := s.PutProfiles(ctx, s.shipped, load.Profile()); err != nil {
			return err
		}
		if err := s.Put(ctx, list); err != nil {
			return err
		}
		if c.JSON {
			return printJSON(t, map[string]any{"devices": len(list), "profile": load.ProfileID})
		}
		fmt.Fprintf(t.out, "%d devices registered, with profile %s; a running platform takes them over within two seconds\n", len(list), load.ProfileID)
		return nil
	})
}

func (c simulateDevicesCmd) remove(ctx context.Context, t *terminal) error {
	if c.Config == "" {
		return errNoRegistry
	}
	return withConfig{c.Config}.withStore(ctx, func(s store) error {
		list, _, err := s.Find(ctx, registry.Filter{Profile: load.ProfileID})
		if err != nil {
			return err
		}
		for _, d := range list {
			if err := s.Remove(ctx, d.EUI); err != nil {
				return err
			}
		}
		_, known := s.profiles[load.ProfileID]
		if _, ours := s.shipped[load.ProfileID]; known && !ours {
			if err := s.RemoveProfile(ctx, load.ProfileID); err != nil {
				return err
			}
		}
		if c.JSON {
			return printJSON(t, map[string]any{"removed": len(list)})
		}
		fmt.Fprintf(t.out, "%d devices removed; what was stored of them stays\n", len(list))
		return nil
	})
}
