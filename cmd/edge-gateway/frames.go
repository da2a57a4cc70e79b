package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"modellregion/edge"
	"modellregion/edge/lorawan"
	"modellregion/uplink"
)

const framesUsage = `Shows what a running gateway hears and what becomes of it, one line each.

Usage:
  edge-gateway frames [flags] CONFIG

The gateway is found at the address that is "internal" in CONFIG. The columns:

  TIME     of arrival, by this machine's time zone
  GATEWAY  that heard it best; of a downlink, that sends it
  DEVICE   DevEUI; DevAddr when it is not known whose frame it is
  FCNT     counter; of a dropped frame the low 16 bits
  RSSI SNR in dBm and dB at that gateway
  GW       how many gateways heard it
  then what became of it:
    uplink, 3 readings        decoded and kept for the platform
    codec: ...                kept undecoded, with the reason
    join, DevAddr 01ab23cd    the device may join; its first uplink shows that it has
    answered: ack, command c1, in window 2 of 3
    dropped: ...              and why. "no device with DevAddr" is mostly a neighbour's
                              device; "MIC is wrong" is one of yours with another key, or
                              a neighbour's with the same address; "was seen before" is a
                              device that has begun its counter anew, or a replay
    refused: ...              a datagram or message of a gateway; one a second of each kind

Flags:
`

func showFrames(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := newFlags("frames", framesUsage, stderr)
	n := flags.Int("n", 20, fmt.Sprintf("begin with the last `N` that the gateway remembers, at most %d", edge.MaxVerdicts))
	follow := flags.Bool("follow", true, "go on until Ctrl-C, also when the gateway restarts; -follow=false shows what there is")
	asJSON := flags.Bool("json", false, "print JSON, an object a line")
	path, err := configPath(flags, args)
	if err != nil {
		return err
	}
	if *n < 0 || *n > edge.MaxVerdicts {
		return fmt.Errorf("frames: -n %d, want 0 to %d", *n, edge.MaxVerdicts)
	}
	c, err := newClient(path)
	if err != nil {
		return err
	}
	f := follower{client: c, follow: *follow, json: *asJSON, out: stdout, notes: stderr, retry: time.Second, zone: time.Local}
	return f.run(ctx, *n)
}

// follower shows frames, over restarts of the gateway.
type follower struct {
	client *client
	follow bool
	json   bool
	out    io.Writer
	notes  io.Writer // for what is no frame
	retry  time.Duration
	zone   *time.Location

	started string // the run of the gateway that was connected last; empty: none yet
	seq     uint64 // of the last verdict of that run
}

func (f *follower) run(ctx context.Context, n int) error {
	for away := false; ; {
		err := f.stream(ctx, n, func() error {
			if !away {
				return nil
			}
			away = false
			return f.note("the gateway answers again")
		})
		switch {
		case ctx.Err() != nil:
			return nil
		case f.started == "" || !f.follow || err != nil && !errors.Is(err, errEnded):
			return err
		case !away:
			away = true
			if err := f.note("the gateway does not answer any more, waiting for it"); err != nil {
				return err
			}
		}
		n = edge.MaxVerdicts // what it has heard meanwhile
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(f.retry):
		}
	}
}

// stream shows what the gateway sends until the connection ends. Once it has
// been there, its absence is errEnded.
func (f *follower) stream(ctx context.Context, n int, connected func() error) (err error) {
	query := "/frames?n=" + strconv.Itoa(n)
	if f.follow {
		query += "&follow=1"
	}
	resp, err := f.client.get(ctx, query)
	if err != nil {
		if f.started != "" {
			err = fmt.Errorf("%w: %w", errEnded, err)
		}
		return err
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	if err := connected(); err != nil {
		return err
	}
	run := resp.Header.Get(startedHeader)
	if run == "" {
		return fmt.Errorf("%s answers as no edge-gateway does: what else is there, at \"internal\" in %s?", f.client.addr, f.client.config)
	}
	if f.started == "" {
		err = f.head()
	}
	if run != f.started {
		f.started, f.seq = run, 0
	}
	if err != nil {
		return err
	}
	return f.client.each(resp.Body, f.show)
}

// show prints a verdict, unless it was shown before the connection was lost.
func (f *follower) show(line json.RawMessage) error {
	var v edge.Verdict
	if err := json.Unmarshal(line, &v); err != nil {
		return fmt.Errorf("%s answers with %.80q, which is no frame: is that an edge-gateway of this version? %w", f.client.addr, line, err)
	}
	if v.Seq < f.seq {
		return nil
	}
	f.seq = v.Seq + 1
	text := row(&v, f.zone)
	if f.json {
		text = string(line)
	}
	_, err := fmt.Fprintln(f.out, text)
	return err
}

// note prints what is no frame.
func (f *follower) note(text string) error {
	_, err := fmt.Fprintln(f.notes, "edge-gateway:", text)
	return err
}

const columns = "%-8s %-16s %-16s %5s %4s %-9s %7s %4s %5s %2s  %s"

func (f *follower) head() error {
	if f.json {
		return nil
	}
	_, err := fmt.Fprintf(f.out, columns+"\n", "TIME", "GATEWAY", "DEVICE", "FCNT", "PORT", "DATA RATE", "MHZ", "RSSI", "SNR", "GW", "WHAT BECAME OF IT")
	return err
}

// row puts a verdict into columns. What is about no frame has none.
func row(v *edge.Verdict, zone *time.Location) string {
	at := v.Time.In(zone).Format(time.TimeOnly)
	if (v.Gateway == uplink.EUI{}) {
		return at + " " + v.Text
	}
	device, rate, mhz, gateways := v.DevAddr, "", "", ""
	if (v.DevEUI != uplink.EUI{}) && (v.DevAddr == "" || v.Reason != string(lorawan.WrongMIC)) {
		device = v.DevEUI.String()
	}
	if (v.DataRate != uplink.DataRate{}) {
		rate = v.DataRate.String()
	}
	if v.FreqHz > 0 {
		mhz = strconv.FormatFloat(float64(v.FreqHz)/1e6, 'f', 3, 64)
	}
	if v.Gateways > 0 {
		gateways = strconv.Itoa(v.Gateways)
	}
	return fmt.Sprintf(columns, at, v.Gateway, device, figure(v.FCnt, "%d"), figure(v.FPort, "%d"), rate, mhz,
		figure(v.RSSIdBm, "%d"), figure(v.SNRdB, "%.1f"), gateways, v.Text)
}

// figure prints a number that may not be there.
func figure[T any](n *T, format string) string {
	if n == nil {
		return ""
	}
	return fmt.Sprintf(format, *n)
}
