package screen

// modes are the switches that a program may set.
type modes struct {
	on    modeSet
	mouse mouseMode
}

type modeSet uint32

// The modes that are on or off.
const (
	modeInsert modeSet = 1 << iota
	modeNewline
	modeCursorKeys
	modeReverse
	modeWrap
	modeBlink
	modeCursor
	modeKeypad
	modeFocus
	modeMouseSGR
	modePaste
	modeSync
	modeResizeReports
)

// mouseMode is what the program wants to know about the pointer; each mode
// includes the one before.
type mouseMode uint8

const (
	mouseOff mouseMode = iota
	mousePresses
	mouseButtons // releases, too
	mouseDrags
	mouseMoves
)

func defaultModes() modes { return modes{on: modeWrap | modeCursor} }

func (m *modes) has(s modeSet) bool { return m.on&s != 0 }

func (m *modes) set(s modeSet, on bool) {
	if m.on &^= s; on {
		m.on |= s
	}
}

// modeKey is how sequences name a mode: the private ones have a question mark.
type modeKey struct {
	prefix byte
	number int
}

// switches are the modes that do nothing else when they are set.
var switches = map[modeKey]modeSet{
	{0, 4}:      modeInsert,
	{0, 20}:     modeNewline,
	{'?', 1}:    modeCursorKeys,
	{'?', 5}:    modeReverse,
	{'?', 7}:    modeWrap,
	{'?', 12}:   modeBlink,
	{'?', 25}:   modeCursor,
	{'?', 66}:   modeKeypad,
	{'?', 1004}: modeFocus,
	{'?', 1006}: modeMouseSGR,
	{'?', 2004}: modePaste,
	{'?', 2026}: modeSync,
	{'?', 2048}: modeResizeReports,
}

var mouseModes = map[modeKey]mouseMode{
	{'?', 9}:    mousePresses,
	{'?', 1000}: mouseButtons,
	{'?', 1002}: mouseDrags,
	{'?', 1003}: mouseMoves,
}

func (t *Terminal) setModes(s *sequence, on bool) {
	for i := range s.params {
		t.setMode(modeKey{s.prefix, s.get(i, 0)}, on)
	}
}

func (t *Terminal) setMode(key modeKey, on bool) {
	if s, ok := switches[key]; ok {
		t.modes.set(s, on)
		if s == modeResizeReports && on {
			t.reportSize()
		}
		return
	}
	if m, ok := mouseModes[key]; ok {
		if t.modes.mouse = mouseOff; on {
			t.modes.mouse = m
		}
		return
	}
	switch key {
	case modeKey{'?', 6}:
		t.cursor.origin = on
		t.moveTo(0, 0)
	case modeKey{'?', 47}, modeKey{'?', 1047}:
		t.showAlternate(on)
	case modeKey{'?', 1048}:
		t.saveOrRestore(on)
	case modeKey{'?', 1049}:
		if on {
			t.save()
		}
		t.showAlternate(on)
		if !on {
			t.restore()
		}
	}
}

func (t *Terminal) saveOrRestore(save bool) {
	if save {
		t.save()
	} else {
		t.restore()
	}
}

// showAlternate changes between the two screens. The cursor stays where it is;
// the alternate screen begins blank.
func (t *Terminal) showAlternate(on bool) {
	if on == t.Alternate() {
		return
	}
	cursor := t.cursor
	if on {
		t.alternate = newBuffer(t.cols, t.rows)
		t.buffer = &t.alternate
		t.cursor = cursor
		for _, line := range t.lines {
			line.erase(0, t.cols, t.erasing())
		}
		return
	}
	t.buffer = &t.normal
	t.cursor = cursor
}

// modeState says how a mode is set, in the numbers of DECRPM.
func (t *Terminal) modeState(key modeKey) int {
	const unknown, set, reset = 0, 1, 2
	on := false
	if s, ok := switches[key]; ok {
		on = t.modes.has(s)
	} else if m, ok := mouseModes[key]; ok {
		on = t.modes.mouse == m
	} else {
		switch key {
		case modeKey{'?', 6}:
			on = t.cursor.origin
		case modeKey{'?', 47}, modeKey{'?', 1047}, modeKey{'?', 1049}:
			on = t.Alternate()
		default:
			return unknown
		}
	}
	if on {
		return set
	}
	return reset
}

// Wants says what the program has asked to be told: about the mouse, where a
// paste begins and ends, about the focus.
func (t *Terminal) Wants() (mouse, paste, focus bool) {
	return t.modes.mouse != mouseOff, t.modes.has(modePaste), t.modes.has(modeFocus)
}
