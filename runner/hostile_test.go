package runner

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/writer"
)

// draft is a trace to be made: a sound container of whatever is in it.
type draft struct {
	header             format.Header
	modules, functions []string
	name               string // of the program's attachment
	wasm               []byte
	events             []format.Event
}

// draftOf takes a trace apart.
func draftOf(t testing.TB, path string) *draft {
	t.Helper()
	f := open(t, path)
	d := &draft{header: *f.Header(), modules: f.Modules(), functions: f.Functions()}
	var err error
	d.name = d.header.Program.Name
	if d.wasm, err = f.ReadAttachment(d.name); err != nil {
		t.Fatal(err)
	}
	for ev, err := range f.Events(reader.Query{RawParts: true}) {
		if err != nil {
			t.Fatal(err)
		}
		e := *ev
		e.Input, e.Output = bytes.Clone(e.Input), bytes.Clone(e.Output)
		d.events = append(d.events, e)
	}
	return d
}

// clone shares what mutations replace as a whole.
func (d *draft) clone() *draft {
	c := *d
	c.events = slices.Clone(d.events)
	c.header.Functions = slices.Clone(d.header.Functions)
	for i := range c.header.Functions {
		fn := &c.header.Functions[i]
		fn.Reads, fn.Writes, fn.Params = slices.Clone(fn.Reads), slices.Clone(fn.Writes), slices.Clone(fn.Params)
	}
	program, host := *d.header.Program, *d.header.Host
	c.header.Program, c.header.Host = &program, &host
	return &c
}

// trust makes the trace name the module it has.
func (d *draft) trust() {
	if d.header.Program != nil {
		sum := sha256.Sum256(d.wasm)
		d.header.Program.SHA256 = hex.EncodeToString(sum[:])
	}
}

