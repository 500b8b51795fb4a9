package inspect

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/writer"
)

// The dictionaries of all traces made here.
var (
	moduleNames   = []string{call.Module}
	functionNames = []string{"clock_time_get", "fd_write", "fd_read", "path_open", "path_rename", "path_filestat_get"}
)

const startNS = 1_700_000_000_000_000_000

func header() *format.Header {
	return &format.Header{
		ID: "018bcfe5-6800-7000-8000-000000000001", StartNS: startNS, Tool: "tracetool test",
		Program: &format.Program{Name: "app.wasm", SHA256: "aa", Args: []string{"app.wasm"}},
	}
}

// an event of function name, at ns after the start, with its core parameters.
func event(at int64, name string, p ...int64) format.Event {
	e := format.Event{Time: startNS + at, Function: int16(slices.Index(functionNames, name)),
		Has: format.HasModule | format.HasFunction | format.HasErrno | format.HasParams(len(p))}
	copy(e.P[:], p)
	return e
}

func clock(at int64) format.Event { return event(at, "clock_time_get", 0, 1, 64) }

func write(at int64, fd int64, text string) format.Event {
	e := event(at, "fd_write", fd, 16, 1, 32)
	e.Input, e.Value, e.Duration, e.Hash = []byte(text), int64(len(text)), 12_000, 77
	e.Has |= format.HasInput | format.HasValue | format.HasDuration | format.HasHash
	return e
}

func open(at int64, path string, errno int32) format.Event {
	e := event(at, "path_open", 3, 1, 16, int64(len(path)), 0, 2, 0, 0, 64)
	e.Input, e.Errno, e.Duration = []byte(path), errno, 8_000
	e.Has |= format.HasInput | format.HasDuration
	if errno == 0 {
		e.Value, e.Has = 4, e.Has|format.HasValue
	}
	return e
}

func rename(at int64, from, to string) format.Event {
	e := event(at, "path_rename", 3, 16, int64(len(from)), 3, 64, int64(len(to)))
	e.Input, e.Has = []byte(from+to), e.Has|format.HasInput
	return e
}

func stat(at int64, path string, size, mtime byte) format.Event {
	e := event(at, "path_filestat_get", 3, 1, 16, int64(len(path)), 64)
	e.Input, e.Output = []byte(path), make([]byte, 64)
	e.Output[16], e.Output[32], e.Output[48] = 4, size, mtime
	e.Has |= format.HasInput | format.HasOutput
	return e
}

func exit(at int64, code int64) format.Event {
	return format.Event{Time: startNS + at, Kind: format.KindExit, Value: code, Hash: 0xfeed, Has: format.HasValue | format.HasHash}
}

// sampleEvents is a small run.
func sampleEvents() []format.Event {
	return []format.Event{
		clock(1000), open(2000, "missing.txt", 44), open(3000, "data/in.txt", 0), stat(3500, "data/in.txt", 9, 1),
		rename(4000, "a.tmp", "out/b.txt"), write(5000, 1, "Hello\n"), exit(6000, 3),
	}
}

func create(t *testing.T, path string, opts writer.Options, events []format.Event) *writer.Writer {
	t.Helper()
	if opts.Header == nil {
		opts.Header = header()
	}
	if opts.Schema == nil && opts.Modules == nil {
		opts.Modules, opts.Functions = moduleNames, functionNames
	}
	w, err := writer.Create(path, opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Attach("app.wasm", format.MediaTypeWasm, []byte("\x00asm\x01\x00\x00\x00\x05\x03\x01\x00\x02")); err != nil {
		t.Fatal(err)
	}
	appendAll(t, w, events)
	return w
}

func appendAll(t *testing.T, w *writer.Writer, events []format.Event) {
	t.Helper()
	for i := range events {
		if err := w.Append(&events[i]); err != nil {
			t.Fatal(err)
		}
	}
}

// trace writes events to a file and opens it.
func trace(t *testing.T, opts writer.Options, events []format.Event) *reader.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.trace.arrow")
	if err := create(t, path, opts, events).Close(); err != nil {
		t.Fatal(err)
	}
	return openTrace(t, path)
}

func openTrace(t *testing.T, path string) *reader.File {
	t.Helper()
	f, err := reader.Open(path, reader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}
