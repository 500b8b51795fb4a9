package component

import (
	"context"

	"github.com/tetratelabs/wazero/api"
	"github.com/tracetool/tracetool/runner/memory"
)

// Of async functions those are had that never wait. Whatever a guest could wait
// for is refused when it is decoded, so each call has returned when the core
// function that it began has, and there is one task at a time in an instance.

// task is a call of a guest's function.
type task struct {
	fn       *liftedFunction // nil: a destructor, or what runs while the component is instantiated
	borrows  int             // handles that the guest must drop before the call returns
	storage  [contextSlots]uint32
	returned bool   // by task.return
	result   []byte // the canonical bytes of what it returned are appended
}

// contextSlots are the numbers that context.get and context.set keep of a task.
const contextSlots = 2

// maxBackpressure is what backpressure.inc may not reach.
const maxBackpressure = 1 << 16

// begin makes a task the instance's, and returns the one that goes on behind it.
func (in *instance) begin(t *task) (outer *task) {
	outer, in.task = in.task, t
	return outer
}

// taskBuiltin reads a canonical definition of a task's built-in function.
func (d *definition) taskBuiltin(in *reader, code byte) {
	st := stepTask{code: code, fn: coreEntity{sort: coreFunc}}
	switch code {
	case canonContextGet, canonContextSet:
		if t := in.byte(); in.err == nil && t != i32 {
			in.fail("a number of %s in the context of a task, want an i32", TypeName(t))
		}
		if st.slot = in.u32(); st.slot >= contextSlots {
			in.fail("number %d of %d in the context of a task", st.slot, contextSlots)
		}
		if code == canonContextGet {
			st.fn.results = []api.ValueType{i32}
		} else {
			st.fn.params = []api.ValueType{i32}
		}
	case canonBackpressureInc, canonBackpressureDec:
		d.backpressure = true
		d.checkBackpressure(in)
	case canonTaskReturn:
		d.taskReturn(in, &st)
	}
	in.check(push(&d.coreFuncs, st.fn))
	d.step(st)
}

// checkBackpressure: it makes async functions wait, and no others.
func (d *definition) checkBackpressure(in *reader) {
	if d.backpressure && d.async {
		in.unsupported("backpressure for async functions (WASI 0.3)")
	}
}

func (d *definition) taskReturn(in *reader, st *stepTask) {
	st.result = d.resultType(in)
	st.options = d.options(in)
	if in.err != nil {
		return
	}
	if o := st.options; o.realloc != noIndex || o.postReturn != noIndex || o.async {
		in.fail("task.return has options other than `memory` and the encoding of strings")
		return
	}
	fields := st.fields()
	st.fn.params, _ = (&funcType{params: fields}).flatten(true)
	need := needs{}
	for _, f := range fields {
		need.lifted(f.typ, f.typ.tooFlat)
	}
	in.check(d.checkOptions(st.options, need))
}

// stepTask defines a built-in function of the task that calls it.
type stepTask struct {
	code    byte
	fn      coreEntity
	slot    uint32   // of the context
	result  *valType // of task.return, nil: none
	options options
}

// fields are the parameters of task.return.
func (s stepTask) fields() []field {
	if s.result == nil {
		return nil
	}
	return []field{{typ: s.result}}
}

func (s stepTask) run(_ context.Context, in *instance, _ map[string]value) error {
	item := &coreItem{typ: s.fn}
	switch s.code {
	case canonContextGet:
		item.host = func(_ context.Context, _ api.Module, stack []uint64) { stack[0] = uint64(in.task.storage[s.slot]) }
	case canonContextSet:
		item.host = func(_ context.Context, _ api.Module, stack []uint64) { in.task.storage[s.slot] = uint32(stack[0]) }
	case canonBackpressureInc:
		item.host = func(context.Context, api.Module, []uint64) {
			if in.backpressure++; in.backpressure == maxBackpressure {
				trap("backpressure counter overflow")
			}
		}
	case canonBackpressureDec:
		item.host = func(context.Context, api.Module, []uint64) {
			if in.backpressure--; in.backpressure < 0 {
				trap("backpressure counter underflow")
			}
		}
	case canonTaskReturn:
		a := in.abi(s.options)
		item.host = func(_ context.Context, _ api.Module, stack []uint64) { s.taskReturn(&a, stack) }
	}
	in.addCore(item)
	return nil
}

