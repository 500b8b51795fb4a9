package session

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// Frame is what a program shows: a grid of cells with a cursor, or bytes of
// its own kind. It is for one goroutine.
type Frame struct {
	size    Size
	cells   []Cell // row by row
	cursor  Cursor
	bytes   []byte
	isBytes bool
}

// NewFrame returns a blank frame with a hidden cursor.
func NewFrame(size Size) *Frame {
	f := &Frame{}
	f.Reset(size)
	return f
}

// Reset makes the frame blank, of that size and with a hidden cursor. Sides below
// 0 stand for 0; a model's frame has one of the sizes that a screen may have.
func (f *Frame) Reset(size Size) {
	size = Size{max(0, size.Columns), max(0, size.Rows)}
	n := size.Columns * size.Rows
	f.size, f.cells = size, slices.Grow(f.cells[:0], n)[:n]
	for i := range f.cells {
		f.cells[i] = Blank
	}
	f.cursor, f.bytes, f.isBytes = Cursor{}, f.bytes[:0], false
}

// Size is the frame's size in cells.
func (f *Frame) Size() Size { return f.size }

// At returns a cell, Blank for one outside the frame.
func (f *Frame) At(column, row int) Cell {
	if i, ok := f.index(column, row); ok {
		return f.cells[i]
	}
	return Blank
}

// Set stores a cell. One outside the frame is left out. A wide grapheme takes
// a cell with its text and then cells with none.
func (f *Frame) Set(column, row int, c Cell) {
	if i, ok := f.index(column, row); ok {
		f.cells[i] = c
	}
}

func (f *Frame) index(column, row int) (int, bool) {
	if column < 0 || row < 0 || column >= f.size.Columns || row >= f.size.Rows {
		return 0, false
	}
	return row*f.size.Columns + column, true
}

// Row returns the cells of a row, which are the frame's own, nil for one outside
// the frame.
func (f *Frame) Row(row int) []Cell {
	if row < 0 || row >= f.size.Rows {
		return nil
	}
	start := row * f.size.Columns
	return f.cells[start : start+f.size.Columns : start+f.size.Columns]
}

// Cursor returns the cursor.
func (f *Frame) Cursor() Cursor { return f.cursor }

// SetCursor sets the cursor. Of a hidden one nothing else is kept.
func (f *Frame) SetCursor(c Cursor) {
	if !c.Visible {
		c = Cursor{}
	}
	f.cursor = c
}

// SetBytes makes the frame consist of bytes instead of cells. It keeps a copy.
func (f *Frame) SetBytes(b []byte) {
	f.bytes, f.isBytes = append(f.bytes[:0], b...), true
}

// Bytes returns the bytes of a frame that consists of them.
func (f *Frame) Bytes() (b []byte, ok bool) { return f.bytes, f.isBytes }

// Clone returns a copy.
func (f *Frame) Clone() *Frame {
	c := *f
	c.cells, c.bytes = slices.Clone(f.cells), slices.Clone(f.bytes)
	return &c
}

// copyFrom makes the frame equal to another.
func (f *Frame) copyFrom(g *Frame) {
	f.size, f.cells, f.cursor = g.size, append(f.cells[:0], g.cells...), g.cursor
	f.bytes, f.isBytes = append(f.bytes[:0], g.bytes...), g.isBytes
}

// Equal reports whether two frames show the same.
func (f *Frame) Equal(g *Frame) bool {
	if f.isBytes || g.isBytes {
		return f.isBytes == g.isBytes && string(f.bytes) == string(g.bytes)
	}
	return f.size == g.size && f.cursor == g.cursor && slices.Equal(f.cells, g.cells)
}

// check reports what no frame may have: it could not be kept.
func (f *Frame) check() error {
	if c := f.cursor; c.Shape >= numCursorShapes || c.Column != int(int32(c.Column)) || c.Row != int(int32(c.Row)) {
		return fmt.Errorf("cursor of the shape %d at column %d, row %d", c.Shape, c.Column, c.Row)
	}
	if f.isBytes {
		return nil // cells are not kept
	}
	if err := f.size.check(); err != nil {
		return err
	}
	var style Style
	for i := range f.cells {
		c := &f.cells[i]
		var err error
		if len(c.Text) > MaxText {
			err = fmt.Errorf("text of %d bytes, want at most %d", len(c.Text), MaxText)
		} else if c.Style != style {
			style = c.Style
			err = style.check()
		}
		if err != nil {
			return fmt.Errorf("cell at column %d, row %d: %w", i%f.size.Columns, i/f.size.Columns, err)
		}
	}
	return nil
}

