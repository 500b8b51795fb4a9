package session

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/tracetool/tracetool/format"
)

// record records the board with some of everything.
func record(t testing.TB, steps int, o Options) *Trace {
	t.Helper()
	r := NewRecorder(&board{}, Size{20, 5}, 7, o)
	must(t, r.Init())
	_, err := r.Step()
	must(t, err)
	events := []Event{
		Key{Name: "ArrowRight"}, Key{Name: "x", Modifiers: Ctrl}, Key{Name: "é", Action: KeyRepeat},
		Mouse{Button: LeftButton, Column: 3, Row: 2}, Mouse{Button: WheelDown, Modifiers: Shift}, Paste{"two\nlines"},
		Focus{In: true}, Focus{}, Composition{Text: "日"}, Composition{Text: "日本", Commit: true}, Bytes{[]byte{27, '[', 0, 255}},
		Key{Name: "ArrowDown"}, Key{Name: "世"},
	}
	for i := range steps {
		at := time.Duration(i) * 10 * time.Millisecond
		must(t, r.Push(at, events[i%len(events)]))
		if i%5 == 4 {
			must(t, r.Advance(at+4*time.Millisecond, 2*time.Millisecond))
		}
		if i%17 == 16 {
			must(t, r.Resize(at+5*time.Millisecond, Size{20 + i%3, 5}))
		}
		_, err := r.Step()
		must(t, err)
	}
	trace, err := r.Finish()
	must(t, err)
	return trace
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestRecordingIsTheSameEveryTime(t *testing.T) {
	a, b := record(t, 100, Options{}), record(t, 100, Options{Cells: true})
	if a.Frames() != 101 || a.Records[len(a.Records)-1].Chain == 0 {
		t.Fatalf("%d frames, end %+v", a.Frames(), a.Records[len(a.Records)-1])
	}
	for i := range a.Records {
		if a.Records[i].Chain != b.Records[i].Chain || a.Records[i].Checksum != b.Records[i].Checksum {
			t.Fatalf("record %d: %+v, then %+v", i, a.Records[i], b.Records[i])
		}
	}
}

func TestRecorderOutOfOrder(t *testing.T) {
	r := NewRecorder(&board{}, Size{4, 2}, 0, Options{})
	refused := func(what string, err error) {
		t.Helper()
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	refused("event before the start", r.Push(0, Focus{}))
	_, err := r.Step()
	refused("step before the start", err)
	_, err = r.Finish()
	refused("finish before the start", err)
	must(t, r.Init())
	refused("second start", r.Init())
	must(t, r.Push(time.Second, Key{Name: "a"}))
	refused("time that falls", r.Push(time.Second-1, Focus{}))
	refused("clock that falls", r.Advance(0, 0))
	refused("too many ticks", r.Advance(math.MaxInt64, 1))
	refused("negative step", r.Advance(2*time.Second, -1))
	refused("no screen", r.Resize(time.Second, Size{0, 2}))
	for _, ev := range []Event{nil, Key{}, Key{Name: "a b"}, Key{Name: "ctrl+x"}, Mouse{Button: numButtons}, Mouse{Column: 1 << 40}} {
		refused("an event that has no text", r.Push(time.Second, ev))
	}
	_, err = r.Step()
	must(t, err)
	trace, err := r.Finish()
	must(t, err)
	must(t, trace.Validate())
	_, err = r.Finish()
	refused("second finish", err)
	refused("event after the end", r.Push(time.Second, Focus{}))
	_, err = r.Step()
	refused("step after the end", err)
	if len(trace.Records) != 3 {
		t.Errorf("%d records", len(trace.Records))
	}
}

func TestAdvanceTicks(t *testing.T) {
	r := NewRecorder(&board{}, Size{4, 2}, 0, Options{})
	must(t, r.Init())
	must(t, r.Advance(25*time.Millisecond, 10*time.Millisecond))
	must(t, r.Advance(30*time.Millisecond, 0))
	_, err := r.Step()
	must(t, err)
	trace, err := r.Finish()
	must(t, err)
	var ticks []time.Duration
	for _, rec := range trace.Records {
		if rec.Kind == format.KindTick {
			ticks = append(ticks, rec.Time/time.Millisecond)
		}
	}
	if len(ticks) != 4 || ticks[0] != 10 || ticks[1] != 20 || ticks[2] != 25 || ticks[3] != 30 {
		t.Errorf("ticks at %v", ticks)
	}
}

// TestFailureOfTheModel: what came before it is a trace.
func TestFailureOfTheModel(t *testing.T) {
	trap := errors.New("trap")
	r := NewRecorder(&early{n: 2, err: trap}, Size{8, 2}, 0, Options{Cells: true})
	must(t, r.Init())
	must(t, r.Push(0, Focus{}))
	_, err := r.Step()
	must(t, err)
	must(t, r.Push(1, Focus{}))
	if _, err := r.Step(); !errors.Is(err, trap) {
		t.Fatal(err)
	}
	if err := r.Push(2, Focus{}); !errors.Is(err, trap) {
		t.Fatal(err)
	}
	trace, err := r.Finish()
	must(t, err)
	must(t, trace.Validate())
	if trace.Frames() != 1 {
		t.Errorf("%d frames", trace.Frames())
	}
}

func TestRerecordIsTheSame(t *testing.T) {
	trace := record(t, 60, Options{Cells: true, Profile: "xterm"})
	again, err := Rerecord(context.Background(), &board{}, trace)
	must(t, err)
	if a, b := trace.Records[len(trace.Records)-1].Chain, again.Records[len(again.Records)-1].Chain; a != b {
		t.Errorf("chain %016x, want %016x", b, a)
	}
}

// What was put down stays as it was, though its buffer is used again.
func TestPushCopies(t *testing.T) {
	r := NewRecorder(&board{}, Size{20, 5}, 7, Options{})
	must(t, r.Init())
	buf := []byte("a")
	for i := range 3 {
		buf[0] = byte('a' + i)
		must(t, r.Push(time.Duration(i), Bytes{buf}))
		_, err := r.Step()
		must(t, err)
	}
	trace, err := r.Finish()
	must(t, err)
	must(t, trace.Validate())
	if got := trace.Records[0].Event.String(); got != "bytes 61" {
		t.Errorf("%q, want what was typed first", got)
	}
}

// sized draws a frame of a size of its own.
type sized struct {
	board
	size Size
}

func (s *sized) Draw(f *Frame) error {
	f.Reset(s.size)
	return nil
}

// A frame that could not be loaded again is refused when it is drawn, so that
// what was recorded before it can be saved.
func TestFrameOfNoScreen(t *testing.T) {
	for _, size := range []Size{{}, {5000, 1}, {-1, 5}} {
		r := NewRecorder(&sized{size: size}, Size{20, 5}, 7, Options{Cells: true})
		must(t, r.Init())
		if _, err := r.Step(); err == nil {
			t.Errorf("%s: no error", size)
		}
		trace, err := r.Finish()
		must(t, err)
		must(t, trace.Validate())
	}
}

func TestRowOutside(t *testing.T) {
	f := NewFrame(Size{3, 2})
	if len(f.Row(1)) != 3 || f.Row(2) != nil || f.Row(-1) != nil {
		t.Errorf("rows of %d, %d and %d cells, want 3 and none", len(f.Row(1)), len(f.Row(2)), len(f.Row(-1)))
	}
}
