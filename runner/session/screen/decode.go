package screen

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"github.com/tracetool/tracetool/runner/session"
)

// Decode takes the first event off what a terminal has sent. What it does not
// know becomes session.Bytes, so that nothing is lost. n is 0 where more must
// come to know: with all set none will.
func Decode(b []byte, all bool) (ev session.Event, n int) {
	switch {
	case len(b) == 0:
		return nil, 0
	case b[0] == esc:
		return decodeEscape(b, all)
	case b[0] < 0x20 || b[0] == del:
		return controlKey(b[0]), 1
	}
	return decodeText(b, all)
}

// controlKey is the key that sends a control character.
func controlKey(b byte) session.Event {
	switch b {
	case '\r':
		return session.Key{Name: "Enter"}
	case '\t':
		return session.Key{Name: "Tab"}
	case del:
		return session.Key{Name: "Backspace"}
	case esc:
		return session.Key{Name: "Escape"}
	case 0:
		return session.Key{Name: "Space", Modifiers: session.Ctrl}
	}
	return session.Key{Name: strings.ToLower(string(rune(b | 0x40))), Modifiers: session.Ctrl}
}

// decodeText takes a grapheme, which is a key; of a person's typing it is
// complete when it comes.
func decodeText(b []byte, all bool) (session.Event, int) {
	if !utf8.FullRune(b) && !all {
		return nil, 0
	}
	if r, size := utf8.DecodeRune(b); r == utf8.RuneError || r >= 0x80 && r < 0xa0 {
		return session.Bytes{Data: bytes.Clone(b[:size])}, size
	}
	cluster, _, _, _ := uniseg.FirstGraphemeCluster(b, -1)
	if cluster[0] == ' ' {
		return session.Key{Name: "Space"}, 1
	}
	return keyOrBytes(session.Key{Name: string(cluster)}, cluster)
}

// keyOrBytes is the key, unless an event cannot name it.
func keyOrBytes(k session.Key, b []byte) (session.Event, int) {
	if parsed, err := session.ParseEvent(k.String()); err != nil || parsed != session.Event(k) {
		return session.Bytes{Data: bytes.Clone(b)}, len(b)
	}
	return k, len(b)
}

func decodeEscape(b []byte, all bool) (session.Event, int) {
	switch {
	case len(b) == 1 && !all:
		return nil, 0
	case len(b) == 1 || b[1] == esc:
		return session.Key{Name: "Escape"}, 1
	case b[1] == '[' && len(b) > 2, b[1] == '[' && !all:
		return decodeCSI(b, all)
	case b[1] == 'O' && len(b) > 2:
		if name := keyOfLetter(b[2]); name != "" {
			return session.Key{Name: name}, 3
		}
	case b[1] == 'O' && !all:
		return nil, 0
	}
	return withAlt(b, all)
}

// withAlt takes a key that came with an Escape before it.
func withAlt(b []byte, all bool) (session.Event, int) {
	ev, n := Decode(b[1:], all)
	if n == 0 {
		return nil, 0
	}
	if k, ok := ev.(session.Key); ok && k.Modifiers&session.Alt == 0 {
		k.Modifiers |= session.Alt
		ev, _ := keyOrBytes(k, b[:n+1])
		return ev, n + 1
	}
	return session.Key{Name: "Escape"}, 1
}

// maxSequence bounds a sequence, and maxPaste what is pasted, in bytes.
const (
	maxSequence = 64
	maxPaste    = 1 << 20
)

const pasteEnd = "\x1b[201~"

