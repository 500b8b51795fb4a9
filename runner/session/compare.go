package session

import (
	"bytes"
)

// GateDiff compares two screens.
type GateDiff struct {
	Want, Got *Frame
	Cells     []CellDiff // that differ, row by row
	Cursor    bool       // the cursors differ
	Offset    int        // of the first byte that differs, for frames of bytes; else -1
}

// CellDiff is a cell that differs.
type CellDiff struct {
	Column, Row int
	Want, Got   Cell // Blank where that screen has no such cell
}

// Compare compares two frames. It keeps copies.
func Compare(want, got *Frame) *GateDiff {
	d := &GateDiff{Want: want.Clone(), Got: got.Clone(), Cursor: want.cursor != got.cursor, Offset: -1}
	if want.isBytes || got.isBytes {
		d.Offset = firstDifference(want.bytes, got.bytes)
		return d
	}
	size := d.size()
	for row := range size.Rows {
		for column := range size.Columns {
			if d.differs(column, row) {
				d.Cells = append(d.Cells, CellDiff{Column: column, Row: row, Want: want.At(column, row), Got: got.At(column, row)})
			}
		}
	}
	return d
}

// size is that of a screen that both fit in.
func (d *GateDiff) size() Size {
	a, b := d.Want.size, d.Got.size
	return Size{max(a.Columns, b.Columns), max(a.Rows, b.Rows)}
}

// differs reports whether a cell differs. One that only one screen has does.
func (d *GateDiff) differs(column, row int) bool {
	i, ok := d.Want.index(column, row)
	j, also := d.Got.index(column, row)
	return ok != also || ok && d.Want.cells[i] != d.Got.cells[j]
}

// firstDifference is the first index at which two byte strings differ.
func firstDifference(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	if bytes.Equal(a, b) {
		return -1
	}
	return n
}
