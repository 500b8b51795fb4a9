package convert

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxNesting bounds how deep arrays and objects are nested in a record.
const maxNesting = 512

// scanner reads one JSON value that is whole in memory. Its methods expect
// something at the current position and move behind it. The first failure
// sticks: from then on they return zero values, and err says where and what.
//
// An object is read with
//
//	for more := s.open('{'); more; more = s.next('}') {
//		switch string(s.key()) { ... }
//	}
//
// where each case reads the value.
type scanner struct {
	b       []byte
	i       int
	err     error
	scratch []byte // of the last string with escapes
	lone    bool   // the last string had a surrogate without its other half
	python  bool   // NaN, Infinity and -Infinity are numbers, as Python writes them
}

func (s *scanner) reset(b []byte) { s.b, s.i, s.err = b, 0, nil }

func (s *scanner) fail(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf("column %d: %s", s.i+1, fmt.Sprintf(format, args...))
	}
}

// found describes what stands at the current position, for messages.
func (s *scanner) found() string {
	if s.i >= len(s.b) {
		return "the end"
	}
	return strconv.QuoteToASCII(string(s.b[s.i : s.i+1]))
}

// peek skips white space and returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	for s.i < len(s.b) {
		c := s.b[s.i]
		if c > ' ' || c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c
		}
		s.i++
	}
	return 0
}

func (s *scanner) expect(c byte) {
	if s.err == nil && s.peek() != c {
		s.fail("found %s, want %q", s.found(), c)
		return
	}
	s.i++
}

// open enters an array or object and reports whether it has elements.
func (s *scanner) open(c byte) bool {
	s.expect(c)
	if s.err == nil && s.peek() == c+2 { // ']' is '[' + 2, '}' is '{' + 2
		s.i++
		return false
	}
	return s.err == nil
}

// next moves to the next element and reports whether there is one.
func (s *scanner) next(end byte) bool {
	if s.err != nil {
		return false
	}
	switch s.peek() {
	case ',':
		s.i++
		return true
	case end:
		s.i++
		return false
	}
	s.fail("found %s, want ',' or %q", s.found(), end)
	return false
}

// key reads a member's name and its colon. It is valid until the next string.
func (s *scanner) key() []byte {
	k := s.text()
	s.expect(':')
	return k
}

// end checks that nothing but white space follows.
func (s *scanner) end() {
	if s.err == nil && (s.peek() != 0 || s.i < len(s.b)) {
		s.fail("found %s after the value", s.found())
	}
}

// null reports whether the next value is null, and if so reads it.
func (s *scanner) null() bool {
	if s.err != nil || s.peek() != 'n' {
		return false
	}
	s.word("null")
	return true
}

func (s *scanner) word(w string) {
	if s.err != nil {
		return
	}
	if !bytes.HasPrefix(s.b[s.i:], []byte(w)) {
		s.fail("found %s, want a value", s.found())
		return
	}
	s.i += len(w)
}

// boolean reads true or false.
func (s *scanner) boolean() bool {
	if s.peek() == 't' {
		s.word("true")
		return true
	}
	s.word("false")
	return false
}

// plainByte is false for what ends a run of ordinary bytes in a string.
var plainByte = func() (t [256]bool) {
	for i := range t {
		t[i] = i >= ' ' && i != '"' && i != '\\'
	}
	return t
}()

// text reads a string and returns its unescaped bytes, which are valid until
// the next string is read or, where there are no escapes, as long as b.
func (s *scanner) text() []byte {
	s.expect('"')
	s.lone = false
	if s.err != nil {
		return nil
	}
	start := s.i
	s.run()
	if s.i < len(s.b) && s.b[s.i] == '"' {
		s.i++
		return s.b[start : s.i-1]
	}
	out := append(s.scratch[:0], s.b[start:s.i]...)
	for s.err == nil {
		start = s.i
		s.run()
		out = append(out, s.b[start:s.i]...)
		switch {
		case s.i >= len(s.b):
			s.fail("string without its end")
		case s.b[s.i] == '"':
			s.i++
			s.scratch = out
			return out
		case s.b[s.i] == '\\':
			out = s.escape(out)
		default:
			s.fail("control character %s in a string", s.found())
		}
	}
	s.scratch = out
	return nil
}

// run skips ordinary bytes.
func (s *scanner) run() {
	b, i := s.b, s.i
	for i < len(b) && plainByte[b[i]] {
		i++
	}
	s.i = i
}

const escapes = `"\/bfnrt`

func (s *scanner) escape(out []byte) []byte {
	if s.i+1 >= len(s.b) {
		s.fail("string without its end")
		return out
	}
	c := s.b[s.i+1]
	if c == 'u' {
		return s.unicode(out)
	}
	at := bytes.IndexByte([]byte(escapes), c)
	if at < 0 {
		s.fail("unknown escape \\%c", c)
		return out
	}
	s.i += 2
	return append(out, "\"\\/\b\f\n\r\t"[at])
}

// unicode reads \uXXXX, or two that form one character beyond U+FFFF.
func (s *scanner) unicode(out []byte) []byte {
	r, ok := s.hex4(s.i)
	if !ok {
		s.fail("malformed \\u escape")
		return out
	}
	s.i += 6
	if utf16.IsSurrogate(r) {
		if low, ok := s.hex4(s.i); ok {
			if full := utf16.DecodeRune(r, low); full != utf8.RuneError {
				s.i += 6
				return utf8.AppendRune(out, full)
			}
		}
		s.lone = true
	}
	return utf8.AppendRune(out, r)
}

