package component

import (
	"fmt"

	"github.com/tracetool/tracetool/format/canon"
)

// valType is the type of a value, with its layout. Types that are equal need
// not be the same; a type never contains itself.
type valType struct {
	kind   canon.Kind
	elem   *valType // of a list, of fixed length too, an option, a result's ok; of a map, a tuple; may be nil for a result
	err    *valType // of a result
	length uint32   // of a list of fixed length
	fields []field  // of records, tuples, variants, enums and flags
	res    *resource
	id     *identity // of what needs a name, or of a handle's resource
	layout

	nodes     int  // types in it, each as often as it occurs
	depth     int  // types within types
	resources bool // a resource occurs in it
	borrows   bool // a borrow occurs in it
	pointers  bool // a list, a map or a string occurs in it
	named     bool // an identity occurs in it
}

// field is a field, case, label or parameter. Its type is nil for labels and
// cases without payload.
type field struct {
	name string
	typ  *valType
}

// resource stands for a resource type in one component definition. What it is
// in an instance is found in that instance's slot of the same number.
type resource struct {
	name string // "wasi:io/streams.input-stream", empty while it has none
	def  *definition
	slot int
	own  bool // defined by this component, not imported or from an instance
}

// funcType is the type of a function.
type funcType struct {
	params    []field
	result    *valType // nil: none
	async     bool
	resources bool
	named     bool        // an identity occurs in it
	sig       *canon.Func // made on demand
}

// sort is what an item is, with the numbers of the binary format.
type sort byte

const (
	sortCoreModule sort = iota
	sortFunc
	sortValue
	sortType
	sortComponent
	sortInstance
)

var sortNames = [...]string{"core module", "func", "value", "type", "component", "instance"}

func (s sort) String() string { return sortNames[s] }

// typeDef is what a type index stands for: one of its fields is set, of a resource
// two.
type typeDef struct {
	val   *valType
	fn    *funcType
	comp  *componentType
	inst  *instanceType
	res   *resource
	resID *identity // of a resource
}

func (t typeDef) String() string {
	switch {
	case t.val != nil:
		return "value type"
	case t.fn != nil:
		return "function type"
	case t.comp != nil:
		return "component type"
	case t.inst != nil:
		return "instance type"
	}
	return "resource type"
}

// entity is the type of an import or export: the field of its sort is set.
type entity struct {
	sort   sort
	module *moduleType
	fn     *funcType
	typ    typeDef
	comp   *componentType
	inst   *instanceType
}

// instanceType is what an instance exports. Those of declarations have abstract
// resources of their own, which each use of the type replaces with fresh ones.
type instanceType struct {
	abstract []*resource
	exports  namedEntities
}

// componentType is what a component imports and exports. The abstract resources
// are those that instantiation must be given and those that it makes.
type componentType struct {
	imported []*resource
	imports  namedEntities
	made     []*resource
	exports  namedEntities
}

// namedEntities keep their order.
type namedEntities struct {
	names []string
	types map[string]entity
}

func (n *namedEntities) add(name string, e entity) {
	if n.types == nil {
		n.types = map[string]entity{}
	}
	n.names = append(n.names, name)
	n.types[name] = e
}

// Limits of a component. Real ones are far below.
const (
	maxTypeNodes = canon.MaxNodes
	maxTypeDepth = canon.MaxDepth
	maxNesting   = 50         // components, and declarations of types, within each other
	maxItems     = 1_000_000  // of one index space
	maxWork      = 20_000_000 // parts of types visited while decoding
)

// seal computes what follows from the parts of a new type, and bounds its values.
func (t *valType) seal() (*valType, error) {
	if err := t.compute(); err != nil {
		return nil, err
	}
	if t.size64 >= maxElementSize {
		return nil, fmt.Errorf("a type whose values take %d bytes, at most %d", t.size64, maxElementSize-1)
	}
	return t, nil
}

// compute computes what follows from the parts of a new type.
func (t *valType) compute() error {
	t.nodes, t.depth = 1+len(t.fields), 1
	part := func(p *valType) {
		if p == nil {
			return
		}
		t.nodes += p.nodes
		t.depth = max(t.depth, p.depth+1)
		t.resources = t.resources || p.resources
		t.borrows = t.borrows || p.borrows
		t.pointers = t.pointers || p.pointers
		t.named = t.named || p.named
	}
	part(t.elem)
	part(t.err)
	for _, f := range t.fields {
		part(f.typ)
	}
	t.resources = t.resources || t.res != nil
	if nameable(t.kind) {
		t.id = &identity{}
	}
	t.named = t.named || t.id != nil
	t.borrows = t.borrows || t.kind == canon.Borrow
	t.pointers = t.pointers || t.kind == canon.List || t.kind == canon.Map || t.kind == canon.String
	switch {
	case t.nodes > maxTypeNodes:
		return fmt.Errorf("a type of %d types, at most %d", t.nodes, maxTypeNodes)
	case t.depth > maxTypeDepth:
		return fmt.Errorf("types nested deeper than %d", maxTypeDepth)
	}
	t.layout = layoutOf(t)
	return nil
}

// canonical returns the type as package canon has it.
func (t *valType) canonical(memo map[*valType]*canon.Type) *canon.Type {
	if t == nil {
		return nil
	}
	if c, ok := memo[t]; ok {
		return c
	}
	c := &canon.Type{Kind: t.kind, Elem: t.elem.canonical(memo), Err: t.err.canonical(memo), Len: t.length}
	for _, f := range t.fields {
		c.Fields = append(c.Fields, canon.Field{Name: f.name, Type: f.typ.canonical(memo)})
	}
	if t.res != nil {
		c.Resource = t.res.name
		if c.Resource == "" {
			c.Resource = fmt.Sprintf("resource-%d", t.res.slot)
		}
	}
	memo[t] = c
	return c
}

// signature returns the function's type as package canon has it.
func (f *funcType) signature() *canon.Func {
	if f.sig == nil {
		memo := map[*valType]*canon.Type{}
		f.sig = &canon.Func{Result: f.result.canonical(memo)}
		for _, p := range f.params {
			f.sig.Params = append(f.sig.Params, canon.Field{Name: p.name, Type: p.typ.canonical(memo)})
		}
	}
	return f.sig
}