// file writes the trace. Rows that the writer refuses are left out.
func (d *draft) file(t testing.TB) *reader.File {
	t.Helper()
	var buf bytes.Buffer
	w, err := writer.New(&buf, writer.Options{Header: &d.header, Modules: d.modules, Functions: d.functions, SegmentRows: 1 << 10, SegmentBytes: 1 << 18})
	if err != nil {
		t.Skip(err)
	}
	if err := w.Attach(d.name, format.MediaTypeWasm, d.wasm); err != nil {
		t.Fatal(err)
	}
	for i := range d.events {
		_ = w.Append(&d.events[i])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := reader.New(bytes.NewReader(buf.Bytes()), int64(buf.Len()), reader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// replay replays the trace; what comes of it must be a result, a divergence or
// an error that says what is wrong, soon.
func (d *draft) replay(t testing.TB, engine Engine) (*Result, error) {
	t.Helper()
	const timeout, grace = 2 * time.Second, 8 * time.Second
	began := time.Now()
	var out bytes.Buffer
	result, err := Replay(t.Context(), d.file(t), ReplayConfig{Engine: engine, CacheDir: NoCache, Timeout: timeout, Stdout: &out, Stderr: &out})
	if took := time.Since(began); took > timeout+grace {
		t.Errorf("took %v, the timeout was %v", took, timeout)
	}
	var diverged *DivergenceError
	switch {
	case err == nil && result == nil:
		t.Error("neither result nor error")
	case errors.As(err, &diverged):
		if err := diverged.Report(&out); err != nil || result == nil || result.End != EndDiverged {
			t.Errorf("divergence with result %+v, %v", result, err)
		}
	case err != nil && strings.Contains(err.Error(), "runtime error"):
		t.Errorf("fault in a host function: %v", err)
	}
	return result, err
}

// busyModule makes calls of all shapes.
func busyModule() Module {
	imports := []wasmFunc{preview1("clock_time_get", "iIi"), preview1("fd_write", "iiii"), preview1("random_get", "ii"),
		preview1("fd_read", "iiii"), preview1("args_get", "ii"), preview1("poll_oneoff", "iiii"), preview1("fd_renumber", "ii"),
		preview1("proc_exit", "i")}
	data := map[uint32]string{0: le32(100, 3, 200, 40, 300, 5), 100: "abc"}
	return program(imports, data,
		callDrop(0, 0, int64(1), 400), callDrop(0, 1, int64(1), 408), callDrop(0, 2, int64(1), 416),
		callDrop(1, 1, 0, 2, 500), callDrop(2, 600, 16), callDrop(3, 0, 8, 2, 504), callDrop(4, 700, 800),
		callDrop(5, 1000, 1100, 1, 508), callDrop(6, 1, 2), callDrop(1, 2, 0, 1, 500), callWith(7, 3))
}

// drafts are the traces that mutations begin with: a command, a library with
// results, a program that was embedded, and a component.
func drafts(t testing.TB) []*draft {
	t.Helper()
	busy := record(t, busyModule(), Config{Args: []string{"a", "b"}, Stdin: strings.NewReader("some input")})
	lib := wasmModule{imports: []wasmFunc{preview1("random_get", "ii")}, funcs: []wasmFunc{
		{name: "add", params: []byte{i32, i32}, results: []byte{i32}, body: cat(callDrop(0, 64, 8), localGet(0), localGet(1), i32Add)},
		{name: "loop", body: forever},
		{name: "take", params: []byte{0x70}},
	}}
	reactor := record(t, lib.module(), Config{Invoke: []string{"add(1, 2)", "add(3, 4)"}})
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "text.txt"), []byte("one two two\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	component := record(t, example(t, "rust-component/report.wasm"), Config{Args: []string{"text.txt"},
		Dirs: []format.Preopen{{Host: dir, Guest: "/"}}, Stdin: strings.NewReader("one two")})
	return []*draft{draftOf(t, busy.path), draftOf(t, reactor.path), draftOf(t, recordEmbedded(t)), draftOf(t, component.path)}
}

func recordEmbedded(t testing.TB) string {
	t.Helper()
	e := newEmbedded(t, nestModule, nil, nestHosts(t))
	for _, n := range []uint64{2, 0, 3} {
		if _, err := e.guest.Call(context.Background(), "outer", n); err != nil {
			t.Fatal(err)
		}
	}
	e.close(t)
	return e.path
}

// What a trace may hold and no recorder writes.
func TestHostile(t *testing.T) {
	const busy, lib, nested, component = 0, 1, 2, 3
	base := drafts(t)
	row := func(d *draft, kind format.Kind, name string) int {
		i := slices.IndexFunc(d.events, func(e format.Event) bool { return e.Kind == kind && d.functions[e.Function] == name })
		if i < 0 {
			t.Fatalf("no %s of %s", kind, name)
		}
		return i
	}
	for _, tt := range []struct {
		name   string
		base   int
		mutate func(*draft)
		want   string // in the error; empty: End
		end    End
	}{
		{"nothing", busy, func(*draft) {}, "", EndExit},
		{"no program", busy, func(d *draft) { d.header.Program = nil }, "not the recording", ""},
		{"no functions", nested, func(d *draft) { d.header.Functions = nil }, "unknown imports", ""},
		{"no wasm", busy, func(d *draft) { d.wasm = []byte("hello, world"); d.trust() }, ErrNotWasm.Error(), ""},
		{"component", busy, func(d *draft) { d.wasm = []byte("\x00asm\x0d\x00\x01\x00"); d.trust() }, "", EndDiverged},
		{"damaged", busy, func(d *draft) { d.wasm = d.wasm[:len(d.wasm)/2]; d.trust() }, "test.wasm: ", ""},
		{"fewer arguments", busy, func(d *draft) { d.header.Program.Args = d.header.Program.Args[:1] }, "", EndDiverged},
		{"more arguments", busy, func(d *draft) { d.header.Program.Args = slices.Repeat(d.header.Program.Args, 5000) }, "args_get", ""},
		{"negative count", busy, func(d *draft) { d.events[row(d, format.KindCall, "fd_write")].Value = -5 }, "", EndExit},
		{"output too large", busy, func(d *draft) {
			d.events[row(d, format.KindCall, "fd_read")].Output = make([]byte, 200000)
		}, "fd_read", ""},
		{"parts without end", busy, func(d *draft) {
			part := d.events[1]
			part.Kind, part.Input, part.Has = format.KindPart, make([]byte, 1000), format.HasInput
			d.events = append(d.events[:1:1], slices.Repeat([]format.Event{part}, 100)...)
		}, "", EndCut},
		{"start rows within a call", nested, func(d *draft) {
			start := d.events[row(d, format.KindStart, "outer")]
			d.events = slices.Repeat([]format.Event{start}, 3000)
		}, "does not export outer", ""},
		{"garbage in parameters", lib, func(d *draft) {
			d.events[row(d, format.KindStart, "add")].P[0] |= 0x7fff << 32
		}, "", EndExit},
		{"reference", lib, func(d *draft) {
			d.functions = append(slices.Clone(d.functions), "take")
			d.events[0].Function, d.events[0].Has = int16(len(d.functions)-1), format.HasFunction|format.HasP0
		}, "does not export take", ""},
		{"loop", lib, func(d *draft) {
			d.functions = append(slices.Clone(d.functions), "loop")
			d.events[0].Function, d.events[0].Has = int16(len(d.functions)-1), format.HasFunction
		}, "", EndTimeout},
		{"loop at the end", lib, func(d *draft) {
			d.functions = append(slices.Clone(d.functions), "loop")
			d.events[0].Function, d.events[0].Has = int16(len(d.functions)-1), format.HasFunction
			d.events = d.events[:1]
		}, "", EndCut},
		{"value of a start row", lib, func(d *draft) {
			e := &d.events[row(d, format.KindStart, "add")]
			e.Value, e.Input, e.Has = 9, []byte("x"), e.Has|format.HasValue|format.HasInput
		}, "", EndExit},
		{"many tasks", nested, func(d *draft) {
			end := d.events[len(d.events)-1]
			for i := range 200 {
				end.Task = int32(i - 100)
				d.events = append(d.events, end)
			}
		}, "memory: ", ""},
		{"write before the guest", nested, func(d *draft) { d.events[0].Kind, d.events[0].Output = format.KindWrite, make([]byte, 200000) }, "", EndDiverged},
		{"component's argument", component, func(d *draft) { d.events[row(d, format.KindCall, "[method]output-stream.write")].Input[1] ^= 1 }, "recorded \"s", EndDiverged},
		{"component's result", component, func(d *draft) { d.events[row(d, format.KindCall, "get-arguments")].Output = []byte{9} }, "malformed value", EndDiverged},
		{"component's handle", component, func(d *draft) { d.events[row(d, format.KindCall, "get-stdout")].Value = 1 << 40 }, "", EndDiverged},
		{"component's drop", component, func(d *draft) {
			i := row(d, format.KindCall, "[method]input-stream.blocking-read")
			d.events[i].Kind = format.KindDrop
		}, "different call", EndDiverged},
		{"component's signature", component, func(d *draft) {
			for i := range d.header.Functions {
				d.header.Functions[i].Signature = "func() -> result<tuple<u8, u8, list<list<"
			}
		}, "unknown imports", ""},
		{"component's other signature", component, func(d *draft) {
			for i := range d.header.Functions {
				d.header.Functions[i].Signature = "func() -> u8"
			}
		}, "unknown imports", ""},
		{"component's export", component, func(d *draft) { d.events[0].Input, d.events[0].Has = []byte{1, 2}, d.events[0].Has|format.HasInput }, "does not export run with these parameters", EndDiverged},
		{"unknown function", busy, func(d *draft) { d.events[2].Has &^= format.HasFunction | format.HasModule }, "", EndDiverged},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := base[tt.base].clone()
			tt.mutate(d)
			result, err := d.replay(t, EngineAuto)
			switch {
			case tt.want == "" && (result == nil || result.End != tt.end):
				t.Errorf("%+v, %v, want %s", result, err, tt.end)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("%v, want %q in it", err, tt.want)
			}
		})
	}
}

