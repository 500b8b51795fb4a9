package screen_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tracetool/tracetool/runner/session"
	"github.com/tracetool/tracetool/runner/session/screen"
)

// draw returns the frame of a terminal of that size that a text was written to.
func draw(columns, rows int, text string) *session.Frame {
	t := screen.New(columns, rows)
	_, _ = t.Write([]byte(text))
	return frameOf(t)
}

func frameOf(t *screen.Terminal) *session.Frame {
	columns, rows := t.Size()
	f := session.NewFrame(session.Size{Columns: columns, Rows: rows})
	t.Draw(f)
	return f
}

// lines are the texts of a frame's cells, with | between them where one is wide.
func lines(f *session.Frame) string {
	var list []string
	for y := range f.Size().Rows {
		var b strings.Builder
		for _, c := range f.Row(y) {
			if c.Text == "" {
				b.WriteByte('|')
			}
			b.WriteString(c.Text)
		}
		list = append(list, strings.TrimRight(b.String(), " "))
	}
	return strings.Join(list, "\n")
}

func TestScreens(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"wraps", "abcdefgh", "abcdef\ngh\n"},
		{"wraps when the next comes", "abcdef\r\nx", "abcdef\nx\n"},
		{"no wrap", "\x1b[?7labcdefgh", "abcdeh\n\n"},
		{"scrolls", "1\r\n2\r\n3\r\n4", "2\n3\n4"},
		{"wide", "漢字", "漢|字|\n\n"},
		{"wide at the end", "abcde漢", "abcde\n漢|\n"},
		{"half of wide is overwritten", "漢字\x1b[2Gx", " x字|\n\n"},
		{"mark", "e\u0301x", "e\u0301x\n\n"},
		{"joined", "👩\u200d👩\u200d👧x", "👩\u200d👩\u200d👧|x\n\n"},
		{"flags", "🇩🇪🇫🇷", "🇩🇪|🇫🇷|\n\n"},
		{"selector", "❤\ufe0fx", "❤\ufe0f|x\n\n"},
		{"selector at the end", "abcde❤\ufe0fx", "abcde\n❤\ufe0f|x\n"},
		{"skin", "👍🏽x", "👍🏽|x\n\n"},
		{"mark after a move is alone", "e\x1b[C\u0301", "e \u0301\n\n"},
		{"too many marks", "e" + strings.Repeat("\u0301", 1000) + "x", "e" + strings.Repeat("\u0301", 31) + "x\n\n"},
		{"region", "1\r\n2\r\n3\x1b[1;2r\x1b[2;1H\nx", "2\nx\n3"},
		{"alternate", "main\x1b[?1049hother\x1b[?1049l!", "main!\n\n"},
		{"insert line", "1\r\n2\x1b[1;1H\x1b[L", "\n1\n2"},
		{"delete character", "漢字x\x1b[2G\x1b[P", " 字|x\n\n"},
		{"line drawing", "\x1b(0lqk\x1b(Bq", "┌─┐q\n\n"},
		{"repeat", "漢\x1b[1bx\x1b[b", "漢|漢|xx\n\n"},
		{"tab", "a\tb", "a    b\n\n"},
		{"cancelled", "\x1b[3\x18mx", "mx\n\n"},
		{"title is not drawn", "\x1b]2;name\x07x\x1b]2;name\x1b\\y", "xy\n\n"},
		{"invalid bytes, each", "a\xffb\xe6\xbcc", "a\ufffdb\ufffd\ufffdc\n\n"},
		{"eight bits", "ab\u009b2Dx", "xb\n\n"},
		{"huge numbers", "\x1b[99999999999999999999;99999999999999999999Hx", "\n\n     x"},
		{"reset", "ab\x1b[?7l\x1bcx", "x\n\n"},
	} {
		if diff := cmp.Diff(c.want, lines(draw(6, 3, c.text))); diff != "" {
			t.Errorf("%s: -want +got\n%s", c.name, diff)
		}
	}
}

