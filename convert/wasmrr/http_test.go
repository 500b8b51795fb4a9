package wasmrr

import (
	"bytes"
	"context"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/format/canon"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/writer"
)

// The types of WASI's functions, as far as the tests call them.
const (
	errorCode = "variant{timeout, other(option<string>)}"
	fields    = "wasi:http/types.fields"
	response  = "wasi:http/types.incoming-response"
	stream    = "wasi:io/streams.input-stream"
	failure   = "variant{last-operation-failed(own<wasi:io/error.error>), closed}"
)

var signatures = map[string]string{
	"wasi:http/types@0.2.3#[constructor]fields":                          "func() -> own<" + fields + ">",
	"wasi:http/types@0.2.3#[static]fields.from-list":                     "func(entries: list<tuple<string, list<u8>>>) -> result<own<" + fields + ">, enum{invalid}>",
	"wasi:http/types@0.2.3#[method]fields.append":                        "func(self: borrow<" + fields + ">, name: string, value: list<u8>) -> result<_, enum{invalid}>",
	"wasi:http/types@0.2.3#[method]fields.set":                           "func(self: borrow<" + fields + ">, name: string, value: list<list<u8>>) -> result<_, enum{invalid}>",
	"wasi:http/types@0.2.3#[method]fields.delete":                        "func(self: borrow<" + fields + ">, name: string) -> result<_, enum{invalid}>",
	"wasi:http/types@0.2.3#[method]fields.clone":                         "func(self: borrow<" + fields + ">) -> own<" + fields + ">",
	"wasi:http/types@0.2.3#[method]fields.get":                           "func(self: borrow<" + fields + ">, name: string) -> list<list<u8>>",
	"wasi:http/types@0.2.3#[method]fields.entries":                       "func(self: borrow<" + fields + ">) -> list<tuple<string, list<u8>>>",
	"wasi:http/types@0.2.3#[constructor]outgoing-request":                "func(headers: own<" + fields + ">) -> own<wasi:http/types.outgoing-request>",
	"wasi:http/types@0.2.3#[method]outgoing-request.set-method":          "func(self: borrow<wasi:http/types.outgoing-request>, method: variant{get, post, other(string)}) -> result",
	"wasi:http/types@0.2.3#[method]outgoing-request.set-scheme":          "func(self: borrow<wasi:http/types.outgoing-request>, scheme: option<variant{HTTP, HTTPS, other(string)}>) -> result",
	"wasi:http/types@0.2.3#[method]outgoing-request.set-authority":       "func(self: borrow<wasi:http/types.outgoing-request>, authority: option<string>) -> result",
	"wasi:http/types@0.2.3#[method]outgoing-request.set-path-with-query": "func(self: borrow<wasi:http/types.outgoing-request>, path: option<string>) -> result",
	"wasi:http/outgoing-handler@0.2.3#handle":                            "func(request: own<wasi:http/types.outgoing-request>, options: option<u8>) -> result<own<wasi:http/types.future-incoming-response>, " + errorCode + ">",
	"wasi:http/types@0.2.3#[method]future-incoming-response.get":         "func(self: borrow<wasi:http/types.future-incoming-response>) -> option<result<result<own<" + response + ">, " + errorCode + ">>>",
	"wasi:http/types@0.2.3#[method]incoming-response.status":             "func(self: borrow<" + response + ">) -> u16",
	"wasi:http/types@0.2.3#[method]incoming-response.headers":            "func(self: borrow<" + response + ">) -> own<" + fields + ">",
	"wasi:http/types@0.2.3#[method]incoming-response.consume":            "func(self: borrow<" + response + ">) -> result<own<wasi:http/types.incoming-body>>",
	"wasi:http/types@0.2.3#[method]incoming-body.stream":                 "func(self: borrow<wasi:http/types.incoming-body>) -> result<own<" + stream + ">>",
	"wasi:io/streams@0.2.3#[method]input-stream.blocking-read":           "func(self: borrow<" + stream + ">, len: u64) -> result<list<u8>, " + failure + ">",
	"wasi:io/streams@0.2.3#[method]input-stream.skip":                    "func(self: borrow<" + stream + ">, len: u64) -> result<u64, " + failure + ">",
	"wasi:random/random@0.2.3#get-random-u64":                            "func() -> u64",
}