// tape is where a fuzzed mutation takes its numbers from.
type tape struct{ data []byte }

func (t *tape) byte() int {
	if len(t.data) == 0 {
		return 0
	}
	b := t.data[0]
	t.data = t.data[1:]
	return int(b)
}

func (t *tape) below(n int) int { return t.byte() % max(n, 1) }

// number is small, near a power of two, or anything.
func (t *tape) number() int64 {
	switch k := t.byte(); {
	case k < 100:
		return int64(t.byte())
	case k < 200:
		return 1<<(k%64) - int64(t.below(3))
	}
	var b [8]byte
	t.data = t.data[copy(b[:], t.data):]
	return int64(binary.LittleEndian.Uint64(b[:]))
}

func (t *tape) bytes() []byte { return bytes.Repeat([]byte{byte(t.byte())}, t.below(64)<<t.below(12)) }

// mutate changes one thing.
func (d *draft) mutate(t *tape) {
	switch k := t.byte(); {
	case k < 30:
		d.mutateHeader(t)
	case k < 90:
		d.mutateFunction(t)
	case k < 100:
		d.mutateModule(t)
	case k < 140:
		d.mutateRows(t)
	case len(d.events) > 0:
		d.mutateEvent(t, &d.events[t.byte()%len(d.events)])
	}
}

func (d *draft) mutateHeader(t *tape) {
	h := &d.header
	if h.Program == nil {
		return
	}
	switch t.below(8) {
	case 0:
		h.Program = nil
	case 1:
		h.Functions = nil
	case 2:
		h.Program.Args = slices.Repeat([]string{string(t.bytes())}, t.below(40))
	case 3:
		h.Program.Env = slices.Repeat([]string{string(t.bytes())}, t.below(40))
	case 4:
		h.TextLimit = t.number()
	case 5:
		h.Host.Features = uint64(t.number())
	case 6:
		h.Host.MemoryPages = uint32(t.below(4))
	case 7:
		h.Program.Embedded = !h.Program.Embedded
	}
}

