package runner

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/runner/host"
	"github.com/tracetool/tracetool/runner/wasi"
	"github.com/tracetool/tracetool/writer"
)

// Record runs a program and writes its trace. It calls create when the module,
// its imports and its configuration have been found to be fine, and closes the
// writer. A guest that exits, traps or is stopped is a Result and no error.
//
// A context that is done stops the guest at its next call; with Config.Timeout
// set it stops anywhere.
func Record(ctx context.Context, m Module, cfg Config, create CreateFunc) (*Result, error) {
	s, err := newSession(ctx, &m, &cfg, newClock(true))
	if err != nil {
		return nil, err
	}
	defer s.close()
	if err := startRecording(s, create); err != nil {
		return nil, err
	}
	w, done := s.base().rec.w, false
	defer func() {
		if !done {
			w.Close() // an Observer or a writer of the program's own panics
		}
	}()
	result, err := s.run(ctx)
	done = true
	if err != nil && w.Events() == 0 { // the module cannot be instantiated
		return nil, errors.Join(fmt.Errorf("%s: %w", m.Name, err), w.Abort())
	}
	if err == nil {
		result.Events = w.Events()
	}
	return result, joinErrors(err, w.Close())
}

// joinErrors joins the error of a recording with that of completing its trace,
// which is the same one if the writer has failed.
func joinErrors(err, closing error) error {
	if err != nil && errors.Is(closing, err) {
		return closing
	}
	return errors.Join(err, closing)
}

// Run runs a program without recording it.
func Run(ctx context.Context, m Module, cfg Config) (*Result, error) {
	s, err := newSession(ctx, &m, &cfg, newClock(false))
	if err != nil {
		return nil, err
	}
	defer s.close()
	if cfg.Observe != nil {
		header, names := s.describe()
		s.base().attach(nil, header, names, s.peer())
	}
	return s.run(ctx)
}

// session is one run of a program.
type session interface {
	// prepare does everything that can fail because of what the user gave.
	prepare(ctx context.Context) error
	// describe returns the header of the run's trace, and the names in it.
	describe() (*format.Header, *dictionaries)
	// peer tells the address of the connection that was accepted last, where
	// the guest does not.
	peer() func() string
	run(ctx context.Context) (*Result, error)
	close()
	base() *common
}

