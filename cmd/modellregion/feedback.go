//go:build !ingestonly

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"modellregion/opendata/feedback"
)

type feedbackCmd struct {
	List   feedbackListCmd   `cmd:"" help:"List what the public has said, the newest first."`
	Show   feedbackShowCmd   `cmd:"" help:"Show an entry with everything known of it, and mark it as read."`
	Answer feedbackAnswerCmd `cmd:"" help:"Answer an entry, and let all read both if that is wanted."`
	Hide   feedbackHideCmd   `cmd:"" help:"Put entries aside, as spam is; published ones are so no more."`
	Drop   feedbackDropCmd   `cmd:"" help:"Delete entries for ever, or only their mail addresses."`
}

// Help says what they are.
func (feedbackCmd) Help() string {
	return `People who use the portal can say something about a dataset, a station or the portal itself. Nothing of it is shown to others unless it is answered and published here. Whoever wrote it has a code, with which the answer can be read on the portal without an account.

  modellregion feedback list -c region.yaml                                          what there is
  modellregion feedback show -c region.yaml 7K3M9QX2TV                               one of them
  modellregion feedback answer -c region.yaml 7K3M9QX2TV "Danke, er zählt wieder."   for who wrote it
  modellregion feedback answer -c region.yaml 7K3M9QX2TV --public                    for all
  modellregion feedback hide -c region.yaml 7K3M9QX2TV                               spam
  modellregion feedback drop -c region.yaml 7K3M9QX2TV                               for ever

It is in feedback.db in the data folder of the process with role public. The platform may run meanwhile, or not.
States: new (nobody has looked at it), read, answered, hidden.`
}

func feedbackPath(cfg config) string { return filepath.Join(cfg.DataDir, "feedback.db") }

// withFeedback opens the feedback of a configuration for one command. It makes
// no file: the command may be run by another user than the platform.
func (w withConfig) withFeedback(ctx context.Context, do func(config, *feedback.Store) error) (err error) {
	cfg, err := w.load()
	if err != nil {
		return err
	}
	path := feedbackPath(cfg)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no feedback at %s: the process with role public makes that file, does it run on this machine and with this data_dir?", path)
	}
	s, err := feedback.Open(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	err = do(cfg, s)
	if errors.Is(err, feedback.ErrUnknown) {
		err = fmt.Errorf("%w with that code, see feedback list --all", err)
	}
	return err
}

// feedbackCode is the code of an entry, as people write it.
type feedbackCode string

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *feedbackCode) UnmarshalText(text []byte) error {
	code, err := feedback.ParseCode(string(text))
	*c = feedbackCode(code)
	return err
}

// aboutFlag is what feedback may be about.
type aboutFlag struct{ feedback.About }

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *aboutFlag) UnmarshalText(text []byte) (err error) {
	a.About, err = feedback.ParseAbout(string(text))
	return err
}

// stateFlag is a state of feedback.
type stateFlag struct{ feedback.State }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *stateFlag) UnmarshalText(text []byte) (err error) {
	s.State, err = feedback.ParseState(string(text))
	return err
}

// whichFeedback are the flags that choose entries.
type whichFeedback struct {
	About aboutFlag `help:"Only what is about a dataset, a station or the portal: dataset/ID, station/ID or portal." placeholder:"WHAT"`
	State stateFlag `help:"Only those that are new, read, answered or hidden." placeholder:"WORD"`
	Since moment    `help:"Only those of that hour and later: how long ago, like 24h or 7d, or a time like 2026-11-23T10:00:00+01:00." placeholder:"WHEN"`
	Until moment    `help:"Only those of hours before then." placeholder:"WHEN"`
}

func (w whichFeedback) filter() feedback.Filter {
	return feedback.Filter{About: w.About.About, State: w.State.State, Since: w.Since.Time, Until: w.Until.Time}
}

type feedbackListCmd struct {
	withConfig
	whichFeedback
	All   bool `help:"Also those that are hidden."`
	Limit int  `help:"At most this many, the newest; 0 is all." default:"100"`
	JSON  bool `help:"Print JSON, with the whole texts."`
}

