package screen

import (
	"unicode"

	"github.com/rivo/uniseg"

	"github.com/tracetool/tracetool/runner/session"
)

// cluster is the character drawn last, as long as nothing else has come since: a
// mark or a joiner may still become part of it.
type cluster struct {
	text  string // empty: nothing can join
	width int    // 0: there was no room for it
}

// breakCluster makes the next character begin a cluster.
func (t *Terminal) breakCluster() { t.cluster = cluster{} }

const ascii = " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"

// textOf avoids an allocation for most characters.
func textOf(r rune) string {
	if r >= ' ' && r < del {
		return ascii[r-' ':][:1]
	}
	return string(r)
}

// print draws a character at the cursor.
func (t *Terminal) print(r rune) {
	r = t.cursor.charsets[t.cursor.active].translate(r)
	if t.join(r) {
		return
	}
	t.draw(textOf(r), runeWidth(r))
}

// draw puts a cluster at the cursor and moves that.
func (t *Terminal) draw(text string, width int) {
	width = min(width, t.cols)
	if !t.room(width) {
		t.cluster = cluster{text: text}
		return
	}
	c := &t.cursor
	line := t.lines[c.y]
	if t.modes.has(modeInsert) {
		line.insert(c.x, width, c.style)
	}
	t.place(line, c.x, text, width)
	c.x += width
	t.cluster = cluster{text, width}
}

// room wraps to the next line where the character does not fit. It is false
// where the terminal does not wrap and half a character would be left.
func (t *Terminal) room(width int) bool {
	c := &t.cursor
	switch {
	case c.x+width <= t.cols:
		return true
	case t.modes.has(modeWrap):
		t.lines[c.y].erase(c.x, t.cols, c.style)
		c.x = 0
		t.lineDown()
		return true
	}
	c.x = t.cols - 1
	return width == 1
}

// place writes the cells of a cluster. What is left of wide characters that it
// covers half becomes blank.
func (t *Terminal) place(line row, x int, text string, width int) {
	style := t.cursor.style
	line.split(x, style)
	line.split(x+width, style)
	line[x] = session.Cell{Text: text, Style: style}
	if width == 2 {
		line[x+1] = session.Cell{Style: style}
	}
}

// join adds r to the cluster drawn last, if it belongs there.
func (t *Terminal) join(r rune) bool {
	last := t.cluster
	if last.text == "" || r < del && last.text[len(last.text)-1] < del {
		return false
	}
	text := last.text + string(r)
	first, rest, _, _ := uniseg.FirstGraphemeClusterInString(text, -1)
	if rest != "" || first == "" {
		return false
	}
	if len(text) > maxCluster || last.width == 0 {
		return true
	}
	width := min(max(runeWidth(r), last.width), t.cols)
	if isRegional(r) {
		width = min(2, t.cols)
	}
	t.cursor.x -= last.width
	if !t.grow(width) {
		t.cursor.x += last.width
		return true
	}
	line := t.lines[t.cursor.y]
	style := line[t.cursor.x].Style
	t.place(line, t.cursor.x, text, width)
	line[t.cursor.x].Style = style
	t.cursor.x += width
	t.cluster = cluster{text, width}
	return true
}

// grow makes room for the cluster at the cursor, which became wider. It is false
// where there is none to be had.
func (t *Terminal) grow(width int) bool {
	c := &t.cursor
	switch {
	case c.x+width <= t.cols:
		return true
	case !t.modes.has(modeWrap):
		return false
	}
	old := t.lines[c.y]
	style := old[c.x].Style
	old.erase(c.x, t.cols, c.style)
	c.x = 0
	t.lineDown()
	t.lines[c.y][0].Style = style
	return true
}

// runeWidth is the number of columns of a character by itself: two if it is wide,
// or asks for the form of a picture. Marks on their own take one.
func runeWidth(r rune) int {
	switch {
	case r < 0x300, isRegional(r):
		return 1
	case r == pictureSelector, unicode.Is(wideAnyway, r):
		return 2
	case r == 0x2e3a, r == 0x2e3b: // dashes
		return 1
	}
	return min(max(uniseg.StringWidth(string(r)), 1), 2)
}

// wideAnyway are the characters that Unicode calls wide and uniseg does not,
// because they are marks or have no colored picture of their own.
var wideAnyway = &unicode.RangeTable{
	R16: []unicode.Range16{{0x302a, 0x3030, 1}, {0x303d, 0x303d, 1}, {0x3099, 0x309a, 1}, {0x3297, 0x3299, 2}},
	R32: []unicode.Range32{
		{0x16fe4, 0x16fe4, 1}, {0x1f202, 0x1f202, 1}, {0x1f237, 0x1f237, 1}, {0x1f260, 0x1f265, 1}, {0x1f3fb, 0x1f3ff, 1},
	},
}

// A pair of regional indicators is a flag.
func isRegional(r rune) bool { return r >= 0x1f1e6 && r <= 0x1f1ff }

// pictureSelector asks for the colored picture of the character before.
const pictureSelector = 0xfe0f

// charset is a set of 94 characters that may stand for ASCII.
type charset byte

// translate returns what r looks like in the set.
func (c charset) translate(r rune) rune {
	switch {
	case c == '0' && r >= '`' && r <= '~':
		return lineDrawing[r-'`']
	case c == 'A' && r == '#':
		return '£'
	}
	return r
}

// lineDrawing is the special graphics set of the VT100, from the backquote on.
var lineDrawing = []rune("◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·")
