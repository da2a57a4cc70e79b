//go:build !ingestonly

package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"modellregion/devices/registry"
	"modellregion/uplink"
)

type devicesRemoveCmd struct {
	withConfig
	DevEUI uplink.EUI `arg:"" name:"dev-eui" help:"The device, like 70b3d57ed005f1a0."`
	Yes    bool       `help:"Yes, forget it and its keys."`
	JSON   bool       `help:"Print JSON."`
}

// Run removes the device when that was confirmed.
func (c devicesRemoveCmd) Run(ctx context.Context, t *terminal) error {
	return c.withStore(ctx, func(s store) error {
		d, err := s.Device(ctx, c.DevEUI)
		if err != nil {
			return err
		}
		if !c.Yes {
			return fmt.Errorf("device %s (%s, %s) and its keys would be forgotten: say so with --yes, or keep them with devices disable", d.EUI, d.Station, d.Name)
		}
		if err := s.Remove(ctx, d.EUI); err != nil {
			return err
		}
		if c.JSON {
			return printJSON(t, map[string]any{"removed": d.EUI})
		}
		fmt.Fprintf(t.out, "device %s removed; what it measured stays\n", d.EUI)
		return nil
	})
}

type devicesEnableCmd struct {
	withConfig
	DevEUI uplink.EUI `arg:"" name:"dev-eui" help:"The device, like 70b3d57ed005f1a0."`
	JSON   bool       `help:"Print JSON."`
}

// Run lets the device be served.
func (c devicesEnableCmd) Run(ctx context.Context, t *terminal) error {
	return disable(ctx, t, c.withConfig, c.DevEUI, false, c.JSON)
}

type devicesDisableCmd struct {
	withConfig
	DevEUI uplink.EUI `arg:"" name:"dev-eui" help:"The device, like 70b3d57ed005f1a0."`
	JSON   bool       `help:"Print JSON."`
}

// Help says what it means.
func (devicesDisableCmd) Help() string {
	return `The device stays known with its keys, and its edge no longer serves it: what it sends is dropped there. Its station leaves the portal when it has no other device; what was published stays.`
}

// Run lets the device no longer be served.
func (c devicesDisableCmd) Run(ctx context.Context, t *terminal) error {
	return disable(ctx, t, c.withConfig, c.DevEUI, true, c.JSON)
}

func disable(ctx context.Context, t *terminal, w withConfig, eui uplink.EUI, disabled, asJSON bool) error {
	return w.withStore(ctx, func(s store) error {
		if err := s.Disable(ctx, eui, disabled); err != nil {
			return err
		}
		if asJSON {
			return printJSON(t, map[string]any{"dev_eui": eui, "disabled": disabled})
		}
		what := map[bool]string{true: "disabled: its edge drops what it sends", false: "enabled: its edge serves it"}[disabled]
		fmt.Fprintf(t.out, "device %s is %s; a running platform tells it within two seconds\n", eui, what)
		return nil
	})
}

type devicesFlushNoncesCmd struct {
	withConfig
	DevEUI uplink.EUI `arg:"" name:"dev-eui" help:"The device, like 70b3d57ed005f1a0."`
	JSON   bool       `help:"Print JSON."`
}

// Help teaches when the command is needed and what it costs.
func (devicesFlushNoncesCmd) Help() string {
	return `Every join request carries a DevNonce that must not have been used before, so that nobody can record one and play it again.
A device that lost its memory, with its battery or by a new firmware, begins with old ones: the edge drops its joins and counts them under "dev_nonce".

This command lets the edge forget the DevNonces of this one device. The price: each join request that somebody has recorded is taken once more and may end the device's session. Use it for a device that needs it, and do not make it a habit.`
}

// Run raises the device's count in the registry; its edge does the rest.
func (c devicesFlushNoncesCmd) Run(ctx context.Context, t *terminal) error {
	return c.withStore(ctx, func(s store) error {
		d, err := s.Device(ctx, c.DevEUI)
		if err != nil {
			return err
		}
		if !d.Keys.OTAA() {
			return fmt.Errorf("device %s does not join (ABP) and has no DevNonces: when it is its frame counter that begins anew, use devices edit --reset-f-cnt", d.EUI)
		}
		if s.cfg.hasSource(d.Edge) {
			return fmt.Errorf("device %s is served by source %s: let it join again there", d.EUI, d.Edge)
		}
		if err := s.FlushNonces(ctx, d.EUI); err != nil {
			return err
		}
		if c.JSON {
			return printJSON(t, map[string]any{"dev_eui": d.EUI, "edge": d.Edge, "nonces": d.Nonces + 1})
		}
		fmt.Fprintf(t.out, "edge %s forgets the DevNonces of device %s; a running platform tells it within two seconds\n", d.Edge, d.EUI)
		return nil
	})
}

