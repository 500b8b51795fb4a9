package format

import (
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// Frame is one row of the index: where a frame is and what it holds. It is
// segment index, attachment index and compression statistics in one.
type Frame struct {
	Number      int64
	Kind        FrameKind
	Flags       uint8
	Offset      int64 // bytes from file start
	Metadata    int64 // bytes of the frame before its body, prefix included
	StoredBytes int64 // bytes of the body
	RawBytes    int64 // bytes of the buffers before compression
	CRC         uint32
	Rows        int64
	Segment     int64 // -1 for other frames than events
	FirstEvent  int64 // number of the first event
	FirstTimeNS int64
	LastTimeNS  int64

	Attachment *Attachment // attachment frames only
	Payload    int64       // offset in the body of what an attachment's chunk holds
	Chunk      int64       // bytes of that chunk

	Functions []FunctionStats // events frames only
}

// IndexLocation is where one chunk of the index is: [offset, length] of an
// index frame, in the list under KeyIndex in the footer.
type IndexLocation [2]int64

var (
	i64 = arrow.PrimitiveTypes.Int64
	str = arrow.BinaryTypes.String

	bucketType = arrow.StructOf(
		arrow.Field{Name: "bucket", Type: arrow.PrimitiveTypes.Int16},
		arrow.Field{Name: "count", Type: i64})
	statsType = arrow.StructOf(
		arrow.Field{Name: "kind", Type: str},
		arrow.Field{Name: "module", Type: str},
		arrow.Field{Name: "function", Type: str},
		arrow.Field{Name: "count", Type: i64},
		arrow.Field{Name: "errors", Type: i64},
		arrow.Field{Name: "bytes", Type: i64},
		arrow.Field{Name: "timed", Type: i64},
		arrow.Field{Name: "total_ns", Type: i64},
		arrow.Field{Name: "max_ns", Type: i64},
		arrow.Field{Name: "times", Type: arrow.ListOfNonNullable(bucketType)})
)

// IndexSchema is the schema of the index's payload: one row per frame.
var IndexSchema = arrow.NewSchema([]arrow.Field{
	{Name: "frame", Type: i64},
	{Name: "kind", Type: str},
	{Name: "flags", Type: arrow.PrimitiveTypes.Int16},
	{Name: "offset", Type: i64},
	{Name: "metadata_bytes", Type: i64},
	{Name: "stored_bytes", Type: i64},
	{Name: "raw_bytes", Type: i64},
	{Name: "crc32c", Type: i64},
	{Name: "rows", Type: i64},
	{Name: "segment", Type: i64},
	{Name: "first_event", Type: i64},
	{Name: "first_time", Type: TimestampNS},
	{Name: "last_time", Type: TimestampNS},
	{Name: "name", Type: str, Nullable: true},
	{Name: "media_type", Type: str, Nullable: true},
	{Name: "size", Type: i64, Nullable: true},
	{Name: "sha256", Type: &arrow.FixedSizeBinaryType{ByteWidth: 32}, Nullable: true},
	{Name: "payload", Type: i64, Nullable: true},
	{Name: "chunk_bytes", Type: i64, Nullable: true},
	{Name: "functions", Type: arrow.ListOfNonNullable(statsType)},
}, nil)

// IndexRecord returns the frames as a record of IndexSchema.
func IndexRecord(frames []Frame) arrow.Record {
	b := array.NewRecordBuilder(memory.DefaultAllocator, IndexSchema)
	defer b.Release()
	ints := func(col int, v int64) { b.Field(col).(*array.Int64Builder).Append(v) }
	times := func(col int, v int64) { b.Field(col).(*array.TimestampBuilder).Append(arrow.Timestamp(v)) }
	for i := range frames {
		f := &frames[i]
		ints(0, f.Number)
		b.Field(1).(*array.StringBuilder).Append(f.Kind.String())
		b.Field(2).(*array.Int16Builder).Append(int16(f.Flags))
		for c, v := range []int64{f.Offset, f.Metadata, f.StoredBytes, f.RawBytes, int64(f.CRC), f.Rows, f.Segment, f.FirstEvent} {
			ints(3+c, v)
		}
		times(11, f.FirstTimeNS)
		times(12, f.LastTimeNS)
		if a := f.Attachment; a != nil {
			b.Field(13).(*array.StringBuilder).Append(a.Name)
			b.Field(14).(*array.StringBuilder).Append(a.MediaType)
			ints(15, a.Size)
			b.Field(16).(*array.FixedSizeBinaryBuilder).Append(a.SHA256[:])
			ints(17, f.Payload)
			ints(18, f.Chunk)
		} else {
			for c := 13; c <= 18; c++ {
				b.Field(c).AppendNull()
			}
		}
		appendStats(b.Field(19).(*array.ListBuilder), f.Functions)
	}
	return b.NewRecord()
}

func appendStats(list *array.ListBuilder, stats []FunctionStats) {
	list.Append(true)
	row := list.ValueBuilder().(*array.StructBuilder)
	for _, s := range stats {
		row.Append(true)
		for c, v := range []string{s.Kind, s.Module, s.Function} {
			row.FieldBuilder(c).(*array.StringBuilder).Append(v)
		}
		for c, v := range []int64{s.Count, s.Errors, s.Bytes, s.Timed, s.TotalNS, s.MaxNS} {
			row.FieldBuilder(3 + c).(*array.Int64Builder).Append(v)
		}
		buckets := row.FieldBuilder(9).(*array.ListBuilder)
		buckets.Append(true)
		bucket := buckets.ValueBuilder().(*array.StructBuilder)
		for _, c := range s.Times {
			bucket.Append(true)
			bucket.FieldBuilder(0).(*array.Int16Builder).Append(c.Bucket)
			bucket.FieldBuilder(1).(*array.Int64Builder).Append(c.Count)
		}
	}
}

// IndexFrames is the inverse of IndexRecord. The record must be of
// IndexSchema.
func IndexFrames(rec arrow.Record) ([]Frame, error) {
	if !rec.Schema().Equal(IndexSchema) {
		return nil, fmt.Errorf("index has the columns %v, want %v", rec.Schema(), IndexSchema)
	}
	ints := func(col, row int) int64 { return rec.Column(col).(*array.Int64).Value(row) }
	text := func(col, row int) string { return rec.Column(col).(*array.String).Value(row) }
	times := func(col, row int) int64 { return int64(rec.Column(col).(*array.Timestamp).Value(row)) }
	frames := make([]Frame, rec.NumRows())
	for i := range frames {
		frames[i] = Frame{
			Number: ints(0, i), Kind: FrameKindByName(text(1, i)), Flags: uint8(rec.Column(2).(*array.Int16).Value(i)),
			Offset: ints(3, i), Metadata: ints(4, i), StoredBytes: ints(5, i), RawBytes: ints(6, i), CRC: uint32(ints(7, i)),
			Rows: ints(8, i), Segment: ints(9, i), FirstEvent: ints(10, i),
			FirstTimeNS: times(11, i), LastTimeNS: times(12, i),
			Functions: statsAt(rec.Column(19).(*array.List), i),
		}
		if rec.Column(13).IsValid(i) {
			a := &Attachment{Name: text(13, i), MediaType: text(14, i), Size: ints(15, i), Detached: frames[i].Flags&FlagDetached != 0}
			copy(a.SHA256[:], rec.Column(16).(*array.FixedSizeBinary).Value(i))
			frames[i].Attachment, frames[i].Payload, frames[i].Chunk = a, ints(17, i), ints(18, i)
		}
	}
	return frames, nil
}

func statsAt(list *array.List, row int) []FunctionStats {
	from, to := list.ValueOffsets(row)
	rows := list.ListValues().(*array.Struct)
	var stats []FunctionStats
	for i := int(from); i < int(to); i++ {
		text := func(c int) string { return rows.Field(c).(*array.String).Value(i) }
		ints := func(c int) int64 { return rows.Field(c).(*array.Int64).Value(i) }
		s := FunctionStats{Kind: text(0), Module: text(1), Function: text(2),
			Count: ints(3), Errors: ints(4), Bytes: ints(5), Timed: ints(6), TotalNS: ints(7), MaxNS: ints(8)}
		times := rows.Field(9).(*array.List)
		buckets := times.ListValues().(*array.Struct)
		first, last := times.ValueOffsets(i)
		for j := int(first); j < int(last); j++ {
			s.Times = append(s.Times, BucketCount{
				buckets.Field(0).(*array.Int16).Value(j), buckets.Field(1).(*array.Int64).Value(j)})
		}
		stats = append(stats, s)
	}
	return stats
}
