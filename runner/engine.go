package runner

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tracetool/tracetool/format"
	"golang.org/x/sys/cpu"
)

const (
	maxPages = 65536

	// features are those of WebAssembly 2.0 and the finished proposals that
	// both engines have and that leave nothing undetermined.
	features = api.CoreFeaturesV2 | experimental.CoreFeaturesTailCall |
		experimental.CoreFeaturesExtendedConst | experimental.CoreFeaturesExceptionHandling

	// knownFeatures are those that a trace may ask for.
	knownFeatures = features | experimental.CoreFeaturesThreads | experimental.CoreFeaturesTypedFunctionReferences

	wazeroPath = "github.com/tetratelabs/wazero"
	// wazeroVersion stands in where the build information lacks the version.
	wazeroVersion = "v1.12.0"
)

// engineOptions is what an engine must agree on with the recording's.
type engineOptions struct {
	kind     Engine
	pages    uint32
	features api.CoreFeatures
	cacheDir string
	// interruptible guests end when the context does. This makes tight loops
	// much slower.
	interruptible bool
}

// engine is a wazero runtime with its compile cache.
type engine struct {
	rt    wazero.Runtime
	cache wazero.CompilationCache
	kind  Engine
}

func newEngine(ctx context.Context, o engineOptions) (*engine, error) {
	e := &engine{kind: o.kind}
	switch {
	case o.kind == EngineAuto && compilerSupported():
		e.kind = EngineCompiler
	case o.kind == EngineAuto:
		e.kind = EngineInterpreter
	case o.kind == EngineCompiler && !compilerSupported():
		return nil, fmt.Errorf("engine %q: not available on %s/%s", o.kind, runtime.GOOS, runtime.GOARCH)
	case o.kind != EngineCompiler && o.kind != EngineInterpreter:
		return nil, fmt.Errorf("engine %q: expected %q or %q", o.kind, EngineCompiler, EngineInterpreter)
	}
	config := wazero.NewRuntimeConfigInterpreter()
	if e.kind == EngineCompiler {
		config = wazero.NewRuntimeConfigCompiler()
		e.cache = openCache(o.cacheDir)
	}
	config = config.WithCoreFeatures(o.features).WithMemoryLimitPages(o.pages).WithCloseOnContextDone(o.interruptible)
	if e.cache != nil {
		config = config.WithCompilationCache(e.cache)
	}
	e.rt = wazero.NewRuntimeWithConfig(ctx, config)
	return e, nil
}

// openCache returns nil where the directory cannot be used: the cache saves
// time, nothing depends on it.
func openCache(dir string) wazero.CompilationCache {
	if dir == "" {
		dir = DefaultCacheDir()
	}
	if dir == "" || dir == NoCache {
		return nil
	}
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return nil
	}
	return cache
}

func (e *engine) close(ctx context.Context) {
	e.rt.Close(ctx)
	if e.cache != nil {
		e.cache.Close(ctx)
	}
}

// compile starts an engine and compiles m. A cache that cannot be read or
// written is left out.
func compile(ctx context.Context, m *Module, o engineOptions) (*engine, wazero.CompiledModule, error) {
	if err := m.Check(); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", m.Name, err)
	}
	e, err := newEngine(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	compiled, err := e.rt.CompileModule(ctx, m.Bytes)
	if err == nil {
		return e, compiled, nil
	}
	e.close(ctx)
	if e.cache != nil {
		o.cacheDir = NoCache
		return compile(ctx, m, o)
	}
	return nil, nil, fmt.Errorf("%s: %w", m.Name, err)
}

// compilerSupported follows wazero's own rule.
func compilerSupported() bool {
	switch runtime.GOOS {
	case "linux", "darwin", "freebsd", "netbsd", "windows":
		return runtime.GOARCH == "arm64" || runtime.GOARCH == "amd64" && cpu.X86.HasSSE41
	case "dragonfly", "solaris", "illumos":
		return runtime.GOARCH == "amd64" && cpu.X86.HasSSE41
	}
	return false
}

// host describes this machine for the header.
func (o *engineOptions) host(kind Engine) *format.Host {
	return &format.Host{
		Engine:      string(kind),
		Runtime:     "wazero " + versionOf(wazeroPath, wazeroVersion),
		OS:          runtime.GOOS,
		Arch:        runtime.GOARCH,
		Go:          runtime.Version(),
		MemoryPages: o.pages,
		Features:    uint64(o.features),
	}
}

func versionOf(path, fallback string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if dep.Path == path && dep.Replace == nil {
				return dep.Version
			}
		}
	}
	return fallback
}

// errStopped ends a guest from inside a host function. Why is kept by whoever
// raises it.
var errStopped = errors.New("stopped")
