package network

import (
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
)

// Options say what Exchanges keeps.
type Options struct {
	// MaxBody is how many bytes of each body are kept.
	MaxBody int
}

// Bounds on what is under way at a time. Beyond maxKept bodies are cut and
// heads given up; of more connections the oldest is taken for closed.
const (
	maxKept        = 256 << 20
	maxConnections = 1 << 14
	maxPending     = 1 << 10 // requests of one connection without a response
)

// Exchanges iterates over the requests and responses of HTTP/1.0 and HTTP/1.1
// that the events of f sent and received, each when it is over: its response is
// complete, or the connection or the trace has ended. Those of a component are
// over when it has dropped all that belongs to them. The events are as for
// [Activities]. What is no HTTP is passed over.
func Exchanges(f *reader.File, events iter.Seq2[*format.Event, error], o Options) iter.Seq2[*Exchange, error] {
	return func(yield func(*Exchange, error) bool) {
		h := newHTTP(o)
		follow, end := h.follow(f)
		for e, err := range events {
			if err != nil {
				if !yield(nil, err) {
					return
				}
				continue
			}
			if follow(e); !h.flush(yield) {
				return
			}
		}
		end()
		h.flush(yield)
	}
}

// follow returns what takes the events of f, and what is called behind the last
// one. HTTP is in the bytes of sockets, and of a component also in its calls.
func (h *http) follow(f *reader.File) (event func(*format.Event), end func()) {
	if isComponent(f.Header()) {
		g, sockets := newGuests(f, h), newComponentSockets(f)
		return func(e *format.Event) {
				g.event(e)
				for _, a := range sockets.event(e) {
					h.activity(&a)
				}
			}, func() {
				g.close()
				h.close(f.Summary().Exit != nil)
			}
	}
	t := newTracker(f)
	return func(e *format.Event) {
		if a := t.event(e); a != nil {
			h.activity(a)
		}
	}, func() { h.close(f.Summary().Exit != nil) }
}

// http puts the bytes of all connections together to exchanges.
type http struct {
	options     Options
	connections map[int64]*connection // by number
	order       []*connection         // oldest first; some may be closed
	kept        int                   // bytes held, see maxKept
	done        []*Exchange           // to be yielded
}

func newHTTP(o Options) *http { return &http{options: o, connections: map[int64]*connection{}} }

func (h *http) flush(yield func(*Exchange, error) bool) bool {
	for _, e := range h.done {
		if !yield(e, nil) {
			return false
		}
	}
	h.done = h.done[:0]
	return true
}

// close ends all connections with the trace: those of a program that has ended
// are closed by that.
func (h *http) close(exited bool) {
	for _, c := range h.order {
		if exited {
			c.close()
		} else {
			c.cut("the trace ends before")
		}
	}
}

func (h *http) room() int { return maxKept - h.kept }

// hold counts bytes that an exchange keeps until it is over.
func (h *http) hold(e *Exchange, n int) {
	e.kept += n
	h.kept += n
}

// holdFields counts the fields of a message, which were n bytes of text.
func (h *http) holdFields(e *Exchange, n int, list []Header) {
	h.hold(e, n+headerOverhead*len(list))
}

// keep adds bytes to the body of a message, as far as bodies are kept.
func (h *http) keep(e *Exchange, m *Message, b []byte) {
	m.BodyBytes += min(int64(len(b)), math.MaxInt64-m.BodyBytes)
	if int64(len(m.Body))+int64(len(b)) < m.BodyBytes {
		return // something is missing before: what is kept of a body is its beginning
	}
	room := min(h.options.MaxBody-len(m.Body), h.room())
	if b = b[:max(0, min(room, len(b)))]; len(b) > 0 {
		m.Body = append(m.Body, b...)
		h.hold(e, len(b))
	}
}

// skip counts bytes of a body that the trace does not have.
func (m *Message) skip(n int64) {
	n = min(n, math.MaxInt64-m.BodyBytes)
	m.BodyBytes += n
	m.LostBytes += n
}

func (h *http) emit(e *Exchange) {
	h.kept -= e.kept
	last := max(e.Request.LastNS, e.Response.LastNS)
	e.DurationNS = max(last-e.TimeNS, 0)
	e.Time = timeText(e.TimeNS)
	h.done = append(h.done, e)
}

// activity takes what happened on a connection.
func (h *http) activity(a *Activity) {
	if a.Connection == 0 || a.Protocol == UDP {
		return
	}
	switch a.Op {
	case Send, Receive:
		h.connection(a).moved(a)
	case Shutdown:
		h.connection(a).shutdown(a.How)
	case Close:
		if c := h.connections[a.Connection]; c != nil {
			c.close()
		}
	}
}

func (h *http) connection(a *Activity) *connection {
	c := h.connections[a.Connection]
	if c == nil {
		c = &connection{http: h, number: a.Connection}
		c.received.conn, c.sent.conn = c, c
		h.connections[a.Connection] = c
		h.order = append(h.order, c)
		h.bound()
	}
	c.task, c.local, c.remote = a.Task, a.Local, a.Remote
	return c
}

// bound keeps the number of connections within its limit.
func (h *http) bound() {
	for len(h.connections) > maxConnections {
		h.order[0].cut("too many connections at a time")
		h.order = h.order[1:]
	}
	if len(h.order) > 2*maxConnections {
		h.order = slices.DeleteFunc(h.order, func(c *connection) bool { return c.closed })
	}
}

// connection is the two directions of one.
type connection struct {
	http          *http
	number        int64
	task          int32
	local, remote string
	received      stream
	sent          stream
	pending       []*Exchange // whose response is not complete, oldest first
	closed        bool
	errno         string // of the call that ended it
}

