package component

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/tetratelabs/wazero/api"
	"github.com/tracetool/tracetool/format/canon"
)

// context of the canonical ABI: whose memory and handles are meant. One serves
// all calls of a canonical definition.
type abi struct {
	inst     *instance
	memory   api.Memory // nil: none
	realloc  *coreItem  // nil: none
	encoding encoding
}

// lifter turns core values and guest memory into canonical bytes.
type lifter struct {
	*abi
	mem   []byte
	stack []uint64 // core values that are left
	out   []byte
	// lent are the handles of which a borrow is passed on. They are returned
	// when the call is over.
	lent []uint32
	lend bool // the callee is a guest, which may try to drop them meanwhile
}

func (l *lifter) next() uint64 {
	v := l.stack[0]
	l.stack = l.stack[1:]
	return v
}

// values lifts parameters or a result from core values.
func (l *lifter) values(fields []field) {
	for i := range fields {
		l.flat(fields[i].typ)
	}
}

// flat lifts a value from core values.
func (l *lifter) flat(t *valType) {
	switch t.kind {
	case canon.String:
		ptr := uint32(l.next())
		l.text(ptr, uint32(l.next()))
	case canon.List, canon.Map:
		ptr := uint32(l.next())
		l.list(t.elem, ptr, uint32(l.next()))
	case canon.FixedList:
		for range t.length {
			l.flat(t.elem)
		}
	case canon.Record, canon.Tuple:
		l.values(t.fields)
	case canon.Variant, canon.Enum, canon.Option, canon.Result:
		l.flatVariant(t)
	default:
		l.scalar(t, l.next())
	}
}

func (l *lifter) flatVariant(t *valType) {
	rest := l.stack[len(t.flatTypes()):]
	if payload := l.discriminant(t, uint32(l.next())); payload != nil {
		l.flat(payload)
	}
	l.stack = rest
}

// flatTypes are the core types of a value that is passed as such.
func (t *valType) flatTypes() []api.ValueType { return t.layout.flat }

// discriminant appends the number of a case and returns its payload's type.
func (l *lifter) discriminant(t *valType, n uint32) *valType {
	var payload *valType
	limit := uint32(2)
	switch t.kind {
	case canon.Option:
		if n == 1 {
			payload = t.elem
		}
	case canon.Result:
		if payload = t.elem; n == 1 {
			payload = t.err
		}
	default:
		if limit = uint32(len(t.fields)); n < limit {
			payload = t.fields[n].typ
		}
	}
	if n >= limit {
		trap("invalid discriminant %d of a %s with %d cases", n, t.kind, limit)
	}
	l.out = binary.AppendUvarint(l.out, uint64(n))
	return payload
}

// scalar lifts a value that is one core value.
func (l *lifter) scalar(t *valType, v uint64) {
	switch t.kind {
	case canon.Bool:
		b := byte(0)
		if uint32(v) != 0 {
			b = 1
		}
		l.out = append(l.out, b)
	case canon.U8, canon.S8:
		l.out = append(l.out, byte(v))
	case canon.U16:
		l.out = binary.AppendUvarint(l.out, uint64(uint16(v)))
	case canon.S16:
		l.out = binary.AppendVarint(l.out, int64(int16(v)))
	case canon.U32:
		l.out = binary.AppendUvarint(l.out, uint64(uint32(v)))
	case canon.S32:
		l.out = binary.AppendVarint(l.out, int64(int32(v)))
	case canon.U64:
		l.out = binary.AppendUvarint(l.out, v)
	case canon.S64:
		l.out = binary.AppendVarint(l.out, int64(v))
	case canon.F32:
		l.out = canon.AppendF32(l.out, uint32(v))
	case canon.F64:
		l.out = canon.AppendF64(l.out, v)
	case canon.Char:
		l.char(uint32(v))
	case canon.Flags:
		l.out = binary.AppendUvarint(l.out, v&(1<<len(t.fields)-1))
	case canon.Own:
		l.out = binary.AppendUvarint(l.out, uint64(l.inst.handles.take(uint32(v), l.inst.resources[t.res.slot])))
	case canon.Borrow:
		l.borrow(t, uint32(v))
	}
}

func (l *lifter) char(v uint32) {
	if v > utf8.MaxRune || v >= 0xd800 && v < 0xe000 {
		trap("invalid `char` bit pattern %#x", v)
	}
	l.out = binary.AppendUvarint(l.out, uint64(v))
}

func (l *lifter) borrow(t *valType, n uint32) {
	h := l.inst.handles.get(n, l.inst.resources[t.res.slot])
	l.out = binary.AppendUvarint(l.out, uint64(h.rep))
	if l.lend && h.scope == nil {
		h.lends++
		l.lent = append(l.lent, n)
	}
}

// release gives the handles back of which borrows were passed on.
func (l *lifter) release() {
	for _, n := range l.lent {
		l.inst.handles.list[n].lends--
	}
	l.lent = l.lent[:0]
}

// bytes returns n bytes of the memory at ptr, which must be aligned.
func (l *lifter) bytes(ptr uint32, n uint64, align uint32, what string) []byte {
	return region(l.mem, ptr, n, align, what)
}