func decodeCSI(b []byte, all bool) (session.Event, int) {
	i := 2
	for i < len(b) && b[i] >= 0x20 && b[i] < 0x40 {
		i++
	}
	switch {
	case i == len(b) && i < maxSequence && !all:
		return nil, 0
	case i == len(b), b[i] < 0x40 || b[i] > 0x7e:
		return session.Bytes{Data: bytes.Clone(b[:i])}, i
	}
	head, final := string(b[2:i]), b[i]
	if head == "200" && final == '~' {
		return decodePaste(b, i+1, all)
	}
	if ev := sequenceEvent(head, final); ev != nil {
		return ev, i + 1
	}
	if head == "" && final == 'M' { // three bytes follow
		n := i + 4
		if len(b) < n && !all {
			return nil, 0
		}
		return session.Bytes{Data: bytes.Clone(b[:min(n, len(b))])}, min(n, len(b))
	}
	return session.Bytes{Data: bytes.Clone(b[:i+1])}, i + 1
}

func decodePaste(b []byte, start int, all bool) (session.Event, int) {
	end := bytes.Index(b[start:], []byte(pasteEnd))
	switch {
	case end < 0 && len(b) < maxPaste && !all:
		return nil, 0
	case end < 0:
		return session.Bytes{Data: bytes.Clone(b)}, len(b)
	}
	text, n := string(b[start:start+end]), start+end+len(pasteEnd)
	if !utf8.ValidString(text) {
		return session.Bytes{Data: bytes.Clone(b[:n])}, n
	}
	return session.Paste{Text: strings.ReplaceAll(text, "\r", "\n")}, n
}

// sequenceEvent is nil for what is no event of ours.
func sequenceEvent(head string, final byte) session.Event {
	if rest, ok := strings.CutPrefix(head, "<"); ok && (final == 'M' || final == 'm') {
		return mouseEvent(rest, final == 'm')
	}
	number, mods, _ := strings.Cut(head, ";")
	modifiers, ok := modifiersOf(mods)
	switch {
	case !ok:
		return nil
	case head == "" && (final == 'I' || final == 'O'):
		return session.Focus{In: final == 'I'}
	case head == "" && final == 'Z':
		return session.Key{Name: "Tab", Modifiers: session.Shift}
	case final == '~':
		if name := keyOfNumber(number); name != "" {
			return session.Key{Name: name, Modifiers: modifiers}
		}
	case number == "" || number == "1":
		if name := keyOfLetter(final); name != "" {
			return session.Key{Name: name, Modifiers: modifiers}
		}
	}
	return nil
}

func keyOfLetter(b byte) string {
	for name, code := range keyCodes {
		if code.letter == b {
			return name
		}
	}
	return ""
}

// oldKeys are the numbers that terminals other than xterm have for keys, tmux and
// the console of Linux among them.
var oldKeys = map[string]string{
	"1": "Home", "4": "End", "7": "Home", "8": "End", "11": "F1", "12": "F2", "13": "F3", "14": "F4",
}

func keyOfNumber(number string) string {
	for name, code := range keyCodes {
		if code.number > 0 && fmt.Sprint(code.number) == number {
			return name
		}
	}
	return oldKeys[number]
}

// modifiersOf reads xterm's number, one more than its bits.
func modifiersOf(s string) (m session.Modifiers, ok bool) {
	if s == "" {
		return 0, true
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 16 {
		return 0, false
	}
	return modifiersOfBits(n - 1), true
}

func modifiersOfBits(bits int) (m session.Modifiers) {
	for i, mod := range xtermBits {
		if bits&(1<<i) != 0 {
			m |= mod
		}
	}
	return m
}

func mouseEvent(text string, release bool) session.Event {
	var code, x, y int
	if n, err := fmt.Sscanf(text, "%d;%d;%d", &code, &x, &y); n != 3 || err != nil || code < 0 || x < 1 || y < 1 {
		return nil
	}
	m := session.Mouse{Column: x - 1, Row: y - 1, Modifiers: modifiersOfBits(code >> 2 & 7)}
	motion, known := code&mouseMotion != 0, false
	for button, c := range buttonCodes {
		if c == code&^(7<<2|mouseMotion) {
			m.Button, known = button, true
		}
	}
	switch {
	case !known:
		return nil
	case release:
		m.Action = session.MouseRelease
	case motion && m.Button == session.NoButton:
		m.Action = session.MouseMove
	case motion:
		m.Action = session.MouseDrag
	}
	return m
}
