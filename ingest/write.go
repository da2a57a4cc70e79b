package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"modellregion/devices"
	"modellregion/uplink"
)

const (
	firstRetry = 200 * time.Millisecond
	lastRetry  = 10 * time.Second
	longest    = 5 * time.Minute // that the store may ask to be left alone
	tellEvery  = time.Minute     // how often a lasting outage is logged
	suspectful = 5               // faults of the store's own (HTTP 500) after which the batch is suspected
	maxParts   = 64              // parts of a batch that are tried to find out whether it is the batch
)

// write stores batches until ctx ends: reports, then dead letters, then the
// word to those from whom they came.
func (i *Ingest) write(ctx context.Context, l *lane) {
	for {
		select {
		case <-ctx.Done():
			return
		case b := <-l.work:
			began := time.Now()
			if !i.store(ctx, b) {
				return
			}
			now := time.Now()
			i.metrics.writeSeconds.Update(now.Sub(began).Seconds())
			i.metrics.batchLines.Update(float64(b.lines))
			for n := range b.reports {
				i.metrics.lag.Update(max(0, now.Sub(b.reports[n].Time).Seconds())) // a clock may be ahead
			}
			i.confirm(ctx, b)
			for _, a := range b.acks {
				a.send()
			}
			for _, s := range i.sources {
				s.askAgain()
			}
			b.reset()
			l.spare = b
			i.idle <- l // has room for every lane
		}
	}
}

// store returns false when ctx ended before everything was stored.
func (i *Ingest) store(ctx context.Context, b *batch) bool {
	if len(b.reports) > 0 && !i.storeReports(ctx, b, 0, len(b.reports)) {
		return false
	}
	return len(b.letters) == 0 || i.untilDone(ctx, "keep dead letters", func() error {
		err := i.cfg.Store.Bury(ctx, b.letters)
		var fault *devices.WriteError
		if errors.As(err, &fault) && fault.Fault == devices.FaultRefused { // nothing more can be done for them
			i.metrics.lettersLost.Add(fault.Lost)
			i.cfg.Log.Error("dead letters were refused by the database and are lost", "letters", fault.Lost, "err", err)
			return nil
		}
		return err
	})
}

// storeReports stores the reports from first to before end, in halves if need
// be, and makes dead letters of those that can never be stored.
func (i *Ingest) storeReports(ctx context.Context, b *batch, first, end int) bool {
	var divide error
	internal := 0
	ok := i.untilDone(ctx, "write readings", func() error {
		err := i.cfg.Store.Write(ctx, b.reports[first:end])
		var fault *devices.WriteError
		if !errors.As(err, &fault) {
			return err
		}
		switch {
		case fault.Fault == devices.FaultRefused, fault.Fault == devices.FaultTooLarge:
			divide = err
			return nil
		case fault.Internal:
			if internal++; internal%suspectful == 0 && i.findFault(ctx, b, first, end) {
				return nil
			}
		}
		return err
	})
	switch {
	case !ok:
		return false
	case divide == nil:
		return true
	case end-first == 1:
		return i.refuse(ctx, b, first, divide)
	}
	middle := (first + end) / 2
	return i.storeReports(ctx, b, first, middle) && i.storeReports(ctx, b, middle, end)
}

// findFault is for a store that keeps answering with a fault of its own to one
// batch. It writes ever smaller parts of it. When some can be stored, again and
// again, the fault is in the others, which become dead letters; otherwise it is
// the store's, and the answer is false.
func (i *Ingest) findFault(ctx context.Context, b *batch, first, end int) bool {
	type part struct{ first, end int }
	var last error
	// write reports whether a part is stored, and whether the answer says
	// anything about it.
	write := func(p part) (stored, says bool) {
		err := i.cfg.Store.Write(ctx, b.reports[p.first:p.end])
		if err == nil {
			return true, true
		}
		last = err
		var fault *devices.WriteError
		return false, errors.As(err, &fault) && (fault.Internal || fault.Fault == devices.FaultRefused)
	}
	failing := []part{{first, end}}
	var good part // one that was stored
	for divided := true; divided && (good != part{} || len(failing) < maxParts); {
		divided = false
		var still []part
		for _, p := range failing {
			middle := (p.first + p.end) / 2
			if middle == p.first { // a single report
				still = append(still, p)
				continue
			}
			divided = true
			for _, half := range []part{{p.first, middle}, {middle, p.end}} {
				stored, says := write(half)
				switch {
				case !says:
					return false
				case stored:
					good = half
				default:
					still = append(still, half)
				}
			}
		}
		failing = still
	}
	if (good == part{}) {
		return false
	}
	causes := map[part]error{}
	for _, p := range failing { // a full disk has room for a small part now and then
		switch stored, says := write(p); {
		case !says:
			return false
		case stored:
			continue
		}
		causes[p] = last
		if stored, _ := write(good); !stored {
			return false
		}
	}
	for p, cause := range causes {
		for n := p.first; n < p.end; n++ {
			i.buryReport(b, n, string(partJSON(&b.reports[n])), cause)
		}
	}
	return true
}

