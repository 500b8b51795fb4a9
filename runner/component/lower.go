package component

import (
	"context"
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/tracetool/tracetool/format/canon"
	"github.com/tracetool/tracetool/runner/memory"
)

// lowerer turns canonical bytes, which have been checked, into core values and
// guest memory.
type lowerer struct {
	*abi
	ctx   context.Context
	in    canon.Decoder
	mem   []byte
	stack []uint64 // core values so far
	scope *task    // that is given borrows
}

// values lowers parameters to core values.
func (w *lowerer) values(fields []field) {
	for i := range fields {
		w.flat(fields[i].typ)
	}
}

// flat lowers a value to core values.
func (w *lowerer) flat(t *valType) {
	switch t.kind {
	case canon.String:
		ptr, n := w.text(w.in.Blob())
		w.stack = append(w.stack, uint64(ptr), uint64(n))
	case canon.List, canon.Map:
		ptr, n := w.list(t.elem)
		w.stack = append(w.stack, uint64(ptr), uint64(n))
	case canon.FixedList:
		for range t.length {
			w.flat(t.elem)
		}
	case canon.Record, canon.Tuple:
		w.values(t.fields)
	case canon.Variant, canon.Enum, canon.Option, canon.Result:
		end := len(w.stack) + len(t.flatTypes())
		n := w.in.Case()
		w.stack = append(w.stack, uint64(n))
		if payload := t.payloadOf(n); payload != nil {
			w.flat(payload)
		}
		for len(w.stack) < end {
			w.stack = append(w.stack, 0)
		}
	default:
		w.stack = append(w.stack, w.scalar(t))
	}
}

// payloadOf returns the type of a case's payload, nil if it has none.
func (t *valType) payloadOf(n int) *valType {
	switch t.kind {
	case canon.Option:
		if n == 0 {
			return nil
		}
		return t.elem
	case canon.Result:
		if n == 0 {
			return t.elem
		}
		return t.err
	}
	if n < len(t.fields) {
		return t.fields[n].typ
	}
	return nil
}

// scalar lowers a value that is one core value. Those of 32 bits are zero
// extended.
func (w *lowerer) scalar(t *valType) uint64 {
	switch t.kind {
	case canon.Bool, canon.U8:
		return uint64(w.in.U8())
	case canon.S8:
		return uint64(uint32(w.in.S8()))
	case canon.U16, canon.U32, canon.U64, canon.Char, canon.Flags:
		return w.in.U64()
	case canon.S16, canon.S32:
		return uint64(uint32(w.in.S64()))
	case canon.S64:
		return uint64(w.in.S64())
	case canon.F32:
		return uint64(w.in.Bits32())
	case canon.F64:
		return w.in.Bits64()
	case canon.Own:
		typ := w.inst.resources[t.res.slot]
		return uint64(w.inst.handles.add(handle{typ: typ, rep: w.in.Rep()}))
	case canon.Borrow:
		return uint64(w.borrow(t))
	}
	return 0
}

// borrow gives the guest a handle for as long as the call takes, or, where it
// implements the resource, what the resource stands for.
func (w *lowerer) borrow(t *valType) uint32 {
	typ, rep := w.inst.resources[t.res.slot], w.in.Rep()
	if typ.owner == w.inst {
		return rep
	}
	w.scope.borrows++
	return w.inst.handles.add(handle{typ: typ, rep: rep, scope: w.scope})
}

// allocate asks the guest for memory and returns its address and bytes.
func (w *lowerer) allocate(n uint64, align uint32, what string) (uint32, []byte) {
	if n > maxString {
		trap("%s of %d bytes, at most %d", what, n, maxString)
	}
	return w.reallocate(0, 0, align, uint32(n), what)
}

func (w *lowerer) reallocate(old, oldSize, align, size uint32, what string) (uint32, []byte) {
	storage := w.inst.task.storage
	w.inst.task.storage = [contextSlots]uint32{} // realloc is a task of its own
	ptr := w.realloc.allocate(w.ctx, old, oldSize, align, size)
	w.inst.task.storage = storage
	w.mem = memory.Bytes(w.memory) // it may have grown
	if ptr&(align-1) != 0 {
		trap("realloc return: result not aligned: %#x to %d, for a %s", ptr, align, what)
	}
	if uint64(ptr)+uint64(size) > uint64(len(w.mem)) {
		trap("realloc return: beyond end of memory: %d bytes at %#x of %#x, for a %s", size, ptr, len(w.mem), what)
	}
	return ptr, w.mem[ptr : uint64(ptr)+uint64(size)]
}

