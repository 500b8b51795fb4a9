package runner

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tracetool/tracetool/format"
)

// One call of each shape of memory use, and what is kept of it. All of them
// replay.
func TestShapes(t *testing.T) {
	const errnoAgain = 6
	long := strings.Repeat("0123456789abcdef", 100)
	pathOpen := preview1("path_open", "iiiiiIIii")
	create := callDrop(0, 3, 0, 32, 5, 1|8, int64(1<<30-1), int64(0), 0, 96)
	for _, tt := range []struct {
		name    string
		imports []wasmFunc
		data    map[uint32]string
		body    [][]byte
		cfg     Config
		call    string
		want    []format.Event // Kind, Module, Function and P are left out
	}{
		{"nothing", []wasmFunc{preview1("sched_yield", "")}, nil, [][]byte{callDrop(0)}, Config{}, "sched_yield",
			[]format.Event{{Has: format.HasErrno}}},
		{"value of a fixed region", []wasmFunc{preview1("args_sizes_get", "ii")}, nil, [][]byte{callDrop(0, 8, 16)},
			Config{Args: []string{"a", "bc"}}, "args_sizes_get",
			[]format.Event{{Value: 15, Output: []byte(le32(3)), Has: format.HasErrno | format.HasValue | format.HasOutput}}},
		{"random, short", []wasmFunc{preview1("random_get", "ii")}, nil, [][]byte{callDrop(0, 8, 0), callDrop(0, 0x7ffffff, 9)},
			Config{}, "random_get", []format.Event{{Has: format.HasErrno}, {Errno: errnoFault, Has: format.HasErrno}}},
		{"a name's buffer that ends outside", []wasmFunc{preview1("fd_prestat_dir_name", "iii")}, nil, [][]byte{callDrop(0, 3, 2<<16-1, 9)},
			Config{Dirs: []format.Preopen{{Host: t.TempDir(), Guest: "/"}}}, "fd_prestat_dir_name",
			[]format.Event{{Errno: errnoFault, Has: format.HasErrno}}},
		{"scatter", []wasmFunc{preview1("fd_read", "iiii")}, map[uint32]string{0: le32(100, 3, 200, 0, 300, 10)},
			[][]byte{callDrop(0, 0, 0, 3, 64), callDrop(0, 0, 0, 3, 64)}, Config{Stdin: strings.NewReader("abcdefg")}, "fd_read",
			[]format.Event{
				{Value: 7, Output: []byte("abcdefg"), Has: format.HasErrno | format.HasValue | format.HasOutput | format.HasHash},
				{Has: format.HasErrno | format.HasValue | format.HasHash}}},
		{"scatter over its own vectors", []wasmFunc{preview1("fd_read", "iiii")}, map[uint32]string{0: le32(8, 4, 0, 8)},
			[][]byte{callDrop(0, 0, 0, 2, 64)}, Config{Stdin: strings.NewReader("abcdefghijkl")}, "fd_read",
			[]format.Event{{Value: 12, Output: []byte("abcdefghijkl"), Has: format.HasErrno | format.HasValue | format.HasOutput | format.HasHash}}},
		{"again", []wasmFunc{preview1("fd_fdstat_set_flags", "ii"), preview1("fd_read", "iiii")}, map[uint32]string{0: le32(100, 8)},
			[][]byte{callDrop(0, 0, 4), callDrop(1, 0, 0, 1, 64)}, Config{Stdin: blocked{}}, "fd_read",
			[]format.Event{{Errno: errnoAgain, Has: format.HasErrno | format.HasHash}}},
		{"gather to stdout", []wasmFunc{preview1("fd_write", "iiii")}, map[uint32]string{0: le32(100, 2, 200, 3), 100: "ab", 200: "cde"},
			[][]byte{callDrop(0, 1, 0, 2, 64), callDrop(0, 2, 0, 2, 64)}, Config{}, "fd_write",
			[]format.Event{
				{Value: 5, Input: []byte("abcde"), Has: format.HasErrno | format.HasValue | format.HasInput | format.HasHash},
				{Value: 5, Input: []byte("abcde"), Has: format.HasErrno | format.HasValue | format.HasInput | format.HasHash}}},
		{"gather to a file, cut", []wasmFunc{pathOpen, preview1("fd_write", "iiii")},
			map[uint32]string{0: le32(1024, 1600), 32: "f.txt", 1024: long},
			[][]byte{create, callDrop(1, 4, 0, 1, 64)}, Config{Dirs: []format.Preopen{{Host: t.TempDir(), Guest: "/"}}}, "fd_write",
			[]format.Event{{Value: 1600, Input: []byte(long[:1024]), Has: format.HasErrno | format.HasValue | format.HasInput | format.HasHash}}},
		{"gather to a file, whole", []wasmFunc{pathOpen, preview1("fd_write", "iiii")},
			map[uint32]string{0: le32(1024, 1600), 32: "f.txt", 1024: long}, [][]byte{create, callDrop(1, 4, 0, 1, 64)},
			Config{TextLimit: -1, Dirs: []format.Preopen{{Host: t.TempDir(), Guest: "/"}}}, "fd_write",
			[]format.Event{{Value: 1600, Input: []byte(long), Has: format.HasErrno | format.HasValue | format.HasInput | format.HasHash}}},
		{"path", []wasmFunc{pathOpen}, map[uint32]string{32: "f.txt"}, [][]byte{create},
			Config{Dirs: []format.Preopen{{Host: t.TempDir(), Guest: "/"}}}, "path_open",
			[]format.Event{{Value: 4, Input: []byte("f.txt"), Has: format.HasErrno | format.HasValue | format.HasInput}}},
		{"poll", []wasmFunc{preview1("poll_oneoff", "iiii")},
			map[uint32]string{0: le32(7, 0, 0, 0, 1, 0, 1000, 0, 0, 0, 0, 0)}, [][]byte{callDrop(0, 0, 100, 1, 64)}, Config{}, "poll_oneoff",
			[]format.Event{{Value: 1, Input: []byte(le32(7, 0, 0, 0, 1, 0, 1000, 0, 0, 0, 0, 0)), Output: []byte(le32(7, 0, 0, 0, 0, 0, 0, 0)),
				Has: format.HasErrno | format.HasValue | format.HasInput | format.HasOutput}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, engine := range engines {
				tt.cfg.Engine = engine
				if r, ok := tt.cfg.Stdin.(*strings.Reader); ok {
					r.Seek(0, 0)
				}
				rec := record(t, program(tt.imports, tt.data, tt.body...), tt.cfg)
				got := calls(t, rec.path, tt.call)
				for i := range got {
					got[i].Kind, got[i].Module, got[i].Function, got[i].Hash, got[i].Seq = 0, 0, 0, 0, 0
					got[i].P = [format.NumParams]int64{}
					got[i].Has &^= format.HasParams(format.NumParams) | format.HasModule | format.HasFunction | format.HasDuration
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("%s: %s", engine, diff)
				}
				verify(t, rec, ReplayConfig{})
			}
		})
	}
}

