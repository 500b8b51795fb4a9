package runner

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tracetool/tracetool/runner/garbage"
)

// loopWithoutCalls counts up in memory, for a second or so, and makes no call.
func loopWithoutCalls() Module {
	return program(nil, nil, []byte{
		0x03, 0x40, // loop
		0x41, 0x00, 0x41, 0x00, 0x28, 0x02, 0x00, 0x41, 0x01, 0x6a, 0x36, 0x02, 0x00, // add 1 at address 0
		0x41, 0x00, 0x28, 0x02, 0x00, 0x41, 0x80, 0x84, 0xaf, 0xdf, 0x00, 0x49, // below 200,000,000
		0x0d, 0x00, 0x0b, // again
	})
}

// litter makes garbage until the test ends, and counts how often it got to it.
func litter(t *testing.T) *atomic.Int64 {
	var rounds atomic.Int64
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	go func() {
		var keep [8][]byte
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
				keep[i%len(keep)] = make([]byte, 1<<20)
				rounds.Add(1)
			}
		}
	}()
	return &rounds
}

// TestExclusiveLoop: while a guest loops without calls the process goes on,
// however much garbage there is.
func TestExclusiveLoop(t *testing.T) {
	if !compilerSupported() {
		t.Skip("the interpreter can be preempted")
	}
	rounds := litter(t)
	result, err := Run(t.Context(), loopWithoutCalls(), Config{Exclusive: true, CacheDir: NoCache})
	if err != nil || result.End != EndExit {
		t.Fatalf("%+v, %v", result, err)
	}
	// A tenth of what an idle machine gets to; were a collection to wait for the
	// guest, it would be the few rounds until it begins.
	if want := int64(result.Duration / (10 * time.Millisecond)); rounds.Load() < want {
		t.Errorf("%d rounds in %v, want at least %d", rounds.Load(), result.Duration, want)
	}
}

// TestExclusiveCollects: garbage is collected in host calls.
func TestExclusiveCollects(t *testing.T) {
	m, err := Load("../bench/guest/clock.wasm")
	if err != nil {
		t.Fatal(err)
	}
	litter(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	result, err := Run(t.Context(), m, Config{Exclusive: true, Args: []string{"8000000"}, CacheDir: NoCache})
	if err != nil || result.ExitCode != 0 {
		t.Fatalf("%+v, %v", result, err)
	}
	runtime.ReadMemStats(&after)
	if made := after.TotalAlloc - before.TotalAlloc; made > 4*garbage.Minimum && after.NumGC-before.NumGC < 2 {
		t.Errorf("%d collections for %d MiB of garbage", after.NumGC-before.NumGC, made>>20)
	}
	if used := after.HeapAlloc; used > 16*garbage.Minimum {
		t.Errorf("%d MiB are in use", used>>20)
	}
}

// TestStopUnrecorded: a context that is done ends a guest at its next call, also
// one that is not recorded.
func TestStopUnrecorded(t *testing.T) {
	m, err := Load("../bench/guest/clock.wasm")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	result, err := Run(ctx, m, Config{Args: []string{"4000000000"}})
	if err != nil || result.End != EndTimeout && result.End != EndCancelled {
		t.Fatalf("%+v, %v", result, err)
	}
}