// refuse makes a dead letter of what of a report the store will never take, and
// stores the rest: it consists of a point for each channel and of others.
func (i *Ingest) refuse(ctx context.Context, b *batch, n int, cause error) bool {
	whole := b.reports[n]
	var parts []devices.Report
	for first := 0; first < len(whole.Readings); {
		end := first + 1
		for end < len(whole.Readings) && whole.Readings[end].Channel == whole.Readings[first].Channel {
			end++
		}
		part := whole
		part.Readings, part.RX, part.Doubts = whole.Readings[first:end], nil, nil
		parts = append(parts, part)
		first = end
	}
	if len(whole.RX)+len(whole.Doubts) > 0 {
		part := whole
		part.Readings = nil
		parts = append(parts, part)
	}
	if len(parts) < 2 {
		i.buryReport(b, n, string(partJSON(&b.reports[n])), cause)
		return true
	}
	for _, part := range parts {
		ok := i.untilDone(ctx, "write readings", func() error {
			err := i.cfg.Store.Write(ctx, []devices.Report{part})
			var fault *devices.WriteError
			if errors.As(err, &fault) && (fault.Fault == devices.FaultRefused || fault.Fault == devices.FaultTooLarge) {
				i.buryReport(b, n, string(partJSON(&part)), err)
				return nil
			}
			return err
		})
		if !ok {
			return false
		}
	}
	return true
}

// partJSON is a report, or a part of one, as an uplink.
func partJSON(r *devices.Report) []byte {
	u := uplink.Uplink{DevEUI: r.Device, Time: r.Time, FCnt: r.FCnt, Lost: r.Lost, DR: r.DR, RX: r.RX}
	for _, reading := range r.Readings {
		u.Readings = append(u.Readings, uplink.Reading{Quantity: reading.Quantity.Name, Channel: reading.Channel, Value: reading.Value})
	}
	return u.AppendJSON(nil)
}

// buryReport makes a dead letter of a report, under the present day: its own
// time may be what the store refuses.
func (i *Ingest) buryReport(b *batch, n int, message string, err error) {
	from := b.origins[n]
	i.bury(b, devices.DeadLetter{
		Time: dayOf(time.Now()), Edge: from.edge, Reason: reasonRefused, Topic: from.topic, Device: b.reports[n].Device.String(), Message: message,
	}, err)
}

// untilDone calls what until it succeeds or ctx ends, waiting longer each time.
func (i *Ingest) untilDone(ctx context.Context, doing string, what func() error) bool {
	failing := false
	defer func() {
		if failing {
			i.outage.over(ctx)
		}
	}()
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		err := what()
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		pause := wait
		var fault *devices.WriteError
		if errors.As(err, &fault) {
			pause = max(wait, min(fault.RetryAfter, longest))
		}
		i.outage.failed(doing, err, pause, !failing)
		failing = true
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return false
		}
	}
}

// failed notes that the store did not take something; first is true for who was
// not failing before. A lasting failure is logged when it begins and once a
// minute.
func (o *outage) failed(doing string, err error, pause time.Duration, first bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if first {
		o.failing++
	}
	if o.failing == 1 && first {
		o.began, o.told = time.Now(), time.Time{}
	}
	o.err = fmt.Errorf("%s: %w", doing, err)
	denied := false
	var fault *devices.WriteError
	if errors.As(err, &fault) {
		denied = fault.Fault == devices.FaultDenied
	}
	o.metrics.writeErrors(denied).Inc()
	if time.Since(o.told) < tellEvery {
		return
	}
	o.told = time.Now()
	if denied {
		o.log.Error("the database does not accept the platform's login or lacks a bucket; nothing is stored until somebody mends that", "doing", doing, "err", err, "next_try_in", pause)
		return
	}
	o.log.Error("the database takes nothing, trying again", "doing", doing, "err", err, "next_try_in", pause)
}

// over notes that one who was failing is not any more.
func (o *outage) over(ctx context.Context) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failing--; o.failing > 0 {
		return
	}
	o.err = nil
	if ctx.Err() == nil {
		o.log.Info("the database takes writes again", "after", time.Since(o.began).Round(time.Millisecond))
	}
}

func (o *outage) ready() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// confirm tells each edge what of it is stored.
func (i *Ingest) confirm(ctx context.Context, b *batch) {
	for n := range b.senders {
		from := &b.senders[n]
		stored := uplink.NewStored(from.epoch, from.seqs)
		for len(stored.Ranges) > 0 {
			n := min(len(stored.Ranges), uplink.MaxRanges)
			part := uplink.Stored{V: stored.V, Epoch: stored.Epoch, Ranges: stored.Ranges[:n]}
			stored.Ranges = stored.Ranges[n:]
			if err := i.cfg.Voice.Confirm(ctx, from.edge, part); err != nil {
				i.metrics.confirmErrors.Inc()
				i.cfg.Log.Debug("confirmation lost, the edge will send again", "edge", from.edge, "err", err)
			}
		}
	}
}
