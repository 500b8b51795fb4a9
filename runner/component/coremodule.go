package component

import (
	"fmt"
	"slices"

	"github.com/tetratelabs/wazero/api"
)

// coreSort is what an item of a core module is, with the numbers of the binary
// format.
type coreSort byte

const (
	coreFunc     coreSort = 0x00
	coreTable    coreSort = 0x01
	coreMemory   coreSort = 0x02
	coreGlobal   coreSort = 0x03
	coreTag      coreSort = 0x04
	coreType     coreSort = 0x10
	coreModule   coreSort = 0x11
	coreInstance coreSort = 0x12
)

var coreSortNames = map[coreSort]string{
	coreFunc: "core func", coreTable: "core table", coreMemory: "core memory", coreGlobal: "core global",
	coreTag: "core tag", coreType: "core type", coreModule: "core module", coreInstance: "core instance",
}

func (s coreSort) String() string {
	if name, ok := coreSortNames[s]; ok {
		return name
	}
	return fmt.Sprintf("core sort %#x", byte(s))
}

// coreEntity is the type of an item of a core module.
type coreEntity struct {
	sort    coreSort
	params  []api.ValueType // of a function
	results []api.ValueType
	val     byte // type of a global or of a table's references
	mutable bool // a global
	min     uint64
	max     uint64 // with hasMax; of tables and memories
	hasMax  bool
	shared  bool
	wide    bool // addresses of 64 bits
}

// moduleType is what a core module imports and exports.
type moduleType struct {
	imports []coreImport
	exports map[string]coreEntity
	byName  map[[2]string]coreEntity // the imports
	memory  uint64                   // bytes of the one that a module has itself, at least
}

// addImport adds an import, of which there must not be two of the same name: the
// arguments of an instantiation go by names.
func (m *moduleType) addImport(i coreImport) error {
	if m.byName == nil {
		m.byName = map[[2]string]coreEntity{}
	}
	key := [2]string{i.module, i.name}
	if _, twice := m.byName[key]; twice {
		return fmt.Errorf("a core module with a second import %q from %q", i.name, i.module)
	}
	m.imports = append(m.imports, i)
	m.byName[key] = i.typ
	return nil
}

type coreImport struct {
	module, name string
	typ          coreEntity
}

// Sections of a core module that are read.
const (
	coreSectionType   = 1
	coreSectionImport = 2
	coreSectionFunc   = 3
	coreSectionTable  = 4
	coreSectionMemory = 5
	coreSectionGlobal = 6
	coreSectionExport = 7
	coreSectionTag    = 13
)

const coreVersion = "\x00asm\x01\x00\x00\x00"

// coreScanner reads a core module's types, imports and exports. Whether the
// rest is valid the runtime says when it compiles it.
type coreScanner struct {
	*reader
	types    []*coreEntity // nil where it is no function's
	funcs    []coreEntity
	tables   []coreEntity
	memories []coreEntity
	globals  []coreEntity
	tags     []coreEntity
	typ      *moduleType
}

// scanModule reads the module that in holds.
func scanModule(in *reader) *moduleType {
	s := &coreScanner{reader: in, typ: &moduleType{exports: map[string]coreEntity{}}}
	if string(s.take(uint32(len(coreVersion)))) != coreVersion {
		s.fail("a core module that does not begin with %q", coreVersion)
	}
	for s.err == nil && s.left() > 0 {
		id := s.byte()
		sec := s.section(s.u32())
		if id >= coreSectionType && id <= coreSectionExport || id == coreSectionTag {
			inner := *s
			inner.reader = sec
			inner.scan(id)
			inner.reader = s.reader
			*s = inner
			s.finish(sec)
		}
	}
	return s.typ
}

func (s *coreScanner) scan(id byte) {
	switch id {
	case coreSectionType:
		s.vector(func(int) { s.recursive() })
	case coreSectionImport:
		s.vector(func(int) { s.imported() })
	case coreSectionFunc:
		s.vector(func(int) { s.funcs = append(s.funcs, s.funcOf(s.u32())) })
	case coreSectionTable:
		s.vector(func(int) { s.table() })
	case coreSectionMemory:
		s.vector(func(int) {
			m := s.supported(s.memory())
			s.memories, s.typ.memory = append(s.memories, m), m.min<<16
		})
	case coreSectionTag:
		s.vector(func(int) { s.tags = append(s.tags, s.tag(s.funcOf)) })
	case coreSectionGlobal:
		s.vector(func(int) {
			s.globals = append(s.globals, s.global())
			s.skipConstant()
		})
	case coreSectionExport:
		s.vector(func(int) { s.exported() })
	}
}

