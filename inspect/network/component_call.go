package network

import (
	"slices"
	"strings"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/canon"
)

// protocol is what the host of a component speaks: wasi:http does not tell.
const protocol = "HTTP/1.1"

// componentCall is a call, a drop or a start that is being looked at.
type componentCall struct {
	*guests
	guest *guest
	ev    *format.Event
	fn    *componentFunction
	in    canon.Decoder // parameters but for the resource whose method it is
	out   canon.Decoder // the result, if it is no number
	note  canon.Decoder
}

func (c *componentCall) self() int64 { return c.ev.P[0] }

// failed: the function returned an error.
func (c *componentCall) failed() bool { return c.ev.Errno != 0 }

// end is when the call returned.
func (c *componentCall) end() int64 { return c.ev.Time + c.ev.Duration }

// made returns the number of the resource that the call made, 0 if it made none.
func (c *componentCall) made() int64 {
	switch t := c.fn.sig.Result; {
	case t == nil || c.fn.makes == "" || c.failed():
		return 0
	case t.Kind == canon.Own:
		return c.ev.Value
	case t.Kind == canon.Result && t.Elem.Kind == canon.Own:
		c.out.IsErr()
		return int64(c.out.Rep())
	}
	return 0
}

// side returns what a resource is part of, nil if that is not known.
func (c *componentCall) side(typ string, rep int64) *side { return c.guest.sides[resource{typ, rep}] }

// own returns what the resource is part of whose method the call is.
func (c *componentCall) own() *side { return c.side(c.fn.resource, c.self()) }

// add makes a resource part of an exchange, which is not over before it is gone.
func (c *componentCall) add(typ string, rep int64, s *side) {
	s.exchange.parts++
	if rep == 0 || c.resources >= maxResources {
		c.lose(s)
		return
	}
	c.remove(typ, rep)
	c.guest.sides[resource{typ, rep}] = s
	c.count(1)
}

func (c *componentCall) count(n int) {
	c.resources += n
	c.guest.resources += n
}

// remove takes a resource away. The last one of an exchange ends it.
func (c *componentCall) remove(typ string, rep int64) {
	k := resource{typ, rep}
	s := c.guest.sides[k]
	if s == nil {
		return
	}
	delete(c.guest.sides, k)
	c.count(-1)
	c.lose(s)
}

// lose takes a part away from an exchange.
func (c *componentCall) lose(s *side) {
	if s.exchange.parts--; s.exchange.parts == 0 && s.exchange != c.guest.served {
		c.over(s.exchange, "dropped by the program")
	}
}

func dropped(c *componentCall) {
	if c.fn.resource == resFields {
		c.takeFields(c.self())
		return
	}
	c.remove(c.fn.resource, c.self())
}

// part is for the calls that make a resource out of another one.
func (c *componentCall) part() {
	if s := c.own(); s != nil && !c.failed() {
		if c.fn.resource == resOutgoingRequest || c.fn.resource == resOutgoingResponse {
			s.message().Complete = false // once it is finished
		}
		c.add(c.fn.makes, c.made(), s)
	}
}

// headers reads a list of fields.
func headers(d *canon.Decoder) []Header {
	var list []Header
	for range d.Len() {
		h := Header{d.String(), string(d.Blob())}
		if d.Err() != nil {
			return nil
		}
		list = append(list, h)
	}
	return list
}

func (c *componentCall) addFields(rep int64, list []Header) {
	if rep == 0 || c.resources >= maxResources {
		return
	}
	c.takeFields(rep)
	c.guest.fields[rep] = &fieldList{}
	c.count(1)
	c.change(rep, list)
}

// takeFields removes fields and returns what they had.
func (c *componentCall) takeFields(rep int64) []Header {
	f := c.guest.fields[rep]
	if f == nil {
		return nil
	}
	delete(c.guest.fields, rep)
	c.count(-1)
	c.kept -= f.kept
	return f.list
}

func (c *componentCall) fields(rep int64) []Header {
	if f := c.guest.fields[rep]; f != nil {
		return f.list
	}
	return nil
}

