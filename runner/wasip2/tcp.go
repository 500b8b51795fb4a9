package wasip2

import (
	"context"
	"net"
	"net/netip"

	"github.com/tracetool/tracetool/runner/component"
	"github.com/tracetool/tracetool/runner/host"
)

// tcpState is where a socket is in its life.
type tcpState int

const (
	tcpUnbound tcpState = iota
	tcpBinding
	tcpBound
	tcpStartListening
	tcpListening
	tcpConnecting
	tcpConnected
	tcpClosed
)

// tcpSocket is the resource tcp-socket. Binding and listening are done at once;
// what is left for the finish functions is to say so.
type tcpSocket struct {
	kin
	family   family
	state    tcpState
	options  options
	wanted   netip.AddrPort              // to bind to
	listener net.Listener                // holds the port from binding on, until connecting
	next     *host.Pending[net.Conn]     // of the listener
	dialing  *host.Pending[*net.TCPConn] // while connecting
	cancel   context.CancelFunc          // of dialing
	conn     *tcpConn                    // when connected
}

// create-tcp-socket
func (h *Host) createTCP(_ context.Context, c *component.Call) error {
	if h.offline() {
		return netFail(c, errAccessDenied)
	}
	s := &tcpSocket{family: family(c.Args.Case()), options: newOptions()}
	c.Result.OK()
	return give(&h.tcpSockets, c, s)
}

func (s *tcpSocket) close() {
	s.stopListening()
	if s.dialing != nil {
		s.cancel()
		s.dialing.Discard(func(c *net.TCPConn) { c.Close() })
	}
	if s.conn != nil {
		s.conn.close()
	}
	s.state = tcpClosed
}

func (s *tcpSocket) stopListening() {
	if s.listener == nil {
		return
	}
	s.listener.Close()
	if s.next != nil {
		s.next.Discard(func(c net.Conn) { c.Close() })
	}
	s.listener = nil
}

// in fails unless the socket is in one of the states.
func (s *tcpSocket) in(states ...tcpState) error {
	for _, state := range states {
		if s.state == state {
			return nil
		}
	}
	switch s.state {
	case tcpBinding, tcpStartListening, tcpConnecting:
		return errConcurrency
	}
	return errInvalidState
}

// [method]tcp-socket.start-bind
func (s *tcpSocket) startBind(ctx context.Context, h *Host, c *component.Call) error {
	if _, err := h.networks.get(c.Args.Rep()); err != nil {
		return err
	}
	return netDone(c, s.bind(ctx, h, decodeAddress(c)))
}

// bind takes the port by listening on it already: a connection that comes before
// the guest listens waits for it.
func (s *tcpSocket) bind(ctx context.Context, h *Host, local netip.AddrPort) error {
	if err := s.in(tcpUnbound); err != nil {
		return err
	}
	if err := h.checkBind(s.family, local); err != nil {
		return err
	}
	config := net.ListenConfig{KeepAlive: -1}
	config.SetMultipathTCP(false) // which has not all options
	l, err := config.Listen(ctx, s.family.name("tcp"), local.String())
	if err != nil {
		return err
	}
	s.state, s.wanted, s.listener = tcpBinding, local, l
	return nil
}

// finish goes from one state to the next.
func (s *tcpSocket) finish(c *component.Call, from, to tcpState) error {
	if s.state != from {
		return netFail(c, errNotInProgress)
	}
	s.state = to
	return netDone(c, nil)
}

// [method]tcp-socket.finish-bind
func (s *tcpSocket) finishBind(_ context.Context, _ *Host, c *component.Call) error {
	return s.finish(c, tcpBinding, tcpBound)
}

// [method]tcp-socket.start-listen
func (s *tcpSocket) startListen(_ context.Context, h *Host, c *component.Call) error {
	if err := s.in(tcpBound); err != nil {
		return netFail(c, err)
	}
	if !h.mayListen(s.wanted) {
		return netFail(c, errAccessDenied)
	}
	s.state = tcpStartListening
	return netDone(c, nil)
}

// [method]tcp-socket.finish-listen
func (s *tcpSocket) finishListen(_ context.Context, h *Host, c *component.Call) error {
	if s.state == tcpStartListening {
		s.next = host.NewPending(s.listener.Accept, h.wake)
	}
	return s.finish(c, tcpStartListening, tcpListening)
}

// [method]tcp-socket.accept
func (s *tcpSocket) accept(_ context.Context, h *Host, c *component.Call) error {
	switch {
	case s.state != tcpListening:
		return netFail(c, errInvalidState)
	case !s.next.Ready():
		return netFail(c, errWouldBlock)
	}
	conn, err := s.next.Take()
	if err != nil {
		return netFail(c, err)
	}
	accepted := &tcpSocket{family: s.family, state: tcpConnected, options: s.options}
	accepted.conn = newTCPConn(h, conn.(*net.TCPConn))
	_ = accepted.applyOptions() // if it is broken already, reading will tell
	c.Result.OK()
	if err := give(&h.tcpSockets, c, accepted); err != nil {
		return err
	}
	return accepted.giveStreams(h, c)
}

// [method]tcp-socket.start-connect
func (s *tcpSocket) startConnect(_ context.Context, h *Host, c *component.Call) error {
	if _, err := h.networks.get(c.Args.Rep()); err != nil {
		return err
	}
	return netDone(c, s.connect(h, decodeAddress(c)))
}

