package component

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/tetratelabs/wazero/api"
	"github.com/tracetool/tracetool/format/canon"
)

// builder writes components for tests.
type builder struct {
	sections []byte // of types, and of imports that name them
	count    uint32
}

// internal returns a type as this package has it.
func internal(t *canon.Type) (*valType, error) {
	if t == nil {
		return nil, nil
	}
	v := &valType{kind: t.Kind, length: t.Len}
	var err error
	if v.elem, err = internal(t.Elem); err != nil {
		return nil, err
	}
	if v.err, err = internal(t.Err); err != nil {
		return nil, err
	}
	for _, f := range t.Fields {
		typ, err := internal(f.Type)
		if err != nil {
			return nil, err
		}
		v.fields = append(v.fields, field{f.Name, typ})
	}
	return v.seal()
}

var typeCodes = map[canon.Kind]byte{
	canon.Record: 0x72, canon.Variant: 0x71, canon.List: 0x70, canon.FixedList: 0x67, canon.Map: 0x63, canon.Tuple: 0x6f,
	canon.Flags: 0x6e, canon.Enum: 0x6d, canon.Option: 0x6b, canon.Result: 0x6a,
}

// typ defines a type and returns how it is referred to.
func (b *builder) typ(t *canon.Type) []byte {
	if t.Kind <= canon.String {
		return []byte{0x7f - byte(t.Kind)}
	}
	def := []byte{typeCodes[t.Kind]}
	switch t.Kind {
	case canon.List, canon.Option:
		def = append(def, b.typ(t.Elem)...)
	case canon.FixedList:
		def = binary.AppendUvarint(append(def, b.typ(t.Elem)...), uint64(t.Len))
	case canon.Map:
		def = append(append(def, b.typ(t.Elem.Fields[0].Type)...), b.typ(t.Elem.Fields[1].Type)...)
	case canon.Result:
		def = append(append(def, b.optional(t.Elem)...), b.optional(t.Err)...)
	default:
		def = binary.AppendUvarint(def, uint64(len(t.Fields)))
		for _, f := range t.Fields {
			def = append(def, b.field(t.Kind, f)...)
		}
	}
	index := b.define(def)
	if nameable(t.Kind) {
		return b.name(index)
	}
	return index
}

func (b *builder) field(k canon.Kind, f canon.Field) []byte {
	switch k {
	case canon.Record:
		return append(appendName(nil, f.Name), b.typ(f.Type)...)
	case canon.Tuple:
		return b.typ(f.Type)
	case canon.Variant:
		return append(append(appendName(nil, f.Name), b.optional(f.Type)...), 0)
	}
	return appendName(nil, f.Name)
}

func (b *builder) optional(t *canon.Type) []byte {
	if t == nil {
		return []byte{0}
	}
	return append([]byte{1}, b.typ(t)...)
}

// define gives a definition the next index.
func (b *builder) define(def []byte) []byte {
	b.sections = appendSection(b.sections, sectionType, 1, def)
	b.count++
	return signed(int64(b.count - 1))
}

// name imports a type, which gives it a name and the next index.
func (b *builder) name(index []byte) []byte {
	item := append(appendName([]byte{0}, fmt.Sprintf("t%d", b.count)), 3, 0)
	b.sections = appendSection(b.sections, sectionImport, 1, append(item, index...))
	b.count++
	return signed(int64(b.count - 1))
}

// signed is the LEB128 form of a number that is not negative.
func signed(v int64) []byte {
	var out []byte
	for ; v >= 0x40; v >>= 7 {
		out = append(out, byte(v)|0x80)
	}
	return append(out, byte(v))
}

// section is one of a component that is no vector.
func rawSection(id byte, content []byte) []byte {
	return appendName([]byte{id}, string(content))
}

// memoryModule exports a memory and an allocator that never frees.
//
//	(module
//	  (memory (export "mem") 1)
//	  (global $next (mut i32) (i32.const 8))
//	  (func (export "realloc") (param i32 i32 i32 i32) (result i32)
//	    ;; next = (next + align - 1) & -align; return it and add the size, growing the memory
//	  ))
var memoryModule = func() []byte {
	m := []byte(coreVersion)
	m = appendSection(m, 1, 1, []byte{0x60, 4, i32, i32, i32, i32, 1, i32})
	m = appendSection(m, 3, 1, []byte{0})
	m = appendSection(m, 5, 1, []byte{0, 1})
	m = appendSection(m, 6, 1, []byte{i32, 1, 0x41, 8, 0x0b})
	exports := append(appendName(nil, "mem"), 2, 0)
	exports = append(appendName(exports, "realloc"), 0, 0)
	m = appendSection(m, 7, 2, exports)
	body := []byte{1, 1, i32, // a local: the address
		0x23, 0, 0x20, 2, 0x6a, 0x41, 1, 0x6b, // next + align - 1
		0x41, 0, 0x20, 2, 0x6b, 0x71, // & (0 - align)
		0x22, 4, 0x20, 3, 0x6a, 0x24, 0, // next = address + size
		0x03, 0x40, // loop
		0x3f, 0, 0x41, 16, 0x74, 0x23, 0, 0x49, // memory.size << 16 < next
		0x04, 0x40, // if
		0x41, 1, 0x40, 0, 0x41, 0x7f, 0x46, // memory.grow(1) == -1
		0x04, 0x40, 0x00, 0x0b, // if unreachable
		0x0c, 1, // br to the loop
		0x0b, 0x0b,
		0x20, 4, 0x0b}
	return appendSection(m, 10, 1, appendName(nil, string(body)))
}()

