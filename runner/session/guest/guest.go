// Package guest makes session models of WebAssembly programs, as they are: a
// program needs nothing of ours to be recorded.
//
// [Open] compiles a module, and [Program.Model] starts it for one session. A
// command of WASI preview1 gets a terminal, see [screen.Terminal]; a module that
// draws by itself exports the functions that SPEC.md lists.
//
// # The world of a program
//
// All that a program can tell is decided by the session: its clocks move with
// Advance alone, its random numbers follow from the seed, its input is the
// session's events, and it has no directory, no network and no environment but
// COLUMNS, LINES, TERM and what [Options] name. Between two waits it runs as
// fast as it may, while its clocks stand still.
//
// A program runs until it waits for input or for time to pass: poll_oneoff, or
// fd_read where nothing has been typed. It waits there until the session goes
// on. Time passes from one moment that it waits for to the next, so a program
// that sleeps for 10 ms is woken ten times by a tick of 100 ms.
//
// A program that asks again and again whether there is anything to do, without
// waiting, is made to wait after [MaxIdle] questions. One that does not come to
// rest within [MaxCalls] calls, [MaxWakes] moments or Options.Timeout ends with a
// [StuckError].
package guest

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/tracetool/tracetool/runner"
	"github.com/tracetool/tracetool/runner/garbage"
	"github.com/tracetool/tracetool/runner/wasi"
)

// Term is the value of TERM that programs get, and the profile of their
// sessions.
const Term = "xterm-256color"

// Bounds of what a program may do when it is given something, and of its memory.
// They are the same on every machine: the first decides what it draws.
const (
	MaxIdle     = 1 << 16 // questions in a row whether there is anything to do
	MaxCalls    = 1 << 24 // calls of functions of WASI
	MaxWakes    = 1 << 18 // moments that one tick wakes it at
	MemoryPages = 1 << 14 // of 64 KiB each
)

// DefaultTimeout is how long a program may compute between two waits.
const DefaultTimeout = 10 * time.Second

// Options say how a program is started. The zero value works.
type Options struct {
	Args []string // after the name of the module
	Env  []string // "K=V", beside COLUMNS, LINES and TERM

	Engine   runner.Engine
	CacheDir string // of compiled modules, see runner.Config
	// Timeout is how long the program may compute between two waits, by the
	// host's clock; 0: DefaultTimeout, negative: for ever, which makes programs
	// that compute much faster. It decides about nothing but when to give up.
	Timeout time.Duration
	// Exclusive says that the process runs nothing beside one session, see
	// runner.Config. It matters where Timeout is negative.
	Exclusive bool
}

// StuckError says that a program did not come to rest.
type StuckError struct {
	Calls   int           // that it made since it was given something
	Wakes   int           // or how often one tick woke it
	Timeout time.Duration // or how long it computed
}

func (e *StuckError) Error() string {
	switch {
	case e.Wakes > 0:
		return fmt.Sprintf("one tick woke the program %d times", e.Wakes)
	case e.Calls > 0:
		return fmt.Sprintf("the program made %d calls without waiting for input or time", e.Calls)
	}
	return fmt.Sprintf("the program computed for %s without waiting for input or time", e.Timeout)
}

// Program is a compiled module. It is safe for concurrent use, each of its models
// is for one goroutine.
type Program struct {
	module   runner.Module
	options  Options
	compiled *runner.Compiled
	frames   *frameExports // nil: a command
	due      atomic.Bool   // garbage is to be collected
	collect  func()        // garbage at any time again

	mu     sync.Mutex
	models map[*Model]struct{} // not closed
}

// Open compiles a module. Close the program to end all of its models.
func Open(ctx context.Context, m runner.Module, o Options) (*Program, error) {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	compiled, err := runner.Compile(ctx, m, runner.CompileOptions{
		Engine: o.Engine, MemoryPages: MemoryPages, CacheDir: o.CacheDir, Interruptible: o.Timeout > 0,
	})
	if err != nil {
		return nil, err
	}
	p := &Program{module: m, options: o, compiled: compiled, models: map[*Model]struct{}{}}
	if err := p.link(ctx); err != nil {
		compiled.Close()
		return nil, fmt.Errorf("%s: %w", m.Name, err)
	}
	if o.Exclusive {
		p.collect = garbage.AtCalls(func() { p.due.Store(true) })
	}
	return p, nil
}

// link looks at what the module exports and imports, and makes the functions
// that it imports. They find their model in the context of a call.
func (p *Program) link(ctx context.Context) (err error) {
	exports := p.compiled.Module.ExportedFunctions()
	if p.frames, err = findFrameExports(exports); err != nil {
		return err
	}
	if p.frames == nil && exports["_start"] == nil {
		return fmt.Errorf("exports neither _start nor %s: neither a command nor a module that draws frames", exportStart)
	}
	for _, fn := range p.compiled.Module.ImportedFunctions() {
		if module, name, _ := fn.Import(); module != wasi.ModuleName {
			return fmt.Errorf("imports %s.%s: sessions have the functions of WASI preview1 alone", module, name)
		}
	}
	b := p.compiled.Runtime.NewHostModuleBuilder(wasi.ModuleName)
	for i, f := range wasi.Functions {
		b.NewFunctionBuilder().WithGoModuleFunction(hostFunction(i), f.Params, f.Results).Export(f.Name)
	}
	_, err = b.Instantiate(ctx)
	return err
}

type modelKey struct{}

// hostFunction is the i-th of wasi.Functions, for whichever model calls it.
func hostFunction(i int) api.GoModuleFunc {
	return func(ctx context.Context, mod api.Module, stack []uint64) {
		ctx.Value(modelKey{}).(*Model).call(ctx, i, mod, stack)
	}
}

// Model returns a fresh model. It runs nothing before its Start, and should be
// closed.
func (p *Program) Model() *Model {
	m := &Model{program: p}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.models[m] = struct{}{}
	return m
}

func (p *Program) forget(m *Model) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.models, m)
}

// Close ends all models of the program.
func (p *Program) Close() {
	p.mu.Lock()
	open := make([]*Model, 0, len(p.models))
	for m := range p.models {
		open = append(open, m)
	}
	p.mu.Unlock()
	for _, m := range open {
		m.Close()
	}
	p.compiled.Close()
	if p.collect != nil {
		p.collect()
		p.collect = nil
	}
}

// clean collects garbage if that is due. A model calls it whenever its program is
// not computing.
func (p *Program) clean() {
	if p.due.Load() && p.due.Swap(false) {
		runtime.GC()
	}
}

func (p *Program) instantiate(ctx context.Context) (api.Module, error) {
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	return p.compiled.Runtime.InstantiateModule(ctx, p.compiled.Module, config)
}
