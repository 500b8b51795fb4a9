package screen_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tracetool/tracetool/runner/session"
	"github.com/tracetool/tracetool/runner/session/screen"
)

func TestInput(t *testing.T) {
	const mouse, sgr = "\x1b[?1002h", "\x1b[?1006h"
	for _, c := range []struct{ modes, event, want string }{
		{"", "key a", "a"},
		{"", "key é", "é"},
		{"", "key Space", " "},
		{"", "key ctrl+a", "\x01"},
		{"", "key ctrl+Space", "\x00"},
		{"", "key ctrl+[", "\x1b"},
		{"", "key alt+x", "\x1bx"},
		{"", "key ctrl+alt+c", "\x1b\x03"},
		{"", "key Enter", "\r"},
		{"", "key Backspace", "\x7f"},
		{"", "key ctrl+Backspace", "\b"},
		{"", "key shift+Tab", "\x1b[Z"},
		{"", "key ArrowUp", "\x1b[A"},
		{"\x1b[?1h", "key ArrowUp", "\x1bOA"},
		{"\x1b[?1h", "key ctrl+ArrowUp", "\x1b[1;5A"},
		{"", "key F1", "\x1bOP"},
		{"", "key shift+F1", "\x1b[1;2P"},
		{"", "key F5", "\x1b[15~"},
		{"", "key alt+Delete", "\x1b[3;3~"},
		{"", "key a repeat", "a"},
		{"", "key a release", ""},
		{"", "key AudioVolumeUp", ""},
		{"", "mouse press left 3 4", ""},
		{mouse, "mouse press left 3 4", "\x1b[M $%"},
		{mouse, "mouse release left 3 4", "\x1b[M#$%"},
		{mouse + sgr, "mouse press left 3 4", "\x1b[<0;4;5M"},
		{mouse + sgr, "mouse release right 3 4", "\x1b[<2;4;5m"},
		{mouse + sgr, "mouse drag left 3 4", "\x1b[<32;4;5M"},
		{mouse + sgr, "mouse move none 3 4", ""},
		{"\x1b[?1003h" + sgr, "mouse move none 3 4", "\x1b[<35;4;5M"},
		{mouse + sgr, "mouse press ctrl+wheel-up 3 4", "\x1b[<80;4;5M"},
		{mouse + sgr, "mouse drag left -3 400", "\x1b[<32;1;24M"},
		{"\x1b[?9h" + sgr, "mouse release left 3 4", ""},
		{"", "paste a\nb", "a\rb"},
		{"\x1b[?2004h", "paste a\x1b[201~b", "\x1b[200~a[201~b\x1b[201~"},
		{"", "focus in", ""},
		{"\x1b[?1004h", "focus in", "\x1b[I"},
		{"\x1b[?1004h", "focus out", "\x1b[O"},
		{"", "composition update k", ""},
		{"", "composition commit か", "か"},
		{"", "bytes 1b5b41", "\x1b[A"},
	} {
		term := screen.New(80, 24)
		_, _ = term.Write([]byte(c.modes))
		if got := string(term.Input(parse(t, c.event))); got != c.want {
			t.Errorf("%s: %q, want %q", c.event, got, c.want)
		}
	}
}

func parse(t *testing.T, text string) session.Event {
	t.Helper()
	ev, err := session.ParseEvent(text)
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

// TestDecode reads back what Input writes.
func TestDecode(t *testing.T) {
	term := screen.New(200, 100)
	_, _ = term.Write([]byte("\x1b[?1003h\x1b[?1006h\x1b[?2004h\x1b[?1004h"))
	for _, text := range []string{
		"key a", "key é", "key 漢", "key Space", "key ctrl+a", "key alt+x", "key ctrl+alt+c", "key Enter", "key Tab", "key Escape",
		"key Backspace", "key shift+Tab", "key ArrowUp", "key ctrl+alt+shift+super+End", "key F1", "key ctrl+F4", "key F12", "key shift+Delete",
		"key alt+Enter", "key ctrl+Space", "key ctrl+\\", "mouse press left 3 4", "mouse release ctrl+right 150 90", "mouse drag middle 0 0",
		"mouse move none 1 1", "mouse press wheel-down 9 9", "mouse press back 2 2", "paste two\nlines", "paste ", "focus in", "focus out",
		"bytes ff",
	} {
		want := parse(t, text)
		b := term.Input(want)
		got, n := screen.Decode(b, true)
		if n != len(b) {
			t.Errorf("%s: %q: %d of %d bytes", text, b, n, len(b))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", text, diff)
		}
		for i := range b[1:] {
			if ev, n := screen.Decode(b[:i+1], false); n > i+1 || n == 0 && ev != nil {
				t.Errorf("%s: %q: event %v of %d bytes", text, b[:i+1], ev, n)
			}
		}
	}
}

func TestDecodeOldKeys(t *testing.T) {
	for text, want := range map[string]string{"\x1b[1~": "key Home", "\x1b[4~": "key End", "\x1b[11~": "key F1", "\x1b[7;5~": "key ctrl+Home"} {
		if ev, n := screen.Decode([]byte(text), false); n != len(text) || ev.String() != want {
			t.Errorf("%q: %v of %d bytes, want %s", text, ev, n, want)
		}
	}
}

// FuzzDecode checks that every byte becomes part of an event that can be recorded,
// whose bytes come back.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{"hello\r", "\x1b[A\x1bOP\x1b[1;5D", "\x1b[<0;1;1M\x1b[<35;9;9m", "\x1b[200~x\x1b[201~\x1b[I", "\x1b\x1b\x1b[", "\xff\x1b[M !!", "é\u0301漢"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			ev, n := screen.Decode(b, true)
			if n < 1 || n > len(b) || ev == nil {
				t.Fatalf("%q: event %v of %d bytes", b, ev, n)
			}
			if back, err := session.ParseEvent(ev.String()); err != nil || back.String() != ev.String() {
				t.Fatalf("%q: event %q reads as %v: %v", b[:n], ev, back, err)
			}
			b = b[n:]
		}
	})
}
