package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/runner/memory"
)

// ReplayConfig says how a trace is replayed. The zero value verifies it.
type ReplayConfig struct {
	Stdout io.Writer // what the guest wrote there; nil: discarded
	Stderr io.Writer
	// Module replaces the recorded program, or stands in for one that the
	// trace does not embed. Unless it is the recorded one, decoded values are
	// compared and neither addresses nor memory.
	Module     *Module
	Engine     Engine        // EngineAuto: that of the recording
	CacheDir   string        // as in Config
	Timeout    time.Duration // 0: none
	Task       *int32        // replay this task alone, such as one served request; nil: all of them
	Until      int64         // stop before the event of this number, in its task; 0: go to the end
	DumpMemory io.Writer     // gets the memory as it is when the replay ends
	Exclusive  bool          // as in Config
	Context    int           // events that a divergence shows before it; 0: 5, negative: none
	Observe    Observer      // is told of each event when it has been replayed; nil: nobody is
	// Listeners are told of the calls of functions, which slows them down. For
	// profilers.
	Listeners experimental.FunctionListenerFactory
}

// Replay runs the program of a trace again, with the trace as its host. The
// error is a *DivergenceError where it did something else; the Result is there
// also then. A recording that was cut short replays as far as it goes, with
// EndCut. Of a partial trace the program gets the answers, and runs for the rest
// on a host that grants nothing; what it does there is not compared.
func Replay(ctx context.Context, f *reader.File, cfg ReplayConfig) (*Result, error) {
	if cfg.Listeners != nil {
		ctx = experimental.WithFunctionListenerFactory(ctx, cfg.Listeners)
	}
	if f.Header().Partial != nil {
		return replayPartial(ctx, f, &cfg)
	}
	r, err := newReplay(ctx, f, &cfg)
	if errors.As(err, new(*DivergenceError)) {
		return &Result{End: EndDiverged}, err
	}
	if err != nil {
		return nil, err
	}
	defer r.engine.close(context.Background())
	if cfg.Timeout > 0 {
		timed, cancel := context.WithTimeout(ctx, cfg.Timeout)
		defer cancel()
		ctx = timed
	}
	return r.run(ctx)
}

// TaskError says that a trace does not have the task that was to be replayed.
type TaskError struct {
	Task  int32
	Tasks []int32 // that there are, in order
}

// Error is one line.
func (e *TaskError) Error() string {
	if len(e.Tasks) == 0 {
		return fmt.Sprintf("there is no task %d: there are none", e.Task)
	}
	return fmt.Sprintf("there is no task %d: there are %s", e.Task, TasksText(e.Tasks))
}

// maxRanges is how many ranges of tasks an error lists.
const maxRanges = 10

// TasksText lists tasks, which are in order: "0 to 3, 7". Of many it has the first
// ones.
func TasksText(list []int32) string {
	var parts []string
	for len(list) > 0 {
		if len(parts) == maxRanges {
			parts = append(parts, "...")
			break
		}
		n := 1
		for n < len(list) && list[n] == list[0]+int32(n) {
			n++
		}
		text := fmt.Sprint(list[0])
		if n > 1 {
			text += fmt.Sprint(" to ", list[n-1])
		}
		parts = append(parts, text)
		list = list[n:]
	}
	return strings.Join(parts, ", ")
}

// errLast ends a guest that goes on after the end of a recording that was cut.
var errLast = errors.New("end of the recording")

const (
	defaultContext = 5
	// maxNesting bounds how deep calls of exports may be within host calls:
	// each takes some of this program's own stack.
	maxNesting = 1000
	// lastGrace is what a guest gets after the last recorded event of a
	// recording that was cut, to make the call at which it can be stopped.
	lastGrace = time.Second
)

// replay is the host of one replayed program.
type replay struct {
	f         *reader.File
	header    *format.Header
	cfg       *ReplayConfig
	module    *Module
	same      bool // it is the recorded module
	cut       bool // the recording of a guest has no end
	engine    *engine
	compiled  wazero.CompiledModule
	comp      *replayedComponent // nil for a module
	functions []*function

	cur      *cursor
	instance api.Module
	memory   memoryCache
	frames   []*frame // of the host calls under way
	depth    int
	nesting  int
	returned uint32              // exit code of a command that returned
	out      map[int64]io.Writer // what stdout and stderr are by now
	result   *Result
	gate     *gate                // of the task
	current  atomic.Pointer[gate] // the same, for other goroutines
	err      error                // why the replay was ended
	stack    []string             // of the guest then
}

