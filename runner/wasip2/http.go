package wasip2

import (
	"context"
	"fmt"
	"strings"

	"github.com/tracetool/tracetool/format/canon"
	"github.com/tracetool/tracetool/runner/component"
)

// httpInterfaces are the functions of wasi:http that a host has. The one that a
// component has, incoming-handler, is called by Handler.
var httpInterfaces = []Interface{
	{"wasi:http/outgoing-handler", []Function{
		{"handle", "(request: own<$outgoing-request>, options: option<own<$request-options>>) -> result<own<$future-response>, $http-error>", (*Host).handle},
	}},
	{"wasi:http/types", []Function{
		{"http-error-code", "(err: borrow<$error>) -> option<$http-error>", on(ioErrors, (*ioError).httpErrorCode)},

		{"[constructor]fields", "() -> own<$fields>", (*Host).newFields},
		{"[static]fields.from-list", "(entries: list<tuple<string, list<u8>>>) -> result<own<$fields>, $header-error>", (*Host).fieldsFromList},
		{"[method]fields.get", "(name: string) -> list<list<u8>>", on(allFields, (*fields).get)},
		{"[method]fields.has", "(name: string) -> bool", on(allFields, (*fields).has)},
		{"[method]fields.set", "(name: string, value: list<list<u8>>) -> result<_, $header-error>", on(allFields, (*fields).set)},
		{"[method]fields.delete", "(name: string) -> result<_, $header-error>", on(allFields, (*fields).remove)},
		{"[method]fields.append", "(name: string, value: list<u8>) -> result<_, $header-error>", on(allFields, (*fields).add)},
		{"[method]fields.entries", "() -> list<tuple<string, list<u8>>>", on(allFields, (*fields).entries)},
		{"[method]fields.clone", "() -> own<$fields>", on(allFields, (*fields).clone)},

		{"[method]incoming-request.method", "() -> $method", on(incomingRequests, (*incomingRequest).getMethod)},
		{"[method]incoming-request.path-with-query", "() -> option<string>", on(incomingRequests, (*incomingRequest).getPath)},
		{"[method]incoming-request.scheme", "() -> option<$scheme>", on(incomingRequests, (*incomingRequest).getScheme)},
		{"[method]incoming-request.authority", "() -> option<string>", on(incomingRequests, (*incomingRequest).getAuthority)},
		{"[method]incoming-request.headers", "() -> own<$fields>", on(incomingRequests, (*incomingRequest).headers)},
		{"[method]incoming-request.consume", "() -> result<own<$incoming-body>>", on(incomingRequests, (*incomingRequest).consume)},

		{"[constructor]outgoing-request", "(headers: own<$fields>) -> own<$outgoing-request>", (*Host).newOutgoingRequest},
		{"[method]outgoing-request.body", "() -> result<own<$outgoing-body>>", on(outgoingRequests, (*outgoingRequest).body)},
		{"[method]outgoing-request.method", "() -> $method", on(outgoingRequests, (*outgoingRequest).getMethod)},
		{"[method]outgoing-request.set-method", "(method: $method) -> result", on(outgoingRequests, (*outgoingRequest).setMethod)},
		{"[method]outgoing-request.path-with-query", "() -> option<string>", on(outgoingRequests, (*outgoingRequest).getPath)},
		{"[method]outgoing-request.set-path-with-query", "(path-with-query: option<string>) -> result", on(outgoingRequests, (*outgoingRequest).setPath)},
		{"[method]outgoing-request.scheme", "() -> option<$scheme>", on(outgoingRequests, (*outgoingRequest).getScheme)},
		{"[method]outgoing-request.set-scheme", "(scheme: option<$scheme>) -> result", on(outgoingRequests, (*outgoingRequest).setScheme)},
		{"[method]outgoing-request.authority", "() -> option<string>", on(outgoingRequests, (*outgoingRequest).getAuthority)},
		{"[method]outgoing-request.set-authority", "(authority: option<string>) -> result", on(outgoingRequests, (*outgoingRequest).setAuthority)},
		{"[method]outgoing-request.headers", "() -> own<$fields>", on(outgoingRequests, (*outgoingRequest).headers)},

		{"[constructor]request-options", "() -> own<$request-options>", (*Host).newRequestOptions},
		{"[method]request-options.connect-timeout", "() -> option<u64>", on(allOptions, getTimeout(connectTimeout))},
		{"[method]request-options.set-connect-timeout", "(duration: option<u64>) -> result", on(allOptions, setTimeout(connectTimeout))},
		{"[method]request-options.first-byte-timeout", "() -> option<u64>", on(allOptions, getTimeout(firstByteTimeout))},
		{"[method]request-options.set-first-byte-timeout", "(duration: option<u64>) -> result", on(allOptions, setTimeout(firstByteTimeout))},
		{"[method]request-options.between-bytes-timeout", "() -> option<u64>", on(allOptions, getTimeout(betweenBytesTimeout))},
		{"[method]request-options.set-between-bytes-timeout", "(duration: option<u64>) -> result", on(allOptions, setTimeout(betweenBytesTimeout))},

		{"[method]response-outparam.send-informational", "(status: u16, headers: own<$fields>) -> result<_, $http-error>", on(outparams, (*outparam).sendInformational)},
		{"[static]response-outparam.set", "(param: own<$outparam>, response: result<own<$outgoing-response>, $http-error>)", (*Host).setOutparam},

		{"[method]incoming-response.status", "() -> u16", on(incomingResponses, (*incomingResponse).getStatus)},
		{"[method]incoming-response.headers", "() -> own<$fields>", on(incomingResponses, (*incomingResponse).headers)},
		{"[method]incoming-response.consume", "() -> result<own<$incoming-body>>", on(incomingResponses, (*incomingResponse).consume)},

		{"[method]incoming-body.stream", "() -> result<own<$input>>", on(incomingBodies, (*incomingBody).stream)},
		{"[static]incoming-body.finish", "(this: own<$incoming-body>) -> own<$future-trailers>", (*Host).finishIncoming},
		{"[method]future-trailers.subscribe", "() -> own<$pollable>", on(allTrailers, (*futureTrailers).subscribe)},
		{"[method]future-trailers.get", "() -> option<result<result<option<own<$fields>>, $http-error>>>", on(allTrailers, (*futureTrailers).get)},

		{"[constructor]outgoing-response", "(headers: own<$fields>) -> own<$outgoing-response>", (*Host).newOutgoingResponse},
		{"[method]outgoing-response.status-code", "() -> u16", on(outgoingResponses, (*outgoingResponse).getStatus)},
		{"[method]outgoing-response.set-status-code", "(status-code: u16) -> result", on(outgoingResponses, (*outgoingResponse).setStatus)},
		{"[method]outgoing-response.headers", "() -> own<$fields>", on(outgoingResponses, (*outgoingResponse).headers)},
		{"[method]outgoing-response.body", "() -> result<own<$outgoing-body>>", on(outgoingResponses, (*outgoingResponse).body)},

		{"[method]outgoing-body.write", "() -> result<own<$output>>", on(outgoingBodies, (*outgoingBody).write)},
		{"[static]outgoing-body.finish", "(this: own<$outgoing-body>, trailers: option<own<$fields>>) -> result<_, $http-error>", (*Host).finishOutgoing},

		{"[method]future-incoming-response.subscribe", "() -> own<$pollable>", on(futures, (*futureResponse).subscribe)},
		{"[method]future-incoming-response.get", "() -> option<result<result<own<$incoming-response>, $http-error>>>", on(futures, (*futureResponse).get)},
	}},
}

