package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// unit is a part of the platform that runs until its context ends. A unit may
// rely on those before it from its start to its end.
type unit struct {
	name string
	run  func(context.Context) error
}

const stopWarning = 10 * time.Second

// runUnits starts units in order and runs work with them. When work returns,
// ctx ends or a unit fails, it stops the units in reverse order, each before
// those it relies on, and returns the first errors.
func runUnits(ctx context.Context, log *slog.Logger, units []unit, work func(context.Context) error) error {
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
	for i := len(started) - 1; i >= 0; i-- {
		r := started[i]
		r.stop()
		warn := time.AfterFunc(stopWarning, func() { log.Warn("still stopping", "part", r.name) })
		errs = append(errs, <-r.done)
		warn.Stop()
	}
	return errors.Join(errs...)
}