func newReplay(ctx context.Context, f *reader.File, cfg *ReplayConfig) (*replay, error) {
	h := f.Header()
	if h.Program == nil || h.Program.SHA256 == "" || !f.IsEvents() {
		return nil, errors.New("not the recording of a WebAssembly program")
	}
	r := &replay{f: f, header: h, cfg: cfg, result: &Result{}}
	if err := r.findCut(); err != nil {
		return nil, err
	}
	if err := r.findModule(); err != nil {
		return nil, err
	}
	o := r.options()
	var err error
	if err = r.compile(ctx, o); err != nil {
		return nil, err
	}
	r.result.Warnings = warnings(h.Host, o.host(r.engine.kind))
	if err := r.describe(); err != nil {
		r.engine.close(ctx)
		return nil, err
	}
	return r, nil
}

func (r *replay) compile(ctx context.Context, o engineOptions) (err error) {
	if !r.module.IsComponent() {
		r.engine, r.compiled, err = compile(ctx, r.module, o)
		return err
	}
	r.comp = &replayedComponent{}
	r.engine, r.comp.decoded, r.comp.program, err = compileComponent(ctx, r.module, o)
	return err
}

// findCut finds out whether the recording has its end. Of a program that was
// embedded some guests may and others may not.
func (r *replay) findCut() error {
	s := r.f.Summary()
	r.cut = s.Exit == nil || !s.Closed
	if r.cfg.Task == nil && (r.cut || !r.header.Program.Embedded) {
		return nil
	}
	running, err := r.tasks()
	if err != nil {
		return err
	}
	if t := r.cfg.Task; t != nil {
		on, ok := running[*t]
		if !ok {
			return &TaskError{*t, slices.Sorted(maps.Keys(running))}
		}
		r.cut = on
		return nil
	}
	for _, on := range running {
		r.cut = r.cut || on
	}
	return nil
}

// tasks returns the tasks, and whether each has no end.
func (r *replay) tasks() (running map[int32]bool, err error) {
	running = map[int32]bool{}
	for i := range r.f.Segments() {
		b, err := r.f.Batch(i)
		if err != nil {
			return nil, err
		}
		for row, task := range b.Task {
			kind := format.Kind(b.Kind[row])
			running[task] = kind != format.KindExit && kind != format.KindTrap
		}
	}
	return running, nil
}

// findModule takes the embedded module, or the one that replaces it.
func (r *replay) findModule() error {
	p := r.header.Program
	if r.module = r.cfg.Module; r.module == nil {
		data, err := r.f.ReadAttachment(p.Name)
		if err != nil {
			return fmt.Errorf("module %s: %w", p.Name, err)
		}
		r.module = &Module{Name: p.Name, Bytes: data}
	}
	sum := r.module.sha256()
	r.same = sum == p.SHA256
	if !r.same && r.cfg.Module == nil {
		return &DivergenceError{Event: 0, Reason: "different module",
			Differences: []call.Difference{{Name: "sha256", Recorded: p.SHA256, Now: sum}}}
	}
	return nil
}

func (r *replay) options() engineOptions {
	o := engineOptions{kind: r.cfg.Engine, pages: maxPages, features: features, cacheDir: r.cfg.CacheDir,
		interruptible: r.cfg.Timeout > 0 || r.cut}
	h := r.header.Host
	if h == nil {
		return o
	}
	if kind := Engine(h.Engine); o.kind == EngineAuto && (kind == EngineInterpreter || kind == EngineCompiler && compilerSupported()) {
		o.kind = kind
	}
	if h.MemoryPages > 0 && h.MemoryPages <= maxPages {
		o.pages = h.MemoryPages
	}
	if h.Features != 0 {
		o.features = api.CoreFeatures(h.Features) & knownFeatures
	}
	return o
}

// describe resolves the imports by the trace's table of functions.
func (r *replay) describe() error {
	if r.comp != nil {
		return r.describeComponent()
	}
	imports, err := resolve(r.module, r.compiled, func(module, name string) *format.Function {
		return call.Find(r.header, module, name)
	})
	if err != nil {
		return err
	}
	modules, names := index(r.f.Modules()), index(r.f.Functions())
	for _, fn := range imports {
		if err := call.Validate(fn); err != nil {
			return fmt.Errorf("header: %w", err)
		}
		r.functions = append(r.functions, newFunction(fn, lookupCode(modules, fn.Module), lookupCode(names, fn.Name)))
	}
	return nil
}

func index(names []string) map[string]int16 {
	m := make(map[string]int16, len(names))
	for i, name := range names {
		m[name] = int16(i)
	}
	return m
}

