//go:build !ingestonly

package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"modellregion/devices"
	"modellregion/devices/registry"
	"modellregion/ingest"
	"modellregion/internal/influx"
	"modellregion/uplink"
)

// someLetters are the dead letters that a command changes: those that are
// named, or those that the flags choose.
type someLetters struct {
	whichLetters
	IDs   []string `arg:"" optional:"" name:"id" help:"The dead letters, as dead-letters list shows them; in place of a filter."`
	Limit int      `help:"At most this many, the newest; 0 is all." default:"0"`
}

// check wants a choice: all dead letters at once are hardly ever meant.
func (c someLetters) check() error {
	chosen := c.whichLetters != (whichLetters{})
	switch {
	case c.Limit < 0:
		return fmt.Errorf("--limit %d: want 0 or more", c.Limit)
	case len(c.IDs) > 0 && (chosen || c.Limit > 0):
		return errors.New("want either ids or a filter, not both")
	case len(c.IDs) == 0 && !chosen:
		return errors.New("which dead letters? Want ids, or a filter like --reason unknown_device, --device DEVEUI or --since 90d")
	}
	return nil
}

// each calls do with the letters, some at a time. Those that are settled are
// left out, unless they are named: then they are refused.
func (c someLetters) each(ctx context.Context, db *influx.Client, do func([]devices.DeadLetter) error) error {
	if len(c.IDs) == 0 {
		f := c.filter()
		f.Limit = c.Limit
		return eachPage(ctx, db, f, do)
	}
	var list []devices.DeadLetter
	for _, id := range c.IDs {
		named, err := lettersByID(ctx, db, id)
		if err != nil {
			return err
		}
		for _, l := range named {
			if l.Settled != devices.Unsettled {
				return fmt.Errorf("dead letter %s was %s already", id, l.Settled)
			}
		}
		list = append(list, named...)
	}
	return do(list)
}

type deadLettersReplayCmd struct {
	withConfig
	someLetters
	JSON bool `help:"Print JSON."`
}

// Help teaches what happens.
func (deadLettersReplayCmd) Help() string {
	return `Each dead letter takes the way of a new uplink, at its own time: payloads are decoded with the present profile of the device, values are checked, and what is good is stored as if it had just arrived. Open data of that time are computed again.

  modellregion dead-letters replay -c region.yaml --device 70b3d57ed005f1a0
  modellregion dead-letters replay -c region.yaml --reason codec --since 7d --edge rathaus
  modellregion dead-letters replay -c region.yaml dhv1pcs2tp1n dhv1pcrzk2a7

It needs an id or a filter. What is stored is settled and no longer listed; what is not remains, and the command says why and ends with exit code 1. To do it twice changes nothing.`
}

// Run stores what can be stored and says why the others cannot.
func (c deadLettersReplayCmd) Run(ctx context.Context, t *terminal) error {
	if err := c.check(); err != nil {
		return err
	}
	return c.withLetters(ctx, func(db *influx.Client) error {
		return c.withStore(ctx, func(s store) error {
			index, err := registry.NewIndex(ctx, s.Registry, s.shipped)
			if err != nil {
				return err
			}
			in := ingest.New(ingest.Config{Store: db, Directory: index, Voice: mute{}, Retention: time.Duration(s.cfg.Raw), Log: t.log})
			r := replayed{groups: map[string]*notStored{}}
			if err := c.each(ctx, db, func(list []devices.DeadLetter) error {
				if n := r.Stored + r.NotStored; n > 0 {
					fmt.Fprintf(t.err, "%d dead letters tried, %d stored\n", n, r.Stored)
				}
				return r.replay(ctx, db, in, list)
			}); err != nil {
				return err
			}
			return r.tell(t, c.JSON)
		})
	})
}

// mute is the voice of an ingest that nobody waits for.
type mute struct{}

func (mute) Confirm(context.Context, string, uplink.Stored) error       { return nil }
func (mute) Announce(context.Context, uplink.Topic, uplink.Event) error { return nil }
func (mute) Hearing() bool                                              { return false }

// replayed is what became of dead letters.
type replayed struct {
	Stored    int         `json:"stored"`
	NotStored int         `json:"not_stored"`
	Reasons   []notStored `json:"reasons"`
	groups    map[string]*notStored
}

// notStored is why some of them were not stored, with one of them.
type notStored struct {
	Letters int    `json:"letters"`
	Why     string `json:"why"` // of the example
	ID      string `json:"id"`  // likewise
}

