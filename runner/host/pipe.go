package host

import (
	"io"
	"sync"
)

// Pipe carries bytes from a guest, which must not wait, to a goroutine, which
// may: [Pipe.Read] and [Pipe.Ready] are for the goroutine, which ends with
// [Pipe.Fail], and the other methods are for the guest. It holds no more than its limit.
type Pipe struct {
	wake  Signal
	mu    sync.Mutex
	more  sync.Cond // signalled when there is something for Read
	queue []byte
	limit int

	read     bool  // Read has been called
	idle     bool  // Read waits for more, so that all before has been dealt with
	flushing bool  // no room until idle
	end      error // what Read returns after the queue; nil: not ended
	failed   error // why nobody reads any more
}

// NewPipe returns a pipe that holds up to limit bytes and wakes the guest.
func NewPipe(limit int, wake Signal) *Pipe {
	p := &Pipe{wake: wake, limit: limit}
	p.more.L = &p.mu
	return p
}

// SetLimit changes how much the pipe holds. What it holds already stays.
func (p *Pipe) SetLimit(limit int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limit = limit
}

// Room returns how many bytes may be written now: 0 while the pipe is full or a
// flush is under way, of which the end is signalled. It fails as the reader did.
func (p *Pipe) Room() (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.failed != nil:
		return 0, p.failed
	case p.flushing && !p.flushed():
		return 0, nil
	}
	p.flushing = false
	return max(p.limit-len(p.queue), 0), nil
}

// flushed tells whether all has been dealt with. Where nobody has begun to
// read, there is nothing to wait for.
func (p *Pipe) flushed() bool { return !p.read || p.idle && len(p.queue) == 0 }

// Write queues b, which is no longer than Room.
func (p *Pipe) Write(b []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed != nil {
		return p.failed
	}
	p.queue = append(p.queue, b...)
	p.more.Signal()
	return nil
}

// Flush leaves no room until what was written has been dealt with.
func (p *Pipe) Flush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flushing = true
}

// Close makes Read return err after what was written: io.EOF, or why there will
// be no more. Only the first call counts.
func (p *Pipe) Close(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end == nil {
		p.end = err
		p.more.Signal()
	}
}

// Fail makes the writer fail with err, and Read return it. Only the first call
// counts.
func (p *Pipe) Fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed == nil {
		p.failed, p.queue = err, nil
		p.more.Signal()
		p.wake.Notify()
	}
}

// Ready tells whether Read would return at once.
func (p *Pipe) Ready() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue) > 0 || p.end != nil || p.failed != nil
}

// Read returns what was written, waiting for it. It implements io.Reader.
func (p *Pipe) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.read = true
	for len(p.queue) == 0 && p.failed == nil {
		p.idle = true
		p.wake.Notify()
		if p.end != nil {
			return 0, p.end
		}
		p.more.Wait()
	}
	p.idle = false
	if p.failed != nil {
		return 0, p.failed
	}
	n := copy(b, p.queue)
	if p.queue = p.queue[n:]; len(p.queue) == 0 {
		p.queue = p.queue[:0:0]
	}
	p.wake.Notify()
	return n, nil
}

var _ io.Reader = (*Pipe)(nil)
