package main

import (
	"fmt"
	"io"

	"modellregion/edge"
	"modellregion/uplink"
)

const forgetUsage = `Forgets what a gateway's database holds of a device whose record is damaged, so
that the device is served again. "edge-gateway devices" calls it damaged.

Usage:
  edge-gateway forget [flags] CONFIG DEVEUI

The gateway must not run, and the user must be allowed to write to "data_dir",
as root is:

  systemctl stop edge-gateway
  edge-gateway forget /etc/modellregion-edge/edge.yaml 70b3d57ed005f1a0
  systemctl start edge-gateway

A device that joins (OTAA) gets a new session when it joins next. Until then its
frames are dropped: one that does not join by itself has to be restarted. The
gateway's clock should be set by then, for its join accept has to be above the
last that the device has got.

A personalised device (ABP) must have got new keys first. With the old ones its
frames could be played again, and downlinks would use counters twice. Register
the new keys, let the gateway run until it has the list with them, stop it, and
say -new-keys.

A session that can be read is not forgotten. If only the used nonces are damaged,
they are, and the session goes on.

Flags:
`

func forget(args []string, stdout, stderr io.Writer) error {
	flags := newFlags("forget", forgetUsage, stderr)
	newKeys := flags.Bool("new-keys", false, "the device is personalised (ABP) and has got new keys")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 2 {
		return fmt.Errorf("forget wants CONFIG and DEVEUI, after its flags, got %d (see -help)", flags.NArg())
	}
	cfg, err := loadConfig(flags.Arg(0))
	if err != nil {
		return err
	}
	device, err := uplink.ParseEUI(flags.Arg(1))
	if err != nil {
		return fmt.Errorf("DEVEUI: %w", err)
	}
	done, err := edge.Forget(cfg.DataDir, device, *newKeys)
	for _, repair := range done.Repairs {
		if _, err := fmt.Fprintln(stdout, "found in the database:", repair); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s: %v; %s\n", device, done.Damage, follows(&done))
	return err
}

// follows says what was done and what follows from it.
func follows(done *edge.Forgotten) string {
	switch {
	case done.Kept:
		return "the used nonces are forgotten, and the session, which is sound, goes on when the gateway runs again"
	case done.ABP:
		return "forgotten, with the commands that waited; when the gateway runs again, the device begins at counter 0 with its new keys"
	}
	return "forgotten, with the commands that waited; when the gateway runs again, the device gets a new session as soon as it joins, and until then its frames are dropped"
}
