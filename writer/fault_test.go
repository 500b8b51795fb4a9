package writer

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
)

// faulty is a file whose operations can be counted, cut short and failed.
type faulty struct {
	file
	operations int
	written    int64
	failAt     int   // number of the operation that fails, counted from 1; 0: none
	torn       int64 // bytes that a failing write still writes
}

var errInjected = errors.New("injected")

func (f *faulty) fails() bool {
	f.operations++
	return f.failAt > 0 && f.operations >= f.failAt
}

func (f *faulty) WriteAt(p []byte, at int64) (int, error) {
	if f.fails() {
		n := min(f.torn, int64(len(p)))
		if _, err := f.file.WriteAt(p[:n], at); err != nil {
			return 0, err
		}
		return int(n), errInjected
	}
	f.written += int64(len(p))
	return f.file.WriteAt(p, at)
}

func (f *faulty) Truncate(size int64) error {
	if f.fails() {
		return errInjected
	}
	return f.file.Truncate(size)
}

func (f *faulty) Sync() error {
	if f.fails() {
		return errInjected
	}
	return f.file.Sync()
}

func intercepted(opts Options, f *faulty) Options {
	opts.intercept = func(inner file) file { f.file = inner; return f }
	return opts
}

// run writes events until there is an error. It returns those that Append took.
func run(t *testing.T, path string, opts Options, events []format.Event) (taken []format.Event, err error) {
	t.Helper()
	w, err := Create(path, opts)
	if err != nil {
		return nil, err
	}
	if err = w.Attach("a", "", []byte("attached")); err != nil {
		t.Fatal(err)
	}
	for i := range events {
		if err = w.Append(&events[i]); err != nil {
			break
		}
		taken = append(taken, events[i])
	}
	if err != nil {
		if again := w.Append(&events[0]); !errors.Is(again, errInjected) {
			t.Errorf("Append after an error: %v, want %v", again, errInjected)
		}
	}
	closing := w.Close()
	if err != nil && closing == nil {
		t.Errorf("Close succeeds after %v", err)
	}
	return taken, closing
}

// TestFailingWrites: whichever operation on the file fails, and wherever a
// write is torn, the error is told and no event that was taken is lost.
func TestFailingWrites(t *testing.T) {
	events := randomEvents(5, 60)
	for _, hidden := range []bool{false, true} {
		opts := options
		opts.SegmentRows, opts.Sync, opts.NoSidecar = 16, true, hidden
		count := new(faulty)
		if _, err := run(t, tracePath(t), intercepted(opts, count), events); err != nil {
			t.Fatal(err)
		}
		if count.operations < 10 {
			t.Fatalf("%d operations, want more", count.operations)
		}
		for n := 1; n <= count.operations; n++ {
			for _, torn := range []int64{0, 100, 4096, 1 << 30} {
				path := tracePath(t)
				var taken []format.Event
				checkGoroutines(t, func() {
					var err error
					taken, err = run(t, path, intercepted(opts, &faulty{failAt: n, torn: torn}), events)
					if !errors.Is(err, errInjected) {
						t.Errorf("operation %d: %v, want %v", n, err, errInjected)
					}
				})
				if hidden || len(taken) == 0 {
					checkGone(t, path)
					continue
				}
				compare(t, collect(t, openReader(t, path), reader.Query{}), taken)
			}
		}
	}
}

// TestTornSeal: the one write of a seal, cut at every page, loses nothing.
func TestTornSeal(t *testing.T) {
	opts := options
	opts.SegmentRows = 1024
	events := randomEvents(6, 1500)
	page := int64(4096)
	if testing.Short() {
		page *= 8
	}
	for torn := int64(0); ; torn += page {
		path := tracePath(t)
		f := &faulty{failAt: 3, torn: torn} // schema and so on, first tail, seal
		taken, err := run(t, path, intercepted(opts, f), events)
		if !errors.Is(err, errInjected) {
			t.Fatalf("seal cut at byte %d: %v, want %v", torn, err, errInjected)
		}
		if len(taken) < opts.SegmentRows {
			t.Fatalf("%d events taken, want at least %d", len(taken), opts.SegmentRows)
		}
		compare(t, collect(t, openReader(t, path), reader.Query{}), taken)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() < torn {
			return // the whole write fitted
		}
	}
}