func (s *tcpSocket) connect(h *Host, remote netip.AddrPort) error {
	if err := s.in(tcpUnbound, tcpBound); err != nil {
		return err
	}
	if err := h.checkRemote(s.family, remote); err != nil {
		return err
	}
	dialer := net.Dialer{KeepAlive: -1}
	if s.listener != nil {
		dialer.LocalAddr = s.listener.Addr()
		s.stopListening()
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.state, s.cancel = tcpConnecting, cancel
	s.dialing = host.NewPending(func() (*net.TCPConn, error) {
		conn, err := dialer.DialContext(ctx, s.family.name("tcp"), remote.String())
		if err != nil {
			return nil, err
		}
		return conn.(*net.TCPConn), nil
	}, h.wake)
	s.dialing.Start()
	return nil
}

// [method]tcp-socket.finish-connect
func (s *tcpSocket) finishConnect(_ context.Context, h *Host, c *component.Call) error {
	switch {
	case s.state != tcpConnecting:
		return netFail(c, errNotInProgress)
	case !s.dialing.Ready():
		return netFail(c, errWouldBlock)
	}
	conn, err := s.dialing.Take()
	s.dialing = nil
	s.cancel()
	if err != nil {
		s.state = tcpClosed
		return netFail(c, err)
	}
	s.state, s.conn = tcpConnected, newTCPConn(h, conn)
	_ = s.applyOptions() // if it is broken already, reading will tell
	c.Result.OK()
	return s.giveStreams(h, c)
}

// giveStreams gives the guest the two directions of the connection.
func (s *tcpSocket) giveStreams(h *Host, c *component.Call) error {
	if err := giveChild(&h.inputs, c, s, &inputStream{in: s.conn}); err != nil {
		return err
	}
	return giveChild(&h.outputs, c, s, &outputStream{out: tcpOutput{s.conn}})
}

// applyOptions gives the connection, if there is one, the options.
func (s *tcpSocket) applyOptions() error {
	if s.conn == nil {
		return nil
	}
	return s.options.apply(s.conn.tcp, s.family)
}

// [method]tcp-socket.local-address
func (s *tcpSocket) localAddress(_ context.Context, _ *Host, c *component.Call) error {
	switch {
	case s.conn != nil:
		return addressDone(c, addrPort(s.conn.tcp.LocalAddr()), nil)
	case s.listener != nil && s.state != tcpBinding:
		return addressDone(c, addrPort(s.listener.Addr()), nil)
	}
	return netFail(c, errInvalidState)
}

// [method]tcp-socket.remote-address
func (s *tcpSocket) remoteAddress(_ context.Context, _ *Host, c *component.Call) error {
	if s.conn == nil {
		return netFail(c, errInvalidState)
	}
	return addressDone(c, addrPort(s.conn.tcp.RemoteAddr()), nil)
}

// [method]tcp-socket.is-listening
func (s *tcpSocket) isListening(_ context.Context, _ *Host, c *component.Call) error {
	c.Result.Bool(s.state == tcpListening)
	return nil
}

// [method]tcp-socket.address-family
func (s *tcpSocket) addressFamily(_ context.Context, _ *Host, c *component.Call) error {
	c.Result.Case(int(s.family))
	return nil
}

// [method]tcp-socket.set-listen-backlog-size
//
// The backlog is the host's choice.
func (s *tcpSocket) setBacklog(_ context.Context, _ *Host, c *component.Call) error {
	switch {
	case c.Args.U64() == 0:
		return netFail(c, errInvalidArgument)
	case s.state >= tcpConnecting:
		return netFail(c, errInvalidState)
	}
	return netDone(c, nil)
}

// [method]tcp-socket.keep-alive-enabled
func (s *tcpSocket) keepAliveEnabled(_ context.Context, _ *Host, c *component.Call) error {
	c.Result.OK()
	c.Result.Bool(s.options.keepAlive)
	return nil
}

// [method]tcp-socket.set-keep-alive-enabled
func (s *tcpSocket) setKeepAliveEnabled(_ context.Context, _ *Host, c *component.Call) error {
	s.options.keepAlive, s.options.keepAliveSet = c.Args.Bool(), true
	return netDone(c, s.applyOptions())
}

// [method]tcp-socket.subscribe
func (s *tcpSocket) subscribe(_ context.Context, h *Host, c *component.Call) error {
	return h.subscribe(c, s, s.ready)
}

func (s *tcpSocket) ready() bool {
	switch s.state {
	case tcpConnecting:
		return s.dialing.Ready()
	case tcpListening:
		return s.next.Ready()
	}
	return true
}

// The cases of shutdown-type.
const (
	shutReceive = iota
	shutSend
	shutBoth
)

// [method]tcp-socket.shutdown
func (s *tcpSocket) shutdown(_ context.Context, _ *Host, c *component.Call) error {
	how := c.Args.Case()
	if s.state != tcpConnected {
		return netFail(c, errInvalidState)
	}
	if how != shutSend {
		if err := s.conn.Shutdown(true, false); err != nil && err != host.ENOTCONN {
			return netFail(c, err)
		}
	}
	if how != shutReceive {
		s.conn.endOutput()
	}
	return netDone(c, nil)
}
