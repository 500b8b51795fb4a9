package reader

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/ipc"
)

// source reads and checks the frames of one file.
type source struct {
	r      io.ReaderAt
	size   int64
	path   string // for errors
	limits format.Limits
	brief  bool // no schema and no functions: see ReadTail
}

// frame is a frame whose header has been checked; its body has not.
type frame struct {
	at       int64
	metadata int64 // bytes before the body
	*format.Trailer
	message []byte // with its padding, as the root hash takes it
}

func (f *frame) bodyAt() int64 { return f.at + f.metadata }
func (f *frame) end() int64    { return f.bodyAt() + f.BodyLength }

// segment is the number of the segment for errors.
func (f *frame) segment() int {
	if f.Kind == format.FrameEvents {
		return int(f.Segment)
	}
	return -1
}

func (s *source) corrupt(segment int, at int64, cause error, detail string, args ...any) error {
	return &format.CorruptError{Path: s.path, Segment: segment, Offset: at, Detail: fmt.Sprintf(detail, args...), Err: cause}
}

// notTrace says that the file is something else.
func (s *source) notTrace(detail string) error {
	return s.corrupt(-1, 0, format.ErrNotTrace, "not a trace: %s", detail)
}

// damaged wraps what is wrong with a frame's content.
func (s *source) damaged(f *frame, err error) error {
	var cause error
	switch {
	case errors.Is(err, ipc.ErrTooLarge):
		cause = format.ErrLimit
	case errors.Is(err, io.ErrUnexpectedEOF):
		cause = format.ErrTruncated
	}
	return s.corrupt(f.segment(), f.at, cause, "%s frame: %v", f.Kind, err)
}

// view returns n bytes at an offset. Of a file whose end is in memory they are not
// copied, and not to be kept.
func (s *source) view(at, n int64) ([]byte, error) {
	if e, ok := s.r.(*endReader); ok {
		if b := e.view(at, n); b != nil {
			return b, nil
		}
	}
	buf := make([]byte, n)
	return buf, s.read(buf, at)
}

// read fills buf from offset at.
func (s *source) read(buf []byte, at int64) error {
	if at < 0 || at > s.size || int64(len(buf)) > s.size-at {
		return s.corrupt(-1, at, format.ErrTruncated, "%d bytes expected", len(buf))
	}
	n, err := s.r.ReadAt(buf, at)
	if n == len(buf) {
		return nil
	}
	if err == nil || err == io.EOF {
		return s.corrupt(-1, at, format.ErrTruncated, "%d bytes expected, %d found", len(buf), n)
	}
	return fmt.Errorf("%s: %w", s.name(), err)
}

func (s *source) name() string {
	if s.path == "" {
		return "trace"
	}
	return s.path
}

// headerGuess is how much is read of a frame whose header's size is unknown.
const headerGuess = 4096

// header reads and checks the header of the frame at an offset. The frame must
// end at or before end.
func (s *source) header(at, end int64) (*frame, error) {
	buf := make([]byte, min(headerGuess, max(end-at, 0)))
	if len(buf) < 8 {
		return nil, s.corrupt(-1, at, format.ErrTruncated, "frame expected")
	}
	if err := s.read(buf, at); err != nil {
		return nil, err
	}
	n := 8 + int64(binary.LittleEndian.Uint32(buf[4:]))
	if binary.LittleEndian.Uint32(buf) != 0xFFFFFFFF || n < 8+format.TrailerSize {
		return nil, s.corrupt(-1, at, nil, "frame expected, found %x", buf[:8])
	}
	if n > s.limits.MetadataBytes {
		return nil, s.corrupt(-1, at, format.ErrLimit, "frame header of %d bytes, the limit is %d", n, s.limits.MetadataBytes)
	}
	if n > end-at {
		return nil, s.corrupt(-1, at, format.ErrTruncated, "frame header of %d bytes, %d are left", n, end-at)
	}
	if n > int64(len(buf)) {
		buf = make([]byte, n)
		if err := s.read(buf, at); err != nil {
			return nil, err
		}
	}
	return s.parseHeader(buf[:n], at, end)
}

// parseHeader checks the bytes of a header. With an error that matches
// ErrTruncated it returns the frame whose body is cut short.
func (s *source) parseHeader(header []byte, at, end int64) (*frame, error) {
	t, message, err := format.ParseFrameHeader(header)
	if err != nil {
		cause := error(nil)
		if errors.Is(err, format.ErrNoTrailer) {
			cause = format.ErrNoTrailer
		}
		return nil, s.corrupt(-1, at, cause, "%v", err)
	}
	f := &frame{at: at, metadata: int64(len(header)), Trailer: t, message: message}
	switch {
	case f.bodyAt()%format.FrameAlign != 0:
		return nil, s.corrupt(f.segment(), at, nil, "body at byte %d, want a multiple of %d", f.bodyAt(), format.FrameAlign)
	case t.FirstEvent > math.MaxInt64>>1:
		return nil, s.corrupt(f.segment(), at, nil, "first event %d", t.FirstEvent)
	case t.BodyLength > end-f.bodyAt():
		return f, s.corrupt(f.segment(), at, format.ErrTruncated, "%s frame with a body of %d bytes, %d are left", t.Kind, t.BodyLength, end-f.bodyAt())
	}
	return f, nil
}

