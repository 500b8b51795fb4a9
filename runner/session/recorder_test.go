package session

import (
	"testing"
	"time"
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
