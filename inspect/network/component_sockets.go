package network

import (
	"math"
	"net/netip"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/canon"
	"github.com/tracetool/tracetool/reader"
)

// socketStep makes activities of a call of a component's function.
type socketStep func(*socketCall)

// socketSteps are the functions of WASI 0.2 that are about sockets, by interface
// and name, and the resources that are dropped.
var socketSteps = map[string]socketStep{
	"wasi:sockets/tcp-create-socket#create-tcp-socket": func(c *socketCall) { c.open(resTCP, TCP) },
	"wasi:sockets/udp-create-socket#create-udp-socket": func(c *socketCall) { c.open(resUDP, UDP) },

	"wasi:sockets/tcp#[method]tcp-socket.start-bind":     (*socketCall).bind,
	"wasi:sockets/tcp#[method]tcp-socket.start-listen":   (*socketCall).listen,
	"wasi:sockets/tcp#[method]tcp-socket.start-connect":  (*socketCall).dial,
	"wasi:sockets/tcp#[method]tcp-socket.finish-connect": (*socketCall).connected,
	"wasi:sockets/tcp#[method]tcp-socket.accept":         (*socketCall).accept,
	"wasi:sockets/tcp#[method]tcp-socket.local-address":  (*socketCall).localAddress,
	"wasi:sockets/tcp#[method]tcp-socket.remote-address": (*socketCall).remoteAddress,
	"wasi:sockets/tcp#[method]tcp-socket.shutdown":       (*socketCall).shutdown,

	"wasi:sockets/udp#[method]udp-socket.start-bind":            (*socketCall).bind,
	"wasi:sockets/udp#[method]udp-socket.local-address":         (*socketCall).localAddress,
	"wasi:sockets/udp#[method]udp-socket.stream":                (*socketCall).datagrams,
	"wasi:sockets/udp#[method]incoming-datagram-stream.receive": (*socketCall).receiveDatagrams,
	"wasi:sockets/udp#[method]outgoing-datagram-stream.send":    (*socketCall).sendDatagrams,

	"wasi:sockets/ip-name-lookup#resolve-addresses": (*socketCall).lookup,

	"wasi:io/streams#[method]input-stream.read":                             (*socketCall).receive,
	"wasi:io/streams#[method]input-stream.blocking-read":                    (*socketCall).receive,
	"wasi:io/streams#[method]input-stream.skip":                             (*socketCall).skip,
	"wasi:io/streams#[method]input-stream.blocking-skip":                    (*socketCall).skip,
	"wasi:io/streams#[method]output-stream.write":                           (*socketCall).send,
	"wasi:io/streams#[method]output-stream.blocking-write-and-flush":        (*socketCall).send,
	"wasi:io/streams#[method]output-stream.write-zeroes":                    (*socketCall).sendZeros,
	"wasi:io/streams#[method]output-stream.blocking-write-zeroes-and-flush": (*socketCall).sendZeros,
	"wasi:io/streams#[method]output-stream.splice":                          (*socketCall).splice,
	"wasi:io/streams#[method]output-stream.blocking-splice":                 (*socketCall).splice,

	resTCP: (*socketCall).close, resUDP: (*socketCall).close, resInput: (*socketCall).forget, resOutput: (*socketCall).forget,
	resDatagramsIn: (*socketCall).forget, resDatagramsOut: (*socketCall).forget,
}

// The resources of sockets.
const (
	resTCP          = "wasi:sockets/tcp.tcp-socket"
	resUDP          = "wasi:sockets/udp.udp-socket"
	resDatagramsIn  = "wasi:sockets/udp.incoming-datagram-stream"
	resDatagramsOut = "wasi:sockets/udp.outgoing-datagram-stream"
)

// componentSocket is a socket, which its streams are a part of.
type componentSocket struct {
	socket
	rep int64 // of the socket itself
}

// componentSockets follows the sockets of a component's tasks.
type componentSockets struct {
	functions   componentFunctions
	tasks       map[int32]map[resource]*componentSocket
	count       int // of the resources of all tasks
	connections int64
	found       []Activity // in the event
}

func newComponentSockets(f *reader.File) *componentSockets {
	return &componentSockets{functions: newComponentFunctions(f), tasks: map[int32]map[resource]*componentSocket{}}
}

// event returns what an event did on the network. The list is valid until the
// next call.
func (s *componentSockets) event(e *format.Event) []Activity {
	s.found = s.found[:0]
	switch e.Kind {
	case format.KindExit, format.KindTrap:
		s.count -= len(s.tasks[e.Task])
		delete(s.tasks, e.Task)
		return nil
	case format.KindCall, format.KindDrop:
	default:
		return nil
	}
	fn := s.functions.find(e)
	if fn == nil || fn.socket == nil || e.Kind == format.KindCall && !fn.sig.Returned(e) {
		return nil
	}
	c := &socketCall{componentSockets: s, ev: e, fn: fn, in: canon.NewDecoder(e.Input)}
	if fn.sig != nil {
		c.out, c.note = fn.returned(e)
		if fn.sig.Result != nil && fn.sig.Result.Kind == canon.Result {
			c.out.IsErr()
		}
	}
	fn.socket(c)
	return s.found
}

