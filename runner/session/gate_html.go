package session

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed gate.html
var gateHTML string

var gatePage = template.Must(template.New("gate").Funcs(template.FuncMap{
	"screens": (*GateDiff).screens, "first": firstCells, "hex": hexPart, "text": escape,
}).Parse(gateHTML))

// WriteHTML writes reports as one page that needs nothing else. What comes
// from a session is escaped, and its links are not active.
func WriteHTML(w io.Writer, cases ...GateCase) error { return gatePage.Execute(w, cases) }

// screenHTML is a screen on a page.
type screenHTML struct {
	Title string
	Size  Size
	Rows  [][]span
}

// span is text of one look.
type span struct {
	Text  string
	Style template.CSS
	Class string // what is marked: "differs", "cursor" or both
}

func (d *GateDiff) screens() []screenHTML {
	return []screenHTML{d.screen("expected", d.Want), d.screen("actual", d.Got)}
}

func (d *GateDiff) screen(title string, f *Frame) screenHTML {
	s := screenHTML{Title: title, Size: f.size, Rows: make([][]span, f.size.Rows)}
	for row := range s.Rows {
		for column, c := range f.Row(row) {
			next := span{Text: printable(c.Text), Style: css(c.Style), Class: d.class(f, column, row)}
			s.Rows[row] = appendSpan(s.Rows[row], next)
		}
	}
	return s
}

// appendSpan makes one span of those that look the same.
func appendSpan(list []span, next span) []span {
	if n := len(list); n > 0 && list[n-1].Style == next.Style && list[n-1].Class == next.Class {
		list[n-1].Text += next.Text
		return list
	}
	return append(list, next)
}

func (d *GateDiff) class(f *Frame, column, row int) string {
	var class []string
	if d.differs(column, row) {
		class = append(class, "differs")
	}
	if f.cursor.Visible && f.cursor.Column == column && f.cursor.Row == row {
		class = append(class, "cursor")
	}
	return strings.Join(class, " ")
}

// firstCells bounds the list of cells: the screens mark all of them.
func firstCells(list []CellDiff) []CellDiff { return list[:min(200, len(list))] }

// hexPart shows some of a frame's bytes from the first that differs on.
func hexPart(f *Frame, offset int) string {
	b := f.bytes[min(offset, len(f.bytes)):]
	return fmt.Sprintf("% x", b[:min(64, len(b))])
}

// Colours of a page for the terminal's default ones.
const defaultForeground, defaultBackground = "#d8d8d8", "#1a1a1a"

// css is a style as a page has it. All of it is made here: nothing in it is
// the session's own text.
func css(s Style) template.CSS {
	foreground, background := cssColor(s.Foreground, defaultForeground), cssColor(s.Background, defaultBackground)
	if s.Attributes&Reverse != 0 {
		foreground, background = background, foreground
	}
	if s.Attributes&Hidden != 0 {
		foreground = background
	}
	var b strings.Builder
	if foreground != defaultForeground {
		b.WriteString("color:" + foreground + ";")
	}
	if background != defaultBackground {
		b.WriteString("background:" + background + ";")
	}
	for _, a := range cssAttributes {
		if s.Attributes&a.attribute != 0 {
			b.WriteString(a.css)
		}
	}
	b.WriteString(cssLines(&s))
	return template.CSS(b.String())
}

var cssAttributes = []struct {
	attribute Attributes
	css       string
}{
	{Bold, "font-weight:bold;"}, {Faint, "opacity:.6;"}, {Italic, "font-style:italic;"},
}

var cssUnderlines = [numUnderlines]string{"", "solid", "double", "wavy", "dotted", "dashed"}

// cssLines is the lines over, through and under text. CSS has one style for
// all of them.
func cssLines(s *Style) string {
	var lines []string
	if s.Underline != NoUnderline && s.Underline < numUnderlines {
		lines = append(lines, "underline", cssUnderlines[s.Underline])
	}
	if s.Attributes&Strikethrough != 0 {
		lines = append(lines, "line-through")
	}
	if s.Attributes&Overline != 0 {
		lines = append(lines, "overline")
	}
	if len(lines) == 0 {
		return ""
	}
	if s.UnderlineColor != 0 {
		lines = append(lines, cssColor(s.UnderlineColor, ""))
	}
	return "text-decoration:" + strings.Join(lines, " ") + ";"
}

// basicColors are the first 16 of the palette, as xterm has them.
var basicColors = [16]string{
	"#000000", "#cd0000", "#00cd00", "#cdcd00", "#0000ee", "#cd00cd", "#00cdcd", "#e5e5e5",
	"#7f7f7f", "#ff0000", "#00ff00", "#ffff00", "#5c5cff", "#ff00ff", "#00ffff", "#ffffff",
}

// cssColor is a colour of a page: of xterm's palette a cube of 6x6x6 from 16
// on, then 24 greys.
func cssColor(c Color, fallback string) string {
	i, ok := c.Index()
	if !ok {
		if _, _, _, ok := c.RGB(); ok {
			return c.String()
		}
		return fallback
	}
	switch {
	case i < 16:
		return basicColors[i]
	case i < 232:
		level := func(n uint8) uint8 {
			if n == 0 {
				return 0
			}
			return 55 + 40*n
		}
		return RGB(level((i-16)/36), level((i-16)/6%6), level((i-16)%6)).String()
	}
	grey := 8 + 10*(i-232)
	return RGB(grey, grey, grey).String()
}
