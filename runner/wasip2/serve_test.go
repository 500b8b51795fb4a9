package wasip2

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// failures collects what a Handler could not have its component answer.
type failures struct {
	mu   sync.Mutex
	list []string
}

func (f *failures) add(r *http.Request, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, r.URL.Path+": "+err.Error())
}

// serve has a function be the component.
func serve(t *testing.T, f func(g *guest, request, outparam value) error) (*httptest.Server, *failures) {
	t.Helper()
	failed := &failures{}
	s := httptest.NewUnstartedServer(&Handler{
		Handle: func(_ context.Context, h *Host, request, outparam uint32) error {
			return f(&guest{t, h}, u32(request), u32(outparam))
		},
		Failed: failed.add,
	})
	s.Config.ErrorLog = log.New(logged{t}, "", 0)
	s.Start()
	t.Cleanup(s.Close)
	return s, failed
}

// logged fails a test when the server has something to log.
type logged struct{ t *testing.T }

func (l logged) Write(p []byte) (int, error) {
	l.t.Errorf("the server says: %s", p)
	return len(p), nil
}

// respond sets a response with a body, which it returns.
func (g *guest) respond(outparam value, fields ...value) (body, out value) {
	g.t.Helper()
	r := g.rep(web+"[constructor]outgoing-response", g.rep(web+"[static]fields.from-list", list(fields...)))
	body = g.rep(web+"[method]outgoing-response.body", r)
	out = g.rep(web+"[method]outgoing-body.write", body)
	g.call(web+"[static]response-outparam.set", outparam, boolean(false), r)
	return body, out
}

func TestServe(t *testing.T) {
	s, failed := serve(t, func(g *guest, request, outparam value) error {
		const m = web + "[method]incoming-request."
		g.want("put", m+"method", request)
		g.want("some(HTTP)", m+"scheme", request)
		g.want(`some("/a%FF?q=1")`, m+"path-with-query", request)
		if got := g.call(m+"authority", request); !strings.HasPrefix(got, `some("127.0.0.1:`) {
			t.Error(got)
		}
		h := g.rep(m+"headers", request)
		g.want(`["1", "\xe9"]`, web+"[method]fields.get", h, str("X-In"))
		g.want("false", web+"[method]fields.has", h, str("connection"))
		body, out := g.respond(outparam, field("x-out", "1"), field("X-Out", "\xe9"))
		data, failure, trailers := g.body(request, "[method]incoming-request.consume")
		if string(data) != "hello" || failure != "err(closed)" {
			t.Errorf("%q %s", data, failure)
		}
		var n uint32
		fmt.Sscanf(trailers, "some(ok(ok(some(fields#%d))))", &n)
		g.want(`[("x-trailer", "t")]`, web+"[method]fields.entries", u32(n))
		g.want("err", m+"consume", request)
		g.want("ok", streams+"output-stream.blocking-write-and-flush", out, blob("bye"))
		g.drop("output", out)
		g.want("ok", web+"[static]outgoing-body.finish", body, some(g.rep(web+"[static]fields.from-list", list(field("X-End", "e")))))
		return nil
	})
	req, err := http.NewRequest("PUT", s.URL+"/", io.NopCloser(strings.NewReader("hello")))
	if err != nil {
		t.Fatal(err)
	}
	req.URL.Opaque = "/a%FF?q=1"
	req.Header["X-In"] = []string{"1", "\xe9"}
	req.Trailer = http.Header{"X-Trailer": {"t"}}
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if string(body) != "bye" || err != nil || resp.StatusCode != 200 {
		t.Errorf("%q, %v, %s", body, err, resp.Status)
	}
	resp.Header.Del("Date")
	if diff := cmp.Diff(http.Header{"X-Out": {"1", "\xe9"}}, resp.Header); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(http.Header{"X-End": {"e"}}, resp.Trailer); diff != "" {
		t.Error(diff)
	}
	if len(failed.list) > 0 {
		t.Error(failed.list)
	}
}

// TestServeEcho sends 10 MiB to a component that answers while it reads, four
// times at once.
func TestServeEcho(t *testing.T) {
	s, _ := serve(t, func(g *guest, request, outparam value) error {
		body, out := g.respond(outparam)
		in := g.rep(web+"[method]incoming-body.stream", g.rep(web+"[method]incoming-request.consume", request))
		for {
			got := g.call(streams+"output-stream.blocking-splice", out, in, u64(1<<20))
			if got == "err(closed)" {
				break
			}
		}
		g.drop("output", out)
		g.want("ok", web+"[static]outgoing-body.finish", body, none)
		return nil
	})
	data := bytes.Repeat([]byte("0123456789abcdef"), 10<<16)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			resp, err := s.Client().Post(s.URL, "", bytes.NewReader(data))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			got, err := io.ReadAll(resp.Body)
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
	wait.Wait()
}