// socketCall is a call or drop that is being looked at.
type socketCall struct {
	*componentSockets
	ev   *format.Event
	fn   *componentFunction
	in   canon.Decoder // parameters but for the resource whose method it is
	out  canon.Decoder // what the result is, ok or an error
	note canon.Decoder
}

func (c *socketCall) failed() bool { return c.ev.Errno != 0 }

// known returns the socket that a resource is part of, nil if it is none.
func (c *socketCall) known(typ string, rep int64) *componentSocket {
	return c.tasks[c.ev.Task][resource{typ, rep}]
}

func (c *socketCall) own() *componentSocket { return c.known(c.fn.resource, c.ev.P[0]) }

// add makes a resource known as part of a socket. Of too many it is not.
func (c *socketCall) add(typ string, rep int64, s *componentSocket) {
	if c.count >= maxSockets {
		return
	}
	if c.tasks[c.ev.Task] == nil {
		c.tasks[c.ev.Task] = map[resource]*componentSocket{}
	}
	c.remove(typ, rep)
	c.tasks[c.ev.Task][resource{typ, rep}] = s
	c.count++
}

func (c *socketCall) remove(typ string, rep int64) {
	if c.known(typ, rep) != nil {
		delete(c.tasks[c.ev.Task], resource{typ, rep})
		c.count--
	}
}

// on adds what the call did with a socket.
func (c *socketCall) on(op Op, s *componentSocket) *Activity {
	a := Activity{Event: c.ev.Seq, Time: timeText(c.ev.Time), TimeNS: c.ev.Time, DurationNS: c.ev.Duration, Task: c.ev.Task, Op: op,
		FD: s.rep, Connection: s.connection, Protocol: s.protocol, Local: s.local, Remote: s.remote, Errno: c.errno()}
	c.found = append(c.found, a)
	return &c.found[len(c.found)-1]
}

// errno names the error that the function returned, empty if none.
func (c *socketCall) errno() string {
	if !c.failed() || c.fn.sig == nil || c.fn.sig.Result == nil || c.fn.sig.Result.Err == nil {
		return ""
	}
	cases, n := c.fn.sig.Result.Err.Fields, int(c.ev.Errno)-1
	if n < 0 || n >= len(cases) {
		return "error"
	}
	return cases[n].Name
}

// nothing: the call found nothing to do yet.
func (c *socketCall) nothing() bool { return c.errno() == "would-block" }

// connect numbers the connection of a socket that has none.
func (c *socketCall) connect(s *componentSocket) {
	if s.connection == 0 {
		c.connections++
		s.connection = c.connections
	}
}

func (c *socketCall) open(typ string, p Protocol) {
	s := &componentSocket{socket{protocol: p}, -1}
	if !c.failed() {
		s.rep = int64(c.out.Rep())
		c.add(typ, s.rep, s)
	}
	c.on(Open, s)
}

// address reads an IP address with its port.
func (c *socketCall) address(d *canon.Decoder) string {
	var ip netip.Addr
	var port uint16
	if d.Case() == 0 {
		port = d.U16()
		ip = netip.AddrFrom4([4]byte{d.U8(), d.U8(), d.U8(), d.U8()})
	} else {
		port = d.U16()
		d.U32() // flow
		var b [16]byte
		for i := 0; i < len(b); i += 2 {
			n := d.U16()
			b[i], b[i+1] = byte(n>>8), byte(n)
		}
		d.U32() // scope
		ip = netip.AddrFrom16(b)
	}
	if d.Err() != nil {
		return ""
	}
	return netip.AddrPortFrom(ip, port).String()
}

func (c *socketCall) bind() {
	s := c.own()
	if s == nil {
		return
	}
	c.in.Rep() // the network
	local := c.address(&c.in)
	if !c.failed() {
		s.local = local
	}
	c.on(Bind, s).Local = local
}

func (c *socketCall) listen() {
	if s := c.own(); s != nil {
		c.on(Listen, s)
	}
}

// dial begins what connected ends.
func (c *socketCall) dial() {
	s := c.own()
	if s == nil {
		return
	}
	c.in.Rep() // the network
	remote := c.address(&c.in)
	if c.failed() {
		c.on(Connect, s).Remote = remote
		return
	}
	s.remote = remote
}

func (c *socketCall) connected() {
	s := c.own()
	if s == nil || c.nothing() {
		return
	}
	if !c.failed() {
		c.connect(s)
		c.streams(s)
	}
	c.on(Connect, s)
}

// streams makes the two streams of a socket part of it.
func (c *socketCall) streams(s *componentSocket) {
	c.add(resInput, int64(c.out.Rep()), s)
	c.add(resOutput, int64(c.out.Rep()), s)
}

