package wasi_test

import (
	"context"
	"encoding/binary"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/tracetool/tracetool/runner/host"
	"github.com/tracetool/tracetool/runner/wasi"
)

// Where the tests put things in the guest's memory of two pages.
const (
	iovsAt   = 0x100
	outAt    = 0x400 // results
	pathAt   = 0x1000
	path2At  = 0x2000
	bufAt    = 0x4000
	memBytes = 2 << 16
)

// guest is a module that exports every function it imports, and for each one
// "loop_" and its name, with one more parameter: how often to call it.
type guest struct {
	t   testing.TB
	ctx context.Context
	mod api.Module
}

// newGuest instantiates a guest on a system of cfg.
func newGuest(t testing.TB, cfg wasi.Config) *guest {
	t.Helper()
	ctx := context.Background()
	rt := wazero.NewRuntime(ctx)
	t.Cleanup(func() { rt.Close(ctx) })
	s, err := wasi.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.Instantiate(ctx, rt); err != nil {
		t.Fatal(err)
	}
	return startGuest(t, ctx, rt, wazero.NewModuleConfig())
}

func startGuest(t testing.TB, ctx context.Context, rt wazero.Runtime, cfg wazero.ModuleConfig) *guest {
	t.Helper()
	mod, err := rt.InstantiateWithConfig(ctx, guestModule(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &guest{t, ctx, mod}
}

// guestModule assembles the module.
func guestModule() []byte {
	var types, imports, funcs, exports, code [][]byte
	n := len(wasi.Functions)
	for i, f := range wasi.Functions {
		looped := append(append([]byte{}, f.Params...), api.ValueTypeI32)
		types = append(types, funcType(f.Params, f.Results), funcType(looped, nil))
		imports = append(imports, concat(str(wasi.ModuleName), str(f.Name), []byte{0}, uleb(2*i)))
		funcs = append(funcs, uleb(2*i), uleb(2*i+1))
		exports = append(exports,
			concat(str(f.Name), []byte{0}, uleb(n+2*i)),
			concat(str("loop_"+f.Name), []byte{0}, uleb(n+2*i+1)))
		call := callOf(i, len(f.Params))
		code = append(code, sized(concat([]byte{0}, call, []byte{0x0b})))
		counter := byte(len(f.Params))
		loop := concat([]byte{0, 0x03, 0x40}, call)
		for range f.Results {
			loop = append(loop, 0x1a) // drop
		}
		loop = append(loop, 0x20, counter, 0x41, 1, 0x6b, 0x22, counter, 0x0d, 0, 0x0b, 0x0b)
		code = append(code, sized(loop))
	}
	exports = append(exports, concat(str("memory"), []byte{2, 0}))
	return concat([]byte("\x00asm\x01\x00\x00\x00"),
		section(1, types), section(2, imports), section(3, funcs),
		section(5, [][]byte{{0, memBytes >> 16}}), section(7, exports), section(10, code))
}

func callOf(function, params int) (b []byte) {
	for i := range params {
		b = append(b, 0x20, byte(i)) // local.get
	}
	return concat(b, []byte{0x10}, uleb(function))
}

func funcType(params, results []api.ValueType) []byte {
	return concat([]byte{0x60}, sized(params), sized(results))
}

func section(id byte, items [][]byte) []byte {
	return concat([]byte{id}, sized(concat(append([][]byte{uleb(len(items))}, items...)...)))
}

func sized(b []byte) []byte { return concat(uleb(len(b)), b) }
func str(s string) []byte   { return sized([]byte(s)) }
func uleb(n int) []byte     { return binary.AppendUvarint(nil, uint64(n)) }
func concat(p ...[]byte) []byte {
	var b []byte
	for _, x := range p {
		b = append(b, x...)
	}
	return b
}

// call calls a function and returns its errno. What is an i32 gets garbage in
// its upper half, as the compiler leaves it there.
func (g *guest) call(name string, params ...uint64) host.Errno {
	g.t.Helper()
	results, err := g.mod.ExportedFunction(name).Call(g.ctx, params...)
	if err != nil {
		g.t.Fatalf("%s: %v", name, err)
	}
	return host.Errno(results[0])
}

// ok calls a function that must succeed.
func (g *guest) ok(name string, params ...uint64) {
	g.t.Helper()
	if errno := g.call(name, params...); errno != host.Success {
		g.t.Fatalf("%s%v: %v", name, params, errno)
	}
}

// fails calls a function that must fail with want.
func (g *guest) fails(want host.Errno, name string, params ...uint64) {
	g.t.Helper()
	if got := g.call(name, params...); got != want {
		g.t.Errorf("%s%v: %v, want %v", name, params, got, want)
	}
}

func (g *guest) write(at uint32, b []byte) {
	g.t.Helper()
	if !g.mod.Memory().Write(at, b) {
		g.t.Fatalf("writing %d bytes at %#x", len(b), at)
	}
}

func (g *guest) read(at, n uint32) []byte {
	g.t.Helper()
	b, ok := g.mod.Memory().Read(at, n)
	if !ok {
		g.t.Fatalf("reading %d bytes at %#x", n, at)
	}
	return append([]byte{}, b...)
}

func (g *guest) u32(at uint32) uint32 { return binary.LittleEndian.Uint32(g.read(at, 4)) }
func (g *guest) u64(at uint32) uint64 { return binary.LittleEndian.Uint64(g.read(at, 8)) }

// path puts a path where path_ functions are told to look, and returns the two
// arguments.
func (g *guest) path(p string) (ptr, size uint64)  { return g.textAt(pathAt, p) }
func (g *guest) path2(p string) (ptr, size uint64) { return g.textAt(path2At, p) }

func (g *guest) textAt(at uint32, s string) (ptr, size uint64) {
	g.write(at, []byte(s))
	return uint64(at), uint64(len(s))
}

// iovs puts vectors of the given sizes, with their buffers from bufAt on one
// after another, and returns the two arguments.
func (g *guest) iovs(sizes ...uint32) (ptr, n uint64) {
	var b []byte
	at := uint32(bufAt)
	for _, size := range sizes {
		b = binary.LittleEndian.AppendUint32(b, at)
		b = binary.LittleEndian.AppendUint32(b, size)
		at += size
	}
	g.write(iovsAt, b)
	return iovsAt, uint64(len(sizes))
}

// Rights, as the guest knows them.
const (
	rightRead     = 1 << 1
	rightSeek     = 1 << 2
	rightTell     = 1 << 5
	rightWrite    = 1 << 6
	rightPathOpen = 1 << 13
	rightsAll     = 1<<30 - 1
	oCreat        = 1
	oDirectory    = 2
	oExcl         = 4
	oTrunc        = 8
	follow        = 1
	flagAppend    = 1
	flagNonblock  = 4
)

// open opens a path below fd.
func (g *guest) open(fd uint64, path string, lookup, oflags, rights uint64) (uint64, host.Errno) {
	g.t.Helper()
	ptr, size := g.path(path)
	errno := g.call("path_open", fd, lookup, ptr, size, oflags, rights, rights, 0, outAt)
	return uint64(g.u32(outAt)), errno
}

func (g *guest) mustOpen(fd uint64, path string, lookup, oflags, rights uint64) uint64 {
	g.t.Helper()
	opened, errno := g.open(fd, path, lookup, oflags, rights)
	if errno != host.Success {
		g.t.Fatalf("opening %q: %v", path, errno)
	}
	return opened
}

// puts writes text to a descriptor.
func (g *guest) puts(fd uint64, text string) host.Errno {
	g.t.Helper()
	ptr, n := g.iovs(uint32(len(text)))
	g.write(bufAt, []byte(text))
	return g.call("fd_write", fd, ptr, n, outAt)
}

// gets reads up to n bytes from a descriptor.
func (g *guest) gets(fd uint64, n uint32) (string, host.Errno) {
	g.t.Helper()
	ptr, count := g.iovs(n)
	errno := g.call("fd_read", fd, ptr, count, outAt)
	if errno != host.Success {
		return "", errno
	}
	return string(g.read(bufAt, g.u32(outAt))), errno
}
