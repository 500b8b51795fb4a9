package component

import (
	"fmt"

	"github.com/tetratelabs/wazero/api"
	"github.com/tracetool/tracetool/format/canon"
)

// Codes of types in the binary format.
const (
	typeFunc         = -0x40
	typeComponent    = -0x3f
	typeInstance     = -0x3e
	typeAsyncFunc    = -0x3d
	typeRecord       = -0x0e
	typeVariant      = -0x0f
	typeList         = -0x10
	typeTuple        = -0x11
	typeFlags        = -0x12
	typeEnum         = -0x13
	typeOption       = -0x15
	typeResult       = -0x16
	typeOwn          = -0x17
	typeBorrow       = -0x18
	typeFixedList    = -0x19
	typeStream       = -0x1a
	typeFuture       = -0x1b
	typeErrorContext = -0x1c
	typeMap          = -0x1d

	// It is a single byte too, but its number is not negative.
	typeResource = 0x3f
)

// primitives are the types that need no definition.
var primitives = func() map[int64]*valType {
	m := map[int64]*valType{}
	kinds := []canon.Kind{canon.Bool, canon.S8, canon.U8, canon.S16, canon.U16, canon.S32, canon.U32, canon.S64, canon.U64,
		canon.F32, canon.F64, canon.Char, canon.String}
	for i, k := range kinds {
		m[int64(-1-i)], _ = (&valType{kind: k}).seal()
	}
	return m
}()

var unsupportedTypes = map[int64]string{
	typeStream: "a stream (WASI 0.3)", typeFuture: "a future (WASI 0.3)",
	typeErrorContext: "an error-context (WASI 0.3)",
}

// typeSection reads types into the scope.
func (s *scope) typeSection(in *reader) {
	in.vector(func(int) { s.typ(in) })
}

// typ reads a type and gives it the next index.
func (s *scope) typ(in *reader) {
	t := s.typeDef(in)
	if in.err == nil {
		in.check(push(&s.types, t))
	}
}

func (s *scope) typeDef(in *reader) (t typeDef) {
	code := in.s33()
	switch {
	case in.err != nil:
	case unsupportedTypes[code] != "":
		in.unsupported("%s", unsupportedTypes[code])
	case primitives[code] != nil:
		t.val = primitives[code]
	case code == typeFunc || code == typeAsyncFunc:
		t.fn = s.funcType(in, code == typeAsyncFunc)
	case code == typeComponent:
		t.comp = s.componentType(in)
	case code == typeInstance:
		t.inst = s.instanceType(in)
	case code == typeResource:
		t.res, t.resID = s.resourceType(in), &identity{}
	case code >= 0:
		in.fail("a type index where a type is defined")
	default:
		t.val = s.defined(in, code)
	}
	return t
}

// defined reads a type of values that is made of others.
func (s *scope) defined(in *reader, code int64) *valType {
	t := &valType{}
	switch code {
	case typeRecord:
		t.kind, t.fields = canon.Record, s.labelled(in, true)
	case typeVariant:
		t.kind, t.fields = canon.Variant, s.cases(in)
	case typeList:
		t.kind, t.elem = canon.List, s.valType(in)
	case typeFixedList:
		t.kind, t.elem, t.length = canon.FixedList, s.valType(in), in.u32()
	case typeMap:
		t.kind, t.elem = canon.Map, s.mapEntry(in)
	case typeTuple:
		t.kind = canon.Tuple
		in.vector(func(int) { t.fields = append(t.fields, field{typ: s.valType(in)}) })
	case typeFlags:
		t.kind, t.fields = canon.Flags, s.labelled(in, false)
	case typeEnum:
		t.kind, t.fields = canon.Enum, s.labelled(in, false)
	case typeOption:
		t.kind, t.elem = canon.Option, s.valType(in)
	case typeResult:
		t.kind, t.elem, t.err = canon.Result, s.optionalType(in), s.optionalType(in)
	case typeOwn:
		t.kind = canon.Own
		t.res, t.id = s.resourceAt(in)
	case typeBorrow:
		t.kind = canon.Borrow
		t.res, t.id = s.resourceAt(in)
	default:
		in.fail("a type of code %#x", code&0x7f)
	}
	if in.err != nil {
		return nil
	}
	in.check(checkFields(t))
	if in.err != nil {
		return nil
	}
	t, err := t.seal()
	in.check(err)
	return t
}