func (w *lowerer) list(elem *valType) (ptr, n uint32) {
	count := w.in.Len()
	ptr, _ = w.allocate(uint64(count)*uint64(elem.size), elem.align, "list")
	w.elements(elem, ptr, count)
	return ptr, uint32(count)
}

// elements lowers those of a list into memory that the guest has given, at ptr.
func (w *lowerer) elements(elem *valType, ptr uint32, n int) {
	if elem.kind == canon.U8 || elem.kind == canon.S8 {
		copy(w.mem[ptr:], w.in.Raw(n))
		return
	}
	for i := range uint32(n) {
		w.store(elem, ptr+i*elem.size)
	}
}

// store lowers a value into memory that the guest has given, at ptr.
func (w *lowerer) store(t *valType, ptr uint32) {
	switch t.kind {
	case canon.String:
		at, n := w.text(w.in.Blob())
		w.put(ptr, 4, uint64(at))
		w.put(ptr+4, 4, uint64(n))
	case canon.List, canon.Map:
		at, n := w.list(t.elem)
		w.put(ptr, 4, uint64(at))
		w.put(ptr+4, 4, uint64(n))
	case canon.FixedList:
		w.elements(t.elem, ptr, int(t.length))
	case canon.Record, canon.Tuple:
		for i := range t.fields {
			w.store(t.fields[i].typ, ptr+t.offsets[i])
		}
	case canon.Variant, canon.Enum, canon.Option, canon.Result:
		n := w.in.Case()
		w.put(ptr, t.disc, uint64(n))
		if payload := t.payloadOf(n); payload != nil {
			w.store(payload, ptr+t.payload)
		}
	default:
		w.put(ptr, t.size, w.scalar(t))
	}
}

// put stores a number of 1, 2, 4 or 8 bytes. The memory never gets smaller.
func (w *lowerer) put(ptr, size uint32, v uint64) {
	raw := w.mem[ptr:]
	switch size {
	case 1:
		raw[0] = byte(v)
	case 2:
		binary.LittleEndian.PutUint16(raw, uint16(v))
	case 4:
		binary.LittleEndian.PutUint32(raw, uint32(v))
	default:
		binary.LittleEndian.PutUint64(raw, v)
	}
}

// text lowers a string and returns its address and its length in code units.
func (w *lowerer) text(s []byte) (ptr, n uint32) {
	switch w.encoding {
	case utf8Strings:
		ptr, raw := w.allocate(uint64(len(s)), 1, "string")
		copy(raw, s)
		return ptr, uint32(len(s))
	case utf16Strings:
		return w.utf16(s)
	}
	if latin1Length(s) >= 0 {
		return w.latin1(s)
	}
	ptr, n = w.utf16(s)
	return ptr, n | utf16Tag
}

// latin1Length returns how many characters a string has, -1 if one of them is
// beyond Latin-1.
func latin1Length(s []byte) int {
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] > 0xc3 {
			return -1
		}
		if s[i] >= utf8.RuneSelf {
			i++
		}
		n++
	}
	return n
}

func (w *lowerer) latin1(s []byte) (ptr, n uint32) {
	n = uint32(latin1Length(s))
	ptr, raw := w.allocate(uint64(n), 2, "string")
	for i := range raw {
		r, size := utf8.DecodeRune(s)
		raw[i], s = byte(r), s[size:]
	}
	return ptr, n
}

func (w *lowerer) utf16(s []byte) (ptr, n uint32) {
	units := 0
	for rest := s; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		units += utf16.RuneLen(r)
		rest = rest[size:]
	}
	ptr, raw := w.allocate(2*uint64(units), 2, "string")
	for len(s) > 0 {
		r, size := utf8.DecodeRune(s)
		s = s[size:]
		if r >= 0x10000 {
			high, low := utf16.EncodeRune(r)
			binary.LittleEndian.PutUint16(raw, uint16(high))
			binary.LittleEndian.PutUint16(raw[2:], uint16(low))
			raw = raw[4:]
			continue
		}
		binary.LittleEndian.PutUint16(raw, uint16(r))
		raw = raw[2:]
	}
	return ptr, uint32(units)
}
