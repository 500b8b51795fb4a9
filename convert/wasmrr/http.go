package wasmrr

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/canon"
)

// tracker follows the resources of wasi:http through the calls of one task, and
// puts together what was asked and what came back. The zero value is ready. The
// numbers of resources are those of their types; values are those that the
// recorder's host wrote, and what does not fit is passed over.
type tracker struct {
	fields    map[uint32]*fieldList
	requests  map[uint32]*exchangeState
	futures   map[uint32]*exchangeState
	responses map[uint32]*exchangeState
	bodies    map[uint32]*exchangeState
	streams   map[uint32]*exchangeState

	exchanges map[int64]*exchangeState // by the event that sent the request
	parts     map[int64]bool           // events that the responses are made of
}

// pair is a field of a header.
type pair struct{ name, value string }

// fieldList is a resource fields, which may be the header of a response.
type fieldList struct {
	list []pair
	of   *exchangeState // nil: not of a response
}

// exchangeState is a request and what the program saw of its response.
type exchangeState struct {
	method, scheme, authority, path string
	sent                            []pair // fields of the request

	answered   bool // the program has a response
	status     uint64
	hasStatus  bool
	fields     []pair
	hasFields  bool // all of them
	body       []byte
	hasBody    bool // to its end
	gaps       bool // there is more in it than the trace has
	unreadable bool // text that is not UTF-8
}

func (t *tracker) init() {
	if t.parts != nil {
		return
	}
	t.fields = map[uint32]*fieldList{}
	for _, m := range []*map[uint32]*exchangeState{&t.requests, &t.futures, &t.responses, &t.bodies, &t.streams} {
		*m = map[uint32]*exchangeState{}
	}
	t.exchanges, t.parts = map[int64]*exchangeState{}, map[int64]bool{}
}

// see takes a call in, or a drop. It reports whether it is part of an exchange.
func (t *tracker) see(o *occurrence) (bool, error) {
	t.init()
	if o.Kind == format.KindDrop {
		t.drop(o.module+"."+o.name, uint32(o.P[0]))
		return false, nil
	}
	handler := handlers[o.module+"#"+o.name]
	if handler == nil {
		return false, nil
	}
	v := &values{self: uint32(o.P[0]), in: canon.NewDecoder(o.Input), out: canon.NewDecoder(o.result), o: o}
	part := handler(t, v)
	if part {
		t.parts[o.Seq] = true
	}
	return part, nil
}

// values are the parameters and the result of a call.
type values struct {
	self    uint32 // number of the resource that is the first parameter
	in, out canon.Decoder
	o       *occurrence
}

// own is the number of the resource in a result that may be an error or none.
func (v *values) own(t *canon.Type) (rep uint32, ok bool) {
	switch t.Kind {
	case canon.Result:
		if v.out.IsErr() {
			return 0, false
		}
	case canon.Option:
		if !v.out.Some() {
			return 0, false
		}
	default:
		return v.out.Rep(), v.out.Err() == nil
	}
	if t.Elem == nil {
		return 0, false
	}
	return v.own(t.Elem)
}

