package convert

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/tracetool/tracetool/format"
)

// attachmentChunk is how many bytes of an attachment one record holds.
const attachmentChunk = 384 << 10

// textSink writes a trace as JSONL or, if doc is set, as one JSON document. In
// plain form it writes nothing but the rows.
type textSink struct {
	w      *bufio.Writer
	doc    bool
	plain  bool
	decode bool

	table       *table
	events      *Encoder
	rows        rowEncoder
	count       int64
	attachments int64
	inArray     bool // an element of the document's current array is written
	buf         []byte
}

func newTextSink(w io.Writer, doc bool, opts *Options) *textSink {
	return &textSink{w: bufio.NewWriterSize(w, 128<<10), doc: doc, plain: opts.Plain, decode: opts.Decode,
		rows: rowEncoder{plain: opts.Plain}}
}

func (t *textSink) put(text string) error {
	_, err := t.w.WriteString(text)
	return err
}

// flush writes the buffer.
func (t *textSink) flush() error {
	_, err := t.w.Write(t.buf)
	t.buf = t.buf[:0]
	return err
}

// separate begins an element: with what divides it from the one before.
func (t *textSink) separate() {
	if t.doc && t.inArray {
		t.buf = append(t.buf, ",\n"...)
	}
	t.inArray = true
}

// finish ends an element.
func (t *textSink) finish() error {
	if !t.doc {
		t.buf = append(t.buf, '\n')
	}
	return t.flush()
}

func (t *textSink) begin(head *table) error {
	t.table = head
	t.events = NewEncoder(head.header, head.modules, head.functions, t.decode)
	switch {
	case t.plain && t.doc:
		return t.put("[\n")
	case t.plain:
		return nil
	}
	if t.events.err != nil {
		return t.events.err
	}
	t.buf = append(t.buf, `{"tracetool":`...)
	t.buf = strconv.AppendInt(t.buf, dialect, 10)
	if t.doc {
		t.buf = append(t.buf, ",\n"...)
	} else {
		t.buf = append(t.buf, `,"type":"header",`...)
	}
	var err error
	if t.buf, err = head.appendHead(t.buf); err != nil {
		return err
	}
	if t.doc {
		t.buf = append(t.buf, ",\n\"attachments\":[\n"...)
		return t.flush()
	}
	t.buf = append(t.buf, '}')
	return t.finish()
}

// attach writes one record for each chunk of the attachment.
func (t *textSink) attach(a *format.Attachment, r *io.SectionReader) error {
	if t.plain {
		return nil
	}
	if !utf8.ValidString(a.Name) || !utf8.ValidString(a.MediaType) {
		return fmt.Errorf("attachment %q: name or media type is not UTF-8", a.Name)
	}
	t.attachments++
	if r == nil {
		return t.chunk(a, 0, nil)
	}
	chunk := make([]byte, min(attachmentChunk, a.Size))
	for offset := int64(0); offset == 0 || offset < a.Size; offset += int64(len(chunk)) {
		chunk = chunk[:min(int64(len(chunk)), a.Size-offset)]
		if _, err := io.ReadFull(r, chunk); err != nil {
			return fmt.Errorf("attachment %q: %w", a.Name, err)
		}
		if err := t.chunk(a, offset, chunk); err != nil {
			return err
		}
		if a.Size == 0 {
			break
		}
	}
	return nil
}

// chunk writes a record of an attachment; the first says what it is.
func (t *textSink) chunk(a *format.Attachment, offset int64, data []byte) error {
	t.separate()
	t.buf = append(t.buf, '{')
	if !t.doc {
		t.buf = append(t.buf, `"type":"attachment",`...)
	}
	t.buf = appendString(append(t.buf, `"name":`...), a.Name)
	if offset == 0 {
		t.buf = appendString(append(t.buf, `,"media_type":`...), a.MediaType)
		t.buf = appendInt(append(t.buf, `,"size":`...), a.Size)
		t.buf = hex.AppendEncode(append(t.buf, `,"sha256":"`...), a.SHA256[:])
		t.buf = append(t.buf, '"')
	}
	if a.Detached {
		t.buf = append(t.buf, `,"detached":true}`...)
		return t.finish()
	}
	t.buf = appendInt(append(t.buf, `,"offset":`...), offset)
	t.buf = append(t.buf, `,"data":"`...)
	t.buf = base64.StdEncoding.AppendEncode(t.buf, data)
	t.buf = append(t.buf, `"}`...)
	return t.finish()
}

// row begins the first row's array and each row.
func (t *textSink) row() {
	if t.count == 0 {
		t.openRows()
	}
	t.separate()
	t.count++
}

func (t *textSink) openRows() {
	if t.doc && !t.plain {
		t.buf = append(t.buf, "\n],\n\"events\":[\n"...)
	}
	t.inArray = false
}

func (t *textSink) event(e *format.Event) error {
	t.row()
	var err error
	if t.buf, err = t.events.AppendEvent(t.buf, e); err != nil {
		return err
	}
	return t.finish()
}

func (t *textSink) record(rec arrow.Record) error {
	if err := t.rows.load(rec); err != nil {
		return err
	}
	for i := range int(rec.NumRows()) {
		t.row()
		if !t.plain {
			t.buf = strconv.AppendInt(append(t.buf, `{"seq":`...), t.count-1, 10)
			t.buf = append(t.buf, `,"row":`...)
		}
		var err error
		if t.buf, err = t.rows.append(t.buf, i); err != nil {
			return fmt.Errorf("row %d: %w", t.count-1, err)
		}
		if !t.plain {
			t.buf = append(t.buf, '}')
		}
		if err := t.finish(); err != nil {
			return err
		}
	}
	return nil
}

func (t *textSink) end(s *format.Summary) error {
	if t.count == 0 {
		t.openRows()
	}
	if !t.plain {
		if err := t.appendSummary(s); err != nil {
			return err
		}
	} else if t.doc {
		t.buf = append(t.buf, "\n]\n"...)
	}
	if err := t.flush(); err != nil {
		return err
	}
	return t.w.Flush()
}

func (t *textSink) appendSummary(s *format.Summary) error {
	summary, err := marshal(s)
	if err != nil {
		return err
	}
	if t.doc {
		t.buf = append(t.buf, "\n],\n"...)
	} else {
		t.buf = append(t.buf, `{"type":"summary",`...)
	}
	t.buf = strconv.AppendInt(append(t.buf, `"counts":{"events":`...), t.count, 10)
	t.buf = strconv.AppendInt(append(t.buf, `,"attachments":`...), t.attachments, 10)
	t.buf = append(append(t.buf, `},"summary":`...), summary...)
	t.buf = append(t.buf, "}\n"...)
	return nil
}
