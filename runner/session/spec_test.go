package session

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tracetool/tracetool/format"
)

func TestFNV(t *testing.T) {
	for text, want := range map[string]uint64{
		"": 0xcbf29ce484222325, "a": 0xaf63dc4c8601ec8c, "foobar": 0x85944171f73967e8,
	} {
		if got := fold(fnvOffset, []byte(text)); got != want {
			t.Errorf("%q: %x, want %x", text, got, want)
		}
	}
}

// specFrames are the frames of SPEC.md.
func specFrames() []*Frame {
	blank, hello, wide, raw := NewFrame(Size{3, 1}), NewFrame(Size{3, 2}), NewFrame(Size{3, 2}), NewFrame(Size{1, 1})
	for f, rest := range map[*Frame]Cell{hello: {Text: "i"}, wide: {Text: "i", Style: Style{Foreground: Indexed(1), Attributes: Bold}}} {
		f.Set(0, 0, Cell{Text: "H"})
		f.Set(1, 0, rest)
		f.SetCursor(Cursor{Visible: true, Column: 2})
	}
	wide.Set(0, 1, Cell{Text: "世", Style: Style{Background: RGB(255, 128, 0), Underline: CurlyUnderline}})
	wide.Set(1, 1, Cell{Style: Style{Background: RGB(255, 128, 0), Underline: CurlyUnderline}})
	raw.SetBytes([]byte("foobar"))
	return []*Frame{blank, hello, wide, raw}
}

// TestSpec checks the values that SPEC.md gives for a second implementation.
func TestSpec(t *testing.T) {
	text, err := os.ReadFile("../../SPEC.md")
	must(t, err)
	spec := string(text)
	want := func(line string) {
		if !strings.Contains(spec, line) {
			t.Errorf("SPEC.md lacks: %s", line)
		}
	}
	frames := specFrames()
	for _, f := range frames {
		want(fmt.Sprintf("`% x` | `%016x`", f.AppendCanonical(nil), f.Checksum()))
	}
	want(fmt.Sprintf("`% x`", frames[2].appendChanges(nil, frames[1])))
	var c chain
	c.start(&Header{SchemaVersion: 1, Size: Size{3, 2}, Seed: 7, Profile: "xterm"})
	want(fmt.Sprintf("| header | `%016x` |", c.sum))
	for _, r := range []Record{
		{Kind: format.KindInput, Time: time.Millisecond, Event: Key{Name: "a", Modifiers: Ctrl}},
		{Kind: format.KindTick, Time: 2 * time.Millisecond},
		{Kind: format.KindResize, Time: 2 * time.Millisecond, Size: Size{4, 2}},
		{Kind: format.KindFrame, Time: 2 * time.Millisecond, Checksum: frames[1].Checksum()},
		{Kind: format.KindEnd, Time: 2 * time.Millisecond, Index: 1, Exit: &ExitError{Code: 3}},
	} {
		if r.Kind == format.KindFrame {
			c.drawn(&r)
		} else {
			c.given(&r, textOf(&r))
		}
		want(fmt.Sprintf("| %s | `%016x` |", r.Kind, c.sum))
	}
}
