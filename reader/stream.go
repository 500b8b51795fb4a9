package reader

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/ipc"
)

// Stream reads a trace from beginning to end: a file through a pipe, or the
// bare Arrow stream in it. It is for one goroutine.
//
//	for {
//		frame, err := s.Next()
//		if err == io.EOF {
//			break
//		}
//		...
//		switch frame.Kind {
//		case format.FrameAttachment: // frame.Attachment; read it from s
//		case format.FrameEvents:     // s.Batch or s.Record
//		}
//	}
type Stream struct {
	*table
	source  *source // of the current frame, for errors and limits
	r       *bufio.Reader
	at      int64
	frames  int64
	current *frame
	body    []byte
	chunk   []byte      // of the current attachment, not read yet
	part    *attachment // current attachment
	done    bool
	summary *format.Summary
}

// NewStream reads the header and the dictionaries.
func NewStream(r io.Reader, o Options) (*Stream, error) {
	s := &Stream{r: bufio.NewReaderSize(r, 64<<10), source: &source{limits: o.Limits.WithDefaults()}}
	start, err := s.r.Peek(len(magic))
	if err != nil && err != io.EOF {
		return nil, err
	}
	switch {
	case bytes.Equal(start, magic[:]):
		_, _ = s.r.Discard(len(magic)) // they have been peeked at
		s.at = format.FirstFrame
	case bytes.HasPrefix(start, []byte("\xff\xff\xff\xff")):
		s.at = format.FirstFrame // offsets are those in a file
	default:
		start, _ = s.r.Peek(512)
		return nil, s.source.notTrace(describe(start))
	}
	return s, s.begin()
}

