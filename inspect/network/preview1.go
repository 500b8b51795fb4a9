package network

import (
	"bytes"
	"encoding/binary"
	"maps"
	"math"
	"net/netip"
	"slices"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
)

// errnoAgain is EAGAIN of WASI preview1.
const errnoAgain = 6

// handler makes an activity of a call. It is false if the call is none.
type handler func(*callView) bool

// handlers are the functions of WASI preview1 that this package looks at.
var handlers = map[string]handler{
	"fd_close":          (*callView).close,
	"fd_read":           (*callView).read,
	"fd_renumber":       (*callView).renumber,
	"fd_write":          (*callView).write,
	"path_open":         (*callView).pathOpen,
	"sock_accept":       (*callView).accept,
	"sock_bind":         (*callView).bind,
	"sock_connect":      (*callView).dial,
	"sock_getaddrinfo":  (*callView).lookup,
	"sock_getlocaladdr": (*callView).localAddress,
	"sock_getpeeraddr":  (*callView).peerAddress,
	"sock_listen":       (*callView).listen,
	"sock_open":         (*callView).open,
	"sock_recv":         (*callView).receive,
	"sock_recv_from":    (*callView).receiveFrom,
	"sock_send":         (*callView).send,
	"sock_send_to":      (*callView).sendTo,
	"sock_shutdown":     (*callView).shutdown,
}

var functionNames = slices.Sorted(maps.Keys(handlers))

// callView is a call that is being looked at.
type callView struct {
	*tracker
	fn       *format.Function
	ev       *format.Event
	activity *Activity
}

func (c *callView) key() key { return key{c.ev.Task, c.ev.P[0]} }

func (c *callView) failed() bool { return c.ev.Errno != 0 }

// input and output return the region of a role, nil if there is none.
func (c *callView) input(role string) []byte { return region(call.SplitInput(c.fn, c.ev), role) }

func (c *callView) output(role string) []byte {
	return region(call.SplitOutput(c.fn, c.header, c.ev), role)
}

func region(list []call.RegionBytes, role string) []byte {
	for i := range list {
		if list[i].Region.Role == role {
			return list[i].Data
		}
	}
	return nil
}

// number returns the u32 that a call wrote.
func (c *callView) number(role string) int64 {
	b := c.output(role)
	if len(b) < 4 {
		return 0
	}
	return int64(binary.LittleEndian.Uint32(b))
}

// on fills in what is known of a socket.
func (c *callView) on(op Op, s *socket) bool {
	a := c.activity
	a.Op, a.Connection, a.Protocol, a.Local, a.Remote = op, s.connection, s.protocol, s.local, s.remote
	return true
}

// connected returns the socket of a call that only connected sockets can make.
// One that is not known was opened before the events began.
func (c *callView) connected() *socket {
	s := c.sockets[c.key()]
	if s == nil {
		s = c.add(c.key(), &socket{})
	}
	if s.connection == 0 {
		c.connect(s)
	}
	return s
}

func (c *callView) accept() bool {
	var listener socket
	if s := c.sockets[c.key()]; s != nil {
		listener = *s
	}
	if c.failed() {
		return c.on(Accept, &listener)
	}
	fd := c.number("fd")
	s := &socket{protocol: TCP, local: listener.local, remote: string(c.output("peer"))}
	c.add(key{c.ev.Task, fd}, c.connect(s))
	c.activity.FD = fd
	return c.on(Accept, s)
}

// read and write are of sockets only if the descriptor is known to be one.
func (c *callView) read() bool  { return c.sockets[c.key()] != nil && c.receive() }
func (c *callView) write() bool { return c.sockets[c.key()] != nil && c.send() }

const recvPeek = 1 // flag of sock_recv and sock_recv_from

func (c *callView) receive() bool {
	s := c.connected()
	if !c.failed() {
		c.moved(c.output("text"))
		c.activity.Peek = c.param("riflags")&recvPeek != 0
	}
	return c.on(Receive, s)
}

// param returns the parameter of a role, 0 if there is none.
func (c *callView) param(role string) int64 {
	for i := range c.fn.Params {
		if c.fn.Params[i].Role == role {
			return c.ev.P[i]
		}
	}
	return 0
}

func (c *callView) send() bool {
	s := c.connected()
	if !c.failed() {
		c.moved(c.input("text"))
	}
	return c.on(Send, s)
}

