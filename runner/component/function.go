package component

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero/api"
	"github.com/tracetool/tracetool/format/canon"
	"github.com/tracetool/tracetool/runner/memory"
)

// function is a component function: of the host or of a guest. It takes and
// appends canonical bytes, which are right for its type. It panics where the
// guest ends.
type function interface {
	call(ctx context.Context, args, result []byte) []byte
	// guest: handles that are borrowed may be dropped while it runs.
	guest() bool
	String() string
}

// hostFunction is one that the host implements.
type hostFunction struct {
	iface, name string
	typ         *funcType
	impl        HostFunc
	spare       *Call // of the last call, to be used again
}

func (f *hostFunction) guest() bool { return false }

func (f *hostFunction) String() string { return f.iface + "#" + f.name }

func (f *hostFunction) call(ctx context.Context, args, result []byte) []byte {
	c := f.spare
	if f.spare = nil; c == nil {
		c = &Call{}
	}
	c.Args.Use(args)
	c.Result.Use(result)
	c.Note.Reset()
	if err := f.impl(ctx, c); err != nil {
		panic(err)
	}
	result = c.Result.Bytes()
	f.spare = c
	return result
}

// liftedFunction is one that a guest implements.
type liftedFunction struct {
	abi
	core       *coreItem
	postReturn *coreItem // nil: none
	typ        *funcType
	params     valType // of the parameters, as one tuple
	spilled    bool    // they are in memory
	indirect   bool    // the result is in memory
	async      bool    // it is returned by task.return
	core0      []uint64
	results    int
}

func newLifted(in *instance, st stepLift) *liftedFunction {
	f := &liftedFunction{abi: in.abi(st.options), core: in.coreFuncs[st.fn], typ: st.typ, async: st.options.async}
	if st.options.postReturn != noIndex {
		f.postReturn = in.coreFuncs[st.options.postReturn]
	}
	f.params = valType{kind: canon.Tuple, fields: st.typ.params, layout: recordLayout(st.typ.params)}
	f.spilled = f.params.tooFlat
	f.indirect = st.typ.result != nil && tooManyResults(st.typ.result)
	f.results = len(f.core.typ.results)
	return f
}

func (f *liftedFunction) guest() bool { return true }

func (f *liftedFunction) String() string { return "core function " + f.core.name }

func (f *liftedFunction) call(ctx context.Context, args, result []byte) []byte {
	in := f.inst
	in.enter()
	t := &task{fn: f, result: result}
	outer := in.begin(t)
	stack := f.lower(ctx, args, t)
	f.core.call(ctx, stack)
	if f.async {
		if !t.returned {
			trap("an async function ended without a call of task.return")
		}
		result = t.result
	} else {
		result = f.lift(stack, result)
	}
	if f.postReturn != nil {
		in.mayLeave = false
		f.postReturn.call(ctx, stack)
		in.mayLeave = true
	}
	if t.borrows > 0 {
		trap("borrow handles still remain at the end of the call")
	}
	in.begin(outer)
	in.leave()
	return result
}

// lower returns the core parameters.
func (f *liftedFunction) lower(ctx context.Context, args []byte, scope *task) []uint64 {
	w := lowerer{abi: &f.abi, ctx: ctx, in: canon.NewDecoder(args), scope: scope, stack: make([]uint64, 0, maxFlatParams+1)}
	f.inst.mayLeave = false
	if f.memory != nil {
		w.mem = memory.Bytes(f.memory)
	}
	if f.spilled {
		ptr, _ := w.allocate(uint64(f.params.size), f.params.align, "parameters")
		w.store(&f.params, ptr)
		w.stack = append(w.stack, uint64(ptr))
	} else {
		w.values(f.typ.params)
	}
	f.inst.mayLeave = true
	if len(w.stack) == 0 {
		w.stack = w.stack[:1]
	}
	return w.stack
}

// lift appends the result to dst.
func (f *liftedFunction) lift(stack []uint64, dst []byte) []byte {
	if f.typ.result == nil {
		return dst
	}
	l := lifter{abi: &f.abi, mem: memory.Bytes(f.memory), stack: stack, out: dst}
	if f.indirect {
		t := f.typ.result
		l.load(t, l.bytes(uint32(stack[0]), uint64(t.size), t.align, "result"))
	} else {
		l.flat(f.typ.result)
	}
	return l.out
}

