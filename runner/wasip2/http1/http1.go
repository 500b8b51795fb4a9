// Package http1 is the client's side of one HTTP/1.1 exchange as a recording
// wants it: fields keep their order, their case, their duplicates and every byte
// of their values, nothing is added that was not asked for, and both bodies are
// streams. net/http keeps none of the first three.
//
// [Request.Write] sends a request, [ReadResponse] receives what comes back; they
// may run at the same time. There is no pool of connections: one carries one
// exchange.
package http1

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Field is a header or trailer field. Names are compared without regard to case.
type Field struct {
	Name  string
	Value []byte
}

// Request is a request without its connection.
type Request struct {
	Method string
	Target string // path and query
	Host   string // of the Host field
	Fields []Field
	Body   io.Reader // nil: none
	// Length is the size of Body in bytes if it is known, else -1: it is sent
	// in chunks. A Content-Length is added where Fields have none.
	Length int64
	// Trailers is called after Body, for the fields that follow chunks. nil:
	// none.
	Trailers func() []Field
}

// chunk is how many bytes of a body are sent at a time.
const chunk = 32 << 10

// Write sends the request, each piece of the body as soon as it is there.
func (r *Request) Write(w io.Writer) error {
	if _, err := w.Write(r.head()); err != nil || r.Body == nil {
		return err
	}
	if r.Length >= 0 {
		return r.writeSized(w)
	}
	return r.writeChunks(w)
}

// writeSized reads the body to its end, which tells its writer that all is
// sent.
func (r *Request) writeSized(w io.Writer) error {
	n, err := io.Copy(w, onlyReader{io.LimitReader(r.Body, r.Length+1)})
	if err == nil && n != r.Length {
		err = fmt.Errorf("%w: a body of %d bytes, want %d", io.ErrUnexpectedEOF, n, r.Length)
	}
	return err
}

// onlyReader hides what else a reader can do, so that a copy goes through a
// buffer and each piece is sent when it is there.
type onlyReader struct{ io.Reader }

// head is the request up to the empty line.
func (r *Request) head() []byte {
	b := fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.Target, r.Host)
	b = appendFields(b, r.Fields)
	switch {
	case len(values(r.Fields, "Content-Length")) > 0:
	case r.Length >= 0:
		b = fmt.Appendf(b, "Content-Length: %d\r\n", r.Length)
	case r.Body != nil:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	return append(b, "Connection: close\r\n\r\n"...)
}

func appendFields(b []byte, fields []Field) []byte {
	for _, f := range fields {
		b = append(b, f.Name...)
		b = append(b, ": "...)
		b = append(b, f.Value...)
		b = append(b, "\r\n"...)
	}
	return b
}

// sizeRoom is room for the size of a chunk before it.
const sizeRoom = 10

func (r *Request) writeChunks(w io.Writer) error {
	buf := make([]byte, sizeRoom+chunk+2)
	for {
		n, err := r.Body.Read(buf[sizeRoom:][:chunk])
		if n > 0 {
			if _, err := w.Write(frame(buf, n)); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF:
			return r.writeTrailers(w)
		case err != nil:
			return err
		}
	}
}

// frame puts the size before and a line's end after n bytes at sizeRoom.
func frame(buf []byte, n int) []byte {
	size := strconv.AppendUint(make([]byte, 0, sizeRoom), uint64(n), 16)
	size = append(size, "\r\n"...)
	start := sizeRoom - len(size)
	copy(buf[start:], size)
	return append(buf[start:sizeRoom+n], "\r\n"...)
}

func (r *Request) writeTrailers(w io.Writer) error {
	b := []byte("0\r\n")
	if r.Trailers != nil {
		b = appendFields(b, r.Trailers())
	}
	_, err := w.Write(append(b, "\r\n"...))
	return err
}

// Response is what a server answered.
type Response struct {
	Status int
	Fields []Field
	// Body is never nil. Cut short it fails with io.ErrUnexpectedEOF.
	Body io.Reader
	// Trailers are the fields after a body in chunks, once that has been read
	// to its end.
	Trailers []Field
}

// Errors of ReadResponse and Response.Body.
var (
	ErrProtocol = errors.New("malformed HTTP response")
	ErrHeader   = errors.New("HTTP header section too large")
	ErrUpgrade  = errors.New("the server switches protocols")
)

// CodingError says that the body is in a transfer coding other than chunked.
type CodingError struct{ Coding string }

func (e *CodingError) Error() string { return fmt.Sprintf("transfer coding %q", e.Coding) }

// maxInterim bounds the 1xx responses before the final one, which are skipped.
const maxInterim = 16

// ReadResponse reads a response up to its body. head is set for the answer to a
// HEAD request, which has no body. The error is io.EOF if the connection ended
// before the first byte.
func ReadResponse(r *bufio.Reader, head bool) (*Response, error) {
	for range maxInterim {
		resp, err := readHead(r)
		switch {
		case err != nil:
			return nil, err
		case resp.Status == 101:
			return nil, ErrUpgrade
		case resp.Status >= 200:
			return resp, resp.setBody(r, head)
		}
	}
	return nil, fmt.Errorf("%w: more than %d interim responses", ErrProtocol, maxInterim)
}

func readHead(r *bufio.Reader) (*Response, error) {
	if _, err := r.Peek(1); err != nil {
		return nil, err
	}
	left := maxHeader
	line, err := readLine(r, &left)
	if err != nil {
		return nil, err
	}
	resp := &Response{}
	if resp.Status, err = parseStatus(line); err != nil {
		return nil, err
	}
	resp.Fields, err = readFields(r, &left)
	return resp, err
}

// parseStatus reads "HTTP/1.1 200 OK".
func parseStatus(line []byte) (int, error) {
	s := string(line)
	bad := fmt.Errorf("%w: status line %.60q", ErrProtocol, s)
	if len(s) < len("HTTP/1.1 200") || s[:7] != "HTTP/1." || s[7] != '0' && s[7] != '1' || s[8] != ' ' {
		return 0, bad
	}
	status, err := strconv.ParseUint(s[9:12], 10, 16)
	if err != nil || status < 100 || len(s) > 12 && s[12] != ' ' {
		return 0, bad
	}
	return int(status), nil
}
