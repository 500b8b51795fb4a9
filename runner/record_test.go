package runner

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tracetool/tracetool/format"
)

var engines = []Engine{EngineCompiler, EngineInterpreter}

// programs are the examples, with what they should do.
func programs(t *testing.T) []struct {
	name     string
	path     string
	cfg      Config
	exitCode uint32
	stdout   string // contained in it
} {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "text.txt"), []byte(strings.Repeat("one two three\n", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	dirs := []format.Preopen{{Host: dir, Guest: "/"}}
	type program = struct {
		name     string
		path     string
		cfg      Config
		exitCode uint32
		stdout   string
	}
	return []program{
		{"hello", "hello/hello.wasm", Config{Stdin: strings.NewReader("Ada\n")}, 0, "Hello, Ada!"},
		{"cat", "go-files/files.wasm", Config{Args: []string{"cat", "/text.txt"}, Dirs: dirs}, 0, "one two three\n"},
		{"ls", "go-files/files.wasm", Config{Args: []string{"ls", "/"}, Dirs: dirs}, 0, "text.txt"},
		{"sleep", "go-files/files.wasm", Config{Args: []string{"sleep", "30ms"}}, 0, ""},
		{"panic", "go-files/files.wasm", Config{Args: []string{"panic"}, Env: []string{"A=1", "B=2"}}, 2, ""},
		{"report", "rust-report/report.wasm", Config{Args: []string{"text.txt"}, Dirs: dirs, Stdin: strings.NewReader("x y")}, 0, "three"},
		{"component", "rust-component/report.wasm", Config{Args: []string{"text.txt"}, Dirs: dirs, Stdin: strings.NewReader("x y")}, 0, "three"},
		{"component fails", "rust-component/report.wasm", Config{Args: []string{"missing.txt"}, Dirs: dirs}, 1, ""},
		{"trap", "c-trap/trap.wasm", Config{Stdin: strings.NewReader("abc")}, ExitCodeTrap, "sum of stdin: 294"},
		{"bounds", "c-trap/trap.wasm", Config{Args: []string{"bounds"}}, ExitCodeTrap, "trapping: bounds"},
	}
}

// Both engines replay what each of them has recorded.
func TestRecordReplay(t *testing.T) {
	for _, engine := range engines {
		for _, p := range programs(t) {
			t.Run(string(engine)+"/"+p.name, func(t *testing.T) {
				p.cfg.Engine = engine
				rec := record(t, example(t, p.path), p.cfg)
				if rec.result.ExitCode != p.exitCode || !strings.Contains(rec.stdout, p.stdout) {
					t.Errorf("exit code %d, stdout %q, want %d and %q", rec.result.ExitCode, rec.stdout, p.exitCode, p.stdout)
				}
				for _, other := range engines {
					result := verify(t, rec, ReplayConfig{Engine: other})
					if warned := len(result.Warnings) > 0; warned != (engine != other) {
						t.Errorf("%s on %s: warnings %q", engine, other, result.Warnings)
					}
				}
			})
		}
	}
}

// The engines make the same trace, but for times and what is random.
func TestEnginesAgree(t *testing.T) {
	m := example(t, "c-trap/trap.wasm")
	var traces [][]format.Event
	for _, engine := range engines {
		events := eventsOf(t, record(t, m, Config{Engine: engine, Stdin: strings.NewReader("same")}).path)
		last := &events[len(events)-1]
		last.Input, _, _ = bytes.Cut(last.Input, []byte("\n"))
		traces = append(traces, events)
	}
	if diff := cmp.Diff(traces[0], traces[1]); diff != "" {
		t.Errorf("compiler and interpreter differ:\n%s", diff)
	}
}

func TestHeader(t *testing.T) {
	dir := t.TempDir()
	m := example(t, "hello/hello.wasm")
	cfg := Config{Arg0: "hi", Args: []string{"a"}, Env: []string{"K=V"}, Dirs: []format.Preopen{{Host: dir, Guest: "/data", ReadOnly: true}},
		Listen: []string{"127.0.0.1:0"}, StdinName: "inherit", Engine: EngineInterpreter, MemoryPages: 100, TextLimit: -1, Tool: "test 1"}
	h := open(t, record(t, m, cfg).path).Header()
	if len(h.Program.Listen) != 1 || strings.HasSuffix(h.Program.Listen[0], ":0") {
		t.Errorf("listen %q, want the port that was taken", h.Program.Listen)
	}
	want := &format.Program{Name: "hello.wasm", SHA256: m.sha256(), Args: []string{"hi", "a"}, Env: cfg.Env, Dirs: cfg.Dirs,
		Listen: h.Program.Listen, Stdin: "inherit"}
	if diff := cmp.Diff(want, h.Program); diff != "" {
		t.Error(diff)
	}
	host := &format.Host{Engine: "interpreter", Runtime: "wazero " + wazeroVersion, OS: runtime.GOOS, Arch: runtime.GOARCH,
		Go: runtime.Version(), MemoryPages: 100, Features: uint64(features)}
	if diff := cmp.Diff(host, h.Host); diff != "" {
		t.Error(diff)
	}
	if h.TextLimit != -1 || h.Tool != "test 1" || h.StartNS == 0 || h.ID == "" {
		t.Errorf("header %+v", h)
	}
	for _, fn := range h.Functions {
		if fn.Name == "path_open" {
			t.Errorf("header describes %s, which the module does not import", fn.Name)
		}
	}
}

func TestTrap(t *testing.T) {
	rec := record(t, example(t, "c-trap/trap.wasm"), Config{})
	trap := rec.result.Trap
	if trap.Message != "unreachable" {
		t.Errorf("message %q, want unreachable", trap.Message)
	}
	if stack := strings.Join(trap.Stack, "\n"); !strings.HasPrefix(stack, "give_up(i32) i32") || !strings.Contains(stack, "trap.c:24") {
		t.Errorf("stack without function and source line:\n%s", stack)
	}
	events := eventsOf(t, rec.path)
	last := events[len(events)-1]
	if last.Kind != format.KindTrap || last.Value != ExitCodeTrap || last.Hash != rec.result.MemoryHash {
		t.Errorf("last event %+v", last)
	}
	if diff := cmp.Diff(trap, parseTrap(last.Input)); diff != "" {
		t.Error(diff)
	}
}

func TestReactor(t *testing.T) {
	m := example(t, "reactor/reactor.wasm")
	rec := record(t, m, Config{Invoke: []string{"add(2, -5)", "elapsed", "count()"}})
	var got []string
	for _, c := range rec.result.Invoked {
		got = append(got, c.String())
	}
	if got[0] != "add(2, -5) = -3" || !strings.HasPrefix(got[1], "elapsed() = ") || got[2] != "count() = 2" {
		t.Errorf("invoked %q", got)
	}
	var kinds []string
	for _, e := range eventsOf(t, rec.path) {
		kinds = append(kinds, e.Kind.String())
	}
	want := []string{"start", "call", "export", "start", "export", "start", "call", "export", "start", "export", "exit"}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Error(diff)
	}
	verify(t, rec, ReplayConfig{})
	verify(t, record(t, m, Config{Invoke: []string{"add(1,2)", "crash", "count"}}), ReplayConfig{})
	verify(t, record(t, m, Config{}), ReplayConfig{})
}

