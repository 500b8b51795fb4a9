package reader

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/ipc"
)

// readIndex reads and checks one chunk of the index.
func (s *source) readIndex(f *frame) ([]format.Frame, *ipc.Message, error) {
	m, err := s.parse(f)
	if err != nil {
		return nil, nil, err
	}
	body, err := s.body(f, nil)
	if err != nil {
		return nil, nil, err
	}
	frames, err := guard(func() ([]format.Frame, error) { return parseIndex(body[f.Payload:], s.limits) })
	if err != nil {
		return nil, nil, s.damaged(f, err)
	}
	return frames, m, nil
}

// parseIndex reads the Arrow stream that is an index frame's payload.
func parseIndex(data []byte, limits format.Limits) ([]format.Frame, error) {
	m, _, data, err := message(data)
	if err != nil {
		return nil, err
	}
	if m.Kind != ipc.SchemaKind || !m.Schema.Equal(format.IndexSchema) {
		return nil, errors.New("the payload does not begin with the index's schema")
	}
	m, body, rest, err := message(data)
	if err != nil {
		return nil, err
	}
	if m.Kind != ipc.RecordBatchKind {
		return nil, fmt.Errorf("message of kind %d, want a record batch", m.Kind)
	}
	if len(rest) < format.EndOfStreamSize || binary.LittleEndian.Uint64(rest) != 0xFFFFFFFF {
		return nil, errors.New("the payload has no end of stream")
	}
	b, err := ipc.NewBody(m, body, limits.SegmentBytes)
	if err != nil {
		return nil, err
	}
	rec, err := b.Record(format.IndexSchema, nil)
	if err != nil {
		return nil, err
	}
	return format.IndexFrames(rec)
}

// message cuts an encapsulated message and its body off data.
func message(data []byte) (m *ipc.Message, body, rest []byte, err error) {
	if len(data) < 8 || binary.LittleEndian.Uint32(data) != 0xFFFFFFFF {
		return nil, nil, nil, errors.New("no message")
	}
	n := int64(binary.LittleEndian.Uint32(data[4:]))
	if data = data[8:]; n == 0 || n > int64(len(data)) {
		return nil, nil, nil, fmt.Errorf("message of %d bytes in %d", n, len(data))
	}
	if m, err = ipc.ParseMessage(data[:n]); err != nil {
		return nil, nil, nil, err
	}
	if data = data[n:]; m.BodyLength < 0 || m.BodyLength > int64(len(data)) {
		return nil, nil, nil, fmt.Errorf("message with a body of %d bytes in %d", m.BodyLength, len(data))
	}
	return m, data[:m.BodyLength], data[m.BodyLength:], nil
}

// names returns a list of names that an index frame repeats, nil if it does
// not.
func names(m *ipc.Message, key string) []string {
	var list []string
	if json.Unmarshal([]byte(m.Value(key)), &list) != nil {
		return nil
	}
	return list
}

// chunk returns the rows of an index chunk. The last one read is kept: callers
// go through segments in order.
func (f *File) chunk(i int) ([]format.Frame, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cached != nil && f.cachedChunk == i {
		return f.cached, nil
	}
	loc := f.layout.index[i]
	fr, err := f.header(loc[0], loc[0]+loc[1])
	if err != nil {
		return nil, err
	}
	if fr.Kind != format.FrameIndex || fr.end() != loc[0]+loc[1] {
		return nil, f.corrupt(-1, loc[0], nil, "%s frame of %d bytes, the footer says index of %d", fr.Kind, fr.end()-fr.at, loc[1])
	}
	frames, _, err := f.readIndex(fr)
	if err != nil {
		return nil, err
	}
	f.cached, f.cachedChunk = frames, i
	return frames, nil
}

// indexRow returns the index's row of a sealed segment; nil if there is none.
func (f *File) indexRow(segment int) (*format.Frame, error) {
	b := f.layout.segments[segment]
	i := f.layout.chunkAfter(b.Offset)
	if i == len(f.layout.index) {
		return nil, nil
	}
	rows, err := f.chunk(i)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		if r := &rows[i]; r.Offset == b.Offset && r.Kind == format.FrameEvents && r.Metadata == int64(b.Metadata) && r.StoredBytes == b.Body {
			row := *r
			return &row, nil
		}
	}
	return nil, f.corrupt(segment, b.Offset, nil, "the index has no such frame")
}