// change gives fields another list, which is given up if it is too large.
func (c *componentCall) change(rep int64, list []Header) {
	f := c.guest.fields[rep]
	if f == nil || c.failed() {
		return
	}
	size := headerBytes(list)
	if size > maxHead || size-f.kept > c.room() {
		list, size = nil, 0
	}
	c.kept += size - f.kept
	f.list, f.kept = slices.Clone(list), size
}

// headerOverhead is what a header takes beside its name and value.
const headerOverhead = 32

func headerBytes(list []Header) int {
	n := 0
	for _, h := range list {
		n += headerOverhead + len(h.Name) + len(h.Value)
	}
	return n
}

// appendField adds to a list in place, which a guest does field by field.
func (c *componentCall) appendField() {
	f := c.guest.fields[c.self()]
	if f == nil || c.failed() {
		return
	}
	added := []Header{{c.in.String(), string(c.in.Blob())}}
	n := headerBytes(added)
	if f.kept+n > maxHead || n > c.room() {
		c.change(c.self(), nil)
		return
	}
	f.list, f.kept = append(f.list, added...), f.kept+n
	c.kept += n
}

func (c *componentCall) setField() {
	name := c.in.String()
	var values []Header
	for range c.in.Len() {
		values = append(values, Header{name, string(c.in.Blob())})
	}
	list := c.fields(c.self())
	at := slices.IndexFunc(list, named(name))
	if at < 0 {
		at = len(list)
	}
	c.change(c.self(), slices.Insert(without(list, name), at, values...))
}

func (c *componentCall) deleteField() { c.change(c.self(), without(c.fields(c.self()), c.in.String())) }

func named(name string) func(Header) bool {
	return func(h Header) bool { return strings.EqualFold(h.Name, name) }
}

// without returns a copy of a list without the fields of a name.
func without(list []Header, name string) []Header {
	return slices.DeleteFunc(slices.Clone(list), named(name))
}

// headersOf gives the program the headers of a message. Names of those that it
// received are in lower case for it.
func (c *componentCall) headersOf() {
	s := c.own()
	if s == nil {
		return
	}
	list := s.message().Headers
	if c.fn.resource == resIncomingRequest || c.fn.resource == resIncomingResponse {
		list = lowered(list)
	}
	c.addFields(c.made(), list)
}

// lowered returns a copy of a list with names in lower case.
func lowered(list []Header) []Header {
	list = slices.Clone(list)
	for i := range list {
		list[i].Name = strings.ToLower(list[i].Name)
	}
	return list
}

// setHeaders gives a message the headers of a list.
func (c *componentCall) setHeaders(s *side, list []Header) {
	s.message().Headers = c.holdList(s, list)
}

// holdList returns a list that the exchange keeps, nil if it is too large.
func (c *componentCall) holdList(s *side, list []Header) []Header {
	n := headerBytes(list)
	if n > c.room() {
		return nil
	}
	c.hold(s.exchange, n)
	return list
}

// newRequest makes an exchange that begins when it is sent.
func (c *componentCall) newRequest() {
	e := &Exchange{Task: c.ev.Task, Role: Client, scheme: "https"}
	e.Request = Request{Method: "GET", Target: "/", Message: unknownHead(c.ev.Time)}
	e.Request.Complete = true // unless it has a body
	s := &side{exchange: e}
	c.setHeaders(s, c.takeFields(c.self()))
	c.add(resOutgoingRequest, c.made(), s)
}

// unknownHead is a message whose head was never bytes.
func unknownHead(ns int64) Message {
	return Message{Protocol: protocol, HeaderBytes: -1, FirstNS: ns, LastNS: ns}
}

// label reads a variant whose cases are names, but for the other one, which has
// a name of the program's.
func label(d *canon.Decoder, t *canon.Type) (name string, other bool) {
	n := d.Case()
	switch {
	case t.Kind != canon.Variant || n >= len(t.Fields):
		return "", false
	case t.Fields[n].Type != nil:
		return d.String(), true
	}
	return t.Fields[n].Name, false
}

