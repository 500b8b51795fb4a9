package runner

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
)

// mixed is a component of both clocks, random numbers and lines on stdout.
func mixed(t testing.TB) Module {
	t.Helper()
	m, err := Load(filepath.Join("..", "bench", "guest", "component-mixed.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestComponentMixed: a run of half a million calls replays, with its output.
func TestComponentMixed(t *testing.T) {
	rec := record(t, mixed(t), Config{})
	if lines := strings.Count(rec.stdout, "\n"); lines != 100_000 {
		t.Errorf("%d lines, want 100000", lines)
	}
	verify(t, rec, ReplayConfig{})
}

// TestComponentTimes: times are coarse where they say little, and never go
// back.
func TestComponentTimes(t *testing.T) {
	rec := record(t, mixed(t), Config{})
	f := open(t, rec.path)
	var last format.Event
	same := 0
	for ev, err := range f.Events(reader.Query{ToEvent: 10_000}) {
		if err != nil {
			t.Fatal(err)
		}
		if ev.Time < last.Time && ev.Kind == format.KindCall {
			t.Fatalf("the time goes back from %d to %d", last.Time, ev.Time)
		}
		if ev.Kind == format.KindCall && ev.Time == last.Time {
			same++
		}
		if name := f.Functions()[ev.Function]; ev.Time == last.Time && name == "now" && ev.Has&(format.HasValue|format.HasOutput) != 0 {
			t.Fatalf("%s has a time that is not its reading", name)
		}
		last = *ev
	}
	if same < 1000 {
		t.Errorf("%d of 10000 events have the time of the one before, want 2 in 5", same)
	}
}
