package host

import (
	"context"
	"time"
)

// Clock is the host's clock. Its zero value is ready.
type Clock struct{}

// start is the point monotonic time is counted from.
var start = time.Now()

// Wall returns nanoseconds since the Unix epoch.
func (Clock) Wall() int64 { return time.Now().UnixNano() }

// Monotonic returns nanoseconds since the program started.
func (Clock) Monotonic() int64 { return int64(time.Since(start)) }

// CPUTime returns the processor time in nanoseconds that the whole process has
// used. It stands for the guest's thread as well: that has no thread of the
// host to itself, and the time of whichever it is on would run backwards.
func CPUTime() (int64, error) {
	ns, err := cpuTime()
	return ns, fail(err)
}

// Resolution is what separates two readings of a clock at least, in nanoseconds.
const Resolution = 1

// pollPause is how often Wait looks again at what cannot wake it.
const pollPause = 5 * time.Millisecond

// Wait calls ready, which tells whether something has happened, until it has,
// the timeout is over (negative: never) or ctx is done, when it fails with
// ECANCELED. Streams wake it; with watch set it looks every few milliseconds as
// well, for conditions that give no signal.
func Wait(ctx context.Context, wake Signal, timeout time.Duration, watch bool, ready func() bool) error {
	if ready() || timeout == 0 {
		return nil
	}
	var over, again <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		over = timer.C
	}
	if watch {
		ticker := time.NewTicker(pollPause)
		defer ticker.Stop()
		again = ticker.C
	}
	for {
		select {
		case <-wake:
		case <-again:
		case <-over:
			ready()
			return nil
		case <-ctx.Done():
			return ECANCELED
		}
		if ready() {
			return nil
		}
	}
}
