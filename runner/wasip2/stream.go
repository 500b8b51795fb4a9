package wasip2

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tracetool/tracetool/runner/component"
	"github.com/tracetool/tracetool/runner/host"
)

// ioInterfaces are the functions of wasi:io.
var ioInterfaces = []Interface{
	{"wasi:io/error", []Function{
		{"[method]error.to-debug-string", "() -> string", on(ioErrors, (*ioError).errorString)},
	}},
	{"wasi:io/poll", []Function{
		{"[method]pollable.ready", "() -> bool", on(pollables, (*pollable).pollableReady)},
		{"[method]pollable.block", "()", on(pollables, (*pollable).pollableBlock)},
		{"poll", "(in: list<borrow<$pollable>>) -> list<u32>", (*Host).poll},
	}},
	{"wasi:io/streams", []Function{
		{"[method]input-stream.read", "(len: u64) -> result<list<u8>, $stream-error>", on(inputs, (*inputStream).read)},
		{"[method]input-stream.blocking-read", "(len: u64) -> result<list<u8>, $stream-error>", on(inputs, (*inputStream).blockingRead)},
		{"[method]input-stream.skip", "(len: u64) -> result<u64, $stream-error>", on(inputs, (*inputStream).skip)},
		{"[method]input-stream.blocking-skip", "(len: u64) -> result<u64, $stream-error>", on(inputs, (*inputStream).blockingSkip)},
		{"[method]input-stream.subscribe", "() -> own<$pollable>", on(inputs, (*inputStream).subscribeInput)},
		{"[method]output-stream.check-write", "() -> result<u64, $stream-error>", on(outputs, (*outputStream).checkWrite)},
		{"[method]output-stream.write", "(contents: list<u8>) -> result<_, $stream-error>", on(outputs, (*outputStream).write)},
		{"[method]output-stream.blocking-write-and-flush", "(contents: list<u8>) -> result<_, $stream-error>", on(outputs, (*outputStream).blockingWriteAndFlush)},
		{"[method]output-stream.flush", "() -> result<_, $stream-error>", on(outputs, (*outputStream).flush)},
		{"[method]output-stream.blocking-flush", "() -> result<_, $stream-error>", on(outputs, (*outputStream).blockingFlush)},
		{"[method]output-stream.subscribe", "() -> own<$pollable>", on(outputs, (*outputStream).subscribeOutput)},
		{"[method]output-stream.write-zeroes", "(len: u64) -> result<_, $stream-error>", on(outputs, (*outputStream).writeZeroes)},
		{"[method]output-stream.blocking-write-zeroes-and-flush", "(len: u64) -> result<_, $stream-error>", on(outputs, (*outputStream).blockingWriteZeroesAndFlush)},
		{"[method]output-stream.splice", "(src: borrow<$input>, len: u64) -> result<u64, $stream-error>", on(outputs, (*outputStream).splice)},
		{"[method]output-stream.blocking-splice", "(src: borrow<$input>, len: u64) -> result<u64, $stream-error>", on(outputs, (*outputStream).blockingSplice)},
	}},
}

// chunk is the most bytes that one read returns or one write takes.
const chunk = 64 << 10

// ioError is the resource wasi:io/error.error: why a stream has failed.
type ioError struct{ err error }

func (*ioError) close() {}

// [method]error.to-debug-string
func (e *ioError) errorString(_ context.Context, _ *Host, c *component.Call) error {
	c.Result.String(strings.ToValidUTF8(e.err.Error(), "\ufffd"))
	return nil
}

// errClosed is stream-error.closed. Other errors of a stream are
// last-operation-failed.
var errClosed = errors.New("stream closed")

// streamError writes an error of a stream as the result. If the context is done,
// the guest is not told but ended.
func (h *Host) streamError(ctx context.Context, c *component.Call, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.Result.Err()
	if err == errClosed {
		c.Result.Case(1)
		return nil
	}
	c.Result.Case(0)
	return give(&h.errors, c, &ioError{err})
}

// input is where an input stream reads from.
type input interface {
	// Read returns 0, nil at the end. It waits, or if set non-blocking fails
	// with host.EAGAIN.
	Read(ctx context.Context, p []byte) (int, error)
	// Readable tells whether Read would return at once. If not, the host's
	// signal tells when it may have changed.
	Readable() (n uint64, hangup, ok bool)
	SetNonblock(bool)
}

// inputStream is the resource input-stream.
type inputStream struct {
	kin
	in      input
	closed  bool
	release func() // nil: nothing to release
}

func (s *inputStream) close() {
	s.closed = true
	if s.release != nil {
		s.release()
	}
}

func (s *inputStream) ready() bool {
	if s.closed {
		return true
	}
	_, _, ok := s.in.Readable()
	return ok
}

