package wasip2

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/tracetool/tracetool/runner/component"
	"github.com/tracetool/tracetool/runner/host"
)

// udpSocket is the resource udp-socket.
type udpSocket struct {
	kin
	family  family
	options options
	conn    *net.UDPConn // nil: not bound
	binding bool         // bound, but the guest has not called finish-bind
	local   netip.AddrPort
	remote  netip.AddrPort
	inbox   *inbox
}

// create-udp-socket
func (h *Host) createUDP(_ context.Context, c *component.Call) error {
	if h.offline() {
		return netFail(c, errAccessDenied)
	}
	s := &udpSocket{family: family(c.Args.Case()), options: newOptions()}
	c.Result.OK()
	return give(&h.udpSockets, c, s)
}

func (s *udpSocket) close() {
	if s.conn == nil {
		return
	}
	s.conn.Close()
	if s.inbox != nil {
		s.inbox.stop()
	}
}

// [method]udp-socket.start-bind
func (s *udpSocket) startBind(_ context.Context, h *Host, c *component.Call) error {
	if _, err := h.networks.get(c.Args.Rep()); err != nil {
		return err
	}
	return netDone(c, s.bind(h, decodeAddress(c)))
}

func (s *udpSocket) bind(h *Host, local netip.AddrPort) error {
	if s.conn != nil {
		return errInvalidState
	}
	if err := h.checkBind(s.family, local); err != nil {
		return err
	}
	conn, err := net.ListenUDP(s.family.name("udp"), net.UDPAddrFromAddrPort(local))
	if err != nil {
		return err
	}
	s.conn, s.local, s.binding = conn, addrPort(conn.LocalAddr()), true
	return s.applyOptions()
}

// [method]udp-socket.finish-bind
func (s *udpSocket) finishBind(_ context.Context, _ *Host, c *component.Call) error {
	if !s.binding {
		return netFail(c, errNotInProgress)
	}
	s.binding = false
	return netDone(c, nil)
}

func (s *udpSocket) bound() bool { return s.conn != nil && !s.binding }

func (s *udpSocket) applyOptions() error {
	if s.conn == nil {
		return nil
	}
	return s.options.apply(s.conn, s.family)
}

// [method]udp-socket.stream
//
// The host's socket may stay unconnected, and may have heard from elsewhere
// before: what does not come from the remote address is dropped here.
func (s *udpSocket) stream(_ context.Context, h *Host, c *component.Call) error {
	if err := s.noStreams(); err != nil {
		return err
	}
	if !s.bound() {
		return netFail(c, errInvalidState)
	}
	remote := netip.AddrPort{}
	if c.Args.Some() {
		remote = decodeAddress(c)
		if err := h.checkRemote(s.family, remote); err != nil {
			return netFail(c, err)
		}
	}
	if err := host.ConnectUDP(s.conn, remote); err != nil {
		return netFail(c, err)
	}
	s.remote, s.local = remote, localFor(s.conn, remote)
	if s.inbox == nil {
		s.inbox = newInbox(s.conn, h.wake)
	}
	_ = s.inbox.failure() // of the remote before
	c.Result.OK()
	if err := giveChild(&h.udpIncoming, c, s, &datagramsIn{socket: s}); err != nil {
		return err
	}
	return giveChild(&h.udpOutgoing, c, s, &datagramsOut{socket: s})
}

// noStreams traps a guest that has streams of the socket.
func (s *udpSocket) noStreams() error {
	for child := s.child; child != nil; child = child.older {
		if child.name != types["pollable"] {
			return s.childError(child)
		}
	}
	return nil
}

// localFor is the address that what a socket sends to remote comes from. If the
// socket is bound to any, the host finds out by another one that is connected.
func localFor(conn *net.UDPConn, remote netip.AddrPort) netip.AddrPort {
	local := addrPort(conn.LocalAddr())
	if !remote.IsValid() || !local.Addr().IsUnspecified() {
		return local
	}
	probe, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(remote))
	if err != nil {
		return local
	}
	defer probe.Close()
	return netip.AddrPortFrom(addrPort(probe.LocalAddr()).Addr(), local.Port())
}

// [method]udp-socket.local-address
func (s *udpSocket) localAddress(_ context.Context, _ *Host, c *component.Call) error {
	if !s.bound() {
		return netFail(c, errInvalidState)
	}
	return addressDone(c, s.local, nil)
}

// [method]udp-socket.remote-address
func (s *udpSocket) remoteAddress(_ context.Context, _ *Host, c *component.Call) error {
	if !s.remote.IsValid() {
		return netFail(c, errInvalidState)
	}
	return addressDone(c, s.remote, nil)
}

// [method]udp-socket.address-family
func (s *udpSocket) addressFamily(_ context.Context, _ *Host, c *component.Call) error {
	c.Result.Case(int(s.family))
	return nil
}

// [method]udp-socket.subscribe
func (s *udpSocket) subscribe(_ context.Context, h *Host, c *component.Call) error {
	return h.subscribe(c, s, func() bool { return true })
}

// datagramsIn is the resource incoming-datagram-stream.
type datagramsIn struct {
	kin
	socket *udpSocket
}

func (*datagramsIn) close() {}

func (d *datagramsIn) ready() bool { return d.socket.inbox.ready(d.socket.remote) }

