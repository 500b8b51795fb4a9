package runner

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"
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

const (
	collectInterval = 20 * time.Millisecond
	collectMinimum  = 32 << 20 // bytes of garbage that are not worth a collection
)

// collectAtCalls lets garbage be collected in host calls only, until the
// function returned is called. Compiled guest code cannot be preempted: a
// collection that began during a loop without calls would wait for its end, and
// everything else for the collection, the handling of signals too.
func (g *gate) collectAtCalls() (end func()) {
	percent := debug.SetGCPercent(-1)
	if percent < 0 {
		return func() {}
	}
	runtime.GC() // waits for one that was about to begin
	done := make(chan struct{})
	go g.watchHeap(percent, done)
	return func() {
		close(done)
		debug.SetGCPercent(percent)
	}
}

// watchHeap asks for a collection when the heap has grown by so many percent.
func (g *gate) watchHeap(percent int, done <-chan struct{}) {
	tick := time.NewTicker(collectInterval)
	defer tick.Stop()
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"}}
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		metrics.Read(heap)
		now, live := heap[0].Value.Uint64(), heap[1].Value.Uint64()
		if now > live+max(live/100*uint64(percent), collectMinimum) {
			g.state.Or(gateCollect)
		}
	}
}
