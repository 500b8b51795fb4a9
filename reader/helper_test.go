package reader_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/writer"
)

const wasi = "wasi_snapshot_preview1"

const module = "\x00asm, not really"

var functions = []string{"clock_time_get", "fd_write", "path_open", "never"}

var header = &format.Header{
	ID: "01890a5d-ac96-774b-bcce-b302099a8057", StartNS: 1_700_000_000_000_000_000, Tool: "test",
	Functions: []format.Function{{Module: wasi, Name: "fd_write", Reads: []format.Region{{Kind: format.RegionGather}}}},
}

// event makes event i of a test trace: three functions in turn, every fourth
// path_open fails, input and output on some, three tasks.
func event(i int) format.Event {
	const named = format.HasModule | format.HasFunction
	e := format.Event{Time: header.StartNS + int64(i)*1000, Task: int32(i % 3), Seq: int64(i), Function: int16(i % 3), Has: named | format.HasErrno}
	switch e.Function {
	case 0:
		e.P, e.Has = [format.NumParams]int64{1, 1, 1048}, e.Has|format.HasParams(3)
	case 1:
		e.Input, e.Value, e.Duration = fmt.Appendf(nil, "line %d\n", i), int64(i), int64(i*37)
		e.Has |= format.HasInput | format.HasValue | format.HasDuration | format.HasParams(4)
		e.P = [format.NumParams]int64{1, int64(i), 1, 99}
	case 2:
		e.Input, e.Has = []byte("/etc/passwd"), e.Has|format.HasInput|format.HasOutput|format.HasHash|format.HasParams(9)
		e.Output, e.Hash = bytes.Repeat([]byte{byte(i)}, i%7+1), uint64(i)<<60|1
		e.P[8] = int64(i)
		if i%4 == 0 {
			e.Errno = 44
		}
	}
	return e
}

// options of test traces: segments of 10 events.
func options() writer.Options {
	return writer.Options{Header: header, Modules: []string{wasi}, Functions: functions, SegmentRows: 10}
}

// write adds the events from up to to.
func write(tb testing.TB, w *writer.Writer, from, to int) {
	tb.Helper()
	for i := from; i < to; i++ {
		e := event(i)
		if err := w.Append(&e); err != nil {
			tb.Fatal(err)
		}
	}
}

// trace writes n events and two attachments, one of them empty.
func trace(tb testing.TB, n int, opts writer.Options) []byte {
	tb.Helper()
	var buf bytes.Buffer
	w, err := writer.New(&buf, opts)
	if err != nil {
		tb.Fatal(err)
	}
	if err := w.Attach("app.wasm", format.MediaTypeWasm, []byte(module)); err != nil {
		tb.Fatal(err)
	}
	if err := w.Attach("empty", "text/plain", nil); err != nil {
		tb.Fatal(err)
	}
	write(tb, w, 0, n)
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

// shared is a trace of 45 events in 5 segments.
var shared = sync.OnceValue(func() []byte {
	tb := new(testing.B)
	return trace(tb, 45, options())
})

func open(tb testing.TB, data []byte) *reader.File {
	tb.Helper()
	f, err := reader.New(bytes.NewReader(data), int64(len(data)), reader.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func openFile(tb testing.TB, path string) *reader.File {
	tb.Helper()
	f, err := reader.Open(path, reader.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() })
	return f
}

func save(tb testing.TB, data []byte) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "test.trace.arrow")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// seq is the type of iterations of events.
type seq = iter.Seq2[*format.Event, error]

// numbers collects the numbers of events and checks that each is as written.
func numbers(tb testing.TB, events seq) []int {
	tb.Helper()
	got := []int{}
	for e, err := range events {
		if err != nil {
			tb.Fatal(err)
		}
		if diff := cmp.Diff(event(int(e.Seq)), *e); diff != "" {
			tb.Fatalf("event %d: %s", e.Seq, diff)
		}
		got = append(got, int(e.Seq))
	}
	return got
}

// span lists the numbers from up to to.
func span(from, to int) []int {
	list := []int{}
	for ; from < to; from++ {
		list = append(list, from)
	}
	return list
}

// problems verifies a file.
func problems(tb testing.TB, data []byte) []string {
	tb.Helper()
	var list []string
	_, err := reader.Verify(context.Background(), bytes.NewReader(data), int64(len(data)), reader.Options{},
		func(p reader.Problem) { list = append(list, p.String()) })
	if err != nil {
		tb.Fatal(err)
	}
	return list
}

// counting counts the reads that touch a range of a file.
type counting struct {
	io.ReaderAt
	mu    sync.Mutex
	reads [][2]int64
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	c.mu.Lock()
	c.reads = append(c.reads, [2]int64{off, off + int64(len(p))})
	c.mu.Unlock()
	return c.ReaderAt.ReadAt(p, off)
}
