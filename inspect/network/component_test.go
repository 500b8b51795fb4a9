package network

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/format/canon"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/writer"
	"github.com/zeebo/xxh3"
)

const (
	testError = "variant{DNS-timeout, connection-refused, internal-error(option<string>)}"
	testFail  = "variant{last-operation-failed(own<wasi:io/error.error>), closed}"
	testNet   = "enum{unknown, access-denied, would-block, connection-refused}"
	testAddr  = "variant{ipv4(record{port: u16, address: tuple<u8, u8, u8, u8>}), ipv6(record{port: u16, flow-info: u32, address: tuple<u16, u16, u16, u16, u16, u16, u16, u16>, scope-id: u32})}"
)

// testTypes are the types of the functions in these tests, with fewer errors
// than there are. $x stands for wasi:http/types.x.
var testTypes = map[string]string{
	"wasi:http/incoming-handler#handle":                            "(request: own<$incoming-request>, response-out: own<$response-outparam>)",
	"wasi:http/outgoing-handler#handle":                            "(request: own<$outgoing-request>, options: option<own<$request-options>>) -> result<own<$future-incoming-response>, " + testError + ">",
	"wasi:http/types#[constructor]fields":                          "() -> own<$fields>",
	"wasi:http/types#[static]fields.from-list":                     "(entries: list<tuple<string, list<u8>>>) -> result<own<$fields>, variant{invalid-syntax}>",
	"wasi:http/types#[method]fields.append":                        "(self: borrow<$fields>, name: string, value: list<u8>) -> result<_, variant{invalid-syntax}>",
	"wasi:http/types#[method]fields.set":                           "(self: borrow<$fields>, name: string, value: list<list<u8>>) -> result<_, variant{invalid-syntax}>",
	"wasi:http/types#[method]fields.delete":                        "(self: borrow<$fields>, name: string) -> result<_, variant{invalid-syntax}>",
	"wasi:http/types#[method]fields.clone":                         "(self: borrow<$fields>) -> own<$fields>",
	"wasi:http/types#[method]incoming-request.headers":             "(self: borrow<$incoming-request>) -> own<$fields>",
	"wasi:http/types#[method]incoming-request.consume":             "(self: borrow<$incoming-request>) -> result<own<$incoming-body>>",
	"wasi:http/types#[constructor]outgoing-request":                "(headers: own<$fields>) -> own<$outgoing-request>",
	"wasi:http/types#[method]outgoing-request.set-method":          "(self: borrow<$outgoing-request>, method: variant{get, head, post, put, delete, connect, options, trace, patch, other(string)}) -> result",
	"wasi:http/types#[method]outgoing-request.set-scheme":          "(self: borrow<$outgoing-request>, scheme: option<variant{HTTP, HTTPS, other(string)}>) -> result",
	"wasi:http/types#[method]outgoing-request.set-authority":       "(self: borrow<$outgoing-request>, authority: option<string>) -> result",
	"wasi:http/types#[method]outgoing-request.set-path-with-query": "(self: borrow<$outgoing-request>, path-with-query: option<string>) -> result",
	"wasi:http/types#[method]outgoing-request.body":                "(self: borrow<$outgoing-request>) -> result<own<$outgoing-body>>",
	"wasi:http/types#[method]future-incoming-response.get":         "(self: borrow<$future-incoming-response>) -> option<result<result<own<$incoming-response>, " + testError + ">>>",
	"wasi:http/types#[method]incoming-response.consume":            "(self: borrow<$incoming-response>) -> result<own<$incoming-body>>",
	"wasi:http/types#[method]incoming-body.stream":                 "(self: borrow<$incoming-body>) -> result<own<wasi:io/streams.input-stream>>",
	"wasi:http/types#[static]incoming-body.finish":                 "(this: own<$incoming-body>) -> own<$future-trailers>",
	"wasi:http/types#[method]future-trailers.get":                  "(self: borrow<$future-trailers>) -> option<result<result<option<own<$fields>>, " + testError + ">>>",
	"wasi:http/types#[constructor]outgoing-response":               "(headers: own<$fields>) -> own<$outgoing-response>",
	"wasi:http/types#[method]outgoing-response.set-status-code":    "(self: borrow<$outgoing-response>, status-code: u16) -> result",
	"wasi:http/types#[method]outgoing-response.body":               "(self: borrow<$outgoing-response>) -> result<own<$outgoing-body>>",
	"wasi:http/types#[static]response-outparam.set":                "(param: own<$response-outparam>, response: result<own<$outgoing-response>, " + testError + ">)",
	"wasi:http/types#[method]outgoing-body.write":                  "(self: borrow<$outgoing-body>) -> result<own<wasi:io/streams.output-stream>>",
	"wasi:http/types#[static]outgoing-body.finish":                 "(this: own<$outgoing-body>, trailers: option<own<$fields>>) -> result<_, " + testError + ">",
	"wasi:http/types#http-error-code":                              "(err: borrow<wasi:io/error.error>) -> option<" + testError + ">",
	"wasi:io/streams#[method]input-stream.blocking-read":           "(self: borrow<wasi:io/streams.input-stream>, len: u64) -> result<list<u8>, " + testFail + ">",
	"wasi:io/streams#[method]input-stream.skip":                    "(self: borrow<wasi:io/streams.input-stream>, len: u64) -> result<u64, " + testFail + ">",
	"wasi:io/streams#[method]output-stream.write":                  "(self: borrow<wasi:io/streams.output-stream>, contents: list<u8>) -> result<_, " + testFail + ">",
	"wasi:io/streams#[method]output-stream.write-zeroes":           "(self: borrow<wasi:io/streams.output-stream>, len: u64) -> result<_, " + testFail + ">",
	"wasi:io/streams#[method]output-stream.blocking-splice":        "(self: borrow<wasi:io/streams.output-stream>, src: borrow<wasi:io/streams.input-stream>, len: u64) -> result<u64, " + testFail + ">",

	"wasi:sockets/tcp-create-socket#create-tcp-socket":          "(address-family: enum{ipv4, ipv6}) -> result<own<wasi:sockets/tcp.tcp-socket>, " + testNet + ">",
	"wasi:sockets/udp-create-socket#create-udp-socket":          "(address-family: enum{ipv4, ipv6}) -> result<own<wasi:sockets/udp.udp-socket>, " + testNet + ">",
	"wasi:sockets/tcp#[method]tcp-socket.start-bind":            "(self: borrow<wasi:sockets/tcp.tcp-socket>, network: borrow<wasi:sockets/network.network>, local-address: " + testAddr + ") -> result<_, " + testNet + ">",
	"wasi:sockets/tcp#[method]tcp-socket.start-listen":          "(self: borrow<wasi:sockets/tcp.tcp-socket>) -> result<_, " + testNet + ">",
	"wasi:sockets/tcp#[method]tcp-socket.start-connect":         "(self: borrow<wasi:sockets/tcp.tcp-socket>, network: borrow<wasi:sockets/network.network>, remote-address: " + testAddr + ") -> result<_, " + testNet + ">",
	"wasi:sockets/tcp#[method]tcp-socket.finish-connect":        "(self: borrow<wasi:sockets/tcp.tcp-socket>) -> result<tuple<own<wasi:io/streams.input-stream>, own<wasi:io/streams.output-stream>>, " + testNet + ">",
	"wasi:sockets/tcp#[method]tcp-socket.accept":                "(self: borrow<wasi:sockets/tcp.tcp-socket>) -> result<tuple<own<wasi:sockets/tcp.tcp-socket>, own<wasi:io/streams.input-stream>, own<wasi:io/streams.output-stream>>, " + testNet + ">",
	"wasi:sockets/tcp#[method]tcp-socket.remote-address":        "(self: borrow<wasi:sockets/tcp.tcp-socket>) -> result<" + testAddr + ", " + testNet + ">",
	"wasi:sockets/tcp#[method]tcp-socket.shutdown":              "(self: borrow<wasi:sockets/tcp.tcp-socket>, shutdown-type: enum{receive, send, both}) -> result<_, " + testNet + ">",
	"wasi:sockets/udp#[method]udp-socket.stream":                "(self: borrow<wasi:sockets/udp.udp-socket>, remote-address: option<" + testAddr + ">) -> result<tuple<own<wasi:sockets/udp.incoming-datagram-stream>, own<wasi:sockets/udp.outgoing-datagram-stream>>, " + testNet + ">",
	"wasi:sockets/udp#[method]incoming-datagram-stream.receive": "(self: borrow<wasi:sockets/udp.incoming-datagram-stream>, max-results: u64) -> result<list<record{data: list<u8>, remote-address: " + testAddr + "}>, " + testNet + ">",
	"wasi:sockets/udp#[method]outgoing-datagram-stream.send":    "(self: borrow<wasi:sockets/udp.outgoing-datagram-stream>, datagrams: list<record{data: list<u8>, remote-address: option<" + testAddr + ">}>) -> result<u64, " + testNet + ">",
	"wasi:sockets/ip-name-lookup#resolve-addresses":             "(network: borrow<wasi:sockets/network.network>, name: string) -> result<own<wasi:sockets/ip-name-lookup.resolve-address-stream>, " + testNet + ">",
}

