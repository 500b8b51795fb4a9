package http1

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestWrite(t *testing.T) {
	fields := []Field{{"B", []byte("1")}, {"a", []byte("\xff é")}, {"b", []byte("2")}}
	for _, tt := range []struct {
		name string
		r    Request
		want string
	}{
		{"no body", Request{Length: -1}, "Connection: close\r\n\r\n"},
		{"empty body", Request{Length: 0}, "Content-Length: 0\r\nConnection: close\r\n\r\n"},
		{"sized", Request{Body: strings.NewReader("hello"), Length: 5}, "Content-Length: 5\r\nConnection: close\r\n\r\nhello"},
		{"chunks", Request{Body: iotest.HalfReader(strings.NewReader("hello")), Length: -1},
			"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
		{"trailers", Request{Body: strings.NewReader(""), Length: -1, Trailers: func() []Field { return []Field{{"T", []byte("v")}} }},
			"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\nT: v\r\n\r\n"},
	} {
		tt.r.Method, tt.r.Target, tt.r.Host, tt.r.Fields = "POST", "/x?y", "h:1", fields
		var b bytes.Buffer
		if err := tt.r.Write(&b); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if diff := cmp.Diff("POST /x?y HTTP/1.1\r\nHost: h:1\r\nB: 1\r\na: \xff é\r\nb: 2\r\n"+tt.want, b.String()); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
	for _, body := range []string{"hell", "hello!"} {
		r := Request{Body: strings.NewReader(body), Length: 5}
		if err := r.Write(io.Discard); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q where 5 bytes were said: %v", body, err)
		}
	}
	broken := Request{Body: iotest.ErrReader(io.ErrClosedPipe), Length: -1}
	if err := broken.Write(io.Discard); err != io.ErrClosedPipe {
		t.Errorf("a body that fails: %v", err)
	}
}

// TestWriteChunks has the library's server read what is written.
func TestWriteChunks(t *testing.T) {
	body := strings.Repeat("0123456789abcdef", 10_000)
	var b bytes.Buffer
	r := Request{Method: "PUT", Target: "/", Host: "h", Body: strings.NewReader(body), Length: -1}
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	req, err := http.ReadRequest(bufio.NewReader(&b))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(req.Body)
	if err != nil || string(got) != body {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestReadResponse(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		head     bool
		want     Response
		body     string
	}{
		{"sized", "HTTP/1.1 200 OK\r\nB: 1\r\nA:  x\xff \r\nb:\r\nContent-Length: 2\r\n\r\nokmore", false, Response{Status: 200,
			Fields: []Field{{"B", []byte("1")}, {"A", []byte("x\xff")}, {"b", nil}, {"Content-Length", []byte("2")}}}, "ok"},
		{"until the end", "HTTP/1.0 404\n\nall of it", false, Response{Status: 404}, "all of it"},
		{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nContent-Length: 1\r\n\r\n2;x=y\r\nok\r\n1\r\n!\r\n0\r\nT: v\r\n\r\n", false,
			Response{Status: 200, Fields: []Field{{"Transfer-Encoding", []byte("Chunked")}, {"Content-Length", []byte("1")}},
				Trailers: []Field{{"T", []byte("v")}}}, "ok!"},
		{"interim", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\nL: 1\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", false, Response{Status: 204}, ""},
		{"head", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", true, Response{Status: 200, Fields: []Field{{"Content-Length", []byte("9")}}}, ""},
		{"length twice", "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\nab", false, Response{Status: 200, Fields: []Field{{"Content-Length", []byte("1, 1")}}}, "a"},
	} {
		resp, err := ReadResponse(bufio.NewReader(iotest.OneByteReader(strings.NewReader(tt.in))), tt.head)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || string(body) != tt.body {
			t.Errorf("%s: body %q, %v, want %q", tt.name, body, err, tt.body)
		}
		resp.Body = nil
		if diff := cmp.Diff(&tt.want, resp); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

func TestReadResponseErrors(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want error
	}{
		{"", io.EOF},
		{"HTTP/1.1 200", io.ErrUnexpectedEOF},
		{"HTTP/1.1 200 OK\r\nA: b\r\n", io.ErrUnexpectedEOF},
		{"HTTP/2 200 OK\r\n\r\n", ErrProtocol},
		{"HTTP/1.1 20 OK\r\n\r\n", ErrProtocol},
		{"HTTP/1.1 2000\r\n\r\n", ErrProtocol},
		{"HTTP/1.1 -20 OK\r\n\r\n", ErrProtocol},
		{"SSH-2.0-server\r\n", ErrProtocol},
		{"HTTP/1.1 200 OK\r\n folded\r\n\r\n", ErrProtocol},
		{"HTTP/1.1 200 OK\r\nA B: c\r\n\r\n", ErrProtocol},
		{"HTTP/1.1 200 OK\r\nA: \x00\r\n\r\n", ErrProtocol},
		{"HTTP/1.1 200 OK\r\nnocolon\r\n\r\n", ErrProtocol},
		{"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", ErrProtocol},
		{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", ErrProtocol},
		{"HTTP/1.1 101 Switching\r\n\r\n", ErrUpgrade},
		{"HTTP/1.1 200 OK\r\nA: " + strings.Repeat("x", maxHeader) + "\r\n\r\n", ErrHeader},
		{"HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", maxHeader/6) + "\r\n", ErrHeader},
		{strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 100), ErrProtocol},
	} {
		if _, err := ReadResponse(bufio.NewReader(strings.NewReader(tt.in)), false); !errors.Is(err, tt.want) {
			t.Errorf("%.60q: %v, want %v", tt.in, err, tt.want)
		}
	}
	_, err := ReadResponse(bufio.NewReader(strings.NewReader("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n")), false)
	var coding *CodingError
	if !errors.As(err, &coding) || coding.Coding != "gzip, chunked" {
		t.Errorf("another coding: %v", err)
	}
}

func TestCutBody(t *testing.T) {
	for _, in := range []string{
		"Content-Length: 5\r\n\r\nhell",
		"Transfer-Encoding: chunked\r\n\r\n5\r\nhell",
		"Transfer-Encoding: chunked\r\n\r\n4\r\nhell\r\n",
		"Transfer-Encoding: chunked\r\n\r\n4\r\nhell\r\n0\r\n",
		"Transfer-Encoding: chunked\r\n\r\n4\r\nhell\r\n0\r\nT: v\r\n",
	} {
		resp, err := ReadResponse(bufio.NewReader(strings.NewReader("HTTP/1.1 200 OK\r\n"+in)), false)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if string(body) != "hell" || err != io.ErrUnexpectedEOF {
			t.Errorf("%q: %q, %v", in, body, err)
		}
		if n, err := resp.Body.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("%q: read on: %d, %v", in, n, err)
		}
	}
}

func FuzzReadResponse(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), false)
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nT: v\r\n\r\n"), true)
	f.Fuzz(func(t *testing.T, data []byte, head bool) {
		resp, err := ReadResponse(bufio.NewReader(bytes.NewReader(data)), head)
		if err != nil {
			return
		}
		n, _ := io.Copy(io.Discard, resp.Body)
		if n > int64(len(data)) {
			t.Errorf("%d bytes out of %d", n, len(data))
		}
	})
}
