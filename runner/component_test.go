package runner

import (
	"bytes"
	"errors"
	"path/filepath"
	"reflect"
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

// rounds is mixed with that many rounds, at most 127, instead of 200,000.
func rounds(t testing.TB, n byte) Module {
	t.Helper()
	m := mixed(t)
	const limit = "\xc0\x9a\x0c" // in LEB128
	if bytes.Count(m.Bytes, []byte(limit)) != 1 {
		t.Fatal("component-mixed.wasm has another number of rounds")
	}
	m.Bytes = bytes.Replace(m.Bytes, []byte(limit), []byte{0x80 | n, 0x80, 0}, 1)
	return m
}

// TestComponentMixed: a run of a million calls replays, with its output.
func TestComponentMixed(t *testing.T) {
	rec := record(t, mixed(t), Config{})
	if lines := strings.Count(rec.stdout, "\n"); lines != 200_000 {
		t.Errorf("%d lines, want 200000", lines)
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

// Every part of a component's event that enters the check, changed in the fourth
// of five rounds, when calls like it have been replayed.
func TestComponentDivergence(t *testing.T) {
	rec := record(t, rounds(t, 5), Config{})
	verify(t, rec, ReplayConfig{})
	f := open(t, rec.path)
	code, _ := indexOf(f.Functions(), "get-random-u64")
	gives := func(result []byte, errno int32) func(*format.Event) bool {
		return func(e *format.Event) bool {
			e.Value, e.Output, e.Errno = 0, result, errno
			e.Has = e.Has&^format.HasValue | format.HasOutput
			return true
		}
	}
	const draw, check, write = "get-random-u64", "[method]output-stream.check-write", "[method]output-stream.write"
	for _, tt := range []struct {
		name, function string
		edit           func(*format.Event) bool // false: the event is left out
		want           string                   // in the error
	}{
		{"resource", check, func(e *format.Event) bool { e.P[0]++; return true }, "check-write: self: recorded output-stream#2, now output-stream#1"},
		{"no resource", check, func(e *format.Event) bool { e.P[0] = 0; e.Has &^= format.HasP0; return true }, "check-write: self: recorded none"},
		{"text", write, func(e *format.Event) bool { e.Input = []byte("\x04oops"); return true }, `write: contents: recorded`},
		{"parameters too many", draw, func(e *format.Event) bool { e.Input = []byte{1}; e.Has |= format.HasInput; return true }, "get-random-u64: input: recorded"},
		{"function", check, func(e *format.Event) bool {
			e.Function = int16(code)
			return true
		}, "different call: recorded "},
		{"kind", draw, func(e *format.Event) bool { e.Kind = format.KindDrop; return true }, "different call"},
		{"left out", draw, func(*format.Event) bool { return false }, "different call"},
		{"result", check, gives([]byte{1, 1}, 2), "the guest returned"},
		{"malformed result", check, gives([]byte{0, 0x80, 0}, 0), "malformed"},
		{"empty result", check, gives(nil, 0), "malformed"},
		{"no payload", check, func(e *format.Event) bool { e.Value, e.Has = 0, e.Has&^format.HasValue; return true }, "malformed"},
		{"another type", draw, gives([]byte("12345678"), 0), "malformed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			calls := 0
			path := rewrite(t, rec.path, func(e *format.Event) bool {
				if e.Kind != format.KindCall || f.Functions()[e.Function] != tt.function {
					return true
				}
				calls++
				return calls != 4 || tt.edit(e)
			})
			result, _, _, err := replayed(t, path, ReplayConfig{})
			var diverged *DivergenceError
			if !errors.As(err, &diverged) || result.End != EndDiverged {
				t.Fatalf("%v, result %+v, want a divergence", err, result)
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want %q in it", err, tt.want)
			}
		})
	}
}

// children drops resources before those that came of them.
func children(t testing.TB) Module {
	t.Helper()
	m, err := Load(filepath.Join("testdata", "children.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestComponentChildren: a guest that drops a resource before its child is
// ended, and so is its replay.
func TestComponentChildren(t *testing.T) {
	changed := children(t)
	changed.Bytes = append(bytes.Clone(changed.Bytes), 0, 2, 1, 'x') // a custom section
	for _, engine := range engines {
		rec := record(t, children(t), Config{Stdin: strings.NewReader("x"), Engine: engine})
		const message = "input-stream#1 still has a child, pollable#1: drop that first"
		if r := rec.result; r.ExitCode != ExitCodeTrap || r.Trap == nil || r.Trap.Message != message {
			t.Fatalf("%+v", r)
		}
		for _, again := range engines {
			verify(t, rec, ReplayConfig{Engine: again})
			if result := verify(t, rec, ReplayConfig{Engine: again, Module: &changed}); result.Trap == nil || result.Trap.Message != message {
				t.Errorf("another module: %+v", result)
			}
		}
		f := open(t, rec.path)
		events := eventsOf(t, rec.path)
		drop, trap := events[len(events)-2], events[len(events)-1]
		if drop.Kind != format.KindDrop || drop.P[0] != 1 || trap.Kind != format.KindTrap || trap.Module != drop.Module || trap.Function != drop.Function ||
			f.Modules()[trap.Module] != "wasi:io/streams" || f.Functions()[trap.Function] != "input-stream" {
			t.Errorf("%+v, %+v", drop, trap)
		}
		verify(t, record(t, children(t), Config{Engine: engine}), ReplayConfig{})
	}
}

// TestComponentObserved: an observer is told all of every event, and the replay
// is the same.
func TestComponentObserved(t *testing.T) {
	rec := record(t, rounds(t, 100), Config{})
	want := eventsOf(t, rec.path)
	var timed int
	next := 0
	result := verify(t, rec, ReplayConfig{Observe: func(o Observation) {
		e := *o.Event
		if e.Has&format.HasDuration != 0 {
			timed++
		}
		e.Time, e.Duration = 0, 0
		e.Input, e.Output = bytes.Clone(e.Input), bytes.Clone(e.Output)
		if next < len(want) && !reflect.DeepEqual(e, want[next]) {
			t.Errorf("event %d: %+v, want %+v", next, e, want[next])
		}
		next++
	}})
	if next != len(want) || timed < 100 || result.Events != int64(len(want)) {
		t.Errorf("%d events observed, %d of them timed, %d replayed, want %d", next, timed, result.Events, len(want))
	}
}
