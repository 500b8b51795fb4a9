package component

import (
	"fmt"
	"slices"

	"github.com/tetratelabs/wazero/api"
)

// Codes of canonical definitions.
const (
	canonLift = iota
	canonLower
	canonResourceNew
	canonResourceDrop
	canonResourceRep

	canonTaskReturn      = 0x09
	canonContextGet      = 0x0a
	canonContextSet      = 0x0b
	canonBackpressureInc = 0x24
	canonBackpressureDec = 0x25
)

// encoding is how a guest keeps strings.
type encoding byte

const (
	utf8Strings encoding = iota
	utf16Strings
	latin1OrUTF16
)

// options are those of a canonical definition; noIndex where absent.
type options struct {
	encoding                    encoding
	memory, realloc, postReturn int64
	async                       bool
}

// Codes of canonical options.
const (
	optUTF8 = iota
	optUTF16
	optLatin1
	optMemory
	optRealloc
	optPostReturn
	optAsync
	optCallback
)

func (d *definition) options(in *reader) options {
	o := options{memory: noIndex, realloc: noIndex, postReturn: noIndex}
	seen := map[byte]bool{}
	in.vector(func(int) {
		code := in.byte()
		group := code
		if code <= optLatin1 {
			group = optUTF8
		}
		if seen[group] {
			in.fail("canonical option %#x is specified more than once, or conflicts with another", code)
		}
		seen[group] = true
		switch code {
		case optUTF8, optUTF16, optLatin1:
			o.encoding = encoding(code)
		case optMemory:
			o.memory = d.optionIndex(in, coreMemory)
		case optRealloc:
			o.realloc = d.optionIndex(in, coreFunc)
		case optPostReturn:
			o.postReturn = d.optionIndex(in, coreFunc)
		case optAsync:
			o.async = true
		case optCallback:
			in.unsupported("an async function with a callback (WASI 0.3)")
		default:
			in.fail("a canonical option %#x", code)
		}
	})
	if o.async && o.postReturn != noIndex {
		in.fail("canonical option `post-return` cannot be specified with `async`")
	}
	return o
}

func (d *definition) optionIndex(in *reader, k coreSort) int64 {
	index := in.u32()
	_, err := d.coreItem(k, index)
	in.check(err)
	return int64(index)
}

// canon reads a canonical definition.
func (d *definition) canon(in *reader) {
	switch code := in.byte(); code {
	case canonLift:
		d.lift(in)
	case canonLower:
		d.lower(in)
	case canonResourceNew, canonResourceDrop, canonResourceRep:
		d.resourceBuiltin(in, code)
	case canonTaskReturn, canonContextGet, canonContextSet, canonBackpressureInc, canonBackpressureDec:
		d.taskBuiltin(in, code)
	default:
		if code >= 0x40 {
			in.unsupported("threads (canonical definition %#x)", code)
		} else {
			in.unsupported("an async built-in of WASI 0.3 (canonical definition %#x)", code)
		}
	}
}

func (d *definition) lift(in *reader) {
	if in.byte() != 0 {
		in.fail("a canonical definition that lifts no function")
	}
	st := stepLift{fn: in.u32(), options: d.options(in)}
	core, err := item(d.coreFuncs, st.fn, "core func")
	in.check(err)
	t, err := item(d.types, in.u32(), "type")
	if err == nil && t.fn == nil {
		err = fmt.Errorf("not a function type, but a %s", t)
	}
	in.check(err)
	if in.err != nil {
		return
	}
	st.typ = t.fn
	in.check(d.spend(len(t.fn.params)))
	d.async = d.async || t.fn.async
	d.checkBackpressure(in)
	in.check(d.checkLift(core, &st))
	in.check(push(&d.funcs, t.fn))
	d.step(st)
}

