// plugin is a host of WebAssembly plugins that can be recorded. The functions
// it gives a plugin, module "env", know nothing of that: the recorder wraps
// them. The trace replays without them.
//
//	go run ./examples/plugin            # records, then replays
//	go run ./examples/plugin -t FILE    # keeps the trace
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/runner"
	"github.com/tracetool/tracetool/writer"
)

//go:embed plugin.wasm
var plugin []byte

func main() {
	path := flag.String("t", "", "keep the trace in `FILE`")
	flag.Parse()
	if err := run(context.Background(), os.Stdout, *path, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "plugin:", err)
		os.Exit(1)
	}
}

// run records the plugin's answers to some requests and replays the trace.
func run(ctx context.Context, out io.Writer, path string, requests []string) error {
	if len(requests) == 0 {
		requests = []string{"Ada", "Grace"}
	}
	if path == "" {
		dir, err := os.MkdirTemp("", "plugin")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		path = filepath.Join(dir, "plugin"+format.Extension)
	}
	if err := record(ctx, out, path, requests); err != nil {
		return err
	}
	return replay(ctx, out, path)
}

// host is what plugins can reach: the module "env".
type host struct {
	out    io.Writer
	config map[string]string
}

func (h *host) log(_ context.Context, mod api.Module, ptr, n uint32) {
	text, _ := mod.Memory().Read(ptr, n)
	fmt.Fprintf(h.out, "plugin says: %s\n", text)
}

func (h *host) getConfig(_ context.Context, mod api.Module, key, keyLen, buf, bufLen uint32) uint32 {
	name, _ := mod.Memory().Read(key, keyLen)
	value := h.config[string(name)]
	mod.Memory().Write(buf, []byte(value[:min(len(value), int(bufLen))]))
	return uint32(len(value))
}

func (h *host) now() int64 { return time.Now().UnixNano() }

func (h *host) compile(ctx context.Context, rt wazero.Runtime) (wazero.CompiledModule, error) {
	b := rt.NewHostModuleBuilder("env")
	b.NewFunctionBuilder().WithFunc(h.log).Export("log")
	b.NewFunctionBuilder().WithFunc(h.getConfig).Export("get_config")
	b.NewFunctionBuilder().WithFunc(h.now).Export("now")
	return b.Compile(ctx)
}

// effects say which guest memory the functions read and write. What is not in
// here is recorded too, only slower.
var effects = []format.Function{
	{
		Name:   "log",
		Params: []format.Param{pointer("ptr"), number("len")},
		Reads:  []format.Region{{Kind: format.RegionBytes, Role: "text", Ptr: 0, Len: 1}},
	},
	{
		Name:   "get_config",
		Params: []format.Param{pointer("key"), number("key_len"), pointer("buf"), number("buf_len")},
		Result: []format.Param{number("len")},
		Reads:  []format.Region{{Kind: format.RegionBytes, Role: "key", Ptr: 0, Len: 1}},
		Writes: []format.Region{{Kind: format.RegionBytes, Role: "value", Ptr: 2, Len: 3}},
	},
	{
		Name:   "now",
		Result: []format.Param{{Name: "ns", Type: format.I64}},
	},
}

func pointer(name string) format.Param {
	return format.Param{Name: name, Type: format.I32, Role: format.RolePointer}
}

func number(name string) format.Param { return format.Param{Name: name, Type: format.I32} }

func record(ctx context.Context, out io.Writer, path string, requests []string) (err error) {
	rt := wazero.NewRuntime(ctx)
	defer rt.Close(ctx)
	h := &host{out: out, config: map[string]string{"greeting": "Good day"}}
	env, err := h.compile(ctx, rt)
	if err != nil {
		return err
	}

	rec := runner.NewRecorder(func(o writer.Options) (*writer.Writer, error) {
		return writer.Create(path, o)
	}, runner.RecorderConfig{Tool: "plugin example"})
	defer func() { err = errors.Join(err, rec.Close()) }()
	if _, err := rec.Instantiate(ctx, rt, env, effects); err != nil {
		return err
	}
	guest, err := rec.Module(ctx, rt, runner.Module{Name: "plugin.wasm", Bytes: plugin}, wazero.NewModuleConfig())
	if err != nil {
		return err
	}
	for _, request := range requests {
		reply, err := handle(ctx, guest, request)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, reply)
	}
	return nil
}

// handle passes a request to the plugin and returns its reply.
func handle(ctx context.Context, guest *runner.Guest, request string) (string, error) {
	size := uint64(len(request))
	result, err := guest.Call(ctx, "alloc", size)
	if err != nil {
		return "", err
	}
	ptr := result[0]
	if ptr == 0 || !guest.Write(uint32(ptr), []byte(request)) {
		return "", fmt.Errorf("the plugin has no room for %d bytes", size)
	}
	if result, err = guest.Call(ctx, "handle", ptr, size); err != nil {
		return "", err
	}
	reply, ok := guest.Module().Memory().Read(uint32(result[0]>>32), uint32(result[0]))
	if !ok {
		return "", errors.New("the plugin's reply is outside its memory")
	}
	return string(reply), nil
}

func replay(ctx context.Context, out io.Writer, path string) error {
	f, err := reader.Open(path, reader.Options{})
	if err != nil {
		return err
	}
	defer f.Close()
	result, err := runner.Replay(ctx, f, runner.ReplayConfig{})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "replayed %d events without the host's functions: the same\n", result.Events)
	return nil
}