// moved takes bytes that were received or sent.
func (c *connection) moved(a *Activity) {
	s := &c.sent
	if a.Op == Receive {
		s = &c.received
	}
	if c.errno = a.Errno; a.Errno != "" || a.Peek {
		return
	}
	s.event, s.first, s.last = a.Event, a.TimeNS, a.end()
	if a.Op == Receive {
		s.first = s.last // it had to be waited for
		if a.Bytes == 0 {
			s.end()
			return
		}
	}
	if s.data(a.Data); a.LostBytes > 0 {
		s.lost(a.LostBytes)
	}
}

func (c *connection) shutdown(how string) {
	if how != "read" {
		c.sent.end()
	}
	if how != "write" {
		c.received.cut()
	}
}

// close ends a connection as the program does it: what it sent is whole.
func (c *connection) close() {
	c.sent.end()
	c.cut("closed by the program")
}

// cut ends a connection with what is under way.
func (c *connection) cut(why string) {
	if c.closed {
		return
	}
	c.closed = true
	delete(c.http.connections, c.number)
	if c.errno != "" {
		why = c.errno
	}
	for _, s := range []*stream{&c.sent, &c.received} {
		if s.cut(); s.message != nil && !s.response && s.exchange.answered {
			c.pending = append(c.pending, s.exchange) // the response came first
		}
	}
	for _, e := range c.pending {
		e.fail(e.missing() + ": " + why)
		c.http.emit(e)
	}
	c.pending = nil
}

// fail says what is wrong with an exchange, unless something else is.
func (e *Exchange) fail(why string) {
	if e.Error == "" {
		e.Error = why
	}
}

func (e *Exchange) missing() string {
	switch {
	case !e.Request.Complete:
		return "request cut"
	case e.Response.Status == 0:
		return "no response"
	}
	return "response cut"
}

// exchange begins one with a message on s.
func (c *connection) exchange(s *stream) *Exchange {
	e := &Exchange{Event: s.begun.event, TimeNS: s.begun.time, Task: c.task, Role: Client,
		Connection: c.number, Local: c.local, Remote: c.remote}
	if (s == &c.received) != s.response {
		e.Role = Server
	}
	c.pending = append(c.pending, e)
	return e
}

// responded returns the exchange that a response on s belongs to.
func (c *connection) responded(s *stream) *Exchange {
	if len(c.pending) > 0 {
		return c.pending[0]
	}
	e := c.exchange(s)
	e.asked = true
	e.fail("response without a request")
	return e
}

// ended takes note of the end of the message on s.
func (c *connection) ended(s *stream) {
	e := s.exchange
	if s.response {
		e.answered = true
		c.pending = slices.DeleteFunc(c.pending, func(p *Exchange) bool { return p == e })
	} else {
		e.asked = true
	}
	if e.asked && e.answered {
		c.http.emit(e)
	}
}

// failed takes note of bytes on s that are no HTTP, where others on the
// connection were.
func (c *connection) failed(s *stream, err error) {
	other := &c.received
	if s == other {
		other = &c.sent
	}
	if !s.started {
		s.response = other.started && !other.response
	}
	why := "request: " + err.Error()
	if s.response {
		why = "response: " + err.Error()
	}
	switch {
	case s.message != nil && !s.interim:
		s.exchange.fail(why)
	case s.response && len(c.pending) > 0:
		c.pending[0].fail(why)
	}
}

// tunnel makes the connection something else than HTTP.
func (c *connection) tunnel() {
	c.sent.cut()
	c.received.cut()
}

const statusSwitching = 101

// start begins the message with that first line and those headers.
func (s *stream) start(first string, headers []Header, size int) error {
	response := strings.HasPrefix(first, "HTTP/")
	if s.started && response != s.response {
		return errHead
	}
	s.response = response
	m := Message{Headers: headers, HeaderBytes: int64(size), FirstNS: s.begun.time, LastNS: s.last}
	if response {
		return s.startResponse(first, m)
	}
	return s.startRequest(first, m)
}

func (s *stream) startRequest(first string, m Message) error {
	method, rest, _ := strings.Cut(first, " ")
	at := strings.LastIndexByte(rest, ' ') // headLine has seen to it that there is one
	m.Protocol = rest[at+1:]
	e := s.conn.exchange(s)
	e.Request = Request{Method: method, Target: rest[:at], Message: m}
	e.setURL()
	s.started, s.exchange, s.message = true, e, &e.Request.Message
	s.conn.http.holdFields(e, int(m.HeaderBytes), m.Headers)
	if len(s.conn.pending) > maxPending {
		return errPending
	}
	return s.body(false)
}

func (s *stream) startResponse(first string, m Message) error {
	protocol, rest, _ := strings.Cut(first, " ")
	code, reason, _ := strings.Cut(rest, " ")
	status, err := strconv.Atoi(code)
	if err != nil || len(code) != 3 || status < 100 {
		return errHead
	}
	m.Protocol = protocol
	s.started = true
	if status < 200 && status != statusSwitching {
		s.interim, s.message = true, &m
		return s.body(true)
	}
	e := s.conn.responded(s)
	e.Response = Response{Status: status, Reason: reason, Message: m}
	s.exchange, s.message = e, &e.Response.Message
	s.conn.http.holdFields(e, int(m.HeaderBytes), m.Headers)
	tunnel := status == statusSwitching || e.Request.Method == "CONNECT" && status < 300
	none := tunnel || e.noBody()
	if err := s.body(none); err != nil {
		return err
	}
	if tunnel {
		s.conn.tunnel()
	}
	return nil
}
