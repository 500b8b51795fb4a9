package session

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// board is a model for tests: a cursor that keys move over letters that come
// from the seed, and a clock. Every bit that it is given shows.
type board struct {
	size   Size
	random *rand.Rand
	cells  []Cell
	x, y   int
	now    time.Duration
	last   string
	broken func(b *board) // a defect, applied before each event
	steps  int
}

func (b *board) Start(size Size, seed uint64) error {
	b.random = rand.New(rand.NewPCG(seed, 0))
	return b.Resize(size)
}

func (b *board) Resize(size Size) error {
	b.size, b.cells = size, make([]Cell, size.Columns*size.Rows)
	for i := range b.cells {
		b.cells[i] = Cell{Text: string('a' + rune(b.random.IntN(26)))}
	}
	b.x, b.y = 0, 0
	return nil
}

func (b *board) Handle(ev Event) error {
	b.steps++
	if b.broken != nil {
		b.broken(b)
	}
	b.last = ev.String()
	switch ev := ev.(type) {
	case Key:
		b.key(ev)
		if ev.Name == "q" {
			return &ExitError{Code: 3}
		}
	case Mouse:
		b.x, b.y = ev.Column, ev.Row
	}
	return nil
}

func (b *board) key(k Key) {
	switch k.Name {
	case "ArrowRight":
		b.x = (b.x + 1) % b.size.Columns
	case "ArrowDown":
		b.y = (b.y + 1) % b.size.Rows
	default:
		style := Style{Foreground: Indexed(uint8(b.random.IntN(8))), Attributes: Attributes(k.Modifiers)}
		if i := b.y*b.size.Columns + b.x; i >= 0 && i < len(b.cells) {
			b.cells[i] = Cell{Text: k.Name, Style: style}
		}
	}
}

func (b *board) Advance(now time.Duration) error {
	b.now = now
	return nil
}

func (b *board) Draw(f *Frame) error {
	for y := range b.size.Rows {
		copy(f.Row(y), b.cells[y*b.size.Columns:])
	}
	status := fmt.Sprintf("%s %s", b.now, b.last)
	for i, r := range strings.ToValidUTF8(status, "?") {
		f.Set(i, b.size.Rows-1, Cell{Text: string(r), Style: Style{Attributes: Reverse}})
	}
	f.SetCursor(Cursor{Visible: true, Column: b.x, Row: b.y})
	return nil
}
