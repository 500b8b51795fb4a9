package writer

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/ipc"
)

// output lays frames one after the other and closes them with a tail. What is
// put together in buf reaches the file in one write, over the old tail.
type output struct {
	dst  io.Writer // of a pipe, nil for a file
	file file      // nil for a pipe

	schema  *arrow.Schema
	encoder *ipc.Encoder
	empty   *ipc.Batch // no rows: carries attachments and index chunks
	plain   *ipc.Encoder
	extra   []ipc.KeyValue // metadata of the first index chunk

	at           int64 // offset of buf[0] in the file
	buf          []byte
	frame        uint32
	dictionaries []ipc.Block
	batches      []ipc.Block
	index        []format.IndexLocation
	pending      []format.Frame // rows of the next index chunk
	root         format.Root
	summary      format.Summary
	tail         int64 // bytes of the last tail, all of the file from at on
	written      int64 // all bytes written so far, over each other or not
}

func newOutput(schema *arrow.Schema, codec ipc.Codec) (*output, error) {
	o := &output{schema: schema}
	o.summary = format.Summary{Functions: []format.FunctionStats{}, Kinds: map[string]int64{}}
	var err error
	if o.encoder, err = ipc.NewEncoder(codec); err != nil {
		return nil, err
	}
	if o.plain, err = ipc.NewEncoder(ipc.None); err != nil {
		return nil, err
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	rec := b.NewRecord()
	defer rec.Release()
	o.empty, err = ipc.FromRecord(rec)
	return o, err
}

// end is the offset of the next frame.
func (o *output) end() int64 { return o.at + int64(len(o.buf)) }

// begin lays down the magic, the schema and the dictionaries.
func (o *output) begin(dictionaries []arrow.Array) error {
	o.buf = append(o.buf, format.Magic...)
	o.buf = append(o.buf, make([]byte, format.FirstFrame-len(format.Magic))...)
	message, err := ipc.SchemaMessage(o.schema)
	if err != nil {
		return err
	}
	o.add(message, nil, format.Trailer{Kind: format.FrameSchema}, format.Frame{})
	for id, values := range dictionaries {
		batch, err := ipc.FromArray(values)
		if err != nil {
			return fmt.Errorf("dictionary %d: %w", id, err)
		}
		message, body, err := o.plain.Encode(batch, int64(id), nil)
		if err != nil {
			return fmt.Errorf("dictionary %d: %w", id, err)
		}
		block := o.add(message, body, format.Trailer{Kind: format.FrameDictionary, Rows: uint32(batch.Rows)},
			format.Frame{RawBytes: batch.RawBytes()})
		o.dictionaries = append(o.dictionaries, block)
	}
	return nil
}

// add appends a frame to buf and its row to the index; t and row need only
// what is not known here.
func (o *output) add(message, body []byte, t format.Trailer, row format.Frame) ipc.Block {
	t.BodyCRC = format.CRC(body)
	block := o.addHeader(message, int64(len(body)), t, row)
	o.buf = append(o.buf, body...)
	header := o.buf[block.Offset-o.at:][8 : block.Metadata-format.TrailerSize]
	if t.Kind < format.FrameAttachment {
		o.root.Frame(t.Kind, header, body)
	}
	return block
}

// addHeader appends the header of a frame, whose body follows.
func (o *output) addHeader(message []byte, bodyLength int64, t format.Trailer, row format.Frame) ipc.Block {
	at := o.end()
	t.Frame, t.BodyLength = o.frame, bodyLength
	o.frame++
	start := len(o.buf)
	o.buf = format.AppendFrameHeader(o.buf, at, message, &t)
	metadata := len(o.buf) - start
	if t.Kind == format.FrameIndex {
		o.index = append(o.index, format.IndexLocation{at, int64(metadata) + bodyLength})
	} else {
		row.Number, row.Kind, row.Flags = int64(t.Frame), t.Kind, t.Flags
		row.Offset, row.Metadata, row.StoredBytes, row.CRC = at, int64(metadata), bodyLength, t.BodyCRC
		row.Rows, row.Segment = int64(t.Rows), -1
		if t.Kind == format.FrameEvents {
			row.Segment = int64(t.Segment)
		}
		row.FirstEvent, row.FirstTimeNS, row.LastTimeNS = t.FirstEvent, t.FirstTime, t.LastTime
		o.pending = append(o.pending, row)
	}
	return ipc.Block{Offset: at, Metadata: int32(metadata), Body: bodyLength}
}

// segment adds an events frame and its index chunk.
func (o *output) segment(b *ipc.Batch, first, last int64, stats []format.FunctionStats, exit *format.Exit) error {
	if b.Rows > math.MaxUint32 {
		return fmt.Errorf("segment of %d rows", b.Rows)
	}
	message, body, err := o.encoder.Encode(b, -1, nil)
	if err != nil {
		return err
	}
	s := &o.summary
	t := format.Trailer{Kind: format.FrameEvents, Rows: uint32(b.Rows), Segment: uint32(s.Segments),
		FirstEvent: s.Events, FirstTime: first, LastTime: last}
	raw := b.RawBytes()
	o.batches = append(o.batches, o.add(message, body, t, format.Frame{RawBytes: raw, Functions: stats}))
	if s.Segments == 0 {
		s.FirstTimeNS, s.LastTimeNS = first, last
	}
	s.Segments++
	s.Events += b.Rows
	s.StoredBytes += int64(len(body))
	s.RawBytes += raw
	s.FirstTimeNS, s.LastTimeNS = min(s.FirstTimeNS, first), max(s.LastTimeNS, last)
	s.Functions = format.MergeStats(s.Functions, stats)
	for _, f := range stats {
		s.Kinds[f.Kind] += f.Count
	}
	if exit != nil {
		s.Exit = exit
	}
	return o.addIndex()
}

// addIndex adds a chunk of the index for the frames since the last one.
func (o *output) addIndex() error {
	rec := format.IndexRecord(o.pending)
	defer rec.Release()
	payload, err := stream(rec, o.encoder)
	if err != nil {
		return fmt.Errorf("index: %w", err)
	}
	message, prefix, err := o.plain.EncodePayload(o.empty, int64(len(payload)), o.extra)
	if err != nil {
		return fmt.Errorf("index: %w", err)
	}
	o.pending, o.extra = o.pending[:0], nil
	t := format.Trailer{Kind: format.FrameIndex, Payload: uint32(len(prefix))}
	return o.addPayload(message, prefix, payload, t, format.Frame{})
}

// stream returns a record as an Arrow IPC stream.
func stream(rec arrow.Record, encoder *ipc.Encoder) ([]byte, error) {
	schema, err := ipc.SchemaMessage(rec.Schema())
	if err != nil {
		return nil, err
	}
	batch, err := ipc.FromRecord(rec)
	if err != nil {
		return nil, err
	}
	message, body, err := encoder.Encode(batch, -1, nil)
	if err != nil {
		return nil, err
	}
	out := ipc.AppendMessage(nil, schema, nil)
	out = ipc.AppendMessage(out, message, body)
	return ipc.AppendEndOfStream(out), nil
}

// flush writes buf, and to a file a tail after it in the same write.
func (o *output) flush(closed bool) error {
	if o.file == nil {
		return o.drain()
	}
	frames := len(o.buf)
	if err := o.appendTail(closed); err != nil {
		return err
	}
	_, err := o.file.WriteAt(o.buf, o.at)
	o.tail = int64(len(o.buf) - frames)
	o.written += int64(len(o.buf))
	o.at, o.buf = o.at+int64(frames), o.buf[:0]
	return err
}

// drain writes what is in buf without a tail.
func (o *output) drain() error {
	err := o.write(o.buf)
	o.buf = o.buf[:0]
	return err
}

func (o *output) write(data []byte) error {
	var n int
	var err error
	if o.file != nil {
		n, err = o.file.WriteAt(data, o.at)
	} else {
		n, err = o.dst.Write(data)
	}
	if err == nil && n < len(data) {
		err = io.ErrShortWrite // of a writer that is not ours
	}
	o.at += int64(len(data))
	o.written += int64(len(data))
	return err
}

// flushEmpty makes a complete file of what precedes the events. Its index
// chunk is a part of the tail: the first segment's, which tells the same,
// replaces it. A pipe gets that one only.
func (o *output) flushEmpty() error {
	if err := o.drain(); err != nil || o.file == nil {
		return err
	}
	at, frame, pending, extra := o.at, o.frame, slices.Clone(o.pending), o.extra
	if err := o.addIndex(); err != nil {
		return err
	}
	if err := o.flush(false); err != nil {
		return err
	}
	o.tail += o.at - at
	o.at, o.frame, o.pending, o.extra, o.index = at, frame, pending, extra, nil
	return nil
}

// finish writes the final tail.
func (o *output) finish() error {
	if len(o.index) == 0 {
		if err := o.addIndex(); err != nil {
			return err
		}
	}
	if o.file != nil {
		return o.flush(true)
	}
	if err := o.appendTail(true); err != nil {
		return err
	}
	return o.drain()
}

// credit is how many bytes more may be written while all that was written
// stays within twice the file's size.
func (o *output) credit() int64 { return 2*o.at + o.tail - o.written }

func (o *output) appendTail(closed bool) error {
	o.summary.Closed, o.summary.Root = closed, o.root.String()
	summary, err := json.Marshal(&o.summary)
	if err != nil {
		return fmt.Errorf("summary: %w", err)
	}
	index, err := json.Marshal(o.index)
	if err != nil {
		return fmt.Errorf("index: %w", err)
	}
	footer, err := ipc.Footer(o.schema, o.dictionaries, o.batches, []ipc.KeyValue{
		{Key: format.KeyVersion, Value: fmt.Sprint(format.Version)},
		{Key: format.KeyIndex, Value: string(index)},
		{Key: format.KeySummary, Value: string(summary)},
	})
	if err != nil {
		return err
	}
	o.buf = format.AppendTail(o.buf, footer)
	return nil
}