// values are canonical values: numbers, strings, blobs, and booleans for what
// an option or a result is.
type values []any

func (v values) bytes() []byte {
	var e canon.Encoder
	for _, x := range v {
		switch x := x.(type) {
		case int:
			e.U64(uint64(x))
		case bool:
			e.Bool(x)
		case string:
			e.String(x)
		case []byte:
			e.Blob(x)
		}
	}
	return e.Bytes()
}

func joined(lists ...values) values { return slices.Concat(lists...) }

var (
	yes    = values{true}       // some
	no     = values{false}      // none
	okay   = values{false}      // ok
	bad    = values{true}       // err
	denied = values{true, 1}    // err(connection-refused)
	closes = values{true, 1}    // err(closed)
	done   = values{true, 0, 1} // err(last-operation-failed(error#1))
)

func blob(s string) values { return values{[]byte(s)} }

// theirs are headers as a list.
func theirs(pairs ...string) values {
	v := values{len(pairs) / 2}
	for i := 0; i < len(pairs); i += 2 {
		v = append(v, pairs[i], []byte(pairs[i+1]))
	}
	return v
}

// tape makes the trace of a component. Each event begins 1000 ns after the one before and
// takes 10.
type tape struct {
	task    int32
	events  []format.Event
	modules []string
	names   []string
}

func (t *tape) code(list *[]string, name string) int16 {
	i := slices.Index(*list, name)
	if i < 0 {
		i = len(*list)
		*list = append(*list, name)
	}
	return int16(i)
}

