package ui

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Escape makes untrusted text one line that is safe to show: control
// characters, ESC and the C1 set, bidirectional and line separators and bytes
// that are not UTF-8 become \n, \t, \x1b, \u202e, \xff. A backslash becomes \\
// only where something else was escaped, so that the result stays unambiguous
// and Windows paths stay readable.
func Escape(s string) string { return escape(s, "") }

// EscapeText is [Escape] for text of several lines: it keeps \n and \t.
func EscapeText(s string) string { return escape(s, "\n\t") }

func escape(s, keep string) string {
	first := strings.IndexFunc(s, func(r rune) bool { return mustEscape(r, keep) })
	if first < 0 && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		writeEscaped(&b, r, s[i:i+n], keep)
		i += n
	}
	return b.String()
}

func writeEscaped(b *strings.Builder, r rune, raw, keep string) {
	switch {
	case r == utf8.RuneError && len(raw) == 1:
		fmt.Fprintf(b, `\x%02x`, raw[0])
	case r == '\\':
		b.WriteString(`\\`)
	case !mustEscape(r, keep):
		b.WriteString(raw)
	case strings.ContainsRune("\n\t\r", r):
		b.WriteByte('\\')
		b.WriteByte("ntr"[strings.IndexRune("\n\t\r", r)])
	case r < 0x80:
		fmt.Fprintf(b, `\x%02x`, r)
	case r <= 0xffff:
		fmt.Fprintf(b, `\u%04x`, r)
	default:
		fmt.Fprintf(b, `\U%08x`, r)
	}
}

func mustEscape(r rune, keep string) bool {
	if r >= ' ' && r < 0x7f || strings.ContainsRune(keep, r) {
		return false
	}
	return unicode.IsControl(r) || isInvisible(r)
}

// isInvisible holds for the characters that reorder, hide or break a line
// without showing themselves: the bidirectional controls, the line and
// paragraph separators, the byte order mark with the two non-characters that
// YAML forbids, and the tag characters.
func isInvisible(r rune) bool {
	switch {
	case r == 0x061c, r == 0x200e, r == 0x200f, r == 0xfeff, r == 0xfffe, r == 0xffff:
	case r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
	case r >= 0xe0000 && r <= 0xe007f:
	default:
		return false
	}
	return true
}
