package writer

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/ipc"
)

func corrupt(f *os.File, at int64, detail string, args ...any) error {
	return &format.CorruptError{Path: f.Name(), Segment: -1, Offset: at, Detail: fmt.Sprintf(detail, args...)}
}

func notTrace(f *os.File) error {
	return &format.CorruptError{Path: f.Name(), Segment: -1, Detail: "not a trace that was closed", Err: format.ErrNotTrace}
}

// readTail reads and checks a file's tail: the parsed footer and the bytes.
func readTail(f *os.File) (*ipc.FooterInfo, *oldTail, error) {
	stat, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	const fixed = 4 + int64(len(format.Magic)) // what FooterLength reads
	size := stat.Size()
	if size < format.FirstFrame+format.EndOfStreamSize+fixed {
		return nil, nil, notTrace(f)
	}
	end := make([]byte, fixed)
	if _, err := f.ReadAt(end, size-fixed); err != nil {
		return nil, nil, err
	}
	n, ok := format.FooterLength(end)
	at := size - fixed - n - format.EndOfStreamSize
	if !ok || at < format.FirstFrame {
		return nil, nil, notTrace(f)
	}
	if limit := (format.Limits{}).WithDefaults().MetadataBytes; n > limit {
		return nil, nil, fmt.Errorf("%s: %w: footer of %d bytes, at most %d", f.Name(), format.ErrLimit, n, limit)
	}
	old := &oldTail{at, make([]byte, size-at)}
	if _, err := f.ReadAt(old.data, at); err != nil {
		return nil, nil, err
	}
	info, err := parseTail(old.data, n)
	if errors.Is(err, format.ErrNotTrace) {
		return nil, nil, notTrace(f)
	}
	if err != nil {
		return nil, nil, corrupt(f, at, "%v", err)
	}
	return info, old, nil
}

func parseTail(tail []byte, n int64) (*ipc.FooterInfo, error) {
	footer, err := format.CheckFooter(tail[format.EndOfStreamSize:][:n])
	if err != nil {
		return nil, err
	}
	if mark := binary.LittleEndian.Uint64(tail); mark != 0xFFFFFFFF {
		return nil, fmt.Errorf("%016x before the footer, want the end of the stream", mark)
	}
	return ipc.ParseFooter(footer)
}

// metadata decodes a JSON value of a schema's metadata.
func metadata(m arrow.Metadata, key string, to any) error {
	i := m.FindKey(key)
	if i < 0 {
		return fmt.Errorf("no %s in the schema's metadata", key)
	}
	if err := json.Unmarshal([]byte(m.Values()[i]), to); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// readFrame reads and checks the frame at an offset, which ends at or before
// end.
func readFrame(f *os.File, at, end int64) (t *format.Trailer, message, body []byte, err error) {
	prefix := make([]byte, 8)
	if at < format.FirstFrame || at > end-int64(len(prefix)) {
		return nil, nil, nil, corrupt(f, at, "frame outside the file")
	}
	if _, err := f.ReadAt(prefix, at); err != nil {
		return nil, nil, nil, err
	}
	n := 8 + int64(binary.LittleEndian.Uint32(prefix[4:]))
	if n > end-at {
		return nil, nil, nil, corrupt(f, at, "frame header of %d bytes, %d are left", n, end-at)
	}
	header := make([]byte, n)
	if _, err := f.ReadAt(header, at); err != nil {
		return nil, nil, nil, err
	}
	if t, message, err = format.ParseFrameHeader(header); err != nil {
		return nil, nil, nil, corrupt(f, at, "%v", err)
	}
	if t.BodyLength > min(end-at-n, format.MaxFrameBytes) {
		return nil, nil, nil, corrupt(f, at, "body of %d bytes, %d are left", t.BodyLength, end-at-n)
	}
	body = make([]byte, t.BodyLength)
	if _, err := f.ReadAt(body, at+n); err != nil {
		return nil, nil, nil, err
	}
	if got := format.CRC(body); got != t.BodyCRC {
		return nil, nil, nil, corrupt(f, at, "body checksum %08x, want %08x", got, t.BodyCRC)
	}
	return t, message, body, nil
}

// readDictionary reads the names of a dictionary, which ends before the tail.
func readDictionary(f *os.File, b ipc.Block, tail int64) ([]string, error) {
	t, message, body, err := readFrame(f, b.Offset, min(tail, b.Offset+int64(b.Metadata)+b.Body))
	if err != nil {
		return nil, err
	}
	if t.Kind != format.FrameDictionary {
		return nil, corrupt(f, b.Offset, "%s frame, want a dictionary", t.Kind)
	}
	m, err := ipc.ParseMessage(message)
	if err != nil {
		return nil, corrupt(f, b.Offset, "%v", err)
	}
	decoded, err := ipc.NewBody(m, body, format.MaxFrameBytes)
	if err != nil {
		return nil, corrupt(f, b.Offset, "%v", err)
	}
	values, err := decoded.Values(arrow.BinaryTypes.String)
	if err != nil {
		return nil, corrupt(f, b.Offset, "%v", err)
	}
	defer values.Release()
	names := make([]string, values.Len())
	for i := range names {
		names[i] = values.(*array.String).Value(i)
	}
	return names, nil
}
