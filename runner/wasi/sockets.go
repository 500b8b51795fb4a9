package wasi

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/tetratelabs/wazero/api"

	"github.com/tracetool/tracetool/runner/host"
)

// The extension of WASI preview1 by sockets, as WasmEdge began it, in its
// second version. An address is a buffer, named by a u32 address and a u32
// length: of 128 bytes, with a u16 family and the bytes of the IP address, or of
// 4 or 16 with the latter alone. Ports are apart.

const (
	familyIPv4 = 1
	familyIPv6 = 2

	typeAny    = 0
	typeDgram  = 1
	typeStream = 2

	maxAddress = 128 // bytes of an address
)

// sock_open(af, socktype, result)
func (s *System) sockOpen(_ context.Context, mod api.Module, p []uint64) error {
	result, err := memory(mod, p[2], 4)
	if err != nil {
		return err
	}
	d, err := s.newSocket(uint32(p[0]), uint32(p[1]))
	if err != nil {
		return err
	}
	fd, err := s.insert(newEntry(d, allRights, allRights))
	if err != nil {
		return err
	}
	le.PutUint32(result, fd)
	return nil
}

// newSocket makes a socket, unless no network was granted.
func (s *System) newSocket(af, kind uint32) (host.Descriptor, error) {
	family := host.IPv4
	switch {
	case s.allow == nil:
		return nil, host.EACCES
	case af == familyIPv6:
		family = host.IPv6
	case af != familyIPv4:
		return nil, host.EAFNOSUPPORT
	}
	switch kind {
	case typeAny, typeStream:
		return host.NewTCP(family, s.allow, s.wake), nil
	case typeDgram:
		return host.NewUDP(family, s.allow, s.wake), nil
	}
	return nil, host.EPROTONOSUPPORT
}

// getOwn returns a socket that the guest has opened itself.
func (s *System) getOwn(fd uint64) (*entry, error) {
	e, err := s.getSocket(fd)
	switch {
	case err != nil:
		return nil, err
	case e.tcp == nil && e.udp == nil && (e.conn != nil || e.listener != nil):
		return nil, host.EINVAL
	case e.tcp == nil && e.udp == nil:
		return nil, host.ENOTSOCK
	}
	return e, nil
}

// sock_bind(fd, addr, port)
func (s *System) sockBind(_ context.Context, mod api.Module, p []uint64) error {
	e, err := s.getOwn(p[0])
	if err != nil {
		return err
	}
	local, err := loadAddress(mod, p[1], p[2])
	if err != nil {
		return err
	}
	if e.udp != nil {
		return e.udp.Bind(local)
	}
	return e.tcp.Bind(local)
}

// sock_listen(fd, backlog)
func (s *System) sockListen(_ context.Context, _ api.Module, p []uint64) error {
	e, err := s.getOwn(p[0])
	switch {
	case err != nil:
		return err
	case e.udp != nil:
		return host.ENOTSUP
	}
	return e.tcp.Listen()
}

// sock_connect(fd, addr, port)
func (s *System) sockConnect(ctx context.Context, mod api.Module, p []uint64) error {
	e, err := s.getOwn(p[0])
	if err != nil {
		return err
	}
	remote, err := loadAddress(mod, p[1], p[2])
	if err != nil {
		return err
	}
	if e.udp != nil {
		return e.udp.Connect(remote)
	}
	return e.tcp.Connect(ctx, remote)
}

// addressed is a socket that has addresses.
type addressed interface {
	LocalAddr() net.Addr
	RemoteAddr() net.Addr
}

// localOf and remoteOf return the addresses of a socket's ends, invalid where
// there are none.
func localOf(e *entry) netip.AddrPort {
	switch {
	case e.tcp != nil:
		return e.tcp.LocalAddr()
	case e.udp != nil:
		return e.udp.LocalAddr()
	case e.listener != nil:
		return host.AddrPortOf(e.listener.Addr())
	}
	if c, ok := e.conn.(addressed); ok {
		return host.AddrPortOf(c.LocalAddr())
	}
	return netip.AddrPort{}
}

func remoteOf(e *entry) netip.AddrPort {
	if e.udp != nil {
		return e.udp.RemoteAddr()
	}
	if c, ok := e.conn.(addressed); ok {
		return host.AddrPortOf(c.RemoteAddr())
	}
	return netip.AddrPort{}
}

// sock_getlocaladdr(fd, addr, port)
func (s *System) sockGetlocaladdr(_ context.Context, mod api.Module, p []uint64) error {
	return s.tellAddress(mod, p, host.EINVAL, localOf)
}

// sock_getpeeraddr(fd, addr, port)
func (s *System) sockGetpeeraddr(_ context.Context, mod api.Module, p []uint64) error {
	return s.tellAddress(mod, p, host.ENOTCONN, remoteOf)
}

