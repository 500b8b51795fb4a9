package wasip2

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tracetool/tracetool/runner/component"
	"github.com/tracetool/tracetool/runner/host"
)

// pollable is what a guest can wait for: a time, or a condition whose change
// the host's signal tells.
type pollable struct {
	kin
	ready func() bool // nil: a time
	at    int64       // ns on the monotonic clock
}

func (*pollable) close() {}

// after returns the time until p is ready, 0 if it is: at most timeout.
func (p *pollable) after(now int64) time.Duration {
	if now >= p.at {
		return 0
	}
	return time.Duration(p.at - now)
}

// isReady tells whether p is ready when the clock shows now.
func (p *pollable) isReady(now int64) bool {
	if p.ready != nil {
		return p.ready()
	}
	return now >= p.at
}

// wait waits until one of ps is ready and returns which are, in order. The clock
// may stand still during a call, so the time that passes is measured.
func (h *Host) wait(ctx context.Context, ps []*pollable) ([]uint32, error) {
	now, began := h.clock.Monotonic(), time.Now()
	timeout := time.Duration(-1)
	for _, p := range ps {
		if p.ready == nil && (timeout < 0 || p.after(now) < timeout) {
			timeout = p.after(now)
		}
	}
	sleeper, sleeps := h.clock.(Sleeper)
	var ready []uint32
	look := func() bool {
		at := now
		if !sleeps {
			at += int64(time.Since(began))
		}
		ready = ready[:0]
		for i, p := range ps {
			if p.isReady(at) {
				ready = append(ready, uint32(i))
			}
		}
		return len(ready) > 0
	}
	if sleeps && timeout > 0 && !look() {
		now += int64(timeout)
		sleeper.Sleep(now)
		timeout = 0
	}
	err := host.Wait(ctx, h.wake, timeout, false, look)
	if err != nil {
		return nil, ctx.Err()
	}
	return ready, nil
}

// block waits for one pollable.
func (h *Host) block(ctx context.Context, p *pollable) error {
	if p.ready != nil && p.ready() {
		return nil
	}
	_, err := h.wait(ctx, []*pollable{p})
	return err
}

// subscribe gives the guest a pollable of a condition of parent.
func (h *Host) subscribe(c *component.Call, parent related, ready func() bool) error {
	return giveChild(&h.pollables, c, parent, &pollable{ready: ready})
}

// [method]pollable.ready
func (p *pollable) pollableReady(_ context.Context, h *Host, c *component.Call) error {
	c.Result.Bool(p.isReady(h.clock.Monotonic()))
	return nil
}

// [method]pollable.block
func (p *pollable) pollableBlock(ctx context.Context, h *Host, c *component.Call) error {
	return h.block(ctx, p)
}

// maxPoll is the longest list for poll: as long as that of all pollables there
// can be.
const maxPoll = maxResources

var errEmptyPoll = errors.New("poll of an empty list")

// poll
func (h *Host) poll(ctx context.Context, c *component.Call) error {
	n := c.Args.Len()
	if n > maxPoll {
		return fmt.Errorf("poll of %d pollables, want at most %d", n, maxPoll)
	}
	ps := make([]*pollable, 0, n)
	for range n {
		p, err := h.pollables.get(c.Args.Rep())
		if err != nil {
			return err
		}
		ps = append(ps, p)
	}
	if len(ps) == 0 {
		return errEmptyPoll
	}
	ready, err := h.wait(ctx, ps)
	if err != nil {
		return err
	}
	c.Result.Len(len(ready))
	for _, i := range ready {
		c.Result.U32(i)
	}
	return nil
}
