package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"modellregion/edge"
	"modellregion/uplink"
)

const devicesUsage = `Lists the devices of a running gateway and where their sessions stand. It shows no keys.

Usage:
  edge-gateway devices [flags] CONFIG

The gateway is found at the address that is "internal" in CONFIG. The columns:

  VERSION  of LoRaWAN, and the class: C listens all the time
  BY       OTAA: it joins; ABP: it is personalised
  SESSION  none: it has not joined; joining: it was answered, and has sent nothing since;
           joined; ABP; damaged: it cannot be read from disk, and the device is not served
           (-json tells why, and "edge-gateway forget -help" what to do)
  UP DOWN  next counters: an uplink with a lower one is dropped. Of LoRaWAN 1.1 there are
           two down: of MAC commands, and of commands
  HEARD    how long ago
  DR POWER data rate, and index of the transmit power: 0 is the most
  CMDS     commands that wait for the device
  NONCES   DevNonces that it must not join with again

Flags:
`

func showDevices(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := newFlags("devices", devicesUsage, stderr)
	asJSON := flags.Bool("json", false, "print JSON, an object a line")
	path, err := configPath(flags, args)
	if err != nil {
		return err
	}
	c, err := newClient(path)
	if err != nil {
		return err
	}
	resp, err := c.get(ctx, "/devices")
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	if *asJSON {
		return c.each(resp.Body, func(line json.RawMessage) error {
			_, err := fmt.Fprintf(stdout, "%s\n", line)
			return err
		})
	}
	table := tabwriter.NewWriter(stdout, 0, 0, 1, ' ', 0)
	if _, err := fmt.Fprintln(table, "DEVEUI\tDOMAIN\tPROFILE\tVERSION\tBY\tSESSION\tDEVADDR\tUP\tDOWN\tHEARD\tDR\tPOWER\tGATEWAY\tCMDS\tNONCES"); err != nil {
		return err
	}
	now := time.Now()
	var damaged []uplink.EUI
	err = c.each(resp.Body, func(line json.RawMessage) error {
		var d edge.DeviceState
		if err := json.Unmarshal(line, &d); err != nil {
			return fmt.Errorf("%s answers with %.80q, which is no device: is that an edge-gateway of this version? %w", c.addr, line, err)
		}
		if d.Session == edge.SessionDamaged {
			damaged = append(damaged, d.DevEUI)
		}
		_, err := fmt.Fprintln(table, cells(&d, now))
		return err
	})
	if err == nil {
		err = table.Flush()
	}
	for _, eui := range damaged {
		fmt.Fprintf(stderr, "edge-gateway: %s is not served, for its record on disk is damaged; to let it in again stop the gateway, and \"edge-gateway forget %s %s\"\n", eui, path, eui)
	}
	return err
}

// cells returns what a device has in the columns.
func cells(d *edge.DeviceState, now time.Time) string {
	up, down, dr, power, gateway := "-", "-", "-", "-", "-"
	if d.DevAddr != "" {
		up, down = strconv.FormatUint(uint64(d.NextFCntUp), 10), strconv.FormatUint(uint64(d.NextFCntDown), 10)
	}
	if d.NextAFCntDown != nil {
		down += "/" + strconv.FormatUint(uint64(*d.NextAFCntDown), 10)
	}
	if !d.Heard.IsZero() {
		dr, power = strconv.Itoa(int(d.DR)), strconv.Itoa(int(d.TXPower))
	}
	if (d.Gateway != uplink.EUI{}) {
		gateway = d.Gateway.String()
	}
	return fmt.Sprintf("%s\t%s\t%s\t%s %s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d", d.DevEUI, d.Domain, d.Profile, d.LoRaWAN, d.Class, d.Activation,
		d.Session, orDash(d.DevAddr), up, down, ago(d.Heard, now), dr, power, gateway, d.Commands, d.Nonces)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// ago returns how long ago something was, in its largest unit.
func ago(t, now time.Time) string {
	const day = 24 * time.Hour
	d := max(now.Sub(t), 0)
	switch {
	case t.IsZero():
		return "never"
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 2*day:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dd", d/day)
}