// add appends an event of a function or resource.
func (t *tape) add(kind format.Kind, module, name string) *format.Event {
	t.events = append(t.events, format.Event{
		Kind: kind, Time: startNS + int64(len(t.events))*1000, Duration: 10, Task: t.task,
		Module: t.code(&t.modules, module), Function: t.code(&t.names, name),
		Has: format.HasModule | format.HasFunction | format.HasDuration,
	})
	return &t.events[len(t.events)-1]
}

func testSignature(module, name string) *call.Signature {
	iface, _, _ := strings.Cut(module, "@")
	text := "func" + strings.ReplaceAll(testTypes[iface+"#"+name], "$", "wasi:http/types.")
	f, err := canon.ParseFunc(text)
	if err != nil {
		panic(err)
	}
	return call.NewSignature(module, name, f)
}

// call appends a call with its parameters, its result and its note.
func (t *tape) call(function string, args, result values, note ...any) *format.Event {
	iface, name, _ := strings.Cut(function, "#")
	e := t.add(format.KindCall, iface+"@0.2.3", name)
	s := testSignature(iface+"@0.2.3", name)
	s.SetArgs(e, args.bytes())
	s.SetResult(e, startNS, result.bytes())
	if len(note) > 0 {
		s.SetNote(e, values(note).bytes(), -1, nil)
	}
	return e
}

func (t *tape) http(name string, args, result values, note ...any) {
	t.call("wasi:http/types#"+name, args, result, note...)
}

func (t *tape) stream(name string, args, result values, note ...any) *format.Event {
	return t.call("wasi:io/streams#[method]"+name, args, result, note...)
}

func (t *tape) drop(resource string, rep int64) {
	module, name, _ := strings.Cut(resource, ".")
	e := t.add(format.KindDrop, module, name)
	e.P[0], e.Has = rep, e.Has|format.HasP0
}

// serve calls the component with a request.
func (t *tape) serve(task int32, method, path string, headers ...string) {
	t.task = task
	e := t.add(format.KindStart, "wasi:http/incoming-handler@0.2.3", "handle")
	e.Input = values{1, 1}.bytes()
	e.Output = joined(values{method, "http", "h:80", path, "10.0.0.9:5000"}, theirs(headers...)).bytes()
	e.Has |= format.HasInput | format.HasOutput
}

func (t *tape) exit() {
	t.events = append(t.events, format.Event{Kind: format.KindExit, Time: startNS + int64(len(t.events))*1000, Task: t.task, Has: format.HasValue})
}

func (t *tape) trap(message string) {
	t.exit()
	e := &t.events[len(t.events)-1]
	e.Kind, e.Input, e.Has = format.KindTrap, []byte(message+"\nstack"), format.HasValue|format.HasInput
}

func (t *tape) file(tb testing.TB) *reader.File {
	tb.Helper()
	h := &format.Header{ID: "018bcfe5-6800-7000-8000-000000000001", StartNS: startNS, Program: &format.Program{Serve: "10.0.0.1:80"}}
	for function, typ := range testTypes {
		iface, name, _ := strings.Cut(function, "#")
		h.Functions = append(h.Functions, format.Function{Module: iface + "@0.2.3", Name: name,
			Signature: "func" + strings.ReplaceAll(typ, "$", "wasi:http/types.")})
	}
	path := filepath.Join(tb.TempDir(), "t.trace.arrow")
	w, err := writer.Create(path, writer.Options{Header: h, Modules: t.modules, Functions: t.names})
	if err != nil {
		tb.Fatal(err)
	}
	for i := range t.events {
		if err := w.Append(&t.events[i]); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	f, err := reader.Open(path, reader.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() })
	return f
}

// exchanges are those of the trace.
func (t *tape) exchanges(tb testing.TB) []*Exchange {
	tb.Helper()
	f := t.file(tb)
	var list []*Exchange
	for e, err := range Exchanges(f, f.Events(Query(f)), Options{MaxBody: 1 << 20}) {
		if err != nil {
			tb.Fatal(err)
		}
		list = append(list, e)
	}
	return list
}

// What is dropped may have the name of a function, which then has no types.
func TestHostileDrops(t *testing.T) {
	for name := range testTypes {
		var p tape
		p.newRequest(0, "/")
		p.drop(name, 1)
		p.exit()
		if list := p.exchanges(t); len(list) > 0 {
			t.Errorf("%s: %d exchanges, want none", name, len(list))
		}
	}
}

// A function may have other types than WASI says: each in turn returns nothing.
func TestHostileTypes(t *testing.T) {
	var whole tape
	for _, test := range componentTests {
		whole.task++
		test.tape(&whole)
	}
	whole.sockets()
	for name, typ := range testTypes {
		testTypes[name], _, _ = strings.Cut(typ, " -> ")
		whole.exchanges(t)
		testTypes[name] = typ
	}
}

// newRequest makes outgoing-request#1 of fields#1.
func (t *tape) newRequest(method int, path string) {
	t.http("[constructor]fields", nil, values{1})
	t.http("[method]fields.append", joined(values{1, "X-A"}, blob("1")), okay)
	t.http("[constructor]outgoing-request", values{1}, values{1})
	t.http("[method]outgoing-request.set-method", values{1, method}, okay)
	t.http("[method]outgoing-request.set-scheme", values{1, true, 0}, okay)
	t.http("[method]outgoing-request.set-authority", values{1, true, "h"}, okay)
	t.http("[method]outgoing-request.set-path-with-query", values{1, true, path}, okay)
}

func (t *tape) handle(result values) {
	t.call("wasi:http/outgoing-handler#handle", values{1, false}, result)
}

