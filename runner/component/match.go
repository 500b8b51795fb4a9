package component

import (
	"fmt"

	"github.com/tracetool/tracetool/format/canon"
)

// matcher decides whether an item can stand in for one that is wanted. What is
// wanted may have free resources, which the items decide.
type matcher struct {
	scope *scope
	free  map[*resource]bool      // to be bound
	bound map[*resource]*resource // wanted to found
	names map[*identity]*identity // of types, likewise
}

func (s *scope) matcher(free []*resource) *matcher {
	m := &matcher{scope: s, free: map[*resource]bool{}, bound: map[*resource]*resource{}, names: map[*identity]*identity{}}
	for _, r := range free {
		m.free[r] = true
	}
	return m
}

func (m *matcher) entity(found, want entity) error {
	if found.sort != want.sort {
		return fmt.Errorf("expected %s, found %s", want.sort, found.sort)
	}
	switch want.sort {
	case sortCoreModule:
		return found.module.matches(want.module)
	case sortFunc:
		return m.fn(found.fn, want.fn)
	case sortType:
		if id := want.typ.identity(); id != nil {
			m.names[id] = found.typ.identity()
		}
		return m.typ(found.typ, want.typ)
	case sortComponent:
		return m.comp(found.comp, want.comp)
	case sortInstance:
		return m.exports(found.inst.exports, want.inst.exports)
	}
	return nil
}

// exports: what is found has at least the exports that are wanted.
func (m *matcher) exports(found, want namedEntities) error {
	if err := m.scope.spend(1 + len(want.names)); err != nil {
		return err
	}
	for _, name := range want.names {
		e, ok := found.types[name]
		if !ok {
			return fmt.Errorf("missing expected export %q", name)
		}
		if err := m.entity(e, want.types[name]); err != nil {
			return fmt.Errorf("export %q: %w", name, err)
		}
	}
	return nil
}

func (m *matcher) typ(found, want typeDef) error {
	switch {
	case want.res != nil:
		return m.resource(found.res, want.res)
	case want.val != nil && found.val != nil:
		return m.val(found.val, want.val)
	case want.fn != nil && found.fn != nil:
		return m.fn(found.fn, want.fn)
	case want.inst != nil && found.inst != nil:
		return m.instType(found.inst, want.inst)
	case want.comp != nil && found.comp != nil:
		return m.comp(found.comp, want.comp)
	}
	return fmt.Errorf("expected %s, found %s", want, found)
}

func (m *matcher) resource(found, want *resource) error {
	switch {
	case found == nil:
		return fmt.Errorf("expected a resource type")
	case m.free[want] && m.bound[want] == nil:
		m.bound[want] = found
	case m.bound[want] != nil && m.bound[want] != found, m.bound[want] == nil && want != found:
		return fmt.Errorf("resource types are not the same")
	}
	return nil
}

// instType compares types that have resources of their own.
func (m *matcher) instType(found, want *instanceType) error {
	inner := m.scope.matcher(want.abstract)
	for k, v := range m.bound {
		inner.bound[k] = v
	}
	return inner.exports(found.exports, want.exports)
}

// comp: a component may import less and export more.
func (m *matcher) comp(found, want *componentType) error {
	sub := m.scope.substitution()
	for k, v := range m.bound {
		sub.resources[k] = v
	}
	want, err := sub.comp(want)
	if err != nil {
		return err
	}
	given := m.scope.matcher(found.imported)
	for _, name := range found.imports.names {
		e, ok := want.imports.types[name]
		if !ok {
			return fmt.Errorf("missing expected import %q", name)
		}
		if err := given.entity(e, found.imports.types[name]); err != nil {
			return fmt.Errorf("import %q: %w", name, err)
		}
	}
	back := m.scope.substitution()
	for k, v := range given.bound {
		back.resources[k] = v
	}
	exports, err := back.entities(found.exports)
	if err != nil {
		return err
	}
	return m.scope.matcher(want.made).exports(exports, want.exports)
}

func (m *matcher) fn(found, want *funcType) error {
	if found.async != want.async {
		return fmt.Errorf("expected %s, found %s", want.word(), found.word())
	}
	if len(found.params) != len(want.params) {
		return fmt.Errorf("expected %d parameters, found %d", len(want.params), len(found.params))
	}
	for i, p := range want.params {
		if found.params[i].name != p.name {
			return fmt.Errorf("expected parameter named %q, found %q", p.name, found.params[i].name)
		}
		if err := m.val(found.params[i].typ, p.typ); err != nil {
			return fmt.Errorf("type mismatch in parameter %q: %w", p.name, err)
		}
	}
	if err := m.optional(found.result, want.result); err != nil {
		return fmt.Errorf("type mismatch with result type: %w", err)
	}
	return nil
}

func (f *funcType) word() string {
	if f.async {
		return "an async function"
	}
	return "a function that is not async"
}

func (m *matcher) optional(found, want *valType) error {
	switch {
	case (found == nil) != (want == nil):
		return fmt.Errorf("expected %s, found %s", kindOf(want), kindOf(found))
	case want == nil:
		return nil
	}
	return m.val(found, want)
}

func kindOf(t *valType) string {
	if t == nil {
		return "nothing"
	}
	return t.kind.String()
}

func (m *matcher) val(found, want *valType) error {
	if found == want && !want.resources {
		return nil
	}
	if err := m.scope.spend(1); err != nil {
		return err
	}
	if found.kind != want.kind {
		return fmt.Errorf("expected %s, found %s", want.kind, found.kind)
	}
	if want.res != nil {
		return m.resource(found.res, want.res)
	}
	if len(found.fields) != len(want.fields) {
		return fmt.Errorf("expected %d %s in a %s, found %d", len(want.fields), fieldWord(want.kind), want.kind, len(found.fields))
	}
	for i, f := range want.fields {
		if found.fields[i].name != f.name {
			return fmt.Errorf("expected %s named %q, found %q", fieldWord(want.kind), f.name, found.fields[i].name)
		}
		if err := m.optional(found.fields[i].typ, f.typ); err != nil {
			return fmt.Errorf("%s %q: %w", fieldWord(want.kind), f.name, err)
		}
	}
	if found.length != want.length {
		return fmt.Errorf("expected a list of %d elements, found one of %d", want.length, found.length)
	}
	if err := m.optional(found.elem, want.elem); err != nil {
		return err
	}
	return m.optional(found.err, want.err)
}

func fieldWord(k canon.Kind) string {
	switch k {
	case canon.Variant, canon.Enum:
		return "case"
	case canon.Flags:
		return "label"
	}
	return "field"
}
