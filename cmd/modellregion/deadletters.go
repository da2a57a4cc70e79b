//go:build !ingestonly

package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"modellregion/devices"
	"modellregion/internal/influx"
	"modellregion/uplink"
)

type deadLettersCmd struct {
	List   deadLettersListCmd   `cmd:"" help:"List dead letters, the newest first."`
	Show   deadLettersShowCmd   `cmd:"" help:"Show everything about a dead letter."`
	Replay deadLettersReplayCmd `cmd:"" help:"Try once more to store dead letters, after a device was added or a codec mended."`
	Drop   deadLettersDropCmd   `cmd:"" help:"Give dead letters up and delete what they say."`
}

// Help says what they are.
func (deadLettersCmd) Help() string {
	return `A dead letter is a message, or a part of one, that can never be stored as it is: of a device that is not in the registry, with a payload that its codec does not know, or with a value that is impossible. It is kept with the reason for as long as raw data are.

  modellregion dead-letters list -c region.yaml                                  what there is and why
  modellregion dead-letters show -c region.yaml dhv1pcs2tp1n                     one of them
  modellregion devices add -c region.yaml ...                                    mend the cause
  modellregion dead-letters replay -c region.yaml --reason unknown_device        store them at last
  modellregion dead-letters drop -c region.yaml --reason malformed --yes         forget others

With the embedded InfluxDB the platform must be running.
Reasons: unknown_device, disabled, wrong_edge, codec, unknown_quantity, channel, range, time, malformed, topic, refused.`
}

// whichLetters are the flags that choose dead letters.
type whichLetters struct {
	Since  moment     `help:"Only those of uplinks since then: how long ago, like 24h or 7d, or a time like 2026-11-23T10:00:00+01:00." placeholder:"WHEN"`
	Until  moment     `help:"Only those of uplinks before then." placeholder:"WHEN"`
	Edge   string     `help:"Only those that came from an edge or a source." placeholder:"NAME"`
	Reason string     `help:"Only those with a reason, like unknown_device." placeholder:"WORD"`
	Device uplink.EUI `help:"Only those of a device, like 70b3d57ed005f1a0." placeholder:"DEVEUI"`
}

func (w whichLetters) filter() devices.LetterFilter {
	f := devices.LetterFilter{Since: w.Since.Time, Until: w.Until.Time, Edge: w.Edge, Reason: w.Reason}
	if (w.Device != uplink.EUI{}) {
		f.Device = w.Device.String()
	}
	return f
}

// moment is a time that may be given as how long ago it is.
type moment struct{ time.Time }

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *moment) UnmarshalText(text []byte) error {
	var ago duration
	if ago.UnmarshalText(text) == nil {
		m.Time = time.Now().Add(-time.Duration(ago))
		return nil
	}
	t, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return fmt.Errorf("%.40q: want how long ago, like 24h or 7d, or a time like 2026-11-23T10:00:00+01:00", text)
	}
	m.Time = t
	return nil
}

// withLetters connects to the database of a configuration for one command.
func (w withConfig) withLetters(ctx context.Context, do func(*influx.Client) error) error {
	cfg, err := w.load()
	if err != nil {
		return err
	}
	login, err := influxLogin(cfg)
	if err != nil {
		return err
	}
	db := influx.New(login)
	defer db.Close()
	if err := db.Ping(ctx); err != nil {
		return fmt.Errorf("InfluxDB at %s does not answer, is the platform running? %w", login.URL, err)
	}
	return do(db)
}

// influxLogin returns how to reach the database as the platform, beside the one
// that is running.
func influxLogin(cfg config) (influx.Config, error) {
	if cfg.Influx.URL == "" {
		return embeddedLogin(cfg)
	}
	return cfg.Influx.login()
}

type deadLettersListCmd struct {
	withConfig
	whichLetters
	All   bool `help:"Also those that were replayed or dropped."`
	Limit int  `help:"At most this many, the newest; 0 is all." default:"100"`
	JSON  bool `help:"Print JSON, with the messages."`
}

// Run prints a line for each dead letter.
func (c deadLettersListCmd) Run(ctx context.Context, t *terminal) error {
	if c.Limit < 0 {
		return fmt.Errorf("--limit %d: want 0 or more", c.Limit)
	}
	return c.withLetters(ctx, func(db *influx.Client) error {
		f := c.filter()
		f.Settled, f.Limit = c.All, c.Limit
		list, err := db.DeadLetters(ctx, f)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(t, shownLetters(list))
		}
		if len(list) == 0 {
			return c.tellNone(ctx, t, db)
		}
		w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, strings.ToUpper("id\ttime\treason\tedge\tdevice\twhy"))
		for n := range list {
			l := shownLetter(&list[n])
			why := l.Why
			if l.Settled != "" {
				why = l.Settled
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", l.ID, l.Time.Format(time.RFC3339), l.Reason, printable(l.Edge), printable(l.Device), shorten(printable(why), 100))
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if len(list) == c.Limit {
			fmt.Fprintf(t.out, "the newest %d; --limit 0 shows all\n", len(list))
		}
		return nil
	})
}

