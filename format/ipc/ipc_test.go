package ipc

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

var codecs = []Codec{Zstd, LZ4, None}

// randomType returns a type of those that traces may have.
func randomType(r *rand.Rand, depth int) arrow.DataType {
	leaves := []arrow.DataType{
		arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64,
		arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64, arrow.FixedWidthTypes.Boolean,
		arrow.BinaryTypes.String, arrow.BinaryTypes.LargeString, arrow.BinaryTypes.Binary, arrow.BinaryTypes.LargeBinary,
		&arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "UTC"}, &arrow.TimestampType{Unit: arrow.Second},
		&arrow.FixedSizeBinaryType{ByteWidth: 5}, arrow.Null,
	}
	if depth == 0 {
		return leaves[r.IntN(len(leaves))]
	}
	switch r.IntN(6) {
	case 0:
		return arrow.ListOf(randomType(r, depth-1))
	case 1:
		return arrow.LargeListOf(randomType(r, depth-1))
	case 2:
		return arrow.FixedSizeListOf(int32(1+r.IntN(3)), randomType(r, depth-1))
	case 3:
		return arrow.StructOf(
			arrow.Field{Name: "a", Type: randomType(r, depth-1), Nullable: true},
			arrow.Field{Name: "b", Type: randomType(r, depth-1), Nullable: true})
	}
	return randomType(r, 0)
}

// fill appends a random value, or null.
func fill(r *rand.Rand, b array.Builder) {
	if r.IntN(4) == 0 {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.ListBuilder:
		b.Append(true)
		for range r.IntN(4) {
			fill(r, b.ValueBuilder())
		}
	case *array.LargeListBuilder:
		b.Append(true)
		for range r.IntN(4) {
			fill(r, b.ValueBuilder())
		}
	case *array.FixedSizeListBuilder:
		b.Append(true)
		for range b.Type().(*arrow.FixedSizeListType).Len() {
			fill(r, b.ValueBuilder())
		}
	case *array.StructBuilder:
		b.Append(true)
		for i := range b.NumField() {
			fill(r, b.FieldBuilder(i))
		}
	case *array.BinaryBuilder:
		b.Append(bytes.Repeat([]byte{byte(r.Int())}, r.IntN(40)))
	case *array.FixedSizeBinaryBuilder:
		b.Append([]byte("12345"))
	case *array.NullBuilder:
		b.AppendNull()
	default:
		text := fmt.Sprint(r.IntN(100))
		switch b.Type().ID() {
		case arrow.BOOL:
			text = fmt.Sprint(r.IntN(2) == 0)
		case arrow.TIMESTAMP:
			text = fmt.Sprintf("2026-01-02 03:04:%02d", r.IntN(60))
		}
		if err := b.AppendValueFromString(text); err != nil {
			panic(err)
		}
	}
}

func randomRecord(r *rand.Rand, rows int) arrow.Record {
	var fields []arrow.Field
	for i := range 1 + r.IntN(6) {
		fields = append(fields, arrow.Field{Name: fmt.Sprintf("c%d", i), Type: randomType(r, r.IntN(4)), Nullable: true})
	}
	meta := arrow.NewMetadata([]string{"k"}, []string{"v"})
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, &meta))
	defer b.Release()
	for range rows {
		for _, f := range b.Fields() {
			fill(r, f)
		}
	}
	return b.NewRecord()
}

// encode returns a record as a stream of ours.
func encode(t *testing.T, rec arrow.Record, codec Codec) (stream, message, body []byte) {
	t.Helper()
	e, err := NewEncoder(codec)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := SchemaMessage(rec.Schema())
	if err != nil {
		t.Fatal(err)
	}
	batch, err := FromRecord(rec)
	if err != nil {
		t.Fatal(err)
	}
	message, body, err = e.Encode(batch, -1, []KeyValue{{"a", "b"}})
	if err != nil {
		t.Fatal(err)
	}
	stream = AppendMessage(nil, schema, nil)
	stream = AppendMessage(stream, message, body)
	return AppendEndOfStream(stream), message, body
}

func TestRecordsRoundTrip(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 0))
		rec := randomRecord(r, r.IntN(50))
		if n := rec.NumRows(); n > 4 && r.IntN(2) == 0 {
			rec = rec.NewSlice(1+r.Int64N(3), n-1) // arrays with an offset
		}
		for _, codec := range codecs {
			stream, message, body := encode(t, rec, codec)
			m, err := ParseMessage(message)
			if err != nil {
				t.Fatalf("seed %d, %s: %v", seed, codec, err)
			}
			if m.Value("a") != "b" || m.BodyLength != int64(len(body)) || len(body)%Align != 0 {
				t.Errorf("seed %d, %s: metadata %v, body of %d bytes, message says %d", seed, codec, m.Metadata, len(body), m.BodyLength)
			}
			b, err := NewBody(m, body, 1<<20)
			if err != nil {
				t.Fatalf("seed %d, %s: %v", seed, codec, err)
			}
			got, err := b.Record(rec.Schema(), nil)
			if err != nil {
				t.Fatalf("seed %d, %s: %v\n%v", seed, codec, err, rec.Schema())
			}
			if !array.RecordEqual(rec, got) {
				t.Errorf("seed %d, %s: decoded\n%v\nwant\n%v", seed, codec, got, rec)
			}
			checkArrow(t, stream, rec)
		}
	}
}

