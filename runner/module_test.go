package runner

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/writer"
)

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		name, content string
		want          error
	}{
		{"text", "hello, world", ErrNotWasm},
		{"empty", "", ErrNotWasm},
		{"component", "\x00asm\x0d\x00\x01\x00", nil},
		{"module", "\x00asm\x01\x00\x00\x00", nil},
	} {
		path := filepath.Join(dir, tt.name)
		if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := Load(path)
		if !errors.Is(err, tt.want) || err == nil && m.Name != tt.name {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	large, err := os.Create(filepath.Join(dir, "large"))
	if err != nil {
		t.Fatal(err)
	}
	defer large.Close()
	if err := large.Truncate(1 << 40); err != nil {
		t.Skip(err)
	}
	if _, err := Load(large.Name()); !errors.Is(err, ErrNotWasm) {
		t.Errorf("a terabyte of zeros: %v", err)
	}
	if _, err := large.WriteAt([]byte("\x00asm\x01\x00\x00\x00"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(large.Name()); err == nil || !strings.Contains(err.Error(), "at most 1073741824 bytes") {
		t.Errorf("a terabyte that begins like a module: %v", err)
	}
	if _, err := Load(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
}

// A trace holds its program whatever the name of the file was.
func TestNameNotUTF8(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a\xff.wasm")
	if err := os.WriteFile(path, example(t, "hello/hello.wasm").Bytes, 0o600); err != nil {
		t.Skip(err) // not on every system
	}
	m, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	verify(t, record(t, m, Config{}), ReplayConfig{})
}

// Nothing is created for what cannot be run.
func TestRefused(t *testing.T) {
	hello := example(t, "hello/hello.wasm")
	reactor := example(t, "reactor/reactor.wasm")
	oldWASI := wasmFunc{module: "wasi_unstable", name: "fd_close", params: []byte{i32}, results: []byte{i32}}
	wrong := wasmFunc{module: "wasi_snapshot_preview1", name: "fd_close", params: []byte{i64}}
	other := wasmFunc{module: "env", name: "f", params: []byte{i32, f64}}
	for _, tt := range []struct {
		name string
		m    Module
		cfg  Config
		want string // in the error
	}{
		{"text", Module{Name: "a.txt", Bytes: []byte("hello, world")}, Config{}, ErrNotWasm.Error()},
		{"component", Module{Name: "c.wasm", Bytes: []byte("\x00asm\x0d\x00\x01\x00")}, Config{}, "c.wasm: exports no wasi:cli/run: name a function to invoke"},
		{"layer", Module{Name: "l.wasm", Bytes: []byte("\x00asm\x0d\x00\x02\x00")}, Config{}, "component: version 13 of layer 2, expected version 1 of layer 0 or a component"},
		{"version", Module{Name: "v.wasm", Bytes: []byte("\x00asm\x0e\x00\x01\x00")}, Config{}, "v.wasm: unsupported at byte 4: version 0xe of the format of components, expected 0xd"},
		{"server", example(t, "rust-http/server.wasm"), Config{}, "server.wasm: exports no wasi:cli/run, but wasi:http/incoming-handler: it is to be served"},
		{"damaged", Module{Name: "d.wasm", Bytes: hello.Bytes[:500]}, Config{}, "d.wasm: "},
		{"imports", program([]wasmFunc{oldWASI, wrong, other}, nil), Config{},
			"test.wasm: unknown imports: wasi_unstable.fd_close(i32) -> (i32), wasi_snapshot_preview1.fd_close(i64) (which is (i32) -> (i32)), env.f(i32, f64)"},
		{"no memory", wasmModule{noMemory: true, imports: []wasmFunc{preview1("sched_yield", ""), preview1("fd_write", "iiii")}}.module(), Config{},
			"test.wasm: imports wasi_snapshot_preview1.fd_write, which works on memory, and has none"},
		{"no start", wasmModule{funcs: []wasmFunc{{name: "f"}}}.module(), Config{}, "neither _start nor _initialize"},
		{"start wants something", wasmModule{funcs: []wasmFunc{{name: "_start", params: []byte{i32}}}}.module(), Config{},
			"test.wasm: _start: expected 1 parameters (i32), found 0"},
		{"initialize wants something", wasmModule{funcs: []wasmFunc{{name: "_initialize", params: []byte{i32}}, {name: "f"}}}.module(),
			Config{Invoke: []string{"f"}}, "test.wasm: _initialize: expected 1 parameters (i32), found 0"},
		{"no number", wasmModule{funcs: []wasmFunc{{name: "f", params: []byte{0x7b}}}}.module(), Config{Invoke: []string{"f(1)"}},
			`invoke "f(1)": expected numbers, found v128`},
		{"invoke", reactor, Config{Invoke: []string{"nothing"}}, `invoke "nothing": the module exports no function "nothing"`},
		{"parameters", reactor, Config{Invoke: []string{"add(1)"}}, `invoke "add(1)": expected 2 parameters (i32, i32) -> (i32), found 1`},
		{"number", reactor, Config{Invoke: []string{"add(1, x)"}}, `parameter 1: expected an i32, found "x"`},
		{"range", reactor, Config{Invoke: []string{"add(1, 4294967296)"}}, `parameter 1: expected an i32, found "4294967296"`},
		{"parenthesis", reactor, Config{Invoke: []string{"add(1, 2"}}, "expected a closing parenthesis"},
		{"directory", hello, Config{Dirs: []format.Preopen{{Host: filepath.Join(t.TempDir(), "missing"), Guest: "/"}}}, "missing"},
		{"address", hello, Config{Listen: []string{"nowhere"}}, "nowhere"},
		{"engine", hello, Config{Engine: "turbo"}, `engine "turbo": expected "compiler" or "interpreter"`},
		{"memory", hello, Config{MemoryPages: 70000}, "expected at most 65536 pages, found 70000"},
		{"environment", hello, Config{Env: []string{"novalue"}}, "novalue"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.cfg.CacheDir = NoCache
			_, err := Record(t.Context(), tt.m, tt.cfg, func(writer.Options) (*writer.Writer, error) {
				t.Error("the trace was created")
				return nil, errors.New("created")
			})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}

// What is imported besides functions is named as well.
func TestOtherImports(t *testing.T) {
	global := cat([]byte("\x00asm\x01\x00\x00\x00"), []byte{1, 4, 1, 0x60, 0, 0}, // type
		[]byte{2, 10, 1}, str("env"), str("g"), []byte{3, i32, 0}, // import
		[]byte{3, 2, 1, 0}, []byte{7, 10, 1}, str("_start"), []byte{0, 0}, []byte{10, 4, 1, 2, 0, 0x0b})
	path := filepath.Join(t.TempDir(), "test.arrow")
	_, err := Record(t.Context(), Module{Name: "g.wasm", Bytes: global}, Config{CacheDir: NoCache}, createAt(path))
	if want := "g.wasm: unknown imports: global env.g"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if left, _ := filepath.Glob(path + "*"); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestInvocation(t *testing.T) {
	c := Invocation{Export: "f", Params: []uint64{0xffffffff, 1 << 63, 0x3fc00000, 0x3ff8000000000000}, Results: []uint64{7},
		params: []byte{0x7f, 0x7e, 0x7d, 0x7c}, results: []byte{0x7f}}
	if got, want := c.String(), "f(-1, -9223372036854775808, 1.5, 1.5) = 7"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for text, want := range map[string]uint64{"-1": 0xffffffff, "4294967295": 0xffffffff, "0x10": 16} {
		if got, err := parseNumber(text, 0x7f); err != nil || got != want {
			t.Errorf("%s: %d, %v, want %d", text, got, err, want)
		}
	}
}

func TestCompare(t *testing.T) {
	old := make([]byte, 3*compareBlock)
	now := append(make([]byte, 0, 4*compareBlock), old...)
	copy(now[10:], "abc")
	copy(now[16:], "d") // within the gap: one change
	copy(now[100:], "e")
	copy(now[compareBlock-1:], "fg") // over the border of two blocks: two changes
	now = append(now, make([]byte, compareBlock)...)
	now[3*compareBlock+5] = 'h' // what has grown was zero
	got := changes(t, appendChanges(nil, old, now))
	want := map[uint32]string{10: "abc\x00\x00\x00d", 100: "e", compareBlock - 1: "f", compareBlock: "g", 3*compareBlock + 5: "h"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := appendChanges(nil, now, now); len(got) != 0 {
		t.Errorf("changes of the same memory: %x", got)
	}
}

// A cache directory that cannot be used costs time and nothing else.
func TestCache(t *testing.T) {
	m := example(t, "hello/hello.wasm")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	verify(t, record(t, m, Config{CacheDir: file}), ReplayConfig{CacheDir: file})

	dir := t.TempDir()
	record(t, m, Config{CacheDir: dir})
	damaged := 0
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			damaged++
			return os.WriteFile(path, []byte("damaged"), 0o600)
		}
		return err
	})
	if damaged == 0 {
		t.Fatal("nothing was cached")
	}
	verify(t, record(t, m, Config{CacheDir: dir}), ReplayConfig{CacheDir: dir})
}

// A data segment outside the memory is found when the trace exists already: it
// is removed again.
func TestNotInstantiated(t *testing.T) {
	m := program(nil, map[uint32]string{1 << 20: "outside"})
	path := filepath.Join(t.TempDir(), "test.arrow")
	if _, err := Record(t.Context(), m, Config{CacheDir: NoCache}, createAt(path)); err == nil {
		t.Error("the module was instantiated")
	}
	if left, _ := filepath.Glob(path + "*"); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// Whatever changes, and however far apart, the changes make the one memory of
// the other.
func TestChangesAreWhole(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for gap := range 3 * compareGap {
		old := make([]byte, 2*compareBlock)
		now := bytes.Clone(old)
		now[compareBlock-5], now[compareBlock-5+gap] = 1, 1
		sameChanges(t, old, now)
	}
	for range 2000 {
		old := make([]byte, compareBlock+r.IntN(compareBlock))
		now := make([]byte, len(old)+r.IntN(2)*r.IntN(compareBlock))
		for range r.IntN(20) {
			at := r.IntN(len(old))
			old[at], now[at] = byte(r.IntN(3)), byte(r.IntN(3))
			now[min(at+r.IntN(20), len(now)-1)] = byte(r.IntN(3))
		}
		sameChanges(t, old, now)
	}
}

func sameChanges(t *testing.T, old, now []byte) {
	t.Helper()
	got := make([]byte, len(now))
	copy(got, old)
	fn := &format.Function{Compare: true}
	if err := call.Apply(fn, nil, &format.Event{Output: appendChanges(nil, old, now)}, got, nil); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, now) {
		for i := range got {
			if got[i] != now[i] {
				t.Fatalf("byte %d was %d and is %d, which is not among the changes", i, got[i], now[i])
			}
		}
	}
}