// loweredFunction is what a guest calls in place of a component function.
type loweredFunction struct {
	abi
	name     string // for messages
	callee   function
	typ      *funcType
	params   valType
	spilled  bool
	indirect bool
	async    bool
	flat     int     // core parameters without the address of the result
	lifter   lifter  // of the call under way
	lowerer  lowerer // of its result
	result   []byte
	busy     bool // there is a call under way
}

func newLowered(in *instance, st stepLower) *loweredFunction {
	f := &loweredFunction{abi: in.abi(st.options), callee: in.funcs[st.fn], typ: st.typ}
	f.name = f.callee.String()
	f.params = valType{kind: canon.Tuple, fields: st.typ.params, layout: recordLayout(st.typ.params)}
	f.spilled = f.params.tooFlat
	f.async = st.options.async
	f.flat = len(f.params.layout.flat)
	if f.async && f.flat > maxFlatAsyncParams {
		f.spilled = true
	}
	if f.spilled {
		f.flat = 1
	}
	f.indirect = st.typ.result != nil && (f.async || tooManyResults(st.typ.result))
	f.lifter = lifter{abi: &f.abi, lend: f.callee.guest()}
	f.lowerer = lowerer{abi: &f.abi}
	return f
}

// keepScratch is how large a buffer may be to be kept for the next call.
const keepScratch = 1 << 20

// invoke is called by the guest.
func (f *loweredFunction) invoke(ctx context.Context, _ api.Module, stack []uint64) {
	if !f.inst.mayLeave {
		trap("cannot leave component instance")
	}
	l, result, within := &f.lifter, f.result[:0], f.busy
	if within { // it was called from within itself
		l, result = &lifter{abi: l.abi, lend: l.lend}, nil
	}
	f.busy = true
	l.out = l.out[:0]
	if len(f.typ.params) > 0 {
		l.stack = stack
		f.lift(l)
	}
	result = f.callee.call(ctx, l.out, result)
	if len(l.lent) > 0 {
		l.release()
	}
	if f.typ.result != nil {
		f.lower(ctx, stack, result)
	}
	if f.async {
		stack[0] = asyncReturned
	}
	if !within {
		l.out, f.result, f.busy = keep(l.out), keep(result), false
	}
}

func keep(buf []byte) []byte {
	if cap(buf) > keepScratch {
		return nil
	}
	return buf
}

func (f *loweredFunction) lift(l *lifter) {
	if f.memory != nil {
		l.mem = memory.Bytes(f.memory)
	}
	if f.spilled {
		l.load(&f.params, l.bytes(uint32(l.stack[0]), uint64(f.params.size), f.params.align, "parameters"))
		return
	}
	l.values(f.typ.params)
}

// lower gives the guest the result. It is never called from within itself: the
// guest must not leave while it gets memory for the result.
func (f *loweredFunction) lower(ctx context.Context, stack []uint64, result []byte) {
	w := &f.lowerer
	w.ctx = ctx
	w.in.Use(result)
	if f.indirect {
		t := f.typ.result
		w.mem = memory.Bytes(f.memory)
		ptr := uint32(stack[f.flat])
		region(w.mem, ptr, uint64(t.size), t.align, "result")
		f.inst.mayLeave = false
		w.store(t, ptr)
		f.inst.mayLeave = true
	} else if t := f.typ.result; t.kind.Scalar() && t.kind != canon.Enum {
		stack[0] = w.scalar(t)
	} else {
		w.stack = stack[:0]
		w.flat(t)
	}
	if err := w.in.End(); err != nil { // a mistake of the host
		panic(fmt.Errorf("result of %s: %w", f.name, err))
	}
}

// builtin returns the core function of resource.new, drop or rep.
func (in *instance) builtin(st stepBuiltin) api.GoModuleFunc {
	typ := in.resources[st.slot]
	return func(ctx context.Context, _ api.Module, stack []uint64) {
		if !in.mayLeave && st.code != canonResourceRep {
			trap("cannot leave component instance")
		}
		n := uint32(stack[0])
		switch st.code {
		case canonResourceNew:
			stack[0] = uint64(in.handles.add(handle{typ: typ, rep: n}))
		case canonResourceRep:
			stack[0] = uint64(in.handles.get(n, typ).rep)
		case canonResourceDrop:
			in.drop(ctx, n, typ)
		}
	}
}

// enter begins a call into the instance.
func (in *instance) enter() {
	if in.entered {
		trap("cannot enter component instance")
	}
	in.entered = true
}

func (in *instance) leave() { in.entered = false }
