package runner

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"
	"github.com/tracetool/tracetool/format"
)

const f32 = 0x7d

// randomModule asks its host to do whatever it likes.
var randomModule = wasmModule{
	imports: []wasmFunc{env("act", []byte{i32, i32}, []byte{i32}), env("nan", []byte{f32, f64}, []byte{f32})},
	funcs: []wasmFunc{
		{name: "run", params: []byte{i32, i32}, results: []byte{i32}, body: cat(localGet(0), localGet(1), invoke(0), i32Const(3), i32Add)},
		{name: "store", params: []byte{i32, i32}, body: cat(localGet(0), localGet(1), i32Store)},
		{name: "grow", results: []byte{i32}, body: cat(i32Const(1), []byte{0x40, 0})},
		{name: "loop", body: forever},
		{name: "trap", body: unreachable},
		{name: "floats", params: []byte{f32, f64}, results: []byte{f32}, body: cat(localGet(0), localGet(1), invoke(1))},
	},
}.module()

var actEffects = []format.Function{{
	Name:   "act",
	Params: []format.Param{{Name: "what", Type: format.I32}, {Name: "ptr", Type: format.I32, Role: format.RolePointer}},
	Result: []format.Param{{Name: "r", Type: format.I32}},
	Writes: []format.Region{{Kind: format.RegionFixed, Size: actSize, Ptr: 1}},
}}

const actSize = 64

// chance is a generator for several goroutines.
type chance struct {
	mu sync.Mutex
	r  *rand.Rand
}

func (c *chance) n(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.r.IntN(n)
}

// act writes, calls back, panics, exits: what a host may do to its guest.
func (c *chance) act(described bool) any {
	return func(ctx context.Context, mod api.Module, what, ptr uint32) uint32 {
		g := GuestOf(ctx)
		write := func() {
			for range c.n(4) {
				mod.Memory().WriteByte(ptr+uint32(c.n(actSize)), byte(c.n(256)))
			}
		}
		callsBack := what >= 3 && what <= 5
		if !described || !callsBack { // else it would have to announce it
			write()
		}
		switch what {
		case 1:
			panic("the host panics")
		case 2:
			mod.CloseWithExitCode(ctx, 5)
			panic(sys.NewExitError(5))
		case 3:
			if described {
				g.Write(ptr, []byte("announced"))
			}
			_, _ = g.Call(ctx, "run", uint64(c.n(8)), uint64(ptr))
		case 4:
			_, _ = g.Call(ctx, "store", uint64(ptr), uint64(c.n(1000)))
			_, _ = g.Call(ctx, "grow")
		case 5:
			_, _ = g.Call(ctx, "trap")
		case 6:
			panic(sys.NewExitError(9))
		}
		write()
		return uint32(c.n(100))
	}
}

// use does something with a guest.
func (c *chance) use(t *testing.T, g *Guest, interrupt bool) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	switch c.n(8) {
	case 0, 1, 2:
		_, _ = g.Call(ctx, "run", uint64(c.n(8)), uint64(c.n(60_000)))
	case 3:
		_, _ = g.Call(ctx, "store", uint64(c.n(60_000)), 5)
	case 4:
		_, _ = g.Call(ctx, "floats", 0x7fa00000, api.EncodeF64(math.NaN()))
	case 5, 6:
		g.Write(uint32(c.n(70_000)), []byte("from outside")) // a part of these are outside the memory
	case 7:
		if interrupt && c.n(20) == 0 {
			time.AfterFunc(time.Millisecond, cancel)
			_, _ = g.Call(ctx, "loop")
		}
	}
}

// Guests on several goroutines whose hosts do anything, and that are closed or
// interrupted at any time: the trace replays, on both engines.
func TestHostsDoAnything(t *testing.T) {
	for seed := range uint64(8) {
		described, interrupt, closeEarly := seed&1 != 0, seed&2 != 0, seed&4 != 0
		t.Run(fmt.Sprintf("described=%t/interrupt=%t/closeEarly=%t", described, interrupt, closeEarly), func(t *testing.T) {
			c := &chance{r: rand.New(rand.NewPCG(seed, 1))}
			e := &embedded{path: t.TempDir() + "/test" + format.Extension}
			e.rec = NewRecorder(createAt(e.path), RecorderConfig{Engine: EngineCompiler})
			e.rt = wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfig().WithCloseOnContextDone(interrupt))
			defer e.rt.Close(context.Background())
			var effects []format.Function
			if described {
				effects = actEffects
			}
			nan := func(float32, float64) float32 { return math.Float32frombits(0x7fa00001) }
			host, err := e.rt.NewHostModuleBuilder("env").NewFunctionBuilder().WithFunc(c.act(described)).Export("act").
				NewFunctionBuilder().WithFunc(nan).Export("nan").Compile(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := e.rec.Instantiate(t.Context(), e.rt, host, effects); err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			begun := make(chan bool, 12)
			for range 3 {
				wg.Go(func() {
					for range 4 {
						g, err := e.rec.Module(t.Context(), e.rt, randomModule, nil)
						if err != nil {
							if !closeEarly {
								t.Error(err)
							}
							return
						}
						begun <- true
						for range 8 {
							c.use(t, g, interrupt)
						}
						if c.n(2) == 0 {
							g.Module().Close(t.Context())
						}
					}
				})
			}
			if closeEarly {
				for range 4 {
					<-begun
				}
			} else {
				wg.Wait()
			}
			e.close(t)
			wg.Wait()
			for _, engine := range engines {
				result, _, _, err := replayed(t, e.path, ReplayConfig{Engine: engine})
				if err != nil {
					t.Fatalf("%s: %s", engine, report(err))
				}
				if want := open(t, e.path).Summary().Events; result.Events != want && result.End != EndCut {
					t.Errorf("%s: %s after %d events, want %d", engine, result.End, result.Events, want)
				}
			}
		})
	}
}
