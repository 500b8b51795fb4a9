package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tracetool/tracetool/convert"
	"github.com/tracetool/tracetool/format"
)

// change is a bit of a session that is flipped.
type change struct {
	what    string
	frame   int64 // where it must be noticed
	replays bool  // a replay notices it too
	apply   func(t *Trace)
}

// changes lists every bit of a session that can be flipped.
func changes(t *Trace) []change {
	var list []change
	add := func(what string, frame int64, replays bool, bits int, flip func(t *Trace, bit int)) {
		for bit := range bits {
			list = append(list, change{fmt.Sprintf("%s, bit %d", what, bit), frame, replays, func(t *Trace) { flip(t, bit) }})
		}
	}
	add("seed", 0, true, 64, func(t *Trace, bit int) { t.Header.Seed ^= 1 << bit })
	add("columns", 0, true, 3, func(t *Trace, bit int) { t.Header.Size.Columns ^= 1 << bit })
	add("rows", 0, true, 3, func(t *Trace, bit int) { t.Header.Size.Rows ^= 1 << bit })
	frame := int64(0)
	for i := range t.Records {
		r := &t.Records[i]
		what := fmt.Sprintf("record %d, %s", i, r.Kind)
		add(what+", time", frame, true, 62, func(t *Trace, bit int) { t.Records[i].Time ^= 1 << bit })
		switch r.Kind {
		case format.KindInput:
			add(what+", event", frame, true, 8*len(r.Event.String()), func(t *Trace, bit int) {
				text := []byte(t.Records[i].Event.String())
				text[bit/8] ^= 1 << (bit % 8)
				var err error
				if t.Records[i].Event, err = ParseEvent(string(text)); err != nil {
					t.Records[i].Event = asItIs(text)
				}
			})
		case format.KindResize:
			add(what+", columns", frame, true, 4, func(t *Trace, bit int) { t.Records[i].Size.Columns ^= 1 << bit })
		case format.KindFrame, format.KindEnd:
			add(what+", chain", frame, true, 64, func(t *Trace, bit int) { t.Records[i].Chain ^= 1 << bit })
			add(what+", index", frame, false, 63, func(t *Trace, bit int) { t.Records[i].Index ^= 1 << bit })
			if r.Kind == format.KindFrame {
				add(what+", checksum", frame, true, 64, func(t *Trace, bit int) { t.Records[i].Checksum ^= 1 << bit })
				add(what+", cells", frame, false, 8*len(r.Cells), func(t *Trace, bit int) { t.Records[i].Cells[bit/8] ^= 1 << (bit % 8) })
				frame++
			}
		}
	}
	return list
}

// asItIs is an event with a text that means none.
type asItIs string

func (e asItIs) String() string { return string(e) }

// clone is a copy that can be changed.
func clone(t *Trace) *Trace {
	c := *t
	c.Records = append([]Record{}, t.Records...)
	for i := range c.Records {
		if c.Records[i].Cells != nil {
			c.Records[i].Cells = append([]byte{}, c.Records[i].Cells...)
		}
	}
	return &c
}

func TestEveryBitIsCaughtAtItsFrame(t *testing.T) {
	r := NewRecorder(&board{}, Size{6, 2}, 7, Options{Cells: true, Profile: "xterm"})
	must(t, r.Init())
	for i, ev := range []Event{Key{Name: "a", Modifiers: Ctrl}, Mouse{Button: LeftButton, Column: 1, Row: 1}, Bytes{[]byte{7}}} {
		_, err := r.Step()
		must(t, err)
		at := time.Duration(i+1) * time.Millisecond
		must(t, r.Push(at, ev))
		must(t, r.Advance(at, 0))
		must(t, r.Resize(at, Size{6 + i, 2}))
	}
	_, err := r.Step()
	must(t, err)
	trace, err := r.Finish()
	must(t, err)
	list := changes(trace)
	if len(list) < 1000 {
		t.Fatalf("%d bits", len(list))
	}
	for _, c := range list {
		changed := clone(trace)
		c.apply(changed)
		var invalid *ValidationError
		if err := changed.Validate(); !errors.As(err, &invalid) || invalid.Frame != c.frame {
			t.Errorf("%s: %v, want an error at frame %d", c.what, err, c.frame)
		}
		if !c.replays {
			continue
		}
		result, err := Replay(context.Background(), &board{}, changed)
		must(t, err)
		if m := result.Mismatch; m == nil || m.Frame != c.frame {
			t.Errorf("%s: replay: %+v, want a mismatch at frame %d", c.what, m, c.frame)
		}
	}
}

// TestBitsOfTheText flips a bit of every byte of the text. What is loaded in
// spite of it is the same session.
func TestBitsOfTheText(t *testing.T) {
	trace := record(t, 3, Options{})
	text := encoded(t, trace, convert.JSONL)
	for i := range text {
		bit := i % 8
		text[i] ^= 1 << bit
		back, err := Read(context.Background(), bytes.NewReader(text))
		if err == nil && !cmp.Equal(trace, back) {
			t.Errorf("byte %d, bit %d: %s", i, bit, text)
		}
		text[i] ^= 1 << bit
	}
}
