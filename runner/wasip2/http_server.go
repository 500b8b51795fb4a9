package wasip2

import (
	"context"
	"sync"

	"github.com/tracetool/tracetool/format/canon"
	"github.com/tracetool/tracetool/runner/component"
	"github.com/tracetool/tracetool/runner/wasip2/http1"
)

// outparam is the resource response-outparam: where the guest puts its
// response.
type outparam struct {
	// answer is called once: with a response, or with why there is none.
	answer func(*outgoingResponse, error)
	// inform sends an interim response, nil if that cannot be done.
	inform func(status int, list []http1.Field)
}

var errNoResponse = httpText("internal-error", "the component dropped its response-outparam without a response")

func (o *outparam) close() { o.answer(nil, errNoResponse) }

// [static]response-outparam.set
func (h *Host) setOutparam(_ context.Context, c *component.Call) error {
	o, err := h.outparams.take(c.Args.Rep())
	if err != nil {
		return err
	}
	if c.Args.IsErr() {
		o.answer(nil, decodeHTTPError(&c.Args))
		return nil
	}
	r, err := h.outgoingResponses.take(c.Args.Rep())
	if err != nil {
		o.close()
		return err
	}
	if _, ok := declaredLength(r.fields.list); !ok {
		o.answer(nil, errLength)
		r.close()
		return errLength // there is no other way to tell the guest
	}
	if r.fields.close(); r.out != nil {
		r.out.begin()
	}
	o.answer(r, nil)
	return nil
}

// httpErrorType is the type error-code.
var httpErrorType = sync.OnceValues(func() (*canon.Func, error) {
	return canon.ParseFunc("func() -> " + expand("$http-error"))
})

// decodeHTTPError keeps an error-code as text.
func decodeHTTPError(args *canon.Decoder) error {
	f, err := httpErrorType()
	if err != nil {
		return err
	}
	return &httpError{code: string(canon.AppendTextFrom(nil, f.Result, args, maxErrorText))}
}

// maxErrorText is how much of the texts in an error-code is kept.
const maxErrorText = 1000

// [method]response-outparam.send-informational
func (o *outparam) sendInformational(_ context.Context, h *Host, c *component.Call) error {
	status := int(c.Args.U16())
	f, err := h.fields.take(c.Args.Rep())
	switch {
	case err != nil:
		return err
	case status < 100 || status > 199:
		return httpDone(c, &httpError{code: "HTTP-protocol-error"})
	case o.inform == nil || status == 101:
		return httpDone(c, httpText("internal-error", "informational responses are not supported"))
	}
	defer f.close()
	o.inform(status, f.list)
	return httpDone(c, nil)
}
