package convert

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/tracetool/tracetool/format"
)

// Head is what stands before the events of a trace.
type Head struct {
	Header             *format.Header
	Modules, Functions []string // the dictionaries of those columns
	Seq                bool     // there is the column "seq"
}

// Receiver takes a trace of events in its parts: Begin, Attach for each
// attachment, Event for each row, End. Events are valid during the call.
type Receiver interface {
	Begin(head *Head) error
	// Attach gives an attachment; r is nil if its bytes are kept elsewhere, and
	// stays valid until End.
	Attach(a *format.Attachment, r *io.SectionReader) error
	// Event gives a row; a part row is one of its own.
	Event(e *format.Event) error
	End() error
}

// errForeign is returned where somebody else's records are not taken.
var errForeign = fmt.Errorf("%w of events: a table of other records", format.ErrNotTrace)

// Read passes on a trace of events in any form without writing it. Only
// MaxRecord, Limits and Progress of the options count.
func Read(ctx context.Context, in Input, opts Options, to Receiver) (*Report, error) {
	if opts.MaxRecord <= 0 {
		opts.MaxRecord = defaultMaxRecord
	}
	opts.Partial = false
	c := &conversion{ctx: ctx, in: in, opts: &opts, sink: receiverSink{to}, events: true}
	if err := c.run(); err != nil {
		return nil, err
	}
	return &c.report, nil
}

// Write writes a trace of events of which fill gives the parts. The output
// appears under its name only when it is complete, as that of Convert does.
func Write(out Output, opts Options, fill func(Receiver) error) error {
	if err := opts.chooseForm(out.Path); err != nil {
		return err
	}
	t, err := newTarget(out, "", &opts)
	if err != nil {
		return err
	}
	if err := fill(sinkReceiver{t}); err != nil {
		t.abort()
		return err
	}
	return t.commit()
}

// receiverSink gives a Receiver what a sink is given.
type receiverSink struct{ Receiver }

func (s receiverSink) begin(t *table) error {
	if t.schema != nil {
		return errForeign
	}
	return s.Begin(&Head{Header: t.header, Modules: t.modules, Functions: t.functions, Seq: t.seq})
}

func (s receiverSink) attach(a *format.Attachment, r *io.SectionReader) error { return s.Attach(a, r) }
func (s receiverSink) event(e *format.Event) error                            { return s.Event(e) }
func (s receiverSink) record(arrow.Record) error                              { return errForeign }
func (s receiverSink) end(*format.Summary) error                              { return s.End() }

// sinkReceiver gives a sink what a Receiver is given.
type sinkReceiver struct{ sink sink }

func (r sinkReceiver) Begin(head *Head) error {
	if head.Header == nil {
		return errors.New("no header")
	}
	return r.sink.begin(&table{header: head.Header, modules: head.Modules, functions: head.Functions, seq: head.Seq})
}

func (r sinkReceiver) Attach(a *format.Attachment, s *io.SectionReader) error {
	return r.sink.attach(a, s)
}
func (r sinkReceiver) Event(e *format.Event) error { return r.sink.event(e) }
func (r sinkReceiver) End() error                  { return r.sink.end(nil) }
