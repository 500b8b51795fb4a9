package guest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tracetool/tracetool/runner/session"
	"github.com/tracetool/tracetool/runner/session/guest"
)

const life = "../../../examples/frames/frames.wasm"

func TestFrames(t *testing.T) {
	size := session.Size{Columns: 40, Rows: 6}
	var first string
	for _, engine := range engines {
		m := open(t, life, guest.Options{Engine: engine}).Model()
		if err := m.Start(size, 3); err != nil {
			t.Fatal(err)
		}
		before := strings.Join(screenOf(t, m, size)[:5], "\n")
		handle(t, m, "key Space")
		handle(t, m, "mouse press left 1 0")
		if err := m.Advance(time.Second); err != nil {
			t.Fatal(err)
		}
		lines := screenOf(t, m, size)
		if lines[5] != " generation 0 paused" || strings.Join(lines[:5], "\n") == before {
			t.Errorf("screen:\n%s", strings.Join(lines, "\n"))
		}
		handle(t, m, "key Space")
		if err := m.Advance(1100 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
		got := strings.Join(screenOf(t, m, size), "\n")
		if first == "" {
			first = got
		} else if got != first {
			t.Errorf("%s:\n%s\nbefore:\n%s", engine, got, first)
		}
		ev, _ := session.ParseEvent("key q")
		wantExit(t, m.Handle(ev), 0)
		if last := strings.Join(screenOf(t, m, size), "\n"); last != got {
			t.Errorf("after the end:\n%s", last)
		}
	}
}
