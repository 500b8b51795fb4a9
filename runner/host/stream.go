package host

import (
	"bytes"
	"context"
	"io"
	"os"
	"syscall"
)

// readAhead is how much a stream holds at most, in bytes, that the guest has
// polled for but not read.
const readAhead = 64 << 10

// Stream is a sequence of bytes that may make a guest wait: standard input and
// output, a pipe, a device. Waiting ends with the context: what blocks is a
// goroutine.
type Stream struct {
	input
	typ      FileType
	terminal bool
	w        io.Writer
	file     *os.File // nil unless the host's file is known
	owned    bool     // Close closes file
}

// input is the reading half of a stream or connection.
type input struct {
	r        io.Reader
	next     Pending[[]byte]
	want     int // bytes the next read asks the host for
	buf      []byte
	have     []byte // read ahead, in buf
	nonblock bool
}

func newInput(r io.Reader, wake Signal) input {
	in := input{r: r}
	in.next.wake = wake
	return in
}

// NewStdin makes standard input of r: *File if it is a regular file, else
// *Stream. A nil r is at its end. Closing the descriptor leaves r open.
func NewStdin(r io.Reader, wake Signal) IO {
	if r == nil {
		r = bytes.NewReader(nil)
	}
	if file, ok := r.(*os.File); ok {
		return newStdio(file, wake)
	}
	return NewReader(r, wake)
}

// NewReader makes a stream that can only be read. Closing it leaves r open.
func NewReader(r io.Reader, wake Signal) *Stream {
	return &Stream{input: newInput(r, wake), w: notWritable{}}
}

// NewStdout makes standard output or error of w: *File if it is a regular file,
// else *Stream. A nil w discards. Closing the descriptor leaves w open.
//
// A program that gives it os.Stdout or os.Stderr must ignore SIGPIPE for the
// guest to get EPIPE: Go ends a process that writes to a closed one.
func NewStdout(w io.Writer, wake Signal) IO {
	if w == nil {
		w = io.Discard
	}
	if file, ok := w.(*os.File); ok {
		return newStdio(file, wake)
	}
	return &Stream{input: newInput(notReadable{}, wake), w: w}
}

func newStdio(file *os.File, wake Signal) IO {
	info, err := file.Stat()
	if err == nil && info.Mode().IsRegular() {
		return &File{f: file, borrowed: true}
	}
	s := &Stream{input: newInput(file, wake), w: file, file: file}
	if err == nil {
		s.typ, s.terminal = fileType(info.Mode()), isTerminal(file)
	}
	return s
}

// newDevice takes ownership of a pipe or device opened in a directory.
func newDevice(file *os.File, info os.FileInfo, wake Signal) *Stream {
	return &Stream{
		input: newInput(file, wake), w: file, file: file, owned: true,
		typ: fileType(info.Mode()), terminal: isTerminal(file),
	}
}

// notReadable and notWritable are the half that a stream lacks.
type (
	notReadable struct{}
	notWritable struct{}
)

func (notReadable) Read([]byte) (int, error)  { return 0, EBADF }
func (notWritable) Write([]byte) (int, error) { return 0, EBADF }

// Type returns the kind of file, Unknown for what is no file of the host.
func (s *Stream) Type() FileType { return s.typ }

// Terminal tells whether a person may sit at the other end.
func (s *Stream) Terminal() bool { return s.terminal }

// Stat tells the type only: the identity of the host's streams is not the
// guest's business.
func (s *Stream) Stat() (Stat, error) { return Stat{Type: s.typ, Links: 1}, nil }

// Close closes what was opened for the guest.
func (s *Stream) Close() error {
	if s.owned {
		return fail(s.file.Close())
	}
	return nil
}

// Write passes p on at once. A writer that takes nothing and gives no reason has
// failed: the guest would try for ever.
func (s *Stream) Write(_ context.Context, p []byte) (int, error) {
	n, err := s.w.Write(p)
	if n == 0 && len(p) > 0 && err == nil {
		err = io.ErrShortWrite
	}
	if n > 0 || err == nil {
		return n, nil
	}
	return 0, ErrnoOf(err)
}

// Writable asks the host's file, if it is one.
func (s *Stream) Writable() bool {
	if s.file == nil {
		return true
	}
	return writable(s.file)
}

// SetNonblock makes Read fail with EAGAIN instead of waiting.
func (in *input) SetNonblock(on bool) { in.nonblock = on }

// Read returns what is there, waiting for it if there is nothing.
func (in *input) Read(ctx context.Context, p []byte) (int, error) {
	return in.read(ctx, p, false)
}

func (in *input) read(ctx context.Context, p []byte, peek bool) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(in.have) == 0 {
		if in.direct(ctx) && !peek {
			n, err := in.r.Read(p)
			return n, ended(n, err)
		}
		if err := in.fill(ctx, len(p)); err != nil {
			return 0, err
		}
	}
	n := copy(p, in.have)
	if !peek {
		in.have = in.have[n:]
	}
	return n, nil
}

// direct tells whether nothing could interrupt a read, so that it needs no
// goroutine.
func (in *input) direct(ctx context.Context) bool {
	return !in.nonblock && ctx.Done() == nil && in.next.done == nil
}

// fill waits for the next bytes, or none at the end.
func (in *input) fill(ctx context.Context, want int) error {
	in.prepare(want)
	if err := in.next.wait(ctx, in.nonblock); err != nil {
		return err
	}
	have, err := in.next.Take()
	in.have = have
	return ended(len(have), err)
}

// prepare sets what a read not yet begun will ask for: no more than the guest
// does, because the rest may be meant for another program.
func (in *input) prepare(want int) {
	if in.next.done != nil {
		return
	}
	if in.buf == nil {
		in.buf = make([]byte, readAhead)
		in.next.run = in.readNext
	}
	in.want = min(want, readAhead)
}

func (in *input) readNext() ([]byte, error) {
	n, err := in.r.Read(in.buf[:in.want])
	return in.buf[:n], err
}

// ended drops the error of a read that got something, and io.EOF.
func ended(n int, err error) error {
	if n > 0 || err == nil || err == io.EOF {
		return nil
	}
	return ErrnoOf(err)
}

// Readable begins a read and tells whether it is done. n is 0 and hangup true
// at the end.
func (in *input) Readable() (n uint64, hangup, ok bool) {
	if len(in.have) > 0 {
		return uint64(len(in.have)), false, true
	}
	in.prepare(readAhead)
	if !in.next.Ready() {
		return 0, false, false
	}
	n = uint64(len(in.next.value))
	return n, n == 0, true
}

// control calls f with the descriptor of a file or socket of the host.
func control(c syscall.Conn, f func(fd uintptr) error) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = f(fd) }); err != nil {
		return err
	}
	return inner
}
