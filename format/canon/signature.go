package canon

import (
	"strconv"
	"strings"
)

// String is the function's signature, with every type in full:
//
//	func(self: borrow<wasi:io/streams.input-stream>, len: u64) -> result<list<u8>, variant{last-operation-failed(own<wasi:io/error.error>), closed}>
//
// ParseFunc reads it.
func (f *Func) String() string {
	var b strings.Builder
	b.WriteString("func(")
	writeFields(&b, f.Params, func(p Field) {
		b.WriteString(p.Name + ": ")
		p.Type.write(&b)
	})
	b.WriteByte(')')
	if f.Result != nil {
		b.WriteString(" -> ")
		f.Result.write(&b)
	}
	return b.String()
}

// String is the type as signatures have it.
func (t *Type) String() string {
	var b strings.Builder
	t.write(&b)
	return b.String()
}

func writeFields(b *strings.Builder, fields []Field, write func(Field)) {
	for i, f := range fields {
		if i > 0 {
			b.WriteString(", ")
		}
		write(f)
	}
}

func (t *Type) write(b *strings.Builder) {
	if t.Kind == FixedList {
		b.WriteString("list<")
		t.Elem.write(b)
		b.WriteString(", " + strconv.FormatUint(uint64(t.Len), 10) + ">")
		return
	}
	b.WriteString(t.Kind.String())
	switch t.Kind {
	case List, Option:
		b.WriteByte('<')
		t.Elem.write(b)
		b.WriteByte('>')
	case Map:
		b.WriteByte('<')
		writeFields(b, t.Elem.Fields, func(f Field) { f.Type.write(b) })
		b.WriteByte('>')
	case Result:
		t.writeResult(b)
	case Own, Borrow:
		b.WriteString("<" + t.Resource + ">")
	case Tuple:
		b.WriteByte('<')
		writeFields(b, t.Fields, func(f Field) { f.Type.write(b) })
		b.WriteByte('>')
	case Record, Variant, Enum, Flags:
		b.WriteByte('{')
		writeFields(b, t.Fields, func(f Field) { f.write(b, t.Kind) })
		b.WriteByte('}')
	}
}

// writeResult writes what follows "result": nothing, <T>, <_, E> or <T, E>.
func (t *Type) writeResult(b *strings.Builder) {
	if t.Elem == nil && t.Err == nil {
		return
	}
	b.WriteByte('<')
	if t.Elem != nil {
		t.Elem.write(b)
	} else {
		b.WriteByte('_')
	}
	if t.Err != nil {
		b.WriteString(", ")
		t.Err.write(b)
	}
	b.WriteByte('>')
}

// write writes a field of a record, or a case or label of one of the others.
func (f Field) write(b *strings.Builder, k Kind) {
	b.WriteString(f.Name)
	switch {
	case k == Record:
		b.WriteString(": ")
		f.Type.write(b)
	case f.Type != nil:
		b.WriteByte('(')
		f.Type.write(b)
		b.WriteByte(')')
	}
}
