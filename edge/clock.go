package edge

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"modellregion/uplink"
)

// clock tells when a frame was received, and whether that is known at all. A
// gateway without a battery for its clock begins years ago, or where it was
// switched off; it becomes right when it reaches a time server.
type clock struct {
	now       func() time.Time
	sinceBoot func() time.Duration // time asleep included
	synced    func() bool          // the kernel says that a time server has set the clock; nil: not asked
	boot      string               // id of this run of the kernel
	earliest  time.Time            // nothing was received before
}

// No frame was received before this program was written, or will be when it is
// long gone.
var (
	firstUse = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	lastUse  = firstUse.AddDate(30, 0, 0)
)

// newClock returns the host's clock. With wantSync it is believed only while
// the kernel says that it is in step with a time server.
func newClock(wantSync bool) (*clock, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return nil, fmt.Errorf("tell this boot from others: %w", err)
	}
	c := &clock{now: time.Now, sinceBoot: sinceBoot, boot: strings.TrimSpace(string(id)), earliest: firstUse}
	if wantSync {
		c.synced = kernelSynced
	}
	return c, nil
}

func sinceBoot() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0 // it exists since Linux 2.6.39
	}
	return time.Duration(ts.Nano())
}

func kernelSynced() bool {
	var t unix.Timex
	_, err := unix.Adjtimex(&t)
	return err == nil && t.Status&unix.STA_UNSYNC == 0
}

// possible reports whether something can have happened at t.
func (c *clock) possible(t time.Time) bool { return t.After(c.earliest) && t.Before(lastUse) }

// trusted reports whether the clock is set.
func (c *clock) trusted() bool {
	return c.possible(c.now()) && (c.synced == nil || c.synced())
}

// frameTime chooses the time of a frame: that of the gateway's GPS when it has
// one that is possible, else the host's. The host's is computed backwards from
// now, so that a clock which was set in between is right for what came before.
// It is false when neither is known; then the frame was received at that time
// since the boot. Whole milliseconds, UTC.
func (c *clock) frameTime(gps, heard time.Time) (t time.Time, q uplink.TimeQuality, offset time.Duration, known bool) {
	if c.possible(gps) {
		return gps.UTC().Truncate(time.Millisecond), uplink.TimeGPS, 0, true
	}
	now := c.now()
	ago := now.Sub(heard) // by the clock that nobody sets
	if !c.trusted() {
		return time.Time{}, uplink.TimeBoot, c.sinceBoot() - ago, false
	}
	return now.Round(0).Add(-ago).UTC().Truncate(time.Millisecond), uplink.TimeHost, 0, true
}

// at returns when something happened that happened at that time since this
// boot. Only a trusted clock can tell.
func (c *clock) at(offset time.Duration) time.Time {
	return c.now().Add(offset - c.sinceBoot()).UTC().Truncate(time.Millisecond)
}

// stamp returns the time for a message, or the zero time when it is not known.
func (c *clock) stamp() time.Time {
	if !c.trusted() {
		return time.Time{}
	}
	return c.now().UTC()
}