// mapEntry reads the types of a map's keys and values, as a tuple. It is no type
// of the component, so its values may take more than those of one may.
func (s *scope) mapEntry(in *reader) *valType {
	key, value := s.valType(in), s.valType(in)
	if in.err != nil {
		return nil
	}
	if !key.kind.IsKey() {
		in.fail("the keys of a map are of a %s, expected a bool, an integer, char or string", key.kind)
		return nil
	}
	entry := &valType{kind: canon.Tuple, fields: []field{{typ: key}, {typ: value}}}
	in.check(entry.compute())
	return entry
}

const (
	maxFlags  = 32   // labels of a flags type
	maxParams = 1000 // of a function
)

func checkFields(t *valType) error {
	switch t.kind {
	case canon.FixedList:
		if t.length == 0 {
			return fmt.Errorf("a list of fixed length of no elements")
		}
	case canon.Record, canon.Tuple, canon.Variant, canon.Flags, canon.Enum:
		if len(t.fields) == 0 {
			return fmt.Errorf("%s type must have at least one %s", t.kind, fieldWord(t.kind))
		}
		if t.kind == canon.Flags && len(t.fields) > maxFlags {
			return fmt.Errorf("cannot have more than %d flags", maxFlags)
		}
	}
	return nil
}

// labelled reads fields, which have types, or labels, which have none.
func (s *scope) labelled(in *reader, typed bool) []field {
	var list []field
	var names nameSet
	in.vector(func(int) {
		f := field{name: in.label()}
		if typed {
			f.typ = s.valType(in)
		}
		in.check(names.add(f.name))
		list = append(list, f)
	})
	return list
}

func (s *scope) cases(in *reader) []field {
	var list []field
	var names nameSet
	in.vector(func(int) {
		f := field{name: in.label(), typ: s.optionalType(in)}
		if b := in.byte(); b != 0 { // once which case it refines
			in.fail("%#x behind a case, want 0", b)
		}
		in.check(names.add(f.name))
		list = append(list, f)
	})
	return list
}

func (s *scope) optionalType(in *reader) *valType {
	if in.flag("optional type") {
		return s.valType(in)
	}
	return nil
}

// valType reads a type of values, or the index of one.
func (s *scope) valType(in *reader) *valType {
	code := in.s33()
	switch {
	case in.err != nil:
		return nil
	case code < 0 && primitives[code] != nil:
		return primitives[code]
	case code < 0 && unsupportedTypes[code] != "":
		in.unsupported("%s", unsupportedTypes[code])
		return nil
	case code < 0:
		in.fail("a type of code %#x", code&0x7f)
		return nil
	}
	t, err := item(s.types, uint32(code), "type")
	if err == nil && t.val == nil {
		err = fmt.Errorf("type index %d is a %s, not a defined type", code, t)
	}
	in.check(err)
	return t.val
}

func (s *scope) resourceAt(in *reader) (*resource, *identity) {
	index := in.u32()
	t, err := item(s.types, index, "type")
	if err == nil && t.res == nil {
		err = fmt.Errorf("type index %d is not a resource type", index)
	}
	in.check(err)
	return t.res, t.resID
}

func (s *scope) funcType(in *reader, async bool) *funcType {
	f := &funcType{params: s.labelled(in, true), result: s.resultType(in), async: async}
	if in.err == nil {
		in.check(f.seal())
	}
	return f
}

// resultType reads the result of a function, nil if it has none.
func (s *scope) resultType(in *reader) *valType {
	switch in.byte() {
	case 0:
		return s.valType(in)
	case 1:
		if in.byte() != 0 {
			in.fail("named results")
		}
	default:
		in.fail("results of a function")
	}
	return nil
}

// seal computes what follows from the parameters and the result.
func (f *funcType) seal() error {
	if len(f.params) > maxParams {
		return fmt.Errorf("a function of %d parameters, at most %d", len(f.params), maxParams)
	}
	nodes := 0
	for _, p := range f.params {
		nodes += p.typ.nodes
		f.resources = f.resources || p.typ.resources
		f.named = f.named || p.typ.named
	}
	if f.result != nil {
		nodes += f.result.nodes
		f.resources = f.resources || f.result.resources
		f.named = f.named || f.result.named
		if f.result.borrows {
			return fmt.Errorf("function result cannot contain a `borrow` type")
		}
	}
	if nodes > maxTypeNodes {
		return fmt.Errorf("a function of %d types, at most %d", nodes, maxTypeNodes)
	}
	if l := recordLayout(f.params); l.size64 >= maxElementSize {
		return fmt.Errorf("parameters that take %d bytes, at most %d", l.size64, maxElementSize-1)
	}
	return nil
}

