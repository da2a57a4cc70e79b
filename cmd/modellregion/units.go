package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// unit is a part of the platform that runs until its context ends. A unit may
// rely on those before it from its start to its end.
type unit struct {
	name string
	run  func(context.Context) error
}

const (
	stopWithin = 7 * time.Second        // all units together: whoever asks for an end waits for 10 s
	lastMoment = 500 * time.Millisecond // for each of the others, when one used up that time
)

// runUnits starts units in order and runs work with them. When work returns,
// ctx ends or a unit fails, it stops the units in reverse order, each before
// those it relies on, and returns the first errors. A unit that does not stop is
// one of them, and left behind: the process has to end then, which loses no more
// than the end of its power would.
func runUnits(ctx context.Context, units []unit, work func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type running struct {
		name string
		stop context.CancelFunc
		done chan error
	}
	var started []running
	for _, u := range units {
		own, stop := context.WithCancel(context.WithoutCancel(ctx))
		r := running{u.name, stop, make(chan error, 1)}
		go func() {
			err := u.run(own)
			if err == nil && own.Err() == nil {
				err = errors.New("ended by itself")
			}
			if err != nil {
				err = fmt.Errorf("%s: %w", u.name, err)
				cancel()
			}
			r.done <- err
		}()
		started = append(started, r)
	}
	errs := []error{work(ctx)}
	patience := time.NewTimer(stopWithin)
	defer patience.Stop()
	for i := len(started) - 1; i >= 0; i-- {
		r := started[i]
		r.stop()
		select {
		case err := <-r.done:
			errs = append(errs, err)
		case <-patience.C:
			errs = append(errs, fmt.Errorf("%s: does not stop", r.name))
			patience.Reset(lastMoment)
		}
	}
	return errors.Join(errs...)
}
