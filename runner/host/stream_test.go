package host

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// newPipe returns a stream that reads from a pipe, and the other end.
func newPipe(t *testing.T) (IO, *io.PipeWriter) {
	t.Helper()
	r, w := io.Pipe()
	t.Cleanup(func() { w.Close() })
	return NewStdin(r, NewSignal()), w
}

// eventually waits for a condition that another goroutine brings about.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

func TestStreamRead(t *testing.T) {
	cancellable, cancel := context.WithCancel(context.Background())
	defer cancel()
	for name, ctx := range map[string]context.Context{"directly": context.Background(), "in a goroutine": cancellable} {
		t.Run(name, func(t *testing.T) {
			s := NewStdin(strings.NewReader("hello world"), NewSignal())
			var got string
			buf := make([]byte, 4)
			for {
				n, err := s.Read(ctx, buf)
				if err != nil {
					t.Fatal(err)
				}
				if n == 0 {
					break
				}
				got += string(buf[:n])
			}
			if got != "hello world" {
				t.Errorf("read %q", got)
			}
		})
	}
}

func TestStreamFailure(t *testing.T) {
	s := NewStdin(iotest.ErrReader(errors.New("broken")), NewSignal())
	if n, err := s.Read(context.Background(), make([]byte, 1)); n != 0 || err != EIO {
		t.Errorf("Read = %d, %v, want EIO", n, err)
	}
}

func TestStreamEndsWithContext(t *testing.T) {
	s, w := newPipe(t)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	buf := make([]byte, 8)
	if n, err := s.Read(ctx, buf); n != 0 || err != ECANCELED {
		t.Fatalf("Read = %d, %v, want ECANCELED", n, err)
	}
	go w.Write([]byte("late"))
	if n, err := s.Read(context.Background(), buf); err != nil || string(buf[:n]) != "late" {
		t.Errorf("the next Read = %q, %v: bytes were lost", buf[:n], err)
	}
}

func TestStreamNonblock(t *testing.T) {
	s, w := newPipe(t)
	s.SetNonblock(true)
	ctx, buf := context.Background(), make([]byte, 8)
	if _, err := s.Read(ctx, buf); err != EAGAIN {
		t.Fatalf("Read of an empty pipe: %v, want EAGAIN", err)
	}
	if n, hangup, ok := s.Readable(); ok {
		t.Errorf("an empty pipe is readable: %d, %v", n, hangup)
	}
	go w.Write([]byte("data"))
	eventually(t, "readable", func() bool { _, _, ok := s.Readable(); return ok })
	if n, hangup, _ := s.Readable(); n == 0 || hangup {
		t.Errorf("Readable = %d, %v, want data", n, hangup)
	}
	if n, err := s.Read(ctx, buf); err != nil || string(buf[:n]) != "data" {
		t.Errorf("Read = %q, %v", buf[:n], err)
	}
	w.Close()
	eventually(t, "hangup", func() bool { _, hangup, ok := s.Readable(); return ok && hangup })
	if n, err := s.Read(ctx, buf); n != 0 || err != nil {
		t.Errorf("Read at the end = %d, %v", n, err)
	}
}

func TestWaitWakesUp(t *testing.T) {
	wake := NewSignal()
	r, w := io.Pipe()
	defer w.Close()
	s := NewStdin(r, wake)
	go func() {
		time.Sleep(5 * time.Millisecond)
		w.Write([]byte("x"))
	}()
	began := time.Now()
	err := Wait(context.Background(), wake, time.Minute, false, func() bool { _, _, ok := s.Readable(); return ok })
	if err != nil || time.Since(began) > 10*time.Second {
		t.Errorf("Wait = %v after %v", err, time.Since(began))
	}
}