func TestServeFailures(t *testing.T) {
	boom := errors.New("boom")
	s, failed := serve(t, func(g *guest, request, outparam value) error {
		path := g.call(web+"[method]incoming-request.path-with-query", request)
		switch path {
		case `some("/trap")`:
			return boom
		case `some("/dropped")`:
			g.drop("outparam", outparam)
		case `some("/error")`:
			g.call(web+"[static]response-outparam.set", outparam, boolean(true), kase(httpCodes["loop-detected"]))
		case `some("/cut")`:
			body, out := g.respond(outparam)
			g.want("ok", streams+"output-stream.blocking-write-and-flush", out, blob("par"))
			g.drop("output", out)
			g.drop("outgoing-body", body)
		case `some("/unfinished")`:
			_, out := g.respond(outparam)
			g.want("ok", streams+"output-stream.blocking-write-and-flush", out, blob("par"))
			return boom
		case `some("/short")`:
			body, out := g.respond(outparam, field("Content-Length", "4"))
			g.want("ok", streams+"output-stream.blocking-write-and-flush", out, blob("par"))
			g.drop("output", out)
			g.want("err(HTTP-response-body-size(some(3)))", web+"[static]outgoing-body.finish", body, none)
		}
		return nil
	})
	for _, tt := range []struct {
		path, want string
		failed     string
	}{
		{"/trap", "500", "/trap: boom"},
		{"/dropped", "500", "/dropped: internal-error: the component dropped its response-outparam without a response"},
		{"/none", "500", "/none: internal-error: the component dropped its response-outparam without a response"},
		{"/error", "500", "/error: loop-detected"},
		{"/cut", "200 par unexpected EOF", "/cut: internal-error: the body was dropped before it was finished"},
		{"/unfinished", "200 par unexpected EOF", "/unfinished: boom"},
		{"/short", "200 par unexpected EOF", "/short: HTTP-response-body-size: 3 bytes"},
	} {
		failed.list = nil
		resp, err := s.Client().Post(s.URL+tt.path, "", strings.NewReader("a body that nobody reads"))
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(resp.StatusCode)
		if data, err := io.ReadAll(resp.Body); resp.StatusCode == 200 {
			got += fmt.Sprintf(" %s %v", data, err)
		}
		resp.Body.Close()
		failed.mu.Lock()
		if got != tt.want || strings.Join(failed.list, "; ") != tt.failed {
			t.Errorf("%s: %s, %q", tt.path, got, failed.list)
		}
		failed.mu.Unlock()
	}
	bad := httptest.NewServer(&Handler{Config: Config{Env: []string{"="}}, Failed: failed.add})
	defer bad.Close()
	if resp, err := bad.Client().Get(bad.URL); err != nil || resp.StatusCode != 500 {
		t.Error(resp, err)
	}
}

// TestServeInformational has a component send an interim response.
func TestServeInformational(t *testing.T) {
	s, _ := serve(t, func(g *guest, _, outparam value) error {
		const inform = web + "[method]response-outparam.send-informational"
		early := func() value { return g.rep(web+"[static]fields.from-list", list(field("Link", "x"))) }
		status := func(v uint16) value { return kase(int(v)) }
		g.want("err(HTTP-protocol-error)", inform, outparam, status(200), early())
		g.want("ok", inform, outparam, status(103), early())
		body, out := g.respond(outparam)
		g.drop("output", out)
		g.want("ok", web+"[static]outgoing-body.finish", body, none)
		return nil
	})
	conn := dial(t, s)
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	r := bufio.NewReader(conn)
	interim, err := http.ReadResponse(r, nil)
	if err != nil || interim.StatusCode != 103 || interim.Header.Get("Link") != "x" {
		t.Errorf("%v, %v", interim, err)
	}
	final, err := http.ReadResponse(r, nil)
	if err != nil || final.StatusCode != 200 || final.Header.Get("Link") != "" {
		t.Errorf("%v, %v", final, err)
	}
}

// TestServeUnread has a client send a body slowly that the component does not
// wait for, although it has begun to read.
func TestServeUnread(t *testing.T) {
	s, failed := serve(t, func(g *guest, request, outparam value) error {
		in := g.rep(web+"[method]incoming-body.stream", g.rep(web+"[method]incoming-request.consume", request))
		g.want(`ok("")`, streams+"input-stream.read", in, u64(10))
		body, out := g.respond(outparam)
		g.want("ok", streams+"output-stream.blocking-write-and-flush", out, blob("early"))
		g.drop("output", out)
		g.want("ok", web+"[static]outgoing-body.finish", body, none)
		return nil
	})
	conn := dial(t, s)
	io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(resp.Body)
	if string(data) != "early" || err != nil || len(failed.list) > 0 {
		t.Errorf("%q, %v, %v", data, err, failed.list)
	}
}

