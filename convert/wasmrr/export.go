package wasmrr

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/format/canon"
	"github.com/tracetool/tracetool/reader"
)

// Report is what an export wrote, and what it could not.
type Report struct {
	Events int64 // written
	Lost   []Loss
}

// Loss is something of a trace that one of wasm-rr cannot have.
type Loss struct {
	What  string // "calls of wasi:io/poll", "drop events", "HTTP requests without a response"
	Count int64
}

// String lists what was lost, empty for nothing.
func (r *Report) String() string {
	list := make([]string, len(r.Lost))
	for i, l := range r.Lost {
		list[i] = fmt.Sprintf("%s (%d)", l.What, l.Count)
	}
	return strings.Join(list, ", ")
}

// Export writes the events of a trace that wasm-rr records too. A response to
// an HTTP request stands where the request was sent, and is put together from
// the calls by which the program looked at it: so all responses of a trace are
// in memory. Other events are counted in the report.
func Export(ctx context.Context, f *reader.File, w io.Writer, enc Encoding) (*Report, error) {
	x := &exporter{ctx: ctx, f: f, out: NewWriter(w, enc), lost: map[string]int64{}}
	if err := x.each(x.http.see); err != nil {
		return nil, err
	}
	if err := x.each(x.write); err != nil {
		return nil, err
	}
	x.http.count(x.lost)
	report := &Report{Events: x.out.Events()}
	for what, n := range x.lost {
		report.Lost = append(report.Lost, Loss{what, n})
	}
	slices.SortFunc(report.Lost, func(a, b Loss) int { return strings.Compare(a.What, b.What) })
	return report, x.out.Close()
}

// exporter writes a trace of ours as one of wasm-rr.
type exporter struct {
	ctx  context.Context
	f    *reader.File
	out  *Writer
	http tracker
	lost map[string]int64
	now  Event
	buf  []byte
}

// occurrence is a call of a component's function in a trace.
type occurrence struct {
	*format.Event
	module, name string // without a version
	sig          *call.Signature
	kind         *Kind // nil: none of wasm-rr's functions
	result       []byte
}

// each calls use for the events of the program's first task: wasm-rr knows no
// other. use reports whether the event is in the export.
func (x *exporter) each(use func(*occurrence) (bool, error)) error {
	clear(x.lost)
	for e, err := range x.f.Events(reader.Query{}) {
		if err != nil {
			return err
		}
		if err := x.ctx.Err(); err != nil {
			return err
		}
		o, err := x.occurrence(e)
		used := false
		if err == nil && e.Task == 0 && (o.sig != nil || e.Kind == format.KindDrop) {
			used, err = use(o)
		}
		if errors.Is(err, canon.ErrMalformed) {
			return fmt.Errorf("%w: event %d: %w", format.ErrCorrupt, e.Seq, err)
		}
		if err != nil {
			return err
		}
		if !used {
			x.lost[o.what()]++
		}
	}
	return nil
}

// what is what the report calls an event that is not exported.
func (o *occurrence) what() string {
	switch {
	case o.Task != 0:
		return "events of other tasks than the first"
	case o.Kind != format.KindCall:
		return o.Kind.String() + " events"
	}
	return "calls of " + o.module
}

func (x *exporter) occurrence(e *format.Event) (*occurrence, error) {
	o := &occurrence{Event: e}
	if e.Has&format.HasModule != 0 {
		o.module = x.f.Modules()[e.Module]
	}
	if e.Has&format.HasFunction != 0 {
		o.name = x.f.Functions()[e.Function]
	}
	if e.Kind != format.KindCall {
		o.module, _, _ = strings.Cut(o.module, "@")
		return o, nil
	}
	sig, err := call.SignatureOf(call.Find(x.f.Header(), o.module, o.name))
	o.module, _, _ = strings.Cut(o.module, "@")
	if err != nil || sig == nil || !sig.Returned(e) {
		return o, err
	}
	o.sig, o.kind = sig, kindsByFunction[o.module+"#"+o.name]
	x.buf, err = sig.AppendResult(x.buf[:0], x.f.Header().StartNS, e)
	o.result = x.buf
	return o, err
}

// reads are the functions that wasm-rr marks a read for.
var reads = map[string]bool{
	"wasi:io/streams#[method]input-stream.read":          true,
	"wasi:io/streams#[method]input-stream.blocking-read": true,
	"wasi:filesystem/types#[method]descriptor.read":      true,
}

// write is the second pass. The first one has put the HTTP responses together.
func (x *exporter) write(o *occurrence) (bool, error) {
	e := &x.now
	switch {
	case o.sig == nil:
		return false, nil
	case o.kind != nil && o.sig.Func.String() == o.kind.Function.Signature:
		*e = Event{Kind: o.kind, Params: o.Input, Result: o.result}
	case reads[o.module+"#"+o.name]:
		*e = Event{Kind: KindOf("read")}
		if !x.http.parts[o.Seq] {
			x.lost["results of reads"]++
		}
	case o.kind != nil && o.kind.Call == "http_response":
		response := x.http.response(o.Seq)
		if response == nil {
			return x.http.exchanges[o.Seq] != nil, nil
		}
		*e = *response
	default:
		return x.http.parts[o.Seq], nil
	}
	return true, x.out.Write(e)
}
