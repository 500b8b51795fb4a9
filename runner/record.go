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
	if err := s.startRecording(create); err != nil {
		return nil, err
	}
	result, err := s.run(ctx)
	w := s.rec.w
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
		s.rec = &recorder{observe: cfg.Observe, clock: s.clock, gate: &s.gate, peer: s.system.Peer}
		s.rec.header, s.rec.names = s.describe()
	}
	return s.run(ctx)
}

// session is one run of a program of WASI preview1.
type session struct {
	module    *Module
	cfg       *Config
	options   engineOptions
	engine    *engine
	compiled  wazero.CompiledModule
	imports   []*format.Function
	calls     []Invocation
	listeners []net.Listener
	conns     []net.Conn // made for the program
	system    *wasi.System
	clock     *clock
	gate      gate
	rec       *recorder // nil unless it is recorded
	instance  api.Module
}

// newSession does everything that can fail because of what the user gave.
func newSession(ctx context.Context, m *Module, cfg *Config, c *clock) (*session, error) {
	s := &session{module: m, cfg: cfg, clock: c}
	s.options = engineOptions{kind: cfg.Engine, pages: cfg.MemoryPages, features: features,
		cacheDir: cfg.CacheDir, interruptible: cfg.Timeout > 0}
	if s.options.pages == 0 {
		s.options.pages = maxPages
	}
	if err := s.prepare(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *session) prepare(ctx context.Context) (err error) {
	if s.options.pages > maxPages {
		return fmt.Errorf("memory limit: expected at most %d pages, found %d", maxPages, s.options.pages)
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
func (s *session) openNetwork(ctx context.Context) (*host.AllowNet, error) {
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

func (s *session) close() {
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

// startRecording creates the trace and attaches the module.
func (s *session) startRecording(create CreateFunc) error {
	header, names := s.describe()
	w, err := names.create(create, header, s.module)
	if err != nil {
		return err
	}
	s.rec = &recorder{w: w, observe: s.cfg.Observe, header: header, clock: s.clock, gate: &s.gate, names: names, peer: s.system.Peer}
	return nil
}

// describe returns the header of the run's trace, and the names in it.
func (s *session) describe() (*format.Header, *dictionaries) {
	header := &format.Header{
		Version: format.Version, StartNS: s.clock.start, Tool: s.cfg.Tool, TextLimit: s.cfg.textLimit(),
		Program: s.program(), Host: s.options.host(s.engine.kind),
	}
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

func (s *session) program() *format.Program {
	p := &format.Program{
		Name: s.module.Name, SHA256: s.module.sha256(), Args: s.cfg.args(s.module), Env: s.cfg.Env,
		Dirs: s.cfg.Dirs, AllowNet: s.cfg.AllowNet, Stdin: s.cfg.StdinName, Invoke: s.cfg.Invoke, Reactor: s.calls[0].Export != exportStart,
	}
	for _, l := range s.listeners {
		p.Listen = append(p.Listen, l.Addr().String())
	}
	for i, c := range s.conns {
		p.Dial = append(p.Dial, format.Dialed{Address: s.cfg.Dial[i], Local: c.LocalAddr().String(), Remote: c.RemoteAddr().String()})
	}
	if s.cfg.Chaos.Ratio > 0 {
		p.Chaos = &s.cfg.Chaos
	}
	return p
}

// run calls the guest and writes down how it ended.
func (s *session) run(ctx context.Context) (*Result, error) {
	if s.cfg.Timeout > 0 {
		timed, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
		defer cancel()
		ctx = timed
	}
	defer s.gate.stopWith(ctx)()
	if s.cfg.Exclusive {
		defer s.gate.collectAtCalls()()
	}
	if s.rec != nil {
		// A fault on the mapped open segment, as of a full disk, is an error.
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	}
	if err := s.instantiateHost(ctx); err != nil {
		return nil, err
	}
	result := &Result{}
	began := time.Now()
	err := s.callAll(ctx, result)
	result.Duration = time.Since(began)
	var recordErr error
	if s.rec != nil {
		recordErr = s.rec.err
	}
	if err := result.setError(ctx, err, recordErr); err != nil {
		return nil, err
	}
	result.MemoryHash, result.HasMemory = hashMemory(s.instance)
	if s.rec == nil {
		return result, nil
	}
	return result, s.rec.end(result)
}

// callAll instantiates the module and calls its exports.
func (s *session) callAll(ctx context.Context, result *Result) (err error) {
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
func (s *session) instantiateHost(ctx context.Context) error {
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
func (s *session) gated(host api.GoModuleFunc) api.GoModuleFunc {
	return func(ctx context.Context, mod api.Module, stack []uint64) {
		s.gate.pass()
		host(ctx, mod, stack)
	}
}
