package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"unicode"
	"unicode/utf8"
)

// generate prints cases that mix text, controls and sequences at random. The same
// seed makes the same cases.
func generate(out io.Writer, seed uint64, count int) error {
	e := json.NewEncoder(out)
	for i := range count {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		c := testCase{Name: fmt.Sprintf("%d/%d", seed, i), Cols: 2 + r.IntN(40), Rows: 2 + r.IntN(12)}
		for range 1 + r.IntN(3) {
			c.Steps = append(c.Steps, step{Write: []byte(piece(r, c.Cols, c.Rows))})
		}
		if err := e.Encode(c); err != nil {
			return err
		}
	}
	return nil
}

// bom is dropped by xterm.js wherever it stands.
const bom = 0xfeff

// newer are the wide characters of Unicode 14 and 15, which are not in the table of
// xterm.js.
var newer = &unicode.RangeTable{R32: []unicode.Range32{
	{0x1aff0, 0x1affe, 1}, {0x1b11f, 0x1b122, 1}, {0x1b132, 0x1b132, 1}, {0x1b155, 0x1b155, 1},
	{0x1f6dc, 0x1f6df, 1}, {0x1f7f0, 0x1f7f0, 1}, {0x1f979, 0x1f979, 1}, {0x1f9cc, 0x1f9cc, 1},
	{0x1fa75, 0x1fa7c, 1}, {0x1fa87, 0x1fa88, 1}, {0x1faa9, 0x1faaf, 1}, {0x1fab7, 0x1fac5, 1},
	{0x1face, 0x1facf, 1}, {0x1fad7, 0x1faf8, 1},
}}

// characters prints cases with every character alone, each at a place of its own.
func characters(out io.Writer) error {
	const cols, rows, apart = 80, 24, 4
	e := json.NewEncoder(out)
	for first := rune(0xa0); first < 0xe0200; first += cols / apart * rows {
		var b strings.Builder
		for i := range rune(cols / apart * rows) {
			r := first + i
			if utf8.ValidRune(r) && r != bom && !unicode.Is(newer, r) && (r < 0x32000 || r >= 0xe0000) {
				fmt.Fprintf(&b, "\x1b[%d;%dH%c", i/(cols/apart)+1, i%(cols/apart)*apart+1, r)
			}
		}
		if b.Len() == 0 {
			continue
		}
		c := testCase{Name: fmt.Sprintf("U+%04X", first), Cols: cols, Rows: rows, Steps: []step{{Write: []byte(b.String())}}}
		if err := e.Encode(c); err != nil {
			return err
		}
	}
	return nil
}

func piece(r *rand.Rand, cols, rows int) string {
	var b strings.Builder
	for range 1 + r.IntN(1+r.IntN(60)) {
		b.WriteString(kinds[r.IntN(len(kinds))](r, cols, rows))
	}
	return b.String()
}

// kinds make one thing that a program may write. Left out is where xterm.js is
// not what it copies: columns that are shifted inside of a wide character or
// before a line wraps, all that ESC 8 brings back but place and color, joiners after a character that does not fit, the control U+008D, and colors
// after colons that name no color space.
var kinds = []func(r *rand.Rand, cols, rows int) string{
	words, words, words, clusters, clusters, controls, move, move, edit, edit, style, style, mode, charset,
}

// plain comes before what saves and restores the cursor.
const plain = "\x1b[?6l\x1b[m\x1b(B"

func pick(r *rand.Rand, of ...string) string { return of[r.IntN(len(of))] }

func words(r *rand.Rand, _, _ int) string {
	return pick(r, "hello", "a", "the quick brown fox", "x y z", "~~~~", "0123456789", "é", "ß", "Привет", "ελλάς")
}

func clusters(r *rand.Rand, _, _ int) string {
	return pick(r, "漢字", "かな", "한글", "ｱ", "Ａ", "e\u0301", "n\u0303o", "❤\ufe0f", "❤", "👍", "👍🏽", "👩\u200d👩\u200d👧", "🇩🇪", "🇫🇷🇯🇵",
		"각", "\u1112\u1161\u11ab", "नि", "ก็", "☎\ufe0f", "1\ufe0f\u20e3", "🏳\ufe0f\u200d🌈", "…", "─│┌", "①", "\u200b")
}

