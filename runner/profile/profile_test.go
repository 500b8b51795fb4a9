package profile_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/runner"
	ours "github.com/tracetool/tracetool/runner/profile"
	"github.com/tracetool/tracetool/writer"
)

// cacheDir keeps what was compiled: every program is replayed several times.
var cacheDir string

func TestMain(m *testing.M) {
	var err error
	if cacheDir, err = os.MkdirTemp("", "tracetool-test-*"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(cacheDir)
	os.Exit(code)
}

// recorded records a program and opens the trace.
func recorded(t testing.TB, m runner.Module, cfg runner.Config) *reader.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test"+format.Extension)
	cfg.CacheDir = cacheDir
	create := func(o writer.Options) (*writer.Writer, error) { return writer.Create(path, o) }
	if _, err := runner.Record(t.Context(), m, cfg, create); err != nil {
		t.Fatal(err)
	}
	f, err := reader.Open(path, reader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func example(t testing.TB, path string) runner.Module {
	t.Helper()
	m, err := runner.Load(filepath.Join("../../examples", path))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func replaying() runner.ReplayConfig { return runner.ReplayConfig{CacheDir: cacheDir} }

// written is the profile as pprof reads it.
func written(t testing.TB, p *ours.Profile) *profile.Profile {
	t.Helper()
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	read, err := profile.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	if err := read.CheckValid(); err != nil {
		t.Error(err)
	}
	return read
}

func cpu(t testing.TB, f *reader.File, cfg runner.ReplayConfig) *ours.Profile {
	t.Helper()
	p, result, err := ours.CPU(t.Context(), f, cfg, ours.MaxRate)
	if err != nil || result.End == runner.EndDiverged {
		t.Fatalf("%v, %v", result, err)
	}
	return p
}

func memory(t testing.TB, f *reader.File) *profile.Profile {
	t.Helper()
	p, _, err := ours.Memory(t.Context(), f, replaying())
	if err != nil {
		t.Fatal(err)
	}
	return written(t, p)
}

// stackOf is a sample's functions, innermost first, inlined ones included.
func stackOf(s *profile.Sample) (names []string) {
	for _, at := range s.Location {
		for _, l := range at.Line {
			names = append(names, l.Function.Name)
		}
	}
	return names
}

// total sums a value over the samples whose stack has these functions in this
// order, others between them.
func total(p *profile.Profile, value int, functions ...string) (sum int64) {
	for _, s := range p.Sample {
		left := functions
		for _, name := range stackOf(s) {
			if len(left) > 0 && left[0] == name {
				left = left[1:]
			}
		}
		if len(left) == 0 {
			sum += s.Value[value]
		}
	}
	return sum
}

// TestHostTimeOfC: the durations that were recorded are on the stacks of the
// calls, with source lines and inlined functions.
func TestHostTimeOfC(t *testing.T) {
	for _, engine := range []runner.Engine{runner.EngineCompiler, runner.EngineInterpreter} {
		t.Run(string(engine), func(t *testing.T) {
			f := recorded(t, example(t, "c-trap/trap.wasm"), runner.Config{Engine: engine, Stdin: strings.NewReader("abc")})
			p := written(t, cpu(t, f, replaying()))
			var want int64
			for e, err := range f.Events(reader.Query{}) {
				if err != nil {
					t.Fatal(err)
				}
				if e.Kind == format.KindCall {
					want += e.Duration
				}
			}
			if got := total(p, 2, "_start"); got != want || want == 0 {
				t.Errorf("host calls took %d ns below _start, want %d", got, want)
			}
			if total(p, 2, "wasi_snapshot_preview1.fd_read", "read", "sum_stdin", "main") == 0 {
				t.Error("nothing for the read of stdin")
			}
			if total(p, 2, "wasi_snapshot_preview1.fd_write", "write", "print", "print_number", "main") == 0 {
				t.Error("nothing for the write of an inlined function")
			}
			wantLine(t, p, "sum_stdin", "c-trap/trap.c", 54)
			wantLine(t, p, "print_number", "c-trap/trap.c", 47)
		})
	}
}

func wantLine(t *testing.T, p *profile.Profile, function, file string, line int64) {
	t.Helper()
	var found []int64
	for _, at := range p.Location {
		for _, l := range at.Line {
			if l.Function.Name == function && l.Function.Filename == file {
				found = append(found, l.Line)
			}
		}
	}
	if !slices.Contains(found, line) {
		t.Errorf("%s has lines %d of %s, want %d", function, found, file, line)
	}
}

// goProgram builds testdata/goprog.
func goProgram(t *testing.T, flags ...string) runner.Module {
	t.Helper()
	out := filepath.Join(t.TempDir(), "goprog.wasm")
	cmd := exec.Command("go", append(append([]string{"build", "-o", out}, flags...), "./testdata/goprog")...)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	m, err := runner.Load(out)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestProgramOfGo: goroutines that are put aside keep their stacks, with and
// without names in the module.
func TestProgramOfGo(t *testing.T) {
	for name, c := range map[string]struct {
		flags  []string
		engine runner.Engine // compiling it takes long under the race detector
	}{
		"names":    {nil, runner.EngineCompiler},
		"stripped": {[]string{"-ldflags=-s -w"}, runner.EngineInterpreter},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := recorded(t, goProgram(t, c.flags...), runner.Config{Engine: c.engine})
			p := cpu(t, f, replaying())
			if got := p.Calls["main.fib"]; got != 75_300 { // 100 times 753
				t.Errorf("main.fib was called %d times", got)
			}
			read := written(t, p)
			whole, below := total(read, 1, "main.fib"), total(read, 1, "main.fib", "main.work")
			if whole == 0 || below < whole*9/10 {
				t.Errorf("%d of %d ns of main.fib are below main.work", below, whole)
			}
			if !slices.ContainsFunc(read.Function, func(f *profile.Function) bool {
				return f.Name == "main.fib" && strings.HasSuffix(f.Filename, "goprog/main.go") && f.StartLine == 6
			}) {
				t.Error("main.fib is not at its place")
			}
			m := memory(t, f)
			if n := total(m, 1, "main.allocate", "main.work"); n < 100*1000 || n > 110*1000 {
				t.Errorf("main.allocate allocated %d bytes", n)
			}
			if diff := cmp.Diff(stacksOf(m), stacksOf(memory(t, f))); diff != "" {
				t.Errorf("a second replay allocates otherwise: %s", diff)
			}
		})
	}
}

func stacksOf(p *profile.Profile) map[string]int64 {
	m := map[string]int64{}
	for _, s := range p.Sample {
		m[strings.Join(stackOf(s), " ")] += s.Value[1]
	}
	return m
}

// TestExamples: programs without names, of Rust, C and Go, have profiles that
// add up.
func TestExamples(t *testing.T) {
	for path, engine := range map[string]runner.Engine{
		"hello/hello.wasm": runner.EngineAuto, "rust-report/report.wasm": runner.EngineAuto,
		"c-trap/trap.wasm": runner.EngineAuto, "go-files/files.wasm": runner.EngineInterpreter,
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			f := recorded(t, example(t, path), runner.Config{Engine: engine, Args: []string{"ls"}, Stdin: strings.NewReader("a,1\nb,2\n")})
			p := cpu(t, f, replaying())
			written(t, p)
			var self, sampled int64
			for _, row := range p.Top() {
				if self += row.SelfNS; row.SelfNS > row.TotalNS || row.SelfNS < 0 {
					t.Errorf("%+v", row)
				}
			}
			for _, s := range p.Profile.Sample {
				sampled += s.Value[1]
			}
			if self != sampled {
				t.Errorf("functions took %d ns themselves, samples have %d", self, sampled)
			}
			if len(p.Calls) < 5 {
				t.Errorf("calls of %d functions", len(p.Calls))
			}
			memory(t, f)
		})
	}
}

