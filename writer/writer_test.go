package writer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	arrowipc "github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/ipc"
	"github.com/tracetool/tracetool/reader"
)

func TestOptions(t *testing.T) {
	with := func(change func(*Options)) Options {
		o := options
		o.SegmentRows = 64
		change(&o)
		return o
	}
	tests := map[string]Options{
		"defaults":      options,
		"small":         with(func(*Options) {}),
		"lz4":           with(func(o *Options) { o.Compression = ipc.LZ4 }),
		"none":          with(func(o *Options) { o.Compression = ipc.None }),
		"bytes":         with(func(o *Options) { o.SegmentBytes = 100 }),
		"seal interval": with(func(o *Options) { o.SealInterval = time.Millisecond }),
		"sync":          with(func(o *Options) { o.Sync = true }),
		"sync hidden":   with(func(o *Options) { o.Sync, o.NoSidecar = true, true }),
		"force":         with(func(o *Options) { o.Force = true }),
		"no sidecar":    with(func(o *Options) { o.NoSidecar = true }),
		"seq":           with(func(o *Options) { o.Seq = true }),
		"header": with(func(o *Options) {
			o.Header = &format.Header{ID: "018f0000-0000-7000-8000-000000000000", Tool: "x", StartNS: 5}
		}),
	}
	for name, opts := range tests {
		t.Run(name, func(t *testing.T) {
			events := randomEvents(1, 1000)
			for i := range events {
				events[i].Seq = int64(i) * 3
			}
			path := tracePath(t)
			checkGoroutines(t, func() {
				w := mustCreate(t, path, opts)
				appendAll(t, w, events)
				if got := w.Events(); got < int64(len(events)) {
					t.Errorf("%d events, want at least %d", got, len(events))
				}
				mustClose(t, w)
			})
			f := check(t, path, events)
			if opts.Seq {
				for i, e := range collect(t, f, reader.Query{}) {
					if e.Seq != int64(i)*3 {
						t.Fatalf("event %d has number %d, want %d", i, e.Seq, i*3)
					}
				}
			}
			if h := f.Header(); opts.Header != nil && (h.ID != opts.Header.ID || h.Tool != "x" || h.StartNS != 5) {
				t.Errorf("header %+v, want %+v", h, opts.Header)
			}
			if !f.Summary().Closed {
				t.Error("trace is not closed")
			}
		})
	}
}

func TestWrongOptions(t *testing.T) {
	dictionary := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
	tests := map[string]Options{
		"rows":          {SegmentRows: maxSegmentRows + 1},
		"bytes":         {SegmentBytes: maxSegmentBytes + 1},
		"codec":         {Compression: 77},
		"dictionary":    {Schema: arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.ListOf(dictionary)}}, nil)},
		"type":          {Schema: arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.FixedWidthTypes.Duration_ns}}, nil)},
		"no columns":    {Schema: arrow.NewSchema(nil, nil)},
		"many names":    {Functions: make([]string, 1<<15+1)},
		"trace's id":    {Header: &format.Header{ID: "not a uuid"}},
		"module at all": {MaxBytes: 100, Modules: []string{"m"}},
	}
	for name, opts := range tests {
		t.Run(name, func(t *testing.T) {
			path := tracePath(t)
			w, err := Create(path, opts)
			if err == nil {
				if err = w.Start(); err == nil {
					t.Error("no error")
				}
				if again := w.Append(&format.Event{}); opts.Schema == nil && !errors.Is(again, err) {
					t.Errorf("Append says %v after %v", again, err)
				}
				if closing := w.Close(); !errors.Is(closing, err) {
					t.Errorf("Close says %v after %v", closing, err)
				}
			}
			checkGone(t, path)
		})
	}
}

