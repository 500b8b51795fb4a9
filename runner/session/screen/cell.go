package screen

import "github.com/tracetool/tracetool/runner/session"

// maxCluster bounds the text of a cell, in bytes. What is longer loses the marks
// at its end.
const maxCluster = 64

// blank is a cell where nothing was written.
func blank(s session.Style) session.Cell { return session.Cell{Text: " ", Style: s} }

// row is one line of the screen. The right half of a wide character is a cell
// without text.
type row []session.Cell

func newRow(cols int, s session.Style) row {
	r := make(row, cols)
	r.fill(0, cols, s)
	return r
}

// split makes the halves of a wide character that lies across x-1 and x blank.
func (r row) split(x int, s session.Style) {
	if x > 0 && x < len(r) && r[x].Text == "" {
		r.fill(x-1, x+1, s)
	}
}

// erase makes the cells from x to end blank.
func (r row) erase(x, end int, s session.Style) {
	x, end = max(x, 0), min(end, len(r))
	if x >= end {
		return
	}
	r.split(x, s)
	r.split(end, s)
	r.fill(x, end, s)
}

func (r row) fill(x, end int, s session.Style) {
	for i := x; i < end; i++ {
		r[i] = blank(s)
	}
}

// insert moves the cells from x on to the right by n.
func (r row) insert(x, n int, s session.Style) {
	if n = min(n, len(r)-x); n <= 0 {
		return
	}
	r.split(x, s)
	r.split(len(r)-n, s)
	copy(r[x+n:], r[x:])
	r.fill(x, x+n, s)
}

// remove moves the cells right of x+n to the left by n.
func (r row) remove(x, n int, s session.Style) {
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
		r.split(cols, session.Style{})
		return r[:cols:cols]
	}
	out := newRow(cols, session.Style{})
	copy(out, r)
	return out
}
