package component

import (
	"fmt"
	"slices"
	"strings"
)

// definition is a component as it was decoded: what instantiation does, in
// order, and what it needs for that.
type definition struct {
	scope
	typ   componentType
	steps []step
	slots int // resources that an instance has

	async        bool // it implements an async function
	backpressure bool // it has backpressure
}

// newResource gives a resource the next slot of the component's instances.
func (d *definition) newResource(name string) *resource {
	r := &resource{name: name, def: d, slot: d.slots}
	d.slots++
	return r
}

func (d *definition) step(s step) { d.steps = append(d.steps, s) }

// preamble begins a component: magic, version, layer.
const preamble = "\x00asm\x0d\x00\x01\x00"

// Sections of a component.
const (
	sectionCustom = iota
	sectionCoreModule
	sectionCoreInstance
	sectionCoreType
	sectionComponent
	sectionInstance
	sectionAlias
	sectionType
	sectionCanon
	sectionStart
	sectionImport
	sectionExport
	sectionValue
)

// newDefinition begins a component within another, or the root.
func newDefinition(parent *definition, work *int) *definition {
	d := &definition{}
	d.def, d.work, d.concrete = d, work, true
	if parent != nil {
		d.parent, d.depth = &parent.scope, parent.depth+1
	}
	d.fresh = func(r *resource, forImport bool) *resource {
		fresh := d.newResource(r.name)
		if forImport {
			d.typ.imported = append(d.typ.imported, fresh)
		}
		return fresh
	}
	return d
}

// decode reads a component to the end of in.
func (d *definition) decode(in *reader) {
	if d.depth > maxNesting {
		in.fail("components nested deeper than %d", maxNesting)
	}
	switch start := string(in.take(uint32(len(preamble)))); {
	case in.err != nil || start == preamble:
	case start[:4] == preamble[:4] && start[6:] == preamble[6:]:
		in.at = 4
		in.unsupported("version %#x of the format of components, expected %#x", start[4], preamble[4])
	default:
		in.at = 0
		in.fail("a component that does not begin with %q", preamble)
	}
	for in.err == nil && in.left() > 0 {
		id := in.byte()
		sec := in.section(in.u32())
		if in.err == nil {
			d.section(id, sec)
			in.finish(sec)
		}
	}
	if in.err == nil {
		in.check(d.conclude())
	}
}

func (d *definition) section(id byte, in *reader) {
	switch id {
	case sectionCustom:
		in.name()
		in.at = len(in.data)
	case sectionCoreModule:
		d.coreModule(in)
	case sectionCoreInstance:
		in.vector(func(int) { d.coreInstance(in) })
	case sectionCoreType:
		in.vector(func(int) { d.coreType(in) })
	case sectionComponent:
		d.nested(in)
	case sectionInstance:
		in.vector(func(int) { d.instance(in) })
	case sectionAlias:
		in.vector(func(int) { d.alias(in) })
	case sectionType:
		d.typeSection(in)
	case sectionCanon:
		in.vector(func(int) { d.canon(in) })
	case sectionStart, sectionValue:
		in.unsupported("values and start functions of components")
	case sectionImport:
		in.vector(func(int) { d.importItem(in) })
	case sectionExport:
		in.vector(func(int) { d.exportItem(in) })
	default:
		in.fail("a section of number %d", id)
	}
}

func (d *definition) coreModule(in *reader) {
	bytes := in.data
	t := scanModule(in)
	in.check(push(&d.coreModules, t))
	d.step(&stepCoreModule{bytes: bytes, offset: in.base, typ: t})
}

func (d *definition) nested(in *reader) {
	inner := newDefinition(d, d.work)
	inner.decode(in)
	in.check(push(&d.comps, &inner.typ))
	d.step(stepComponent{inner})
}

// conclude finds the resources that an instantiation makes.
func (d *definition) conclude() error {
	imported := map[*resource]bool{}
	for _, r := range d.typ.imported {
		imported[r] = true
	}
	for r := range d.resourcePaths(d.typ.exports) {
		if r.def == d && !imported[r] {
			d.typ.made = append(d.typ.made, r)
		}
	}
	slices.SortFunc(d.typ.made, func(a, b *resource) int { return a.slot - b.slot })
	return nil
}

// coreInstance reads the instantiation of a core module, or a set of items.
func (d *definition) coreInstance(in *reader) {
	switch kind := in.byte(); kind {
	case 0:
		d.coreInstantiate(in)
	case 1:
		d.coreInline(in)
	default:
		in.fail("a core instance of kind %#x", kind)
	}
}

