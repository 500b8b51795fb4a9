package convert

import (
	"errors"
	"io"

	"github.com/tracetool/tracetool/format"
)

// foreignSource reads what another program wrote: JSON values one after
// another, such as JSONL, or one array of them. It reads twice: once for the
// schema, once for the rows.
type foreignSource struct {
	open    func(pass int) (io.Reader, error) // from the start
	path    string                            // for messages
	limit   int64
	partial bool
	sink    sink
	lost    string

	separate bool // the values follow each other although the first is an array
}

func (f *foreignSource) run(name string) error {
	infer := newInferrer()
	if err := f.infer(infer); err != nil {
		return err
	}
	header := &format.Header{}
	if name != "" {
		header.Source = "convert " + name
	}
	head := &table{header: header, schema: infer.schema()}
	rows, err := newRowBatcher(head.schema, f.sink, true)
	if err != nil {
		return err
	}
	if err := f.sink.begin(head); err != nil {
		return err
	}
	err = f.each(2, func(record []byte) error {
		if err := rows.filler.foreignRow(record); err != nil {
			return fault(err)
		}
		return rows.added(len(record))
	})
	if err == nil {
		err = rows.flush()
	}
	if err != nil {
		return err
	}
	return f.sink.end(nil)
}

// infer is the first pass. Where an array turns out to be only the first of
// several values it starts again.
func (f *foreignSource) infer(i *inferrer) error {
	learn := func(record []byte) error { return fault(i.record(record)) }
	err := f.each(1, learn)
	if err == errSeparate {
		f.separate = true
		*i = *newInferrer()
		err = f.each(1, learn)
	}
	if err == nil && i.root.present == 0 {
		return &LineError{Path: f.path, Line: 1, Detail: "no record", Err: format.ErrNotTrace}
	}
	return err
}

// errSeparate tells that text follows the array.
var errSeparate = errors.New("text after the array")

// each calls use for every record.
func (f *foreignSource) each(pass int, use func([]byte) error) error {
	r, err := f.open(pass)
	if err != nil {
		return err
	}
	s := newSplitter(r, f.path, f.limit)
	err = f.records(s, use)
	var line *LineError
	if f.partial && errors.As(err, &line) && line.Err == format.ErrTruncated {
		f.lost = line.Detail
		return nil
	}
	return err
}

func (f *foreignSource) records(s *splitter, use func([]byte) error) error {
	if err := s.skipMark(); err != nil {
		return err
	}
	first, err := s.peek()
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if first == '[' && !f.separate {
		return f.array(s, use)
	}
	for {
		err := f.one(s, use)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (f *foreignSource) array(s *splitter, use func([]byte) error) error {
	s.take(1)
	c, err := s.peek()
	if err == nil && c == ']' {
		s.take(1)
		return f.afterArray(s)
	}
	for next := byte(','); next == ','; {
		if err := f.one(s, use); err != nil {
			return s.unexpected(err)
		}
		if next, err = s.byteOf(",]"); err != nil {
			return err
		}
	}
	return f.afterArray(s)
}

func (f *foreignSource) afterArray(s *splitter) error {
	_, err := s.peek()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		return errSeparate
	}
	return err
}

func (f *foreignSource) one(s *splitter, use func([]byte) error) error {
	at := s.position
	record, err := s.value()
	if err != nil {
		return err
	}
	if err := checkText(record); err != nil {
		return at.wrap(err)
	}
	return at.wrap(use(record))
}
