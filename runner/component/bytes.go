package component

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// The conditions that callers branch on; test for them with errors.Is.
var (
	// ErrMalformed is matched by what is wrong with a component's bytes.
	ErrMalformed = errors.New("malformed component")
	// ErrUnsupported is matched by what this package does not have, as async
	// functions of WASI 0.3.
	ErrUnsupported = errors.New("unsupported")
)

// DecodeError says where a component is malformed or asks too much.
type DecodeError struct {
	Offset int    // bytes from its start
	Detail string // what is wrong
	Err    error  // ErrMalformed or ErrUnsupported
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("%v at byte %d: %s", e.Err, e.Offset, e.Detail)
}

func (e *DecodeError) Unwrap() error { return e.Err }

// reader reads the binary format. The first mistake stays, and what is read
// after it is zero.
type reader struct {
	data []byte
	at   int
	base int // offset of data in the component
	err  error
}

func (r *reader) fail(format string, args ...any) {
	r.failAs(ErrMalformed, format, args...)
}

func (r *reader) unsupported(format string, args ...any) {
	r.failAs(ErrUnsupported, format, args...)
}

func (r *reader) failAs(kind error, format string, args ...any) {
	if r.err == nil {
		r.err = &DecodeError{Offset: r.base + r.at, Detail: fmt.Sprintf(format, args...), Err: kind}
	}
	r.at = len(r.data)
}

// check makes an error of a later step one of this place.
func (r *reader) check(err error) {
	var known *DecodeError
	switch {
	case err == nil || r.err != nil:
	case errors.As(err, &known):
		r.err = err
		r.at = len(r.data)
	case errors.Is(err, ErrUnsupported):
		r.unsupported("%s", err)
	default:
		r.fail("%s", err)
	}
}

func (r *reader) left() int { return len(r.data) - r.at }

func (r *reader) take(n uint32) []byte {
	if uint64(n) > uint64(r.left()) {
		r.fail("ends too early: %d of %d bytes", r.left(), n)
		return nil
	}
	taken := r.data[r.at : r.at+int(n) : r.at+int(n)]
	r.at += int(n)
	return taken
}

func (r *reader) byte() byte {
	if r.at >= len(r.data) {
		r.fail("ends too early")
		return 0
	}
	b := r.data[r.at]
	r.at++
	return b
}

// u32 reads an unsigned LEB128 number of at most 5 bytes.
func (r *reader) u32() uint32 {
	var v uint64
	for shift := 0; shift < 35; shift += 7 {
		b := r.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			if v > 1<<32-1 {
				r.fail("a number beyond 32 bits")
				return 0
			}
			return uint32(v)
		}
	}
	r.fail("a number of more than 5 bytes")
	return 0
}

// s33 reads a type index, which is not negative, or a type's code, which is.
func (r *reader) s33() int64 {
	var v int64
	for shift := 0; shift < 35; shift += 7 {
		b := r.byte()
		v |= int64(b&0x7f) << shift
		if b < 0x80 {
			if b&0x40 != 0 {
				v |= -1 << (shift + 7)
			}
			return v
		}
	}
	r.fail("a number of more than 5 bytes")
	return 0
}

// count reads the number of elements that follow, each of at least one byte.
func (r *reader) count() int {
	n := r.u32()
	if uint64(n) > uint64(r.left()) {
		r.fail("%d elements in %d bytes", n, r.left())
		return 0
	}
	return int(n)
}

// vector reads a counted list.
func (r *reader) vector(element func(i int)) {
	for i := range r.count() {
		if r.err != nil {
			return
		}
		element(i)
	}
}

func (r *reader) name() string {
	b := r.take(r.u32())
	if !utf8.Valid(b) {
		r.fail("a name that is not UTF-8")
		return ""
	}
	return string(b)
}

// flag reads a byte that is 0 or 1.
func (r *reader) flag(what string) bool {
	b := r.byte()
	if b > 1 {
		r.fail("%s: %#x, want 0 or 1", what, b)
	}
	return b == 1
}

// section returns a reader of the next n bytes, which is to be finished.
func (r *reader) section(n uint32) *reader {
	base := r.base + r.at
	return &reader{data: r.take(n), base: base}
}

// finish takes over a section's mistake, or that it has bytes left.
func (r *reader) finish(s *reader) {
	if s.err == nil && s.left() > 0 && r.err == nil {
		s.fail("%d bytes too many in a section", s.left())
	}
	if r.err == nil && s.err != nil {
		r.err = s.err
		r.at = len(r.data)
	}
}
