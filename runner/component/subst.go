package component

// substitution replaces resources within types, and the identities by which they
// have names. What has none of them is shared, what occurs twice is replaced once.
type substitution struct {
	resources map[*resource]*resource
	names     map[*identity]*identity
	scope     *scope
	vals      map[*valType]*valType
	funcs     map[*funcType]*funcType
	insts     map[*instanceType]*instanceType
	comps     map[*componentType]*componentType
}

func (s *scope) substitution() *substitution {
	return &substitution{
		resources: map[*resource]*resource{}, names: map[*identity]*identity{}, scope: s,
		vals: map[*valType]*valType{}, funcs: map[*funcType]*funcType{},
		insts: map[*instanceType]*instanceType{}, comps: map[*componentType]*componentType{},
	}
}

func (s *substitution) resource(r *resource) *resource {
	if to, ok := s.resources[r]; ok {
		return to
	}
	return r
}

func (s *substitution) val(t *valType) *valType {
	if t == nil || !t.resources && (!t.named || len(s.names) == 0) || s.scope.spend(1) != nil {
		return t
	}
	if done, ok := s.vals[t]; ok {
		return done
	}
	c := *t
	c.elem, c.err, c.fields = s.val(t.elem), s.val(t.err), s.fields(t.fields)
	if t.res != nil {
		c.res = s.resource(t.res)
	}
	c.id = s.identity(t.id)
	s.vals[t] = &c
	return &c
}

func (s *substitution) fields(list []field) []field {
	changed := make([]field, len(list))
	for i, f := range list {
		changed[i] = field{f.name, s.val(f.typ)}
	}
	return changed
}

func (s *substitution) fn(f *funcType) *funcType {
	if !f.resources && (!f.named || len(s.names) == 0) {
		return f
	}
	if done, ok := s.funcs[f]; ok {
		return done
	}
	c := &funcType{params: s.fields(f.params), result: s.val(f.result), async: f.async, resources: f.resources, named: f.named}
	s.funcs[f] = c
	return c
}

func (s *substitution) typ(t typeDef) (c typeDef, err error) {
	switch {
	case t.val != nil:
		c.val = s.val(t.val)
	case t.fn != nil:
		c.fn = s.fn(t.fn)
	case t.res != nil:
		c.res, c.resID = s.resource(t.res), s.identity(t.resID)
	case t.inst != nil:
		c.inst, err = s.inst(t.inst)
	case t.comp != nil:
		c.comp, err = s.comp(t.comp)
	}
	return c, err
}

func (s *substitution) entity(e entity) (entity, error) {
	var err error
	switch e.sort {
	case sortFunc:
		e.fn = s.fn(e.fn)
	case sortType:
		e.typ, err = s.typ(e.typ)
	case sortComponent:
		e.comp, err = s.comp(e.comp)
	case sortInstance:
		e.inst, err = s.inst(e.inst)
	}
	return e, err
}

func (s *substitution) entities(list namedEntities) (namedEntities, error) {
	changed := namedEntities{names: list.names, types: make(map[string]entity, len(list.types))}
	if err := s.scope.spend(1 + len(list.names)); err != nil {
		return changed, err
	}
	for name, e := range list.types {
		var err error
		if changed.types[name], err = s.entity(e); err != nil {
			return changed, err
		}
	}
	return changed, nil
}

func (s *substitution) inst(t *instanceType) (*instanceType, error) {
	if done, ok := s.insts[t]; ok {
		return done, nil
	}
	c := &instanceType{abstract: t.abstract}
	var err error
	c.exports, err = s.entities(t.exports)
	s.insts[t] = c
	return c, err
}

func (s *substitution) comp(t *componentType) (*componentType, error) {
	if done, ok := s.comps[t]; ok {
		return done, nil
	}
	c := &componentType{imported: t.imported, made: t.made}
	var err error
	if c.imports, err = s.entities(t.imports); err == nil {
		c.exports, err = s.entities(t.exports)
	}
	s.comps[t] = c
	return c, err
}
