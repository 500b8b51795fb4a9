package runner

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"
	"github.com/tracetool/tracetool/format"
)

// hostModule calls the host, then stores a number: what a host does to its guest
// and its memory shows in both. Its functions are "run" and "again".
var hostModule = wasmModule{
	imports: []wasmFunc{env("host", nil, nil)},
	funcs: []wasmFunc{
		{name: "run", body: cat(invoke(0), i32Const(100), i32Const(7), i32Store)},
		{name: "again", body: invoke(0)},
	},
}

// onEngines runs a test in a runtime of each engine.
func onEngines(t *testing.T, test func(t *testing.T, config wazero.RuntimeConfig)) {
	t.Run("compiler", func(t *testing.T) { test(t, wazero.NewRuntimeConfig()) })
	t.Run("interpreter", func(t *testing.T) { test(t, wazero.NewRuntimeConfigInterpreter()) })
}

// newHosted returns a recorder without a guest, with the host function of
// hostModule.
func newHosted(t *testing.T, config wazero.RuntimeConfig, effects []format.Function, host any) *embedded {
	t.Helper()
	e := &embedded{path: filepath.Join(t.TempDir(), "test"+format.Extension)}
	e.rec = NewRecorder(createAt(e.path), RecorderConfig{})
	e.rt = wazero.NewRuntimeWithConfig(t.Context(), config)
	t.Cleanup(func() { e.rt.Close(context.Background()) })
	if err := instantiateHost(t, e.rec, e.rt, effects, host); err != nil {
		t.Fatal(err)
	}
	return e
}

