package writer

import (
	"bytes"
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
)

var options = Options{Modules: []string{"wasi_snapshot_preview1"}, Functions: []string{"fd_write", "clock_time_get"}}

func tracePath(tb testing.TB) string { return filepath.Join(tb.TempDir(), "t.trace.arrow") }

// settle brings what was appended to the file where its memory is not mapped,
// as a ticker does.
func settle(t *testing.T, w *Writer) {
	t.Helper()
	if mapped || w.sidecar == nil || !w.started {
		return
	}
	if _, err := w.onTick(false); err != nil {
		t.Fatal(err)
	}
}

func clockEvent(i int) *format.Event {
	return &format.Event{Time: int64(i) * 40, Kind: format.KindCall, Module: 0, Function: 1,
		P:   [format.NumParams]int64{0, 1, 1024},
		Has: format.HasModule | format.HasFunction | format.HasErrno | format.HasParams(3)}
}

func clockEvents(n int) []format.Event {
	events := make([]format.Event, n)
	for i := range events {
		events[i] = *clockEvent(i)
	}
	return events
}

// randomEvents makes events with every column, null or not, at random.
func randomEvents(seed uint64, n int) []format.Event {
	r := rand.New(rand.NewPCG(seed, 0))
	number := func() int64 { return int64(r.Uint64()) >> r.IntN(64) }
	data := func() []byte {
		b := make([]byte, r.IntN(4)*r.IntN(40))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	events := make([]format.Event, n)
	for i := range events {
		e := &events[i]
		// "part" rows are joined when they are read, so there are none here.
		e.Kind = []format.Kind{format.KindCall, format.KindStart, format.KindWrite, format.KindExit, format.KindTrap, format.KindEnd}[r.IntN(6)]
		e.Time, e.Task = number()&math.MaxInt64, int32(number())
		e.Has = format.Fields(r.Uint32()) & (format.HasOutput<<1 - 1) &^ format.HasParams(format.NumParams)
		e.Has |= format.HasParams(r.IntN(format.NumParams + 1))
		clean := *e
		e.Duration, e.Value, e.Hash, e.Errno = number(), number(), uint64(number()), int32(number())
		e.Module, e.Function = 0, int16(r.IntN(2))
		for k := range e.P {
			e.P[k] = number()
		}
		e.Input, e.Output = data(), data()
		*e = present(clean, *e)
	}
	return events
}

// present copies the fields of e that e.Has says are there over clean.
func present(clean, e format.Event) format.Event {
	set := func(bit format.Fields, copy func()) {
		if e.Has&bit != 0 {
			copy()
		}
	}
	clean.Has = e.Has
	set(format.HasDuration, func() { clean.Duration = e.Duration })
	set(format.HasModule, func() { clean.Module = e.Module })
	set(format.HasFunction, func() { clean.Function = e.Function })
	set(format.HasErrno, func() { clean.Errno = e.Errno })
	set(format.HasValue, func() { clean.Value = e.Value })
	set(format.HasHash, func() { clean.Hash = e.Hash })
	for k := range e.P {
		set(format.HasP0<<k, func() { clean.P[k] = e.P[k] })
	}
	set(format.HasInput, func() { clean.Input = append([]byte{}, e.Input...) })
	set(format.HasOutput, func() { clean.Output = append([]byte{}, e.Output...) })
	return clean
}

func appendAll(t *testing.T, w *Writer, events []format.Event) {
	t.Helper()
	for i := range events {
		if err := w.Append(&events[i]); err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
	}
}

func mustCreate(t *testing.T, path string, opts Options) *Writer {
	t.Helper()
	w, err := Create(path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Abort() }) // of a test that failed
	return w
}

func mustClose(t *testing.T, w *Writer) {
	t.Helper()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// collect reads a trace's events.
func collect(t *testing.T, f *reader.File, q reader.Query) []format.Event {
	t.Helper()
	var events []format.Event
	for e, err := range f.Events(q) {
		if err != nil {
			t.Fatal(err)
		}
		c := present(format.Event{Time: e.Time, Kind: e.Kind, Task: e.Task, Seq: e.Seq}, *e)
		events = append(events, c)
	}
	return events
}

func openReader(t *testing.T, path string) *reader.File {
	t.Helper()
	f, err := reader.Open(path, reader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// check verifies a trace and compares its events; they are numbered from 0.
func check(t *testing.T, path string, want []format.Event) *reader.File {
	t.Helper()
	f := openReader(t, path)
	compare(t, collect(t, f, reader.Query{}), want)
	verify(t, path)
	return f
}

func verify(t *testing.T, path string) {
	t.Helper()
	f := openReader(t, path)
	root, err := f.Verify(context.Background(), func(p reader.Problem) { t.Errorf("%s: %v", path, p) })
	if err != nil {
		t.Fatal(err)
	}
	if root.String() != f.Summary().Root {
		t.Errorf("root %s, the footer says %s", root, f.Summary().Root)
	}
}

func compare(t *testing.T, got, want []format.Event) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d events, want %d", len(got), len(want))
	}
	for i := range want {
		w := want[i]
		w.Seq = got[i].Seq
		if !reflect.DeepEqual(w, got[i]) {
			diff := cmp.Diff(w, got[i])
			t.Fatalf("event %d (-want +got):\n%s", i, diff)
		}
	}
}

// checkGone says that nothing is left of a trace.
func checkGone(t *testing.T, path string) {
	t.Helper()
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range left {
		t.Errorf("%s is left", e.Name())
	}
}

// checkGoroutines fails if goroutines of this package's writers outlive f.
func checkGoroutines(t *testing.T, f func()) {
	t.Helper()
	f()
	var stacks string
	for range 100 {
		buf := make([]byte, 1<<20)
		stacks = string(buf[:runtime.Stack(buf, true)])
		if !strings.Contains(stacks, "writer.(*sealer).run") && !strings.Contains(stacks, "writer.(*Writer).tick") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("goroutines are left:\n%s", stacks)
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func sameBytes(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s has changed: %d bytes, want %d", what, len(got), len(want))
	}
}