func TestGoExampleHasNames(t *testing.T) {
	f := recorded(t, example(t, "go-files/files.wasm"), runner.Config{Engine: runner.EngineInterpreter})
	if p := cpu(t, f, replaying()); p.Calls["main.main"] != 1 {
		t.Errorf("main.main was called %d times", p.Calls["main.main"])
	}
	if m := memory(t, f); total(m, 1, "runtime.main") == 0 {
		t.Error("nothing was allocated below runtime.main")
	}
}

func TestModuleInPlaceOfTheRecorded(t *testing.T) {
	f := recorded(t, example(t, "hello/hello.wasm"), runner.Config{})
	other := example(t, "c-trap/trap.wasm")
	cfg := replaying()
	cfg.Module = &other
	p, result, err := ours.CPU(t.Context(), f, cfg, 0)
	if err == nil || result.End != runner.EndDiverged || p == nil {
		t.Errorf("%v, %v, %v: want a divergence with a profile up to it", p, result, err)
	}
}

func FuzzModule(f *testing.F) {
	for _, path := range []string{"hello/hello.wasm", "reactor/reactor.wasm", "c-trap/trap.wasm"} {
		f.Add(example(f, path).Bytes)
	}
	f.Fuzz(func(t *testing.T, module []byte) { ours.Symbolize(module, 200) })
}