// handlers are what calls of wasi:http and of bodies mean. Each reports whether
// the call is part of an exchange.
var handlers = map[string]func(*tracker, *values) bool{
	"wasi:http/types#[constructor]fields": func(t *tracker, v *values) bool {
		return t.newFields(v, nil)
	},
	"wasi:http/types#[static]fields.from-list": func(t *tracker, v *values) bool {
		return t.newFields(v, decodePairs(&v.in))
	},
	"wasi:http/types#[method]fields.clone": func(t *tracker, v *values) bool {
		var list []pair
		if f := t.fields[v.self]; f != nil {
			list = slices.Clone(f.list)
		}
		return t.newFields(v, list)
	},
	"wasi:http/types#[method]fields.append": func(t *tracker, v *values) bool {
		return t.change(v, func(f *fieldList, name string) {
			f.list = append(f.list, pair{name, string(v.in.Blob())})
		})
	},
	"wasi:http/types#[method]fields.set": func(t *tracker, v *values) bool {
		return t.change(v, func(f *fieldList, name string) {
			f.remove(name)
			for range v.in.Len() {
				f.list = append(f.list, pair{name, string(v.in.Blob())})
			}
		})
	},
	"wasi:http/types#[method]fields.delete": func(t *tracker, v *values) bool {
		return t.change(v, (*fieldList).remove)
	},
	"wasi:http/types#[method]fields.entries": func(t *tracker, v *values) bool {
		f := t.fields[v.self]
		if f != nil && f.of != nil {
			f.of.fields, f.of.hasFields = decodePairs(&v.out), true
		}
		return f != nil
	},
	"wasi:http/types#[method]fields.get": (*tracker).get,

	"wasi:http/types#[constructor]outgoing-request": func(t *tracker, v *values) bool {
		x := &exchangeState{method: "GET", scheme: "https"}
		if f := t.fields[v.self]; f != nil {
			x.sent = f.list
		}
		delete(t.fields, v.self)
		return t.put(t.requests, v, x)
	},
	"wasi:http/types#[method]outgoing-request.set-method": func(t *tracker, v *values) bool {
		return t.set(v, func(x *exchangeState) { x.method = strings.ToUpper(v.caseName(v.o.sig.Params[0].Type)) })
	},
	"wasi:http/types#[method]outgoing-request.set-scheme": func(t *tracker, v *values) bool {
		return t.set(v, func(x *exchangeState) {
			x.scheme = "https"
			if p := v.o.sig.Params[0].Type; p.Kind == canon.Option && v.in.Some() {
				x.scheme = strings.ToLower(v.caseName(p.Elem))
			}
		})
	},
	"wasi:http/types#[method]outgoing-request.set-authority": func(t *tracker, v *values) bool {
		return t.set(v, func(x *exchangeState) { x.authority = v.optional() })
	},
	"wasi:http/types#[method]outgoing-request.set-path-with-query": func(t *tracker, v *values) bool {
		return t.set(v, func(x *exchangeState) { x.path = v.optional() })
	},
	"wasi:http/outgoing-handler#handle": func(t *tracker, v *values) bool {
		x := t.requests[v.self]
		if x == nil {
			return false
		}
		delete(t.requests, v.self)
		t.exchanges[v.o.Seq] = x
		t.put(t.futures, v, x)
		return true
	},
	"wasi:http/types#[method]future-incoming-response.get": func(t *tracker, v *values) bool {
		x := t.futures[v.self]
		if x != nil && t.put(t.responses, v, x) {
			x.answered = true
		}
		return x != nil
	},
	"wasi:http/types#[method]incoming-response.status": func(t *tracker, v *values) bool {
		x := t.responses[v.self]
		if x != nil {
			x.status, x.hasStatus = v.out.U64(), true
		}
		return x != nil
	},
	"wasi:http/types#[method]incoming-response.headers": func(t *tracker, v *values) bool {
		x := t.responses[v.self]
		if rep, ok := v.own(v.o.sig.Result); ok {
			t.fields[rep] = &fieldList{of: x}
		}
		return x != nil
	},
	"wasi:http/types#[method]incoming-response.consume": func(t *tracker, v *values) bool {
		x := t.responses[v.self]
		return x != nil && t.put(t.bodies, v, x)
	},
	"wasi:http/types#[method]incoming-body.stream": func(t *tracker, v *values) bool {
		x := t.bodies[v.self]
		return x != nil && t.put(t.streams, v, x)
	},
	"wasi:http/types#[static]incoming-body.finish": func(t *tracker, v *values) bool {
		x := t.bodies[v.self]
		delete(t.bodies, v.self)
		return x != nil
	},
	"wasi:io/streams#[method]input-stream.read":          (*tracker).read,
	"wasi:io/streams#[method]input-stream.blocking-read": (*tracker).read,
	"wasi:io/streams#[method]input-stream.skip":          (*tracker).skip,
	"wasi:io/streams#[method]input-stream.blocking-skip": (*tracker).skip,

	"wasi:io/streams#[method]output-stream.splice":          (*tracker).splice,
	"wasi:io/streams#[method]output-stream.blocking-splice": (*tracker).splice,
}

// newFields notes a resource fields that is the result of a call.
func (t *tracker) newFields(v *values, list []pair) bool {
	rep, ok := v.own(v.o.sig.Result)
	if ok {
		t.fields[rep] = &fieldList{list: list}
	}
	return ok
}

// change changes fields of the guest's own, whose name comes first.
func (t *tracker) change(v *values, change func(f *fieldList, name string)) bool {
	f := t.fields[v.self]
	if f == nil || v.o.Errno != 0 {
		return f != nil
	}
	change(f, v.in.String())
	return true
}

func (f *fieldList) remove(name string) {
	f.list = slices.DeleteFunc(f.list, func(p pair) bool { return strings.EqualFold(p.name, name) })
}

// get learns the values of one name. A program that asks for each name that it
// needs sees no more of the header.
func (t *tracker) get(v *values) bool {
	f := t.fields[v.self]
	if f == nil || f.of == nil || f.of.hasFields {
		return f != nil
	}
	name := strings.ToLower(v.in.String())
	known := fieldList{list: f.of.fields}
	known.remove(name)
	for range v.out.Len() {
		known.list = append(known.list, pair{name, string(v.out.Blob())})
	}
	f.of.fields = known.list
	return true
}

