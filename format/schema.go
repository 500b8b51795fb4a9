package format

import "github.com/apache/arrow/go/v15/arrow"

// The columns of the event table, by position. ColP0 + i is parameter i.
const (
	ColTime = iota
	ColDuration
	ColKind
	ColModule
	ColFunction
	ColTask
	ColErrno
	ColValue
	ColHash
	ColP0
	ColInput  = ColP0 + NumParams
	ColOutput = ColInput + 1
	// NumColumns is the number of columns of the event table.
	NumColumns = ColOutput + 1
	// ColSeq is the event's number in the trace it came from: an additional
	// last column that only filtered and merged traces have.
	ColSeq = NumColumns
)

// TimestampNS is the type of all times: ns since the Unix epoch, UTC.
var TimestampNS = &arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "UTC"}

// EventFields returns the fields of the event table.
func EventFields() []arrow.Field {
	dictionary := func(index arrow.DataType) arrow.DataType {
		return &arrow.DictionaryType{IndexType: index, ValueType: arrow.BinaryTypes.String}
	}
	i8, i16 := arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int16
	i32, i64 := arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64
	fields := []arrow.Field{
		{Name: "time", Type: TimestampNS},
		{Name: "duration_ns", Type: i64, Nullable: true},
		{Name: "kind", Type: dictionary(i8)},
		{Name: "module", Type: dictionary(i16), Nullable: true},
		{Name: "function", Type: dictionary(i16), Nullable: true},
		{Name: "task", Type: i32},
		{Name: "errno", Type: i32, Nullable: true},
		{Name: "value", Type: i64, Nullable: true},
		{Name: "hash", Type: i64, Nullable: true},
	}
	for i := range NumParams {
		fields = append(fields, arrow.Field{Name: "p" + string(rune('0'+i)), Type: i64, Nullable: true})
	}
	return append(fields,
		arrow.Field{Name: "input", Type: arrow.BinaryTypes.LargeBinary, Nullable: true},
		arrow.Field{Name: "output", Type: arrow.BinaryTypes.LargeBinary, Nullable: true})
}

// SeqField is the additional column of filtered and merged traces.
func SeqField() arrow.Field {
	return arrow.Field{Name: "seq", Type: arrow.PrimitiveTypes.Int64}
}

// IsEventSchema reports whether s begins with the columns of the event table.
// Traces made from other programs' records have columns of their own.
func IsEventSchema(s *arrow.Schema) bool {
	fields := EventFields()
	if s.NumFields() < len(fields) {
		return false
	}
	for i, want := range fields {
		got := s.Field(i)
		if got.Name != want.Name || !arrow.TypeEqual(got.Type, want.Type) {
			return false
		}
	}
	return true
}
