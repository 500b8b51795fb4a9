package wasip2

import (
	"context"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/tracetool/tracetool/runner/component"
	"github.com/tracetool/tracetool/runner/host"
	"github.com/tracetool/tracetool/runner/wasip2/http1"
)

// body is what a guest writes as a request or response: an output of the guest,
// and a reader for whoever sends it.
type body struct {
	*host.Pipe
	length   int64 // as Content-Length says; -1: not said
	written  int64
	sizeCode string // the error if length and written differ
	early    *int   // bytes that are held of all bodies that are not on their way
	held     int64  // part of early; -1: on its way
	discards bool   // nobody receives it
	closed   bool
	finished bool
	trailers []http1.Field // set before the pipe ends
}

// maxEarly is how much is held of bodies that are not on their way. A guest that
// writes more than that before it calls handle waits for ever.
const maxEarly = 16 << 20

func newBody(h *Host, list []http1.Field, sizeCode string) *body {
	length, ok := declaredLength(list)
	if !ok {
		length = -1
	}
	return &body{Pipe: host.NewPipe(maxEarly, h.wake), length: length, sizeCode: sizeCode, early: &h.earlyBytes}
}

var errAbandoned = httpText("internal-error", "the message was dropped before it was sent")

// abandon tells that a body, if there is one, will never be on its way.
func (b *body) abandon() {
	if b != nil {
		b.begin()
		b.Fail(errAbandoned)
	}
}

// begin tells that the body is on its way.
func (b *body) begin() {
	if b.held >= 0 {
		*b.early -= int(b.held)
		b.held = -1
		b.SetLimit(chunk)
	}
}

// discard tells that a body, if there is one, goes nowhere. What the guest makes
// of it is checked all the same.
func (b *body) discard() {
	if b != nil {
		b.begin()
		b.discards = true
	}
}

var errLength = httpFailure("HTTP-protocol-error", errors.New("Content-Length fields that differ, or one that is no number"))

// declaredLength is the Content-Length that the guest has set, -1 if none. It is
// not ok if that is no number, or if there are several that differ.
func declaredLength(list []http1.Field) (length int64, ok bool) {
	length = -1
	for _, f := range list {
		if !isLength(f) {
			continue
		}
		n, err := strconv.ParseUint(string(f.Value), 10, 63)
		if err != nil || length >= 0 && length != int64(n) {
			return -1, false
		}
		length = int64(n)
	}
	return length, true
}

func isLength(f http1.Field) bool { return strings.EqualFold(f.Name, "Content-Length") }

// Room fails when the body is finished.
func (b *body) Room() (int, error) {
	switch {
	case b.closed:
		return 0, errClosed
	case b.discards:
		return chunk, nil
	}
	n, err := b.Pipe.Room()
	if b.held >= 0 {
		n = max(min(n, maxEarly-*b.early), 0)
	}
	return n, err
}

// Write fails, and so does the message, when there is more than was said.
func (b *body) Write(p []byte) error {
	if b.closed {
		return errClosed
	}
	b.written += int64(len(p))
	if b.length >= 0 && b.written > b.length {
		err := httpSize(b.sizeCode, uint64(b.written))
		b.end(err)
		return err
	}
	if b.discards {
		return nil
	}
	if b.held >= 0 {
		b.held += int64(len(p))
		*b.early += len(p)
	}
	return b.Pipe.Write(p)
}

// end ends the body: with io.EOF when it is complete.
func (b *body) end(err error) {
	b.closed = true
	b.Pipe.Close(err)
}

// finish completes the body.
func (b *body) finish(trailers []http1.Field) *httpError {
	switch {
	case b.closed: // its error is known
		return httpSize(b.sizeCode, uint64(b.written))
	case b.length >= 0 && b.written < b.length:
		err := httpSize(b.sizeCode, uint64(b.written))
		b.end(err)
		return err
	}
	b.trailers, b.finished = trailers, true
	b.end(io.EOF)
	return nil
}

// outgoingBody is the resource outgoing-body.
type outgoingBody struct {
	kin
	*body
	taken bool
}

var errUnfinished = httpText("internal-error", "the body was dropped before it was finished")

func (b *outgoingBody) close() {
	b.end(errUnfinished)
	b.begin()
}

// [method]outgoing-body.write
func (b *outgoingBody) write(_ context.Context, h *Host, c *component.Call) error {
	if b.taken {
		return okOrErr(c, false)
	}
	b.taken = true
	c.Result.OK()
	return giveChild(&h.outputs, c, b, &outputStream{out: b.body})
}