// The forms of a frame's bytes.
const (
	formCells   = 0 // all cells
	formChanges = 1 // cells that differ from those of the frame before
	formBytes   = 2
)

// AppendCanonical appends the frame's canonical bytes: those that its checksum
// is of. Frames that show the same have the same.
func (f *Frame) AppendCanonical(dst []byte) []byte {
	if f.isBytes {
		return append(append(dst, formBytes), f.bytes...)
	}
	dst = f.appendHead(append(dst, formCells))
	return f.appendRuns(dst, nil)
}

// appendChanges appends the cells that differ from those of prev, or the
// canonical bytes where that cannot be.
func (f *Frame) appendChanges(dst []byte, prev *Frame) []byte {
	if prev == nil || prev.isBytes || f.isBytes || prev.size != f.size {
		return f.AppendCanonical(dst)
	}
	dst = f.appendHead(append(dst, formChanges))
	return f.appendRuns(dst, prev.cells)
}

func (f *Frame) appendHead(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(f.size.Columns))
	dst = binary.AppendUvarint(dst, uint64(f.size.Rows))
	if !f.cursor.Visible {
		return append(dst, 0)
	}
	look := 1 | byte(f.cursor.Shape)<<1
	if f.cursor.Blinking {
		look |= 1 << 7
	}
	dst = append(dst, look)
	dst = binary.AppendVarint(dst, int64(f.cursor.Column))
	return binary.AppendVarint(dst, int64(f.cursor.Row))
}

// appendRuns appends runs of equal cells; where prev is given, of those that
// differ from it.
func (f *Frame) appendRuns(dst []byte, prev []Cell) []byte {
	var style Style
	done := 0
	for i := 0; i < len(f.cells); {
		c := &f.cells[i]
		if prev != nil && *c == prev[i] {
			i++
			continue
		}
		end := i + 1
		for end < len(f.cells) && f.cells[end] == *c && (prev == nil || prev[end] != *c) {
			end++
		}
		dst = appendRun(dst, i-done, end-i, c, &style)
		i, done = end, end
	}
	return dst
}

// appendRun appends a run: the cells that are passed over before it, its
// length and its cell.
func appendRun(dst []byte, skip, count int, c *Cell, style *Style) []byte {
	if count == 1 {
		dst = appendUint(dst, skip<<1)
	} else {
		dst = appendUint(appendUint(dst, skip<<1|1), count)
	}
	if c.Style == *style {
		return append(appendUint(dst, len(c.Text)<<1), c.Text...)
	}
	*style = c.Style
	dst = append(appendUint(dst, len(c.Text)<<1|1), c.Text...)
	return appendStyle(dst, style)
}

// appendUint is binary.AppendUvarint, quicker for the small numbers that most
// are.
func appendUint(dst []byte, n int) []byte {
	if n < 1<<7 {
		return append(dst, byte(n))
	}
	return binary.AppendUvarint(dst, uint64(n))
}

// What a style has, beyond what is the default.
const (
	hasForeground = 1 << iota
	hasBackground
	hasUnderlineColor
	hasAttributes
	hasUnderline
	hasLink
)

func appendStyle(dst []byte, s *Style) []byte {
	at := len(dst)
	dst = append(dst, 0)
	for i, c := range [...]Color{s.Foreground, s.Background, s.UnderlineColor} {
		if c != 0 {
			dst[at] |= hasForeground << i
			dst = appendColor(dst, c)
		}
	}
	if s.Attributes != 0 {
		dst[at] |= hasAttributes
		dst = binary.AppendUvarint(dst, uint64(s.Attributes))
	}
	if s.Underline != 0 {
		dst[at] |= hasUnderline
		dst = append(dst, byte(s.Underline))
	}
	if s.Link != "" {
		dst[at] |= hasLink
		dst = binary.AppendUvarint(dst, uint64(len(s.Link)))
		dst = append(dst, s.Link...)
	}
	return dst
}

// appendColor appends the kind of a colour, then its index or its parts.
func appendColor(dst []byte, c Color) []byte {
	if r, g, b, ok := c.RGB(); ok {
		return append(dst, byte(colorRGB>>24), r, g, b)
	}
	return append(dst, byte(c>>24), byte(c))
}
