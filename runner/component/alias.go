package component

import "fmt"

// How an alias names what it stands for.
const (
	aliasExport = iota
	aliasCoreExport
	aliasOuter
)

// aliasTarget reads the sort of an alias. A core sort has a second byte.
func aliasTarget(in *reader) (k sort, core coreSort, how byte) {
	if k = sort(in.byte()); k == sortCoreModule {
		core = coreSort(in.byte())
	}
	if k > sortInstance {
		in.fail("an alias of sort %#x", byte(k))
	}
	return k, core, in.byte()
}

// alias reads an alias within a component.
func (d *definition) alias(in *reader) {
	k, core, how := aliasTarget(in)
	if k == sortValue {
		in.unsupported("values of components")
	}
	switch how {
	case aliasExport:
		if k == sortCoreModule && core != coreModule {
			in.fail("an alias of a %s of an instance", core)
		}
		d.aliasExport(in, k)
	case aliasCoreExport:
		if k != sortCoreModule {
			in.fail("an alias of a %s of a core instance", k)
		}
		d.aliasCore(in, core)
	case aliasOuter:
		d.aliasOuter(in, k, core)
	default:
		in.fail("an alias of kind %#x", how)
	}
}

func (d *definition) aliasExport(in *reader, k sort) {
	instance, name := in.u32(), in.name()
	e, err := d.exportOf(k, instance, name)
	in.check(err)
	if in.err == nil {
		in.check(d.add(e))
	}
	d.step(stepAlias{instance: instance, name: name, sort: k})
}

func (s *scope) exportOf(k sort, instance uint32, name string) (entity, error) {
	t, err := item(s.insts, instance, "instance")
	if err != nil {
		return entity{}, err
	}
	e, ok := t.exports.types[name]
	switch {
	case !ok:
		return e, fmt.Errorf("instance %d has no export named %q", instance, name)
	case e.sort != k:
		return e, fmt.Errorf("export %q of instance %d is a %s, not a %s", name, instance, e.sort, k)
	}
	return e, nil
}

func (d *definition) aliasCore(in *reader, k coreSort) {
	instance, name := in.u32(), in.name()
	list, err := d.coreItems(k)
	in.check(err)
	exports, err := item(d.coreInstances, instance, "core instance")
	in.check(err)
	if in.err != nil {
		return
	}
	e, ok := exports[name]
	switch {
	case !ok:
		in.fail("core instance %d has no export named %q", instance, name)
	case e.sort != k:
		in.fail("export %q of core instance %d is a %s, not a %s", name, instance, e.sort, k)
	default:
		in.check(push(list, e))
	}
	d.step(stepAliasCore{instance: instance, name: name, sort: k})
}

func (d *definition) aliasOuter(in *reader, k sort, core coreSort) {
	count, index := in.u32(), in.u32()
	if in.err != nil {
		return
	}
	from, err := d.outer(count)
	if err != nil {
		in.check(err)
		return
	}
	switch {
	case k == sortType:
		in.check(d.aliasType(from, count, index))
	case k == sortCoreModule && core == coreType:
		t, err := item(from.coreTypes, index, "core type")
		in.check(err)
		in.check(push(&d.coreTypes, t))
	case k == sortComponent || k == sortCoreModule && core == coreModule:
		e, err := from.entity(k, index)
		in.check(err)
		in.check(d.add(e))
		d.step(stepAliasOuter{count: count, index: index, sort: k})
	default:
		in.fail("an outer alias of a %s", k)
	}
}

// aliasType aliases the type of an outer scope.
func (s *scope) aliasType(from *scope, count, index uint32) error {
	t, err := item(from.types, index, "type")
	if err != nil {
		return err
	}
	for at := s; at != from; at = at.parent {
		if at.def == nil {
			continue
		}
		if s.hasOuterResources(t) {
			return fmt.Errorf("refers to resources not defined in the current component")
		}
		break
	}
	return push(&s.types, t)
}

// hasOuterResources reports whether a type refers to resources that it does
// not declare itself.
func (s *scope) hasOuterResources(t typeDef) bool {
	switch {
	case t.res != nil:
		return true
	case t.val != nil:
		return t.val.resources
	case t.fn != nil:
		return t.fn.resources
	}
	f := freeResources{scope: s, bound: map[*resource]bool{}, seen: map[any]bool{}}
	f.typ(t)
	return f.found
}

// freeResources looks for resources that are not bound by the types around
// them.
type freeResources struct {
	scope *scope
	bound map[*resource]bool
	seen  map[any]bool
	found bool
}

func (f *freeResources) bind(list []*resource) {
	for _, r := range list {
		f.bound[r] = true
	}
}

func (f *freeResources) typ(t typeDef) {
	switch {
	case t.res != nil:
		f.found = f.found || !f.bound[t.res]
	case t.val != nil:
		f.val(t.val)
	case t.fn != nil:
		f.fn(t.fn)
	case t.inst != nil:
		f.inst(t.inst)
	case t.comp != nil:
		f.comp(t.comp)
	}
}

func (f *freeResources) inst(t *instanceType) {
	if !f.seen[t] {
		f.seen[t] = true
		f.bind(t.abstract)
		f.entities(t.exports)
	}
}

func (f *freeResources) comp(t *componentType) {
	if !f.seen[t] {
		f.seen[t] = true
		f.bind(t.imported)
		f.bind(t.made)
		f.entities(t.imports)
		f.entities(t.exports)
	}
}

func (f *freeResources) entities(list namedEntities) {
	if f.scope.spend(1+len(list.names)) != nil {
		return
	}
	for _, e := range list.types {
		switch e.sort {
		case sortFunc:
			f.fn(e.fn)
		case sortType:
			f.typ(e.typ)
		case sortComponent:
			f.comp(e.comp)
		case sortInstance:
			f.inst(e.inst)
		}
	}
}

func (f *freeResources) fn(t *funcType) {
	if !t.resources || f.seen[t] {
		return
	}
	f.seen[t] = true
	for _, p := range t.params {
		f.val(p.typ)
	}
	f.val(t.result)
}

func (f *freeResources) val(t *valType) {
	if t == nil || !t.resources || f.seen[t] || f.scope.spend(1) != nil {
		return
	}
	f.seen[t] = true
	if t.res != nil {
		f.found = f.found || !f.bound[t.res]
	}
	f.val(t.elem)
	f.val(t.err)
	for _, c := range t.fields {
		f.val(c.typ)
	}
}

// aliasDeclared reads an alias within the declaration of a type.
func (s *scope) aliasDeclared(in *reader) {
	k, core, how := aliasTarget(in)
	switch {
	case how == aliasExport && (k == sortInstance || k == sortType):
		e, err := s.exportOf(k, in.u32(), in.name())
		in.check(err)
		if in.err == nil {
			in.check(s.add(e))
		}
	case how == aliasOuter && (k == sortType || k == sortCoreModule && core == coreType):
		count, index := in.u32(), in.u32()
		from, err := s.outer(count)
		in.check(err)
		if in.err != nil {
			return
		}
		if k == sortType {
			in.check(s.aliasType(from, count, index))
			return
		}
		t, err := item(from.coreTypes, index, "core type")
		in.check(err)
		in.check(push(&s.coreTypes, t))
	default:
		in.fail("an alias of a %s of kind %#x in a declaration", k, how)
	}
}
