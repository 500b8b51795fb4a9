package session

import (
	"strings"
	"testing"
)

// drawing is a model that draws one cell and a cursor.
type drawing struct {
	board
	cell   Cell
	cursor Cursor
}

func (d *drawing) Draw(f *Frame) error {
	f.Set(1, 1, d.cell)
	f.SetCursor(d.cursor)
	return nil
}

// TestFramesThatCannotBeKept: what a model draws wrongly is its error at that
// step, not that of whoever saves or loads the session.
func TestFramesThatCannotBeKept(t *testing.T) {
	for name, d := range map[string]*drawing{
		"text":       {cell: Cell{Text: strings.Repeat("x", MaxText+1)}},
		"link":       {cell: Cell{Style: Style{Link: strings.Repeat("x", MaxLink+1)}}},
		"color":      {cell: Cell{Style: Style{Foreground: 7}}},
		"palette":    {cell: Cell{Style: Style{Background: Indexed(0) + 256}}},
		"attributes": {cell: Cell{Style: Style{Attributes: allAttributes + 1}}},
		"underline":  {cell: Cell{Style: Style{Underline: numUnderlines}}},
		"shape":      {cursor: Cursor{Visible: true, Shape: numCursorShapes}},
		"column":     {cursor: Cursor{Visible: true, Column: 1 << 40}},
	} {
		r := NewRecorder(d, Size{4, 2}, 0, Options{Cells: true})
		must(t, r.Init())
		if _, err := r.Step(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	r := NewRecorder(&drawing{cell: Cell{
		Text:  strings.Repeat("x", MaxText),
		Style: Style{Link: strings.Repeat("x", MaxLink), Foreground: RGB(0, 0, 0), Attributes: allAttributes, Underline: numUnderlines - 1},
	}}, Size{4, 2}, 0, Options{Cells: true})
	must(t, r.Init())
	_, err := r.Step()
	must(t, err)
	trace, err := r.Finish()
	must(t, err)
	checkBothEncodings(t, trace)
}
