package writer

import (
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/tracetool/tracetool/format/ipc"
)

// WriteRecord adds a record of Options.Schema's columns: one segment, or
// several where it is very large. It is written when WriteRecord returns.
func (w *Writer) WriteRecord(rec arrow.Record) error {
	if w.opts.Schema == nil {
		return errors.New("WriteRecord to the event table: use Append")
	}
	if err := w.Start(); err != nil {
		return err
	}
	if err := w.seal.err(); err != nil {
		return err
	}
	if w.seal.limit.Load() {
		return fmt.Errorf("%s: %w of %d bytes", w.Path(), ErrFull, w.opts.MaxBytes)
	}
	if got, want := arrow.StructOf(rec.Schema().Fields()...), arrow.StructOf(w.schema.Fields()...); !arrow.TypeEqual(got, want) {
		return fmt.Errorf("record has the columns %v, want %v", got, want)
	}
	return w.writeRecord(rec)
}

func (w *Writer) writeRecord(rec arrow.Record) error {
	rows := rec.NumRows()
	if rows == 0 {
		return nil
	}
	batch, err := ipc.FromRecord(rec)
	if err != nil {
		return err
	}
	if n := batch.RawBytes(); n > maxSegmentBytes && rows > 1 {
		if err := w.writeSlice(rec, 0, rows/2); err != nil {
			return err
		}
		return w.writeSlice(rec, rows/2, rows)
	} else if n > maxRowBytes {
		return fmt.Errorf("row of %d bytes, want at most %d", n, maxRowBytes)
	}
	if err := w.out.segment(batch, 0, 0, nil, nil); err != nil {
		return err
	}
	w.events += rows
	err = w.seal.flush(w, nil)
	w.seal.fail(err)
	return err
}

// maxRowBytes is the size of a single row that readers still take.
const maxRowBytes = 512 << 20

func (w *Writer) writeSlice(rec arrow.Record, from, to int64) error {
	s := rec.NewSlice(from, to)
	defer s.Release()
	return w.writeRecord(s)
}
