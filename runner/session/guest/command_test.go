package guest_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tracetool/tracetool/runner"
	"github.com/tracetool/tracetool/runner/session"
	"github.com/tracetool/tracetool/runner/session/guest"
)

func open(t *testing.T, path string, o guest.Options) *guest.Program {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	o.CacheDir = runner.NoCache
	p, err := guest.Open(t.Context(), runner.Module{Name: filepath.Base(path), Bytes: data}, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// screenOf returns the lines of a model's screen, without blanks at their ends.
func screenOf(t *testing.T, m session.Model, size session.Size) []string {
	t.Helper()
	f := session.NewFrame(size)
	if err := m.Draw(f); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for y := range size.Rows {
		var b strings.Builder
		for _, c := range f.Row(y) {
			b.WriteString(c.Text)
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	return lines
}

const editor = "../../../examples/editor/editor.wasm"

var engines = []runner.Engine{runner.EngineCompiler, runner.EngineInterpreter}

func TestEditor(t *testing.T) {
	for _, engine := range engines {
		t.Run(string(engine), func(t *testing.T) {
			size := session.Size{Columns: 40, Rows: 8}
			m := open(t, editor, guest.Options{Engine: engine}).Model()
			if err := m.Start(size, 1); err != nil {
				t.Fatal(err)
			}
			for _, ev := range []string{"key H", "key i", "key Enter", "key ArrowUp"} {
				handle(t, m, ev)
			}
			if err := m.Advance(61 * time.Second); err != nil {
				t.Fatal(err)
			}
			lines := screenOf(t, m, size)
			if lines[0] != "   1 Hi" || !strings.HasSuffix(lines[6], "1:1 01:01") {
				t.Errorf("screen:\n%s", strings.Join(lines, "\n"))
			}
		})
	}
}

func handle(t *testing.T, m session.Model, text string) {
	t.Helper()
	ev, err := session.ParseEvent(text)
	if err == nil {
		err = m.Handle(ev)
	}
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	p := open(t, editor, guest.Options{})
	for range 10 {
		m := p.Model()
		if err := m.Start(session.Size{Columns: 80, Rows: 24}, 1); err != nil {
			t.Fatal(err)
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		if err := m.Handle(session.Focus{}); err == nil {
			t.Error("a closed model takes events")
		}
	}
	p.Model() // never started
	left := p.Model()
	if err := left.Start(session.Size{Columns: 80, Rows: 24}, 1); err != nil {
		t.Fatal(err)
	}
	p.Close()
	deadline := time.Now().Add(10 * time.Second)
	for runtime.NumGoroutine() > before && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines, %d before", n, before)
	}
}

func TestModelBeforeStart(t *testing.T) {
	p := open(t, editor, guest.Options{})
	m := p.Model()
	defer m.Close()
	for what, err := range map[string]error{
		"handle": m.Handle(session.Focus{}), "resize": m.Resize(session.Size{Columns: 80, Rows: 24}),
		"advance": m.Advance(time.Second), "draw": m.Draw(session.NewFrame(session.Size{Columns: 80, Rows: 24})),
	} {
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	if err := m.Start(session.Size{Columns: 80, Rows: 24}, 1); err != nil {
		t.Error(err)
	}
}