func TestValidText(t *testing.T) {
	for in, want := range map[string]string{"/é": "/é", "/\xff/\xfe": "/%FF/%FE", "�\xc3": "�%C3"} {
		if got := validText(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// dial connects to a server until the test ends.
func dial(t *testing.T, s *httptest.Server) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// raw sends a request on a connection of its own and returns all that comes back.
func raw(t *testing.T, s *httptest.Server, request string) string {
	t.Helper()
	conn := dial(t, s)
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, request+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	data, err := io.ReadAll(conn)
	if err != nil {
		t.Error(err)
	}
	before, after, found := strings.Cut(string(data), "Date: ")
	if !found {
		return string(data)
	}
	_, after, _ = strings.Cut(after, "\r\n")
	return before + after
}

// TestServeFraming has a component make responses whose framing must fit what
// they are.
func TestServeFraming(t *testing.T) {
	s, failed := serve(t, func(g *guest, request, outparam value) error {
		var status int
		var path, length string
		target := g.call(web+"[method]incoming-request.path-with-query", request)
		if _, err := fmt.Sscanf(target, `some("/%d/%s`, &status, &path); err != nil {
			return err
		}
		path, length, _ = strings.Cut(strings.TrimSuffix(path, `")`), "?")
		var fields []value
		for _, v := range strings.FieldsFunc(length, func(r rune) bool { return r == '&' }) {
			fields = append(fields, field("Content-Length", v))
		}
		r := g.rep(web+"[constructor]outgoing-response", g.rep(web+"[static]fields.from-list", list(fields...)))
		g.want("ok", web+"[method]outgoing-response.set-status-code", r, kase(status))
		if path == "none" {
			_, _, err := g.try(context.Background(), web+"[static]response-outparam.set", outparam, boolean(false), r)
			return err
		}
		body := g.rep(web+"[method]outgoing-response.body", r)
		if _, _, err := g.try(context.Background(), web+"[static]response-outparam.set", outparam, boolean(false), r); err != nil {
			return err
		}
		if path == "text" {
			out := g.rep(web+"[method]outgoing-body.write", body)
			g.want("ok", streams+"output-stream.blocking-write-and-flush", out, blob("hello"))
			g.drop("output", out)
		}
		trailers := none
		if path == "trailers" {
			trailers = some(g.rep(web+"[static]fields.from-list", list(field("X-End", "e"))))
		}
		g.call(web+"[static]outgoing-body.finish", body, trailers)
		return nil
	})
	const refused = "HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n" +
		"Content-Length: 22\r\nConnection: close\r\n\r\nInternal Server Error\n"
	for _, tt := range []struct{ request, want, failed string }{
		{"GET /200/trailers", "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-End: e\r\n\r\n", ""},
		{"GET /204/text", "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", ""},
		{"GET /304/text", "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n", ""},
		{"GET /304/none?5", "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n", ""},
		{"HEAD /200/text", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", ""},
		{"HEAD /200/none?5", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n", ""},
		{"HEAD /200/empty?5", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n", "HTTP-response-body-size: 0 bytes"},
		{"GET /200/none?5", "", "HTTP-response-body-size: 0 bytes"},
		{"GET /200/text?5&5", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello", ""},
		{"GET /200/text?5&3", refused, errLength.Error()},
		{"GET /200/text?+5", refused, errLength.Error()},
		{"GET /200/none?five", refused, errLength.Error()},
	} {
		got := raw(t, s, tt.request)
		failed.mu.Lock()
		list := strings.Join(failed.list, "; ")
		failed.list = nil
		failed.mu.Unlock()
		if _, why, _ := strings.Cut(list, ": "); got != tt.want || why != tt.failed {
			t.Errorf("%s: %q, want %q; %q, want %q", tt.request, got, tt.want, why, tt.failed)
		}
	}
}

// TestServeHead has a client get the head of a response whose body begins only
// when the client asks for it.
func TestServeHead(t *testing.T) {
	seen := make(chan bool)
	s, _ := serve(t, func(g *guest, _, outparam value) error {
		body, out := g.respond(outparam)
		if !<-seen {
			return errors.New("the client has no head")
		}
		g.want("ok", streams+"output-stream.blocking-write-and-flush", out, blob("late"))
		g.drop("output", out)
		g.want("ok", web+"[static]outgoing-body.finish", body, none)
		return nil
	})
	client := s.Client()
	client.Timeout = 10 * time.Second
	resp, err := client.Get(s.URL)
	seen <- err == nil
	if err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(resp.Body); string(data) != "late" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
}

// TestServeOld has a client of HTTP/1.0 that does not say whom it asks.
func TestServeOld(t *testing.T) {
	s, failed := serve(t, func(g *guest, request, outparam value) error {
		g.want("none", web+"[method]incoming-request.authority", request)
		body, out := g.respond(outparam)
		g.drop("output", out)
		g.want("ok", web+"[static]outgoing-body.finish", body, none)
		return nil
	})
	conn := dial(t, s)
	io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n")
	if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || resp.StatusCode != 200 || len(failed.list) > 0 {
		t.Errorf("%v, %v, %q", resp, err, failed.list)
	}
}