// recursive reads the types of one entry of the type section.
func (s *coreScanner) recursive() {
	const funcForm = 0x60
	switch form := s.byte(); form {
	case funcForm:
		s.types = append(s.types, &coreEntity{sort: coreFunc, params: s.valueTypes(), results: s.valueTypes()})
	case 0x4e, 0x4f, 0x50, 0x5e, 0x5f: // groups, subtypes, arrays, structures
		s.unsupported("a core module with types of garbage collection (form %#x)", form)
	default:
		s.unsupported("a core type of form %#x", form)
	}
}

func (s *coreScanner) valueTypes() []api.ValueType {
	var list []api.ValueType
	s.vector(func(int) { list = append(list, s.valueType()) })
	return list
}

// valueType reads a type: a number's, or a reference's.
func (s *reader) valueType() api.ValueType {
	switch b := s.byte(); b {
	case 0x7f, 0x7e, 0x7d, 0x7c, 0x7b, 0x70, 0x6f, 0x69:
		return b
	default:
		s.unsupported("a core value type %#x", b)
		return 0
	}
}

// TypeName returns the name of a type of valueType's, also where wazero's API has
// none for it.
func TypeName(t api.ValueType) string {
	switch t {
	case 0x7b:
		return "v128"
	case 0x70:
		return "funcref"
	case 0x69:
		return "exnref"
	}
	return api.ValueTypeName(t)
}

func (s *coreScanner) funcOf(index uint32) coreEntity {
	if uint64(index) >= uint64(len(s.types)) {
		s.fail("type %d of %d", index, len(s.types))
		return coreEntity{}
	}
	return *s.types[index]
}

func (s *coreScanner) table() {
	if s.left() > 0 && s.data[s.at] == 0x40 { // with the elements' first value
		s.unsupported("a table with an initial value")
		return
	}
	s.tables = append(s.tables, s.tableType())
}

func (s *reader) tableType() coreEntity {
	e := coreEntity{sort: coreTable, val: s.valueType()}
	s.limits(&e)
	return e
}

func (s *reader) memory() coreEntity {
	e := coreEntity{sort: coreMemory}
	s.limits(&e)
	const maxPages = 1 << 16
	if !e.wide && max(e.min, e.max) > maxPages {
		s.fail("a memory of %d pages, at most %d", max(e.min, e.max), maxPages)
	}
	return e
}

// supported refuses memories that the runtime does not have, which says so less
// clearly.
func (s *coreScanner) supported(m coreEntity) coreEntity {
	switch {
	case m.shared:
		s.unsupported("threads: a core module with a shared memory")
	case m.wide:
		s.unsupported("a core module with a memory of 64-bit addresses")
	case len(s.memories) > 0:
		s.unsupported("a core module with several memories")
	}
	return m
}

func (s *reader) limits(e *coreEntity) {
	flags := s.byte()
	if flags > 7 {
		s.unsupported("limits with flags %#x", flags)
	}
	e.hasMax, e.shared, e.wide = flags&1 != 0, flags&2 != 0, flags&4 != 0
	e.min = s.size(e.wide)
	if e.hasMax {
		e.max = s.size(e.wide)
	}
}

