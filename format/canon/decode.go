package canon

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// ErrMalformed is matched by everything that is wrong with canonical bytes and
// with the text of a signature.
var ErrMalformed = errors.New("malformed")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// Decoder reads values in order. The first mistake stays: every read after it
// gives a zero value, and Err tells it.
type Decoder struct {
	data []byte
	size int // bytes of the whole
	err  error
	text func(t *Type, at int, data []byte) // of Texts
}

// NewDecoder reads data.
func NewDecoder(data []byte) Decoder { return Decoder{data: data, size: len(data)} }

// Use makes the decoder read data, whatever it has read before. Unlike an
// assignment of NewDecoder it copies nothing.
func (d *Decoder) Use(data []byte) { d.data, d.size, d.err = data, len(data), nil }

// Err is the first mistake.
func (d *Decoder) Err() error { return d.err }

// Rest is what has not been read.
func (d *Decoder) Rest() []byte { return d.data }

// End is Err, or an error if not all has been read.
func (d *Decoder) End() error {
	if d.err == nil && len(d.data) > 0 {
		d.fail("%d bytes too many", len(d.data))
	}
	return d.err
}

func (d *Decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w value at byte %d: %s", ErrMalformed, d.size-len(d.data), fmt.Sprintf(format, args...))
	}
	d.data = nil
}

// take returns the next n bytes.
func (d *Decoder) take(n uint64) []byte {
	if n > uint64(len(d.data)) {
		d.fail("%d bytes, want %d", len(d.data), n)
		return nil
	}
	taken := d.data[:n:n]
	d.data = d.data[n:]
	return taken
}

func (d *Decoder) byte() byte {
	if raw := d.take(1); raw != nil {
		return raw[0]
	}
	return 0
}

// U64 reads a u64.
func (d *Decoder) U64() uint64 {
	if len(d.data) > 0 && d.data[0] < 0x80 { // most numbers
		v := d.data[0]
		d.data = d.data[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(d.data)
	switch {
	case n <= 0 && len(d.data) < binary.MaxVarintLen64:
		d.fail("ends within a number")
	case n <= 0:
		d.fail("a number beyond 64 bits")
	case n > 1 && d.data[n-1] == 0:
		d.fail("a number in more bytes than it takes")
	default:
		d.data = d.data[n:]
		return v
	}
	return 0
}

// S64 reads an s64.
func (d *Decoder) S64() int64 {
	v := d.U64()
	return int64(v>>1) ^ -int64(v&1)
}

func (d *Decoder) unsigned(limit uint64) uint64 {
	data := d.data
	v := d.U64()
	if v > limit {
		d.data = data
		d.fail("%d, want at most %d", v, limit)
		return 0
	}
	return v
}

func (d *Decoder) signed(low, high int64) int64 {
	data := d.data
	v := d.S64()
	if v < low || v > high {
		d.data = data
		d.fail("%d, want %d to %d", v, low, high)
		return 0
	}
	return v
}

// Bool reads a bool.
func (d *Decoder) Bool() bool {
	v := d.byte()
	if v > 1 {
		d.fail("%d, want 0 or 1", v)
	}
	return v == 1
}

// U8 reads a u8.
func (d *Decoder) U8() uint8 { return d.byte() }

// U16 reads a u16.
func (d *Decoder) U16() uint16 { return uint16(d.unsigned(math.MaxUint16)) }

// U32 reads a u32.
func (d *Decoder) U32() uint32 { return uint32(d.unsigned(math.MaxUint32)) }

// S8 reads an s8.
func (d *Decoder) S8() int8 { return int8(d.byte()) }

// S16 reads an s16.
func (d *Decoder) S16() int16 { return int16(d.signed(math.MinInt16, math.MaxInt16)) }

// S32 reads an s32.
func (d *Decoder) S32() int32 { return int32(d.signed(math.MinInt32, math.MaxInt32)) }

// F32 reads an f32.
func (d *Decoder) F32() float32 { return math.Float32frombits(d.Bits32()) }

// Bits32 reads the bits of an f32.
func (d *Decoder) Bits32() uint32 {
	raw := d.take(4)
	if raw == nil {
		return 0
	}
	bits := binary.LittleEndian.Uint32(raw)
	if bits != nan32 && bits&^(1<<31) > 0x7f800000 {
		d.fail("a NaN that is not canonical: %08x", bits)
		return 0
	}
	return bits
}

// F64 reads an f64.
func (d *Decoder) F64() float64 { return math.Float64frombits(d.Bits64()) }

// Bits64 reads the bits of an f64.
func (d *Decoder) Bits64() uint64 {
	raw := d.take(8)
	if raw == nil {
		return 0
	}
	bits := binary.LittleEndian.Uint64(raw)
	if bits != nan64 && bits&^(1<<63) > 0x7ff0000000000000 {
		d.fail("a NaN that is not canonical: %016x", bits)
		return 0
	}
	return bits
}

// Raw reads n bytes, as of a list<u8> after its length. The result is part of
// the decoder's data.
func (d *Decoder) Raw(n int) []byte { return d.take(uint64(n)) }

// Char reads a char.
func (d *Decoder) Char() rune {
	v := d.unsigned(utf8.MaxRune)
	if v >= 0xd800 && v < 0xe000 {
		d.fail("a surrogate is no char: %#x", v)
		return 0
	}
	return rune(v)
}

// Blob reads a list<u8>. The result is part of the decoder's data.
func (d *Decoder) Blob() []byte { return d.take(d.U64()) }

// String reads a string.
func (d *Decoder) String() string { return string(d.utf8()) }

func (d *Decoder) utf8() []byte {
	data := d.Blob()
	if !utf8.Valid(data) {
		d.fail("a string that is not UTF-8")
		return nil
	}
	return data
}

// Len reads the number of elements of a list, which follow. It is at most the
// number of bytes that are left.
func (d *Decoder) Len() int {
	n := d.U64()
	if n > uint64(len(d.data)) {
		d.fail("a list of %d elements in %d bytes", n, len(d.data))
		return 0
	}
	return int(n)
}

// Case reads the number of a variant's case, whose payload follows, or an enum.
func (d *Decoder) Case() int { return int(d.unsigned(math.MaxInt32)) }

// Some reads whether an option has a value, which follows.
func (d *Decoder) Some() bool { return d.Bool() }

// IsErr reads whether a result is an error; the error or the ok value follows.
func (d *Decoder) IsErr() bool { return d.Bool() }

// Flags reads flags: bit 0 is the first label.
func (d *Decoder) Flags() uint64 { return d.U64() }

// Rep reads the number of a resource, of own and borrow.
func (d *Decoder) Rep() uint32 { return d.U32() }
