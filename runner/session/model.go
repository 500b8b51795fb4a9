package session

import (
	"fmt"
	"time"
)

// Model is a program that is recorded or replayed. Its methods are called by
// one goroutine, Start first and once. Time is that of the session: it starts
// at 0, never falls, and passes only in Advance.
//
// A method may return an *ExitError to say that the program has ended: what it
// has drawn is still asked for, and nothing else is. Any other error ends the
// recording or replay.
type Model interface {
	// Start begins the program on a screen of that size. All that it takes for
	// random must follow from the seed.
	Start(size Size, seed uint64) error
	// Handle gives the program an event, at the time of the last Advance or
	// later: see Recorder.Push.
	Handle(ev Event) error
	// Resize changes the size of the screen.
	Resize(size Size) error
	// Advance moves the clock on to now, ns since the start of the session.
	Advance(now time.Duration) error
	// Draw stores what the program shows in a frame that is blank and of the
	// size of the screen.
	Draw(f *Frame) error
}

// ExitError is returned by a model whose program has ended by itself.
type ExitError struct {
	Code int // 0 for success
}

func (e *ExitError) Error() string { return fmt.Sprintf("the program exited with code %d", e.Code) }

// Size is that of a screen in cells.
type Size struct{ Columns, Rows int }

// Bounds of a screen.
const (
	MaxSide  = 4096    // columns or rows
	MaxCells = 1 << 18 // columns times rows
	MaxText  = 255     // bytes of a cell's text
	MaxLink  = 1024    // bytes of a style's link
)

func (s Size) String() string { return fmt.Sprintf("%dx%d", s.Columns, s.Rows) }

// check reports a size that no screen has.
func (s Size) check() error {
	if s.Columns < 1 || s.Rows < 1 || s.Columns > MaxSide || s.Rows > MaxSide || s.Columns*s.Rows > MaxCells {
		return fmt.Errorf("size %s, want 1 to %d columns and rows and at most %d cells", s, MaxSide, MaxCells)
	}
	return nil
}