// echoModule calls the import "h" "echo" with its own parameters and returns
// the result, through memory from "m" "realloc" if it is indirect.
func echoModule(params, lowered, results []api.ValueType, t *valType, indirect bool) []byte {
	m := []byte(coreVersion)
	types := append(appendName(appendName([]byte{0x60}, string(lowered)), string(resultsUnless(indirect, results))), 0x60, 4, i32, i32, i32, i32, 1, i32)
	types = appendName(appendName(append(types, 0x60), string(params)), string(results))
	m = appendSection(m, 1, 3, types)
	imports := append(appendName(appendName(nil, "h"), "echo"), 0, 0)
	imports = append(appendName(appendName(imports, "m"), "realloc"), 0, 1)
	m = appendSection(m, 2, 2, imports)
	m = appendSection(m, 3, 1, []byte{2})
	m = appendSection(m, 7, 1, append(appendName(nil, "f"), 0, 2))
	body := []byte{1, 1, i32}
	local := byte(len(params))
	if indirect {
		body = append(body, 0x41, 0, 0x41, 0, 0x41)
		body = append(append(body, signed(int64(t.align))...), 0x41)
		body = append(append(body, signed(int64(t.size))...), 0x10, 1, 0x21, local)
	}
	for i := range params {
		body = append(body, 0x20, byte(i))
	}
	if indirect {
		body = append(body, 0x20, local)
	}
	body = append(body, 0x10, 0)
	if indirect {
		body = append(body, 0x20, local)
	}
	return appendSection(m, 10, 1, appendName(nil, string(append(body, 0x0b))))
}

func resultsUnless(indirect bool, results []api.ValueType) []api.ValueType {
	if indirect {
		return nil
	}
	return results
}

// echoComponent imports "echo", a function from a type to itself, and exports
// "f", which calls it: each value passes every border in both directions.
func echoComponent(t testing.TB, typ *canon.Type, enc encoding) []byte {
	t.Helper()
	v, err := internal(typ)
	if err != nil {
		t.Skip(err)
	}
	fn := &funcType{params: []field{{"v", v}}, result: v}
	lowered, _ := fn.flatten(true)
	params, results := fn.flatten(false)
	var b builder
	ref := b.typ(typ)
	def := append(appendName([]byte{0x40, 1}, "v"), ref...)
	index := b.define(append(append(def, 0), ref...))

	c := append([]byte(preamble), b.sections...)
	c = appendSection(c, sectionImport, 1, append(append(appendName([]byte{0}, "echo"), 1), index...))
	c = append(c, rawSection(sectionCoreModule, memoryModule)...)
	c = append(c, rawSection(sectionCoreModule, echoModule(params, lowered, results, v, tooManyResults(v)))...)
	c = appendSection(c, sectionCoreInstance, 1, []byte{0, 0, 0})
	aliases := append(appendName([]byte{0, 2, 1, 0}, "mem"), appendName([]byte{0, 0, 1, 0}, "realloc")...)
	c = appendSection(c, sectionAlias, 2, aliases)
	options := []byte{3, byte(enc), 3, 0, 4, 0}
	c = appendSection(c, sectionCanon, 1, append([]byte{1, 0, 0}, options...))
	inline := append(appendName([]byte{1, 1}, "echo"), 0, 1)
	instantiate := append(appendName([]byte{0, 1, 2}, "h"), 0x12, 1)
	instantiate = append(appendName(instantiate, "m"), 0x12, 0)
	c = appendSection(c, sectionCoreInstance, 2, append(inline, instantiate...))
	c = appendSection(c, sectionAlias, 1, appendName([]byte{0, 0, 1, 2}, "f"))
	c = appendSection(c, sectionCanon, 1, append(append([]byte{0, 0, 2}, options...), index...))
	return appendSection(c, sectionExport, 1, append(appendName([]byte{0}, "f"), 1, 1, 0))
}

// parseType returns the type that a signature has as its result.
func parseType(t testing.TB, text string) *canon.Type {
	t.Helper()
	f, err := canon.ParseFunc(fmt.Sprintf("func() -> %s", text))
	if err != nil {
		t.Fatal(err)
	}
	return f.Result
}
