package screen

import "unicode/utf8"

// Bounds of what a sequence may hold. What is beyond them is dropped.
const (
	maxParams = 32
	maxParam  = 1<<16 - 1
	maxString = 4096 // bytes of the text of an OSC or DCS
)

// parser cuts the guest's output into characters, controls and sequences, by the
// state machine of the VT500 as Paul Williams described it, on characters
// instead of bytes.
type parser struct {
	partial []byte // of a character; at most 3 bytes between writes
	state   state
	seq     sequence
	text    []byte          // of an OSC or DCS
	finish  func(*Terminal) // does what that says; nil outside of one
}

// sequence is an escape or control sequence, or the head of a DCS.
type sequence struct {
	prefix       byte // one of <=>? before the parameters
	intermediate byte // one of 0x20 to 0x2f; the last one
	final        byte
	params       []param
}

// param is a number of a sequence. Those that follow a colon are parts of the
// one before.
type param struct {
	value int // -1: left out
	sub   bool
}

// get returns the i-th parameter, or the default where it is 0 or left out.
func (s *sequence) get(i, otherwise int) int {
	if i >= len(s.params) || s.params[i].value <= 0 {
		return otherwise
	}
	return s.params[i].value
}

// state handles one character and returns the state after it.
type state func(*Terminal, rune) state

// Write draws what a guest has written. It never fails.
func (t *Terminal) Write(p []byte) (int, error) {
	for _, b := range p {
		if len(t.partial) == 0 && b < utf8.RuneSelf {
			t.put(rune(b))
			continue
		}
		t.partial = append(t.partial, b)
		for utf8.FullRune(t.partial) && len(t.partial) > 0 {
			r, size := utf8.DecodeRune(t.partial)
			t.partial = t.partial[:copy(t.partial, t.partial[size:])]
			t.put(r)
		}
	}
	return len(p), nil
}

const (
	bel = 0x07
	can = 0x18
	sub = 0x1a
	esc = 0x1b
	del = 0x7f
)

// put handles one character. Some of them mean the same in every state.
func (t *Terminal) put(r rune) {
	switch {
	case r == esc || r == can || r == sub || r >= 0x80 && r < 0xa0:
		t.endString(r != can && r != sub)
		t.anywhere(r)
	default:
		t.state = t.state(t, r)
	}
}

// endString ends an OSC or DCS, if there is one, and does what it says unless it
// was cancelled.
func (t *Terminal) endString(do bool) {
	if do && t.finish != nil {
		t.finish(t)
		t.breakCluster()
	}
	t.state, t.text, t.finish = ground, t.text[:0], nil
}

func (t *Terminal) anywhere(r rune) {
	switch {
	case r == esc:
		t.seq = sequence{params: t.seq.params[:0]}
		t.state = escape
	case r >= 0x80:
		// A control of 8 bits is ESC and a letter.
		t.seq = sequence{params: t.seq.params[:0]}
		t.state = escape(t, r-0x40)
	}
}

func ground(t *Terminal, r rune) state {
	switch {
	case r < 0x20:
		t.control(r)
	case r != del:
		t.print(r)
	}
	return ground
}

func escape(t *Terminal, r rune) state {
	switch {
	case r < 0x20:
		t.control(r)
	case r < 0x30:
		t.seq.intermediate = byte(r)
	case r == '[' && t.seq.intermediate == 0:
		return csi
	case r == ']' && t.seq.intermediate == 0:
		t.finish = (*Terminal).osc
		return osc
	case r == 'P' && t.seq.intermediate == 0:
		return dcs
	case (r == 'X' || r == '^' || r == '_') && t.seq.intermediate == 0:
		return ignoredString
	case r < del:
		t.seq.final = byte(r)
		t.escape()
		return ground
	case r > del:
		return ground
	}
	return escape
}

func csi(t *Terminal, r rune) state {
	switch {
	case r < 0x20:
		t.control(r)
	case r >= 0x40 && r < del:
		t.seq.final = byte(r)
		t.csi()
		return ground
	case r > del:
		return ground
	case r != del && !t.seq.collect(byte(r)):
		return ignoredCSI
	}
	return csi
}

// collect takes a byte before the final one. It is false if the byte is in the
// wrong place.
func (s *sequence) collect(b byte) bool {
	switch {
	case b < 0x30:
		s.intermediate = b
	case s.intermediate != 0:
		return false
	case b >= 0x3c:
		if s.prefix != 0 || len(s.params) > 0 {
			return false
		}
		s.prefix = b
	default:
		s.digit(b)
	}
	return true
}

// digit takes a digit, or what separates two parameters.
func (s *sequence) digit(b byte) {
	if len(s.params) == 0 {
		s.params = append(s.params, param{value: -1})
	}
	last := &s.params[len(s.params)-1]
	switch {
	case len(s.params) > maxParams:
	case b == ';' || b == ':':
		s.params = append(s.params, param{value: -1, sub: b == ':'})
	default:
		last.value = min(max(last.value, 0)*10+int(b-'0'), maxParam)
	}
}

func ignoredCSI(t *Terminal, r rune) state {
	switch {
	case r < 0x20:
		t.control(r)
	case r >= 0x40 && r != del:
		return ground
	}
	return ignoredCSI
}

func osc(t *Terminal, r rune) state {
	switch {
	case r == bel:
		t.endString(true)
		return ground
	case r >= 0x20:
		t.collectText(r)
	}
	return osc
}

func dcs(t *Terminal, r rune) state {
	switch {
	case r >= 0x40 && r < del:
		t.seq.final = byte(r)
		t.finish = (*Terminal).dcs
		return dcsText
	case r > del:
		return ignoredString
	case r >= 0x20 && r != del && !t.seq.collect(byte(r)):
		return ignoredString
	}
	return dcs
}

func dcsText(t *Terminal, r rune) state {
	if r != del {
		t.collectText(r)
	}
	return dcsText
}

func ignoredString(*Terminal, rune) state { return ignoredString }

func (t *Terminal) collectText(r rune) {
	if len(t.text) < maxString {
		t.text = utf8.AppendRune(t.text, r)
	}
}