func (d *definition) coreInstantiate(in *reader) {
	index := in.u32()
	t, err := item(d.coreModules, index, "core module")
	in.check(err)
	st := stepCoreInstantiate{module: index, args: map[string]uint32{}}
	in.vector(func(int) {
		name := in.name()
		if k := coreSort(in.byte()); k != coreInstance {
			in.fail("an argument of core sort %#x, want an instance", byte(k))
		}
		if _, twice := st.args[name]; twice {
			in.fail("duplicate module instantiation argument named %q", name)
		}
		st.args[name] = in.u32()
	})
	if in.err != nil {
		return
	}
	in.check(d.checkCoreArgs(t, st.args))
	if in.err == nil {
		in.check(push(&d.coreInstances, t.exports))
	}
	d.step(st)
}

func (d *definition) checkCoreArgs(t *moduleType, args map[string]uint32) error {
	if err := d.spend(len(t.imports)); err != nil {
		return err
	}
	for name, index := range args {
		if _, err := item(d.coreInstances, index, "core instance"); err != nil {
			return fmt.Errorf("argument %q: %w", name, err)
		}
	}
	for _, i := range t.imports {
		index, ok := args[i.module]
		if !ok {
			return fmt.Errorf("missing module instantiation argument named %q", i.module)
		}
		found, ok := d.coreInstances[index][i.name]
		if !ok {
			return fmt.Errorf("module instantiation argument %q does not export an item named %q", i.module, i.name)
		}
		if err := found.matches(i.typ); err != nil {
			return fmt.Errorf("type mismatch for export %q of module instantiation argument %q: %w", i.name, i.module, err)
		}
	}
	return nil
}

func (d *definition) coreInline(in *reader) {
	exports := map[string]coreEntity{}
	st := stepCoreInline{}
	in.vector(func(int) {
		e := coreExport{name: in.name(), sort: coreSort(in.byte()), index: in.u32()}
		typ, err := d.coreItem(e.sort, e.index)
		in.check(err)
		if _, twice := exports[e.name]; twice {
			in.fail("export name %q already defined", e.name)
		}
		e.typ = typ
		exports[e.name] = typ
		st.exports = append(st.exports, e)
	})
	in.check(push(&d.coreInstances, exports))
	d.step(st)
}

// instance reads the instantiation of a component, or a set of items.
func (d *definition) instance(in *reader) {
	switch kind := in.byte(); kind {
	case 0:
		d.instantiate(in)
	case 1:
		d.inline(in)
	default:
		in.fail("an instance of kind %#x", kind)
	}
}

// itemRef names an item of a component by sort and index.
type itemRef struct {
	name  string
	sort  sort
	index uint32
}

// itemRef reads a sort and an index.
func (r *reader) itemRef(name string) itemRef {
	ref := itemRef{name: name, sort: sort(r.byte())}
	switch {
	case ref.sort > sortInstance:
		r.fail("an item of sort %#x", byte(ref.sort))
	case ref.sort == sortCoreModule:
		if b := r.byte(); coreSort(b) != coreModule {
			r.fail("a core item of sort %#x, want a module", b)
		}
	}
	ref.index = r.u32()
	return ref
}

func (d *definition) instantiate(in *reader) {
	st := stepInstantiate{component: in.u32()}
	t, err := item(d.comps, st.component, "component")
	in.check(err)
	args := map[string]entity{}
	in.vector(func(int) {
		ref := in.itemRef(in.name())
		e, err := d.entity(ref.sort, ref.index)
		in.check(err)
		if _, twice := args[ref.name]; twice {
			in.fail("instantiation argument %q conflicts with a previous one", ref.name)
		}
		args[ref.name] = e
		st.args = append(st.args, ref)
	})
	if in.err != nil {
		return
	}
	made, binds, err := d.instantiated(t, args)
	in.check(err)
	if in.err == nil {
		in.check(push(&d.insts, made))
	}
	st.binds = binds
	d.step(st)
}

