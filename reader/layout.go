package reader

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/ipc"
)

// layout says where the frames of a file are.
type layout struct {
	schema       *arrow.Schema
	dictionaries []ipc.Block
	segments     []ipc.Block // events frames
	index        []format.IndexLocation
	first        int64 // offset of the first frame
	end          int64 // where the frames end
	summary      *format.Summary
	footer       []byte // as read; nil if the layout comes from a scan
}

// errNoTail means that a file does not end in a footer of ours.
var errNoTail = errors.New("no footer")

// readLayout reads the tail of a file.
func (s *source) readLayout() (*layout, error) {
	if err := s.checkMagic(); err != nil {
		return nil, err
	}
	return s.readEnd()
}

// readEnd reads the footer alone. That saves reading the beginning from the disk.
func (s *source) readEnd() (*layout, error) {
	footer, end, err := s.readFooter()
	if err != nil {
		return nil, err
	}
	l, err := s.parseFooter(footer, end)
	if err != nil {
		return nil, s.wrap(end, "footer", err)
	}
	return l, nil
}

// wrap places an error that is not yet a CorruptError or of another kind.
func (s *source) wrap(at int64, what string, err error) error {
	var corrupt *format.CorruptError
	switch {
	case errors.As(err, &corrupt):
		return err
	case errors.Is(err, format.ErrVersion):
		return fmt.Errorf("%s: %w", s.name(), err)
	case errors.Is(err, format.ErrNotTrace):
		return s.corrupt(-1, at, format.ErrNotTrace, "%s: %v", what, err)
	}
	return s.corrupt(-1, at, nil, "%s: %v", what, err)
}

var magic = [format.FirstFrame]byte{'A', 'R', 'R', 'O', 'W', '1'}

// checkMagic says what a file is that does not begin as an Arrow file.
func (s *source) checkMagic() error {
	start := make([]byte, min(s.size, 512))
	if err := s.read(start, 0); err != nil {
		return err
	}
	if bytes.HasPrefix(start, magic[:]) {
		return nil
	}
	return s.notTrace(describe(start))
}

// describe says in words what a file that begins like this is.
func describe(start []byte) string {
	known := []struct{ prefix, name string }{
		{"\x00asm\x0d\x00\x01\x00", "a WebAssembly component"}, {"\x00asm", "a WebAssembly module"},
		{"ARROW1", "an Arrow file whose first bytes are damaged"}, {"\xff\xff\xff\xff", "an Arrow stream, not a file"},
		{format.SidecarMagic, "the open segment of a recording, whose trace has the name without " + format.SidecarSuffix},
		{"PAR1", "a Parquet file"}, {"\x1f\x8b", "a gzip file"}, {"\x28\xb5\x2f\xfd", "a zstd file"}, {"PK\x03\x04", "a zip file"},
		{"{", "JSON text"}, {"[", "JSON text"},
	}
	if len(start) == 0 {
		return "an empty file"
	}
	if len(start) < len(magic) && bytes.HasPrefix(magic[:], start) {
		return fmt.Sprintf("a file of %d bytes", len(start))
	}
	for _, k := range known {
		if bytes.HasPrefix(start, []byte(k.prefix)) {
			return k.name
		}
	}
	for i := 0; i < utf8.UTFMax && i < len(start); i++ { // the end may be inside a character
		if text := start[:len(start)-i]; utf8.Valid(text) && bytes.IndexByte(text, 0) < 0 {
			return "a text file"
		}
	}
	return fmt.Sprintf("it begins with %x, want %x", start[:min(len(start), 8)], magic)
}

// readFooter returns the footer with its padding, and the offset of the end of
// stream before it.
func (s *source) readFooter() ([]byte, int64, error) {
	const least = int64(format.EndOfStreamSize + format.TailEnd)
	if s.size < format.FirstFrame+least {
		return nil, 0, s.noTail("%d bytes", s.size)
	}
	tail := make([]byte, 4+len(format.Magic))
	if err := s.read(tail, s.size-int64(len(tail))); err != nil {
		return nil, 0, err
	}
	n, ok := format.FooterLength(tail)
	at := s.size - int64(len(tail)) - n
	if !ok || at < format.FirstFrame+format.EndOfStreamSize {
		return nil, 0, s.noTail("no footer at the end")
	}
	if n > s.limits.MetadataBytes {
		return nil, 0, s.corrupt(-1, at, format.ErrLimit, "footer of %d bytes, the limit is %d", n, s.limits.MetadataBytes)
	}
	buf, err := s.view(at-format.EndOfStreamSize, format.EndOfStreamSize+n)
	if err != nil {
		return nil, 0, err
	}
	footer, err := format.CheckFooter(buf[format.EndOfStreamSize:])
	if err != nil {
		return nil, 0, s.noTail("%v", err)
	}
	return footer, at - format.EndOfStreamSize, nil
}

