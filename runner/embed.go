package runner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
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
	guests  []*Guest // those that are not done
	tasks   int32    // guests so far
	err     error    // of the writer
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
// memory. One that ends its guest panics with a *sys.ExitError, as proc_exit
// does: a guest whose module is closed under it otherwise has no end in the
// trace.
//
// A program of several runtimes instantiates the host module in each of them,
// with the same effects.
func (r *Recorder) Instantiate(ctx context.Context, rt wazero.Runtime, host wazero.CompiledModule, effects []format.Function) (api.Module, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.w != nil {
		return nil, errStarted
	}
	builder := rt.NewHostModuleBuilder(host.Name())
	hosts := map[[2]string]*function{}
	for name, def := range host.ExportedFunctions() {
		fn, err := describe(host.Name(), name, def, effects)
		if err != nil {
			return nil, err
		}
		if def.GoFunction() == nil {
			return nil, fmt.Errorf("%s.%s: expected a host function, found one of a module", host.Name(), name)
		}
		wrapped, err := r.function(fn)
		if err != nil {
			return nil, err
		}
		hosts[[2]string{host.Name(), name}] = wrapped
		builder.NewFunctionBuilder().
			WithGoModuleFunction(r.wrap(wrapped, def.GoFunction()), def.ParamTypes(), def.ResultTypes()).
			WithName(name).Export(name)
	}
	instance, err := builder.Instantiate(ctx)
	if err == nil {
		maps.Copy(r.hosts, hosts)
	}
	return instance, err
}

// function is the host function of a description. Runtimes that have it of the
// same description share it.
func (r *Recorder) function(fn *format.Function) (*function, error) {
	known := r.hosts[[2]string{fn.Module, fn.Name}]
	if known == nil {
		return newFunction(fn, -1, -1), nil
	}
	if !reflect.DeepEqual(known.Function, fn) {
		return nil, fmt.Errorf("%s.%s: was instantiated before with other effects", fn.Module, fn.Name)
	}
	return known, nil
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
// exports it; config's start functions are not; a nil config is wazero's default.
// A module that was instantiated before may be so again, under another name or
// none: each instance is a task of its own in the trace. It ends when the
// recorder is closed, or at the next call of Module after it was closed itself.
func (r *Recorder) Module(ctx context.Context, rt wazero.Runtime, m Module, config wazero.ModuleConfig) (*Guest, error) {
	if err := m.Check(); err != nil {
		return nil, fmt.Errorf("%s: %w", m.Name, err)
	}
	if config == nil {
		config = wazero.NewModuleConfig()
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
	instance, err := rt.InstantiateModule(ctx, compiled, config.WithStartFunctions())
	if err != nil {
		if g.end(ctx, err); !isTrap(err) {
			err = fmt.Errorf("%s: %w", m.Name, err)
		}
		return nil, err
	}
	r.began(g, instance)
	if compiled.ExportedFunctions()[exportInitialize] != nil {
		if _, err := g.Call(ctx, exportInitialize); err != nil {
			instance.Close(ctx) // the caller has nothing to close
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
	r.endClosed()
	g := &Guest{rec: r, task: r.tasks, nesting: 1}
	r.tasks++
	r.guests = append(r.guests, g)
	return g, nil
}

// began is told of the instance of a guest, whose calls may begin now.
func (r *Recorder) began(g *Guest, instance api.Module) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g.module = instance
	g.nesting--
}

// endClosed ends the guests whose modules the program has closed since, so that
// they are not kept until Close. The lock is held.
func (r *Recorder) endClosed() {
	r.guests = slices.DeleteFunc(r.guests, func(g *Guest) bool {
		if !g.done && g.nesting == 0 && g.module.IsClosed() {
			r.endGuest(g)
		}
		return g.done
	})
}

// endGuest writes the end of a guest as it is. The lock is held.
func (r *Recorder) endGuest(g *Guest) {
	result := &Result{}
	result.MemoryHash, result.HasMemory = hashMemory(g.module)
	ev := format.Event{Time: r.clock.Wall(), Task: g.task}
	endEvent(&ev, result, nil)
	r.put(&ev)
	g.done = true
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
	r.w, err = r.names.create(r.create, r.header, m, false)
	return err
}

// Close completes the trace: each guest ends there as it is. One with a call
// under way has no end in the trace, and goes on without being recorded. Close
// returns the first error that recording has met.
func (r *Recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.w == nil {
		r.closed = true
		return r.err
	}
	r.closed = true
	for _, g := range r.guests {
		if !g.done && g.nesting == 0 {
			r.endGuest(g)
		}
	}
	r.guests = nil
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

// append adds an event of a guest with which a call begins, 1, or ends, -1.
func (r *Recorder) append(g *Guest, ev *format.Event, calls int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g.nesting += calls
	if !r.closed && !g.done {
		r.put(ev)
	}
}

// write writes into a guest's memory, which Close may be about to read.
func (r *Recorder) write(g *Guest, mem api.Memory, addr uint32, data []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !mem.Write(addr, data) {
		return false
	}
	if !r.closed && !g.done {
		ev := writeEvent(g, r.clock.Wall(), addr, data)
		r.put(&ev)
	}
	return true
}

// finish ends a guest of which nothing more is recorded, with a call of it. Last
// is its last event, nil for none.
func (r *Recorder) finish(g *Guest, last *format.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g.nesting--
	if last != nil && !r.closed && !g.done {
		r.put(last)
	}
	g.done = true
}

func (r *Recorder) now() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.clock.Wall()
}
