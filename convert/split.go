package convert

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/tracetool/tracetool/format"
)

// splitter cuts a stream of text into lines or JSON values, of which it holds
// one at a time.
type splitter struct {
	position // of buf[start]

	r     io.Reader
	limit int    // bytes of a line or value
	buf   []byte // read and not yet taken: buf[start:]
	start int
	ended error // what r returned last
}

// position is a place in the input.
type position struct {
	path   string // for messages
	line   int64  // from 1
	offset int64  // bytes from the start
}

// errorf returns an error at the position.
func (p position) errorf(err error, format string, args ...any) error {
	return &LineError{Path: p.path, Line: p.line, Offset: p.offset, Detail: fmt.Sprintf(format, args...), Err: err}
}

// faultError is something wrong with the text of the input, as opposed to a
// failure to read or write.
type faultError struct{ err error }

func (e *faultError) Error() string { return e.err.Error() }
func (e *faultError) Unwrap() error { return e.err }

func fault(err error) error {
	if err == nil {
		return nil
	}
	return &faultError{err}
}

func faultf(format string, args ...any) error { return fault(fmt.Errorf(format, args...)) }

// faultOf is faultf for a fault of one of the faultKinds.
func faultOf(kind error, format string, args ...any) error {
	return fault(&kindError{kind, fmt.Sprintf(format, args...)})
}

// kindError is of a kind that its text does not repeat.
type kindError struct {
	kind error
	text string
}

func (e *kindError) Error() string { return e.text }
func (e *kindError) Unwrap() error { return e.kind }

// faultKinds are the values of LineError.Err.
var faultKinds = []error{
	format.ErrVersion, format.ErrLimit, format.ErrTruncated, format.ErrNotTrace, ErrHeader, ErrAfter, ErrCounts, ErrHex,
}

// wrap makes a fault a LineError at the position. Other errors stay.
func (p position) wrap(err error) error {
	fault, ok := err.(*faultError)
	if !ok {
		return err
	}
	for _, kind := range faultKinds {
		if errors.Is(fault, kind) {
			return p.errorf(kind, "%s", fault)
		}
	}
	return p.errorf(nil, "%s", fault)
}

const readSize = 128 << 10

func newSplitter(r io.Reader, path string, limit int64) *splitter {
	return &splitter{position: position{path: path, line: 1}, r: r, limit: int(limit), buf: make([]byte, 0, readSize)}
}

// left is what has been read and not taken.
func (s *splitter) left() []byte { return s.buf[s.start:] }

// fill reads more. It returns io.EOF at the end of the stream.
func (s *splitter) fill() error {
	if s.ended != nil {
		return s.ended
	}
	if len(s.left()) > s.limit {
		return s.errorf(format.ErrLimit, "longer than %d bytes", s.limit)
	}
	if s.start > 0 && len(s.buf) == cap(s.buf) {
		s.buf = s.buf[:copy(s.buf, s.left())]
		s.start = 0
	}
	if len(s.buf) == cap(s.buf) {
		s.buf = append(make([]byte, 0, 2*cap(s.buf)), s.buf...)
	}
	n, err := s.r.Read(s.buf[len(s.buf):cap(s.buf)])
	s.buf = s.buf[:len(s.buf)+n]
	s.ended = err
	if n > 0 {
		return nil
	}
	return err
}

// take moves n bytes on and returns them; they are valid until the next fill.
func (s *splitter) take(n int) []byte {
	b := s.buf[s.start : s.start+n]
	s.start += n
	s.offset += int64(n)
	if n != 1 || b[0] == '\n' {
		s.line += int64(bytes.Count(b, []byte{'\n'}))
	}
	return b
}

// next returns the next line without its end, and io.EOF after the last.
// whole is false for a last line that has no end.
func (s *splitter) next() (line []byte, whole bool, err error) {
	searched := 0
	for {
		if i := bytes.IndexByte(s.left()[searched:], '\n'); i >= 0 {
			if searched+i > s.limit {
				return nil, false, s.errorf(format.ErrLimit, "longer than %d bytes", s.limit)
			}
			return s.take(searched + i + 1)[:searched+i], true, nil
		}
		searched = len(s.left())
		if err := s.fill(); errors.Is(err, io.EOF) && searched > 0 {
			return s.take(searched), false, nil
		} else if err != nil {
			return nil, false, err
		}
	}
}

