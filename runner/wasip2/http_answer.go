package wasip2

import (
	"github.com/tracetool/tracetool/runner/component"
	"github.com/tracetool/tracetool/runner/wasip2/http1"
)

// HTTPRequest is a request of the guest's, for Config.Answer. Its body has not
// been written yet and goes nowhere.
type HTTPRequest struct {
	Method string
	URL    string        // scheme, authority, path and query
	Host   string        // authority
	Fields []http1.Field // as the guest has set them
}

// HTTPResponse is what a request comes to.
type HTTPResponse struct {
	Status int
	Fields []http1.Field
	Body   []byte
}

// answer has a response at once.
func (h *Host) answer(c *component.Call, x *exchange, fields []http1.Field) error {
	x.out.discard()
	resp, err := h.cfg.Answer(&HTTPRequest{Method: x.req.Method, URL: x.url, Host: x.req.Host, Fields: fields})
	if err != nil {
		return err
	}
	x.cancel, x.done = func() {}, true
	x.answer = resp
	c.Result.OK()
	return give(&h.futures, c, &futureResponse{x: x})
}

// incoming is the response as the guest gets it.
func (a *HTTPResponse) incoming() *incomingResponse {
	body := memory(a.Body)
	s := &source{input: &body, trailers: func() []http1.Field { return nil }, stop: func() {}, users: 1}
	return &incomingResponse{newIncoming(a.Fields, s), a.Status}
}
