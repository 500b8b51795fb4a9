package reader

import (
	"unsafe"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/tracetool/tracetool/format"
)

// openRecord turns an open segment into an Arrow record. Columns share the
// batch's memory.
func (f *File) openRecord(b *Batch) (arrow.Record, error) {
	return guard(func() (arrow.Record, error) {
		columns := make([]arrow.Array, f.schema.NumFields())
		for c, field := range f.schema.Fields() {
			columns[c] = b.array(f.table, c, field.Type)
		}
		return array.NewRecord(f.schema, columns, int64(b.Rows)), nil
	})
}

func (b *Batch) array(t *table, c int, dt arrow.DataType) arrow.Array {
	validity, nulls := b.validity(columnFields[c])
	buffers := []*memory.Buffer{validity}
	for _, data := range b.buffers(c) {
		buffers = append(buffers, memory.NewBufferBytes(data))
	}
	dictionaries := map[int]int{format.ColKind: kindDictionary, format.ColModule: moduleDictionary, format.ColFunction: functionDictionary}
	if id, ok := dictionaries[c]; ok {
		values := t.dictionaries[id].Data().(*array.Data)
		return array.MakeFromData(array.NewDataWithDictionary(dt, b.Rows, buffers, nulls, 0, values))
	}
	return array.MakeFromData(array.NewData(dt, b.Rows, buffers, nil, nulls, 0))
}

// validity returns the bitmap of a nullable column; nil if it has no nulls.
func (b *Batch) validity(field format.Fields) (*memory.Buffer, int) {
	if field == 0 || b.always&field != 0 {
		return nil, 0
	}
	bitmap, nulls := make([]byte, (b.Rows+7)/8), b.Rows
	for i := range b.Rows {
		if b.Has(i)&field != 0 {
			bitmap[i/8] |= 1 << (i % 8)
			nulls--
		}
	}
	return memory.NewBufferBytes(bitmap), nulls
}

// buffers returns the values of a column as Arrow lays them out.
func (b *Batch) buffers(c int) [][]byte {
	switch c {
	case format.ColTime:
		return raw(b.Time, b.Rows)
	case format.ColDuration:
		return raw(b.Duration, b.Rows)
	case format.ColKind:
		return raw(b.Kind, b.Rows)
	case format.ColModule:
		return raw(b.Module, b.Rows)
	case format.ColFunction:
		return raw(b.Function, b.Rows)
	case format.ColTask:
		return raw(b.Task, b.Rows)
	case format.ColErrno:
		return raw(b.Errno, b.Rows)
	case format.ColValue:
		return raw(b.Value, b.Rows)
	case format.ColHash:
		return raw(b.Hash, b.Rows)
	case format.ColInput:
		return append(raw(b.input.ends, b.Rows+1), b.input.data)
	case format.ColOutput:
		return append(raw(b.output.ends, b.Rows+1), b.output.data)
	case format.ColSeq:
		seq := make([]int64, b.Rows)
		for i := range seq {
			seq[i] = b.Seq(i)
		}
		return raw(seq, b.Rows)
	}
	return raw(b.P[c-format.ColP0], b.Rows)
}

// raw returns a column's memory, zeros where the segment does not have it.
func raw[T any](column []T, n int) [][]byte {
	if len(column) < n {
		column = make([]T, n)
	}
	return [][]byte{unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(column))), n*int(unsafe.Sizeof(*new(T))))}
}
