package screen

import "github.com/tracetool/tracetool/runner/session"

// sgr sets the style of what is drawn from now on.
func (t *Terminal) sgr(s *sequence) {
	style := &t.cursor.style
	if len(s.params) == 0 {
		clearStyle(style)
	}
	for i := 0; i < len(s.params); {
		n := 1
		for i+n < len(s.params) && s.params[i+n].sub {
			n++
		}
		i += applySGR(style, s.params[i:], n)
	}
}

// clearStyle keeps the link, which has a sequence of its own.
func clearStyle(s *session.Style) { *s = session.Style{Link: s.Link} }

// applySGR obeys the first parameter, which has n-1 parts after colons, and returns
// how many parameters it took.
func applySGR(s *session.Style, p []param, n int) (used int) {
	code := max(p[0].value, 0)
	switch {
	case code == 4 && n > 1:
		s.Underline = underlineOf(p[1].value)
	case code == 38 || code == 48 || code == 58:
		return setColor(s, code, p, n)
	case code >= 30 && code < 38:
		s.Foreground = session.Indexed(uint8(code - 30))
	case code >= 40 && code < 48:
		s.Background = session.Indexed(uint8(code - 40))
	case code >= 90 && code < 98:
		s.Foreground = session.Indexed(uint8(code - 90 + 8))
	case code >= 100 && code < 108:
		s.Background = session.Indexed(uint8(code - 100 + 8))
	default:
		if do := attributes[code]; do != nil {
			do(s)
		}
	}
	return n
}

// attributes are the codes without parts.
var attributes = map[int]func(*session.Style){
	0:  clearStyle,
	1:  func(s *session.Style) { s.Attributes |= session.Bold },
	2:  func(s *session.Style) { s.Attributes |= session.Faint },
	3:  func(s *session.Style) { s.Attributes |= session.Italic },
	4:  func(s *session.Style) { s.Underline = session.SingleUnderline },
	5:  func(s *session.Style) { s.Attributes |= session.Blink },
	6:  func(s *session.Style) { s.Attributes |= session.RapidBlink },
	7:  func(s *session.Style) { s.Attributes |= session.Reverse },
	8:  func(s *session.Style) { s.Attributes |= session.Hidden },
	9:  func(s *session.Style) { s.Attributes |= session.Strikethrough },
	21: func(s *session.Style) { s.Underline = session.DoubleUnderline },
	22: func(s *session.Style) { s.Attributes &^= session.Bold | session.Faint },
	23: func(s *session.Style) { s.Attributes &^= session.Italic },
	24: func(s *session.Style) { s.Underline = session.NoUnderline },
	25: func(s *session.Style) { s.Attributes &^= session.Blink | session.RapidBlink },
	27: func(s *session.Style) { s.Attributes &^= session.Reverse },
	28: func(s *session.Style) { s.Attributes &^= session.Hidden },
	29: func(s *session.Style) { s.Attributes &^= session.Strikethrough },
	39: func(s *session.Style) { s.Foreground = 0 },
	49: func(s *session.Style) { s.Background = 0 },
	53: func(s *session.Style) { s.Attributes |= session.Overline },
	55: func(s *session.Style) { s.Attributes &^= session.Overline },
	59: func(s *session.Style) { s.UnderlineColor = 0 },
}

func underlineOf(kind int) session.Underline {
	if kind < 0 || kind > int(session.DashedUnderline) {
		return session.SingleUnderline
	}
	return session.Underline(kind)
}

// setColor obeys 38, 48 and 58. After colons, a color of 24 bits may have the
// number of a color space before its parts.
func setColor(s *session.Style, code int, p []param, n int) (used int) {
	parts, used := p[1:n], n
	if n == 1 {
		parts, used = legacyColor(p)
	} else if len(parts) > 4 {
		parts = append([]param{parts[0]}, parts[2:]...)
	}
	c, ok := colorOf(parts)
	switch {
	case !ok:
	case code == 38:
		s.Foreground = c
	case code == 48:
		s.Background = c
	case code == 58:
		s.UnderlineColor = c
	}
	return used
}

// legacyColor takes the parts of a color that are parameters of their own.
func legacyColor(p []param) (parts []param, used int) {
	parts = p[1:]
	switch {
	case len(parts) == 0:
		return nil, len(p)
	case parts[0].value == 5:
		parts = parts[:min(len(parts), 2)]
	case parts[0].value == 2:
		parts = parts[:min(len(parts), 4)]
	default:
		parts = parts[:1]
	}
	return parts, 1 + len(parts)
}

func colorOf(parts []param) (c session.Color, ok bool) {
	part := func(i int) uint8 {
		if i >= len(parts) {
			return 0
		}
		return uint8(max(parts[i].value, 0))
	}
	switch part(0) {
	case 5:
		return session.Indexed(part(1)), true
	case 2:
		return session.RGB(part(1), part(2), part(3)), true
	}
	return 0, false
}
