package wasip2

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tracetool/tracetool/format/canon"
	"github.com/tracetool/tracetool/runner/wasip2/http1"
)

const web = "wasi:http/types "

func field(name, v string) value { return all(str(name), blob(v)) }

// scheme is an optional scheme.
func scheme(name string) value {
	for i, s := range schemes {
		if s == name {
			return some(kase(i))
		}
	}
	return some(all(kase(len(schemes)), str(name)))
}

func methodValue(name string) value {
	for i, m := range methods {
		if m == name {
			return kase(i)
		}
	}
	return all(kase(len(methods)), str(name))
}

// request makes a request to http://authority/path.
func (g *guest) request(method, authority, path string, fields ...value) value {
	g.t.Helper()
	f := g.rep(web+"[static]fields.from-list", list(fields...))
	r := g.rep(web+"[constructor]outgoing-request", f)
	g.want("ok", web+"[method]outgoing-request.set-method", r, methodValue(method))
	g.want("ok", web+"[method]outgoing-request.set-scheme", r, scheme("http"))
	g.want("ok", web+"[method]outgoing-request.set-authority", r, some(str(authority)))
	g.want("ok", web+"[method]outgoing-request.set-path-with-query", r, some(str(path)))
	return r
}

func (g *guest) handle(r value, options value) value {
	g.t.Helper()
	return g.rep("wasi:http/outgoing-handler handle", r, options)
}

// await waits for what a future gives.
func (g *guest) await(future value) string {
	g.t.Helper()
	g.block(future, web+"[method]future-incoming-response.subscribe")
	return g.call(web+"[method]future-incoming-response.get", future)
}

// response waits for a response that must come.
func (g *guest) response(future value) value {
	g.t.Helper()
	text := g.await(future)
	var n uint32
	if _, err := fmt.Sscanf(text, "some(ok(ok(incoming-response#%d)))", &n); err != nil {
		g.t.Fatalf("%s, want a response", text)
	}
	g.drop("future-response", future)
	return u32(n)
}

// body reads the body of a message, and what its trailers are. The error is the
// stream's, as text.
func (g *guest) body(message value, consume string) (data []byte, failure, trailers string) {
	g.t.Helper()
	b := g.rep(web+consume, message)
	in := g.rep(web+"[method]incoming-body.stream", b)
	for failure == "" {
		text, result, err := g.try(context.Background(), streams+"input-stream.blocking-read", in, u64(1<<20))
		if err != nil {
			g.t.Fatal(err)
		}
		d := canon.NewDecoder(result)
		if d.IsErr() {
			failure = text
			continue
		}
		data = append(data, d.Blob()...)
	}
	g.drop("input", in)
	t := g.rep(web+"[static]incoming-body.finish", b)
	g.block(t, web+"[method]future-trailers.subscribe")
	trailers = g.call(web+"[method]future-trailers.get", t)
	g.want("some(err)", web+"[method]future-trailers.get", t)
	g.drop("future-trailers", t)
	return data, failure, trailers
}

const consumeResponse = "[method]incoming-response.consume"

// server returns the address of a test server.
func server(t *testing.T, f http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// rawServer answers each connection with bytes and closes it.
func rawServer(t *testing.T, answer func(conn net.Conn, request string)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			request, err := readHead(conn)
			if err == nil {
				answer(conn, request)
			}
			conn.Close()
		}
	}()
	return l.Addr().String()
}

// readHead reads a request up to its body. A TLS handshake is not read.
func readHead(conn net.Conn) (string, error) {
	r, head := bufio.NewReaderSize(conn, 16), ""
	if first, err := r.Peek(1); err != nil || first[0] == 0x16 {
		return "", err
	}
	for !strings.HasSuffix(head, "\r\n\r\n") {
		line, err := r.ReadString('\n')
		if err != nil {
			return "", err
		}
		head += line
	}
	return head, nil
}

