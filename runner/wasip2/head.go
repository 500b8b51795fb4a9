package wasip2

import (
	"bufio"
	"bytes"
	"context"
	"maps"
	"net"
	"net/http"
	"net/textproto"
	"slices"
	"sync"

	"github.com/tracetool/tracetool/runner/wasip2/http1"
)

// MaxHeaderBytes is what a server for a [Handler] should accept as the header of
// a request.
const MaxHeaderBytes = maxFields

// readAhead is what net/http reads of a connection before it is needed.
const readAhead = 4 << 10

// Listener wraps a listener of a server for a [Handler], whose ConnContext is
// [ConnContext]. The library loses the order and the case of header fields: a
// connection of this listener keeps what was read last, to find them there.
// Without it fields are sorted, with the library's names.
func Listener(l net.Listener) net.Listener { return headListener{l} }

// ConnContext is for http.Server.ConnContext.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, headKey{}, c)
}

type headKey struct{}

type headListener struct{ net.Listener }

func (l headListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &headConn{Conn: c}, nil
}

// headConn keeps what was read since the head of the last request, as far back
// as that of the next one can begin.
type headConn struct {
	net.Conn
	mu   sync.Mutex // the library reads ahead while a request is served
	read []byte
	busy bool // a request is served: what is read is its body
}

func (c *headConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read = append(c.read, p[:n]...)
	keep := MaxHeaderBytes + 4*readAhead
	if c.busy {
		keep = readAhead
	}
	if len(c.read) > 2*keep {
		c.read = append(c.read[:0], c.read[len(c.read)-keep:]...)
	}
	return n, err
}

// CloseWrite lets the library end a connection so that the client reads the
// last response.
func (c *headConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// take returns the fields of the request that is now served, nil if they are not
// found. The function that it returns is called when that is over.
func (c *headConn) take(r *http.Request) (list []http1.Field, done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	list, n := findHead(c.read, r)
	if list == nil {
		n = max(0, len(c.read)-readAhead)
	}
	c.read = append([]byte(nil), c.read[n:]...)
	c.busy = true
	return list, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.busy = false
	}
}

// maxHeads is how many times what looks like a head is read to see whether it is:
// a body may be full of it.
const maxHeads = 32

// findHead finds the head of a request in what was read, behind what is left of
// the one before. It returns the fields and where the head ends. What only looks
// like it, in a body, has other fields.
func findHead(read []byte, r *http.Request) (list []http1.Field, end int) {
	first := []byte(r.Method + " " + r.RequestURI + " " + r.Proto)
	for at, tries := 0, 0; tries < maxHeads; {
		next := bytes.Index(read[at:], first)
		if next < 0 {
			break
		}
		at += next + len(first)
		after, whole := bytes.CutPrefix(bytes.TrimPrefix(read[at:], []byte("\r")), []byte("\n"))
		if !whole {
			continue
		}
		tries++
		rest := bytes.NewReader(after)
		b := bufio.NewReader(rest)
		if list, err := http1.ReadFields(b); err == nil && sameFields(list, r.Header) {
			return list, len(read) - rest.Len() - b.Buffered()
		}
	}
	return nil, 0
}

// taken are the fields that the library takes out of a header, or has only one
// of.
var taken = map[string]bool{"Host": true, "Transfer-Encoding": true, "Trailer": true, "Content-Length": true}

// sameFields tells whether the library has made that header of the fields.
func sameFields(list []http1.Field, header http.Header) bool {
	seen := http.Header{}
	for _, f := range list {
		seen.Add(f.Name, string(f.Value))
	}
	for name := range taken {
		seen.Del(name)
	}
	for name, values := range header {
		_, there := seen[name]
		// The library adds a Cache-Control to a Pragma.
		added := name == "Cache-Control" && !there && header.Get("Pragma") != ""
		if !taken[name] && !added && !slices.Equal(seen[name], values) {
			return false
		}
		delete(seen, name)
	}
	return len(seen) == 0
}

// requestHead returns the fields of a request in the order and with the names
// that the client sent, if the connection knows them, and else sorted. The
// function is to be called when the request has been served.
func requestHead(r *http.Request) (list []http1.Field, done func()) {
	c, ok := r.Context().Value(headKey{}).(*headConn)
	if !ok {
		return sortedFields(r.Header), func() {}
	}
	wire, done := c.take(r)
	if wire == nil {
		return sortedFields(r.Header), done
	}
	rest := maps.Clone(r.Header)
	for _, f := range wire {
		name := textproto.CanonicalMIMEHeaderKey(f.Name)
		if _, there := r.Header[name]; there && (name != "Content-Length" || rest[name] != nil) {
			list = append(list, f)
			delete(rest, name)
		}
	}
	return append(list, sortedFields(rest)...), done
}

// sortedFields lists fields of which the order is not known.
func sortedFields(header http.Header) []http1.Field {
	var list []http1.Field
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, v := range header[name] {
			list = append(list, http1.Field{Name: name, Value: []byte(v)})
		}
	}
	return list
}
