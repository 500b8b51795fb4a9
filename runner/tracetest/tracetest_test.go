package tracetest

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tracetool/tracetool/runner"
	"github.com/tracetool/tracetool/writer"
)

// spy notes what a test would have said.
type spy struct {
	testing.TB
	said []string
}

func (s *spy) Helper()                  {}
func (s *spy) Context() context.Context { return s.TB.Context() }
func (s *spy) Logf(format string, args ...any) {
	s.said = append(s.said, "log: "+fmt.Sprintf(format, args...))
}
func (s *spy) Errorf(format string, args ...any) {
	s.said = append(s.said, fmt.Sprintf(format, args...))
}
func (s *spy) Fatal(args ...any)                 { s.Errorf("%s", fmt.Sprint(args...)); runtime.Goexit() }
func (s *spy) Fatalf(format string, args ...any) { s.Errorf(format, args...); runtime.Goexit() }

// replay returns what Replay said about a trace.
func replay(t *testing.T, path string) string {
	s := &spy{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		Replay(s, path)
	}()
	<-done
	return strings.Join(s.said, "\n")
}

func record(t *testing.T, module string, timeout time.Duration) string {
	t.Helper()
	m, err := runner.Load(filepath.Join("..", "..", "examples", module))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "test.trace.arrow")
	cfg := runner.Config{CacheDir: runner.NoCache, Timeout: timeout, Args: []string{"sleep", "1m"}}
	_, err = runner.Record(t.Context(), m, cfg, func(o writer.Options) (*writer.Writer, error) { return writer.Create(path, o) })
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReplay(t *testing.T) {
	hello := filepath.Join("hello", "hello.wasm")
	for _, tt := range []struct {
		name, path, want string
	}{
		{"same", record(t, hello, 0), ""},
		{"missing", filepath.Join(t.TempDir(), "missing"), "missing"},
		{"cut", record(t, filepath.Join("go-files", "files.wasm"), 300*time.Millisecond), "want a recording with its end"},
	} {
		if said := replay(t, tt.path); (said == "") != (tt.want == "") || !strings.Contains(said, tt.want) {
			t.Errorf("%s: %q, want %q in it", tt.name, said, tt.want)
		}
	}
}
