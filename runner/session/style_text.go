package session

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// printable is the text of a cell without what would move a terminal's cursor
// or change its state: such text is shown as U+FFFD. The joiner in emoji stays.
func printable(text string) string {
	for _, r := range text {
		if r != '\u200d' && (r == utf8.RuneError || !strconv.IsPrint(r)) {
			return string(utf8.RuneError)
		}
	}
	return text
}

// escape makes text of the session one line, as in a Go string.
func escape(s string) string {
	q := strconv.Quote(s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}

var attributeNames = [...]string{"bold", "faint", "italic", "blink", "rapid-blink", "reverse", "hidden", "strikethrough", "overline"}

var underlineNames = [numUnderlines]string{"", "underline", "double-underline", "curly-underline", "dotted-underline", "dashed-underline"}

var cursorShapeNames = [numCursorShapes]string{"block", "underline", "bar"}

// String is the style in words, "1 on #ff0000 bold", empty for the default.
func (s Style) String() string {
	var words []string
	if s.Foreground != 0 {
		words = append(words, s.Foreground.String())
	}
	if s.Background != 0 {
		words = append(words, "on", s.Background.String())
	}
	for i, name := range attributeNames {
		if s.Attributes&(1<<i) != 0 {
			words = append(words, name)
		}
	}
	if s.Underline != NoUnderline {
		words = append(words, nameOf(underlineNames[:], int(s.Underline)))
	}
	if s.UnderlineColor != 0 {
		words = append(words, "underlined-in", s.UnderlineColor.String())
	}
	if s.Link != "" {
		words = append(words, "link", strconv.Quote(s.Link))
	}
	return strings.Join(words, " ")
}

// String is "default", the number of a colour of the palette, or "#rrggbb".
func (c Color) String() string {
	if i, ok := c.Index(); ok {
		return strconv.Itoa(int(i))
	}
	if r, g, b, ok := c.RGB(); ok {
		return fmt.Sprintf("#%02x%02x%02x", r, g, b)
	}
	return "default"
}

// String is the cell's text in quotes and its style.
func (c Cell) String() string {
	s := strconv.Quote(c.Text)
	if style := c.Style.String(); style != "" {
		s += " " + style
	}
	return s
}

// String says where the cursor is and how it looks.
func (c Cursor) String() string {
	if !c.Visible {
		return "hidden"
	}
	s := fmt.Sprintf("%s at column %d, row %d", nameOf(cursorShapeNames[:], int(c.Shape)), c.Column, c.Row)
	if c.Blinking {
		s += ", blinking"
	}
	return s
}
