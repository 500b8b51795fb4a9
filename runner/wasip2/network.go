package wasip2

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/tracetool/tracetool/runner/component"
	"github.com/tracetool/tracetool/runner/host"
)

// socketInterfaces are the functions of wasi:sockets.
var socketInterfaces = []Interface{
	{"wasi:sockets/network", []Function{
		{"network-error-code", "(err: borrow<$error>) -> option<$net-error>", on(ioErrors, (*ioError).networkErrorCode)},
	}},
	{"wasi:sockets/instance-network", []Function{
		{"instance-network", "() -> own<$network>", (*Host).instanceNetwork},
	}},
	{"wasi:sockets/ip-name-lookup", []Function{
		{"resolve-addresses", "(network: borrow<$network>, name: string) -> result<own<$lookup>, $net-error>", (*Host).resolveAddresses},
		{"[method]resolve-address-stream.resolve-next-address", "() -> result<option<$ip-address>, $net-error>", on(lookups, (*nameLookup).next)},
		{"[method]resolve-address-stream.subscribe", "() -> own<$pollable>", on(lookups, (*nameLookup).subscribe)},
	}},
	{"wasi:sockets/tcp-create-socket", []Function{
		{"create-tcp-socket", "(address-family: $family) -> result<own<$tcp-socket>, $net-error>", (*Host).createTCP},
	}},
	{"wasi:sockets/tcp", []Function{
		{"[method]tcp-socket.start-bind", "(network: borrow<$network>, local-address: $socket-address) -> result<_, $net-error>", on(tcpSockets, (*tcpSocket).startBind)},
		{"[method]tcp-socket.finish-bind", "() -> result<_, $net-error>", on(tcpSockets, (*tcpSocket).finishBind)},
		{"[method]tcp-socket.start-connect", "(network: borrow<$network>, remote-address: $socket-address) -> result<_, $net-error>", on(tcpSockets, (*tcpSocket).startConnect)},
		{"[method]tcp-socket.finish-connect", "() -> result<tuple<own<$input>, own<$output>>, $net-error>", on(tcpSockets, (*tcpSocket).finishConnect)},
		{"[method]tcp-socket.start-listen", "() -> result<_, $net-error>", on(tcpSockets, (*tcpSocket).startListen)},
		{"[method]tcp-socket.finish-listen", "() -> result<_, $net-error>", on(tcpSockets, (*tcpSocket).finishListen)},
		{"[method]tcp-socket.accept", "() -> result<tuple<own<$tcp-socket>, own<$input>, own<$output>>, $net-error>", on(tcpSockets, (*tcpSocket).accept)},
		{"[method]tcp-socket.local-address", "() -> result<$socket-address, $net-error>", on(tcpSockets, (*tcpSocket).localAddress)},
		{"[method]tcp-socket.remote-address", "() -> result<$socket-address, $net-error>", on(tcpSockets, (*tcpSocket).remoteAddress)},
		{"[method]tcp-socket.is-listening", "() -> bool", on(tcpSockets, (*tcpSocket).isListening)},
		{"[method]tcp-socket.address-family", "() -> $family", on(tcpSockets, (*tcpSocket).addressFamily)},
		{"[method]tcp-socket.set-listen-backlog-size", "(value: u64) -> result<_, $net-error>", on(tcpSockets, (*tcpSocket).setBacklog)},
		{"[method]tcp-socket.keep-alive-enabled", "() -> result<bool, $net-error>", on(tcpSockets, (*tcpSocket).keepAliveEnabled)},
		{"[method]tcp-socket.set-keep-alive-enabled", "(value: bool) -> result<_, $net-error>", on(tcpSockets, (*tcpSocket).setKeepAliveEnabled)},
		{"[method]tcp-socket.keep-alive-idle-time", "() -> result<u64, $net-error>", on(tcpSockets, getTCPOption(optIdle))},
		{"[method]tcp-socket.set-keep-alive-idle-time", "(value: u64) -> result<_, $net-error>", on(tcpSockets, setTCPOption(optIdle, readU64))},
		{"[method]tcp-socket.keep-alive-interval", "() -> result<u64, $net-error>", on(tcpSockets, getTCPOption(optInterval))},
		{"[method]tcp-socket.set-keep-alive-interval", "(value: u64) -> result<_, $net-error>", on(tcpSockets, setTCPOption(optInterval, readU64))},
		{"[method]tcp-socket.keep-alive-count", "() -> result<u32, $net-error>", on(tcpSockets, getTCPOption(optCount))},
		{"[method]tcp-socket.set-keep-alive-count", "(value: u32) -> result<_, $net-error>", on(tcpSockets, setTCPOption(optCount, readU32))},
		{"[method]tcp-socket.hop-limit", "() -> result<u8, $net-error>", on(tcpSockets, getTCPOption(optHops))},
		{"[method]tcp-socket.set-hop-limit", "(value: u8) -> result<_, $net-error>", on(tcpSockets, setTCPOption(optHops, readU8))},
		{"[method]tcp-socket.receive-buffer-size", "() -> result<u64, $net-error>", on(tcpSockets, getTCPOption(optReceive))},
		{"[method]tcp-socket.set-receive-buffer-size", "(value: u64) -> result<_, $net-error>", on(tcpSockets, setTCPOption(optReceive, readU64))},
		{"[method]tcp-socket.send-buffer-size", "() -> result<u64, $net-error>", on(tcpSockets, getTCPOption(optSend))},
		{"[method]tcp-socket.set-send-buffer-size", "(value: u64) -> result<_, $net-error>", on(tcpSockets, setTCPOption(optSend, readU64))},
		{"[method]tcp-socket.subscribe", "() -> own<$pollable>", on(tcpSockets, (*tcpSocket).subscribe)},
		{"[method]tcp-socket.shutdown", "(shutdown-type: $shutdown) -> result<_, $net-error>", on(tcpSockets, (*tcpSocket).shutdown)},
	}},
	{"wasi:sockets/udp-create-socket", []Function{
		{"create-udp-socket", "(address-family: $family) -> result<own<$udp-socket>, $net-error>", (*Host).createUDP},
	}},
	{"wasi:sockets/udp", []Function{
		{"[method]udp-socket.start-bind", "(network: borrow<$network>, local-address: $socket-address) -> result<_, $net-error>", on(udpSockets, (*udpSocket).startBind)},
		{"[method]udp-socket.finish-bind", "() -> result<_, $net-error>", on(udpSockets, (*udpSocket).finishBind)},
		{"[method]udp-socket.stream", "(remote-address: option<$socket-address>) -> result<tuple<own<$udp-incoming>, own<$udp-outgoing>>, $net-error>", on(udpSockets, (*udpSocket).stream)},
		{"[method]udp-socket.local-address", "() -> result<$socket-address, $net-error>", on(udpSockets, (*udpSocket).localAddress)},
		{"[method]udp-socket.remote-address", "() -> result<$socket-address, $net-error>", on(udpSockets, (*udpSocket).remoteAddress)},
		{"[method]udp-socket.address-family", "() -> $family", on(udpSockets, (*udpSocket).addressFamily)},
		{"[method]udp-socket.unicast-hop-limit", "() -> result<u8, $net-error>", on(udpSockets, getUDPOption(optHops))},
		{"[method]udp-socket.set-unicast-hop-limit", "(value: u8) -> result<_, $net-error>", on(udpSockets, setUDPOption(optHops, readU8))},
		{"[method]udp-socket.receive-buffer-size", "() -> result<u64, $net-error>", on(udpSockets, getUDPOption(optReceive))},
		{"[method]udp-socket.set-receive-buffer-size", "(value: u64) -> result<_, $net-error>", on(udpSockets, setUDPOption(optReceive, readU64))},
		{"[method]udp-socket.send-buffer-size", "() -> result<u64, $net-error>", on(udpSockets, getUDPOption(optSend))},
		{"[method]udp-socket.set-send-buffer-size", "(value: u64) -> result<_, $net-error>", on(udpSockets, setUDPOption(optSend, readU64))},
		{"[method]udp-socket.subscribe", "() -> own<$pollable>", on(udpSockets, (*udpSocket).subscribe)},
		{"[method]incoming-datagram-stream.receive", "(max-results: u64) -> result<list<record{data: list<u8>, remote-address: $socket-address}>, $net-error>", on(udpIncoming, (*datagramsIn).receive)},
		{"[method]incoming-datagram-stream.subscribe", "() -> own<$pollable>", on(udpIncoming, (*datagramsIn).subscribe)},
		{"[method]outgoing-datagram-stream.check-send", "() -> result<u64, $net-error>", on(udpOutgoing, (*datagramsOut).checkSend)},
		{"[method]outgoing-datagram-stream.send", "(datagrams: list<record{data: list<u8>, remote-address: option<$socket-address>}>) -> result<u64, $net-error>", on(udpOutgoing, (*datagramsOut).send)},
		{"[method]outgoing-datagram-stream.subscribe", "() -> own<$pollable>", on(udpOutgoing, (*datagramsOut).subscribe)},
	}},
}

