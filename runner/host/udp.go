package host

import (
	"context"
	"net"
	"net/netip"
)

// maxDatagram is the size of the largest datagram.
const maxDatagram = 64 << 10

// UDP is a datagram socket, as far as the allow list permits.
type UDP struct {
	family   Family
	allow    *AllowNet
	wake     Signal
	nonblock bool

	c      *net.UDPConn
	open   bool           // it was bound to an address of the list: whoever sends to it may
	remote netip.AddrPort // the only one it speaks with, if valid
	next   Pending[datagram]
	buf    []byte
}

// datagram is what was received.
type datagram struct {
	data []byte
	from netip.AddrPort
}

// NewUDP makes a socket that is neither bound nor connected.
func NewUDP(family Family, allow *AllowNet, wake Signal) *UDP {
	u := &UDP{family: family, allow: allow, wake: wake}
	u.next.wake, u.next.run = wake, u.receive
	return u
}

// Family returns the kind of its addresses.
func (u *UDP) Family() Family { return u.family }

// Type returns SocketDgram.
func (u *UDP) Type() FileType { return SocketDgram }

// Stat tells the type only.
func (u *UDP) Stat() (Stat, error) { return Stat{Type: SocketDgram, Links: 1}, nil }

// SetNonblock makes receiving fail with EAGAIN instead of waiting.
func (u *UDP) SetNonblock(on bool) { u.nonblock = on }

// Bind chooses the address of this end. The unspecified one with port 0 is
// always allowed: it is what sending without Bind chooses, and only addresses
// of the allow list are heard there.
func (u *UDP) Bind(local netip.AddrPort) error {
	anonymous := local.Port() == 0 && local.Addr().IsUnspecified()
	switch {
	case !u.family.fits(local.Addr()):
		return EAFNOSUPPORT
	case u.c != nil:
		return EINVAL
	case !u.allow.Address(local) && (!anonymous || u.allow == nil):
		return EACCES
	}
	u.open = !anonymous
	return u.bind(local)
}

func (u *UDP) bind(local netip.AddrPort) error {
	c, err := net.ListenUDP(u.family.network("udp"), net.UDPAddrFromAddrPort(local))
	if err != nil {
		return ErrnoOf(err)
	}
	u.c = c
	return nil
}

// ready binds the socket unless it is.
func (u *UDP) ready() error {
	if u.c != nil {
		return nil
	}
	return u.bind(netip.AddrPortFrom(u.family.unspecified(), 0))
}

// Connect chooses the other end, for Read and Write. On Linux the socket learns
// then that nobody listens there: the next call fails with ECONNREFUSED.
func (u *UDP) Connect(remote netip.AddrPort) error {
	switch {
	case !u.family.fits(remote.Addr()):
		return EAFNOSUPPORT
	case !u.allow.Address(remote):
		return EACCES
	}
	if err := u.ready(); err != nil {
		return err
	}
	if err := ConnectUDP(u.c, remote); err != nil {
		return err
	}
	_ = u.failure() // of the end before
	u.remote = remote
	return nil
}

// failure takes an error that a read has met which nobody waited for.
func (u *UDP) failure() error {
	if !u.next.Done() || u.next.err == nil {
		return nil
	}
	_, err := u.next.Take()
	return fail(err)
}

// SendTo sends a datagram.
func (u *UDP) SendTo(p []byte, to netip.AddrPort) (int, error) {
	switch {
	case !u.family.fits(to.Addr()):
		return 0, EAFNOSUPPORT
	case !u.allow.Address(to):
		return 0, EACCES
	}
	if err := u.ready(); err != nil {
		return 0, err
	}
	if err := u.failure(); err != nil {
		return 0, err
	}
	n, err := u.c.WriteToUDPAddrPort(p, to)
	return n, fail(err)
}

// Write sends a datagram to the other end.
func (u *UDP) Write(_ context.Context, p []byte) (int, error) {
	if !u.remote.IsValid() {
		return 0, EDESTADDRREQ
	}
	return u.SendTo(p, u.remote)
}

// RecvFrom returns the next datagram, as much of it as fits into p: the rest is
// lost. With peek it can be received again.
func (u *UDP) RecvFrom(ctx context.Context, p []byte, peek bool) (n int, from netip.AddrPort, truncated bool, err error) {
	if err := u.ready(); err != nil {
		return 0, from, false, err
	}
	if err := u.wait(ctx); err != nil {
		return 0, from, false, err
	}
	d, err := u.next.value, u.next.err
	n = copy(p, d.data)
	if !peek || err != nil {
		u.next.Take()
	}
	return n, d.from, n < len(d.data), fail(err)
}

// wait waits for a datagram that the guest may have, or an error.
func (u *UDP) wait(ctx context.Context) error {
	for {
		if err := u.next.wait(ctx, u.nonblock); err != nil || u.hears() {
			return err
		}
		u.next.Take()
	}
}

// hears tells whether the guest may have what was received.
func (u *UDP) hears() bool {
	from := u.next.value.from
	switch {
	case u.next.err != nil:
		return true
	case u.remote.IsValid():
		return from == u.remote
	}
	return u.open || u.allow.Address(from)
}

// Recv is RecvFrom without the sender.
func (u *UDP) Recv(ctx context.Context, p []byte, peek, _ bool) (int, error) {
	n, _, _, err := u.RecvFrom(ctx, p, peek)
	return n, err
}

// Read is Recv that takes the datagram.
func (u *UDP) Read(ctx context.Context, p []byte) (int, error) { return u.Recv(ctx, p, false, false) }

// receive waits for a datagram.
func (u *UDP) receive() (datagram, error) {
	if u.buf == nil {
		u.buf = make([]byte, maxDatagram)
	}
	n, from, err := u.c.ReadFromUDPAddrPort(u.buf)
	return datagram{u.buf[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port())}, err
}

// Readable tells whether a datagram is there.
func (u *UDP) Readable() (n uint64, hangup, ok bool) {
	if u.ready() != nil {
		return 0, false, false
	}
	for u.next.Ready() {
		if u.hears() {
			return uint64(len(u.next.value.data)), false, true
		}
		u.next.Take()
	}
	return 0, false, false
}

// Writable is always true: what cannot be sent is lost.
func (u *UDP) Writable() bool { return true }

// LocalAddr returns the address of this end, invalid where it has none yet.
func (u *UDP) LocalAddr() netip.AddrPort {
	if u.c == nil {
		return netip.AddrPort{}
	}
	return AddrPortOf(u.c.LocalAddr())
}

// RemoteAddr returns the address of Connect, invalid without one.
func (u *UDP) RemoteAddr() netip.AddrPort { return u.remote }

// Shutdown is not for datagrams.
func (u *UDP) Shutdown(_, _ bool) error { return ENOTCONN }

// Close closes the socket.
func (u *UDP) Close() error {
	if u.c == nil {
		return nil
	}
	err := u.c.Close()
	if u.next.done != nil {
		<-u.next.done
	}
	return fail(err)
}
