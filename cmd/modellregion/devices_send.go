//go:build !ingestonly

package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"modellregion/devices"
	"modellregion/internal/mqtt"
	"modellregion/uplink"
)

// repeatEvery is how long an edge has to say that it took a command over.
const repeatEvery = 10 * time.Second

type devicesSendCmd struct {
	withConfig
	JSON      bool          `help:"Print a line of JSON for each thing that happens."`
	DevEUI    uplink.EUI    `arg:"" name:"dev-eui" help:"The device, like 70b3d57ed005f1a0."`
	Port      uint8         `required:"" help:"The device's application port, 1 to 223."`
	Hex       string        `required:"" help:"What to send, as hexadecimal digits like 0102ff: at most 242 bytes, and at a slow data rate 51 or fewer."`
	Confirmed bool          `help:"Repeat it until the device says that it has it."`
	Expires   time.Duration `help:"Do not send it after this time. 0 is a day." default:"0s"`
	Wait      time.Duration `help:"Follow the command for this time." default:"2m"`
}

// Help teaches what to expect.
func (devicesSendCmd) Help() string {
	return `The command goes to the edge that serves the device, which keeps it on its disk and answers: queued, sent, acked, failed or expired.
A device of class A listens after its own uplinks alone: "sent" follows its next one. A device of class C always listens.

This command ends well at "sent", or with --confirmed at "acked". When it gives up after --wait, a queued command remains with the edge until it expires.
With the embedded broker, "modellregion serve" must be running.`
}

// Run sends one command and follows it.
func (c devicesSendCmd) Run(ctx context.Context, t *terminal) error {
	command, err := c.command(time.Now())
	if err != nil {
		return err
	}
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	d, err := findDevice(ctx, cfg, c.DevEUI)
	if err != nil {
		return err
	}
	if cfg.hasSource(d.Edge) {
		return fmt.Errorf("device %s is served by source %s: send commands there", d.EUI, d.Edge)
	}
	login, err := platformLogin(cfg)
	if err != nil {
		return err
	}
	login.Log = t.log
	s, err := newSending(login, d, command, t.out)
	if err != nil {
		return err
	}
	s.json = c.JSON
	return runUnits(ctx, []unit{{"MQTT connection", s.client.Run}}, func(ctx context.Context) error {
		return s.follow(ctx, c.Wait, repeatEvery)
	})
}

// command checks the flags.
func (c devicesSendCmd) command(now time.Time) (uplink.Command, error) {
	payload, err := hex.DecodeString(c.Hex)
	switch {
	case err != nil:
		return uplink.Command{}, fmt.Errorf("--hex %.32q: want an even number of hexadecimal digits like 0102ff", c.Hex)
	case len(payload) > uplink.MaxCommandPayload:
		return uplink.Command{}, fmt.Errorf("--hex: %d bytes, want at most %d", len(payload), uplink.MaxCommandPayload)
	case c.Port < 1 || c.Port > uplink.MaxFPort:
		return uplink.Command{}, fmt.Errorf("--port %d: want 1 to %d", c.Port, uplink.MaxFPort)
	case c.Expires < 0:
		return uplink.Command{}, fmt.Errorf("--expires %v: want 0 or more", c.Expires)
	case c.Wait <= 0:
		return uplink.Command{}, fmt.Errorf("--wait %v: want more than 0", c.Wait)
	}
	command := uplink.Command{V: uplink.Version, ID: rand.Text(), FPort: c.Port, Payload: payload, Confirmed: c.Confirmed}
	if c.Expires > 0 {
		command.Expires = now.Add(c.Expires).UTC().Truncate(time.Second)
	}
	return command, command.Check()
}

// platformLogin returns how to reach the broker as the platform, beside the
// one that is running.
func platformLogin(cfg config) (mqtt.Config, error) {
	c, err := cfg.MQTT.client("mqtt.")
	c.ClientID = "modellregion-" + rand.Text()[:8]
	if err != nil || c.URL != "" {
		return c, err
	}
	logins, err := loadMQTTLogins(cfg.DataDir, nil)
	if err != nil {
		return c, err
	}
	if logins.URL == "" {
		return c, fmt.Errorf("there is no %s, which modellregion serve writes: is it running with this configuration?", filepath.Join(cfg.DataDir, "mqtt.json"))
	}
	c.URL, c.Username, c.Password = logins.URL, platformUser, logins.Passwords[platformUser]
	return c, nil
}

