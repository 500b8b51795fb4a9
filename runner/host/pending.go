package host

import (
	"context"
	"time"
)

// Signal wakes whoever waits for one of many descriptors; see [Wait].
type Signal chan struct{}

// NewSignal returns a signal to give to the streams and listeners of a guest.
func NewSignal() Signal { return make(Signal, 1) }

func (s Signal) notify() {
	select {
	case s <- struct{}{}:
	default: // a wake-up is due already
	}
}

// grace is how long an operation that must not wait may take all the same when
// it has only just begun: what is there at once is not reported as missing.
const grace = time.Millisecond

// pending runs one blocking operation at a time in a goroutine, so that its
// outcome can be polled for and waited for under a context. If the wait is
// given up, the outcome is kept for the next one.
type pending[T any] struct {
	run  func() (T, error)
	wake Signal

	done  chan struct{} // nil: idle; closed: value and err are the outcome
	value T
	err   error
}

// start begins the operation unless it is under way or its outcome is there.
func (p *pending[T]) start() {
	if p.done != nil {
		return
	}
	done := make(chan struct{})
	p.done = done
	go func() {
		p.value, p.err = p.run()
		close(done)
		p.wake.notify()
	}()
}

// ready starts the operation and tells whether its outcome is there.
func (p *pending[T]) ready() bool {
	fresh := p.done == nil
	p.start()
	select {
	case <-p.done:
		return true
	default:
	}
	if !fresh {
		return false
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
		return true
	case <-timer.C:
		return false
	}
}

// wait waits for the outcome: not at all with nonblock, else until ctx is done.
func (p *pending[T]) wait(ctx context.Context, nonblock bool) error {
	if nonblock {
		if !p.ready() {
			return EAGAIN
		}
		return nil
	}
	p.start()
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return ECANCELED
	}
}

// take returns the outcome, which must be there, and makes p idle.
func (p *pending[T]) take() (T, error) {
	p.done = nil
	return p.value, p.err
}