// tellAddress stores one of a socket's addresses, or fails if there is none.
func (s *System) tellAddress(mod api.Module, p []uint64, none error, of func(*entry) netip.AddrPort) error {
	e, err := s.getSocket(p[0])
	switch {
	case err != nil:
		return err
	case e.conn == nil && e.listener == nil && e.tcp == nil:
		return host.ENOTSOCK
	}
	port, err := memory(mod, p[2], 4)
	if err != nil {
		return err
	}
	address := of(e)
	if !address.IsValid() {
		return none
	}
	if err := storeAddress(mod, p[1], address.Addr()); err != nil {
		return err
	}
	le.PutUint32(port, uint32(address.Port()))
	return nil
}

// addressBuffer returns the buffer of an address.
func addressBuffer(mod api.Module, ptr uint64) ([]byte, error) {
	b, err := memory(mod, ptr, 8)
	if err != nil {
		return nil, err
	}
	at, n := le.Uint32(b), le.Uint32(b[4:])
	if n > maxAddress {
		return nil, host.EINVAL
	}
	return memory(mod, uint64(at), uint64(n))
}

// loadAddress reads an address and takes a port to it.
func loadAddress(mod api.Module, ptr, port uint64) (a netip.AddrPort, err error) {
	b, err := addressBuffer(mod, ptr)
	if err != nil {
		return a, err
	}
	n := len(b)
	if n == maxAddress {
		switch le.Uint16(b) {
		case familyIPv4:
			n = net.IPv4len
		case familyIPv6:
			n = net.IPv6len
		default:
			return a, host.EAFNOSUPPORT
		}
		b = b[2:]
	}
	ip, ok := netip.AddrFromSlice(b[:n])
	if !ok || uint32(port) > 1<<16-1 {
		return a, host.EINVAL
	}
	return netip.AddrPortFrom(ip, uint16(port)), nil
}

// storeAddress writes an address into the guest's buffer.
func storeAddress(mod api.Module, ptr uint64, ip netip.Addr) error {
	b, err := addressBuffer(mod, ptr)
	if err != nil {
		return err
	}
	raw := ip.AsSlice()
	switch len(b) {
	case maxAddress:
		clear(b)
		le.PutUint16(b, uint16(familyOf(ip)))
		copy(b[2:], raw)
		return nil
	case len(raw):
		copy(b, raw)
		return nil
	}
	return host.EINVAL
}

func familyOf(ip netip.Addr) uint32 {
	if ip.Is4() {
		return familyIPv4
	}
	return familyIPv6
}

// sock_recv_from(fd, ri_data, ri_data_len, addr, ri_flags, port, ro_datalen, ro_flags)
func (s *System) sockRecvFrom(ctx context.Context, mod api.Module, p []uint64) error {
	e, err := s.getConn(p[0], rightFdRead)
	if err != nil {
		return err
	}
	flags := uint32(p[4])
	if flags >= recvWaitall<<1 {
		return host.EINVAL
	}
	out, err := s.receiveArgs(mod, p, addressLen(e))
	if err != nil {
		return err
	}
	peek := flags&recvPeek != 0
	from, truncated := remoteOf(e), false
	data := s.scratch[:min(out.total, len(s.scratch))]
	var n int
	if e.udp != nil {
		n, from, truncated, err = e.udp.RecvFrom(ctx, data, peek)
	} else {
		n, err = e.conn.Recv(ctx, data, peek, flags&recvWaitall != 0)
	}
	if err != nil {
		return err
	}
	spread(out.bufs, data[:n])
	le.PutUint16(out.flags, 0)
	if truncated {
		le.PutUint16(out.flags, recvTruncated)
	}
	le.PutUint32(out.port, uint32(from.Port()))
	le.PutUint32(out.count, uint32(n))
	return storeAddress(mod, p[3], from.Addr())
}

const recvTruncated = 1

// received is where sock_recv_from puts what it has.
type received struct {
	bufs               [][]byte
	total              int
	port, count, flags []byte
}

// addressLen is the length of the addresses that a socket receives from.
func addressLen(e *entry) int {
	if e.udp != nil {
		return e.udp.Family().Len()
	}
	return len(remoteOf(e).Addr().AsSlice())
}

// receiveArgs looks at every place before anything is received, which cannot
// be taken back.
func (s *System) receiveArgs(mod api.Module, p []uint64, address int) (r received, err error) {
	if r.bufs, r.total, err = s.iovecs(mod, p[1], p[2]); err != nil {
		return r, err
	}
	if b, err := addressBuffer(mod, p[3]); err != nil {
		return r, err
	} else if len(b) != maxAddress && len(b) != address {
		return r, host.EINVAL
	}
	if r.port, err = memory(mod, p[5], 4); err != nil {
		return r, err
	}
	if r.count, err = memory(mod, p[6], 4); err != nil {
		return r, err
	}
	r.flags, err = memory(mod, p[7], 2)
	return r, err
}

