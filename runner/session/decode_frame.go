package session

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Apply makes the frame what a record's Cells say: those are its canonical
// bytes, or changes of the frame as it is. After an error the frame is
// unspecified. Nothing in the bytes is trusted, and memory stays within that
// of MaxCells and their length.
func (f *Frame) Apply(cells []byte) error {
	if len(cells) == 0 {
		return errors.New("no bytes")
	}
	form := cells[0]
	if form == formBytes {
		f.Reset(Size{})
		f.SetBytes(cells[1:])
		return nil
	}
	d := frameDecoder{data: cells[1:]}
	size, cursor := d.head()
	if d.err != nil {
		return d.err
	}
	switch form {
	case formCells:
		f.Reset(size)
	case formChanges:
		if f.isBytes || size != f.size {
			return fmt.Errorf("changes of a frame of %s, which is %s", size, f.size)
		}
	default:
		return fmt.Errorf("form %d, want 0 to %d", form, formBytes)
	}
	f.cursor = cursor
	done := d.runs(f.cells)
	if d.err == nil && form == formCells && done != len(f.cells) {
		return fmt.Errorf("%d of %d cells", done, len(f.cells))
	}
	return d.err
}

// frameDecoder reads the bytes of a frame. After the first error it reads
// zeros.
type frameDecoder struct {
	data []byte
	err  error
}

func (d *frameDecoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, args...)
		d.data = nil
	}
}

func (d *frameDecoder) byte() byte {
	if len(d.data) == 0 {
		d.fail("bytes end too early")
		return 0
	}
	b := d.data[0]
	d.data = d.data[1:]
	return b
}

func (d *frameDecoder) uint() uint64 {
	v, n := binary.Uvarint(d.data)
	if n <= 0 {
		d.fail("malformed number")
		return 0
	}
	d.data = d.data[n:]
	return v
}

// bounded reads a number that is at most high.
func (d *frameDecoder) bounded(what string, high int) int {
	v := d.uint()
	if v > uint64(high) {
		d.fail("%s %d, want at most %d", what, v, high)
		return 0
	}
	return int(v)
}

func (d *frameDecoder) position() int {
	v, n := binary.Varint(d.data)
	if n <= 0 || v != int64(int32(v)) {
		d.fail("malformed position of the cursor")
		return 0
	}
	d.data = d.data[n:]
	return int(v)
}

func (d *frameDecoder) text(n int) string {
	if n > len(d.data) {
		d.fail("text of %d bytes, %d are left", n, len(d.data))
		return ""
	}
	s := string(d.data[:n])
	d.data = d.data[n:]
	return s
}

func (d *frameDecoder) head() (Size, Cursor) {
	size := Size{Columns: d.bounded("columns", MaxSide), Rows: d.bounded("rows", MaxSide)}
	look := d.byte()
	if err := size.check(); err != nil && d.err == nil {
		d.fail("%w", err)
	}
	if look&1 == 0 {
		if look != 0 {
			d.fail("hidden cursor with a look of %#x", look)
		}
		return size, Cursor{}
	}
	shape := CursorShape(look >> 1 & 0x3f)
	if shape >= numCursorShapes {
		d.fail("cursor of the shape %d", shape)
	}
	c := Cursor{Visible: true, Shape: shape, Blinking: look>>7 != 0}
	c.Column, c.Row = d.position(), d.position()
	return size, c
}

// runs reads runs into the cells and returns where the last one ends.
func (d *frameDecoder) runs(cells []Cell) int {
	at := 0
	var style Style
	for d.err == nil && len(d.data) > 0 {
		head := d.uint()
		count := 1
		if head&1 != 0 {
			count = d.bounded("run of", len(cells))
		}
		text := d.bounded("twice the text of", 2*MaxText+1)
		c := Cell{Text: d.text(text >> 1)}
		if text&1 != 0 {
			style = d.style()
		}
		c.Style = style
		if skip := head >> 1; skip > uint64(len(cells)-at) || count > len(cells)-at-int(skip) {
			d.fail("run of %d cells after %d, of which %d are left", count, skip, len(cells)-at)
		}
		if d.err != nil {
			break
		}
		at += int(head >> 1)
		for i := range count {
			cells[at+i] = c
		}
		at += count
	}
	return at
}

func (d *frameDecoder) style() Style {
	var s Style
	has := d.byte()
	for i, c := range []*Color{&s.Foreground, &s.Background, &s.UnderlineColor} {
		if has&(hasForeground<<i) != 0 {
			*c = d.color()
		}
	}
	if has&hasAttributes != 0 {
		s.Attributes = Attributes(d.bounded("attributes", allAttributes))
	}
	if has&hasUnderline != 0 {
		s.Underline = Underline(d.byte())
	}
	if has&hasLink != 0 {
		s.Link = d.text(d.bounded("link of", MaxLink))
	}
	if has >= hasLink<<1 || s.Underline >= numUnderlines {
		d.fail("style of unknown parts")
	}
	return s
}

func (d *frameDecoder) color() Color {
	switch kind := Color(d.byte()) << 24; kind {
	case colorIndexed:
		return Indexed(d.byte())
	case colorRGB:
		return RGB(d.byte(), d.byte(), d.byte())
	default:
		d.fail("colour of the kind %d", kind>>24)
		return 0
	}
}
