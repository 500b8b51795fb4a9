package edit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/writer"
)

const startNS = 1_700_000_000_000_000_000

var ctx = context.Background()

// run is a trace to be made: functions are chosen at random.
type run struct {
	functions []string
	start     int64 // ns after startNS
	step      int64 // ns between events
	module    string
	opts      writer.Options
}

func (r run) header() *format.Header {
	return &format.Header{StartNS: startNS + r.start, Program: &format.Program{Name: "app.wasm", Args: []string{"app.wasm", r.module}}}
}

// events are n events with what a run may have: errors, clocks, bytes.
func (r run) events(n int) []format.Event {
	rnd := rand.New(rand.NewPCG(uint64(n), uint64(r.start)))
	list := make([]format.Event, n)
	for i := range list {
		e := &list[i]
		*e = format.Event{Time: startNS + r.start + int64(i)*r.step, Task: int32(i % 2), Function: int16(rnd.IntN(len(r.functions))),
			Has: format.HasModule | format.HasFunction | format.HasErrno}
		switch r.functions[e.Function] {
		case "clock_time_get":
			e.P, e.Has = [9]int64{1, 1, 64}, e.Has|format.HasParams(3)
		case "fd_write":
			e.Input = bytes.Repeat([]byte{byte(i)}, rnd.IntN(20)+1)
			e.P, e.Value = [9]int64{1, 16, 1, 32}, int64(len(e.Input))
			e.Has |= format.HasParams(4) | format.HasInput | format.HasValue
		default:
			e.P, e.Errno, e.Has = [9]int64{int64(i)}, int32(rnd.IntN(3)), e.Has|format.HasParams(1)
		}
	}
	return list
}

func (r run) create(t *testing.T, path string, events []format.Event) *writer.Writer {
	t.Helper()
	opts := r.opts
	opts.Header, opts.Modules, opts.Functions = r.header(), []string{call.Module}, r.functions
	w, err := writer.Create(path, opts)
	if err != nil {
		t.Fatal(err)
	}
	attach(t, w, "app.wasm", r.module)
	attach(t, w, "shared.txt", "the same in all")
	for i := range events {
		if err := w.Append(&events[i]); err != nil {
			t.Fatal(err)
		}
	}
	if runtime.GOOS == "windows" && len(events) > 0 {
		time.Sleep(300 * time.Millisecond) // until what was appended is on file
	}
	return w
}

func attach(t *testing.T, w *writer.Writer, name, data string) {
	t.Helper()
	if err := w.Attach(name, "text/plain", []byte(data)); err != nil {
		t.Fatal(err)
	}
}

func (r run) trace(t *testing.T, events []format.Event) *reader.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "in.trace.arrow")
	if err := r.create(t, path, events).Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, path)
}

func open(t *testing.T, path string) *reader.File {
	t.Helper()
	f, err := reader.Open(path, reader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

var (
	runA = run{functions: []string{"clock_time_get", "fd_write", "fd_close"}, step: 10, module: "module A"}
	runB = run{functions: []string{"fd_sync", "fd_write", "clock_time_get"}, start: 55, step: 7, module: "module B"}
)

// rows are the events of a trace with their names, as text.
func rows(t *testing.T, f *reader.File, q reader.Query) []string {
	t.Helper()
	var list []string
	for e, err := range f.Events(q) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, row(f, e))
	}
	return list
}

func row(f *reader.File, e *format.Event) string {
	return fmt.Sprintf("%d %d %d %x %s", e.Seq, e.Time, e.Task, e.Has, decoded(f, e))
}

// decoded is what an event says: names, arguments and results.
func decoded(f *reader.File, e *format.Event) string {
	module, function := "", ""
	if e.Has&format.HasModule != 0 {
		module = f.Modules()[e.Module]
	}
	if e.Has&format.HasFunction != 0 {
		function = f.Functions()[e.Function]
	}
	line := call.Format(nil, f.Header(), module, function, e, call.Options{MaxText: -1})
	return fmt.Sprintf("%s %s.%s %s", e.Kind, module, function, line)
}

// check compares the rows of a new trace and verifies it.
func check(t *testing.T, path string, res *Result, want []string) *reader.File {
	t.Helper()
	f := open(t, path)
	got := rows(t, f, reader.Query{})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows: -want +got:\n%s", diff)
	}
	if f.Header().ID != res.ID || f.Summary().Events != res.Events {
		t.Errorf("result %+v of trace %s with %d events", res, f.Header().ID, f.Summary().Events)
	}
	if _, err := f.Verify(ctx, func(p reader.Problem) { t.Errorf("byte %d: %v", p.Offset, p.Err) }); err != nil {
		t.Error(err)
	}
	return f
}

