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

	"modellregion/devices"
	"modellregion/devices/profiles"
	"modellregion/devices/registry"
	"modellregion/internal/backup"
)

// withConfig is the flag of every command that needs the region.
type withConfig struct {
	Config string `required:"" short:"c" env:"MODELLREGION_CONFIG" help:"The region's configuration." type:"path"`
}

// load reads the configuration for a command. Roles are of no matter to it, and
// a program that has the ingest alone would refuse others.
func (w withConfig) load() (config, error) {
	return loadConfig(w.Config, func(c *config) {
		if ingestOnly {
			c.Roles = []role{roleIngest}
		}
	})
}

// store is the open registry with what is needed to use it.
type store struct {
	*registry.Registry
	cfg      config
	roster   roster
	profiles map[string]devices.Profile // all, with those of the registry
	shipped  map[string]devices.Profile // those shipped and those of the operator's folder
}

// withStore opens the registry of a configuration for one command.
func (w withConfig) withStore(ctx context.Context, do func(store) error) (err error) {
	cfg, err := w.load()
	if err != nil {
		return err
	}
	s := store{cfg: cfg}
	if s.shipped, err = knownProfiles(cfg); err != nil {
		return err
	}
	if s.Registry, err = openRegistry(ctx, cfg); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close(), handOver(cfg.DataDir, os.Geteuid())) }()
	if s.profiles, err = s.Profiles(ctx, s.shipped); err != nil {
		return err
	}
	if s.roster, err = readRoster(ctx, &s.cfg, s.Registry); err != nil {
		return err
	}
	return do(s)
}

func registryPath(cfg config) string { return filepath.Join(cfg.DataDir, "registry.db") }

// openRegistry opens the registry of the data folder, with the key that wraps
// its keys.
func openRegistry(ctx context.Context, cfg config) (*registry.Registry, error) {
	if err := backup.Settle(cfg.DataDir); err != nil {
		return nil, err
	}
	kek, err := loadKEK(cfg)
	if err != nil {
		return nil, err
	}
	return registry.OpenWith(ctx, registryPath(cfg), kek)
}

// loadKEK returns the key-encryption key, from a file or the environment, or
// none.
func loadKEK(cfg config) (registry.KEK, error) {
	digits := os.Getenv("MODELLREGION_KEK")
	switch {
	case cfg.Registry.KEKFile != "" && digits != "":
		return registry.KEK{}, fmt.Errorf("the key-encryption key is given twice: want either registry.kek_file (%s) or MODELLREGION_KEK", cfg.Registry.KEKFile)
	case cfg.Registry.KEKFile != "":
		return registry.ReadKEK(cfg.Registry.KEKFile)
	case digits != "":
		k, err := registry.ParseKEK(digits)
		if err != nil {
			return k, fmt.Errorf("MODELLREGION_KEK: %w", err)
		}
		return k, nil
	}
	return registry.KEK{}, nil
}

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