func instantiateHost(t *testing.T, rec *Recorder, rt wazero.Runtime, effects []format.Function, host any) error {
	t.Helper()
	compiled, err := rt.NewHostModuleBuilder("env").NewFunctionBuilder().WithFunc(host).Export("host").Compile(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = rec.Instantiate(t.Context(), rt, compiled, effects)
	return err
}

// A program may have a runtime for each of its tenants.
func TestSeveralRuntimes(t *testing.T) {
	onEngines(t, func(t *testing.T, config wazero.RuntimeConfig) {
		e := newHosted(t, config, nil, func() {})
		other := wazero.NewRuntimeWithConfig(t.Context(), config)
		defer other.Close(context.Background())
		if err := instantiateHost(t, e.rec, other, []format.Function{{Name: "host"}}, func() {}); err == nil {
			t.Error("one function was recorded with two descriptions")
		}
		if err := instantiateHost(t, e.rec, other, nil, func() {}); err != nil {
			t.Fatal(err)
		}
		for _, rt := range []wazero.Runtime{e.rt, other} {
			g, err := e.rec.Module(t.Context(), rt, hostModule.module(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := g.Call(t.Context(), "run"); err != nil {
				t.Error(err)
			}
		}
		e.close(t)
		e.replay(t)
	})
}

// An attempt that failed leaves nothing behind.
func TestInstantiateAgain(t *testing.T) {
	rec := NewRecorder(createAt(filepath.Join(t.TempDir(), "x")), RecorderConfig{})
	rt := wazero.NewRuntime(t.Context())
	defer rt.Close(context.Background())
	other := wazero.NewRuntime(t.Context())
	defer other.Close(context.Background())
	if _, err := rt.NewHostModuleBuilder("env").Instantiate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := instantiateHost(t, rec, rt, []format.Function{{Name: "host"}}, func() {}); err == nil {
		t.Error("two modules have one name")
	}
	if err := instantiateHost(t, rec, other, nil, func() {}); err != nil {
		t.Error(err)
	}
}

// What a host function has written before it panics is there for the calls that
// follow.
func TestPanicAfterWrite(t *testing.T) {
	small := []format.Function{{Name: "host", Params: []format.Param{}, Writes: []format.Region{}}}
	for name, effects := range map[string][]format.Function{"compared": nil, "described": small} {
		t.Run(name, func(t *testing.T) {
			onEngines(t, func(t *testing.T, config wazero.RuntimeConfig) {
				calls := 0
				e := newHosted(t, config, effects, func(_ context.Context, mod api.Module) {
					if calls++; effects == nil {
						mod.Memory().WriteUint32Le(600, 77)
					}
					switch calls {
					case 1:
						panic("a string")
					case 2:
						panic(fmt.Errorf("an error\nof two lines"))
					case 3:
						panic(sys.NewExitError(3))
					}
				})
				g := e.instance(t, hostModule.module())
				for call := 1; call <= 4; call++ {
					if _, err := g.Call(t.Context(), "run"); (err == nil) != (call == 4) {
						t.Errorf("call %d: %v", call, err)
					}
				}
				e.close(t)
				e.replay(t)
			})
		})
	}
}

// The same for a region that the host's effects name: 4 bytes, which go to the
// column value, and bytes of a length that the guest gives.
func TestPanicAfterDescribedWrite(t *testing.T) {
	fixed := []format.Function{fillEffects[0]}
	fixed[0].Writes = []format.Region{{Kind: format.RegionFixed, Size: 4, Ptr: 0}}
	for name, effects := range map[string][]format.Function{"bytes": fillEffects, "value": fixed} {
		t.Run(name, func(t *testing.T) {
			fails := true
			e := newEmbedded(t, fillModule, effects, map[string]any{"fill": func(_ context.Context, mod api.Module, ptr, _ uint32) {
				mod.Memory().WriteUint32Le(ptr, 77)
				if fails {
					panic("failed")
				}
			}})
			for range 2 {
				if _, err := e.guest.Call(t.Context(), "run", 64); (err != nil) != fails {
					t.Errorf("fails: %t, %v", fails, err)
				}
				fails = false
			}
			e.close(t)
			e.replay(t)
		})
	}
}

// An instance that never began leaves no trace, and the others are replayed.
func TestFailedInstance(t *testing.T) {
	onEngines(t, func(t *testing.T, config wazero.RuntimeConfig) {
		e := newHosted(t, config, nil, func() {})
		taken := wazero.NewModuleConfig().WithName("taken")
		if _, err := e.rt.InstantiateWithConfig(t.Context(), wasmModule{}.bytes(), taken); err != nil {
			t.Fatal(err)
		}
		if _, err := e.rec.Module(t.Context(), e.rt, hostModule.module(), taken); err == nil {
			t.Fatal("two modules have one name")
		}
		if _, err := e.instance(t, hostModule.module()).Call(t.Context(), "run"); err != nil {
			t.Error(err)
		}
		e.close(t)
		e.replay(t)
	})
}

// A host function fails while the module begins. That instance has its end, and
// the one after it is replayed too.
func TestFailedStart(t *testing.T) {
	onEngines(t, func(t *testing.T, config wazero.RuntimeConfig) {
		calls := 0
		e := newHosted(t, config, nil, func() {
			if calls++; calls == 1 {
				panic("not yet")
			}
		})
		m := hostModule
		m.start = 1
		if _, err := e.rec.Module(t.Context(), e.rt, m.module(), nil); err == nil || !strings.Contains(err.Error(), "not yet") {
			t.Fatalf("%v, want the host's panic", err)
		}
		if _, err := e.instance(t, m.module()).Call(t.Context(), "run"); err != nil {
			t.Error(err)
		}
		e.close(t)
		e.replay(t)
	})
}

// The same while _initialize runs, which nobody can close after: its name is free
// again.
func TestFailedInitialize(t *testing.T) {
	onEngines(t, func(t *testing.T, config wazero.RuntimeConfig) {
		calls := 0
		e := newHosted(t, config, nil, func() {
			if calls++; calls == 1 {
				panic("not yet")
			}
		})
		m := wasmModule{imports: hostModule.imports, funcs: []wasmFunc{{name: "_initialize", body: invoke(0)}}}
		named := wazero.NewModuleConfig().WithName("named")
		if _, err := e.rec.Module(t.Context(), e.rt, m.module(), named); err == nil || !strings.Contains(err.Error(), "not yet") {
			t.Fatalf("%v, want the host's panic", err)
		}
		if _, err := e.rec.Module(t.Context(), e.rt, m.module(), named); err != nil {
			t.Error(err)
		}
		if n := len(e.rec.guests); n != 1 {
			t.Errorf("%d guests are kept, want 1", n)
		}
		e.close(t)
		e.replay(t)
	})
}

// cut requires the trace to replay as far as it goes.
func (e *embedded) cut(t *testing.T) {
	t.Helper()
	e.close(t)
	for _, engine := range engines {
		result, _, _, err := replayed(t, e.path, ReplayConfig{Engine: engine})
		if want := open(t, e.path).Summary().Events; err != nil || result.End != EndCut || result.Events != want {
			t.Errorf("%s: %+v, %v, want a cut recording of %d events", engine, result, err, want)
		}
	}
}

// A recorder is closed in the middle of calls: the guests go on, and the trace
// is good as far as it goes.
func TestCloseDuringCall(t *testing.T) {
	onEngines(t, func(t *testing.T, config wazero.RuntimeConfig) {
		called, closed := make(chan bool), make(chan bool)
		e := newHosted(t, config, nil, func() {
			called <- true
			<-closed
		})
		g := e.instance(t, hostModule.module())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := g.Call(t.Context(), "run"); err != nil {
				t.Error(err)
			}
		})
		<-called
		e.close(t)
		close(closed)
		wg.Wait()
		e.cut(t)
	})
}

// The same, at any time, of guests that are busy on their goroutines.
func TestCloseBusy(t *testing.T) {
	e := newHosted(t, wazero.NewRuntimeConfig(), nil, func() {})
	first := make(chan bool, 100)
	stop, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 3 {
		g := e.instance(t, hostModule.module())
		wg.Go(func() {
			for stop.Err() == nil {
				if _, err := g.Call(t.Context(), "run"); err != nil || !g.Write(5, []byte("x")) {
					t.Error(err)
				}
				select {
				case first <- true:
				default:
				}
			}
		})
	}
	for range cap(first) {
		<-first
	}
	e.close(t)
	cancel()
	wg.Wait()
	if _, _, _, err := replayed(t, e.path, ReplayConfig{}); err != nil {
		t.Error(report(err))
	}
}

// A guest whose module is closed under it, by a host function or from elsewhere,
// may run on for a while: it is cut like one whose context is done.
func TestClosedUnderneath(t *testing.T) {
	onEngines(t, func(t *testing.T, config wazero.RuntimeConfig) {
		e := newHosted(t, config, nil, func(ctx context.Context, mod api.Module) { mod.CloseWithExitCode(ctx, 3) })
		var exit *sys.ExitError
		if _, err := e.instance(t, hostModule.module()).Call(t.Context(), "run"); !errors.As(err, &exit) || exit.ExitCode() != 3 {
			t.Errorf("%v, want exit code 3", err)
		}
		e.cut(t)
	})
}

// A guest that exits is closed, and has one end in the trace, with its code.
func TestExitOnce(t *testing.T) {
	onEngines(t, func(t *testing.T, config wazero.RuntimeConfig) {
		e := newHosted(t, config, nil, func(ctx context.Context, mod api.Module) {
			mod.CloseWithExitCode(ctx, 3)
			panic(sys.NewExitError(3))
		})
		g := e.instance(t, hostModule.module())
		if _, err := g.Call(t.Context(), "run"); err == nil {
			t.Error("run returned, want exit code 3")
		}
		e.close(t)
		e.replay(t)
		if exit := open(t, e.path).Summary().Exit; exit == nil || exit.Code != 3 {
			t.Errorf("%+v, want exit code 3", exit)
		}
	})
}

// A callback that goes past Guest.Call is refused as soon as the recorder can
// see it: no replay would know of it.
func TestUnrecordedCallback(t *testing.T) {
	onEngines(t, func(t *testing.T, config wazero.RuntimeConfig) {
		var inner error
		e := newHosted(t, config, nil, func(ctx context.Context, mod api.Module) {
			_, inner = mod.ExportedFunction("again").Call(ctx)
		})
		if _, err := e.instance(t, hostModule.module()).Call(t.Context(), "run"); err != nil {
			t.Error(err)
		}
		if inner == nil || !strings.Contains(inner.Error(), "Guest.Call") {
			t.Errorf("%v, want a word of Guest.Call", inner)
		}
		e.close(t)
		e.replay(t)
	})
}

// A server that makes an instance for each request does not have them all kept
// until it closes the recorder.
func TestClosedGuestsAreLetGo(t *testing.T) {
	e := newHosted(t, wazero.NewRuntimeConfig(), nil, func() {})
	const requests = 10
	for range requests {
		g := e.instance(t, hostModule.module())
		if _, err := g.Call(t.Context(), "run"); err != nil {
			t.Error(err)
		}
		if err := g.Module().Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if n := len(e.rec.guests); n != 1 {
		t.Errorf("%d guests are kept, want the last one", n)
	}
	e.close(t)
	e.replay(t)
	exits := 0
	for _, ev := range eventsOf(t, e.path) {
		if ev.Kind == format.KindExit {
			exits++
		}
	}
	if exits != requests {
		t.Errorf("%d ends, want %d", exits, requests)
	}
}

// A module of WebAssembly is no host module: its functions have no Go in them.
func TestInstantiateGuest(t *testing.T) {
	rt := wazero.NewRuntime(t.Context())
	defer rt.Close(context.Background())
	named := append(wasmModule{funcs: []wasmFunc{{name: "f"}}}.bytes(), 0, 11, 4, 'n', 'a', 'm', 'e', 0, 4, 3, 'l', 'i', 'b')
	compiled, err := rt.CompileModule(t.Context(), named)
	if err != nil {
		t.Fatal(err)
	}
	rec := NewRecorder(createAt(filepath.Join(t.TempDir(), "x")), RecorderConfig{})
	if _, err := rec.Instantiate(t.Context(), rt, compiled, nil); err == nil || !strings.Contains(err.Error(), "host function") {
		t.Errorf("%v, want a word of host functions", err)
	}
}
