package convert

import (
	"io"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/writer"
)

// target is a sink whose output becomes visible at commit, or never.
type target interface {
	sink
	commit() error
	abort()
}

// newTarget returns the target for opts.To.
func newTarget(out Output, from string, opts *Options) (target, error) {
	if err := out.check(); err != nil {
		return nil, err
	}
	if opts.To == Arrow {
		return &traceTarget{out: out, from: from, opts: opts}, nil
	}
	if out.Writer != nil {
		return streamTarget{newTextSink(out.Writer, opts.To == JSON, opts)}, nil
	}
	file, err := writer.CreateNew(out.Path, opts.Force)
	if err != nil {
		return nil, err
	}
	return &fileTarget{newTextSink(file, opts.To == JSON, opts), file}, nil
}

// streamTarget writes text to a stream, where nothing can be taken back.
type streamTarget struct{ *textSink }

func (streamTarget) commit() error { return nil }
func (streamTarget) abort()        {}

// fileTarget writes text to a new file.
type fileTarget struct {
	*textSink
	file *writer.NewFile
}

func (t *fileTarget) commit() error { return t.file.Commit() }
func (t *fileTarget) abort()        { t.file.Abort() }

// traceTarget writes a trace.
type traceTarget struct {
	out  Output
	from string
	opts *Options
	w    *writer.Writer
}

func (t *traceTarget) begin(head *table) (err error) {
	header := *head.header
	opts := writer.Options{
		Header: &header, Modules: head.modules, Functions: head.functions, Seq: head.seq, Schema: head.schema,
		Compression: t.opts.Compression, Force: t.opts.Force, NoSidecar: true,
	}
	if t.out.Writer != nil {
		t.w, err = writer.New(t.out.Writer, opts)
	} else {
		t.w, err = writer.Create(t.out.Path, opts)
	}
	return err
}

func (t *traceTarget) attach(a *format.Attachment, r *io.SectionReader) error {
	if r == nil {
		return t.w.AttachDetached(*a)
	}
	return t.w.AttachFrom(a.Name, a.MediaType, r, a.Size)
}

func (t *traceTarget) event(e *format.Event) error   { return t.w.Append(e) }
func (t *traceTarget) record(rec arrow.Record) error { return t.w.WriteRecord(rec) }

// end writes the attachments, if no row has done that: they are readable until
// now.
func (t *traceTarget) end(*format.Summary) error { return t.w.Start() }
func (t *traceTarget) commit() error             { return t.w.Close() }

func (t *traceTarget) abort() {
	if t.w != nil {
		t.w.Abort()
	}
}
