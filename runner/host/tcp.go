package host

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// Family is the kind of addresses that a socket has.
type Family bool

// The families.
const (
	IPv4 Family = false
	IPv6 Family = true
)

// network names a protocol with a family, as package net does.
func (f Family) network(protocol string) string {
	if f == IPv6 {
		return protocol + "6"
	}
	return protocol + "4"
}

// Len is the length of an address in bytes.
func (f Family) Len() int {
	if f == IPv6 {
		return net.IPv6len
	}
	return net.IPv4len
}

// fits tells whether an address is of the family.
func (f Family) fits(ip netip.Addr) bool { return ip.Is6() == bool(f) }

// unspecified is the address that stands for all of this machine's.
func (f Family) unspecified() netip.Addr {
	if f == IPv6 {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}

// TCP is a socket that a guest makes by itself: it becomes a listener or a
// connection, as far as the allow list permits.
type TCP struct {
	family   Family
	allow    *AllowNet
	wake     Signal
	nonblock bool
	local    netip.AddrPort // that it was bound to, if valid

	listener *Listener
	conn     *Conn
	dial     Pending[net.Conn]
	cancel   context.CancelFunc // of the dial under way, else nil
	err      error              // of the last dial, until somebody asks
}

// NewTCP makes a socket that is neither bound nor connected.
func NewTCP(family Family, allow *AllowNet, wake Signal) *TCP {
	t := &TCP{family: family, allow: allow, wake: wake}
	t.dial.wake = wake
	return t
}

// Type returns SocketStream.
func (t *TCP) Type() FileType { return SocketStream }

// Stat tells the type only.
func (t *TCP) Stat() (Stat, error) { return Stat{Type: SocketStream, Links: 1}, nil }

// Listener returns what the socket has become by Listen, else nil.
func (t *TCP) Listener() *Listener { return t.listener }

// Conn returns what the socket has become by Connect, else nil.
func (t *TCP) Conn() *Conn {
	if t.cancel != nil && t.dial.Ready() {
		t.settle()
	}
	return t.conn
}

// SetNonblock makes Connect fail with EINPROGRESS, and Read with EAGAIN,
// instead of waiting.
func (t *TCP) SetNonblock(on bool) {
	t.nonblock = on
	if t.listener != nil {
		t.listener.SetNonblock(on)
	}
	if t.conn != nil {
		t.conn.SetNonblock(on)
	}
}

// Bind chooses the address of this end, for Listen or Connect. Whether it is
// free shows there.
func (t *TCP) Bind(local netip.AddrPort) error {
	switch {
	case !t.family.fits(local.Addr()):
		return EAFNOSUPPORT
	case t.local.IsValid() || t.listener != nil || t.conn != nil || t.cancel != nil:
		return EINVAL
	case !t.allow.Address(local):
		return EACCES
	}
	t.local = local
	return nil
}

// Listen begins to accept connections at the address of Bind.
func (t *TCP) Listen() error {
	switch {
	case t.listener != nil:
		return nil // another backlog, which is the system's to choose
	case t.conn != nil || t.cancel != nil:
		return EISCONN
	case !t.local.IsValid():
		return EDESTADDRREQ
	}
	l, err := net.ListenTCP(t.family.network("tcp"), net.TCPAddrFromAddrPort(t.local))
	if err != nil {
		return ErrnoOf(err)
	}
	t.listener = NewListener(l, t.wake)
	t.listener.SetNonblock(t.nonblock)
	return nil
}

// Connect connects to an address. A socket that must not wait fails with
// EINPROGRESS unless that was done at once; see Writable and Err.
func (t *TCP) Connect(ctx context.Context, remote netip.AddrPort) error {
	switch {
	case t.listener != nil:
		return EINVAL
	case t.Conn() != nil:
		return EISCONN
	case t.cancel != nil:
		return EALREADY
	case !t.family.fits(remote.Addr()):
		return EAFNOSUPPORT
	case !t.allow.Address(remote):
		return EACCES
	}
	t.begin(remote)
	if err := t.dial.wait(ctx, t.nonblock); err == EAGAIN {
		return EINPROGRESS
	} else if err != nil {
		return err
	}
	t.settle()
	return t.Err()
}

// begin starts to dial.
func (t *TCP) begin(remote netip.AddrPort) {
	ctx, cancel := context.WithCancel(context.Background())
	d := net.Dialer{}
	if t.local.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(t.local)
	}
	t.err, t.cancel = nil, cancel
	t.dial.run = func() (net.Conn, error) { return d.DialContext(ctx, t.family.network("tcp"), remote.String()) }
}

