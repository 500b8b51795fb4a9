package wasi_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/tracetool/tracetool/runner/host"
	"github.com/tracetool/tracetool/runner/wasi"
)

// Where the tests of sockets put addresses.
const (
	addrAt = 0x500 // the u32 address and length
	rawAt  = 0x600 // what they name
	portAt = 0x700
	listAt = 0x800 // of sock_getaddrinfo
)

const (
	afInet     = 1
	sockDgram  = 1
	sockStream = 2
	soError    = 2
)

// netGuest may use 127.0.0.1 and the names of this machine.
func netGuest(t *testing.T, rules ...string) *guest {
	t.Helper()
	allow, err := host.ParseAllowNet(append(rules, "127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	return newGuest(t, wasi.Config{AllowNet: allow})
}

// addr puts an address where sock_ functions are told to look, and returns the
// two arguments.
func (g *guest) addr(a netip.AddrPort) (ptr, port uint64) {
	raw := a.Addr().AsSlice()
	g.write(rawAt, raw)
	g.write(addrAt, binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, rawAt), uint32(len(raw))))
	return addrAt, uint64(a.Port())
}

// room makes the address a buffer of 128 bytes to be filled.
func (g *guest) room() uint64 {
	g.write(addrAt, binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, rawAt), 128))
	return addrAt
}

// told returns the address that a function has filled in.
func (g *guest) told() netip.AddrPort {
	b := g.read(rawAt, 18)
	n := uint32(4)
	if b[0] == 2 {
		n = 16
	}
	ip, _ := netip.AddrFromSlice(b[2 : 2+n])
	return netip.AddrPortFrom(ip, uint16(g.u32(portAt)))
}

func (g *guest) socket(kind uint64) uint64 {
	g.t.Helper()
	g.ok("sock_open", afInet, kind, outAt)
	return uint64(g.u32(outAt))
}

func listenLoopback(t *testing.T) (net.Listener, netip.AddrPort) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, netip.MustParseAddrPort(l.Addr().String())
}

func TestConnect(t *testing.T) {
	l, address := listenLoopback(t)
	g := netGuest(t)
	fd := g.socket(sockStream)
	ptr, port := g.addr(address)
	iovs, n := g.iovs(4)
	g.fails(host.ENOTCONN, "sock_send", fd, iovs, n, 0, outAt)
	g.fails(host.ENOTCONN, "sock_getpeeraddr", fd, g.room(), portAt)
	ptr, port = g.addr(address)
	g.ok("sock_connect", fd, ptr, port)
	g.fails(host.EISCONN, "sock_connect", fd, ptr, port)
	peer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	g.ok("sock_getpeeraddr", fd, g.room(), portAt)
	if got := g.told(); got != address {
		t.Errorf("the peer is %v, want %v", got, address)
	}
	g.ok("sock_getlocaladdr", fd, g.room(), portAt)
	if got := g.told().String(); got != peer.RemoteAddr().String() {
		t.Errorf("this end is %v, the peer sees %v", got, peer.RemoteAddr())
	}
	g.write(bufAt, []byte("ping"))
	g.ok("sock_send", fd, iovs, n, 0, outAt)
	got := make([]byte, 4)
	if _, err := peer.Read(got); err != nil || string(got) != "ping" {
		t.Errorf("the peer got %q, %v", got, err)
	}
	peer.Write([]byte("pong"))
	g.ok("sock_recv_from", fd, iovs, n, g.room(), 0, portAt, outAt, outAt+8)
	if got := g.told(); string(g.read(bufAt, 4)) != "pong" || got != address {
		t.Errorf("received %q from %v", g.read(bufAt, 4), got)
	}
	g.ok("fd_close", fd)
}

