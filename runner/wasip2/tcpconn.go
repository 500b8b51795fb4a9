package wasip2

import (
	"context"
	"io"
	"net"
	"sync"
	"time"

	"github.com/tracetool/tracetool/runner/host"
)

// tcpConn is a connection, an input of the guest's, which its socket and its
// streams share. When the socket is gone, what has been written is still sent.
type tcpConn struct {
	*host.Conn
	tcp     *net.TCPConn
	out     *host.Pipe
	outShut bool
	sent    chan struct{} // closed when nothing is left to send
}

// linger is how long a host that is closed waits for what is left to send.
const linger = 2 * time.Second

func newTCPConn(h *Host, tcp *net.TCPConn) *tcpConn {
	t := &tcpConn{
		Conn: host.NewConn(tcp, h.wake), tcp: tcp,
		out: host.NewPipe(chunk, h.wake), sent: make(chan struct{}),
	}
	h.conns.add(t)
	go t.send()
	return t
}

// send writes what the guest does, until that ends.
func (t *tcpConn) send() {
	defer close(t.sent)
	_, err := io.Copy(t.tcp, struct{ io.Reader }{t.out})
	if err != nil {
		t.out.Fail(streamFailure{err})
		return
	}
	_ = t.tcp.CloseWrite() // of a connection that the peer has closed
}

// close closes the connection when what is written is sent.
func (t *tcpConn) close() {
	t.endOutput()
	go func() {
		<-t.sent
		t.tcp.Close()
	}()
}

// endOutput lets no more be written.
func (t *tcpConn) endOutput() {
	t.outShut = true
	t.out.Close(io.EOF)
}

// Read makes errors of the connection those of a socket.
func (t *tcpConn) Read(ctx context.Context, p []byte) (int, error) {
	n, err := t.Conn.Read(ctx, p)
	if err == nil || err == host.EAGAIN || ctx.Err() != nil {
		return n, err
	}
	return n, streamFailure{err}
}

// tcpOutput is the direction from the guest.
type tcpOutput struct{ *tcpConn }

// Room is that of the pipe, until the direction is shut down.
func (t tcpOutput) Room() (int, error) {
	if t.outShut {
		return 0, errClosed
	}
	return t.out.Room()
}

// Write passes p to the goroutine that sends.
func (t tcpOutput) Write(p []byte) error {
	if t.outShut {
		return errClosed
	}
	return t.out.Write(p)
}

// Flush waits for the host's socket to take everything.
func (t tcpOutput) Flush() { t.out.Flush() }

// tcpConns are the connections of a host that may have something to send.
type tcpConns struct {
	mu   sync.Mutex
	live map[*tcpConn]struct{}
}

func (s *tcpConns) add(t *tcpConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live == nil {
		s.live = map[*tcpConn]struct{}{}
	}
	s.live[t] = struct{}{}
	go func() {
		<-t.sent
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.live, t)
	}()
}

// drain waits for what has been written to be sent, and gives up after a while.
func (s *tcpConns) drain() {
	s.mu.Lock()
	live := s.live
	s.live = nil
	s.mu.Unlock()
	over := time.NewTimer(linger)
	defer over.Stop()
	for t := range live {
		select {
		case <-t.sent:
		case <-over.C:
			over.Reset(0)
		}
		t.tcp.Close()
	}
}