// taskReturn lifts the result of the task that is under way.
func (s stepTask) taskReturn(a *abi, stack []uint64) {
	t := a.inst.task
	switch {
	case !a.inst.mayLeave:
		trap("cannot leave component instance")
	case t.fn == nil || !t.fn.async:
		trap("task.return is called by a function that is not async")
	case t.returned:
		trap("task.return is called a second time")
	case !a.inst.sameType(s.result, t.fn.typ.result):
		trap("task.return has another result than the async function that calls it")
	case a.encoding != t.fn.encoding || a.memory != t.fn.memory:
		trap("task.return has other canonical options than the async function that calls it")
	case t.borrows > 0:
		trap("borrow handles still remain when task.return is called")
	}
	t.returned = true
	if s.result == nil {
		return
	}
	l := lifter{abi: a, stack: stack, out: t.result}
	if a.memory != nil {
		l.mem = memory.Bytes(a.memory)
	}
	if s.result.tooFlat {
		l.load(s.result, l.bytes(uint32(stack[0]), uint64(s.result.size), s.result.align, "result"))
	} else {
		l.flat(s.result)
	}
	t.result = l.out
}

// sameType reports whether two types of the instance's component are equal.
func (in *instance) sameType(a, b *valType) bool {
	switch {
	case a == b:
		return true
	case a == nil || b == nil || a.kind != b.kind || a.length != b.length || len(a.fields) != len(b.fields):
		return false
	case a.res != nil:
		return in.resources[a.res.slot] == in.resources[b.res.slot]
	}
	for i, f := range a.fields {
		if f.name != b.fields[i].name || !in.sameType(f.typ, b.fields[i].typ) {
			return false
		}
	}
	return in.sameType(a.elem, b.elem) && in.sameType(a.err, b.err)
}

// asyncReturned is what a function that was lowered as async returns when its
// result is there.
const asyncReturned = 2

// maxFlatAsyncParams is how many core parameters a function that is lowered as
// async may have for those of its type.
const maxFlatAsyncParams = 4

// flattenAsync returns the core signature of a function that is lifted, or
// lowered, as async.
func (f *funcType) flattenAsync(lower bool) (params, results []api.ValueType) {
	l := recordLayout(f.params)
	params = l.flat
	if l.tooFlat || lower && len(params) > maxFlatAsyncParams {
		params = []api.ValueType{i32}
	}
	if !lower {
		return params, nil
	}
	if f.result != nil {
		params = append(append([]api.ValueType(nil), params...), i32)
	}
	return params, []api.ValueType{i32}
}

// flatten returns the core signature of a function with these options.
func (o options) flatten(f *funcType, lower bool) (params, results []api.ValueType) {
	if o.async {
		return f.flattenAsync(lower)
	}
	return f.flatten(lower)
}

// refuseAsync refuses async functions at the component's border with the host:
// what is recorded of a function does not say that it is one.
func (d *definition) refuseAsync(in *reader, name string, e entity) {
	if d.parent != nil || in.err != nil {
		return
	}
	switch e.sort {
	case sortFunc:
		if e.fn.async {
			in.unsupported("an async function (WASI 0.3): %q", name)
		}
	case sortInstance:
		in.check(d.spend(len(e.inst.exports.names)))
		for _, inner := range e.inst.exports.names {
			d.refuseAsync(in, name+"#"+inner, e.inst.exports.types[inner])
		}
	}
}
