//go:build !ingestonly

package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"text/tabwriter"

	"modellregion/devices"
	"modellregion/devices/profiles"
)

type devicesProfilesCmd struct {
	List   profilesListCmd   `cmd:"" help:"List the profiles that devices can have."`
	Add    profilesAddCmd    `cmd:"" help:"Add profiles of your own to the registry, or replace them."`
	Remove profilesRemoveCmd `cmd:"" help:"Remove a profile of your own that no device has."`
	Show   profilesShowCmd   `cmd:"" help:"Show everything that a profile says."`
	Import profilesImportCmd `cmd:"" help:"Import profiles from a checkout of ChirpStack's or The Things Network's device repository, and run their examples."`
}

type profilesListCmd struct {
	optionalConfig
	JSON bool `help:"Print JSON."`
}

// Run prints a line for each profile.
func (c profilesListCmd) Run(ctx context.Context, t *terminal) error {
	shipped, err := profiles.Shipped()
	if err != nil {
		return err
	}
	if c.Config == "" {
		return c.print(t, store{profiles: shipped, shipped: shipped}, shipped)
	}
	return withConfig(c.optionalConfig).withStore(ctx, func(s store) error { return c.print(t, s, shipped) })
}

func (c profilesListCmd) print(t *terminal, s store, shipped map[string]devices.Profile) error {
	type row struct {
		ID      string `json:"id"`
		Name    string `json:"name"`
		Vendor  string `json:"vendor"`
		Domain  string `json:"domain"`
		Codec   string `json:"codec"`
		Shipped bool   `json:"shipped"`
		From    string `json:"from"` // shipped, folder or registry
	}
	rows := make([]row, 0, len(s.profiles))
	for _, id := range slices.Sorted(maps.Keys(s.profiles)) {
		p := s.profiles[id]
		from := "registry"
		if _, ok := shipped[id]; ok {
			from = "shipped"
		} else if _, ok := s.shipped[id]; ok {
			from = "folder"
		}
		rows = append(rows, row{id, p.Name, p.Vendor, string(p.Domain), p.Codec.Kind, from == "shipped", from})
	}
	if c.JSON {
		return printJSON(t, rows)
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tVENDOR\tDOMAIN\tCODEC\tFROM\tNAME")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.Vendor, r.Domain, r.Codec, r.From, r.Name)
	}
	return w.Flush()
}

type profilesAddCmd struct {
	withConfig
	JSON  bool     `help:"Print JSON."`
	Files []string `arg:"" help:"Profiles, a YAML file each." type:"existingfile"`
}

// Run adds all profiles or none.
func (c profilesAddCmd) Run(ctx context.Context, t *terminal) error {
	var texts []string
	for _, file := range c.Files {
		data, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read profile: %w", err)
		}
		texts = append(texts, string(data))
	}
	return c.withStore(ctx, func(s store) error {
		list, err := s.PutProfiles(ctx, s.shipped, texts...)
		if err != nil {
			return err
		}
		ids := make([]string, 0, len(list))
		for _, p := range list {
			ids = append(ids, p.ID)
		}
		if c.JSON {
			return printJSON(t, map[string]any{"added": ids})
		}
		fmt.Fprintf(t.out, "%d profiles added: %v; a running platform takes them over within two seconds\n", len(ids), ids)
		return nil
	})
}

type profilesRemoveCmd struct {
	withConfig
	JSON bool   `help:"Print JSON."`
	ID   string `arg:"" help:"The profile."`
}

// Run removes the profile.
func (c profilesRemoveCmd) Run(ctx context.Context, t *terminal) error {
	return c.withStore(ctx, func(s store) error {
		if err := s.RemoveProfile(ctx, c.ID); err != nil {
			return err
		}
		if c.JSON {
			return printJSON(t, map[string]any{"removed": c.ID})
		}
		fmt.Fprintf(t.out, "profile %s removed\n", c.ID)
		return nil
	})
}
