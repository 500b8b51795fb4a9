package screen

import "github.com/tracetool/tracetool/runner/session"

// csiName tells control sequences apart.
type csiName struct {
	prefix, intermediate, final byte
}

// csi obeys a control sequence; unknown ones do nothing.
func (t *Terminal) csi() {
	s := &t.seq
	if do := sequences[csiName{s.prefix, s.intermediate, s.final}]; do != nil {
		do(t, s)
	}
	t.breakCluster()
}

// sequences are the control sequences, by the letters that xterm's documentation
// has for them.
var sequences = map[csiName]func(*Terminal, *sequence){
	{0, 0, '@'}:   func(t *Terminal, s *sequence) { t.insertCells(s.get(0, 1)) },
	{0, 0, 'A'}:   func(t *Terminal, s *sequence) { t.moveUp(s.get(0, 1)) },
	{0, 0, 'B'}:   func(t *Terminal, s *sequence) { t.moveDown(s.get(0, 1)) },
	{0, 0, 'C'}:   func(t *Terminal, s *sequence) { t.moveBy(s.get(0, 1), 0) },
	{0, 0, 'D'}:   func(t *Terminal, s *sequence) { t.moveBy(-s.get(0, 1), 0) },
	{0, 0, 'E'}:   func(t *Terminal, s *sequence) { t.moveDown(s.get(0, 1)); t.cursor.x = 0 },
	{0, 0, 'F'}:   func(t *Terminal, s *sequence) { t.moveUp(s.get(0, 1)); t.cursor.x = 0 },
	{0, 0, 'G'}:   (*Terminal).column,
	{0, 0, '`'}:   (*Terminal).column,
	{0, 0, 'H'}:   (*Terminal).position,
	{0, 0, 'f'}:   (*Terminal).position,
	{0, 0, 'I'}:   func(t *Terminal, s *sequence) { t.tab(s.get(0, 1)) },
	{0, 0, 'Z'}:   func(t *Terminal, s *sequence) { t.tab(-s.get(0, 1)) },
	{0, 0, 'J'}:   func(t *Terminal, s *sequence) { t.eraseScreen(s.get(0, 0)) },
	{0, 0, 'K'}:   func(t *Terminal, s *sequence) { t.eraseLine(s.get(0, 0)) },
	{'?', 0, 'J'}: func(t *Terminal, s *sequence) { t.eraseScreen(s.get(0, 0)) },
	{'?', 0, 'K'}: func(t *Terminal, s *sequence) { t.eraseLine(s.get(0, 0)) },
	{0, 0, 'L'}:   func(t *Terminal, s *sequence) { t.insertLines(s.get(0, 1)) },
	{0, 0, 'M'}:   func(t *Terminal, s *sequence) { t.insertLines(-s.get(0, 1)) },
	{0, 0, 'P'}:   func(t *Terminal, s *sequence) { t.insertCells(-s.get(0, 1)) },
	{0, 0, 'S'}:   func(t *Terminal, s *sequence) { t.scroll(t.top, t.bottom, s.get(0, 1)) },
	{0, 0, 'T'}:   (*Terminal).scrollDown,
	{0, 0, 'X'}:   func(t *Terminal, s *sequence) { t.eraseCells(s.get(0, 1)) },
	{0, 0, 'a'}:   func(t *Terminal, s *sequence) { t.moveBy(s.get(0, 1), 0) },
	{0, 0, 'b'}:   func(t *Terminal, s *sequence) { t.repeat(s.get(0, 1)) },
	{0, 0, 'c'}:   (*Terminal).deviceAttributes,
	{'>', 0, 'c'}: (*Terminal).deviceAttributes,
	{0, 0, 'd'}:   func(t *Terminal, s *sequence) { t.moveTo(t.cursor.x, s.get(0, 1)-1) },
	{0, 0, 'e'}:   func(t *Terminal, s *sequence) { t.moveBy(0, s.get(0, 1)) },
	{0, 0, 'g'}:   func(t *Terminal, s *sequence) { t.clearTabs(s.get(0, 0)) },
	{0, 0, 'h'}:   func(t *Terminal, s *sequence) { t.setModes(s, true) },
	{0, 0, 'l'}:   func(t *Terminal, s *sequence) { t.setModes(s, false) },
	{'?', 0, 'h'}: func(t *Terminal, s *sequence) { t.setModes(s, true) },
	{'?', 0, 'l'}: func(t *Terminal, s *sequence) { t.setModes(s, false) },
	{0, '$', 'p'}: (*Terminal).reportMode, {'?', '$', 'p'}: (*Terminal).reportMode,
	{0, 0, 'm'}:    (*Terminal).sgr,
	{0, 0, 'n'}:    (*Terminal).deviceStatus,
	{'?', 0, 'n'}:  (*Terminal).deviceStatus,
	{0, '!', 'p'}:  func(t *Terminal, _ *sequence) { t.softReset() },
	{0, 0, 'r'}:    (*Terminal).setRegion,
	{0, 0, 's'}:    func(t *Terminal, _ *sequence) { t.save() },
	{0, 0, 'u'}:    func(t *Terminal, _ *sequence) { t.restore() },
	{0, 0, 't'}:    (*Terminal).windowReport,
	{0, ' ', 'q'}:  (*Terminal).cursorStyle,
	{'>', 0, 'q'}:  (*Terminal).reportVersion,
	{0, ' ', '@'}:  func(t *Terminal, s *sequence) { t.shiftColumns(0, -s.get(0, 1)) },
	{0, ' ', 'A'}:  func(t *Terminal, s *sequence) { t.shiftColumns(0, s.get(0, 1)) },
	{0, '\'', '}'}: func(t *Terminal, s *sequence) { t.shiftColumns(t.cursor.x, s.get(0, 1)) },
	{0, '\'', '~'}: func(t *Terminal, s *sequence) { t.shiftColumns(t.cursor.x, -s.get(0, 1)) },
}