func TestStyles(t *testing.T) {
	for _, c := range []struct {
		text string
		want session.Style
	}{
		{"\x1b[1;31;42mx", session.Style{Attributes: session.Bold, Foreground: session.Indexed(1), Background: session.Indexed(2)}},
		{"\x1b[1;31m\x1b[mx", session.Style{}},
		{"\x1b[38;5;200mx", session.Style{Foreground: session.Indexed(200)}},
		{"\x1b[38;2;1;2;3mx", session.Style{Foreground: session.RGB(1, 2, 3)}},
		{"\x1b[38:2::1:2:3mx", session.Style{Foreground: session.RGB(1, 2, 3)}},
		{"\x1b[38:2:1:2:3mx", session.Style{Foreground: session.RGB(1, 2, 3)}},
		{"\x1b[97;103mx", session.Style{Foreground: session.Indexed(15), Background: session.Indexed(11)}},
		{"\x1b[4:3;58:5:9mx", session.Style{Underline: session.CurlyUnderline, UnderlineColor: session.Indexed(9)}},
		{"\x1b[58;5;9;59;4mx", session.Style{Underline: session.SingleUnderline}},
		{"\x1b[2;3;5;6;7;8;9;53mx", session.Style{Attributes: session.Faint | session.Italic | session.Blink | session.RapidBlink |
			session.Reverse | session.Hidden | session.Strikethrough | session.Overline}},
		{"\x1b]8;;http://a/\x1b\\\x1b[mx", session.Style{Link: "http://a/"}},
		{"\x1b]8;;http://a/\x1b\\\x1b]8;;\x1b\\x", session.Style{}},
		{"\x1b[?5hx", session.Style{Attributes: session.Reverse}},
	} {
		if got := draw(6, 3, c.text).At(0, 0).Style; got != c.want {
			t.Errorf("%q: %+v, want %+v", c.text, got, c.want)
		}
	}
}

