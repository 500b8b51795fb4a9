package runner

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
)

func changes(t *testing.T, output []byte) map[uint32]string {
	t.Helper()
	list, err := call.ParseWrites(output)
	if err != nil {
		t.Fatal(err)
	}
	m := map[uint32]string{}
	for _, w := range list {
		m[w.Addr] = string(w.Data)
	}
	return m
}

// embedded is a program with host functions of its own.
type embedded struct {
	rec   *Recorder
	rt    wazero.Runtime
	guest *Guest
	path  string
}

func newEmbedded(t testing.TB, m Module, effects []format.Function, hosts map[string]any) *embedded {
	t.Helper()
	ctx := t.Context()
	e := &embedded{rt: wazero.NewRuntime(ctx), path: filepath.Join(t.TempDir(), "test"+format.Extension)}
	t.Cleanup(func() { e.rt.Close(context.Background()) })
	e.rec = NewRecorder(createAt(e.path), RecorderConfig{Engine: EngineCompiler})
	builder := e.rt.NewHostModuleBuilder("env")
	for name, fn := range hosts {
		builder.NewFunctionBuilder().WithFunc(fn).Export(name)
	}
	compiled, err := builder.Compile(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.rec.Instantiate(ctx, e.rt, compiled, effects); err != nil {
		t.Fatal(err)
	}
	e.guest = e.instance(t, m)
	return e
}

func (e *embedded) instance(t testing.TB, m Module) *Guest {
	t.Helper()
	g, err := e.rec.Module(t.Context(), e.rt, m, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func (e *embedded) close(t testing.TB) {
	t.Helper()
	if err := e.rec.Close(); err != nil {
		t.Fatal(err)
	}
}

// replay requires the trace to replay to its end, on both engines.
func (e *embedded) replay(t *testing.T) {
	t.Helper()
	for _, engine := range engines {
		result, _, _, err := replayed(t, e.path, ReplayConfig{Engine: engine})
		if err != nil {
			t.Fatalf("%s: %s", engine, report(err))
		}
		if want := open(t, e.path).Summary().Events; result.End != EndExit || result.Events != want {
			t.Errorf("%s: %+v, want the end of %d events", engine, result, want)
		}
	}
}

func env(name string, params, results []byte) wasmFunc {
	return wasmFunc{module: "env", name: name, params: params, results: results}
}

// fillModule asks the host to fill 16 bytes at 64 and returns the first 4.
var fillModule = wasmModule{
	imports: []wasmFunc{env("fill", []byte{i32, i32}, nil)},
	funcs: []wasmFunc{{name: "run", params: []byte{i32}, results: []byte{i32},
		body: cat(localGet(0), i32Const(16), invoke(0), localGet(0), i32Load)}},
}.module()

func fill() any {
	n := byte(0)
	return func(_ context.Context, mod api.Module, ptr, size uint32) {
		b, _ := mod.Memory().Read(ptr, size)
		for i := range b {
			n++
			b[i] = n
		}
	}
}

var fillEffects = []format.Function{{Name: "fill",
	Params: []format.Param{{Name: "ptr", Type: format.I32, Role: format.RolePointer}, {Name: "len", Type: format.I32}},
	Writes: []format.Region{{Kind: format.RegionBytes, Ptr: 0, Len: 1}}}}

// What a host function writes is recorded by its effects or, without, by
// comparison.
func TestEffects(t *testing.T) {
	for name, effects := range map[string][]format.Function{"described": fillEffects, "compared": nil} {
		t.Run(name, func(t *testing.T) {
			e := newEmbedded(t, fillModule, effects, map[string]any{"fill": fill()})
			for i := range 3 {
				got, err := e.guest.Call(t.Context(), "run", uint64(64+i))
				if err != nil || byte(got[0]) != byte(16*i+1) {
					t.Fatalf("call %d: %x, %v", i, got, err)
				}
			}
			e.close(t)
			events := calls(t, e.path, "fill")
			text := string(events[2].Output)
			if effects == nil {
				text = changes(t, events[2].Output)[66]
			}
			if len(events) != 3 || len(text) != 16 || text[0] != 33 {
				t.Errorf("%d events, the last wrote %x", len(events), text)
			}
			e.replay(t)
		})
	}
}

// A function that does something else than its effects say is found out.
func TestWrongEffects(t *testing.T) {
	wrong := []format.Function{fillEffects[0]}
	wrong[0].Writes = []format.Region{{Kind: format.RegionFixed, Size: 2, Ptr: 0}}
	e := newEmbedded(t, fillModule, wrong, map[string]any{"fill": fill()})
	if _, err := e.guest.Call(t.Context(), "run", 64); err != nil {
		t.Fatal(err)
	}
	e.close(t)
	if _, _, _, err := replayed(t, e.path, ReplayConfig{}); !errors.As(err, new(*DivergenceError)) {
		t.Errorf("%v, want a divergence", err)
	}
}

// nestModule: outer calls the host, which calls inner, which calls the host.
var nestModule = wasmModule{
	imports: []wasmFunc{env("back", []byte{i32}, []byte{i32}), env("leaf", nil, []byte{i64}), env("fail", []byte{i32}, nil)},
	funcs: []wasmFunc{
		{name: "outer", params: []byte{i32}, results: []byte{i32}, body: cat(localGet(0), invoke(0), i32Const(1), i32Add)},
		{name: "inner", params: []byte{i32}, results: []byte{i32}, body: cat(invoke(1), drop, i32Const(512), i32Load, localGet(0), i32Add)},
		{name: "trap", body: unreachable},
		{name: "fails", params: []byte{i32}, body: cat(localGet(0), invoke(2))},
		{name: "two", results: []byte{i32, i64}, body: cat(i32Const(-1), i64Const(2))},
	},
}.module()

func nestHosts(t testing.TB) map[string]any {
	count := int64(0)
	return map[string]any{
		"back": func(ctx context.Context, mod api.Module, n uint32) uint32 {
			g := GuestOf(ctx)
			if n == 0 {
				if _, err := g.Call(ctx, "trap"); err == nil {
					t.Error("no trap")
				}
				return 1000
			}
			g.Write(512, []byte{byte(n), 0, 0, 0})          // announced
			mod.Memory().WriteUint32Le(516, n)              // found by comparison
			got, err := g.Call(ctx, "inner", uint64(n-1)*7) // n + 7 * (n - 1)
			if err != nil {
				panic(err)
			}
			return uint32(got[0])
		},
		"leaf": func(context.Context) int64 { count++; return count },
		"fail": func(_ context.Context, n uint32) {
			if n > 0 {
				panic(fmt.Errorf("failed with %d", n))
			}
		},
	}
}

// Host functions call back into the guest, fail, and the guest traps, and the
// program goes on.
func TestNested(t *testing.T) {
	for name, effects := range map[string][]format.Function{
		"compared": nil,
		"described": {
			{Name: "back", Params: []format.Param{{Name: "n", Type: format.I32}}, Result: []format.Param{{Name: "sum", Type: format.I32}},
				Writes: []format.Region{}},
			{Name: "leaf", Result: []format.Param{{Name: "n", Type: format.I64}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			hosts := nestHosts(t)
			if effects != nil { // then it may not write beside Guest.Write
				back := hosts["back"].(func(context.Context, api.Module, uint32) uint32)
				hosts["back"] = func(ctx context.Context, mod api.Module, n uint32) uint32 {
					defer mod.Memory().WriteUint32Le(516, 0)
					return back(ctx, mod, n)
				}
			}
			e := newEmbedded(t, nestModule, effects, hosts)
			ctx := t.Context()
			for _, tt := range []struct {
				export string
				params []uint64
				want   []uint64
				fails  bool
			}{
				{"outer", []uint64{3}, []uint64{18}, false},
				{"outer", []uint64{0}, []uint64{1001}, false},
				{"trap", nil, nil, true},
				{"fails", []uint64{7}, nil, true},
				{"fails", []uint64{0}, nil, false},
				{"two", nil, []uint64{0xffffffff, 2}, false},
				{"outer", []uint64{1}, []uint64{2}, false},
			} {
				got, err := e.guest.Call(ctx, tt.export, tt.params...)
				if (err != nil) != tt.fails {
					t.Fatalf("%s: %v", tt.export, err)
				}
				for i := range got {
					got[i] = mask(got[i], e.guest.Module().ExportedFunction(tt.export).Definition().ResultTypes()[i])
				}
				if diff := cmp.Diff(tt.want, got); diff != "" && len(got)+len(tt.want) > 0 {
					t.Errorf("%s(%v): %s", tt.export, tt.params, diff)
				}
			}
			e.close(t)
			e.replay(t)
		})
	}
}

// Instances are tasks of their own, recorded by several goroutines at once.
func TestTasks(t *testing.T) {
	const instances, rounds = 4, 50
	var mu sync.Mutex
	inner := fill().(func(context.Context, api.Module, uint32, uint32))
	locked := func(ctx context.Context, mod api.Module, ptr, size uint32) {
		mu.Lock()
		defer mu.Unlock()
		inner(ctx, mod, ptr, size)
	}
	e := newEmbedded(t, fillModule, fillEffects, map[string]any{"fill": locked})
	guests := []*Guest{e.guest}
	for range instances - 1 {
		guests = append(guests, e.instance(t, fillModule))
	}
	var wg sync.WaitGroup
	for _, g := range guests {
		wg.Go(func() {
			for i := range rounds {
				if _, err := g.Call(t.Context(), "run", uint64(4*i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	e.close(t)
	if n := len(calls(t, e.path, "fill")); n != instances*rounds {
		t.Errorf("%d calls, want %d", n, instances*rounds)
	}
	e.replay(t)
}

// Stock WASI of wazero is known without effects; its exit ends the guest.
func TestEmbeddedWASI(t *testing.T) {
	ctx := t.Context()
	rt := wazero.NewRuntime(ctx)
	defer rt.Close(ctx)
	stock, err := wasi_snapshot_preview1.NewBuilder(rt).Compile(ctx)
	if err != nil {
		t.Fatal(err)
	}
	e := &embedded{rt: rt, path: filepath.Join(t.TempDir(), "test.arrow")}
	e.rec = NewRecorder(createAt(e.path), RecorderConfig{})
	if _, err := e.rec.Instantiate(ctx, rt, stock, nil); err != nil {
		t.Fatal(err)
	}
	m := program([]wasmFunc{preview1("args_get", "ii"), preview1("clock_time_get", "iIi"), preview1("proc_exit", "i")}, nil,
		callDrop(0, 64, 128), callDrop(1, 0, int64(1), 256), callWith(2, 3))
	config := wazero.NewModuleConfig().WithArgs("program", "argument").WithSysWalltime().WithName("")
	g, err := e.rec.Module(ctx, rt, m, config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Call(ctx, "_start"); err == nil {
		t.Error("_start returned, want exit code 3")
	}
	if _, err := g.Call(ctx, "_start"); err == nil {
		t.Error("a closed module was called")
	}
	e.close(t)
	e.replay(t)
}

// No replay could grow the memory, so it is not recorded in silence.
func TestGrowth(t *testing.T) {
	e := newEmbedded(t, fillModule, fillEffects, map[string]any{
		"fill": func(_ context.Context, mod api.Module, _, _ uint32) { mod.Memory().Grow(1) }})
	if _, err := e.guest.Call(t.Context(), "run", 64); err != nil {
		t.Fatal(err)
	}
	if err := e.rec.Close(); err == nil || e.rec.Err() == nil {
		t.Error("the memory grew unnoticed")
	}
}

// An interrupted guest has no end in the trace. The others are replayed, too.
func TestEmbeddedInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCloseOnContextDone(true))
	defer rt.Close(context.Background())
	env, err := rt.NewHostModuleBuilder("env").NewFunctionBuilder().WithFunc(func() { cancel() }).Export("stop").Compile(ctx)
	if err != nil {
		t.Fatal(err)
	}
	e := &embedded{rt: rt, path: filepath.Join(t.TempDir(), "test.arrow")}
	e.rec = NewRecorder(createAt(e.path), RecorderConfig{})
	if _, err := e.rec.Instantiate(ctx, rt, env, nil); err != nil {
		t.Fatal(err)
	}
	m := wasmModule{imports: []wasmFunc{{module: "env", name: "stop"}},
		funcs: []wasmFunc{{name: "run", body: cat(invoke(0), forever)}, {name: "once", body: invoke(0)}}}
	g, other := e.instance(t, m.module()), e.instance(t, m.module())
	if _, err := g.Call(ctx, "run"); err == nil {
		t.Error("the guest returned")
	}
	if _, err := other.Call(t.Context(), "once"); err != nil {
		t.Error(err)
	}
	e.close(t)
	result, _, _, err := replayed(t, e.path, ReplayConfig{})
	if err != nil || result.End != EndCut || result.Events != 2+4 {
		t.Errorf("%+v, %v, want a cut recording", result, err)
	}
}

func TestRecorderErrors(t *testing.T) {
	e := newEmbedded(t, fillModule, nil, map[string]any{"fill": fill()})
	ctx := t.Context()
	if _, err := e.guest.Call(ctx, "missing"); err == nil {
		t.Error("a missing export was called")
	}
	if _, err := e.guest.Call(ctx, "run"); err == nil {
		t.Error("run was called without its parameter")
	}
	if e.guest.Write(1<<20, []byte("x")) {
		t.Error("wrote outside the memory")
	}
	if _, err := e.rec.Module(ctx, e.rt, nestModule, wazero.NewModuleConfig()); err == nil {
		t.Error("another module was recorded into the same trace")
	}
	if _, err := e.guest.Module().ExportedFunction("run").Call(ctx, 64); err == nil {
		t.Error("an unrecorded call went unnoticed")
	}
	e.close(t)
	if _, err := e.rec.Module(ctx, e.rt, fillModule, wazero.NewModuleConfig()); !errors.Is(err, errClosed) {
		t.Errorf("%v, want %v", err, errClosed)
	}
	rec := NewRecorder(createAt(filepath.Join(t.TempDir(), "x")), RecorderConfig{})
	var missing *ImportError
	if _, err := rec.Module(ctx, e.rt, fillModule, wazero.NewModuleConfig()); !errors.As(err, &missing) || missing.Imports[0].Name != "fill" {
		t.Errorf("%v, want the import that is missing", err)
	}
}
