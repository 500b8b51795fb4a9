package wasip2

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tracetool/tracetool/format/canon"
	"github.com/tracetool/tracetool/runner/wasip2/http1"
)

// Handler serves HTTP with a component that exports wasi:http/incoming-handler.
// Each request has a [Host] of its own.
type Handler struct {
	// Config is what each request's guest gets. Its output is written to by
	// several at a time.
	Config Config
	// Handle calls the component's handle, in an instance on host, with the
	// numbers of an incoming-request and a response-outparam. It is called by
	// several goroutines at a time.
	Handle func(ctx context.Context, host *Host, request, outparam uint32) error
	// Failed is told why a request was answered by the host instead of the
	// component, or its answer was cut short. nil: nobody is.
	Failed func(r *http.Request, err error)
}

// answer is what a guest has set a response-outparam to.
type answer struct {
	resp *outgoingResponse
	err  error
}

// ServeHTTP answers a request: as the component says, with status 500 if it
// fails before it has said anything, and by closing the connection if it fails
// after that. The component runs to its end even when the client has gone.
func (s *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h, err := New(s.Config)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	// Or what the guest has not read when it answers is thrown away. It fails
	// where it is so anyway.
	_ = http.NewResponseController(w).EnableFullDuplex()
	// With that the library must not find what is left of the body by itself:
	// it would read while it waits for the next request.
	defer r.Body.Close()
	head, served := requestHead(r)
	defer served()
	answers := make(chan answer, 1)
	request, outparam, err := h.receive(w, r, head, answers)
	if err != nil {
		h.Close()
		s.refuse(w, r, err)
		return
	}
	ended := make(chan error, 1)
	go func() {
		err := s.Handle(context.WithoutCancel(r.Context()), h, request, outparam)
		h.Close() // answers, if the guest has not
		ended <- err
	}()
	a := <-answers
	if a.err != nil {
		if err := <-ended; err != nil {
			a.err = err
		}
		s.refuse(w, r, a.err)
		return
	}
	err = send(w, r, a.resp)
	if err2 := <-ended; err2 != nil {
		s.failed(r, err2)
	} else if err != nil {
		s.failed(r, err)
	}
	if err != nil && hasBody(r, a.resp.status) {
		panic(http.ErrAbortHandler)
	}
}

// hasBody tells whether a response has a body on the wire.
func hasBody(r *http.Request, status int) bool {
	return r.Method != http.MethodHead && status != http.StatusNoContent && status != http.StatusNotModified
}

func (s *Handler) failed(r *http.Request, err error) {
	if s.Failed != nil {
		s.Failed(r, err)
	}
}

// refuse answers in place of the component.
func (s *Handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	s.failed(r, err)
	http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
}

// receive makes the resources that the guest is called with.
func (h *Host) receive(w http.ResponseWriter, r *http.Request, head []http1.Field, answers chan<- answer) (request, outparamRep uint32, err error) {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	in := &incomingRequest{
		incoming:  newIncoming(head, requestSource(h, w, r)),
		method:    r.Method,
		path:      validText(requestPath(r)),
		scheme:    scheme,
		authority: validText(r.Host),
		remote:    r.RemoteAddr,
	}
	if request, err = h.incomingRequests.add(in); err != nil {
		return 0, 0, err
	}
	out := &outparam{
		answer: func(resp *outgoingResponse, err error) { answers <- answer{resp, err} },
		inform: func(status int, list []http1.Field) {
			setHeader(w, list)
			w.WriteHeader(status)
			clear(w.Header())
		},
	}
	outparamRep, err = h.outparams.add(out)
	return request, outparamRep, err
}

// RequestNote describes a request that the guest is to be called with, by its
// number: the canonical bytes of a record of method, scheme, authority, path with
// query, address of the client and headers. It is nil if there is no such request.
func (h *Host) RequestNote(request uint32) []byte {
	r, err := h.incomingRequests.get(request)
	if err != nil {
		return nil
	}
	var e canon.Encoder
	for _, s := range []string{r.method, r.scheme, r.authority, r.path, r.remote} {
		e.String(s)
	}
	encodeFields(&e, r.wire)
	return e.Bytes()
}

// requestPath is what the request line has, but of a whole URL only the path.
func requestPath(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") || r.RequestURI == "*" {
		return r.RequestURI
	}
	return r.URL.RequestURI()
}

// requestSource is the body of a request. When the guest leaves it unread, a
// read that waits for more is ended.
func requestSource(h *Host, w http.ResponseWriter, r *http.Request) *source {
	var s *source
	trailers := func() []http1.Field { return sortedFields(r.Trailer) }
	s = newSource(h, r.Body, trailers, func() {
		if !s.ended {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now())
		}
	})
	return s
}

// validText escapes bytes that are not UTF-8, as they can be in a URL.
func validText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		if r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)) {
			fmt.Fprintf(&b, "%%%02X", s[i])
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func setHeader(w http.ResponseWriter, list []http1.Field) {
	for _, f := range list {
		w.Header().Add(f.Name, string(f.Value))
	}
}

// send sends a response, each piece of its body as soon as it is there. The
// error is why the body was not finished.
func send(w http.ResponseWriter, r *http.Request, resp *outgoingResponse) error {
	setHeader(w, resp.fields.list)
	if _, ok := w.Header()["Content-Type"]; !ok {
		w.Header()["Content-Type"] = nil // or the library guesses
	}
	if resp.out == nil {
		if length, _ := declaredLength(resp.fields.list); length > 0 && hasBody(r, resp.status) {
			return httpSize("HTTP-response-body-size", 0)
		}
		w.WriteHeader(resp.status)
		return nil
	}
	w.WriteHeader(resp.status)
	var to io.Writer = w
	if !hasBody(r, resp.status) {
		to = io.Discard
	}
	flush := http.NewResponseController(w)
	if err := copyBody(to, flush, resp.out); err != nil {
		resp.out.Fail(sendError(err))
		return err
	}
	if len(resp.out.trailers) == 0 {
		return nil
	}
	// Or the library gives an empty body a length, which has no trailers.
	if err := flush.Flush(); err != nil {
		return err
	}
	for _, f := range resp.out.trailers {
		w.Header().Add(http.TrailerPrefix+f.Name, string(f.Value))
	}
	return nil
}

func copyBody(w io.Writer, flush *http.ResponseController, body *body) error {
	buf := make([]byte, chunk)
	if !body.Ready() { // the client need not wait for more than the head
		if err := flush.Flush(); err != nil {
			return err
		}
	}
	for {
		// What has been read is on its way before the next read says so.
		n, err := body.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
			if err := flush.Flush(); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}