// netError is an error-code of wasi:sockets, "invalid-state", that is no
// condition of the host.
type netError string

func (e netError) Error() string { return string(e) }

// The error codes that the state of a socket gives rise to.
const (
	errAccessDenied    = netError("access-denied")
	errInvalidArgument = netError("invalid-argument")
	errInvalidState    = netError("invalid-state")
	errNotInProgress   = netError("not-in-progress")
	errConcurrency     = netError("concurrency-conflict")
	errWouldBlock      = netError("would-block")
)

var (
	netNames = cases("net-error")
	// netCodes are the error codes of wasi:sockets. What is not here is
	// unknown.
	netCodes = codes("net-error", map[host.Errno]string{
		host.EACCES: "access-denied", host.EPERM: "access-denied", host.ENOTSUP: "not-supported",
		host.EAFNOSUPPORT: "not-supported", host.EINVAL: "invalid-argument", host.ENOMEM: "out-of-memory",
		host.ENOBUFS: "out-of-memory", host.ETIMEDOUT: "timeout", host.EAGAIN: "would-block",
		host.EMFILE: "new-socket-limit", host.ENFILE: "new-socket-limit",
		host.EADDRNOTAVAIL: "address-not-bindable", host.EADDRINUSE: "address-in-use",
		host.ENETUNREACH: "remote-unreachable", host.EHOSTUNREACH: "remote-unreachable",
		host.ECONNREFUSED: "connection-refused", host.ECONNRESET: "connection-reset", host.EPIPE: "connection-reset",
		host.ECONNABORTED: "connection-aborted", host.EMSGSIZE: "datagram-too-large",
	})
)