func TestHTTPGet(t *testing.T) {
	got := make(chan string, 1)
	addr := rawServer(t, func(conn net.Conn, request string) {
		got <- request
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nb: 1\r\nSet-Cookie: x=\xe9\r\nConnection: close\r\nset-cookie: y=2\r\n\r\nhello")
	})
	g := newGuest(t, Config{AllowHTTP: []string{"127.0.0.1"}})
	r := g.request("GET", addr, "?q=é", field("Zeta", "1"), field("alpha", "\xff"), field("zeta", "2"))
	g.want(`[("Zeta", "1"), ("alpha", "\xff"), ("zeta", "2")]`, web+"[method]fields.entries", g.rep(web+"[method]outgoing-request.headers", r))
	resp := g.response(g.handle(r, none))
	want := "GET /?q=é HTTP/1.1\r\nHost: " + addr + "\r\nZeta: 1\r\nalpha: \xff\r\nzeta: 2\r\nConnection: close\r\n\r\n"
	if diff := cmp.Diff(want, <-got); diff != "" {
		t.Error(diff)
	}
	g.want("200", web+"[method]incoming-response.status", resp)
	h := g.rep(web+"[method]incoming-response.headers", resp)
	g.want(`[("b", "1"), ("set-cookie", "x=\xe9"), ("set-cookie", "y=2")]`, web+"[method]fields.entries", h)
	g.want(`["x=\xe9", "y=2"]`, web+"[method]fields.get", h, str("SET-COOKIE"))
	g.want("err(immutable)", web+"[method]fields.append", h, field("a", "b"))
	body, failure, trailers := g.body(resp, consumeResponse)
	if string(body) != "hello" || failure != "err(closed)" || trailers != "some(ok(ok(none)))" {
		t.Errorf("%q %s %s", body, failure, trailers)
	}
	g.want("err", web+consumeResponse, resp)
}

func TestHTTPDenied(t *testing.T) {
	for _, tt := range []struct {
		allow     []string
		authority string
		denied    bool
	}{
		{nil, "127.0.0.1:1", true},
		{[]string{"example.org"}, "127.0.0.1:1", true},
		{[]string{"127.0.0.1:2"}, "127.0.0.1:1", true},
		{[]string{"127.0.0.1:80"}, "127.0.0.1", false},
		{[]string{"*"}, "127.0.0.1:1", false},
		{[]string{"127.0.0.0/8"}, "127.0.0.1:1", false},
		{[]string{"*:1"}, "127.0.0.1:1", false},
		{[]string{"LocalHost"}, "localhost:1", false},
		{[]string{"::1"}, "[::1]:1", false},
		{[]string{"[::1]:1"}, "[::1]:1", false},
		{[]string{"[::1]:2"}, "[::1]:1", true},
	} {
		g := newGuest(t, Config{AllowHTTP: tt.allow})
		got := g.call("wasi:http/outgoing-handler handle", g.request("GET", tt.authority, "/"), none)
		if denied := got == "err(HTTP-request-denied)"; denied != tt.denied {
			t.Errorf("%q, %s: %s", tt.allow, tt.authority, got)
		}
	}
	for _, entry := range []string{"a b", "http://x", "x:y", "x:70000"} {
		if _, err := New(Config{AllowHTTP: []string{entry}}); err == nil {
			t.Errorf("%q is accepted", entry)
		}
	}
}

// echo answers with what it got, in chunks, with a trailer.
func echo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Trailer", "X-Sum")
	w.Header().Set("X-Length", fmt.Sprint(r.ContentLength))
	w.WriteHeader(201)
	http.NewResponseController(w).Flush()
	h := sha256.New()
	buf := make([]byte, 1000)
	n, err := io.CopyBuffer(io.MultiWriter(w, h), struct{ io.Reader }{r.Body}, buf)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("X-Sum", fmt.Sprintf("%d %x %s", n, h.Sum(nil)[:2], r.Trailer.Get("T")))
}

