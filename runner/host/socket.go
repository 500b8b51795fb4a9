package host

import (
	"context"
	"net"
	"strconv"
	"syscall"
	"time"
)

// Listener is a listening socket.
type Listener struct {
	l        net.Listener
	next     Pending[net.Conn]
	nonblock bool
}

// NewListener lets a guest accept connections of l. Close closes l.
func NewListener(l net.Listener, wake Signal) *Listener {
	ln := &Listener{l: l}
	ln.next.wake = wake
	ln.next.run = l.Accept
	return ln
}

// Addr returns the address that it listens at.
func (l *Listener) Addr() net.Addr { return l.l.Addr() }

// Type returns SocketStream.
func (l *Listener) Type() FileType { return SocketStream }

// Stat tells the type only.
func (l *Listener) Stat() (Stat, error) { return Stat{Type: SocketStream, Links: 1}, nil }

// SetNonblock makes Accept fail with EAGAIN instead of waiting.
func (l *Listener) SetNonblock(on bool) { l.nonblock = on }

// Readable tells whether Accept would return at once.
func (l *Listener) Readable() bool { return l.next.Ready() }

// Accept returns the next connection.
func (l *Listener) Accept(ctx context.Context) (*Conn, error) {
	if err := l.next.wait(ctx, l.nonblock); err != nil {
		return nil, err
	}
	c, err := l.next.Take()
	if err != nil {
		return nil, ErrnoOf(err)
	}
	return NewConn(c, l.next.wake), nil
}

// Close closes the socket, and a connection nobody has accepted.
func (l *Listener) Close() error {
	err := l.l.Close()
	l.next.Discard(func(c net.Conn) { c.Close() })
	return fail(err)
}

// Release stops accepting without closing the socket, where that can be done.
func (l *Listener) Release() {
	d, ok := l.l.(interface{ SetDeadline(time.Time) error })
	if l.next.done == nil || !ok || d.SetDeadline(time.Now()) != nil {
		return
	}
	l.next.Discard(func(c net.Conn) { c.Close() })
	_ = d.SetDeadline(time.Time{}) // the next Accept would report it
}

// Conn is a connected stream socket.
type Conn struct {
	input
	c         net.Conn
	readShut  bool
	writeShut bool
}

// NewConn lets a guest use c, which Close closes.
func NewConn(c net.Conn, wake Signal) *Conn {
	return &Conn{input: newInput(c, wake), c: c}
}

// LocalAddr returns the address of this end.
func (c *Conn) LocalAddr() net.Addr { return c.c.LocalAddr() }

// RemoteAddr returns the address of the other end.
func (c *Conn) RemoteAddr() net.Addr { return c.c.RemoteAddr() }

// Type returns SocketStream.
func (c *Conn) Type() FileType { return SocketStream }

// Stat tells the type only.
func (c *Conn) Stat() (Stat, error) { return Stat{Type: SocketStream, Links: 1}, nil }

// Close closes the connection.
func (c *Conn) Close() error { return fail(c.c.Close()) }

// Read returns what has arrived, waiting for it if there is nothing.
func (c *Conn) Read(ctx context.Context, p []byte) (int, error) {
	return c.Recv(ctx, p, false, false)
}

// Recv is Read that may leave the bytes to be read again (peek), or wait until
// p is full or the peer has finished (all).
func (c *Conn) Recv(ctx context.Context, p []byte, peek, all bool) (int, error) {
	if c.readShut {
		return 0, nil
	}
	n, err := c.read(ctx, p, peek)
	for all && !peek && err == nil && n > 0 && n < len(p) {
		var more int
		if more, err = c.read(ctx, p[n:], false); more == 0 {
			return n, nil
		}
		n += more
	}
	return n, err
}

// Write sends p, or as much as the socket takes if it must not wait.
func (c *Conn) Write(ctx context.Context, p []byte) (int, error) {
	if c.writeShut {
		return 0, EPIPE
	}
	if c.nonblock {
		_ = c.c.SetWriteDeadline(time.Now().Add(grace)) // a failure shows in Write
		defer c.c.SetWriteDeadline(time.Time{})
	} else if ctx.Done() != nil {
		_ = c.c.SetWriteDeadline(time.Time{}) // of a context that is done
		stop := context.AfterFunc(ctx, func() { c.c.SetWriteDeadline(time.Now()) })
		defer stop()
	}
	n, err := c.c.Write(p)
	switch {
	case n > 0 || err == nil:
		return n, nil
	case ctx.Err() != nil:
		return 0, ECANCELED
	}
	return 0, ErrnoOf(err)
}

// Writable asks the host's socket.
func (c *Conn) Writable() bool {
	s, ok := c.c.(syscall.Conn)
	return c.writeShut || !ok || writable(s)
}

// Shutdown ends one or both directions.
func (c *Conn) Shutdown(read, write bool) error {
	if read {
		if err := c.shutdown(closeRead); err != nil {
			return err
		}
		c.readShut = true
	}
	if write {
		if err := c.shutdown(closeWrite); err != nil {
			return err
		}
		c.writeShut = true
	}
	return nil
}

// halfCloser is what TCP and Unix connections can do.
type halfCloser interface {
	CloseRead() error
	CloseWrite() error
}

var (
	closeRead  = halfCloser.CloseRead
	closeWrite = halfCloser.CloseWrite
)

func (c *Conn) shutdown(half func(halfCloser) error) error {
	h, ok := c.c.(halfCloser)
	if !ok {
		return ENOTSUP
	}
	return fail(half(h))
}

// Readable tells whether Read would return at once.
func (c *Conn) Readable() (n uint64, hangup, ok bool) {
	if c.readShut {
		return 0, true, true
	}
	return c.input.Readable()
}

// ScopeID is the number of a zone, which may be the name of an interface.
func ScopeID(zone string) uint32 {
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n)
	}
	if i, err := net.InterfaceByName(zone); err == nil {
		return uint32(i.Index)
	}
	return 0
}