func (s *Stream) begin() error {
	fr, err := s.read()
	if errors.Is(err, format.ErrNoTrailer) {
		return s.source.notTrace("an Arrow stream that some other program wrote")
	}
	if err == io.EOF {
		return s.source.notTrace("an Arrow stream without a schema")
	}
	if err != nil {
		return err
	}
	m, err := s.source.parse(fr)
	if err != nil {
		return err
	}
	if m.Schema == nil {
		return s.source.damaged(fr, errors.New("the first frame is not the schema"))
	}
	if s.table, err = newTable(m.Schema); err != nil {
		return s.source.wrap(fr.at, "schema", err)
	}
	for range s.dictionaries {
		if err := s.dictionary(); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stream) dictionary() error {
	fr, err := s.read()
	if err == io.EOF {
		return s.source.corrupt(-1, s.at, format.ErrTruncated, "%d dictionaries expected", len(s.dictionaries))
	}
	if err != nil {
		return err
	}
	if fr.Kind != format.FrameDictionary {
		return s.source.damaged(fr, errors.New("a dictionary expected"))
	}
	id, values, err := s.frameSource().readDictionary(fr, s.table)
	if err == nil {
		s.setDictionary(id, values)
	}
	return err
}

// frameSource gives access to the body of the current frame by its offset.
func (s *Stream) frameSource() *source {
	src := *s.source
	src.r, src.size = shifted{s.body, s.current.bodyAt()}, s.current.end()
	return &src
}

// shifted is an io.ReaderAt of data that lie at an offset.
type shifted struct {
	data []byte
	from int64
}

func (d shifted) ReadAt(p []byte, off int64) (int, error) {
	if off < d.from || off-d.from > int64(len(d.data)) {
		return 0, io.EOF
	}
	n := copy(p, d.data[off-d.from:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// read reads the next frame and checks header and body; io.EOF at the end of
// the stream.
func (s *Stream) read() (*frame, error) {
	if s.done {
		return nil, io.EOF
	}
	prefix := make([]byte, 8)
	if err := s.fill(prefix); err != nil {
		return nil, err
	}
	n := int64(binary.LittleEndian.Uint32(prefix[4:]))
	if binary.LittleEndian.Uint32(prefix) != 0xFFFFFFFF {
		return nil, s.source.corrupt(-1, s.at, nil, "frame expected, found %x", prefix)
	}
	if n == 0 {
		s.done = true
		return nil, s.tail()
	}
	if n > s.source.limits.MetadataBytes {
		return nil, s.source.corrupt(-1, s.at, format.ErrLimit, "frame header of %d bytes, the limit is %d", n, s.source.limits.MetadataBytes)
	}
	header, err := s.take(prefix, n)
	if err != nil {
		return nil, err
	}
	fr, err := s.source.parseHeader(header, s.at, 1<<62)
	if err != nil {
		return nil, err
	}
	if int64(fr.Frame) != s.frames {
		return nil, s.source.damaged(fr, fmt.Errorf("frame %d, want %d", fr.Frame, s.frames))
	}
	if fr.BodyLength > s.source.limits.SegmentBytes {
		return nil, s.source.corrupt(fr.segment(), fr.at, format.ErrLimit, "body of %d bytes, the limit is %d", fr.BodyLength, s.source.limits.SegmentBytes)
	}
	if s.body, err = s.take(nil, fr.BodyLength); err != nil {
		return nil, err
	}
	s.at, s.frames, s.current = fr.end(), s.frames+1, fr
	return fr, s.source.checkBody(fr, format.CRC(s.body))
}

// fill reads all of buf, whose absence means that the stream is cut short.
func (s *Stream) fill(buf []byte) error {
	_, err := io.ReadFull(s.r, buf)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return s.source.corrupt(-1, s.at, format.ErrTruncated, "the stream has no end mark")
	}
	return err
}

// take appends n bytes of the stream to dst. Memory grows with what is there,
// not with what is declared.
func (s *Stream) take(dst []byte, n int64) ([]byte, error) {
	buf := bytes.NewBuffer(dst)
	if n <= 1<<20 {
		buf.Grow(int(n))
	}
	_, err := io.CopyN(buf, s.r, n)
	if err == io.EOF {
		err = s.source.corrupt(-1, s.at, format.ErrTruncated, "%d bytes expected", n)
	}
	return buf.Bytes(), err
}

// tail reads what follows the end of stream: nothing, or a footer.
func (s *Stream) tail() error {
	data, err := io.ReadAll(io.LimitReader(s.r, s.source.limits.MetadataBytes))
	if err != nil {
		return err
	}
	if len(data) == 0 {
		return io.EOF
	}
	n, ok := format.FooterLength(data)
	if !ok || n != int64(len(data)-4-len(format.Magic)) {
		return s.source.corrupt(-1, s.at, format.ErrTruncated, "%d bytes after the end of stream are no footer", len(data))
	}
	footer, err := format.CheckFooter(data[:n])
	if err != nil {
		return s.source.corrupt(-1, s.at, nil, "footer: %v", err)
	}
	info, err := ipc.ParseFooter(footer)
	if err != nil {
		return s.source.corrupt(-1, s.at, nil, "footer: %v", err)
	}
	sum := new(format.Summary)
	if err := json.Unmarshal([]byte(info.Value(format.KeySummary)), sum); err != nil {
		return s.source.corrupt(-1, s.at, nil, "footer: %s: %v", format.KeySummary, err)
	}
	s.summary = sum
	return io.EOF
}

// Summary is that of the footer, nil before Next has returned io.EOF or if the
// stream has no footer.
func (s *Stream) Summary() *format.Summary { return s.summary }

// Next goes on to the next segment or attachment and describes it; what is not
// read of the current one is skipped. Statistics are not in the stream. The
// error is io.EOF at the end.
func (s *Stream) Next() (*format.Frame, error) {
	for s.part != nil && s.part.have() < s.part.Size && !s.part.Detached {
		if err := s.nextChunk(); err != nil {
			return nil, err
		}
	}
	s.part, s.chunk = nil, nil
	for {
		fr, err := s.read()
		if err != nil {
			return nil, err
		}
		switch fr.Kind {
		case format.FrameEvents:
			if _, err := s.source.parse(fr); err != nil {
				return nil, err
			}
			return frameRow(fr), nil
		case format.FrameAttachment:
			return s.startAttachment(fr)
		}
	}
}

func (s *Stream) startAttachment(fr *frame) (*format.Frame, error) {
	row, err := s.source.attachmentRow(fr, nil)
	if err != nil {
		return nil, err
	}
	s.part = &attachment{Attachment: *row.Attachment}
	s.setChunk(row)
	return row, nil
}

func (s *Stream) setChunk(row *format.Frame) {
	s.part.add(row)
	s.chunk = s.body[row.Payload : row.Payload+row.Chunk]
}

// nextChunk reads the next frame of the current attachment.
func (s *Stream) nextChunk() error {
	fr, err := s.read()
	if err == io.EOF {
		return s.source.corrupt(-1, s.at, format.ErrTruncated, "attachment %q has %d of %d bytes", s.part.Name, s.part.have(), s.part.Size)
	}
	if err != nil {
		return err
	}
	if fr.Kind != format.FrameAttachment {
		return s.source.damaged(fr, fmt.Errorf("attachment %q is not complete", s.part.Name))
	}
	row, err := s.source.attachmentRow(fr, []attachment{*s.part})
	if err != nil {
		return err
	}
	if s.part.Attachment != *row.Attachment || row.Chunk == 0 {
		return s.source.damaged(fr, fmt.Errorf("a chunk of attachment %q, want one of %q", row.Attachment.Name, s.part.Name))
	}
	s.setChunk(row)
	return nil
}

// Read reads the current attachment. The bytes of each chunk are checked
// against its frame's checksum before; the sha256 is left to the caller.
func (s *Stream) Read(p []byte) (int, error) {
	if s.part == nil || s.part.Detached {
		return 0, io.EOF
	}
	for len(s.chunk) == 0 {
		if s.part.have() >= s.part.Size {
			return 0, io.EOF
		}
		if err := s.nextChunk(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.chunk)
	s.chunk = s.chunk[n:]
	return n, nil
}

// Batch decodes the current segment of the event table.
func (s *Stream) Batch() (*Batch, error) {
	if err := s.checkCurrent(); err != nil {
		return nil, err
	}
	b, err := s.frameSource().readBatch(s.table, s.current, int(s.current.Segment), nil)
	if err != nil {
		return nil, err
	}
	if err := b.load(allColumns); err != nil {
		return nil, s.source.damaged(s.current, err)
	}
	return b, nil
}

// Record decodes the current segment of any table as an Arrow record, as
// File.Record does.
func (s *Stream) Record() (arrow.Record, error) {
	if err := s.checkCurrent(); err != nil {
		return nil, err
	}
	return s.frameSource().record(s.table, s.current)
}

func (s *Stream) checkCurrent() error {
	if s.current == nil || s.current.Kind != format.FrameEvents || s.done {
		return errors.New("the current frame is not a segment")
	}
	return nil
}

// Events iterates the events of the rest of the stream as File.Events does,
// and skips attachments. It ends after the first error.
func (s *Stream) Events(q Query) iter.Seq2[*format.Event, error] {
	return func(yield func(*format.Event, error) bool) {
		sc := scan{filter: newFilter(&q, s.table, 0), limit: s.source.limits.SegmentBytes}
		for {
			b, err := s.nextBatch()
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if b != nil && !sc.batch(b, yield) {
				return
			}
		}
	}
}

// nextBatch decodes the next segment; nil for an attachment.
func (s *Stream) nextBatch() (*Batch, error) {
	row, err := s.Next()
	if err != nil || row.Kind != format.FrameEvents {
		return nil, err
	}
	return s.Batch()
}
