package wasip2

import (
	"context"
	"math"
	"time"

	"github.com/tracetool/tracetool/runner/component"
	"github.com/tracetool/tracetool/runner/host"
)

// clockInterfaces are the functions of wasi:clocks.
var clockInterfaces = []Interface{
	{"wasi:clocks/monotonic-clock", []Function{
		{"now", "() -> u64", (*Host).monotonicNow},
		{"resolution", "() -> u64", (*Host).monotonicResolution},
		{"subscribe-instant", "(when: u64) -> own<$pollable>", (*Host).subscribeInstant},
		{"subscribe-duration", "(when: u64) -> own<$pollable>", (*Host).subscribeDuration},
	}},
	{"wasi:clocks/wall-clock", []Function{
		{"now", "() -> $datetime", (*Host).wallNow},
		{"resolution", "() -> $datetime", (*Host).wallResolution},
	}},
}

func (h *Host) monotonicNow(_ context.Context, c *component.Call) error {
	c.Result.U64(uint64(h.clock.Monotonic()))
	return nil
}

func (h *Host) monotonicResolution(_ context.Context, c *component.Call) error {
	c.Result.U64(host.Resolution)
	return nil
}

func (h *Host) subscribeInstant(_ context.Context, c *component.Call) error {
	at := min(c.Args.U64(), math.MaxInt64)
	return give(&h.pollables, c, &pollable{at: int64(at)})
}

func (h *Host) subscribeDuration(_ context.Context, c *component.Call) error {
	now, d := h.clock.Monotonic(), int64(min(c.Args.U64(), math.MaxInt64))
	if d > math.MaxInt64-now {
		d = math.MaxInt64 - now
	}
	return give(&h.pollables, c, &pollable{at: now + d})
}

func (h *Host) wallNow(_ context.Context, c *component.Call) error {
	encodeDatetime(c, h.clock.Wall())
	return nil
}

func (h *Host) wallResolution(_ context.Context, c *component.Call) error {
	encodeDatetime(c, host.Resolution)
	return nil
}

// encodeDatetime writes nanoseconds since the Unix epoch. Times before it are
// not to be had in WASI 0.2.
func encodeDatetime(c *component.Call, ns int64) {
	ns = max(ns, 0)
	c.Result.U64(uint64(ns / int64(time.Second)))
	c.Result.U32(uint32(ns % int64(time.Second)))
}