// noTail tells a damaged trace from somebody else's Arrow file: ours begin
// with a frame.
func (s *source) noTail(detail string, args ...any) error {
	_, err := s.header(format.FirstFrame, s.size)
	switch {
	case err == nil:
		return s.corrupt(-1, s.size, fmt.Errorf("%w: %w", errNoTail, format.ErrTruncated), detail, args...)
	case s.size < 512 && !s.hasMagicAtEnd() || errors.Is(err, format.ErrTruncated):
		return s.corrupt(-1, format.FirstFrame, fmt.Errorf("%w: %w", errNoTail, format.ErrTruncated), "neither a schema nor a footer")
	case s.hasMark():
		return s.corrupt(-1, s.size, errNoTail, "both its first frame and its footer are damaged")
	}
	return s.notTrace("an Arrow file that some other program wrote")
}

// hasMagicAtEnd reports whether the file ends like an Arrow file, and so is not
// the beginning of a longer one.
func (s *source) hasMagicAtEnd() bool {
	end := make([]byte, len(format.Magic))
	return s.read(end, max(s.size-int64(len(end)), 0)) == nil && string(end) == format.Magic
}

// hasMark reports whether the footer's mark stands at the end of the file, or
// a frame's trailer near its start: a damaged file of ours.
func (s *source) hasMark() bool {
	ends := make([]byte, min(s.size, 64<<10))
	if s.read(ends, 0) == nil && bytes.Contains(ends, []byte("TTF1")) {
		return true
	}
	return s.read(ends[:format.TailEnd], s.size-int64(format.TailEnd)) == nil && bytes.HasPrefix(ends, []byte("TTE1"))
}

func (s *source) parseFooter(footer []byte, end int64) (*layout, error) {
	parse := ipc.ParseFooter
	if s.brief {
		parse = ipc.ParseFooterMetadata
	}
	info, err := parse(footer)
	if err != nil {
		return nil, err
	}
	if v := info.Value(format.KeyVersion); v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s %q is not a number", format.KeyVersion, v)
		}
		if err := checkVersion(n); err != nil {
			return nil, err
		}
	}
	l := &layout{schema: info.Schema, dictionaries: info.Dictionaries, segments: info.Batches,
		first: format.FirstFrame, end: end, summary: new(format.Summary), footer: footer}
	if err := json.Unmarshal(metadataText(info.Value(format.KeySummary), s.brief), l.summary); err != nil {
		return nil, fmt.Errorf("%s: %w", format.KeySummary, err)
	}
	if err := json.Unmarshal([]byte(info.Value(format.KeyIndex)), &l.index); err != nil {
		return nil, fmt.Errorf("%s: %w", format.KeyIndex, err)
	}
	return l, l.check(s.limits)
}

// check makes sure that the frames follow each other inside the file.
func (l *layout) check(limits format.Limits) error {
	if n := len(l.segments) + len(l.index) + len(l.dictionaries); n > limits.Segments {
		return fmt.Errorf("%w: %d frames, the limit is %d", format.ErrLimit, n, limits.Segments)
	}
	for _, blocks := range [][]ipc.Block{l.dictionaries, l.segments} {
		at := l.first
		for i, b := range blocks {
			if b.Offset < at || b.Offset > l.end || b.Metadata < 8+format.TrailerSize || int64(b.Metadata) > limits.MetadataBytes ||
				b.Body < 0 || b.Body > l.end-b.Offset-int64(b.Metadata) {
				return fmt.Errorf("frame %d of %d+%d bytes at %d, outside %d to %d", i, b.Metadata, b.Body, b.Offset, at, l.end)
			}
			at = b.Offset + int64(b.Metadata) + b.Body
		}
	}
	at := l.first
	for i, c := range l.index {
		if c[0] < at || c[0] > l.end || c[1] < 8+format.TrailerSize || c[1] > l.end-c[0] {
			return fmt.Errorf("index frame %d of %d bytes at %d, outside %d to %d", i, c[1], c[0], at, l.end)
		}
		at = c[0] + c[1]
	}
	return nil
}

// chunkAfter returns the number of the index chunk that tells of the frame at
// an offset: the first one behind it. It is len(l.index) if there is none.
func (l *layout) chunkAfter(offset int64) int {
	i, _ := slices.BinarySearchFunc(l.index, offset, func(c format.IndexLocation, at int64) int {
		if c[0] <= at {
			return -1
		}
		return 1
	})
	return i
}
