package runner

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/writer"
	"github.com/zeebo/xxh3"
)

// rewrite copies a trace's events through edit, which may change one or drop it.
func rewrite(t *testing.T, path string, edit func(*format.Event) bool) string {
	t.Helper()
	return rewriteRedacted(t, path, nil, edit)
}

// rewriteRedacted is rewrite for a trace that says that it was redacted.
func rewriteRedacted(t *testing.T, path string, redacted *format.Redacted, edit func(*format.Event) bool) string {
	t.Helper()
	f := open(t, path)
	h := *f.Header()
	h.Redacted = redacted
	to := filepath.Join(t.TempDir(), "edited"+format.Extension)
	w, err := writer.Create(to, writer.Options{Header: &h, Modules: f.Modules(), Functions: f.Functions()})
	if err != nil {
		t.Fatal(err)
	}
	data, err := f.ReadAttachment(h.Program.Name)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Attach(h.Program.Name, format.MediaTypeWasm, data); err != nil {
		t.Fatal(err)
	}
	for ev, err := range f.Events(reader.Query{RawParts: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if e := *ev; edit(&e) {
			if err := w.Append(&e); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return to
}

// Every part of an event that enters the check, changed in the recording.
func TestDivergence(t *testing.T) {
	rec := record(t, example(t, "hello/hello.wasm"), Config{Stdin: strings.NewReader("Ada\n")})
	f := open(t, rec.path)
	isCall := func(e *format.Event, name string) bool {
		return e.Kind == format.KindCall && f.Functions()[e.Function] == name
	}
	code := func(name string) int16 {
		c, _ := indexOf(f.Functions(), name)
		return int16(c)
	}
	for _, tt := range []struct {
		name string
		edit func(*format.Event) bool
		want string // in the error
	}{
		{"text", func(e *format.Event) bool {
			if isCall(e, "fd_write") {
				e.Input = bytes.Replace(e.Input, []byte("Hello"), []byte("Howdy"), 1)
			}
			return true
		}, `fd_write: text: recorded "Howdy`},
		{"function", func(e *format.Event) bool {
			if isCall(e, "random_get") {
				e.Function = code("fd_seek")
			}
			return true
		}, "different call: recorded fd_seek("},
		{"parameter", func(e *format.Event) bool {
			if isCall(e, "random_get") {
				e.P[1]++
			}
			return true
		}, "random_get: buf_len: recorded 6, now 5"},
		{"hash", func(e *format.Event) bool {
			if isCall(e, "fd_read") {
				e.Hash++
			}
			return true
		}, "fd_read: iovecs (hash)"},
		{"call left out", func(e *format.Event) bool { return !isCall(e, "random_get") }, "different call"},
		{"call too many", func(e *format.Event) bool {
			if e.Kind == format.KindExport {
				e.Kind, e.Module = format.KindCall, 0
				e.Has |= format.HasModule
			}
			return true
		}, "the guest returned: recorded "},
		{"memory", func(e *format.Event) bool {
			if e.Kind == format.KindExit {
				e.Hash++
			}
			return true
		}, ": memory: recorded "},
		{"exit code", func(e *format.Event) bool {
			if e.Kind == format.KindExit {
				e.Value = 7
			}
			return true
		}, ": exit code: recorded 7, now 0"},
		{"trap", func(e *format.Event) bool {
			if e.Kind == format.KindExit {
				e.Kind, e.Value, e.Input = format.KindTrap, ExitCodeTrap, []byte("unreachable\n")
				e.Has |= format.HasInput
			}
			return true
		}, ""},
		{"export", func(e *format.Event) bool {
			if e.Kind == format.KindStart {
				e.Function = code("fd_seek")
			}
			return true
		}, "the module does not export fd_seek"},
		{"outside memory", func(e *format.Event) bool {
			if isCall(e, "fd_read") {
				e.Output = make([]byte, 100000)
			}
			return true
		}, "bytes more than the buffers hold"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			result, _, _, err := replayed(t, rewrite(t, rec.path, tt.edit), ReplayConfig{})
			var diverged *DivergenceError
			if !errors.As(err, &diverged) || result.End != EndDiverged {
				t.Fatalf("%v, result %+v, want a divergence", err, result)
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want %q in it", err, tt.want)
			}
		})
	}
}

func indexOf(list []string, s string) (int, bool) {
	for i, x := range list {
		if x == s {
			return i, true
		}
	}
	return -1, false
}

func TestReport(t *testing.T) {
	m := example(t, "c-trap/trap.wasm")
	rec := record(t, m, Config{Stdin: strings.NewReader("abc"), Args: []string{"bounds"}})
	f := open(t, rec.path)
	path := rewrite(t, rec.path, func(e *format.Event) bool {
		if e.Kind == format.KindCall && f.Functions()[e.Function] == "fd_write" && e.Seq > 0 {
			e.Input = bytes.Replace(e.Input, []byte("294"), []byte("\x1b94"), 1)
		}
		return true
	})
	_, _, _, err := replayed(t, path, ReplayConfig{Context: 2, Engine: EngineInterpreter})
	const golden = "testdata/report.golden"
	got := trimDurations(report(err))
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("report:\n%s\nwant:\n%s", got, want)
	}
}

// A hash that is missing is unknown where the trace was redacted, and what
// differs is told to be likely to follow from a secret.
func TestRedacted(t *testing.T) {
	rec := record(t, example(t, "hello/hello.wasm"), Config{Stdin: strings.NewReader("Ada\n")})
	unhashed := func(e *format.Event) bool { e.Hash, e.Has = 0, e.Has&^format.HasHash; return true }
	_, _, _, err := replayed(t, rewrite(t, rec.path, unhashed), ReplayConfig{})
	if diverged := new(DivergenceError); !errors.As(err, &diverged) || diverged.Redacted {
		t.Errorf("hashes missing: %v, want a divergence of a trace that was not redacted", err)
	}
	for _, engine := range []Engine{EngineCompiler, EngineInterpreter} {
		result, stdout, _, err := replayed(t, rewriteRedacted(t, rec.path, &format.Redacted{}, unhashed), ReplayConfig{Engine: engine})
		if err != nil || stdout != rec.stdout || result.End != EndExit {
			t.Errorf("%s: %+v, stdout %q, %v", engine, result, stdout, err)
		}
	}
	_, _, _, err = replayed(t, rewriteRedacted(t, rec.path, &format.Redacted{}, func(e *format.Event) bool {
		e.Input = bytes.ReplaceAll(e.Input, []byte("Ada"), []byte("xxx"))
		return unhashed(e)
	}), ReplayConfig{})
	diverged := new(DivergenceError)
	if !errors.As(err, &diverged) || !diverged.Redacted || diverged.Function != "fd_write" {
		t.Fatalf("masked: %v, want a divergence of a redacted trace", err)
	}
	if !strings.Contains(err.Error(), redactedNote) || !strings.Contains(report(err), "\nredacted\n") {
		t.Errorf("masked: %v\n%s", err, report(err))
	}
}

// trimDurations drops what differs from run to run.
func trimDurations(s string) string {
	var lines []string
	for line := range strings.Lines(s) {
		if i := strings.LastIndex(line, " <"); i > 0 && strings.HasSuffix(line, ">\n") {
			line = line[:i] + "\n"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "")
}

// A module is not replaced by another one unnoticed.
func TestOtherModule(t *testing.T) {
	hello, trap := example(t, "hello/hello.wasm"), example(t, "c-trap/trap.wasm")
	rec := record(t, hello, Config{})
	verify(t, rec, ReplayConfig{Module: &hello})
	_, _, _, err := replayed(t, rec.path, ReplayConfig{Module: &trap})
	if !errors.As(err, new(*DivergenceError)) {
		t.Errorf("another program: %v, want a divergence", err)
	}

	f := open(t, rec.path)
	h := *f.Header()
	program := *h.Program
	program.SHA256 = strings.Repeat("0", 64)
	h.Program = &program
	path := filepath.Join(t.TempDir(), "swapped")
	w, err := writer.Create(path, writer.Options{Header: &h, Modules: f.Modules(), Functions: f.Functions()})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Attach(program.Name, format.MediaTypeWasm, hello.Bytes), w.Close()); err != nil {
		t.Fatal(err)
	}
	_, _, _, err = replayed(t, path, ReplayConfig{})
	if err == nil || !strings.Contains(err.Error(), "sha256: recorded 0000") {
		t.Errorf("swapped module: %v, want a divergence", err)
	}
}

// A changed program that does the same elsewhere in its memory replays; one
// that does something else diverges.
func TestChangedModule(t *testing.T) {
	build := func(at uint32, text string) Module {
		imports := []wasmFunc{preview1("fd_write", "iiii"), preview1("args_get", "ii"), preview1("poll_oneoff", "iiii"),
			preview1("fd_read", "iiii")}
		data := map[uint32]string{
			at:       le32(at+100, uint32(len(text)), at+200, 5, at+300, 3), // text, the polled userdata's copy, an argument
			at + 100: text,
			at + 400: le32(at, 0, 0, 0, 1, 0, 1000, 0, 0, 0, 0, 0),
			at + 600: le32(at+200, 5), // read into what is then written
		}
		n := int(at)
		// The pointer that args_get stored is where the third buffer is.
		argument := cat(i32Const(int32(n+16)), i32Const(int32(n+708)), i32Load, i32Store)
		return program(imports, data,
			callDrop(1, n+700, n+720), argument,
			callDrop(3, 0, n+600, 1, n+64),
			callDrop(2, n+400, n+500, 1, n+64),
			callDrop(0, 1, n, 3, n+64))
	}
	m := build(0, "text\n")
	rec := record(t, m, Config{Args: []string{"x", "abc"}, Stdin: strings.NewReader("input")})
	if rec.stdout != "text\ninputabc" {
		t.Fatalf("stdout %q", rec.stdout)
	}
	moved := build(4096, "text\n")
	result, stdout, _, err := replayed(t, rec.path, ReplayConfig{Module: &moved})
	if err != nil || stdout != rec.stdout || result.End != EndExit {
		t.Errorf("moved: stdout %q, %+v, %v", stdout, result, err)
	}
	changed := build(4096, "next\n")
	_, _, _, err = replayed(t, rec.path, ReplayConfig{Module: &changed})
	var diverged *DivergenceError
	if !errors.As(err, &diverged) || len(diverged.Differences) != 1 || diverged.Differences[0].Name != "text" {
		t.Errorf("changed: %v, want a difference of the text alone", err)
	}
}

func TestUntil(t *testing.T) {
	rec := record(t, example(t, "c-trap/trap.wasm"), Config{Stdin: strings.NewReader("abc")})
	var at int64
	f := open(t, rec.path)
	for i, e := range eventsOf(t, rec.path) {
		if e.Kind == format.KindCall && f.Functions()[e.Function] == "fd_read" {
			at = int64(i)
			break
		}
	}
	var memory bytes.Buffer
	result, stdout, _, err := replayed(t, rec.path, ReplayConfig{Until: at, DumpMemory: &memory})
	if err != nil || result.End != EndUntil || result.Events != at || stdout != "" {
		t.Errorf("until %d: %+v, stdout %q, %v", at, result, stdout, err)
	}
	if stack := strings.Join(result.Stack, "\n"); !strings.Contains(stack, "fd_read(") || !strings.Contains(stack, "sum_stdin(") {
		t.Errorf("stack:\n%s", stack)
	}
	if memory.Len() == 0 || xxh3.Hash(memory.Bytes()) != result.MemoryHash {
		t.Errorf("memory of %d bytes with another hash", memory.Len())
	}
	result, _, _, err = replayed(t, rec.path, ReplayConfig{Until: 1 << 40})
	if err != nil || result.End != EndTrap {
		t.Errorf("until beyond the end: %+v, %v", result, err)
	}
}

// A recording replays as far as it goes, wherever it was cut.
func TestCut(t *testing.T) {
	rec := record(t, example(t, "hello/hello.wasm"), Config{Stdin: strings.NewReader("Ada\n")})
	for keep := range rec.result.Events {
		n := int64(0)
		path := rewrite(t, rec.path, func(*format.Event) bool { n++; return n <= keep })
		result, stdout, _, err := replayed(t, path, ReplayConfig{})
		if err != nil || !result.Incomplete() || result.Events != keep {
			t.Errorf("%d events: %+v, %v", keep, result, err)
		}
		if !strings.HasPrefix(rec.stdout, stdout) {
			t.Errorf("%d events: stdout %q", keep, stdout)
		}
	}
}

// A guest that loops after the end of a cut recording does not hang the replay.
func TestTimeout(t *testing.T) {
	m := program([]wasmFunc{preview1("sched_yield", "")}, nil, callDrop(0), forever)
	for _, engine := range engines {
		rec := record(t, m, Config{Timeout: 50 * time.Millisecond, Engine: engine})
		if rec.result.End != EndTimeout || rec.result.Events != 2 {
			t.Errorf("record: %+v, want a timeout", rec.result)
		}
		result, _, _, err := replayed(t, rec.path, ReplayConfig{})
		if err != nil || result.End != EndCut || result.Events != 2 {
			t.Errorf("replay: %+v, %v, want a cut recording", result, err)
		}
		result, _, _, err = replayed(t, rec.path, ReplayConfig{Timeout: 50 * time.Millisecond})
		if err != nil || result.End != EndTimeout {
			t.Errorf("replay with a timeout: %+v, %v", result, err)
		}
	}
}

func TestTimeoutInCall(t *testing.T) {
	m := program([]wasmFunc{preview1("fd_read", "iiii")}, map[uint32]string{0: le32(100, 8)}, callDrop(0, 0, 0, 1, 64))
	rec := record(t, m, Config{Timeout: 50 * time.Millisecond, Stdin: blocked{}})
	if rec.result.End != EndTimeout || rec.result.Events != 1 {
		t.Errorf("%+v, want a timeout without the call", rec.result)
	}
}

// cancels cancels a context when it is written to.
type cancels struct{ cancel context.CancelFunc }

func (c cancels) Write(p []byte) (int, error) {
	c.cancel()
	time.Sleep(10 * time.Millisecond) // until the recorder has been told
	return len(p), nil
}

// A call during which the program is interrupted has happened if it succeeds.
func TestCancelInCall(t *testing.T) {
	write := callDrop(0, 1, 0, 1, 64)
	m := program([]wasmFunc{preview1("fd_write", "iiii")}, map[uint32]string{0: le32(100, 3), 100: "abc"}, write, write)
	ctx, cancel := context.WithCancel(t.Context())
	path := filepath.Join(t.TempDir(), "test.arrow")
	result, err := Record(ctx, m, Config{CacheDir: NoCache, Stdout: cancels{cancel}}, createAt(path))
	if err != nil || result.End != EndCancelled || len(calls(t, path, "fd_write")) != 1 {
		t.Fatalf("%+v, %v, want one call", result, err)
	}
	result, stdout, _, err := replayed(t, path, ReplayConfig{})
	if err != nil || result.End != EndCut || stdout != "abc" {
		t.Errorf("replay %+v, %v, stdout %q, want what was written", result, err, stdout)
	}
}

// A program without memory may make calls that need none.
func TestNoMemory(t *testing.T) {
	m := wasmModule{noMemory: true, imports: []wasmFunc{preview1("sched_yield", "")},
		funcs: []wasmFunc{{name: "_start", body: callDrop(0)}}}.module()
	if result := verify(t, record(t, m, Config{}), ReplayConfig{}); result.HasMemory || result.Events != 4 {
		t.Errorf("%+v, want 4 events and no memory", result)
	}
}

// What ends a recording is said once.
func TestWriterFails(t *testing.T) {
	loop := cat([]byte{0x03, 0x40}, callDrop(0, 0, 4096), []byte{0x0c, 0, 0x0b})
	m := program([]wasmFunc{preview1("random_get", "ii")}, nil, loop)
	_, err := Record(t.Context(), m, Config{CacheDir: NoCache}, func(o writer.Options) (*writer.Writer, error) {
		return writer.New(&short{left: 1 << 20}, o)
	})
	if !errors.Is(err, os.ErrClosed) || strings.Count(err.Error(), os.ErrClosed.Error()) != 1 {
		t.Errorf("%v, want %v once", err, os.ErrClosed)
	}
}

// short takes so many bytes.
type short struct{ left int }

func (s *short) Write(p []byte) (int, error) {
	if s.left -= len(p); s.left < 0 {
		return 0, os.ErrClosed
	}
	return len(p), nil
}

func TestCancel(t *testing.T) {
	loop := cat([]byte{0x03, 0x40}, callDrop(0), []byte{0x0c, 0, 0x0b})
	m := program([]wasmFunc{preview1("sched_yield", "")}, nil, loop)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	path := filepath.Join(t.TempDir(), "test.arrow")
	result, err := Record(ctx, m, Config{CacheDir: NoCache}, createAt(path))
	if err != nil || result.End != EndCancelled || !result.Incomplete() {
		t.Errorf("%+v, %v", result, err)
	}
	if s := open(t, path).Summary(); !s.Closed || s.Exit != nil || s.Events != result.Events {
		t.Errorf("summary %+v, want a closed trace without exit", s)
	}
}

func TestFull(t *testing.T) {
	loop := cat([]byte{0x03, 0x40}, callDrop(0, 0, 4096), []byte{0x0c, 0, 0x0b})
	m := program([]wasmFunc{preview1("random_get", "ii")}, nil, loop)
	path := filepath.Join(t.TempDir(), "test.arrow")
	result, err := Record(t.Context(), m, Config{CacheDir: cacheDir}, func(o writer.Options) (*writer.Writer, error) {
		o.MaxBytes = 1 << 20
		return writer.Create(path, o)
	})
	if err != nil || result.End != EndFull || !result.Incomplete() {
		t.Fatalf("%+v, %v", result, err)
	}
	replay, _, _, err := replayed(t, path, ReplayConfig{})
	if err != nil || replay.End != EndCut || replay.Events != result.Events {
		t.Errorf("replay %+v, %v, want %d events", replay, err, result.Events)
	}
}

// A closed pipe does not stop the verification.
func TestOutputFails(t *testing.T) {
	rec := record(t, example(t, "hello/hello.wasm"), Config{})
	result, err := Replay(t.Context(), open(t, rec.path), ReplayConfig{Stdout: failing{}, CacheDir: cacheDir})
	if err != nil || result.End != EndExit || !errors.Is(result.OutputErr, os.ErrClosed) {
		t.Errorf("%+v, %v", result, err)
	}
	var out bytes.Buffer
	result, err = Replay(t.Context(), open(t, rec.path), ReplayConfig{Stdout: limited{&out}, CacheDir: cacheDir})
	if err != nil || result.End != EndExit || !errors.Is(result.OutputErr, io.ErrShortWrite) {
		t.Errorf("%+v, %v, want a short write", result, err)
	}
	if _, err = Replay(t.Context(), open(t, rec.path), ReplayConfig{DumpMemory: limited{&out}, CacheDir: cacheDir}); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("%v, want a short write of the memory", err)
	}
	if err := writeZeros(limited{&out}, 10); err != io.ErrShortWrite {
		t.Errorf("%v, want a short write of zeros", err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, os.ErrClosed }

// What a trace may say about functions is not trusted.
func TestHostileFunctions(t *testing.T) {
	rec := record(t, example(t, "hello/hello.wasm"), Config{})
	f := open(t, rec.path)
	h := *f.Header()
	h.Functions = append([]format.Function(nil), h.Functions...)
	for i := range h.Functions {
		if h.Functions[i].Name == "random_get" {
			h.Functions[i].Writes = []format.Region{{Kind: format.RegionBytes, Ptr: 7, Len: -1}}
		}
	}
	path := filepath.Join(t.TempDir(), "hostile")
	w, err := writer.Create(path, writer.Options{Header: &h, Modules: f.Modules(), Functions: f.Functions()})
	if err != nil {
		t.Fatal(err)
	}
	hello := example(t, "hello/hello.wasm")
	if err := errors.Join(w.Attach(h.Program.Name, format.MediaTypeWasm, hello.Bytes), w.Close()); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := replayed(t, path, ReplayConfig{}); err == nil || !strings.Contains(err.Error(), call.Module+".random_get") {
		t.Errorf("%v, want the function's name", err)
	}
}