func netCode(err error) int {
	if own, ok := err.(netError); ok {
		return netNames[string(own)]
	}
	return netCodes[host.ErrnoOf(err)]
}

// netFail writes an error of wasi:sockets as the result.
func netFail(c *component.Call, err error) error {
	c.Result.Err()
	c.Result.Case(netCode(err))
	return nil
}

// netDone writes result<_, error-code>.
func netDone(c *component.Call, err error) error {
	if err != nil {
		return netFail(c, err)
	}
	c.Result.OK()
	return nil
}

// streamFailure is the error of a stream of a socket.
type streamFailure struct{ error }

// network-error-code
func (e *ioError) networkErrorCode(_ context.Context, _ *Host, c *component.Call) error {
	failure, ok := e.err.(streamFailure)
	if !ok {
		c.Result.None()
		return nil
	}
	c.Result.Some()
	c.Result.Case(netCode(failure.error))
	return nil
}

// network is the resource network, which stands for all that the guest may use.
type network struct{}

func (network) close() {}

// instance-network
func (h *Host) instanceNetwork(_ context.Context, c *component.Call) error {
	return give(&h.networks, c, network{})
}

// family is the address family of a socket.
type family int

const (
	ipv4 family = iota
	ipv6
)

// name is Go's name of the protocol for the family: "tcp6".
func (f family) name(protocol string) string { return protocol + [...]string{"4", "6"}[f] }

