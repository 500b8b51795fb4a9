package network

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// part is what went over a connection in one call: what the program received
// begins with <, what it sent with >. Two words are calls by themselves.
type part string

const (
	closed part = "close"
	eof    part = "<"
)

// play feeds parts of one connection and returns the exchanges.
func play(o Options, exited bool, parts ...part) []*Exchange {
	h := newHTTP(o)
	for i, p := range parts {
		a := &Activity{Event: int64(i), TimeNS: int64(i) * 100, DurationNS: 10, Connection: 1, Protocol: TCP,
			Local: "10.0.0.1:80", Remote: "10.0.0.2:5000"}
		switch {
		case p == closed:
			a.Op = Close
		case p[0] == '<':
			a.Op, a.Data = Receive, []byte(p[1:])
		default:
			a.Op, a.Data = Send, []byte(p[1:])
		}
		if at := strings.Index(string(p), "…"); at >= 0 { // so many bytes are not in the trace
			a.Data = []byte(p[1:at])
			fmt.Sscan(string(p[at+len("…"):]), &a.LostBytes)
		}
		a.Bytes = int64(len(a.Data)) + a.LostBytes
		h.activity(a)
	}
	h.close(exited)
	if h.kept != 0 {
		panic(fmt.Sprintf("%d bytes are held after all is over", h.kept))
	}
	return h.done
}

// summary is an exchange in one line.
func summary(e *Exchange) string {
	s := string(e.Role) + " "
	if e.Request.Method != "" {
		s += fmt.Sprintf("%s %s", e.Request.Method, e.Request.URL)
		s += bodyText(&e.Request.Message)
	}
	s += fmt.Sprintf(" = %d", e.Response.Status) + bodyText(&e.Response.Message)
	if e.Error != "" {
		s += ", " + e.Error
	}
	return s
}

func bodyText(m *Message) string {
	if m.BodyBytes == 0 {
		return ""
	}
	s := fmt.Sprintf(" %d:%q", m.BodyBytes, m.Body)
	if m.LostBytes > 0 {
		s += fmt.Sprintf("-%d", m.LostBytes)
	}
	return s
}

const (
	get = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
	ok  = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
)