// lookupCode returns a name's code, -1 if no event can have it.
func lookupCode(codes map[string]int16, name string) int16 {
	if c, ok := codes[name]; ok {
		return c
	}
	return -1
}

// warnings names what may make a replay on this machine differ.
func warnings(recorded, now *format.Host) []string {
	if recorded == nil {
		return nil
	}
	var list []string
	for _, d := range []struct{ what, recorded, now, why string }{
		{"engine", recorded.Engine, now.Engine, "NaN bits and stack depth may differ"},
		{"architecture", recorded.Arch, now.Arch, "NaN bits and stack depth may differ"},
		{"runtime", recorded.Runtime, now.Runtime, "stack depth may differ"},
	} {
		if d.recorded != d.now && d.recorded != "" {
			list = append(list, fmt.Sprintf("recorded on %s %s, replayed on %s: %s", d.what, d.recorded, d.now, d.why))
		}
	}
	return list
}

// run replays one task after the other, or the one that is asked for: they share
// nothing but the trace.
func (r *replay) run(ctx context.Context) (*Result, error) {
	if err := r.instantiateHost(ctx); err != nil {
		return nil, err
	}
	limit := int64(-1)
	if r.cfg.Until > 0 {
		limit = r.cfg.Until
	}
	began := time.Now()
	if r.cfg.Exclusive {
		r.current.Store(new(gate))
		defer collectAtCalls(r.current.Load)()
	}
	var task int32
	if r.cfg.Task != nil {
		task = *r.cfg.Task
	} else if ev, err := r.f.EventAt(limit); err == nil {
		task = ev.Task // the others have nothing to do with it
	}
	cur := newCursor(r.f, task, limit)
	cur.observe = r.observer()
	r.replayTask(ctx, cur)
	if r.cfg.Task == nil {
		// In this order, so that what they print comes in the same each time.
		for _, task := range slices.Sorted(maps.Keys(cur.others)) {
			if r.err != nil {
				break
			}
			r.replayTask(ctx, cur.other(task))
		}
	}
	r.result.Duration = time.Since(began)
	return r.finish()
}

// replayTask replays the events of a cursor.
func (r *replay) replayTask(ctx context.Context, cur *cursor) {
	r.cur = cur
	r.result.End = EndCut
	if r.empty() {
		r.result.End = EndExit
	} else {
		r.task(ctx)
	}
	if errors.Is(r.err, errLast) {
		r.result.End, r.err, r.stack = EndCut, nil, nil
	}
	if r.result.End == EndCut {
		r.result.Cut = append(r.result.Cut, cur.task)
	}
	r.result.Events += r.cur.count
}

// empty: there are tasks, but the one that the cursor is at never began.
func (r *replay) empty() bool {
	return !r.cur.more() && r.cur.err == nil && !r.cur.stopped() && len(r.cur.others) > 0
}

// observer is what the cursor calls with each event that it leaves behind.
func (r *replay) observer() func(number int64, ev *format.Event) {
	if r.cfg.Observe == nil {
		return nil
	}
	modules, functions := r.f.Modules(), r.f.Functions()
	return func(number int64, ev *format.Event) {
		r.cfg.Observe.call(r.header, modules, functions, number, ev)
	}
}

// finish turns why the replay ended into its result.
func (r *replay) finish() (*Result, error) {
	var diverged *DivergenceError
	switch {
	case errors.Is(r.err, errUntil):
		r.result.End, r.result.Stack, r.err = EndUntil, r.stack, nil
	case errors.As(r.err, &diverged):
		diverged.Stack = r.stack
		r.result.End = EndDiverged
	case errors.Is(r.err, context.DeadlineExceeded):
		r.result.End, r.err = EndTimeout, nil
	case errors.Is(r.err, context.Canceled):
		r.result.End, r.err = EndCancelled, nil
	case len(r.result.Cut) > 0:
		r.result.End = EndCut
	}
	r.result.MemoryHash, r.result.HasMemory = hashMemories(r.memories())
	if err := dumpMemories(r.cfg.DumpMemory, r.memories()); err != nil {
		return r.result, errors.Join(r.err, err)
	}
	return r.result, r.err
}

func (r *replay) instantiateHost(ctx context.Context) error {
	builders := map[string]wazero.HostModuleBuilder{}
	for _, fn := range r.functions {
		b := builders[fn.Module]
		if b == nil {
			b = r.engine.rt.NewHostModuleBuilder(fn.Module)
			builders[fn.Module] = b
		}
		b.NewFunctionBuilder().
			WithGoModuleFunction(r.host(fn), valueTypes(fn.Params), valueTypes(fn.Result)).
			WithName(fn.Name).Export(fn.Name)
	}
	for _, b := range builders {
		if _, err := b.Instantiate(ctx); err != nil {
			return err
		}
	}
	return nil
}

