//go:build !ingestonly

package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"modellregion/devices"
	"modellregion/devices/profiles"
)

// maxProfile is far above any codec that the sandbox takes.
const maxProfile = 4 << 20

// isFile reports whether a profile is named by its file: an id has neither
// dots nor slashes.
func isFile(name string) bool {
	return strings.ContainsAny(name, `/\`) || strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")
}

// optionalConfig is the flag of commands that know more with a configuration.
type optionalConfig struct {
	Config string `short:"c" env:"MODELLREGION_CONFIG" help:"The region's configuration, for its own profiles. Without: the shipped ones alone." type:"path"`
}

// profile returns a profile by its id or its file, with the examples that it
// carries. Those in the registry have none.
func (c optionalConfig) profile(ctx context.Context, name string) (devices.Profile, []profiles.Example, error) {
	if isFile(name) {
		return profileFile(name)
	}
	known, err := profiles.Shipped()
	if err != nil {
		return devices.Profile{}, nil, err
	}
	examples, err := profiles.ShippedExamples()
	if err != nil {
		return devices.Profile{}, nil, err
	}
	if c.Config != "" {
		err := withConfig(c).withStore(ctx, func(s store) error {
			known = s.profiles
			folder, err := profilesFolder(s.cfg)
			if err != nil || folder == nil {
				return err
			}
			own, err := profiles.LoadExamples(folder)
			maps.Copy(examples, own)
			return err
		})
		if err != nil {
			return devices.Profile{}, nil, err
		}
	}
	p, ok := known[name]
	if !ok {
		return p, nil, c.unknown(name, known)
	}
	return p, examples[name], nil
}

func (c optionalConfig) unknown(name string, known map[string]devices.Profile) error {
	var near []string
	for _, id := range slices.Sorted(maps.Keys(known)) {
		if strings.Contains(id, name) || strings.Contains(name, id) {
			near = append(near, id)
		}
	}
	hint := "modellregion devices profiles list shows all"
	if len(near) > 0 {
		hint = "is it " + strings.Join(near[:min(len(near), 5)], ", ") + "?"
	}
	if c.Config == "" {
		hint += " Without -c only the shipped profiles are known."
	}
	return fmt.Errorf("profile %q is unknown: %s", name, hint)
}

func profileFile(name string) (devices.Profile, []profiles.Example, error) {
	info, err := os.Stat(name)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxProfile) {
		err = fmt.Errorf("%s is no plain file of at most %d MiB", name, maxProfile>>20)
	}
	if err != nil {
		return devices.Profile{}, nil, fmt.Errorf("read profile: %w", err)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return devices.Profile{}, nil, fmt.Errorf("read profile: %w", err)
	}
	p, err := profiles.Parse(data)
	if err != nil {
		return p, nil, fmt.Errorf("profile %s: %w", name, err)
	}
	examples, err := profiles.ParseExamples(data)
	return p, examples, err
}
