package component

import (
	"testing"

	"github.com/tracetool/tracetool/format/canon"
)

func asyncGuest(t *testing.T) *Instance {
	t.Helper()
	in, err := run(t, load(t, "async.wasm"), noCall)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func stringArg(s string) []byte {
	var e canon.Encoder
	e.String(s)
	return e.Bytes()
}

// TestAsync: async functions that do not wait have returned when they are
// called, however they are lifted and lowered.
func TestAsync(t *testing.T) {
	in := asyncGuest(t)
	for range 2 {
		for _, name := range []string{"text", "text-sync", "text-plain"} {
			expectCall(t, in, name, stringArg("héllo"), stringArg("héllo"))
		}
		expectCall(t, in, "sum", u32s(1), u32s(54321))
		expectCall(t, in, "sum-plain", u32s(2), u32s(54322))
		expectCall(t, in, "many", u32s(3), u32s(20))
		expectCall(t, in, "rules", u32s(9), u32s(9))
	}
}

// TestTaskReturn: a task returns once, what its type and its options say.
func TestTaskReturn(t *testing.T) {
	for how, want := range map[uint32]string{
		1: "ended without a call of task.return", 2: "task.return is called a second time",
		3: "task.return has another result", 4: "task.return has another result",
	} {
		expectTrap(t, asyncGuest(t), "rules", u32s(how), want)
	}
	expectTrap(t, asyncGuest(t), "wrong-options", nil, "task.return has other canonical options")
	expectTrap(t, asyncGuest(t), "not-async", nil, "task.return is called by a function that is not async")
}

// TestContext: each call has a context of its own, and so has an allocator.
func TestContext(t *testing.T) {
	in := asyncGuest(t)
	for range 2 {
		expectCall(t, in, "context", stringArg("x"), u32s(7))
		expectCall(t, in, "seen", nil, u32s(0))
	}
}

func TestBackpressure(t *testing.T) {
	in := asyncGuest(t)
	expectCall(t, in, "inc", u32s(maxBackpressure-1), nil)
	expectCall(t, in, "dec", nil, nil)
	expectCall(t, in, "inc", u32s(1), nil)
	expectTrap(t, in, "inc", u32s(1), "backpressure counter overflow")
	expectTrap(t, asyncGuest(t), "dec", nil, "backpressure counter underflow")
}