func checkAttachments(t *testing.T, f *reader.File, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	for _, a := range f.Attachments() {
		data, err := f.ReadAttachment(a.Name)
		if err != nil {
			t.Fatal(err)
		}
		got[a.Name] = string(data)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("attachments: -want +got:\n%s", diff)
	}
}

var attached = map[string]string{"app.wasm": "module A", "shared.txt": "the same in all"}

// Filtering gives what the same query gives on the original, numbers included.
func TestFilter(t *testing.T) {
	r := runA
	r.opts.SegmentRows = 50
	in := r.trace(t, r.events(300))
	task := int32(1)
	for name, q := range map[string]reader.Query{
		"all": {}, "none": {Functions: []string{"nothing"}}, "range": {FromEvent: 40, ToEvent: 161}, "function": {Functions: []string{"fd_*"}},
		"errors": {Errors: true}, "task": {Task: &task}, "time": {FromTime: startNS + 500, ToTime: startNS + 900},
		"match": {Match: func(e *format.Event) bool { return e.P[0]%3 == 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "out")
			res, err := Filter(ctx, in, q, Output{Path: path, Source: "filter in"})
			if err != nil {
				t.Fatal(err)
			}
			f := check(t, path, res, rows(t, in, q))
			checkAttachments(t, f, attached)
			if h := f.Header(); h.ID == in.Header().ID || h.Source != "filter in" || h.StartNS != in.Header().StartNS || h.Program == nil {
				t.Errorf("header %+v", h)
			}
		})
	}
}

// A filtered trace can be filtered: numbers stay those of the first.
func TestFilterTwice(t *testing.T) {
	in := runA.trace(t, runA.events(100))
	dir := t.TempDir()
	if _, err := Filter(ctx, in, reader.Query{FromEvent: 50}, Output{Path: filepath.Join(dir, "1")}); err != nil {
		t.Fatal(err)
	}
	once := open(t, filepath.Join(dir, "1"))
	res, err := Filter(ctx, once, reader.Query{Functions: []string{"fd_write"}}, Output{Path: filepath.Join(dir, "2")})
	if err != nil {
		t.Fatal(err)
	}
	check(t, filepath.Join(dir, "2"), res, rows(t, in, reader.Query{FromEvent: 50, Functions: []string{"fd_write"}}))
}

// Events of several rows stay whole.
func TestParts(t *testing.T) {
	r := runA
	r.opts.SegmentBytes = 64
	events := r.events(3)
	large := events[0]
	large.Function, large.P, large.Input = 1, [9]int64{1, 16, 1, 32}, bytes.Repeat([]byte("0123456789"), 50)
	large.Has |= format.HasParams(4) | format.HasInput
	in := r.trace(t, append(events, large))
	dir := t.TempDir()
	res, err := Filter(ctx, in, reader.Query{Functions: []string{"fd_write"}}, Output{Path: filepath.Join(dir, "f")})
	if err != nil {
		t.Fatal(err)
	}
	check(t, filepath.Join(dir, "f"), res, rows(t, in, reader.Query{Functions: []string{"fd_write"}}))
	res, err = Snapshot(ctx, in, Output{Path: filepath.Join(dir, "s")})
	if err != nil {
		t.Fatal(err)
	}
	s := check(t, filepath.Join(dir, "s"), res, rows(t, in, reader.Query{}))
	raw := reader.Query{RawParts: true}
	if diff := cmp.Diff(rows(t, in, raw), rows(t, s, raw)); diff != "" {
		t.Errorf("part rows of the snapshot: -want +got:\n%s", diff)
	}
}

func TestSnapshotLive(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "live")
	r := runA
	r.opts.SegmentRows = 16
	w := r.create(t, path, r.events(50))
	defer w.Close()
	in := open(t, path)
	if !in.Live() {
		t.Fatal("the recording is not live")
	}
	res, err := Snapshot(ctx, in, Output{Path: filepath.Join(dir, "copy"), Source: "snapshot live"})
	if err != nil {
		t.Fatal(err)
	}
	f := check(t, filepath.Join(dir, "copy"), res, rows(t, in, reader.Query{}))
	if res.Events != 50 || f.Live() || f.Header().ID != in.Header().ID {
		t.Errorf("snapshot %+v, live %v, id %s of %s", res, f.Live(), f.Header().ID, in.Header().ID)
	}
	checkAttachments(t, f, attached)
}