func (d *draft) mutateFunction(t *tape) {
	if len(d.header.Functions) == 0 {
		return
	}
	fn := &d.header.Functions[t.below(len(d.header.Functions))]
	switch t.below(10) {
	case 9:
		fn.Signature = []string{"func()", "func() -> u64", "func(self: borrow<a:b/c.d>) -> own<a:b/c.d>", "func(s: string) -> result", string(t.bytes())}[t.below(5)]
	case 0:
		fn.Params = fn.Params[:t.below(len(fn.Params)+1)]
	case 1:
		fn.Params = append(fn.Params, format.Param{Name: "p", Type: format.I32, Role: format.RolePointer})
	case 2:
		fn.Result = nil
	case 3:
		fn.Errno = !fn.Errno
	case 4:
		fn.WritesOnError = !fn.WritesOnError
	case 5:
		fn.Compare = !fn.Compare
	case 6:
		mutateRegions(t, &fn.Reads)
	case 7:
		mutateRegions(t, &fn.Writes)
	case 8:
		if len(fn.Params) > 0 {
			fn.Params[t.below(len(fn.Params))].Role = []string{"fd", "clockid", "", "pointer"}[t.below(4)]
		}
	}
}

func mutateRegions(t *tape, list *[]format.Region) {
	kinds := []format.RegionKind{format.RegionFixed, format.RegionBytes, format.RegionArray, format.RegionGather,
		format.RegionScatter, format.RegionArgs, format.RegionEnviron}
	if len(*list) == 0 || t.below(4) == 0 {
		*list = append(*list, format.Region{})
	}
	r := &(*list)[t.below(len(*list))]
	*r = format.Region{Kind: kinds[t.below(len(kinds))], Role: []string{"text", "clock", "events", "count"}[t.below(4)],
		Ptr: t.below(5), Len: t.below(5), Used: t.below(4), Size: uint32(t.number())}
}

func (d *draft) mutateModule(t *tape) {
	switch t.below(3) {
	case 0:
		d.wasm = t.bytes()
	case 1:
		d.wasm = append([]byte("\x00asm\x0d\x00\x01\x00"), t.bytes()...)
	case 2:
		d.wasm = slices.Clone(d.wasm[:t.below(len(d.wasm)+1)])
	}
	if t.below(2) == 0 {
		d.trust()
	}
}

func (d *draft) mutateRows(t *tape) {
	if len(d.events) == 0 {
		return
	}
	i := t.byte() % len(d.events)
	switch t.below(4) {
	case 0:
		d.events = slices.Delete(d.events, i, i+1)
	case 1:
		d.events = slices.Insert(d.events, i, slices.Repeat(d.events[i:i+1], 1+t.byte()*4)...)
	case 2:
		d.events = d.events[:i]
	case 3:
		j := t.byte() % len(d.events)
		d.events[i], d.events[j] = d.events[j], d.events[i]
	}
}

func (d *draft) mutateEvent(t *tape, e *format.Event) {
	switch t.below(11) {
	case 0:
		e.Kind = format.Kind(t.below(len(format.KindNames())))
	case 1:
		e.P[t.below(format.NumParams)] = t.number()
	case 2:
		e.Value = t.number()
	case 3:
		e.Errno = int32(t.number())
	case 4:
		e.Input, e.Has = t.bytes(), e.Has|format.HasInput
	case 5:
		e.Output, e.Has = t.bytes(), e.Has|format.HasOutput
	case 6:
		e.Has ^= 1 << t.below(17)
	case 7:
		e.Function = int16(t.below(len(d.functions)))
	case 8:
		e.Module = int16(t.below(len(d.modules)))
	case 9:
		e.Task = int32(t.number())
	case 10:
		e.Output, e.Has = call.AppendWrite(nil, uint32(t.number()), t.bytes()), e.Has|format.HasOutput
	}
}

// FuzzReplay replays sound containers of hostile traces.
func FuzzReplay(f *testing.F) {
	base := drafts(f)
	f.Add(byte(0), []byte{})
	f.Add(byte(1), []byte{150, 1, 0, 7})
	f.Add(byte(2), []byte{120, 1, 1, 200})
	f.Add(byte(0), []byte{40, 1, 7, 0, 3, 1, 1, 2, 250})
	f.Fuzz(func(t *testing.T, which byte, data []byte) {
		d := base[int(which)%len(base)].clone()
		for tp := (&tape{data}); len(tp.data) > 0; {
			d.mutate(tp)
		}
		d.replay(t, engines[int(which)/len(base)%2])
	})
}
