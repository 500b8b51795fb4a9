package component

import (
	"errors"
	"fmt"
	"strings"
)

// scope holds the index spaces of a component, or of the declaration of a
// component's or instance's type.
type scope struct {
	parent *scope
	def    *definition // nil in a declaration
	depth  int
	work   *int // units of work left, shared by all scopes

	coreTypes     []coreTypeDef
	coreFuncs     []coreEntity
	coreTables    []coreEntity
	coreMemories  []coreEntity
	coreGlobals   []coreEntity
	coreTags      []coreEntity
	coreModules   []*moduleType
	coreInstances []map[string]coreEntity

	funcs     []*funcType
	types     []typeDef
	comps     []*componentType
	insts     []*instanceType
	importing nameSet
	exporting nameSet
	concrete  bool // a component or its type, not the type of an instance
	visible   visibleTypes

	// fresh makes the resource that stands for an abstract one where a type is
	// used, as an import or as an export.
	fresh func(r *resource, forImport bool) *resource
}

// coreTypeDef is a core function type or a module type.
type coreTypeDef struct {
	fn     *coreEntity
	module *moduleType
}

// item is one of an index space.
func item[T any](list []T, index uint32, what string) (T, error) {
	if uint64(index) >= uint64(len(list)) {
		var none T
		return none, fmt.Errorf("%s %d of %d", what, index, len(list))
	}
	return list[index], nil
}

// push adds an item to an index space.
func push[T any](list *[]T, v T) error {
	if len(*list) >= maxItems {
		return fmt.Errorf("more than %d items of a kind", maxItems)
	}
	*list = append(*list, v)
	return nil
}

// errComplex ends the decoding of a component that takes too much work. Where
// it is passed over, work stays below 0, and Decode returns it.
var errComplex = errors.New("types too complex")

// spend takes from what decoding may cost.
func (s *scope) spend(n int) error {
	if *s.work < 0 {
		return errComplex
	}
	if *s.work -= n; *s.work < 0 {
		return errComplex
	}
	return nil
}

// outer returns the scope that an outer alias counts to.
func (s *scope) outer(count uint32) (*scope, error) {
	at := s
	for ; count > 0; count-- {
		if at = at.parent; at == nil {
			return nil, fmt.Errorf("an outer alias beyond the component")
		}
	}
	return at, nil
}

// entity returns the type of an item.
func (s *scope) entity(k sort, index uint32) (e entity, err error) {
	e.sort = k
	switch k {
	case sortCoreModule:
		e.module, err = item(s.coreModules, index, "core module")
	case sortFunc:
		e.fn, err = item(s.funcs, index, "func")
	case sortType:
		e.typ, err = item(s.types, index, "type")
	case sortComponent:
		e.comp, err = item(s.comps, index, "component")
	case sortInstance:
		e.inst, err = item(s.insts, index, "instance")
	default:
		err = fmt.Errorf("%w: values of components", ErrUnsupported)
	}
	return e, err
}

// add gives an item the next index of its sort.
func (s *scope) add(e entity) error {
	switch e.sort {
	case sortCoreModule:
		return push(&s.coreModules, e.module)
	case sortFunc:
		return push(&s.funcs, e.fn)
	case sortType:
		return push(&s.types, e.typ)
	case sortComponent:
		return push(&s.comps, e.comp)
	case sortInstance:
		return push(&s.insts, e.inst)
	}
	return fmt.Errorf("%w: values of components", ErrUnsupported)
}

// coreItems returns the index space of a core sort.
func (s *scope) coreItems(k coreSort) (*[]coreEntity, error) {
	switch k {
	case coreFunc:
		return &s.coreFuncs, nil
	case coreTable:
		return &s.coreTables, nil
	case coreMemory:
		return &s.coreMemories, nil
	case coreGlobal:
		return &s.coreGlobals, nil
	case coreTag:
		return &s.coreTags, nil
	}
	return nil, fmt.Errorf("%s where a core item is wanted", k)
}

func (s *scope) coreItem(k coreSort, index uint32) (coreEntity, error) {
	list, err := s.coreItems(k)
	if err != nil {
		return coreEntity{}, err
	}
	return item(*list, index, k.String())
}

// open replaces the abstract resources of what an import or export declares by
// resources of this scope.
func (s *scope) open(name string, e entity, forImport bool) (entity, error) {
	if e.sort != sortInstance || len(e.inst.abstract) == 0 {
		return e, nil
	}
	sub := s.substitution()
	names := s.resourcePaths(e.inst.exports)
	for _, r := range e.inst.abstract {
		fresh := s.fresh(r, forImport)
		fresh.name = name + "." + strings.Join(names[r], ".")
		sub.resources[r] = fresh
	}
	opened := &instanceType{}
	var err error
	opened.exports, err = sub.entities(e.inst.exports)
	return entity{sort: sortInstance, inst: opened}, err
}

// resourcePaths says under which exports resources are found.
func (s *scope) resourcePaths(exports namedEntities) map[*resource][]string {
	paths := map[*resource][]string{}
	seen := map[*instanceType]bool{}
	var walk func(list namedEntities, prefix []string)
	walk = func(list namedEntities, prefix []string) {
		if s.spend(1+len(list.names)) != nil {
			return
		}
		for _, name := range list.names {
			path := append(prefix[:len(prefix):len(prefix)], name)
			switch e := list.types[name]; {
			case e.sort == sortType && e.typ.res != nil:
				if _, known := paths[e.typ.res]; !known {
					paths[e.typ.res] = path
				}
			case e.sort == sortInstance && !seen[e.inst]:
				seen[e.inst] = true
				walk(e.inst.exports, path)
			}
		}
	}
	walk(exports, nil)
	return paths
}
