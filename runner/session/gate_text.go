package session

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// GateCase is one gate of several that are shown together.
type GateCase struct {
	Name   string      `json:"name"`             // of its trace
	Report *GateReport `json:"report,omitempty"` // nil where there is an error
	Error  string      `json:"error,omitempty"`  // why the gate could not be made
}

// TextOptions say how reports are written for people.
type TextOptions struct {
	Color bool // mark cells that differ in colour too
}

// WriteText writes reports as text. What comes from a session is escaped.
func WriteText(w io.Writer, o TextOptions, cases ...GateCase) error {
	p := page{options: o}
	for i := range cases {
		p.gate(&cases[i])
	}
	_, err := w.Write(p.Bytes())
	return err
}

// page is text that is being written.
type page struct {
	bytes.Buffer
	options TextOptions
}

func (p *page) linef(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *page) gate(c *GateCase) {
	name := escape(c.Name)
	switch r := c.Report; {
	case r == nil:
		p.linef("%s: error: %s", name, escape(c.Error))
	case r.Passed:
		p.linef("%s: passed, %s as recorded, chain %s", name, countFrames(r.Checked), r.Chain)
	default:
		p.linef("%s: differs at frame %d of %d", name, r.Difference.Frame, r.Frames)
		p.difference(r.Difference)
	}
}

func countFrames(n int64) string {
	if n == 1 {
		return "1 frame"
	}
	return fmt.Sprintf("%d frames", n)
}

func (p *page) difference(d *GateDifference) {
	p.linef("%s, %s after the start", d.What, d.TimeNS)
	if d.Error != "" {
		p.linef("  error     %s", escape(d.Error))
	}
	if d.WantChecksum != d.GotChecksum {
		p.linef("  checksum  %s, want %s", d.GotChecksum, d.WantChecksum)
	}
	if d.WantChain != "" && d.GotChain != "" {
		p.linef("  chain     %s, want %s", d.GotChain, d.WantChain)
	}
	p.linef("given since the frame before:")
	for _, in := range d.Inputs {
		p.linef("  %d  %s  %s", in.Record, in.TimeNS, escape(in.What))
	}
	if len(d.Inputs) == 0 {
		p.linef("  nothing")
	}
	if d.Diff != nil {
		p.linef("")
		p.diff(d.Diff)
	}
}

// WriteText writes both screens with the cells that differ marked, then what
// differs in words.
func (d *GateDiff) WriteText(w io.Writer, o TextOptions) error {
	p := page{options: o}
	p.diff(d)
	_, err := w.Write(p.Bytes())
	return err
}

func (p *page) diff(d *GateDiff) {
	if d.Offset >= 0 {
		p.bytesDiff(d)
		return
	}
	p.screen("expected", d, d.Want)
	p.screen("actual", d, d.Got)
	if d.Cursor {
		p.linef("cursor %s, want %s", d.Got.cursor, d.Want.cursor)
	}
	const most = 20
	for i, c := range d.Cells {
		if i == most {
			p.linef("and %d more cells", len(d.Cells)-most)
			break
		}
		p.linef("column %d, row %d: %s, want %s", c.Column, c.Row, c.Got, c.Want)
	}
}

func (p *page) screen(title string, d *GateDiff, f *Frame) {
	edge := "    +" + strings.Repeat("-", f.size.Columns) + "+"
	p.linef("%s, %s, cursor %s", title, f.size, f.cursor)
	p.linef("%s", edge)
	for row := range f.size.Rows {
		marks, any := p.row(d, f, row)
		if any {
			p.linef("    |%s|", marks)
		}
	}
	p.linef("%s", edge)
}

// row writes a row of a screen and returns a line of marks under the cells that
// differ.
func (p *page) row(d *GateDiff, f *Frame, row int) (marks []byte, any bool) {
	marks = bytes.Repeat([]byte{' '}, f.size.Columns)
	fmt.Fprintf(p, "%4d|", row)
	painted := false
	for column, c := range f.Row(row) {
		differs := d.differs(column, row)
		if differs {
			marks[column], any = '^', true
		}
		p.paint(&painted, differs)
		p.WriteString(printable(c.Text))
	}
	p.paint(&painted, false)
	p.WriteString("|\n")
	return marks, any
}

// paint begins or ends the colour of cells that differ.
func (p *page) paint(painted *bool, on bool) {
	if !p.options.Color || *painted == on {
		return
	}
	*painted = on
	if on {
		p.WriteString("\x1b[30;43m")
	} else {
		p.WriteString("\x1b[0m")
	}
}

// bytesDiff shows some of the bytes from the first that differs on.
func (p *page) bytesDiff(d *GateDiff) {
	part := func(b []byte) string {
		b = b[min(d.Offset, len(b)):]
		return fmt.Sprintf("% x", b[:min(16, len(b))])
	}
	p.linef("frames of bytes, %d and expected %d, differ at byte %d:", len(d.Got.bytes), len(d.Want.bytes), d.Offset)
	p.linef("  expected  %s", part(d.Want.bytes))
	p.linef("  actual    %s", part(d.Got.bytes))
}

// MarshalJSON gives both screens as lines of text and the cells that differ.
func (d *GateDiff) MarshalJSON() ([]byte, error) {
	type cell struct {
		Column int    `json:"column"`
		Row    int    `json:"row"`
		Want   string `json:"want"`
		Got    string `json:"got"`
	}
	var out struct {
		Want       []string `json:"want"`
		Got        []string `json:"got"`
		Cells      []cell   `json:"cells"`
		WantCursor string   `json:"want_cursor,omitempty"`
		GotCursor  string   `json:"got_cursor,omitempty"`
		Offset     *int     `json:"offset,omitempty"` // of the first byte that differs, for frames of bytes
	}
	out.Want, out.Got, out.Cells = d.Want.Lines(), d.Got.Lines(), []cell{}
	for _, c := range d.Cells {
		out.Cells = append(out.Cells, cell{c.Column, c.Row, c.Want.String(), c.Got.String()})
	}
	if d.Cursor {
		out.WantCursor, out.GotCursor = d.Want.cursor.String(), d.Got.cursor.String()
	}
	if d.Offset >= 0 {
		out.Offset = &d.Offset
	}
	return json.Marshal(out)
}

// Lines returns the text of the screen's rows, without control characters and
// blanks at their ends.
func (f *Frame) Lines() []string {
	lines := make([]string, f.size.Rows)
	for row := range lines {
		var b strings.Builder
		for _, c := range f.Row(row) {
			b.WriteString(printable(c.Text))
		}
		lines[row] = strings.TrimRight(b.String(), " ")
	}
	return lines
}
