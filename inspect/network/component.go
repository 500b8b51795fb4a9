package network

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/format/canon"
	"github.com/tracetool/tracetool/reader"
)

// step takes what a call of a component's function means for its requests.
type step func(*componentCall)

// steps are the functions of WASI 0.2 that carry HTTP, by interface and name,
// and the resources that are dropped.
var steps = map[string]step{
	"wasi:http/incoming-handler#handle": (*componentCall).serve,
	"wasi:http/outgoing-handler#handle": (*componentCall).send,

	"wasi:http/types#[constructor]fields":               func(c *componentCall) { c.addFields(c.made(), nil) },
	"wasi:http/types#[static]fields.from-list":          func(c *componentCall) { c.addFields(c.made(), headers(&c.in)) },
	"wasi:http/types#[method]fields.append":             (*componentCall).appendField,
	"wasi:http/types#[method]fields.set":                (*componentCall).setField,
	"wasi:http/types#[method]fields.delete":             (*componentCall).deleteField,
	"wasi:http/types#[method]fields.clone":              func(c *componentCall) { c.addFields(c.made(), c.fields(c.self())) },
	"wasi:http/types#[method]incoming-request.headers":  (*componentCall).headersOf,
	"wasi:http/types#[method]incoming-response.headers": (*componentCall).headersOf,
	"wasi:http/types#[method]outgoing-request.headers":  (*componentCall).headersOf,
	"wasi:http/types#[method]outgoing-response.headers": (*componentCall).headersOf,

	"wasi:http/types#[constructor]outgoing-request":                (*componentCall).newRequest,
	"wasi:http/types#[method]outgoing-request.set-method":          (*componentCall).setMethod,
	"wasi:http/types#[method]outgoing-request.set-scheme":          (*componentCall).setScheme,
	"wasi:http/types#[method]outgoing-request.set-authority":       (*componentCall).setAuthority,
	"wasi:http/types#[method]outgoing-request.set-path-with-query": (*componentCall).setPath,
	"wasi:http/types#[method]outgoing-request.body":                (*componentCall).part,
	"wasi:http/types#[method]future-incoming-response.get":         (*componentCall).answered,

	"wasi:http/types#[constructor]outgoing-response":            (*componentCall).newResponse,
	"wasi:http/types#[method]outgoing-response.set-status-code": (*componentCall).setStatus,
	"wasi:http/types#[method]outgoing-response.body":            (*componentCall).part,
	"wasi:http/types#[static]response-outparam.set":             (*componentCall).answer,

	"wasi:http/types#[method]outgoing-body.write":       (*componentCall).part,
	"wasi:http/types#[static]outgoing-body.finish":      (*componentCall).finishOutgoing,
	"wasi:http/types#[method]incoming-request.consume":  (*componentCall).part,
	"wasi:http/types#[method]incoming-response.consume": (*componentCall).part,
	"wasi:http/types#[method]incoming-body.stream":      (*componentCall).part,
	"wasi:http/types#[static]incoming-body.finish":      (*componentCall).finishIncoming,
	"wasi:http/types#[method]future-trailers.get":       (*componentCall).trailers,
	"wasi:http/types#http-error-code":                   (*componentCall).errorCode,

	"wasi:io/streams#[method]input-stream.read":                             (*componentCall).read,
	"wasi:io/streams#[method]input-stream.blocking-read":                    (*componentCall).read,
	"wasi:io/streams#[method]input-stream.skip":                             (*componentCall).skip,
	"wasi:io/streams#[method]input-stream.blocking-skip":                    (*componentCall).skip,
	"wasi:io/streams#[method]output-stream.write":                           (*componentCall).write,
	"wasi:io/streams#[method]output-stream.blocking-write-and-flush":        (*componentCall).write,
	"wasi:io/streams#[method]output-stream.write-zeroes":                    (*componentCall).writeZeros,
	"wasi:io/streams#[method]output-stream.blocking-write-zeroes-and-flush": (*componentCall).writeZeros,
	"wasi:io/streams#[method]output-stream.splice":                          (*componentCall).splice,
	"wasi:io/streams#[method]output-stream.blocking-splice":                 (*componentCall).splice,

	resFields: dropped, resOutgoingRequest: dropped, resFuture: dropped, resIncomingResponse: dropped,
	resIncomingRequest: dropped, resOutparam: dropped, resOutgoingResponse: dropped,
	resOutgoingBody: dropped, resIncomingBody: dropped, resTrailers: dropped,
	resInput: dropped, resOutput: dropped, resError: dropped,
}