// fits tells whether a socket of the family can use an address. IPv4 in IPv6 is
// for neither.
func (f family) fits(addr netip.Addr) bool {
	return addr.Is4() == (f == ipv4) && !addr.Is4In6() && !addr.IsMulticast() && addr != broadcast
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// decodeAddress reads an ip-socket-address.
func decodeAddress(c *component.Call) netip.AddrPort {
	if c.Args.Case() == int(ipv4) {
		port := c.Args.U16()
		var ip [4]byte
		for i := range ip {
			ip[i] = c.Args.U8()
		}
		return netip.AddrPortFrom(netip.AddrFrom4(ip), port)
	}
	port := c.Args.U16()
	c.Args.U32() // flow-info, which the library cannot set
	var ip [16]byte
	for i := range 8 {
		binary.BigEndian.PutUint16(ip[2*i:], c.Args.U16())
	}
	addr := netip.AddrFrom16(ip)
	if scope := c.Args.U32(); scope != 0 {
		addr = addr.WithZone(strconv.FormatUint(uint64(scope), 10))
	}
	return netip.AddrPortFrom(addr, port)
}

// encodeAddress writes an ip-socket-address.
func encodeAddress(c *component.Call, a netip.AddrPort) {
	addr := a.Addr()
	if addr.Is4() {
		c.Result.Case(int(ipv4))
		c.Result.U16(a.Port())
		encodeIP(c, addr)
		return
	}
	c.Result.Case(int(ipv6))
	c.Result.U16(a.Port())
	c.Result.U32(0)
	encodeIP(c, addr)
	c.Result.U32(host.ScopeID(addr.Zone()))
}

// encodeIP writes the numbers of an address.
func encodeIP(c *component.Call, addr netip.Addr) {
	if addr.Is4() {
		for _, b := range addr.As4() {
			c.Result.U8(b)
		}
		return
	}
	ip := addr.As16()
	for i := range 8 {
		c.Result.U16(binary.BigEndian.Uint16(ip[2*i:]))
	}
}

// addrPort is the address of a socket of the host.
func addrPort(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := a.(type) {
	case *net.TCPAddr:
		ap = a.AddrPort()
	case *net.UDPAddr:
		ap = a.AddrPort()
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// addressDone writes result<ip-socket-address, error-code>.
func addressDone(c *component.Call, a netip.AddrPort, err error) error {
	if err != nil {
		return netFail(c, err)
	}
	c.Result.OK()
	encodeAddress(c, a)
	return nil
}

// checkRemote checks an address that a socket of a family is to send to.
func (h *Host) checkRemote(f family, remote netip.AddrPort) error {
	switch {
	case !f.fits(remote.Addr()), remote.Addr().IsUnspecified(), remote.Port() == 0:
		return errInvalidArgument
	case !h.allowNet.Address(remote):
		return errAccessDenied
	}
	return nil
}

// mayListen tells whether the guest may be reached at an address, where port 0
// is any that is free.
func (h *Host) mayListen(a netip.AddrPort) bool {
	return h.allowNet.Address(a) || slices.ContainsFunc(h.listen, func(r listenRule) bool { return r.match(a) })
}

// offline tells that the guest may use no socket at all.
func (h *Host) offline() bool { return len(h.listen) == 0 && h.allowNet == nil }

// checkBind checks an address to bind to. Any free port will do for a guest
// that may send anything at all: it is not reached there unless it listens.
func (h *Host) checkBind(f family, local netip.AddrPort) error {
	switch {
	case !f.fits(local.Addr()):
		return errInvalidArgument
	case h.mayListen(local), local.Port() == 0 && h.allowNet != nil:
		return nil
	}
	return errAccessDenied
}

func (h *Host) nameSockets() {
	named(h, &h.networks, types["network"])
	named(h, &h.lookups, types["lookup"])
	named(h, &h.tcpSockets, types["tcp-socket"])
	named(h, &h.udpSockets, types["udp-socket"])
	named(h, &h.udpIncoming, types["udp-incoming"])
	named(h, &h.udpOutgoing, types["udp-outgoing"])
}

// socketResources are the resources of wasi:sockets.
type socketResources struct {
	networks    resources[network]
	lookups     resources[*nameLookup]
	tcpSockets  resources[*tcpSocket]
	udpSockets  resources[*udpSocket]
	udpIncoming resources[*datagramsIn]
	udpOutgoing resources[*datagramsOut]
}

func lookups(h *Host) *resources[*nameLookup]       { return &h.lookups }
func tcpSockets(h *Host) *resources[*tcpSocket]     { return &h.tcpSockets }
func udpSockets(h *Host) *resources[*udpSocket]     { return &h.udpSockets }
func udpIncoming(h *Host) *resources[*datagramsIn]  { return &h.udpIncoming }
func udpOutgoing(h *Host) *resources[*datagramsOut] { return &h.udpOutgoing }
