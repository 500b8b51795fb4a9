package convert

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
)

// conversion is a Convert in progress. As a sink it counts what passes.
type conversion struct {
	ctx    context.Context
	in     Input
	opts   *Options
	sink   sink
	report Report
	total  int64 // rows of a trace
	events bool  // nothing but traces of events is taken
}

// run reads the input in its form and passes it on.
func (c *conversion) run() error {
	if err := c.in.check(); err != nil {
		return err
	}
	if c.in.File != nil {
		c.report.From = Arrow
		return c.fromTrace(c.in.File)
	}
	if c.in.Path != "" {
		return c.fromPath()
	}
	form, r, err := detect(c.in.Reader, "")
	if err != nil {
		return err
	}
	c.report.From = form
	if form == Arrow {
		return c.fromTraceStream(r)
	}
	if !form.twice() {
		return c.fromText(form, c.watch(r, 1, 0))
	}
	s, err := spoolFrom(c.watch(r, 1, 0))
	if err != nil {
		return err
	}
	defer s.remove()
	return c.fromForeign(form, s.reader())
}

func (c *conversion) fromPath() error {
	file, err := openInput(c.in.Path, os.Open)
	if err != nil {
		return err
	}
	defer file.Close()
	form, r, err := detect(file, c.in.Path)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	c.report.From = form
	switch {
	case form == Arrow && info.Mode().IsRegular():
		return c.fromTracePath()
	case form == Arrow:
		return c.fromTraceStream(r)
	case !form.twice():
		return c.fromText(form, c.watch(r, 1, info.Size()))
	case info.Mode().IsRegular():
		return c.fromForeign(form, io.NewSectionReader(file, 0, info.Size()))
	}
	s, err := spoolFrom(c.watch(r, 1, 0))
	if err != nil {
		return err
	}
	defer s.remove()
	return c.fromForeign(form, s.reader())
}

func (c *conversion) fromText(form Form, r io.Reader) error {
	t := &textSource{split: newSplitter(r, c.in.Path, c.opts.MaxRecord), sink: c, partial: c.opts.Partial}
	defer t.close()
	read := t.readJSONL
	if form == JSON {
		read = t.readDocument
	}
	err := read()
	c.report.Lost = t.lost
	return err
}

// twice: inputs of that form are read two times.
func (f Form) twice() bool { return f == Foreign || f == WasmRR || f == WasmRRCBOR }

func (c *conversion) fromForeign(form Form, r *io.SectionReader) error {
	open := func(pass int) (io.Reader, error) {
		_, err := r.Seek(0, io.SeekStart)
		return c.watch(r, pass, r.Size()), err
	}
	if form != Foreign {
		return c.fromRR(form, open)
	}
	if c.events {
		return errForeign
	}
	f := &foreignSource{path: c.in.Path, limit: c.opts.MaxRecord, partial: c.opts.Partial, sink: c, open: open}
	err := f.run(c.in.name())
	c.report.Lost = f.lost
	return err
}

func (c *conversion) fromRR(form Form, open func(int) (io.Reader, error)) error {
	r := &rrSource{form: form, path: c.in.Path, limit: c.opts.MaxRecord, program: c.opts.Program, sink: c, open: open}
	err := r.run(c.in.name())
	c.report.Lost = r.lost
	return err
}

func (c *conversion) fromTracePath() error {
	f, err := reader.Open(c.in.Path, reader.Options{Limits: c.opts.Limits})
	if err != nil {
		return err
	}
	defer f.Close()
	return c.fromTrace(f)
}

// watched reports progress and notices that the conversion is cancelled.
type watched struct {
	io.Reader
	c    *conversion
	at   Progress
	next int64
}

// watch wraps a text input of that many bytes, 0 if unknown.
func (c *conversion) watch(r io.Reader, pass int, total int64) io.Reader {
	return &watched{Reader: r, c: c, at: Progress{Pass: pass, Total: total, Bytes: true}}
}

const progressBytes = 1 << 20

func (w *watched) Read(p []byte) (int, error) {
	if err := w.c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := w.Reader.Read(p)
	w.at.Done += int64(n)
	if w.at.Done >= w.next || err != nil {
		w.next = w.at.Done + progressBytes
		w.c.progress(w.at)
	}
	return n, err
}

func (c *conversion) progress(p Progress) {
	if c.opts.Progress != nil {
		c.opts.Progress(p)
	}
}

// passed counts rows, and for a trace reports progress by them.
func (c *conversion) passed(n int64) error {
	const step = 1 << 14
	before := c.report.Rows
	c.report.Rows += n
	if before/step == c.report.Rows/step {
		return nil
	}
	if c.report.From == Arrow {
		c.progress(Progress{Pass: 1, Done: c.report.Rows, Total: c.total})
	}
	return c.ctx.Err()
}

func (c *conversion) begin(t *table) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	if from := c.report.From; c.opts.Program != nil && from != WasmRR && from != WasmRRCBOR {
		return fmt.Errorf("%w, and the input is not one but %s", ErrProgram, from)
	}
	return c.sink.begin(t)
}

func (c *conversion) attach(a *format.Attachment, r *io.SectionReader) error {
	c.report.Attachments++
	if err := c.ctx.Err(); err != nil {
		return err
	}
	return c.sink.attach(a, r)
}

func (c *conversion) event(e *format.Event) error {
	if err := c.passed(1); err != nil {
		return err
	}
	return c.sink.event(e)
}

func (c *conversion) record(rec arrow.Record) error {
	if err := c.passed(rec.NumRows()); err != nil {
		return err
	}
	return c.sink.record(rec)
}

func (c *conversion) end(s *format.Summary) error { return c.sink.end(s) }
