package convert

import (
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow"
)

// Rows of foreign tables are written in segments of at most so many rows, or
// as soon as their text reaches so many bytes, or what they take in the columns
// without it.
const (
	batchRows  = 64 << 10
	batchBytes = 4 << 20
	batchTaken = 32 << 20
)

// rowBatcher gathers rows into records for a sink.
type rowBatcher struct {
	filler *filler
	sink   sink
	rows   int
	bytes  int
	taken  int64
}

func newRowBatcher(schema *arrow.Schema, s sink, foreign bool) (*rowBatcher, error) {
	f, err := newFiller(schema, foreign)
	if err != nil {
		return nil, err
	}
	return &rowBatcher{filler: f, sink: s}, nil
}

// added counts a row that the filler has taken, whose text has n bytes.
func (b *rowBatcher) added(n int) error {
	b.rows++
	b.bytes += n
	b.taken += b.filler.taken
	if b.rows < batchRows && b.bytes < batchBytes && b.taken < batchTaken {
		return nil
	}
	return b.flush()
}

func (b *rowBatcher) flush() error {
	if b.rows == 0 {
		return nil
	}
	rec := b.filler.builder.NewRecord()
	defer rec.Release()
	b.rows, b.bytes, b.taken = 0, 0, 0
	return b.sink.record(rec)
}

// checkText refuses records that are not UTF-8, which JSON must be.
func checkText(record []byte) error {
	if !utf8.Valid(record) {
		return faultf("not UTF-8")
	}
	return nil
}
