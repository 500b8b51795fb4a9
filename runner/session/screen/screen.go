// Package screen is the screen of a terminal, without the terminal: bytes that a
// program writes become a grid of cells, keys and pointer become the bytes that
// the program reads.
//
// Start with [New], [Terminal.Write] and [Terminal.Draw]. What the program asks
// of its terminal, such as where the cursor is, is answered by
// [Terminal.TakeReplies]. [Terminal.Input] encodes keys, the mouse and the rest for
// the modes that the program has set.
//
// The terminal behaves as xterm does, as far as xterm.js has it: the alternate
// screen, scroll regions, insert mode, tab stops, line drawing characters,
// 24-bit colors and all kinds of underlines. A cell holds a grapheme cluster of
// Unicode 15, one or two columns wide. There is no scrollback, so lines are not
// joined again when the screen becomes wider; pictures, palettes and protected
// cells are left out.
//
// The same bytes make the same screen however they are cut into writes. Nothing
// here has a clock, a goroutine or a random number, and no output can make a
// terminal grow: every buffer is bounded.
//
// A Terminal serves one goroutine at a time.
package screen

import "github.com/tracetool/tracetool/runner/session"

// Terminal is a screen and the state of the terminal around it.
type Terminal struct {
	parser
	cols, rows int
	normal     buffer
	alternate  buffer
	*buffer    // the one that is shown
	modes      modes
	cluster    cluster
	tabs       []bool
	title      string
	shape      session.CursorShape
	replies    []byte
	// OutputNewline makes a line feed a carriage return too, as the line
	// discipline of a terminal that is not raw does.
	OutputNewline bool
}

// buffer is one of the two screens.
type buffer struct {
	lines       []row
	cursor      cursor
	saved       cursor
	top, bottom int // of the scroll region, inclusive
}

// cursor is where and how the next character is drawn. x is the number of
// columns after one was drawn in the last column: the next one wraps.
type cursor struct {
	x, y     int
	style    session.Style
	charsets [4]charset
	active   int // in charsets
	origin   bool
}

// New returns a blank terminal. Sizes are brought into 1 to
// [session.MaxSide].
func New(cols, rows int) *Terminal {
	t := &Terminal{cols: clampSize(cols), rows: clampSize(rows)}
	t.reset()
	return t
}

func clampSize(n int) int { return min(max(n, 1), session.MaxSide) }

// reset is what switching the terminal off and on does. What it has answered
// stays to be read.
func (t *Terminal) reset() {
	t.state = ground
	t.normal, t.alternate = newBuffer(t.cols, t.rows), buffer{}
	t.buffer = &t.normal
	t.modes = defaultModes()
	t.tabs = defaultTabs(t.cols)
	t.title, t.shape = "", session.BlockCursor
	t.breakCluster()
}

func newBuffer(cols, rows int) buffer {
	b := buffer{bottom: rows - 1, lines: make([]row, rows)}
	for y := range b.lines {
		b.lines[y] = newRow(cols, session.Style{})
	}
	return b
}

func defaultTabs(cols int) []bool {
	tabs := make([]bool, cols)
	for x := 8; x < cols; x += 8 {
		tabs[x] = true
	}
	return tabs
}

// Size returns the number of columns and rows.
func (t *Terminal) Size() (cols, rows int) { return t.cols, t.rows }

// Row returns the cells of a line, which the next write changes.
func (t *Terminal) Row(y int) []session.Cell { return t.lines[y] }

// Cursor returns the cursor.
func (t *Terminal) Cursor() session.Cursor {
	return session.Cursor{
		Visible: t.modes.has(modeCursor),
		Column:  min(t.cursor.x, t.cols-1), Row: t.cursor.y,
		Shape: t.shape, Blinking: t.modes.has(modeBlink),
	}
}

// Draw stores what is shown in a frame of the same size.
func (t *Terminal) Draw(f *session.Frame) {
	for y, line := range t.lines {
		for x, cell := range line {
			if t.modes.has(modeReverse) {
				cell.Style.Attributes ^= session.Reverse
			}
			f.Set(x, y, cell)
		}
	}
	f.SetCursor(t.Cursor())
}

// Title is what the program called its window.
func (t *Terminal) Title() string { return t.title }

// Alternate tells whether the alternate screen is shown.
func (t *Terminal) Alternate() bool { return t.buffer == &t.alternate }

// Resize changes the size. Lines are cut or extended on the right. Where lines
// become too many, blank ones below the cursor go first, then those at the top.
// A program that has asked for it gets a report, see [Terminal.TakeReplies].
func (t *Terminal) Resize(cols, rows int) {
	cols, rows = clampSize(cols), clampSize(rows)
	if cols == t.cols && rows == t.rows {
		return
	}
	t.cols, t.rows = cols, rows
	t.normal.resize(cols, rows)
	if t.Alternate() {
		t.alternate.resize(cols, rows)
	}
	t.tabs = append(t.tabs, defaultTabs(cols)[min(len(t.tabs), cols):]...)[:cols]
	t.breakCluster()
	if t.modes.has(modeResizeReports) {
		t.reportSize()
	}
}

func (b *buffer) resize(cols, rows int) {
	if over := b.cursor.y + 1 - rows; over > 0 {
		b.lines = b.lines[over:]
		b.cursor.y -= over
		b.saved.y = max(b.saved.y-over, 0)
	}
	b.lines = b.lines[:min(len(b.lines), rows):min(len(b.lines), rows)]
	for y := range b.lines {
		b.lines[y] = b.lines[y].resize(cols)
	}
	for len(b.lines) < rows {
		b.lines = append(b.lines, newRow(cols, session.Style{}))
	}
	b.top, b.bottom = 0, rows-1
	b.cursor.clamp(cols, rows)
	b.saved.clamp(cols, rows)
}

func (c *cursor) clamp(cols, rows int) { c.x, c.y = min(c.x, cols-1), min(c.y, rows-1) }

// erasing is the style of what is erased: only the background is kept.
func (t *Terminal) erasing() session.Style {
	return session.Style{Background: t.cursor.style.Background}
}

// scroll moves the lines from top to bottom up by n, or down where n is negative.
func (t *Terminal) scroll(top, bottom, n int) {
	size := bottom - top + 1
	lines := t.lines[top : bottom+1]
	s := t.erasing()
	for range min(max(n, -n), size) {
		if n > 0 {
			first := lines[0]
			copy(lines, lines[1:])
			lines[size-1] = first
			first.erase(0, t.cols, s)
		} else {
			last := lines[size-1]
			copy(lines[1:], lines)
			lines[0] = last
			last.erase(0, t.cols, s)
		}
	}
}
