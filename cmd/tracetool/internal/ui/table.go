package ui

import (
	"fmt"
	"io"
	"strings"
)

// columnGap parts two columns of a table.
const columnGap = "  "

// Column is one column of a [Table].
type Column struct {
	Name  string // upper case
	Right bool   // aligned right, as numbers are
}

// Left is a column of text.
func Left(name string) Column { return Column{Name: name} }

// Right is a column of numbers.
func Right(name string) Column { return Column{Name: name, Right: true} }

// Table is rows under a header. Its width is that of its widest cells; it holds
// all rows until [Table.Write], so it is for summaries, not for events.
type Table struct {
	columns []Column
	widths  []int
	rows    [][]string
}

// NewTable returns a table with these columns and no rows.
func NewTable(columns ...Column) *Table {
	t := &Table{columns: columns, widths: make([]int, len(columns))}
	for i, c := range columns {
		t.widths[i] = DisplayWidth(c.Name)
	}
	return t
}

// Row adds a row: each cell as fmt.Sprint gives it, escaped. Cells that are
// missing stay empty; one too many panics, as a fault of the caller.
func (t *Table) Row(cells ...any) {
	row := make([]string, len(t.columns))
	for i, c := range cells {
		row[i] = Escape(fmt.Sprint(c))
		t.widths[i] = max(t.widths[i], DisplayWidth(row[i]))
	}
	t.rows = append(t.rows, row)
}

// Len is the number of rows.
func (t *Table) Len() int { return len(t.rows) }

// Write writes header and rows to w, the header bold where w is a [Stream] with
// colour. Lines have no blanks at their end.
func (t *Table) Write(w io.Writer) error {
	var b strings.Builder
	header := make([]string, len(t.columns))
	for i, c := range t.columns {
		header[i] = c.Name
	}
	line := t.line(header)
	if s, ok := w.(*Stream); ok {
		line = s.Paint(Bold, line)
	}
	b.WriteString(line + "\n")
	for _, row := range t.rows {
		b.WriteString(t.line(row) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Table) line(cells []string) string {
	parts := make([]string, len(cells))
	for i, cell := range cells {
		pad := strings.Repeat(" ", t.widths[i]-DisplayWidth(cell))
		if t.columns[i].Right {
			parts[i] = pad + cell
		} else {
			parts[i] = cell + pad
		}
	}
	return strings.TrimRight(strings.Join(parts, columnGap), " ")
}
