package wasm

import "fmt"

var valueTypes = map[byte]string{
	0x7f: "i32", 0x7e: "i64", 0x7d: "f32", 0x7c: "f64", 0x7b: "v128",
	0x70: "funcref", 0x6f: "externref", 0x69: "exnref",
}

func (d *decoder) valueType() string {
	b := d.u8()
	if name, ok := valueTypes[b]; ok {
		return name
	}
	if b == 0x63 || b == 0x64 { // a reference to a type of the module
		d.leb(35)
		return "ref"
	}
	d.fail(fmt.Errorf("value type 0x%02x", b))
	return ""
}

func (d *decoder) valueTypes() []string {
	types := make([]string, d.count(1))
	for i := range types {
		types[i] = d.valueType()
	}
	return types
}

func (d *decoder) global() string {
	t := d.valueType()
	if d.u8() != 0 {
		return "mut " + t
	}
	return t
}

func (d *decoder) tag() uint32 {
	d.u8()
	return d.u32()
}

func (d *decoder) table() string {
	t := d.valueType()
	l := d.memory() // a table's are of the same form
	if l.HasMax {
		return fmt.Sprintf("%d %s, max %d", l.Min, t, l.Max)
	}
	return fmt.Sprintf("%d %s", l.Min, t)
}

// The flags of limits.
const (
	limitMax    = 1 << 0
	limitShared = 1 << 1
	limit64     = 1 << 2
	limitPage   = 1 << 3
)

// defaultPage is the width of a page of 64 KiB.
const defaultPage = 16

// memory reads limits, which is all that a memory is declared by.
func (d *decoder) memory() Memory {
	flags := d.u8()
	if flags > limitMax|limitShared|limit64|limitPage {
		d.fail(fmt.Errorf("limits with flags 0x%02x", flags))
	}
	m := Memory{Shared: flags&limitShared != 0, Is64: flags&limit64 != 0, HasMax: flags&limitMax != 0, PageBits: defaultPage}
	m.Min = d.leb(64)
	if m.HasMax {
		m.Max = d.leb(64)
	}
	if flags&limitPage != 0 {
		m.PageBits = d.u32()
	}
	return m
}

// String describes the limits: "2 pages, max 16, shared".
func (m Memory) String() string {
	s := fmt.Sprintf("%d pages", m.Min)
	if m.Min == 1 {
		s = "1 page"
	}
	if m.HasMax {
		s += fmt.Sprintf(", max %d", m.Max)
	}
	if m.Shared {
		s += ", shared"
	}
	if m.Is64 {
		s += ", 64-bit"
	}
	if m.PageBits != defaultPage {
		s += fmt.Sprintf(", 2^%d bytes a page", m.PageBits)
	}
	return s
}

// The instructions of constant expressions.
const (
	opEnd       = 0x0b
	opGlobalGet = 0x23
	opI32Const  = 0x41
	opI64Const  = 0x42
	opF32Const  = 0x43
	opF64Const  = 0x44
	opRefNull   = 0xd0
	opRefFunc   = 0xd2
	opSIMD      = 0xfd
)

// constant skips a constant expression.
func (d *decoder) constant() {
	for d.err == nil {
		switch op := d.u8(); op {
		case opEnd:
			return
		case opI32Const, opGlobalGet, opRefFunc:
			d.leb(35)
		case opI64Const:
			d.leb(70)
		case opRefNull:
			d.leb(35)
		case opF32Const:
			d.skip(4)
		case opF64Const:
			d.skip(8)
		case opSIMD:
			d.leb(32)
			d.skip(16)
		case 0x6a, 0x6b, 0x6c, 0x7c, 0x7d, 0x7e: // add, sub and mul of i32 and i64
		default:
			d.fail(fmt.Errorf("instruction 0x%02x in a constant expression", op))
		}
	}
}

func (d *decoder) skip(n int) {
	if n > d.left() {
		d.fail(errShort)
		return
	}
	d.at += n
}
