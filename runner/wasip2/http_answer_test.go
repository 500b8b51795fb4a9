package wasip2

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tracetool/tracetool/runner/wasip2/http1"
)

// TestAnswer has requests answered without any server.
func TestAnswer(t *testing.T) {
	var asked []HTTPRequest
	g := newGuest(t, Config{Answer: func(r *HTTPRequest) (*HTTPResponse, error) {
		asked = append(asked, *r)
		return &HTTPResponse{Status: 418, Fields: []http1.Field{{Name: "B", Value: []byte("1")}, {Name: "Connection", Value: []byte("close")}}, Body: []byte("a body")}, nil
	}})
	future := g.handle(g.request("GET", "example.org", "?q=1", field("X-A", "\xff")), none)
	p := g.rep(web+"[method]future-incoming-response.subscribe", future)
	g.want("true", "wasi:io/poll [method]pollable.ready", p)
	g.drop("pollable", p)
	resp := g.response(future)
	g.want("418", web+"[method]incoming-response.status", resp)
	g.want(`[("b", "1")]`, web+"[method]fields.entries", g.rep(web+"[method]incoming-response.headers", resp))
	body, failure, trailers := g.body(resp, consumeResponse)
	if string(body) != "a body" || failure != "err(closed)" || trailers != "some(ok(ok(none)))" {
		t.Errorf("%q %s %s", body, failure, trailers)
	}
	want := []HTTPRequest{{Method: "GET", URL: "http://example.org/?q=1", Host: "example.org", Fields: []http1.Field{{Name: "X-A", Value: []byte("\xff")}}}}
	if d := cmp.Diff(want, asked); d != "" {
		t.Error(d)
	}
	// What no server would be asked is not asked here either.
	g.want("err(HTTP-protocol-error)", "wasi:http/outgoing-handler handle", g.request("CONNECT", "example.org", "/"), none)
}

// TestAnswerBody: the body of a request goes nowhere, however large it is and
// whenever it is written, and its size is checked all the same.
func TestAnswerBody(t *testing.T) {
	g := newGuest(t, Config{Answer: func(*HTTPRequest) (*HTTPResponse, error) { return &HTTPResponse{Status: 200}, nil }})
	r := g.request("POST", "h", "/")
	b := g.rep(web+"[method]outgoing-request.body", r)
	out := g.rep(web+"[method]outgoing-body.write", b)
	piece := blob(string(bytes.Repeat([]byte{'x'}, chunk)))
	g.want("ok", "wasi:io/streams [method]output-stream.blocking-write-and-flush", out, piece)
	future := g.handle(r, none)
	for range maxEarly/chunk + 2 {
		g.want("ok", "wasi:io/streams [method]output-stream.blocking-write-and-flush", out, piece)
	}
	g.drop("output", out)
	g.want("ok", web+"[static]outgoing-body.finish", b, none)
	g.response(future)

	r = g.request("POST", "h", "/", field("Content-Length", "3"))
	b = g.rep(web+"[method]outgoing-request.body", r)
	g.handle(r, none)
	out = g.rep(web+"[method]outgoing-body.write", b)
	g.want("err(last-operation-failed(error#1))", "wasi:io/streams [method]output-stream.blocking-write-and-flush", out, blob("four"))
}

func TestAnswerFails(t *testing.T) {
	fails := errors.New("no answer")
	g := newGuest(t, Config{Answer: func(*HTTPRequest) (*HTTPResponse, error) { return nil, fails }})
	if _, _, err := g.try(context.Background(), "wasi:http/outgoing-handler handle", g.request("GET", "h", "/"), none); err != fails {
		t.Errorf("error %v, want %v", err, fails)
	}
}

// sleeper is a clock on which sleeps take no time.
type sleeper struct{ now int64 }

func (s *sleeper) Wall() int64       { return 0 }
func (s *sleeper) Monotonic() int64  { return s.now }
func (s *sleeper) Sleep(until int64) { s.now = until }

// TestSleeper: a time comes when nothing else does, the nearest first.
func TestSleeper(t *testing.T) {
	clock := &sleeper{now: 5}
	g := newGuest(t, Config{Clock: clock, Answer: func(*HTTPRequest) (*HTTPResponse, error) { return &HTTPResponse{Status: 200, Body: []byte("x")}, nil }})
	const hour = uint64(time.Hour)
	timer := func(d uint64) value { return g.rep("wasi:clocks/monotonic-clock subscribe-duration", u64(d)) }
	far, near := timer(1000*hour), timer(hour)
	answer := g.rep(web+"[method]future-incoming-response.subscribe", g.handle(g.request("GET", "h", "/"), none))
	g.want("[1]", "wasi:io/poll poll", list(near, answer))
	if clock.now != 5 {
		t.Errorf("the clock shows %d, want 5: nobody has slept", clock.now)
	}
	g.want("[1]", "wasi:io/poll poll", list(far, near))
	if want := 5 + int64(hour); clock.now != want {
		t.Errorf("the clock shows %d, want %d", clock.now, want)
	}
	g.want("[0, 1]", "wasi:io/poll poll", list(near, answer))
	g.want("", "wasi:io/poll [method]pollable.block", far)
	if want := 5 + int64(1000*hour); clock.now != want {
		t.Errorf("the clock shows %d, want %d", clock.now, want)
	}
	g.want("", "wasi:io/poll [method]pollable.block", g.rep("wasi:clocks/monotonic-clock subscribe-duration", u64(1<<63)))
	if clock.now != 1<<63-1 {
		t.Errorf("the clock shows %d, want the last moment", clock.now)
	}
}