// block reads the header of a frame that the footer lists, of that kind.
func (s *source) block(b ipc.Block, kind format.FrameKind) (*frame, error) {
	f, err := s.header(b.Offset, b.Offset+int64(b.Metadata)+b.Body)
	if err != nil {
		return nil, err
	}
	if f.Kind != kind || f.metadata != int64(b.Metadata) || f.BodyLength != b.Body {
		return nil, s.corrupt(f.segment(), f.at, nil, "%s frame of %d+%d bytes, the footer says %s of %d+%d",
			f.Kind, f.metadata, f.BodyLength, kind, b.Metadata, b.Body)
	}
	return f, nil
}

// parse returns the message of a frame, checked against its trailer.
func (s *source) parse(f *frame) (*ipc.Message, error) {
	m, err := ipc.ParseMessage(f.message)
	if err != nil {
		return nil, s.damaged(f, err)
	}
	want := ipc.RecordBatchKind
	switch f.Kind {
	case format.FrameSchema:
		want = ipc.SchemaKind
	case format.FrameDictionary:
		want = ipc.DictionaryKind
	}
	switch {
	case m.Kind != want:
		return nil, s.damaged(f, fmt.Errorf("message of kind %d, want %d", m.Kind, want))
	case m.BodyLength != f.BodyLength:
		return nil, s.damaged(f, fmt.Errorf("message with a body of %d bytes, the trailer says %d", m.BodyLength, f.BodyLength))
	case f.Kind == format.FrameEvents && m.Rows != int64(f.Rows):
		return nil, s.damaged(f, fmt.Errorf("message of %d rows, the trailer says %d", m.Rows, f.Rows))
	}
	return m, nil
}

// body reads a frame's body into buf, grown as needed, and checks it.
func (s *source) body(f *frame, buf []byte) ([]byte, error) {
	if f.BodyLength > s.limits.SegmentBytes {
		return nil, s.corrupt(f.segment(), f.at, format.ErrLimit, "body of %d bytes, the limit is %d", f.BodyLength, s.limits.SegmentBytes)
	}
	if int64(cap(buf)) < f.BodyLength {
		buf = make([]byte, f.BodyLength)
	}
	buf = buf[:f.BodyLength]
	if err := s.read(buf, f.bodyAt()); err != nil {
		return nil, err
	}
	return buf, s.checkBody(f, format.CRC(buf))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// scanBody checks a frame's body without keeping it.
func (s *source) scanBody(f *frame) error {
	buf := make([]byte, min(f.BodyLength, 256<<10))
	crc := uint32(0)
	for at := f.bodyAt(); at < f.end(); {
		buf = buf[:min(int64(len(buf)), f.end()-at)]
		if err := s.read(buf, at); err != nil {
			return err
		}
		crc = crc32.Update(crc, castagnoli, buf)
		at += int64(len(buf))
	}
	return s.checkBody(f, crc)
}

func (s *source) checkBody(f *frame, crc uint32) error {
	if crc != f.BodyCRC {
		return s.corrupt(f.segment(), f.at, nil, "%s frame: body checksum %08x, want %08x", f.Kind, crc, f.BodyCRC)
	}
	return nil
}

// content is a batch's body, checked but not decoded.
type content struct {
	*ipc.Body
	m    *ipc.Message
	data []byte
}

// batch reads a frame's body into buf, grown as needed, and prepares its decoding.
func (s *source) batch(f *frame, buf []byte) (*content, error) {
	m, err := s.parse(f)
	if err != nil {
		return nil, err
	}
	data, err := s.body(f, buf)
	if err != nil {
		return nil, err
	}
	b, err := ipc.NewBody(m, data, s.limits.SegmentBytes)
	if err != nil {
		return nil, s.damaged(f, err)
	}
	return &content{b, m, data}, nil
}

// rawBytes is what the buffers come to before compression.
func (c *content) rawBytes() int64 {
	var total int64
	for _, b := range c.m.Buffers {
		n := b.Length
		if c.m.Codec != ipc.None && n >= 8 {
			n -= 8
			if raw := int64(binary.LittleEndian.Uint64(c.data[b.Offset:])); raw >= 0 {
				n = raw
			}
		}
		total += n
	}
	return total
}
