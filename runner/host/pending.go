package host

import (
	"context"
	"time"
)

// Signal wakes whoever waits for one of many descriptors; see [Wait].
type Signal chan struct{}

// NewSignal returns a signal to give to the streams and listeners of a guest.
func NewSignal() Signal { return make(Signal, 1) }

// Notify wakes the guest, now or when it next waits.
func (s Signal) Notify() {
	select {
	case s <- struct{}{}:
	default: // a wake-up is due already
	}
}

// grace is how long an operation that must not wait may take all the same when
// it has only just begun: what is there at once is not reported as missing.
const grace = time.Millisecond

// Pending runs one blocking operation at a time in a goroutine, so that its
// outcome can be polled for and waited for under a context. If the wait is
// given up, the outcome is kept for the next one.
type Pending[T any] struct {
	run  func() (T, error)
	wake Signal

	done  chan struct{} // nil: idle; closed: value and err are the outcome
	value T
	err   error
}

// NewPending makes a Pending whose operation is run, and which wakes the guest.
func NewPending[T any](run func() (T, error), wake Signal) *Pending[T] {
	return &Pending[T]{run: run, wake: wake}
}

// Start begins the operation unless it is under way or its outcome is there.
func (p *Pending[T]) Start() {
	if p.done != nil {
		return
	}
	done := make(chan struct{})
	p.done = done
	go func() {
		p.value, p.err = p.run()
		close(done)
		p.wake.Notify()
	}()
}

// Done tells whether the outcome of an operation is there.
func (p *Pending[T]) Done() bool {
	if p.done == nil {
		return false
	}
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Ready starts the operation and tells whether its outcome is there.
func (p *Pending[T]) Ready() bool {
	fresh := p.done == nil
	p.Start()
	if !fresh || p.Done() {
		return p.Done()
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
func (p *Pending[T]) wait(ctx context.Context, nonblock bool) error {
	if nonblock {
		if !p.Ready() {
			return EAGAIN
		}
		return nil
	}
	p.Start()
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return ECANCELED
	}
}

// Take returns the outcome, which must be there, and makes p idle.
func (p *Pending[T]) Take() (T, error) {
	p.done = nil
	return p.value, p.err
}

// Discard waits for an operation under way, which must have been told to end,
// and calls f with what it gave all the same.
func (p *Pending[T]) Discard(f func(T)) {
	if p.done == nil {
		return
	}
	<-p.done
	if v, err := p.Take(); err == nil {
		f(v)
	}
}
