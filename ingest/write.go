package ingest

import (
	"context"
	"errors"
	"time"

	"modellregion/devices"
	"modellregion/uplink"
)

const (
	firstRetry = 200 * time.Millisecond
	lastRetry  = 10 * time.Second
	tellEvery  = time.Minute // how often a lasting outage is logged
)

// write stores batches until ctx ends: reports, then dead letters, then the
// word to the edges.
func (i *Ingest) write(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case b := <-i.batches:
			began := time.Now()
			if !i.store(ctx, b) {
				return
			}
			i.metrics.writeSeconds.UpdateDuration(began)
			i.metrics.batchReadings.Update(float64(b.readings))
			i.confirm(ctx, b)
		}
	}
}

// store returns false when ctx ended before everything was stored.
func (i *Ingest) store(ctx context.Context, b *batch) bool {
	if len(b.reports) > 0 {
		ok := i.untilDone(ctx, "write readings", func() error {
			err := i.cfg.Sink.Write(ctx, b.reports)
			var refused *devices.RefusedError
			if errors.As(err, &refused) {
				i.refuse(b, refused)
				return nil
			}
			return err
		})
		if !ok {
			return false
		}
	}
	if len(b.letters) == 0 {
		return true
	}
	return i.untilDone(ctx, "keep dead letters", func() error {
		err := i.cfg.Graveyard.Bury(ctx, b.letters)
		var refused *devices.RefusedError
		if errors.As(err, &refused) { // nothing more can be done for them
			i.metrics.lettersLost.Add(len(refused.Reports))
			i.cfg.Log.Error("dead letters were refused by the database and are lost", "letters", len(refused.Reports), "err", err)
			return nil
		}
		return err
	})
}

// refuse turns reports that the database will never take into dead letters.
func (i *Ingest) refuse(b *batch, refused *devices.RefusedError) {
	for _, r := range refused.Reports {
		from := b.origins[r.Index]
		i.bury(b, devices.DeadLetter{
			// Not at the uplink's own time: it may be what the database refuses.
			Time: time.Now(), Edge: from.edge, Reason: reasonRefused,
			Message: string(from.uplink.AppendJSON(nil)),
		}, r.Err)
	}
}

// untilDone calls what until it succeeds or ctx ends, waiting longer each
// time. A lasting failure is logged when it begins, once a minute, and when it
// is over.
func (i *Ingest) untilDone(ctx context.Context, doing string, what func() error) bool {
	var began, told time.Time
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		err := what()
		if err == nil {
			if !began.IsZero() {
				i.cfg.Log.Info("database takes writes again", "doing", doing, "after", time.Since(began).Round(time.Millisecond))
			}
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		i.metrics.writeErrors.Inc()
		if began.IsZero() {
			began = time.Now()
		}
		if time.Since(told) >= tellEvery {
			told = time.Now()
			i.cfg.Log.Error("database refuses, trying again", "doing", doing, "err", err, "next_in", wait)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return false
		}
	}
}

// confirm tells each edge what of it is stored.
func (i *Ingest) confirm(ctx context.Context, b *batch) {
	for from, seqs := range b.seqs {
		stored := uplink.NewStored(from.epoch, seqs)
		for len(stored.Ranges) > 0 {
			n := min(len(stored.Ranges), uplink.MaxRanges)
			part := uplink.Stored{V: stored.V, Epoch: stored.Epoch, Ranges: stored.Ranges[:n]}
			stored.Ranges = stored.Ranges[n:]
			if err := i.cfg.Confirmer.Confirm(ctx, from.edge, part); err != nil {
				i.metrics.confirmErrors.Inc()
				i.cfg.Log.Debug("confirmation lost, the edge will send again", "edge", from.edge, "err", err)
			}
		}
	}
}
