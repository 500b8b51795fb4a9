package main

import (
	"fmt"
	"math"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/ipc"
	"github.com/tracetool/tracetool/writer"
)

// tableSchema has the types that every reader opens.
var tableSchema = arrow.NewSchema([]arrow.Field{
	{Name: "id", Type: arrow.PrimitiveTypes.Int64},
	{Name: "small", Type: arrow.PrimitiveTypes.Int16, Nullable: true},
	{Name: "ratio", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
	{Name: "flag", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
	{Name: "när", Type: format.TimestampNS, Nullable: true},
	{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "bytes", Type: arrow.BinaryTypes.Binary, Nullable: true},
	{Name: "list", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true},
	{Name: "pair", Type: arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int32), Nullable: true},
	{Name: "nested", Type: arrow.StructOf(
		arrow.Field{Name: "a", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		arrow.Field{Name: "b", Type: arrow.ListOf(arrow.StructOf(arrow.Field{Name: "c", Type: arrow.PrimitiveTypes.Float64, Nullable: true})), Nullable: true},
	), Nullable: true},
}, nil)

// writeTable writes the records of somebody else's program: no event table.
func writeTable(path string, codec ipc.Codec) error {
	w, err := writer.Create(path+format.Extension, writer.Options{Schema: tableSchema, Compression: codec, Force: true})
	if err != nil {
		return err
	}
	for first := 0; first < 400; first += 100 {
		rec := tableRecord(first, 100)
		err := w.WriteRecord(rec)
		rec.Release()
		if err != nil {
			return err
		}
	}
	return w.Close()
}

func tableRecord(first, rows int) arrow.Record {
	b := array.NewRecordBuilder(memory.DefaultAllocator, tableSchema)
	defer b.Release()
	for i := first; i < first+rows; i++ {
		for c, column := range b.Fields() {
			if tableSchema.Field(c).Nullable && (i+c)%5 == 0 {
				column.AppendNull()
				continue
			}
			appendCell(column, i)
		}
	}
	return b.NewRecord()
}

var floats = []float64{0, math.Copysign(0, -1), 1.5, math.Inf(1), math.MaxFloat64, 5e-324, 0.1, math.NaN()}

// appendCell appends a value that depends on the row alone.
func appendCell(column array.Builder, i int) {
	switch b := column.(type) {
	case *array.Int64Builder:
		b.Append(extremes[i%len(extremes)])
	case *array.Int32Builder:
		b.Append(int32(-i))
	case *array.Int16Builder:
		b.Append(int16(i - 200))
	case *array.Float64Builder:
		b.Append(floats[i%len(floats)])
	case *array.BooleanBuilder:
		b.Append(i%3 == 0)
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(1_700_000_000_000_000_001 + i))
	case *array.StringBuilder:
		b.Append(fmt.Sprintf("%*d é 𝄞", i%7, i))
	case *array.BinaryBuilder:
		b.Append([]byte{byte(i), 0, 0xff}[:i%4])
	case *array.FixedSizeListBuilder:
		b.Append(true)
		appendCell(b.ValueBuilder(), i)
		appendCell(b.ValueBuilder(), i+1)
	case *array.ListBuilder:
		b.Append(true)
		for e := range i % 4 {
			appendCell(b.ValueBuilder(), i+e)
		}
	case *array.StructBuilder:
		b.Append(true)
		for f := range b.NumField() {
			appendCell(b.FieldBuilder(f), i)
		}
	default:
		panic(fmt.Sprintf("column of type %s", column.Type()))
	}
}
