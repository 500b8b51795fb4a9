package runner

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/writer"
)

// recording is a trace of a test, and what the guest wrote.
type recording struct {
	path           string
	result         *Result
	stdout, stderr string
}

func record(t testing.TB, m Module, cfg Config) recording {
	t.Helper()
	rec := recording{path: filepath.Join(t.TempDir(), "test"+format.Extension)}
	var stdout, stderr bytes.Buffer
	if cfg.Stdout == nil {
		cfg.Stdout = &stdout
	}
	cfg.Stderr = &stderr
	if cfg.CacheDir == "" {
		cfg.CacheDir = cacheDir
	}
	var err error
	if rec.result, err = Record(t.Context(), m, cfg, createAt(rec.path)); err != nil {
		t.Fatalf("record %s: %v", m.Name, err)
	}
	rec.stdout, rec.stderr = stdout.String(), stderr.String()
	return rec
}

func createAt(path string) CreateFunc {
	return func(o writer.Options) (*writer.Writer, error) { return writer.Create(path, o) }
}

func open(t testing.TB, path string) *reader.File {
	t.Helper()
	f, err := reader.Open(path, reader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// replayed replays a trace and returns what it wrote to stdout and stderr.
func replayed(t testing.TB, path string, cfg ReplayConfig) (result *Result, stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	cfg.Stdout, cfg.Stderr = &out, &errs
	if cfg.CacheDir == "" {
		cfg.CacheDir = cacheDir
	}
	result, err = Replay(t.Context(), open(t, path), cfg)
	return result, out.String(), errs.String(), err
}

// verify replays a recording and requires all of it to be the same.
func verify(t testing.TB, rec recording, cfg ReplayConfig) *Result {
	t.Helper()
	result, stdout, stderr, err := replayed(t, rec.path, cfg)
	if err != nil {
		t.Fatalf("replay: %s", report(err))
	}
	want := rec.result
	if result.End != want.End || result.ExitCode != want.ExitCode || result.MemoryHash != want.MemoryHash || result.Events != want.Events {
		t.Errorf("replay: %+v, want %+v", result, want)
	}
	if stdout != rec.stdout || stderr != rec.stderr {
		t.Errorf("replay: stdout %q, stderr %q, want %q and %q", stdout, stderr, rec.stdout, rec.stderr)
	}
	return result
}

func report(err error) string {
	var diverged *DivergenceError
	if !errors.As(err, &diverged) {
		return err.Error()
	}
	var text strings.Builder
	diverged.Report(&text)
	return text.String()
}

// eventsOf returns the events of a trace without their times.
func eventsOf(t testing.TB, path string) []format.Event {
	t.Helper()
	var list []format.Event
	for ev, err := range open(t, path).Events(reader.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		e := *ev
		e.Time, e.Duration = 0, 0
		e.Input, e.Output = bytes.Clone(e.Input), bytes.Clone(e.Output)
		list = append(list, e)
	}
	return list
}

// calls returns the events of one function.
func calls(t testing.TB, path, function string) []format.Event {
	t.Helper()
	f := open(t, path)
	var list []format.Event
	for _, e := range eventsOf(t, path) {
		if e.Kind == format.KindCall && f.Functions()[e.Function] == function {
			list = append(list, e)
		}
	}
	return list
}

func example(t testing.TB, path string) Module {
	t.Helper()
	m, err := Load(filepath.Join("..", "examples", filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// blocked never has anything to read.
type blocked struct{}

func (blocked) Read([]byte) (int, error) { select {} }

// limited accepts a few bytes of each write.
type limited struct{ to io.Writer }

func (l limited) Write(p []byte) (int, error) { return l.to.Write(p[:min(len(p), 3)]) }
