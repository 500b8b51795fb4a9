package profile

import (
	"context"

	"github.com/tetratelabs/wazero/experimental"

	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/runner"
)

// Memory replays a trace and takes down what its guest allocates, by the stack
// that does. The values of a sample are objects and bytes that were allocated
// and, but for Go, which does not free them itself, those that were in use at
// the end.
//
// Allocators are known by their names. The trace of a guest without any is
// replayed again, and has the bytes by which its memory grew, for the function
// in which that was seen.
//
// Result and error are those of the replay, as for CPU.
func Memory(ctx context.Context, f *reader.File, cfg runner.ReplayConfig) (*Profile, *runner.Result, error) {
	p, err := newProgram(f, &cfg)
	if err != nil {
		return nil, nil, err
	}
	a := &allocations{stacks: newStacks(p), live: map[uint32]block{}}
	cfg.Listeners = a
	result, err := runner.Replay(ctx, f, cfg)
	if result == nil || a.found {
		return a.profile(result), result, err
	}
	g := &growth{stacks: newStacks(p)}
	cfg.Listeners = g
	result, err = runner.Replay(ctx, f, cfg)
	return g.profile(result), result, err
}

func (a *allocations) profile(result *runner.Result) *Profile {
	types := []string{"alloc_objects", "count", "alloc_space", "bytes", "inuse_objects", "count", "inuse_space", "bytes"}
	if !a.tracked {
		types = types[:4]
	}
	return memoryProfile(&a.stacks, result, types)
}

func (g *growth) profile(result *runner.Result) *Profile {
	return memoryProfile(&g.stacks, result, []string{"grown_space", "bytes"})
}

// memoryProfile returns nil where there was no replay. Types are names and
// units in turn.
func memoryProfile(s *stacks, result *runner.Result, types []string) *Profile {
	if result == nil {
		return nil
	}
	b := newBuilder(s.program)
	for i := 0; i < len(types); i += 2 {
		b.p.SampleType = append(b.p.SampleType, valueType(types[i], types[i+1]))
	}
	b.p.DurationNanos = result.Duration.Nanoseconds()
	b.p.PeriodType, b.p.Period = valueType("space", "bytes"), 1 // nothing is left out
	b.p.DefaultSampleType = b.p.SampleType[min(1, len(b.p.SampleType)-1)].Type
	return &Profile{Profile: b.build(s.samples)}
}

// allocations is the profiler of memory for programs whose allocator is known.
type allocations struct {
	stacks
	found   bool // an allocator
	tracked bool // there are addresses, so that frees can be told
	live    map[uint32]block
	depth   int // of allocators that call each other: the outermost counts
	pending allocation
}

// block is memory in use.
type block struct {
	sample *sample
	size   int64
}

// allocation is a call of an allocator under way.
type allocation struct {
	block
	old    uint32 // address that is given back, 0 for none
	result uint32 // address of where the result is put, 0 for none
}

// NewFunctionListener implements experimental.FunctionListenerFactory.
func (a *allocations) NewFunctionListener(def functionDefinition) experimental.FunctionListener {
	n := a.program.define(def)
	if n >= hostBase {
		return nil
	}
	spec, ok := allocatorOf(a.program.nameOf(n), def)
	if !ok || !a.program.memory {
		return nil
	}
	a.found, a.tracked = true, a.tracked || !spec.golang
	return &allocating{a, spec}
}

// allocating reports the calls of one allocator.
type allocating struct {
	*allocations
	spec allocator
}

func (f *allocating) Before(_ context.Context, mod module, _ functionDefinition, params []uint64, it experimental.StackIterator) {
	a := f.allocations
	if a.depth++; a.depth > 1 {
		return
	}
	a.mod, a.pending = mod, allocation{}
	if f.spec.golang {
		a.golang(params)
		return
	}
	param := func(n int) uint32 {
		if n == none {
			return 0
		}
		return uint32(params[n])
	}
	a.pending.old, a.pending.result = param(f.spec.old), param(f.spec.pointer)
	if f.spec.size == none {
		return
	}
	a.pending.size = int64(param(f.spec.size))
	if f.spec.times != none {
		a.pending.size *= int64(param(f.spec.times))
	}
	a.walk(it)
	a.pending.sample = a.count()
}

// golang counts a call of Go's allocator, whose parameters are on its stack
// behind the address to return to. One that is resumed has been counted.
func (a *allocations) golang(params []uint64) {
	g, sp, ok := a.program.golang, uint64(0), false
	if sp, ok = stackPointer(a.mod); !ok || g == nil || len(params) == 0 || uint32(params[0]) != 0 {
		return
	}
	size, ok := a.mod.Memory().ReadUint64Le(uint32(sp) + 8)
	if !ok {
		return
	}
	a.frames = g.unwind(a.frames[:0], a.mod, sp)
	c := a.count()
	c.values[0]++
	c.values[1] += int64(size)
}

// walk makes frames the stack above the allocator.
func (a *allocations) walk(it experimental.StackIterator) {
	a.frames = a.frames[:0]
	for it.Next(); it.Next() && len(a.frames) < maxDepth; {
		f := it.Function()
		l := location{function: f.Definition().Index()}
		if a.program.dwarf != nil {
			l.at = f.SourceOffsetForPC(it.ProgramCounter())
		}
		a.frames = append(a.frames, l)
	}
}

func (f *allocating) After(_ context.Context, mod module, _ functionDefinition, results []uint64) {
	a := f.allocations
	if a.depth--; a.depth > 0 || f.spec.golang {
		return
	}
	p := &a.pending
	address := uint32(first(results))
	if f.spec.pointer != none {
		failed := address != 0
		if address, _ = mod.Memory().ReadUint32Le(p.result); failed {
			address = 0
		}
	}
	if p.sample != nil && address == 0 && p.size > 0 {
		return // it failed, and what there was is still there
	}
	if b, ok := a.live[p.old]; ok {
		b.sample.values[2]--
		b.sample.values[3] -= b.size
		delete(a.live, p.old)
	}
	if p.sample == nil || address == 0 {
		return
	}
	for i, v := range []int64{1, p.size, 1, p.size} {
		p.sample.values[i] += v
	}
	a.live[address] = p.block
}

func (f *allocating) Abort(context.Context, module, functionDefinition, error) {
	f.allocations.depth--
}

// growth is the profiler of memory for all other programs.
type growth struct {
	stacks
	size uint32
}

// NewFunctionListener implements experimental.FunctionListenerFactory.
func (g *growth) NewFunctionListener(def functionDefinition) experimental.FunctionListener {
	n := g.program.define(def)
	if !g.program.memory {
		return nil
	}
	return &growing{g, n}
}

type growing struct {
	*growth
	function uint32
}

func (f *growing) Before(_ context.Context, mod module, _ functionDefinition, _ []uint64, it experimental.StackIterator) {
	g := f.growth
	g.called(mod, it)
	if len(g.active) == 0 {
		g.size = mod.Memory().Size() // what it begins with
	}
	g.compare(calling, f.function)
	g.push(f.function)
}

func (f *growing) After(_ context.Context, _ module, _ functionDefinition, results []uint64) {
	f.compare(returning, uint32(first(results)))
	f.pop(f.function)
}

func (f *growing) Abort(context.Context, module, functionDefinition, error) {
	f.pop(f.function)
}

// compare counts what the memory has grown by.
func (g *growth) compare(m moment, other uint32) {
	size := g.mod.Memory().Size()
	if size <= g.size {
		return
	}
	g.look(m, other)
	g.count().values[0] += int64(size - g.size)
	g.size = size
}