// The monotonic clock is what its event says, and the realtime clock too.
func TestClock(t *testing.T) {
	imports := []wasmFunc{preview1("clock_time_get", "iIi"), preview1("fd_write", "iiii")}
	m := program(imports, map[uint32]string{0: le32(100, 32)},
		callDrop(0, 0, int64(1), 100), callDrop(0, 1, int64(1), 108), callDrop(0, 2, int64(1), 116),
		callDrop(0, 1, int64(1), 0x7ffffff), callDrop(0, 9, int64(1), 124),
		callDrop(1, 1, 0, 1, 200))
	rec := record(t, m, Config{})
	verify(t, rec, ReplayConfig{})
	f := open(t, rec.path)
	b, err := f.Batch(0)
	if err != nil {
		t.Fatal(err)
	}
	times := []byte(rec.stdout)
	if got := load(times[:8]); got != b.Time[1] {
		t.Errorf("realtime %d, event at %d", got, b.Time[1])
	}
	if got := load(times[8:16]); got != b.Time[2]-f.Header().StartNS {
		t.Errorf("monotonic %d, event at %d after the start", got, b.Time[2]-f.Header().StartNS)
	}
	for i, want := range []struct {
		errno  int32
		valued bool
	}{{0, false}, {0, false}, {0, true}, {errnoFault, false}, {28, false}} {
		e := calls(t, rec.path, "clock_time_get")[i]
		if valued := e.Has&format.HasValue != 0; e.Errno != want.errno || valued != want.valued {
			t.Errorf("call %d: errno %d, value %v, want %+v", i, e.Errno, valued, want)
		}
	}
}

// A step of the wall clock reaches the guest; the monotonic clock is not moved.
func TestClockStep(t *testing.T) {
	c := newClock(true)
	c.offset -= int64(5e9)
	if c.Wall() > c.start-int64(4e9) {
		t.Fatal("the clock was read before it was due")
	}
	c.due = 0
	if wall := c.Wall(); wall < c.start {
		t.Errorf("wall clock %d, want at least %d", wall, c.start)
	}
	if mono := c.Monotonic(); mono < 0 || mono > int64(4e9) {
		t.Errorf("monotonic clock %d has been moved", mono)
	}
	offset := c.offset
	c.due = 0
	c.Wall()
	if c.offset != offset {
		t.Errorf("offset moved by %d ns without a step", c.offset-offset)
	}
}

func TestRecordNeedsAWriterAndAName(t *testing.T) {
	m := example(t, "hello/hello.wasm")
	cfg := Config{CacheDir: NoCache}
	if _, err := Record(t.Context(), m, cfg, nil); err == nil {
		t.Error("a run was recorded to nowhere")
	}
	path := filepath.Join(t.TempDir(), "test.arrow")
	if _, err := Record(t.Context(), Module{Bytes: m.Bytes}, cfg, createAt(path)); err == nil || !strings.Contains(err.Error(), "name") {
		t.Errorf("%v, want a word of the name", err)
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("a file is left")
	}
}

// A program that goes on after a panic of its Observer has no writer left that
// holds the trace.
func TestObserverPanics(t *testing.T) {
	m := example(t, "hello/hello.wasm")
	path := filepath.Join(t.TempDir(), "test"+format.Extension)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		_, _ = Record(t.Context(), m, Config{CacheDir: NoCache, Observe: func(Observation) { panic("observer") }}, createAt(path))
	}()
	if _, err := os.Lstat(path + format.SidecarSuffix); err == nil {
		t.Error("the sidecar is left")
	}
	open(t, path)
}