// body makes outgoing-body#1 and output-stream#7 of a request or response.
func (t *tape) body(of string) {
	t.http("[method]"+of+".body", values{1}, values{false, 1})
	t.http("[method]outgoing-body.write", values{1}, values{false, 7})
}

func (t *tape) finish() {
	t.drop(resOutput, 7)
	t.http("[static]outgoing-body.finish", values{1, false}, okay)
}

// response takes incoming-response#1 from the future.
func (t *tape) response(status int, headers ...string) {
	t.http("[method]future-incoming-response.get", values{1}, joined(yes, okay, okay, values{1}), joined(values{status}, theirs(headers...))...)
	t.drop(resFuture, 1)
}

// receive makes input-stream#7 of the body of a message.
func (t *tape) receive(of string) {
	t.http("[method]"+of+".consume", values{1}, values{false, 1})
	t.http("[method]incoming-body.stream", values{1}, values{false, 7})
}

func (t *tape) read(text string) {
	t.stream("input-stream.blocking-read", values{7, 100}, joined(okay, blob(text)))
}

func (t *tape) readEnd() { t.stream("input-stream.blocking-read", values{7, 100}, closes) }

// received drops what receive and response have made.
func (t *tape) received() {
	t.drop(resInput, 7)
	t.drop(resIncomingBody, 1)
	t.drop(resIncomingResponse, 1)
}

// respond makes outgoing-response#1, with a body.
func (t *tape) respond(status int, body ...string) {
	t.http("[static]fields.from-list", theirs("B", "2", "a", "1"), values{false, 1})
	t.http("[constructor]outgoing-response", values{1}, values{1})
	t.http("[method]outgoing-response.set-status-code", values{1, status}, okay)
	t.body("outgoing-response")
	t.http("[static]response-outparam.set", values{1, false, 1}, nil)
	for _, s := range body {
		t.stream("output-stream.write", joined(values{7}, blob(s)), okay)
	}
}

