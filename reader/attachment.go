package reader

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"sync"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/ipc"
)

// ErrDetached is returned for an attachment whose bytes are not in the trace.
var ErrDetached = errors.New("the attachment's bytes are kept elsewhere")

// attachment is a file inside the trace and where its chunks are.
type attachment struct {
	format.Attachment
	chunks []chunk
}

// chunk is a piece of an attachment: from says where in the attachment.
type chunk struct {
	block   ipc.Block
	payload int64
	from, n int64
}

// add adds the next chunk, from a frame's row of the index.
func (a *attachment) add(row *format.Frame) {
	from := a.have()
	a.chunks = append(a.chunks, chunk{
		block:   ipc.Block{Offset: row.Offset, Metadata: int32(row.Metadata), Body: row.StoredBytes},
		payload: row.Payload, from: from, n: row.Chunk,
	})
}

// have is the number of bytes in the chunks.
func (a *attachment) have() int64 {
	if len(a.chunks) == 0 {
		return 0
	}
	last := a.chunks[len(a.chunks)-1]
	return last.from + last.n
}

// Attachments lists the files inside the trace in their order.
func (f *File) Attachments() []format.Attachment {
	list := make([]format.Attachment, len(f.attachments))
	for i := range f.attachments {
		list[i] = f.attachments[i].Attachment
	}
	return list
}

// listAttachments finds the attachments. They are in the stretches between
// index frames that hold more than one events frame; the rows of the index
// tell of them or, where these are damaged, their own headers.
func (f *File) listAttachments() {
	at, segment := f.layout.first, 0
	for i, loc := range f.layout.index {
		for ; segment < len(f.layout.segments) && f.layout.segments[segment].Offset < loc[0]; segment++ {
			if b := f.layout.segments[segment]; b.Offset == at {
				at = b.Offset + int64(b.Metadata) + b.Body
			}
		}
		if at < loc[0] {
			f.listStretch(i, at, loc[0])
		}
		at = loc[0] + loc[1]
	}
	f.walkStretch(at, f.layout.end)
}

func (f *File) listStretch(index int, from, to int64) {
	rows, err := f.chunk(index)
	if err != nil {
		f.walkStretch(from, to)
		return
	}
	for i := range rows {
		if rows[i].Attachment != nil {
			f.attachments = appendChunk(f.attachments, &rows[i])
		}
	}
}

// walkStretch goes from frame to frame up to the first damaged one.
func (f *File) walkStretch(from, to int64) {
	for from < to {
		fr, err := f.header(from, to)
		if err != nil {
			return
		}
		if fr.Kind == format.FrameAttachment {
			if row, err := f.attachmentRow(fr, f.attachments); err == nil {
				f.attachments = appendChunk(f.attachments, row)
			}
		}
		from = fr.end()
	}
}

// appendChunk adds a frame's chunk to the last attachment, which it continues,
// or as a new one.
func appendChunk(list []attachment, row *format.Frame) []attachment {
	n := len(list)
	if n == 0 || !continues(&list[n-1], row.Attachment) {
		list = append(list, attachment{Attachment: *row.Attachment})
		n++
	}
	list[n-1].add(row)
	return list
}

// continues reports whether a chunk of b belongs to a, which is not complete.
func continues(a *attachment, b *format.Attachment) bool {
	return a.Attachment == *b && !a.Detached && a.have() < a.Size
}

// attachmentRow returns an attachment frame's row of the index from its
// message. All chunks but the last fill their body.
func (s *source) attachmentRow(fr *frame, list []attachment) (*format.Frame, error) {
	m, err := s.parse(fr)
	if err != nil {
		return nil, err
	}
	a := &format.Attachment{Name: m.Value(format.KeyAttachmentName), MediaType: m.Value(format.KeyAttachmentMediaType),
		Detached: fr.Flags&format.FlagDetached != 0}
	a.Size, err = strconv.ParseInt(m.Value(format.KeyAttachmentSize), 10, 64)
	if err != nil || a.Size < 0 {
		return nil, s.damaged(fr, fmt.Errorf("attachment size %q", m.Value(format.KeyAttachmentSize)))
	}
	digest, err := hex.DecodeString(m.Value(format.KeyAttachmentSHA256))
	if err != nil || len(digest) != len(a.SHA256) {
		return nil, s.damaged(fr, fmt.Errorf("attachment sha256 %q", m.Value(format.KeyAttachmentSHA256)))
	}
	copy(a.SHA256[:], digest)
	row := frameRow(fr)
	row.Attachment, row.Payload = a, int64(fr.Payload)
	if !a.Detached {
		missing := a.Size
		if n := len(list); n > 0 && continues(&list[n-1], a) {
			missing -= list[n-1].have()
		}
		row.Chunk = min(fr.BodyLength-int64(fr.Payload), missing)
	}
	row.RawBytes = row.Chunk
	return row, nil
}