// Run prints a line for each entry.
func (c feedbackListCmd) Run(ctx context.Context, t *terminal) error {
	if c.Limit < 0 {
		return fmt.Errorf("--limit %d: want 0 or more", c.Limit)
	}
	return c.withFeedback(ctx, func(_ config, s *feedback.Store) error {
		f := c.filter()
		f.Hidden, f.Limit = c.All, c.Limit
		list, err := s.List(ctx, f)
		if err != nil {
			return err
		}
		if c.JSON {
			out := make([]shownFeedback, 0, len(list))
			for _, e := range list {
				out = append(out, showFeedback(e))
			}
			return printJSON(t, out)
		}
		if len(list) == 0 {
			fmt.Fprintln(t.out, "there is no feedback like that")
			return nil
		}
		w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, strings.ToUpper("code\thour\tstate\tabout\ttext"))
		for _, e := range list {
			state := string(e.State)
			if e.Public {
				state += ", public"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", e.Code, e.Time.Format(hourFormat), state, e.About, shorten(printable(strings.ReplaceAll(e.Text, "\n", " ")), 80))
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

// hourFormat is RFC 3339 as far as the time of an entry is kept.
const hourFormat = "2006-01-02T15:04Z07:00"

// shownFeedback is an entry as it is printed.
type shownFeedback struct {
	Code     string     `json:"code"`
	About    string     `json:"about"`
	Hour     time.Time  `json:"hour"`
	Lang     string     `json:"lang"`
	State    string     `json:"state"`
	Public   bool       `json:"public"`
	Text     string     `json:"text"`
	Contact  string     `json:"contact,omitempty"`
	Answer   string     `json:"answer,omitempty"`
	Answered *time.Time `json:"answered,omitempty"`
}

func showFeedback(e feedback.Entry) shownFeedback {
	out := shownFeedback{e.Code, e.About.String(), e.Time, e.Lang, string(e.State), e.Public, e.Text, e.Contact, e.Answer, nil}
	if !e.Answered.IsZero() {
		out.Answered = &e.Answered
	}
	return out
}

type feedbackShowCmd struct {
	withConfig
	Code feedbackCode `arg:"" help:"The entry, as feedback list shows it."`
	JSON bool         `help:"Print JSON."`
}

// Run prints all that is known, and marks it as read.
func (c feedbackShowCmd) Run(ctx context.Context, t *terminal) error {
	return c.withFeedback(ctx, func(_ config, s *feedback.Store) error {
		e, err := s.Get(ctx, string(c.Code))
		if err != nil {
			return err
		}
		if c.JSON {
			err = printJSON(t, showFeedback(e))
		} else {
			err = tellFeedback(t, e)
		}
		if err != nil {
			return err
		}
		return s.Seen(ctx, e.Code)
	})
}

func tellFeedback(t *terminal, e feedback.Entry) error {
	l := showFeedback(e)
	answered := ""
	if l.Answered != nil {
		answered = l.Answered.Format(time.RFC3339)
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	for _, f := range [][2]string{
		{"code", l.Code}, {"hour", e.Time.Format(hourFormat)}, {"about", l.About}, {"language", l.Lang}, {"state", l.State},
		{"public", map[bool]string{true: "yes", false: "no"}[l.Public]}, {"contact", l.Contact}, {"answered", answered},
	} {
		if f[1] != "" {
			fmt.Fprintf(w, "%s\t%s\n", f[0], printable(f[1]))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "\n%s\n", printableLines(l.Text))
	if l.Answer != "" {
		fmt.Fprintf(t.out, "\nanswer:\n%s\n", printableLines(l.Answer))
	}
	return nil
}

// printableLines is printable for a text with lines.
func printableLines(s string) string {
	lines := strings.Split(s, "\n")
	for n := range lines {
		lines[n] = "  " + printable(lines[n])
	}
	return strings.Join(lines, "\n")
}
