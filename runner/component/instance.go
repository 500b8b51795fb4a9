package component

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero/api"
)

// value is an item of a component: the field of its sort is set.
type value struct {
	fn     function
	inst   map[string]value
	comp   *closure
	module *compiledModule
	res    *resourceType // of a type that is a resource
}

// closure is a component with the instance that it is defined in.
type closure struct {
	def   *definition
	outer *instance
}

// instance is an instance of one component definition.
type instance struct {
	store *store
	def   *definition
	outer *instance // the one that this definition is in

	coreInstances []api.Module
	coreFuncs     []*coreItem
	coreTables    []*coreItem
	coreMemories  []*coreItem
	coreGlobals   []*coreItem
	coreTags      []*coreItem
	coreModules   []*compiledModule
	funcs         []function
	comps         []*closure
	insts         []map[string]value
	resources     []*resourceType // by slot
	exports       map[string]value

	handles      handles
	task         *task // that is under way, or the one of the instantiation
	backpressure int
	mayLeave     bool
	entered      bool
}

// step is a definition of a component, which instantiation executes.
type step interface {
	run(ctx context.Context, in *instance, args map[string]value) error
}

// maxInstances bounds the component and core instances of one run, of which a
// small file may ask for any number.
const maxInstances = 10_000

// instantiate executes a component's definitions.
func (s *store) instantiate(ctx context.Context, d *definition, outer *instance, args map[string]value) (*instance, error) {
	if s.instances++; s.instances > maxInstances {
		return nil, fmt.Errorf("more than %d instances", maxInstances)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	in := &instance{store: s, def: d, outer: outer, resources: make([]*resourceType, d.slots), exports: map[string]value{}, task: &task{}, mayLeave: true}
	for _, st := range d.steps {
		if err := st.run(ctx, in, args); err != nil {
			return nil, err
		}
	}
	return in, nil
}

func (in *instance) abi(o options) abi {
	a := abi{inst: in, encoding: o.encoding}
	if o.memory != noIndex {
		a.memory = in.coreMemories[o.memory].memory()
	}
	if o.realloc != noIndex {
		a.realloc = in.coreFuncs[o.realloc]
	}
	return a
}

// add gives a value the next index of its sort.
func (in *instance) add(k sort, v value) {
	switch k {
	case sortCoreModule:
		in.coreModules = append(in.coreModules, v.module)
	case sortFunc:
		in.funcs = append(in.funcs, v.fn)
	case sortComponent:
		in.comps = append(in.comps, v.comp)
	case sortInstance:
		in.insts = append(in.insts, v.inst)
	}
}

// item returns an item as a value. Of types only resources count.
func (in *instance) item(ref itemRef) value {
	switch ref.sort {
	case sortCoreModule:
		return value{module: in.coreModules[ref.index]}
	case sortFunc:
		return value{fn: in.funcs[ref.index]}
	case sortComponent:
		return value{comp: in.comps[ref.index]}
	case sortInstance:
		return value{inst: in.insts[ref.index]}
	case sortType:
		if r := in.def.types[ref.index].res; r != nil {
			return value{res: in.resources[r.slot]}
		}
	}
	return value{}
}

func (in *instance) coreItems(k coreSort) *[]*coreItem {
	switch k {
	case coreFunc:
		return &in.coreFuncs
	case coreTable:
		return &in.coreTables
	case coreMemory:
		return &in.coreMemories
	case coreGlobal:
		return &in.coreGlobals
	}
	return &in.coreTags
}

func (in *instance) addCore(c *coreItem) {
	list := in.coreItems(c.typ.sort)
	*list = append(*list, c)
}

// bind says where in an import or instance a resource is found.
type bind struct {
	slot int
	path []string
}

func (in *instance) bind(binds []bind, v value) error {
	for _, b := range binds {
		at := v
		for _, name := range b.path {
			at = at.inst[name]
		}
		if at.res == nil {
			return fmt.Errorf("no resource at %v", b.path)
		}
		in.resources[b.slot] = at.res
	}
	return nil
}

type stepImport struct {
	name  string
	sort  sort
	binds []bind
}

func (s stepImport) run(_ context.Context, in *instance, args map[string]value) error {
	v := args[s.name]
	in.add(s.sort, v)
	return in.bind(s.binds, v)
}

type stepExport struct{ itemRef }

func (s stepExport) run(_ context.Context, in *instance, _ map[string]value) error {
	v := in.item(s.itemRef)
	in.add(s.sort, v)
	in.exports[s.name] = v
	return nil
}

type stepCoreModule struct {
	bytes  []byte
	offset int // in the component
	typ    *moduleType
}

func (s *stepCoreModule) run(_ context.Context, in *instance, _ map[string]value) error {
	in.add(sortCoreModule, value{module: in.store.program.modules[s]})
	return nil
}

type stepComponent struct{ def *definition }

func (s stepComponent) run(_ context.Context, in *instance, _ map[string]value) error {
	in.add(sortComponent, value{comp: &closure{def: s.def, outer: in}})
	return nil
}

type stepInstantiate struct {
	component uint32
	args      []itemRef
	binds     []bind
}

func (s stepInstantiate) run(ctx context.Context, in *instance, _ map[string]value) error {
	args := map[string]value{}
	for _, ref := range s.args {
		args[ref.name] = in.item(ref)
	}
	c := in.comps[s.component]
	made, err := in.store.instantiate(ctx, c.def, c.outer, args)
	if err != nil {
		return err
	}
	v := value{inst: made.exports}
	in.add(sortInstance, v)
	return in.bind(s.binds, v)
}

type stepInline struct{ exports []itemRef }

func (s stepInline) run(_ context.Context, in *instance, _ map[string]value) error {
	exports := map[string]value{}
	for _, ref := range s.exports {
		exports[ref.name] = in.item(ref)
	}
	in.add(sortInstance, value{inst: exports})
	return nil
}

type stepAlias struct {
	instance uint32
	name     string
	sort     sort
}

func (s stepAlias) run(_ context.Context, in *instance, _ map[string]value) error {
	in.add(s.sort, in.insts[s.instance][s.name])
	return nil
}

type stepAliasCore struct {
	instance uint32
	name     string
	sort     coreSort
}

func (s stepAliasCore) run(_ context.Context, in *instance, _ map[string]value) error {
	in.addCore(&coreItem{mod: in.coreInstances[s.instance], name: s.name, typ: in.def.coreInstances[s.instance][s.name]})
	return nil
}

type stepAliasOuter struct {
	count, index uint32
	sort         sort
}

func (s stepAliasOuter) run(_ context.Context, in *instance, _ map[string]value) error {
	from := in
	for range s.count {
		from = from.outer
	}
	in.add(s.sort, from.item(itemRef{sort: s.sort, index: s.index}))
	return nil
}

type stepLift struct {
	fn      uint32
	options options
	typ     *funcType
}

func (s stepLift) run(_ context.Context, in *instance, _ map[string]value) error {
	in.add(sortFunc, value{fn: newLifted(in, s)})
	return nil
}

type stepLower struct {
	fn      uint32
	options options
	typ     *funcType
}

func (s stepLower) run(_ context.Context, in *instance, _ map[string]value) error {
	f := newLowered(in, s)
	e := coreEntity{sort: coreFunc}
	e.params, e.results = s.options.flatten(s.typ, true)
	in.addCore(&coreItem{typ: e, host: f.invoke})
	return nil
}

type stepResource struct {
	slot int
	dtor int64
}

func (s stepResource) run(_ context.Context, in *instance, _ map[string]value) error {
	t := &resourceType{owner: in}
	if s.dtor != noIndex {
		t.dtor = in.coreFuncs[s.dtor]
	}
	in.resources[s.slot] = t
	return nil
}

// stepSameResource gives a resource another type for who uses it.
type stepSameResource struct{ slot, as int }

func (s stepSameResource) run(_ context.Context, in *instance, _ map[string]value) error {
	in.resources[s.slot] = in.resources[s.as]
	return nil
}

type stepBuiltin struct {
	code byte
	slot int
	fn   coreEntity
}

func (s stepBuiltin) run(_ context.Context, in *instance, _ map[string]value) error {
	in.addCore(&coreItem{typ: s.fn, host: in.builtin(s)})
	return nil
}