// checkArrow reads a stream of ours with arrow-go. It leaves out large lists:
// to arrow-go two equal types of them differ.
func checkArrow(t *testing.T, stream []byte, want arrow.Record) {
	t.Helper()
	if strings.Contains(want.Schema().String(), "large_list") {
		return
	}
	r, err := ipc.NewReader(bytes.NewReader(stream))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	if r.Schema().String() != want.Schema().String() {
		t.Errorf("arrow reads the schema %v, want %v", r.Schema(), want.Schema())
	}
	if !r.Next() || !array.RecordEqual(want, r.Record()) {
		t.Errorf("arrow does not read the record (%v), want\n%v", r.Err(), want)
	}
	if r.Next() || r.Err() != nil {
		t.Errorf("arrow finds more after the record: %v", r.Err())
	}
}

func TestSchemaRoundTrip(t *testing.T) {
	for seed := range uint64(200) {
		rec := randomRecord(rand.New(rand.NewPCG(seed, 1)), 0)
		fields := append(rec.Schema().Fields(), arrow.Field{Name: "d", Type: &arrow.DictionaryType{
			IndexType: arrow.PrimitiveTypes.Int16, ValueType: arrow.BinaryTypes.String}})
		meta := rec.Schema().Metadata()
		want := arrow.NewSchema(fields, &meta)
		message, err := SchemaMessage(want)
		if err != nil {
			t.Fatal(err)
		}
		m, err := ParseMessage(message)
		if err != nil {
			t.Fatal(err)
		}
		if !m.Schema.Equal(want) {
			t.Errorf("schema %v, want %v", m.Schema, want)
		}
		blocks := []Block{{8, 64, 128}, {1 << 40, 72, 0}}
		footer, err := Footer(want, blocks[:1], blocks, []KeyValue{{"x", "y"}})
		if err != nil {
			t.Fatal(err)
		}
		f, err := ParseFooter(footer)
		if err != nil {
			t.Fatal(err)
		}
		if !f.Schema.Equal(want) || fmt.Sprint(f.Batches, f.Dictionaries, f.Value("x")) != fmt.Sprint(blocks, blocks[:1], "y") {
			t.Errorf("footer %+v", f)
		}
	}
}

func TestUnsupportedTypesAreRefused(t *testing.T) {
	for _, dt := range []arrow.DataType{arrow.FixedWidthTypes.Duration_ns, arrow.FixedWidthTypes.Date32, &arrow.Decimal128Type{Precision: 5}} {
		if _, err := SchemaMessage(arrow.NewSchema([]arrow.Field{{Name: "x", Type: dt}}, nil)); err == nil {
			t.Errorf("%s is accepted", dt)
		}
	}
}

func TestDecodedSizeIsLimited(t *testing.T) {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	b.AppendValues(make([]int64, 100_000), nil)
	rec := array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: "x", Type: b.Type()}}, nil), []arrow.Array{b.NewArray()}, 100_000)
	for _, codec := range codecs[:2] {
		_, message, body := encode(t, rec, codec)
		m, err := ParseMessage(message)
		if err != nil {
			t.Fatal(err)
		}
		small, err := NewBody(m, body, 899_999)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := small.Record(rec.Schema(), nil); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v, want ErrTooLarge", codec, err)
		}
	}
}

// FuzzMessage: whatever the bytes, parsing and decoding give an error or
// arrays that can be used.
func FuzzMessage(f *testing.F) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 2))
		rec := randomRecord(r, 10)
		e, err := NewEncoder(codecs[seed%3])
		if err != nil {
			f.Fatal(err)
		}
		schema, err := SchemaMessage(rec.Schema())
		if err != nil {
			f.Fatal(err)
		}
		batch, err := FromRecord(rec)
		if err != nil {
			f.Fatal(err)
		}
		message, body, err := e.Encode(batch, -1, nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(schema, message, bytes.Clone(body))
	}
	f.Fuzz(func(t *testing.T, schema, message, body []byte) {
		s, err := ParseMessage(schema)
		if err != nil || s.Schema == nil {
			return
		}
		m, err := ParseMessage(message)
		if err != nil || m.Kind != RecordBatchKind || m.Rows > 1<<20 {
			return
		}
		b, err := NewBody(m, body, 1<<14)
		if err != nil {
			return
		}
		rec, err := b.Record(s.Schema, nil)
		if err != nil {
			return
		}
		for _, c := range rec.Columns() {
			for i := range min(c.Len(), 100) {
				_ = c.ValueStr(i)
			}
		}
		if _, err := FromRecord(rec); err != nil {
			t.Errorf("a record that was decoded cannot be laid out: %v", err)
		}
	})
}

func FuzzFooter(f *testing.F) {
	rec := randomRecord(rand.New(rand.NewPCG(3, 3)), 0)
	footer, err := Footer(rec.Schema(), nil, []Block{{8, 64, 128}}, []KeyValue{{"a", "b"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(footer)
	f.Fuzz(func(t *testing.T, data []byte) {
		if info, err := ParseFooter(data); err == nil {
			if _, err := Footer(info.Schema, info.Dictionaries, info.Batches, info.Metadata); err != nil && len(info.Schema.Fields()) == 0 {
				t.Errorf("a footer without fields cannot be written again: %v", err)
			}
		}
	})
}