// declaration returns the scope of a component's or instance's type.
func (s *scope) declaration(in *reader) *scope {
	inner := &scope{parent: s, depth: s.depth + 1, work: s.work}
	if inner.depth > maxNesting {
		in.fail("declarations nested deeper than %d", maxNesting)
	}
	return inner
}

func (s *scope) instanceType(in *reader) *instanceType {
	t := &instanceType{}
	inner := s.declaration(in)
	inner.fresh = func(r *resource, _ bool) *resource {
		fresh := &resource{name: r.name}
		t.abstract = append(t.abstract, fresh)
		return fresh
	}
	in.vector(func(int) {
		if kind := in.byte(); kind == 4 {
			inner.declaredExport(in, &t.exports)
		} else {
			inner.declared(in, kind)
		}
	})
	return t
}

func (s *scope) componentType(in *reader) *componentType {
	t := &componentType{}
	inner := s.declaration(in)
	inner.concrete = true
	inner.fresh = func(r *resource, forImport bool) *resource {
		fresh := &resource{name: r.name}
		if forImport {
			t.imported = append(t.imported, fresh)
		} else {
			t.made = append(t.made, fresh)
		}
		return fresh
	}
	in.vector(func(int) {
		switch kind := in.byte(); kind {
		case 3:
			inner.imported(in, &t.imports)
		case 4:
			inner.declaredExport(in, &t.exports)
		default:
			inner.declared(in, kind)
		}
	})
	return t
}

// declared reads a declaration that is neither import nor export.
func (s *scope) declared(in *reader, kind byte) {
	switch kind {
	case 0:
		s.coreType(in)
	case 1:
		if in.left() > 0 && in.data[in.at] == 0x3f {
			in.fail("resources can only be defined within a concrete component")
			return
		}
		s.typ(in)
	case 2:
		s.aliasDeclared(in)
	default:
		in.fail("a declaration of kind %#x", kind)
	}
}

// imported reads an import and gives it the next index of its sort.
func (s *scope) imported(in *reader, into *namedEntities) (string, entity) {
	name, a := in.externName()
	return name, s.named(in, name, a, true, into)
}

func (s *scope) declaredExport(in *reader, into *namedEntities) {
	name, a := in.externName()
	s.named(in, name, a, false, into)
}

// named reads the type of an import or export, opens it and adds it.
func (s *scope) named(in *reader, name string, a attributes, forImport bool, into *namedEntities) entity {
	e := s.externType(in, forImport)
	if in.err == nil {
		var err error
		e, err = s.open(withoutVersion(name), e, forImport)
		in.check(err)
	}
	if in.err == nil {
		var err error
		e, err = s.rename(e)
		in.check(err)
	}
	if in.err != nil {
		return e
	}
	if r := e.typ.res; r != nil && r.name == "" {
		r.name = withoutVersion(name)
	}
	names := &s.exporting
	if forImport {
		names = &s.importing
	}
	in.check(names.extern(name, e))
	in.check(a.check(name, e))
	in.check(s.makeVisible(name, e, forImport))
	in.check(s.add(e))
	into.add(name, e)
	return e
}

// externType reads what an import or export is declared to be.
func (s *scope) externType(in *reader, forImport bool) (e entity) {
	e.sort = sort(in.byte())
	if e.sort > sortInstance {
		in.fail("an item of sort %#x", byte(e.sort))
		return e
	}
	switch e.sort {
	case sortCoreModule:
		if b := in.byte(); coreSort(b) != coreModule {
			in.fail("a core item of sort %#x, want a module", b)
			return e
		}
		e.module = s.moduleTypeAt(in)
	case sortValue:
		in.unsupported("values of components")
	case sortType:
		e.typ = s.typeBound(in, forImport)
	default:
		s.externTypeAt(in, &e)
	}
	return e
}