// sock_send_to(fd, si_data, si_data_len, addr, port, si_flags, so_datalen)
func (s *System) sockSendTo(ctx context.Context, mod api.Module, p []uint64) error {
	e, err := s.getConn(p[0], rightFdWrite)
	if err != nil {
		return err
	}
	to, err := loadAddress(mod, p[3], p[4])
	if err != nil {
		return err
	}
	if uint32(p[5]) != 0 {
		return host.EINVAL
	}
	return s.writeFrom(mod, p[1], p[2], p[6], func(b []byte, _ int) (int, error) {
		if e.udp != nil {
			return e.udp.SendTo(b, to)
		}
		return e.conn.Write(ctx, b) // a stream has only one other end
	})
}

// Offsets in an element of the list that sock_getaddrinfo fills, and in the
// address that it points to.
const (
	infoAddr     = 12
	infoNext     = 24
	infoSize     = 28
	addressData  = 8
	addressSize  = 12
	addressBytes = 26 // of port and IP address, the rest zeros
)

// nameQuery is what sock_getaddrinfo asks for.
type nameQuery struct {
	name   string
	port   uint16
	family uint32 // 0: any
	kind   byte   // of sockets
}

// sock_getaddrinfo(node, node_len, service, service_len, hints, res, max_res_len, res_len)
//
// The list that res points to is the guest's; as many of its elements are filled
// as there are addresses.
func (s *System) sockGetaddrinfo(ctx context.Context, mod api.Module, p []uint64) error {
	q, err := lookupArgs(mod, p)
	if err != nil {
		return err
	}
	count, err := memory(mod, p[7], 4)
	if err != nil {
		return err
	}
	list, err := memory(mod, p[5], 4)
	if err != nil {
		return err
	}
	found, err := host.LookupAddr(ctx, s.allow, q.name)
	if err != nil {
		return err
	}
	at, n := uint64(le.Uint32(list)), uint32(0)
	for _, ip := range found {
		if q.family != 0 && q.family != familyOf(ip) {
			continue
		}
		if n == uint32(p[6]) || at == 0 {
			break
		}
		next, err := storeInfo(mod, at, ip, &q)
		if err != nil && n == 0 {
			return err
		} else if err != nil {
			break // what was written must be told
		}
		if n++; next == at {
			break
		}
		at = next
	}
	if n == 0 && uint32(p[6]) > 0 {
		return host.ENOENT
	}
	le.PutUint32(count, n)
	return nil
}

func lookupArgs(mod api.Module, p []uint64) (q nameQuery, err error) {
	if q.name, err = nameArg(mod, p[0], p[1]); err != nil {
		return q, err
	}
	service, err := nameArg(mod, p[2], p[3])
	if err != nil {
		return q, err
	}
	if q.kind = typeStream; uint32(p[4]) != 0 {
		hints, err := memory(mod, p[4], 8)
		if err != nil {
			return q, err
		}
		q.family = uint32(hints[2])
		if hints[3] == typeDgram {
			q.kind = typeDgram
		}
	}
	if service == "" {
		return q, nil
	}
	network := "tcp"
	if q.kind == typeDgram {
		network = "udp"
	}
	port, err := net.LookupPort(network, service)
	if err != nil {
		return q, host.ENOENT
	}
	q.port = uint16(port)
	return q, nil
}

// maxName is the longest name that is looked up.
const maxName = 255

// nameArg reads a name, which may end in a zero byte.
func nameArg(mod api.Module, ptr, size uint64) (string, error) {
	if uint32(size) > maxName+1 {
		return "", host.ENAMETOOLONG
	}
	b, err := memory(mod, ptr, size)
	if n := len(b); n > 0 && b[n-1] == 0 {
		b = b[:n-1]
	}
	return string(b), err
}

// storeInfo fills the element at an address and returns that of the next.
func storeInfo(mod api.Module, at uint64, ip netip.Addr, q *nameQuery) (next uint64, err error) {
	info, err := memory(mod, at, infoSize)
	if err != nil {
		return 0, err
	}
	address, err := memory(mod, uint64(le.Uint32(info[infoAddr:])), addressSize)
	if err != nil {
		return 0, err
	}
	data, err := memory(mod, uint64(le.Uint32(address[addressData:])), addressBytes)
	if err != nil {
		return 0, err
	}
	next = uint64(le.Uint32(info[infoNext:]))
	le.PutUint16(info, 0)
	info[2], info[3] = byte(familyOf(ip)), q.kind
	le.PutUint32(info[4:], 0)
	le.PutUint32(address, familyOf(ip))
	le.PutUint32(address[4:], addressBytes)
	clear(data)
	binary.BigEndian.PutUint16(data, q.port)
	copy(data[2:], ip.AsSlice())
	return next, nil
}
