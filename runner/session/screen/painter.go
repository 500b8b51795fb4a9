package screen

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tracetool/tracetool/runner/session"
)

// Painter shows frames on a terminal: it makes the text that turns one frame
// into the next. Its zero value begins with a terminal of unknown content.
type Painter struct {
	shown *session.Frame // nil: unknown
	style session.Style  // that the terminal is in
	x, y  int            // where the terminal's cursor is; -1: unknown
}

// Paint appends what makes the terminal, which is large enough, show the frame.
func (p *Painter) Paint(dst []byte, f *session.Frame) []byte {
	if p.shown == nil || p.shown.Size() != f.Size() {
		dst = append(dst, "\x1b[m\x1b[H\x1b[2J"...)
		p.shown, p.style = session.NewFrame(f.Size()), session.Style{}
	}
	dst = append(dst, "\x1b[?25l"...)
	p.x, p.y = -1, -1
	size := f.Size()
	for y := range size.Rows {
		dst = p.row(dst, f.Row(y), p.shown.Row(y), y)
	}
	p.shown = f.Clone()
	if p.style != (session.Style{}) {
		dst, p.style = append(dst, restyle(p.style, session.Style{})...), session.Style{}
	}
	return p.cursor(dst, f.Cursor())
}

// row paints the cells that changed. A wide character is painted whole.
func (p *Painter) row(dst []byte, cells, old []session.Cell, y int) []byte {
	for x := 0; x < len(cells); {
		end := x + 1
		for end < len(cells) && cells[end].Text == "" {
			end++
		}
		changed := false
		for i := x; i < end; i++ {
			changed = changed || cells[i] != old[i]
		}
		if changed && cells[x].Text != "" {
			dst = p.cell(dst, cells[x], x, y, end-x)
		}
		x = end
	}
	return dst
}

func (p *Painter) cell(dst []byte, c session.Cell, x, y, width int) []byte {
	// What a terminal makes of a cluster is its own, and a mark would join what
	// is before it: the place of one is named, and the place after it.
	if p.x != x || p.y != y || len(c.Text) > 1 {
		dst = fmt.Appendf(dst, "\x1b[%d;%dH", y+1, x+1)
	}
	if c.Style != p.style {
		dst, p.style = append(dst, restyle(p.style, c.Style)...), c.Style
	}
	if width == 2 && utf8.RuneCountInString(c.Text) > 1 {
		// Where it takes one column, what was in the other one must go.
		dst = fmt.Appendf(dst, "  \x1b[%d;%dH", y+1, x+1)
	}
	dst = append(dst, visible(c.Text)...)
	if p.x, p.y = x+width, y; len(c.Text) > 1 {
		p.x = -1
	}
	return dst
}

// visible is the text of a cell with nothing in it that a terminal obeys.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= del && r < 0xa0 {
			return '\ufffd'
		}
		return r
	}, s)
}

func (p *Painter) cursor(dst []byte, c session.Cursor) []byte {
	if !c.Visible {
		return dst
	}
	shape := 2*int(c.Shape) + 2
	if c.Blinking {
		shape--
	}
	return fmt.Appendf(dst, "\x1b[%d;%dH\x1b[%d q\x1b[?25h", c.Row+1, c.Column+1, shape)
}

// restyle is the sequence from one style to another.
func restyle(from, to session.Style) string {
	var s string
	if from.Link != to.Link {
		s = "\x1b]8;;" + visible(to.Link) + "\x1b\\"
	}
	from.Link, to.Link = "", ""
	if from == to {
		return s
	}
	codes := []string{"0"}
	for i, code := range attributeCodes {
		if to.Attributes&(1<<i) != 0 {
			codes = append(codes, code)
		}
	}
	if to.Underline != session.NoUnderline {
		codes = append(codes, fmt.Sprintf("4:%d", to.Underline))
	}
	codes = append(codes, colorCodes(to.Foreground, 30)...)
	codes = append(codes, colorCodes(to.Background, 40)...)
	codes = append(codes, colorCodes(to.UnderlineColor, 50)...)
	return s + "\x1b[" + strings.Join(codes, ";") + "m"
}

// attributeCodes are the numbers of SGR in the order of session.Attributes.
var attributeCodes = []string{"1", "2", "3", "5", "6", "7", "8", "9", "53"}

// colorCodes are the numbers of a color, of the ten that begin with base.
func colorCodes(c session.Color, base int) []string {
	if i, ok := c.Index(); ok {
		if i < 8 && base < 50 {
			return []string{fmt.Sprint(base + int(i))}
		}
		return []string{fmt.Sprintf("%d;5;%d", base+8, i)}
	}
	if r, g, b, ok := c.RGB(); ok {
		return []string{fmt.Sprintf("%d;2;%d;%d;%d", base+8, r, g, b)}
	}
	return nil
}