func (s *reader) size(wide bool) uint64 {
	if !wide {
		return uint64(s.u32())
	}
	var v uint64
	for shift := 0; shift < 70; shift += 7 {
		b := s.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
	s.fail("a number of more than 10 bytes")
	return 0
}

func (s *reader) global() coreEntity {
	return coreEntity{sort: coreGlobal, val: s.valueType(), mutable: s.flag("mutability")}
}

// skipConstant skips a constant expression. The runtime validates it.
func (s *reader) skipConstant() {
	for s.err == nil {
		switch op := s.byte(); op {
		case 0x0b: // end
			return
		case 0x41, 0x42: // i32.const, i64.const
			s.skipLEB()
		case 0x43:
			s.take(4)
		case 0x44:
			s.take(8)
		case 0x23, 0xd2: // global.get, ref.func
			s.u32()
		case 0xd0: // ref.null
			s.byte()
		case 0xfd: // v128.const
			s.u32()
			s.take(16)
		case 0x6a, 0x6b, 0x6c, 0x7c, 0x7d, 0x7e: // add, sub, mul
		default:
			s.unsupported("instruction %#x in a constant expression", op)
		}
	}
}

func (s *reader) skipLEB() {
	for range 10 {
		if s.byte() < 0x80 {
			return
		}
	}
	s.fail("a number of more than 10 bytes")
}

func (s *coreScanner) imported() {
	i := coreImport{module: s.name(), name: s.name()}
	i.typ = s.externType(s.funcOf)
	switch i.typ.sort {
	case coreFunc:
		s.funcs = append(s.funcs, i.typ)
	case coreTable:
		s.tables = append(s.tables, i.typ)
	case coreMemory:
		s.memories = append(s.memories, s.supported(i.typ))
	case coreGlobal:
		s.globals = append(s.globals, i.typ)
	case coreTag:
		s.tags = append(s.tags, i.typ)
	}
	s.check(s.typ.addImport(i))
}

// externType reads the type of an import.
func (s *reader) externType(funcOf func(uint32) coreEntity) coreEntity {
	switch k := coreSort(s.byte()); k {
	case coreFunc:
		return funcOf(s.u32())
	case coreTable:
		return s.tableType()
	case coreMemory:
		return s.memory()
	case coreGlobal:
		return s.global()
	case coreTag:
		return s.tag(funcOf)
	default:
		s.fail("an import of sort %#x", byte(k))
		return coreEntity{}
	}
}

// tag reads the type of a tag, which is that of a function.
func (s *reader) tag(funcOf func(uint32) coreEntity) coreEntity {
	if attribute := s.byte(); attribute != 0 {
		s.fail("a tag of attribute %#x", attribute)
	}
	e := funcOf(s.u32())
	e.sort = coreTag
	return e
}

func (s *coreScanner) exported() {
	name := s.name()
	k, index := coreSort(s.byte()), s.u32()
	lists := map[coreSort][]coreEntity{coreFunc: s.funcs, coreTable: s.tables, coreMemory: s.memories, coreGlobal: s.globals, coreTag: s.tags}
	list := lists[k]
	switch _, twice := s.typ.exports[name]; {
	case s.err != nil:
	case twice:
		s.fail("a second export %q", name)
	case uint64(index) >= uint64(len(list)):
		s.fail("export %q: %s %d of %d", name, k, index, len(list))
	default:
		s.typ.exports[name] = list[index]
	}
}

// matches says why an item cannot stand in for one that is wanted, nil if it
// can.
func (e coreEntity) matches(want coreEntity) error {
	if e.sort != want.sort {
		return fmt.Errorf("expected %s, found %s", want.sort, e.sort)
	}
	switch e.sort {
	case coreFunc, coreTag:
		if !slices.Equal(e.params, want.params) || !slices.Equal(e.results, want.results) {
			return fmt.Errorf("expected %s %s, found %s", e.sort, want.signature(), e.signature())
		}
	case coreGlobal:
		if e.val != want.val || e.mutable != want.mutable {
			return fmt.Errorf("expected another type of global")
		}
	case coreTable, coreMemory:
		if e.val != want.val || e.shared != want.shared || e.wide != want.wide {
			return fmt.Errorf("expected another type of %s", e.sort)
		}
		if e.min < want.min || want.hasMax && (!e.hasMax || e.max > want.max) {
			return fmt.Errorf("mismatch in the limits of a %s", e.sort)
		}
	}
	return nil
}

func (e coreEntity) signature() string {
	list := func(types []api.ValueType) string {
		s := "("
		for i, t := range types {
			if i > 0 {
				s += ", "
			}
			s += TypeName(t)
		}
		return s + ")"
	}
	return list(e.params) + " -> " + list(e.results)
}

// matches says why a module cannot stand in for one that is wanted: it must
// import no more and export no less.
func (m *moduleType) matches(want *moduleType) error {
	for _, i := range m.imports {
		given, ok := want.byName[[2]string{i.module, i.name}]
		if !ok {
			return fmt.Errorf("the module imports %q %q, which is not expected", i.module, i.name)
		}
		if err := given.matches(i.typ); err != nil {
			return fmt.Errorf("import %q %q: %w", i.module, i.name, err)
		}
	}
	for name, e := range want.exports {
		found, ok := m.exports[name]
		if !ok {
			return fmt.Errorf("the module has no export %q", name)
		}
		if err := found.matches(e); err != nil {
			return fmt.Errorf("export %q: %w", name, err)
		}
	}
	return nil
}
