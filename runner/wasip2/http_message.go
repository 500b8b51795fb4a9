package wasip2

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/tracetool/tracetool/runner/component"
	"github.com/tracetool/tracetool/runner/wasip2/http1"
)

// methods are the cases of method; what follows them is other.
var methods = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}

// schemes are the cases of scheme; what follows them is other.
var schemes = []string{"http", "https"}

// encodeNamed writes a name as a case of a list, or as other.
func encodeNamed(c *component.Call, list []string, name string) {
	if i := slices.Index(list, name); i >= 0 {
		c.Result.Case(i)
		return
	}
	c.Result.Case(len(list))
	c.Result.String(name)
}

func decodeNamed(c *component.Call, list []string) string {
	if i := c.Args.Case(); i < len(list) {
		return list[i]
	}
	return c.Args.String()
}

func encodeScheme(c *component.Call, scheme *string) error {
	if scheme == nil {
		c.Result.None()
		return nil
	}
	c.Result.Some()
	encodeNamed(c, schemes, *scheme)
	return nil
}

// outgoingRequest is the resource outgoing-request.
type outgoingRequest struct {
	method                  string
	path, scheme, authority *string
	fields                  *fields
	head                    int   // bytes of method, path, scheme and authority
	total                   *int  // of all fields of the host, which head is part of
	out                     *body // nil: the guest has not asked for it
}

func (r *outgoingRequest) close() {
	r.closeHead()
	r.out.abandon()
}

// closeHead takes fields and head off the total of the host.
func (r *outgoingRequest) closeHead() {
	*r.total -= r.head
	r.fields.close()
}

// maxHead is the most bytes that a method, path, scheme or authority may have,
// as elsewhere.
const maxHead = 64<<10 - 2

// count counts method, path, scheme and authority when one of them has changed.
// An error is a trap.
func (r *outgoingRequest) count() error {
	n := len(r.method)
	for _, s := range []*string{r.path, r.scheme, r.authority} {
		if s != nil {
			n += len(*s)
		}
	}
	*r.total += n - r.head
	r.head = n
	if *r.total > maxAllFields {
		return errAllFields
	}
	return nil
}

// [constructor]outgoing-request
func (h *Host) newOutgoingRequest(_ context.Context, c *component.Call) error {
	f, err := h.fields.take(c.Args.Rep())
	if err != nil {
		return err
	}
	return give(&h.outgoingRequests, c, &outgoingRequest{method: "GET", fields: f, total: &h.fieldBytes})
}

// [method]outgoing-request.body
func (r *outgoingRequest) body(_ context.Context, h *Host, c *component.Call) error {
	if r.out != nil {
		return okOrErr(c, false)
	}
	r.out = newBody(h, r.fields.list, "HTTP-request-body-size")
	c.Result.OK()
	return give(&h.outgoingBodies, c, &outgoingBody{body: r.out})
}

// [method]outgoing-request.method
func (r *outgoingRequest) getMethod(_ context.Context, _ *Host, c *component.Call) error {
	encodeNamed(c, methods, r.method)
	return nil
}

// [method]outgoing-request.set-method
func (r *outgoingRequest) setMethod(_ context.Context, _ *Host, c *component.Call) error {
	method := decodeNamed(c, methods)
	if len(method) > maxHead || !http1.ValidName(method) {
		return okOrErr(c, false)
	}
	r.method = method
	return r.changed(c)
}

// changed is the result of a call that has changed method, path, scheme or
// authority.
func (r *outgoingRequest) changed(c *component.Call) error {
	if err := r.count(); err != nil {
		return err
	}
	return okOrErr(c, true)
}

// optional sets *to, which is one of r's, to an optional string if it is valid.
func (r *outgoingRequest) optional(c *component.Call, to **string, read func() string, valid func(string) bool) error {
	if !c.Args.Some() {
		*to = nil
		return r.changed(c)
	}
	s := read()
	if len(s) > maxHead || !valid(s) {
		return okOrErr(c, false)
	}
	*to = &s
	return r.changed(c)
}

