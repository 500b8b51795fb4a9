package runner_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/runner"
	"github.com/tracetool/tracetool/writer"
)

// A library's function is called and recorded, then replayed from the trace
// alone.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "reactor.trace.arrow")

	module, err := runner.Load("../examples/reactor/reactor.wasm")
	if err != nil {
		log.Fatal(err)
	}
	cfg := runner.Config{Invoke: []string{"add(2, 3)"}}
	result, err := runner.Record(ctx, module, cfg, func(o writer.Options) (*writer.Writer, error) {
		return writer.Create(path, o)
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Invoked[0])

	f, err := reader.Open(path, reader.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	result, err = runner.Replay(ctx, f, runner.ReplayConfig{})
	fmt.Println("replayed", result.Events, "events:", result.End, err)
	// Output:
	// add(2, 3) = 5
	// replayed 6 events: exit <nil>
}

// A program with host functions of its own records what its guest calls. The
// replay needs neither the program nor its functions.
func ExampleRecorder() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "plugin.trace.arrow")
	module, err := runner.Load("../examples/plugin/plugin.wasm")
	if err != nil {
		log.Fatal(err)
	}

	rt := wazero.NewRuntime(ctx)
	defer rt.Close(ctx)
	host, err := rt.NewHostModuleBuilder("env").
		NewFunctionBuilder().WithFunc(func(_ context.Context, mod api.Module, ptr, n uint32) {
		text, _ := mod.Memory().Read(ptr, n)
		fmt.Printf("plugin says: %s\n", text)
	}).Export("log").
		NewFunctionBuilder().WithFunc(func(_ context.Context, mod api.Module, _, _, buf, size uint32) uint32 {
		const greeting = "Hello"
		mod.Memory().Write(buf, []byte(greeting[:min(len(greeting), int(size))]))
		return uint32(len(greeting))
	}).Export("get_config").
		NewFunctionBuilder().WithFunc(func() int64 { return 0 }).Export("now").
		Compile(ctx)
	if err != nil {
		log.Fatal(err)
	}

	rec := runner.NewRecorder(func(o writer.Options) (*writer.Writer, error) {
		return writer.Create(path, o)
	}, runner.RecorderConfig{})
	if _, err := rec.Instantiate(ctx, rt, host, nil); err != nil { // nil: what they write is found by comparison
		log.Fatal(err)
	}
	guest, err := rec.Module(ctx, rt, module, nil)
	if err != nil {
		log.Fatal(err)
	}
	const request = "Ada"
	result, err := guest.Call(ctx, "alloc", uint64(len(request)))
	if err != nil {
		log.Fatal(err)
	}
	ptr := result[0]
	guest.Write(uint32(ptr), []byte(request)) // not by Memory().Write, of which the recorder would not know
	if _, err := guest.Call(ctx, "handle", ptr, uint64(len(request))); err != nil {
		log.Fatal(err)
	}
	if err := rec.Close(); err != nil { // before the runtime is closed
		log.Fatal(err)
	}

	f, err := reader.Open(path, reader.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	replayed, err := runner.Replay(ctx, f, runner.ReplayConfig{})
	fmt.Println("replayed", replayed.Events, "events:", replayed.End, err)
	// Output:
	// plugin says: request of 3 bytes
	// replayed 9 events: exit <nil>
}
