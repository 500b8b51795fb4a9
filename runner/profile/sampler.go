package profile

import (
	"context"
	"encoding/binary"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero/experimental"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/runner"
)

// stacks keeps the stack of the guest, and what was counted for each that was
// seen.
type stacks struct {
	program *program
	mod     module
	active  []activation // outermost first
	frames  []location   // of the sample being taken, innermost first
	key     []byte
	samples map[string]*sample
}

// activation is a function that has begun and not ended.
type activation struct {
	function uint32
	site     experimental.InternalFunction // knows what pc means; nil: not known
	pc       experimental.ProgramCounter   // of the call under way
}

// sample is what was counted for one stack.
type sample struct {
	stack  []location
	values [4]int64
}

func newStacks(p *program) stacks { return stacks{program: p, samples: map[string]*sample{}} }

func (s *stacks) push(function uint32) { s.active = append(s.active, activation{function: function}) }

// pop removes a function that has ended.
func (s *stacks) pop(function uint32) {
	s.unwindTo(function)
	if n := len(s.active); n > 0 {
		s.active = s.active[:n-1]
	}
}

// called takes down where the running function calls another, if there are
// lines to be found by that or exceptions.
func (s *stacks) called(mod module, it experimental.StackIterator) {
	s.mod = mod
	n := len(s.active)
	if n == 0 || s.program.dwarf == nil && !s.program.throws || s.active[n-1].function >= hostBase || !it.Next() || !it.Next() {
		return
	}
	caller := it.Function()
	if s.program.throws {
		s.unwindTo(caller.Definition().Index())
	}
	top := &s.active[len(s.active)-1]
	top.site, top.pc = caller, it.ProgramCounter()
}

// unwindTo removes what is above a function that is running: an exception that
// is caught ends functions without a report.
func (s *stacks) unwindTo(function uint32) {
	for i := len(s.active) - 1; i >= 0; i-- {
		if s.active[i].function == function {
			s.active = s.active[:i+1]
			return
		}
	}
}

// moment says what is happening when a stack is looked at.
type moment int

const (
	calling   moment = iota // the innermost function is about to call another
	returning               // it is about to return
	within                  // it is at work, as host functions are
)

// look makes frames the stack of the guest.
func (s *stacks) look(m moment, callee uint32) {
	s.frames = s.frames[:0]
	if g := s.program.golang; g != nil {
		s.frames = g.stack(s, m, callee)
		return
	}
	for i := len(s.active) - 1; i >= 0 && len(s.frames) < maxDepth; i-- {
		a := &s.active[i]
		l := location{function: a.function}
		if inner := i == len(s.active)-1; a.site != nil && !(inner && m != calling) {
			l.at = a.site.SourceOffsetForPC(a.pc)
		}
		s.frames = append(s.frames, l)
	}
}

// count returns the sample of the stack that was looked at.
func (s *stacks) count() *sample {
	s.key = s.key[:0]
	for _, l := range s.frames {
		s.key = binary.LittleEndian.AppendUint32(s.key, l.function)
		s.key = binary.LittleEndian.AppendUint64(s.key, l.at)
	}
	c, ok := s.samples[string(s.key)]
	if !ok {
		c = &sample{stack: slices.Clone(s.frames)}
		s.samples[string(s.key)] = c
	}
	return c
}

// sampler is the profiler of CPU.
type sampler struct {
	stacks
	tick  atomic.Bool
	last  time.Time
	calls map[uint32]*int64
}

func newSampler(p *program) *sampler {
	return &sampler{stacks: newStacks(p), calls: map[uint32]*int64{}}
}

// start sets a mark at every interval, until the function that it returns is
// called.
func (s *sampler) start(interval time.Duration) (stop func()) {
	ticker, done := time.NewTicker(interval), make(chan struct{})
	go func() {
		for {
			select {
			case <-ticker.C:
				s.tick.Store(true)
			case <-done:
				return
			}
		}
	}()
	return func() { ticker.Stop(); close(done) }
}

// NewFunctionListener implements experimental.FunctionListenerFactory.
func (s *sampler) NewFunctionListener(def functionDefinition) experimental.FunctionListener {
	n := s.program.define(def)
	calls := s.calls[n]
	if calls == nil {
		calls = new(int64)
		s.calls[n] = calls
	}
	return &sampled{s, n, calls}
}

// sampled reports the calls of one function to the sampler.
type sampled struct {
	*sampler
	function uint32
	calls    *int64
}

func (f *sampled) Before(_ context.Context, mod module, _ functionDefinition, _ []uint64, it experimental.StackIterator) {
	s := f.sampler
	*f.calls++
	s.called(mod, it)
	if len(s.active) == 0 {
		s.last = time.Now() // what was before is not the guest's
	} else if s.tick.Load() {
		s.take(calling, f.function)
	}
	s.push(f.function)
}

func (f *sampled) After(_ context.Context, _ module, _ functionDefinition, results []uint64) {
	if s := f.sampler; s.tick.Load() {
		s.take(returning, uint32(first(results)))
	}
	f.pop(f.function)
}

// first is the result of functions of Go: whether their goroutine is put aside.
func first(results []uint64) uint64 {
	if len(results) == 0 {
		return 0
	}
	return results[0]
}

func (f *sampled) Abort(context.Context, module, functionDefinition, error) {
	f.pop(f.function)
}

// take counts the time since the last sample for the stack as it is.
func (s *sampler) take(m moment, other uint32) {
	s.tick.Store(false)
	now := time.Now()
	s.look(m, other)
	c := s.count()
	c.values[0]++
	c.values[1] += now.Sub(s.last).Nanoseconds()
	s.last = now
}

// observe counts how long a call took when it was recorded.
func (s *sampler) observe(e runner.Observation) {
	if e.Kind != format.KindCall || e.Has&format.HasDuration == 0 || e.Duration <= 0 {
		return
	}
	s.look(within, 0)
	s.count().values[2] += e.Duration
}
