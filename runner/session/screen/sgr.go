package screen

// sgr sets the style of what is drawn from now on.
func (t *Terminal) sgr(s *sequence) {
	style := &t.cursor.style
	if len(s.params) == 0 {
		*style = Style{}
	}
	for i := 0; i < len(s.params); {
		n := 1
		for i+n < len(s.params) && s.params[i+n].sub {
			n++
		}
		i += style.apply(s.params[i:], n)
	}
}

// apply obeys the first parameter, which has n-1 parts after colons, and returns
// how many parameters it took.
func (s *Style) apply(p []param, n int) (used int) {
	code := max(p[0].value, 0)
	switch {
	case code == 4 && n > 1:
		s.Underline = underlineOf(p[1].value)
	case code == 38 || code == 48 || code == 58:
		return s.color(code, p, n)
	case code >= 30 && code < 38:
		s.Fg = Indexed(uint8(code - 30))
	case code >= 40 && code < 48:
		s.Bg = Indexed(uint8(code - 40))
	case code >= 90 && code < 98:
		s.Fg = Indexed(uint8(code - 90 + 8))
	case code >= 100 && code < 108:
		s.Bg = Indexed(uint8(code - 100 + 8))
	default:
		if do := attributes[code]; do != nil {
			do(s)
		}
	}
	return n
}

// attributes are the codes without parts.
var attributes = map[int]func(*Style){
	0:  func(s *Style) { *s = Style{} },
	1:  func(s *Style) { s.Attrs |= Bold },
	2:  func(s *Style) { s.Attrs |= Faint },
	3:  func(s *Style) { s.Attrs |= Italic },
	4:  func(s *Style) { s.Underline = SingleUnderline },
	5:  func(s *Style) { s.Attrs |= Blink },
	7:  func(s *Style) { s.Attrs |= Reverse },
	8:  func(s *Style) { s.Attrs |= Hidden },
	9:  func(s *Style) { s.Attrs |= Strike },
	21: func(s *Style) { s.Underline = DoubleUnderline },
	22: func(s *Style) { s.Attrs &^= Bold | Faint },
	23: func(s *Style) { s.Attrs &^= Italic },
	24: func(s *Style) { s.Underline = NoUnderline },
	25: func(s *Style) { s.Attrs &^= Blink },
	27: func(s *Style) { s.Attrs &^= Reverse },
	28: func(s *Style) { s.Attrs &^= Hidden },
	29: func(s *Style) { s.Attrs &^= Strike },
	39: func(s *Style) { s.Fg = 0 },
	49: func(s *Style) { s.Bg = 0 },
	53: func(s *Style) { s.Attrs |= Overline },
	55: func(s *Style) { s.Attrs &^= Overline },
	59: func(s *Style) { s.UnderlineColor = 0 },
}

func underlineOf(kind int) Underline {
	if kind < 0 || kind > int(DashedUnderline) {
		return SingleUnderline
	}
	return Underline(kind)
}

// color obeys 38, 48 and 58. After colons, a color of 24 bits may have the
// number of a color space before its parts.
func (s *Style) color(code int, p []param, n int) (used int) {
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
		s.Fg = c
	case code == 48:
		s.Bg = c
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

func colorOf(parts []param) (c Color, ok bool) {
	part := func(i int) uint8 {
		if i >= len(parts) {
			return 0
		}
		return uint8(max(parts[i].value, 0))
	}
	switch part(0) {
	case 5:
		return Indexed(part(1)), true
	case 2:
		return RGB(part(1), part(2), part(3)), true
	}
	return 0, false
}
