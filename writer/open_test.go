package writer

import (
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
)

// closed writes a closed trace.
func closed(t *testing.T, opts Options, events []format.Event) string {
	t.Helper()
	path := tracePath(t)
	w := mustCreate(t, path, opts)
	if err := w.Attach("a", "", []byte("attached")); err != nil {
		t.Fatal(err)
	}
	appendAll(t, w, events)
	mustClose(t, w)
	return path
}

func mustOpen(t *testing.T, path string, opts Options) *Writer {
	t.Helper()
	w, err := Open(path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Abort() }) // of a test that failed
	return w
}

// TestOpen: a trace written in several sessions is the one written in one.
func TestOpen(t *testing.T) {
	header := &format.Header{ID: "018f0000-0000-7000-8000-000000000000", StartNS: 1, Tool: "x"}
	for _, rows := range []int{0, 7} {
		for _, cuts := range [][]int{{0, 40}, {1, 2, 40}, {20, 20, 40}, {40, 40}} {
			opts := options
			opts.Header, opts.SegmentRows = header, rows
			events := randomEvents(9, 40)
			path := closed(t, opts, events[:cuts[0]])
			for i, cut := range cuts[1:] {
				w := mustOpen(t, path, Options{SegmentRows: rows})
				if w.Events() != int64(cuts[i]) || w.Header().ID != header.ID {
					t.Errorf("%d events of trace %s, want %d", w.Events(), w.Header().ID, cuts[i])
				}
				appendAll(t, w, events[cuts[i]:cut])
				settle(t, w)
				compare(t, collect(t, openReader(t, path), reader.Query{}), events[:cut])
				mustClose(t, w)
			}
			f := check(t, path, events)
			if !f.Summary().Closed {
				t.Error("trace is not closed")
			}
			if _, err := os.Stat(path + format.SidecarSuffix); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("sidecar: %v, want that it does not exist", err)
			}
		}
	}
}

// TestOpenUnchanged: without events the file stays byte for byte what it was.
func TestOpenUnchanged(t *testing.T) {
	path := closed(t, options, clockEvents(10))
	before := readFile(t, path)
	for name, end := range map[string]func(*Writer) error{"Close": (*Writer).Close, "Abort": (*Writer).Abort} {
		if err := end(mustOpen(t, path, options)); err != nil {
			t.Fatal(err)
		}
		sameBytes(t, "file after "+name, readFile(t, path), before)
	}
	w := mustOpen(t, path, options)
	appendAll(t, w, clockEvents(1000))
	if err := w.Seal(); err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	sameBytes(t, "file after events and Abort", readFile(t, path), before)
}

func TestOpenSeq(t *testing.T) {
	opts := options
	opts.Seq = true
	path := closed(t, opts, []format.Event{{Seq: 5}})
	w := mustOpen(t, path, Options{})
	appendAll(t, w, []format.Event{{Seq: 9}})
	mustClose(t, w)
	verify(t, path)
	got := collect(t, openReader(t, path), reader.Query{})
	if len(got) != 2 || got[0].Seq != 5 || got[1].Seq != 9 {
		t.Errorf("%+v, want the numbers 5 and 9", got)
	}
}

func TestOpenForeignTable(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	b.Field(0).(*array.Int64Builder).AppendValues([]int64{1, 2, 3}, nil)
	rec := b.NewRecord()
	path := tracePath(t)
	w := mustCreate(t, path, Options{Schema: schema})
	for range 2 {
		if err := w.WriteRecord(rec); err != nil {
			t.Fatal(err)
		}
		mustClose(t, w)
		w = mustOpen(t, path, Options{})
	}
	mustClose(t, w)
	verify(t, path)
	if n := openReader(t, path).Summary().Events; n != 6 {
		t.Errorf("%d rows, want 6", n)
	}
}

func TestOpenDictionaries(t *testing.T) {
	path := closed(t, options, clockEvents(1))
	good := []Options{{}, options, {Functions: options.Functions[:1]}}
	bad := []Options{
		{Modules: []string{"other"}},
		{Functions: []string{"fd_write", "path_open"}},
		{Functions: []string{"clock_time_get", "fd_write"}},
		{SegmentRows: maxSegmentRows + 1},
		{Compression: 77},
	}
	for _, opts := range good {
		w := mustOpen(t, path, opts)
		if !slices.Equal(w.opts.Functions, options.Functions) {
			t.Errorf("functions %q, want %q", w.opts.Functions, options.Functions)
		}
		if err := w.Attach("b", "", nil); !errors.Is(err, ErrStarted) {
			t.Errorf("attachment: %v, want %v", err, ErrStarted)
		}
		mustClose(t, w)
	}
	for _, opts := range bad {
		if _, err := Open(path, opts); err == nil {
			t.Errorf("%+v: no error", opts)
		}
	}
	check(t, path, clockEvents(1))
}

func TestOpenRefuses(t *testing.T) {
	path := closed(t, options, clockEvents(100))
	good := readFile(t, path)
	put := func(data []byte) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(path+".missing", options); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	for _, n := range []int{0, 5, 100, len(good) / 2, len(good) - 1} {
		put(good[:n])
		if _, err := Open(path, options); !errors.Is(err, format.ErrNotTrace) {
			t.Errorf("%d of %d bytes: %v, want %v", n, len(good), err, format.ErrNotTrace)
		}
	}
	step := int64(1)
	if testing.Short() {
		step = 17
	}
	_, old, err := readTail(mustFile(t, path, good))
	if err != nil {
		t.Fatal(err)
	}
	for at := old.at; at < int64(len(good)); at += step {
		bad := slices.Clone(good)
		bad[at] ^= 1 << (at % 8)
		put(bad)
		if _, err := Open(path, options); err == nil {
			t.Errorf("flip at byte %d: no error", at)
		}
	}
	put(good)
	w := mustOpen(t, path, options)
	if _, err := Open(path, options); err == nil {
		t.Error("two writers open a trace")
	}
	mustClose(t, w)
	check(t, path, clockEvents(100))
}

func mustFile(t *testing.T, path string, data []byte) *os.File {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestOpenNotClosed: a trace whose recorder died is refused until it is
// recovered, with and without the sidecar.
func TestOpenNotClosed(t *testing.T) {
	path := tracePath(t)
	w := mustCreate(t, path, options)
	appendAll(t, w, clockEvents(10))
	if err := w.Seal(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, options); err == nil {
		t.Error("a trace with a sidecar is opened")
	}
	copied := tracePath(t)
	if err := os.WriteFile(copied, readFile(t, path), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(copied, options); err == nil {
		t.Error("a trace that was not closed is opened")
	}
	if _, err := os.Stat(copied + format.SidecarSuffix); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("sidecar: %v, want that it does not exist", err)
	}
}
