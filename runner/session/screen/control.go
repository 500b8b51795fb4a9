package screen

import "github.com/tracetool/tracetool/runner/session"

// control obeys a control character.
func (t *Terminal) control(r rune) {
	t.breakCluster()
	c := &t.cursor
	switch r {
	case '\b':
		c.x = max(min(c.x, t.cols-1)-1, 0)
	case '\t':
		t.tab(1)
	case '\n', '\v', '\f':
		if t.OutputNewline || t.modes.has(modeNewline) {
			c.x = 0
		}
		c.x = min(c.x, t.cols-1)
		t.lineDown()
	case '\r':
		c.x = 0
	case 0x0e:
		c.active = 1
	case 0x0f:
		c.active = 0
	}
}

// lineDown moves the cursor down, and scrolls at the end of the region.
func (t *Terminal) lineDown() {
	switch c := &t.cursor; {
	case c.y == t.bottom:
		t.scroll(t.top, t.bottom, 1)
	case c.y < t.rows-1:
		c.y++
	}
}

// lineUp moves the cursor up, and scrolls at the start of the region.
func (t *Terminal) lineUp() {
	switch c := &t.cursor; {
	case c.y == t.top:
		t.scroll(t.top, t.bottom, -1)
	case c.y > 0:
		c.y--
	}
}

// tab moves the cursor over n tab stops, to the left where n is negative.
func (t *Terminal) tab(n int) {
	c := &t.cursor
	if c.x >= t.cols {
		return
	}
	for ; n > 0 && c.x < t.cols-1; n-- {
		for c.x++; c.x < t.cols-1 && !t.tabs[c.x]; c.x++ {
		}
	}
	for ; n < 0 && c.x > 0; n++ {
		for c.x--; c.x > 0 && !t.tabs[c.x]; c.x-- {
		}
	}
}

// escape obeys an escape sequence.
func (t *Terminal) escape() {
	t.breakCluster()
	b := t.seq.final
	switch t.seq.intermediate {
	case 0:
		if do := escapes[b]; do != nil {
			do(t)
		}
	case '(', ')', '*', '+':
		t.cursor.charsets[t.seq.intermediate-'('] = charset(b)
	case '#':
		if b == '8' {
			t.align()
		}
	}
}

// escapes are the escape sequences of one letter.
var escapes = map[byte]func(*Terminal){
	'7': (*Terminal).save,
	'8': (*Terminal).restore,
	'D': (*Terminal).lineFeed,
	'E': func(t *Terminal) { t.cursor.x = 0; t.lineDown() },
	'H': func(t *Terminal) { t.tabs[min(t.cursor.x, t.cols-1)] = true },
	'M': func(t *Terminal) { t.cursor.x = min(t.cursor.x, t.cols-1); t.lineUp() },
	'c': (*Terminal).reset,
	'n': func(t *Terminal) { t.cursor.active = 2 },
	'o': func(t *Terminal) { t.cursor.active = 3 },
	'=': func(t *Terminal) { t.modes.set(modeKeypad, true) },
	'>': func(t *Terminal) { t.modes.set(modeKeypad, false) },
}

func (t *Terminal) lineFeed() {
	t.cursor.x = min(t.cursor.x, t.cols-1)
	t.lineDown()
}

// save keeps the cursor, its style, character sets and origin mode.
func (t *Terminal) save() { t.saved = t.cursor }

func (t *Terminal) restore() {
	t.cursor = t.saved
	t.cursor.clamp(t.cols, t.rows)
}

// align fills the screen, as the test that adjusts a tube did.
func (t *Terminal) align() {
	style := t.cursor.style
	cell := session.Cell{Text: "E", Style: session.Style{Foreground: style.Foreground, Background: style.Background}}
	for _, line := range t.lines {
		for x := range line {
			line[x] = cell
		}
	}
	t.moveTo(0, 0)
}