// maxGroups bounds the reasons that are told.
const maxGroups = 50

func (r *replayed) replay(ctx context.Context, db *influx.Client, in *ingest.Ingest, list []devices.DeadLetter) error {
	outcome, err := in.Replay(ctx, list)
	if err != nil {
		return err
	}
	var stored []devices.DeadLetter
	for n, why := range outcome {
		if why == nil {
			stored = append(stored, list[n])
			continue
		}
		r.NotStored++
		kind := kindOf(why.Error())
		if r.groups[kind] == nil {
			if len(r.groups) >= maxGroups {
				kind = "others"
			}
			r.groups[kind] = cmp.Or(r.groups[kind], &notStored{Why: why.Error(), ID: list[n].ID()})
		}
		r.groups[kind].Letters++
	}
	if err := db.Settle(ctx, stored, devices.Replayed); err != nil {
		return err
	}
	r.Stored += len(stored)
	return nil
}

// particulars are the parts of a reason that differ from letter to letter:
// DevEUIs, times, texts and numbers.
var particulars = regexp.MustCompile(`"[^"]*"|\b[0-9a-f]{16}\b|[-+]?\d[\dT:.+eZ-]*`)

// kindOf returns what reasons of a kind have in common.
func kindOf(why string) string { return particulars.ReplaceAllString(why, "…") }

// tell prints the outcome. Letters that are not stored are an exit code.
func (r *replayed) tell(t *terminal, asJSON bool) error {
	r.Reasons = []notStored{}
	for _, g := range r.groups {
		r.Reasons = append(r.Reasons, *g)
	}
	slices.SortFunc(r.Reasons, func(a, b notStored) int { return cmp.Or(b.Letters-a.Letters, strings.Compare(a.Why, b.Why)) })
	if asJSON {
		if err := printJSON(t, r); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(t.out, "%d dead letters stored, %d not\n", r.Stored, r.NotStored)
		if len(r.Reasons) > 0 {
			w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "\nLETTERS\tFOR EXAMPLE\tWHY")
			for _, g := range r.Reasons {
				fmt.Fprintf(w, "%d\t%s\t%s\n", g.Letters, g.ID, shorten(printable(g.Why), 200))
			}
			if err := w.Flush(); err != nil {
				return err
			}
		}
	}
	if r.NotStored > 0 {
		return exitCode(1)
	}
	return nil
}

type deadLettersDropCmd struct {
	withConfig
	someLetters
	Yes  bool `help:"Yes, give them up."`
	JSON bool `help:"Print JSON."`
}

// Help says what remains.
func (deadLettersDropCmd) Help() string {
	return `Their messages are deleted for ever; that there was something, when, from where and of which kind, remains for as long as raw data are kept.

  modellregion dead-letters drop -c region.yaml --reason malformed --yes
  modellregion dead-letters drop -c region.yaml dhv1pcs2tp1n

It needs an id or a filter, and --yes or an answer on a terminal.`
}

// Run deletes the messages when that was confirmed.
func (c deadLettersDropCmd) Run(ctx context.Context, t *terminal) error {
	if err := c.check(); err != nil {
		return err
	}
	return c.withLetters(ctx, func(db *influx.Client) error {
		if !c.Yes {
			n := 0
			if err := c.each(ctx, db, func(list []devices.DeadLetter) error { n += len(list); return nil }); err != nil {
				return err
			}
			if n > 0 && !confirmed(t, fmt.Sprintf("Drop %d dead letters for ever?", n)) {
				return fmt.Errorf("%d dead letters would be dropped for ever: say so with --yes", n)
			}
		}
		dropped := 0
		if err := c.each(ctx, db, func(list []devices.DeadLetter) error {
			dropped += len(list)
			return db.Settle(ctx, list, devices.Dropped)
		}); err != nil {
			return err
		}
		if c.JSON {
			return printJSON(t, map[string]any{"dropped": dropped})
		}
		fmt.Fprintf(t.out, "%d dead letters dropped\n", dropped)
		return nil
	})
}

// confirmed asks a person, if there is one.
func confirmed(t *terminal, question string) bool {
	info, err := os.Stdin.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	fmt.Fprintf(t.err, "%s [y/N] ", question)
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	return err == nil && slices.Contains([]string{"y", "yes", "j", "ja"}, strings.ToLower(strings.TrimSpace(answer)))
}
