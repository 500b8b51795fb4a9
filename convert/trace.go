package convert

import (
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
)

// described is what a file and a stream tell of their table.
type described interface {
	Header() *format.Header
	Schema() *arrow.Schema
	IsEvents() bool
	Modules() []string
	Functions() []string
}

// tableOf returns the table of a trace. Its header is the text that the trace
// has, so that members which this version does not know are kept.
func tableOf(d described) (*table, error) {
	schema := d.Schema()
	t := &table{header: d.Header(), modules: d.Modules(), functions: d.Functions()}
	meta := schema.Metadata()
	if i := meta.FindKey(format.KeyHeader); i >= 0 && complete([]byte(meta.Values()[i])) {
		t.headerJSON = compact(nil, []byte(meta.Values()[i]))
		t.header = &format.Header{}
		if err := unmarshal(t.headerJSON, t.header); err != nil {
			return nil, fmt.Errorf("header: %w", err)
		}
	}
	if !d.IsEvents() {
		t.schema = schema
		return t, nil
	}
	for i := format.NumColumns; i < schema.NumFields(); i++ {
		if i != format.ColSeq || schema.Field(i).Name != format.SeqField().Name {
			return nil, fmt.Errorf("column %q beside the event table is not supported", schema.Field(i).Name)
		}
		t.seq = true
	}
	return t, nil
}

// fromTrace passes on an open trace.
func (c *conversion) fromTrace(f *reader.File) error {
	head, err := tableOf(f)
	if err != nil {
		return err
	}
	if err := c.begin(head); err != nil {
		return err
	}
	for _, a := range f.Attachments() {
		if err := c.fromAttachment(f, a); err != nil {
			return err
		}
	}
	summary := f.Summary()
	c.total = summary.Events
	if head.schema != nil {
		err = c.fromRecords(f)
	} else {
		err = c.fromEvents(f)
	}
	if err != nil {
		return err
	}
	return c.end(summary)
}

func (c *conversion) fromAttachment(f *reader.File, a format.Attachment) error {
	r, err := f.OpenAttachment(a.Name)
	if errors.Is(err, reader.ErrDetached) {
		return c.attach(&a, nil)
	}
	if err != nil {
		return err
	}
	a.Detached = false
	return c.attach(&a, io.NewSectionReader(r, 0, a.Size))
}

// fromEvents passes on the rows as they are, parts not joined, so that one
// row is the most that is in memory.
func (c *conversion) fromEvents(f *reader.File) error {
	for e, err := range f.Events(reader.Query{RawParts: true}) {
		if err != nil {
			return err
		}
		if err := c.event(e); err != nil {
			return err
		}
	}
	return nil
}

func (c *conversion) fromRecords(f *reader.File) error {
	for i := range f.Segments() {
		rec, err := f.Record(i)
		if err != nil {
			return err
		}
		err = c.record(rec)
		rec.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

// fromTraceStream passes on a trace that comes through a pipe. Its index and
// footer come last, so that it is checked as a whole before it is read.
func (c *conversion) fromTraceStream(r io.Reader) error {
	s, err := spoolFrom(c.watch(r, 1, 0))
	if err != nil {
		return err
	}
	defer s.remove()
	f, err := reader.New(s.file, s.size, reader.Options{Limits: c.opts.Limits})
	if err != nil {
		return err
	}
	defer f.Close()
	return c.fromTrace(f)
}