// Exactly what was accepted is shown again, wherever the guest moved stdout to.
func TestStdout(t *testing.T) {
	imports := []wasmFunc{preview1("fd_write", "iiii"), preview1("fd_renumber", "ii"), preview1("path_open", "iiiiiIIii"), preview1("fd_close", "i")}
	data := map[uint32]string{0: le32(1024, 1300), 32: "f.txt", 1024: strings.Repeat("x", 1299) + "\n"}
	open := callDrop(2, 3, 0, 32, 5, 1|8, int64(1<<30-1), int64(0), 0, 96)
	dir := t.TempDir()
	cfg := Config{Dirs: []format.Preopen{{Host: dir, Guest: "/"}}}
	write := func(fd int) []byte { return callDrop(0, fd, 0, 1, 64) }
	rec := record(t, program(imports, data,
		open,
		callDrop(1, 1, 4), write(4), // stdout is 4 now: shown
		callDrop(3, 1), open, write(1), write(5)), // whatever has the numbers now: not shown
		cfg)
	if want := data[1024]; rec.stdout != want {
		t.Errorf("stdout has %d bytes, want %d", len(rec.stdout), len(want))
	}
	if err := os.Remove(filepath.Join(dir, "f.txt")); err != nil {
		t.Fatal(err)
	}
	verify(t, rec, ReplayConfig{})
}

func TestShortWrites(t *testing.T) {
	var out bytes.Buffer
	rec := record(t, example(t, "hello/hello.wasm"), Config{Stdout: limited{&out}})
	rec.stdout = out.String()
	verify(t, rec, ReplayConfig{})
}

// A parameter's upper half, which the compiler leaves undefined, is not kept.
func TestMask(t *testing.T) {
	body := cat(i64Const(-1), []byte{0xa7}, drop, // i32.wrap_i64
		i64Const(-256<<32+1), []byte{0xa7}, i32Const(8), invoke(0), drop)
	rec := record(t, program([]wasmFunc{preview1("random_get", "ii")}, nil, body), Config{})
	for _, e := range calls(t, rec.path, "random_get") {
		if e.P[0] != 1 || e.P[1] != 8 {
			t.Errorf("parameters %v, want 1 and 8", e.P[:2])
		}
	}
	verify(t, rec, ReplayConfig{})
}

// A call that is larger than a segment is split and joined again.
func TestLargeCall(t *testing.T) {
	grow := cat(i32Const(200), []byte{0x40, 0}, drop)
	rec := record(t, program([]wasmFunc{preview1("random_get", "ii")}, nil, grow, callDrop(0, 0, 9<<20)), Config{})
	events := calls(t, rec.path, "random_get")
	if len(events) != 1 || len(events[0].Output) != 9<<20 {
		t.Fatalf("%d events", len(events))
	}
	verify(t, rec, ReplayConfig{})
}

// A start section calls the host before any export is called.
func TestStartSection(t *testing.T) {
	m := wasmModule{
		imports: []wasmFunc{preview1("random_get", "ii")},
		funcs:   []wasmFunc{{name: "init", body: callDrop(0, 0, 16)}, {name: "_start", body: callDrop(0, 16, 16)}},
		start:   1,
	}
	verify(t, record(t, m.module(), Config{}), ReplayConfig{})
	m.funcs[0].body = cat(callDrop(0, 0, 16), unreachable)
	rec := record(t, m.module(), Config{})
	if rec.result.End != EndTrap {
		t.Errorf("ended with %s, want a trap", rec.result.End)
	}
	if _, _, _, err := replayed(t, rec.path, ReplayConfig{}); err != nil {
		t.Error(report(err))
	}
}

// A program that calls itself without end traps on both engines.
func TestStackOverflow(t *testing.T) {
	m := wasmModule{funcs: []wasmFunc{{name: "_start", body: invoke(0)}}}
	for _, engine := range engines {
		rec := record(t, m.module(), Config{Engine: engine})
		if r := rec.result; r.End != EndTrap || r.ExitCode != ExitCodeTrap || r.Trap.Message != "stack overflow" {
			t.Errorf("%s: ended with %s, %+v", engine, r.End, r.Trap)
		}
		verify(t, rec, ReplayConfig{})
	}
}
