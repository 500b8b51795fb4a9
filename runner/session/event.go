package session

import (
	"encoding/hex"
	"fmt"
)

// Event is something that a user does: a Key, Mouse, Paste, Focus, Composition
// or Bytes. Its text is its one form in traces and scripts; ParseEvent reads
// it.
type Event interface {
	// String is the event's text:
	//
	//	key ctrl+shift+ArrowUp repeat
	//	mouse press alt+left 10 5
	//	paste any text
	//	focus in
	//	composition update text
	//	bytes 1b5b41
	String() string
}

// Key is a key that was pressed.
type Key struct {
	// Name is the grapheme that the key types ("a", "é", "+"), or its name in
	// UI Events ("Enter", "ArrowUp", "F5"); the space bar is "Space".
	Name      string
	Modifiers Modifiers
	Action    KeyAction
}

// KeyAction is what is done to a key.
type KeyAction uint8

// What is done to a key.
const (
	KeyPress KeyAction = iota
	KeyRepeat
	KeyRelease
	numKeyActions
)

var keyActionNames = [numKeyActions]string{"press", "repeat", "release"}

// Modifiers is a set of bits.
type Modifiers uint8

// The modifiers, in the order of an event's text.
const (
	Ctrl Modifiers = 1 << iota
	Alt
	Shift
	Super
)

var modifierNames = [...]string{"ctrl+", "alt+", "shift+", "super+"}

// Mouse is something done with the mouse.
type Mouse struct {
	Action      MouseAction
	Button      Button
	Modifiers   Modifiers
	Column, Row int // from 0
}

// MouseAction is what is done with the mouse. A turn of its wheel is a press.
type MouseAction uint8

// What is done with the mouse.
const (
	MousePress MouseAction = iota
	MouseRelease
	MouseMove // without a button
	MouseDrag
	numMouseActions
)

var mouseActionNames = [numMouseActions]string{"press", "release", "move", "drag"}

// Button is a button of the mouse, or a step of its wheel.
type Button uint8

// The buttons.
const (
	NoButton Button = iota
	LeftButton
	MiddleButton
	RightButton
	BackButton
	ForwardButton
	WheelUp
	WheelDown
	WheelLeft
	WheelRight
	numButtons
)

var buttonNames = [numButtons]string{
	"none", "left", "middle", "right", "back", "forward", "wheel-up", "wheel-down", "wheel-left", "wheel-right",
}

// Paste is text that was pasted.
type Paste struct{ Text string }

// Focus is the window getting or losing the keyboard.
type Focus struct{ In bool }

// Composition is a step of an input method: what is being composed, or what
// was.
type Composition struct {
	Text   string // all that is being composed; empty: it was given up
	Commit bool   // the text is the result
}

// Bytes is what arrives at a program's input as it is.
type Bytes struct{ Data []byte }

func (k Key) String() string {
	s := "key " + k.Modifiers.String() + k.Name
	if k.Action != KeyPress {
		s += " " + nameOf(keyActionNames[:], int(k.Action))
	}
	return s
}

func (m Mouse) String() string {
	return fmt.Sprintf("mouse %s %s%s %d %d", nameOf(mouseActionNames[:], int(m.Action)),
		m.Modifiers, nameOf(buttonNames[:], int(m.Button)), m.Column, m.Row)
}

func (p Paste) String() string { return "paste " + p.Text }

func (f Focus) String() string {
	if f.In {
		return "focus in"
	}
	return "focus out"
}

func (c Composition) String() string {
	if c.Commit {
		return "composition commit " + c.Text
	}
	return "composition update " + c.Text
}

func (b Bytes) String() string { return "bytes " + hex.EncodeToString(b.Data) }

// String is the modifiers as an event's text has them: "ctrl+shift+".
func (m Modifiers) String() string {
	var s string
	for i, name := range modifierNames {
		if m&(1<<i) != 0 {
			s += name
		}
	}
	return s
}

func nameOf(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return "invalid"
}
