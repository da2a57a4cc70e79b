package opendata

import (
	"slices"
	"sync"

	"modellregion/devices"
)

// watchers are told of what is put into a Latest.
type watchers struct {
	mu  sync.Mutex
	all []func(dataset string, rows []devices.Aggregate)
}

// Watch calls f after each Put, when the rows are in: with what was put, also
// what was there already. It is called by whoever puts, by several at once for
// different rows; it must not keep or change the rows, and the next windows
// wait while it runs.
func (l *Latest) Watch(f func(dataset string, rows []devices.Aggregate)) {
	l.watchers.mu.Lock()
	defer l.watchers.mu.Unlock()
	l.watchers.all = append(slices.Clip(l.watchers.all), f)
}

func (w *watchers) tell(dataset string, rows []devices.Aggregate) {
	w.mu.Lock()
	all := w.all
	w.mu.Unlock()
	for _, f := range all {
		f(dataset, rows)
	}
}