// [method]outgoing-request.path-with-query
func (r *outgoingRequest) getPath(_ context.Context, _ *Host, c *component.Call) error {
	return optionalString(c, r.path)
}

// [method]outgoing-request.set-path-with-query
func (r *outgoingRequest) setPath(_ context.Context, _ *Host, c *component.Call) error {
	return r.optional(c, &r.path, c.Args.String, validPath)
}

// validPath accepts a path with query: what can stand in a request line.
func validPath(s string) bool {
	if s != "" && s != "*" && s[0] != '/' && s[0] != '?' {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '#' }) < 0
}

// [method]outgoing-request.scheme
func (r *outgoingRequest) getScheme(_ context.Context, _ *Host, c *component.Call) error {
	return encodeScheme(c, r.scheme)
}

// [method]outgoing-request.set-scheme
func (r *outgoingRequest) setScheme(_ context.Context, _ *Host, c *component.Call) error {
	return r.optional(c, &r.scheme, func() string { return decodeNamed(c, schemes) }, validScheme)
}

func validScheme(s string) bool {
	for i, r := range s {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789+-.", r)) {
			return false
		}
	}
	return s != ""
}

// [method]outgoing-request.authority
func (r *outgoingRequest) getAuthority(_ context.Context, _ *Host, c *component.Call) error {
	return optionalString(c, r.authority)
}

// [method]outgoing-request.set-authority
func (r *outgoingRequest) setAuthority(_ context.Context, _ *Host, c *component.Call) error {
	return r.optional(c, &r.authority, c.Args.String, func(s string) bool {
		_, _, ok := splitAuthority(s)
		return ok
	})
}

// splitAuthority takes HOST[:PORT] apart. The host is without brackets.
func splitAuthority(s string) (hostname, port string, ok bool) {
	hostname, port = s, ""
	if i := strings.LastIndexByte(s, ':'); i >= 0 && !strings.HasSuffix(s, "]") {
		hostname, port = s[:i], s[i+1:]
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "", "", false
		}
	}
	if strings.HasPrefix(hostname, "[") && strings.HasSuffix(hostname, "]") {
		hostname = hostname[1 : len(hostname)-1]
	} else if strings.ContainsRune(hostname, ':') {
		return "", "", false
	}
	return hostname, port, hostname != "" && strings.IndexFunc(hostname, notInHost) < 0
}

