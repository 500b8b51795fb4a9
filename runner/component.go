package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/format/canon"
	"github.com/tracetool/tracetool/runner/component"
	"github.com/tracetool/tracetool/runner/wasip2"
)

// The export that runs a command, in any version of WASI 0.2.
const (
	runInterface = "wasi:cli/run"
	runName      = "run"
)

// componentSession is one run of a component.
type componentSession struct {
	common
	component *component.Component
	compiled  *component.Program
	host      *wasip2.Host
	exports   []component.Func // to be called
	answers   *answers         // of a partial trace that is replayed; nil: the host's own
	instance  *component.Instance
}

func (s *componentSession) prepare(ctx context.Context) (err error) {
	if err = s.refuse(); err != nil {
		return err
	}
	if s.engine, s.component, s.compiled, err = compileComponent(ctx, s.module, s.options); err != nil {
		return err
	}
	if s.exports, err = planComponent(s.module, s.component, s.cfg.Invoke); err != nil {
		return err
	}
	cfg := s.hostConfig()
	if s.answers != nil {
		s.answers.configure(&cfg)
	}
	if s.host, err = wasip2.New(cfg); err != nil {
		return err
	}
	return checkImports(s.module, s.component, s.guestHost())
}

// refuse finds what only modules can be given.
func (c *common) refuse() error {
	if len(c.cfg.Dial) > 0 || c.cfg.Chaos.Ratio > 0 {
		return fmt.Errorf("%s: %w where connections or faults are given", c.module.Name, ErrComponent)
	}
	return nil
}

// hostConfig is what the component gets.
func (c *common) hostConfig() wasip2.Config {
	return wasip2.Config{
		Args: c.cfg.args(c.module), Env: c.cfg.Env, Cwd: c.cfg.Cwd, Dirs: componentDirs(c.cfg.Dirs),
		Listen: c.cfg.Listen, AllowNet: c.cfg.AllowNet, AllowHTTP: c.cfg.AllowHTTP,
		Stdin: c.cfg.Stdin, Stdout: c.cfg.Stdout, Stderr: c.cfg.Stderr, Clock: c.clock,
	}
}

func componentDirs(preopens []format.Preopen) []wasip2.Dir {
	list := make([]wasip2.Dir, len(preopens))
	for i, p := range preopens {
		list[i] = wasip2.Dir{Host: p.Host, Guest: p.Guest, ReadOnly: p.ReadOnly}
	}
	return list
}

// compileComponent starts an engine and compiles a component. A cache that
// cannot be read or written is left out.
func compileComponent(ctx context.Context, m *Module, o engineOptions) (*engine, *component.Component, *component.Program, error) {
	c, err := component.Decode(m.Bytes)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("%s: %w", m.Name, err)
	}
	e, err := newEngine(ctx, o)
	if err != nil {
		return nil, nil, nil, err
	}
	p, err := c.Compile(ctx, e.rt)
	if err == nil {
		p.MaxMemory = uint64(o.pages) << 16
		return e, c, p, nil
	}
	e.close(ctx)
	if e.cache != nil {
		o.cacheDir = NoCache
		return compileComponent(ctx, m, o)
	}
	return nil, nil, nil, fmt.Errorf("%s: %w", m.Name, err)
}

// planComponent returns the exports to call, in order.
func planComponent(m *Module, c *component.Component, invoke []string) ([]component.Func, error) {
	if len(invoke) == 0 {
		f := findExport(c, runInterface, runName)
		switch {
		case f != nil && ofWASI02(f.Interface):
			return []component.Func{*f}, nil
		case f != nil:
			return nil, fmt.Errorf("%s: exports %s, expected WASI 0.2", m.Name, f.Interface)
		case findExport(c, handlerInterface, handlerName) != nil:
			return nil, fmt.Errorf("%s: exports no %s, but %s: it is to be served", m.Name, runInterface, handlerInterface)
		}
		return nil, fmt.Errorf("%s: exports no %s: name a function to invoke", m.Name, runInterface)
	}
	var list []component.Func
	for _, text := range invoke {
		iface, name, found := strings.Cut(strings.TrimSuffix(strings.TrimSpace(text), "()"), "#")
		if !found {
			iface, name = "", iface
		}
		f := findExport(c, iface, name)
		if f == nil {
			return nil, &InvokeError{text, "the component exports no such function: expected NAME or INTERFACE#NAME"}
		}
		if len(f.Type.Params) > 0 {
			return nil, &InvokeError{text, "a component's function with parameters: " + f.Type.String()}
		}
		list = append(list, *f)
	}
	return list, nil
}

// findExport finds a function of an interface, of which the version does not
// matter where none is named.
func findExport(c *component.Component, iface, name string) *component.Func {
	for _, it := range c.Exports() {
		for i, f := range it.Funcs {
			if f.Name == name && (f.Interface == iface || withoutVersion(f.Interface) == iface) {
				return &it.Funcs[i]
			}
		}
	}
	return nil
}

func withoutVersion(iface string) string {
	name, _, _ := strings.Cut(iface, "@")
	return name
}

// ofWASI02: an interface is not one of another version of WASI, such as
// "wasi:cli/run@0.3.0".
func ofWASI02(iface string) bool {
	name, version, versioned := strings.Cut(iface, "@")
	return !versioned || !strings.HasPrefix(name, "wasi:") || strings.HasPrefix(version, "0.2.")
}

