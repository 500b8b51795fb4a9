package ipc

import (
	"encoding/binary"
	"errors"
	"math"
)

// errFlatbuffer is the one thing that can be wrong with a flatbuffer's
// structure: an offset, length or count that leads outside it.
var errFlatbuffer = errors.New("malformed flatbuffer")

// table is a flatbuffer table in hostile bytes. Its accessors return zero
// values outside the buffer's bounds and record that in the shared state, so
// that callers check once at the end.
type table struct {
	*buffer
	pos    int // of the table
	vtable int
	size   int // of the vtable in bytes
}

type buffer struct {
	data []byte
	bad  bool
	// budget bounds the tables visited and the bytes of strings copied: they
	// may overlap, so that a small hostile buffer could otherwise describe a
	// very large tree.
	budget int
}

func rootTable(data []byte) table {
	b := &buffer{data: data, budget: 2*len(data) + 64}
	return b.table(b.offset(0))
}

func (b *buffer) fail() { b.bad = true }

func (b *buffer) err() error {
	if b.bad {
		return errFlatbuffer
	}
	return nil
}

func (b *buffer) bytes(pos, n int) []byte {
	if pos < 0 || n < 0 || pos > len(b.data)-n {
		b.fail()
		return make([]byte, min(max(n, 0), 8))
	}
	return b.data[pos : pos+n]
}

func (b *buffer) u16(pos int) int   { return int(binary.LittleEndian.Uint16(b.bytes(pos, 2))) }
func (b *buffer) u32(pos int) int   { return int(binary.LittleEndian.Uint32(b.bytes(pos, 4))) }
func (b *buffer) i64(pos int) int64 { return int64(binary.LittleEndian.Uint64(b.bytes(pos, 8))) }

// offset follows the forward offset stored at pos; 0 is what a failure gives.
func (b *buffer) offset(pos int) int {
	o := b.u32(pos)
	if o == 0 || o > math.MaxInt32 {
		b.fail()
		return 0
	}
	return pos + o
}

func (b *buffer) table(pos int) table {
	b.budget--
	if b.budget < 0 {
		b.fail()
	}
	if b.bad {
		return table{buffer: b}
	}
	vtable := pos - int(int32(b.u32(pos)))
	size := b.u16(vtable)
	b.bytes(vtable, size)
	return table{b, pos, vtable, size}
}

// field returns the position of a field's value, 0 if it is absent.
func (t table) field(slot int) int {
	at := 4 + 2*slot
	if t.bad || at+2 > t.size {
		return 0
	}
	if o := t.u16(t.vtable + at); o != 0 {
		return t.pos + o
	}
	return 0
}

func (t table) byteAt(slot int) byte {
	if p := t.field(slot); p != 0 {
		return t.bytes(p, 1)[0]
	}
	return 0
}

func (t table) int16At(slot int) int16 {
	if p := t.field(slot); p != 0 {
		return int16(t.u16(p))
	}
	return 0
}

func (t table) int32At(slot int) int32 {
	if p := t.field(slot); p != 0 {
		return int32(t.u32(p))
	}
	return 0
}

func (t table) int64At(slot int) int64 {
	if p := t.field(slot); p != 0 {
		return t.i64(p)
	}
	return 0
}

// tableAt returns the table in a slot; ok is false if it is absent.
func (t table) tableAt(slot int) (sub table, ok bool) {
	p := t.field(slot)
	if p == 0 {
		return table{buffer: t.buffer}, false
	}
	return t.table(t.offset(p)), !t.bad
}

func (t table) stringAt(slot int) string {
	start, n := t.vector(slot, 1)
	if t.budget -= n; t.budget < 0 {
		t.fail()
		return ""
	}
	return string(t.bytes(start, n))
}

// vector returns where a vector's elements of the given size start and how
// many there are, having checked that all lie inside the buffer.
func (t table) vector(slot, size int) (start, n int) {
	p := t.field(slot)
	if p == 0 {
		return 0, 0
	}
	at := t.offset(p)
	n = t.u32(at)
	if t.bad || n > (len(t.data)-at-4)/size {
		t.fail()
		return 0, 0
	}
	return at + 4, n
}

// tables returns the tables of a vector of tables.
func (t table) tables(slot int) []table {
	start, n := t.vector(slot, 4)
	if n > t.budget {
		t.fail()
	}
	var ts []table
	for i := 0; i < n && !t.bad; i++ {
		ts = append(ts, t.table(t.offset(start+4*i)))
	}
	return ts
}