func (c *socketCall) accept() {
	l := c.own()
	if l == nil || c.nothing() {
		return
	}
	if c.failed() {
		c.on(Accept, l)
		return
	}
	s := &componentSocket{socket{protocol: TCP, local: l.local}, int64(c.out.Rep())}
	c.add(resTCP, s.rep, s)
	c.connect(s)
	c.streams(s)
	c.on(Accept, s)
}

// localAddress and remoteAddress tell what was not known.
func (c *socketCall) localAddress() {
	if s := c.own(); s != nil && !c.failed() {
		s.local = c.address(&c.out)
	}
}

func (c *socketCall) remoteAddress() {
	if s := c.own(); s != nil && !c.failed() {
		s.remote = c.address(&c.out)
	}
}

func (c *socketCall) shutdown() {
	if s := c.own(); s != nil {
		how := []string{"read", "write", "both"}
		if n := c.in.Case(); n < len(how) {
			c.on(Shutdown, s).How = how[n]
		}
	}
}

func (c *socketCall) close() {
	if s := c.own(); s != nil {
		c.on(Close, s)
		c.forget()
	}
}

func (c *socketCall) forget() { c.remove(c.fn.resource, c.ev.P[0]) }

// moved adds bytes that went over a socket, of which the trace may have only
// the first.
func (c *socketCall) moved(op Op, s *componentSocket, data []byte, total int64) *Activity {
	a := c.on(op, s)
	if !c.failed() {
		a.Data = data[:min(int64(len(data)), total)]
		a.Bytes, a.LostBytes = total, total-int64(len(a.Data))
	}
	return a
}

// receive adds what was read.
func (c *socketCall) receive() {
	if s := c.receiver(); s != nil {
		if data := c.out.Blob(); len(data) > 0 {
			c.moved(Receive, s, data, int64(len(data)))
		}
	}
}

func (c *socketCall) skip() {
	if s := c.receiver(); s != nil {
		if n := length(c.out.U64()); n > 0 {
			c.moved(Receive, s, nil, n)
		}
	}
}

// receiver returns the socket that was read from, nil if it was none or failed.
// The end of the stream is that of the connection: no bytes, as of recv, unless
// it is an error.
func (c *socketCall) receiver() *componentSocket {
	s := c.own()
	if s == nil || !c.failed() {
		return s
	}
	a := c.on(Receive, s)
	if a.Errno == "closed" {
		a.Errno = ""
	}
	return nil
}

func (c *socketCall) send() {
	s := c.own()
	if s == nil {
		return
	}
	data := c.in.Blob()
	total := int64(len(data))
	if c.ev.Has&format.HasHash != 0 {
		total = max(c.ev.Value, total)
	}
	if total > 0 {
		c.moved(Send, s, data, total)
	}
}

func (c *socketCall) sendZeros() {
	if s := c.own(); s != nil {
		n := length(c.in.U64())
		c.moved(Send, s, make([]byte, min(n, maxLine)), n)
	}
}

func (c *socketCall) splice() {
	n, data := length(c.out.U64()), c.note.Blob()
	if c.failed() || n == 0 {
		return
	}
	if s := c.known(resInput, int64(c.in.Rep())); s != nil {
		c.moved(Receive, s, data, n)
	}
	if s := c.own(); s != nil {
		c.moved(Send, s, data, n)
	}
}

// datagrams makes streams of a socket, which may have one peer only.
func (c *socketCall) datagrams() {
	s := c.own()
	if s == nil {
		return
	}
	remote := ""
	if c.in.Some() {
		remote = c.address(&c.in)
	}
	if !c.failed() {
		s.remote = remote
		c.add(resDatagramsIn, int64(c.out.Rep()), s)
		c.add(resDatagramsOut, int64(c.out.Rep()), s)
	}
	if remote != "" {
		c.on(Connect, s).Remote = remote
	}
}

func (c *socketCall) receiveDatagrams() {
	s := c.own()
	if s == nil {
		return
	}
	if c.failed() {
		c.on(Receive, s)
		return
	}
	for range c.out.Len() {
		data, from := c.out.Blob(), c.address(&c.out)
		if c.out.Err() != nil {
			return
		}
		c.moved(Receive, s, data, int64(len(data))).Remote = from
	}
}

// sendDatagrams adds as many as were accepted.
func (c *socketCall) sendDatagrams() {
	s := c.own()
	if s == nil {
		return
	}
	if c.failed() {
		c.on(Send, s)
		return
	}
	sent := c.out.U64()
	for i := range c.in.Len() {
		data, to := c.in.Blob(), s.remote
		if c.in.Some() {
			to = c.address(&c.in)
		}
		if c.in.Err() != nil || uint64(i) >= min(sent, math.MaxInt) {
			return
		}
		c.moved(Send, s, data, int64(len(data))).Remote = to
	}
}

func (c *socketCall) lookup() {
	c.on(Lookup, &componentSocket{rep: -1}).Remote = c.in.String()
}
