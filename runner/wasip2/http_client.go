package wasip2

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tracetool/tracetool/format/canon"
	"github.com/tracetool/tracetool/runner/component"
	"github.com/tracetool/tracetool/runner/host"
	"github.com/tracetool/tracetool/runner/wasip2/http1"
)

// defaultTimeout is each timeout of a request for which the guest sets none.
const defaultTimeout = 10 * time.Minute

// exchange is a request on its way and its response.
type exchange struct {
	wake     host.Signal
	url      string
	addr     string      // HOST:PORT
	tls      *tls.Config // nil: plain
	req      http1.Request
	out      *body // nil: none
	timeouts [numTimeouts]time.Duration
	cancel   context.CancelFunc
	answer   *HTTPResponse // by Config.Answer; nil: run does the exchange

	mu      sync.Mutex
	done    bool
	resp    *http1.Response
	err     *httpError
	sendErr *httpError // why the body could not be sent, if that is the guest's doing
}

// handle
func (h *Host) handle(_ context.Context, c *component.Call) error {
	r, err := h.outgoingRequests.take(c.Args.Rep())
	if err != nil {
		return err
	}
	options := &requestOptions{}
	if c.Args.Some() {
		if options, err = h.options.take(c.Args.Rep()); err != nil {
			r.close()
			return err
		}
	}
	x, refused := h.prepare(r, options)
	if refused != nil {
		r.close()
		return httpDone(c, refused)
	}
	fields := r.fields.list
	r.closeHead()
	if h.cfg.Answer != nil {
		return h.answer(c, x, fields)
	}
	ctx, cancel := context.WithCancel(context.Background())
	x.cancel = cancel
	go x.run(ctx)
	c.Result.OK()
	return give(&h.futures, c, &futureResponse{x: x})
}

// prepare checks a request and what the guest may do.
func (h *Host) prepare(r *outgoingRequest, options *requestOptions) (*exchange, *httpError) {
	scheme, authority := "https", ""
	if r.scheme != nil {
		scheme = strings.ToLower(*r.scheme)
	}
	if r.authority != nil {
		authority = *r.authority
	}
	hostname, port, ok := splitAuthority(authority)
	switch {
	case r.method == "CONNECT":
		return nil, httpFailure("HTTP-protocol-error", errors.New("CONNECT is not supported"))
	case scheme != "http" && scheme != "https":
		return nil, httpFailure("HTTP-protocol-error", errors.New("scheme "+scheme))
	case !ok:
		return nil, &httpError{code: "HTTP-request-URI-invalid"}
	}
	if _, ok := declaredLength(r.fields.list); !ok {
		return nil, errLength
	}
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[scheme]
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || h.cfg.Answer == nil && !h.allowHTTP.Name(hostname, uint16(n)) {
		return nil, &httpError{code: "HTTP-request-denied"}
	}
	x := &exchange{wake: h.wake, url: scheme + "://" + authority + target(r.path), addr: net.JoinHostPort(hostname, port), out: r.out}
	if scheme == "https" {
		x.tls = &tls.Config{ServerName: hostname, NextProtos: []string{"http/1.1"}, RootCAs: h.roots}
	}
	for i, ns := range options.timeouts {
		x.timeouts[i] = defaultTimeout
		if ns != nil {
			x.timeouts[i] = time.Duration(clampDuration(*ns))
		}
	}
	x.req = http1.Request{Method: r.method, Target: target(r.path), Host: authority, Length: -1}
	x.setBody(r)
	return x, nil
}

// target is the path and query of a request line.
func target(path *string) string {
	switch {
	case path == nil || *path == "":
		return "/"
	case (*path)[0] == '?':
		return "/" + *path
	}
	return *path
}