// A socket that must not wait says so, and how it went shows in its state.
func TestConnectNonblocking(t *testing.T) {
	l, address := listenLoopback(t)
	g := netGuest(t)
	fd := g.socket(sockStream)
	g.ok("fd_fdstat_set_flags", fd, flagNonblock)
	ptr, port := g.addr(address)
	if errno := g.call("sock_connect", fd, ptr, port); errno != host.Success && errno != host.EINPROGRESS {
		t.Fatal(errno)
	}
	g.poll(fdSubscription(2, uint32(fd)))
	g.ok("sock_getsockopt", fd, 0, soError, outAt, 4)
	if got := host.Errno(g.u32(outAt)); got != host.Success {
		t.Errorf("SO_ERROR is %v", got)
	}
	g.ok("sock_getpeeraddr", fd, g.room(), portAt)

	l.Close()
	refused := g.socket(sockStream)
	g.ok("fd_fdstat_set_flags", refused, flagNonblock)
	ptr, port = g.addr(address)
	errno := g.call("sock_connect", refused, ptr, port)
	if errno == host.EINPROGRESS {
		g.poll(fdSubscription(2, uint32(refused)))
		g.ok("sock_getsockopt", refused, 0, soError, outAt, 4)
		errno = host.Errno(g.u32(outAt))
	}
	if errno != host.ECONNREFUSED {
		t.Errorf("%v, want ECONNREFUSED", errno)
	}
	g.ok("sock_getsockopt", refused, 0, soError, outAt, 4)
	if got := host.Errno(g.u32(outAt)); got != host.Success {
		t.Errorf("SO_ERROR is %v once it was told", got)
	}
}

