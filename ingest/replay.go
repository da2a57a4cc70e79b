package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"modellregion/devices"
	"modellregion/uplink"
)

// Replay tries once more to store what dead letters hold, at its own time: after
// a device was added or a codec mended. It returns for each letter why it cannot
// be stored even now, or nil when it is. The error is of the store, and nothing
// is known of any letter then. Run need not run.
func (i *Ingest) Replay(ctx context.Context, letters []devices.DeadLetter) ([]error, error) {
	outcome := make([]error, len(letters))
	var b batch
	var from []int // the letter of each report
	now := time.Now()
	for n := range letters {
		outcome[n] = i.replay(&letters[n], &b, now)
		for len(from) < len(b.reports) {
			from = append(from, n)
		}
	}
	for first := 0; first < len(b.reports); first += replayAtOnce {
		end := min(first+replayAtOnce, len(b.reports))
		if err := i.replayReports(ctx, &b, first, end, from, outcome); err != nil {
			return nil, err
		}
	}
	if len(b.letters) > 0 { // of readings that are wrong in uplinks that were stored
		if err := i.cfg.Store.Bury(ctx, b.letters); err != nil {
			return nil, fmt.Errorf("keep dead letters: %w", err)
		}
	}
	return outcome, nil
}

const replayAtOnce = 1000

// replay adds what a letter holds to the batch.
func (i *Ingest) replay(l *devices.DeadLetter, b *batch, now time.Time) error {
	if l.Cut {
		return errors.New("its message was too long to be kept whole")
	}
	var u uplink.Uplink
	if err := json.Unmarshal([]byte(l.Message), &u); err != nil {
		return fmt.Errorf("it holds no uplink: %w", err)
	}
	u.Seq = max(u.Seq, 1) // another network's has none
	if err := u.Check(); err != nil {
		return err
	}
	if d, ok := i.cfg.Directory.Find(u.DevEUI); ok && len(u.Payload) > 0 && (len(u.Readings) == 0 || u.Error != "") { // another network adds readings of its own
		u.Error = ""
		if i.codecs.decode(d, &u, nil) && len(u.Readings) == 0 {
			return nil // the codec knows by now that there is nothing in it
		}
		if u.Error != "" {
			return errors.New(u.Error)
		}
	}
	before := len(b.letters)
	c := i.newChecker(2)
	if c.uplink(origin{l.Edge, l.Topic}, &u, b, now) && len(b.reports[len(b.reports)-1].Readings) > 0 {
		return nil
	}
	why := errors.New(b.letters[len(b.letters)-1].Why)
	b.letters = b.letters[:before]
	if n := len(b.reports); n > 0 && len(b.origins) == n && b.reports[n-1].Device == u.DevEUI && len(b.reports[n-1].Readings) == 0 {
		b.reports, b.origins = b.reports[:n-1], b.origins[:n-1]
	}
	return why
}

// replayReports stores reports, one by one where they are refused together.
func (i *Ingest) replayReports(ctx context.Context, b *batch, first, end int, from []int, outcome []error) error {
	err := i.cfg.Store.Write(ctx, b.reports[first:end])
	var fault *devices.WriteError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &fault), fault.Fault != devices.FaultRefused && fault.Fault != devices.FaultTooLarge:
		return err
	case end-first == 1:
		outcome[from[first]] = err
		return nil
	}
	middle := (first + end) / 2
	if err := i.replayReports(ctx, b, first, middle, from, outcome); err != nil {
		return err
	}
	return i.replayReports(ctx, b, middle, end, from, outcome)
}