func TestCreateRefuses(t *testing.T) {
	dir := t.TempDir()
	file, open := dir+"/file", dir+"/open"
	for _, name := range []string{file, open + format.SidecarSuffix} {
		if err := os.WriteFile(name, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"", dir, file, open, dir + "/no/such/folder"} {
		if w, err := Create(path, options); err == nil {
			t.Errorf("Create(%q) succeeds", path)
			_ = w.Abort()
		}
	}
	if _, err := Create(file, options); !errors.Is(err, os.ErrExist) {
		t.Errorf("%v, want that the file exists", err)
	}
	if _, err := Create(open, options); !errors.Is(err, ErrRecording) {
		t.Errorf("%v, want that there is a recording", err)
	}
	if _, err := Create(dir, Options{Force: true}); err == nil {
		t.Error("Create replaces a directory")
	}
	sameBytes(t, "file", readFile(t, file), []byte("precious"))
	sameBytes(t, "sidecar", readFile(t, open+format.SidecarSuffix), []byte("precious"))
}

func TestForce(t *testing.T) {
	for _, hidden := range []bool{false, true} {
		path := tracePath(t)
		for _, name := range []string{path, path + format.SidecarSuffix} {
			if err := os.WriteFile(name, []byte("old"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		opts := options
		opts.Force, opts.NoSidecar = true, hidden
		w := mustCreate(t, path, opts)
		if runtime.GOOS != "windows" {
			sameBytes(t, "file before the first event", readFile(t, path), []byte("old"))
		}
		appendAll(t, w, clockEvents(3))
		mustClose(t, w)
		if hidden {
			os.Remove(path + format.SidecarSuffix)
		}
		check(t, path, clockEvents(3))
	}
}

// TestForceAborted: what was to be replaced stays.
func TestForceAborted(t *testing.T) {
	path := tracePath(t)
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := Create(path, Options{Force: true, NoSidecar: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	sameBytes(t, "file", readFile(t, path), []byte("old"))
}

func TestTwoWriters(t *testing.T) {
	path := tracePath(t)
	w := mustCreate(t, path, options)
	appendAll(t, w, clockEvents(3))
	opts := options
	for _, opts.Force = range []bool{false, true} {
		second, err := Create(path, opts)
		if err == nil {
			err = second.Close()
		}
		if !errors.Is(err, ErrRecording) {
			t.Errorf("a second writer, force %v: %v, want that a recording is in progress", opts.Force, err)
		}
	}
	appendAll(t, w, clockEvents(3))
	mustClose(t, w)
	check(t, path, append(clockEvents(3), clockEvents(3)...))
}

// halfway writes a part of what it is given, and says so only by the count.
type halfway struct{}

func (halfway) Write(p []byte) (int, error) { return len(p) / 2, nil }

func TestPipeThatLosesBytes(t *testing.T) {
	w, err := New(halfway{}, options)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(&clockEvents(1)[0]); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("%v, want a short write", err)
	}
	if err := w.Close(); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("Close: %v, want a short write", err)
	}
	if _, err := New(nil, options); err == nil {
		t.Error("a trace is written to nowhere")
	}
}

// TestNoOverwriteAtClose: a file that appears meanwhile is not replaced.
func TestNoOverwriteAtClose(t *testing.T) {
	path := tracePath(t)
	opts := options
	opts.NoSidecar = true
	w := mustCreate(t, path, opts)
	appendAll(t, w, clockEvents(3))
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); !errors.Is(err, os.ErrExist) {
		t.Errorf("%v, want that the file exists", err)
	}
	sameBytes(t, "file", readFile(t, path), []byte("precious"))
	os.Remove(path)
	checkGone(t, path)
}

func TestHiddenUntilClose(t *testing.T) {
	path := tracePath(t)
	opts := options
	opts.NoSidecar, opts.SegmentRows = true, 8
	w := mustCreate(t, path, opts)
	appendAll(t, w, clockEvents(100))
	if err := w.Seal(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, path + format.SidecarSuffix} {
		if _, err := os.Lstat(name); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v, want that it does not exist", name, err)
		}
	}
	mustClose(t, w)
	check(t, path, clockEvents(100))
}

func TestAbort(t *testing.T) {
	for _, hidden := range []bool{false, true} {
		for _, events := range []int{-1, 0, 1, 100} {
			path := tracePath(t)
			opts := options
			opts.NoSidecar, opts.SegmentRows = hidden, 8
			checkGoroutines(t, func() {
				w := mustCreate(t, path, opts)
				if events >= 0 {
					if err := w.Start(); err != nil {
						t.Fatal(err)
					}
					appendAll(t, w, clockEvents(events))
				}
				if err := w.Abort(); err != nil {
					t.Error(err)
				}
			})
			checkGone(t, path)
		}
	}
}

func TestClosedWriter(t *testing.T) {
	w := mustCreate(t, tracePath(t), options)
	appendAll(t, w, clockEvents(1))
	mustClose(t, w)
	for name, f := range map[string]func() error{
		"Append": func() error { return w.Append(clockEvent(0)) },
		"Start":  w.Start, "Seal": w.Seal, "Close": w.Close, "Abort": w.Abort,
	} {
		if err := f(); !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v, want %v", name, err, ErrClosed)
		}
	}
	if w.Events() != 1 {
		t.Errorf("%d events, want 1", w.Events())
	}
}

// TestWrongEvents: codes outside the dictionaries are refused, and the trace
// stays whole.
func TestWrongEvents(t *testing.T) {
	path := tracePath(t)
	w := mustCreate(t, path, options)
	for _, change := range []func(*format.Event){
		func(e *format.Event) { e.Kind = -1 },
		func(e *format.Event) { e.Kind = 100 },
		func(e *format.Event) { e.Module = 1 },
		func(e *format.Event) { e.Module = -1 },
		func(e *format.Event) { e.Function = 2 },
	} {
		e := clockEvent(0)
		change(e)
		if err := w.Append(e); err == nil {
			t.Errorf("%+v is taken", e)
		}
	}
	if err := w.WriteRecord(nil); err == nil {
		t.Error("WriteRecord to the event table succeeds")
	}
	appendAll(t, w, clockEvents(2))
	mustClose(t, w)
	check(t, path, clockEvents(2))
}

// TestNoDictionaries: events without module and function need none.
func TestNoDictionaries(t *testing.T) {
	path := tracePath(t)
	w := mustCreate(t, path, Options{})
	want := []format.Event{{Time: 1, Kind: format.KindTick}, {Time: 2, Kind: format.KindFrame, Has: format.HasOutput, Output: []byte("x")}}
	appendAll(t, w, want)
	mustClose(t, w)
	check(t, path, want)
}

func TestEmptyTrace(t *testing.T) {
	path := tracePath(t)
	w := mustCreate(t, path, options)
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	verify(t, path) // while it is open
	mustClose(t, w)
	f := check(t, path, nil)
	if frames, err := f.Frames(); err != nil || len(frames) != 4 {
		t.Errorf("index of %d frames, want 4: %v", len(frames), err)
	}
}

// TestExit: the summary says how the program ended.
func TestExit(t *testing.T) {
	tests := []struct {
		event format.Event
		want  format.Exit
	}{
		{format.Event{Kind: format.KindExit, Value: 3, Hash: 0xab, Has: format.HasValue | format.HasHash}, format.Exit{Status: "exited", Code: 3, Memory: "00000000000000ab"}},
		{format.Event{Kind: format.KindTrap, Value: 134, Input: []byte("unreachable\nstack"), Has: format.HasValue | format.HasInput}, format.Exit{Status: "trapped", Code: 134, Error: "unreachable"}},
	}
	for _, tt := range tests {
		path := tracePath(t)
		w := mustCreate(t, path, options)
		appendAll(t, w, []format.Event{*clockEvent(0), tt.event})
		mustClose(t, w)
		if got := check(t, path, []format.Event{*clockEvent(0), tt.event}).Summary().Exit; got == nil || *got != tt.want {
			t.Errorf("%+v, want %+v", got, tt.want)
		}
	}
}

// TestParts: bytes beyond a segment go into rows of their own.
func TestParts(t *testing.T) {
	size := 100 << 20
	if testing.Short() {
		size = 20 << 20
	}
	large := clockEvent(1)
	large.Has |= format.HasInput | format.HasOutput
	large.Output = bytes.Repeat([]byte("0123456789abcdef"), size/16)
	large.Input = []byte("small")
	events := []format.Event{*clockEvent(0), *large, *clockEvent(2)}
	path := tracePath(t)
	w := mustCreate(t, path, options)
	appendAll(t, w, events)
	mustClose(t, w)
	f := check(t, path, events)
	parts := (size - 1) / DefaultSegmentBytes
	if got, want := f.Summary().Kinds["part"], int64(parts); got != want {
		t.Errorf("%d parts, want %d", got, want)
	}
	for i := range f.Segments() {
		s, err := f.Segment(i)
		if err != nil {
			t.Fatal(err)
		}
		if s.StoredBytes > format.MaxFrameBytes {
			t.Errorf("segment %d has %d bytes, want at most %d", i, s.StoredBytes, format.MaxFrameBytes)
		}
	}
}

// TestPartsOfBoth: input and output are cut alike, and only what is there.
func TestPartsOfBoth(t *testing.T) {
	opts := options
	opts.SegmentBytes = 10
	for _, n := range [][2]int{{9, 10}, {10, 11}, {35, 5}, {0, 40}, {40, 0}, {41, 21}} {
		for _, has := range []format.Fields{format.HasInput | format.HasOutput, format.HasInput, format.HasOutput} {
			e := clockEvent(0)
			e.Has |= has
			e.Input, e.Output = bytes.Repeat([]byte("i"), n[0]), bytes.Repeat([]byte("o"), n[1])
			path := tracePath(t)
			w := mustCreate(t, path, opts)
			appendAll(t, w, []format.Event{*e})
			mustClose(t, w)
			check(t, path, []format.Event{present(*clockEvent(0), *e)})
		}
	}
}

func TestMaxBytes(t *testing.T) {
	path := tracePath(t)
	opts := options
	opts.MaxBytes = 1 << 20
	w := mustCreate(t, path, opts)
	e := clockEvent(0)
	e.Has |= format.HasOutput
	e.Output = make([]byte, 1000)
	var want []format.Event
	for i := 0; ; i++ {
		for k := range e.Output {
			e.Output[k] = byte(i * k * k >> 3)
		}
		e.Time = int64(i)
		err := w.Append(e)
		if errors.Is(err, ErrFull) {
			break
		}
		if err != nil || i > 100_000 {
			t.Fatalf("event %d: %v, want %v", i, err, ErrFull)
		}
		want = append(want, present(*e, *e))
	}
	if err := w.Append(e); !errors.Is(err, ErrFull) {
		t.Errorf("second Append: %v, want %v", err, ErrFull)
	}
	exit := format.Event{Kind: format.KindExit, Value: 1, Has: format.HasValue | format.HasOutput, Output: make([]byte, w.opts.SegmentBytes)}
	appendAll(t, w, []format.Event{exit, exit})
	if err := w.Append(e); !errors.Is(err, ErrFull) {
		t.Errorf("Append in the next segment: %v, want %v", err, ErrFull)
	}
	mustClose(t, w)
	check(t, path, append(want, exit, exit))
	if n := len(readFile(t, path)); int64(n) < opts.MaxBytes || int64(n) > 2*opts.MaxBytes {
		t.Errorf("file of %d bytes, want more than %d and at most twice that", n, opts.MaxBytes)
	}
}

func TestSealInterval(t *testing.T) {
	path := tracePath(t)
	opts := options
	opts.SealInterval = time.Millisecond
	w := mustCreate(t, path, opts)
	appendAll(t, w, clockEvents(5))
	deadline := time.Now().Add(10 * time.Second)
	for {
		f, err := reader.Open(path, reader.Options{NoSidecar: true})
		if err == nil {
			n := f.Summary().Events
			f.Close()
			if n == 5 {
				break
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("events are not sealed on time")
		}
		time.Sleep(time.Millisecond)
	}
	appendAll(t, w, clockEvents(5))
	mustClose(t, w)
	check(t, path, append(clockEvents(5), clockEvents(5)...))
}

func TestSealAndRead(t *testing.T) {
	path := tracePath(t)
	w := mustCreate(t, path, options)
	events := randomEvents(3, 100)
	for i := range events {
		appendAll(t, w, events[i:i+1])
		if i%7 == 0 {
			if err := w.Seal(); err != nil {
				t.Fatal(err)
			}
		}
		settle(t, w)
		f := openReader(t, path)
		compare(t, collect(t, f, reader.Query{}), events[:i+1])
		f.Close()
	}
	mustClose(t, w)
	check(t, path, events)
}

// TestForeignTable: records of somebody else's columns.
func TestForeignTable(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "n", Type: arrow.PrimitiveTypes.Int64},
		{Name: "s", Type: arrow.BinaryTypes.String, Nullable: true},
	}, nil)
	record := func(from, to int) arrow.Record {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		defer b.Release()
		for i := from; i < to; i++ {
			b.Field(0).(*array.Int64Builder).Append(int64(i))
			b.Field(1).(*array.StringBuilder).Append(fmt.Sprint("row ", i))
		}
		return b.NewRecord()
	}
	path := tracePath(t)
	w := mustCreate(t, path, Options{Schema: schema})
	for _, rec := range []arrow.Record{record(0, 10), record(10, 10), record(10, 2_000_000)} {
		if err := w.WriteRecord(rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Append(clockEvent(0)); err == nil {
		t.Error("Append to a foreign table succeeds")
	}
	other := arrow.NewSchema([]arrow.Field{{Name: "x", Type: arrow.PrimitiveTypes.Int64}}, nil)
	rec := array.NewRecord(other, []arrow.Array{record(0, 1).Column(0)}, 1)
	if err := w.WriteRecord(rec); err == nil {
		t.Error("a record of other columns is taken")
	}
	mustClose(t, w)
	verify(t, path)
	f := openReader(t, path)
	if f.IsEvents() || f.Summary().Events != 2_000_000 || f.Segments() < 3 {
		t.Errorf("events %v, %d rows in %d segments, want a foreign table of 2000000 rows in several", f.IsEvents(), f.Summary().Events, f.Segments())
	}
	var next int64
	for i := range f.Segments() {
		rec, err := f.Record(i)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range rec.Column(0).(*array.Int64).Int64Values() {
			if n != next {
				t.Fatalf("row %d has %d", next, n)
			}
			next++
		}
	}
}

// TestArrowReaders: arrow-go's own file and stream readers see the same.
func TestArrowReaders(t *testing.T) {
	for seed := range uint64(6) {
		opts := options
		opts.Compression, opts.SegmentRows = ipc.Codec(seed%3), 300
		events := randomEvents(seed, 1000)
		path := tracePath(t)
		w := mustCreate(t, path, opts)
		if err := w.Attach("a", "", []byte("attached")); err != nil {
			t.Fatal(err)
		}
		appendAll(t, w, events)
		mustClose(t, w)
		data := readFile(t, path)

		file, err := arrowipc.NewFileReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		var fromFile []format.Event
		for i := range file.NumRecords() {
			rec, err := file.Record(i)
			if err != nil {
				t.Fatal(err)
			}
			fromFile = append(fromFile, recordEvents(t, rec)...)
		}
		compare(t, fromFile, events)

		stream, err := arrowipc.NewReader(bytes.NewReader(data[format.FirstFrame:]))
		if err != nil {
			t.Fatal(err)
		}
		var fromStream []format.Event
		for stream.Next() {
			fromStream = append(fromStream, recordEvents(t, stream.Record())...)
		}
		if err := stream.Err(); err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		compare(t, fromStream, events)
	}
}

// recordEvents reads an arrow-go record of the event table without any of the
// reader's code.
func recordEvents(t *testing.T, rec arrow.Record) []format.Event {
	t.Helper()
	events := make([]format.Event, rec.NumRows())
	for i := range events {
		e := &events[i]
		e.Time = int64(rec.Column(format.ColTime).(*array.Timestamp).Value(i))
		kind := rec.Column(format.ColKind).(*array.Dictionary)
		e.Kind, _ = format.KindByName(kind.Dictionary().(*array.String).Value(kind.GetValueIndex(i)))
		e.Task = rec.Column(format.ColTask).(*array.Int32).Value(i)
		get := func(col int, bit format.Fields, read func(arrow.Array)) {
			if rec.Column(col).IsValid(i) {
				e.Has |= bit
				read(rec.Column(col))
			}
		}
		i64 := func(to *int64) func(arrow.Array) {
			return func(a arrow.Array) { *to = a.(*array.Int64).Value(i) }
		}
		code := func(to *int16) func(arrow.Array) {
			return func(a arrow.Array) { *to = int16(a.(*array.Dictionary).GetValueIndex(i)) }
		}
		data := func(to *[]byte) func(arrow.Array) {
			return func(a arrow.Array) { *to = append([]byte{}, a.(*array.LargeBinary).Value(i)...) }
		}
		get(format.ColDuration, format.HasDuration, i64(&e.Duration))
		get(format.ColModule, format.HasModule, code(&e.Module))
		get(format.ColFunction, format.HasFunction, code(&e.Function))
		get(format.ColErrno, format.HasErrno, func(a arrow.Array) { e.Errno = a.(*array.Int32).Value(i) })
		get(format.ColValue, format.HasValue, i64(&e.Value))
		get(format.ColHash, format.HasHash, func(a arrow.Array) { e.Hash = uint64(a.(*array.Int64).Value(i)) })
		for k := range e.P {
			get(format.ColP0+k, format.HasP0<<k, i64(&e.P[k]))
		}
		get(format.ColInput, format.HasInput, data(&e.Input))
		get(format.ColOutput, format.HasOutput, data(&e.Output))
	}
	return events
}

// TestSmallTrace: what a short run costs beside its module.
func TestSmallTrace(t *testing.T) {
	path := tracePath(t)
	w := mustCreate(t, path, options)
	if err := w.Attach("hello.wasm", format.MediaTypeWasm, make([]byte, 64)); err != nil {
		t.Fatal(err)
	}
	appendAll(t, w, clockEvents(7))
	mustClose(t, w)
	if n := len(readFile(t, path)); n > 16<<10 {
		t.Errorf("%d bytes, want at most 16 KiB", n)
	} else {
		t.Logf("%d bytes", n)
	}
}

// A recording begins with little room, and grows when that is full.
func TestSmallBeginning(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.trace.arrow")
	w, err := Create(path, options)
	if err != nil {
		t.Fatal(err)
	}
	var sizes []int64
	for i := range firstSegmentRows + 1 {
		if err := w.Append(clockEvent(i)); err != nil {
			t.Fatal(err)
		}
		if i == 0 || i == firstSegmentRows {
			info, err := os.Stat(path + format.SidecarSuffix)
			if err != nil {
				t.Fatal(err)
			}
			sizes = append(sizes, info.Size())
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if sizes[0] > 2<<20 || sizes[1] < 8<<20 {
		t.Errorf("a sidecar of %d bytes that grew to %d", sizes[0], sizes[1])
	}
}

// TestRegionsAtPages: regions are mapped, and begin where a page of any machine
// does.
func TestRegionsAtPages(t *testing.T) {
	path := tracePath(t)
	w := mustCreate(t, path, options)
	check := func(when string) {
		header := readFile(t, path+format.SidecarSuffix)
		for i := range format.SidecarSlots {
			slot, err := format.ParseSidecarSlot(header, i, int64(len(header)))
			if err != nil {
				t.Fatal(err)
			}
			if slot.Segment >= 0 && slot.Offset%(64<<10) != 0 {
				t.Errorf("%s: slot %d has its region at byte %d, want a multiple of 64 KiB", when, i, slot.Offset)
			}
		}
	}
	appendAll(t, w, clockEvents(1))
	settle(t, w)
	check("first")
	if err := w.Seal(); err != nil { // the next segment is in the other slot
		t.Fatal(err)
	}
	appendAll(t, w, clockEvents(1))
	settle(t, w)
	check("second")
	appendAll(t, w, clockEvents(firstSegmentRows))
	settle(t, w)
	check("larger")
	mustClose(t, w)
}

// TestDurations: rows without a duration take next to no space, and none is
// read from them, although their elements in the file hold something.
func TestDurations(t *testing.T) {
	const rows = 40_000
	size := func(part float64) int64 {
		r := rand.New(rand.NewPCG(1, 2))
		path := tracePath(t)
		w := mustCreate(t, path, options)
		durations := make([]int64, rows)
		for i := range durations {
			e := clockEvent(i)
			if r.Float64() < part {
				durations[i] = 400 + r.Int64N(300)
				e.Duration, e.Has = durations[i], e.Has|format.HasDuration
			}
			appendAll(t, w, []format.Event{*e})
		}
		mustClose(t, w)
		f, err := reader.Open(path, reader.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		i := 0
		for e, err := range f.Events(reader.Query{}) {
			if err != nil {
				t.Fatal(err)
			}
			if has := e.Has&format.HasDuration != 0; has != (durations[i] != 0) || e.Duration != durations[i] {
				t.Fatalf("event %d has a duration, %t, of %d ns, want %d", i, has, e.Duration, durations[i])
			}
			i++
		}
		return f.Summary().StoredBytes
	}
	none, half, all := size(0), size(0.5), size(1)
	if validity := int64(rows / 8); half-none > (all-none)*65/100+validity {
		t.Errorf("%d bytes with a duration in half of the rows, %d in all and %d in none", half, all, none)
	}
}
