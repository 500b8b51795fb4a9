package wasip2

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/tracetool/tracetool/format/canon"
)

// headServer answers each request with its fields, as the guest and a recorder have
// them, and with the size of its body.
func headServer(t *testing.T, wrap func(*httptest.Server)) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(&Handler{Handle: func(_ context.Context, h *Host, request, outparam uint32) error {
		g := &guest{t, h}
		note := canon.NewDecoder(h.RequestNote(request))
		for range 5 {
			_ = note.String()
		}
		var wire []string
		for range note.Len() {
			wire = append(wire, note.String()+"="+string(note.Blob()))
		}
		if err := note.End(); err != nil {
			t.Error(err)
		}
		seen := g.call(web+"[method]fields.entries", g.rep(web+"[method]incoming-request.headers", u32(request)))
		data, _, _ := g.body(u32(request), "[method]incoming-request.consume")
		body, out := g.respond(u32(outparam))
		g.call(streams+"output-stream.blocking-write-and-flush", out, blob(fmt.Sprintf("%s\n%s\n%d", strings.Join(wire, ","), seen, len(data))))
		g.drop("output", out)
		g.call(web+"[static]outgoing-body.finish", body, none)
		return nil
	}})
	if wrap != nil {
		wrap(s)
	}
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func kept(s *httptest.Server) {
	s.Listener, s.Config.ConnContext = Listener(s.Listener), ConnContext
}

// TestHeads: fields come in the order and, for a recorder, with the names that
// the client sent, whatever else goes over the connection.
func TestHeads(t *testing.T) {
	const get = "GET / HTTP/1.1\r\n"
	long := strings.Repeat("0123456789abcde\n", 100_000)
	chunk := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(long), long)
	requests := []struct{ text, want, seen string }{
		{get + "X-b: 1\r\nHost: h\r\nx-A: 2\r\nX-B:  3 \r\n\r\n", "X-b=1,x-A=2,X-B=3", `[("x-b", "1"), ("x-a", "2"), ("x-b", "3")]`},
		{get + "Host: h\r\nZ: 1\r\nA: 1\r\n\r\n", "Z=1,A=1", ""},
		{get + "Host: h\r\nA: 1\r\nZ: 1\r\n\r\n", "A=1,Z=1", ""},
		// What looks like a head is a body, first with other fields and then with
		// those of the next request.
		{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 46\r\nContent-Length: 46\r\n\r\n" + get + "B: 0\r\nA: 0\r\n\r\n\r\n" + get[:14], "Content-Length=46", ""},
		{get + "Host: h\r\nB: 1\r\nA: 1\r\n\r\n", "B=1,A=1", ""},
		{"PUT /x HTTP/1.1\r\nb: 1\r\nTransfer-Encoding: chunked\r\nHost: h\r\na: 1\r\nTrailer: t\r\n\r\n" + chunk, "b=1,a=1", ""},
		{get + "Host: h\r\nPragma: no-cache\r\nb: 1\r\na: 1\r\n\r\n", "Pragma=no-cache,b=1,a=1,Cache-Control=no-cache", ""},
		{get + "Host: h\r\nB: 1\r\n 2\r\nA: 1\r\n\r\n", "A=1,B=1 2", ""}, // folded: sorted
		{get + "Host: h\r\nB: 1\r\nC: 1\r\nA: 1\r\n\r\n", "B=1,C=1,A=1", ""},
		{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1900\r\n\r\n" + strings.Repeat("a: "+get, 100), "Content-Length=1900", ""},
		{get + "Host: h\r\nB: 1\r\nA: 1\r\n\r\n", "A=1,B=1", ""}, // too much looks like it: sorted
		{get + "Host: h\r\nB: 1\r\nA: 1\r\n\r\n", "A=1,B=1", ""},
	}
	for _, pipelined := range []bool{false, true} {
		s := headServer(t, kept)
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		send := func(i int) {
			if _, err := io.WriteString(conn, requests[i].text); err != nil {
				t.Error(err)
			}
		}
		if pipelined {
			go func() {
				for i := range requests {
					send(i)
				}
			}()
		}
		r := bufio.NewReader(conn)
		for i, want := range requests {
			if !pipelined {
				send(i)
			}
			resp, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(i, err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(i, err)
			}
			lines := strings.Split(string(body), "\n")
			if lines[0] != want.want || want.seen != "" && lines[1] != want.seen {
				t.Errorf("request %d, pipelined %t: %q, want %q", i, pipelined, body, want.want)
			}
		}
	}
}

// TestHeadsSorted is for a server that does not keep what it reads.
func TestHeadsSorted(t *testing.T) {
	s := headServer(t, nil)
	req, err := http.NewRequest("GET", s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"B": {"1"}, "A": {"1"}, "User-Agent": {"u"}}
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if line, _, _ := strings.Cut(string(body), "\n"); line != "A=1,Accept-Encoding=gzip,B=1,User-Agent=u" {
		t.Errorf("%q", body)
	}
}

// TestHeadConnKeeps: what is kept of a connection does not grow with it.
func TestHeadConnKeeps(t *testing.T) {
	client, server := net.Pipe()
	go func() {
		client.Write(slices.Repeat([]byte("0123456789\n"), 1<<18))
		client.Close()
	}()
	c := &headConn{Conn: server}
	io.Copy(io.Discard, c)
	if n := len(c.read); n > 2*(MaxHeaderBytes+4*readAhead) {
		t.Errorf("%d bytes are kept", n)
	}
}