// fill reads into p. Unless it may block it returns 0 when nothing is there.
func (s *inputStream) fill(ctx context.Context, p []byte, block bool) (int, error) {
	if s.closed {
		return 0, errClosed
	}
	if len(p) == 0 {
		return 0, nil
	}
	s.in.SetNonblock(!block)
	n, err := s.in.Read(ctx, p)
	switch {
	case err == host.EAGAIN:
		return 0, nil
	case err == nil && n == 0:
		err = errClosed
	}
	s.closed = err != nil
	return n, err
}

// take reads what the call asks for, as far as it is to be had at a time.
func (s *inputStream) take(ctx context.Context, h *Host, c *component.Call, block bool) ([]byte, error) {
	p := h.scratch[:min(c.Args.U64(), chunk)]
	n, err := s.fill(ctx, p, block)
	return p[:n], err
}

func (s *inputStream) readChunk(ctx context.Context, h *Host, c *component.Call, block bool) error {
	p, err := s.take(ctx, h, c, block)
	if err != nil {
		return h.streamError(ctx, c, err)
	}
	c.Result.OK()
	c.Result.Blob(p)
	return nil
}

func (s *inputStream) skipChunk(ctx context.Context, h *Host, c *component.Call, block bool) error {
	p, err := s.take(ctx, h, c, block)
	return h.moved(ctx, c, len(p), err)
}

// [method]input-stream.read
func (s *inputStream) read(ctx context.Context, h *Host, c *component.Call) error {
	return s.readChunk(ctx, h, c, false)
}

// [method]input-stream.blocking-read
func (s *inputStream) blockingRead(ctx context.Context, h *Host, c *component.Call) error {
	return s.readChunk(ctx, h, c, true)
}

// [method]input-stream.skip
func (s *inputStream) skip(ctx context.Context, h *Host, c *component.Call) error {
	return s.skipChunk(ctx, h, c, false)
}

// [method]input-stream.blocking-skip
func (s *inputStream) blockingSkip(ctx context.Context, h *Host, c *component.Call) error {
	return s.skipChunk(ctx, h, c, true)
}

// [method]input-stream.subscribe
func (s *inputStream) subscribeInput(_ context.Context, h *Host, c *component.Call) error {
	return h.subscribe(c, s, s.ready)
}

// output is where an output stream writes to.
type output interface {
	// Room returns how many bytes Write takes now. If none, the host's signal
	// tells when it may have changed.
	Room() (int, error)
	Write(p []byte) error
	// Flush leaves no room until what was written has reached its place.
	Flush()
}

// outputStream is the resource output-stream.
type outputStream struct {
	kin
	out     output
	closed  bool
	release func() // nil: nothing to release
}

func (s *outputStream) close() {
	s.closed = true
	if s.release != nil {
		s.release()
	}
}

// fail closes the stream unless err is nil. A pipe that nobody reads is closed.
func (s *outputStream) fail(err error) error {
	s.closed = err != nil
	if err == host.EPIPE {
		return errClosed
	}
	return err
}

func (s *outputStream) room() (int, error) {
	if s.closed {
		return 0, errClosed
	}
	n, err := s.out.Room()
	return min(n, chunk), s.fail(err)
}

func (s *outputStream) ready() bool {
	if s.closed {
		return true
	}
	n, err := s.out.Room() // an error is left for the guest's next call
	return n > 0 || err != nil
}

func (s *outputStream) put(p []byte) error {
	if s.closed {
		return errClosed
	}
	return s.fail(s.out.Write(p))
}

// waitRoom waits until there is room, or nothing to wait for any more.
func (h *Host) waitRoom(ctx context.Context, s *outputStream) (int, error) {
	if err := h.block(ctx, &pollable{ready: s.ready}); err != nil {
		return 0, err
	}
	return s.room()
}

