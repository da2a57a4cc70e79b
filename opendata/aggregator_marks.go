package opendata

import (
	"context"
	"fmt"
	"time"

	"modellregion/devices"
)

// advance reads the marks since position, recomputes what they name and moves
// position to the present.
func (a *Aggregator) advance(ctx context.Context, force bool) error {
	now := time.Now().UTC()
	if a.position.IsZero() {
		cursor, err := a.cfg.Open.Cursor(ctx)
		if err != nil {
			return fmt.Errorf("read cursor: %w", err)
		}
		a.saved = cursor
		if cursor.IsZero() {
			cursor = now.Add(-a.cfg.Retention)
		}
		a.position = cursor.UTC()
	}
	if a.position.After(now) { // the clock was set back
		a.position = now
	}
	for {
		end := a.position.Add(maxRead)
		last := !end.Before(now)
		if last {
			end = now
		}
		// A mark may also be ahead, by the difference of two clocks.
		span := devices.Span{Start: a.position.Add(-Overlap), End: end.Add(Overlap)}
		marks, err := a.cfg.Raw.Dirty(ctx, span)
		if err != nil {
			return fmt.Errorf("read dirty marks since %s: %w", span.Start.Format(time.RFC3339), err)
		}
		a.take(marks, a.position, end)
		a.ended(a.position, end)
		a.position = end
		a.forget()
		if err := a.compute(ctx, &a.agenda, last, force); err != nil {
			return err
		}
		if last {
			return nil
		}
	}
}

// take makes the windows dirty that new marks touch.
func (a *Aggregator) take(marks []devices.DirtyMark, since, until time.Time) {
	for _, m := range marks {
		key := mark{string(m.Domain), m.Window.UnixNano(), m.Arrived.UnixNano()}
		if _, done := a.handled[key]; done {
			continue
		}
		a.handled[key] = struct{}{}
		for i := range a.cfg.Datasets {
			for _, k := range a.touched(&a.cfg.Datasets[i], m, until) {
				note(a.agenda.dirty[i], k, since)
			}
		}
	}
}

// touched returns the windows of a dataset that a mark makes dirty: those that
// overlap the time it names and, since meters and categories look back, those
// that begin within their reach after it. Those that wait for their end and are
// not over until then are left out: ended has them computed.
func (a *Aggregator) touched(d *Dataset, m devices.DirtyMark, until time.Time) []windowKey {
	if d.Domain != m.Domain || d.Households != nil {
		return nil
	}
	var keys []windowKey
	oldest := a.oldest()
	for _, w := range d.Windows {
		end := m.Window.Add(devices.DirtyWindow)
		if d.looksBack() {
			end = end.Add(Window(min(w, Day24)).reach())
		}
		for begin := w.Begin(m.Window); begin.Before(end); begin = w.End(begin) {
			if d.waits(w) && w.End(begin).Add(settle).After(until) || begin.Before(oldest) {
				continue
			}
			keys = append(keys, windowKey{w, begin.UnixMilli()})
		}
	}
	return keys
}

// waits reports whether a window is computed when it is over and not before.
// Only the shortest is computed while it runs, and not if it is a day: what
// runs gets new readings all the time, and an hour of all stations costs more
// than a quarter of one, every time.
func (d *Dataset) waits(w Window) bool { return w > d.Base() || w > Hour }

// ended makes the windows dirty that wait for their end and are over, and
// settled, at until but not at since, and has the files of days that are over
// written once more: those of a day that runs say so.
func (a *Aggregator) ended(since, until time.Time) {
	oldest := a.oldest()
	for i := range a.cfg.Datasets {
		d := &a.cfg.Datasets[i]
		if d.Households != nil {
			continue
		}
		over := func(w Window, then func(begin time.Time)) {
			for begin := w.Begin(since.Add(-settle)); !w.End(begin).Add(settle).After(until); begin = w.End(begin) {
				if w.End(begin).Add(settle).After(since) && !begin.Before(oldest) {
					then(begin)
				}
			}
		}
		for _, w := range d.Windows {
			if d.waits(w) {
				over(w, func(begin time.Time) { note(a.agenda.dirty[i], windowKey{w, begin.UnixMilli()}, since) })
			}
		}
		over(Day24, func(begin time.Time) {
			if !a.cfg.Latest.Newest(d.ID).Before(begin) {
				note(a.agenda.pending, dayKey{i, DayOf(begin)}, since)
			}
		})
	}
}

// forget drops handled marks that will not be read again.
func (a *Aggregator) forget() {
	from := a.position.Add(-Overlap).UnixNano()
	for m := range a.handled {
		if m.arrived < from {
			delete(a.handled, m)
		}
	}
}
