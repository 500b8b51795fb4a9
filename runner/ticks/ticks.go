// Package ticks tells the time by the processor's counter of ticks, at a third
// of what the system's clock costs: a recorder asks for it once or twice in
// every call of its guest.
//
// The counter is used only where the system itself tells the time by it: there
// it runs evenly, and alike on all processors. Its rate is measured against the
// system's monotonic clock for as long as it is used. Elsewhere every reading is
// one of that clock.
package ticks

import (
	"math/bits"
	"time"
)

const (
	// The rate holds for as long as it was measured, within these bounds:
	// comparing both clocks is good to some 50 ns, and so is each reading then.
	minSpan = int64(time.Millisecond)
	maxSpan = int64(100 * time.Millisecond)
	// maxDrift is one over the largest change of the rate that measuring
	// explains. It changes by more when the machine was suspended or moved.
	maxDrift = 1000
	shift    = 32
)

// Clock tells the nanoseconds since a moment, and never goes back. It is for
// one goroutine at a time.
type Clock struct {
	base   Base
	origin pair   // since when the rate is measured
	anchor pair   // what readings are computed from
	rate   uint64 // ns a tick << shift; 0 while it is not known
	span   uint64 // ticks after the anchor for which the rate holds
	floor  int64  // what was returned before the rate was lost
	usable bool
}

// pair is one moment on both clocks.
type pair struct {
	ticks uint64
	ns    int64
}

// New returns a clock that is 0 at base.
func New(base Base) *Clock {
	c := &Clock{base: base, usable: reliable()}
	if c.usable {
		c.origin = c.compare()
	}
	return c
}

// Now returns the nanoseconds since the clock's base.
func (c *Clock) Now() int64 {
	if passed := count() - c.anchor.ticks; passed < c.span {
		return c.anchor.ns + int64(passed*c.rate>>shift)
	}
	return c.renew()
}

// renew measures the rate, if there is a counter and it has run long enough,
// and returns the time.
func (c *Clock) renew() int64 {
	ns := c.base.Since()
	if !c.usable || ns-c.origin.ns < minSpan {
		return max(ns, c.floor)
	}
	now := c.compare()
	// What was returned last is at most this.
	c.floor = max(c.floor, c.anchor.ns+int64(min(now.ticks-c.anchor.ticks, c.span)*c.rate>>shift))
	span := min(now.ns-c.origin.ns, maxSpan)
	ahead := max(0, c.floor-now.ns)
	rate, ok := rate(c.origin, now)
	if !ok || c.rate != 0 && max(rate, c.rate)-min(rate, c.rate) > c.rate/maxDrift || ahead > span/2 {
		c.origin, c.rate, c.span = now, 0, 0
		return max(now.ns, c.floor)
	}
	c.rate = rate
	c.span = uint64(span) << shift / rate
	c.anchor = pair{now.ticks, now.ns + ahead}
	// Readings that are ahead lose it until the rate is measured again.
	c.rate -= uint64(float64(rate) * float64(ahead) / float64(span))
	return c.anchor.ns
}

// rate returns the rate between two moments. It is not ok where the counter
// cannot have been running.
func rate(from, to pair) (uint64, bool) {
	ns, ticks := uint64(to.ns-from.ns), to.ticks-from.ticks
	if to.ns <= from.ns || ticks <= ns>>shift {
		return 0, false
	}
	r, _ := bits.Div64(ns>>(64-shift), ns<<shift, ticks)
	return r, r != 0
}

// compare reads both clocks, as close to each other as in the best of three.
func (c *Clock) compare() pair {
	var best pair
	width := ^uint64(0)
	for range 3 {
		before := count()
		ns := c.base.Since()
		if w := count() - before; w < width {
			width, best = w, pair{before + w/2, ns}
		}
	}
	return best
}