var componentTests = []struct {
	name string
	tape func(*tape)
	want []string
}{
	{"get", func(t *tape) {
		t.newRequest(0, "/a?b")
		t.handle(values{false, 1})
		t.http("[method]future-incoming-response.get", values{1}, no)
		t.response(200)
		t.receive("incoming-response")
		t.read("abc")
		t.read("de")
		t.readEnd()
		t.received()
		t.exit()
	}, []string{`client GET http://h/a?b = 200 5:"abcde"`}},
	{"numbers are used again", func(t *tape) {
		for range 2 {
			t.newRequest(0, "")
			t.handle(values{false, 1})
			t.response(200)
			t.receive("incoming-response")
			t.read("x")
			t.readEnd()
			t.received()
		}
		t.exit()
	}, []string{`client GET http://h/ = 200 1:"x"`, `client GET http://h/ = 200 1:"x"`}},
	{"body before and after", func(t *tape) {
		t.newRequest(2, "?q")
		t.body("outgoing-request")
		t.stream("output-stream.write", joined(values{7}, blob("one")), okay)
		t.handle(values{false, 1})
		t.stream("output-stream.write-zeroes", values{7, 2}, okay)
		t.finish()
		t.response(204)
		t.drop(resIncomingResponse, 1)
		t.exit()
	}, []string{`client POST http://h/?q 5:"one\x00\x00" = 204`}},
	{"other method and scheme", func(t *tape) {
		t.newRequest(0, "*")
		t.http("[method]outgoing-request.set-method", values{1, 9, "PropFind"}, okay)
		t.http("[method]outgoing-request.set-method", values{1, 9, "no no"}, bad)
		t.http("[method]outgoing-request.set-scheme", values{1, false}, okay)
		t.handle(values{false, 1})
		t.response(204)
		t.drop(resIncomingResponse, 1)
	}, []string{`client PropFind https://h/ = 204`}},
	{"refused at once", func(t *tape) {
		t.newRequest(0, "/")
		t.handle(denied)
		t.exit()
	}, []string{`client GET http://h/ = 0, no response: connection-refused`}},
	{"refused later", func(t *tape) {
		t.newRequest(0, "/")
		t.handle(values{false, 1})
		t.http("[method]future-incoming-response.get", values{1}, joined(yes, okay, values{true, 2, true, "no\nluck"}))
		t.exit()
	}, []string{`client GET http://h/ = 0, no response: internal-error(some("no\nluck"))`}},
	{"never sent", func(t *tape) {
		t.newRequest(2, "/")
		t.body("outgoing-request")
		t.stream("output-stream.write", joined(values{7}, blob("one")), okay)
		t.drop(resOutgoingRequest, 1)
		t.exit()
	}, nil},
	{"given up", func(t *tape) {
		t.newRequest(0, "/")
		t.handle(values{false, 1})
		t.drop(resFuture, 1)
		t.exit()
	}, []string{`client GET http://h/ = 0, no response: dropped by the program`}},
	{"body not finished", func(t *tape) {
		t.newRequest(2, "/")
		t.body("outgoing-request")
		t.handle(values{false, 1})
		t.stream("output-stream.write", joined(values{7}, blob("one")), okay)
		t.drop(resOutput, 7)
		t.drop(resOutgoingBody, 1)
		t.response(204)
		t.drop(resIncomingResponse, 1)
	}, []string{`client POST http://h/ 3:"one" = 204, request cut: dropped by the program`}},
	{"body of the wrong length", func(t *tape) {
		t.newRequest(2, "/")
		t.body("outgoing-request")
		t.handle(values{false, 1})
		t.drop(resOutput, 7)
		t.http("[static]outgoing-body.finish", values{1, false}, values{true, 0})
		t.drop(resFuture, 1)
	}, []string{`client POST http://h/ = 0, request cut: DNS-timeout`}},
	{"response left unread", func(t *tape) {
		t.newRequest(0, "/")
		t.handle(values{false, 1})
		t.response(200, "content-length", "3")
		t.drop(resIncomingResponse, 1)
	}, []string{`client GET http://h/ = 200, response cut: dropped by the program`}},
	{"response read up to its length", func(t *tape) {
		t.newRequest(0, "/")
		t.handle(values{false, 1})
		t.response(200, "Content-Length", "3")
		t.receive("incoming-response")
		t.read("abc")
		t.received()
	}, []string{`client GET http://h/ = 200 3:"abc"`}},
	{"HEAD", func(t *tape) {
		t.newRequest(1, "/")
		t.handle(values{false, 1})
		t.response(200, "content-length", "3")
		t.drop(resIncomingResponse, 1)
	}, []string{`client HEAD http://h/ = 200`}},
	{"skipped", func(t *tape) {
		t.newRequest(0, "/")
		t.handle(values{false, 1})
		t.response(200)
		t.receive("incoming-response")
		t.read("ab")
		t.stream("input-stream.skip", values{7, 9}, values{false, 4})
		t.read("c")
		t.readEnd()
		t.received()
	}, []string{`client GET http://h/ = 200 7:"ab"-4`}},
	{"response that breaks off", func(t *tape) {
		t.newRequest(0, "/")
		t.handle(values{false, 1})
		t.response(200)
		t.receive("incoming-response")
		t.read("ab")
		t.stream("input-stream.blocking-read", values{7, 9}, done)
		t.call("wasi:http/types#http-error-code", values{1}, joined(yes, values{1}))
		t.drop(resError, 1)
		t.received()
	}, []string{`client GET http://h/ = 200 2:"ab", response cut: connection-refused`}},
	{"trailers that do not come", func(t *tape) {
		t.newRequest(0, "/")
		t.handle(values{false, 1})
		t.response(200)
		t.receive("incoming-response")
		t.drop(resInput, 7)
		t.http("[static]incoming-body.finish", values{1}, values{1})
		t.http("[method]future-trailers.get", values{1}, joined(yes, okay, denied))
		t.drop(resTrailers, 1)
		t.drop(resIncomingResponse, 1)
	}, []string{`client GET http://h/ = 200, response cut: connection-refused`}},
	{"the trace ends", func(t *tape) {
		t.newRequest(0, "/")
		t.handle(values{false, 1})
		t.response(200)
		t.receive("incoming-response")
		t.read("ab")
	}, []string{`client GET http://h/ = 200 2:"ab", response cut: the trace ends before`}},
	{"served", func(t *tape) {
		t.serve(0, "POST", "/x", "content-length", "3")
		t.receive("incoming-request")
		t.read("abc")
		t.respond(201, "de", "f")
		t.finish()
		t.exit()
	}, []string{`server POST http://h:80/x 3:"abc" = 201 3:"def"`}},
	{"served without a body", func(t *tape) {
		t.serve(0, "GET", "/x")
		t.http("[constructor]fields", nil, values{1})
		t.http("[constructor]outgoing-response", values{1}, values{1})
		t.http("[static]response-outparam.set", values{1, false, 1}, nil)
		t.exit()
	}, []string{`server GET http://h:80/x = 200`}},
	{"served at a time", func(t *tape) {
		t.serve(0, "GET", "/0")
		t.serve(1, "GET", "/1")
		t.respond(200, "one")
		t.finish()
		t.task = 0
		t.respond(404, "zero")
		t.finish()
		t.task = 1
		t.exit()
		t.task = 0
		t.exit()
	}, []string{`server GET http://h:80/1 = 200 3:"one"`, `server GET http://h:80/0 = 404 4:"zero"`}},
	{"trapped", func(t *tape) {
		t.serve(0, "GET", "/x")
		t.trap("unreachable")
		t.serve(1, "GET", "/y")
		t.respond(200, "o")
		t.trap("unreachable")
	}, []string{`server GET http://h:80/x = 0, no response: the program trapped: unreachable`,
		`server GET http://h:80/y = 200 1:"o", response cut: the program trapped: unreachable`}},
	{"answered with an error", func(t *tape) {
		t.serve(0, "GET", "/x")
		t.http("[static]response-outparam.set", values{1, true, 0}, nil)
		t.exit()
	}, []string{`server GET http://h:80/x = 0, no response: DNS-timeout`}},
	{"a response that is not set", func(t *tape) {
		t.serve(0, "GET", "/x")
		t.http("[constructor]fields", nil, values{1})
		t.http("[constructor]outgoing-response", values{1}, values{1})
		t.drop(resOutparam, 1)
		t.exit()
	}, []string{`server GET http://h:80/x = 0, no response: the program ended`}},
	{"a body that was said to come", func(t *tape) {
		for task, method := range []string{"GET", "HEAD"} {
			t.serve(int32(task), method, "/x")
			t.http("[static]fields.from-list", theirs("content-length", "3"), values{false, 1})
			t.http("[constructor]outgoing-response", values{1}, values{1})
			t.http("[static]response-outparam.set", values{1, false, 1}, nil)
			t.exit()
		}
	}, []string{`server GET http://h:80/x = 200, response cut: it has no body, but a Content-Length`, `server HEAD http://h:80/x = 200`}},
	{"spliced from one to the other", func(t *tape) {
		t.serve(0, "POST", "/x")
		t.http("[method]incoming-request.consume", values{1}, values{false, 1})
		t.http("[method]incoming-body.stream", values{1}, values{false, 3})
		t.respond(200)
		t.stream("output-stream.blocking-splice", values{7, 3, 100}, values{false, 2}, []byte("hi"))
		t.finish()
		t.exit()
	}, []string{`server POST http://h:80/x 2:"hi" = 200 2:"hi"`}},
	{"calls of others", func(t *tape) {
		t.stream("output-stream.write", joined(values{7}, blob("to stdout")), okay)
		t.drop(resFields, 4)
		t.handle(values{false, 1})
		t.response(200)
		t.exit()
	}, nil},
}

