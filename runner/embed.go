package runner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/writer"
)

// RecorderConfig says what a Recorder cannot see by itself. The zero value
// works.
type RecorderConfig struct {
	TextLimit   int64            // as in Config
	Tool        string           // as in Config
	Engine      Engine           // of the wazero runtime
	Features    api.CoreFeatures // enabled in the wazero runtime; 0: WebAssembly 2.0
	MemoryPages uint32           // memory limit of the wazero runtime; 0: 65536
}

// Recorder records a module that a Go program drives by itself, through wazero
// and with host functions of its own.
//
// Instantiate takes the place of wazero.Runtime.InstantiateModule for host
// modules, Module that for the guest, and Guest.Call that of api.Function.Call.
// Everything else stays as it is. Replay needs none of the host functions.
//
// A Recorder may be used by several goroutines; each Guest by one at a time, as
// a wazero module.
type Recorder struct {
	create  CreateFunc
	cfg     RecorderConfig
	clock   *clock
	mu      sync.Mutex // guards all below, and the clock
	hosts   map[[2]string]*function
	module  *Module // nil until a guest was instantiated
	header  *format.Header
	names   *dictionaries
	w       *writer.Writer
	guests  []*Guest
	err     error // of the writer
	closed  bool
	scratch sync.Pool // of *frame
}

// NewRecorder returns a recorder that calls create when its first guest is
// instantiated.
func NewRecorder(create CreateFunc, cfg RecorderConfig) *Recorder {
	return &Recorder{
		create: create, cfg: cfg, clock: newClock(true), hosts: map[[2]string]*function{},
		scratch: sync.Pool{New: func() any { return new(frame) }},
	}
}

var (
	errStarted = errors.New("the recording has begun: host modules must be instantiated before the guest")
	errClosed  = errors.New("the recorder is closed")
)

// Instantiate exports the functions of a host module under its own name, so
// that they are recorded. Effects describe what they read and write in guest
// memory. Those of WASI preview1 are known; what a function does that is in
// neither is found by comparing the whole memory before and after each call,
// which costs some 0.1 ms for every MiB of it.
//
// A host function that calls an export of its guest does so with
// GuestOf(ctx).Call, and hands it what it has written before by
// GuestOf(ctx).Write, unless it is compared. It must not grow the guest's
// memory.
func (r *Recorder) Instantiate(ctx context.Context, rt wazero.Runtime, host wazero.CompiledModule, effects []format.Function) (api.Module, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.w != nil {
		return nil, errStarted
	}
	builder := rt.NewHostModuleBuilder(host.Name())
	for name, def := range host.ExportedFunctions() {
		fn, err := describe(host.Name(), name, def, effects)
		if err != nil {
			return nil, err
		}
		wrapped := newFunction(fn, -1, -1)
		r.hosts[[2]string{host.Name(), name}] = wrapped
		builder.NewFunctionBuilder().
			WithGoModuleFunction(r.wrap(wrapped, def.GoFunction()), def.ParamTypes(), def.ResultTypes()).
			WithName(name).Export(name)
	}
	return builder.Instantiate(ctx)
}

// describe finds or makes the description of a host function.
func describe(module, name string, def api.FunctionDefinition, effects []format.Function) (*format.Function, error) {
	fn := effectOf(module, name, effects)
	if fn == nil {
		fn = undescribed(module, name, def)
	}
	if err := call.Validate(fn); err != nil {
		return nil, err
	}
	if !matches(fn, def) {
		return nil, fmt.Errorf("%s.%s: described with %d parameters, found %s", module, name, len(fn.Params), signature(def))
	}
	return fn, nil
}

func effectOf(module, name string, effects []format.Function) *format.Function {
	for i := range effects {
		if e := &effects[i]; e.Name == name && (e.Module == module || e.Module == "") {
			fn := *e
			fn.Module = module
			return &fn
		}
	}
	fn, ok := call.Lookup(module, name)
	if !ok {
		return nil
	}
	for _, w := range fn.Writes {
		// The sizes of these follow from what this program gave its guest,
		// which is not known here.
		if w.Kind == format.RegionArgs || w.Kind == format.RegionEnviron {
			c := *fn
			c.Writes, c.Compare = nil, true
			return &c
		}
	}
	return fn
}

