package session

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxKeyName bounds the name of a key in bytes.
const maxKeyName = 64

// ParseEvent reads the text of an event. It takes nothing that String does not
// give: an event has one text.
func ParseEvent(text string) (Event, error) {
	kind, rest, ok := strings.Cut(text, " ")
	if !ok {
		return nil, fmt.Errorf("event %q without a blank after its kind", clip(text))
	}
	switch kind {
	case "key":
		return parseKey(rest)
	case "mouse":
		return parseMouse(rest)
	case "paste":
		return Paste{rest}, nil
	case "focus":
		return parseFocus(rest)
	case "composition":
		return parseComposition(rest)
	case "bytes":
		return parseBytes(rest)
	}
	return nil, fmt.Errorf("event of the kind %q, want key, mouse, paste, focus, composition or bytes", clip(kind))
}

// checkEvent reports an event that has no text which means it: whoever replays
// it must be given the same.
func checkEvent(ev Event) error {
	if ev == nil {
		return errors.New("no event")
	}
	text := ev.String()
	parsed, err := ParseEvent(text)
	if err == nil && !sameEvent(parsed, ev) {
		err = fmt.Errorf("event %#v, whose text %q means %#v", ev, clip(text), parsed)
	}
	return err
}

func sameEvent(a, b Event) bool {
	x, ok := a.(Bytes)
	y, also := b.(Bytes)
	if ok && also {
		return bytes.Equal(x.Data, y.Data)
	}
	return ok == also && a == b
}

func parseKey(s string) (Event, error) {
	var k Key
	k.Modifiers, s = cutModifiers(s)
	name, action, found := strings.Cut(s, " ")
	if found {
		i := slices.Index(keyActionNames[1:], action)
		if i < 0 {
			return nil, fmt.Errorf("key: found %q behind its name, want repeat or release", clip(action))
		}
		k.Action = KeyAction(i + 1)
	}
	if err := checkKeyName(name); err != nil {
		return nil, err
	}
	k.Name = name
	return k, nil
}

// checkKeyName reports a name that is none. Names of one letter and more are
// those of UI Events; all are taken, as there are many and new ones come.
func checkKeyName(name string) error {
	if name == "" || len(name) > maxKeyName {
		return fmt.Errorf("key: name of %d bytes, want 1 to %d", len(name), maxKeyName)
	}
	for _, r := range name {
		if r == utf8.RuneError || unicode.IsSpace(r) || unicode.IsControl(r) {
			return fmt.Errorf("key: name %q has %q in it", clip(name), r)
		}
	}
	if m, rest := cutModifiers(name); m != 0 {
		return fmt.Errorf("key: name %q begins with a modifier that is there before or out of order, or nothing follows: %q", clip(name), clip(rest))
	}
	return nil
}

// cutModifiers takes modifiers off, each once and in their order. What is left
// is never empty: in "ctrl++" it is the key "+".
func cutModifiers(s string) (m Modifiers, rest string) {
	for i, name := range modifierNames {
		if after, ok := strings.CutPrefix(s, name); ok && after != "" {
			m, s = m|1<<i, after
		}
	}
	return m, s
}

func parseMouse(s string) (Event, error) {
	var m Mouse
	fields := strings.Split(s, " ")
	if len(fields) != 4 {
		return nil, fmt.Errorf("mouse: %d words, want action, button, column, row", len(fields))
	}
	action := slices.Index(mouseActionNames[:], fields[0])
	if action < 0 {
		return nil, fmt.Errorf("mouse: action %q, want one of %s", clip(fields[0]), strings.Join(mouseActionNames[:], ", "))
	}
	modifiers, name := cutModifiers(fields[1])
	button := slices.Index(buttonNames[:], name)
	if button < 0 {
		return nil, fmt.Errorf("mouse: button %q, want one of %s", clip(name), strings.Join(buttonNames[:], ", "))
	}
	m.Action, m.Modifiers, m.Button = MouseAction(action), modifiers, Button(button)
	var err error
	if m.Column, err = parsePosition(fields[2]); err != nil {
		return nil, fmt.Errorf("mouse: column: %w", err)
	}
	if m.Row, err = parsePosition(fields[3]); err != nil {
		return nil, fmt.Errorf("mouse: row: %w", err)
	}
	return m, nil
}

// parsePosition reads a column or row, which may be outside the screen.
func parsePosition(s string) (int, error) {
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil || strconv.FormatInt(n, 10) != s {
		return 0, fmt.Errorf("found %q, want an integer from %d to %d", clip(s), math.MinInt32, math.MaxInt32)
	}
	return int(n), nil
}

func parseFocus(s string) (Event, error) {
	switch s {
	case "in":
		return Focus{In: true}, nil
	case "out":
		return Focus{}, nil
	}
	return nil, fmt.Errorf("focus: found %q, want in or out", clip(s))
}

func parseComposition(s string) (Event, error) {
	step, text, ok := strings.Cut(s, " ")
	switch {
	case ok && step == "update":
		return Composition{Text: text}, nil
	case ok && step == "commit":
		return Composition{Text: text, Commit: true}, nil
	}
	return nil, fmt.Errorf("composition: found %q, want update or commit and a text", clip(s))
}

var errHex = errors.New("pairs of hex digits in lower case")

func parseBytes(s string) (Event, error) {
	data, err := hex.DecodeString(s)
	if err != nil || strings.ToLower(s) != s {
		return nil, fmt.Errorf("bytes: found %q, want %w", clip(s), errHex)
	}
	return Bytes{data}, nil
}

// clip shortens what a message quotes.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}
