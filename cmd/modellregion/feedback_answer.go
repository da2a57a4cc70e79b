//go:build !ingestonly

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"modellregion/opendata/feedback"
)

type feedbackAnswerCmd struct {
	withConfig
	Code   feedbackCode `arg:"" help:"The entry, as feedback list shows it."`
	Text   string       `arg:"" optional:"" help:"The answer; it takes the place of an earlier one."`
	File   string       `help:"The answer is in a file; - is what comes in by a pipe." placeholder:"FILE"`
	Public *bool        `help:"All may read the entry and its answer; --no-public: only who has the code." negatable:""`
}

// Help teaches what who can read.
func (feedbackAnswerCmd) Help() string {
	return `Whoever wrote the entry reads the answer on the portal, at /feedback/ and the code. No mail is sent: where the entry has a mail address, write to it yourself if you like.

  modellregion feedback answer -c region.yaml 7K3M9QX2TV "Danke, er zählt wieder."
  modellregion feedback answer -c region.yaml 7K3M9QX2TV --file answer.txt --public
  modellregion feedback answer -c region.yaml 7K3M9QX2TV --no-public

With --public both texts are on the page of the dataset or station, without the code and the mail address. Read the text first: if it names a person or says something private, do not publish it. An answer is at most 4000 characters; a new one leaves public as it was, unless told.`
}

// Run answers, publishes or both.
func (c feedbackAnswerCmd) Run(ctx context.Context, t *terminal) error {
	text, err := c.text()
	if err != nil {
		return err
	}
	return c.withFeedback(ctx, func(cfg config, s *feedback.Store) error {
		e, err := s.Get(ctx, string(c.Code))
		if err != nil {
			return err
		}
		public := e.Public
		if c.Public != nil {
			public = *c.Public
		}
		if text == "" {
			err = s.Publish(ctx, e.Code, public)
		} else {
			err = s.Answer(ctx, e.Code, text, public)
		}
		if err != nil {
			return err
		}
		return c.tell(t, cfg, e, text != "", public)
	})
}

// text returns the answer that was given, if one was.
func (c feedbackAnswerCmd) text() (string, error) {
	switch {
	case c.Text != "" && c.File != "":
		return "", errors.New("want the answer either as text or with --file, not both")
	case c.File == "" && strings.TrimSpace(c.Text) == "" && c.Public == nil:
		return "", errors.New("nothing to do: want an answer, --file FILE, or --public or --no-public for the answer that there is")
	case c.File == "":
		return strings.TrimSpace(c.Text), nil
	}
	in := io.Reader(os.Stdin)
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return "", fmt.Errorf("read the answer: %w", err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, 8*feedback.MaxText)) // more than can be good
	if err != nil {
		return "", fmt.Errorf("read the answer: %w", err)
	}
	if text := strings.TrimSpace(string(data)); text != "" {
		return text, nil
	}
	return "", fmt.Errorf("read the answer: there is nothing in %s", c.File)
}

// tell says what can be read where.
func (c feedbackAnswerCmd) tell(t *terminal, cfg config, e feedback.Entry, answered, public bool) error {
	what := map[bool]string{true: "answered", false: "changed"}[answered]
	who := map[bool]string{true: "all can read it on the page of " + e.About.String(), false: "only who has the code can read it"}[public]
	_, err := fmt.Fprintf(t.out, "%s; %s, and at %s/feedback/%s\n", what, who, strings.TrimSuffix(cfg.PublicURL, "/"), e.Code)
	if err == nil && answered && e.Contact != "" {
		_, err = fmt.Fprintf(t.out, "whoever wrote it left the address %s; no mail is sent to it by the platform\n", printable(e.Contact))
	}
	return err
}

type feedbackHideCmd struct {
	withConfig
	Codes []feedbackCode `arg:"" name:"code" help:"The entries, as feedback list shows them."`
	Undo  bool           `help:"Bring them back; what was published must be published again."`
}

// Run hides or brings back, one after the other.
func (c feedbackHideCmd) Run(ctx context.Context, t *terminal) error {
	return c.withFeedback(ctx, func(_ config, s *feedback.Store) error {
		do, done := s.Hide, "hidden"
		if c.Undo {
			do, done = s.Unhide, "brought back"
		}
		for n, code := range c.Codes {
			if err := do(ctx, string(code)); err != nil {
				return fmt.Errorf("%d of %d %s: %w", n, len(c.Codes), done, err)
			}
		}
		_, err := fmt.Fprintf(t.out, "%d %s\n", len(c.Codes), done)
		return err
	})
}

type feedbackDropCmd struct {
	withConfig
	whichFeedback
	Codes   []feedbackCode `arg:"" optional:"" name:"code" help:"The entries, as feedback list shows them; in place of a filter."`
	Contact bool           `help:"Delete their mail addresses alone."`
	Yes     bool           `help:"Yes, delete them."`
}

// Help says what remains.
func (feedbackDropCmd) Help() string {
	return `They are overwritten in the file; whoever has a code finds nothing any more. What is in backups of the data folder is left to you.

  modellregion feedback drop -c region.yaml 7K3M9QX2TV
  modellregion feedback drop -c region.yaml --state hidden --yes
  modellregion feedback drop -c region.yaml --until 365d --yes
  modellregion feedback drop -c region.yaml --state answered --until 90d --contact --yes

It needs codes or a filter, and --yes or an answer on a terminal. Hidden ones are meant only when the filter says --state hidden.`
}

// Run deletes when that was confirmed.
func (c feedbackDropCmd) Run(ctx context.Context, t *terminal) error {
	chosen := c.whichFeedback != (whichFeedback{})
	switch {
	case len(c.Codes) > 0 && chosen:
		return errors.New("want either codes or a filter, not both")
	case len(c.Codes) == 0 && !chosen:
		return errors.New("which feedback? Want codes, or a filter like --state hidden, --about station/ID or --until 365d")
	}
	return c.withFeedback(ctx, func(_ config, s *feedback.Store) error {
		codes, err := c.codes(ctx, s)
		if err != nil {
			return err
		}
		what := map[bool]string{true: "mail addresses of %d entries", false: "%d entries"}[c.Contact]
		what = fmt.Sprintf(what, len(codes))
		if !c.Yes && len(codes) > 0 && !confirmed(t, "Delete "+what+" for ever?") {
			return fmt.Errorf("%s would be deleted for ever: say so with --yes", what)
		}
		if c.Contact {
			err = s.ForgetContacts(ctx, codes...)
		} else {
			err = s.Drop(ctx, codes...)
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(t.out, "%s deleted\n", what)
		return err
	})
}

// codes returns those that are meant, each once.
func (c feedbackDropCmd) codes(ctx context.Context, s *feedback.Store) ([]string, error) {
	var codes []string
	for _, code := range c.Codes {
		if _, err := s.Get(ctx, string(code)); err != nil {
			return nil, err
		}
		codes = append(codes, string(code))
	}
	if len(codes) > 0 {
		slices.Sort(codes)
		return slices.Compact(codes), nil
	}
	list, err := s.List(ctx, c.filter())
	for _, e := range list {
		if e.Contact != "" || !c.Contact {
			codes = append(codes, e.Code)
		}
	}
	return codes, err
}
