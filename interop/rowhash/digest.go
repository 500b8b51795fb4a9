package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"iter"
	"math"
	"strconv"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
)

// digest is what readers of one table are compared by.
type digest struct {
	File  string           `json:"file"`
	Rows  int64            `json:"rows"`
	Nulls map[string]int64 `json:"nulls"` // by column
	Sums  map[string]int64 `json:"sums"`  // of integer columns, modulo 2^64
	Hash  string           `json:"hash"`  // sha256 of the canonical lines, hex
}

// digester takes rows one value at a time.
type digester struct {
	digest
	names  []string
	sha    hash.Hash
	line   []byte
	column int
}

func newDigester(s *arrow.Schema) *digester {
	d := &digester{digest: digest{Nulls: map[string]int64{}, Sums: map[string]int64{}}, sha: sha256.New()}
	for _, f := range s.Fields() {
		d.names = append(d.names, f.Name)
		d.Nulls[f.Name] = 0
		if arrow.IsInteger(f.Type.ID()) {
			d.Sums[f.Name] = 0
		}
		d.line = appendBytes(append(d.line, ','), f.Name)
	}
	d.endLine()
	return d
}

func (d *digester) endLine() {
	d.line[0] = '['
	d.sha.Write(append(d.line, "]\n"...))
	d.line, d.column = d.line[:0], 0
}

// next begins the next value of the row.
func (d *digester) next() string {
	d.line = append(d.line, ',')
	d.column++
	return d.names[d.column-1]
}

func (d *digester) null() {
	d.Nulls[d.next()]++
	d.line = append(d.line, "null"...)
}

func (d *digester) integer(v int64) {
	name := d.next()
	if _, ok := d.Sums[name]; ok {
		d.Sums[name] += v
	}
	d.line = strconv.AppendInt(d.line, v, 10)
}

func (d *digester) bytes(v []byte) {
	d.next()
	d.line = appendBytes(d.line, v)
}

func (d *digester) endRow() {
	d.Rows++
	d.endLine()
}

func (d *digester) finish() *digest {
	d.Hash = hex.EncodeToString(d.sha.Sum(nil))
	return &d.digest
}

func digestRecords(s *arrow.Schema, records iter.Seq2[arrow.Record, error]) (*digest, error) {
	d := newDigester(s)
	for rec, err := range records {
		if err != nil {
			return nil, err
		}
		for row := range int(rec.NumRows()) {
			for _, column := range rec.Columns() {
				if err := d.value(column, row); err != nil {
					return nil, err
				}
			}
			d.endRow()
		}
		rec.Release()
	}
	return d.finish(), nil
}

// value takes one value of an Arrow column.
func (d *digester) value(a arrow.Array, i int) (err error) {
	if a.IsNull(i) {
		d.null()
		return nil
	}
	if v, ok := integerAt(a, i); ok {
		d.integer(v)
		return nil
	}
	d.next()
	d.line, err = appendValue(d.line, a, i)
	return err
}

func integerAt(a arrow.Array, i int) (int64, bool) {
	switch a := a.(type) {
	case *array.Int8:
		return int64(a.Value(i)), true
	case *array.Int16:
		return int64(a.Value(i)), true
	case *array.Int32:
		return int64(a.Value(i)), true
	case *array.Int64:
		return a.Value(i), true
	case *array.Timestamp:
		return int64(a.Value(i)), true
	}
	return 0, false
}

// appendValue appends a value in its canonical form.
func appendValue(line []byte, a arrow.Array, i int) ([]byte, error) {
	if a.IsNull(i) {
		return append(line, "null"...), nil
	}
	if v, ok := integerAt(a, i); ok {
		return strconv.AppendInt(line, v, 10), nil
	}
	switch a := a.(type) {
	case *array.Boolean:
		return strconv.AppendBool(line, a.Value(i)), nil
	case *array.Float64:
		return fmt.Appendf(line, "f%016x", math.Float64bits(a.Value(i))), nil
	case *array.String:
		return appendBytes(line, a.Value(i)), nil
	case *array.Binary:
		return appendBytes(line, a.Value(i)), nil
	case *array.LargeBinary:
		return appendBytes(line, a.Value(i)), nil
	case *array.Dictionary:
		return appendValue(line, a.Dictionary(), a.GetValueIndex(i))
	case array.ListLike:
		return appendList(line, a, i)
	case *array.Struct:
		return appendStruct(line, a, i)
	}
	return line, fmt.Errorf("column of type %s", a.DataType())
}

func appendList(line []byte, a array.ListLike, i int) (_ []byte, err error) {
	line = append(line, '(')
	start, end := a.ValueOffsets(i)
	for e := start; e < end; e++ {
		if line, err = appendValue(line, a.ListValues(), int(e)); err != nil {
			return nil, err
		}
		line = append(line, ';')
	}
	return append(line, ')'), nil
}

func appendStruct(line []byte, a *array.Struct, i int) (_ []byte, err error) {
	line = append(line, '{')
	for f := range a.NumField() {
		if line, err = appendValue(line, a.Field(f), i); err != nil {
			return nil, err
		}
		line = append(line, ';')
	}
	return append(line, '}'), nil
}

func appendBytes[T string | []byte](line []byte, v T) []byte {
	return hex.AppendEncode(append(line, 'x'), []byte(v))
}

// digestEvents takes the rows from decoded events instead of columns.
func digestEvents(f *reader.File) (*digest, error) {
	d := newDigester(f.Schema())
	for e, err := range f.Events(reader.Query{RawParts: true}) {
		if err != nil {
			return nil, err
		}
		d.event(f, e)
	}
	return d.finish(), nil
}

func (d *digester) event(f *reader.File, e *format.Event) {
	d.integer(e.Time)
	d.optional(e, format.HasDuration, e.Duration)
	d.bytes([]byte(e.Kind.String()))
	d.name(e, format.HasModule, f.Modules(), e.Module)
	d.name(e, format.HasFunction, f.Functions(), e.Function)
	d.integer(int64(e.Task))
	d.optional(e, format.HasErrno, int64(e.Errno))
	d.optional(e, format.HasValue, e.Value)
	d.optional(e, format.HasHash, int64(e.Hash))
	for i, p := range e.P {
		d.optional(e, format.HasP0<<i, p)
	}
	d.optionalBytes(e, format.HasInput, e.Input)
	d.optionalBytes(e, format.HasOutput, e.Output)
	if len(d.names) > format.ColSeq {
		d.integer(e.Seq)
	}
	d.endRow()
}

func (d *digester) optional(e *format.Event, field format.Fields, v int64) {
	if e.Has&field == 0 {
		d.null()
		return
	}
	d.integer(v)
}

func (d *digester) name(e *format.Event, field format.Fields, names []string, code int16) {
	if e.Has&field == 0 {
		d.null()
		return
	}
	d.bytes([]byte(names[code]))
}

func (d *digester) optionalBytes(e *format.Event, field format.Fields, v []byte) {
	if e.Has&field == 0 {
		d.null()
		return
	}
	d.bytes(v)
}
