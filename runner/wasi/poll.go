package wasi

import (
	"context"
	"math"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/tracetool/tracetool/runner/host"
)

const (
	eventClock = iota
	eventRead
	eventWrite

	subscriptionSize = 48
	eventSize        = 32
	clockAbsolute    = 1 // flag of a clock subscription
	eventHangup      = 1 // flag of an event
)

// subscription is what a guest waits for: a time or a descriptor.
type subscription struct {
	userdata uint64
	kind     byte
	fd       uint32
	after    time.Duration // of a clock, from now
	err      error         // of a clock
}

// poll is one poll_oneoff under way.
type poll struct {
	s      *System
	subs   []subscription
	out    []byte
	events int // written to out
}

// poll_oneoff(in, out, nsubscriptions, nevents)
func (s *System) pollOneoff(ctx context.Context, mod api.Module, p []uint64) error {
	n := uint64(uint32(p[2]))
	if n == 0 || n > maxSubscriptions {
		return host.EINVAL
	}
	in, err := memory(mod, p[0], n*subscriptionSize)
	if err != nil {
		return err
	}
	out, err := memory(mod, p[1], n*eventSize)
	if err != nil {
		return err
	}
	count, err := memory(mod, p[3], 4)
	if err != nil {
		return err
	}
	subs, err := s.subscriptions(in)
	if err != nil {
		return err
	}
	run := &poll{s: s, subs: subs, out: out}
	if err := run.wait(ctx); err != nil {
		return err
	}
	le.PutUint32(count, uint32(run.events))
	return nil
}

// subscriptions decodes the guest's array. It is copied: the events may be
// written over it.
func (s *System) subscriptions(in []byte) ([]subscription, error) {
	subs := make([]subscription, 0, len(in)/subscriptionSize)
	for ; len(in) > 0; in = in[subscriptionSize:] {
		sub := subscription{userdata: le.Uint64(in), kind: in[8], fd: le.Uint32(in[16:])}
		switch sub.kind {
		case eventClock:
			sub.after, sub.err = s.after(in[16:])
		case eventRead, eventWrite:
		default:
			return nil, host.EINVAL
		}
		subs = append(subs, sub)
	}
	return subs, nil
}

// after decodes the time a clock subscription waits for. Only the two clocks
// that run while the guest sleeps can be waited for.
func (s *System) after(sub []byte) (time.Duration, error) {
	id, timeout, flags := le.Uint32(sub), le.Uint64(sub[8:]), le.Uint16(sub[24:])
	if id > clockMonotonic || flags > clockAbsolute {
		return 0, host.EINVAL
	}
	after := time.Duration(min(timeout, math.MaxInt64))
	if flags == clockAbsolute {
		now, err := s.now(id)
		if err != nil {
			return 0, err
		}
		after -= time.Duration(now)
	}
	return max(after, 0), nil
}

// wait waits for the first events and writes them.
func (p *poll) wait(ctx context.Context) error {
	timeout, watch := time.Duration(-1), false
	for _, sub := range p.subs {
		switch sub.kind {
		case eventClock:
			if timeout < 0 || sub.after < timeout {
				timeout = sub.after
			}
		case eventWrite:
			watch = true
		}
	}
	if err := p.until(ctx, timeout, watch); err != nil {
		return err
	}
	if p.events == 0 || timeout == 0 {
		p.ring(timeout)
	}
	return nil
}

// until waits for the first descriptor that is ready, or the timeout.
func (p *poll) until(ctx context.Context, timeout time.Duration, watch bool) error {
	if p.s.wait != nil {
		return p.s.wait(ctx, timeout, p.ready)
	}
	return host.Wait(ctx, p.s.wake, timeout, watch, p.ready)
}

// ring writes the events of the clocks that are due.
func (p *poll) ring(due time.Duration) {
	for _, sub := range p.subs {
		if sub.kind == eventClock && sub.after <= due {
			p.add(sub, sub.err, 0, false)
		}
	}
}

// ready writes the events of the descriptors that are ready.
func (p *poll) ready() bool {
	p.events = 0
	for _, sub := range p.subs {
		if sub.kind == eventClock {
			continue
		}
		n, hangup, ok, err := p.s.ready(sub)
		if ok || err != nil {
			p.add(sub, err, n, hangup)
		}
	}
	return p.events > 0
}

func (s *System) ready(sub subscription) (n uint64, hangup, ok bool, err error) {
	e, err := s.get(uint64(sub.fd), rightPollFdReadwrite)
	if err != nil {
		return 0, false, false, err
	}
	e.settle()
	switch {
	case e.listener != nil && sub.kind == eventRead:
		return 1, false, e.listener.Readable(), nil
	case e.io == nil:
		return 0, false, false, host.EBADF
	case sub.kind == eventRead && e.base&rightFdRead == 0, sub.kind == eventWrite && e.base&rightFdWrite == 0:
		return 0, false, false, host.ENOTCAPABLE
	case sub.kind == eventWrite:
		return 0, false, e.io.Writable(), nil
	}
	n, hangup, ok = e.io.Readable()
	return n, hangup, ok, nil
}

func (p *poll) add(sub subscription, err error, nbytes uint64, hangup bool) {
	b := p.out[p.events*eventSize:][:eventSize]
	p.events++
	clear(b)
	le.PutUint64(b, sub.userdata)
	le.PutUint16(b[8:], uint16(host.ErrnoOf(err)))
	b[10] = sub.kind
	le.PutUint64(b[16:], nbytes)
	if hangup {
		b[24] = eventHangup
	}
}