func controls(r *rand.Rand, _, _ int) string {
	return pick(r, "\r", "\n", "\r\n", "\b", "\t", "\v", "\f", "\x7f", "\x00", "\x07")
}

func move(r *rand.Rand, cols, rows int) string {
	n := r.IntN(6)
	switch r.IntN(6) {
	case 0:
		return fmt.Sprintf("\x1b[%d;%dH", r.IntN(rows+2), r.IntN(cols+2))
	case 1:
		return fmt.Sprintf("\x1b[%d%s", r.IntN(cols+2), pick(r, "G", "`"))
	case 2:
		return fmt.Sprintf("\x1b[%dd", r.IntN(rows+2))
	case 3:
		return pick(r, plain+"\x1b7", plain+"\x1b8", "\x1bD", "\x1bE", "\x1bM", "\x1b[1;6H\x1bH\r\t*\x1b[1;6H\x1b[g", plain+"\x1b[s", plain+"\x1b[u", "\u0084", "\u0085")
	case 4:
		return fmt.Sprintf("\x1b[%dH", r.IntN(rows+2))
	}
	return fmt.Sprintf("\x1b[%d%s", n, pick(r, "A", "B", "C", "D", "E", "F", "I", "Z", "a", "e"))
}

func edit(r *rand.Rand, cols, rows int) string {
	n := r.IntN(5)
	switch r.IntN(5) {
	case 0:
		return fmt.Sprintf("\x1b[%d%s", r.IntN(4), pick(r, "J", "K"))
	case 1:
		top := 1 + r.IntN(rows)
		return fmt.Sprintf("\x1b[%d;%dr", top, r.IntN(rows+2))
	case 2:
		return pick(r, "\x1b[r", "\x1b[2J", "\x1b[m\x1b#8", "\x1b[!p", "\x1b[0b", "\x1b[3b")
	}
	if r.IntN(5) == 0 {
		return fmt.Sprintf("\r\x1b[%d%s", n, pick(r, "'}", "'~"))
	}
	return fmt.Sprintf("\x1b[%d%s", n, pick(r, "@", "L", "M", "P", "S", "X", " @", " A", "b"))
}

func style(r *rand.Rand, _, _ int) string {
	switch r.IntN(4) {
	case 0:
		return fmt.Sprintf("\x1b[%d;5;%dm", 38+10*r.IntN(2), r.IntN(256))
	case 1:
		return fmt.Sprintf("\x1b[%d;2;%d;%d;%dm", 38+10*r.IntN(2), r.IntN(256), r.IntN(256), r.IntN(256))
	case 2:
		return pick(r, "\x1b[m", "\x1b[0m", "\x1b[4:3m", "\x1b[4:0m", "\x1b[58:5:9m", "\x1b[38:2::1:2:3m", "\x1b[48:2::9:8:7m", "\x1b[38:5:99;1m",
			"\x1b[1;31;42m", "\x1b[7;4;97;100m", "\x1b[21m", "\x1b[53m", "\x1b[55m", "\x1b[38;5m", "\x1b[;1m")
	}
	return fmt.Sprintf("\x1b[%dm", pickInt(r, 0, 1, 2, 3, 4, 5, 7, 8, 9, 22, 23, 24, 25, 27, 28, 29, 31, 36, 39, 41, 45, 49, 91, 105))
}

func pickInt(r *rand.Rand, of ...int) int { return of[r.IntN(len(of))] }

func mode(r *rand.Rand, _, _ int) string {
	on := pick(r, "h", "l")
	return pick(r, "\x1b[4hins\x1b[4l", "\x1b[4h漢\x1b[4l", "\r\x1b[K\x1b[?7lno wrap at all\x1b[?7h", "\x1b[?6h\x1b[2;3Hxy\x1b[?6l", "\x1b[?25"+on, plain+"\x1b[?1049"+on, "\x1b[?47"+on, plain+"\x1b[?1048"+on,
		"\x1b[?1;25"+on, "\x1b]0;title\x07", "\x1b]2;title\x1b\\", "\x1bP$qm\x1b\\", "\x1b_ignored\x1b\\", "\x1b[>4;1m", "\x1b[6n")
}

func charset(r *rand.Rand, _, _ int) string {
	return pick(r, "\x1b(0", "\x1b(B", "\x1b)0", "lqqk", "\x1b(B", "\x1b)0\x0emqqj\x0f")
}