// set changes a request that has not been sent.
func (t *tracker) set(v *values, change func(*exchangeState)) bool {
	x := t.requests[v.self]
	if x != nil && v.o.Errno == 0 {
		change(x)
	}
	return x != nil
}

// put notes what the resource in the result belongs to, if there is one.
func (t *tracker) put(in map[uint32]*exchangeState, v *values, x *exchangeState) bool {
	rep, ok := v.own(v.o.sig.Result)
	if ok {
		in[rep] = x
	}
	return ok
}

// read takes in a piece of a body. The stream is closed at the end of it.
func (t *tracker) read(v *values) bool {
	x := t.streams[v.self]
	if x == nil {
		return false
	}
	if !v.out.IsErr() {
		x.body = append(x.body, v.out.Blob()...)
		return true
	}
	x.hasBody = v.out.Case() == closedCase
	return true
}

// skip: the bytes that the guest skips are not in the trace.
func (t *tracker) skip(v *values) bool {
	x := t.streams[v.self]
	if x != nil {
		x.gaps = true
	}
	return x != nil
}

// splice is skip for bytes that go on to another stream. They are lost.
func (t *tracker) splice(v *values) bool {
	if x := t.streams[v.in.Rep()]; x != nil {
		x.gaps = true
	}
	return false
}

// drop forgets a resource, whose number may be given to another one.
func (t *tracker) drop(resource string, rep uint32) {
	switch resource {
	case "wasi:http/types.fields":
		delete(t.fields, rep)
	case "wasi:http/types.outgoing-request":
		delete(t.requests, rep)
	case "wasi:http/types.future-incoming-response":
		delete(t.futures, rep)
	case "wasi:http/types.incoming-response":
		delete(t.responses, rep)
	case "wasi:http/types.incoming-body":
		delete(t.bodies, rep)
	case "wasi:io/streams.input-stream":
		delete(t.streams, rep)
	}
}

// closedCase is stream-error.closed.
const closedCase = 1

// caseName is the name of a case of a variant, or the text of its case "other".
func (v *values) caseName(t *canon.Type) string {
	if t.Kind != canon.Variant {
		return ""
	}
	i := v.in.Case()
	switch {
	case i >= len(t.Fields):
		return ""
	case t.Fields[i].Type != nil && t.Fields[i].Type.Kind == canon.String:
		return v.in.String()
	}
	return t.Fields[i].Name
}

func (v *values) optional() string {
	if !v.in.Some() {
		return ""
	}
	return v.in.String()
}

func decodePairs(d *canon.Decoder) []pair {
	var list []pair
	for range d.Len() {
		list = append(list, pair{d.String(), string(d.Blob())})
	}
	return list
}

// response is the exchange that an event began, as an event of wasm-rr: nil if
// there was no response.
func (t *tracker) response(seq int64) *Event {
	x := t.exchanges[seq]
	if x == nil || !x.answered {
		return nil
	}
	var params, result canon.Encoder
	params.String(x.method)
	params.String(x.url())
	x.encodePairs(&params, x.requestFields())
	if !x.hasStatus {
		x.status = 200 // the program has not asked
	}
	result.U64(x.status)
	x.encodePairs(&result, x.fields)
	result.Blob(x.body)
	return &Event{Kind: KindOf("http_response"), Params: params.Bytes(), Result: result.Bytes()}
}

func (x *exchangeState) url() string {
	path := x.path
	if path == "" || path[0] == '?' {
		path = "/" + path
	}
	return x.scheme + "://" + x.authority + path
}

// requestFields are the fields as wasm-rr keeps them: names in lower case, with
// that of the host, sorted.
func (x *exchangeState) requestFields() []pair {
	list := []pair{{"host", x.authority}}
	for _, p := range x.sent {
		list = append(list, pair{strings.ToLower(p.name), p.value})
	}
	slices.SortFunc(list, func(a, b pair) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.value, b.value)) })
	return list
}

// encodePairs writes fields. Bytes that are no text become the replacement
// character.
func (x *exchangeState) encodePairs(e *canon.Encoder, list []pair) {
	e.Len(len(list))
	for _, p := range list {
		for _, s := range []string{p.name, p.value} {
			x.unreadable = x.unreadable || !utf8.ValidString(s)
			e.String(strings.ToValidUTF8(s, "\ufffd"))
		}
	}
}

// count adds what the exchanges lack.
func (t *tracker) count(lost map[string]int64) {
	for _, x := range t.exchanges {
		switch {
		case !x.answered:
			lost["HTTP requests without a response"]++
		case x.unreadable:
			lost["HTTP exchanges with fields that are no text"]++
		case !x.hasStatus || !x.hasFields || !x.hasBody || x.gaps:
			lost["HTTP responses that the program did not look at wholly"]++
		}
	}
}
