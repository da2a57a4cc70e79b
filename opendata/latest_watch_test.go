package opendata

import (
	"testing"
	"time"

	"modellregion/devices"
)

func TestWatch(t *testing.T) {
	t0 := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	l := NewLatest()
	told := map[string]int{}
	for _, name := range []string{"first", "second"} {
		l.Watch(func(dataset string, rows []devices.Aggregate) {
			// It may ask: the rows are in, and nothing is locked.
			if in := l.At(dataset, rows[0].Start); len(in) != 1 || in[0].Mean != rows[0].Mean {
				t.Errorf("%s watcher is told of %+v while there is %+v", name, rows, in)
			}
			told[name+" "+dataset] += len(rows)
		})
	}
	l.Put("energienetz", []devices.Aggregate{window("a", t0, 1)}, t0)
	l.Put("energienetz", []devices.Aggregate{window("a", t0, 1)}, t0)
	l.Put("energienetz", nil, t0)
	if told["first energienetz"] != 2 || told["second energienetz"] != 2 || len(told) != 2 {
		t.Errorf("told %v, want each watcher of both puts", told)
	}
}
