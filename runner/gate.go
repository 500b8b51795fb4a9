package runner

import (
	"context"
	"runtime"
	"sync/atomic"

	"github.com/tracetool/tracetool/runner/garbage"
)

// gate is what every host call passes. It is open but for two reasons: the
// guest is to end, or garbage is to be collected.
type gate struct{ state atomic.Uint32 }

const (
	gateStop uint32 = 1 << iota
	gateCollect
)

// shut reports whether wait has something to do.
func (g *gate) shut() bool { return g.state.Load() != 0 }

// wait collects garbage if that is due, and reports whether the guest is to end.
func (g *gate) wait() (stop bool) {
	if g.state.And(^gateCollect)&gateCollect != 0 {
		runtime.GC()
	}
	return g.state.Load()&gateStop != 0
}

// pass ends a guest that is to end.
func (g *gate) pass() {
	if g.shut() && g.wait() {
		panic(errStopped)
	}
}

// stopWith lets no call pass after ctx is done. The function returned calls that
// off.
func (g *gate) stopWith(ctx context.Context) func() bool {
	return context.AfterFunc(ctx, func() { g.state.Or(gateStop) })
}

// collectAtCalls lets garbage be collected in host calls only, until the
// function returned is called: in those that pass the gate that current returns,
// which is called in another goroutine.
func collectAtCalls(current func() *gate) (end func()) {
	return garbage.AtCalls(func() { current().state.Or(gateCollect) })
}