func TestComponent(t *testing.T) {
	for _, test := range componentTests {
		t.Run(test.name, func(t *testing.T) {
			var tape tape
			test.tape(&tape)
			var got []string
			for _, e := range tape.exchanges(t) {
				got = append(got, summary(e))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("\n got %q\nwant %q", got, test.want)
			}
		})
	}
}

// TestComponentHeaders: fields are changed, shared and copied as a guest does it.
func TestComponentHeaders(t *testing.T) {
	var p tape
	p.serve(3, "GET", "/", "x-in", "1", "x-in", "2")
	p.http("[method]incoming-request.headers", values{1}, values{1})
	p.http("[method]fields.append", joined(values{1, "no"}, blob("no")), values{true, 0}) // it is immutable
	p.http("[method]fields.clone", values{1}, values{2})
	p.http("[method]fields.append", joined(values{2, "X-More"}, blob("3")), okay)
	p.http("[method]fields.set", joined(values{2, "X-IN", 2}, blob("4"), blob("5")), okay)
	p.http("[method]fields.append", joined(values{2, "gone"}, blob("6")), okay)
	p.http("[method]fields.delete", values{2, "Gone"}, okay)
	p.http("[constructor]outgoing-response", values{2}, values{1})
	p.http("[method]outgoing-response.body", values{1}, values{false, 1})
	p.http("[static]response-outparam.set", values{1, false, 1}, nil)
	p.http("[static]fields.from-list", theirs("T", "7"), values{false, 2})
	p.http("[static]outgoing-body.finish", values{1, true, 2}, okay)
	p.exit()
	e := p.exchanges(t)[0]
	in, out := []Header{{"x-in", "1"}, {"x-in", "2"}}, []Header{{"X-IN", "4"}, {"X-IN", "5"}, {"X-More", "3"}}
	if !slices.Equal(e.Request.Headers, in) || !slices.Equal(e.Response.Headers, out) || !slices.Equal(e.Response.Trailers, []Header{{"T", "7"}}) {
		t.Errorf("%q, %q, %q", e.Request.Headers, e.Response.Headers, e.Response.Trailers)
	}
	if e.Local != "10.0.0.1:80" || e.Remote != "10.0.0.9:5000" || e.Task != 3 || !e.Request.Complete || !e.Response.Complete {
		t.Errorf("%+v", e)
	}

	// What the program passes on it has with names in lower case.
	p = tape{}
	p.serve(0, "GET", "/", "X-In", "1")
	p.http("[method]incoming-request.headers", values{1}, values{1})
	p.http("[constructor]outgoing-request", values{1}, values{1})
	p.http("[method]outgoing-request.set-authority", values{1, true, "h"}, okay)
	p.handle(values{false, 1})
	p.exit()
	for _, x := range p.exchanges(t) {
		if want := map[Role]string{Client: "x-in", Server: "X-In"}[x.Role]; x.Request.Headers[0].Name != want {
			t.Errorf("%s has %q, want %s", x.Role, x.Request.Headers, want)
		}
	}

	p = tape{}
	p.newRequest(0, "/")
	p.handle(values{false, 1})
	p.response(200, "A", "1", "a", "2")
	p.receive("incoming-response")
	p.readEnd()
	p.drop(resInput, 7)
	p.http("[static]incoming-body.finish", values{1}, values{1})
	p.http("[method]future-trailers.get", values{1}, joined(yes, okay, okay, values{true, 5}), theirs("T", "1")...)
	p.exit()
	e = p.exchanges(t)[0]
	if !slices.Equal(e.Request.Headers, []Header{{"X-A", "1"}}) || !slices.Equal(e.Response.Headers, []Header{{"A", "1"}, {"a", "2"}}) ||
		!slices.Equal(e.Response.Trailers, []Header{{"T", "1"}}) || e.Error != "" {
		t.Errorf("%+v", e)
	}
}

func TestComponentTimes(t *testing.T) {
	var p tape
	p.newRequest(0, "/")
	at := len(p.events)
	p.handle(values{false, 1})
	p.response(200)
	p.receive("incoming-response")
	p.read("a")
	p.readEnd()
	p.received()
	e := p.exchanges(t)[0]
	begin := startNS + int64(at)*1000
	got := []int64{e.Event, e.TimeNS - begin, e.Request.LastNS - begin, e.Response.FirstNS - begin, e.Response.LastNS - begin, e.DurationNS}
	// From the call of handle, until the header is there, until the body's end.
	if want := []int64{int64(at), 0, 10, 1000, 6010, 6010}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if e.Request.HeaderBytes != -1 || e.Response.HeaderBytes != -1 {
		t.Errorf("%d and %d bytes of heads", e.Request.HeaderBytes, e.Response.HeaderBytes)
	}
}