// writeAll writes p, a chunk at a time, and waits until all has reached its
// place.
func (h *Host) writeAll(ctx context.Context, s *outputStream, p []byte) error {
	for len(p) > 0 {
		n, err := h.waitRoom(ctx, s)
		if err != nil {
			return err
		}
		n = min(n, len(p))
		if err := s.put(p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	return h.flushAll(ctx, s)
}

func (h *Host) flushAll(ctx context.Context, s *outputStream) error {
	if s.closed {
		return errClosed
	}
	s.out.Flush()
	_, err := h.waitRoom(ctx, s)
	return err
}

// done writes result<_, stream-error>.
func (h *Host) done(ctx context.Context, c *component.Call, err error) error {
	if err != nil {
		return h.streamError(ctx, c, err)
	}
	c.Result.OK()
	return nil
}

// moved writes result<u64, stream-error>.
func (h *Host) moved(ctx context.Context, c *component.Call, n int, err error) error {
	if err != nil {
		return h.streamError(ctx, c, err)
	}
	c.Result.OK()
	c.Result.U64(uint64(n))
	return nil
}

// [method]output-stream.check-write
func (s *outputStream) checkWrite(ctx context.Context, h *Host, c *component.Call) error {
	n, err := s.room()
	return h.moved(ctx, c, n, err)
}

// permit traps a write of more than check-write has permitted.
func (s *outputStream) permit(n uint64) error {
	if s.closed {
		return nil
	}
	if room, err := s.out.Room(); err == nil && n > uint64(min(room, chunk)) {
		return fmt.Errorf("write of %d bytes, want at most the %d that check-write permits", n, min(room, chunk))
	}
	return nil
}

// [method]output-stream.write
func (s *outputStream) write(ctx context.Context, h *Host, c *component.Call) error {
	p := c.Args.Blob()
	if err := s.permit(uint64(len(p))); err != nil {
		return err
	}
	return h.done(ctx, c, s.put(p))
}

// [method]output-stream.blocking-write-and-flush
func (s *outputStream) blockingWriteAndFlush(ctx context.Context, h *Host, c *component.Call) error {
	return h.done(ctx, c, h.writeAll(ctx, s, c.Args.Blob()))
}

// [method]output-stream.flush
func (s *outputStream) flush(ctx context.Context, h *Host, c *component.Call) error {
	if _, err := s.room(); err != nil {
		return h.done(ctx, c, err)
	}
	s.out.Flush()
	return h.done(ctx, c, nil)
}

// [method]output-stream.blocking-flush
func (s *outputStream) blockingFlush(ctx context.Context, h *Host, c *component.Call) error {
	return h.done(ctx, c, h.flushAll(ctx, s))
}

// [method]output-stream.subscribe
func (s *outputStream) subscribeOutput(_ context.Context, h *Host, c *component.Call) error {
	return h.subscribe(c, s, s.ready)
}

// zeroes are what write-zeroes writes.
var zeroes [chunk]byte

// [method]output-stream.write-zeroes
func (s *outputStream) writeZeroes(ctx context.Context, h *Host, c *component.Call) error {
	n := c.Args.U64()
	if err := s.permit(n); err != nil {
		return err
	}
	return h.done(ctx, c, s.put(zeroes[:min(n, chunk)]))
}

// maxZeroes bounds blocking-write-zeroes-and-flush, which is for 4096 at most.
const maxZeroes = chunk

// [method]output-stream.blocking-write-zeroes-and-flush
func (s *outputStream) blockingWriteZeroesAndFlush(ctx context.Context, h *Host, c *component.Call) error {
	n := c.Args.U64()
	if n > maxZeroes {
		return fmt.Errorf("%d zeroes at a time, want at most %d", n, maxZeroes)
	}
	return h.done(ctx, c, h.writeAll(ctx, s, zeroes[:n]))
}

// [method]output-stream.splice
func (s *outputStream) splice(ctx context.Context, h *Host, c *component.Call) error {
	return s.spliceFrom(ctx, h, c, false)
}

// [method]output-stream.blocking-splice
func (s *outputStream) blockingSplice(ctx context.Context, h *Host, c *component.Call) error {
	return s.spliceFrom(ctx, h, c, true)
}

func (s *outputStream) spliceFrom(ctx context.Context, h *Host, c *component.Call, block bool) error {
	src, err := h.inputs.get(c.Args.Rep())
	if err != nil {
		return err
	}
	p, err := h.spliceChunk(ctx, s, src, c.Args.U64(), block)
	if len(p) > 0 && err == nil {
		c.Note.Blob(p)
	}
	return h.moved(ctx, c, len(p), err)
}

// spliceChunk moves up to n bytes, as far as src and dst go without waiting
// longer than until each can do something. What it moved is valid until the next
// call.
func (h *Host) spliceChunk(ctx context.Context, dst *outputStream, src *inputStream, n uint64, block bool) ([]byte, error) {
	room, err := dst.room()
	if block && err == nil {
		room, err = h.waitRoom(ctx, dst)
	}
	if err != nil {
		return nil, err
	}
	p := h.scratch[:min(n, uint64(room))]
	got, err := src.fill(ctx, p, block)
	if err != nil {
		return nil, err
	}
	return p[:got], dst.put(p[:got])
}

// direct is an output that a write reaches at once.
type direct struct {
	write func(ctx context.Context, p []byte) (int, error)
}

// Room is always there: a write waits.
func (direct) Room() (int, error) { return chunk, nil }

// Flush has nothing to wait for.
func (direct) Flush() {}

// Write writes all of p.
func (d direct) Write(p []byte) error {
	for len(p) > 0 {
		n, err := d.write(context.Background(), p)
		switch {
		case err != nil:
			return err
		case n == 0:
			return io.ErrShortWrite
		}
		p = p[n:]
	}
	return nil
}