func region(mem []byte, ptr uint32, n uint64, align uint32, what string) []byte {
	if ptr&(align-1) != 0 {
		trap("%s pointer is not aligned: %#x to %d", what, ptr, align)
	}
	if uint64(ptr)+n > uint64(len(mem)) {
		trap("%s pointer/length out of bounds of memory: %d bytes at %#x of %#x", what, n, ptr, len(mem))
	}
	return mem[ptr : uint64(ptr)+n]
}

// maxValues is how many bytes the values of one call may take. Lists that lie
// on one another would take any number.
const maxValues = 1 << 29

func (l *lifter) checkSize(n int) {
	if len(l.out)+n > maxValues {
		trap("values of more than %d bytes", maxValues)
	}
}

// list lifts a list of n elements at ptr.
func (l *lifter) list(elem *valType, ptr, n uint32) {
	raw := l.bytes(ptr, uint64(n)*uint64(elem.size), elem.align, "list")
	l.checkSize(int(n))
	l.out = binary.AppendUvarint(l.out, uint64(n))
	l.elements(elem, raw)
}

// elements lifts those that are in memory.
func (l *lifter) elements(elem *valType, raw []byte) {
	if elem.kind == canon.U8 || elem.kind == canon.S8 {
		l.checkSize(len(raw))
		l.out = append(l.out, raw...)
		return
	}
	for len(raw) > 0 {
		l.load(elem, raw[:elem.size])
		raw = raw[elem.size:]
	}
}

// load lifts a value that is in memory.
func (l *lifter) load(t *valType, raw []byte) {
	switch t.kind {
	case canon.String:
		l.text(le32(raw), le32(raw[4:]))
	case canon.List, canon.Map:
		l.list(t.elem, le32(raw), le32(raw[4:]))
	case canon.FixedList:
		l.elements(t.elem, raw[:t.size])
	case canon.Record, canon.Tuple:
		for i := range t.fields {
			l.load(t.fields[i].typ, raw[t.offsets[i]:])
		}
	case canon.Variant, canon.Enum, canon.Option, canon.Result:
		if payload := l.discriminant(t, uint32(number(raw[:t.disc]))); payload != nil {
			l.load(payload, raw[t.payload:])
		}
	default:
		l.scalar(t, number(raw[:t.size]))
	}
}

func le32(raw []byte) uint32 { return binary.LittleEndian.Uint32(raw) }

// number reads a little-endian number of 1, 2, 4 or 8 bytes. Signed ones are
// cut to their size when they are lifted.
func number(raw []byte) uint64 {
	switch len(raw) {
	case 1:
		return uint64(raw[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(raw))
	case 4:
		return uint64(binary.LittleEndian.Uint32(raw))
	}
	return binary.LittleEndian.Uint64(raw)
}

// maxString is how many bytes a string may take in a guest's memory.
const maxString = math.MaxInt32

// utf16Tag marks the length of a string in UTF-16 where the encoding is
// latin1+utf16.
const utf16Tag = 1 << 31

// text lifts a string of n code units at ptr.
func (l *lifter) text(ptr, n uint32) {
	switch {
	case l.encoding == utf8Strings:
		raw := l.bytes(ptr, uint64(n), 1, "string")
		l.checkSize(len(raw))
		if !utf8.Valid(raw) {
			trap("invalid utf-8 in a string of %d bytes at %#x", n, ptr)
		}
		l.out = append(binary.AppendUvarint(l.out, uint64(n)), raw...)
	case l.encoding == utf16Strings:
		l.utf16(l.bytes(ptr, 2*uint64(n), 2, "string"))
	case n&utf16Tag != 0:
		l.utf16(l.bytes(ptr, 2*uint64(n&^utf16Tag), 2, "string"))
	default:
		l.latin1(l.bytes(ptr, uint64(n), 2, "string"))
	}
}

func (l *lifter) utf16(raw []byte) {
	l.checkSize(len(raw))
	text := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i += 2 {
		r := rune(binary.LittleEndian.Uint16(raw[i:]))
		if r >= 0xd800 && r < 0xe000 {
			if r >= 0xdc00 || i+4 > len(raw) {
				trap("unpaired surrogate in a string in utf-16")
			}
			low := rune(binary.LittleEndian.Uint16(raw[i+2:]))
			if low < 0xdc00 || low >= 0xe000 {
				trap("unpaired surrogate in a string in utf-16")
			}
			r = 0x10000 + (r-0xd800)<<10 + (low - 0xdc00)
			i += 2
		}
		text = utf8.AppendRune(text, r)
	}
	l.out = append(binary.AppendUvarint(l.out, uint64(len(text))), text...)
}

func (l *lifter) latin1(raw []byte) {
	l.checkSize(len(raw))
	text := make([]byte, 0, len(raw))
	for _, c := range raw {
		text = utf8.AppendRune(text, rune(c))
	}
	l.out = append(binary.AppendUvarint(l.out, uint64(len(text))), text...)
}