// The resources that steps go through.
const (
	resFields           = "wasi:http/types.fields"
	resOutgoingRequest  = "wasi:http/types.outgoing-request"
	resFuture           = "wasi:http/types.future-incoming-response"
	resIncomingResponse = "wasi:http/types.incoming-response"
	resIncomingRequest  = "wasi:http/types.incoming-request"
	resOutparam         = "wasi:http/types.response-outparam"
	resOutgoingResponse = "wasi:http/types.outgoing-response"
	resOutgoingBody     = "wasi:http/types.outgoing-body"
	resIncomingBody     = "wasi:http/types.incoming-body"
	resTrailers         = "wasi:http/types.future-trailers"
	resInput            = "wasi:io/streams.input-stream"
	resOutput           = "wasi:io/streams.output-stream"
	resError            = "wasi:io/error.error"
)

// resource is a resource of a task: its type and number.
type resource struct {
	typ string
	rep int64
}

// side is one of the two messages of an exchange: what most resources are a
// part of.
type side struct {
	exchange *Exchange
	response bool
}

func (s *side) message() *Message {
	if s.response {
		return &s.exchange.Response.Message
	}
	return &s.exchange.Request.Message
}

// fieldList is the resource fields.
type fieldList struct {
	list []Header
	kept int // bytes
}

// guest is what is known of a task.
type guest struct {
	number    int32
	sides     map[resource]*side
	fields    map[int64]*fieldList
	served    *Exchange // that the task was started for, nil if there is none
	resources int
}

// Bounds on the resources of guests. What is beyond them is not followed.
const (
	maxGuests    = 1 << 14
	maxResources = 1 << 18
)

// guests follows the resources of a component's tasks.
type guests struct {
	*http
	f         *reader.File
	tasks     map[int32]*guest
	order     []*guest // oldest first
	functions componentFunctions
	resources int // of all
}

func newGuests(f *reader.File, h *http) *guests {
	return &guests{http: h, f: f, tasks: map[int32]*guest{}, functions: newComponentFunctions(f)}
}

// componentFunctions knows the functions of a trace that this package looks at.
type componentFunctions struct {
	f    *reader.File
	seen map[[3]int16]*componentFunction // by kind, module and function; nil: none of these
}

type componentFunction struct {
	step     step            // nil: it does not carry HTTP
	socket   socketStep      // nil: it is not about sockets
	sig      *call.Signature // nil for a drop
	resource string          // that is dropped, or that is the call's own
	makes    string          // type of the resource that its result is
}

// returned is what a call gave back, and the note of any event.
func (f *componentFunction) returned(e *format.Event) (result, note canon.Decoder) {
	r, n := f.sig.SplitNote(e)
	if e.Has&format.HasOutput == 0 {
		r, _ = f.sig.AppendResult(nil, 0, e) // no clock's
	}
	return canon.NewDecoder(r), canon.NewDecoder(n)
}

func newComponentFunctions(f *reader.File) componentFunctions {
	return componentFunctions{f, map[[3]int16]*componentFunction{}}
}

// isComponent tells whether a trace is of a component.
func isComponent(h *format.Header) bool {
	return slices.ContainsFunc(h.Functions, func(fn format.Function) bool { return fn.Signature != "" })
}

// find returns the function of an event, nil if it says nothing about the network.
func (c *componentFunctions) find(e *format.Event) *componentFunction {
	if e.Has&(format.HasModule|format.HasFunction) != format.HasModule|format.HasFunction {
		return nil
	}
	key := [3]int16{int16(e.Kind), e.Module, e.Function}
	fn, known := c.seen[key]
	if !known {
		fn = c.describe(e)
		c.seen[key] = fn
	}
	return fn
}

func (c *componentFunctions) describe(e *format.Event) *componentFunction {
	modules, functions := c.f.Modules(), c.f.Functions()
	if int(e.Module) >= len(modules) || int(e.Function) >= len(functions) || e.Module < 0 || e.Function < 0 {
		return nil
	}
	module, name := modules[e.Module], functions[e.Function]
	if e.Kind == format.KindDrop {
		typ := module + "." + name
		if strings.Contains(typ, "#") || steps[typ] == nil && socketSteps[typ] == nil {
			return nil // a function is no resource, whatever the trace says
		}
		return &componentFunction{step: steps[typ], socket: socketSteps[typ], resource: typ}
	}
	iface, _, _ := strings.Cut(module, "@")
	s, socket := steps[iface+"#"+name], socketSteps[iface+"#"+name]
	sig, err := call.SignatureOf(call.Find(c.f.Header(), module, name))
	if s == nil && socket == nil || sig == nil || err != nil || (e.Kind == format.KindStart) != (iface == "wasi:http/incoming-handler") {
		return nil
	}
	fn := &componentFunction{step: s, socket: socket, sig: sig, makes: resourceIn(sig.Result)}
	if sig.Self != nil {
		fn.resource = sig.Self.Resource
	}
	return fn
}

