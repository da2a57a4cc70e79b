//go:build !ingestonly

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

// commandHeader must be there in what a program of ours asks for: a page in an
// operator's browser cannot send it elsewhere unasked (Fetch Standard, CORS).
const commandHeader = "X-Modellregion-Command"

// rebuildOrder says which days are to be computed anew, the last included.
type rebuildOrder struct {
	From string `json:"from"` // 2026-11-01, in Germany
	To   string `json:"to"`
}

// rebuildLine is a line of the answer: how far it is, or how it ended.
type rebuildLine struct {
	Done     int    `json:"done,omitempty"` // days
	Total    int    `json:"total,omitempty"`
	Finished bool   `json:"finished,omitempty"`
	Error    string `json:"error,omitempty"`
}

// span returns the time of an order, or why it cannot be rebuilt: a window of
// which bucket raw may have lost a part would be published with less than it
// had.
func (o rebuildOrder) span(cfg *config, now time.Time) (devices.Span, error) {
	from, err := opendata.ParseDay(o.From)
	if err != nil {
		return devices.Span{}, fmt.Errorf("from: %w", err)
	}
	to, err := opendata.ParseDay(o.To)
	if err != nil {
		return devices.Span{}, fmt.Errorf("to: %w", err)
	}
	today := opendata.DayOf(now)
	oldest := opendata.DayOf(opendata.DayOf(now.Add(-time.Duration(cfg.Raw))).Span().End)
	can := fmt.Sprintf("what can be rebuilt is --from %s --to %s", oldest, today)
	span := devices.Span{Start: from.Span().Start, End: to.Span().End}
	switch {
	case !span.Start.Before(span.End):
		return span, fmt.Errorf("from %s to %s: want a first day that is not after the last", from, to)
	case from.Span().Start.Before(oldest.Span().Start):
		return span, fmt.Errorf("from %s: raw readings are kept for %v (raw_retention), and of days before %s a part may be gone; what was published of them stays. %s",
			from, cfg.Raw, oldest, can)
	case to.Span().Start.After(now):
		return span, fmt.Errorf("to %s: it has not begun; %s", to, can)
	}
	return span, nil
}

// rebuilder computes windows anew for operators, one order at a time.
type rebuilder struct {
	cfg        *config
	aggregator *opendata.Aggregator
	log        *slog.Logger
	busy       sync.Mutex
}

func (r *rebuilder) do(ctx context.Context, o rebuildOrder, progress func(done, total int)) error {
	span, err := o.span(r.cfg, time.Now())
	if err != nil {
		return err
	}
	return r.aggregator.Rebuild(ctx, span, progress)
}

// ServeHTTP takes a rebuildOrder and answers with a rebuildLine for each day
// that is done. It ends when the client goes away.
func (r *rebuilder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var o rebuildOrder
	if req.Header.Get(commandHeader) == "" {
		answer(w, http.StatusForbidden, "want the header "+commandHeader+"\n")
		return
	}
	in := json.NewDecoder(http.MaxBytesReader(w, req.Body, 1<<10))
	in.DisallowUnknownFields()
	if err := in.Decode(&o); err != nil {
		answer(w, http.StatusBadRequest, err.Error()+"\n")
		return
	}
	if _, err := o.span(r.cfg, time.Now()); err != nil {
		answer(w, http.StatusBadRequest, err.Error()+"\n")
		return
	}
	if !r.busy.TryLock() {
		answer(w, http.StatusConflict, "a rebuild runs already\n")
		return
	}
	defer r.busy.Unlock()
	control := http.NewResponseController(w)
	// It may take hours, and the listener's limits are for pages.
	if err := control.SetReadDeadline(time.Time{}); err != nil {
		r.log.Warn("a rebuild may be cut short", "err", err)
	}
	if err := control.SetWriteDeadline(time.Time{}); err != nil {
		r.log.Warn("a rebuild may be cut short", "err", err)
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := json.NewEncoder(w)
	say := func(l rebuildLine) {
		_ = out.Encode(l) // when the client has gone, the context ends
		_ = control.Flush()
	}
	r.log.Info("open data are computed anew", "from", o.From, "to", o.To)
	err := r.do(req.Context(), o, func(done, total int) { say(rebuildLine{Done: done, Total: total}) })
	if err != nil {
		r.log.Warn("a rebuild was not finished", "from", o.From, "to", o.To, "err", err)
		say(rebuildLine{Error: err.Error()})
		return
	}
	r.log.Info("open data were computed anew", "from", o.From, "to", o.To)
	say(rebuildLine{Finished: true})
}
