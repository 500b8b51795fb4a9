package guest_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tracetool/tracetool/runner"
	"github.com/tracetool/tracetool/runner/session"
	"github.com/tracetool/tracetool/runner/session/guest"
)

const editing = `
text Title:
key Space
paste "two\nlines"
wait 1.5s
mouse press left 8 5
resize 60x12
key ctrl+f
text world
key Escape
key ctrl+k
key ctrl+z
key ctrl+q
`

// record records what a script does in a program, which becomes part of the trace.
func record(t *testing.T, p *guest.Program, script string) *session.Trace {
	t.Helper()
	s, err := guest.ParseScript(strings.NewReader(script))
	if err != nil {
		t.Fatal(err)
	}
	r := session.NewRecorder(p.Model(), session.Size{Columns: 50, Rows: 14}, 1, session.Options{Profile: guest.Term, Cells: true})
	if err := r.Init(); err != nil {
		t.Fatal(err)
	}
	if err := s.Play(t.Context(), r, 100e6); err != nil {
		t.Fatal(err)
	}
	trace, err := r.Finish()
	if err != nil {
		t.Fatal(err)
	}
	p.Attach(trace)
	return trace
}

// TestTraceIsSelfContained replays a saved session with nothing else, on both
// engines.
func TestTraceIsSelfContained(t *testing.T) {
	path := filepath.Join(t.TempDir(), "edit.trace.arrow")
	if err := record(t, open(t, editor, guest.Options{Env: []string{"A=b"}}), editing).Save(path, false); err != nil {
		t.Fatal(err)
	}
	trace, err := session.Load(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	for _, engine := range engines {
		p, err := guest.OpenTrace(t.Context(), trace, nil, guest.Options{Engine: engine, CacheDir: runner.NoCache})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		result, err := session.Replay(t.Context(), p.Model(), trace)
		if err != nil || result.Mismatch != nil || result.Frames != trace.Frames() {
			t.Errorf("%s: %+v, %v", engine, result, err)
		}
	}
}

func TestConcurrentReplays(t *testing.T) {
	p := open(t, editor, guest.Options{})
	trace := record(t, p, editing)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			m := p.Model()
			defer m.Close()
			result, err := session.Replay(t.Context(), m, trace)
			if err != nil || result.Mismatch != nil {
				t.Errorf("%+v, %v", result, err)
			}
		})
	}
	all.Wait()
}

// TestGateFindsAMistake gates a build of the editor with a mistake in what it
// draws.
func TestGateFindsAMistake(t *testing.T) {
	trace := record(t, open(t, editor, guest.Options{}), editing)
	data, err := os.ReadFile("../../../examples/editor/mistake.wasm")
	if err != nil {
		t.Fatal(err)
	}
	p, err := guest.OpenTrace(t.Context(), trace, &runner.Module{Name: "mistake.wasm", Bytes: data}, guest.Options{CacheDir: runner.NoCache})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	report, err := session.Gate(t.Context(), p.Model(), trace, session.GateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if report.Passed || report.Difference == nil || report.Difference.Frame != 0 || report.Difference.Diff == nil {
		t.Fatalf("report %+v", report)
	}
	var text bytes.Buffer
	if err := report.Difference.Diff.WriteText(&text, session.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"   1 The quick", "  1 The quick"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the picture has no %q:\n%s", want, text.String())
		}
	}
}

func TestOpenTraceWithoutProgram(t *testing.T) {
	trace := record(t, open(t, editor, guest.Options{}), "key ctrl+q\n")
	trace.Attachments[0].Data = []byte("\x00asm\x01\x00\x00\x00")
	if _, err := guest.OpenTrace(t.Context(), trace, nil, guest.Options{CacheDir: runner.NoCache}); err == nil {
		t.Error("a program with another sha256 is opened")
	}
	trace.Attachments = nil
	if _, err := guest.OpenTrace(t.Context(), trace, nil, guest.Options{}); !errors.Is(err, guest.ErrNoProgram) {
		t.Errorf("without the program: %v", err)
	}
}

func TestParseScript(t *testing.T) {
	for text, want := range map[string]int{ // the line of the error, 0 for none
		"text":              0,
		"key":               1,
		"\n\n# c\nwait 1":   4,
		"wait -1s":          1,
		"resize 80":         1,
		"resize 0x0":        1,
		"paste \"a":         1,
		"mouse press 1 2 3": 1,
		"a\xff":             1,
		"type x":            1,
		"wait 1s\r\n":       0,
	} {
		_, err := guest.ParseScript(strings.NewReader(text))
		got := 0
		if failed := new(guest.ScriptError); errors.As(err, &failed) {
			got = failed.Line
		}
		if got != want {
			t.Errorf("%q: line %d, want %d: %v", text, got, want, err)
		}
	}
}
