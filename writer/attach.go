package writer

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/ipc"
)

// attachment is a file to be embedded, from memory or from a source, or only
// named if it is detached.
type attachment struct {
	format.Attachment
	data   []byte
	source io.ReaderAt
}

// ErrStarted is returned for attachments that come after the first event:
// readers find them before any row.
var ErrStarted = errors.New("attachments come before the first event")

// Attach embeds a file. It must precede the first event; the data must not
// change before that.
func (w *Writer) Attach(name, mediaType string, data []byte) error {
	a := format.Attachment{Name: name, MediaType: mediaType, Size: int64(len(data)), SHA256: sha256.Sum256(data)}
	return w.attach(attachment{Attachment: a, data: data})
}

// AttachFrom embeds size bytes of r, which is read twice: now for its digest,
// and when the first event is written.
func (w *Writer) AttachFrom(name, mediaType string, r io.ReaderAt, size int64) error {
	h := sha256.New()
	n, err := io.Copy(h, io.NewSectionReader(r, 0, size))
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("attachment %q: read %d of %d bytes: %w", name, n, size, err)
	}
	a := format.Attachment{Name: name, MediaType: mediaType, Size: size}
	copy(a.SHA256[:], h.Sum(nil))
	return w.attach(attachment{Attachment: a, source: r})
}

// AttachDetached names a file whose bytes are kept elsewhere under their
// sha256. The trace's root hash is the same as if they were embedded.
func (w *Writer) AttachDetached(a format.Attachment) error {
	if a.Size < 0 {
		return fmt.Errorf("attachment %q of %d bytes", a.Name, a.Size)
	}
	a.Detached = true
	return w.attach(attachment{Attachment: a})
}

func (w *Writer) attach(a attachment) error {
	if w.started || w.out.frame > 0 {
		return fmt.Errorf("attachment %q: %w", a.Name, ErrStarted)
	}
	if a.Name == "" {
		return errors.New("attachment without a name")
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

// attach writes an attachment's frames, large ones at once: memory holds one
// chunk of an attachment that comes from a source.
func (o *output) attach(a *attachment) error {
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
		data, err := a.read(at, min(a.Size-at, chunkBytes))
		if err != nil {
			return fmt.Errorf("attachment %q: %w", a.Name, err)
		}
		digest.Write(data)
		at += int64(len(data))
		var flags uint8
		if at < a.Size {
			flags = format.FlagMore
		}
		if err := o.chunk(a, data, flags, metadata); err != nil {
			return fmt.Errorf("attachment %q: %w", a.Name, err)
		}
		if at == a.Size {
			break
		}
	}
	if !bytes.Equal(digest.Sum(nil), a.SHA256[:]) {
		return fmt.Errorf("attachment %q changed while it was read", a.Name)
	}
	return nil
}

// read returns n bytes from an offset.
func (a *attachment) read(at, n int64) ([]byte, error) {
	if a.source == nil {
		return a.data[at : at+n], nil
	}
	data := make([]byte, n)
	got, err := a.source.ReadAt(data, at)
	if got == len(data) {
		return data, nil // perhaps with io.EOF
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return nil, err
}

func (o *output) chunk(a *attachment, data []byte, flags uint8, metadata []ipc.KeyValue) error {
	message, prefix, err := o.plain.EncodePayload(o.empty, int64(len(data)), metadata)
	if err != nil {
		return err
	}
	info := a.Attachment
	row := format.Frame{Attachment: &info, Payload: int64(len(prefix)), Chunk: int64(len(data)), RawBytes: int64(len(data))}
	t := format.Trailer{Kind: format.FrameAttachment, Flags: flags, Payload: uint32(len(prefix))}
	return o.addPayload(message, prefix, data, t, row)
}

// addPayload appends a frame whose body is prefix, payload and padding. A large
// payload is written at once instead of being copied.
func (o *output) addPayload(message, prefix, payload []byte, t format.Trailer, row format.Frame) error {
	length := int64(len(prefix) + len(payload))
	padding := make([]byte, -length&(ipc.Align-1))
	t.BodyCRC = format.CRC(prefix, payload, padding)
	o.addHeader(message, length+int64(len(padding)), t, row)
	o.buf = append(o.buf, prefix...)
	if len(payload) >= 1<<20 {
		if err := o.drain(); err != nil {
			return err
		}
		if err := o.write(payload); err != nil {
			return err
		}
		payload = nil
	}
	o.buf = append(append(o.buf, payload...), padding...)
	return nil
}
