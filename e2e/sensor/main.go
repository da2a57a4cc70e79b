// The sensor command is a Milesight EM300-TH without hardware, and the gateway's
// packet forwarder that hears it: it joins, then sends without a pause, each time a
// tenth of a degree more. What the edge has taken it prints, a line each with
// counter and temperature: a ledger of what must be stored.
//
// It is for trying out installations (deploy/packages/systems.sh) and no part of
// one. What the air and the device do is package air's.
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/brocaar/lorawan"

	"modellregion/e2e/air"
	"modellregion/internal/enddevice"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "sensor:", err)
		os.Exit(1)
	}
}

// run sends until ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	flags := flag.NewFlagSet("sensor", flag.ContinueOnError)
	flags.SetOutput(stderr)
	cfg := enddevice.Config{Version: "1.0.3"}
	gateway := lorawan.EUI64{0xaa, 1}
	udp := flags.String("udp", "127.0.0.1:1700", "the edge's port for packet forwarders")
	flags.TextVar(&gateway, "gateway", gateway, "EUI of the gateway")
	flags.TextVar(&cfg.DevEUI, "dev-eui", cfg.DevEUI, "DevEUI of the sensor")
	flags.TextVar(&cfg.JoinEUI, "join-eui", cfg.JoinEUI, "JoinEUI of the sensor")
	keyFile := flags.String("app-key-file", "", "file with the AppKey of the sensor, as devices add reads it")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil // it was shown
	case err != nil:
		return err
	}
	key, err := os.ReadFile(*keyFile)
	if err != nil {
		return fmt.Errorf("read -app-key-file: %w", err)
	}
	if err := cfg.AppKey.UnmarshalText([]byte(strings.TrimSpace(string(key)))); err != nil {
		return fmt.Errorf("read -app-key-file %s: %w", *keyFile, err)
	}
	a, err := air.Dial(*udp, gateway, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	if err := report(ctx, a, stdout, stderr); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil // it was switched off
}

// report joins and sends.
func report(ctx context.Context, a *air.Air, ledger, stderr io.Writer) error {
	if err := a.Join(ctx); err != nil {
		return fmt.Errorf("join: %w", err)
	}
	fmt.Fprintln(stderr, "joined")
	for tenths := 200; ; tenths++ {
		fCnt, err := a.Uplink(ctx, 85, payload(tenths))
		if err != nil {
			return fmt.Errorf("send %.1f °C: %w", float64(tenths)/10, err)
		}
		if _, err := fmt.Fprintf(ledger, "%d %.1f\n", fCnt, float64(tenths)/10); err != nil {
			return fmt.Errorf("note what was sent: %w", err)
		}
	}
}

// payload is what the sensor says at that temperature and a humidity of 50.5 %:
// devices/profiles/milesight-em300-th.yaml.
func payload(tenths int) []byte {
	return append(binary.LittleEndian.AppendUint16([]byte{0x03, 0x67}, uint16(int16(tenths))), 0x04, 0x68, 101)
}