func TestResize(t *testing.T) {
	for _, c := range []struct {
		name, text string
		columns    int
		rows       int
		want       string
	}{
		{"fewer rows, blank ones below", "1\r\n2", 6, 2, "1\n2"},
		{"fewer rows, cursor at the end", "1\r\n2\r\n3", 6, 2, "2\n3"},
		{"more rows", "1", 6, 4, "1\n\n\n"},
		{"wide is cut", "abc漢", 4, 3, "abc\n\n"},
		{"alternate", "\x1b[?1049h12345", 3, 2, "123\n"},
	} {
		term := screen.New(6, 3)
		_, _ = term.Write([]byte(c.text))
		term.Resize(c.columns, c.rows)
		if got := lines(frameOf(term)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestReplies(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"ab\x1b[6n", "\x1b[1;3R"},
		{"\x1b[5n", "\x1b[0n"},
		{"\x1b[c", "\x1b[?1;2c"},
		{"\x1b[?2048h", "\x1b[48;3;6;0;0t"},
		{"\x1b[18t", "\x1b[8;3;6t"},
		{"\x1b[?2004h\x1b[?2004$p", "\x1b[?2004;1$y"},
		{"\x1b[?2004$p\x1b[?9999$p", "\x1b[?2004;2$y\x1b[?9999;0$y"},
		{"\x1b]11;?\x07", "\x1b]11;rgb:0000/0000/0000\x1b\\"},
		{"\x1bP$qm\x1b\\", "\x1bP0$r\x1b\\"},
	} {
		term := screen.New(6, 3)
		_, _ = term.Write([]byte(c.text))
		if got := string(term.TakeReplies()); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
		if got := term.TakeReplies(); len(got) > 0 {
			t.Errorf("%q: %q again", c.text, got)
		}
	}
}

func TestRepliesAreBounded(t *testing.T) {
	term := screen.New(80, 24)
	_, _ = term.Write([]byte(strings.Repeat("\x1b[6n", 1<<18)))
	if n := len(term.TakeReplies()); n > 1<<17 {
		t.Errorf("%d bytes", n)
	}
}

func TestCursor(t *testing.T) {
	got := draw(6, 3, "ab\x1b[5 q").Cursor()
	want := session.Cursor{Visible: true, Column: 2, Shape: session.BarCursor, Blinking: true}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := draw(6, 3, "ab\x1b[?25l").Cursor(); got != (session.Cursor{}) {
		t.Errorf("hidden: %+v", got)
	}
}

var fuzzSeeds = []string{
	"hello\r\nworld", "漢字\x1b[2Gx\x1b[@\x1b[P", "\x1b[?1049h\x1b[2J\x1b[3;5r\x1b[M\x1b[L\x1b[S\x1b[T",
	"👩\u200d👩\u200d👧❤\ufe0f🇩🇪e\u0301", "\x1b[4h漢\x1b[4l\x1b[1;1H\x1b[3'}", "\x1b]8;;x\x1b\\a\x1b]0;t\x07\x1bP$qm\x1b\\",
	"\x1b[38;2;1;2;3;48:5:7;4:3m~\x1b[7l\xff\xe6\x9b", "\x1b[99999b\x1b[65535L\x1b[65535@x\x1b#8",
}

// FuzzWrite checks what holds for every output: cells are whole, no cut of the
// bytes makes a difference, and a painter can show the frame.
func FuzzWrite(f *testing.F) {
	for _, s := range fuzzSeeds {
		f.Add([]byte(s), uint8(7), uint8(3))
	}
	f.Fuzz(func(t *testing.T, text []byte, columns, rows uint8) {
		whole, parts := screen.New(int(columns), int(rows)), screen.New(int(columns), int(rows))
		_, _ = whole.Write(text)
		for i := range text {
			_, _ = parts.Write(text[i : i+1])
		}
		frame := frameOf(whole)
		if !frame.Equal(frameOf(parts)) {
			t.Error("written byte by byte, the screen is another")
		}
		for y := range frame.Size().Rows {
			checkRow(t, frame.Row(y))
		}
		checkPainter(t, frame)
		whole.Resize(int(rows), int(columns))
		for y, f := 0, frameOf(whole); y < f.Size().Rows; y++ {
			checkRow(t, f.Row(y))
		}
	})
}

func checkRow(t *testing.T, row []session.Cell) {
	t.Helper()
	for x, c := range row {
		if c.Text == "" && (x == 0 || row[x-1].Text == "" || row[x-1].Text == " ") {
			t.Errorf("column %d is the right half of nothing", x)
		}
		if len(c.Text) > 64+4 {
			t.Errorf("column %d has %d bytes", x, len(c.Text))
		}
	}
}

func checkPainter(t *testing.T, frame *session.Frame) {
	t.Helper()
	var p screen.Painter
	size := frame.Size()
	other := screen.New(size.Columns, size.Rows)
	// From something else, and again to the same.
	for _, f := range []*session.Frame{draw(size.Columns, size.Rows, "\x1b[7mabc 漢\r\nx"), frame} {
		_, _ = other.Write(p.Paint(nil, f))
	}
	got := frameOf(other)
	for y := range size.Rows {
		if diff := cmp.Diff(frame.Row(y), got.Row(y)); diff != "" {
			t.Errorf("row %d as painted: -want +got\n%s", y, diff)
		}
	}
	if frame.Cursor() != got.Cursor() {
		t.Errorf("cursor %+v, want %+v", got.Cursor(), frame.Cursor())
	}
}

func BenchmarkWrite(b *testing.B) {
	text := []byte(strings.Repeat("\x1b[32mhello\x1b[m, 漢字 e\u0301 and some more of it\r\n", 100))
	term := screen.New(80, 24)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		_, _ = term.Write(text)
	}
}