// param returns the type of the parameter that in stands at.
func (c *componentCall) param() *canon.Type {
	if len(c.fn.sig.Params) == 0 {
		return &canon.Type{}
	}
	return c.fn.sig.Params[0].Type
}

// request returns the request that the call changes, nil if it fails to.
func (c *componentCall) request() *Exchange {
	s := c.own()
	if s == nil || c.failed() {
		return nil
	}
	return s.exchange
}

func (c *componentCall) setMethod() {
	if e := c.request(); e != nil {
		method, other := label(&c.in, c.param())
		if !other {
			method = strings.ToUpper(method)
		}
		e.Request.Method = method
	}
}

func (c *componentCall) setScheme() {
	if e := c.request(); e != nil {
		e.scheme = "https"
		if t := c.param(); c.in.Some() && t.Kind == canon.Option {
			name, _ := label(&c.in, t.Elem)
			e.scheme = strings.ToLower(name)
		}
	}
}

func (c *componentCall) setAuthority() {
	if e := c.request(); e != nil {
		e.authority = ""
		if c.in.Some() {
			e.authority = c.in.String()
		}
	}
}

func (c *componentCall) setPath() {
	if e := c.request(); e != nil {
		e.Request.Target = ""
		if c.in.Some() {
			e.Request.Target = c.in.String()
		}
		if t := e.Request.Target; t == "" || t[0] == '?' {
			e.Request.Target = "/" + t
		}
	}
}

func componentURL(scheme, authority, target string) string {
	if !strings.HasPrefix(target, "/") {
		target = "/" // "*"
	}
	return scheme + "://" + authority + target
}

// send sends a request: its exchange begins.
func (c *componentCall) send() {
	if c.param().Kind == canon.String {
		c.whole()
		return
	}
	s := c.own()
	if s == nil {
		return
	}
	e := s.exchange
	e.asked = true
	e.Event, e.TimeNS = c.ev.Seq, c.ev.Time
	e.Request.URL = componentURL(e.scheme, e.authority, e.Request.Target)
	e.Request.FirstNS, e.Request.LastNS = c.ev.Time, max(c.end(), e.Request.LastNS)
	if c.failed() {
		c.noResponse(e, &c.out, c.fn.sig.Result)
	}
	c.add(resFuture, c.made(), &side{e, true})
	c.remove(resOutgoingRequest, c.self())
}

// whole takes a request and its response from one call, as partial traces have
// them: without the body of the request.
func (c *componentCall) whole() {
	e := &Exchange{Event: c.ev.Seq, TimeNS: c.ev.Time, Task: c.ev.Task, Role: Client, asked: true}
	e.Request = Request{Method: c.in.String(), URL: c.in.String(), Message: unknownHead(c.ev.Time)}
	e.Request.Target = targetOf(e.Request.URL)
	c.setHeaders(&side{exchange: e}, headers(&c.in))
	e.Response = Response{Status: int(c.out.U16()), Message: unknownHead(c.ev.Time)}
	c.setHeaders(&side{e, true}, headers(&c.out))
	c.keep(e, &e.Response.Message, c.out.Blob())
	e.Response.Complete = true
	c.emit(e)
}

// targetOf returns the path and query of an absolute URL.
func targetOf(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	if at := strings.IndexAny(rest, "/?"); at >= 0 {
		return rest[at:]
	}
	return "/"
}

// noResponse reads the error in a result that takes the place of a response.
func (c *componentCall) noResponse(e *Exchange, d *canon.Decoder, result *canon.Type) {
	d.IsErr()
	e.fail("no response: " + errorText(d, result))
	e.Response.LastNS = c.end()
}

// errorText reads the error of a result whose case has been read.
func errorText(d *canon.Decoder, result *canon.Type) string {
	if result == nil || result.Err == nil {
		return "failed"
	}
	return string(canon.AppendTextFrom(nil, result.Err, d, maxLine))
}

