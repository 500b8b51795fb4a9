package http1

import (
	"bufio"
	"fmt"
	"io"
	"net/http/httputil"
	"slices"
	"strconv"
	"strings"
)

// setBody finds out where the body ends.
func (resp *Response) setBody(r *bufio.Reader, head bool) error {
	codings := values(resp.Fields, "Transfer-Encoding")
	length, err := contentLength(resp.Fields)
	switch {
	case head || resp.Status == 204 || resp.Status == 304:
		resp.Body = strings.NewReader("")
	case len(codings) == 1 && strings.EqualFold(codings[0], "chunked"):
		resp.Body = &chunked{data: httputil.NewChunkedReader(r), r: r, resp: resp}
	case len(codings) > 0:
		return &CodingError{strings.Join(codings, ", ")}
	case err != nil:
		return err
	case length >= 0:
		resp.Body = &sized{r, length}
	default:
		resp.Body = r
	}
	return nil
}

// contentLength returns the length that the fields agree on, -1 for none.
func contentLength(fields []Field) (int64, error) {
	all := slices.Compact(values(fields, "Content-Length"))
	if len(all) == 0 {
		return -1, nil
	}
	n, err := strconv.ParseUint(all[0], 10, 63)
	if err != nil || len(all) > 1 {
		return 0, fmt.Errorf("%w: Content-Length %.60q", ErrProtocol, all)
	}
	return int64(n), nil
}

// sized is a body of known length.
type sized struct {
	r    io.Reader
	left int64
}

func (s *sized) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	n, err := s.r.Read(p[:min(int64(len(p)), s.left)])
	s.left -= int64(n)
	if err == io.EOF && s.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// chunked is a body in chunks, with the trailers after it.
type chunked struct {
	data io.Reader
	r    *bufio.Reader
	resp *Response
	end  error
}

func (c *chunked) Read(p []byte) (int, error) {
	if c.end != nil {
		return 0, c.end
	}
	n, err := c.data.Read(p)
	if err == io.EOF {
		err = c.readTrailers()
	}
	c.end = err
	return n, err
}

// readTrailers returns io.EOF at the proper end.
func (c *chunked) readTrailers() error {
	left := maxHeader
	fields, err := readFields(c.r, &left)
	if err != nil {
		return err
	}
	c.resp.Trailers = fields
	return io.EOF
}