// resourceIn returns the type of the resource that a result is, or has where it
// is no error.
func resourceIn(t *canon.Type) string {
	for t != nil && (t.Kind == canon.Result || t.Kind == canon.Option) {
		t = t.Elem
	}
	if t == nil || t.Kind != canon.Own {
		return ""
	}
	return t.Resource
}

// query asks for the events of those functions, and for those that end tasks.
func (c *componentFunctions) query() reader.Query {
	return reader.Query{
		Kinds: []format.Kind{format.KindCall, format.KindDrop, format.KindStart, format.KindExit, format.KindTrap},
		Match: func(e *format.Event) bool {
			return e.Kind == format.KindExit || e.Kind == format.KindTrap || c.find(e) != nil
		},
	}
}

// event takes the next event.
func (g *guests) event(e *format.Event) {
	switch e.Kind {
	case format.KindExit:
		g.end(e.Task, "the program ended", e.Time)
		return
	case format.KindTrap:
		message, _, _ := strings.Cut(string(e.Input[:min(len(e.Input), maxLine)]), "\n")
		g.end(e.Task, "the program trapped: "+message, e.Time)
		return
	case format.KindCall, format.KindDrop, format.KindStart:
	default:
		return
	}
	fn := g.functions.find(e)
	if fn == nil || fn.step == nil || e.Kind == format.KindCall && !fn.sig.Returned(e) {
		return
	}
	c := &componentCall{guests: g, guest: g.guest(e.Task), ev: e, fn: fn, in: canon.NewDecoder(e.Input)}
	if fn.sig != nil {
		c.out, c.note = fn.returned(e)
	}
	fn.step(c)
}

func (g *guests) guest(task int32) *guest {
	t := g.tasks[task]
	if t == nil {
		t = &guest{number: task, sides: map[resource]*side{}, fields: map[int64]*fieldList{}}
		g.tasks[task] = t
		g.order = append(g.order, t)
		for len(g.tasks) > maxGuests {
			g.end(g.order[0].number, "too many tasks at a time", 0)
		}
	}
	return t
}

// end ends a task with what is under way, at a time if it is known.
func (g *guests) end(task int32, why string, ns int64) {
	t := g.tasks[task]
	if t == nil {
		return
	}
	delete(g.tasks, task)
	g.order = slices.DeleteFunc(g.order, func(o *guest) bool { return o == t })
	g.resources -= t.resources
	for _, f := range t.fields {
		g.kept -= f.kept
	}
	open := map[*Exchange]bool{}
	for _, s := range t.sides {
		open[s.exchange] = true
	}
	if t.served != nil {
		open[t.served] = true
	}
	for _, e := range slices.SortedFunc(maps.Keys(open), func(a, b *Exchange) int { return cmp.Compare(a.Event, b.Event) }) {
		if e.Response.Status == 0 && e.Error == "" {
			e.Response.LastNS = max(e.Response.LastNS, ns)
		}
		g.over(e, why)
	}
}

// close ends all tasks with the trace.
func (g *guests) close() {
	for len(g.order) > 0 {
		g.end(g.order[0].number, "the trace ends before", 0)
	}
}

// over ends an exchange: why there will be no more of it.
func (g *guests) over(e *Exchange, why string) {
	if !e.asked {
		g.kept -= e.kept // a request that was never sent, or a response that was never set
		return
	}
	r := &e.Response
	none := e.noBody()
	switch {
	case r.Status == 0:
		e.fail("no response: " + why)
	case e.Role == Client && !e.Request.Complete:
		e.fail("request cut: " + why)
	case e.Role == Client && r.whole(none):
		r.Complete = true
	case !r.Complete:
		e.fail("response cut: " + why)
	case e.Role == Server && r.BodyBytes == 0 && !none && !slices.Contains([]string{"", "0"}, r.Get("Content-Length")):
		r.Complete = false
		e.fail("response cut: it has no body, but a Content-Length")
	}
	if q := &e.Request; e.Role == Server {
		q.Complete = q.whole(q.BodyBytes == 0 && q.Get("Content-Length") == "")
	}
	g.emit(e)
}

// whole tells whether a message that was received is complete: its end was seen,
// or it has all that its headers announce. None says that it has no body.
func (m *Message) whole(none bool) bool {
	return m.Complete || none || m.Get("Content-Length") == strconv.FormatInt(m.BodyBytes, 10)
}