// TestWritten: however long the run, the bytes written stay within about twice
// the file's size.
func TestWritten(t *testing.T) {
	rows := 200_000
	if !testing.Short() {
		rows = 2_000_000
	}
	opts := options
	opts.SegmentRows = 64 // as a very much longer run with large ones
	f := new(faulty)
	w := mustCreate(t, tracePath(t), intercepted(opts, f))
	e := clockEvent(0)
	for i := range rows {
		e.Time += 35 + int64(i*7919%13)
		if err := w.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	grown := w.seal.rows.Load()
	mustClose(t, w)
	size := int64(len(readFile(t, w.Path())))
	if f.written > size*21/10 {
		t.Errorf("%d bytes written for a file of %d", f.written, size)
	}
	if grown <= int64(opts.SegmentRows) {
		t.Errorf("segments of %d rows have not grown", grown)
	}
	verify(t, w.Path())
}

// TestWrittenLargeOutput is the same for segments that are full of bytes.
func TestWrittenLargeOutput(t *testing.T) {
	opts := options
	opts.SegmentBytes = 4096
	f := new(faulty)
	w := mustCreate(t, tracePath(t), intercepted(opts, f))
	e := clockEvent(0)
	e.Has |= format.HasOutput
	e.Output = make([]byte, 1500)
	for range 3000 {
		if err := w.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	grown := w.seal.bytes.Load()
	mustClose(t, w)
	size := int64(len(readFile(t, w.Path())))
	if f.written > size*21/10 || grown <= int64(opts.SegmentBytes) {
		t.Errorf("%d bytes written for a file of %d in segments of %d", f.written, size, grown)
	}
}

// TestWrittenInterval is the same for segments that are sealed on time.
func TestWrittenInterval(t *testing.T) {
	opts := options
	opts.SealInterval = time.Millisecond
	f := new(faulty)
	w := mustCreate(t, tracePath(t), intercepted(opts, f))
	for i := range 150 {
		appendAll(t, w, clockEvents(i%3))
		time.Sleep(2 * time.Millisecond)
	}
	mustClose(t, w)
	size := int64(len(readFile(t, w.Path())))
	if f.written > size*23/10 { // the footer is large against so small a file
		t.Errorf("%d bytes written for a file of %d", f.written, size)
	}
}

func TestPipe(t *testing.T) {
	events := randomEvents(7, 500)
	r, w := io.Pipe()
	received := make(chan []byte)
	go func() {
		data, err := io.ReadAll(slowReader{r})
		if err != nil {
			t.Error(err)
		}
		received <- data
	}()
	checkGoroutines(t, func() {
		opts := options
		opts.SegmentRows = 64
		tw, err := New(w, opts)
		if err != nil {
			t.Fatal(err)
		}
		if tw.Path() != "" {
			t.Errorf("path %q, want none", tw.Path())
		}
		if err := tw.Attach("a", "", pattern{3 << 20}.bytes()); err != nil {
			t.Fatal(err)
		}
		appendAll(t, tw, events)
		mustClose(t, tw)
		w.Close()
	})
	path := tracePath(t)
	if err := os.WriteFile(path, <-received, 0o600); err != nil {
		t.Fatal(err)
	}
	check(t, path, events)
}

// slowReader takes little at a time, and its time.
type slowReader struct{ r io.Reader }

func (s slowReader) Read(p []byte) (int, error) {
	time.Sleep(50 * time.Microsecond)
	return s.r.Read(p[:min(len(p), 32<<10)])
}

// TestPipeIsTimely: a pipe gets events although no segment is full.
func TestPipeIsTimely(t *testing.T) {
	r, w := io.Pipe()
	tw, err := New(w, options)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		stream, err := reader.NewStream(r, reader.Options{})
		if err == nil {
			_, err = stream.Next()
		}
		done <- err
		_, _ = io.Copy(io.Discard, r) // until the writer closes the pipe
	}()
	appendAll(t, tw, clockEvents(2))
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("nothing arrives")
	}
	mustClose(t, tw)
	w.Close()
}

// TestFailingPipe: a reader that goes away is an error.
func TestFailingPipe(t *testing.T) {
	for _, fail := range []int{0, 1, 2} {
		checkGoroutines(t, func() {
			opts := options
			opts.SegmentRows, opts.SealInterval = 16, time.Hour
			w, err := New(&failingPipe{left: fail}, opts)
			if err != nil {
				t.Fatal(err)
			}
			for i := 0; err == nil && i < 1000; i++ {
				err = w.Append(clockEvent(i))
			}
			if !errors.Is(err, errInjected) {
				t.Errorf("%v, want %v", err, errInjected)
			}
			if err := w.Close(); !errors.Is(err, errInjected) {
				t.Errorf("Close: %v, want %v", err, errInjected)
			}
		})
	}
}

type failingPipe struct{ left int }

func (p *failingPipe) Write(data []byte) (int, error) {
	if p.left--; p.left < 0 {
		return 0, errInjected
	}
	return len(data), nil
}

// TestNoRightForSidecar: a recording that cannot be protected does not begin.
func TestNoRightForSidecar(t *testing.T) {
	path := tracePath(t)
	w, err := Create(path, options)
	if err != nil {
		t.Fatal(err)
	}
	// Root may do anything: only a name that is taken stops it too.
	if err := os.Mkdir(path+format.SidecarSuffix, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := w.Append(clockEvent(0)); !errors.Is(err, os.ErrExist) {
		t.Errorf("%v, want that the sidecar exists", err)
	}
	if err := w.Close(); err == nil {
		t.Error("Close succeeds")
	}
	if err := os.Remove(path + format.SidecarSuffix); err != nil {
		t.Fatal(err)
	}
	checkGone(t, path)
}
