package component

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tracetool/tracetool/format/canon"
)

// Program is a component whose core modules a runtime has compiled.
type Program struct {
	component *Component
	runtime   wazero.Runtime
	modules   map[*stepCoreModule]*compiledModule

	// MaxMemory is what the memories of an instance may take together, in
	// bytes. It is 4 GiB at first.
	MaxMemory uint64
}

// Compile compiles the core modules of a component. The runtime must be alive
// as long as the program is used.
func (c *Component) Compile(ctx context.Context, rt wazero.Runtime) (*Program, error) {
	p := &Program{component: c, runtime: rt, modules: map[*stepCoreModule]*compiledModule{}, MaxMemory: maxMemory}
	return p, p.compile(ctx, c.root)
}

func (p *Program) compile(ctx context.Context, d *definition) error {
	for _, s := range d.steps {
		switch s := s.(type) {
		case *stepCoreModule:
			m, err := compileModule(ctx, p.runtime, s)
			if err != nil {
				return fmt.Errorf("core module at byte %d: %w", s.offset, err)
			}
			p.modules[s] = m
		case stepComponent:
			if err := p.compile(ctx, s.def); err != nil {
				return err
			}
		}
	}
	return nil
}

// store is what all component instances of one run share.
type store struct {
	program *Program
	host    Host
	types   map[string]*resourceType // of the host, by name
	modules []api.Module             // core instances, in order
	hosts   []wazero.CompiledModule  // functions of the host, compiled for this run
	missing []string                 // imports that the host lacks

	instances int // of components and core modules
	memories  memories
}

// Instance is an instance of a component. It is used by one goroutine at a time.
type Instance struct {
	store *store
	root  *instance
	dead  bool // a call failed: the state of the guest is unknown
}

// Instantiate links a component with its host and runs what its core modules
// do when they start. The error is a *LinkError where the host lacks something.
func (p *Program) Instantiate(ctx context.Context, host Host) (*Instance, error) {
	s := &store{program: p, host: host, types: map[string]*resourceType{}, memories: memories{p.MaxMemory}}
	in := &Instance{store: s}
	args := s.imports(p.component.root.typ.imports)
	if len(s.missing) > 0 {
		return nil, &LinkError{Missing: s.missing}
	}
	var err error
	if in.root, err = s.instantiate(ctx, p.component.root, nil, args); err != nil {
		in.Close(ctx)
		return nil, err
	}
	return in, nil
}

// Close ends the instance.
func (in *Instance) Close(ctx context.Context) error {
	var errs []error
	for _, m := range slices.Backward(in.store.modules) {
		errs = append(errs, m.Close(ctx))
	}
	for _, m := range in.store.hosts {
		errs = append(errs, m.Close(ctx)) // or the runtime keeps its code
	}
	in.store.modules, in.store.hosts = nil, nil
	return errors.Join(errs...)
}

// Modules returns the core instances in the order in which they were made.
func (in *Instance) Modules() []api.Module { return in.store.modules }

// imports makes the values of imports that the host implements.
func (s *store) imports(list namedEntities) map[string]value {
	args := map[string]value{}
	for _, name := range list.names {
		args[name] = s.imported("", name, list.types[name])
	}
	return args
}

func (s *store) imported(iface, name string, e entity) value {
	switch {
	case e.sort == sortFunc:
		impl, err := s.host.Func(iface, name, e.fn.signature())
		if err != nil {
			s.missing = append(s.missing, err.Error())
		}
		return value{fn: &hostFunction{iface: iface, name: name, typ: e.fn, impl: impl}}
	case e.sort == sortType && e.typ.res != nil:
		return value{res: s.hostType(e.typ.res.name)}
	case e.sort == sortType:
		return value{}
	case e.sort == sortInstance && iface == "":
		exports := map[string]value{}
		for _, inner := range e.inst.exports.names {
			exports[inner] = s.imported(name, inner, e.inst.exports.types[inner])
		}
		return value{inst: exports}
	}
	s.missing = append(s.missing, fmt.Sprintf("%s %q, which no host can provide", e.sort, name))
	return value{}
}

func (s *store) hostType(name string) *resourceType {
	t := s.types[name]
	if t == nil {
		t = &resourceType{name: name, host: true}
		s.types[name] = t
	}
	return t
}

// Call calls an exported function: iface is "wasi:cli/run@0.2.3" as it is
// exported, empty for a function outside of any. Args are the canonical values
// of its parameters; the result is that of its result. The error of a guest
// that exited is an *ExitError.
func (in *Instance) Call(ctx context.Context, iface, name string, args []byte) (result []byte, err error) {
	v, typ, err := in.export(iface, name)
	if err != nil {
		return nil, err
	}
	if err := canon.ValidateArgs(typ.signature().Params, args); err != nil {
		return nil, err
	}
	if in.dead {
		return nil, errors.New("cannot enter component instance: a call of it has failed before")
	}
	defer func() {
		if why := recover(); why != nil {
			in.dead = true
			err = asError(why)
		}
	}()
	return v.fn.call(ctx, args, nil), nil
}

// asError returns the error that ended a guest. Mistakes of this program go on.
func asError(why any) error {
	err, ok := why.(error)
	if _, mistake := why.(interface{ RuntimeError() }); !ok || mistake {
		panic(why)
	}
	return err
}

func (in *Instance) export(iface, name string) (value, *funcType, error) {
	exports, values := in.root.def.typ.exports, in.root.exports
	if iface != "" {
		e := exports.types[iface]
		if e.sort != sortInstance {
			return value{}, nil, noExport(iface, name)
		}
		exports, values = e.inst.exports, values[iface].inst
	}
	e, ok := exports.types[name]
	if !ok || e.sort != sortFunc {
		return value{}, nil, noExport(iface, name)
	}
	return values[name], e.fn, nil
}
