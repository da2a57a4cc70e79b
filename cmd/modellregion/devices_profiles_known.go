package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"modellregion/devices"
	"modellregion/devices/profiles"
)

// knownProfiles returns the profiles that need no registry: those shipped and
// those in the operator's folder.
func knownProfiles(cfg config) (map[string]devices.Profile, error) {
	known, err := profiles.Shipped()
	if err != nil || cfg.Profiles == "" {
		return known, err
	}
	own, err := folderProfiles(cfg)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(own)) {
		if _, taken := known[id]; taken {
			errs = append(errs, fmt.Errorf("profile %s: a profile of that id is shipped with the program: give the file and its id another name", filepath.Join(cfg.Profiles, id+".yaml")))
		}
		known[id] = own[id]
	}
	return known, errors.Join(errs...)
}

// folderProfiles returns the profiles in the operator's folder, if there is one.
func folderProfiles(cfg config) (map[string]devices.Profile, error) {
	folder, err := profilesFolder(cfg)
	if err != nil || folder == nil {
		return nil, err
	}
	own, err := profiles.Load(folder)
	if err != nil {
		return nil, fmt.Errorf("profiles in %s:\n%w", cfg.Profiles, err)
	}
	return own, nil
}

func profilesFolder(cfg config) (fs.FS, error) {
	if cfg.Profiles == "" {
		return nil, nil
	}
	info, err := os.Stat(cfg.Profiles)
	switch {
	case err != nil:
		return nil, fmt.Errorf("folder of profiles: %w", err)
	case !info.IsDir():
		return nil, fmt.Errorf("folder of profiles: %s is no folder", cfg.Profiles)
	}
	return os.DirFS(cfg.Profiles), nil
}

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