// TestComponentCutText: of text that is not kept whole the size is known.
func TestComponentCutText(t *testing.T) {
	var p tape
	p.newRequest(2, "/")
	p.body("outgoing-request")
	e := p.stream("output-stream.write", joined(values{7}, blob("abcdef")), okay)
	testSignature("wasi:io/streams", "[method]output-stream.write").CutText(e, 2, nil)
	if e.Hash != xxh3.HashString("abcdef") || e.Value != 6 {
		t.Fatalf("%+v", e)
	}
	p.handle(values{false, 1})
	p.finish()
	p.drop(resFuture, 1)
	got := summary(p.exchanges(t)[0])
	if want := `client POST http://h/ 6:"ab"-4 = 0, no response: dropped by the program`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestComponentBounds: tasks and resources without end stay within their bounds,
// and nothing is held when all is over.
func TestComponentBounds(t *testing.T) {
	var p tape
	p.serve(0, "GET", "/")
	f := p.file(t)
	h := newHTTP(Options{})
	g := newGuests(f, h)
	for i := range int32(maxGuests + 10) {
		e := p.events[0]
		e.Task = i
		g.event(&e)
	}
	if len(g.tasks) != maxGuests || len(h.done) != 10 || !strings.HasSuffix(h.done[0].Error, "too many tasks at a time") {
		t.Errorf("%d tasks, %d exchanges", len(g.tasks), len(h.done))
	}
	g.close()
	if h.kept != 0 || g.resources != 0 || len(h.done) != maxGuests+10 {
		t.Errorf("%d bytes and %d resources are held, %d exchanges", h.kept, g.resources, len(h.done))
	}

	p = tape{}
	p.http("[constructor]fields", nil, values{1})
	g = newGuests(p.file(t), h)
	for i := range int64(maxResources + 10) {
		e := p.events[0]
		e.Value = i + 1
		g.event(&e)
	}
	if g.resources != maxResources {
		t.Errorf("%d resources", g.resources)
	}

	p = tape{}
	p.http("[constructor]fields", nil, values{1})
	p.http("[method]fields.append", joined(values{1, "name"}, blob("")), okay)
	g = newGuests(p.file(t), h)
	g.event(&p.events[0])
	for range 3 * maxHead / headerOverhead {
		g.event(&p.events[1])
	}
	if f := g.tasks[0].fields[1]; f.kept > maxHead || h.kept != f.kept || f.kept != headerBytes(f.list) {
		t.Errorf("%d bytes of fields, %d held", f.kept, h.kept)
	}
}

func ipv4(port int, b ...int) values { return values{0, port, b[0], b[1], b[2], b[3]} }

// sockets is a tape of what is done with sockets.
func (p *tape) sockets() {
	const tcp, udp = "wasi:sockets/tcp#[method]tcp-socket.", "wasi:sockets/udp#[method]"
	wouldBlock, refused := values{true, 2}, values{true, 3}
	p.call("wasi:sockets/ip-name-lookup#resolve-addresses", values{1, "h"}, values{false, 1})
	// A client, and one that is refused.
	p.call("wasi:sockets/tcp-create-socket#create-tcp-socket", values{0}, values{false, 1})
	p.call(tcp+"start-connect", joined(values{1, 1}, ipv4(80, 10, 0, 0, 2)), okay)
	p.call(tcp+"finish-connect", values{1}, wouldBlock)
	p.call(tcp+"finish-connect", values{1}, values{false, 4, 5})
	p.stream("output-stream.write", joined(values{5}, blob("GET /a HTTP/1.1\r\nHost: h\r\n\r\n")), okay)
	p.stream("input-stream.blocking-read", values{4, 9}, joined(okay, blob("HTTP/1.0 200 OK\r\n\r\nhi")))
	p.stream("input-stream.skip", values{4, 9}, values{false, 3})
	p.stream("input-stream.blocking-read", values{4, 9}, joined(okay, blob("")))
	p.stream("input-stream.blocking-read", values{4, 9}, closes)
	p.call(tcp+"shutdown", values{1, 1}, okay)
	p.drop(resInput, 4)
	p.drop(resOutput, 5)
	p.stream("output-stream.write", joined(values{5}, blob("to another")), okay)
	p.drop(resTCP, 1)
	p.call("wasi:sockets/tcp-create-socket#create-tcp-socket", values{0}, values{false, 1})
	p.call(tcp+"start-connect", joined(values{1, 1}, ipv4(1, 10, 0, 0, 2)), okay)
	p.call(tcp+"finish-connect", values{1}, refused)
	// A server.
	p.call("wasi:sockets/tcp-create-socket#create-tcp-socket", values{1}, values{false, 2})
	p.call(tcp+"start-bind", values{2, 1, 1, 8080, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0}, okay)
	p.call(tcp+"start-listen", values{2}, okay)
	p.call(tcp+"accept", values{2}, wouldBlock)
	p.call(tcp+"accept", values{2}, values{false, 3, 4, 5})
	p.call(tcp+"remote-address", values{3}, joined(okay, ipv4(5000, 10, 0, 0, 9)))
	p.stream("output-stream.blocking-splice", values{5, 4, 9}, values{false, 2}, []byte("ab"))
	// Datagrams.
	p.call("wasi:sockets/udp-create-socket#create-udp-socket", values{0}, values{false, 1})
	p.call(udp+"udp-socket.stream", values{1, false}, values{false, 1, 1})
	p.call(udp+"outgoing-datagram-stream.send", joined(values{1, 2}, blob("one"), yes, ipv4(53, 10, 0, 0, 3), blob("two"), yes, ipv4(53, 10, 0, 0, 3)), values{false, 1})
	p.call(udp+"incoming-datagram-stream.receive", values{1, 9}, joined(values{false, 2}, blob("x"), ipv4(53, 10, 0, 0, 3), blob("yy"), ipv4(54, 10, 0, 0, 3)))
	p.drop(resUDP, 1)
	p.exit()
}

// TestComponentSockets: what goes over sockets is followed through their streams,
// and HTTP is found in it.
func TestComponentSockets(t *testing.T) {
	var p tape
	p.sockets()
	f := p.file(t)
	want := []string{
		"0 lookup -1 #0   h",
		"1 open 1 #0 tcp  ",
		"4 connect 1 #1 tcp  10.0.0.2:80",
		`5 send 1 #1 tcp  10.0.0.2:80 28:"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"-0`,
		`6 receive 1 #1 tcp  10.0.0.2:80 21:"HTTP/1.0 200 OK\r\n\r\nhi"-0`,
		`7 receive 1 #1 tcp  10.0.0.2:80 3:""-3`,
		`9 receive 1 #1 tcp  10.0.0.2:80 0:""-0`,
		"10 shutdown 1 #1 tcp  10.0.0.2:80write",
		"14 close 1 #1 tcp  10.0.0.2:80",
		"15 open 1 #0 tcp  ",
		"17 connect 1 #0 tcp  10.0.0.2:1connection-refused",
		"18 open 2 #0 tcp  ",
		"19 bind 2 #0 tcp [::1]:8080 ",
		"20 listen 2 #0 tcp [::1]:8080 ",
		"22 accept 3 #2 tcp [::1]:8080 ",
		`24 receive 3 #2 tcp [::1]:8080 10.0.0.9:5000 2:"ab"-0`,
		`24 send 3 #2 tcp [::1]:8080 10.0.0.9:5000 2:"ab"-0`,
		"25 open 1 #0 udp  ",
		`27 send 1 #0 udp  10.0.0.3:53 3:"one"-0`,
		`28 receive 1 #0 udp  10.0.0.3:53 1:"x"-0`,
		`28 receive 1 #0 udp  10.0.0.3:54 2:"yy"-0`,
		"29 close 1 #0 udp  ",
	}
	if diff := cmp.Diff(want, activities(t, f)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var got []string
	for e, err := range Exchanges(f, f.Events(Query(f)), Options{MaxBody: 9}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, summary(e))
	}
	if want := []string{`client GET http://h/a = 200 5:"hi"-3`}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FuzzComponent: whatever a trace says of resources, nothing panics and nothing is held
// when it is over.
func FuzzComponent(f *testing.F) {
	for i := range len(componentTests) + 1 {
		f.Add(uint64(i), uint64(0))
		f.Add(uint64(i), uint64(i+1))
	}
	var whole tape
	starts := []int{}
	for _, test := range componentTests {
		starts = append(starts, len(whole.events))
		test.tape(&whole)
	}
	starts = append(starts, len(whole.events))
	whole.sockets()
	file := whole.file(f)
	f.Fuzz(func(t *testing.T, from, seed uint64) {
		r := rand.New(rand.NewPCG(seed, from))
		h := newHTTP(Options{MaxBody: 1 << 10})
		g, sockets := newGuests(file, h), newComponentSockets(file)
		for i := starts[from%uint64(len(starts))]; i < len(whole.events); i++ {
			e := whole.events[i]
			if seed != 0 {
				mutate(r, &e)
			}
			g.event(&e)
			for _, a := range sockets.event(&e) {
				if a.Bytes < 0 || a.LostBytes < 0 {
					t.Errorf("%+v", a)
				}
				h.activity(&a)
			}
		}
		g.close()
		h.close(true)
		held := 0
		for _, task := range sockets.tasks {
			held += len(task)
		}
		if h.kept != 0 || g.resources != 0 || held != sockets.count {
			t.Errorf("%d bytes and %d resources are held, %d are and %d count as sockets", h.kept, g.resources, held, sockets.count)
		}
		for _, e := range h.done {
			if e.Request.BodyBytes < 0 || e.Response.BodyBytes < 0 || e.DurationNS < 0 {
				t.Error(fmt.Sprintf("%+v", e))
			}
		}
	})
}

// mutate changes an event in a way or leaves it.
func mutate(r *rand.Rand, e *format.Event) {
	spoil := func(b []byte) []byte {
		b = slices.Clone(b)
		if len(b) > 0 {
			b[r.IntN(len(b))] = byte(r.Uint32())
		}
		return b[:r.IntN(len(b)+1)]
	}
	switch r.IntN(12) {
	case 0:
		e.Input = spoil(e.Input)
	case 1:
		e.Output = spoil(e.Output)
	case 2:
		e.P[0] = int64(r.IntN(9))
	case 3:
		e.Value = int64(r.Uint64())
	case 4:
		e.Task = int32(r.IntN(3))
	case 5:
		e.Errno ^= 1
	case 6:
		e.Has = format.Fields(r.Uint32()) & (1<<17 - 1)
	case 7:
		e.Function = int16(r.IntN(40)) - 1
	case 8:
		e.Kind = format.Kind(r.IntN(14))
	}
}