// moved takes over the bytes that were moved. A call may have offered more than
// the host took, and the trace may have less.
func (c *callView) moved(data []byte) {
	a := c.activity
	a.Bytes = c.number("count")
	a.Data = data[:min(int64(len(data)), a.Bytes)]
	a.LostBytes = a.Bytes - int64(len(a.Data))
}

var shutdownNames = []string{1: "read", 2: "write", 3: "both"}

func (c *callView) shutdown() bool {
	if how := c.ev.P[1]; how > 0 && how < int64(len(shutdownNames)) {
		c.activity.How = shutdownNames[how]
	}
	return c.on(Shutdown, c.connected())
}

func (c *callView) close() bool {
	s := c.sockets[c.key()]
	if s == nil {
		return false
	}
	if !c.failed() {
		delete(c.sockets, c.key())
	}
	return c.on(Close, s)
}

// renumber closes the descriptor that it moves another one to.
func (c *callView) renumber() bool {
	from, to := c.key(), key{c.ev.Task, c.ev.P[1]}
	if c.failed() || from == to {
		return false
	}
	moved, closed := c.sockets[from], c.sockets[to]
	delete(c.sockets, from)
	delete(c.sockets, to)
	if moved != nil {
		c.add(to, moved)
	}
	c.activity.FD = to.fd
	return closed != nil && c.on(Close, closed)
}

// pathOpen reuses a descriptor, so that it is no socket any more.
func (c *callView) pathOpen() bool {
	if !c.failed() {
		delete(c.sockets, key{c.ev.Task, c.number("fd")})
	}
	return false
}

// The types of sockets in sock_open.
const typeDgram = 1

// open begins what bind, listen and connect go on with.
func (c *callView) open() bool {
	s := &socket{protocol: TCP}
	if c.ev.P[1] == typeDgram {
		s.protocol = UDP
	}
	if c.activity.FD = -1; !c.failed() {
		c.activity.FD = c.number("fd")
		c.add(key{c.ev.Task, c.activity.FD}, s)
	}
	return c.on(Open, s)
}

// own returns a socket that the program has opened itself.
func (c *callView) own() *socket {
	if s := c.sockets[c.key()]; s != nil {
		return s
	}
	return c.add(c.key(), &socket{})
}

// address returns the address in a region and a port.
func address(data []byte, port int64) string {
	ip := call.SocketAddress(data)
	if !ip.IsValid() || port < 0 || port > math.MaxUint16 {
		return ""
	}
	return netip.AddrPortFrom(ip, uint16(port)).String()
}

func (c *callView) bind() bool {
	s := c.own()
	local := address(c.input("sockaddr"), c.ev.P[2])
	if !c.failed() {
		s.local = local
	}
	c.on(Bind, s)
	c.activity.Local = local
	return true
}

func (c *callView) listen() bool { return c.on(Listen, c.own()) }

const errnoInProgress = 26

func (c *callView) dial() bool {
	s := c.own()
	remote := address(c.input("sockaddr"), c.ev.P[2])
	if !c.failed() || c.ev.Errno == errnoInProgress {
		s.remote = remote
		if s.connection == 0 {
			c.connect(s)
		}
	}
	c.on(Connect, s)
	c.activity.Remote = remote
	return true
}

// localAddress and peerAddress tell what was not known.
func (c *callView) localAddress() bool {
	if s := c.sockets[c.key()]; s != nil && !c.failed() {
		s.local = address(c.output("sockaddr"), c.number("size"))
	}
	return false
}

func (c *callView) peerAddress() bool {
	if s := c.sockets[c.key()]; s != nil && !c.failed() {
		s.remote = address(c.output("sockaddr"), c.number("size"))
	}
	return false
}

// receiveFrom and sendTo name the other end of a datagram.
func (c *callView) receiveFrom() bool {
	c.receive()
	if from := address(c.output("sockaddr"), c.number("size")); from != "" && !c.failed() {
		c.activity.Remote = from
	}
	return true
}

func (c *callView) sendTo() bool {
	c.send()
	if to := address(c.input("sockaddr"), c.ev.P[4]); to != "" {
		c.activity.Remote = to
	}
	return true
}

func (c *callView) lookup() bool {
	a := c.activity
	a.Op, a.FD = Lookup, -1
	a.Remote = string(bytes.TrimSuffix(c.input("name"), []byte{0}))
	return true
}