// httpError is an error-code of wasi:http.
type httpError struct {
	code    string                 // "connection-refused"
	payload func(e *canon.Encoder) // nil: none
	text    string                 // for to-debug-string
}

func (e *httpError) Error() string {
	if e.text == "" {
		return e.code
	}
	return e.code + ": " + e.text
}

// httpFailure is an error without payload, and what it comes from.
func httpFailure(code string, cause error) *httpError {
	return &httpError{code: code, text: cause.Error()}
}

// httpText is an error whose payload is an optional text.
func httpText(code, text string) *httpError {
	return &httpError{code: code, text: text, payload: func(e *canon.Encoder) {
		e.Some()
		e.String(strings.ToValidUTF8(text, "\ufffd"))
	}}
}

// httpSize is an error whose payload is an optional size, of any width.
func httpSize(code string, size uint64) *httpError {
	return &httpError{code: code, text: fmt.Sprint(size, " bytes"), payload: func(e *canon.Encoder) {
		e.Some()
		e.U64(size)
	}}
}

var httpCodes = cases("http-error")

func (e *httpError) encode(to *canon.Encoder) {
	to.Case(httpCodes[e.code])
	if e.payload != nil {
		e.payload(to)
	}
}

// httpDone writes result<_, error-code>.
func httpDone(c *component.Call, err *httpError) error {
	if err == nil {
		c.Result.OK()
		return nil
	}
	c.Result.Err()
	err.encode(&c.Result)
	return nil
}