// setBody settles how the body is sent: with the length that the guest says or
// that it has already, else in chunks. A request that usually has a body says
// that it has none.
func (x *exchange) setBody(r *outgoingRequest) {
	x.req.Fields = r.fields.list
	out := r.out
	if out == nil {
		x.req.Fields = slices.DeleteFunc(slices.Clone(r.fields.list), isLength)
		if r.method == "POST" || r.method == "PUT" || r.method == "PATCH" {
			x.req.Length = 0
		}
		return
	}
	defer out.begin()
	switch {
	case out.length >= 0:
		x.req.Length = out.length
	case out.finished && len(out.trailers) == 0:
		x.req.Length = out.written
	}
	if x.req.Length == 0 && out.finished {
		if out.length < 0 && (r.method == "GET" || r.method == "HEAD") {
			x.req.Length = -1
		}
		return // no body
	}
	x.req.Body, x.req.Trailers = out, func() []http1.Field { return out.trailers }
}

// run does the exchange up to the header of the response. After that, what is
// left of it ends when the exchange is cancelled.
func (x *exchange) run(ctx context.Context) {
	resp, err := x.roundTrip(ctx)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.done, x.resp, x.err = true, resp, err
	if err != nil && x.sendErr != nil {
		x.err = x.sendErr
	}
	if x.err != nil {
		x.cancel()
		if x.out != nil {
			x.out.Fail(x.err)
		}
	}
	x.wake.Notify()
}

var errCancelled = httpFailure("connection-terminated", errors.New("the response was dropped"))

func (x *exchange) roundTrip(ctx context.Context) (*http1.Response, *httpError) {
	conn, err := x.dial(ctx)
	if err != nil {
		return nil, dialError(err)
	}
	context.AfterFunc(ctx, func() {
		conn.Close()
		if x.out != nil {
			x.out.Fail(errCancelled)
		}
	})
	go x.send(conn)
	timed := &timedConn{Conn: conn, end: time.Now().Add(x.timeouts[firstByteTimeout])}
	r := bufio.NewReaderSize(timed, chunk)
	resp, err := http1.ReadResponse(r, x.req.Method == "HEAD")
	if err != nil {
		return nil, headerError(err)
	}
	timed.end, timed.timeout = time.Time{}, x.timeouts[betweenBytesTimeout]
	return resp, nil
}

// send sends the request. When the server stops listening, it may have answered
// all the same; only when the body cannot be had there will be no answer.
func (x *exchange) send(conn net.Conn) {
	err := x.req.Write(conn)
	if err == nil {
		return
	}
	var own *httpError
	if errors.As(err, &own) {
		x.mu.Lock()
		x.sendErr = own
		x.mu.Unlock()
		x.cancel()
	}
	if x.out != nil {
		x.out.Fail(sendError(err))
	}
}

// timedConn limits the time that all reads may take, or each.
type timedConn struct {
	net.Conn
	end     time.Time     // of all, zero: timeout holds
	timeout time.Duration // of each
}

// Read fails with os.ErrDeadlineExceeded when nothing comes in time.
func (c *timedConn) Read(p []byte) (int, error) {
	end := c.end
	if end.IsZero() {
		end = time.Now().Add(c.timeout)
	}
	if err := c.SetReadDeadline(end); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

func (x *exchange) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, x.timeouts[connectTimeout])
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", x.addr)
	if err != nil || x.tls == nil {
		return conn, err
	}
	secure := tls.Client(conn, x.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, &handshakeError{err}
	}
	return secure, nil
}

// handshakeError is an error of TLS.
type handshakeError struct{ err error }

func (e *handshakeError) Error() string { return e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }

// dialError finds the error-code of a connection that did not come about.
func dialError(err error) *httpError {
	var dns *net.DNSError
	var handshake *handshakeError
	switch {
	case errors.As(err, &dns) && dns.IsTimeout:
		return httpFailure("DNS-timeout", err)
	case errors.As(err, &dns):
		return dnsError(dns)
	case errors.Is(err, context.DeadlineExceeded):
		return httpFailure("connection-timeout", err)
	case errors.As(err, &handshake):
		return tlsError(handshake.err)
	}
	if code, ok := dialCodes[host.ErrnoOf(err)]; ok {
		return httpFailure(code, err)
	}
	return httpFailure("destination-unavailable", err)
}

// dialCodes are the error-codes of a connection that did not come about.
var dialCodes = map[host.Errno]string{
	host.ETIMEDOUT:    "connection-timeout",
	host.ECONNREFUSED: "connection-refused",
	host.ECONNRESET:   "connection-terminated",
	host.ENETUNREACH:  "destination-IP-unroutable",
	host.EHOSTUNREACH: "destination-IP-unroutable",
	host.EMFILE:       "connection-limit-reached",
	host.ENFILE:       "connection-limit-reached",
}

