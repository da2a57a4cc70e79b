package edge

import (
	"strings"
	"testing"
	"time"
)

func TestHealth(t *testing.T) {
	const off = -1
	for _, c := range []struct {
		name           string
		silence, stuck time.Duration
		do             func(h *health, pass func(time.Duration))
		waiting        int
		want           []string // none: healthy
	}{
		{"just started", 15 * time.Minute, 30 * time.Minute, func(h *health, pass func(time.Duration)) {
			pass(time.Minute)
		}, 100, nil},
		{"all is well", 15 * time.Minute, 30 * time.Minute, func(h *health, pass func(time.Duration)) {
			for range 1000 {
				pass(time.Minute)
				h.beat(false)
				h.hear(1)
				h.progress()
			}
			pass(time.Minute)
		}, 100, nil},
		{"the loop hangs", off, off, func(h *health, pass func(time.Duration)) {
			pass(time.Hour)
			h.beat(true)
			pass(72 * time.Second)
		}, 0, []string{"process loop has made no round for 1m12s"}},
		{"no gateway since the start", 15 * time.Minute, off, func(h *health, pass func(time.Duration)) {
			pass(16 * time.Minute)
			h.beat(true)
		}, 0, []string{"no gateway was heard for 16m0s, allowed are 15m0s"}},
		{"statistics are a word", 15 * time.Minute, off, func(h *health, pass func(time.Duration)) {
			pass(16 * time.Minute)
			h.hear(0)
			h.beat(true)
		}, 0, nil},
		{"silence is allowed", off, off, func(h *health, pass func(time.Duration)) {
			pass(1000 * time.Hour)
			h.beat(true)
		}, 0, nil},
		{"nothing is confirmed", off, 30 * time.Minute, func(h *health, pass func(time.Duration)) {
			h.beat(true)
			pass(31 * time.Minute)
			h.beat(false)
		}, 123, []string{"123 uplinks wait and none was confirmed for 31m0s, allowed are 30m0s"}},
		{"one came after hours of none", off, 30 * time.Minute, func(h *health, pass func(time.Duration)) {
			pass(5 * time.Hour)
			h.beat(true)
			pass(time.Second)
			h.beat(false)
		}, 1, nil},
		{"the backlog drains", off, 30 * time.Minute, func(h *health, pass func(time.Duration)) {
			pass(5 * time.Hour)
			h.beat(false)
			h.progress()
		}, 1_000_000, nil},
		{"a backlog is allowed", off, off, func(h *health, pass func(time.Duration)) {
			pass(5 * time.Hour)
			h.beat(false)
		}, 1_000_000, nil},
		{"everything", time.Minute, time.Minute, func(h *health, pass func(time.Duration)) {
			pass(5 * time.Hour)
		}, 1, []string{"no round for 5h0m0s", "no gateway was heard", "1 uplinks wait"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
			h := newHealth(c.silence, c.stuck, func() time.Time { return now })
			c.do(h, func(d time.Duration) { now = now.Add(d) })
			err := h.check(c.waiting)
			if (err == nil) != (len(c.want) == 0) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q, want it to say %q", err, want)
				}
			}
		})
	}
}
