package ticks

import (
	"math/bits"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Base is a moment that time is counted from: by the performance counter, since
// the monotonic clock of package time stands still between two ticks of the
// system, for up to 16 ms, and nearly all calls would take none.
type Base struct {
	time.Time
	counter uint64
}

// Begin returns the present moment.
func Begin() Base { return Base{time.Now(), performance().count()} }

// Since returns the nanoseconds since the moment.
func (b Base) Since() int64 {
	p := performance()
	hi, lo := bits.Mul64(p.count()-b.counter, uint64(time.Second))
	ns, _ := bits.Div64(hi, lo, p.frequency)
	return int64(ns)
}

// counter is Windows' performance counter, which neither stops nor runs back, on
// whichever processor.
type counter struct {
	query     uintptr // QueryPerformanceCounter
	frequency uint64  // a second
}

// performance finds the counter. Its functions do not fail.
var performance = sync.OnceValue(func() *counter {
	kernel := windows.NewLazySystemDLL("kernel32.dll")
	c := &counter{query: kernel.NewProc("QueryPerformanceCounter").Addr()}
	syscall.SyscallN(kernel.NewProc("QueryPerformanceFrequency").Addr(), uintptr(unsafe.Pointer(&c.frequency)))
	return c
})

func (c *counter) count() uint64 {
	var n uint64
	syscall.SyscallN(c.query, uintptr(unsafe.Pointer(&n)))
	return n
}