// instantiated returns the type of a component's instance, and where the
// resources that are new with it are found.
func (d *definition) instantiated(t *componentType, args map[string]entity) (*instanceType, []bind, error) {
	m := d.matcher(t.imported)
	for _, name := range t.imports.names {
		e, ok := args[name]
		if !ok {
			return nil, nil, fmt.Errorf("missing import named %q", name)
		}
		if err := m.entity(e, t.imports.types[name]); err != nil {
			return nil, nil, fmt.Errorf("type mismatch for import %q: %w", name, err)
		}
	}
	sub := d.substitution()
	sub.resources, sub.names = m.bound, m.names
	if err := sub.rename(t.exports); err != nil {
		return nil, nil, err
	}
	paths := d.resourcePaths(t.exports)
	var binds []bind
	for _, r := range t.made {
		fresh := d.newResource("")
		sub.resources[r] = fresh
		binds = append(binds, bind{slot: fresh.slot, path: paths[r]})
	}
	exports, err := sub.entities(t.exports)
	return &instanceType{exports: exports}, binds, err
}

func (d *definition) inline(in *reader) {
	t := &instanceType{}
	st := stepInline{}
	names := nameSet{inline: true}
	in.vector(func(int) {
		name, a := in.externName()
		ref := in.itemRef(name)
		e, err := d.entity(ref.sort, ref.index)
		in.check(err)
		if in.err == nil {
			in.check(names.extern(ref.name, e))
			in.check(a.check(name, e))
		}
		if in.err == nil {
			t.exports.add(ref.name, e)
		}
		st.exports = append(st.exports, ref)
	})
	in.check(push(&d.insts, t))
	d.step(st)
}

// importItem reads an import of the component.
func (d *definition) importItem(in *reader) {
	name, e := d.imported(in, &d.typ.imports)
	d.refuseAsync(in, name, e)
	if in.err != nil {
		return
	}
	st := stepImport{name: name, sort: e.sort}
	switch {
	case e.sort == sortInstance:
		st.binds = d.bindsOf(e.inst.exports)
	case e.sort == sortType && e.typ.res != nil:
		st.binds = []bind{{slot: e.typ.res.slot}}
	}
	d.step(st)
}

// bindsOf says where an imported instance has the resources that came with it.
func (d *definition) bindsOf(exports namedEntities) []bind {
	var binds []bind
	for r, path := range d.resourcePaths(exports) {
		binds = append(binds, bind{slot: r.slot, path: path})
	}
	return binds
}

// exportItem reads an export of the component.
func (d *definition) exportItem(in *reader) {
	name, a := in.externName()
	ref := in.itemRef(name)
	e, err := d.entity(ref.sort, ref.index)
	in.check(err)
	if in.flag("type of an export") {
		e = d.ascribed(in, e)
	}
	d.refuseAsync(in, ref.name, e)
	if in.err == nil {
		e, err = d.rename(e)
		in.check(err)
	}
	if in.err != nil {
		return
	}
	in.check(d.exporting.extern(ref.name, e))
	in.check(a.check(name, e))
	in.check(d.makeVisible(ref.name, e, false))
	in.check(d.add(e))
	d.typ.exports.add(ref.name, e)
	d.nameResources(ref.name, e)
	d.step(stepExport{ref})
}

// ascribed reads the type that an export is given, which must be one that its
// item has. Where that has resources of its own, so has the export: who uses it
// is not told that they are those of the item.
func (d *definition) ascribed(in *reader, found entity) entity {
	var free []*resource
	given := &scope{parent: d.parent, work: d.work, coreTypes: d.coreTypes, types: d.types}
	given.fresh = func(r *resource, _ bool) *resource {
		free = append(free, &resource{name: r.name})
		return free[len(free)-1]
	}
	want := given.externType(in, false)
	if in.err != nil {
		return found
	}
	if want.sort == sortInstance {
		free = append(free, want.inst.abstract...)
	}
	m := d.matcher(free)
	if err := m.entity(found, want); err != nil {
		in.fail("the type of an export: %s", err)
		return found
	}
	sub := d.substitution()
	for _, r := range free {
		if same := m.bound[r]; same != nil {
			fresh := d.newResource("")
			sub.resources[r] = fresh
			d.step(stepSameResource{slot: fresh.slot, as: same.slot})
		}
	}
	e, err := sub.entity(want)
	in.check(err)
	if e.sort == sortInstance {
		e.inst = &instanceType{exports: e.inst.exports}
	}
	return e
}

// nameResources names those that have no name yet.
func (s *scope) nameResources(name string, e entity) {
	switch {
	case e.sort == sortType && e.typ.res != nil && e.typ.res.name == "":
		e.typ.res.name = withoutVersion(name)
	case e.sort == sortInstance:
		for r, path := range s.resourcePaths(e.inst.exports) {
			if r.name == "" {
				r.name = withoutVersion(name) + "." + strings.Join(path, ".")
			}
		}
	}
}