// settle takes the outcome of the dial, which must be there.
func (t *TCP) settle() {
	c, err := t.dial.Take()
	t.cancel()
	t.cancel = nil
	if err != nil {
		t.err = ErrnoOf(err)
		return
	}
	t.conn = NewConn(c, t.wake)
	t.conn.SetNonblock(t.nonblock)
}

// Err returns the error of the last attempt to connect, once: EINPROGRESS while
// it goes on.
func (t *TCP) Err() error {
	if t.Conn() == nil && t.cancel != nil {
		return EINPROGRESS
	}
	err := t.err
	t.err = nil
	return err
}

// connected waits for the connection.
func (t *TCP) connected(ctx context.Context) (*Conn, error) {
	if t.cancel != nil {
		if err := t.dial.wait(ctx, t.nonblock); err != nil {
			return nil, err
		}
		t.settle()
	}
	if t.conn == nil {
		return nil, ENOTCONN
	}
	return t.conn, nil
}

// Read reads from the connection.
func (t *TCP) Read(ctx context.Context, p []byte) (int, error) {
	c, err := t.connected(ctx)
	if err != nil {
		return 0, err
	}
	return c.Read(ctx, p)
}

// Write writes to the connection.
func (t *TCP) Write(ctx context.Context, p []byte) (int, error) {
	c, err := t.connected(ctx)
	if err != nil {
		return 0, err
	}
	return c.Write(ctx, p)
}

// Readable tells whether Read would return at once. A connection that could not
// be made is at its end.
func (t *TCP) Readable() (n uint64, hangup, ok bool) {
	if c := t.Conn(); c != nil {
		return c.Readable()
	}
	return 0, true, t.err != nil
}

// Writable tells whether Write would accept a byte, or an attempt to connect
// has failed.
func (t *TCP) Writable() bool {
	if c := t.Conn(); c != nil {
		return c.Writable()
	}
	return t.err != nil
}

// LocalAddr returns the address of this end, invalid where it has none yet.
func (t *TCP) LocalAddr() netip.AddrPort {
	switch {
	case t.listener != nil:
		return AddrPortOf(t.listener.Addr())
	case t.Conn() != nil:
		return AddrPortOf(t.conn.LocalAddr())
	}
	return t.local
}

// Close closes whatever the socket has become.
func (t *TCP) Close() error {
	if t.cancel != nil {
		t.cancel()
		<-t.dial.done
		t.settle()
	}
	switch {
	case t.listener != nil:
		return t.listener.Close()
	case t.conn != nil:
		return t.conn.Close()
	}
	return nil
}

// AddrPortOf returns the address of a TCP or UDP socket, else an invalid one.
func AddrPortOf(a net.Addr) netip.AddrPort {
	if t, ok := a.(interface{ AddrPort() netip.AddrPort }); ok {
		p := t.AddrPort()
		return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
	}
	return netip.AddrPort{}
}

// lookupTimeout bounds a lookup, which a guest cannot interrupt.
const lookupTimeout = 30 * time.Second

// LookupAddr returns the addresses of a name, or of an address itself, as far
// as the allow list permits to ask for it.
func LookupAddr(ctx context.Context, allow *AllowNet, name string) ([]netip.Addr, error) {
	if !allow.Name(name, 0) {
		return nil, EACCES
	}
	if ip, err := netip.ParseAddr(name); err == nil {
		return []netip.Addr{ip.Unmap()}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	list, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	if err != nil {
		return nil, errnoOfLookup(err)
	}
	for i := range list {
		list[i] = list[i].Unmap()
	}
	allow.Resolved(name, list)
	return list, nil
}