func (s *scope) moduleTypeAt(in *reader) *moduleType {
	index := in.u32()
	t, err := item(s.coreTypes, index, "core type")
	if err == nil && t.module == nil {
		err = fmt.Errorf("core type index %d is not a module type", index)
	}
	in.check(err)
	return t.module
}

func (s *scope) typeBound(in *reader, forImport bool) typeDef {
	switch in.byte() {
	case 0:
		t, err := item(s.types, in.u32(), "type")
		in.check(err)
		return t
	case 1:
		return typeDef{res: s.fresh(&resource{}, forImport)}
	}
	in.fail("the bound of a type")
	return typeDef{}
}

func (s *scope) externTypeAt(in *reader, e *entity) {
	index := in.u32()
	t, err := item(s.types, index, "type")
	switch e.sort {
	case sortFunc:
		e.fn = t.fn
	case sortComponent:
		e.comp = t.comp
	case sortInstance:
		e.inst = t.inst
	}
	if err == nil && e.fn == nil && e.comp == nil && e.inst == nil {
		err = fmt.Errorf("type index %d is a %s, not that of a %s", index, t, e.sort)
	}
	in.check(err)
}

// coreType reads a core type: of a function or of a module.
func (s *scope) coreType(in *reader) {
	const moduleForm = 0x50
	if in.left() > 0 && in.data[in.at] == moduleForm {
		in.byte()
		t := s.moduleType(in)
		in.check(push(&s.coreTypes, coreTypeDef{module: t}))
		return
	}
	scan := &coreScanner{reader: in}
	scan.recursive()
	if in.err == nil {
		in.check(push(&s.coreTypes, coreTypeDef{fn: scan.types[0]}))
	}
}

// moduleType reads the declarations of a core module's type. Its index space of
// types is its own.
func (s *scope) moduleType(in *reader) *moduleType {
	t := &moduleType{exports: map[string]coreEntity{}}
	scan := &coreScanner{reader: in, typ: t}
	in.vector(func(int) {
		switch kind := in.byte(); kind {
		case 0:
			i := coreImport{module: in.name(), name: in.name()}
			i.typ = in.externType(scan.funcOf)
			in.check(t.addImport(i))
		case 1:
			scan.recursive()
		case 2:
			s.coreTypeAlias(in, scan)
		case 3:
			name := in.name()
			if _, twice := t.exports[name]; twice {
				in.fail("a second export %q", name)
			}
			t.exports[name] = in.externType(scan.funcOf)
		default:
			in.fail("a declaration of kind %#x in a module type", kind)
		}
	})
	return t
}

// coreTypeAlias reads an outer alias of a function type within a module type,
// which counts as a scope of its own.
func (s *scope) coreTypeAlias(in *reader, scan *coreScanner) {
	if k, how := coreSort(in.byte()), in.byte(); k != coreType || how != 1 {
		in.fail("an alias of a %s in a module type", k)
	}
	count, index := in.u32(), in.u32()
	if in.err != nil {
		return
	}
	if count == 0 {
		fn := scan.funcOf(index)
		scan.types = append(scan.types, &fn)
		return
	}
	from, err := s.outer(count - 1)
	if err != nil {
		in.check(err)
		return
	}
	t, err := item(from.coreTypes, index, "core type")
	if err == nil && t.fn == nil {
		err = fmt.Errorf("core type %d is not that of a function", index)
	}
	in.check(err)
	scan.types = append(scan.types, t.fn)
}

// resourceType reads the definition of a resource.
func (s *scope) resourceType(in *reader) *resource {
	if s.def == nil {
		in.fail("resources can only be defined within a concrete component")
		return nil
	}
	if rep := in.byte(); in.err == nil && api.ValueType(rep) != i32 {
		in.fail("resources can only be represented by `i32`")
	}
	dtor := noIndex
	if in.flag("destructor") {
		index := in.u32()
		fn, err := item(s.coreFuncs, index, "core func")
		in.check(err)
		if len(fn.params) != 1 || fn.params[0] != i32 || len(fn.results) != 0 {
			in.fail("wrong signature for a destructor: expected (i32) -> (), found %s", fn.signature())
		}
		dtor = int64(index)
	}
	r := s.def.newResource("")
	r.own = true
	s.def.step(stepResource{slot: r.slot, dtor: dtor})
	return r
}

// noIndex stands for an item that is not there.
const noIndex = int64(-1)
