package writer

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/ipc"
)

// attachment is a file to be embedded, or only named if source is nil.
type attachment struct {
	format.Attachment
	source io.ReaderAt
}

// ErrStarted is returned for attachments that come after the first event:
// readers find them before any row.
var ErrStarted = errors.New("attachments come before the first event")

// Attach embeds a file. It must precede the first event; the data must not
// change before that.
func (w *Writer) Attach(name, mediaType string, data []byte) error {
	return w.attach(attachment{
		Attachment: format.Attachment{Name: name, MediaType: mediaType, Size: int64(len(data)), SHA256: sha256.Sum256(data)},
		source:     bytes.NewReader(data),
	})
}

// AttachFrom embeds size bytes of r, which is read twice: now for its digest,
// and when the first event is written.
func (w *Writer) AttachFrom(name, mediaType string, r io.ReaderAt, size int64) error {
	h := sha256.New()
	if n, err := io.Copy(h, io.NewSectionReader(r, 0, size)); err != nil || n != size {
		return fmt.Errorf("attachment %q: read %d of %d bytes: %w", name, n, size, errors.Join(err, io.ErrUnexpectedEOF))
	}
	a := attachment{format.Attachment{Name: name, MediaType: mediaType, Size: size}, r}
	copy(a.SHA256[:], h.Sum(nil))
	return w.attach(a)
}

// AttachDetached names a file whose bytes are kept elsewhere under their
// sha256. The trace's root hash is the same as if they were embedded.
func (w *Writer) AttachDetached(a format.Attachment) error {
	return w.attach(attachment{Attachment: a})
}

func (w *Writer) attach(a attachment) error {
	if w.started {
		return fmt.Errorf("attachment %q: %w", a.Name, ErrStarted)
	}
	for _, other := range w.attachments {
		if other.Name == a.Name {
			return fmt.Errorf("attachment %q is there already", a.Name)
		}
	}
	w.attachments = append(w.attachments, a)
	return nil
}

// chunkBytes is how much of an attachment one frame holds: the frame with its
// small batch stays under format.MaxFrameBytes.
const chunkBytes = format.MaxFrameBytes - 64<<10

// attach writes an attachment's frames. It flushes after each, so that memory
// does not grow with the attachment.
func (o *output) attach(a *attachment) error {
	a.Detached = a.source == nil
	o.root.Attachment(&a.Attachment)
	metadata := []ipc.KeyValue{
		{Key: format.KeyAttachmentName, Value: a.Name},
		{Key: format.KeyAttachmentMediaType, Value: a.MediaType},
		{Key: format.KeyAttachmentSize, Value: strconv.FormatInt(a.Size, 10)},
		{Key: format.KeyAttachmentSHA256, Value: fmt.Sprintf("%x", a.SHA256)},
	}
	if a.Detached {
		return o.chunk(a, nil, format.FlagDetached, metadata)
	}
	digest := sha256.New()
	for at := int64(0); ; {
		n := min(a.Size-at, chunkBytes)
		var flags uint8
		if at+n < a.Size {
			flags = format.FlagMore
		}
		data := make([]byte, n)
		if _, err := a.source.ReadAt(data, at); err != nil && !(errors.Is(err, io.EOF) && n == 0) && !endsAt(err, at+n, a.Size) {
			return fmt.Errorf("attachment %q: %w", a.Name, err)
		}
		digest.Write(data)
		if err := o.chunk(a, data, flags, metadata); err != nil {
			return fmt.Errorf("attachment %q: %w", a.Name, err)
		}
		if at += n; at >= a.Size {
			return a.check(digest)
		}
	}
}

// endsAt: a ReaderAt may report the end together with the last bytes.
func endsAt(err error, at, size int64) bool { return errors.Is(err, io.EOF) && at == size }

func (a *attachment) check(digest hash.Hash) error {
	if !bytes.Equal(digest.Sum(nil), a.SHA256[:]) {
		return fmt.Errorf("attachment %q changed while it was read", a.Name)
	}
	return nil
}

func (o *output) chunk(a *attachment, data []byte, flags uint8, metadata []ipc.KeyValue) error {
	message, prefix, err := o.plain.EncodePayload(o.empty, int64(len(data)), metadata)
	if err != nil {
		return err
	}
	length := int64(len(prefix)) + int64(len(data))
	padding := -length & (ipc.Align - 1)
	body := append(append(make([]byte, 0, length+padding), prefix...), data...)
	body = append(body, make([]byte, padding)...)
	info := a.Attachment
	row := format.Frame{Attachment: &info, Payload: int64(len(prefix)), Chunk: int64(len(data)), RawBytes: int64(len(data))}
	t := format.Trailer{Kind: format.FrameAttachment, Flags: flags, Payload: uint32(len(prefix))}
	o.add(message, body, t, row)
	return o.drain()
}

// drain writes what is in buf without a tail, where it has become large.
func (o *output) drain() error {
	if len(o.buf) < 1<<20 {
		return nil
	}
	var err error
	if o.file != nil {
		_, err = o.file.WriteAt(o.buf, o.at)
	} else {
		_, err = o.dst.Write(o.buf)
	}
	o.at, o.buf = o.end(), o.buf[:0]
	return err
}