func notInHost(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"#%/<>?@[\]^{|}`+"`", r)
}

// [method]outgoing-request.headers
func (r *outgoingRequest) headers(_ context.Context, h *Host, c *component.Call) error {
	return give(&h.fields, c, frozen(r.fields.list))
}

// incomingResponse is the resource incoming-response.
type incomingResponse struct {
	incoming
	status int
}

// incoming is what incoming requests and responses have in common.
type incoming struct {
	wire     []http1.Field // as they were sent, but for those that the guest may not see
	list     []http1.Field // as the guest sees them
	source   *source
	consumed bool
}

func newIncoming(list []http1.Field, source *source) incoming {
	wire := allowed(list)
	return incoming{wire: wire, list: lowered(wire), source: source}
}

func (r *incoming) close() { r.source.release() }

func (r *incoming) headers(_ context.Context, h *Host, c *component.Call) error {
	return give(&h.fields, c, frozen(r.list))
}

func (r *incoming) consume(_ context.Context, h *Host, c *component.Call) error {
	if r.consumed {
		return okOrErr(c, false)
	}
	r.consumed = true
	c.Result.OK()
	return give(&h.incomingBodies, c, &incomingBody{source: r.source.use()})
}

// [method]incoming-response.status
func (r *incomingResponse) getStatus(_ context.Context, _ *Host, c *component.Call) error {
	c.Result.U16(uint16(r.status))
	return nil
}

// incomingRequest is the resource incoming-request.
type incomingRequest struct {
	incoming
	method                  string
	path, scheme, authority string
	remote                  string // address of the client
}

// [method]incoming-request.method
func (r *incomingRequest) getMethod(_ context.Context, _ *Host, c *component.Call) error {
	encodeNamed(c, methods, r.method)
	return nil
}

// [method]incoming-request.path-with-query
func (r *incomingRequest) getPath(_ context.Context, _ *Host, c *component.Call) error {
	return optionalString(c, &r.path)
}

// [method]incoming-request.scheme
func (r *incomingRequest) getScheme(_ context.Context, _ *Host, c *component.Call) error {
	return encodeScheme(c, &r.scheme)
}

// [method]incoming-request.authority
func (r *incomingRequest) getAuthority(_ context.Context, _ *Host, c *component.Call) error {
	if r.authority == "" { // of HTTP/1.0
		return optionalString(c, nil)
	}
	return optionalString(c, &r.authority)
}

// outgoingResponse is the resource outgoing-response.
type outgoingResponse struct {
	status int
	fields *fields
	out    *body // nil: the guest has not asked for it
}

func (r *outgoingResponse) close() {
	r.fields.close()
	r.out.abandon()
}

// [constructor]outgoing-response
func (h *Host) newOutgoingResponse(_ context.Context, c *component.Call) error {
	f, err := h.fields.take(c.Args.Rep())
	if err != nil {
		return err
	}
	return give(&h.outgoingResponses, c, &outgoingResponse{status: 200, fields: f})
}

// [method]outgoing-response.status-code
func (r *outgoingResponse) getStatus(_ context.Context, _ *Host, c *component.Call) error {
	c.Result.U16(uint16(r.status))
	return nil
}

// [method]outgoing-response.set-status-code
func (r *outgoingResponse) setStatus(_ context.Context, _ *Host, c *component.Call) error {
	status := int(c.Args.U16())
	ok := status >= 200 && status <= 999
	if ok {
		r.status = status
	}
	return okOrErr(c, ok)
}

// [method]outgoing-response.headers
func (r *outgoingResponse) headers(_ context.Context, h *Host, c *component.Call) error {
	return give(&h.fields, c, frozen(r.fields.list))
}

// [method]outgoing-response.body
func (r *outgoingResponse) body(_ context.Context, h *Host, c *component.Call) error {
	if r.out != nil {
		return okOrErr(c, false)
	}
	r.out = newBody(h, r.fields.list, "HTTP-response-body-size")
	c.Result.OK()
	return give(&h.outgoingBodies, c, &outgoingBody{body: r.out})
}

// The timeouts of request-options.
const (
	connectTimeout = iota
	firstByteTimeout
	betweenBytesTimeout
	numTimeouts
)

// requestOptions is the resource request-options.
type requestOptions struct {
	timeouts [numTimeouts]*uint64 // ns
}

func (*requestOptions) close() {}

// [constructor]request-options
func (h *Host) newRequestOptions(_ context.Context, c *component.Call) error {
	return give(&h.options, c, &requestOptions{})
}

// getTimeout implements the methods that return a timeout.
func getTimeout(which int) func(*requestOptions, context.Context, *Host, *component.Call) error {
	return func(o *requestOptions, _ context.Context, _ *Host, c *component.Call) error {
		ns := o.timeouts[which]
		if ns == nil {
			c.Result.None()
			return nil
		}
		c.Result.Some()
		c.Result.U64(*ns)
		return nil
	}
}

// setTimeout implements the methods that set a timeout.
func setTimeout(which int) func(*requestOptions, context.Context, *Host, *component.Call) error {
	return func(o *requestOptions, _ context.Context, _ *Host, c *component.Call) error {
		o.timeouts[which] = nil
		if c.Args.Some() {
			ns := c.Args.U64()
			o.timeouts[which] = &ns
		}
		return okOrErr(c, true)
	}
}