// [method]incoming-datagram-stream.subscribe
func (d *datagramsIn) subscribe(_ context.Context, h *Host, c *component.Call) error {
	return h.subscribe(c, d, d.ready)
}

// [method]incoming-datagram-stream.receive
func (d *datagramsIn) receive(_ context.Context, _ *Host, c *component.Call) error {
	limit := c.Args.U64()
	list, err := d.socket.inbox.take(d.socket.remote, int(min(limit, inboxSize)))
	if err != nil {
		return netFail(c, err)
	}
	c.Result.OK()
	c.Result.Len(len(list))
	for _, g := range list {
		c.Result.Blob(g.data)
		encodeAddress(c, g.from)
	}
	return nil
}

// maxSend is how many datagrams check-send permits.
const maxSend = 64

// datagramsOut is the resource outgoing-datagram-stream.
type datagramsOut struct {
	kin
	socket *udpSocket
	permit int
}

func (*datagramsOut) close() {}

// [method]outgoing-datagram-stream.check-send
func (d *datagramsOut) checkSend(_ context.Context, _ *Host, c *component.Call) error {
	d.permit = maxSend
	c.Result.OK()
	c.Result.U64(maxSend)
	return nil
}

// [method]outgoing-datagram-stream.subscribe
func (d *datagramsOut) subscribe(_ context.Context, h *Host, c *component.Call) error {
	return h.subscribe(c, d, func() bool { return true })
}

// [method]outgoing-datagram-stream.send
func (d *datagramsOut) send(_ context.Context, h *Host, c *component.Call) error {
	n := c.Args.Len()
	if n > d.permit {
		return fmt.Errorf("send of %d datagrams, want at most the %d that check-send permits", n, d.permit)
	}
	var err error
	if n > 0 {
		err = d.socket.inbox.failure()
	}
	sent := 0
	for ; sent < n && err == nil; sent++ {
		data, to := c.Args.Blob(), d.socket.remote
		if c.Args.Some() {
			to, err = d.socket.destination(decodeAddress(c))
		}
		if err == nil {
			err = d.socket.send(h, data, to)
		}
		if err != nil {
			break
		}
	}
	if err != nil && sent == 0 {
		return netFail(c, err)
	}
	d.permit -= sent
	c.Result.OK()
	c.Result.U64(uint64(sent))
	return nil
}

// destination checks the address of a datagram against that of the streams.
func (s *udpSocket) destination(to netip.AddrPort) (netip.AddrPort, error) {
	if s.remote.IsValid() && to != s.remote {
		return to, errInvalidArgument
	}
	return to, nil
}

func (s *udpSocket) send(h *Host, data []byte, to netip.AddrPort) error {
	if !to.IsValid() {
		return errInvalidArgument
	}
	if err := h.checkRemote(s.family, to); err != nil {
		return err
	}
	_, err := s.conn.WriteToUDPAddrPort(data, to)
	return err
}

// inbox holds what has arrived at a socket, or an error, until the guest takes
// it. When it is full, the host's socket keeps what it can.
type inbox struct {
	conn *net.UDPConn
	wake host.Signal

	mu      sync.Mutex
	room    sync.Cond
	list    []datagram
	stopped bool
	err     error // behind what is in list: that nobody listens, say
}

// datagram is one that has arrived.
type datagram struct {
	data []byte
	from netip.AddrPort
}

// inboxSize is how many datagrams an inbox holds.
const inboxSize = 64

func newInbox(conn *net.UDPConn, wake host.Signal) *inbox {
	b := &inbox{conn: conn, wake: wake}
	b.room.L = &b.mu
	go b.run()
	return b
}

// maxDatagram is the largest datagram there is.
const maxDatagram = 64 << 10

func (b *inbox) run() {
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := b.conn.ReadFromUDPAddrPort(buf)
		if !b.put(datagram{append([]byte(nil), buf[:n]...), netip.AddrPortFrom(from.Addr().Unmap(), from.Port())}, err) {
			return
		}
	}
}

// put waits until there is room for more. It tells whether there may be any.
func (b *inbox) put(g datagram, err error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err = err; err == nil {
		b.list = append(b.list, g)
	}
	b.wake.Notify()
	for (len(b.list) >= inboxSize || b.err != nil) && !b.stopped {
		b.room.Wait()
	}
	return !b.stopped
}

// failure takes the error, if there is one.
func (b *inbox) failure() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	err := b.err
	b.err = nil
	b.room.Signal()
	return err
}

// stop ends run, whose socket is closed.
func (b *inbox) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = true
	b.room.Signal()
}

// sift drops from the front what does not come from remote, if that is valid.
func (b *inbox) sift(remote netip.AddrPort) {
	for len(b.list) > 0 && remote.IsValid() && b.list[0].from != remote {
		b.list = b.list[1:]
	}
	b.room.Signal()
}

func (b *inbox) ready(remote netip.AddrPort) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sift(remote)
	return len(b.list) > 0 || b.err != nil
}

// take returns up to n datagrams.
func (b *inbox) take(remote netip.AddrPort, n int) ([]datagram, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var taken []datagram
	for len(taken) < n {
		if b.sift(remote); len(b.list) == 0 {
			break
		}
		taken = append(taken, b.list[0])
		b.list = b.list[1:]
	}
	var err error
	if len(taken) == 0 && n > 0 {
		err, b.err = b.err, nil
	}
	b.room.Signal()
	return taken, err
}
