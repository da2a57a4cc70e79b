//go:build !ingestonly

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/opendata/feedback"
	"modellregion/opendata/portal"
)

// checkPortal finds what is wrong with the key portal.
func (c *config) checkPortal(need need) {
	for key, text := range map[string]regionName{"imprint": c.Portal.Imprint, "privacy": c.Portal.Privacy, "accessibility": c.Portal.Accessibility} {
		need(blank(text.De) == blank(text.En), "portal."+key, "must be given in de and en, like {de: |…, en: |…}, or not at all")
	}
	need(c.Portal.Source == "" || isLink(c.Portal.Source, "https"), "portal.source", "%.200q, want the address of the source code, like https://code.musterstadt.example/modellregion", redacted(c.Portal.Source))
	region := c.portalRegion()
	for i := range c.Portal.Notices {
		at := fmt.Sprintf("portal.notices[%d]", i)
		n, err := c.Portal.Notices[i].read()
		if err == nil {
			err = portal.CheckNotice(n, c.datasets(), region.Municipalities)
		}
		need(err == nil, at, "%v", err)
	}
}

func blank(text string) bool { return strings.TrimSpace(text) == "" }

// read turns what is written into what the portal shows.
func (n *noticeConfig) read() (portal.Notice, error) {
	out := portal.Notice{Text: opendata.Text(n.Text), About: n.About}
	var errFrom, errUntil error
	if n.From != "" {
		out.From, errFrom = noticeTime("from", n.From, false)
	}
	if n.Until != "" {
		out.Until, errUntil = noticeTime("until", n.Until, true)
	}
	return out, errors.Join(errFrom, errUntil)
}

// noticeTime reads a time of a notice: a day of Berlin, whose end is meant where
// a notice ends, or a time with its zone.
func noticeTime(key, text string, end bool) (time.Time, error) {
	if day, err := opendata.ParseDay(text); err == nil {
		if span := day.Span(); end {
			return span.End, nil
		} else {
			return span.Start, nil
		}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s %.64q: want a day like 2026-12-01 or a time like 2026-12-01T08:00:00+01:00", key, text)
	}
	return t, nil
}

// notices are those that the portal shows. Validate has seen that they can be
// read.
func (c *config) notices() []portal.Notice {
	var all []portal.Notice
	for i := range c.Portal.Notices {
		if n, err := c.Portal.Notices[i].read(); err == nil {
			all = append(all, n)
		}
	}
	return all
}

// legal are the texts that the publisher has to answer for.
func (c *config) legal() portal.Legal {
	return portal.Legal{Imprint: opendata.Text(c.Portal.Imprint), Privacy: opendata.Text(c.Portal.Privacy), Accessibility: opendata.Text(c.Portal.Accessibility)}
}

// portalAdvice is what a public body should still say on its pages.
func (c *config) portalAdvice() (all []string) {
	if blank(c.Portal.Imprint.De) {
		all = append(all, "portal.imprint: is missing. A public site needs one with name, address, who represents the body, a fast way of contact and the supervisory authority (§ 5 DDG)")
	}
	if blank(c.Portal.Accessibility.De) {
		all = append(all, "portal.accessibility: is missing. A public body has to publish its own statement with the result of a test and the arbitration body (Directive (EU) 2016/2102 Art. 7 and the law of its Land)")
	}
	return all
}

// feedbackBox is what the portal needs of the feedback: the desk and its file.
type feedbackBox struct {
	*feedback.Desk
	store *feedback.Store
}

// Published implements portal.Feedback.
func (b feedbackBox) Published(ctx context.Context, about feedback.About) ([]feedback.Entry, error) {
	return b.store.Published(ctx, about)
}

// openFeedback opens what readers write into, or returns nil where they cannot.
func (p *platform) openFeedback(ctx context.Context, shown *faces, client func(*http.Request) string) (portal.Feedback, error) {
	if wanted := p.cfg.Portal.Feedback; wanted != nil && !*wanted {
		return nil, nil
	}
	store, err := feedback.Open(ctx, feedbackPath(p.cfg))
	if err != nil {
		return nil, err
	}
	desk, err := feedback.NewDesk(feedback.Config{Store: store, Client: client, Known: shown.has, Log: p.log})
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	p.feedback = store
	feedbackMetrics(p.metrics, store, desk)
	return feedbackBox{desk, store}, nil
}

// has reports whether the public can see what feedback would be about.
func (f *faces) has(about feedback.About) bool {
	switch about.Kind {
	case feedback.KindDataset:
		return slices.ContainsFunc(f.datasets, func(d opendata.Dataset) bool { return d.ID == about.ID })
	case feedback.KindStation:
		return slices.ContainsFunc(f.directory.Stations(), func(s devices.Station) bool { return s.ID == about.ID })
	}
	return about.Kind == feedback.KindPortal
}
