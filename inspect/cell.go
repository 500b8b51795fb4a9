package inspect

import (
	"encoding/base64"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/tracetool/tracetool/format/call"
)

// cellValue returns the value in row i of a column as call.Arg has values, nil
// for null. Numbers that JSON lacks are the strings "NaN", "Infinity" and
// "-Infinity", text that is not UTF-8 an object with its base64, so that values
// that differ never look alike. Types without such a form are as Arrow writes
// them in JSON.
func cellValue(column arrow.Array, i int) (any, error) {
	if column.IsNull(i) {
		return nil, nil
	}
	switch a := column.(type) {
	case *array.Float64:
		return floatValue(a.Value(i), a.Value(i)), nil
	case *array.Float32:
		return floatValue(a.Value(i), float64(a.Value(i))), nil
	case *array.Float16:
		v := a.Value(i).Float32()
		return floatValue(v, float64(v)), nil
	case *array.String:
		return textValue(a.Value(i)), nil
	case *array.LargeString:
		return textValue(a.Value(i)), nil
	case *array.Dictionary:
		return cellValue(a.Dictionary(), a.GetValueIndex(i))
	case *array.Struct:
		return structValue(a, i)
	case array.ListLike:
		return listValue(a, i)
	}
	return arrowValue(column, i)
}

// floatValue returns v, which is f in its own width, or a string for what JSON
// has no number for.
func floatValue(v any, f float64) any {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return v
}

func textValue(text string) any {
	if utf8.ValidString(text) {
		return text
	}
	return call.Object{{Name: "base64", Value: base64.StdEncoding.EncodeToString([]byte(text))}}
}

func structValue(a *array.Struct, i int) (any, error) {
	fields := a.DataType().(*arrow.StructType).Fields()
	o := make(call.Object, len(fields))
	for j, f := range fields {
		v, err := cellValue(a.Field(j), i)
		if err != nil {
			return nil, err
		}
		o[j] = call.Arg{Name: f.Name, Value: v}
	}
	return o, nil
}

func listValue(a array.ListLike, i int) (any, error) {
	from, to := a.ValueOffsets(i)
	items := make([]any, to-from)
	for j := range items {
		var err error
		if items[j], err = cellValue(a.ListValues(), int(from)+j); err != nil {
			return nil, err
		}
	}
	return items, nil
}

// arrowValue turns a panic of arrow-go, as over a decimal of an absurd scale,
// into an error.
func arrowValue(column arrow.Array, i int) (v any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("arrow: %v", p)
		}
	}()
	return column.GetOneForMarshal(i), nil
}
