package network

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
)

// state is what the bytes of a stream that come next are.
type state int

const (
	inHead     state = iota // first line and headers, or nothing yet
	inBody                  // a body of known length
	inRest                  // a body that ends with the connection
	inSize                  // the line before a chunk
	inChunk                 // a chunk
	inChunkEnd              // the line behind it
	inTrailer               // the headers behind the last chunk
	isLost                  // bytes that the trace does not have hid where messages end
	isOpaque                // no HTTP, or no more
)

// Limits on what a stream may be made of. Heads beyond them are no HTTP that
// anybody would answer.
const (
	maxHead = 256 << 10 // bytes of a first line with headers, and of trailers
	maxLine = 4 << 10   // bytes of a line between chunks
)

var (
	errHead    = errors.New("malformed head")
	errPending = errors.New("too many requests without a response")
	errHeaders = errors.New("malformed header")
	errTooLong = errors.New("head too long")
	errLength  = errors.New("malformed Content-Length")
	errChunk   = errors.New("malformed chunk")
)

// stream takes one direction of a connection apart.
type stream struct {
	conn    *connection
	state   state
	text    []byte // the head, trailer or line that is being read
	line    int    // where its last line begins
	left    int64  // bytes of the body or chunk that are to come
	started bool   // a message of HTTP was seen

	message  *Message // being read, nil between messages
	exchange *Exchange
	response bool // it carries responses
	interim  bool // the message is a 1xx, which another one follows
	begun    beginning

	event int64 // of the bytes that are being read
	first int64 // when they began to go over
	last  int64 // and when they had
}

// beginning is where a message begins.
type beginning struct{ event, time int64 }

// data takes the bytes of one call.
func (s *stream) data(b []byte) {
	if s.state == isLost && startsMessage(b) {
		s.resume()
	}
	for len(b) > 0 {
		b = b[s.step(b):]
	}
}

// step takes the next bytes and returns how many they were, one at least.
func (s *stream) step(b []byte) int {
	switch s.state {
	case inHead, inTrailer, inSize, inChunkEnd:
		return s.takeLine(b)
	case inBody, inChunk:
		n := int(min(int64(len(b)), s.left))
		s.keep(b[:n])
		s.consumed(int64(n))
		return n
	case inRest:
		s.keep(b)
	}
	return len(b)
}

// lost passes over bytes that the trace does not have.
func (s *stream) lost(n int64) {
	switch s.state {
	case inBody, inChunk:
		skipped := min(n, s.left)
		s.message.skip(skipped)
		s.consumed(skipped)
		if n -= skipped; n == 0 {
			return
		}
	case inRest:
		s.message.skip(n)
		return
	case isOpaque:
		return
	}
	s.drop()
	s.state = isLost
}

// consumed counts bytes of a body or chunk.
func (s *stream) consumed(n int64) {
	s.message.LastNS = s.last
	if s.left -= n; s.left > 0 {
		return
	}
	if s.state == inChunk {
		s.state = inChunkEnd
		return
	}
	s.finish()
}

// keep adds bytes to the body of the message, as far as bodies are kept.
func (s *stream) keep(b []byte) {
	s.message.LastNS = s.last
	s.conn.http.keep(s.exchange, s.message, b)
}

// takeLine takes bytes up to the end of a line, and acts on the line.
func (s *stream) takeLine(b []byte) int {
	n := bytes.IndexByte(b, '\n') + 1
	whole := n > 0
	if !whole {
		n = len(b)
	}
	if len(s.text) == 0 && s.state == inHead {
		s.begun = beginning{s.event, s.first}
	}
	if s.hold(b[:n]); s.state == isOpaque || !whole {
		return n
	}
	line := trimLine(s.text[s.line:])
	switch s.state {
	case inHead, inTrailer:
		s.headLine(line)
	case inSize:
		s.chunkSize(line)
	case inChunkEnd:
		s.chunkEnd(line)
	}
	return n
}

// hold adds to the text that is being read.
func (s *stream) hold(b []byte) {
	limit := maxLine
	if s.state == inHead || s.state == inTrailer {
		limit = maxHead
	}
	if len(s.text)+len(b) > limit || len(b) > s.conn.http.room() {
		s.fail(errTooLong)
		return
	}
	s.text = append(s.text, b...)
	s.conn.http.kept += len(b)
	if s.state == inHead && !s.started && !plausible(s.text) {
		s.fail(errHead)
	}
}

// drop empties the text.
func (s *stream) drop() {
	s.conn.http.kept -= len(s.text)
	s.text, s.line = s.text[:0], 0
}

func trimLine(b []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
}

// headLine acts on a line of a head or trailer: an empty one ends it.
func (s *stream) headLine(line []byte) {
	switch {
	case len(line) > 0 && s.line == 0 && s.state == inHead && !startsMessage(line):
		s.fail(errHead)
	case len(line) > 0:
		s.line = len(s.text)
	case s.line == 0 && s.state == inHead: // empty lines may precede a message
		s.drop()
	case s.state == inHead:
		s.head()
	default:
		s.trailer()
	}
}

