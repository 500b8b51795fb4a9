package component

import (
	"fmt"
	"maps"

	"github.com/tracetool/tracetool/format/canon"
)

// What is imported or exported may only use resources, records, variants, enums
// and flags that have a name for others: that are imported or exported
// themselves before it, and imported ones where it is an import. Types link by
// their structure and by what their resources are; the names need an identity
// beside that, which tells two definitions of one record apart, and what is
// exported from its export.

// identity tells types apart that have names. Each definition has one, and each
// import and export of the type gives it another.
type identity struct{ _ byte } // two of no size may have one address

// nameable: types of the kind are to have a name.
func nameable(k canon.Kind) bool {
	return k == canon.Record || k == canon.Variant || k == canon.Enum || k == canon.Flags
}

// identity returns nil for what needs no name.
func (t typeDef) identity() *identity {
	switch {
	case t.res != nil:
		return t.resID
	case t.val != nil && nameable(t.val.kind):
		return t.val.id
	}
	return nil
}

// renamed returns the type as an import or export names it.
func (t typeDef) renamed() typeDef {
	switch {
	case t.res != nil:
		t.resID = &identity{}
	case t.identity() != nil:
		c := *t.val
		c.id = &identity{}
		t.val = &c
	}
	return t
}

// rename gives what is imported or exported, and the types within an instance,
// identities of their own.
func (s *scope) rename(e entity) (entity, error) {
	switch e.sort {
	case sortType:
		e.typ = e.typ.renamed()
	case sortInstance:
		sub := s.substitution()
		if err := sub.rename(e.inst.exports); err != nil || len(sub.names) == 0 {
			return e, err
		}
		exports, err := sub.entities(e.inst.exports)
		e.inst = &instanceType{abstract: e.inst.abstract, exports: exports}
		return e, err
	}
	return e, nil
}

// rename makes the substitution give types that are exported new identities.
func (s *substitution) rename(exports namedEntities) error {
	if err := s.scope.spend(1 + len(exports.names)); err != nil {
		return err
	}
	for _, name := range exports.names {
		switch e := exports.types[name]; e.sort {
		case sortType:
			if id := e.typ.identity(); id != nil && s.names[id] == nil {
				s.names[id] = &identity{}
			}
		case sortInstance:
			if err := s.rename(e.inst.exports); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *substitution) identity(id *identity) *identity {
	if to, ok := s.names[id]; ok {
		return to
	}
	return id
}

// visibleTypes are those of a component that have names for others.
type visibleTypes struct{ imported, exported map[*identity]bool }

// makeVisible checks the types that an import or export uses, and adds those
// that it names. Within the type of an instance it does nothing: that is
// checked where an instance of it is imported or exported.
func (s *scope) makeVisible(name string, e entity, forImport bool) error {
	if !s.concrete {
		return nil
	}
	u := use{scope: s, what: "export", name: name, forImport: forImport, added: map[*identity]bool{}}
	if forImport {
		u.what = "import"
	}
	if err := u.entity(e); err != nil {
		return err
	}
	if len(u.added) == 0 {
		return nil
	}
	set := &s.visible.exported
	if forImport {
		set = &s.visible.imported
	}
	if *set == nil {
		*set = map[*identity]bool{}
	}
	maps.Copy(*set, u.added)
	return nil
}

// use looks for types without a name in what an import or export uses.
type use struct {
	scope     *scope
	what      string // "import" or "export"
	name      string // of the item, after those of the instances around it
	forImport bool
	added     map[*identity]bool // named by what was looked at
}

func (u *use) visible(id *identity) bool {
	v := &u.scope.visible
	return u.added[id] || v.imported[id] || !u.forImport && v.exported[id]
}

func (u *use) entity(e entity) error {
	switch e.sort {
	case sortFunc:
		return u.fn(e.fn)
	case sortInstance:
		return u.exports(e.inst.exports)
	case sortType:
		if err := u.typ(e.typ); err != nil {
			return err
		}
		if id := e.typ.identity(); id != nil {
			u.added[id] = true
		}
	}
	return nil // components, and types of them, are checked where they are
}

func (u *use) exports(list namedEntities) error {
	if err := u.scope.spend(1 + len(list.names)); err != nil {
		return err
	}
	outer := u.name
	for _, name := range list.names {
		u.name = outer + "#" + name
		if err := u.entity(list.types[name]); err != nil {
			return err
		}
	}
	u.name = outer
	return nil
}

// typ looks at what a type is made of: it is about to have a name itself.
func (u *use) typ(t typeDef) error {
	switch {
	case t.fn != nil:
		return u.fn(t.fn)
	case t.inst != nil:
		inner := *u // it makes no type visible, as no instance of it is there
		inner.added = maps.Clone(u.added)
		return inner.exports(t.inst.exports)
	case t.val != nil && nameable(t.val.kind):
		return u.parts(t.val, "it")
	case t.val != nil:
		return u.val(t.val, "it")
	}
	return nil
}

func (u *use) fn(f *funcType) error {
	if !f.named {
		return nil
	}
	for _, p := range f.params {
		if err := u.val(p.typ, fmt.Sprintf("its parameter %q", p.name)); err != nil {
			return err
		}
	}
	if f.result == nil {
		return nil
	}
	return u.val(f.result, "its result")
}

func (u *use) val(t *valType, where string) error {
	switch {
	case t == nil || !t.named:
		return nil
	case t.id == nil:
		return u.parts(t, where)
	case u.visible(t.id):
		return nil
	}
	how := "import it, or export it, first"
	if u.forImport {
		how = "import it first"
	}
	return fmt.Errorf("%s %q: %s uses %s without a name: %s", u.what, u.name, where, nameableWords[t.kind], how)
}

var nameableWords = map[canon.Kind]string{
	canon.Record: "a record", canon.Variant: "a variant", canon.Enum: "an enum", canon.Flags: "flags",
	canon.Own: "a resource", canon.Borrow: "a resource",
}

func (u *use) parts(t *valType, where string) error {
	if err := u.scope.spend(1 + len(t.fields)); err != nil {
		return err
	}
	for _, f := range t.fields {
		if err := u.val(f.typ, where); err != nil {
			return err
		}
	}
	if err := u.val(t.elem, where); err != nil {
		return err
	}
	return u.val(t.err, where)
}