// moveTo sets the cursor, relative to the scroll region in origin mode.
func (t *Terminal) moveTo(x, y int) {
	if t.cursor.origin {
		y = min(max(y, 0)+t.top, t.bottom)
	}
	t.cursor.x = min(max(x, 0), t.cols-1)
	t.cursor.y = min(max(y, 0), t.rows-1)
}

// moveBy moves the cursor. Only in origin mode does the scroll region hold it.
func (t *Terminal) moveBy(dx, dy int) {
	top := 0
	if t.cursor.origin {
		top = t.top
	}
	t.moveTo(min(t.cursor.x, t.cols-1)+dx, t.cursor.y+dy-top)
}

// moveUp stops at the start of the scroll region, moveDown at its end, unless
// the cursor is beyond it.
func (t *Terminal) moveUp(n int) {
	if t.cursor.y >= t.top {
		n = min(n, t.cursor.y-t.top)
	}
	t.moveBy(0, -n)
}

func (t *Terminal) moveDown(n int) {
	if t.cursor.y <= t.bottom {
		n = min(n, t.bottom-t.cursor.y)
	}
	t.moveBy(0, n)
}

func (t *Terminal) column(s *sequence) { t.moveBy(s.get(0, 1)-1-min(t.cursor.x, t.cols-1), 0) }

func (t *Terminal) position(s *sequence) { t.moveTo(s.get(1, 1)-1, s.get(0, 1)-1) }

// The parts of a line or screen that are erased, as sequences number them.
const (
	eraseAfter = iota
	eraseBefore
	eraseAll
)

func (t *Terminal) eraseLine(part int) {
	line, s, x := t.lines[t.cursor.y], t.erasing(), t.cursor.x
	switch part {
	case eraseAfter:
		line.erase(x, t.cols, s)
	case eraseBefore:
		line.erase(0, x+1, s)
	case eraseAll:
		line.erase(0, t.cols, s)
	}
}