// recording writes a trace of ours, call by call.
type recording struct {
	t      *testing.T
	events []format.Event
	header format.Header
	names  [2][]string
	codes  map[string][2]int16
}

func newRecording(t *testing.T) *recording {
	r := &recording{t: t, codes: map[string][2]int16{}}
	for key, signature := range signatures {
		module, name, _ := strings.Cut(key, "#")
		r.header.Functions = append(r.header.Functions, format.Function{Module: module, Name: name, Signature: signature})
		r.codes[key] = r.code(module, name)
	}
	return r
}

func (r *recording) code(names ...string) (codes [2]int16) {
	for i, name := range names {
		codes[i] = int16(len(r.names[i]))
		r.names[i] = append(r.names[i], name)
	}
	return codes
}

// call adds a call. The numbers of resources are part of args.
func (r *recording) call(name string, args, result func(e *canon.Encoder)) {
	r.t.Helper()
	for key, codes := range r.codes {
		module, fn, _ := strings.Cut(key, "#")
		if fn != name {
			continue
		}
		sig, err := call.SignatureOf(call.Find(&r.header, module, fn))
		if err != nil {
			r.t.Fatal(err)
		}
		var in, out canon.Encoder
		args(&in)
		result(&out)
		ev := format.Event{Kind: format.KindCall, Module: codes[0], Function: codes[1], Has: format.HasModule | format.HasFunction}
		sig.SetArgs(&ev, in.Bytes())
		sig.SetResult(&ev, 0, out.Bytes())
		r.events = append(r.events, ev)
		return
	}
	r.t.Fatalf("no function %s", name)
}

func (r *recording) drop(module, name string, rep int64) {
	codes := r.code(module, name)
	r.events = append(r.events, format.Event{Kind: format.KindDrop, Module: codes[0], Function: codes[1],
		P: [format.NumParams]int64{rep}, Has: format.HasModule | format.HasFunction | format.HasP0})
}

func (r *recording) export() (string, *Report) {
	r.t.Helper()
	text, report, err := r.tryExport()
	if err != nil {
		r.t.Fatal(err)
	}
	return text, report
}