var httpTests = []struct {
	name  string
	parts []part
	want  []string
}{
	{"one", []part{"<" + get, ">" + ok, closed}, []string{`server GET http://h/a = 200 2:"hi"`}},
	{"client", []part{">" + get, "<" + ok}, []string{`client GET http://h/a = 200 2:"hi"`}},
	{"kept alive", []part{"<" + get, ">" + ok, "<" + get, ">" + ok},
		[]string{`server GET http://h/a = 200 2:"hi"`, `server GET http://h/a = 200 2:"hi"`}},
	{"pipelined", []part{"<" + get + "GET /b HTTP/1.1\r\nHost: h\r\n\r\n", ">" + ok + "HTTP/1.1 204 None\r\n\r\n"},
		[]string{`server GET http://h/a = 200 2:"hi"`, `server GET http://h/b = 204`}},
	{"body of the request", []part{"<POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab", "<cd", ">" + ok},
		[]string{`server POST http://h/a 4:"abcd" = 200 2:"hi"`}},
	{"chunks", []part{"<" + get, ">HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n3;x=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n", "<" + get, ">" + ok},
		[]string{`server GET http://h/a = 200 13:"abc0123456789"`, `server GET http://h/a = 200 2:"hi"`}},
	{"bare line feeds", []part{"<GET /a HTTP/1.1\nHost: h\n\n", ">HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n1\nx\n0\n\n"},
		[]string{`server GET http://h/a = 200 1:"x"`}},
	{"HEAD", []part{"<HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n", ">HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", "<" + get, ">" + ok},
		[]string{`server HEAD http://h/a = 200`, `server GET http://h/a = 200 2:"hi"`}},
	{"304 with a length", []part{"<" + get, ">HTTP/1.1 304 Same\r\nContent-Length: 99\r\n\r\n", "<" + get, ">" + ok},
		[]string{`server GET http://h/a = 304`, `server GET http://h/a = 200 2:"hi"`}},
	{"100 and then", []part{"<POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", ">HTTP/1.1 100 Continue\r\n\r\n", "<x", ">" + ok},
		[]string{`server POST http://h/a 1:"x" = 200 2:"hi"`}},
	{"response before the request is over", []part{"<POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab", ">" + ok, "<cd"},
		[]string{`server POST http://h/a 4:"abcd" = 200 2:"hi"`}},
	{"response and the request never over", []part{"<POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab", ">" + ok, closed},
		[]string{`server POST http://h/a 2:"ab" = 200 2:"hi", request cut: closed by the program`}},
	{"body up to the end, sent", []part{"<" + get, ">HTTP/1.0 200 OK\r\n\r\nall", "> of it", closed},
		[]string{`server GET http://h/a = 200 9:"all of it"`}},
	{"body up to the end, received", []part{">" + get, "<HTTP/1.0 200 OK\r\n\r\nall", eof},
		[]string{`client GET http://h/a = 200 3:"all"`}},
	{"body up to the end, not seen", []part{">" + get, "<HTTP/1.0 200 OK\r\n\r\nall", closed},
		[]string{`client GET http://h/a = 200 3:"all", response cut: closed by the program`}},
	{"cut body", []part{">" + get, "<HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", eof, closed},
		[]string{`client GET http://h/a = 200 3:"abc", response cut: closed by the program`}},
	{"cut head", []part{"<GET /a HTTP/1.1\r\nHo", eof, closed}, nil},
	{"no response", []part{"<" + get, closed}, []string{`server GET http://h/a = 0, no response: closed by the program`}},
	{"no request", []part{">HTTP/1.1 408 Timeout\r\nContent-Length: 0\r\n\r\n", closed},
		[]string{`server  = 408, response without a request`}},
	{"upgrade", []part{"<" + get, ">HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\nbinary", "<" + get, closed},
		[]string{`server GET http://h/a = 101`}},
	{"tunnel", []part{">CONNECT h:443 HTTP/1.1\r\n\r\n", "<HTTP/1.1 200 OK\r\n\r\n", "<\x16\x03\x01", closed},
		[]string{`client CONNECT http://h:443 = 200`}},
	{"absolute", []part{">GET http://x/y HTTP/1.1\r\nHost: h\r\n\r\n", "<" + ok}, []string{`client GET http://x/y = 200 2:"hi"`}},
	{"no host", []part{">GET /y HTTP/1.0\r\n\r\n", "<" + ok}, []string{`client GET http://10.0.0.2:5000/y = 200 2:"hi"`}},
	{"all of the server", []part{"<OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", ">" + ok}, []string{`server OPTIONS http://h/ = 200 2:"hi"`}},
	{"empty lines before", []part{"<\r\n\r\n" + get, ">" + ok}, []string{`server GET http://h/a = 200 2:"hi"`}},
	{"folded header", []part{"<GET /a HTTP/1.1\r\nX: 1\r\n 2\r\nHost: h\r\n\r\n", ">" + ok}, []string{`server GET http://h/a = 200 2:"hi"`}},
	{"TLS", []part{"<\x16\x03\x01\x02\x00\x01\x00", ">\x16\x03\x03", closed}, nil},
	{"HTTP/2", []part{"<PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", closed}, nil},
	{"mail", []part{">220 ready\r\n", "<EHLO x\r\n", ">250 ok\r\n", closed}, nil},
	{"two lengths", []part{"<POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", closed},
		[]string{`server POST http://h/a = 0, request: malformed Content-Length`}},
	{"the same length twice", []part{"<POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\nx", ">" + ok},
		[]string{`server POST http://h/a 1:"x" = 200 2:"hi"`}},
	{"length that is none", []part{"<POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", closed},
		[]string{`server POST http://h/a = 0, request: malformed Content-Length`}},
	{"largest length", []part{"<POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 9223372036854775807\r\n\r\nx", closed},
		[]string{`server POST http://h/a 1:"x" = 0, request cut: closed by the program`}},
	{"chunk that is none", []part{"<" + get, ">HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", closed},
		[]string{`server GET http://h/a = 200, response: malformed chunk`}},
	{"chunk without its end", []part{"<" + get, ">HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", closed},
		[]string{`server GET http://h/a = 200 1:"a", response: malformed chunk`}},
	{"header that is none", []part{"<" + get, ">HTTP/1.1 200 OK\r\nno colon\r\n\r\n", closed},
		[]string{`server GET http://h/a = 0, response: malformed header`}},
	{"response that is none", []part{"<" + get, ">\x00\x01", closed}, []string{`server GET http://h/a = 0, response: malformed head`}},
	{"garbage later", []part{"<" + get, ">" + ok + "garbage\r\n", closed}, []string{`server GET http://h/a = 200 2:"hi"`}},
	{"body not in the trace", []part{"<" + get, ">HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc…6", "<" + get, ">" + ok},
		[]string{`server GET http://h/a = 200 9:"abc"-6`, `server GET http://h/a = 200 2:"hi"`}},
	{"chunks not in the trace", []part{"<" + get, ">HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc…20", "<" + get, ">" + ok},
		[]string{`server GET http://h/a = 200 3:"abc", part of it is not in the trace`, `server GET http://h/a = 200 2:"hi"`}},
	{"part of a chunk not in the trace", []part{"<" + get, ">HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc…6", ">\r\n0\r\n\r\n"},
		[]string{`server GET http://h/a = 200 9:"abc"-6`}},
}