func TestListen(t *testing.T) {
	g := netGuest(t)
	fd := g.socket(sockStream)
	g.fails(host.EDESTADDRREQ, "sock_listen", fd, 8)
	g.fails(host.EINVAL, "sock_accept", fd, 0, outAt)
	ptr, port := g.addr(netip.MustParseAddrPort("127.0.0.1:0"))
	g.ok("sock_bind", fd, ptr, port)
	g.fails(host.EINVAL, "sock_bind", fd, ptr, port)
	g.ok("sock_listen", fd, 8)
	g.ok("sock_listen", fd, 16)
	g.ok("sock_getlocaladdr", fd, g.room(), portAt)
	client, err := net.Dial("tcp", g.told().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	g.poll(fdSubscription(1, uint32(fd)))
	g.ok("sock_accept", fd, 0, outAt)
	conn := uint64(g.u32(outAt))
	g.ok("sock_getpeeraddr", conn, g.room(), portAt)
	if got := g.told().String(); got != client.LocalAddr().String() {
		t.Errorf("the peer is %s, want %s", got, client.LocalAddr())
	}
	g.fails(host.EINVAL, "sock_bind", conn, ptr, port)
	g.fails(host.ENOTSOCK, "sock_bind", 1, ptr, port)
}

func TestDatagrams(t *testing.T) {
	peer, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	address := netip.MustParseAddrPort(peer.LocalAddr().String())
	g := netGuest(t)
	fd := g.socket(sockDgram)
	iovs, n := g.iovs(2, 3)
	g.fails(host.EDESTADDRREQ, "sock_send", fd, iovs, n, 0, outAt)
	g.write(bufAt, []byte("query"))
	ptr, port := g.addr(address)
	g.ok("sock_send_to", fd, iovs, n, ptr, port, 0, outAt)
	got := make([]byte, 16)
	size, from, err := peer.ReadFrom(got)
	if err != nil || string(got[:size]) != "query" {
		t.Fatalf("the peer got %q, %v", got[:size], err)
	}
	peer.WriteTo([]byte("a long answer"), from)
	for _, flags := range []uint64{1, 0} { // peek, then take
		g.ok("sock_recv_from", fd, iovs, n, g.room(), flags, portAt, outAt, outAt+8)
		if text := string(g.read(bufAt, g.u32(outAt))); text != "a lon" || g.told() != address || g.read(outAt+8, 2)[0] != 1 {
			t.Errorf("received %q from %v, flags %v", text, g.told(), g.read(outAt+8, 2))
		}
	}
	g.ok("sock_connect", fd, ptr, port)
	g.ok("fd_fdstat_set_flags", fd, flagNonblock)
	g.fails(host.EAGAIN, "sock_recv", fd, iovs, n, 0, outAt, outAt+8)
	g.ok("fd_close", fd)
}

// What was not granted is refused, and nothing of it reaches the network.
func TestNetworkIsNotGranted(t *testing.T) {
	_, address := listenLoopback(t)
	g := newGuest(t, wasi.Config{})
	g.fails(host.EACCES, "sock_open", afInet, sockStream, outAt)
	name, size := g.path("localhost")
	g.fails(host.EACCES, "sock_getaddrinfo", name, size, 0, 0, 0, listAt, 1, outAt)

	allow, err := host.ParseAllowNet([]string{"127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	g = newGuest(t, wasi.Config{AllowNet: allow})
	for _, kind := range []uint64{sockStream, sockDgram} {
		fd := g.socket(kind)
		ptr, port := g.addr(address)
		g.fails(host.EACCES, "sock_connect", fd, ptr, port)
		g.fails(host.EACCES, "sock_bind", fd, ptr, port)
		ptr, port = g.addr(netip.MustParseAddrPort("[::1]:1"))
		g.fails(host.EAFNOSUPPORT, "sock_connect", fd, ptr, port)
	}
	iovs, n := g.iovs(4)
	ptr, port := g.addr(address)
	g.fails(host.EACCES, "sock_send_to", g.socket(sockDgram), iovs, n, ptr, port, 0, outAt)
}

func TestGetaddrinfo(t *testing.T) {
	g := netGuest(t, "localhost")
	le := binary.LittleEndian
	list := make([]byte, 200)
	le.PutUint32(list, listAt+16)         // *res
	le.PutUint32(list[16+12:], listAt+64) // ai_addr
	le.PutUint32(list[64+8:], listAt+96)  // sa_data
	g.write(listAt, list)
	name, size := g.path("localhost\x00")
	service, serviceSize := g.path2("8080")
	g.write(bufAt, []byte{0, 0, afInet, sockStream, 0, 0, 0, 0})
	g.ok("sock_getaddrinfo", name, size, service, serviceSize, bufAt, listAt, 1, outAt)
	if n := g.u32(outAt); n != 1 {
		t.Fatalf("%d addresses, want 1", n)
	}
	if got, want := g.read(listAt+96, 6), []byte{8080 >> 8, 8080 & 0xff, 127, 0, 0, 1}; !bytes.Equal(got, want) {
		t.Errorf("the address is %v, want %v", got, want)
	}
	name, size = g.path("other.invalid")
	g.fails(host.EACCES, "sock_getaddrinfo", name, size, 0, 0, 0, listAt, 1, outAt)
	name, size = g.path("localhost")
	g.fails(host.EFAULT, "sock_getaddrinfo", name, size, 0, 0, 0, memBytes, 1, outAt)
	service, serviceSize = g.path2("no such service")
	g.fails(host.ENOENT, "sock_getaddrinfo", name, size, service, serviceSize, 0, listAt, 1, outAt)
}

func TestSocketOptions(t *testing.T) {
	g := netGuest(t)
	fd := g.socket(sockDgram)
	g.write(outAt, []byte{1, 0, 0, 0})
	g.ok("sock_setsockopt", fd, 0, 0, outAt, 4)
	g.ok("sock_setsockopt", fd, 0, 4, outAt, 4)
	g.ok("sock_getsockopt", fd, 0, 1, outAt, 4)
	if got := g.u32(outAt); got != sockDgram {
		t.Errorf("the type is %d", got)
	}
	g.fails(host.EINVAL, "sock_getsockopt", fd, 0, 1, outAt, 8)
	g.fails(host.ENOPROTOOPT, "sock_getsockopt", fd, 6, 1, outAt, 4)
	g.fails(host.ENOPROTOOPT, "sock_setsockopt", fd, 0, 1, outAt, 4)
	g.write(outAt, make([]byte, 4))
	g.fails(host.ENOTSUP, "sock_setsockopt", fd, 0, 0, outAt, 4)
	g.fails(host.ENOTSOCK, "sock_getsockopt", 1, 0, 1, outAt, 4)
}

// A connection that the program was given is one like any other.
func TestDialed(t *testing.T) {
	l, address := listenLoopback(t)
	c, err := net.Dial("tcp", address.String())
	if err != nil {
		t.Fatal(err)
	}
	peer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	g := newGuest(t, wasi.Config{Conns: []net.Conn{c}})
	if errno := g.puts(3, "hello"); errno != host.Success {
		t.Fatal(errno)
	}
	got := make([]byte, 5)
	if _, err := peer.Read(got); err != nil || string(got) != "hello" {
		t.Errorf("the peer got %q, %v", got, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	g.ctx = ctx
	ptr, n := g.iovs(4)
	if _, err := g.mod.ExportedFunction("sock_recv").Call(ctx, 3, ptr, n, 0, outAt, outAt+8); err == nil {
		t.Error("the wait does not end with its context")
	}
}