// Attachment reads a file inside the trace. Each chunk, at most 64 MiB, is
// checked against its frame's checksum before any of its bytes are returned;
// Read checks the sha256 of the whole at its end. ReadAt may be called by many
// goroutines.
type Attachment struct {
	format.Attachment
	source    *source
	chunks    []chunk
	elsewhere io.ReaderAt // has the bytes of a detached attachment

	at     int64 // of Read
	digest hash.Hash

	mu     sync.Mutex
	loaded int // number of the chunk in data, -1 for none
	data   []byte
}

// OpenAttachment opens a file inside the trace by its name. The error is
// fs.ErrNotExist if there is none, ErrDetached if its bytes are elsewhere and
// Options.Elsewhere is not set.
func (f *File) OpenAttachment(name string) (*Attachment, error) {
	i := slices.IndexFunc(f.attachments, func(a attachment) bool { return a.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("%s: attachment %q: %w", f.name(), name, fs.ErrNotExist)
	}
	a := &f.attachments[i]
	open := &Attachment{Attachment: a.Attachment, source: f.source, chunks: a.chunks, digest: sha256.New(), loaded: -1}
	if !a.Detached {
		return open, nil
	}
	if f.elsewhere == nil {
		return nil, fmt.Errorf("%s: attachment %q: %w (sha256 %x)", f.name(), name, ErrDetached, a.SHA256)
	}
	var err error
	if open.elsewhere, err = f.elsewhere(a.Attachment); err != nil {
		return nil, fmt.Errorf("%s: attachment %q: %w", f.name(), name, err)
	}
	return open, nil
}

// ReadAttachment returns a file inside the trace, checked whole. Its size must
// not exceed Limits.SegmentBytes.
func (f *File) ReadAttachment(name string) ([]byte, error) {
	a, err := f.OpenAttachment(name)
	if err != nil {
		return nil, err
	}
	if a.Attachment.Size > f.limits.SegmentBytes {
		return nil, fmt.Errorf("%s: attachment %q: %w: %d bytes", f.name(), name, format.ErrLimit, a.Attachment.Size)
	}
	return io.ReadAll(a)
}

// Size is the attachment's length in bytes.
func (a *Attachment) Size() int64 { return a.Attachment.Size }

// Read reads on. Where io.EOF would be returned, it is an error instead if the
// bytes are not those that the trace's writer attached.
func (a *Attachment) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := a.ReadAt(p, a.at)
	a.digest.Write(p[:n])
	a.at += int64(n)
	if err == io.EOF && n > 0 {
		return n, nil
	}
	if err == io.EOF && !bytes.Equal(a.digest.Sum(nil), a.SHA256[:]) {
		return n, a.corrupt("sha256 %x, want %x", a.digest.Sum(nil), a.SHA256)
	}
	return n, err
}

// ReadAt implements io.ReaderAt.
func (a *Attachment) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("attachment %q: offset %d", a.Name, off)
	}
	if a.elsewhere != nil {
		return io.NewSectionReader(a.elsewhere, 0, a.Attachment.Size).ReadAt(p, off)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for n < len(p) {
		if off >= a.Attachment.Size {
			return n, io.EOF
		}
		data, err := a.chunkAt(off)
		if err != nil {
			return n, err
		}
		k := copy(p[n:], data)
		n, off = n+k, off+int64(k)
	}
	return n, nil
}

// chunkAt returns the bytes from an offset to the end of their chunk.
func (a *Attachment) chunkAt(off int64) ([]byte, error) {
	i := slices.IndexFunc(a.chunks, func(c chunk) bool { return c.from <= off && off-c.from < c.n })
	if i < 0 {
		return nil, a.corrupt("no byte %d of %d: a part of the attachment is missing", off, a.Attachment.Size)
	}
	if i != a.loaded {
		a.loaded = -1
		data, err := a.source.chunkBody(&a.chunks[i], a.data)
		if err != nil {
			return nil, err
		}
		a.data, a.loaded = data, i
	}
	c := a.chunks[i]
	return a.data[c.payload:][off-c.from : c.n], nil
}

func (a *Attachment) corrupt(detail string, args ...any) error {
	at := int64(0)
	if len(a.chunks) > 0 {
		at = a.chunks[0].block.Offset
	}
	return a.source.corrupt(-1, at, nil, "attachment %q: %s", a.Name, fmt.Sprintf(detail, args...))
}

// chunkBody reads and checks the body of a chunk's frame.
func (s *source) chunkBody(c *chunk, buf []byte) ([]byte, error) {
	fr, err := s.block(c.block, format.FrameAttachment)
	if err != nil {
		return nil, err
	}
	if int64(fr.Payload) != c.payload || c.n < 0 || c.n > fr.BodyLength-c.payload {
		return nil, s.corrupt(-1, fr.at, nil, "attachment frame with %d bytes at %d of %d, the index says %d at %d",
			fr.BodyLength-int64(fr.Payload), fr.Payload, fr.BodyLength, c.n, c.payload)
	}
	return s.body(fr, buf)
}