// head reads the head that has come to its end.
func (s *stream) head() {
	head := string(s.text)
	s.drop()
	first, rest, _ := strings.Cut(head, "\n")
	headers, err := parseHeaders(rest)
	if err == nil {
		err = s.start(strings.TrimSuffix(first, "\r"), headers, len(head))
	}
	if err != nil {
		s.fail(err)
	}
}

func (s *stream) trailer() {
	trailers, err := parseHeaders(string(s.text))
	if err != nil {
		s.fail(err)
		return
	}
	s.message.Trailers = trailers
	s.conn.http.holdFields(s.exchange, len(s.text), trailers)
	s.drop()
	s.finish()
}

// parseHeaders reads lines up to an empty one. A line that begins with a blank
// continues the one before.
func parseHeaders(text string) ([]Header, error) {
	var list []Header
	var value []string // lines of the last header's
	join := func() {
		if len(value) > 1 {
			list[len(list)-1].Value = strings.Join(value, " ")
		}
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		switch name, first, found := strings.Cut(line, ":"); {
		case line == "":
		case (line[0] == ' ' || line[0] == '\t') && len(list) > 0:
			value = append(value, strings.TrimSpace(line))
		case !found || !isToken(name):
			return nil, errHeaders
		default:
			join()
			first = strings.Trim(first, " \t")
			list, value = append(list, Header{name, first}), append(value[:0], first)
		}
	}
	join()
	return list, nil
}

// body goes on to the body that the headers announce.
func (s *stream) body(none bool) error {
	m := s.message
	codings := m.values("Transfer-Encoding")
	lengths := m.values("Content-Length")
	switch {
	case none:
		s.finish()
	case len(codings) > 0 && strings.EqualFold(codings[len(codings)-1], "chunked"):
		s.state = inSize
	case len(codings) > 0 && s.response, len(lengths) == 0 && s.response:
		s.state = inRest
	case len(lengths) > 0:
		return s.length(lengths)
	default:
		s.finish()
	}
	return nil
}

// length goes on to a body of that length. It may be told several times, but
// not differently.
func (s *stream) length(list []string) error {
	n, err := strconv.ParseUint(list[0], 10, 63)
	for _, other := range list {
		if other != list[0] {
			return errLength
		}
	}
	if err != nil {
		return errLength
	}
	if s.state, s.left = inBody, int64(n); n == 0 {
		s.finish()
	}
	return nil
}

func (s *stream) chunkSize(line []byte) {
	s.drop()
	size, _, _ := strings.Cut(string(line), ";") // extensions follow
	n, err := strconv.ParseUint(strings.TrimSpace(size), 16, 63)
	switch {
	case err != nil:
		s.fail(errChunk)
	case n == 0:
		s.state = inTrailer
	default:
		s.state, s.left = inChunk, int64(n)
	}
}

func (s *stream) chunkEnd(line []byte) {
	if s.drop(); len(line) > 0 {
		s.fail(errChunk)
		return
	}
	s.state = inSize
}

// finish ends the message that is being read, whole.
func (s *stream) finish() {
	m := s.message
	m.LastNS, m.Complete = s.last, true
	s.state, s.message = inHead, nil
	if s.interim {
		s.interim = false
		return
	}
	s.conn.ended(s)
}

// end ends the stream. A body may end so; any other message is cut.
func (s *stream) end() {
	if s.state == inRest {
		s.finish()
	}
	s.cut()
}

// cut makes the rest of the stream opaque.
func (s *stream) cut() {
	s.drop()
	s.state = isOpaque
}

// fail is cut for a reason.
func (s *stream) fail(err error) {
	s.cut()
	s.conn.failed(s, err)
}

// resume begins anew with a message, after bytes that the trace does not have.
func (s *stream) resume() {
	s.state = inHead
	if s.message == nil {
		return
	}
	s.message, s.interim = nil, false
	s.exchange.fail("part of it is not in the trace")
	s.conn.ended(s)
}

// maxMethod is the longest method that is taken for one.
const maxMethod = 32

// plausible tells whether bytes may be the beginning of a message.
func plausible(b []byte) bool {
	if n := min(len(b), len(protocolPrefix)); string(b[:n]) == protocolPrefix[:n] || b[0] == '\r' || b[0] == '\n' {
		return true
	}
	method, _, _ := strings.Cut(string(b[:min(len(b), maxMethod+1)]), " ")
	return len(method) <= maxMethod && isToken(method)
}

// startsMessage tells whether bytes begin with the first line of a message.
func startsMessage(b []byte) bool {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	text := string(trimLine(line[:min(len(line), maxHead)]))
	if isProtocol(text[:min(len(text), len(protocolPrefix)+1)]) {
		return true
	}
	at := strings.LastIndexByte(text, ' ')
	method, _, _ := strings.Cut(text, " ")
	return at > len(method) && len(method) <= maxMethod && isToken(method) && isProtocol(text[at+1:])
}

const protocolPrefix = "HTTP/1."

// isProtocol holds for HTTP/1.0 and HTTP/1.1, and what may follow them.
func isProtocol(s string) bool {
	return len(s) == len(protocolPrefix)+1 && strings.HasPrefix(s, protocolPrefix) && s[len(s)-1] >= '0' && s[len(s)-1] <= '9'
}

// isToken holds for names as RFC 9110 has them.
func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}