func TestHTTP(t *testing.T) {
	for _, test := range httpTests {
		var got []string
		for _, e := range play(Options{MaxBody: 1 << 20}, true, test.parts...) {
			got = append(got, summary(e))
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s:\n got %q\nwant %q", test.name, got, test.want)
		}
	}
}

// However the bytes are cut into calls, the exchanges are the same. Only after
// bytes that the trace does not have a message must begin with a call.
func TestHTTPByteByByte(t *testing.T) {
	for _, test := range httpTests {
		if slices.ContainsFunc(test.parts, func(p part) bool { return strings.Contains(string(p), "…") }) {
			continue
		}
		var parts []part
		for _, p := range test.parts {
			if p == closed || p == eof {
				parts = append(parts, p)
				continue
			}
			for _, b := range []byte(p[1:]) {
				parts = append(parts, p[:1]+part([]byte{b}))
			}
		}
		var got []string
		for _, e := range play(Options{MaxBody: 1 << 20}, true, parts...) {
			got = append(got, summary(e))
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s:\n got %q\nwant %q", test.name, got, test.want)
		}
	}
}

func TestHTTPTimes(t *testing.T) {
	parts := []part{"<GET /a HTTP/1.1\r\n", "<Host: h\r\n\r\n", ">HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh", ">i"}
	e := play(Options{}, true, parts...)[0]
	// What was received counts from when the call returned.
	got := []int64{e.Event, e.TimeNS, e.Request.LastNS, e.Response.FirstNS, e.Response.LastNS, e.DurationNS}
	if want := []int64{0, 10, 110, 200, 310, 300}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if e.Request.HeaderBytes != 28 || e.Response.BodyBytes != 2 || e.Response.Body != nil {
		t.Errorf("%d bytes of head, body %d %q", e.Request.HeaderBytes, e.Response.BodyBytes, e.Response.Body)
	}
}

func TestHTTPBodyLimit(t *testing.T) {
	e := play(Options{MaxBody: 3}, true, "<"+get, ">HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nab", ">cdef")[0]
	if string(e.Response.Body) != "abc" || e.Response.BodyBytes != 6 || !e.Response.Complete {
		t.Errorf("%+v", e.Response)
	}
}

// The end of a trace is not the end of a program.
func TestHTTPCutTrace(t *testing.T) {
	e := play(Options{MaxBody: 9}, false, "<"+get, ">HTTP/1.0 200 OK\r\n\r\nabc")[0]
	if e.Error != "response cut: the trace ends before" || e.Response.Complete {
		t.Errorf("%s, complete %t", e.Error, e.Response.Complete)
	}
}

