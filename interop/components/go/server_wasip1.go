//go:build server

package main

import (
	"fmt"
	"math/rand"
	"os"
	"strings"
	"time"
	"unsafe"
)

// What serve calls: answers requests, each in its own way by its path.

//go:wasmimport wasi:http/types@0.2.12 [method]incoming-request.method
func requestMethod(request uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [method]incoming-request.path-with-query
func requestPath(request uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [method]incoming-request.headers
func requestHeaders(request uint32) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]incoming-request.consume
func requestConsume(request uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [constructor]outgoing-response
func newResponse(fields uint32) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]outgoing-response.set-status-code
func responseSetStatus(response, status uint32) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]outgoing-response.body
func responseBody(response uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [static]response-outparam.set
func outparamSet(outparam, failed, response, _ uint32, _ uint64, _, _, _, _ uint32)

//go:wasmimport wasi:http/types@0.2.12 [resource-drop]outgoing-body
func outgoingBodyDrop(body uint32)

//go:wasmexport wasi:http/incoming-handler@0.2.12#handle
func serve(request, outparam uint32) {
	var r result
	requestMethod(request, r.pointer())
	method := r.byte(0)
	requestPath(request, r.pointer())
	target := string(kept(r.number(4), r.number(8)))
	path, query, _ := strings.Cut(target, "?")
	title := fmt.Sprintf("method %d %s\n", method, target)
	switch path {
	case "/get":
		answer(outparam, 200, title, "Content-Type", "text/plain")
	case "/empty":
		finish(respond(outparam, 204))
	case "/echo":
		echo(request, outparam)
	case "/digest":
		requestConsume(request, r.pointer())
		data, whole := readBody(r.resource())
		answer(outparam, 200, fmt.Sprintln(text(data), whole))
	case "/fields":
		answer(outparam, 201, got(request), "Set-Cookie", "a=1", "X-Beyond", "gr\xfc\xdfe \xff", "set-cookie", "b=2; Path=/", "X-Empty", "", "x-b", "1", "X-B", "2")
	case "/pieces":
		pieces(outparam)
	case "/cut":
		body := respond(outparam, 200)
		writeBody(body, title)
		outgoingBodyDrop(body)
	case "/vary":
		start := time.Now()
		time.Sleep(2 * time.Millisecond)
		answer(outparam, 200, fmt.Sprintln(start.UnixNano(), time.Since(start).Nanoseconds(), rand.Uint64()))
	case "/meet":
		meet(query, outparam)
	case "/print":
		fmt.Print("to stdout: ", title)
		fmt.Fprint(os.Stderr, "to stderr: ", title)
		answer(outparam, 200, "printed\n")
	case "/trap":
		panic("asked to")
	case "/none":
	default:
		answer(outparam, 404, "no such path\n")
	}
}

// respond sends the head of a response, and returns its body.
func respond(outparam, status uint32, fields ...string) uint32 {
	var r result
	response := newResponse(fieldsOf(fields))
	if responseSetStatus(response, status) != 0 {
		panic(status)
	}
	responseBody(response, r.pointer())
	outparamSet(outparam, 0, response, 0, 0, 0, 0, 0, 0)
	return r.resource()
}

func answer(outparam, status uint32, data string, fields ...string) {
	body := respond(outparam, status, fields...)
	writeBody(body, data)
	finish(body)
}

func finish(body uint32) {
	var r result
	outgoingBodyFinish(body, 0, 0, r.pointer())
}

func writeBody(body uint32, data string) {
	var r result
	outgoingBodyWrite(body, r.pointer())
	stream := r.resource()
	write(stream, data)
	outputStreamDrop(stream)
}

// echo sends a request's body while it arrives.
func echo(request, outparam uint32) {
	var r result
	requestConsume(request, r.pointer())
	incomingBodyStream(r.resource(), r.pointer())
	source := r.resource()
	body := respond(outparam, 200)
	outgoingBodyWrite(body, r.pointer())
	stream := r.resource()
	for {
		streamRead(source, 1<<16, r.pointer())
		if r.byte(0) != 0 {
			break
		}
		write(stream, string(kept(r.number(4), r.number(8))))
	}
	if r.byte(4) != closed {
		panic("the body is cut")
	}
	outputStreamDrop(stream)
	finish(body)
}

func got(request uint32) string {
	var said strings.Builder
	for name, value := range entries(requestHeaders(request)) {
		if strings.HasPrefix(strings.ToLower(name), "x-") {
			fmt.Fprintf(&said, "%s: %q\n", name, value)
		}
	}
	return said.String()
}

// pieces sends a body that is made while it is sent.
func pieces(outparam uint32) {
	var r result
	body := respond(outparam, 200)
	outgoingBodyWrite(body, r.pointer())
	stream := r.resource()
	for _, piece := range []string{"first,", "second, longer than the first,", strings.Repeat("x", 10_000), "last"} {
		write(stream, piece)
		time.Sleep(5 * time.Millisecond)
	}
	outputStreamDrop(stream)
	finish(body)
}

// meet asks another server, which answers when several ask.
func meet(url string, outparam uint32) {
	authority, path, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
	future, err := send(authority, get, "/"+path, "")
	if err != nil {
		panic(err)
	}
	response, err := wait(future)
	if err != nil {
		panic(err)
	}
	data, _ := read(response)
	answer(outparam, 200, string(data))
}