// http-error-code
func (e *ioError) httpErrorCode(_ context.Context, _ *Host, c *component.Call) error {
	httpErr, ok := e.err.(*httpError)
	if !ok {
		c.Result.None()
		return nil
	}
	c.Result.Some()
	httpErr.encode(&c.Result)
	return nil
}

// okOrErr writes result without payloads.
func okOrErr(c *component.Call, ok bool) error {
	if ok {
		c.Result.OK()
	} else {
		c.Result.Err()
	}
	return nil
}

func optionalString(c *component.Call, s *string) error {
	if s == nil {
		c.Result.None()
		return nil
	}
	c.Result.Some()
	c.Result.String(*s)
	return nil
}

func (h *Host) nameHTTP() {
	named(h, &h.fields, types["fields"])
	named(h, &h.incomingRequests, types["incoming-request"])
	named(h, &h.outgoingRequests, types["outgoing-request"])
	named(h, &h.options, types["request-options"])
	named(h, &h.outparams, types["outparam"])
	named(h, &h.incomingResponses, types["incoming-response"])
	named(h, &h.incomingBodies, types["incoming-body"])
	named(h, &h.trailers, types["future-trailers"])
	named(h, &h.outgoingResponses, types["outgoing-response"])
	named(h, &h.outgoingBodies, types["outgoing-body"])
	named(h, &h.futures, types["future-response"])
}

// httpResources are the resources of wasi:http.
type httpResources struct {
	fieldBytes int // of all fields that the guest has made, and of the heads of its requests
	earlyBytes int // held of bodies that are not on their way

	fields            resources[*fields]
	incomingRequests  resources[*incomingRequest]
	outgoingRequests  resources[*outgoingRequest]
	options           resources[*requestOptions]
	outparams         resources[*outparam]
	incomingResponses resources[*incomingResponse]
	incomingBodies    resources[*incomingBody]
	trailers          resources[*futureTrailers]
	outgoingResponses resources[*outgoingResponse]
	outgoingBodies    resources[*outgoingBody]
	futures           resources[*futureResponse]
}

func allFields(h *Host) *resources[*fields]                   { return &h.fields }
func incomingRequests(h *Host) *resources[*incomingRequest]   { return &h.incomingRequests }
func outgoingRequests(h *Host) *resources[*outgoingRequest]   { return &h.outgoingRequests }
func allOptions(h *Host) *resources[*requestOptions]          { return &h.options }
func outparams(h *Host) *resources[*outparam]                 { return &h.outparams }
func incomingResponses(h *Host) *resources[*incomingResponse] { return &h.incomingResponses }
func incomingBodies(h *Host) *resources[*incomingBody]        { return &h.incomingBodies }
func allTrailers(h *Host) *resources[*futureTrailers]         { return &h.trailers }
func outgoingResponses(h *Host) *resources[*outgoingResponse] { return &h.outgoingResponses }
func outgoingBodies(h *Host) *resources[*outgoingBody]        { return &h.outgoingBodies }
func futures(h *Host) *resources[*futureResponse]             { return &h.futures }
