package wasi

import (
	"context"

	"github.com/tetratelabs/wazero/api"

	"github.com/tracetool/tracetool/runner/host"
)

// sock_accept(fd, flags, result)
func (s *System) sockAccept(ctx context.Context, mod api.Module, p []uint64) error {
	e, err := s.getListener(p[0])
	if err != nil {
		return err
	}
	flags := fdflags(p[1])
	if flags&^flagNonblock != 0 {
		return host.EINVAL
	}
	result, err := memory(mod, p[2], 4)
	if err != nil {
		return err
	}
	conn, err := e.listener.Accept(ctx)
	if err != nil {
		return err
	}
	fd, err := s.insertOpened(newEntry(conn, e.inheriting, e.inheriting), flags)
	if err != nil {
		return err
	}
	le.PutUint32(result, fd)
	s.peer = conn.RemoteAddr().String()
	return nil
}

// Peer returns the address of the other end of the connection that was accepted
// last, empty if there was none: preview1 does not tell it to the guest.
func (s *System) Peer() string { return s.peer }

// getSocket returns a descriptor, as what it is by now if it is a socket.
func (s *System) getSocket(fd uint64) (*entry, error) {
	e, err := s.get(fd, 0)
	if err == nil {
		e.settle()
	}
	return e, err
}

func (s *System) getListener(fd uint64) (*entry, error) {
	e, err := s.getSocket(fd)
	switch {
	case err != nil:
		return nil, err
	case e.conn != nil || e.tcp != nil && e.listener == nil:
		return nil, host.EINVAL
	case e.listener == nil:
		return nil, host.ENOTSOCK
	case e.base&rightSockAccept == 0:
		return nil, host.ENOTCAPABLE
	}
	return e, nil
}

func (s *System) getConn(fd uint64, need rights) (*entry, error) {
	e, err := s.getSocket(fd)
	switch {
	case err != nil:
		return nil, err
	case e.listener != nil || e.tcp != nil && e.conn == nil:
		return nil, host.ENOTCONN
	case e.conn == nil:
		return nil, host.ENOTSOCK
	case e.base&need != need:
		return nil, host.ENOTCAPABLE
	}
	return e, nil
}

const (
	recvPeek = 1 << iota
	recvWaitall
)

// sock_recv(fd, ri_data, ri_data_len, ri_flags, ro_datalen, ro_flags)
func (s *System) sockRecv(ctx context.Context, mod api.Module, p []uint64) error {
	e, err := s.getConn(p[0], rightFdRead)
	if err != nil {
		return err
	}
	flags := uint32(p[3])
	if flags >= recvWaitall<<1 {
		return host.EINVAL
	}
	roFlags, err := memory(mod, p[5], 2)
	if err != nil {
		return err
	}
	err = s.readInto(mod, p[1], p[2], p[4], flags&recvWaitall == 0, func(b []byte, _ int) (int, error) {
		return e.conn.Recv(ctx, b, flags&recvPeek != 0, flags&recvWaitall != 0)
	})
	if err != nil {
		return err
	}
	le.PutUint16(roFlags, 0) // a stream is never truncated
	return nil
}

// sock_send(fd, si_data, si_data_len, si_flags, so_datalen)
func (s *System) sockSend(ctx context.Context, mod api.Module, p []uint64) error {
	e, err := s.getConn(p[0], rightFdWrite)
	if err != nil {
		return err
	}
	if uint32(p[3]) != 0 {
		return host.EINVAL
	}
	return s.writeFrom(mod, p[1], p[2], p[4], func(b []byte, _ int) (int, error) {
		return e.conn.Write(ctx, b)
	})
}

const (
	shutRead = 1 << iota
	shutWrite
)

// sock_shutdown(fd, how)
func (s *System) sockShutdown(_ context.Context, _ api.Module, p []uint64) error {
	e, err := s.getConn(p[0], rightSockShutdown)
	if err != nil {
		return err
	}
	how := uint32(p[1])
	if how == 0 || how > shutRead|shutWrite {
		return host.EINVAL
	}
	return e.conn.Shutdown(how&shutRead != 0, how&shutWrite != 0)
}