// Frames returns the whole index: a row for each frame but index frames, in
// the order of the file.
func (f *File) Frames() ([]format.Frame, error) {
	var all []format.Frame
	for i := range f.layout.index {
		rows, err := f.chunk(i)
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	return all, nil
}

// Segments is the number of segments, those of a recording in progress that
// are not sealed yet included.
func (f *File) Segments() int { return len(f.layout.segments) + len(f.open) }

// Segment returns the index's row of a segment with its statistics. They are
// computed from the rows where the segment is still open, or where its part of
// the index is damaged.
func (f *File) Segment(i int) (*format.Frame, error) {
	if err := f.checkSegment(i); err != nil {
		return nil, err
	}
	if i >= len(f.layout.segments) {
		return f.openRow(f.open[i-len(f.layout.segments)]), nil
	}
	if row, err := f.indexRow(i); err == nil && row != nil {
		return row, nil
	}
	fr, err := f.events(i)
	if err != nil {
		return nil, err
	}
	row := frameRow(fr)
	if !f.table.events {
		return row, nil
	}
	b, err := f.batchOf(fr, i, allColumns)
	if err != nil {
		return nil, err
	}
	row.RawBytes, row.Functions = b.rawBytes, b.stats(f.table)
	return row, nil
}

// frameRow is what a frame's header tells for its row in the index.
func frameRow(f *frame) *format.Frame {
	row := &format.Frame{
		Number: int64(f.Frame), Kind: f.Kind, Flags: f.Flags, Offset: f.at, Metadata: f.metadata, StoredBytes: f.BodyLength,
		CRC: f.BodyCRC, Rows: int64(f.Rows), Segment: -1, FirstEvent: f.FirstEvent, FirstTimeNS: f.FirstTime, LastTimeNS: f.LastTime,
	}
	if f.Kind == format.FrameEvents {
		row.Segment = int64(f.Segment)
	}
	return row
}

// openRow is the row of a segment that is still open.
func (f *File) openRow(b *Batch) *format.Frame {
	row := &format.Frame{Kind: format.FrameEvents, Rows: int64(b.Rows), Segment: int64(b.Segment), FirstEvent: b.FirstEvent,
		RawBytes: b.rawBytes, Functions: b.stats(f.table)}
	row.FirstTimeNS, row.LastTimeNS = b.times()
	return row
}

func (f *File) checkSegment(i int) error {
	if i < 0 || i >= f.Segments() {
		return fmt.Errorf("%s: no segment %d: it has %d", f.name(), i, f.Segments())
	}
	return nil
}

// events reads the header of a sealed segment's frame.
func (f *File) events(segment int) (*frame, error) {
	return f.block(f.layout.segments[segment], format.FrameEvents)
}

// batchOf decodes columns of a segment.
func (f *File) batchOf(fr *frame, segment int, columns columnSet) (*Batch, error) {
	b, err := f.readBatch(f.table, fr, segment, nil)
	if err != nil {
		return nil, err
	}
	if err := b.load(columns); err != nil {
		return nil, f.damaged(fr, err)
	}
	return b, nil
}

// Batch decodes a segment of the event table.
func (f *File) Batch(segment int) (*Batch, error) {
	if err := f.checkSegment(segment); err != nil {
		return nil, err
	}
	if i := segment - len(f.layout.segments); i >= 0 {
		return f.open[i], nil
	}
	fr, err := f.events(segment)
	if err != nil {
		return nil, err
	}
	return f.batchOf(fr, segment, allColumns)
}

// BatchAfter is Batch for those who go through a trace and look at one segment
// at a time: last, which may be nil, must not be used any more, since the new
// batch is decoded into its memory. Of the nullable columns only those of fields
// are certain to be there; 0 stands for all.
func (f *File) BatchAfter(last *Batch, segment int, fields format.Fields) (*Batch, error) {
	if segment >= len(f.layout.segments) {
		return f.Batch(segment)
	}
	if err := f.checkSegment(segment); err != nil {
		return nil, err
	}
	fr, err := f.events(segment)
	if err != nil {
		return nil, err
	}
	memory := new(scratch)
	if last != nil && last.memory != nil {
		memory, last.memory = last.memory, nil
	}
	b, err := f.readBatch(f.table, fr, segment, memory)
	if err != nil {
		return nil, err
	}
	if err := b.load(columnsOf(fields)); err != nil {
		return nil, f.damaged(fr, err)
	}
	return b, nil
}

// Record decodes a segment of any table as an Arrow record. It stays valid after
// Close, and its memory is the garbage collector's: to release it is possible and
// not needed.
func (f *File) Record(segment int) (arrow.Record, error) {
	if err := f.checkSegment(segment); err != nil {
		return nil, err
	}
	if i := segment - len(f.layout.segments); i >= 0 {
		return f.openRecord(f.open[i])
	}
	fr, err := f.events(segment)
	if err != nil {
		return nil, err
	}
	return f.record(f.table, fr)
}

// record decodes an events frame as an Arrow record.
func (s *source) record(t *table, fr *frame) (arrow.Record, error) {
	for id, values := range t.dictionaries {
		if values == nil {
			return nil, s.damaged(fr, fmt.Errorf("dictionary %d is missing or damaged", id))
		}
	}
	body, err := s.batch(fr, nil)
	if err != nil {
		return nil, err
	}
	rec, err := guard(func() (arrow.Record, error) { return body.Record(t.schema, t.dictionaries) })
	if err != nil {
		return nil, s.damaged(fr, err)
	}
	return rec, nil
}
