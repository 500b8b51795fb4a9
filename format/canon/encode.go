package canon

import (
	"encoding/binary"
	"math"
)

// The one form in which a NaN is kept.
const (
	nan32 = 0x7fc00000
	nan64 = 0x7ff8000000000000
)

// Encoder appends values. The zero value is ready. It does not know the type:
// its caller writes what the type asks for, in order.
type Encoder struct{ buf []byte }

// Bytes are the values written since the last Reset. They are valid until the
// next write.
func (e *Encoder) Bytes() []byte { return e.buf }

// Reset forgets what was written and keeps the memory.
func (e *Encoder) Reset() { e.buf = e.buf[:0] }

// Raw appends bytes that are canonical already.
func (e *Encoder) Raw(data []byte) { e.buf = append(e.buf, data...) }

// Bool appends a bool.
func (e *Encoder) Bool(v bool) {
	if v {
		e.buf = append(e.buf, 1)
	} else {
		e.buf = append(e.buf, 0)
	}
}

// U8 appends a u8.
func (e *Encoder) U8(v uint8) { e.buf = append(e.buf, v) }

// U16 appends a u16.
func (e *Encoder) U16(v uint16) { e.U64(uint64(v)) }

// U32 appends a u32.
func (e *Encoder) U32(v uint32) { e.U64(uint64(v)) }

// U64 appends a u64.
func (e *Encoder) U64(v uint64) { e.buf = binary.AppendUvarint(e.buf, v) }

// S8 appends an s8.
func (e *Encoder) S8(v int8) { e.buf = append(e.buf, byte(v)) }

// S16 appends an s16.
func (e *Encoder) S16(v int16) { e.S64(int64(v)) }

// S32 appends an s32.
func (e *Encoder) S32(v int32) { e.S64(int64(v)) }

// S64 appends an s64.
func (e *Encoder) S64(v int64) { e.buf = binary.AppendVarint(e.buf, v) }

// F32 appends an f32.
func (e *Encoder) F32(v float32) { e.buf = AppendF32(e.buf, math.Float32bits(v)) }

// F64 appends an f64.
func (e *Encoder) F64(v float64) { e.buf = AppendF64(e.buf, math.Float64bits(v)) }

// Char appends a char.
func (e *Encoder) Char(v rune) { e.U32(uint32(v)) }

// String appends a string, which must be UTF-8.
func (e *Encoder) String(s string) { e.buf = append(binary.AppendUvarint(e.buf, uint64(len(s))), s...) }

// Blob appends a list<u8>, or a string that is at hand as bytes.
func (e *Encoder) Blob(data []byte) {
	e.buf = append(binary.AppendUvarint(e.buf, uint64(len(data))), data...)
}

// Len begins a list of n elements, which follow.
func (e *Encoder) Len(n int) { e.U64(uint64(n)) }

// Case begins a variant, whose payload follows, or is an enum.
func (e *Encoder) Case(n int) { e.U64(uint64(n)) }

// None is an option without value.
func (e *Encoder) None() { e.Bool(false) }

// Some begins an option whose value follows.
func (e *Encoder) Some() { e.Bool(true) }

// OK begins a result whose ok value follows, if it has one.
func (e *Encoder) OK() { e.Bool(false) }

// Err begins a result whose error follows, if it has one.
func (e *Encoder) Err() { e.Bool(true) }

// Flags appends flags: bit 0 is the first label.
func (e *Encoder) Flags(v uint64) { e.U64(v) }

// Rep appends the number of a resource, for own and borrow.
func (e *Encoder) Rep(v uint32) { e.U32(v) }

// AppendF32 appends the bits of an f32 as a canonical value.
func AppendF32(dst []byte, bits uint32) []byte {
	if bits&^(1<<31) > 0x7f800000 {
		bits = nan32
	}
	return binary.LittleEndian.AppendUint32(dst, bits)
}

// AppendF64 appends the bits of an f64 as a canonical value.
func AppendF64(dst []byte, bits uint64) []byte {
	if bits&^(1<<63) > 0x7ff0000000000000 {
		bits = nan64
	}
	return binary.LittleEndian.AppendUint64(dst, bits)
}

// Use makes the encoder append to buf, whatever it has written before.
func (e *Encoder) Use(buf []byte) { e.buf = buf }