func (d *definition) checkLift(core coreEntity, st *stepLift) error {
	if err := st.options.checkAsync(st.typ); err != nil {
		return err
	}
	params, results := st.options.flatten(st.typ, false)
	if !slices.Equal(core.params, params) {
		return fmt.Errorf("lowered parameter types %s do not match parameter types %s", typeNames(params), typeNames(core.params))
	}
	if !slices.Equal(core.results, results) {
		return fmt.Errorf("lowered result types %s do not match result types %s", typeNames(results), typeNames(core.results))
	}
	if st.options.postReturn != noIndex {
		post := d.coreFuncs[st.options.postReturn]
		if !slices.Equal(post.params, results) || len(post.results) > 0 {
			return fmt.Errorf("canonical option `post-return` uses a core function with an incorrect signature")
		}
	}
	need := needs{}
	need.lowered(st.typ.params, recordLayout(st.typ.params).tooFlat)
	if st.typ.result != nil {
		need.lifted(st.typ.result, st.typ.result.tooFlat || !st.options.async && tooManyResults(st.typ.result))
	}
	return d.checkOptions(st.options, need)
}

// checkAsync: only functions of async types can be lifted or lowered as such.
func (o options) checkAsync(t *funcType) error {
	if o.async && !t.async {
		return fmt.Errorf("canonical option `async` is of a function that is not async")
	}
	return nil
}

func tooManyResults(t *valType) bool { return t.tooFlat || len(t.flat) > maxFlatResults }

func typeNames(types []api.ValueType) []string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = TypeName(t)
	}
	return names
}

// needs is what a function asks of its canonical options.
type needs struct{ memory, realloc bool }

// lowered is for what goes into the guest.
func (n *needs) lowered(params []field, spilled bool) {
	n.memory, n.realloc = n.memory || spilled, n.realloc || spilled
	for _, p := range params {
		if p.typ.pointers {
			n.memory, n.realloc = true, true
		}
	}
}

// lifted is for what comes out of it.
func (n *needs) lifted(t *valType, spilled bool) {
	n.memory = n.memory || spilled || t.pointers
}

func (d *definition) checkOptions(o options, need needs) error {
	if o.memory != noIndex && d.coreMemories[o.memory].wide {
		return fmt.Errorf("%w: a memory with addresses of 64 bits", ErrUnsupported)
	}
	if need.memory && o.memory == noIndex {
		return fmt.Errorf("canonical option `memory` is required")
	}
	if need.realloc && o.realloc == noIndex {
		return fmt.Errorf("canonical option `realloc` is required")
	}
	if o.realloc == noIndex {
		return nil
	}
	if o.memory == noIndex {
		return fmt.Errorf("canonical option `memory` is required with `realloc`")
	}
	fn := d.coreFuncs[o.realloc]
	if !slices.Equal(fn.params, []api.ValueType{i32, i32, i32, i32}) || !slices.Equal(fn.results, []api.ValueType{i32}) {
		return fmt.Errorf("canonical option `realloc` uses a core function with an incorrect signature")
	}
	return nil
}

func (d *definition) lower(in *reader) {
	if in.byte() != 0 {
		in.fail("a canonical definition that lowers no function")
	}
	st := stepLower{fn: in.u32(), options: d.options(in)}
	t, err := item(d.funcs, st.fn, "func")
	in.check(err)
	if in.err != nil {
		return
	}
	st.typ = t
	if st.options.postReturn != noIndex {
		in.fail("canonical option `post-return` cannot be specified for lowerings")
	}
	in.check(st.options.checkAsync(t))
	in.check(d.spend(len(t.params)))
	need := needs{memory: recordLayout(t.params).tooFlat || st.options.async}
	for _, p := range t.params {
		need.lifted(p.typ, false)
	}
	if t.result != nil {
		need.memory = need.memory || tooManyResults(t.result)
		if t.result.pointers {
			need.memory, need.realloc = true, true
		}
	}
	in.check(d.checkOptions(st.options, need))
	e := coreEntity{sort: coreFunc}
	e.params, e.results = st.options.flatten(t, true)
	in.check(push(&d.coreFuncs, e))
	d.step(st)
}

func (d *definition) resourceBuiltin(in *reader, code byte) {
	r, _ := d.resourceAt(in)
	if in.err != nil {
		return
	}
	if code != canonResourceDrop && !(r.own && r.def == d) {
		in.fail("type is not a local resource")
		return
	}
	e := coreEntity{sort: coreFunc, params: []api.ValueType{i32}}
	if code != canonResourceDrop {
		e.results = []api.ValueType{i32}
	}
	in.check(push(&d.coreFuncs, e))
	d.step(stepBuiltin{code: code, slot: r.slot, fn: e})
}
