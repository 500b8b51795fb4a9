package screen

import "fmt"

// Cell is one position of the screen.
type Cell struct {
	// Text is a grapheme cluster of at most [MaxCluster] bytes, a space where
	// nothing was written, and empty in the right half of a wide character.
	Text  string
	Width uint8 // in columns: 1, 2, or 0 for the right half of a wide character
	Style Style
}

// MaxCluster bounds the text of a cell, in bytes. What is longer loses the marks
// at its end.
const MaxCluster = 64

// Style is how a cell is drawn. The zero value is the terminal's default.
type Style struct {
	Fg, Bg         Color
	UnderlineColor Color
	Underline      Underline
	Attrs          Attrs
}

// Attrs is a set of attributes.
type Attrs uint8

// The attributes.
const (
	Bold Attrs = 1 << iota
	Faint
	Italic
	Blink
	Reverse
	Hidden
	Strike
	Overline
)

// Underline is the kind of an underline, numbered as in SGR 4:n.
type Underline uint8

// The kinds of underlines.
const (
	NoUnderline Underline = iota
	SingleUnderline
	DoubleUnderline
	CurlyUnderline
	DottedUnderline
	DashedUnderline
)

// Color is a color of the palette or one of 24 bits. The zero value is the
// terminal's default.
type Color uint32

const (
	colorIndexed = 1 << 24
	colorRGB     = 2 << 24
)

// Indexed returns a color of the palette of 256.
func Indexed(i uint8) Color { return colorIndexed | Color(i) }

// RGB returns a color of 24 bits.
func RGB(r, g, b uint8) Color { return colorRGB | Color(r)<<16 | Color(g)<<8 | Color(b) }

// Index is the color's number in the palette; ok is false if it has none.
func (c Color) Index() (i uint8, ok bool) { return uint8(c), c>>24 == 1 }

// RGB is the color's parts; ok is false if it is not one of 24 bits.
func (c Color) RGB() (r, g, b uint8, ok bool) {
	return uint8(c >> 16), uint8(c >> 8), uint8(c), c>>24 == 2
}

// String returns "default", "5" or "#0a0b0c".
func (c Color) String() string {
	if i, ok := c.Index(); ok {
		return fmt.Sprint(i)
	}
	if r, g, b, ok := c.RGB(); ok {
		return fmt.Sprintf("#%02x%02x%02x", r, g, b)
	}
	return "default"
}

// blank is a cell where nothing was written.
func blank(s Style) Cell { return Cell{Text: " ", Width: 1, Style: s} }

// row is one line of the screen.
type row []Cell

func newRow(cols int, s Style) row {
	r := make(row, cols)
	r.fill(0, cols, s)
	return r
}

// at returns the cell at x, a blank one beyond the edges.
func (r row) at(x int) Cell {
	if x < 0 || x >= len(r) {
		return blank(Style{})
	}
	return r[x]
}

// split makes the halves of a wide character that lies across x-1 and x blank.
func (r row) split(x int, s Style) {
	if r.at(x-1).Width == 2 {
		r[x-1] = blank(s)
		if x < len(r) {
			r[x] = blank(s)
		}
	}
}

// erase makes the cells from x to end blank.
func (r row) erase(x, end int, s Style) {
	x, end = max(x, 0), min(end, len(r))
	if x >= end {
		return
	}
	r.split(x, s)
	r.split(end, s)
	r.fill(x, end, s)
}

func (r row) fill(x, end int, s Style) {
	for i := x; i < end; i++ {
		r[i] = blank(s)
	}
}

// insert moves the cells from x on to the right by n.
func (r row) insert(x, n int, s Style) {
	if n = min(n, len(r)-x); n <= 0 {
		return
	}
	r.split(x, s)
	r.split(len(r)-n, s)
	copy(r[x+n:], r[x:])
	r.fill(x, x+n, s)
}

// remove moves the cells right of x+n to the left by n.
func (r row) remove(x, n int, s Style) {
	if n = min(n, len(r)-x); n <= 0 {
		return
	}
	r.split(x, s)
	r.split(x+n, s)
	copy(r[x:], r[x+n:])
	r.fill(len(r)-n, len(r), s)
}

// resize returns r cut or extended to cols.
func (r row) resize(cols int) row {
	if cols <= len(r) {
		r.split(cols, Style{})
		return r[:cols:cols]
	}
	out := newRow(cols, Style{})
	copy(out, r)
	return out
}