// undescribed describes a function by its signature.
func undescribed(module, name string, def api.FunctionDefinition) *format.Function {
	fn := &format.Function{Module: module, Name: name, Compare: true}
	for _, list := range []struct {
		to    *[]format.Param
		types []api.ValueType
		names []string
	}{{&fn.Params, def.ParamTypes(), def.ParamNames()}, {&fn.Result, def.ResultTypes(), def.ResultNames()}} {
		for i, t := range list.types {
			p := format.Param{Name: fmt.Sprintf("p%d", i), Type: format.Type(api.ValueTypeName(t))}
			if i < len(list.names) {
				p.Name = list.names[i]
			}
			*list.to = append(*list.to, p)
		}
	}
	return fn
}

// Module instantiates the guest. All host modules it imports must have been
// instantiated through the recorder. _initialize is called if the module
// exports it; config's start functions are not. A module that was instantiated
// before may be so again: each instance is a task of its own in the trace.
func (r *Recorder) Module(ctx context.Context, rt wazero.Runtime, m Module, config wazero.ModuleConfig) (*Guest, error) {
	if err := m.Check(); err != nil {
		return nil, fmt.Errorf("%s: %w", m.Name, err)
	}
	compiled, err := rt.CompileModule(ctx, m.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.Name, err)
	}
	g, err := r.newGuest(&m, compiled)
	if err != nil {
		return nil, err
	}
	ctx = context.WithValue(ctx, guestKey{}, g)
	g.module, err = rt.InstantiateModule(ctx, compiled, config.WithStartFunctions())
	if err != nil {
		if g.end(ctx, err); !isTrap(err) {
			err = fmt.Errorf("%s: %w", m.Name, err)
		}
		return nil, err
	}
	if compiled.ExportedFunctions()[exportInitialize] != nil {
		if _, err := g.Call(ctx, exportInitialize); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// newGuest creates the trace for the first guest and numbers the others.
func (r *Recorder) newGuest(m *Module, compiled wazero.CompiledModule) (*Guest, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return nil, errClosed
	case r.module == nil:
		if err := r.begin(m, compiled); err != nil {
			return nil, err
		}
		r.module = m
	case r.module.sha256() != m.sha256():
		return nil, fmt.Errorf("%s: the trace is of another module, %s", m.Name, r.module.Name)
	}
	g := &Guest{rec: r, task: int32(len(r.guests))}
	r.guests = append(r.guests, g)
	return g, nil
}

// begin creates the trace.
func (r *Recorder) begin(m *Module, compiled wazero.CompiledModule) error {
	imports, err := resolve(m, compiled, func(module, name string) *format.Function {
		if fn := r.hosts[[2]string{module, name}]; fn != nil {
			return fn.Function
		}
		return nil
	})
	if err != nil {
		return err
	}
	o := engineOptions{pages: r.cfg.MemoryPages, features: r.cfg.Features}
	if o.features == 0 {
		o.features = api.CoreFeaturesV2
	}
	r.header = &format.Header{
		Version: format.Version, StartNS: r.clock.start, Tool: r.cfg.Tool, TextLimit: r.cfg.TextLimit,
		Program: &format.Program{Name: m.Name, SHA256: m.sha256(), Args: []string{}, Embedded: true},
		Host:    o.host(r.cfg.Engine),
	}
	r.names = newDictionaries()
	for _, fn := range imports {
		r.header.Functions = append(r.header.Functions, *fn)
		f := r.hosts[[2]string{fn.Module, fn.Name}]
		f.module, f.name = r.names.add(fn.Module, fn.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(compiled.ExportedFunctions())) {
		r.names.export(name)
	}
	r.w, err = r.names.create(r.create, r.header, m)
	return err
}

// Close completes the trace: each guest ends there as it is. It returns the
// first error that recording has met.
func (r *Recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.w == nil {
		r.closed = true
		return r.err
	}
	r.closed = true
	for _, g := range r.guests {
		if g.cut {
			continue
		}
		result := &Result{}
		result.MemoryHash, result.HasMemory = hashMemory(g.module)
		ev := format.Event{Time: r.clock.Wall(), Task: g.task}
		endEvent(&ev, result, nil)
		r.put(&ev)
	}
	return joinErrors(r.err, r.w.Close())
}

// Err returns the first error that recording has met: a full disk, say. The
// guests go on without being recorded.
func (r *Recorder) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// put appends an event. The lock is held.
func (r *Recorder) put(ev *format.Event) {
	if r.err == nil {
		r.err = r.w.Append(ev)
	}
}

func (r *Recorder) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
	}
}

func (r *Recorder) append(ev *format.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.put(ev)
	}
}

func (r *Recorder) now() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.clock.Wall()
}