func TestAddAttachment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t")
	if err := runA.create(t, path, runA.events(10)).Close(); err != nil {
		t.Fatal(err)
	}
	in := open(t, path)
	want := rows(t, in, reader.Query{})
	out := path
	if runtime.GOOS == "windows" { // replaces no file that is open
		out += ".new"
	}
	add := func(name string) (*Result, error) {
		return AddAttachment(ctx, in, Output{Path: out, Force: true}, name, "text/plain", bytes.NewReader([]byte("notes")), 5)
	}
	if _, err := add("app.wasm"); err == nil {
		t.Error("an attachment was replaced")
	}
	res, err := add("notes.txt")
	if err != nil {
		t.Fatal(err)
	}
	f := check(t, out, res, want)
	checkAttachments(t, f, map[string]string{"app.wasm": "module A", "shared.txt": "the same in all", "notes.txt": "notes"})
	if f.Header().ID != in.Header().ID || res.Attachments != 3 {
		t.Errorf("result %+v of %s", res, in.Header().ID)
	}
}

func TestPipe(t *testing.T) {
	in := runA.trace(t, runA.events(20))
	var b bytes.Buffer
	if _, err := Filter(ctx, in, reader.Query{ToEvent: 5}, Output{Pipe: &b}); err != nil {
		t.Fatal(err)
	}
	f, err := reader.New(bytes.NewReader(b.Bytes()), int64(b.Len()), reader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rows(t, in, reader.Query{ToEvent: 5}), rows(t, f, reader.Query{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A failure leaves no file behind, and an existing one as it was.
func TestNothingLeft(t *testing.T) {
	dir := t.TempDir()
	in := runA.trace(t, runA.events(2*reportEvery))
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	reports := 0
	out := Output{Path: filepath.Join(dir, "out"), Progress: func(int64) { reports++ }}
	if _, err := Filter(canceled, in, reader.Query{}, out); !errors.Is(err, context.Canceled) || reports != 1 {
		t.Errorf("error %v after %d reports, want that of the context after one", err, reports)
	}
	existing := filepath.Join(dir, "existing")
	if err := os.WriteFile(existing, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Filter(ctx, in, reader.Query{}, Output{Path: existing}); !errors.Is(err, os.ErrExist) {
		t.Errorf("error %v, want that the file exists", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if data, _ := os.ReadFile(existing); string(data) != "mine" {
		t.Errorf("the existing file holds %q", data)
	}
}

// records makes a table of somebody else's program: rows of a number.
func records(t *testing.T, name string, numbers ...int64) *reader.File {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{{Name: name, Type: arrow.PrimitiveTypes.Int64}}, nil)
	path := filepath.Join(t.TempDir(), "t")
	w, err := writer.Create(path, writer.Options{Schema: schema, Header: &format.Header{Source: name}})
	if err != nil {
		t.Fatal(err)
	}
	attach(t, w, name, name)
	for part := range slices.Chunk(numbers, 3) {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		b.Field(0).(*array.Int64Builder).AppendValues(part, nil)
		if err := w.WriteRecord(b.NewRecord()); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, path)
}

func numbers(t *testing.T, path string) (list []int64) {
	t.Helper()
	f := open(t, path)
	for i := range f.Segments() {
		rec, err := f.Record(i)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, rec.Column(0).(*array.Int64).Int64Values()...)
	}
	return list
}

func TestForeignTables(t *testing.T) {
	in := records(t, "n", 1, 2, 3, 4, 5, 6, 7, 8)
	dir := t.TempDir()
	path := filepath.Join(dir, "filtered")
	res, err := Filter(ctx, in, reader.Query{FromEvent: 2, ToEvent: 7}, Output{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{3, 4, 5, 6, 7}, numbers(t, path)); diff != "" || res.Events != 5 || res.Attachments != 1 {
		t.Errorf("filter: %+v, -want +got:\n%s", res, diff)
	}
	if _, err := Filter(ctx, in, reader.Query{Errors: true}, Output{Path: filepath.Join(dir, "errors")}); err == nil {
		t.Error("records were filtered by errno")
	}
	path = filepath.Join(dir, "merged")
	if _, err := Merge(ctx, []*reader.File{in, records(t, "n", 9, 10)}, Output{Path: path}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, numbers(t, path)); diff != "" {
		t.Errorf("merge: -want +got:\n%s", diff)
	}
	for _, other := range []*reader.File{records(t, "other", 1), runA.trace(t, nil)} {
		if _, err := Merge(ctx, []*reader.File{in, other}, Output{Path: filepath.Join(dir, "x")}); err == nil {
			t.Error("tables with other columns were merged")
		}
	}
}
