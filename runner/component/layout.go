package component

import (
	"github.com/tetratelabs/wazero/api"
	"github.com/tracetool/tracetool/format/canon"
)

// Limits of the canonical ABI.
const (
	maxFlatParams  = 16
	maxFlatResults = 1
	maxElementSize = 1 << 28 // bytes of a value in memory
)

// layout is how values of a type stand in a 32-bit memory, and as core values.
type layout struct {
	size, align uint32
	size64      uint64          // in a memory of 64 bits, which bounds the type
	align64     uint64          //
	offsets     []uint32        // of the fields of a record or tuple
	payload     uint32          // offset of a variant's, option's or result's payload
	disc        uint32          // bytes of their discriminant, or of an enum's
	flat        []api.ValueType // nil with more than maxFlatParams
	tooFlat     bool            // more than maxFlatParams
}

const (
	i32 = api.ValueTypeI32
	i64 = api.ValueTypeI64
	f32 = api.ValueTypeF32
	f64 = api.ValueTypeF64
)

var scalarLayouts = map[canon.Kind]layout{
	canon.Bool: scalarLayout(1, i32), canon.S8: scalarLayout(1, i32), canon.U8: scalarLayout(1, i32),
	canon.S16: scalarLayout(2, i32), canon.U16: scalarLayout(2, i32),
	canon.S32: scalarLayout(4, i32), canon.U32: scalarLayout(4, i32), canon.Char: scalarLayout(4, i32),
	canon.S64: scalarLayout(8, i64), canon.U64: scalarLayout(8, i64),
	canon.F32: scalarLayout(4, f32), canon.F64: scalarLayout(8, f64),
	canon.Own: scalarLayout(4, i32), canon.Borrow: scalarLayout(4, i32),
	canon.String: pairLayout(), canon.List: pairLayout(), canon.Map: pairLayout(),
}

func scalarLayout(size uint32, flat api.ValueType) layout {
	return layout{size: size, align: size, size64: uint64(size), align64: uint64(size), flat: []api.ValueType{flat}}
}

// pairLayout is that of an address and a length.
func pairLayout() layout {
	return layout{size: 8, align: 4, size64: 16, align64: 8, flat: []api.ValueType{i32, i32}}
}

func layoutOf(t *valType) layout {
	switch t.kind {
	case canon.Record, canon.Tuple:
		return recordLayout(t.fields)
	case canon.Variant, canon.Enum:
		cases := make([]*valType, len(t.fields))
		for i, f := range t.fields {
			cases[i] = f.typ
		}
		return variantLayout(cases)
	case canon.Option:
		return variantLayout([]*valType{nil, t.elem})
	case canon.Result:
		return variantLayout([]*valType{t.elem, t.err})
	case canon.FixedList:
		return fixedLayout(t.elem, t.length)
	case canon.Flags:
		return flagsLayout(len(t.fields))
	}
	return scalarLayouts[t.kind]
}

func alignTo[N uint32 | uint64](at, align N) N { return (at + align - 1) &^ (align - 1) }

func recordLayout(fields []field) layout {
	l := layout{align: 1, align64: 1}
	var at uint32
	var at64 uint64
	for _, f := range fields {
		at, at64 = alignTo(at, f.typ.align), alignTo(at64, f.typ.align64)
		l.offsets = append(l.offsets, at)
		at, at64 = at+f.typ.size, at64+f.typ.size64
		l.align, l.align64 = max(l.align, f.typ.align), max(l.align64, f.typ.align64)
		l.addFlat(f.typ.flat, f.typ.tooFlat)
		if at64 >= maxElementSize {
			break // seal refuses it
		}
	}
	l.size, l.size64 = alignTo(at, l.align), alignTo(at64, l.align64)
	return l
}

// fixedLayout is that of n elements, one after the other.
func fixedLayout(elem *valType, n uint32) layout {
	l := layout{size: n * elem.size, align: elem.align, size64: uint64(n) * elem.size64, align64: elem.align64}
	for range min(n, maxFlatParams+1) { // beyond, it is too flat
		l.addFlat(elem.flat, elem.tooFlat)
	}
	return l
}

func (l *layout) addFlat(flat []api.ValueType, tooFlat bool) {
	if l.tooFlat || tooFlat || len(l.flat)+len(flat) > maxFlatParams {
		l.flat, l.tooFlat = nil, true
		return
	}
	l.flat = append(l.flat, flat...)
}

func discriminantSize(cases int) uint32 {
	switch {
	case cases <= 1<<8:
		return 1
	case cases <= 1<<16:
		return 2
	}
	return 4
}

func variantLayout(cases []*valType) layout {
	l := layout{disc: discriminantSize(len(cases))}
	l.align, l.align64 = l.disc, uint64(l.disc)
	align, align64 := uint32(1), uint64(1)
	var size uint32
	var size64 uint64
	var flat []api.ValueType
	for _, c := range cases {
		if c == nil {
			continue
		}
		align, align64 = max(align, c.align), max(align64, c.align64)
		size, size64 = max(size, c.size), max(size64, c.size64)
		l.tooFlat = l.tooFlat || c.tooFlat
		flat = joinFlat(flat, c.flat)
	}
	l.payload = alignTo(l.disc, align)
	l.align, l.align64 = max(l.align, align), max(l.align64, align64)
	l.size = alignTo(l.payload+size, l.align)
	l.size64 = alignTo(alignTo(uint64(l.disc), align64)+size64, l.align64)
	l.addFlat([]api.ValueType{i32}, false)
	l.addFlat(flat, false)
	return l
}

// joinFlat returns core types that hold either of two lists.
func joinFlat(a, b []api.ValueType) []api.ValueType {
	joined := append([]api.ValueType(nil), a...)
	for i, t := range b {
		switch {
		case i >= len(joined):
			joined = append(joined, t)
		case joined[i] == t:
		case (joined[i] == i32 || joined[i] == f32) && (t == i32 || t == f32):
			joined[i] = i32
		default:
			joined[i] = i64
		}
	}
	return joined
}

func flagsLayout(labels int) layout {
	switch {
	case labels <= 8:
		return scalarLayout(1, i32)
	case labels <= 16:
		return scalarLayout(2, i32)
	}
	return scalarLayout(4, i32)
}

// flatten returns the core signature of a function: of the guest's import if
// lower is set, else of its export. Pointers stand for what is too long.
func (f *funcType) flatten(lower bool) (params, results []api.ValueType) {
	l := recordLayout(f.params)
	params = l.flat
	if l.tooFlat {
		params = []api.ValueType{i32}
	}
	switch {
	case f.result == nil:
	case !f.result.tooFlat && len(f.result.flat) <= maxFlatResults:
		results = f.result.flat
	case lower:
		params = append(append([]api.ValueType(nil), params...), i32)
	default:
		results = []api.ValueType{i32}
	}
	return params, results
}