func TestHTTPPost(t *testing.T) {
	addr := server(t, echo)
	long := strings.Repeat("0123456789", 20_000)
	for _, tt := range []struct {
		name          string
		before, after string
		fields        []value
		finish        string // when: before or after handle
		trailers      value
		length        string
	}{
		{"before", long, "", nil, "before", none, "200000"},
		{"after", "", long, nil, "after", none, "-1"},
		{"both", long, long, nil, "after", none, "-1"},
		{"empty", "", "", nil, "before", none, "0"},
		{"declared", "he", "llo", []value{field("Content-Length", "5")}, "after", none, "5"},
		{"trailers", "hello", "", nil, "before", some(nil), "-1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGuest(t, Config{AllowHTTP: []string{"127.0.0.1"}})
			r := g.request("POST", addr, "/", tt.fields...)
			b := g.rep(web+"[method]outgoing-request.body", r)
			g.want("err", web+"[method]outgoing-request.body", r)
			out := g.rep(web+"[method]outgoing-body.write", b)
			g.want("err", web+"[method]outgoing-body.write", b)
			finish := func() {
				g.drop("output", out)
				trailers := tt.trailers
				if tt.name == "trailers" {
					trailers = some(g.rep(web+"[static]fields.from-list", list(field("T", "v"))))
				}
				g.want("ok", web+"[static]outgoing-body.finish", b, trailers)
			}
			g.want("ok", streams+"output-stream.blocking-write-and-flush", out, blob(tt.before))
			if tt.finish == "before" {
				finish()
			}
			f := g.handle(r, none)
			resp := value(nil)
			if tt.finish == "after" {
				// The header comes before the body has been sent.
				resp = g.response(f)
				g.want("ok", streams+"output-stream.blocking-write-and-flush", out, blob(tt.after))
				finish()
			} else {
				resp = g.response(f)
			}
			h := g.rep(web+"[method]incoming-response.headers", resp)
			g.want(`["`+tt.length+`"]`, web+"[method]fields.get", h, str("x-length"))
			body, failure, trailers := g.body(resp, consumeResponse)
			if string(body) != tt.before+tt.after || failure != "err(closed)" {
				t.Errorf("%d bytes, %s", len(body), failure)
			}
			if trailers != "some(ok(ok(some(fields#2))))" && !strings.HasPrefix(trailers, "some(ok(ok(some(fields#") {
				t.Error(trailers)
			}
			sum := sha256.Sum256([]byte(tt.before + tt.after))
			want := fmt.Sprintf("%d %x ", len(body), sum[:2])
			if tt.name == "trailers" {
				want += "v"
			}
			var n uint32
			fmt.Sscanf(trailers, "some(ok(ok(some(fields#%d))))", &n)
			g.want(`["`+strings.TrimSpace(want)+`"]`, web+"[method]fields.get", u32(n), str("x-sum"))
		})
	}
}

// TestHTTPFourAtOnce has four requests on their way, which the server answers in
// reverse order.
func TestHTTPFourAtOnce(t *testing.T) {
	turn := make([]chan struct{}, 5)
	for i := range turn {
		turn[i] = make(chan struct{})
	}
	addr := server(t, func(w http.ResponseWriter, r *http.Request) {
		i := int(r.URL.Path[1] - '0')
		<-turn[i+1]
		fmt.Fprint(w, i)
		w.(http.Flusher).Flush()
		close(turn[i])
	})
	g := newGuest(t, Config{AllowHTTP: []string{"*"}})
	var fs, ps []value
	for i := range 4 {
		f := g.handle(g.request("GET", addr, fmt.Sprintf("/%d", i)), none)
		fs = append(fs, f)
		ps = append(ps, g.rep(web+"[method]future-incoming-response.subscribe", f))
	}
	g.want("none", web+"[method]future-incoming-response.get", fs[0])
	close(turn[4])
	for left := 4; left > 0; left-- {
		g.call("wasi:io/poll poll", list(ps[:left]...))
		g.call("wasi:io/poll [method]pollable.block", ps[left-1])
		g.drop("pollable", ps[left-1])
		resp := g.response(fs[left-1])
		body, _, _ := g.body(resp, consumeResponse)
		if string(body) != fmt.Sprint(left-1) {
			t.Errorf("%q, want %d", body, left-1)
		}
	}
}

