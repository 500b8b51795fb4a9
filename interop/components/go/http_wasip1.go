package main

import (
	"fmt"
	"hash/fnv"
	"iter"
	"os"
	"strings"
	"unsafe"
)

// Requests by wasi:http, whose functions are imported as the canonical ABI has them.

//go:wasmimport wasi:http/types@0.2.12 [constructor]fields
func newFields() uint32

//go:wasmimport wasi:http/types@0.2.12 [method]fields.append
func fieldsAppend(fields uint32, name string, value string, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [method]fields.entries
func fieldsEntries(fields uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [constructor]outgoing-request
func newRequest(fields uint32) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]outgoing-request.set-method
func requestSetMethod(request, method uint32, other string) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]outgoing-request.set-scheme
func requestSetScheme(request, some, scheme uint32, other string) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]outgoing-request.set-authority
func requestSetAuthority(request, some uint32, authority string) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]outgoing-request.set-path-with-query
func requestSetPath(request, some uint32, path string) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]outgoing-request.body
func requestBody(request uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [method]outgoing-body.write
func outgoingBodyWrite(body uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [static]outgoing-body.finish
func outgoingBodyFinish(body, some, trailers uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/outgoing-handler@0.2.12 handle
func handle(request, some, options uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [method]future-incoming-response.subscribe
func futureSubscribe(future uint32) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]future-incoming-response.get
func futureGet(future uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [resource-drop]future-incoming-response
func futureDrop(future uint32)

//go:wasmimport wasi:http/types@0.2.12 [method]incoming-response.status
func responseStatus(response uint32) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]incoming-response.headers
func responseHeaders(response uint32) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]incoming-response.consume
func responseConsume(response uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [method]incoming-body.stream
func incomingBodyStream(body uint32, result unsafe.Pointer)

//go:wasmimport wasi:io/poll@0.2.12 [method]pollable.block
func pollableBlock(pollable uint32)

//go:wasmimport wasi:io/poll@0.2.12 [resource-drop]pollable
func pollableDrop(pollable uint32)

//go:wasmimport wasi:io/poll@0.2.12 poll
func poll(pollables unsafe.Pointer, n uint32, result unsafe.Pointer)

//go:wasmimport wasi:io/streams@0.2.12 [method]input-stream.blocking-read
func streamRead(stream uint32, n uint64, result unsafe.Pointer)

//go:wasmimport wasi:io/streams@0.2.12 [resource-drop]input-stream
func inputStreamDrop(stream uint32)

//go:wasmimport wasi:io/streams@0.2.12 [method]output-stream.blocking-write-and-flush
func streamWrite(stream uint32, data string, result unsafe.Pointer)

//go:wasmimport wasi:io/streams@0.2.12 [resource-drop]output-stream
func outputStreamDrop(stream uint32)

// lists is where embed.py's function puts the lists that the host returns.
var lists [1 << 17]byte

// place is the start and the end of what is left of lists, where that function looks for it.
func place() *[2]uint32 { return (*[2]uint32)(unsafe.Add(nil, 8)) }

// kept is a part of a list.
func kept(at, n uint32) []byte { return unsafe.Slice((*byte)(unsafe.Add(nil, at)), n) }

// result is where the host puts what is no single number.
type result [16]uint64

// pointer is for a call. The lists that others returned are gone.
func (r *result) pointer() unsafe.Pointer {
	start := uint32(uintptr(unsafe.Pointer(&lists)))
	start = (start + 7) &^ 7
	*place() = [2]uint32{start, start + uint32(len(lists)) - 8}
	return unsafe.Pointer(r)
}

func (r *result) byte(at int) byte     { return *(*byte)(unsafe.Add(r.pointer(), at)) }
func (r *result) number(at int) uint32 { return *(*uint32)(unsafe.Add(r.pointer(), at)) }

// resource is the handle in a result that must not be an error.
func (r *result) resource() uint32 {
	if r.byte(0) != 0 {
		panic("an error where none was expected")
	}
	return r.number(4)
}

const (
	get        = 0 // of method
	post       = 2
	schemeHTTP = 0 // of scheme
	closed     = 1 // of stream-error
)

func init() {
	for name, row := range map[string]func(to string){
		"get": func(to string) {
			for _, path := range []string{"/get?a=1&b=two", "/nowhere", "/status?code=204", "/status?code=302"} {
				show(to, get, path, "")
			}
		},
		"post-after": func(to string) {
			for _, body := range []string{"a short body, sent once", strings.Repeat("y", 100_000), ""} {
				show(to, post, "/echo", body)
			}
			show(to, post, "/digest", strings.Repeat("y", 100_000))
		},
		"four":    four,
		"chunked": paths("/chunked", "/drip"),
		"cut":     paths("/cut", "/cut-chunk", "/cut-head", "/close"),
		"refused": paths("/"),
		"unknown": paths("/"),
		"fields":  fields,
		"large":   large,
	} {
		rows[name] = func() { row(os.Args[2]) }
	}
}

func paths(paths ...string) func(to string) {
	return func(to string) {
		for _, path := range paths {
			show(to, get, path, "")
		}
	}
}

// send sends a request, and its body after that.
func send(to string, method uint32, path, body string, fields ...string) (future uint32, err error) {
	var r result
	request := newRequest(fieldsOf(fields))
	if requestSetMethod(request, method, "")+requestSetScheme(request, 1, schemeHTTP, "")+
		requestSetAuthority(request, 1, to)+requestSetPath(request, 1, path) != 0 {
		panic(path)
	}
	var out uint32
	if method == post {
		requestBody(request, r.pointer())
		out = r.resource()
	}
	handle(request, 0, 0, r.pointer())
	if r.byte(0) != 0 {
		return 0, httpError(r.byte(8))
	}
	future = r.number(8)
	if method == post {
		outgoingBodyWrite(out, r.pointer())
		stream := r.resource()
		write(stream, body)
		outputStreamDrop(stream)
		outgoingBodyFinish(out, 0, 0, r.pointer())
	}
	return future, nil
}

// fieldsOf makes fields of names and values, in turn.
func fieldsOf(list []string) uint32 {
	var r result
	fields := newFields()
	for i := 0; i < len(list); i += 2 {
		fieldsAppend(fields, list[i], list[i+1], r.pointer())
		if r.byte(0) != 0 {
			panic(list[i])
		}
	}
	return fields
}

// entries returns the names and values of fields.
func entries(fields uint32) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		var r result
		fieldsEntries(fields, r.pointer())
		for _, e := range unsafe.Slice((*[4]uint32)(unsafe.Add(nil, r.number(0))), r.number(4)) {
			if !yield(string(kept(e[0], e[1])), string(kept(e[2], e[3]))) {
				return
			}
		}
	}
}

// write writes until the stream takes no more; what the other side answers tells why.
func write(stream uint32, data string) {
	var r result
	for len(data) > 0 {
		n := min(len(data), 4096)
		if streamWrite(stream, data[:n], r.pointer()); r.byte(0) != 0 {
			return
		}
		data = data[n:]
	}
}

// httpError is an error-code of wasi:http by its number.
type httpError byte

func (e httpError) Error() string { return fmt.Sprintf("error-code %d", byte(e)) }

// wait returns the response.
func wait(future uint32) (uint32, error) {
	var r result
	pollable := futureSubscribe(future)
	pollableBlock(pollable)
	pollableDrop(pollable)
	futureGet(future, r.pointer())
	futureDrop(future)
	if r.byte(0) != 1 || r.byte(8) != 0 {
		panic("no answer")
	}
	if r.byte(16) != 0 {
		return 0, httpError(r.byte(24))
	}
	return r.number(24), nil
}

// read returns the body of a response, and whether it came to its end.
func read(response uint32) (data []byte, whole bool) {
	var r result
	responseConsume(response, r.pointer())
	return readBody(r.resource())
}

func readBody(body uint32) (data []byte, whole bool) {
	var r result
	incomingBodyStream(body, r.pointer())
	stream := r.resource()
	defer inputStreamDrop(stream)
	for {
		streamRead(stream, 1<<16, r.pointer())
		if r.byte(0) != 0 {
			return data, r.byte(4) == closed
		}
		data = append(data, kept(r.number(4), r.number(8))...)
	}
}

func show(to string, method uint32, path, body string) {
	future, err := send(to, method, path, body)
	if err != nil {
		fmt.Println(path, err)
		return
	}
	showFuture(path, future)
}

func showFuture(what string, future uint32) {
	response, err := wait(future)
	if err != nil {
		fmt.Println(what, err)
		return
	}
	data, whole := read(response)
	fmt.Println(what, responseStatus(response), text(data), whole)
}

func text(data []byte) string {
	if len(data) < 200 {
		return fmt.Sprintf("%q", data)
	}
	hash := fnv.New64a()
	hash.Write(data)
	return fmt.Sprintf("%d bytes, hash %x", len(data), hash.Sum64())
}

// four sends four requests at once, and shows the answers in the order in which they come.
func four(to string) {
	var open []uint32
	for _, ms := range []int{1600, 400, 1200, 800} {
		future, err := send(to, get, fmt.Sprintf("/slow?ms=%d", ms), "")
		if err != nil {
			panic(err)
		}
		open = append(open, future)
	}
	for len(open) > 0 {
		var pollables []uint32
		for _, future := range open {
			pollables = append(pollables, futureSubscribe(future))
		}
		var r result
		poll(unsafe.Pointer(&pollables[0]), uint32(len(pollables)), r.pointer())
		first := kept(r.number(0), 4)[0] // of u32s, all of which are small
		for _, pollable := range pollables {
			pollableDrop(pollable)
		}
		showFuture("one of four", open[first])
		open = append(open[:first], open[first+1:]...)
	}
}

func fields(to string) {
	future, err := send(to, get, "/fields", "", "X-B", "1", "x-a", "gr\xfc\xdfe", "x-b", "2", "X-Empty", "")
	if err != nil {
		panic(err)
	}
	response, err := wait(future)
	if err != nil {
		panic(err)
	}
	for name, value := range entries(responseHeaders(response)) {
		fmt.Printf("%s: %q\n", name, value)
	}
	data, _ := read(response)
	fmt.Printf("%q\n", data)
}

// large has 10 MiB of random bytes, down and up.
func large(to string) {
	future, err := send(to, get, "/random?bytes=10485760&seed=7", "")
	if err != nil {
		panic(err)
	}
	response, err := wait(future)
	if err != nil {
		panic(err)
	}
	data, whole := read(response)
	fmt.Println(responseStatus(response), len(data), "bytes", whole)
	show(to, post, "/digest", string(data))
}