func newSession(ctx context.Context, m *Module, cfg *Config, clk *clock) (session, error) {
	c := newCommon(m, cfg, clk)
	if c.options.pages > maxPages {
		return nil, fmt.Errorf("memory limit: expected at most %d pages, found %d", maxPages, c.options.pages)
	}
	var s session = &moduleSession{common: c}
	if m.IsComponent() {
		s = &componentSession{common: c}
	}
	if err := s.prepare(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// startRecording creates the trace and attaches the program.
func startRecording(s session, create CreateFunc) error {
	header, names := s.describe()
	return s.base().record(create, header, names, s.peer())
}

func newCommon(m *Module, cfg *Config, clk *clock) common {
	c := common{module: m, cfg: cfg, clock: clk, gate: new(gate)}
	c.options = engineOptions{kind: cfg.Engine, pages: cfg.MemoryPages, features: features,
		cacheDir: cfg.CacheDir, interruptible: cfg.Timeout > 0}
	if c.options.pages == 0 {
		c.options.pages = maxPages
	}
	return c
}

// common is what the runs of all kinds of program have.
type common struct {
	module  *Module
	cfg     *Config
	options engineOptions
	engine  *engine
	clock   *clock
	gate    *gate
	rec     *recorder // nil unless it is recorded or observed
}

func (c *common) base() *common { return c }

// record creates the trace of a run.
func (c *common) record(create CreateFunc, header *format.Header, names *dictionaries, peer func() string) error {
	w, err := names.create(create, header, c.module, c.cfg.Detach)
	if err != nil {
		return err
	}
	if c.cfg.Started != nil {
		c.cfg.Started()
	}
	c.attach(w, header, names, peer)
	return nil
}

// attach has the run recorded, or with no writer only observed.
func (c *common) attach(w *writer.Writer, header *format.Header, names *dictionaries, peer func() string) {
	c.rec = &recorder{w: w, observe: c.cfg.Observe, header: header, clock: c.clock, gate: c.gate, names: names, peer: peer}
}

// header is that of the recording of a program.
func (c *common) header(p *format.Program) *format.Header {
	return &format.Header{
		Version: format.Version, StartNS: c.clock.start, Tool: c.cfg.Tool, Tags: c.cfg.Tags, TextLimit: c.cfg.textLimit(),
		Program: p, Host: c.options.host(c.engine.kind),
	}
}

// program describes what was run.
func (c *common) program() *format.Program {
	p := &format.Program{
		Name: c.module.Name, SHA256: c.module.sha256(), Args: c.cfg.args(c.module), Env: c.cfg.Env,
		Dirs: c.cfg.Dirs, AllowNet: c.cfg.AllowNet, Stdin: c.cfg.StdinName, Invoke: c.cfg.Invoke,
	}
	if c.cfg.Chaos.Ratio > 0 {
		p.Chaos = &c.cfg.Chaos
	}
	return p
}

// moduleSession is one run of a program of WASI preview1.
type moduleSession struct {
	common
	compiled  wazero.CompiledModule
	imports   []*format.Function
	calls     []Invocation
	listeners []net.Listener
	conns     []net.Conn // made for the program
	system    *wasi.System
	instance  api.Module
}

func (s *moduleSession) prepare(ctx context.Context) (err error) {
	if len(s.cfg.AllowHTTP) > 0 || s.cfg.Cwd != "" {
		return fmt.Errorf("%s: %w where HTTP servers or a working directory are given", s.module.Name, ErrNoComponent)
	}
	if s.engine, s.compiled, err = compile(ctx, s.module, s.options); err != nil {
		return err
	}
	if s.imports, err = resolve(s.module, s.compiled, lookup); err != nil {
		return err
	}
	if err = needsMemory(s.module, s.imports); err != nil {
		return err
	}
	if s.calls, err = plan(s.module, s.compiled, s.cfg.Invoke); err != nil {
		return err
	}
	allow, err := s.openNetwork(ctx)
	if err != nil {
		return err
	}
	s.system, err = wasi.New(wasi.Config{
		Args: s.cfg.args(s.module), Env: s.cfg.Env, Dirs: dirs(s.cfg.Dirs),
		Listeners: s.listeners, Conns: s.conns, AllowNet: allow,
		Stdin: s.cfg.Stdin, Stdout: s.cfg.Stdout, Stderr: s.cfg.Stderr, Clock: s.clock,
		Chaos: wasi.Chaos(s.cfg.Chaos),
	})
	return err
}

// openNetwork opens the sockets that the program is given, and returns what
// those of its own may use, nil for nothing.
func (s *moduleSession) openNetwork(ctx context.Context) (*host.AllowNet, error) {
	for _, addr := range s.cfg.Listen {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return nil, err
		}
		s.listeners = append(s.listeners, l)
	}
	for _, addr := range s.cfg.Dial {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err != nil {
			return nil, err
		}
		s.conns = append(s.conns, c)
	}
	if len(s.cfg.AllowNet) == 0 {
		return nil, nil
	}
	return host.ParseAllowNet(s.cfg.AllowNet)
}

func lookup(module, name string) *format.Function {
	fn, _ := call.Lookup(module, name)
	return fn
}

func dirs(preopens []format.Preopen) []wasi.Dir {
	list := make([]wasi.Dir, len(preopens))
	for i, p := range preopens {
		list[i] = wasi.Dir{Host: p.Host, Guest: p.Guest, ReadOnly: p.ReadOnly}
	}
	return list
}

func (s *moduleSession) close() {
	if s.system != nil {
		s.system.Close()
	}
	for _, l := range s.listeners {
		l.Close()
	}
	for _, c := range s.conns {
		c.Close()
	}
	if s.engine != nil {
		s.engine.close(context.Background())
	}
}

func (s *moduleSession) peer() func() string { return s.system.Peer }

func (s *moduleSession) describe() (*format.Header, *dictionaries) {
	p := s.program()
	p.Reactor = s.calls[0].Export != exportStart
	for _, l := range s.listeners {
		p.Listen = append(p.Listen, l.Addr().String())
	}
	for i, c := range s.conns {
		p.Dial = append(p.Dial, format.Dialed{Address: s.cfg.Dial[i], Local: c.LocalAddr().String(), Remote: c.RemoteAddr().String()})
	}
	header := s.header(p)
	d := newDictionaries()
	for _, fn := range s.imports {
		header.Functions = append(header.Functions, *fn)
		d.add(fn.Module, fn.Name)
	}
	for _, c := range s.calls {
		d.export(c.Export)
	}
	return header, d
}

// guest is what a run calls.
type guest interface {
	// callAll instantiates the program and calls its exports.
	callAll(ctx context.Context, result *Result) error
	// hashMemory returns the hash of the final memory, false if there is none.
	hashMemory() (uint64, bool)
}

func (s *moduleSession) run(ctx context.Context) (*Result, error) {
	if err := s.instantiateHost(ctx); err != nil {
		return nil, err
	}
	return s.call(ctx, s)
}

func (s *moduleSession) hashMemory() (uint64, bool) { return hashMemory(s.instance) }

// call calls the guest and writes down how it ended.
func (c *common) call(ctx context.Context, g guest) (*Result, error) {
	if c.cfg.Timeout > 0 {
		timed, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
		defer cancel()
		ctx = timed
	}
	defer c.gate.stopWith(ctx)()
	if c.cfg.Exclusive {
		defer collectAtCalls(func() *gate { return c.gate })()
	}
	if c.rec != nil {
		// A fault on the mapped open segment, as of a full disk, is an error.
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	}
	result := &Result{}
	began := time.Now()
	err := g.callAll(ctx, result)
	result.Duration = time.Since(began)
	var recordErr error
	if c.rec != nil {
		recordErr = c.rec.err
	}
	if err := result.setError(ctx, err, recordErr); err != nil {
		return nil, err
	}
	result.MemoryHash, result.HasMemory = g.hashMemory()
	if c.rec == nil {
		return result, nil
	}
	return result, c.rec.end(result)
}

// callAll instantiates the module and calls its exports.
func (s *moduleSession) callAll(ctx context.Context, result *Result) (err error) {
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	if s.instance, err = s.engine.rt.InstantiateModule(ctx, s.compiled, config); err != nil {
		return err
	}
	for i := range s.calls {
		c := &s.calls[i]
		if s.rec != nil && !s.rec.started(c) {
			return errStopped
		}
		if c.Results, err = s.instance.ExportedFunction(c.Export).Call(ctx, c.Params...); err != nil {
			return err
		}
		if s.rec != nil && !s.rec.returned(c) {
			return errStopped
		}
		if c.Export != exportStart && c.Export != exportInitialize {
			result.Invoked = append(result.Invoked, *c)
		}
	}
	return nil
}

// instantiateHost exports the functions that the module imports, wrapped if it
// is recorded.
func (s *moduleSession) instantiateHost(ctx context.Context) error {
	builder := s.engine.rt.NewHostModuleBuilder(call.Module)
	for i, fn := range s.imports {
		host, ok := s.system.Function(fn.Name)
		if !ok {
			return fmt.Errorf("%s.%s is in the table of calls, but the host has no such function", fn.Module, fn.Name)
		}
		if s.rec != nil {
			host = s.rec.wrap(newFunction(fn, 0, int16(i)), host)
		} else {
			host = s.gated(host)
		}
		builder.NewFunctionBuilder().
			WithGoModuleFunction(host, valueTypes(fn.Params), valueTypes(fn.Result)).
			WithName(fn.Name).Export(fn.Name)
	}
	_, err := builder.Instantiate(ctx)
	return err
}

// gated is wrap for a guest that is not recorded.
func (s *moduleSession) gated(host api.GoModuleFunc) api.GoModuleFunc {
	return func(ctx context.Context, mod api.Module, stack []uint64) {
		s.gate.pass()
		host(ctx, mod, stack)
	}
}
