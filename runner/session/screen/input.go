package screen

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/rivo/uniseg"

	"github.com/tracetool/tracetool/runner/session"
)

// Input returns the bytes that a program reads for an event, as the modes that
// it has set want them. They are none for what a terminal does not tell: a key
// that is released, the mouse unless it was asked for, what is being composed.
func (t *Terminal) Input(ev session.Event) []byte {
	switch ev := ev.(type) {
	case session.Key:
		return []byte(t.key(ev))
	case session.Mouse:
		return t.mouse(ev)
	case session.Paste:
		return []byte(t.paste(ev.Text))
	case session.Focus:
		return []byte(t.focus(ev.In))
	case session.Composition:
		if ev.Commit {
			return []byte(ev.Text)
		}
	case session.Bytes:
		return ev.Data
	}
	return nil
}

// keyCode is how a key is encoded that types no text: by a letter, a number
// before a tilde, or text of its own.
type keyCode struct {
	letter byte
	number int
	text   string
	ss3    bool // a letter that follows SS3 where there are no modifiers
	moves  bool // follows SS3 in the mode for cursor keys
}

var keyCodes = map[string]keyCode{
	"ArrowUp":    {letter: 'A', moves: true},
	"ArrowDown":  {letter: 'B', moves: true},
	"ArrowRight": {letter: 'C', moves: true},
	"ArrowLeft":  {letter: 'D', moves: true},
	"End":        {letter: 'F', moves: true},
	"Home":       {letter: 'H', moves: true},
	"F1":         {letter: 'P', ss3: true},
	"F2":         {letter: 'Q', ss3: true},
	"F3":         {letter: 'R', ss3: true},
	"F4":         {letter: 'S', ss3: true},
	"Insert":     {number: 2},
	"Delete":     {number: 3},
	"PageUp":     {number: 5},
	"PageDown":   {number: 6},
	"F5":         {number: 15},
	"F6":         {number: 17},
	"F7":         {number: 18},
	"F8":         {number: 19},
	"F9":         {number: 20},
	"F10":        {number: 21},
	"F11":        {number: 23},
	"F12":        {number: 24},
	"Enter":      {text: "\r"},
	"Tab":        {text: "\t"},
	"Escape":     {text: "\x1b"},
	"Backspace":  {text: "\x7f"},
	"Space":      {text: " "},
}

func (t *Terminal) key(k session.Key) string {
	if k.Action == session.KeyRelease {
		return ""
	}
	code, named := keyCodes[k.Name]
	switch {
	case !named && uniseg.GraphemeClusterCount(k.Name) != 1:
		return ""
	case !named:
		return typed(k.Name, k.Modifiers)
	case k.Name == "Tab" && k.Modifiers&session.Shift != 0:
		return "\x1b[Z"
	case k.Name == "Backspace" && k.Modifiers&session.Ctrl != 0:
		return typed("\b", k.Modifiers&^session.Ctrl)
	case code.text != "":
		return typed(code.text, k.Modifiers)
	}
	return t.function(code, xtermModifiers(k.Modifiers))
}

// function encodes a key that types no text. mods is 0 where there are none.
func (t *Terminal) function(code keyCode, mods int) string {
	switch {
	case code.number > 0 && mods > 0:
		return fmt.Sprintf("\x1b[%d;%d~", code.number, mods+1)
	case code.number > 0:
		return fmt.Sprintf("\x1b[%d~", code.number)
	case mods > 0:
		return fmt.Sprintf("\x1b[1;%d%c", mods+1, code.letter)
	case code.ss3, code.moves && t.modes.has(modeCursorKeys):
		return fmt.Sprintf("\x1bO%c", code.letter)
	}
	return fmt.Sprintf("\x1b[%c", code.letter)
}

// xtermBits are the modifiers in the order of xterm's bits, from 1 on.
var xtermBits = []session.Modifiers{session.Shift, session.Alt, session.Ctrl, session.Super}

func xtermModifiers(m session.Modifiers) (bits int) {
	for i, mod := range xtermBits {
		if m&mod != 0 {
			bits |= 1 << i
		}
	}
	return bits
}

// typed encodes text: Ctrl makes a control character of it where there is one,
// Alt puts ESC before it.
func typed(text string, m session.Modifiers) string {
	if m&session.Ctrl != 0 && len(text) == 1 {
		text = controlOf(text[0])
	}
	if m&session.Alt != 0 {
		text = "\x1b" + text
	}
	return text
}

func controlOf(b byte) string {
	const digits = "\x00\x1b\x1c\x1d\x1e\x1f\x7f" // of the keys 2 to 8
	switch {
	case b >= '@' && b <= '_' || b >= 'a' && b <= 'z':
		return string(rune(b & 0x1f))
	case b == ' ':
		return "\x00"
	case b >= '2' && b <= '8':
		return digits[b-'2':][:1]
	case b == '/':
		return "\x1f"
	case b == '?':
		return "\x7f"
	}
	return string(rune(b))
}

// buttonCodes are the buttons as xterm numbers them.
var buttonCodes = map[session.Button]int{
	session.LeftButton: 0, session.MiddleButton: 1, session.RightButton: 2, session.NoButton: 3,
	session.WheelUp: 64, session.WheelDown: 65, session.WheelLeft: 66, session.WheelRight: 67,
	session.BackButton: 128, session.ForwardButton: 129,
}

// mouseNeeds is the mode in which something done with the mouse is told.
var mouseNeeds = map[session.MouseAction]mouseMode{
	session.MousePress: mousePresses, session.MouseRelease: mouseButtons,
	session.MouseDrag: mouseDrags, session.MouseMove: mouseMoves,
}

const (
	mouseMotion  = 32 // added to the button
	mouseRelease = 3  // the button, where releases have no letter of their own
	maxMouse     = 222
)

func (t *Terminal) mouse(m session.Mouse) []byte {
	if t.modes.mouse == mouseOff || t.modes.mouse < mouseNeeds[m.Action] {
		return nil
	}
	// The mouse may have been dragged off the screen.
	x, y := min(max(m.Column, 0), t.cols-1), min(max(m.Row, 0), t.rows-1)
	code := buttonCodes[m.Button]
	if t.modes.mouse > mousePresses {
		// Shift is 4, Alt 8 and Ctrl 16: the bits of keys, but for Super.
		code |= xtermModifiers(m.Modifiers&^session.Super) << 2
	}
	if m.Action == session.MouseMove || m.Action == session.MouseDrag {
		code += mouseMotion
	}
	release := m.Action == session.MouseRelease
	if t.modes.has(modeMouseSGR) {
		final := 'M'
		if release {
			final = 'm'
		}
		return fmt.Appendf(nil, "\x1b[<%d;%d;%d%c", code, x+1, y+1, final)
	}
	if x > maxMouse || y > maxMouse {
		return nil
	}
	if release {
		code = code&^3 | mouseRelease
	}
	return []byte{esc, '[', 'M', byte(code + 32), byte(x + 33), byte(y + 33)}
}

// paste drops what a terminal does not let through: all controls but tabs and
// the ends of lines, which become what Enter sends.
func (t *Terminal) paste(text string) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return '\r'
		case r != '\t' && r != '\r' && unicode.IsControl(r):
			return -1
		}
		return r
	}, text)
	if t.modes.has(modePaste) {
		return "\x1b[200~" + text + "\x1b[201~"
	}
	return text
}

func (t *Terminal) focus(in bool) string {
	switch {
	case !t.modes.has(modeFocus):
		return ""
	case in:
		return "\x1b[I"
	}
	return "\x1b[O"
}