func TestHTTPErrors(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	answer := func(s string) string {
		return rawServer(t, func(conn net.Conn, _ string) { io.WriteString(conn, s) })
	}
	silent := rawServer(t, func(conn net.Conn, _ string) { io.Copy(io.Discard, conn) })
	slow := rawServer(t, func(conn net.Conn, _ string) {
		for range 100 { // each byte in time
			if _, err := io.WriteString(conn, "H"); err != nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		io.WriteString(conn, "\r\n")
	})
	tls := httptest.NewUnstartedServer(http.NotFoundHandler())
	tls.Config.ErrorLog = log.New(io.Discard, "", 0)
	tls.StartTLS()
	t.Cleanup(tls.Close)
	for _, tt := range []struct {
		name, scheme, authority string
		want                    string
	}{
		{"refused", "http", closed.Addr().String(), "connection-refused"},
		{"unknown host", "http", "no-such-host.invalid", "DNS-"},
		{"no answer", "http", answer(""), "connection-terminated"},
		{"cut header", "http", answer("HTTP/1.1 200 OK\r\nA: b"), "HTTP-response-incomplete"},
		{"another protocol", "http", answer("220 ready\r\n"), "HTTP-protocol-error"},
		{"too much header", "http", answer("HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 100_000)), "HTTP-response-header-section-size(none)"},
		{"coding", "http", answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"), `HTTP-response-transfer-coding(some("gzip"))`},
		{"upgrade", "http", answer("HTTP/1.1 101 x\r\n\r\n"), "HTTP-upgrade-failed"},
		{"timeout", "http", silent, "connection-read-timeout"},
		{"slow timeout", "http", slow, "connection-read-timeout"},
		{"certificate", "https", tls.Listener.Addr().String(), "TLS-certificate-error"},
		{"not TLS", "https", answer("HTTP/1.1 400 x\r\n\r\n"), "TLS-protocol-error"},
		{"scheme", "gopher", "127.0.0.1:1", "HTTP-protocol-error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGuest(t, Config{AllowHTTP: []string{"*"}})
			r := g.request("GET", tt.authority, "/")
			g.want("ok", web+"[method]outgoing-request.set-scheme", r, scheme(tt.scheme))
			o := g.rep(web + "[constructor]request-options")
			if strings.HasSuffix(tt.name, "timeout") {
				g.want("ok", web+"[method]request-options.set-first-byte-timeout", o, some(u64(uint64(50*time.Millisecond))))
			}
			got := g.call("wasi:http/outgoing-handler handle", r, some(o))
			if strings.HasPrefix(got, "ok(") {
				got = strings.TrimPrefix(g.await(u32(1)), "some(ok(")
				g.want("some(err)", web+"[method]future-incoming-response.get", u32(1))
			}
			if !strings.HasPrefix(got, "err("+tt.want) {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
	g := newGuest(t, Config{AllowHTTP: []string{"*"}})
	r := g.rep(web+"[constructor]outgoing-request", g.rep(web+"[constructor]fields"))
	g.want("err(HTTP-request-URI-invalid)", "wasi:http/outgoing-handler handle", r, none)
	r = g.request("GET", "x", "/", field("content-length", "1"), field("Content-Length", "2"))
	g.want("err(HTTP-protocol-error)", "wasi:http/outgoing-handler handle", r, none)
}

func TestHTTPCutBody(t *testing.T) {
	for _, tt := range []struct{ name, answer, data string }{
		{"sized", "Content-Length: 10\r\n\r\nhello", "hello"},
		{"chunks", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nwo", "hellowo"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			addr := rawServer(t, func(conn net.Conn, _ string) { io.WriteString(conn, "HTTP/1.1 200 OK\r\n"+tt.answer) })
			g := newGuest(t, Config{AllowHTTP: []string{"*"}})
			resp := g.response(g.handle(g.request("GET", addr, "/"), none))
			body, failure, trailers := g.body(resp, consumeResponse)
			if string(body) != tt.data || failure != "err(last-operation-failed(error#1))" || trailers != "some(ok(err(HTTP-response-incomplete)))" {
				t.Errorf("%q %s %s", body, failure, trailers)
			}
			g.want("some(HTTP-response-incomplete)", web+"http-error-code", u32(1))
			g.want("none", "wasi:filesystem/types filesystem-error-code", u32(1))
		})
	}
}

// TestHTTPBetweenBytes has a body stop for longer than the guest allows.
func TestHTTPBetweenBytes(t *testing.T) {
	addr := rawServer(t, func(conn net.Conn, _ string) {
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\nhello")
		io.Copy(io.Discard, conn)
	})
	g := newGuest(t, Config{AllowHTTP: []string{"*"}})
	o := g.rep(web + "[constructor]request-options")
	g.want("ok", web+"[method]request-options.set-between-bytes-timeout", o, some(u64(uint64(20*time.Millisecond))))
	g.want("some(20000000)", web+"[method]request-options.between-bytes-timeout", o)
	g.want("none", web+"[method]request-options.connect-timeout", o)
	g.want("ok", web+"[method]request-options.set-connect-timeout", o, some(u64(1<<40)))
	resp := g.response(g.handle(g.request("GET", addr, "/"), some(o)))
	body, failure, trailers := g.body(resp, consumeResponse)
	if string(body) != "hello" || failure != "err(last-operation-failed(error#1))" || trailers != "some(ok(err(connection-read-timeout)))" {
		t.Errorf("%q %s %s", body, failure, trailers)
	}
}

// TestHTTPTimer has a timer race a response that does not come.
func TestHTTPTimer(t *testing.T) {
	addr := rawServer(t, func(conn net.Conn, _ string) { io.Copy(io.Discard, conn) })
	g := newGuest(t, Config{AllowHTTP: []string{"*"}})
	f := g.handle(g.request("GET", addr, "/"), none)
	p := g.rep(web+"[method]future-incoming-response.subscribe", f)
	timer := g.rep("wasi:clocks/monotonic-clock subscribe-duration", u64(uint64(10*time.Millisecond)))
	g.want("[1]", "wasi:io/poll poll", list(p, timer))
	g.drop("pollable", p)
	g.drop("future-response", f)
}

func TestHTTPBodySize(t *testing.T) {
	addr := rawServer(t, func(conn net.Conn, _ string) { io.Copy(io.Discard, conn) })
	for _, tt := range []struct{ name, data, write, finish, failure string }{
		{"short", "abc", "ok", "err(HTTP-request-body-size(some(3)))", "HTTP-request-body-size(some(3))"},
		{"long", "more than 11 bytes", "err(last-operation-failed(error#1))", "err(HTTP-request-body-size(some(18)))", "HTTP-request-body-size(some(18))"},
	} {
		g := newGuest(t, Config{AllowHTTP: []string{"*"}})
		r := g.request("POST", addr, "/", field("Content-Length", "11"))
		b := g.rep(web+"[method]outgoing-request.body", r)
		out := g.rep(web+"[method]outgoing-body.write", b)
		f := g.handle(r, none)
		g.want(tt.write, streams+"output-stream.blocking-write-and-flush", out, blob(tt.data))
		if tt.name == "long" {
			g.want("some("+tt.failure+")", web+"http-error-code", u32(1))
		}
		g.drop("output", out)
		g.want(tt.finish, web+"[static]outgoing-body.finish", b, none)
		if got := g.await(f); got != "some(ok(err("+tt.failure+")))" {
			t.Errorf("%s: %s", tt.name, got)
		}
	}
}

// TestHTTPUnfinished has a guest drop the body before its end.
func TestHTTPUnfinished(t *testing.T) {
	addr := rawServer(t, func(conn net.Conn, _ string) { io.Copy(io.Discard, conn) })
	g := newGuest(t, Config{AllowHTTP: []string{"*"}})
	r := g.request("POST", addr, "/")
	b := g.rep(web+"[method]outgoing-request.body", r)
	f := g.handle(r, none)
	g.drop("outgoing-body", b)
	if got := g.await(f); !strings.HasPrefix(got, "some(ok(err(internal-error(some(") {
		t.Error(got)
	}
}

// TestHTTPEarly has bodies whose requests are not sent share what is held of
// them.
func TestHTTPEarly(t *testing.T) {
	g := newGuest(t, Config{})
	open := func() (r, out value) {
		r = g.request("POST", "x", "/")
		return r, g.rep(web+"[method]outgoing-body.write", g.rep(web+"[method]outgoing-request.body", r))
	}
	first, out := open()
	g.h.earlyBytes = maxEarly - 2*chunk
	for range 2 {
		g.want("ok(65536)", streams+"output-stream.check-write", out)
		g.want("ok", streams+"output-stream.write", out, blob(string(zeroes[:])))
	}
	g.want("ok(0)", streams+"output-stream.check-write", out)
	_, other := open()
	g.want("ok(0)", streams+"output-stream.check-write", other)
	g.drop("outgoing-request", first)
	g.want("ok(65536)", streams+"output-stream.check-write", other)
	if got := g.call(streams+"output-stream.check-write", out); !strings.HasPrefix(got, "err(last-operation-failed(") {
		t.Error(got)
	}
}

// TestFieldsInAll has fields that are each small enough.
func TestFieldsInAll(t *testing.T) {
	g := newGuest(t, Config{})
	f := g.rep(web+"[static]fields.from-list", list(field("a", "x")))
	size := g.h.fieldBytes
	g.h.fieldBytes = maxAllFields - size
	c := g.rep(web+"[method]fields.clone", f)
	g.traps("in all", web+"[method]fields.clone", f)
	g.traps("in all", web+"[static]fields.from-list", list(field("a", "x")))
	g.drop("fields", c)
	r := g.rep(web+"[constructor]outgoing-response", f)
	if want := maxAllFields - size; g.h.fieldBytes != want {
		t.Errorf("%d bytes, want %d", g.h.fieldBytes, want)
	}
	g.drop("outgoing-response", r)
	if want := maxAllFields - 2*size; g.h.fieldBytes != want {
		t.Errorf("%d bytes, want %d", g.h.fieldBytes, want)
	}
}

// TestHTTPLarge moves 10 MiB each way and holds no more than some buffers.
func TestHTTPLarge(t *testing.T) {
	addr := server(t, echo)
	g := newGuest(t, Config{AllowHTTP: []string{"*"}})
	r := g.request("PUT", addr, "/")
	b := g.rep(web+"[method]outgoing-request.body", r)
	out := g.rep(web+"[method]outgoing-body.write", b)
	f := g.handle(r, none)
	resp := g.response(f)
	body := g.rep(web+consumeResponse, resp)
	in := g.rep(web+"[method]incoming-body.stream", body)
	piece := bytes.Repeat([]byte("0123456789abcdef"), 4096)
	readable, writable := g.rep(streams+"input-stream.subscribe", in), g.rep(streams+"output-stream.subscribe", out)
	sent, received, largest := 0, 0, 0
	for received < 10<<20 {
		if sent < 10<<20 {
			_, result, _ := g.try(t.Context(), streams+"output-stream.check-write", out)
			d := canon.NewDecoder(result)
			if d.IsErr() {
				t.Fatal("the output stream has failed")
			}
			if n := int(d.U64()); n > 0 {
				n = min(n, len(piece), 10<<20-sent)
				g.want("ok", streams+"output-stream.write", out, blob(string(piece[:n])))
				sent += n
			}
			if sent == 10<<20 {
				g.drop("pollable", writable)
				g.drop("output", out)
				g.want("ok", web+"[static]outgoing-body.finish", b, none)
			}
		}
		_, result, _ := g.try(t.Context(), streams+"input-stream.read", in, u64(1<<30))
		d := canon.NewDecoder(result)
		if d.IsErr() {
			t.Fatal("the input stream has failed")
		}
		n := len(d.Blob())
		received, largest = received+n, max(largest, n)
		if sent < 10<<20 {
			g.call("wasi:io/poll poll", list(readable, writable))
		} else if received < 10<<20 {
			g.call("wasi:io/poll [method]pollable.block", readable)
		}
	}
	if largest > chunk {
		t.Errorf("%d bytes in one read", largest)
	}
	g.want("err(closed)", streams+"input-stream.blocking-read", in, u64(1))
}

func TestHTTPS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) }))
	t.Cleanup(s.Close)
	g := newGuest(t, Config{AllowHTTP: []string{"*"}})
	g.h.roots = s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	r := g.request("GET", s.Listener.Addr().String(), "/")
	g.want("ok", web+"[method]outgoing-request.set-scheme", r, none)
	resp := g.response(g.handle(r, none))
	body, _, _ := g.body(resp, consumeResponse)
	if string(body) != "HTTP/1.1" {
		t.Errorf("%q", body)
	}
}

func TestFields(t *testing.T) {
	g := newGuest(t, Config{})
	f := g.rep(web + "[constructor]fields")
	g.want("ok", web+"[method]fields.append", f, field("A", "1"))
	g.want("ok", web+"[method]fields.append", f, field("b", "2"))
	g.want("ok", web+"[method]fields.append", f, field("a", "3"))
	g.want("true", web+"[method]fields.has", f, str("B"))
	g.want("false", web+"[method]fields.has", f, str("c"))
	g.want("ok", web+"[method]fields.set", f, str("a"), list(blob("4"), blob("5")))
	c := g.rep(web+"[method]fields.clone", f)
	g.want("ok", web+"[method]fields.delete", f, str("a"))
	g.want("ok", web+"[method]fields.set", f, str("d"), list(blob("")))
	g.want(`[("b", "2"), ("d", "")]`, web+"[method]fields.entries", f)
	g.want(`[("a", "4"), ("a", "5"), ("b", "2")]`, web+"[method]fields.entries", c)
	for _, name := range []string{"Connection", "host", "Transfer-Encoding", "keep-alive"} {
		g.want("err(forbidden)", web+"[method]fields.append", f, field(name, "x"))
		g.want("err(forbidden)", web+"[method]fields.set", f, str(name), list())
		g.want("err(forbidden)", web+"[method]fields.delete", f, str(name))
		g.want("err(forbidden)", web+"[static]fields.from-list", list(field(name, "x")))
	}
	for _, name := range []string{"", "a b", "a:", "é", "a\r\n"} {
		g.want("err(invalid-syntax)", web+"[method]fields.append", f, field(name, "x"))
		g.want("err(invalid-syntax)", web+"[method]fields.delete", f, str(name))
		g.want("[]", web+"[method]fields.get", f, str(name))
	}
	for _, v := range []string{"a\r\nb: c", "\x00", "\x7f"} {
		g.want("err(invalid-syntax)", web+"[method]fields.append", f, field("a", v))
		g.want("err(invalid-syntax)", web+"[method]fields.set", f, str("a"), list(blob(v)))
		g.want("err(invalid-syntax)", web+"[static]fields.from-list", list(field("a", v)))
	}
	g.traps("fields of more than", web+"[method]fields.append", f, field("a", strings.Repeat("x", maxFields)))
}

func TestOutgoingRequest(t *testing.T) {
	g := newGuest(t, Config{})
	r := g.rep(web+"[constructor]outgoing-request", g.rep(web+"[constructor]fields"))
	const m = web + "[method]outgoing-request."
	g.want("get", m+"method", r)
	g.want("none", m+"path-with-query", r)
	g.want("none", m+"scheme", r)
	g.want("none", m+"authority", r)
	g.want("ok", m+"set-method", r, methodValue("PURGE"))
	g.want(`other("PURGE")`, m+"method", r)
	g.want("err", m+"set-method", r, methodValue("A B"))
	g.want("ok", m+"set-scheme", r, scheme("https"))
	g.want("some(HTTPS)", m+"scheme", r)
	g.want("err", m+"set-scheme", r, scheme("bad\nscheme"))
	for _, tt := range []struct {
		authority string
		want      string
	}{
		{"localhost", "ok"}, {"localhost:3000", "ok"}, {"[::1]:80", "ok"}, {"[::1]", "ok"},
		{"", "err"}, {"bad-port:99999", "err"}, {"bad-\nhost", "err"}, {"too-many-ports:80:80:80", "err"},
		{"u@h", "err"}, {"h/p", "err"}, {"h:", "err"}, {"h:0", "err"}, {"é", "err"},
	} {
		g.want(tt.want, m+"set-authority", r, some(str(tt.authority)))
	}
	for _, tt := range []struct {
		path string
		want string
	}{
		{"/", "ok"}, {"/a?b", "ok"}, {"", "ok"}, {"?x", "ok"}, {"*", "ok"}, {"/é", "ok"},
		{"a", "err"}, {"/bad\npath", "err"}, {"/a b", "err"}, {"/#x", "err"},
	} {
		g.want(tt.want, m+"set-path-with-query", r, some(str(tt.path)))
	}
	g.want("ok", m+"set-path-with-query", r, none)
	g.want("none", m+"path-with-query", r)
}

func TestOutgoingResponse(t *testing.T) {
	g := newGuest(t, Config{})
	r := g.rep(web+"[constructor]outgoing-response", g.rep(web+"[constructor]fields"))
	const m = web + "[method]outgoing-response."
	u16 := func(v uint16) value { return func(e *canon.Encoder) { e.U16(v) } }
	g.want("200", m+"status-code", r)
	g.want("ok", m+"set-status-code", r, u16(404))
	g.want("404", m+"status-code", r)
	g.want("err", m+"set-status-code", r, u16(1000))
	g.want("err", m+"set-status-code", r, u16(99))
	g.want("[]", web+"[method]fields.entries", g.rep(m+"headers", r))
	g.rep(m+"body", r)
	g.want("err", m+"body", r)
}

// failing is a reader that fails with each error once, the first with a byte.
type failing []error

func (f *failing) Read(p []byte) (int, error) {
	err := (*f)[0]
	*f = (*f)[1:]
	return copy(p, "x"[:max(0, len(*f))]), err
}

// TestSourceError reads a body whose error comes with its last bytes.
func TestSourceError(t *testing.T) {
	g := newGuest(t, Config{})
	s := newSource(g.h, &failing{http1.ErrHeader, errors.New("read after the end")}, nil, func() {})
	p := make([]byte, 10)
	if n, err := s.Read(context.Background(), p); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := s.Read(context.Background(), p); err == nil || err.Error() != "HTTP-response-header-section-size: "+http1.ErrHeader.Error() {
		t.Error(err)
	}
}

// TestRequestBounds has a guest set more than a request may have.
func TestRequestBounds(t *testing.T) {
	g := newGuest(t, Config{})
	const m = web + "[method]outgoing-request."
	long := strings.Repeat("a", maxHead)
	r := g.rep(web+"[constructor]outgoing-request", g.rep(web+"[constructor]fields"))
	other := func(n int, s string) value { return all(kase(n), str(s)) }
	for _, set := range []struct {
		name string
		text func(string) value
	}{
		{"set-method", func(s string) value { return other(len(methods), s) }},
		{"set-path-with-query", func(s string) value { return some(str("/" + s[1:])) }},
		{"set-scheme", func(s string) value { return some(other(len(schemes), s)) }},
		{"set-authority", func(s string) value { return some(str(s)) }},
	} {
		g.want("err", m+set.name, r, set.text(long+"a"))
		g.want("ok", m+set.name, r, set.text(long))
	}
	if g.h.fieldBytes != 4*maxHead {
		t.Errorf("%d bytes, want %d", g.h.fieldBytes, 4*maxHead)
	}
	g.want("ok", m+"set-scheme", r, none)
	shared := g.rep(web+"[constructor]outgoing-request", g.rep(m+"headers", r))
	g.want("ok", m+"set-authority", shared, some(str("b")))
	g.h.fieldBytes += maxAllFields
	g.traps("in all", m+"set-authority", shared, some(str("b")))
	g.drop("outgoing-request", shared)
	g.call("wasi:http/outgoing-handler handle", r, none) // denied
	if g.h.fieldBytes != maxAllFields {
		t.Errorf("%d bytes, want %d", g.h.fieldBytes, maxAllFields)
	}
}