func (r *recording) tryExport() (string, *Report, error) {
	r.t.Helper()
	path := filepath.Join(r.t.TempDir(), "ours"+format.Extension)
	w, err := writer.Create(path, writer.Options{Header: &r.header, Modules: r.names[0], Functions: r.names[1]})
	if err != nil {
		r.t.Fatal(err)
	}
	for i := range r.events {
		if err := w.Append(&r.events[i]); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		r.t.Fatal(err)
	}
	f, err := reader.Open(path, reader.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	var b bytes.Buffer
	report, err := Export(context.Background(), f, &b, JSON)
	return b.String(), report, err
}

// Values of arguments and results.
func none(*canon.Encoder)                    {}
func rep(n uint32) func(*canon.Encoder)      { return func(e *canon.Encoder) { e.Rep(n) } }
func ok(e *canon.Encoder)                    { e.OK() }
func str(s string) func(*canon.Encoder)      { return func(e *canon.Encoder) { e.String(s) } }
func number64(n uint64) func(*canon.Encoder) { return func(e *canon.Encoder) { e.U64(n) } }
func absent(e *canon.Encoder)                { e.None() }
func all(list ...func(*canon.Encoder)) func(*canon.Encoder) {
	return func(e *canon.Encoder) {
		for _, v := range list {
			v(e)
		}
	}
}
func some(v func(*canon.Encoder)) func(*canon.Encoder) { return all((*canon.Encoder).Some, v) }
func okay(v func(*canon.Encoder)) func(*canon.Encoder) { return all((*canon.Encoder).OK, v) }
func list(vs ...func(*canon.Encoder)) func(*canon.Encoder) {
	return all(func(e *canon.Encoder) { e.Len(len(vs)) }, all(vs...))
}
func closed(e *canon.Encoder) { e.Err(); e.Case(closedCase) }

// ask adds a request for /path at h, whose response is response#1.
func (r *recording) ask(path string) {
	r.call("[constructor]fields", none, rep(1))
	r.call("[constructor]outgoing-request", rep(1), rep(1))
	r.call("[method]outgoing-request.set-authority", all(rep(1), some(str("h"))), ok)
	r.call("[method]outgoing-request.set-path-with-query", all(rep(1), some(str(path))), ok)
	r.call("handle", all(rep(1), absent), okay(rep(1)))
	r.call("[method]future-incoming-response.get", rep(1), some(okay(okay(rep(1)))))
}

func TestExportRequest(t *testing.T) {
	r := newRecording(t)
	r.call("[static]fields.from-list", list(all(str("B"), str("2")), all(str("gone"), str("x"))), okay(rep(1)))
	r.call("[method]fields.append", all(rep(1), str("a"), str("3")), ok)
	r.call("[method]fields.append", all(rep(1), str("refused"), str("3")), func(e *canon.Encoder) { e.Err(); e.Case(0) })
	r.call("[method]fields.set", all(rep(1), str("A"), list(str("1"), str("0"))), ok)
	r.call("[method]fields.delete", all(rep(1), str("GONE")), ok)
	r.call("[method]fields.clone", rep(1), rep(2))
	r.call("[method]fields.append", all(rep(1), str("late"), str("1")), ok)
	r.call("[constructor]outgoing-request", rep(2), rep(7))
	r.call("[method]outgoing-request.set-method", all(rep(7), func(e *canon.Encoder) { e.Case(2); e.String("PURGE") }), ok)
	r.call("[method]outgoing-request.set-scheme", all(rep(7), some(func(e *canon.Encoder) { e.Case(0) })), ok)
	r.call("[method]outgoing-request.set-authority", all(rep(7), some(str("h:80"))), ok)
	r.call("[method]outgoing-request.set-path-with-query", all(rep(7), some(str("?q"))), ok)
	r.call("handle", all(rep(7), absent), okay(rep(3)))
	r.call("get-random-u64", none, number64(5))
	r.call("[method]future-incoming-response.get", rep(3), absent)
	r.call("[method]future-incoming-response.get", rep(3), some(okay(okay(rep(4)))))
	r.call("[method]incoming-response.status", rep(4), number64(204))
	r.call("[method]incoming-response.headers", rep(4), rep(9))
	r.call("[method]fields.entries", rep(9), list(all(str("z"), str("1")), all(str("a"), str("2"))))
	r.call("[method]incoming-response.consume", rep(4), okay(rep(1)))
	r.call("[method]incoming-body.stream", rep(1), okay(rep(2)))
	r.call("[method]input-stream.blocking-read", all(rep(2), number64(10)), okay(str("ab")))
	r.call("[method]input-stream.blocking-read", all(rep(2), number64(10)), okay(str("c")))
	r.call("[method]input-stream.blocking-read", all(rep(2), number64(10)), closed)
	got, report := r.export()
	want := `{"events":[
{"call":"http_response","request_method":"PURGE","request_url":"http://h:80/?q","request_headers":[["a","0"],["a","1"],["b","2"],["host","h:80"]],"status":204,"headers":[["z","1"],["a","2"]],"body":"616263"},
{"call":"random_u64","value":5},
{"call":"read"},
{"call":"read"},
{"call":"read"}
]}`
	if got != want || report.String() != "" {
		t.Errorf("%s\nwant\n%s\nlost %s, want nothing", got, want, report)
	}
}

// What the program did not look at is not in the trace, which is said.
func TestExportIncomplete(t *testing.T) {
	read := func(r *recording) {
		r.call("[method]incoming-response.status", rep(1), number64(200))
		r.call("[method]incoming-response.headers", rep(1), rep(1))
		r.call("[method]fields.entries", rep(1), list())
		r.call("[method]incoming-response.consume", rep(1), okay(rep(1)))
		r.call("[method]incoming-body.stream", rep(1), okay(rep(1)))
	}
	const event = `{"call":"http_response","request_method":"GET","request_url":"https://h/p","request_headers":[["host","h"]],`
	const wholly = "HTTP responses that the program did not look at wholly (1)"
	for _, tt := range []struct {
		name       string
		calls      func(r *recording)
		want, lost string
	}{
		{"nothing", func(*recording) {}, event + `"status":200,"headers":[],"body":""}`, wholly},
		{"some fields", func(r *recording) {
			r.call("[method]incoming-response.headers", rep(1), rep(1))
			r.call("[method]fields.get", all(rep(1), str("B")), list(str("1")))
			r.call("[method]fields.get", all(rep(1), str("a")), list(str("2"), str("3")))
			r.call("[method]fields.get", all(rep(1), str("b")), list(str("1")))
			r.call("[method]fields.get", all(rep(1), str("absent")), list())
		}, event + `"status":200,"headers":[["a","2"],["a","3"],["b","1"]],"body":""}`, wholly},
		{"body not to its end", func(r *recording) {
			read(r)
			r.call("[method]input-stream.blocking-read", all(rep(1), number64(2)), okay(str("ab")))
		}, event + `"status":200,"headers":[],"body":"6162"}` + ",\n" + `{"call":"read"}`, wholly},
		{"skipped", func(r *recording) {
			read(r)
			r.call("[method]input-stream.skip", all(rep(1), number64(2)), okay(number64(2)))
			r.call("[method]input-stream.blocking-read", all(rep(1), number64(2)), closed)
		}, event + `"status":200,"headers":[],"body":""}` + ",\n" + `{"call":"read"}`, wholly},
		{"number of the stream used again", func(r *recording) {
			read(r)
			r.call("[method]input-stream.blocking-read", all(rep(1), number64(2)), closed)
			r.drop("wasi:io/streams@0.2.3", "input-stream", 1)
			r.call("[method]input-stream.blocking-read", all(rep(1), number64(2)), okay(str("of stdin")))
		}, event + `"status":200,"headers":[],"body":""}` + ",\n" + `{"call":"read"},` + "\n" + `{"call":"read"}`, "drop events (1), results of reads (1)"},
		{"field that is no text", func(r *recording) {
			r.call("[method]incoming-response.status", rep(1), number64(200))
			r.call("[method]incoming-response.headers", rep(1), rep(1))
			r.call("[method]fields.entries", rep(1), list(all(str("a"), func(e *canon.Encoder) { e.Blob([]byte{0xe9}) })))
		}, event + `"status":200,"headers":[["a","` + "\ufffd" + `"]],"body":""}`, "HTTP exchanges with fields that are no text (1)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRecording(t)
			r.ask("/p")
			tt.calls(r)
			got, report := r.export()
			if want := "{\"events\":[\n" + tt.want + "\n]}"; got != want || report.String() != tt.lost {
				t.Errorf("%s\nwant\n%s\nlost %q, want %q", got, want, report, tt.lost)
			}
		})
	}
}