// [static]outgoing-body.finish
func (h *Host) finishOutgoing(_ context.Context, c *component.Call) error {
	b, err := h.outgoingBodies.take(c.Args.Rep())
	if err != nil {
		return err
	}
	var trailers []http1.Field
	if c.Args.Some() {
		f, err := h.fields.take(c.Args.Rep())
		if err != nil {
			b.close()
			return err
		}
		trailers = f.list
		f.close()
	}
	return httpDone(c, b.finish(trailers))
}

// source is a body that the guest receives, an input of the guest's, which its
// message, the body and its trailers share. The last one releases
// it.
type source struct {
	input
	reader   *sourceReader        // nil: the body is in memory
	trailers func() []http1.Field // once the body has ended
	stop     func()
	users    int
	ended    bool
	err      *httpError
}

// sourceReader keeps the error that a stream of the host has no number for, and
// which may come with bytes, to be told at the next read.
type sourceReader struct {
	io.Reader
	err error
}

func (r *sourceReader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, host.EIO
	}
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF {
		r.err, err = err, host.EIO // not an expired deadline's EAGAIN
	}
	return n, err
}

// newSource makes a source with one user. stop ends whatever r waits for.
func newSource(h *Host, r io.Reader, trailers func() []http1.Field, stop func()) *source {
	reader := &sourceReader{Reader: r}
	return &source{input: host.NewReader(reader, h.wake), reader: reader, trailers: trailers, stop: stop, users: 1}
}

// memory is an input whose bytes are all there.
type memory []byte

func (m *memory) Read(_ context.Context, p []byte) (int, error) {
	n := copy(p, *m)
	*m = (*m)[n:]
	return n, nil
}

func (m *memory) Readable() (n uint64, hangup, ok bool) { return uint64(len(*m)), len(*m) == 0, true }
func (m *memory) SetNonblock(bool)                      {}

func (s *source) use() *source {
	s.users++
	return s
}

func (s *source) release() {
	if s.users--; s.users == 0 {
		s.stop()
	}
}

// Read notes how the body ends.
func (s *source) Read(ctx context.Context, p []byte) (int, error) {
	n, err := s.input.Read(ctx, p)
	switch {
	case err == host.EAGAIN || ctx.Err() != nil:
		return n, err
	case err != nil:
		s.ended, s.err = true, receiveError(s.reader.err)
		return n, s.err
	}
	s.ended = n == 0 && len(p) > 0
	return n, nil
}

// incomingBody is the resource incoming-body.
type incomingBody struct {
	kin
	*source
	taken bool
}

func (b *incomingBody) close() { b.release() }

// [method]incoming-body.stream
func (b *incomingBody) stream(_ context.Context, h *Host, c *component.Call) error {
	if b.taken {
		return okOrErr(c, false)
	}
	b.taken = true
	c.Result.OK()
	return giveChild(&h.inputs, c, b, &inputStream{in: b.source})
}

// [static]incoming-body.finish
func (h *Host) finishIncoming(_ context.Context, c *component.Call) error {
	b, err := h.incomingBodies.take(c.Args.Rep())
	if err != nil {
		return err
	}
	return give(&h.trailers, c, &futureTrailers{source: b.source})
}

// futureTrailers is the resource future-trailers: it reads what the guest has
// left of the body, whenever the guest looks.
type futureTrailers struct {
	kin
	*source
	taken bool
}

func (t *futureTrailers) close() { t.release() }

// ready reads on as far as that goes without waiting.
func (t *futureTrailers) ready(scratch []byte) bool {
	for !t.ended {
		if _, _, ok := t.Readable(); !ok {
			return false
		}
		t.SetNonblock(true)
		if _, err := t.Read(context.Background(), scratch); err == host.EAGAIN {
			return false
		}
	}
	return true
}

// [method]future-trailers.subscribe
func (t *futureTrailers) subscribe(_ context.Context, h *Host, c *component.Call) error {
	return h.subscribe(c, t, func() bool { return t.ready(h.scratch) })
}

// [method]future-trailers.get
func (t *futureTrailers) get(_ context.Context, h *Host, c *component.Call) error {
	if !t.ready(h.scratch) {
		c.Result.None()
		return nil
	}
	c.Result.Some()
	if t.taken {
		return okOrErr(c, false)
	}
	t.taken = true
	c.Result.OK()
	if t.err != nil {
		return httpDone(c, t.err)
	}
	c.Result.OK()
	wire := allowed(t.trailers())
	if len(wire) == 0 {
		c.Result.None()
		return nil
	}
	c.Result.Some()
	encodeFields(&c.Note, wire)
	return give(&h.fields, c, frozen(lowered(wire)))
}

// clampDuration is a duration in nanoseconds that fits.
func clampDuration(ns uint64) int64 { return int64(min(ns, math.MaxInt64)) }