func (t *Terminal) eraseScreen(part int) {
	from, to := 0, t.rows
	switch part {
	case eraseAfter:
		from = t.cursor.y + 1
	case eraseBefore:
		to = t.cursor.y
	case eraseAll:
	default:
		return
	}
	if part != eraseAll {
		t.eraseLine(part)
	}
	for _, line := range t.lines[from:to] {
		line.erase(0, t.cols, t.erasing())
	}
}

func (t *Terminal) eraseCells(n int) {
	x := min(t.cursor.x, t.cols-1)
	t.cursor.x = x
	t.lines[t.cursor.y].erase(x, x+n, t.erasing())
}

// insertCells inserts blank cells at the cursor, or removes some where n is
// negative.
func (t *Terminal) insertCells(n int) {
	t.cursor.x = min(t.cursor.x, t.cols-1)
	t.lines[t.cursor.y].shift(t.cursor.x, n, t.erasing())
}

// shiftColumns does that in all lines of the scroll region.
func (t *Terminal) shiftColumns(x, n int) {
	if t.outside() {
		return
	}
	x = min(x, t.cols-1)
	for _, line := range t.lines[t.top : t.bottom+1] {
		line.shift(x, n, t.erasing())
	}
}

func (r row) shift(x, n int, s session.Style) {
	if n > 0 {
		r.insert(x, n, s)
	} else {
		r.remove(x, -n, s)
	}
}

// outside tells whether the cursor is outside of the scroll region.
func (t *Terminal) outside() bool { return t.cursor.y < t.top || t.cursor.y > t.bottom }

// insertLines inserts blank lines at the cursor, or removes some where n is
// negative.
func (t *Terminal) insertLines(n int) {
	if t.outside() {
		t.cursor.x = min(t.cursor.x, t.cols-1)
		return
	}
	t.cursor.x = 0
	t.scroll(t.cursor.y, t.bottom, -n)
}

// scrollDown is told from the start of mouse tracking by its one parameter.
func (t *Terminal) scrollDown(s *sequence) {
	if len(s.params) < 2 {
		t.scroll(t.top, t.bottom, -s.get(0, 1))
	}
}

// repeat draws the last character n times more.
func (t *Terminal) repeat(n int) {
	last := t.cluster
	if last.text == "" {
		return
	}
	for range min(n, t.cols*t.rows) {
		t.draw(last.text, last.width)
	}
}

func (t *Terminal) clearTabs(which int) {
	switch which {
	case 0:
		t.tabs[min(t.cursor.x, t.cols-1)] = false
	case 3:
		clear(t.tabs)
	}
}

func (t *Terminal) setRegion(s *sequence) {
	top, bottom := s.get(0, 1), s.get(1, t.rows)
	if bottom > t.rows {
		bottom = t.rows
	}
	if top < bottom {
		t.top, t.bottom = top-1, bottom-1
		t.moveTo(0, 0)
	}
}

// cursorStyle sets the shape of the cursor; odd numbers blink.
func (t *Terminal) cursorStyle(s *sequence) {
	n := s.get(0, 0)
	if n > 6 {
		return
	}
	t.modes.set(modeBlink, n%2 == 1)
	t.shape = session.CursorShape(max(n-1, 0) / 2)
}

// softReset undoes what programs leave behind, and keeps what is drawn.
func (t *Terminal) softReset() {
	t.top, t.bottom = 0, t.rows-1
	t.cursor.style, t.cursor.charsets, t.cursor.active, t.cursor.origin = session.Style{}, [4]charset{}, 0, false
	t.saved = cursor{}
	keep := t.modes
	t.modes = defaultModes()
	t.modes.mouse, t.modes.on = keep.mouse, t.modes.on|keep.on&(modeMouseSGR|modeFocus|modeResizeReports)
}