func dnsError(err *net.DNSError) *httpError {
	rcode := "SERVFAIL"
	if err.IsNotFound {
		rcode = "NXDOMAIN"
	}
	return &httpError{code: "DNS-error", text: err.Error(), payload: func(e *canon.Encoder) {
		e.Some()
		e.String(rcode)
		e.None()
	}}
}

func tlsError(err error) *httpError {
	var certificate *tls.CertificateVerificationError
	var alert tls.AlertError
	switch {
	case errors.As(err, &certificate):
		return httpFailure("TLS-certificate-error", err)
	case errors.As(err, &alert):
		return &httpError{code: "TLS-alert-received", text: err.Error(), payload: func(e *canon.Encoder) {
			e.Some()
			e.U8(uint8(alert))
			e.Some()
			e.String(alert.Error())
		}}
	case errors.Is(err, io.EOF), host.ErrnoOf(err) == host.ECONNRESET:
		return httpFailure("connection-terminated", err)
	}
	return httpFailure("TLS-protocol-error", err)
}

// headerError finds the error-code of a response that has no header.
func headerError(err error) *httpError {
	if err == io.EOF {
		return httpFailure("connection-terminated", err)
	}
	return receiveError(err)
}

// receiveError finds the error-code of a response that is not complete.
func receiveError(err error) *httpError {
	var coding *http1.CodingError
	var netErr net.Error
	switch {
	case errors.As(err, &coding):
		return httpText("HTTP-response-transfer-coding", coding.Coding)
	case errors.Is(err, http1.ErrHeader):
		return &httpError{code: "HTTP-response-header-section-size", text: err.Error(), payload: (*canon.Encoder).None}
	case errors.Is(err, http1.ErrUpgrade):
		return httpFailure("HTTP-upgrade-failed", err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return httpFailure("HTTP-response-incomplete", err)
	case errors.As(err, &netErr) && netErr.Timeout():
		return httpFailure("connection-read-timeout", err)
	case errors.As(err, &netErr), errors.Is(err, net.ErrClosed):
		return httpFailure("connection-terminated", err)
	}
	return httpFailure("HTTP-protocol-error", err)
}

// sendError finds the error-code of a body that was not sent.
func sendError(err error) *httpError {
	var own *httpError
	if errors.As(err, &own) {
		return own
	}
	return httpFailure("connection-terminated", err)
}

// futureResponse is the resource future-incoming-response.
type futureResponse struct {
	kin
	x     *exchange
	taken bool // x belongs to the response now, if there is one
}

func (f *futureResponse) close() {
	if !f.taken {
		f.x.cancel()
	}
}

func (f *futureResponse) ready() bool {
	f.x.mu.Lock()
	defer f.x.mu.Unlock()
	return f.x.done
}

// [method]future-incoming-response.subscribe
func (f *futureResponse) subscribe(_ context.Context, h *Host, c *component.Call) error {
	return h.subscribe(c, f, f.ready)
}

// [method]future-incoming-response.get
func (f *futureResponse) get(_ context.Context, h *Host, c *component.Call) error {
	if !f.ready() {
		c.Result.None()
		return nil
	}
	c.Result.Some()
	if f.taken {
		return okOrErr(c, false)
	}
	f.taken = true
	c.Result.OK()
	if f.x.err != nil {
		return httpDone(c, f.x.err)
	}
	c.Result.OK()
	resp := newIncomingResponse(h, f.x)
	c.Note.U16(uint16(resp.status))
	encodeFields(&c.Note, resp.wire)
	return give(&h.incomingResponses, c, resp)
}

func newIncomingResponse(h *Host, x *exchange) *incomingResponse {
	if x.answer != nil {
		return x.answer.incoming()
	}
	resp := x.resp
	s := newSource(h, resp.Body, func() []http1.Field { return resp.Trailers }, x.cancel)
	return &incomingResponse{newIncoming(resp.Fields, s), resp.Status}
}