// task replays one instance of the module: its instantiation, and the calls of
// its exports as the start events say.
func (r *replay) task(ctx context.Context) {
	r.closeTask(ctx)
	r.out = map[int64]io.Writer{1: r.cfg.Stdout, 2: r.cfg.Stderr}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r.gate = new(gate)
	r.current.Store(r.gate)
	defer r.gate.stopWith(ctx)()
	if r.cut && r.cfg.Until == 0 {
		r.cur.watch(func() { time.AfterFunc(lastGrace, func() { cancel(errLast) }) })
	}
	err := r.instantiate(ctx)
	if err != nil {
		r.ended(ctx, nil, err, nil)
	}
	for r.err == nil && r.cur.more() {
		if r.gate.shut() && r.gate.wait() {
			r.err = context.Cause(ctx)
			return
		}
		switch ev := r.cur.event(); {
		case ev.Kind == format.KindStart && err == nil:
			r.export(ctx, ev)
		case ev.Kind == format.KindWrite && err == nil:
			r.write(ev)
		case ev.Kind == format.KindExit:
			r.exited(ev, &Result{End: EndExit, ExitCode: r.returned})
		default:
			r.leftOver(ev)
		}
	}
	if r.err == nil {
		r.err = r.cursorError()
	}
}

// closeTask ends the instance of the task before.
func (r *replay) closeTask(ctx context.Context) {
	if r.instance != nil {
		r.instance.Close(ctx)
		r.instance = nil
	}
	if r.comp != nil && r.comp.instance != nil {
		r.comp.instance.Close(ctx)
		r.comp.instance = nil
	}
	r.returned = 0
}

