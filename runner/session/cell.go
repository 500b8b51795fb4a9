package session

import "fmt"

// Cell is what one cell of a screen shows.
type Cell struct {
	// Text is one grapheme. It is empty in the cells that a wide grapheme to
	// the left continues in; an empty cell of the screen has a blank, " ". It has
	// at most MaxText bytes.
	Text  string
	Style Style
}

// Blank is a cell that shows nothing.
var Blank = Cell{Text: " "}

// Style is how a cell looks. The zero value is the terminal's default.
type Style struct {
	Foreground     Color
	Background     Color
	UnderlineColor Color
	Attributes     Attributes
	Underline      Underline
	Link           string // address of the hyperlink that the cell is part of, at most MaxLink bytes
}

// check reports what no frame may have.
func (s *Style) check() error {
	for _, c := range [...]Color{s.Foreground, s.Background, s.UnderlineColor} {
		if kind := c &^ (1<<24 - 1); c != 0 && kind != colorRGB && (kind != colorIndexed || c&^kind > 255) {
			return fmt.Errorf("color %#x, which neither Indexed nor RGB makes", uint32(c))
		}
	}
	switch {
	case s.Attributes > allAttributes:
		return fmt.Errorf("attributes %#x, want at most %#x", uint16(s.Attributes), uint16(allAttributes))
	case s.Underline >= numUnderlines:
		return fmt.Errorf("underline %d, want at most %d", s.Underline, numUnderlines-1)
	case len(s.Link) > MaxLink:
		return fmt.Errorf("link of %d bytes, want at most %d", len(s.Link), MaxLink)
	}
	return nil
}

// Color is a colour: the zero value is the default one of the place it is used
// in, others are made by Indexed and RGB.
type Color uint32

const (
	colorIndexed Color = 1 << 24
	colorRGB     Color = 2 << 24
)

// Indexed is a colour of the palette: 0 to 7 are the basic ones, 8 to 15 the
// bright ones, 16 to 255 those of xterm.
func Indexed(index uint8) Color { return colorIndexed | Color(index) }

// RGB is a colour by its parts.
func RGB(r, g, b uint8) Color { return colorRGB | Color(r)<<16 | Color(g)<<8 | Color(b) }

// Index is the colour's place in the palette, if it is of the palette.
func (c Color) Index() (index uint8, ok bool) { return uint8(c), c>>24 == colorIndexed>>24 }

// RGB is the colour's parts, if it has any.
func (c Color) RGB() (r, g, b uint8, ok bool) {
	return uint8(c >> 16), uint8(c >> 8), uint8(c), c>>24 == colorRGB>>24
}

// Attributes is a set of bits.
type Attributes uint16

// The attributes of text, as the SGR numbers 1 to 9 and 53 set them.
const (
	Bold Attributes = 1 << iota
	Faint
	Italic
	Blink
	RapidBlink
	Reverse
	Hidden
	Strikethrough
	Overline

	allAttributes = 1<<iota - 1
)

// Underline is a kind of underline, as the SGR numbers 4:0 to 4:5 have them.
type Underline uint8

// The kinds of underline.
const (
	NoUnderline Underline = iota
	SingleUnderline
	DoubleUnderline
	CurlyUnderline
	DottedUnderline
	DashedUnderline
	numUnderlines
)

// Cursor is the cursor of a screen. One that is hidden has no other property.
type Cursor struct {
	Visible     bool
	Column, Row int // from 0
	Shape       CursorShape
	Blinking    bool
}

// CursorShape is a shape of the cursor, as DECSCUSR sets it.
type CursorShape uint8

// The shapes of a cursor.
const (
	BlockCursor CursorShape = iota
	UnderlineCursor
	BarCursor
	numCursorShapes
)
