package ui

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"golang.org/x/term"
)

// defaultWidth is the number of columns assumed where nobody can tell.
const defaultWidth = 80

// ErrPipeClosed is wrapped by the error of a write whose reader has gone, as
// when the output is piped into head. It is no failure: nobody wants more.
var ErrPipeClosed = errors.New("pipe closed by its reader")

// Stream is an output together with what is known about its far end. It may be
// written from several goroutines if the writer beneath allows that.
type Stream struct {
	w        io.Writer
	terminal bool
	ansi     bool // the terminal obeys escape sequences
	noColor  bool // NO_COLOR is set
	color    bool
	width    func() int
	err      atomic.Pointer[error]
}

// NewStream returns a stream on w that is no terminal, 80 columns wide and
// without colour.
func NewStream(w io.Writer) *Stream {
	return &Stream{w: w, width: func() int { return defaultWidth }}
}

// NewTerminal returns a stream on w that counts as a terminal of that many
// columns which obeys escape sequences, as tests want it.
func NewTerminal(w io.Writer, columns int) *Stream {
	s := &Stream{w: w, terminal: true, ansi: true, width: func() int { return columns }}
	s.SetColor(ColorAuto)
	return s
}

// SystemStream returns a stream on f, asking the system whether it is a
// terminal and lookup for NO_COLOR and TERM.
func SystemStream(f *os.File, lookup func(string) (string, bool)) *Stream {
	s := NewStream(f)
	s.terminal = term.IsTerminal(int(f.Fd()))
	if s.terminal {
		s.width = func() int { return terminalWidth(f) }
		name, _ := lookup("TERM")
		s.ansi = name != "dumb" && enableANSI(f)
	}
	value, _ := lookup("NO_COLOR")
	s.noColor = value != ""
	s.SetColor(ColorAuto)
	return s
}

func terminalWidth(f *os.File) int {
	if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
		return w
	}
	return defaultWidth
}

// Write writes p and remembers the first failure, see [Stream.Err].
func (s *Stream) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err == nil {
		return n, nil
	}
	if isPipeClosed(err) {
		err = fmt.Errorf("%w: %w", ErrPipeClosed, err)
	}
	s.err.CompareAndSwap(nil, &err)
	return n, err
}

// Err is the first error that a write met, so that a verb which ignored it does
// not end as a success.
func (s *Stream) Err() error {
	if p := s.err.Load(); p != nil {
		return *p
	}
	return nil
}

// Underlying is the writer beneath, for a program that is to see the file
// itself. What happens to writes there is not remembered.
func (s *Stream) Underlying() io.Writer { return s.w }

// Terminal reports whether a person is looking.
func (s *Stream) Terminal() bool { return s.terminal }

// Width is the number of columns, 80 where it is unknown.
func (s *Stream) Width() int { return s.width() }

// Color reports whether [Stream.Paint] colours.
func (s *Stream) Color() bool { return s.color }

// ColorMode is the value of --color.
type ColorMode string

// Colour on terminals that want it, always, or never.
const (
	ColorAuto   ColorMode = "auto"
	ColorAlways ColorMode = "always"
	ColorNever  ColorMode = "never"
)

// SetColor decides about colour. ColorAuto colours on a terminal unless
// NO_COLOR is set or TERM is dumb.
func (s *Stream) SetColor(m ColorMode) {
	switch m {
	case ColorAlways:
		s.color = true
	case ColorNever:
		s.color = false
	default:
		s.color = s.ansi && !s.noColor
	}
}

// Style is one way to make text stand out.
type Style string

// The styles, as parameters of the SGR escape sequence.
const (
	Bold   Style = "1"
	Dim    Style = "2"
	Red    Style = "31"
	Green  Style = "32"
	Yellow Style = "33"
	Blue   Style = "34"
	Cyan   Style = "36"
)

// Paint returns text in style st where the stream has colour, else text.
func (s *Stream) Paint(st Style, text string) string {
	if !s.color || text == "" {
		return text
	}
	return "\x1b[" + string(st) + "m" + text + "\x1b[0m"
}

// ErrBinaryTerminal is the error of [RefuseBinary].
var ErrBinaryTerminal = errors.New("binary data is not written to a terminal")

// RefuseBinary returns [ErrBinaryTerminal] where s is a terminal, which would
// take the bytes of a trace for commands.
func RefuseBinary(s *Stream) error {
	if s.terminal {
		return ErrBinaryTerminal
	}
	return nil
}