// outcome returns the type of what a future has given, which out then stands at,
// nil where there is nothing yet.
func (c *componentCall) outcome() *canon.Type {
	t := c.fn.sig.Result
	if t == nil || t.Kind != canon.Option || t.Elem.Kind != canon.Result || !c.out.Some() || c.out.IsErr() {
		return nil
	}
	if t = t.Elem.Elem; t == nil || t.Kind != canon.Result {
		return nil
	}
	return t
}

// answered takes the response to a request, once it is there.
func (c *componentCall) answered() {
	s, result := c.own(), c.outcome()
	if s == nil || result == nil {
		return
	}
	e := s.exchange
	if c.out.IsErr() {
		e.fail("no response: " + errorText(&c.out, result))
		e.Response.LastNS = c.ev.Time
		return
	}
	e.Response = Response{Status: int(c.note.U16()), Message: unknownHead(c.ev.Time)}
	c.setHeaders(s, headers(&c.note))
	c.add(resIncomingResponse, int64(c.out.Rep()), s)
}

// serve begins the exchange of a request that the component is called with.
func (c *componentCall) serve() {
	c.endServed()
	request, outparam := int64(c.in.Rep()), int64(c.in.Rep())
	e := &Exchange{Event: c.ev.Seq, TimeNS: c.ev.Time, Task: c.ev.Task, Role: Server, asked: true}
	if p := c.f.Header().Program; p != nil {
		e.Local = p.Serve
	}
	e.Request = Request{Method: c.note.String(), Message: unknownHead(c.ev.Time)}
	scheme, authority := c.note.String(), c.note.String()
	e.Request.Target = c.note.String()
	e.Request.URL = componentURL(scheme, authority, e.Request.Target)
	e.Remote = c.note.String()
	s := &side{exchange: e}
	c.setHeaders(s, headers(&c.note))
	c.guest.served = e
	c.add(resIncomingRequest, request, s)
	c.add(resOutparam, outparam, &side{e, true})
}

// endServed ends the exchange of a program that is called again.
func (c *componentCall) endServed() {
	e := c.guest.served
	if e == nil {
		return
	}
	for k, s := range c.guest.sides {
		if s.exchange == e {
			delete(c.guest.sides, k)
			c.count(-1)
		}
	}
	c.over(e, "the program was called again")
}

// newResponse makes a response that has no exchange before it is set.
func (c *componentCall) newResponse() {
	e := &Exchange{Role: Server}
	e.Response = Response{Status: 200, Message: unknownHead(c.ev.Time)}
	e.Response.Complete = true // unless it has a body
	s := &side{e, true}
	c.setHeaders(s, c.takeFields(c.self()))
	c.add(resOutgoingResponse, c.made(), s)
}

func (c *componentCall) setStatus() {
	if s := c.own(); s != nil && !c.failed() {
		s.exchange.Response.Status = int(c.in.U16())
	}
}

// answer sets the response to the request that the component was called with.
func (c *componentCall) answer() {
	s := c.own()
	if s == nil {
		return
	}
	e := s.exchange
	if c.in.IsErr() {
		e.fail("no response: " + errorText(&c.in, c.param()))
		e.Response.LastNS = c.ev.Time
		c.remove(resOutparam, c.self())
		return
	}
	rep := int64(c.in.Rep())
	if r := c.side(resOutgoingResponse, rep); r != nil && r.exchange != e {
		made := r.exchange
		e.Response = made.Response
		e.Response.FirstNS, e.Response.LastNS = c.ev.Time, c.ev.Time
		c.hold(e, made.kept)
		c.kept -= made.kept
		made.kept = 0
		e.parts += made.parts
		r.exchange = e // and so that of its body
		c.remove(resOutgoingResponse, rep)
	}
	c.remove(resOutparam, c.self())
}