type devicesBackupCmd struct {
	withConfig
	JSON bool   `help:"Print JSON."`
	File string `arg:"" help:"File to write; one that is there is replaced when the copy is complete." type:"path"`
}

// Help says what is in it and how it comes back.
func (devicesBackupCmd) Help() string {
	return `The copy is the registry as it is at one moment; the platform goes on. It is readable by its owner alone. Keys are in it as they are in the registry: wrapped when there is a key-encryption key, which you must keep somewhere else, and else in the clear.

To restore it, stop the platform, put the copy in place of registry.db in the data folder, and remove registry.db-wal and registry.db-shm.`
}

// Run writes the copy.
func (c devicesBackupCmd) Run(ctx context.Context, t *terminal) error {
	return c.withStore(ctx, func(s store) error {
		if err := s.Backup(ctx, c.File); err != nil {
			return err
		}
		info, err := os.Stat(c.File)
		if err != nil {
			return fmt.Errorf("look at the backup: %w", err)
		}
		if c.JSON {
			return printJSON(t, map[string]any{"file": c.File, "bytes": info.Size()})
		}
		fmt.Fprintf(t.out, "%s: %d bytes\n", c.File, info.Size())
		return nil
	})
}

type devicesCheckCmd struct {
	withConfig
	JSON bool `help:"Print JSON."`
}

// Help says what is checked.
func (devicesCheckCmd) Help() string {
	return `Reads the whole file: SQLite's integrity, that every key can be unwrapped, and that every device is one that could be added now, with a profile, a municipality and an edge that exist, one visibility for each station, and household meters apart from all others. It changes nothing.`
}

// Run prints what is wrong, and fails when something is.
func (c devicesCheckCmd) Run(ctx context.Context, t *terminal) error {
	return c.withStore(ctx, func(s store) error {
		problems, err := s.Verify(ctx, s.profiles)
		if err != nil {
			return err
		}
		list, _, err := s.Find(ctx, registry.Filter{})
		if err != nil && len(problems) == 0 {
			return err
		}
		for _, d := range list {
			if err := s.fits(d); err != nil {
				problems = append(problems, fmt.Sprintf("device %s: %v", d.EUI, err))
			}
		}
		if c.JSON {
			if problems == nil {
				problems = []string{}
			}
			err = printJSON(t, map[string]any{"devices": len(list), "problems": problems})
		} else {
			for _, p := range problems {
				fmt.Fprintln(t.out, p)
			}
			fmt.Fprintf(t.out, "%d devices, %d problems\n", len(list), len(problems))
			err = nil
		}
		if len(problems) > 0 {
			err = errors.Join(err, fmt.Errorf("the registry has %d problems", len(problems)))
		}
		return err
	})
}

type devicesWrapKeysCmd struct {
	withConfig
	OldKEKFile string `name:"old-kek-file" help:"File with the key-encryption key that wraps the keys now, when it is to be replaced." type:"path"`
	JSON       bool   `help:"Print JSON."`
}

// Help teaches how wrapping begins and how its key is replaced.
func (devicesWrapKeysCmd) Help() string {
	return `To begin, with the platform stopped:

  (umask 077; openssl rand -hex 32 > /etc/modellregion/kek)
  in region.yaml:  registry: {kek_file: /etc/modellregion/kek}
  modellregion devices wrap-keys -c region.yaml

From then on the registry and its backups are worth nothing without that file: keep a copy of it, and not beside the backups. Those made before hold the keys in the clear.

To replace it, keep the old file, write a new one, name it in region.yaml, and run wrap-keys --old-kek-file OLD.`
}

// Run wraps all keys that are not wrapped with the configured key.
func (c devicesWrapKeysCmd) Run(ctx context.Context, t *terminal) error {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	kek, err := loadKEK(cfg)
	if err != nil {
		return err
	}
	var old registry.KEK
	if c.OldKEKFile != "" {
		if old, err = registry.ReadKEK(c.OldKEKFile); err != nil {
			return fmt.Errorf("--old-kek-file: %w", err)
		}
	}
	n, err := registry.WrapKeys(ctx, registryPath(cfg), old, kek)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(t, map[string]any{"wrapped": n, "kek": kek.ID()})
	}
	fmt.Fprintf(t.out, "%d keys wrapped with key-encryption key %s\n", n, kek.ID())
	return nil
}