// tellNone says what there is when nothing was found.
func (c deadLettersListCmd) tellNone(ctx context.Context, t *terminal, db *influx.Client) error {
	counts, err := db.CountDeadLetters(ctx)
	if err != nil {
		return err
	}
	if len(counts) == 0 {
		fmt.Fprintln(t.out, "there are no dead letters")
		return nil
	}
	var reasons []string
	for reason, n := range counts {
		reasons = append(reasons, fmt.Sprintf("%s %d", reason, n))
	}
	slices.Sort(reasons)
	fmt.Fprintf(t.out, "no dead letters like that; all there are, with those that were replayed or dropped: %s\n", strings.Join(reasons, ", "))
	return nil
}

// shown is a dead letter as it is printed.
type shown struct {
	ID      string    `json:"id"`
	Time    time.Time `json:"time"`
	Edge    string    `json:"edge,omitempty"`
	Reason  string    `json:"reason"`
	Why     string    `json:"why,omitempty"`
	Topic   string    `json:"topic,omitempty"`
	Device  string    `json:"device,omitempty"`
	Settled string    `json:"settled,omitempty"`
	Cut     bool      `json:"cut,omitempty"`
	Message string    `json:"message"`
}

func shownLetter(l *devices.DeadLetter) shown {
	return shown{
		ID: l.ID(), Time: l.Time.UTC().Truncate(time.Second), Edge: l.Edge, Reason: l.Reason, Why: l.Why, Topic: l.Topic,
		Device: l.Device, Settled: l.Settled.String(), Cut: l.Cut, Message: l.Message,
	}
}

func shownLetters(list []devices.DeadLetter) []shown {
	out := make([]shown, 0, len(list))
	for n := range list {
		out = append(out, shownLetter(&list[n]))
	}
	return out
}

type deadLettersShowCmd struct {
	withConfig
	ID   string `arg:"" help:"The dead letter, as dead-letters list shows it."`
	JSON bool   `help:"Print JSON."`
}

// Run prints all that is known, and the message as it came.
func (c deadLettersShowCmd) Run(ctx context.Context, t *terminal) error {
	return c.withLetters(ctx, func(db *influx.Client) error {
		list, err := lettersByID(ctx, db, c.ID)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(t, shownLetters(list))
		}
		for n := range list {
			l := shownLetter(&list[n])
			w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
			for _, f := range [][2]string{
				{"id", l.ID}, {"time", l.Time.Format(time.RFC3339)}, {"reason", l.Reason}, {"why", l.Why}, {"edge", l.Edge},
				{"device", l.Device}, {"topic", l.Topic}, {"settled", l.Settled}, {"message", sizeOfMessage(l)},
			} {
				if f[1] != "" {
					fmt.Fprintf(w, "%s\t%s\n", f[0], printable(f[1]))
				}
			}
			if err := w.Flush(); err != nil {
				return err
			}
			fmt.Fprintf(t.out, "\n%s\n", indented(l.Message))
		}
		return nil
	})
}

func sizeOfMessage(l shown) string {
	if l.Cut {
		return fmt.Sprintf("%d bytes, the rest was too long to be kept", len(l.Message))
	}
	return fmt.Sprintf("%d bytes", len(l.Message))
}

// indented lays JSON out, and leaves other messages as they are.
func indented(message string) string {
	var out bytes.Buffer
	if json.Indent(&out, []byte(message), "", "  ") == nil {
		message = out.String()
	}
	lines := strings.Split(message, "\n")
	for n := range lines {
		lines[n] = printable(lines[n])
	}
	return strings.Join(lines, "\n")
}

// printable replaces what could make a terminal do something: messages come
// from strangers.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

func shorten(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// lettersByID returns the dead letters with an ID, mostly one.
func lettersByID(ctx context.Context, db *influx.Client, id string) ([]devices.DeadLetter, error) {
	list, err := db.DeadLetters(ctx, devices.LetterFilter{ID: id, Settled: true})
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("dead letter %s: there is none with that id, see dead-letters list", id)
	}
	return list, err
}

// letterPage is how many dead letters are in memory at a time.
const letterPage = 1000

// eachPage calls do with the dead letters that f chooses, the newest first,
// f.Limit of them unless that is 0.
func eachPage(ctx context.Context, db *influx.Client, f devices.LetterFilter, do func([]devices.DeadLetter) error) error {
	left := cmp.Or(f.Limit, -1)
	for {
		f.Limit = letterPage
		if left >= 0 {
			f.Limit = min(letterPage, left)
		}
		list, err := db.DeadLetters(ctx, f)
		if err != nil || len(list) == 0 {
			return err
		}
		if err := do(list); err != nil {
			return err
		}
		if left -= len(list); left == 0 || len(list) < f.Limit {
			return nil
		}
		f.Until = list[len(list)-1].Time
	}
}
