package opendata

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"modellregion/devices"
)

// TestHour: a quarter is there at once, its hour when it is over. Late readings
// are in the quarter at once and in the hour soon, which is not computed
// again for every one of them.
func TestHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		begin := time.Now().UTC().Truncate(time.Hour).Add(4 * time.Hour)
		sleepUntil(begin.Add(time.Minute))
		a := newTestAggregator(f)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- a.Run(ctx) }()
		sum := func(w Window) (total float64) {
			f.mu.Lock()
			defer f.mu.Unlock()
			for _, r := range f.windows("verkehr", devices.Span{Start: begin, End: begin.Add(time.Hour)}, "") {
				if r.Window == time.Duration(w) {
					total += r.Sum
				}
			}
			return total
		}
		for i := range 60 {
			f.arrive(counted("pb-1", begin.Add(time.Duration(i)*time.Minute), 1), time.Now())
			time.Sleep(time.Minute)
		}
		synctest.Wait()
		if quarters, hour := sum(Quarter), sum(Hour); quarters != 60 || hour != 0 {
			t.Errorf("at its end the quarters have %v and the hour %v, want 60 and nothing", quarters, hour)
		}
		sleepUntil(begin.Add(time.Hour + settle + time.Minute))
		synctest.Wait()
		if got := sum(Hour); got != 60 {
			t.Errorf("an hour that is over has %v, want 60", got)
		}
		puts := func() int {
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.calls["put"]
		}
		before := puts()
		for range 20 {
			f.arrive(counted("pb-1", begin.Add(30*time.Second), 1), time.Now())
			time.Sleep(time.Minute)
		}
		synctest.Wait()
		if got := sum(Quarter); got < 79 {
			t.Errorf("the quarter has not got late readings: %v", got)
		}
		if n := puts() - before; n > 20+5 {
			t.Errorf("%d windows are stored for 20 late readings, want 20 quarters and few hours", n)
		}
		time.Sleep(shortEvery + time.Minute)
		synctest.Wait()
		if got := sum(Hour); got != 80 {
			t.Errorf("the hour has %v with late readings, want 80", got)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