// peek skips white space and returns the next byte; io.EOF at the end.
func (s *splitter) peek() (byte, error) {
	for {
		b := s.left()
		n := 0
		for n < len(b) && isBlank(b[n]) {
			n++
		}
		if n > 0 {
			s.take(n)
		}
		if n < len(b) {
			return b[n], nil
		}
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
}

func isBlank(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// skipMark skips the byte order mark that some programs begin a text with.
func (s *splitter) skipMark() error {
	first, err := s.peek()
	if err == nil && first == 0xEF && bytes.HasPrefix(s.left(), []byte("\uFEFF")) {
		s.take(3)
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// byteOf reads one of the bytes in want, after white space.
func (s *splitter) byteOf(want string) (byte, error) {
	c, err := s.peek()
	if err != nil {
		return 0, s.unexpected(err)
	}
	if bytes.IndexByte([]byte(want), c) < 0 {
		return 0, s.errorf(nil, "found %q, want one of %q", c, want)
	}
	s.take(1)
	return c, nil
}

// unexpected turns the end of the stream into a truncation.
func (s *splitter) unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return s.errorf(format.ErrTruncated, "file ends too early")
	}
	return err
}

// value returns the text of the next JSON value, whose brackets and quotes
// match but whose inside is not checked. It is valid until the next call.
// io.EOF is returned where only white space is left.
func (s *splitter) value() ([]byte, error) {
	if _, err := s.peek(); err != nil {
		return nil, err
	}
	m := matcher{}
	for {
		b := s.left()
		if m.advance(b); m.done || m.depth > maxNesting {
			break
		}
		err := s.fill()
		if errors.Is(err, io.EOF) && m.depth == 0 && !m.quoted && m.at > 0 {
			break
		}
		if err != nil {
			return nil, s.unexpected(err)
		}
	}
	if m.depth > maxNesting {
		return nil, s.errorf(format.ErrLimit, "arrays and objects are nested more than %d deep", maxNesting)
	}
	if m.at == 0 {
		return nil, s.errorf(nil, "found %q, want a value", s.left()[:1])
	}
	if m.at > s.limit {
		return nil, s.errorf(format.ErrLimit, "longer than %d bytes", s.limit)
	}
	return s.take(m.at), nil
}

// matcher finds the end of a JSON value in a growing buffer.
type matcher struct {
	at      int // bytes looked at
	depth   int
	quoted  bool // inside a string
	escaped bool // after a backslash
	scalar  bool // inside a number or word
	done    bool
}

func (m *matcher) advance(b []byte) {
	for m.at < len(b) && !m.done && m.depth <= maxNesting {
		if m.quoted {
			m.inString(b)
			continue
		}
		switch c := b[m.at]; {
		case m.scalar:
			if m.done = bytes.IndexByte([]byte(" \t\r\n,:]}[{\""), c) >= 0; m.done {
				return
			}
			m.at++
		case c == '"':
			m.quoted = true
			m.at++
		case c == '{' || c == '[':
			m.depth++
			m.at++
		case c == '}' || c == ']':
			if m.depth == 0 {
				m.done = true
				return
			}
			m.depth--
			m.at++
			m.done = m.depth == 0
		default:
			if m.depth == 0 {
				m.scalar = c != ',' && c != ':'
				if m.done = !m.scalar; m.done {
					return
				}
			}
			for m.at++; m.depth > 0 && m.at < len(b) && !structural[b[m.at]]; m.at++ {
			}
		}
	}
}

// structural are the bytes that matter to a matcher outside of strings.
var structural = [256]bool{'"': true, '{': true, '}': true, '[': true, ']': true}

// inString moves to the end of the string, or of the buffer.
func (m *matcher) inString(b []byte) {
	if m.escaped {
		m.escaped = false
		m.at++
		return
	}
	for i, c := range b[m.at:] {
		if c == '"' || c == '\\' {
			m.at += i + 1
			m.quoted, m.escaped = c == '\\', c == '\\'
			m.done = !m.quoted && m.depth == 0
			return
		}
	}
	m.at = len(b)
}