// instantiate makes the instance of a task. Those of the tasks before are gone.
func (r *replay) instantiate(ctx context.Context) (err error) {
	if r.comp != nil {
		return r.instantiateComponent(ctx)
	}
	instance, err := r.engine.rt.InstantiateModule(ctx, r.compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err == nil {
		r.instance = instance
	}
	return err
}

// memories returns the memories of the guest.
func (r *replay) memories() []api.Memory {
	if r.comp != nil {
		return memoriesOf(r.comp.instance)
	}
	if mem := memoryOf(r.instance); mem != nil {
		return []api.Memory{mem}
	}
	return nil
}

// cursorError says why the cursor has no more: nil is the end of the trace.
func (r *replay) cursorError() error {
	switch {
	case r.cur.err != nil:
		return r.cur.err
	case r.cur.stopped():
		return errUntil
	}
	return nil
}

var errUntil = errors.New("the event asked for")

// write carries out what the host wrote outside of calls.
func (r *replay) write(ev *format.Event) {
	mem := memory.Bytes(memoryOf(r.instance))
	if addr := uint64(uint32(ev.P[0])); addr+uint64(len(ev.Output)) <= uint64(len(mem)) {
		copy(mem[addr:], ev.Output)
		r.cur.next()
		return
	}
	r.diverge(nil, ev, nil, "write outside the memory")
}

// export calls an export as the start event says.
func (r *replay) export(ctx context.Context, ev *format.Event) {
	if r.comp != nil {
		r.exportComponent(ctx, ev)
		return
	}
	name := r.nameOf(ev)
	fn := r.instance.ExportedFunction(name)
	if !callable(fn, ev) || r.nesting == maxNesting {
		r.diverge(nil, ev, nil, fmt.Sprintf("the module does not export %s with these parameters", name))
		return
	}
	params := make([]uint64, len(ev.Params()))
	for i, p := range ev.Params() {
		params[i] = mask(uint64(p), fn.Definition().ParamTypes()[i])
	}
	start := *ev
	start.Input, start.Value = nil, 0 // they become the results
	r.cur.next()
	r.nesting++
	depth := r.depth
	results, err := fn.Call(ctx, params...)
	r.depth = depth
	r.nesting--
	if err == nil {
		exportEvent(&start, results, fn.Definition().ResultTypes())
	}
	r.ended(ctx, &start, err, func(ev *format.Event) bool {
		return ev.Function == start.Function && ev.Value == start.Value && string(ev.Input) == string(start.Input)
	})
	if err == nil && r.err == nil && len(r.header.Program.Invoke) > 0 && name != exportInitialize {
		r.result.Invoked = append(r.result.Invoked, Invocation{Export: name, Params: params, Results: results,
			params: fn.Definition().ParamTypes(), results: fn.Definition().ResultTypes()})
	}
}

// callable: a start event can be one of this export. A parameter that is a
// reference would be an address in this process.
func callable(fn api.Function, ev *format.Event) bool {
	return fn != nil && len(fn.Definition().ParamTypes()) == len(ev.Params()) && recordable(fn.Definition()) == nil
}

// ended compares how a call of an export, or the instantiation, ended with what
// was recorded. same tells whether an export event has what is returned now.
func (r *replay) ended(ctx context.Context, now *format.Event, err error, same func(*format.Event) bool) {
	if r.err != nil {
		if err != nil {
			r.stack = append(r.stack, newTrap(err).Stack...)
		}
		return
	}
	result := &Result{}
	if r.err = result.setError(ctx, err, nil); r.err != nil {
		return
	}
	if result.End == EndTimeout || result.End == EndCancelled {
		r.err = context.Cause(ctx)
		return
	}
	if !r.cur.more() {
		r.err = r.cursorError()
		return
	}
	ev := r.cur.event()
	switch {
	case result.End == EndExit && err == nil && ev.Kind == format.KindExport && same(ev):
		r.cur.next()
	case result.End == EndExit && err != nil && ev.Kind == format.KindExit,
		result.End == EndTrap && ev.Kind == format.KindTrap:
		r.exited(ev, result)
	case err == nil && ev.Kind == format.KindExport:
		r.diverge(nil, ev, now, "different result")
	case err == nil:
		r.leftOver(ev)
	default:
		r.diverge(nil, ev, endOf(result), "the guest ended")
	}
	if r.err != nil && result.Trap != nil {
		r.stack = result.Trap.Stack
	}
}

// endOf is the event that a guest's end would make.
func endOf(result *Result) *format.Event {
	ev := new(format.Event)
	endEvent(ev, result, nil)
	return ev
}

// exited compares the guest's end with the event of it.
func (r *replay) exited(ev *format.Event, now *Result) {
	now.MemoryHash, now.HasMemory = hashMemories(r.memories())
	switch d := differentEnd(ev, now); {
	case d != nil:
		r.divergeEnd(ev, now, "different end", *d)
		return
	case r.same && ev.Has&format.HasHash != 0 && (!now.HasMemory || ev.Hash != now.MemoryHash):
		r.divergeEnd(ev, now, "different memory at the end",
			call.Difference{Name: "memory", Recorded: hashText(ev.Hash, true), Now: hashText(now.MemoryHash, now.HasMemory)})
		return
	}
	// A program that was embedded may have trapped and gone on.
	if !r.header.Program.Embedded || now.Trap == nil || r.cfg.Task != nil {
		r.result.ExitCode, r.result.End, r.result.Trap = now.ExitCode, now.End, now.Trap
	} else if r.header.Program.Serve != "" || r.instance == nil {
		r.result.End = EndExit // a request is over with its trap, and what never began
	}
	r.cur.next()
}

// differentEnd compares how the guest ended with an event of the same kind.
func differentEnd(ev *format.Event, now *Result) *call.Difference {
	if ev.Kind == format.KindExit {
		if code := uint32(ev.Value); code != now.ExitCode {
			return &call.Difference{Name: "exit code", Recorded: fmt.Sprint(code), Now: fmt.Sprint(now.ExitCode)}
		}
		return nil
	}
	if m := parseTrap(ev.Input).Message; m != now.Trap.Message {
		return &call.Difference{Name: "trap", Recorded: fmt.Sprintf("%q", m), Now: fmt.Sprintf("%q", now.Trap.Message)}
	}
	return nil
}

// hashText is a memory's hash, for people.
func hashText(hash uint64, ok bool) string {
	if !ok {
		return "none"
	}
	return fmt.Sprintf("%016x", hash)
}

// checkContext ends the guest if the context is done, or if it has caught what
// should have ended it.
func (r *replay) checkContext(ctx context.Context) {
	switch {
	case r.err != nil:
		panic(errStopped)
	case r.gate.shut() && r.gate.wait():
		r.fail(context.Cause(ctx))
	}
}

// fail ends the guest from inside a host function.
func (r *replay) fail(err error) {
	r.err = err
	panic(errStopped)
}

func (r *replay) nameOf(ev *format.Event) string {
	return nameOf(r.f.Functions(), ev.Function, ev.Has&format.HasFunction != 0)
}

func (r *replay) moduleOf(ev *format.Event) string {
	return nameOf(r.f.Modules(), ev.Module, ev.Has&format.HasModule != 0)
}