// checkImports returns an *ImportError for what a host does not provide.
func checkImports(m *Module, c *component.Component, h component.Host) error {
	var missing []Import
	for _, it := range c.Imports() {
		if it.Sort == "component" || it.Sort == "core module" {
			missing = append(missing, Import{Name: it.Name, Kind: it.Sort})
		}
		for _, f := range it.Funcs {
			if _, err := h.Func(f.Interface, f.Name, f.Type); err != nil {
				missing = append(missing, missingFunction(f, err))
			}
		}
	}
	if len(missing) > 0 {
		return &ImportError{Program: m.Name, Imports: missing}
	}
	return nil
}

// missingFunction describes a function that a host does not have, or has with
// another type.
func missingFunction(f component.Func, err error) Import {
	text := func(sig *canon.Func) string { return strings.TrimPrefix(sig.String(), "func") }
	i := Import{Module: f.Interface, Name: f.Name, Kind: "function", Signature: text(f.Type)}
	var other *component.TypeError
	if errors.As(err, &other) {
		i.Want = text(other.Want)
	}
	return i
}

func (s *componentSession) close() {
	if s.host != nil {
		s.host.Close()
	}
	if s.engine != nil {
		s.engine.close(context.Background())
	}
}

func (s *componentSession) describe() (*format.Header, *dictionaries) {
	return s.describeExports(s.component, s.exports, s.program())
}

// peer: components are told.
func (s *componentSession) peer() func() string { return nil }

// describeExports describes the trace of a component of which exports are
// called.
func (c *common) describeExports(decoded *component.Component, exports []component.Func, p *format.Program) (*format.Header, *dictionaries) {
	p.Listen, p.AllowHTTP, p.Cwd = c.cfg.Listen, c.cfg.AllowHTTP, c.cfg.Cwd
	header := c.header(p)
	d := newDictionaries()
	for _, it := range decoded.Imports() {
		for _, f := range it.Funcs {
			header.Functions = append(header.Functions, describeComponent(f))
			d.add(f.Interface, f.Name)
		}
		for _, r := range it.Resources {
			d.add(resourceNames(r))
		}
	}
	for _, f := range exports {
		header.Functions = append(header.Functions, describeComponent(f))
		d.add(f.Interface, f.Name)
	}
	return header, d
}

func describeComponent(f component.Func) format.Function {
	return format.Function{Module: f.Interface, Name: f.Name, Signature: f.Type.String(), Untimed: call.Untimed(f.Interface, f.Name)}
}

// outputStream is the resource that text is written to.
const outputStream = "wasi:io/streams.output-stream"

// resourceNames splits "wasi:io/streams.input-stream" into the names of its
// events.
func resourceNames(resource string) (module, function string) {
	i := strings.LastIndexByte(resource, '.')
	if i < 0 {
		return "", resource
	}
	return resource[:i], resource[i+1:]
}

func (s *componentSession) run(ctx context.Context) (*Result, error) { return s.call(ctx, s) }

func (s *componentSession) callAll(ctx context.Context, result *Result) (err error) {
	if s.instance, err = s.compiled.Instantiate(ctx, s.guestHost()); err != nil {
		return guestError(err)
	}
	for _, f := range s.exports {
		out, err := callComponent(ctx, s.instance, s.rec, f, nil, nil)
		if err != nil {
			return err
		}
		if result.ExitCode = exitCode(f, out); len(s.cfg.Invoke) > 0 {
			result.Invoked = append(result.Invoked, Invocation{Export: f.Name, result: f.Type.Result, output: out})
		}
	}
	return nil
}

// guestHost is the host that the component is linked to.
func (s *componentSession) guestHost() component.Host {
	if s.rec != nil {
		return newRecordedHost(s.rec, s.host)
	}
	host := &gatedHost{s.host, s.gate}
	if s.answers != nil {
		return &answeredHost{host, s.answers, s.gate}
	}
	return host
}

// callComponent calls an export, and records that with a note if there is a
// recorder.
func callComponent(ctx context.Context, in *component.Instance, rec *recorder, f component.Func, args, note []byte) ([]byte, error) {
	if rec != nil && !rec.startedComponent(f, args, note) {
		return nil, errStopped
	}
	out, err := in.Call(ctx, f.Interface, f.Name, args)
	if err != nil {
		return nil, guestError(err)
	}
	if rec != nil && !rec.returnedComponent(f, out) {
		return nil, errStopped
	}
	return out, nil
}

// gatedHost is the host of a component that is not recorded.
type gatedHost struct {
	component.Host
	gate *gate
}

// Func returns a function that passes the gate.
func (h *gatedHost) Func(iface, name string, sig *canon.Func) (component.HostFunc, error) {
	inner, err := h.Host.Func(iface, name, sig)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, c *component.Call) error {
		h.gate.pass()
		return inner(ctx, c)
	}, nil
}

// exitCode is 1 where a command returned an error.
func exitCode(f component.Func, result []byte) uint32 {
	if f.Name == runName && withoutVersion(f.Interface) == runInterface && len(result) == 1 && result[0] == 1 {
		return 1
	}
	return 0
}

// guestError makes an exit of a component that of a module.
func guestError(err error) error {
	var exit *component.ExitError
	if errors.As(err, &exit) {
		return sys.NewExitError(exit.Code)
	}
	return err
}

func (s *componentSession) hashMemory() (uint64, bool) { return hashMemories(memoriesOf(s.instance)) }

// memoriesOf returns the memories of a component, each once.
func memoriesOf(in *component.Instance) []api.Memory {
	if in == nil {
		return nil
	}
	var list []api.Memory
	for _, m := range in.Modules() {
		if mem := memoryOf(m); mem != nil && !slices.Contains(list, mem) {
			list = append(list, mem)
		}
	}
	return list
}