func (c *componentCall) finishOutgoing() {
	s := c.own()
	if s == nil {
		return
	}
	m := s.message()
	m.LastNS = max(m.LastNS, c.end())
	if c.failed() {
		c.out.IsErr()
		s.exchange.fail(s.what() + " cut: " + errorText(&c.out, c.fn.sig.Result))
	} else {
		m.Complete = true
	}
	if c.in.Some() {
		m.Trailers = c.holdList(s, c.takeFields(int64(c.in.Rep())))
	}
	c.remove(resOutgoingBody, c.self())
}

// what names the message.
func (s *side) what() string {
	if s.response {
		return "response"
	}
	return "request"
}

func (c *componentCall) finishIncoming() {
	if s := c.own(); s != nil {
		c.add(resTrailers, c.made(), s)
		c.remove(resIncomingBody, c.self())
	}
}

// trailers takes what follows a body that was received, which has come to its
// end.
func (c *componentCall) trailers() {
	s, result := c.own(), c.outcome()
	if s == nil || result == nil {
		return
	}
	m := s.message()
	m.LastNS = max(m.LastNS, c.end())
	if c.out.IsErr() {
		s.exchange.fail(s.what() + " cut: " + errorText(&c.out, result))
		return
	}
	m.Complete = true
	if c.out.Some() {
		rep := int64(c.out.Rep())
		m.Trailers = c.holdList(s, headers(&c.note))
		c.addFields(rep, lowered(m.Trailers))
	}
}

// moved takes bytes of a body of which the trace may have only the first.
func (c *componentCall) moved(s *side, data []byte, total int64) {
	if s == nil {
		return
	}
	m := s.message()
	m.LastNS = max(m.LastNS, c.end())
	data = data[:min(int64(len(data)), max(total, 0))]
	c.keep(s.exchange, m, data)
	m.skip(total - int64(len(data)))
}

func (c *componentCall) read() {
	s := c.own()
	switch {
	case s == nil:
		return
	case !c.failed():
		c.out.IsErr()
		data := c.out.Blob()
		c.moved(s, data, int64(len(data)))
		return
	}
	c.ended(s)
}

// The cases of stream-error.
const streamFailed = 0

// ended takes the end of a stream: that of the body, or an error which the
// program may ask for more about.
func (c *componentCall) ended(s *side) {
	m := s.message()
	m.LastNS = max(m.LastNS, c.end())
	c.out.IsErr()
	if c.out.Case() != streamFailed {
		m.Complete = m.Complete || c.fn.resource == resInput
		return
	}
	c.add(resError, int64(c.out.Rep()), s)
}

func (c *componentCall) errorCode() {
	if s := c.own(); s != nil && c.fn.sig.Result != nil && c.fn.sig.Result.Kind == canon.Option && c.out.Some() {
		s.exchange.fail(s.what() + " cut: " + string(canon.AppendTextFrom(nil, c.fn.sig.Result.Elem, &c.out, maxLine)))
	}
}

func (c *componentCall) skip() {
	s := c.own()
	switch {
	case s == nil:
		return
	case !c.failed():
		c.out.IsErr()
		c.moved(s, nil, length(c.out.U64()))
		return
	}
	c.ended(s)
}

// length is a number of bytes that fits.
func length(n uint64) int64 { return int64(min(n, 1<<62)) }

func (c *componentCall) write() {
	s := c.own()
	switch {
	case s == nil:
		return
	case c.failed():
		c.ended(s)
		return
	}
	data := c.in.Blob()
	total := int64(len(data))
	if c.ev.Has&format.HasHash != 0 {
		total = max(c.ev.Value, total)
	}
	c.moved(s, data, total)
}

func (c *componentCall) writeZeros() {
	if s := c.own(); s != nil && !c.failed() {
		n := length(c.in.U64())
		c.moved(s, make([]byte, min(n, maxLine)), n)
	}
}

// splice moves bytes from one body, or anything else, to another.
func (c *componentCall) splice() {
	if c.failed() {
		return
	}
	c.out.IsErr()
	n, data := length(c.out.U64()), c.note.Blob()
	c.moved(c.own(), data, n)
	c.moved(c.side(resInput, int64(c.in.Rep())), data, n)
}