func (s *scanner) hex4(at int) (rune, bool) {
	if at+6 > len(s.b) || s.b[at] != '\\' || s.b[at+1] != 'u' {
		return 0, false
	}
	v, err := strconv.ParseUint(string(s.b[at+2:at+6]), 16, 16)
	return rune(v), err == nil
}

// number reads a number and returns its text.
func (s *scanner) number() []byte {
	s.peek()
	start := s.i
	if s.python && s.specialFloat() {
		return s.b[start:s.i]
	}
	s.skipByte('-', '-')
	digits := s.digits()
	if digits > 1 && s.b[s.i-digits] == '0' {
		s.fail("number with a leading zero")
	}
	if s.skipByte('.', '.') && s.digits() == 0 {
		digits = 0
	}
	if s.skipByte('e', 'E') {
		s.skipByte('+', '-')
		if s.digits() == 0 {
			digits = 0
		}
	}
	if digits == 0 {
		s.fail("found %s, want a number", s.found())
		return nil
	}
	if s.err != nil {
		return nil
	}
	return s.b[start:s.i]
}

func (s *scanner) specialFloat() bool {
	for _, w := range []string{"NaN", "Infinity", "-Infinity"} {
		if bytes.HasPrefix(s.b[s.i:], []byte(w)) {
			s.i += len(w)
			return true
		}
	}
	return false
}

// skipByte skips a byte that is one of two.
func (s *scanner) skipByte(a, b byte) bool {
	if s.i < len(s.b) && (s.b[s.i] == a || s.b[s.i] == b) {
		s.i++
		return true
	}
	return false
}

func (s *scanner) digits() int {
	start := s.i
	for s.i < len(s.b) && s.b[s.i]-'0' < 10 {
		s.i++
	}
	return s.i - start
}

// integer reads an integer, or a string that holds one.
func (s *scanner) integer() int64 {
	if s.err != nil {
		return 0
	}
	var digits []byte
	if s.peek() == '"' {
		digits = s.text()
	} else {
		digits = s.number()
	}
	if s.err != nil {
		return 0
	}
	v, ok := parseInt(digits)
	if !ok {
		s.fail("found %q, want an integer of 64 bits", clip(digits))
	}
	return v
}

// bounded reads an integer within [low, high].
func (s *scanner) bounded(low, high int64) int64 {
	v := s.integer()
	if s.err == nil && (v < low || v > high) {
		s.fail("found %d, want %d to %d", v, low, high)
		return 0
	}
	return v
}

// parseInt is strconv.ParseInt for canonical decimal integers, without
// allocation.
func parseInt(b []byte) (int64, bool) {
	digits := b
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		digits = b[1:]
	}
	if len(digits) == 0 || len(digits) > 19 || digits[0] == '0' && len(b) > 1 {
		return 0, false
	}
	var v uint64
	for _, c := range digits {
		if c -= '0'; c > 9 {
			return 0, false
		}
		v = v*10 + uint64(c)
	}
	if negative {
		return -int64(v), v <= 1<<63
	}
	return int64(v), v < 1<<63
}

// bytes reads a string, or an object {"base64": string}, as bytes. They are
// valid as text's are; decoded ones are in *buf, which grows as needed.
func (s *scanner) bytes(buf *[]byte) []byte {
	if s.err != nil {
		return nil
	}
	if s.peek() == '"' {
		return s.textOnly()
	}
	s.expect('{')
	if k := s.key(); s.err == nil && string(k) != "base64" {
		s.fail("found key %q, want \"base64\"", clip(k))
	}
	if out := s.base64(*buf); s.err == nil {
		*buf = out
	}
	s.expect('}')
	return *buf
}

// textOnly is text, with an error where the string is not valid Unicode.
func (s *scanner) textOnly() []byte {
	t := s.text()
	if s.lone {
		s.fail("string with half a surrogate pair")
	}
	return t
}

// base64 reads a string of base64 with padding and appends what it encodes to
// dst[:0].
func (s *scanner) base64(dst []byte) []byte {
	t := s.text()
	if s.err != nil {
		return nil
	}
	out, err := base64.StdEncoding.Strict().AppendDecode(dst[:0], t)
	if err != nil || bytes.ContainsAny(t, "\r\n") {
		s.fail("malformed base64")
		return nil
	}
	return out
}

// skip reads any value and returns its text.
func (s *scanner) skip() []byte {
	s.peek()
	start := s.i
	s.skipNested(0)
	if s.err != nil {
		return nil
	}
	return s.b[start:s.i]
}

func (s *scanner) skipNested(depth int) {
	if depth > maxNesting {
		s.fail("arrays and objects are nested more than %d deep", maxNesting)
	}
	switch c := s.peek(); {
	case s.err != nil:
	case c == '{':
		for more := s.open('{'); more; more = s.next('}') {
			s.key()
			s.skipNested(depth + 1)
		}
	case c == '[':
		for more := s.open('['); more; more = s.next(']') {
			s.skipNested(depth + 1)
		}
	case c == '"':
		s.text()
	case c == 't' || c == 'f':
		s.boolean()
	case c == 'n':
		s.word("null")
	default:
		s.number()
	}
}

// clip shortens what a message quotes.
func clip(b []byte) string {
	if len(b) > 40 {
		return string(b[:40]) + "..."
	}
	return string(b)
}