// A request that failed has no place in such a trace.
func TestExportFailed(t *testing.T) {
	r := newRecording(t)
	r.call("[constructor]fields", none, rep(1))
	r.call("[constructor]outgoing-request", rep(1), rep(1))
	r.call("handle", all(rep(1), absent), okay(rep(1)))
	r.call("[method]future-incoming-response.get", rep(1), some(okay(func(e *canon.Encoder) { e.Err(); e.Case(0) })))
	r.call("[constructor]fields", none, rep(1))
	r.call("[constructor]outgoing-request", rep(1), rep(1))
	r.call("handle", all(rep(1), absent), func(e *canon.Encoder) { e.Err(); e.Case(0) })
	r.events = append(r.events, format.Event{Kind: format.KindExit, Value: 3, Has: format.HasValue},
		format.Event{Kind: format.KindExit, Task: 1, Value: 3, Has: format.HasValue})
	got, report := r.export()
	const lost = "HTTP requests without a response (2), events of other tasks than the first (1), exit events (1)"
	if got != "{\"events\":[\n\n]}" || report.Events != 0 || report.String() != lost {
		t.Errorf("%q, lost %q, want %q", got, report, lost)
	}
}

// Calls that no host makes: what does not fit is passed over or an error.
func TestExportHostile(t *testing.T) {
	for key := range signatures {
		for _, input := range []string{"", "\xff\xff\xff\xff\x0f"} {
			for _, output := range []string{"", "\x00", "\x00\x00", "\x01\x00\x00\x01", "\xff\xff\xff\xff\x0f"} {
				r := newRecording(t)
				r.ask("/p")
				ev := format.Event{Kind: format.KindCall, Module: r.codes[key][0], Function: r.codes[key][1],
					Has: format.HasModule | format.HasFunction | format.HasP0 | format.HasInput | format.HasOutput,
					P:   [format.NumParams]int64{math.MaxInt64}, Input: []byte(input), Output: []byte(output)}
				r.events = append(r.events, ev, ev)
				if _, _, err := r.tryExport(); err != nil && !errors.Is(err, format.ErrCorrupt) {
					t.Errorf("%s: %v", key, err)
				}
			}
		}
	}
}
