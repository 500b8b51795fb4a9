package screen

import (
	"fmt"
	"strings"

	"github.com/tracetool/tracetool/runner/session"
)

// maxReplies bounds what a program may leave unread, in bytes. Answers beyond it
// are dropped.
const maxReplies = 64 << 10

// reply answers the program.
func (t *Terminal) reply(format string, args ...any) {
	if len(t.replies) < maxReplies {
		t.replies = fmt.Appendf(t.replies, format, args...)
	}
}

// TakeReplies returns what the terminal has answered since the last call, for the
// program to read.
func (t *Terminal) TakeReplies() []byte {
	out := t.replies
	t.replies = nil
	return out
}

// reportSize tells the size, in cells and (unknown) in pixels: mode 2048.
func (t *Terminal) reportSize() { t.reply("\x1b[48;%d;%d;0;0t", t.rows, t.cols) }

func (t *Terminal) deviceAttributes(s *sequence) {
	switch {
	case s.get(0, 0) != 0:
	case s.prefix == '>':
		t.reply("\x1b[>0;276;0c")
	default:
		t.reply("\x1b[?1;2c")
	}
}

func (t *Terminal) deviceStatus(s *sequence) {
	prefix := ""
	if s.prefix != 0 {
		prefix = "?"
	}
	switch s.get(0, 0) {
	case 5:
		if prefix == "" {
			t.reply("\x1b[0n")
		}
	case 6:
		c := t.Cursor()
		if t.cursor.origin {
			c.Row -= t.top
		}
		t.reply("\x1b[%s%d;%dR", prefix, c.Row+1, c.Column+1)
	}
}

func (t *Terminal) reportMode(s *sequence) {
	number, prefix := s.get(0, 0), ""
	if s.prefix != 0 {
		prefix = "?"
	}
	t.reply("\x1b[%s%d;%d$y", prefix, number, t.modeState(modeKey{s.prefix, number}))
}

func (t *Terminal) windowReport(s *sequence) {
	if s.get(0, 0) == 18 {
		t.reply("\x1b[8;%d;%dt", t.rows, t.cols)
	}
}

func (t *Terminal) reportVersion(s *sequence) {
	if s.get(0, 0) == 0 {
		t.reply("\x1bP>|tracetool\x1b\\")
	}
}

// osc obeys an operating system command: the title of the window, a hyperlink, and
// what the default colors are.
func (t *Terminal) osc() {
	number, text, _ := strings.Cut(string(t.text), ";")
	switch number {
	case "0", "2":
		t.title = text
	case "8":
		if _, t.cursor.style.Link, _ = strings.Cut(text, ";"); len(t.cursor.style.Link) > session.MaxLink {
			t.cursor.style.Link = ""
		}
	case "10", "11", "12":
		if text == "?" {
			t.reply("\x1b]%s;rgb:%s\x1b\\", number, defaultColors[number])
		}
	}
}

// defaultColors are what a program that asks is told: light on dark.
var defaultColors = map[string]string{
	"10": "ffff/ffff/ffff",
	"11": "0000/0000/0000",
	"12": "ffff/ffff/ffff",
}

// dcs answers a question after a setting, the only device control string that
// means something here, that it is not known.
func (t *Terminal) dcs() {
	if t.seq.prefix == 0 && t.seq.intermediate == '$' && t.seq.final == 'q' {
		t.reply("\x1bP0$r\x1b\\")
	}
}