// sending is one command on its way.
type sending struct {
	device  devices.Device
	command uplink.Command
	out     io.Writer
	json    bool // print events as they came
	client  *mqtt.Client
	up      chan struct{}     // the connection is there
	events  chan uplink.Event // of the command
}

func newSending(login mqtt.Config, d devices.Device, command uplink.Command, out io.Writer) (*sending, error) {
	s := &sending{device: d, command: command, out: out, up: make(chan struct{}, 1), events: make(chan uplink.Event, 16)}
	login.OnUp = func(context.Context) { wake(s.up) }
	client, err := mqtt.New(login)
	if err != nil {
		return nil, err
	}
	client.Subscribe(uplink.Filter(d.Edge, uplink.KindEvent), 1, func(ctx context.Context, m mqtt.Message) {
		e, err := uplink.DecodeEvent(m.Payload)
		if err != nil || e.Command != command.ID || e.DevEUI != d.EUI {
			return // of others
		}
		select {
		case s.events <- e:
		case <-ctx.Done():
		}
	})
	s.client = client
	return s, nil
}

// follow hands the command over, again and again until the edge has it, and
// prints what becomes of it until that is decided or the wait is over.
func (s *sending) follow(ctx context.Context, wait, every time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	topic := uplink.Topic{Edge: s.device.Edge, Kind: uplink.KindDown, EUI: s.device.EUI}.String()
	message := mqtt.Message{Topic: topic, Payload: s.command.Encode(), QoS: 1}
	if !s.json {
		fmt.Fprintf(s.out, "command %s to device %s at edge %s\n", s.command.ID, s.device.EUI, s.device.Edge)
	}
	repeat := time.NewTicker(every)
	defer repeat.Stop()
	unsent, taken := mqtt.ErrNotConnected, false
	for {
		select {
		case <-ctx.Done():
			return s.gaveUp(ctx, wait, unsent, taken)
		case e := <-s.events:
			taken = true
			s.print(e)
			if over, err := s.outcome(e); over {
				return err
			}
			continue
		case <-s.up:
		case <-repeat.C:
		}
		if !taken {
			if err := s.client.Publish(ctx, message); err == nil || unsent != nil {
				unsent = err
			}
		}
	}
}

func (s *sending) print(e uplink.Event) {
	if s.json {
		_ = json.NewEncoder(s.out).Encode(e) // as with the lines below, a closed terminal is no failure of the command
		return
	}
	line := e.Time.Local().Format(time.DateTime) + " " + e.Event
	if e.FCnt != nil {
		line += fmt.Sprintf(", downlink counter %d", *e.FCnt)
	}
	if e.Detail != "" {
		line += fmt.Sprintf(": %.256q", e.Detail)
	}
	fmt.Fprintln(s.out, line)
}

// outcome reports whether an event decides what becomes of the command.
func (s *sending) outcome(e uplink.Event) (over bool, err error) {
	switch e.Event {
	case uplink.EventSent:
		return !s.command.Confirmed, nil
	case uplink.EventAcked:
		return true, nil
	case uplink.EventFailed:
		return true, fmt.Errorf("command %s failed: %.256q", s.command.ID, e.Detail)
	case uplink.EventExpired:
		return true, fmt.Errorf("command %s expired before it was %s", s.command.ID, map[bool]string{false: "sent", true: "confirmed"}[s.command.Confirmed])
	}
	return false, nil
}

// gaveUp says how far the command came.
func (s *sending) gaveUp(ctx context.Context, wait time.Duration, unsent error, taken bool) error {
	within := fmt.Sprintf("within %v", wait)
	if errors.Is(ctx.Err(), context.Canceled) {
		within = "before this was interrupted"
	}
	until := "for a day"
	if !s.command.Expires.IsZero() {
		until = "until " + s.command.Expires.Local().Format(time.DateTime)
	}
	switch {
	case taken:
		return fmt.Errorf("command %s was not decided %s; edge %s keeps trying %s", s.command.ID, within, s.device.Edge, until)
	case unsent == nil:
		return fmt.Errorf("edge %s did not answer %s: is it connected, and does it know the device? It may still take the command %s", s.device.Edge, within, s.command.ID)
	}
	return fmt.Errorf("command %s did not reach the MQTT broker %s: %w", s.command.ID, within, unsent)
}
