package inspect

import (
	"context"
	"encoding/json"
	"math"
	"path/filepath"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/writer"
)

// measurements is a table of one row: a float, and the same with a text in an
// object of a list.
func measurements(t *testing.T, v float64, text string) *reader.File {
	t.Helper()
	item := arrow.StructOf(arrow.Field{Name: "v", Type: arrow.PrimitiveTypes.Float64}, arrow.Field{Name: "n", Type: arrow.PrimitiveTypes.Int64},
		arrow.Field{Name: "a", Type: arrow.BinaryTypes.String})
	schema := arrow.NewSchema([]arrow.Field{{Name: "x", Type: arrow.PrimitiveTypes.Float64}, {Name: "l", Type: arrow.ListOf(item)}}, nil)
	path := filepath.Join(t.TempDir(), "t.trace.arrow")
	w := create(t, path, writer.Options{Schema: schema, Header: &format.Header{StartNS: startNS}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	b.Field(0).(*array.Float64Builder).Append(v)
	list := b.Field(1).(*array.ListBuilder)
	list.Append(true)
	object := list.ValueBuilder().(*array.StructBuilder)
	object.Append(true)
	object.FieldBuilder(0).(*array.Float64Builder).Append(v)
	object.FieldBuilder(1).(*array.Int64Builder).Append(math.MaxInt64)
	object.FieldBuilder(2).(*array.StringBuilder).Append(text)
	if err := w.WriteRecord(b.NewRecord()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return openTrace(t, path)
}

func TestRowsOfValuesThatJSONLacks(t *testing.T) {
	for _, tt := range []struct {
		v    float64
		text string
		want string
	}{
		{math.NaN(), "t", `{"x":"NaN","l":[{"v":"NaN","n":"9223372036854775807","a":"t"}]}`},
		{math.Inf(1), "t", `{"x":"Infinity","l":[{"v":"Infinity","n":"9223372036854775807","a":"t"}]}`},
		{math.Inf(-1), "t", `{"x":"-Infinity","l":[{"v":"-Infinity","n":"9223372036854775807","a":"t"}]}`},
		{0.5, "\xff", `{"x":0.5,"l":[{"v":0.5,"n":"9223372036854775807","a":{"base64":"/w=="}}]}`},
	} {
		f := measurements(t, tt.v, tt.text)
		for r, err := range Rows(f, 0, 0) {
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(r.Values)
			if err != nil || string(got) != tt.want {
				t.Errorf("%s, %v, want %s", got, err, tt.want)
			}
		}
		same, err := Diff(context.Background(), f, measurements(t, tt.v, tt.text), DiffOptions{})
		if err != nil || !same.Equal {
			t.Errorf("%v: %+v, %v", tt.v, same, err)
		}
		other, err := Diff(context.Background(), f, measurements(t, tt.v, "\xfe"), DiffOptions{})
		if err != nil || other.Equal {
			t.Errorf("%v: another text is the same: %+v, %v", tt.v, other, err)
		}
	}
}

// A decimal of such a scale makes arrow-go divide zero by zero.
func TestCellOfAbsurdDecimal(t *testing.T) {
	b := array.NewDecimal128Builder(memory.DefaultAllocator, &arrow.Decimal128Type{Precision: 1, Scale: -400})
	b.Append(decimal128.Num{})
	if v, err := cellValue(b.NewArray(), 0); err == nil {
		t.Errorf("value %v, want an error", v)
	}
}

func TestDiffOfRowsInARange(t *testing.T) {
	a, b := records(t, "a", "b", "c", "d"), records(t, "a", "B", "c", "D")
	for _, tt := range []struct {
		from, to int64
		equal    bool
		compared int64
	}{{0, 0, false, 1}, {2, 3, true, 1}, {2, 0, false, 1}, {0, 1, true, 1}, {4, 0, true, 0}} {
		q := Filter{Query: reader.Query{FromEvent: tt.from, ToEvent: tt.to}}
		r, err := Diff(context.Background(), a, b, DiffOptions{Filter: q})
		if err != nil || r.Equal != tt.equal || r.Compared != tt.compared {
			t.Errorf("from %d to %d: %+v, %v", tt.from, tt.to, r, err)
		}
	}
}
