package runner

import (
	"time"

	"github.com/tracetool/tracetool/runner/ticks"
)

const (
	anchorInterval = int64(500 * time.Millisecond)
	// stepTolerance keeps the noise of two readings out of the wall clock:
	// the system's monotonic clock is slewed together with it.
	stepTolerance = int64(time.Millisecond)
	stepReadings  = 3
)

// clock is the time of a recording: a wall clock that is read every half
// second, so that its steps reach the guest, and goes on by the monotonic clock
// in between. That costs half of reading the wall clock.
type clock struct {
	base   ticks.Base   // when the recording began: 0 of the monotonic clock
	ticks  *ticks.Clock // nil: the system's
	start  int64        // wall clock then, ns since the Unix epoch
	offset int64        // wall clock minus monotonic clock
	due    int64        // when the wall clock is to be read again, on the monotonic clock
}

// newClock returns a clock that begins now. Reading it is what costs most of a
// recorded call, so that a recorder's own is the processor's where that may be.
func newClock(recording bool) *clock {
	now := ticks.Begin()
	wall := now.UnixNano()
	c := &clock{base: now, start: wall, offset: wall, due: anchorInterval}
	if recording {
		c.ticks = ticks.New(now)
	}
	return c
}

// fork returns a clock of the same recording for another goroutine. Its readings
// are the system's.
func (c *clock) fork() *clock {
	return &clock{base: c.base, start: c.start, offset: c.start}
}

// Monotonic returns the nanoseconds since the recording began.
func (c *clock) Monotonic() int64 {
	mono := c.elapsed()
	if mono >= c.due {
		c.anchor(mono)
	}
	return mono
}

func (c *clock) elapsed() int64 {
	if c.ticks != nil {
		return c.ticks.Now()
	}
	return c.base.Since()
}

// Wall returns the nanoseconds since the Unix epoch.
func (c *clock) Wall() int64 { return c.Monotonic() + c.offset }

// anchor reads the wall clock. A step must show in several readings: one alone
// may have been interrupted between its two clocks.
func (c *clock) anchor(mono int64) {
	c.due = mono + anchorInterval
	var step int64
	for range stepReadings {
		now := time.Now()
		step = now.UnixNano() - int64(now.Sub(c.base.Time)) - c.offset
		if -stepTolerance <= step && step <= stepTolerance {
			return
		}
	}
	c.offset += step
}