func TestWaitEnds(t *testing.T) {
	never := func() bool { return false }
	if err := Wait(context.Background(), NewSignal(), time.Millisecond, true, never); err != nil {
		t.Errorf("after the timeout: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Wait(ctx, NewSignal(), -1, false, never); err != ECANCELED {
		t.Errorf("after the context: %v, want ECANCELED", err)
	}
}

func TestStdoutClosed(t *testing.T) {
	r, w := io.Pipe()
	r.Close()
	if n, err := NewStdout(w, NewSignal()).Write(context.Background(), []byte("x")); n != 0 || err != EPIPE {
		t.Errorf("Write to a pipe nobody reads = %d, %v, want EPIPE", n, err)
	}
	hostR, hostW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer hostW.Close()
	s := NewStdout(hostW, NewSignal())
	if !s.Writable() {
		t.Error("an empty pipe is not writable")
	}
	hostR.Close()
	if n, err := s.Write(context.Background(), []byte("x")); n != 0 || err != EPIPE {
		t.Errorf("Write to a host pipe nobody reads = %d, %v, want EPIPE", n, err)
	}
}

func TestStdioOfRegularFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(path, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, ok := NewStdin(f, NewSignal()).(*File)
	if !ok {
		t.Fatal("standard input from a regular file is none")
	}
	if pos, err := s.Seek(4, io.SeekStart); pos != 4 || err != nil {
		t.Errorf("Seek = %d, %v", pos, err)
	}
	if n, _, ok := s.Readable(); n != 6 || !ok {
		t.Errorf("Readable = %d, %v, want 6", n, ok)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := f.Stat(); err != nil {
		t.Errorf("closing the descriptor closed the caller's file: %v", err)
	}
}

// dialed returns both ends of a connection to a Listener.
func dialed(t *testing.T) (*Listener, *Conn, *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln := NewListener(l, NewSignal())
	t.Cleanup(func() { ln.Close() })
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	conn, err := ln.Accept(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return ln, conn, client.(*net.TCPConn)
}

func TestSocket(t *testing.T) {
	_, conn, client := dialed(t)
	ctx, buf := context.Background(), make([]byte, 8)
	if _, err := client.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	for _, peek := range []bool{true, false} {
		if n, err := conn.Recv(ctx, buf, peek, false); err != nil || string(buf[:n]) != "ping" {
			t.Errorf("Recv(peek %v) = %q, %v", peek, buf[:n], err)
		}
	}
	go func() {
		client.Write([]byte("1234"))
		time.Sleep(time.Millisecond)
		client.Write([]byte("5678"))
	}()
	if n, err := conn.Recv(ctx, buf, false, true); err != nil || string(buf[:n]) != "12345678" {
		t.Errorf("Recv(all) = %q, %v", buf[:n], err)
	}
	if n, err := conn.Write(ctx, []byte("pong")); n != 4 || err != nil {
		t.Errorf("Write = %d, %v", n, err)
	}
	if err := conn.Shutdown(false, true); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(client); string(got) != "pong" || err != nil {
		t.Errorf("the peer got %q, %v", got, err)
	}
	if n, err := conn.Write(ctx, []byte("x")); n != 0 || err != EPIPE {
		t.Errorf("Write after Shutdown = %d, %v, want EPIPE", n, err)
	}
}

func TestSocketFull(t *testing.T) {
	_, conn, _ := dialed(t)
	conn.SetNonblock(true)
	if !conn.Writable() {
		t.Error("a new connection is not writable")
	}
	chunk := make([]byte, 1<<20)
	var err error
	for i := 0; i < 1000 && err == nil; i++ {
		_, err = conn.Write(context.Background(), chunk)
	}
	if err != EAGAIN {
		t.Errorf("filling a socket: %v, want EAGAIN", err)
	}
	conn.SetNonblock(false)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := conn.Write(ctx, chunk); err != ECANCELED {
		t.Errorf("writing until the context is done: %v, want ECANCELED", err)
	}
}

func TestListenerNonblock(t *testing.T) {
	ln, _, _ := dialed(t)
	ln.SetNonblock(true)
	if _, err := ln.Accept(context.Background()); err != EAGAIN {
		t.Fatalf("Accept = %v, want EAGAIN", err)
	}
	client, err := net.Dial("tcp", ln.l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	eventually(t, "a connection", ln.Readable)
	conn, err := ln.Accept(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestListenerRelease(t *testing.T) {
	ln, _, _ := dialed(t)
	ln.Readable() // begins to accept
	ln.Release()
	client, err := net.Dial("tcp", ln.l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := ln.l.Accept()
	if err != nil {
		t.Fatalf("the listener does not serve its owner any more: %v", err)
	}
	conn.Close()
}

// idle takes nothing and gives no reason.
type idle struct{}

func (idle) Write([]byte) (int, error) { return 0, nil }

func TestStdoutThatTakesNothing(t *testing.T) {
	s := NewStdout(idle{}, nil).(*Stream)
	if n, err := s.Write(t.Context(), []byte("text")); n != 0 || err != EIO {
		t.Errorf("%d, %v, want %v", n, err, EIO)
	}
	if n, err := s.Write(t.Context(), nil); n != 0 || err != nil {
		t.Errorf("nothing: %d, %v", n, err)
	}
}