// Heads, pipelines and connections without end stay within their bounds.
func TestHTTPBounds(t *testing.T) {
	long := part("X: " + strings.Repeat("y", 1<<10) + "\r\n")
	parts := []part{"<GET /a HTTP/1.1\r\n"}
	for range 2 * maxHead >> 10 {
		parts = append(parts, "<"+long)
	}
	if got := play(Options{}, true, parts...); got != nil {
		t.Errorf("a head without end: %v", got)
	}
	parts = nil
	for range 2 * maxPending {
		parts = append(parts, "<"+get)
	}
	if got := len(play(Options{}, true, parts...)); got != maxPending+1 {
		t.Errorf("%d requests of a pipeline without responses, want %d", got, maxPending+1)
	}
	h := newHTTP(Options{})
	for i := range int64(maxConnections + 10) {
		h.activity(&Activity{Op: Receive, Connection: i + 1, Protocol: TCP, Data: []byte(get), Bytes: int64(len(get))})
	}
	if len(h.connections) != maxConnections || len(h.done) != 10 || h.done[0].Error != "no response: too many connections at a time" {
		t.Errorf("%d connections, %d exchanges", len(h.connections), len(h.done))
	}
}

// FuzzHTTP: whatever goes over a connection neither panics nor is held when it is
// over, and it does not matter how it is cut into calls.
func FuzzHTTP(f *testing.F) {
	for _, test := range httpTests {
		var received, sent strings.Builder
		for _, p := range test.parts {
			if p == closed || strings.Contains(string(p), "…") {
				continue
			}
			if p[0] == '<' {
				received.WriteString(string(p[1:]))
			} else {
				sent.WriteString(string(p[1:]))
			}
		}
		f.Add([]byte(received.String()), []byte(sent.String()), uint8(7))
	}
	f.Fuzz(func(t *testing.T, received, sent []byte, step uint8) {
		if len(received) == 0 || len(sent) == 0 || strings.Contains(string(received)+string(sent), "…") || step == 0 {
			return
		}
		whole := play(Options{MaxBody: 100}, true, part("<"+string(received)), part(">"+string(sent)), closed)
		var parts []part
		for b := range slices.Chunk(received, int(step)) {
			parts = append(parts, part("<"+string(b)))
		}
		for b := range slices.Chunk(sent, int(step)) {
			parts = append(parts, part(">"+string(b)))
		}
		cut := play(Options{MaxBody: 100}, true, append(parts, closed)...)
		if len(whole) != len(cut) {
			t.Fatalf("%d exchanges at once, %d in pieces", len(whole), len(cut))
		}
		for i := range whole {
			if a, b := summary(whole[i]), summary(cut[i]); a != b && utf8.ValidString(a) {
				t.Fatalf("at once %s, in pieces %s", a, b)
			}
		}
	})
}

// TestHTTPFolded: a header in many lines takes no more than its bytes.
func TestHTTPFolded(t *testing.T) {
	lines := maxHead/3 - 100
	head := "<GET /a HTTP/1.1\r\nX: b\r\n" + strings.Repeat(" a\n", lines) + "Y: c\r\n d\r\n\r\n"
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	e := play(Options{}, true, part(head))[0]
	runtime.ReadMemStats(&after)
	if x, y := e.Request.Get("X"), e.Request.Get("Y"); len(x) != 1+2*lines || x[:5] != "b a a" || y != "c d" {
		t.Errorf("%d bytes of X, Y is %q", len(x), y)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 100*maxHead {
		t.Errorf("%d bytes were allocated", n)
	}
}

// TestHeaderJSON: a value is not changed where it is no text.
func TestHeaderJSON(t *testing.T) {
	e := play(Options{}, true, "<GET /a HTTP/1.1\r\nX: \xfc\xff\r\nY: gr\u00fcn\r\n\r\n")[0]
	got, err := json.Marshal(e.Request.Headers)
	if want := `[{"name":"X","value":{"base64":"/P8="}},{"name":"Y","value":"grün"}]`; err != nil || string(got) != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
}
