// Package garbage has garbage collected when a guest calls its host, and at no
// other time. Compiled guest code cannot be preempted: a collection that began
// during a loop without calls would wait for its end, and everything else for the
// collection, the handling of signals too.
package garbage

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Minimum is how many bytes of garbage are not worth a collection.
const Minimum = 32 << 20

// interval is how often it is looked at.
const interval = 20 * time.Millisecond

// AtCalls stops the collection of garbage in this process until the function
// returned is called. Whenever it would be collected, due is called in another
// goroutine: the next host call then is to call runtime.GC. Nothing changes in a
// process that collects no garbage by itself.
func AtCalls(due func()) (end func()) {
	percent := debug.SetGCPercent(-1)
	if percent < 0 {
		return func() {}
	}
	runtime.GC() // waits for one that was about to begin
	done := make(chan struct{})
	go watch(percent, due, done)
	return func() {
		close(done)
		debug.SetGCPercent(percent)
	}
}

// watch calls due when the heap has grown by so many percent.
func watch(percent int, due func(), done <-chan struct{}) {
	tick := time.NewTicker(interval)
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
		if now > live+max(live/100*uint64(percent), Minimum) {
			due()
		}
	}
}
